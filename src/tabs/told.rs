//! What an answer says of its tabs (R034): those asked for, those allowed, those of which something is in it.

use std::fmt::Write as _;

use super::catalogue::{Section, Tab, TabSet};
use crate::fhir::{Kind, OPENMIG, uri};
use crate::release::Released;

/// The tabs of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldTabs {
    /// Those that the search named; `None`: it named none, so it asked for whatever is allowed.
    pub asked: Option<TabSet>,
    /// Those that the occasion allows now.
    pub allowed: TabSet,
    /// Those of which something is in the answer. Made of what was released, so it tells nothing of what was not.
    pub returned: TabSet,
}

impl ToldTabs {
    /// The tabs of an answer with these entries to a search with these parameters.
    #[must_use]
    pub fn of<'n>(
        released: &Released,
        kind: Kind,
        params: &[(String, String)],
        shown: impl IntoIterator<Item = &'n usize>,
    ) -> Self {
        let mut returned = TabSet::NONE;
        for entry in shown.into_iter().filter_map(|n| released.entry(*n)) {
            for section in entry.sections() {
                returned.insert(section.tab());
            }
        }
        Self {
            asked: asked(kind, params),
            allowed: released.tabs(),
            returned: returned.and(released.tabs()),
        }
    }

    /// The extension of `Bundle.meta` that says so, as JSON.
    #[must_use]
    pub fn extension(&self) -> String {
        let mut out =
            format!(r#"{{"url":"{OPENMIG}/StructureDefinition/answer-tabs","extension":["#);
        let said = [
            ("asked", self.asked.unwrap_or_default()),
            ("allowed", self.allowed),
            ("returned", self.returned),
        ];
        let mut first = true;
        for (name, tabs) in said {
            for tab in tabs.iter() {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                let _ = write!(out, r#"{{"url":"{name}","valueCode":"{}"}}"#, tab.code());
            }
        }
        out.push_str("]}");
        out
    }
}

/// The tabs that a search names, by `_tag` or, for Lists, by `code`; a section stands for its tab.
fn asked(kind: Kind, params: &[(String, String)]) -> Option<TabSet> {
    let mut named: Option<TabSet> = None;
    for (name, value) in params {
        if name != "_tag" && !(kind == Kind::List && name == "code") {
            continue;
        }
        for value in value.split(',') {
            let code = match value.rsplit_once('|') {
                Some((uri::TAB | uri::SECTION | "", code)) => code,
                None => value,
                Some(_) => continue,
            };
            let tab = Tab::from_code(code).or_else(|| Section::from_code(code).map(Section::tab));
            if let Some(tab) = tab {
                named.get_or_insert_default().insert(tab);
            }
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    // R034: a tab is asked for by its own name or a section's, with or without its system
    #[test]
    fn the_tabs_that_a_search_names_are_understood() {
        let of =
            |kind, name: &str, value: &str| asked(kind, &[(name.to_owned(), value.to_owned())]);
        let one = |tab| Some([tab].into_iter().collect());
        assert_eq!(of(Kind::Condition, "_tag", "problems"), one(Tab::Problems));
        let coded = format!("{}|summary", uri::TAB);
        assert_eq!(of(Kind::List, "code", &coded), one(Tab::Summary));
        assert_eq!(
            of(Kind::List, "code", "biochemistry"),
            one(Tab::Investigations)
        );
        assert_eq!(of(Kind::Condition, "code", "problems"), None);
        assert_eq!(of(Kind::Condition, "_tag", "urn:x|problems"), None);
        let both = [Tab::Problems, Tab::Summary].into_iter().collect();
        assert_eq!(of(Kind::List, "code", "problems,summary"), Some(both));
    }

    #[test]
    fn the_extension_is_json() {
        let told = ToldTabs {
            asked: Some([Tab::Summary].into_iter().collect()),
            allowed: [Tab::Summary, Tab::Problems].into_iter().collect(),
            returned: TabSet::NONE,
        };
        let json: serde_json::Value = serde_json::from_str(&told.extension()).unwrap();
        assert_eq!(json["extension"].as_array().unwrap().len(), 3);
        assert_eq!(json["extension"][0]["valueCode"], "summary");
        assert_eq!(json["extension"][2]["url"], "allowed");
    }
}
