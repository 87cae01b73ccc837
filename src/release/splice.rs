//! Puts encoded resources together to a Bundle: bytes only, no JSON tree. The one way out for clinical content.

use bytes::Bytes;

use super::released::Released;
use crate::fhir::Kind;
use crate::labelling::Confidentiality;

/// Clinical FHIR JSON that may leave. Only this module makes it, out of a [`Released`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clinical(Bytes);

impl Clinical {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes, for the response's body.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

/// Why an entry is in a searchset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It matches.
    Match,
    /// It was asked for with `_include`.
    Include,
}

/// One piece of what goes between head and tail of a Bundle.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// A released resource by its place, with its `search.mode` where the Bundle is a searchset. One that is not visible is
    /// left out, whatever the caller thinks.
    Entry(usize, Option<Mode>),
    /// A whole Bundle entry as JSON, for what is not clinical: an OperationOutcome, a Composition.
    Raw(&'a [u8]),
}

const FULL_URL: &[u8] = b"{\"fullUrl\":\"";
const RESOURCE: &[u8] = b"\",\"resource\":";
const MATCH: &[u8] = b",\"search\":{\"mode\":\"match\"}}";
const INCLUDE: &[u8] = b",\"search\":{\"mode\":\"include\"}}";
const END: &[u8] = b"}";
const OPEN: &[u8] = b",\"entry\":[";
const CLOSE: &[u8] = b"]}";

impl Released {
    /// One resource as it is, for a read; `None` where it is not visible.
    #[must_use]
    pub fn resource(&self, kind: Kind, id: &str) -> Option<Clinical> {
        self.read(kind, id)
            .map(|(_, entry)| Clinical(entry.json.clone()))
    }

    /// The highest confidentiality of these parts (DS4P high-water mark, after the filter).
    #[must_use]
    pub fn highest(&self, parts: &[Part<'_>]) -> Confidentiality {
        let sensitive = parts.iter().any(|part| match part {
            Part::Entry(n, _) => self.is_sensitive(*n),
            Part::Raw(_) => false,
        });
        if sensitive {
            Confidentiality::Restricted
        } else {
            Confidentiality::Normal
        }
    }

    /// A Bundle: `head` is everything before `entry`, from the opening brace on, without a comma at its end; `base` is the
    /// address of the API, which must need no escaping in JSON. The buffer is allocated once, exactly.
    #[must_use]
    pub fn splice(&self, base: &str, head: &[u8], parts: &[Part<'_>]) -> Clinical {
        let mut len = head.len();
        let mut count = 0;
        for part in parts {
            len += match part {
                Part::Raw(json) => json.len(),
                Part::Entry(n, mode) => match self.entry(*n) {
                    Some(entry) => {
                        FULL_URL.len()
                            + base.len()
                            + entry.kind.name().len()
                            + entry.id.len()
                            + 2
                            + RESOURCE.len()
                            + entry.json.len()
                            + tail(*mode).len()
                    }
                    None => continue,
                },
            };
            count += 1;
        }
        len += match count {
            0 => END.len(),
            _ => OPEN.len() + CLOSE.len() + count - 1,
        };

        let mut out = Vec::with_capacity(len);
        out.extend_from_slice(head);
        let mut first = true;
        for part in parts {
            let entry = match part {
                Part::Raw(_) => None,
                Part::Entry(n, mode) => match self.entry(*n) {
                    Some(entry) => Some((entry, *mode)),
                    None => continue,
                },
            };
            out.extend_from_slice(if first { OPEN } else { b"," });
            first = false;
            match (part, entry) {
                (Part::Raw(json), _) => out.extend_from_slice(json),
                (_, Some((entry, mode))) => {
                    out.extend_from_slice(FULL_URL);
                    out.extend_from_slice(base.as_bytes());
                    out.push(b'/');
                    out.extend_from_slice(entry.kind.name().as_bytes());
                    out.push(b'/');
                    out.extend_from_slice(entry.id.as_bytes());
                    out.extend_from_slice(RESOURCE);
                    out.extend_from_slice(&entry.json);
                    out.extend_from_slice(tail(mode));
                }
                (_, None) => {}
            }
        }
        out.extend_from_slice(if first { END } else { CLOSE });
        debug_assert_eq!(out.len(), len, "the length was reckoned exactly");
        Clinical(Bytes::from(out))
    }
}

fn tail(mode: Option<Mode>) -> &'static [u8] {
    match mode {
        Some(Mode::Match) => MATCH,
        Some(Mode::Include) => INCLUDE,
        None => END,
    }
}
