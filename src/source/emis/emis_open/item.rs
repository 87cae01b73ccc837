//! What all items of an EMIS Open record have in common.

use crate::record::{
    Body, Coded, Entry, PartialDate, Problem, ProblemStatus, Restriction, Significance,
};
use crate::source::emis::codes::{self, RawCode};
use crate::source::emis::dates;
use crate::source::emis::draft::{Draft, is_null, native};
use crate::source::emis::losses::{FREE_TEXT, Losses, Spot};
use crate::source::emis::openhr::clinical;
use crate::source::emis::values::{count, words};
use crate::source::emis::words as terms;
use crate::source::xml::Element;

use super::{Place, Reader};

/// What a reference points at: `RefID` is unique only among things of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Item,
    Person,
    Location,
    LocationType,
}

impl Kind {
    /// The name that a thing of this kind has by its `RefID`.
    pub fn name(self, ref_id: &str) -> String {
        let kind = match self {
            Self::Item => "item",
            Self::Person => "person",
            Self::Location => "location",
            Self::LocationType => "location-type",
        };
        format!("{kind}:{ref_id}")
    }
}

/// GUID, and `RefID` (else `DBID`), of an identity; all parts of an identity are plumbing and count as read.
fn parts(element: &Element) -> (Option<String>, Option<&str>) {
    let _ = (element.text_of("FileStatus"), element.text_of("OldGUID"));
    let guid = element.text_of("GUID").filter(|g| !is_null(g)).map(native);
    let database = element.text_of("DBID");
    let number = element
        .text_of("RefID")
        .or(element.text_of("RefId"))
        .or(database);
    (guid, number.filter(|n| !matches!(*n, "0" | "-1")))
}

/// The id that a loss shows.
pub(super) fn id(element: &Element) -> Option<String> {
    let (guid, number) = parts(element);
    guid.or_else(|| number.map(|n| Kind::Item.name(n)))
}

/// The id of a thing that stands here; its other name is noted.
pub(super) fn own_id(element: &Element, kind: Kind, path: &str, draft: &mut Draft) -> String {
    let (guid, number) = parts(element);
    match (guid, number) {
        (Some(guid), Some(number)) => {
            draft.alias(kind.name(number), &guid);
            guid
        }
        (Some(guid), None) => guid,
        (None, Some(number)) => kind.name(number),
        (None, None) => {
            // From what it says, not from its place: taking another thing away must not change it.
            let id = format!("made-{}", element.digest(FREE_TEXT));
            draft
                .losses
                .add(&Spot::new(path, Some(&id)), "GUID", "missing-id");
            id
        }
    }
}

/// A reference to a thing elsewhere in the message.
pub(super) fn reference(element: &Element, name: &str, kind: Kind) -> Option<String> {
    let target = element.child(name)?;
    let (guid, number) = parts(target);
    guid.or_else(|| number.map(|n| kind.name(n)))
}

/// `FileStatus` 2.
pub(super) fn deleted(element: &Element) -> bool {
    element.text_of("FileStatus") == Some("2")
}

/// `PolicyID` or `PolicyId`: -1 is none. Anything else, readable or not, restricts.
pub(super) fn restrictions(element: &Element) -> Vec<Restriction> {
    let policies = element
        .children("PolicyID")
        .chain(element.children("PolicyId"));
    policies
        .filter_map(Element::own_text)
        .filter(|id| *id != "-1")
        .map(|id| Restriction::Policy {
            id: id.to_owned(),
            known: false,
        })
        .collect()
}

/// A code with what it maps to.
fn add_code(coded: &mut Coded, element: &Element, selected: bool) {
    let raw = RawCode {
        scheme: element.text_of("Scheme"),
        code: element.text_of("Value"),
        display: element.text_of("Term"),
    };
    codes::add(coded, raw.coding(selected && coded.codings.is_empty()));
    // The dictionary's older drug codes, as EMIS writes them elsewhere under 2.16.840.1.113883.2.1.6.9.
    let drug = raw
        .scheme
        .is_some_and(|s| s.eq_ignore_ascii_case("EMISPREPARATION"));
    let old = RawCode {
        scheme: Some(if drug {
            "2.16.840.1.113883.2.1.6.9"
        } else {
            "EMISLOCAL"
        }),
        code: element.text_of("OldCode"),
        display: None,
    };
    codes::add(coded, old.coding(selected && coded.codings.is_empty()));
    let mapped = RawCode {
        scheme: element.text_of("MapScheme"),
        code: element.text_of("MapCode"),
        display: None,
    };
    codes::add(coded, mapped.coding(false));
}

/// One code element with its term.
pub(super) fn coded(element: Option<&Element>) -> Coded {
    let mut coded = Coded::default();
    if let Some(element) = element {
        add_code(&mut coded, element, true);
        coded.text = element.text_of("Term").map(str::to_owned);
    }
    coded
}

/// `Code` and `TermID` name the same thing twice, once padded and once not: one coding. The term shown is the display
/// term, which may say more than the code's (pitfall 16).
pub(super) fn statement(element: &Element) -> Coded {
    let mut coded = coded(element.child("Code"));
    if let Some(term) = element.child("TermID") {
        add_code(&mut coded, term, true);
        coded.text = term.text_of("Term").map(str::to_owned).or(coded.text);
    }
    let shown = element.text_of("DisplayTerm").map(str::to_owned);
    coded.text = shown.or(coded.text);
    coded
}

/// `AssignedDate`, `DatePart`, `AssignedTime`.
pub(super) fn assigned(element: &Element, spot: &Spot, losses: &mut Losses) -> PartialDate {
    let part = element.text_of("DatePart");
    // With any other part the time is a filler.
    let time = element
        .text_of("AssignedTime")
        .filter(|_| part == Some("4"));
    let date = dates::assigned(element.text_of("AssignedDate"), part, time);
    losses.date(spot, "AssignedDate", date).unwrap_or_default()
}

/// A date without a date part; a time in it is kept.
pub(super) fn date(
    element: &Element,
    name: &str,
    spot: &Spot,
    losses: &mut Losses,
) -> Option<PartialDate> {
    let date = dates::assigned(Some(element.text_of(name)?), None, None);
    losses.date(spot, name, date)
}

/// As [`date`], with its time.
pub(super) fn moment(
    element: &Element,
    name: &str,
    spot: &Spot,
    losses: &mut Losses,
) -> Option<PartialDate> {
    let date = dates::assigned(Some(element.text_of(name)?), Some("4"), None);
    losses.date(spot, name, date)
}

impl Reader {
    /// An entry's common part; `None` where it is deleted.
    pub(super) fn entry(
        &mut self,
        element: &Element,
        place: Place<'_>,
        path: String,
    ) -> Option<(Entry, Spot)> {
        let id = own_id(element, Kind::Item, &path, &mut self.draft);
        let code = statement(element);
        let spot = Spot::new(path.clone(), Some(&id)).coded(&code);
        if deleted(element) {
            element.settle();
            self.draft.losses.add(&spot, "", "deleted");
            return None;
        }
        if element.text_of("FileStatus") == Some("3") {
            self.draft.reference_only.insert(self.draft.entries.len());
        }
        let losses = &mut self.draft.losses;
        let written = element.child("OriginalAuthor");
        let recorded = written.and_then(|w| w.text_of("SystemDate"));
        let entry = Entry {
            path,
            date: assigned(element, &spot, losses),
            recorded: losses.instant(&spot, "OriginalAuthor/SystemDate", recorded),
            clinician: reference(element, "AuthorID", Kind::Person)
                .or_else(|| reference(element, "AuthorisedUserID", Kind::Person)),
            recorder: written.and_then(|w| reference(w, "User", Kind::Person)),
            organisation: None,
            encounter: place.encounter.map(str::to_owned),
            parent: place.parent.map(str::to_owned),
            problem: element
                .child("Problem")
                .map(|p| Box::new(problem(p, &spot, losses))),
            linked_problems: Vec::new(),
            restrictions: restrictions(element),
            category: place.heading.map(str::to_owned),
            episodicity: element
                .text_of("Episodicity")
                .and_then(terms::episodicity)
                .map(str::to_owned),
            qualifiers: qualifiers(element, &spot, losses),
            body: Body::TestRequest,
            code,
            id,
        };
        if let Some(links) = element.child("ProblemLinkList") {
            for link in links.children("Link") {
                let _ = link.text_of("LinkType");
                if let Some(problem) = reference(link, "Target", Kind::Item) {
                    self.draft.problem_links.push((problem, entry.id.clone()));
                }
            }
        }
        Some((entry, spot))
    }
}

/// A problem hangs off its item (pitfall 4: any kind of item).
fn problem(element: &Element, spot: &Spot, losses: &mut Losses) -> Problem {
    let end = dates::assigned(
        element.text_of("EndDate"),
        element.text_of("EndDatePart"),
        None,
    );
    let end = losses.date(spot, "Problem/EndDate", end);
    let grouping = element.text_of("GroupingStatus");
    let parent = reference(element, "ParentProblem", Kind::Item).map(|id| {
        let relation = match grouping {
            Some("1") => "grouped",
            Some("2") => "combined",
            _ => "parent",
        };
        (id, relation.to_owned())
    });
    Problem {
        id: None,
        status: match element.text_of("ProblemStatus") {
            Some("0") => ProblemStatus::Past,
            Some("2") => ProblemStatus::HealthAdmin,
            Some("3") => ProblemStatus::Potential,
            Some("1") => ProblemStatus::Active,
            None if end.is_some() => ProblemStatus::UntilEnd,
            _ => ProblemStatus::Active,
        },
        significance: match element.text_of("Significance") {
            Some("1") => Some(Significance::Major),
            Some("2") => Some(Significance::Minor),
            _ => None,
        },
        end,
        expected_days: count(element.text_of("ExpectedDuration")),
        parent,
    }
}

/// Qualifiers as (group, item). The schema names the numbers of the common ones.
fn qualifiers(element: &Element, spot: &Spot, losses: &mut Losses) -> Vec<(Coded, Coded)> {
    let Some(list) = element.child("QualifierList") else {
        return Vec::new();
    };
    let named = |element: Option<&Element>, table: &[(&str, &str)]| {
        let mut coded = coded(element);
        if coded.text.is_none()
            && let Some(number) = element.and_then(|e| e.text_of("Value"))
        {
            let row = table.iter().find(|(n, _)| *n == number);
            coded.text = row.map(|(_, words)| (*words).to_owned());
        }
        coded
    };
    let all = list.children("Qualifier").map(|q| {
        let name = named(q.child("Group"), GROUPS);
        let value = named(q.child("QualifierItemID"), ITEMS);
        (name, value)
    });
    clinical(all, spot, losses)
}

/// Groups of qualifiers, as the schema names them.
const GROUPS: &[(&str, &str)] = &[
    ("1", "Family member"),
    ("2", "Trend"),
    ("3", "Laterality"),
    ("4", "Severity"),
    ("5", "Numerical value"),
    ("6", "Causation"),
    ("7", "GMS"),
    ("8", "Certainty"),
];

/// Qualifiers, as the schema names them.
const ITEMS: &[(&str, &str)] = &[
    ("1", "Mother"),
    ("2", "Father"),
    ("3", "Sister"),
    ("4", "Brother"),
    ("5", "Aunt"),
    ("6", "Uncle"),
    ("7", "Maternal grandmother"),
    ("8", "Maternal grandfather"),
    ("9", "Paternal grandmother"),
    ("10", "Paternal grandfather"),
    ("11", "Worse"),
    ("12", "Same"),
    ("13", "Better"),
    ("14", "Left"),
    ("15", "Right"),
    ("16", "Bilateral"),
    ("17", "Mild"),
    ("18", "Moderate"),
    ("19", "Severe"),
    ("20", "Cause of death"),
    ("21", "Yes"),
    ("22", "No"),
    ("23", "Uncertain"),
    ("24", "Negation"),
];

/// Quantity in words: as sent, else number and unit.
pub(super) fn quantity_text(element: &Element) -> Option<String> {
    let written = element.text_of("QuantityRepresentation").map(str::to_owned);
    written.or_else(|| {
        let number = element.text_of("Quantity");
        crate::source::emis::values::amount(number, None)?;
        Some(words(&[number, element.text_of("QuantityUnits")]))
    })
}
