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

/// Room of one piece of the sheet. Laid piece by piece, each entry's own copy goes as soon as it lies there, so that the
/// record is never in memory twice.
const PIECE: usize = 1024 * 1024;

/// All entries of a held record as matches of a searchset, with a comma between each two of a piece, type by type.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Each with its place in the whole. Between two pieces nothing is shown, and their places do not touch.
    pieces: Vec<(usize, Bytes)>,
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
        let mut sheet = Self {
            pieces: Vec::new(),
            spans: vec![Span::default(); entries.len()],
        };
        let mut laying = Laying::default();
        for n in order {
            let Some(entry) = entries.get_mut(n) else {
                continue;
            };
            let fixed = FULL_URL.len() + base.len() + RESOURCE.len() + MATCH.len() + 3;
            let needed = fixed + entry.kind.name().len() + entry.id.len() + entry.json.len();
            if !laying.has_room(needed) {
                let next = Laying::behind(&laying, needed);
                sheet.take(std::mem::replace(&mut laying, next), entries);
            }
            let Some(entry) = entries.get_mut(n) else {
                continue;
            };
            let (span, resource) = laying.add(base, entry);
            if let Some(place) = sheet.spans.get_mut(n) {
                *place = span;
            }
            laying.resources.push((n, resource));
            entry.json = Bytes::new();
        }
        sheet.take(laying, entries);
        sheet
    }

    /// Takes a piece that is full; every entry on it gets its own JSON back as a part of it.
    fn take(&mut self, done: Laying, entries: &mut [ReleasedEntry]) {
        if done.bytes.is_empty() {
            return;
        }
        let bytes = Bytes::from(done.bytes.into_boxed_slice());
        self.pieces.push((done.start, bytes));
        for (n, range) in done.resources {
            if let Some(entry) = entries.get_mut(n) {
                entry.json = self.cut(range);
            }
        }
    }

    /// Where the entry at this place lies.
    pub(super) fn span(&self, n: usize) -> Option<Span> {
        self.spans.get(n).copied()
    }

    /// The piece that this range lies on, and what stands there.
    fn find(&self, range: &Range<usize>) -> Option<(&Bytes, &[u8])> {
        let behind = self
            .pieces
            .partition_point(|(start, _)| *start <= range.start);
        let (start, bytes) = self.pieces.get(behind.checked_sub(1)?)?;
        let inside = range.start - start..range.end.checked_sub(*start)?;
        Some((bytes, bytes.get(inside)?))
    }

    /// A part of it, shared, not copied; empty where there is none.
    pub(super) fn cut(&self, range: Range<usize>) -> Bytes {
        self.find(&range)
            .map(|(bytes, part)| bytes.slice_ref(part))
            .unwrap_or_default()
    }

    /// A part of it, to look at.
    pub(super) fn look(&self, range: Range<usize>) -> &[u8] {
        self.find(&range).map(|(_, part)| part).unwrap_or_default()
    }
}

/// A piece while it is laid.
#[derive(Default)]
struct Laying {
    /// Its place in the whole.
    start: usize,
    bytes: Vec<u8>,
    resources: Vec<(usize, Range<usize>)>,
}

impl Laying {
    /// An empty one behind another, with room for at least so much.
    fn behind(other: &Self, needed: usize) -> Self {
        Self {
            // Not one byte behind, where a neighbour's comma would be.
            start: other.start + other.bytes.len() + 2,
            bytes: Vec::with_capacity(needed.max(PIECE)),
            resources: Vec::new(),
        }
    }

    fn has_room(&self, needed: usize) -> bool {
        self.bytes.len() + needed <= self.bytes.capacity()
    }

    /// Where it lies in the whole, and its resource alone.
    fn add(&mut self, base: &str, entry: &ReleasedEntry) -> (Span, Range<usize>) {
        let bytes = &mut self.bytes;
        if !bytes.is_empty() {
            bytes.push(b',');
        }
        let start = self.start + bytes.len();
        bytes.extend_from_slice(FULL_URL);
        bytes.extend_from_slice(base.as_bytes());
        bytes.push(b'/');
        bytes.extend_from_slice(entry.kind.name().as_bytes());
        bytes.push(b'/');
        bytes.extend_from_slice(entry.id.as_bytes());
        bytes.extend_from_slice(RESOURCE);
        let resource = self.start + bytes.len();
        bytes.extend_from_slice(&entry.json);
        let resource_end = self.start + bytes.len();
        bytes.extend_from_slice(MATCH);
        let end = self.start + bytes.len();
        let span = Span {
            start,
            resource_end,
            end,
        };
        (span, resource..resource_end)
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

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
