//! The error catalogue (`mappings/errors.toml`): every code with plain words and what to do about it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// One error, for people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorEntry {
    /// The code, which never changes its meaning.
    pub code: String,
    /// What happened, in plain words.
    pub description: String,
    /// What to do about it, or who can.
    pub action: String,
    /// Only the audit trail may name it; a caller hears of [`NO_RECORD`] instead.
    #[serde(default)]
    pub audit_only: bool,
}

/// The code of the one uniform answer about a patient.
pub const NO_RECORD: &str = "no-record-available";

/// What is wrong with the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Not readable.
    #[error("the error catalogue cannot be read: {0}")]
    Unreadable(String),
    /// A code twice, or one that is not lower-case letters, digits and hyphens.
    #[error("the error catalogue has the code `{0}` twice or misshapen")]
    Code(String),
    /// An entry without words.
    #[error("the error catalogue says nothing about `{0}`")]
    Silent(String),
    /// A code that the program uses is not there.
    #[error("the error catalogue lacks the code `{0}`")]
    Missing(&'static str),
    /// A matter of the patient is not marked `audit_only`, or something that people can mend is.
    #[error("the error catalogue is wrong about who may hear of `{0}`")]
    Audience(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    error: Vec<ErrorEntry>,
}

type Catalogue = BTreeMap<String, ErrorEntry>;

static CATALOGUE: LazyLock<Result<Catalogue, CatalogueError>> =
    LazyLock::new(|| read(include_str!("../../mappings/errors.toml")));

/// The entry of a code.
#[must_use]
pub fn entry(code: &str) -> Option<&'static ErrorEntry> {
    CATALOGUE.as_ref().ok()?.get(code)
}

/// The plain words of a code; [`check`] makes sure at start that there are some for every code in use.
#[must_use]
pub fn description(code: &str) -> &'static str {
    entry(code).map_or("Access is refused.", |entry| entry.description.as_str())
}

/// Every entry, by code: for the public error page.
pub fn entries() -> impl Iterator<Item = &'static ErrorEntry> {
    CATALOGUE
        .as_ref()
        .ok()
        .into_iter()
        .flat_map(Catalogue::values)
}

/// Checks the catalogue that is built in: to be called at start.
///
/// # Errors
/// It cannot be read, or lacks a code that the program uses.
pub fn check() -> Result<(), CatalogueError> {
    check_all(CATALOGUE.as_ref().map_err(Clone::clone)?)
}

fn check_all(catalogue: &Catalogue) -> Result<(), CatalogueError> {
    let must = |code: &'static str, audit_only: bool| match catalogue.get(code) {
        None => Err(CatalogueError::Missing(code)),
        Some(entry) if entry.audit_only != audit_only => Err(CatalogueError::Audience(code)),
        Some(_) => Ok(()),
    };
    for rule in super::rule::RULES {
        must(rule.code(), rule.is_about_the_patient())?;
    }
    for fault in super::basis::FAULTS {
        must(fault.code(), false)?;
    }
    for refusal in crate::register::GATEWAY_REFUSALS {
        let of_patient = refusal == crate::register::GatewayRefusal::NationalOptOut;
        must(refusal.code(), of_patient)?;
    }
    must(super::record::MIXED_PURPOSES, false)?;
    must(super::record::OPT_OUT_UNKNOWN, true)?;
    must(super::record::AGE_UNKNOWN, true)?;
    must(NO_RECORD, false)
}

fn read(text: &str) -> Result<Catalogue, CatalogueError> {
    let file: File = toml::from_str(text)
        .map_err(|error| CatalogueError::Unreadable(error.message().to_owned()))?;
    let mut catalogue = Catalogue::new();
    for entry in file.error {
        let shaped = !entry.code.is_empty()
            && entry
                .code
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !shaped || catalogue.contains_key(&entry.code) {
            return Err(CatalogueError::Code(entry.code));
        }
        if entry.description.trim().is_empty() || entry.action.trim().is_empty() {
            return Err(CatalogueError::Silent(entry.code));
        }
        catalogue.insert(entry.code.clone(), entry);
    }
    Ok(catalogue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_words() {
        assert_eq!(check(), Ok(()));
        assert_eq!(
            description(NO_RECORD),
            "No record is available through this service."
        );
        assert!(entries().count() > 50);
    }

    // R001, R065: what only the trail may name, and what people may hear, is settled before anybody asks
    #[test]
    fn each_code_in_use_has_to_be_there_and_for_its_audience() {
        let whole = CATALOGUE.as_ref().unwrap();
        let rules = crate::access::rule::RULES.into_iter();
        let faults = crate::access::basis::FAULTS.into_iter();
        let in_use: Vec<&'static str> = rules
            .map(|rule| rule.code())
            .chain(faults.map(|fault| fault.code()))
            .chain(crate::register::GATEWAY_REFUSALS.map(|it| it.code()))
            .chain([
                crate::access::record::MIXED_PURPOSES,
                crate::access::record::OPT_OUT_UNKNOWN,
                crate::access::record::AGE_UNKNOWN,
                NO_RECORD,
            ])
            .collect();
        for code in in_use {
            let mut lacking = whole.clone();
            lacking.remove(code);
            assert_eq!(check_all(&lacking), Err(CatalogueError::Missing(code)));
            let mut told = whole.clone();
            let entry = told.get_mut(code).unwrap();
            entry.audit_only = !entry.audit_only;
            assert_eq!(check_all(&told), Err(CatalogueError::Audience(code)));
        }
        assert_eq!(
            entry(crate::access::record::AGE_UNKNOWN).map(|it| it.audit_only),
            Some(true)
        );
        assert_eq!(
            entry(crate::access::record::OPT_OUT_UNKNOWN).map(|it| it.audit_only),
            Some(true)
        );
        for fault in crate::access::basis::FAULTS {
            assert_eq!(fault.description(), description(fault.code()));
            assert_ne!(
                fault.description(),
                description("no such code"),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn a_damaged_catalogue_is_refused() {
        let entry = |code: &str, words: &str| {
            format!("[[error]]\ncode = \"{code}\"\ndescription = \"{words}\"\naction = \"x\"\n")
        };
        assert!(read(&entry("a-1", "words")).is_ok());
        assert!(matches!(
            read(&entry("A", "words")),
            Err(CatalogueError::Code(_))
        ));
        for shape in ["", "aB", "a_b", "a b", "-A", "\u{e9}"] {
            assert!(
                matches!(read(&entry(shape, "words")), Err(CatalogueError::Code(_))),
                "{shape}"
            );
        }
        assert!(matches!(
            read(&entry("a", " ")),
            Err(CatalogueError::Silent(_))
        ));
        let unmended = entry("a", "words").replace("action = \"x\"", "action = \"\"");
        assert!(matches!(read(&unmended), Err(CatalogueError::Silent(_))));
        let twice = entry("a", "words") + &entry("a", "words");
        assert!(matches!(read(&twice), Err(CatalogueError::Code(_))));
        assert!(matches!(
            read("[[error]]\ncode = 1"),
            Err(CatalogueError::Unreadable(_))
        ));
    }
}
