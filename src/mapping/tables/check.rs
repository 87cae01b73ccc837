//! What `openmig check mappings` says of sound tables: which rows of which source feed which section, and which rows
//! change nothing.

use std::fmt;

use super::Tables;
use super::codes::{Class, Statement};
use crate::record::system;
use crate::tabs::catalogue::{Section, TABS, Tab};

/// Where rows come from, as the report names it.
const TABLES: [&str; 6] = [
    "Read v2 prefix",
    "CTV3 code",
    "SNOMED CT code",
    "EMIS category",
    "kind of report",
    "blood pressure",
];

/// How many rows of each table feed a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fed {
    /// The section.
    pub section: Section,
    /// Rows of each of [`TABLES`].
    rows: [usize; TABLES.len()],
    /// What fills it beside rows, or instead.
    pub beside: &'static str,
}

impl Fed {
    /// Rows that can reach an entry of an EMIS-style source: Read v2, SNOMED CT, its categories and kinds of report.
    #[must_use]
    pub fn emis(&self) -> usize {
        let [read, _, snomed, category, report, pressure] = self.rows;
        read + snomed + category + report + pressure
    }

    /// Rows that can reach an entry of a SystmOne-style source: CTV3, the Read chapters that CTV3 inherited, SNOMED CT.
    #[must_use]
    pub fn systmone(&self) -> usize {
        let [read, ctv3, snomed, _, report, pressure] = self.rows;
        read + ctv3 + snomed + report + pressure
    }
}

/// What is to be said of sound tables.
#[derive(Debug)]
pub struct Coverage {
    /// Every section of every tab, in order.
    pub sections: Vec<Fed>,
    /// Prefixes that say what the shorter prefix above them says: they could go without a change.
    pub redundant: Vec<String>,
}

/// What fills a section beside the tables' rows.
fn beside(section: Section) -> &'static str {
    match section {
        Section::SummaryProblems => "as Current problems",
        Section::SummaryMedication => "as Current medication",
        Section::SummaryAllergies => "as Allergies",
        Section::SummaryTests => "as Recent investigations",
        Section::Demographics => "registration details",
        Section::ProblemsCurrent | Section::ProblemsPast => "the source's problem list",
        Section::MedicationCurrent | Section::MedicationPast => "the source's courses",
        Section::MedicationIssues => "the source's issues",
        Section::Allergies => "the source's allergies",
        Section::Contraindications => "the source's alerts",
        Section::Immunisations => "the source's immunisations",
        Section::Recent => "tests of the last three months",
        Section::Encounters => "the source's consultations",
        Section::Admissions => "referrals for admission, discharge letters",
        Section::Referrals => "the source's referrals",
        Section::BloodPressures => "systolic and diastolic of one reading",
        Section::OtherInvestigations => "findings that no row places",
        _ if section.tab() == Tab::Investigations => "results inside such a report",
        _ => "",
    }
}

impl Tables {
    /// Which rows feed what.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut sections: Vec<Fed> = TABS
            .into_iter()
            .flat_map(|tab| tab.sections())
            .map(|section| Fed {
                section: *section,
                rows: [0; TABLES.len()],
                beside: beside(*section),
            })
            .collect();
        let mut feed = |table: usize, section: Section, n: usize| {
            let found = sections.iter_mut().find(|fed| fed.section == section);
            if let Some(rows) = found.and_then(|fed| fed.rows.get_mut(table)) {
                *rows += n;
            }
        };
        for (_, class) in self.codes.prefixes() {
            reached(class, |section| feed(0, section, 1));
        }
        for (table, terminology) in [(1, system::CTV3), (2, system::SNOMED)] {
            for (_, class) in self.codes.exact_of(terminology) {
                reached(class, |section| feed(table, section, 1));
            }
        }
        for class in self.codes.categories() {
            reached(class, |section| feed(3, section, 1));
        }
        for kind in self.codes.report_kinds() {
            match (kind.document, kind.section) {
                (Some(true), _) => feed(4, Section::Admissions, 1),
                (None, Some(section)) => feed(4, section, 1),
                _ => {}
            }
        }
        for terminology in [system::READ_V2, system::CTV3, system::SNOMED] {
            feed(
                5,
                Section::BloodPressures,
                self.codes.halves_of(terminology),
            );
        }
        Coverage {
            sections,
            redundant: self.redundant(),
        }
    }

    fn redundant(&self) -> Vec<String> {
        let all: std::collections::HashMap<&str, Class> = self.codes.prefixes().collect();
        let mut found: Vec<String> = all
            .iter()
            .filter(|(prefix, class)| {
                let shorter = (1..prefix.len())
                    .rev()
                    .find_map(|length| all.get(prefix.get(..length)?));
                shorter == Some(class)
            })
            .map(|(prefix, _)| (*prefix).to_owned())
            .collect();
        found.sort();
        found
    }
}

/// The sections that a row brings an entry to: the one that it names, otherwise those of its kind of statement.
fn reached(class: Class, mut feed: impl FnMut(Section)) {
    match class.section {
        Some(section) => feed(section),
        // Without a section of its own a test is where its report is, otherwise among the others.
        None if class.statement == Statement::Finding => {}
        None => class
            .statement
            .sections()
            .iter()
            .for_each(|section| feed(*section)),
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<32}", "tab and section")?;
        for name in TABLES {
            write!(f, "{name:>15}")?;
        }
        writeln!(f, "{:>7}{:>10}  beside", "EMIS", "SystmOne")?;
        let mut tab = None;
        for fed in &self.sections {
            if tab != Some(fed.section.tab()) {
                tab = Some(fed.section.tab());
                writeln!(f, "{}", fed.section.tab().code())?;
            }
            write!(f, "  {:<30}", fed.section.code())?;
            for n in fed.rows {
                match n {
                    0 => write!(f, "{:>15}", "-")?,
                    n => write!(f, "{n:>15}")?,
                }
            }
            writeln!(f, "{:>7}{:>10}  {}", fed.emis(), fed.systmone(), fed.beside)?;
        }
        if !self.redundant.is_empty() {
            writeln!(
                f,
                "Read v2 prefixes that say what the shorter one above them says: {}",
                self.redundant.join(" ")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::TableFiles;
    use super::*;

    // R020, R031: no section is left to chance: rows feed it, or the source's own structure does
    #[test]
    fn every_section_is_fed_from_both_families() {
        let coverage = Tables::load().unwrap().coverage();
        assert_eq!(coverage.sections.len(), 30);
        for fed in &coverage.sections {
            let structure = !fed.beside.is_empty();
            assert!(structure || fed.emis() > 0, "{:?}", fed.section);
            assert!(structure || fed.systmone() > 0, "{:?}", fed.section);
            if fed.section.tab() == Tab::Investigations && fed.section != Section::Recent {
                assert!(fed.emis() > 0 && fed.systmone() > 0, "{:?}", fed.section);
            }
        }
        let text = coverage.to_string();
        assert!(TABS.iter().all(|tab| text.contains(tab.code())));
    }

    /// The faults of the tables with one row more in one of them.
    fn with(name: &str, row: &str) -> (usize, Vec<String>) {
        let files = TableFiles::embedded();
        let (_, text) = files.iter().find(|(file, _)| *file == name).unwrap();
        let line = text.lines().count() + 1;
        let text = format!("{}\n{row}\n", text.trim_end());
        let files = files.with(name, text).unwrap();
        let found = match Tables::read(&files) {
            Ok(_) => Vec::new(),
            Err(error) => error.0.iter().map(ToString::to_string).collect(),
        };
        (line, found)
    }

    // R042, R204: each kind of fault, with its file and line; a table with one is never in force
    #[test]
    fn each_kind_of_fault_is_found_where_it_stands() {
        const SCT: &str = "http://snomed.info/sct";
        let vital = format!("{SCT},72313002,BodyWeight,29463-7,x,27113001,x,kg,");
        let pressure = format!("{SCT},72313003,systolic,,x");
        for (file, row, what) in [
            (
                "sections/snomed.csv",
                "72313003,investigation,ecg,x,y",
                "72313003: no such code",
            ),
            (
                "sections/snomed.csv",
                "7231300x,investigation,ecg,x,y",
                "7231300x: no such code",
            ),
            (
                "sections/ctv3.csv",
                "XaBC,disorder,,x,y",
                "XaBC: no such code",
            ),
            (
                "sections/ctv3.csv",
                "XE2q5,investigation,biochemistry,x,y",
                "XE2q5: twice",
            ),
            (
                "sections/ctv3.csv",
                "Xzzzz,disorder,bloods,x,y",
                "Xzzzz: no section bloods",
            ),
            (
                "sections/ctv3.csv",
                "Xzzzz,disorder,immunisations,x,y",
                "Xzzzz: no disorder is ever shown in immunisations",
            ),
            (
                "sections/ctv3.csv",
                "Xzzzz,finding,,x,y",
                "Xzzzz: not a statement to list",
            ),
            (
                "sections/read-v2.csv",
                "44J..,investigation,biochemistry,x,y",
                "44J..: no Read v2 code begins like this",
            ),
            (
                "sections/read-v2.csv",
                "44J30a,investigation,biochemistry,x,y",
                "44J30a: no Read v2 code begins like this",
            ),
            (
                "sections/emis-categories.csv",
                "biochemistry,investigation,biochemistry",
                "biochemistry: twice",
            ),
            (
                "sections/reports.csv",
                "Other,problems-current,,,",
                "Other: no report is ever shown in problems-current",
            ),
            (
                "sections/reports.csv",
                "Other,,,,letter",
                "Other: no kind of document is called letter",
            ),
            (
                "sections/reports.csv",
                "Other,ecg,,,discharge",
                "Other: a letter is in no section of tests",
            ),
            (
                "sections/blood-pressure.csv",
                &pressure,
                "72313003: no such code",
            ),
            (
                "vital-signs.csv",
                &vital,
                "72313002: is a blood pressure already",
            ),
            ("units.csv", "g/L,g/L", "g/L: twice"),
            ("units.csv", "µg/L,µg/L", "µg/L: no unit of UCUM"),
            ("units.csv", "zz ,g", "a cell begins or ends with a space"),
            ("units.csv", "zz,g,h", "3 cells where the head has 2"),
            (
                "units.csv",
                "#zz,g",
                "begins with #, so it is a comment, though it looks like a row",
            ),
        ] {
            let (line, found) = with(file, row);
            assert_eq!(found, [format!("mappings/{file}:{line}: {what}")], "{row}");
        }
        let (line, found) = with("sections/ctv3.csv", "Xzzzz,illness,,x,y");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with(&format!(
                "mappings/sections/ctv3.csv:{line}: unknown variant"
            )),
            "{found:?}"
        );
    }

    // Faults are all told at once, in the order of files and lines.
    #[test]
    fn all_faults_are_told_at_once() {
        let text = "# owner: x\n# review: yearly\nunit,ucum\na,\nb,g\nb,g\n".to_owned();
        let files = TableFiles::embedded().with("units.csv", text).unwrap();
        let files = files.with("tabs.toml", "owner = 1".to_owned()).unwrap();
        let faults = Tables::read(&files).unwrap_err();
        let lines: Vec<_> = faults.0.iter().map(|f| (f.file, f.line)).collect();
        assert_eq!(
            lines,
            [
                ("tabs.toml", None),
                ("tabs.toml", Some(1)),
                ("units.csv", Some(4)),
                ("units.csv", Some(6))
            ]
        );
        assert!(
            faults
                .to_string()
                .contains("\n  mappings/units.csv:6: b: twice")
        );
    }

    #[test]
    fn a_prefix_that_changes_nothing_is_named() {
        let (_, found) = with(
            "sections/read-v2.csv",
            "44J3,investigation,biochemistry,x,y",
        );
        assert!(found.is_empty(), "{found:?}");
        let files = TableFiles::embedded();
        let (_, text) = files
            .iter()
            .find(|f| f.0 == "sections/read-v2.csv")
            .unwrap();
        let text = format!("{}\n44J3,investigation,biochemistry,x,y\n", text.trim_end());
        let files = files.with("sections/read-v2.csv", text).unwrap();
        let coverage = Tables::read(&files).unwrap().coverage();
        assert!(coverage.redundant.contains(&"44J3".to_owned()));
    }
}
