//! `Medication` (a course) and `Issue`.

use super::super::index::padded;
use super::super::xml::Xml;
use super::item::{mapped, problem_links};
use super::{Thing, Writer, author, day, identity, reference, staff};
use crate::sandbox::story::{Concept, Fact, Kind};

/// A `Medication`: current or past course.
pub(super) fn medication(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let Kind::Course {
        current,
        end,
        max_issues,
        review,
        ..
    } = &fact.kind
    else {
        return;
    };
    let issues = writer.index.issues(fact.key);
    xml.open("Medication");
    identity(xml, writer, Thing::Fact(fact.key));
    xml.leaf("FileStatus", "0");
    added(xml, writer, fact);
    if let Some(last) = issues.iter().filter_map(|issue| padded(issue.when)).max() {
        xml.leaf("DateLastIssue", &day(last.date()));
        xml.leaf("IssueMethod", "P");
    }
    if let Some(end) = end {
        xml.leaf("DateRxExpire", &day(*end));
    }
    prescribed(xml, &fact.kind, &fact.concept);
    if let Some(review) = review {
        xml.leaf("RxReviewDate", &day(*review));
    }
    xml.some("RxText", fact.text.as_deref());
    xml.leaf("AuthorisedIssue", &max_issues.unwrap_or(0).to_string());
    xml.leaf("IssueCount", &issues.len().to_string());
    xml.leaf("Status", if *current { "C" } else { "P" });
    problem_links(xml, writer, fact);
    xml.leaf("PolicyId", &writer.policy(fact.private, fact.key));
    xml.close("Medication");
}

/// An `Issue`, tied to its course by `OldGUID`.
pub(super) fn issue(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact, course: u32) {
    let parent = writer.index.fact(course);
    xml.open("Issue");
    identity(xml, writer, Thing::Fact(fact.key));
    xml.leaf("FileStatus", "0");
    if parent.is_some() {
        xml.leaf("OldGUID", &writer.guid(Thing::Fact(course)));
    }
    added(xml, writer, fact);
    xml.leaf("IssueMethod", "P");
    let parent = parent.unwrap_or(fact);
    prescribed(xml, &parent.kind, &parent.concept);
    xml.some("RxText", fact.text.as_deref());
    problem_links(xml, writer, fact);
    xml.leaf("PolicyId", &writer.policy(fact.private, fact.key));
    xml.leaf("EstimatedCost", "0");
    reference(xml, writer, "IssuerID", staff(fact.staff));
    xml.close("Issue");
}

fn added(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    reference(xml, writer, "AuthorisedUserID", staff(fact.staff));
    author(xml, writer, fact.staff, fact.entered);
    if let Some(at) = padded(fact.when) {
        xml.leaf("AssignedDate", &day(at.date()));
    }
}

fn prescribed(xml: &mut Xml, kind: &Kind, concept: &Concept) {
    let mut prescription = "";
    if let Kind::Course {
        repeat,
        dosage,
        quantity,
        unit,
        days,
        ..
    } = kind
    {
        xml.leaf("Dosage", dosage);
        xml.leaf("Quantity", &quantity.to_string());
        xml.leaf("QuantityUnits", unit);
        xml.leaf("QuantityRepresentation", &format!("{quantity} {unit}"));
        xml.leaf("Duration", &days.to_string());
        prescription = if *repeat { "REPEAT" } else { "ACUTE" };
    }
    xml.leaf("MixtureIndicator", "0");
    xml.open("Drug");
    xml.open("PreparationID");
    xml.leaf("Value", "-1");
    xml.leaf("Scheme", "EMISPREPARATION");
    xml.leaf("Term", &concept.term);
    mapped(xml, concept);
    xml.close("PreparationID");
    xml.close("Drug");
    xml.leaf("PrescriptionType", prescription);
}
