//! `healthDomain`: encounters, problems and documents; events are in [`super::event`].

use std::collections::HashSet;

use super::super::ids::Of;
use super::super::index::moment;
use super::super::xml::{Xml, at_most};
use super::{Writer, date_part, event, words};
use crate::sandbox::story::{Contact, Fact, Kind, Method, When};

pub(super) fn write(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    xml.open("healthDomain");
    for contact in &person.contacts {
        encounter(xml, writer, contact);
    }
    let mut headed = HashSet::new();
    for fact in &person.facts {
        match writer.index.blood_pressure(fact) {
            Some((key, readings)) => {
                if headed.insert(key) {
                    event::blood_pressure(xml, writer, key, readings);
                }
            }
            None => event::write(xml, writer, fact),
        }
    }
    for contact in &person.contacts {
        event::narrative(xml, writer, contact);
    }
    for fact in &person.facts {
        problem(xml, writer, fact);
    }
    for fact in &person.facts {
        document(xml, writer, fact);
    }
    xml.close("healthDomain");
}

fn encounter(xml: &mut Xml, writer: &Writer<'_>, contact: &Contact) {
    let staff = writer.staff(contact.staff);
    xml.open_with("encounter", &[("complete", "true")]);
    xml.leaf("id", &writer.ids.guid(Of::Contact, contact.key));
    xml.leaf("patient", &writer.patient);
    date_part(xml, "effectiveTime", When::At(contact.at));
    xml.leaf("availabilityTimeStamp", &moment(contact.at));
    xml.leaf("authorisingUserInRole", staff);
    xml.leaf("enteredByUserInRole", staff);
    xml.leaf("organisation", &writer.organisation);
    if contact.private {
        xml.leaf("confidentialityPolicy", writer.policy(contact.key));
    }
    let (kind, place) = match contact.method {
        Method::FaceToFace => ("GP", "GP Surgery"),
        Method::Telephone => ("TTC", "Telephone call to a patient"),
        Method::HomeVisit => ("HV", "Home visit"),
    };
    xml.leaf("consultationType", kind);
    if contact.method == Method::FaceToFace {
        xml.leaf("location", &writer.ids.guid(Of::Practice, 1));
    }
    words(xml, "locationType", place);
    xml.empty("duration", &[("unit", "N"), ("value", "10")]);
    if contact.narrative.is_some() {
        component(
            xml,
            &writer.ids.guid(Of::Narrative, contact.key),
            ("HIST", "History"),
        );
    }
    let mut headed = HashSet::new();
    for fact in writer.index.in_contact(contact.key) {
        if let Some((key, _)) = writer.index.blood_pressure(fact)
            && headed.insert(key)
        {
            component(
                xml,
                &writer.ids.guid(Of::Together, key),
                ("EXAM", "Examination"),
            );
        }
        component(xml, &writer.ids.guid(Of::Fact, fact.key), heading(fact));
    }
    xml.close("encounter");
}

fn component(xml: &mut Xml, event: &str, (code, term): (&str, &str)) {
    xml.open("component");
    xml.leaf("event", event);
    xml.leaf("problemPage", "0");
    xml.empty(
        "heading",
        &[
            ("codeSystem", "EMISINTERNAL"),
            ("displayName", term),
            ("code", code),
        ],
    );
    xml.close("component");
}

fn heading(fact: &Fact) -> (&'static str, &'static str) {
    match &fact.kind {
        _ if fact.problem.is_some() => ("PROB", "Problem"),
        Kind::Finding | Kind::Contraindication => ("COM", "Comment"),
        Kind::Procedure | Kind::Immunisation { .. } => ("ADD", "Additional"),
        Kind::Measurement { .. } => ("EXAM", "Examination"),
        Kind::TextResult(_) | Kind::Report { .. } | Kind::Battery => ("RES", "Result"),
        Kind::Course { .. } | Kind::Issue { .. } => ("MED", "Medication"),
        Kind::Allergy { .. } => ("ALL", "Allergy"),
        Kind::Referral { .. } => ("REF", "New Referral"),
        Kind::Letter { .. } | Kind::Alert => ("ADD", "Additional"),
        Kind::FamilyHistory => ("FH", "Family History"),
    }
}

fn problem(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let Some(problem) = &fact.problem else {
        return;
    };
    xml.open("problem");
    xml.leaf("id", &writer.ids.guid(Of::Fact, fact.key));
    xml.leaf("status", if problem.active { "A" } else { "I" });
    xml.leaf("significance", if problem.major { "S" } else { "M" });
    if let Some(ended) = problem.ended {
        date_part(xml, "endTime", ended);
    }
    xml.leaf("owner", "IND");
    for linked in writer.index.for_problem(fact.key) {
        xml.open("eventLink");
        xml.leaf("id", &writer.ids.guid(Of::Fact, linked.key));
        xml.leaf("eventType", event::kind(linked));
        xml.leaf("eventLinkType", "ASS");
        xml.close("eventLink");
    }
    xml.close("problem");
}

fn document(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let Kind::Letter { .. } = fact.kind else {
        return;
    };
    let id = writer.ids.guid(Of::Document, fact.key);
    xml.open("document");
    xml.leaf("id", &id);
    xml.leaf("name", &at_most(&fact.concept.term, 500));
    xml.leaf("uploadUserInRole", writer.staff(fact.staff));
    xml.leaf("producedTime", &moment(fact.entered));
    xml.leaf("deleted", "false");
    xml.leaf("locator", "SF");
    xml.open("data");
    xml.leaf("reference", &format!("{id}.tif"));
    xml.close("data");
    xml.close("document");
}
