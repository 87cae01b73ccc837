//! `healthDomain` but its events: encounters, problems, documents.

use crate::record::PartialDate;
use crate::record::{Body, Document, Encounter, Entry, Problem, ProblemStatus, Significance};
use crate::source::emis::dates;
use crate::source::emis::draft::{ProblemRow, native};
use crate::source::emis::losses::{Losses, Spot};
use crate::source::emis::values::yes;
use crate::source::xml::Element;

use super::{Reader, coded, deleted, identity, is_kept_from_view, reference, restrictions, term};

impl Reader {
    /// A consultation with pointers to what was recorded in it.
    pub(super) fn encounter(&mut self, element: &Element) {
        let (id, spot) = identity(element, "healthDomain/encounter", &mut self.draft.losses);
        if !self.belongs(element, &spot) {
            return;
        }
        let location_type = self.place(element);
        let losses = &mut self.draft.losses;
        let date = effective_time(element, "effectiveTime", &spot, losses);
        let recorded = losses.instant(
            &spot,
            "availabilityTimeStamp",
            element.text_of("availabilityTimeStamp"),
        );
        let author = reference(element, "authorisingUserInRole");
        let typist = reference(element, "enteredByUserInRole");
        let encounter = Encounter {
            id: id.clone(),
            date: date.unwrap_or_default(),
            recorded,
            clinician: author.or(typist),
            organisation: reference(element, "organisation"),
            method: element.text_of("consultationType").map(str::to_owned),
            location_type,
            duration_minutes: element.child("duration").and_then(minutes),
            complete: element.attr("complete").is_none_or(|c| yes(Some(c))),
            only_holds: false,
            implied: false,
            restrictions: restrictions(element),
        };
        for component in element.children("component") {
            let Some(event) = reference(component, "event") else {
                continue;
            };
            let heading = component.child("heading").and_then(term).map(str::to_owned);
            if is_kept_from_view(component) {
                self.draft.hidden.insert(event.clone());
            }
            if !deleted(component) {
                self.draft.members.push((id.clone(), event, heading));
            }
        }
        self.draft.losses.sweep(&spot, element);
        self.draft.encounters.push(encounter);
    }

    /// What kind of place it was: as the encounter says, else as its location does.
    fn place(&self, element: &Element) -> Option<String> {
        let own = element.child("locationType").and_then(term);
        own.map(str::to_owned).or_else(|| {
            let location = reference(element, "location")?;
            self.admin.locations.get(&location).cloned()
        })
    }

    /// A problem: it has its defining event's GUID (sources.md 3.2). A deleted one only downgrades the event to an
    /// ordinary entry (pitfall 4).
    pub(super) fn problem(&mut self, element: &Element) {
        let (id, spot) = identity(element, "healthDomain/problem", &mut self.draft.losses);
        if deleted(element) {
            element.settle();
            return self.draft.losses.add(&spot, "", "deleted");
        }
        let losses = &mut self.draft.losses;
        let end = effective_time(element, "endTime", &spot, losses);
        let mut parents = element.children("parentProblem").filter(|p| !deleted(p));
        let parent = parents.next().and_then(|p| {
            let _ = p.text_of("organisation");
            let relation = p.text_of("relationshipType").unwrap_or_default();
            let row = RELATIONS.iter().find(|(c, _)| *c == relation);
            let words = row.map_or(relation, |(_, words)| words).to_owned();
            Some((native(p.text_of("id")?), words))
        });
        for _ in parents {
            losses.add(&spot, "parentProblem", "no-place");
        }
        let problem = Problem {
            id: None,
            // Past without an end date is past (pitfall 3). A status that is not said or not known shows as active:
            // a problem must not hide among the past ones by mistake.
            status: match element.text_of("status") {
                Some("I") => ProblemStatus::Past,
                Some("HP") => ProblemStatus::HealthAdmin,
                Some("PP") => ProblemStatus::Potential,
                Some("A") => ProblemStatus::Active,
                None if end.is_some() => ProblemStatus::UntilEnd,
                _ => ProblemStatus::Active,
            },
            significance: match element.text_of("significance") {
                Some("S") => Some(Significance::Major),
                Some("M") => Some(Significance::Minor),
                _ => None,
            },
            end,
            expected_days: element.child("expectedDuration").and_then(days),
            parent,
        };
        for link in element.children("eventLink").filter(|l| !deleted(l)) {
            let _ = link.text_of("eventType");
            // That one follows on from the other is more than that they belong together.
            if link.text_of("eventLinkType") == Some("FOL") {
                losses.add(&spot, "eventLink/eventLinkType", "no-place");
            }
            if let Some(event) = link.text_of("id") {
                self.draft.problem_links.push((id.clone(), native(event)));
            }
        }
        if !restrictions(element).is_empty() {
            self.draft.hidden.insert(id.clone());
        }
        self.draft.losses.sweep(&spot, element);
        self.draft.problems.push(ProblemRow {
            event: id,
            problem,
            spot,
        });
    }

    /// A document. Where an event refers to it, that event is the entry; else the document itself is, by its header.
    pub(super) fn document(&mut self, element: &Element) {
        let (id, spot) = identity(element, "healthDomain/document", &mut self.draft.losses);
        if deleted(element) || yes(element.text_of("deleted")) {
            element.settle();
            return self.draft.losses.add(&spot, "", "deleted");
        }
        let losses = &mut self.draft.losses;
        let code = coded(element.child("code"), None);
        let produced = element.text_of("producedTime").map(dates::iso_moment);
        let produced = produced.and_then(|date| losses.date(&spot, "producedTime", date));
        let observed: Vec<String> = element
            .children("observation")
            .filter_map(Element::own_text)
            .map(native)
            .collect();
        if !observed.is_empty() {
            self.referenced.insert(id.clone());
        }
        let entry = Entry {
            path: spot.path.clone(),
            code,
            date: produced.unwrap_or_default(),
            clinician: reference(element, "uploadUserInRole"),
            restrictions: restrictions(element),
            ..blank(id, Body::Document(Document::default()))
        };
        losses.sweep(&spot.coded(&entry.code), element);
        self.documents.push(entry);
    }

    /// Not deleted, and this patient's.
    pub(super) fn belongs(&mut self, element: &Element, spot: &Spot) -> bool {
        let reason = if deleted(element) {
            "deleted"
        } else {
            match reference(element, "patient") {
                None => return true,
                Some(patient) if Some(&patient) == self.admin.patient.as_ref() => return true,
                Some(_) => "other-patient",
            }
        };
        element.settle();
        self.draft.losses.add(spot, "", reason);
        false
    }
}

/// An entry with nothing in it.
pub(super) fn blank(id: String, body: Body) -> Entry {
    Entry {
        id,
        path: String::new(),
        code: crate::record::Coded::default(),
        date: PartialDate::Unknown,
        recorded: None,
        clinician: None,
        recorder: None,
        organisation: None,
        encounter: None,
        parent: None,
        problem: None,
        linked_problems: Vec::new(),
        restrictions: Vec::new(),
        category: None,
        episodicity: None,
        qualifiers: Vec::new(),
        body,
    }
}

/// A date with its date part.
pub(super) fn effective_time(
    element: &Element,
    name: &str,
    spot: &Spot,
    losses: &mut Losses,
) -> Option<PartialDate> {
    let time = element.child(name)?;
    let date = dates::by_part(time.attr("datepart"), time.attr("value"));
    losses.date(spot, name, date)
}

fn duration(element: &Element) -> Option<(u32, &str)> {
    let value = element.attr("value")?.parse().ok().filter(|v| *v > 0)?;
    Some((value, element.attr("unit")?))
}

fn minutes(element: &Element) -> Option<u32> {
    match duration(element)? {
        (n, "N") => Some(n),
        (n, "H") => n.checked_mul(60),
        (n, "S") => Some(n / 60).filter(|m| *m > 0),
        _ => None,
    }
}

/// Months and years as EMIS counts them: 30 and 365 days.
fn days(element: &Element) -> Option<u32> {
    match duration(element)? {
        (n, "D") => Some(n),
        (n, "W") => n.checked_mul(7),
        (n, "M") => n.checked_mul(30),
        (n, "Y") => n.checked_mul(365),
        _ => None,
    }
}

/// `voc.ProblemRelationshipType`.
const RELATIONS: &[(&str, &str)] = &[
    ("COMB", "combined"),
    ("GRP", "grouped"),
    ("REP", "replaced"),
    ("EVO", "evolved"),
];
