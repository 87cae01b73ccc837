//! What may leave: withholds what is labelled so, heals what pointed to it, encodes the rest once.
//!
//! Invariant: no reference, count, total, ETag or order tells that something was withheld. [`ReleasedRecord`] comes only out
//! of [`release()`], [`Held`] only out of a `ReleasedRecord`, and [`Released`], the view that one request may have of it, only
//! out of [`for_caller`] or, where the same has been worked out before, of a [`Sight`].

mod bits;
mod classes;
pub mod dates;
mod held;
mod index;
mod indexer;
mod keys;
mod of_kind;
mod param;
mod released;
mod sheet;
mod sieve;
mod sight;
mod splice;
mod withhold;

pub use bits::Bits;
pub use held::{Held, HeldAsk};
pub use index::{DateSpan, SearchIndex, Token};
pub use param::Param;
pub use released::{Released, for_caller};
pub use sight::Sight;
pub use splice::{Clinical, Mode, Part};
pub use withhold::{ReleaseError, ReleasedEntry, ReleasedRecord, release};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod streamed_tests;
