//! The tables in `mappings/`: data that a clinician can read and sign, embedded, checked once, then only looked up.
//!
//! Invariant: a table with an unknown column, a row twice, a word outside its vocabulary, or without owner and review date
//! is no table: nothing loads.

mod codes;
mod tabs;
mod words;

pub use codes::{Class, Half, ReportKind, Statement, VitalSign};
pub use tabs::{SectionText, TabText, Term, Wording};
pub use words::{Field, Word};

use sha2::{Digest, Sha256};

/// A file of `mappings/`.
struct File {
    name: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($constant:ident = $name:literal;)*) => {
        $(const $constant: File = File {
            name: $name,
            text: include_str!(concat!("../../../mappings/", $name)),
        };)*
        const FILES: &[&File] = &[$(&$constant),*];
    };
}

files! {
    TABS = "tabs.toml";
    READ_V2 = "sections/read-v2.csv";
    CTV3 = "sections/ctv3.csv";
    SNOMED = "sections/snomed.csv";
    EMIS_CATEGORIES = "sections/emis-categories.csv";
    REPORTS = "sections/reports.csv";
    BLOOD_PRESSURE = "sections/blood-pressure.csv";
    VITAL_SIGNS = "vital-signs.csv";
    UNITS = "units.csv";
    WORDS = "words.csv";
}

/// Why the tables could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A CSV file is malformed, or has a column that is not known or lacks one.
    #[error("mappings/{file}: {source}")]
    Csv {
        /// The file.
        file: &'static str,
        /// What the reader says.
        source: csv::Error,
    },
    /// A TOML file is malformed, or has a key that is not known or lacks one.
    #[error("mappings/{file}: {source}")]
    Toml {
        /// The file.
        file: &'static str,
        /// What the reader says.
        source: Box<toml::de::Error>,
    },
    /// The content breaks a rule of the table.
    #[error("mappings/{file}: {what}")]
    Content {
        /// The file.
        file: &'static str,
        /// Which rule, and where.
        what: String,
    },
}

fn content(file: &File, what: impl Into<String>) -> TableError {
    TableError::Content {
        file: file.name,
        what: what.into(),
    }
}

/// Every table.
#[derive(Debug)]
pub struct Tables {
    tabs: tabs::Tabs,
    codes: codes::Codes,
    words: words::Words,
    hash: String,
}

impl Tables {
    /// Reads and checks the embedded tables.
    ///
    /// # Errors
    /// The first table that breaks a rule.
    pub fn load() -> Result<Self, TableError> {
        for file in FILES {
            signed(file)?;
        }
        Ok(Self {
            tabs: tabs::Tabs::load(&TABS)?,
            codes: codes::Codes::load()?,
            words: words::Words::load(&WORDS, &UNITS)?,
            hash: hash(),
        })
    }

    /// SHA-256 over all tables, hexadecimal: which mapping a decision was made with.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

fn hash() -> String {
    use std::fmt::Write;
    let mut sha = Sha256::new();
    for file in FILES {
        for part in [file.name, file.text] {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        }
    }
    sha.finalize().iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Every table names who answers for it and when it is looked at again.
fn signed(file: &File) -> Result<(), TableError> {
    for field in ["owner", "review"] {
        let named = file.text.lines().any(|line| {
            line.trim_start_matches(['#', ' '])
                .strip_prefix(field)
                .and_then(|rest| rest.trim_start().strip_prefix([':', '=']))
                .is_some_and(|value| !value.trim().trim_matches('"').is_empty())
        });
        if !named {
            return Err(content(file, format!("no {field}")));
        }
    }
    Ok(())
}

/// The rows of a CSV file with `#` comments; exactly the columns of `T`, none unknown, none missing.
fn rows<T: serde::de::DeserializeOwned>(file: &File) -> Result<Vec<T>, TableError> {
    let fail = |source| TableError::Csv {
        file: file.name,
        source,
    };
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(file.text.as_bytes());
    reader
        .deserialize()
        .map(|row| row.map_err(fail))
        .collect::<Result<Vec<T>, _>>()
        .and_then(|rows| {
            if rows.is_empty() {
                Err(content(file, "no rows"))
            } else {
                Ok(rows)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn file(text: &'static str) -> File {
        File {
            name: "x.csv",
            text,
        }
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Row {
        code: String,
    }

    #[test]
    fn the_embedded_tables_load() {
        let tables = Tables::load().unwrap();
        assert_eq!(tables.hash().len(), 64);
        assert_eq!(tables.hash(), Tables::load().unwrap().hash());
    }

    #[test]
    fn a_table_without_owner_or_with_other_columns_is_refused() {
        assert!(signed(&file("# owner: x\n# review: yearly\ncode\n")).is_ok());
        assert!(signed(&file("# owner:\n# review: yearly\ncode\n")).is_err());
        assert!(signed(&file("# owner: x\ncode\n")).is_err());
        assert!(rows::<Row>(&file("# c\ncode\na\n")).is_ok());
        assert!(rows::<Row>(&file("code,more\na,b\n")).is_err());
        assert!(rows::<Row>(&file("other\na\n")).is_err());
        assert!(rows::<Row>(&file("code\n")).is_err());
    }
}
