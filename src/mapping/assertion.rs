//! What a statement's qualifiers make of it: a code with "Certainty: No" beside it says that something is not so, and one
//! with "Family member: Mother" that it is so of somebody else. Who reads only the code would read the opposite.

use super::tables::{Field, Tables};
use crate::record::{Coded, Entry};

/// What an entry says of its code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// It is so, of the patient.
    #[default]
    Plain,
    /// It may be so.
    Uncertain,
    /// It is so of a relative.
    Relative,
    /// It is not so.
    Negated,
}

/// By the table's rows `name: value`; `*` stands for any name or any value. Where qualifiers disagree, the one that is
/// furthest from a plain statement counts.
pub fn says(tables: &Tables, entry: &Entry) -> Says {
    let of = |(name, value): &(Coded, Coded)| {
        let (name, value) = (words(name), words(value));
        let keys = [
            format!("{name}: {value}"),
            format!("{name}: *"),
            format!("*: {value}"),
        ];
        let word = keys
            .iter()
            .find_map(|key| tables.word(Field::Qualifier, key))?;
        match word.code.as_str() {
            "negated" => Some(Says::Negated),
            "relative" => Some(Says::Relative),
            "uncertain" => Some(Says::Uncertain),
            _ => None,
        }
    };
    entry
        .qualifiers
        .iter()
        .filter_map(of)
        .max()
        .unwrap_or_default()
}

/// What stands in place of a value, so that nobody reads the code alone. `None` where the code alone is right.
pub fn instead_of_value(tables: &Tables, entry: &Entry) -> Option<&'static str> {
    match says(tables, entry) {
        Says::Negated => Some("No: negated in the practice's record"),
        Says::Relative => Some("Of a family member, not of the patient"),
        Says::Uncertain | Says::Plain => None,
    }
}

fn words(coded: &Coded) -> &str {
    let display = || coded.codings.iter().find_map(|c| c.display.as_deref());
    coded
        .text
        .as_deref()
        .or_else(display)
        .unwrap_or_default()
        .trim()
}
