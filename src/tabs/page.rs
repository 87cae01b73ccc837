//! Paging tokens: opaque, bound to one version of the record and to one query, worthless for anything else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    version: [u8; 8],
    query: [u8; 8],
    /// Matches before it.
    pub(super) skip: u32,
}

/// Why a token does not open a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageFault {
    /// Not one of ours, or of another query.
    Wrong,
    /// The record has changed since.
    Expired,
}

impl Page {
    pub(super) fn new(version: &str, query: &str, skip: u32) -> Self {
        Self {
            version: short(version),
            query: short(query),
            skip,
        }
    }

    pub(super) fn token(self) -> String {
        let mut bytes = Vec::with_capacity(20);
        bytes.extend_from_slice(&self.version);
        bytes.extend_from_slice(&self.query);
        bytes.extend_from_slice(&self.skip.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn open(token: &str, version: &str, query: &str) -> Result<Self, PageFault> {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| PageFault::Wrong)?;
        let (head, skip) = bytes.split_at_checked(16).ok_or(PageFault::Wrong)?;
        let skip: [u8; 4] = skip.try_into().map_err(|_| PageFault::Wrong)?;
        let page = Self::new(version, query, u32::from_be_bytes(skip));
        let (was, asked) = head.split_at(8);
        if asked != page.query {
            return Err(PageFault::Wrong);
        }
        if was != page.version {
            return Err(PageFault::Expired);
        }
        Ok(page)
    }
}

fn short(text: &str) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_version_and_query_only() {
        let token = Page::new("v1", "q", 200).token();
        assert_eq!(Page::open(&token, "v1", "q").map(|page| page.skip), Ok(200));
        assert_eq!(Page::open(&token, "v2", "q"), Err(PageFault::Expired));
        assert_eq!(Page::open(&token, "v1", "p"), Err(PageFault::Wrong));
        for bad in ["", "AAAA", "not base64!", "é"] {
            assert_eq!(Page::open(bad, "v1", "q"), Err(PageFault::Wrong));
        }
    }
}
