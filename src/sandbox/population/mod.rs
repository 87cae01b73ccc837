//! The people of the sandbox: those of the contract (`sandbox.md`), each with what is special about them, and any
//! number of ordinary ones. Names, numbers and addresses belong to nobody; every code is real (`codes.csv`).

mod care;
mod codes;
mod contract;
mod diary;
mod full;
mod identity;
mod random;

use jiff::civil::Date;

pub use codes::concept;
pub use diary::MARKER;

use super::story::Person;

/// The people of the contract (`sandbox.md`), their stories anchored to `today`.
#[must_use]
pub fn contract(today: Date) -> Vec<Person> {
    contract::people(today)
}

#[cfg(test)]
mod tests;
