//! `Event`: one per contact, one per report with its results, one per loose fact or pair of readings.

use std::collections::BTreeMap;

use jiff::civil::DateTime;

use super::super::ids::Of;
use super::super::index::{moment, padded};
use super::super::practice::staff;
use super::super::xml::Xml;
use super::{Writer, child};
use crate::sandbox::story::{Contact, Fact, Kind, Method};

/// What makes an event of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Contact(u32),
    /// A fact with all that is within it.
    Fact(u32),
    /// Readings taken together outside a contact.
    Together(u32),
}

pub(super) fn write_all(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    let mut groups: BTreeMap<Group, Vec<&Fact>> = person
        .contacts
        .iter()
        .map(|contact| (Group::Contact(contact.key), Vec::new()))
        .collect();
    for fact in &person.facts {
        if !is_in_its_course(writer, fact) {
            groups.entry(group(writer, fact)).or_default().push(fact);
        }
    }
    let mut events: Vec<(Option<DateTime>, Group, Vec<&Fact>)> = groups
        .into_iter()
        .map(|(group, facts)| {
            let at = match group {
                Group::Contact(key) => writer.index.contact(key).map(|contact| contact.at),
                _ => facts.first().and_then(|fact| padded(fact.when)),
            };
            (at, group, facts)
        })
        .collect();
    events.sort_by_key(|(at, group, _)| (*at, *group));
    for (at, group, facts) in events {
        match group {
            Group::Contact(key) => {
                if let Some(contact) = writer.index.contact(key) {
                    contact_event(xml, writer, contact, &facts);
                }
            }
            Group::Fact(key) => {
                loose_event(xml, writer, &writer.ids.uid(Of::Fact, key), at, &facts);
            }
            Group::Together(key) => {
                loose_event(xml, writer, &writer.ids.uid(Of::Together, key), at, &facts);
            }
        }
    }
}

/// In SystmOne one row is both an acute course and its first issue.
fn is_in_its_course(writer: &Writer<'_>, fact: &Fact) -> bool {
    let Kind::Issue { course } = fact.kind else {
        return false;
    };
    let acute = writer
        .index
        .fact(course)
        .is_some_and(|course| matches!(course.kind, Kind::Course { repeat: false, .. }));
    acute
        && writer
            .index
            .issues(course)
            .first()
            .is_some_and(|first| first.key == fact.key)
}

/// A report takes its results along; what happened on another day than its contact cannot stand in that event.
fn group(writer: &Writer<'_>, fact: &Fact) -> Group {
    let outermost = writer.index.outermost(fact);
    let own_event = matches!(
        outermost.kind,
        Kind::Report { .. } | Kind::Referral { .. } | Kind::Letter { .. }
    );
    if own_event || outermost.key != fact.key {
        return Group::Fact(outermost.key);
    }
    if let Some(contact) = writer.index.contact_of(fact)
        && padded(fact.when).is_some_and(|at| at.date() == contact.at.date())
    {
        return Group::Contact(contact.key);
    }
    match fact.kind {
        Kind::Measurement {
            together: Some(key),
            ..
        } => Group::Together(key),
        _ => Group::Fact(fact.key),
    }
}

fn contact_event(xml: &mut Xml, writer: &Writer<'_>, contact: &Contact, facts: &[&Fact]) {
    let (place, method) = match contact.method {
        Method::FaceToFace => ("Surgery", "Face to face"),
        Method::Telephone => ("Surgery", "Telephone"),
        Method::HomeVisit => ("Home", "Face to face"),
    };
    let uid = writer.ids.uid(Of::Contact, contact.key);
    start(
        xml,
        Some(contact.at),
        contact.staff,
        &uid,
        &[
            ("DoneAt", place),
            ("Method", method),
            ("Private", if contact.private { "true" } else { "" }),
        ],
    );
    if let Some(narrative) = contact.narrative.as_deref() {
        xml.open("Narrative");
        for line in narrative.lines() {
            xml.leaf("Line", line);
        }
        xml.close("Narrative");
    }
    children(xml, writer, facts);
    xml.close("Event");
}

fn loose_event(
    xml: &mut Xml,
    writer: &Writer<'_>,
    uid: &str,
    at: Option<DateTime>,
    facts: &[&Fact],
) {
    let Some(first) = facts.first() else {
        return;
    };
    // A private report hides all that came with it; so, at times, does a private fact that stands alone.
    let private = first.private
        && (matches!(first.kind, Kind::Report { .. })
            || (facts.len() == 1 && first.key.is_multiple_of(2)));
    let referral = match first.kind {
        Kind::Referral { .. } => writer.ids.uid(Of::Referral, first.key),
        _ => String::new(),
    };
    start(
        xml,
        at,
        first.staff,
        uid,
        &[
            ("DoneAt", "Surgery"),
            ("LinkedReferralUID", &referral),
            (
                "Method",
                if matches!(first.kind, Kind::Letter { .. }) {
                    "Letter"
                } else {
                    ""
                },
            ),
            ("Private", if private { "true" } else { "" }),
        ],
    );
    children(xml, writer, facts);
    xml.close("Event");
}

fn start(
    xml: &mut Xml,
    at: Option<DateTime>,
    place: usize,
    uid: &str,
    more: &[(&'static str, &str)],
) {
    let who = staff(place);
    let at = at.map(moment).unwrap_or_default();
    let done_by = format!(
        "{}, {} ({}) ",
        who.family.to_uppercase(),
        who.given,
        who.role
    );
    let login = who.login();
    let mut attributes = vec![
        ("DateTime", at.as_str()),
        ("DoneBy", &done_by),
        ("EventUID", uid),
        ("UserName", &login),
    ];
    attributes.extend_from_slice(more);
    attributes.retain(|(_, value)| !value.is_empty());
    attributes.sort_unstable();
    xml.open_with("Event", &attributes);
}

/// Medication first, then codes, then the rest, as the real sample has them.
fn children(xml: &mut Xml, writer: &Writer<'_>, facts: &[&Fact]) {
    for turn in 0..3 {
        for fact in facts {
            let rank = match fact.kind {
                Kind::Course { .. } | Kind::Issue { .. } => 0,
                _ if child::is_clinical_code(fact) => 1,
                _ => 2,
            };
            if rank == turn {
                child::write(xml, writer, fact);
            }
        }
    }
}
