//! Puts encoded resources together to a Bundle: bytes only, no JSON tree. The one way out for clinical content.

use std::ops::Range;

use bytes::Bytes;

use super::released::Released;
use super::sheet::{INCLUDED, PLAIN};
use crate::fhir::Kind;
use crate::labelling::Confidentiality;

/// From this length on, a piece of the sheet is shared; what is shorter is copied, which is the cheaper way.
const SHARED: usize = 8 * 1024;

/// Clinical FHIR JSON that may leave. Only this module makes it, out of a [`Released`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clinical(Vec<Bytes>);

impl Clinical {
    /// Its pieces in order, for the response's body.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Bytes> {
        self.0
    }

    /// All of it in one piece.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match <[Bytes; 1]>::try_from(self.0) {
            Ok([only]) => only,
            Err(pieces) => Bytes::from(pieces.concat()),
        }
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

const OPEN: &[u8] = b",\"entry\":[";
const CLOSE: &[u8] = b"]}";
const END: &[u8] = b"}";

/// What is put into the answer, in order.
enum Put<'a> {
    /// Neighbours on the sheet, commas included.
    Sheet(Range<usize>),
    /// Words of our own.
    Words(&'a [u8]),
}

impl Put<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Sheet(range) => range.len(),
            Self::Words(words) => words.len(),
        }
    }

    fn is_shared(&self) -> bool {
        matches!(self, Self::Sheet(range) if range.len() >= SHARED)
    }
}

impl Released {
    /// One resource as it is, for a read; `None` where it is not visible.
    #[must_use]
    pub fn resource(&self, kind: Kind, id: &str) -> Option<Clinical> {
        self.read(kind, id)
            .map(|(_, entry)| Clinical(vec![entry.json.clone()]))
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

    /// A Bundle: `head` is everything before `entry`, from the opening brace on, without a comma at its end. Long runs of
    /// neighbours are shared with the held record; the rest is copied into one buffer of exactly its size.
    #[must_use]
    pub fn splice(&self, head: &[u8], parts: &[Part<'_>]) -> Clinical {
        let sheet = self.held().sheet();
        let mut puts = vec![Put::Words(head)];
        let mut first = true;
        for part in parts {
            let put = match part {
                Part::Raw(json) => (Put::Words(json), None),
                Part::Entry(n, mode) => {
                    if !self.shows(*n) {
                        continue;
                    }
                    let Some(span) = sheet.span(*n) else {
                        continue;
                    };
                    match mode {
                        Some(Mode::Match) => {
                            if let Some(Put::Sheet(run)) = puts.last_mut()
                                && span.follows(run)
                            {
                                run.end = span.as_match().end;
                                continue;
                            }
                            (Put::Sheet(span.as_match()), None)
                        }
                        Some(Mode::Include) => (Put::Sheet(span.without_tail()), Some(INCLUDED)),
                        None => (Put::Sheet(span.without_tail()), Some(PLAIN)),
                    }
                }
            };
            puts.push(Put::Words(if first { OPEN } else { b"," }));
            first = false;
            puts.push(put.0);
            puts.extend(put.1.map(Put::Words));
        }
        puts.push(Put::Words(if first { END } else { CLOSE }));
        self.put_together(&puts)
    }

    fn put_together(&self, puts: &[Put<'_>]) -> Clinical {
        let sheet = self.held().sheet();
        let copied = puts.iter().filter(|put| !put.is_shared());
        let mut words = Vec::with_capacity(copied.map(Put::len).sum());
        for put in puts {
            match put {
                Put::Sheet(_) if put.is_shared() => {}
                Put::Sheet(range) => words.extend_from_slice(sheet.look(range.clone())),
                Put::Words(bytes) => words.extend_from_slice(bytes),
            }
        }
        let mut words = Bytes::from(words);
        let mut pieces = Vec::new();
        let mut copied = 0;
        for put in puts {
            match put {
                Put::Sheet(range) if put.is_shared() => {
                    // Words stand before every entry,
                    pieces.push(words.split_to(std::mem::take(&mut copied)));
                    pieces.push(sheet.cut(range.clone()));
                }
                put => copied += put.len(),
            }
        }
        // and behind the last.
        pieces.push(words);
        Clinical(pieces)
    }
}
