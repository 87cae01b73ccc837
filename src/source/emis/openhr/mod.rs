//! OpenHR 2.1 (`openHealthRecord`) to the record (sources.md 3.2 and 3.8).

mod admin;
mod event;
mod health;
mod medication;
mod observation;
mod report;

pub(super) use admin::split;
pub(super) use event::{clinical, immunisation};

use std::collections::{HashMap, HashSet};

use crate::record::{Body, Coded, Entry, GpRecord, Missing, NhsNumber, OdsCode, Restriction};
use crate::source::SourceError;
use crate::source::emis::codes::{self, RawCode};
use crate::source::emis::draft::{Draft, ENTRY, is_null, native};
use crate::source::emis::losses::{FREE_TEXT, Losses, Spot};
use crate::source::xml::{Element, Pull, Start};

/// `contentSpecification`: the entire record available to the originator.
const WHOLE_RECORD: &str = "37241000000102";

/// Reads the record whose root's start tag was just read.
///
/// # Errors
/// Not acceptable XML; not a whole record; `asked` given and the record of someone else.
pub(super) fn read(
    pull: &mut Pull<'_>,
    root: &Start,
    asked: Option<&NhsNumber>,
    practice: &OdsCode,
) -> Result<GpRecord, SourceError> {
    let mut reader = Reader::default();
    let mut patient_chosen = false;
    while let Some(start) = pull.child_of(root.depth)? {
        match start.name.as_str() {
            "author" => {
                let author = pull.element(start)?;
                reader.author = author.text_of("organisation").map(native);
            }
            "creationTime" => {
                let time = pull.element(start)?;
                reader.created = time.own_text().map(str::to_owned);
            }
            "contentSpecification" => {
                let content = pull.element(start)?;
                let said = content.text_of("specification");
                // A data set is a part of the record, whatever else is said.
                if said.is_some_and(|s| s != WHOLE_RECORD) || content.text_of("dataSet").is_some() {
                    return Err(SourceError::Mismatch("it is not the whole record"));
                }
            }
            "adminDomain" => {
                if patient_chosen {
                    return Err(SourceError::Mismatch("two records in one"));
                }
                while let Some(item) = pull.child_of(start.depth)? {
                    let element = pull.element(item)?;
                    reader.admin.item(&element, &mut reader.draft);
                    pull.keep(
                        reader.draft.weight() + reader.admin.weight(),
                        reader.draft.becomes(),
                    )?;
                }
                reader.admin.choose(
                    &mut reader.draft,
                    asked,
                    practice,
                    reader.author.as_deref(),
                )?;
                patient_chosen = true;
            }
            "healthDomain" => {
                if !patient_chosen {
                    return Err(SourceError::Mismatch("it names no patient"));
                }
                while let Some(item) = pull.child_of(start.depth)? {
                    // Content of documents may be larger than any item: it is passed over, as it never leaves.
                    let name = item.name.clone();
                    match pull.item_without(item, &["documentData"])? {
                        Ok(element) => reader.health_item(&element),
                        Err(_) => reader.too_large(&name),
                    }
                    let documents = reader.documents.len();
                    let mut becomes = reader.draft.becomes();
                    becomes.resources += documents;
                    pull.keep(reader.draft.weight() + documents * ENTRY, becomes)?;
                }
            }
            "id" | "requestMessage" => {}
            _ => {
                let spot = Spot::new("openHealthRecord", None);
                let element = pull.element(start)?;
                reader
                    .draft
                    .losses
                    .whole(&spot, &element, "unknown-element");
            }
        }
    }
    if !patient_chosen {
        return Err(SourceError::Mismatch("it names no patient"));
    }
    Ok(reader.finish(practice))
}

#[derive(Default)]
struct Reader {
    draft: Draft,
    admin: admin::Admin,
    author: Option<String>,
    created: Option<String>,
    /// Entries of documents, by their own ids.
    documents: Vec<Entry>,
    /// Documents that an event refers to, deleted events included: they are that event's, or gone with it.
    referenced: HashSet<String>,
    /// Entries with children: readings that were taken together.
    groups: HashSet<String>,
    /// Entries without a code whose drug is a local mixture.
    mixtures: Vec<(String, String)>,
}

impl Reader {
    fn health_item(&mut self, element: &Element) {
        match element.name.as_str() {
            "encounter" => self.encounter(element),
            "event" => self.event(element),
            "problem" => self.problem(element),
            "document" => self.document(element),
            "task" => self.put_aside(element, "administrative"),
            _ => self.put_aside(element, "unknown-element"),
        }
    }

    /// An item over the caps: the sections that it may have stood in are not whole.
    fn too_large(&mut self, name: &str) {
        let spot = Spot::new("healthDomain", None);
        self.draft.losses.add(&spot, name, "too-large");
        self.draft.missing.push(match name {
            "encounter" => Missing::Contact,
            // A task is nobody's business, a document is in no tab by itself.
            "task" | "document" => return,
            _ => Missing::Any,
        });
    }

    fn put_aside(&mut self, element: &Element, reason: &'static str) {
        let spot = Spot::new("healthDomain", element.text_of("id"));
        self.draft.losses.whole(&spot, element, reason);
    }

    fn finish(mut self, practice: &OdsCode) -> GpRecord {
        for document in std::mem::take(&mut self.documents) {
            if self.referenced.contains(&document.id) {
                // Said by the event that refers to it.
                let spot = Spot::new(document.path.clone(), Some(&document.id));
                self.draft.losses.add(&spot, "", "duplicate");
            } else {
                self.draft.push(document);
            }
        }
        let named: HashMap<String, String> = self.mixtures.into_iter().collect();
        for entry in &mut self.draft.entries {
            let Some(mixture) = named.get(&entry.id) else {
                continue;
            };
            match self.admin.mixtures.get(mixture) {
                Some(name) if entry.code.text.is_none() => entry.code.text = Some(name.clone()),
                Some(_) => {}
                None => {
                    let spot = Spot::new(entry.path.clone(), Some(&entry.id));
                    self.draft
                        .losses
                        .add(&spot, "localMixture", "dangling-link");
                }
            }
        }
        let mut record = self.draft.finish(practice);
        // Systolic and diastolic are children of one entry (pitfall 8): they share a key, as EMIS Open's readings do.
        for entry in &mut record.entries {
            if let (Some(parent), Body::Observation(o)) = (&entry.parent, &mut entry.body)
                && self.groups.contains(parent)
            {
                o.group_key = Some(parent.clone());
            }
        }
        record
    }
}

/// The object's id, and where it is. An object without one gets an id from what it says.
fn identity(element: &Element, path: &str, losses: &mut Losses) -> (String, Spot) {
    match element.text_of("id") {
        Some(id) => {
            let id = native(id);
            let spot = Spot::new(path, Some(&id));
            (id, spot)
        }
        None => {
            // From what it says, not from its place: taking another thing away must not change it.
            let id = format!("made-{}", element.digest(FREE_TEXT));
            let spot = Spot::new(path, Some(&id));
            losses.add(&spot, "id", "missing-id");
            (id, spot)
        }
    }
}

/// `updateMode="delete"` (the audit attributes say by whom and when: not our business).
fn deleted(element: &Element) -> bool {
    element.attr("updateMode") == Some("delete")
}

/// A reference to another object.
fn reference(element: &Element, name: &str) -> Option<String> {
    let said = |link: &Element| link.own_text().is_some_and(|id| !is_null(id));
    element.which(name, said)?.own_text().map(native)
}

/// `confidentialityPolicy`, and marks that keep it from view. Whether the message lists the policy is marked at the end.
fn restrictions(element: &Element) -> Vec<Restriction> {
    let policies = element.children("confidentialityPolicy");
    let mut out: Vec<Restriction> = policies
        .filter_map(Element::own_text)
        .filter(|id| !is_null(id))
        .map(|id| Restriction::Policy {
            id: native(id),
            known: false,
        })
        .collect();
    if is_kept_from_view(element) {
        out.push(Restriction::Private);
    }
    out
}

/// `hidden` (the practice does not look at it itself) and `unFiled` (nobody there has taken it into the record yet). What
/// EMIS means by them is published nowhere, so they fail closed (`docs/sources-wire.md`): any value but a plain no restricts.
fn is_kept_from_view(element: &Element) -> bool {
    const MARKS: [&str; 2] = ["hidden", "unFiled"];
    let is_no = |text: Option<&str>| {
        text.is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "false" | "0" | "n"))
    };
    MARKS.into_iter().any(|name| {
        // Both are asked for, so that neither is counted as left behind.
        let attribute = element.attributes.iter().any(|a| a.name == name);
        let by_attribute = attribute && !is_no(element.attr(name));
        let by_element = element
            .children(name)
            .fold(false, |any, mark| any | !is_no(mark.own_text()));
        by_attribute || by_element
    })
}

/// A `dt.Code`: attributes of the element.
fn raw(element: &Element) -> RawCode<'_> {
    RawCode {
        scheme: element.attr("codeSystem"),
        code: element.attr("code"),
        display: element.attr("displayName"),
    }
}

/// A code with its translations, and the term to show: the display term where there is one (pitfall 16).
fn coded(element: Option<&Element>, display_term: Option<&str>) -> Coded {
    let mut coded = Coded::default();
    if let Some(element) = element {
        let raw = raw(element);
        codes::add(&mut coded, raw.coding(true));
        coded.text = raw.display.map(str::to_owned);
        translations(element, &mut coded);
    }
    if let Some(term) = display_term {
        coded.text = Some(term.to_owned());
    }
    coded
}

fn translations(element: &Element, coded: &mut Coded) {
    for translation in element.children("translation") {
        codes::add(coded, raw(translation).coding(false));
        translations(translation, coded);
    }
}

/// The words of an uncoded `dt.Code`: its term, or its code.
fn term(element: &Element) -> Option<&str> {
    let raw = raw(element);
    raw.display.or(raw.code)
}
