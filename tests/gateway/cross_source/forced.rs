//! The differences that the formats force, as rows of `tests/golden/cross-source-differences.toml`: what may differ, in
//! which formats, in which way and why. A difference without a row fails, and so does a row without a difference.

use std::collections::BTreeSet;

/// The file.
pub const FILE: &str = "tests/golden/cross-source-differences.toml";

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    difference: Vec<Row>,
}

/// One row.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// `Kind.item`; `Kind` alone for whole statements.
    path: String,
    /// The tellings in which it occurs.
    formats: Vec<String>,
    /// In which way: see [`How`].
    how: How,
    /// Only where OpenHR says this.
    #[serde(default)]
    from: Vec<String>,
    /// Only where the other says this.
    #[serde(default)]
    to: Vec<String>,
    /// Only of statements with these terms.
    #[serde(default)]
    terms: Vec<String>,
    /// The paragraph that forces it.
    source: String,
    /// Why.
    why: String,
}

/// The ways in which a telling may differ from OpenHR.
#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// The other does not say it.
    Absent,
    /// Only the other says it.
    Present,
    /// The other says only the day of a moment.
    Day,
    /// The other says a moment on that day.
    Moment,
    /// The other pads a month or a year to its first day, or a year to its first month.
    Padded,
    /// The same person, written otherwise.
    SamePerson,
    /// Another person.
    AnotherPerson,
    /// The other says all of it, and more.
    More,
    /// Another word, by `from` and `to`.
    Word,
    /// The whole statement is not in the other.
    Missing,
    /// The whole statement is only in the other.
    Extra,
}

/// The file, with what was used of it.
pub struct Forced {
    rows: Vec<Row>,
    used: BTreeSet<(usize, String)>,
}

impl Forced {
    /// Reads the file.
    pub fn load() -> Self {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        let text = std::fs::read_to_string(path).expect(FILE);
        let file: File = toml::from_str(&text).expect(FILE);
        for row in &file.difference {
            let reason = row.why.len() > 20 && row.source.len() > 3 && !row.formats.is_empty();
            assert!(reason, "{FILE}: {} has no reason", row.path);
            let words = row.how == How::Word;
            let says = !row.from.is_empty() && !row.to.is_empty();
            assert!(!words || says, "{FILE}: {} has no words", row.path);
        }
        Self {
            rows: file.difference,
            used: BTreeSet::new(),
        }
    }

    /// Is a differing item forced?
    pub fn item(
        &mut self,
        telling: &str,
        (path, term): (&str, &str),
        expected: Option<&str>,
        found: Option<&str>,
    ) -> bool {
        self.find(telling, path, |row| {
            let of = row.terms.is_empty() || row.terms.iter().any(|one| one == term);
            of && row.fits(expected, found)
        })
    }

    /// Is a whole statement that only one side has forced? `terms` are its words.
    pub fn whole(&mut self, telling: &str, kind: &str, term: &str, extra: bool) -> bool {
        let how = if extra { How::Extra } else { How::Missing };
        self.find(telling, kind, |row| {
            let words = if extra { &row.to } else { &row.from };
            row.how == how && (words.is_empty() || words.iter().any(|word| word == term))
        })
    }

    fn find(&mut self, telling: &str, path: &str, fits: impl Fn(&Row) -> bool) -> bool {
        let found = self.rows.iter().position(|row| {
            row.path == path && row.formats.iter().any(|one| one == telling) && fits(row)
        });
        if let Some(row) = found {
            self.used.insert((row, telling.to_owned()));
        }
        found.is_some()
    }

    /// Every row has occurred in every format that it names.
    pub fn all_used(&self) {
        let mut idle = Vec::new();
        for (n, row) in self.rows.iter().enumerate() {
            for telling in &row.formats {
                if !self.used.contains(&(n, telling.clone())) {
                    idle.push(format!("{telling}: {} never occurs: {}", row.path, row.why));
                }
            }
        }
        assert!(idle.is_empty(), "{FILE}\n{}", idle.join("\n"));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Row {
    fn fits(&self, expected: Option<&str>, found: Option<&str>) -> bool {
        let named = |words: &[String], said: Option<&str>| {
            words.is_empty() || said.is_some_and(|said| words.iter().any(|word| word == said))
        };
        if !named(&self.from, expected) || !named(&self.to, found) {
            return false;
        }
        match (self.how, expected, found) {
            (How::Absent, Some(_), None) | (How::Present, None, Some(_)) => true,
            (How::Word | How::AnotherPerson, Some(_), Some(_)) => true,
            (How::Day, Some(moment), Some(day)) => {
                day.len() == 10 && moment.len() > 10 && moment.starts_with(day)
            }
            (How::Moment, Some(day), Some(moment)) => {
                day.len() == 10 && moment.len() > 10 && moment.starts_with(day)
            }
            (How::Padded, Some(part), Some(day)) => {
                part.len() < 10 && day.starts_with(part) && "-01-01".ends_with(&day[part.len()..])
            }
            (How::SamePerson, Some(one), Some(other)) => name(one) == name(other),
            (How::More, Some(less), Some(more)) => {
                let more: Vec<&str> = more.split(" + ").collect();
                less.split(" + ").all(|one| more.contains(&one))
            }
            _ => false,
        }
    }
}

/// The words of a name without titles, in any order: `OAKHAM, Bridget` is `Nurse Bridget Oakham`.
pub fn name(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphabetic())
        .map(str::to_lowercase)
        .filter(|word| !matches!(word.as_str(), "" | "dr" | "nurse" | "mr" | "mrs" | "ms"))
        .collect()
}
