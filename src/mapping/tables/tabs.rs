//! Titles, codes and wording of tabs and sections.

use serde::Deserialize;

use super::{Fault, File, Tables};
use crate::tabs::catalogue::{Section, TABS, Tab};

/// A code with its display: `["11450-4", "Problem list - Reported"]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Term(
    /// The code.
    pub String,
    /// Its display, as its code system writes it.
    pub String,
);

/// What a tab is called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabText {
    code: String,
    /// Title, as the agreement writes it (S2 5.2.1).
    pub title: String,
    /// SNOMED CT list code that GP Connect uses for it, where there is one.
    pub list_code: Option<Term>,
    /// Record standard heading of UK Core.
    pub heading: Term,
    /// LOINC document section code, where there is one.
    pub loinc: Option<Term>,
    section: Vec<SectionText>,
}

/// What a section is called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionText {
    code: String,
    /// Title.
    pub title: String,
    /// SNOMED CT list code that GP Connect uses for it, where there is one.
    pub list_code: Option<Term>,
    /// Record standard heading of UK Core.
    pub heading: Term,
    /// LOINC document section code, where there is one.
    pub loinc: Option<Term>,
    /// What it says when it is empty.
    pub empty: String,
}

/// Fixed sentences of notes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// An empty tab.
    pub empty: String,
    /// A section or tab that could not be fetched.
    pub unavailable: String,
    /// A section that the source has no such thing for.
    pub not_held: String,
    /// The note of every List of a patient who has registered of late; `{day}` becomes the first day.
    pub in_transit: String,
    /// The note of the section of admissions, which no GP system holds as such.
    pub admissions: String,
    /// The note of the section of recent investigations.
    pub recent: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tabs {
    #[expect(dead_code, reason = "for the reader of the table")]
    owner: String,
    #[expect(dead_code, reason = "for the reader of the table")]
    review: String,
    wording: Wording,
    tab: Vec<TabText>,
}

impl Tabs {
    pub(super) fn load(file: &File, all: &mut Vec<Fault>) -> Option<Self> {
        let tabs: Self = match toml::from_str(&file.text) {
            Ok(tabs) => tabs,
            Err(error) => {
                let line = error.span().and_then(|span| {
                    let before = file.text.get(..span.start)?;
                    u64::try_from(before.matches('\n').count() + 1).ok()
                });
                all.push(Fault::of(file.name, line, error.message()));
                return None;
            }
        };
        let mut wrong = |what: String| all.push(Fault::of(file.name, None, what));
        let listed = tabs.tab.iter().map(|tab| tab.code.as_str());
        if !listed.eq(TABS.iter().map(|tab| tab.code())) {
            wrong("not exactly the ten tabs in their order".to_owned());
        }
        for (text, tab) in tabs.tab.iter().zip(TABS) {
            let listed = text.section.iter().map(|section| section.code.as_str());
            if !listed.eq(tab.sections().iter().map(|section| section.code())) {
                wrong(format!("sections of {}", tab.code()));
            }
        }
        Some(tabs)
    }
}

impl Tables {
    /// What a tab is called.
    #[must_use]
    pub fn tab(&self, tab: Tab) -> Option<&TabText> {
        self.tabs.tab.iter().find(|text| text.code == tab.code())
    }

    /// What a section is called.
    #[must_use]
    pub fn section(&self, section: Section) -> Option<&SectionText> {
        let mut sections = self.tabs.tab.iter().flat_map(|tab| &tab.section);
        sections.find(|text| text.code == section.code())
    }

    /// Fixed sentences.
    #[must_use]
    pub fn wording(&self) -> &Wording {
        &self.tabs.wording
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R020
    #[test]
    fn every_tab_and_section_has_a_title_and_says_when_it_is_empty() {
        let tables = Tables::load().unwrap();
        for tab in TABS {
            assert!(!tables.tab(tab).unwrap().title.is_empty());
            for section in tab.sections() {
                let text = tables.section(*section).unwrap();
                assert!(!text.title.is_empty() && text.empty.ends_with('.'));
            }
        }
        assert_eq!(tables.tab(Tab::Diagnosis).unwrap().title, "Diagnosis");
    }

    #[test]
    fn a_catalogue_that_differs_is_refused() {
        let text = super::super::TableFiles::embedded()
            .get(super::super::TABS)
            .text;
        for (from, to) in [
            ("code = \"ecg\"", "code = \"ekg\""),
            ("code = \"events\"", "code = \"event\""),
            ("title = \"ECG\"", "title = \"ECG\"\nnew = 1"),
        ] {
            let file = File {
                name: "tabs.toml",
                text: text.replacen(from, to, 1).into(),
            };
            let mut faults = Vec::new();
            Tabs::load(&file, &mut faults);
            assert!(!faults.is_empty(), "{from}");
        }
    }
}
