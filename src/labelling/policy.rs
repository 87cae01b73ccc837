//! What a category means, and what happens to what cannot be checked: data, signed by a clinician.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::tabs::catalogue::{Section, TABS, Tab};

/// A category of sensitive entries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Its code in our CodeSystem of exclusion categories.
    pub code: String,
    /// In words.
    pub title: String,
    /// HL7 v3-ActCode sensitivity codes.
    pub act_codes: Vec<String>,
    /// Why the law or the agreement asks for it (R048).
    pub legal_basis: String,
    /// Are its entries withheld? Off is for an oversight group that decided so (R041); they leave labelled.
    pub withhold: bool,
}

/// `policy.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    #[serde(rename = "signed_by")]
    pub(super) _signed_by: String,
    pub(super) uncheckable: UncheckableFile,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UncheckableFile {
    contents: Contents,
    tabs: BTreeMap<String, Choice>,
    sections: BTreeMap<String, Choice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Choice {
    Withhold,
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Contents {
    OwnCode,
    Withhold,
}

/// In which sections an entry is withheld whose code cannot be checked against the list (R051).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncheckablePolicy {
    withheld: Vec<Section>,
    contents: Contents,
}

impl UncheckablePolicy {
    /// Every section must be decided, by itself or by its tab, and nothing else may be named.
    pub(super) fn from_file(file: &UncheckableFile) -> Result<Self, String> {
        if let Some(name) = file.tabs.keys().find(|name| Tab::from_code(name).is_none()) {
            return Err(format!("`{name}` is no tab"));
        }
        if let Some(name) = file
            .sections
            .keys()
            .find(|name| Section::from_code(name).is_none())
        {
            return Err(format!("`{name}` is no section"));
        }
        let mut withheld = Vec::new();
        for tab in TABS {
            for section in tab.sections() {
                let choice = file
                    .sections
                    .get(section.code())
                    .or_else(|| file.tabs.get(tab.code()))
                    .ok_or_else(|| format!("section `{}` is not decided", section.code()))?;
                if *choice == Choice::Withhold {
                    withheld.push(*section);
                }
            }
        }
        Ok(Self {
            withheld,
            contents: file.contents,
        })
    }

    /// Is an uncheckable entry of these sections withheld? One section is enough.
    #[must_use]
    pub fn withholds(&self, sections: &[Section]) -> bool {
        sections
            .iter()
            .any(|section| self.withheld.contains(section))
    }

    /// Does a result that was checked stay although what contains it could not be checked?
    #[must_use]
    pub fn spares_checked_contents(&self) -> bool {
        self.contents == Contents::OwnCode
    }

    /// The sections in which such entries are withheld, in the agreement's order: for the published policy (R045).
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.withheld
    }
}
