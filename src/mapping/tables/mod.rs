//! The tables in `mappings/`: data that a clinician can read and sign, embedded, checked once, then only looked up.
//!
//! Invariant: a table with an unknown column, a row twice, a word outside its vocabulary, or without owner and review date
//! is no table: nothing loads.

pub mod check;
mod codes;
mod tabs;
mod words;

pub use codes::{Class, Half, ReportKind, Statement, VitalSign};
pub use tabs::{SectionText, TabText, Term, Wording};
pub use words::{Field, Word};

use std::borrow::Cow;
use std::path::Path;

use crate::text::hex;
use sha2::{Digest, Sha256};

/// A file of `mappings/`.
#[derive(Debug, Clone)]
struct File {
    name: &'static str,
    text: Cow<'static, str>,
}

macro_rules! files {
    ($($constant:ident = $name:literal;)*) => {
        $(const $constant: &str = $name;)*
        const EMBEDDED: &[(&str, &str)] = &[
            $(($constant, include_str!(concat!("../../../mappings/", $name)))),*
        ];
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

/// The texts of all tables, before anything is checked.
#[derive(Debug, Clone)]
pub struct TableFiles(Vec<File>);

impl TableFiles {
    /// Those that are compiled in.
    #[must_use]
    pub fn embedded() -> Self {
        let file = |(name, text): &(&'static str, &'static str)| File {
            name,
            text: Cow::Borrowed(*text),
        };
        Self(EMBEDDED.iter().map(file).collect())
    }

    /// Those of a folder with the layout of `mappings/`; what it has no file for is as compiled in.
    ///
    /// # Errors
    /// A file cannot be read, or the folder has none of them.
    pub fn of(folder: &Path) -> Result<Self, TableError> {
        let mut all = Self::embedded();
        let mut found = 0;
        let mut faults = Vec::new();
        for file in &mut all.0 {
            match std::fs::read_to_string(folder.join(file.name)) {
                Ok(text) => {
                    file.text = Cow::Owned(text);
                    found += 1;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => faults.push(Fault::of(file.name, None, error.to_string())),
            }
        }
        if found == 0 && faults.is_empty() {
            let what = format!("{} has no mapping table", folder.display());
            faults.push(Fault::of("", None, what));
        }
        if faults.is_empty() {
            Ok(all)
        } else {
            Err(TableError(faults))
        }
    }

    /// Those of an installation: of this folder where it has one, else the embedded ones.
    ///
    /// # Errors
    /// As [`TableFiles::of`].
    pub fn in_force(folder: Option<&Path>) -> Result<Self, TableError> {
        folder.map_or_else(|| Ok(Self::embedded()), Self::of)
    }

    /// SHA-256 over all of them, hexadecimal: which mapping a decision was made with.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut sha = Sha256::new();
        for (name, text) in self.iter() {
            for part in [name, text] {
                sha.update((part.len() as u64).to_be_bytes());
                sha.update(part);
            }
        }
        hex(&sha.finalize())
    }

    /// The same with another text for one table; `None` where there is no such table.
    #[must_use]
    pub fn with(mut self, name: &str, text: String) -> Option<Self> {
        let file = self.0.iter_mut().find(|file| file.name == name)?;
        file.text = Cow::Owned(text);
        Some(self)
    }

    /// Names and texts, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|file| (file.name, file.text.as_ref()))
    }

    fn get(&self, name: &'static str) -> File {
        let found = self.0.iter().find(|file| file.name == name);
        found.cloned().unwrap_or(File {
            name,
            text: Cow::Borrowed(""),
        })
    }
}

/// One fault of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file below `mappings/`.
    pub file: &'static str,
    /// The line, from 1; `None` where the whole file is meant.
    pub line: Option<u64>,
    /// What is wrong, and with which row.
    pub what: String,
}

impl Fault {
    fn of(file: &'static str, line: Option<u64>, what: impl Into<String>) -> Self {
        Self {
            file,
            line,
            what: what.into(),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mappings/{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Every fault of the tables, in the order of files and lines. Tables with a fault are never in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mapping tables are not sound:{}", .0.iter().map(|fault| format!("\n  {fault}")).collect::<String>())]
pub struct TableError(pub Vec<Fault>);

/// Gathers the faults of one file.
struct Faults<'a> {
    file: &'static str,
    all: &'a mut Vec<Fault>,
}

impl Faults<'_> {
    fn at(&mut self, line: u64, what: impl Into<String>) {
        self.all.push(Fault::of(self.file, Some(line), what));
    }

    fn whole(&mut self, what: impl Into<String>) {
        self.all.push(Fault::of(self.file, None, what));
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
    /// Every fault of every table.
    pub fn load() -> Result<Self, TableError> {
        Self::read(&TableFiles::embedded())
    }

    /// Those of an installation: of this folder where it has one, else the embedded ones.
    ///
    /// # Errors
    /// Every fault of every table; or the folder has none.
    pub fn in_force(folder: Option<&Path>) -> Result<Self, TableError> {
        Self::read(&TableFiles::in_force(folder)?)
    }

    /// Reads and checks these tables.
    ///
    /// # Errors
    /// Every fault of every table.
    pub fn read(files: &TableFiles) -> Result<Self, TableError> {
        let mut faults = Vec::new();
        for file in &files.0 {
            signed(file, &mut faults);
        }
        let tabs = tabs::Tabs::load(&files.get(TABS), &mut faults);
        let codes = codes::Codes::load(files, &mut faults);
        let words = words::Words::load(&files.get(WORDS), &files.get(UNITS), &mut faults);
        faults.sort();
        match tabs {
            Some(tabs) if faults.is_empty() => Ok(Self {
                tabs,
                codes,
                words,
                hash: files.hash(),
            }),
            _ => Err(TableError(faults)),
        }
    }

    /// See [`TableFiles::hash`].
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// Every table names who answers for it and when it is looked at again.
fn signed(file: &File, faults: &mut Vec<Fault>) {
    for field in ["owner", "review"] {
        let named = file.text.lines().any(|line| {
            line.trim_start_matches(['#', ' '])
                .strip_prefix(field)
                .and_then(|rest| rest.trim_start().strip_prefix([':', '=']))
                .is_some_and(|value| !value.trim().trim_matches('"').is_empty())
        });
        if !named {
            faults.push(Fault::of(file.name, None, format!("no {field}")));
        }
    }
}

/// A row with its line.
struct Line<T> {
    at: u64,
    row: T,
}

/// The rows of a CSV file with `#` comments above its head; exactly the columns of `T`, none unknown, none missing.
fn rows<T: serde::de::DeserializeOwned>(file: &File, faults: &mut Faults<'_>) -> Vec<Line<T>> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(file.text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => {
            faults.whole(error.to_string());
            return Vec::new();
        }
    };
    if headers.iter().any(|name| name.trim() != name) {
        faults.whole("a column's name begins or ends with a space");
    }
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let at = record.position().map_or(0, csv::Position::line);
                match record.deserialize(Some(&headers)) {
                    Ok(row) => rows.push(Line { at, row }),
                    Err(error) => faults.at(at, reason(&error)),
                }
                // The sources' words are compared trimmed: such a cell can never be met.
                if record.iter().any(|cell| cell.trim() != cell) {
                    faults.at(at, "a cell begins or ends with a space");
                }
            }
            Err(error) => {
                let at = error.position().map_or(0, csv::Position::line);
                faults.at(at, reason(&error));
                break;
            }
        }
    }
    if rows.is_empty() {
        faults.whole("no rows");
    }
    swallowed(file, headers.len(), faults);
    rows
}

/// What the reader says is wrong, without its own words about where.
fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} cells where the head has {expected_len}"),
        csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
        _ => error.to_string(),
    }
}

/// A row that begins with `#` is no row but a comment, and nobody would notice.
fn swallowed(file: &File, columns: usize, faults: &mut Faults<'_>) {
    let mut in_body = false;
    for (line, at) in file.text.lines().zip(1_u64..) {
        let comment = line.starts_with('#');
        if comment && in_body && line.matches(',').count() + 1 >= columns {
            faults.at(
                at,
                "begins with #, so it is a comment, though it looks like a row",
            );
        }
        in_body |= !comment;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &'static str) -> File {
        File {
            name: "x.csv",
            text: Cow::Borrowed(text),
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

    fn faults_of(text: &'static str) -> Vec<String> {
        let mut all = Vec::new();
        let mut faults = Faults {
            file: "x.csv",
            all: &mut all,
        };
        rows::<Row>(&file(text), &mut faults);
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_table_without_owner_or_with_other_columns_is_refused() {
        let unsigned = |text| {
            let mut faults = Vec::new();
            signed(&file(text), &mut faults);
            faults.len()
        };
        assert_eq!(unsigned("# owner: x\n# review: yearly\ncode\n"), 0);
        assert_eq!(unsigned("# owner:\n# review: yearly\ncode\n"), 1);
        assert_eq!(unsigned("# owner: x\ncode\n"), 1);
        assert!(faults_of("# c\ncode\na\n").is_empty());
        for (text, line) in [
            ("code,more\na,b\n", "mappings/x.csv:2: "),
            ("other\na\n", "mappings/x.csv:2: "),
            ("code\n", "mappings/x.csv: no rows"),
            ("code\na\nb,c\n", "mappings/x.csv:3: 2 cells"),
            ("# x\ncode\n a\n", "mappings/x.csv:3: a cell begins"),
            ("code\na\n#b\n", "mappings/x.csv:3: begins with #"),
        ] {
            let faults = faults_of(text);
            assert!(
                faults.iter().any(|fault| fault.starts_with(line)),
                "{text}: {faults:?}"
            );
        }
    }
}
