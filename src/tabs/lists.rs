//! The Lists: one for each tab and one for each section, made of released entries only (design.md 5).

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::catalogue::{Section, TABS, Tab};
use crate::fhir::model::{resources as r, types as t};
use crate::fhir::{Kind, PatientId, Resource, build, uri};
use crate::labelling::{Confidentiality, clear_labels};
use crate::mapping::SectionGap;
use crate::mapping::tables::{Tables, Term};
use crate::record::{OdsCode, SourceFamily, system};
use crate::release::ReleasedEntry;
use crate::text::hex;

/// Our CodeSystem of reasons why a List is empty: `nothing-recorded`, `not-held`.
pub const EMPTY_REASON: &str = "https://openmig.org/fhir/CodeSystem/list-empty-reason";
const HL7_EMPTY_REASON: &str = "http://terminology.hl7.org/CodeSystem/list-empty-reason";
const UK_EMPTY_REASON: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-ListEmptyReasonCode";
const LIST_ORDER: &str = "http://terminology.hl7.org/CodeSystem/list-order";
const UK_WARNING: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-ListWarningCode";
const UK_WARNING_EXTENSION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ListWarningCode";
const UK_LIST: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-List";

/// What the Lists say in words and in others' codes: from `mappings/tabs.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TabWording {
    /// By code of the tab or section; what is missing shows its code.
    pub lists: BTreeMap<String, ListWording>,
    /// What a section says when it is empty, by its code, where that is not the common notice.
    pub empty: BTreeMap<String, String>,
    /// Notes of single Lists, by code: what "recent" means.
    pub notes: BTreeMap<String, String>,
    /// Notices and the words for an empty section.
    pub notices: Notices,
    /// Profiles that the Lists claim beside UKCore-List.
    pub profiles: Vec<String>,
}

/// Title and codes of one tab or section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListWording {
    /// As the agreement has it.
    pub title: String,
    /// Codes beside our own, as (system, code, display): GP Connect's SNOMED CT codes.
    pub codings: Vec<(String, String, String)>,
}

/// Texts that stand on every List, the same for every patient of the practice (R045, R203, governance.md 2.5). `{link}`
/// becomes the address of the exclusions in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    /// Where the exclusion list applies (EMIS).
    pub list: String,
    /// Where the private flag alone applies (SystmOne).
    pub private: String,
    /// Where both apply (SystmOne, switched on by the practice).
    pub private_and_list: String,
    /// Validate with the patient (S2 5.4.1.2).
    pub validate: String,
    /// A section without entries.
    pub nothing_recorded: String,
    /// A section that could not be fetched.
    pub unavailable: String,
    /// A section that this source does not have.
    pub not_held: String,
    /// The record of the practice before may not have arrived; `{day}` becomes the first day of the registration.
    pub in_transit: String,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            list: "Exclusions apply: entries on the exclusion list are never shown here, whether or not this patient has any. \
                   This is not the whole record. The list in force: {link}"
                .to_owned(),
            private: "Exclusions apply: entries marked private in the practice's system are never shown here, whether or not \
                      this patient has any. This is not the whole record. The rule in force: {link}"
                .to_owned(),
            private_and_list: "Exclusions apply: entries marked private in the practice's system, and entries on the exclusion \
                               list, are never shown here, whether or not this patient has any. This is not the whole record. \
                               The rules in force: {link}"
                .to_owned(),
            validate: "Validate what you see with the patient or another source as appropriate: it is given in good faith, \
                       but its accuracy cannot be guaranteed."
                .to_owned(),
            nothing_recorded: "Nothing recorded".to_owned(),
            unavailable: "This section could not be fetched just now".to_owned(),
            not_held: "The practice's system does not give this".to_owned(),
            in_transit: "What was recorded before {day} may be missing".to_owned(),
        }
    }
}

impl TabWording {
    /// The wording of `mappings/tabs.toml`, with the notices of this module.
    #[must_use]
    pub fn from_tables(tables: &Tables) -> Self {
        let codings = |code: &Option<Term>| {
            let term = code.as_ref().map(|Term(code, display)| {
                (system::SNOMED.to_owned(), code.clone(), display.clone())
            });
            term.into_iter().collect()
        };
        let mut lists = BTreeMap::new();
        let mut empty = BTreeMap::new();
        let mut notes = BTreeMap::new();
        for tab in TABS {
            if let Some(text) = tables.tab(tab) {
                let wording = ListWording {
                    title: text.title.clone(),
                    codings: codings(&text.list_code),
                };
                lists.insert(tab.code().to_owned(), wording);
            }
            for section in tab.sections() {
                let Some(text) = tables.section(*section) else {
                    continue;
                };
                let wording = ListWording {
                    title: text.title.clone(),
                    codings: codings(&text.list_code),
                };
                empty.insert(section.code().to_owned(), text.empty.clone());
                if matches!(section, Section::Recent | Section::SummaryTests) {
                    notes.insert(section.code().to_owned(), tables.wording().recent.clone());
                }
                lists.insert(section.code().to_owned(), wording);
            }
        }
        Self {
            lists,
            empty,
            notes,
            notices: Notices {
                nothing_recorded: tables.wording().empty.clone(),
                unavailable: tables.wording().unavailable.clone(),
                not_held: tables.wording().not_held.clone(),
                in_transit: tables.wording().in_transit.clone(),
                ..Notices::default()
            },
            profiles: Vec::new(),
        }
    }

    /// Tabs and sections without wording, by code: the catalogue file must list exactly all.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        TABS.iter()
            .flat_map(|tab| {
                std::iter::once(tab.code()).chain(tab.sections().iter().map(|it| it.code()))
            })
            .filter(|code| !self.lists.contains_key(*code))
            .collect()
    }

    /// Changes when any wording does.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(format!("{self:?}"));
        hex(digest.get(..8).unwrap_or_default())
    }

    fn title<'w>(&'w self, code: &'w str) -> &'w str {
        self.lists.get(code).map_or(code, |it| it.title.as_str())
    }
}

/// Which exclusions apply to this practice's records; the same for every patient of it (S2 5.3.2, 5.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    List,
    Private,
    PrivateAndList,
}

impl Rule {
    pub(crate) fn of(family: SourceFamily, list_applied: bool) -> Self {
        match (family, list_applied) {
            (SourceFamily::Emis, _) => Self::List,
            (SourceFamily::SystmOne, false) => Self::Private,
            (SourceFamily::SystmOne, true) => Self::PrivateAndList,
        }
    }
}

/// What the Lists are made of.
pub(crate) struct ListsAsk<'a> {
    pub(crate) patient: &'a PatientId,
    pub(crate) practice: &'a OdsCode,
    pub(crate) practice_name: Option<&'a str>,
    pub(crate) arriving: Option<Date>,
    pub(crate) rule: Rule,
    pub(crate) retrieved_at: Timestamp,
    pub(crate) exclusions_url: &'a str,
    pub(crate) wording: &'a TabWording,
    pub(crate) gaps: &'a [SectionGap],
    /// In the order in which they are shown.
    pub(crate) entries: &'a [ReleasedEntry],
}

/// One List with where it stands.
pub(crate) struct MadeList {
    pub(crate) id: String,
    pub(crate) sections: Vec<Section>,
    /// Of what is in it: a List says nothing of a tab that whoever sees it may not see.
    pub(crate) highest: Confidentiality,
    pub(crate) resource: Resource,
}

/// Makes the ten tab Lists in the agreement's order, then the thirty section Lists, each handed over before the next is
/// made: a List of thousands takes much more room than its JSON.
///
/// # Errors
/// Those of `take`.
pub(crate) fn build<E>(
    ask: &ListsAsk<'_>,
    take: &mut dyn FnMut(MadeList) -> Result<(), E>,
) -> Result<(), E> {
    let mut members: Members<'_> = HashMap::new();
    for entry in ask.entries {
        for section in entry.sections() {
            members.entry(*section).or_default().push(entry);
        }
    }
    for tab in TABS {
        take(ask.tab_list(tab, &members))?;
    }
    for tab in TABS {
        for section in tab.sections() {
            take(ask.section_list(tab, *section, &members))?;
        }
    }
    Ok(())
}

/// What stands in each section, in the order in which it is shown.
type Members<'e> = HashMap<Section, Vec<&'e ReleasedEntry>>;

fn members_of<'m>(members: &'m Members<'_>, section: Section) -> impl Iterator<Item = String> + 'm {
    let entries = members.get(&section).into_iter().flatten();
    entries.map(|entry| format!("{}/{}", entry.kind().name(), entry.id()))
}

/// The highest label in these sections (DS4P high-water mark).
fn highest(members: &Members<'_>, sections: &[Section]) -> Confidentiality {
    let own = sections.iter().filter_map(|section| members.get(section));
    own.flatten()
        .map(|entry| entry.confidentiality())
        .max()
        .unwrap_or_default()
}

impl ListsAsk<'_> {
    /// Names its section Lists and every member of each, since `_include` does not iterate; `flag` is the section. What
    /// stands in two sections of the tab is named in both.
    fn tab_list(&self, tab: Tab, members: &Members<'_>) -> MadeList {
        let highest = highest(members, tab.sections());
        let mut list = self.list(tab, (tab.code(), uri::TAB), highest);
        for section in tab.sections() {
            let own = format!(
                "{}/{}",
                Kind::List.name(),
                self.patient.list(section.code())
            );
            list.entry.push(item(&own, Some(*section)));
        }
        for section in tab.sections() {
            let items = members_of(members, *section);
            list.entry
                .extend(items.map(|target| item(&target, Some(*section))));
            if let Some(gap) = self.gap(*section) {
                let title = self.wording.title(section.code());
                list.note.push(note(&format!("{title}: {}", gap.why)));
            }
        }
        MadeList {
            id: self.patient.list(tab.code()),
            sections: tab.sections().to_vec(),
            highest,
            resource: Resource::List(Box::new(list)),
        }
    }

    fn section_list(&self, tab: Tab, section: Section, members: &Members<'_>) -> MadeList {
        let highest = highest(members, &[section]);
        let mut list = self.list(tab, (section.code(), uri::SECTION), highest);
        list.ordered_by = Some(Box::new(build::concept(LIST_ORDER, "event-date", None)));
        list.entry
            .extend(members_of(members, section).map(|target| item(&target, None)));
        let own = self.wording.notes.get(section.code());
        list.note.extend(own.map(|text| note(text)));
        let gap = self.gap(section);
        if let Some(gap) = gap {
            list.note.push(note(&gap.why));
        }
        if list.entry.is_empty() {
            list.empty_reason = Some(Box::new(self.empty_reason(section, gap)));
        }
        MadeList {
            id: self.patient.list(section.code()),
            sections: vec![section],
            highest,
            resource: Resource::List(Box::new(list)),
        }
    }

    fn list(&self, tab: Tab, (code, system): (&str, &str), highest: Confidentiality) -> r::List {
        let title = self.wording.title(code);
        let mut meta = t::Meta {
            profile: std::iter::once(UK_LIST)
                .chain(self.wording.profiles.iter().map(String::as_str))
                .map(Into::into)
                .collect(),
            tag: vec![build::coding(uri::TAB, tab.code(), None)],
            ..Default::default()
        };
        clear_labels(&mut meta, highest);
        let mut concept = build::concept(system, code, Some(title));
        for (system, code, display) in self
            .wording
            .lists
            .get(code)
            .into_iter()
            .flat_map(|it| &it.codings)
        {
            concept
                .coding
                .push(build::coding(system, code, Some(display)));
        }
        r::List {
            id: Some(self.patient.list(code).into()),
            meta: Some(Box::new(meta)),
            status: "current".into(),
            mode: "snapshot".into(),
            title: Some(title.into()),
            code: Some(Box::new(concept)),
            subject: Some(Box::new(build::reference(
                Kind::Patient,
                self.patient.as_str(),
            ))),
            date: Some(crate::text::instant(self.retrieved_at).into()),
            source: Some(Box::new(self.source())),
            note: [
                Some(self.exclusions()),
                Some(self.wording.notices.validate.clone()),
                self.arriving.map(|since| self.in_transit(since)),
            ]
            .iter()
            .flatten()
            .map(|text| note(text))
            .collect(),
            extension: self.arriving.map(|_| warning()).into_iter().collect(),
            ..Default::default()
        }
    }

    /// That what was recorded before may be missing, on every List alike (R007; GP Connect, "data in transit").
    fn in_transit(&self, since: Date) -> String {
        let day = since.strftime("%d-%b-%Y").to_string();
        self.wording.notices.in_transit.replace("{day}", &day)
    }

    /// R4 lets a List's source be a person or device only, so the practice is named by its identifier, not by a literal
    /// reference.
    fn source(&self) -> t::Reference {
        t::Reference {
            identifier: Some(Box::new(t::Identifier {
                system: Some(uri::ODS_CODE.into()),
                value: Some(self.practice.0.as_str().into()),
                ..Default::default()
            })),
            display: Some(self.practice_name.unwrap_or(&self.practice.0).into()),
            ..Default::default()
        }
    }

    fn exclusions(&self) -> String {
        let notices = &self.wording.notices;
        let text = match self.rule {
            Rule::List => &notices.list,
            Rule::Private => &notices.private,
            Rule::PrivateAndList => &notices.private_and_list,
        };
        text.replace("{link}", self.exclusions_url)
    }

    fn gap(&self, section: Section) -> Option<&SectionGap> {
        self.gaps.iter().find(|gap| gap.section == section)
    }

    /// Never `nilknown`, never a word about confidentiality (design.md 5, profiles.md 4.1). Ours stands beside the UK
    /// code that means the same.
    fn empty_reason(&self, section: Section, gap: Option<&SectionGap>) -> t::CodeableConcept {
        let notices = &self.wording.notices;
        let nothing = self.wording.empty.get(section.code());
        let (codings, text) = match gap {
            None => (
                vec![
                    build::coding(EMPTY_REASON, "nothing-recorded", None),
                    build::coding(UK_EMPTY_REASON, "no-content-recorded", None),
                ],
                nothing.unwrap_or(&notices.nothing_recorded),
            ),
            Some(gap) if gap.unavailable => (
                vec![build::coding(HL7_EMPTY_REASON, "unavailable", None)],
                &notices.unavailable,
            ),
            Some(_) => (
                vec![build::coding(EMPTY_REASON, "not-held", None)],
                &notices.not_held,
            ),
        };
        t::CodeableConcept {
            coding: codings,
            text: Some(text.as_str().into()),
            ..Default::default()
        }
    }
}

fn item(target: &str, section: Option<Section>) -> r::ListEntry {
    r::ListEntry {
        flag: section.map(|it| Box::new(build::concept(uri::SECTION, it.code(), None))),
        item: Box::new(t::Reference {
            reference: Some(target.into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn warning() -> t::Extension {
    let code = build::concept(UK_WARNING, "data-in-transit", Some("Data in Transit"));
    t::Extension {
        url: UK_WARNING_EXTENSION.into(),
        value: Some(t::ExtensionValue::CodeableConcept(Box::new(code))),
        ..Default::default()
    }
}

fn note(text: &str) -> t::Annotation {
    t::Annotation {
        text: text.into(),
        ..Default::default()
    }
}

#[cfg(test)]
#[path = "lists_tests.rs"]
mod tests;
