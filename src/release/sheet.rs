//! The resources of a held record as they stand in a searchset, one after the other: what is shown together lies together,
//! so that a page is mostly one piece of memory that nobody copies.

use std::ops::Range;

use bytes::Bytes;

use super::withhold::ReleasedEntry;

const FULL_URL: &[u8] = b"{\"fullUrl\":\"";
const RESOURCE: &[u8] = b"\",\"resource\":";
const MATCH: &[u8] = b",\"search\":{\"mode\":\"match\"}}";
/// What stands behind a resource that was included.
pub(super) const INCLUDED: &[u8] = b",\"search\":{\"mode\":\"include\"}}";
/// What stands behind a resource in a Bundle that is no searchset.
pub(super) const PLAIN: &[u8] = b"}";

/// All entries of a held record as matches of a searchset, with a comma between each two, type by type.
#[derive(Debug)]
pub(super) struct Sheet {
    bytes: Bytes,
    /// Of each entry, by its place.
    spans: Vec<Span>,
}

/// Where an entry lies in the sheet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    start: usize,
    /// Where the resource has ended: behind it there is only that it is a match.
    resource_end: usize,
    end: usize,
}

impl Sheet {
    /// Lays them out, and makes every entry's own JSON a part of the sheet. `base` is the address of the API, as the inside
    /// of a JSON string; `order` names every place once.
    pub(super) fn lay(
        base: &str,
        entries: &mut [ReleasedEntry],
        order: impl Iterator<Item = usize>,
    ) -> Self {
        let length = |entry: &ReleasedEntry| {
            let fixed = FULL_URL.len() + base.len() + RESOURCE.len() + MATCH.len() + 3;
            fixed + entry.kind.name().len() + entry.id.len() + entry.json.len()
        };
        let mut bytes = Vec::with_capacity(entries.iter().map(length).sum());
        let mut spans = vec![Span::default(); entries.len()];
        let mut resources = Vec::with_capacity(entries.len());
        for n in order {
            let (Some(entry), Some(span)) = (entries.get(n), spans.get_mut(n)) else {
                continue;
            };
            if !bytes.is_empty() {
                bytes.push(b',');
            }
            span.start = bytes.len();
            bytes.extend_from_slice(FULL_URL);
            bytes.extend_from_slice(base.as_bytes());
            bytes.push(b'/');
            bytes.extend_from_slice(entry.kind.name().as_bytes());
            bytes.push(b'/');
            bytes.extend_from_slice(entry.id.as_bytes());
            bytes.extend_from_slice(RESOURCE);
            let resource = bytes.len();
            bytes.extend_from_slice(&entry.json);
            span.resource_end = bytes.len();
            resources.push((n, resource..span.resource_end));
            bytes.extend_from_slice(MATCH);
            span.end = bytes.len();
        }
        let sheet = Self {
            bytes: Bytes::from(bytes),
            spans,
        };
        for (n, range) in resources {
            if let Some(entry) = entries.get_mut(n) {
                entry.json = sheet.cut(range);
            }
        }
        sheet
    }

    /// Where the entry at this place lies.
    pub(super) fn span(&self, n: usize) -> Option<Span> {
        self.spans.get(n).copied()
    }

    /// A piece of it, shared, not copied; empty where there is none.
    pub(super) fn cut(&self, range: Range<usize>) -> Bytes {
        if range.start <= range.end && range.end <= self.bytes.len() {
            self.bytes.slice(range)
        } else {
            Bytes::new()
        }
    }

    /// A piece of it, to look at.
    pub(super) fn look(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }
}

impl Span {
    /// The whole entry as a match.
    pub(super) fn as_match(self) -> Range<usize> {
        self.start..self.end
    }

    /// The entry up to the end of its resource.
    pub(super) fn without_tail(self) -> Range<usize> {
        self.start..self.resource_end
    }

    /// Does this entry follow the range with nothing but a comma between?
    pub(super) fn follows(self, range: &Range<usize>) -> bool {
        self.start == range.end + 1
    }
}
