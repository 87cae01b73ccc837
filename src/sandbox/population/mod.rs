//! The people of the sandbox.

mod codes;
mod random;

use jiff::civil::Date;

pub use codes::concept;

use super::story::Person;

/// The people of the contract (`sandbox.md`), their stories anchored to `today`.
#[must_use]
pub fn contract(today: Date) -> Vec<Person> {
    let _ = today;
    Vec::new()
}
