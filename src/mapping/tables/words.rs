//! Words, states and units of the sources, and what FHIR calls them.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Fault, Faults, File, Line, Tables, rows};

/// What a word is a word of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the field that its code names")]
pub enum Field {
    EncounterClass,
    ReferralUrgency,
    ReferralRequest,
    ReferralMode,
    ReferralStatus,
    IssueMethod,
    Episodicity,
    AlertSeverity,
    ResultStatus,
    Interpretation,
    Sex,
    ProblemStatus,
    StatementStatus,
    RequestStatus,
    CourseType,
    FlagCategory,
    Qualifier,
    NotGiven,
}

/// Each field with its name in the table, the codes it may map to, and the words it must have.
type Rule = (
    Field,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const RULES: &[Rule] = &[
    (
        Field::EncounterClass,
        "encounter-class",
        &["AMB", "VR", "HH", "EMER", "IMP", "none"],
        &[],
    ),
    (
        Field::ReferralUrgency,
        "referral-urgency",
        &["", "routine", "urgent", "asap", "stat"],
        &[],
    ),
    (Field::ReferralRequest, "referral-request", &[""], &[]),
    (Field::ReferralMode, "referral-mode", &[""], &[]),
    (
        Field::ReferralStatus,
        "referral-status",
        &[
            "draft",
            "active",
            "on-hold",
            "revoked",
            "completed",
            "unknown",
        ],
        &[],
    ),
    (Field::IssueMethod, "issue-method", &[""], &[]),
    (Field::Episodicity, "episodicity", &["", "ended"], &[]),
    (Field::AlertSeverity, "alert-severity", &[""], &[]),
    (
        Field::ResultStatus,
        "result-status",
        &["preliminary", "final", "unknown"],
        &[],
    ),
    (
        Field::Interpretation,
        "interpretation",
        &["H", "L", "A", "N"],
        &[],
    ),
    (
        Field::Sex,
        "sex",
        &["female", "male", "other", "unknown"],
        &["female", "male", "indeterminate", "unknown"],
    ),
    (
        Field::ProblemStatus,
        "problem-status",
        &["active", "inactive", "resolved"],
        &["active", "past", "health-admin", "potential"],
    ),
    (
        Field::StatementStatus,
        "statement-status",
        &["active", "completed", "stopped", "intended", "unknown"],
        &["active", "completed", "stopped", "never-issued", "unknown"],
    ),
    (
        Field::RequestStatus,
        "request-status",
        &["active", "completed", "stopped", "draft", "unknown"],
        &["active", "completed", "stopped", "never-issued", "unknown"],
    ),
    (
        Field::CourseType,
        "course-type",
        &["acute", "continuous", "continuous-repeating-dispensing"],
        &["acute", "repeat", "repeat-dispensing", "automatic"],
    ),
    (
        Field::FlagCategory,
        "flag-category",
        &["drug", "clinical", "safety", "admin"],
        &["contraindication", "alert"],
    ),
    (
        Field::Qualifier,
        "qualifier",
        &["negated", "relative", "uncertain"],
        &["certainty: no", "*: negation", "family member: *"],
    ),
    (
        Field::NotGiven,
        "not-given",
        &["not-done"],
        &["declined", "contraindicated"],
    ),
];

/// What a word of a source means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// FHIR's code; empty where FHIR has none.
    pub code: String,
    /// The word to show, or the display of the code; may be empty.
    pub display: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WordRow {
    field: String,
    source: String,
    code: String,
    display: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitRow {
    unit: String,
    ucum: String,
}

#[derive(Debug)]
pub(super) struct Words {
    words: HashMap<(Field, String), Word>,
    units: HashMap<String, String>,
}

impl Words {
    pub(super) fn load(words: &File, units: &File, all: &mut Vec<Fault>) -> Self {
        let mut out = Self {
            words: HashMap::new(),
            units: HashMap::new(),
        };
        let mut faults = Faults {
            file: words.name,
            all,
        };
        for Line { at, row } in rows::<WordRow>(words, &mut faults) {
            let name = format!("{} {}", row.field, row.source);
            let Some((field, _, codes, _)) = RULES.iter().find(|rule| rule.1 == row.field) else {
                faults.at(at, format!("{name}: no such field"));
                continue;
            };
            if !codes.contains(&row.code.as_str()) {
                faults.at(at, format!("{name}: no such code"));
            }
            let word = Word {
                code: row.code,
                display: row.display,
            };
            if word.code.is_empty() && word.display.is_empty() {
                faults.at(at, format!("{name}: neither code nor display"));
            }
            let key = (*field, row.source.to_lowercase());
            if out.words.insert(key, word).is_some() {
                faults.at(at, format!("{name}: twice"));
            }
        }
        for (field, name, _, must) in RULES {
            for word in *must {
                if !out.words.contains_key(&(*field, (*word).to_owned())) {
                    faults.whole(format!("{name}: {word} is missing"));
                }
            }
        }
        faults.file = units.name;
        for Line { at, row } in rows::<UnitRow>(units, &mut faults) {
            if row.ucum.is_empty() || !row.ucum.is_ascii() {
                faults.at(at, format!("{}: no unit of UCUM", row.unit));
            }
            if out.units.contains_key(&row.unit) {
                faults.at(at, format!("{}: twice", row.unit));
            }
            out.units.insert(row.unit, row.ucum);
        }
        out
    }
}

impl Tables {
    /// What a word of a source means; `None` for a word that is not in the table.
    #[must_use]
    pub fn word(&self, field: Field, source: &str) -> Option<&Word> {
        let key = (field, source.trim().to_lowercase());
        self.words.words.get(&key)
    }

    /// The UCUM code of a unit, matched letter by letter.
    #[must_use]
    pub fn ucum(&self, unit: &str) -> Option<&str> {
        self.words.units.get(unit.trim()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case_and_units_only_exactly() {
        let tables = Tables::load().unwrap();
        let urgent = tables.word(Field::ReferralUrgency, "2 week wait").unwrap();
        assert_eq!(
            (urgent.code.as_str(), urgent.display.as_str()),
            ("urgent", "Two week wait")
        );
        assert!(
            tables
                .word(Field::EncounterClass, "patient crying")
                .is_none()
        );
        assert_eq!(tables.ucum("mmol/L"), Some("mmol/L"));
        assert_eq!(tables.ucum("iu/L"), Some("[IU]/L"));
        assert_eq!(tables.ucum("MMOL/L"), None);
    }

    // OpenHR's letters mean what its schema says, and EMIS Web's own words for an abnormal result are known (R028, R031).
    #[test]
    fn the_sources_letters_say_what_the_schema_says() {
        let tables = Tables::load().unwrap();
        let display = |field, letters: &[&str]| -> Vec<String> {
            let known = |letter: &&str| tables.word(field, letter).map(|w| w.display.clone());
            letters.iter().filter_map(known).collect()
        };
        assert_eq!(
            display(Field::ReferralMode, &["E", "T", "V", "W", "M", "C"]),
            [
                "Electronic",
                "Telephone",
                "Verbal",
                "Written",
                "Mediated",
                "WCCG"
            ]
        );
        let methods = [
            "P", "Q", "H", "O", "D", "B", "S", "A", "E", "OTC", "OOOH", "OH",
        ];
        assert_eq!(display(Field::IssueMethod, &methods).len(), methods.len());
        for (words, code) in [
            ("HI - Above high reference limit", "H"),
            ("LO - Below low reference limit", "L"),
            ("OR - Outside reference range", "A"),
            ("PA - Potentially abnormal", "A"),
            ("HI", "H"),
        ] {
            let word = tables.word(Field::Interpretation, words);
            assert_eq!(word.map(|w| w.code.as_str()), Some(code), "{words}");
        }
        for letters in ["TFC", "TTC", "FFC", "HV"] {
            assert!(tables.word(Field::EncounterClass, letters).is_some());
        }
    }

    #[test]
    fn rows_outside_the_vocabulary_or_twice_are_refused() {
        let files = super::super::TableFiles::embedded();
        let units = files.get(super::super::UNITS);
        let whole = files.get(super::super::WORDS).text;
        let faults = |text: String| {
            let mut faults = Vec::new();
            let file = File {
                name: "words.csv",
                text: text.into(),
            };
            Words::load(&file, &units, &mut faults);
            faults.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let line = whole.lines().count() + 1;
        for (extra, what) in [
            ("sex,female,female,\n", "sex female: twice"),
            ("sex,x,X,\n", "sex x: no such code"),
            ("colour,red,,Red\n", "colour red: no such field"),
            (
                "referral-mode,empty,,\n",
                "referral-mode empty: neither code nor display",
            ),
        ] {
            let found = faults(format!("{whole}{extra}"));
            assert_eq!(found, [format!("mappings/words.csv:{line}: {what}")]);
        }
        assert!(!faults(whole.replace("sex,male,", "sex,man,")).is_empty());
    }
}
