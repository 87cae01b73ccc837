//! Coded items: events, investigations, referrals, allergies, attachments, alerts.

use super::super::terms::{abnormal, is_decimal};
use super::super::xml::Xml;
use super::{Thing, Writer, assigned, author, day, identity, reference, staff};
use crate::sandbox::mock::write::ids::Of;
use crate::sandbox::mock::write::index::padded;
use crate::sandbox::story::{Class, Concept, Contact, Fact, Kind, When};

/// An `Event`: in the event list, in a consultation or in an investigation.
pub(super) fn event(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    xml.open("Event");
    coded(xml, writer, fact);
    let kind = match &fact.kind {
        Kind::Measurement {
            comparator,
            value,
            unit,
            range,
            together,
        } => {
            if let Some(group) = together {
                xml.leaf("GroupID", &group.to_string());
            }
            if is_decimal(value) {
                numeric(xml, *comparator, value, unit, range.as_ref());
            } else {
                xml.leaf("TextValue", value);
            }
            let outside = abnormal(value, range.as_ref()).is_some();
            xml.leaf("Abnormal", if outside { "1" } else { "0" });
            "5"
        }
        Kind::TextResult(text) => {
            xml.leaf("TextValue", text);
            xml.leaf("Abnormal", "0");
            "5"
        }
        other => {
            // 1 first, 5 ended
            match &fact.problem {
                _ if fact.ended => xml.leaf("Episodicity", "5"),
                Some(_) => xml.leaf("Episodicity", "1"),
                None => {}
            }
            xml.leaf("Abnormal", "0");
            match other {
                Kind::Immunisation { .. } => "13",
                Kind::FamilyHistory => "12",
                Kind::Alert => "10",
                _ => "1",
            }
        }
    };
    xml.leaf("EventType", kind);
    xml.close("Event");
}

/// What was typed in a consultation: an event of text without a code.
pub(super) fn narrative(xml: &mut Xml, writer: &Writer<'_>, contact: &Contact) {
    xml.open("Event");
    identity(xml, writer, Thing::Narrative(contact.key));
    xml.leaf("FileStatus", "0");
    assigned(xml, When::At(contact.at));
    reference(xml, writer, "AuthorID", staff(contact.staff));
    author(xml, writer, contact.staff, contact.at);
    xml.some("DescriptiveText", contact.narrative.as_deref());
    xml.leaf("PolicyID", "-1");
    xml.leaf("Abnormal", "0");
    xml.leaf("EventType", "1");
    xml.close("Event");
}

/// Everything that coded items have in common.
fn coded(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    identity(xml, writer, Thing::Fact(fact.key));
    xml.leaf("FileStatus", "0");
    assigned(xml, fact.when);
    reference(xml, writer, "AuthorID", staff(fact.staff));
    author(xml, writer, fact.staff, fact.entered);
    xml.leaf("DisplayTerm", &fact.concept.term);
    xml.some("DescriptiveText", fact.text.as_deref());
    xml.leaf("PolicyID", &writer.policy(fact.private, fact.key));
    code(xml, &fact.concept);
    if let Kind::Immunisation { part, batch } = &fact.kind {
        qualifiers(xml, &[("Batch number", batch.as_deref()), ("Part", *part)]);
    }
    problem(xml, fact);
    problem_links(xml, writer, fact);
}

/// `Code` and `TermID`, where there is a code.
pub(super) fn code(xml: &mut Xml, concept: &Concept) {
    let (value, scheme) = match (&concept.read_v2, &concept.snomed, &concept.local) {
        (Some(code), _, _) => (code, "READ2"),
        (None, Some(code), _) => (code, "SNOMED"),
        (None, None, Some(code)) => (code, "EMISCLINICAL"),
        (None, None, None) => return,
    };
    // A Read code is padded with dots as a code and bare as a term id.
    for (name, value) in [
        ("Code", value.as_str()),
        ("TermID", value.trim_end_matches('.')),
    ] {
        xml.open(name);
        xml.leaf("Value", value);
        xml.leaf("Scheme", scheme);
        xml.leaf("Term", &concept.term);
        mapped(xml, concept);
        xml.close(name);
    }
}

/// `MapCode` and `MapScheme`, where there is a SNOMED id.
pub(super) fn mapped(xml: &mut Xml, concept: &Concept) {
    if let Some(id) = concept.snomed.as_deref() {
        xml.leaf("MapCode", id);
        xml.leaf("MapScheme", "SNOMED");
    }
}

fn qualifiers(xml: &mut Xml, all: &[(&str, Option<&str>)]) {
    if all.iter().all(|(_, value)| value.is_none()) {
        return;
    }
    xml.open("QualifierList");
    for (group, value) in all {
        let Some(value) = value else { continue };
        xml.open("Qualifier");
        xml.open("QualifierItemID");
        xml.leaf("Term", value);
        xml.close("QualifierItemID");
        xml.open("Group");
        xml.leaf("Term", group);
        xml.close("Group");
        xml.close("Qualifier");
    }
    xml.close("QualifierList");
}

fn problem(xml: &mut Xml, fact: &Fact) {
    let Some(problem) = &fact.problem else {
        return;
    };
    xml.open("Problem");
    xml.leaf("ProblemStatus", if problem.active { "1" } else { "0" });
    xml.leaf("GroupingStatus", "0");
    if let Some((ended, at)) = problem
        .ended
        .and_then(|ended| Some((ended, padded(ended)?)))
    {
        xml.leaf("EndDate", &day(at.date()));
        xml.leaf(
            "EndDatePart",
            match ended {
                When::Day(_) => "0",
                When::Month(..) => "1",
                When::Year(_) => "2",
                When::Unknown => "3",
                When::At(_) => "4",
            },
        );
    }
    xml.leaf("ProblemType", "1");
    xml.leaf("Significance", if problem.major { "1" } else { "2" });
    xml.leaf("ExpectedDuration", "0");
    xml.close("Problem");
}

pub(super) fn problem_links(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    if fact.for_problems.is_empty() {
        return;
    }
    xml.open("ProblemLinkList");
    for key in &fact.for_problems {
        xml.open("Link");
        reference(xml, writer, "Target", Thing::Fact(*key));
        xml.leaf("LinkType", "0");
        xml.close("Link");
    }
    xml.close("ProblemLinkList");
}

fn numeric(
    xml: &mut Xml,
    comparator: Option<&str>,
    value: &str,
    unit: &str,
    range: Option<&(String, String)>,
) {
    xml.open("NumericValue");
    xml.some("Operator", comparator);
    xml.leaf("Value", value);
    xml.some("Units", Some(unit).filter(|unit| !unit.is_empty()));
    if let Some((low, high)) = range {
        let (low, high) = (
            Some(low.as_str()).filter(|low| is_decimal(low)),
            Some(high.as_str()).filter(|high| is_decimal(high)),
        );
        xml.some(
            "MinRangeOperator",
            low.filter(|_| high.is_none()).map(|_| ">"),
        );
        xml.some(
            "MaximumRangeOperator",
            high.filter(|_| low.is_none()).map(|_| "<"),
        );
        xml.some("NumericMinimum", low);
        xml.some("NumericMaximum", high);
    }
    xml.close("NumericValue");
}

/// An `Investigation`: a battery or a report, with the results that stand in it directly.
pub(super) fn investigation(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let report = writer.index.outermost(fact);
    let inside: Vec<&&Fact> = writer
        .index
        .within(fact.key)
        .iter()
        .filter(|one| super::is_event(one))
        .collect();
    let outside = inside.iter().any(|one| {
        matches!(&one.kind, Kind::Measurement { value, range, .. } if abnormal(value, range.as_ref()).is_some())
    });
    let (from_lab, specimen) = match &report.kind {
        Kind::Report { class, specimen } => (
            !matches!(class, Class::Ecg | Class::Physiology | Class::Other),
            *specimen,
        ),
        _ => (false, None),
    };
    xml.open("Investigation");
    identity(xml, writer, Thing::Fact(fact.key));
    xml.leaf("FileStatus", "0");
    xml.leaf("DisplayTerm", &fact.concept.term);
    code(xml, &fact.concept);
    xml.leaf("Abnormal", if outside { "1" } else { "0" });
    xml.leaf("DataType", if from_lab { "LAB" } else { "MAN" });
    xml.leaf("ReportID", &writer.ids.uid(Of::Fact, report.key));
    xml.some("SpecimenType", specimen);
    xml.leaf("NumberOfTests", &inside.len().to_string());
    // The schema wants a date here; of an unknown one the day of entry with the part that says so.
    let at = padded(fact.when).unwrap_or(fact.entered);
    xml.leaf("AssignedDate", &day(at.date()));
    xml.leaf(
        "DatePart",
        match fact.when {
            When::Day(_) => "0",
            When::Month(..) => "1",
            When::Year(_) => "2",
            When::Unknown => "3",
            When::At(_) => "4",
        },
    );
    xml.leaf("AssignedTime", &at.strftime("%H:%M:%S").to_string());
    xml.some("DescriptiveText", fact.text.as_deref());
    author(xml, writer, fact.staff, fact.entered);
    reference(xml, writer, "AuthorID", staff(fact.staff));
    xml.leaf("PolicyID", &writer.policy(fact.private, fact.key));
    xml.open("EventList");
    for one in inside {
        event(xml, writer, one);
    }
    xml.close("EventList");
    xml.close("Investigation");
}

/// A `Referral`.
pub(super) fn referral(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let Kind::Referral {
        speciality,
        admission,
        urgency,
    } = &fact.kind
    else {
        return;
    };
    xml.open("Referral");
    coded(xml, writer, fact);
    xml.open("Speciality");
    xml.leaf("Term", speciality);
    xml.close("Speciality");
    xml.leaf("RequestType", if *admission { "2" } else { "1" });
    // 0 routine, 1 soon, 2 urgent; there is no value for a two-week wait
    xml.leaf(
        "Urgency",
        match urgency {
            'U' | 'W' => "2",
            'S' => "1",
            _ => "0",
        },
    );
    xml.leaf("NHS", "0");
    xml.leaf("Transport", "0");
    xml.leaf("Direction", "1");
    reference(xml, writer, "SourceLocation", Thing::Practice);
    xml.leaf("ReferralMode", "E");
    xml.close("Referral");
}

/// An `Allergy`.
pub(super) fn allergy(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let Kind::Allergy { drug, substance } = &fact.kind else {
        return;
    };
    xml.open("Allergy");
    coded(xml, writer, fact);
    xml.leaf("AllergyType", if *drug { "2" } else { "0" });
    if let Some(substance) = substance {
        xml.open("Codes");
        xml.leaf(
            "Scheme",
            if *drug {
                "EMISDRUGNAME"
            } else {
                "EMISNONDRUGALLERGY"
            },
        );
        xml.leaf("Term", &substance.term);
        mapped(xml, substance);
        xml.close("Codes");
    }
    xml.close("Allergy");
}

/// An `Attachment`.
pub(super) fn attachment(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let id = writer.ids.guid(Of::Document, fact.key).to_uppercase();
    xml.open("Attachment");
    coded(xml, writer, fact);
    xml.leaf("Title", &fact.concept.term);
    xml.leaf("Address", &format!("{id}.tif"));
    xml.leaf("DDSIdentifier", &format!("{{{id}}}"));
    xml.close("Attachment");
}

/// An `Alert`.
pub(super) fn alert(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    xml.open("Alert");
    coded(xml, writer, fact);
    xml.leaf("Book", "0");
    xml.leaf("AriveSwap", "1");
    xml.close("Alert");
}
