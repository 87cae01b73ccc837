//! Which kind of statement a code makes, and in which section it is shown.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    BLOOD_PRESSURE, CTV3, EMIS_CATEGORIES, File, READ_V2, REPORTS, SNOMED, TableError, Tables,
    VITAL_SIGNS, content, rows,
};
use crate::record::{Coded, Coding, system};
use crate::tabs::catalogue::Section;

/// Kinds of statement that a code can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statement {
    /// A disease or other condition.
    Disorder,
    /// An operation or procedure.
    Procedure,
    /// Anything else that was seen, said or done.
    Finding,
    /// A test or measurement.
    Investigation,
    /// Smoking, alcohol.
    Lifestyle,
    /// An immunisation that was given.
    Immunisation,
    /// An allergy or adverse reaction.
    Allergy,
    /// A treatment must not be given.
    Contraindication,
    /// An admission to hospital or hospice.
    Admission,
    /// A discharge from there.
    Discharge,
    /// A referral.
    Referral,
    /// Family history, which is in no tab.
    FamilyHistory,
    /// The category cannot tell: the code decides.
    ByCode,
}

/// What a code says about where its entry belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Kind of statement.
    pub statement: Statement,
    /// Section, where the table names one.
    pub section: Option<Section>,
}

/// Which part of a blood pressure a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Half {
    /// The reading as a whole.
    Panel,
    /// Systolic.
    Systolic,
    /// Diastolic.
    Diastolic,
}

/// What a kind of report is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportKind {
    /// Its section, where the kind alone decides.
    pub section: Option<Section>,
    /// Diagnostic service (v2-0074): code and display.
    pub service: Option<(String, String)>,
    /// It is a letter about care elsewhere: `Some(true)` for a discharge.
    pub document: Option<bool>,
}

/// A UK Core vital sign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitalSign {
    system: String,
    code: String,
    /// End of the profile's name, for example `BodyHeight`.
    pub profile: String,
    /// LOINC code.
    pub loinc: String,
    /// Its display.
    pub loinc_display: String,
    /// SNOMED CT concept.
    pub snomed: String,
    /// Its display.
    pub snomed_display: String,
    /// The unit that the profile wants.
    pub ucum: String,
    /// The words that the profile wants for it; empty where it is free.
    pub unit: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefixRow {
    prefix: String,
    statement: Statement,
    section: String,
    #[serde(rename = "meaning")]
    _meaning: String,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeRow {
    code: String,
    statement: Statement,
    section: String,
    #[serde(rename = "term")]
    _term: String,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryRow {
    category: String,
    statement: Statement,
    section: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportRow {
    kind: String,
    section: String,
    service: String,
    service_display: String,
    document: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HalfRow {
    system: String,
    code: String,
    part: Half,
    variant: String,
    #[serde(rename = "term")]
    _term: String,
}

#[derive(Debug)]
pub(super) struct Codes {
    prefixes: HashMap<String, Class>,
    exact: HashMap<(&'static str, String), Class>,
    categories: HashMap<String, Class>,
    reports: HashMap<String, ReportKind>,
    halves: HashMap<(String, String), (Half, String)>,
    vital_signs: HashMap<(String, String), VitalSign>,
}

/// The terminologies that tables may name.
const SYSTEMS: [&str; 3] = [system::READ_V2, system::CTV3, system::SNOMED];

fn section(file: &File, name: &str, at: &str) -> Result<Option<Section>, TableError> {
    if name.is_empty() {
        return Ok(None);
    }
    Section::from_code(name)
        .map(Some)
        .ok_or_else(|| content(file, format!("{at}: no section {name}")))
}

fn once<K: std::hash::Hash + Eq, V>(
    file: &File,
    map: &mut HashMap<K, V>,
    at: &str,
    key: K,
    value: V,
) -> Result<(), TableError> {
    match map.insert(key, value) {
        None => Ok(()),
        Some(_) => Err(content(file, format!("{at}: twice"))),
    }
}

/// Does the code have the shape that its terminology gives codes?
fn well_formed(terminology: &str, code: &str) -> bool {
    match terminology {
        system::SNOMED => {
            (6..=18).contains(&code.len())
                && code.bytes().all(|b| b.is_ascii_digit())
                && verhoeff(code)
        }
        _ => code.len() == 5 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'),
    }
}

/// The check digit of a SNOMED CT id (SNOMED CT release file specification, appendix B).
fn verhoeff(digits: &str) -> bool {
    const PERMUTE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (5 + a - b) % 5,
    };
    let mut check = 0;
    for (place, byte) in digits.bytes().rev().enumerate() {
        let mut digit = byte.wrapping_sub(b'0');
        for _ in 0..place % 8 {
            digit = PERMUTE.get(usize::from(digit)).copied().unwrap_or_default();
        }
        check = times(check, digit);
    }
    check == 0
}

impl Codes {
    pub(super) fn load() -> Result<Self, TableError> {
        let mut out = Self {
            prefixes: HashMap::new(),
            exact: HashMap::new(),
            categories: HashMap::new(),
            reports: HashMap::new(),
            halves: HashMap::new(),
            vital_signs: HashMap::new(),
        };
        for row in rows::<PrefixRow>(&READ_V2)? {
            let class = Class {
                statement: row.statement,
                section: section(&READ_V2, &row.section, &row.prefix)?,
            };
            let at = row.prefix.clone();
            once(&READ_V2, &mut out.prefixes, &at, row.prefix, class)?;
        }
        out.exact(&CTV3, system::CTV3)?;
        out.exact(&SNOMED, system::SNOMED)?;
        for row in rows::<CategoryRow>(&EMIS_CATEGORIES)? {
            let class = Class {
                statement: row.statement,
                section: section(&EMIS_CATEGORIES, &row.section, &row.category)?,
            };
            let key = row.category.to_lowercase();
            once(
                &EMIS_CATEGORIES,
                &mut out.categories,
                &row.category,
                key,
                class,
            )?;
        }
        out.reports()?;
        out.measurements()?;
        Ok(out)
    }

    fn exact(&mut self, file: &File, terminology: &'static str) -> Result<(), TableError> {
        for row in rows::<CodeRow>(file)? {
            if !well_formed(terminology, &row.code) {
                return Err(content(file, format!("{}: no such code", row.code)));
            }
            if matches!(row.statement, Statement::Finding | Statement::ByCode) {
                return Err(content(
                    file,
                    format!("{}: not a statement to list", row.code),
                ));
            }
            let class = Class {
                statement: row.statement,
                section: section(file, &row.section, &row.code)?,
            };
            let at = row.code.clone();
            once(file, &mut self.exact, &at, (terminology, row.code), class)?;
        }
        Ok(())
    }

    fn reports(&mut self) -> Result<(), TableError> {
        for row in rows::<ReportRow>(&REPORTS)? {
            let kind = ReportKind {
                section: section(&REPORTS, &row.section, &row.kind)?,
                service: (!row.service.is_empty()).then_some((row.service, row.service_display)),
                document: match row.document.as_str() {
                    "" => None,
                    "discharge" => Some(true),
                    "none" => Some(false),
                    _ => return Err(content(&REPORTS, format!("{}: document", row.kind))),
                },
            };
            let key = row.kind.to_lowercase();
            once(&REPORTS, &mut self.reports, &row.kind, key, kind)?;
        }
        Ok(())
    }

    fn measurements(&mut self) -> Result<(), TableError> {
        for row in rows::<HalfRow>(&BLOOD_PRESSURE)? {
            if !SYSTEMS.contains(&row.system.as_str()) || !well_formed(&row.system, &row.code) {
                return Err(content(
                    &BLOOD_PRESSURE,
                    format!("{}: no such code", row.code),
                ));
            }
            let at = row.code.clone();
            let key = (row.system, row.code);
            once(
                &BLOOD_PRESSURE,
                &mut self.halves,
                &at,
                key,
                (row.part, row.variant),
            )?;
        }
        for row in rows::<VitalSign>(&VITAL_SIGNS)? {
            if !SYSTEMS.contains(&row.system.as_str())
                || !well_formed(&row.system, &row.code)
                || !well_formed(system::SNOMED, &row.snomed)
            {
                return Err(content(&VITAL_SIGNS, format!("{}: no such code", row.code)));
            }
            let at = row.code.clone();
            let key = (row.system.clone(), row.code.clone());
            once(&VITAL_SIGNS, &mut self.vital_signs, &at, key, row)?;
        }
        Ok(())
    }
}

/// The code as tables write it: Read v2 has five characters, whatever term suffix a source adds (`467A.00`).
fn key(coding: &Coding) -> (String, String) {
    let code = if coding.system == system::READ_V2 {
        let five: String = coding.code.chars().take(5).collect();
        format!("{five:.<5}")
    } else {
        coding.code.clone()
    };
    (coding.system.clone(), code)
}

/// Did CTV3 take this code over from Read as it was? Its own codes begin with X, Y or U, its drugs with a small letter.
fn is_inherited(code: &str) -> bool {
    let own = code.bytes().next();
    own.is_some_and(|first| first.is_ascii_digit() || (b'A'..=b'T').contains(&first))
}

impl Tables {
    /// What a statement's codes say of it: the first code that says anything, original before translations.
    #[must_use]
    pub fn class_of(&self, coded: &Coded) -> Option<Class> {
        coded.codings.iter().find_map(|coding| self.class(coding))
    }

    fn class(&self, coding: &Coding) -> Option<Class> {
        let (terminology, code) = key(coding);
        let terminology = SYSTEMS.into_iter().find(|s| *s == terminology)?;
        match terminology {
            system::READ_V2 => self.by_prefix(&code),
            _ => self
                .codes
                .exact
                .get(&(terminology, code.clone()))
                .copied()
                .or_else(|| {
                    let inherited = terminology == system::CTV3 && is_inherited(&code);
                    inherited.then(|| self.by_prefix(&code)).flatten()
                }),
        }
    }

    fn by_prefix(&self, code: &str) -> Option<Class> {
        let code = code.trim_end_matches('.');
        let mut lengths = (1..=code.len()).rev();
        lengths.find_map(|length| self.codes.prefixes.get(code.get(..length)?).copied())
    }

    /// What the source's own category says; `None` where it leaves the decision to the code.
    #[must_use]
    pub fn category(&self, category: &str) -> Option<Class> {
        let class = self.codes.categories.get(&category.trim().to_lowercase())?;
        (class.statement != Statement::ByCode).then_some(*class)
    }

    /// What a kind of report is, by the source's word for it.
    #[must_use]
    pub fn report(&self, kind: &str) -> Option<&ReportKind> {
        self.codes.reports.get(&kind.trim().to_lowercase())
    }

    /// Which part of which variant of a blood pressure the codes say.
    #[must_use]
    pub fn blood_pressure(&self, coded: &Coded) -> Option<(Half, &str)> {
        let found = coded
            .codings
            .iter()
            .find_map(|c| self.codes.halves.get(&key(c)));
        found.map(|(half, variant)| (*half, variant.as_str()))
    }

    /// The vital sign that the codes say.
    #[must_use]
    pub fn vital_sign(&self, coded: &Coded) -> Option<&VitalSign> {
        let mut codings = coded.codings.iter();
        codings.find_map(|coding| self.codes.vital_signs.get(&key(coding)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(terminology: &str, code: &str) -> Coded {
        Coded {
            text: None,
            codings: vec![Coding {
                system: terminology.to_owned(),
                code: code.to_owned(),
                display: None,
                user_selected: true,
            }],
        }
    }

    fn says(terminology: &str, code: &str) -> Option<(Statement, Option<Section>)> {
        let tables = Tables::load().unwrap();
        tables
            .class_of(&coded(terminology, code))
            .map(|class| (class.statement, class.section))
    }

    // R031: grouped by how the source coded it; sources.md 5.
    #[test]
    fn read_codes_go_by_their_longest_prefix() {
        use Section as S;
        use Statement as K;
        for (code, expected) in [
            ("H33..", (K::Disorder, None)),
            ("44J3.", (K::Investigation, Some(S::Biochemistry))),
            ("44J3.00", (K::Investigation, Some(S::Biochemistry))),
            ("42P..", (K::Investigation, Some(S::Haematology))),
            ("32...", (K::Investigation, Some(S::Ecg))),
            ("43F..", (K::Investigation, Some(S::OtherInvestigations))),
            ("229..", (K::Investigation, Some(S::Physiology))),
            ("137R.", (K::Lifestyle, Some(S::OtherInvestigations))),
            ("12D4.", (K::FamilyHistory, None)),
            ("65E..", (K::Immunisation, Some(S::Immunisations))),
            ("8H2..", (K::Admission, Some(S::Admissions))),
            ("8H4..", (K::Referral, Some(S::Referrals))),
            ("8I2F.", (K::Contraindication, Some(S::Contraindications))),
            ("7E066", (K::Procedure, Some(S::Operations))),
            ("1683.", (K::Finding, None)),
            ("ZV148", (K::Allergy, None)),
            ("ZV032", (K::Finding, None)),
        ] {
            assert_eq!(says(system::READ_V2, code), Some(expected), "{code}");
        }
        assert_eq!(says(system::READ_V2, ""), None);
        assert_eq!(says(system::READ_V2, "é"), None);
    }

    #[test]
    fn ctv3_and_snomed_go_by_list_and_mind_their_case() {
        assert_eq!(says(system::CTV3, "XE0Ub").unwrap().0, Statement::Disorder);
        assert_eq!(says(system::CTV3, "xe0uB"), None);
        // Inherited from Read and in no list: the chapter decides.
        assert_eq!(says(system::CTV3, "N21z2").unwrap().0, Statement::Disorder);
        assert_eq!(says(system::CTV3, "Xzzzz"), None);
        assert_eq!(
            says(system::SNOMED, "1000731000000107"),
            Some((Statement::Investigation, Some(Section::Biochemistry)))
        );
        assert_eq!(says(system::EMIS_LOCAL, "H33.."), None);
    }

    #[test]
    fn blood_pressure_halves_are_known_in_three_terminologies() {
        let tables = Tables::load().unwrap();
        for (terminology, code, half) in [
            (system::READ_V2, "2469.", Half::Systolic),
            (system::CTV3, "246A.", Half::Diastolic),
            (system::SNOMED, "72313002", Half::Systolic),
            (system::SNOMED, "75367002", Half::Panel),
        ] {
            assert_eq!(
                tables.blood_pressure(&coded(terminology, code)),
                Some((half, "")),
                "{code}"
            );
        }
        let lying = coded(system::READ_V2, "246S.");
        assert_eq!(
            tables.blood_pressure(&lying),
            Some((Half::Systolic, "lying"))
        );
        assert_eq!(
            tables.blood_pressure(&coded(system::READ_V2, "246K.")),
            None
        );
    }

    #[test]
    fn snomed_ids_with_a_wrong_check_digit_are_no_codes() {
        assert!(well_formed(system::SNOMED, "72313002"));
        assert!(well_formed(system::SNOMED, "1091811000000102"));
        assert!(!well_formed(system::SNOMED, "72313003"));
        assert!(!well_formed(system::SNOMED, "7231"));
        assert!(!well_formed(system::CTV3, "XE0U"));
    }
}
