//! The people of the sandbox: those of the contract (`sandbox.md`), each with what is special about them, and any
//! number of ordinary ones. Names, numbers and addresses belong to nobody; every code is real (`codes.csv`).

mod care;
mod codes;
mod contract;
mod diary;
mod full;
mod identity;
mod illness;
mod listed;
mod long;
mod long_term;
mod ordinary;
mod private;
mod random;

use jiff::civil::Date;

pub use codes::concept;
pub use diary::MARKER;
pub use random::Random;

use super::story::{Concept, Person};

/// The people of the contract (`sandbox.md`), their stories anchored to `today`.
#[must_use]
pub fn contract(today: Date) -> Vec<Person> {
    contract::people(today)
}

/// The concepts of the 66 rows of Appendix A, in their order, to try the exclusion list with.
#[must_use]
pub fn appendix_a() -> Vec<Concept> {
    listed::ROWS.iter().map(|row| row.concept.clone()).collect()
}

/// Ordinary person `index` of the series `seed`, made when asked for: the same arguments give the same person, entries
/// and keys. People are spread over the enabled practices (Z99001, Z99002, Z99005, Z99006) in turn; numbers are valid,
/// of the 999 range, and never one of the contract's. There are numbers for [`MOST_ORDINARY`] people.
#[must_use]
pub fn person(index: u64, seed: u64, today: Date) -> Person {
    ordinary::person(index, seed, today)
}

/// The NHS number of ordinary person `index`; the other way round is [`index_of`].
#[must_use]
pub fn nhs_number(index: u64) -> String {
    identity::nhs_number(index)
}

/// The index of the ordinary person who would have this NHS number; none where no ordinary person has it.
///
/// So a mock finds a person among very many without making them all.
#[must_use]
pub fn index_of(nhs_number: &str) -> Option<u64> {
    identity::index_of(nhs_number)
}

/// How many ordinary people there are numbers for.
pub const MOST_ORDINARY: u64 = identity::ORDINARY;

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
