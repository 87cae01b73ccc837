//! What everybody who looks is told before the first use and whenever it changes (S2 7.2.4 to 7.2.9, 7.3.3; R102, R103): the terms
//! of use, in plain words, as the parties agreed on them.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::load::Check;
use super::{Register, User, raw};
use crate::store::terms::AcceptanceRow;

/// The terms of use, as the page at the point of care shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Their version: the one that the agreement names.
    pub version: String,
    /// In the order in which they are shown.
    pub sections: Vec<TermsSection>,
    /// SHA-256 of [`Self::text`].
    digest: [u8; 32],
}

/// One headed part of the terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsSection {
    /// Which of the things that must be said it says; `None`: something that the parties say beside them.
    pub about: Option<Subject>,
    /// Its heading.
    pub heading: String,
    /// Its statements, a paragraph each.
    pub statements: Vec<String>,
}

/// What the terms must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// How the patient is asked at the point of care (S2 7.2.5).
    Consent,
    /// What can be seen (S2 7.2.6).
    AvailableData,
    /// What can never be seen: the excluded list of EMIS Web, what is marked as private in SystmOne (S2 7.2.6).
    Exclusions,
    /// No printing and no capturing; how to write into one's own record (S2 7.2.7).
    NoCopies,
    /// Professional codes of conduct, and what misuse leads to (S2 7.2.8, 7.2.9).
    Conduct,
    /// What is viewed is shared in good faith and its accuracy is not guaranteed; it is validated with the patient (S2 5.4.1.2).
    Accuracy,
}

impl Subject {
    /// Every one, in the agreement's order.
    pub const ALL: [Self; 6] = [
        Self::Consent,
        Self::AvailableData,
        Self::Exclusions,
        Self::NoCopies,
        Self::Conduct,
        Self::Accuracy,
    ];

    /// As it is written in the file.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::AvailableData => "available-data",
            Self::Exclusions => "exclusions",
            Self::NoCopies => "no-copies",
            Self::Conduct => "conduct",
            Self::Accuracy => "accuracy",
        }
    }
}

impl Terms {
    fn new(version: String, sections: Vec<TermsSection>) -> Self {
        let mut terms = Self {
            version,
            sections,
            digest: [0; 32],
        };
        terms.digest = Sha256::digest(terms.text()).into();
        terms
    }

    /// The text that is shown, a line for each heading (`# …`) and statement (`- …`), after the version.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.version);
        for section in &self.sections {
            text.push_str(&format!("# {}\n", section.heading));
            for statement in &section.statements {
                text.push_str(&format!("- {statement}\n"));
            }
        }
        text
    }

    /// SHA-256 of [`Self::text`]: an acceptance is of exactly this text.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Is this an acceptance of exactly this text?
    #[must_use]
    pub fn is_accepted_by(&self, row: &AcceptanceRow) -> bool {
        row.version == self.version && row.text_sha256 == self.digest
    }
}

impl Register {
    /// The version of the terms that this person has accepted, by the register or by what the store has of them: the one in
    /// force, where they have. An acceptance in the store counts for the text in force and for no other, so a text that was
    /// changed under its version has to be accepted again, and where there is no text nothing in the store counts.
    #[must_use]
    pub fn accepted_terms(
        &self,
        user: &User,
        stored: &[AcceptanceRow],
        today: Date,
    ) -> Option<String> {
        let in_register = user
            .terms_accepted
            .as_ref()
            .filter(|(_, accepted)| *accepted <= today)
            .map(|(version, _)| version);
        if in_register != Some(&self.agreement.terms)
            && let Some(terms) = &self.terms
            && stored
                .iter()
                .any(|row| row.username == user.username && terms.is_accepted_by(row))
        {
            return Some(terms.version.clone());
        }
        in_register.cloned()
    }

    /// The register has a text to accept, and no acceptance of it by this person: only the store can have one.
    #[must_use]
    pub fn acceptance_is_due(&self, username: &str, today: Date) -> bool {
        self.terms.is_some()
            && self.users.get(username).is_some_and(|user| {
                self.accepted_terms(user, &[], today).as_ref() != Some(&self.agreement.terms)
            })
    }

    /// Takes the terms; their version has to be the one that the agreement names.
    pub(super) fn take_terms(&mut self, raw: raw::TermsOfUse, check: &mut Check<'_>) {
        let in_force = &self.agreement.terms;
        check.at(&raw.version);
        let version = raw.version.into_inner();
        check.that(version == *in_force, "R103", || {
            format!("these are the terms `{version}`, and the agreement names `{in_force}`")
        });
        let mut said = BTreeSet::new();
        let mut sections = Vec::new();
        for entry in raw.section {
            check.at(&entry);
            let section = entry.into_inner();
            let heading = one_line(&section.heading);
            check.said("R103", &[("heading", &heading)], || "a section".to_owned());
            let statements: Vec<String> = section
                .statements
                .iter()
                .map(|text| one_line(text))
                .collect();
            let speaks = !statements.is_empty() && statements.iter().all(|text| !text.is_empty());
            check.that(speaks, "R103", || {
                format!("the section `{heading}` has no statement, or an empty one")
            });
            if let Some(about) = section.about {
                check.that(said.insert(about), "R103", || {
                    format!("two sections are about `{}`", about.code())
                });
            }
            sections.push(TermsSection {
                about: section.about,
                heading,
                statements,
            });
        }
        check.whole_file();
        for subject in Subject::ALL {
            check.that(said.contains(&subject), "R103", || {
                format!("no section is about `{}`", subject.code())
            });
        }
        self.terms = Some(Terms::new(version, sections));
    }
}

/// Line breaks and runs of spaces of the file are none of the text: a browser shows them as one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::{AGREEMENT, RegisterFiles, TERMS};
    use super::*;
    use crate::sandbox::register::tests::{TODAY, sandbox_files, sandbox_register};

    fn with(change: impl FnOnce(&mut String)) -> RegisterFiles {
        let mut files = sandbox_files();
        change(files.terms.as_mut().unwrap());
        files
    }

    // R103: the text says all that staff must be told, and is one text by its hash
    #[test]
    fn the_terms_say_what_staff_must_be_told() {
        let register = sandbox_register();
        let terms = register.terms.clone().unwrap();
        assert_eq!(terms.version, register.agreement.terms);
        let about: BTreeSet<Subject> = terms.sections.iter().filter_map(|one| one.about).collect();
        assert_eq!(about.len(), Subject::ALL.len());
        let text = terms.text();
        for words in ["EMIS", "private", "SystmOne", "print", "disciplinary"] {
            assert!(text.contains(words), "{words}");
        }
        // How many spaces stand between two words is no matter; a word is.
        let read = |files| Register::read(&files, TODAY).unwrap().terms.unwrap();
        let broken = read(with(|text| {
            *text = text.replace("Sign in as", "Sign   in\tas")
        }));
        assert_eq!(broken.digest(), terms.digest());
        let other = read(with(|text| *text = text.replacen("print", "photograph", 1)));
        assert_ne!(other.digest(), terms.digest());
    }

    // R103: validated with the register as a whole, file, line and rule
    #[test]
    fn terms_that_do_not_hold_together_are_refused() {
        let cases: [(&str, &str, Option<usize>, &str); 7] = [
            ("version = \"1\"", "version = \"2\"", Some(5), "R103"),
            ("about = \"no-copies\"", "", None, "R103"),
            ("about = \"accuracy\"", "about = \"conduct\"", None, "R103"),
            (
                "about = \"conduct\"",
                "about = \"fashion\"",
                Some(0),
                "readable file",
            ),
            (
                "heading = \"Exclusions\"",
                "heading = \" \"",
                Some(0),
                "R103",
            ),
            ("statements = [", "statements = [\"\", ", Some(0), "R103"),
            (
                "version = \"1\"",
                "version = \"1\"\nprint = true",
                Some(0),
                "readable file",
            ),
        ];
        for (from, to, line, rule) in cases {
            let files = with(|text| {
                let from = if from.starts_with("heading") {
                    let at = text.find("about = \"exclusions\"").unwrap();
                    let rest = &text[at..];
                    let start = rest.find("heading = ").unwrap();
                    let end = start + rest[start..].find('\n').unwrap();
                    rest[start..end].to_owned()
                } else {
                    from.to_owned()
                };
                assert!(text.contains(&from), "{from}");
                *text = text.replacen(&from, to, 1);
            });
            let errors = Register::read(&files, TODAY).expect_err(to).0;
            let found = errors.iter().find(|one| one.rule == rule);
            let found = found.unwrap_or_else(|| panic!("{to}: {errors:?}"));
            assert_eq!(found.file, TERMS, "{to}");
            match line {
                // On some line, and on none where the whole file is meant.
                Some(0) => assert!(found.line.is_some(), "{to}"),
                Some(line) => assert_eq!(found.line, Some(line), "{to}"),
                None => assert!(errors.iter().any(|one| one.line.is_none()), "{to}"),
            }
        }
    }

    // R103: the text that somebody has accepted is told by version and hash; another text, another version, another person
    // and a register without a text are none
    #[test]
    fn only_the_text_in_force_counts() {
        let mut register = sandbox_register();
        let user = register.users.get_mut("clinician").unwrap();
        user.terms_accepted = Some(("0".to_owned(), TODAY));
        let user = user.clone();
        let terms = register.terms.clone().unwrap();
        let row = |username: &str, version: &str, text_sha256| AcceptanceRow {
            username: username.to_owned(),
            version: version.to_owned(),
            text_sha256,
            at: jiff::Timestamp::UNIX_EPOCH,
            client: "app".to_owned(),
            organisation: crate::record::OdsCode("Z9O01".to_owned()),
        };
        let of = |register: &Register, rows: &[AcceptanceRow]| {
            register.accepted_terms(&user, rows, TODAY)
        };
        let own = row("clinician", "1", terms.digest());
        assert!(register.acceptance_is_due("clinician", TODAY));
        assert!(!register.acceptance_is_due("hospital-doctor", TODAY));
        assert_eq!(of(&register, &[]).as_deref(), Some("0"));
        assert_eq!(
            of(&register, std::slice::from_ref(&own)).as_deref(),
            Some("1")
        );
        for other in [
            row("clinician", "1", [7; 32]),
            row("clinician", "2", terms.digest()),
            row("hospital-doctor", "1", terms.digest()),
        ] {
            assert_eq!(of(&register, &[other]).as_deref(), Some("0"));
        }
        register.terms = None;
        assert_eq!(of(&register, &[own]).as_deref(), Some("0"));
        assert!(!register.acceptance_is_due("clinician", TODAY));
    }

    // R103: without the file nothing can be shown; the register is what it was before there was one
    #[test]
    fn a_register_without_terms_is_taken_with_a_warning() {
        let mut files = sandbox_files();
        let with_terms = files.hash();
        files.terms = None;
        assert_ne!(files.hash(), with_terms);
        let register = Register::read(&files, TODAY).unwrap();
        assert_eq!(register.terms, None);
        let warnings = register.warnings(TODAY);
        let warning = warnings.iter().find(|one| one.rule == "R103").unwrap();
        assert_eq!(warning.file, TERMS);
        // The five files of before are one text with the same hash; six come back as six.
        for files in [files, sandbox_files()] {
            let again = RegisterFiles::from_canonical(&files.canonical()).unwrap();
            assert_eq!(again.hash(), files.hash());
            assert_eq!(again.terms, files.terms);
        }
        assert!(AGREEMENT < TERMS);
    }
}
