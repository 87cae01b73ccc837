//! `event`: one per fact, one per header of a blood pressure, one per narrative.

use super::super::ids::Of;
use super::super::index::{moment, padded};
use super::super::terms::{abnormal, blood_pressure as blood_pressure_concept, is_decimal};
use super::super::xml::{Xml, at_most};
use super::{SNOMED, UNKNOWN, Writer, codings, date_part, words};
use crate::sandbox::story::{Class, Concept, Contact, Fact, Kind, When};
use jiff::civil::DateTime;

/// What stands before the body of every event.
struct Head<'a> {
    id: String,
    kind: &'static str,
    when: When,
    entered: DateTime,
    staff: usize,
    concept: Option<&'a Concept>,
    qualifiers: Vec<(&'static str, &'a str)>,
    text: Option<(&'static str, &'a str)>,
    policy: Option<&'a str>,
}

/// The event type of a fact.
pub(super) fn kind(fact: &Fact) -> &'static str {
    match &fact.kind {
        Kind::Finding | Kind::Procedure | Kind::Contraindication => "OBS",
        Kind::Measurement { .. } | Kind::TextResult(_) => "VAL",
        Kind::Report { .. } => "REP",
        Kind::Battery => "INV",
        Kind::Course { .. } => "MED",
        Kind::Issue { .. } => "ISS",
        Kind::Allergy { .. } => "ALL",
        Kind::Immunisation { .. } => "IMM",
        Kind::Referral { .. } => "REF",
        Kind::Letter { .. } => "ATT",
        Kind::FamilyHistory => "FH",
        Kind::Alert => "ALT",
    }
}

/// The event of a fact.
pub(super) fn write(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let qualifiers = match &fact.kind {
        Kind::Immunisation { part, batch } => [
            batch.as_deref().map(|batch| ("Batch number", batch)),
            part.map(|part| ("Part", part)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        _ => Vec::new(),
    };
    // An issue is of the same drug as its course.
    let concept = match &fact.kind {
        Kind::Issue { course } if codings(&fact.concept).is_empty() => writer
            .index
            .fact(*course)
            .map_or(&fact.concept, |course| &course.concept),
        _ => &fact.concept,
    };
    head(
        xml,
        writer,
        &Head {
            id: writer.ids.guid(Of::Fact, fact.key),
            kind: kind(fact),
            when: fact.when,
            entered: fact.entered,
            staff: fact.staff,
            concept: Some(concept),
            qualifiers,
            text: fact.text.as_deref().map(|text| (text_type(fact), text)),
            policy: fact.private.then(|| writer.policy(fact.key)),
        },
    );
    body(xml, writer, fact);
    xml.close("event");
}

/// The header row of a blood pressure, then its readings: mostly systolic first, sometimes not.
pub(super) fn blood_pressure(xml: &mut Xml, writer: &Writer<'_>, key: u32, readings: &[&Fact]) {
    let Some(first) = readings.first() else {
        return;
    };
    let mut readings = readings.to_vec();
    if key.is_multiple_of(3) {
        readings.reverse();
    }
    let concept = blood_pressure_concept();
    head(
        xml,
        writer,
        &Head {
            id: writer.ids.guid(Of::Together, key),
            kind: "OBS",
            when: first.when,
            entered: first.entered,
            staff: first.staff,
            concept: Some(&concept),
            qualifiers: Vec::new(),
            text: None,
            policy: readings
                .iter()
                .all(|one| one.private)
                .then(|| writer.policy(first.key)),
        },
    );
    xml.open("observation");
    children(xml, writer, &readings);
    xml.close("observation");
    xml.close("event");
    for reading in readings {
        write(xml, writer, reading);
    }
}

/// What was typed in a contact: an event of text without a code.
pub(super) fn narrative(xml: &mut Xml, writer: &Writer<'_>, contact: &Contact) {
    let Some(text) = contact.narrative.as_deref() else {
        return;
    };
    head(
        xml,
        writer,
        &Head {
            id: writer.ids.guid(Of::Narrative, contact.key),
            kind: "OBS",
            when: When::At(contact.at),
            entered: contact.at,
            staff: contact.staff,
            concept: None,
            qualifiers: Vec::new(),
            text: Some(("POST", text)),
            policy: None,
        },
    );
    xml.close("event");
}

fn text_type(fact: &Fact) -> &'static str {
    match &fact.kind {
        _ if fact.problem.is_some() => "PT",
        Kind::Report { .. } | Kind::Battery => "RC",
        Kind::TextResult(_) => "FC",
        Kind::Course { .. } | Kind::Issue { .. } => "DI",
        Kind::Alert => "UC",
        _ => "POST",
    }
}

fn head(xml: &mut Xml, writer: &Writer<'_>, head: &Head<'_>) {
    let staff = writer.staff(head.staff);
    xml.open("event");
    xml.leaf("id", &head.id);
    xml.leaf("patient", &writer.patient);
    xml.leaf("eventType", head.kind);
    date_part(xml, "effectiveTime", head.when);
    xml.leaf("availabilityTimeStamp", &moment(head.entered));
    xml.leaf("authorisingUserInRole", staff);
    xml.leaf("enteredByUserInRole", staff);
    if let Some(concept) = head.concept {
        code(xml, concept, &head.qualifiers);
        xml.leaf("displayTerm", &at_most(&concept.term, 200));
    }
    if let Some((kind, text)) = head.text {
        xml.open_with("associatedText", &[("associatedTextType", kind)]);
        xml.leaf("value", text);
        xml.close("associatedText");
    }
    xml.leaf("organisation", &writer.organisation);
    xml.some("confidentialityPolicy", head.policy);
}

fn code(xml: &mut Xml, concept: &Concept, qualifiers: &[(&str, &str)]) {
    let codings = codings(concept);
    let term = concept.term.as_str();
    let Some((&(system, main), others)) = codings.split_first() else {
        if !qualifiers.is_empty() {
            xml.open_with("code", &[("codeSystem", UNKNOWN), ("displayName", term)]);
            qualify(xml, qualifiers);
            xml.close("code");
        }
        return;
    };
    xml.open_with(
        "code",
        &[
            ("codeSystem", system),
            ("code", main),
            ("displayName", term),
        ],
    );
    qualify(xml, qualifiers);
    for (system, code) in others {
        xml.empty(
            "translation",
            &[
                ("codeSystem", system),
                ("code", code),
                ("displayName", term),
            ],
        );
    }
    xml.close("code");
}

fn qualify(xml: &mut Xml, qualifiers: &[(&str, &str)]) {
    for (name, value) in qualifiers {
        xml.open("qualifier");
        words(xml, "name", name);
        words(xml, "value", value);
        xml.close("qualifier");
    }
}

fn children(xml: &mut Xml, writer: &Writer<'_>, facts: &[&Fact]) {
    if facts.is_empty() {
        return;
    }
    xml.open("complexObservation");
    for fact in facts {
        xml.leaf("childLink", &writer.ids.guid(Of::Fact, fact.key));
    }
    xml.close("complexObservation");
}

fn body(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    match &fact.kind {
        Kind::Finding
        | Kind::Procedure
        | Kind::Contraindication
        | Kind::FamilyHistory
        | Kind::Immunisation { .. } => {
            // EMIS writes an empty body at times and none at others.
            let episode = match &fact.problem {
                _ if fact.ended => Some("END"),
                Some(_) => Some("FIRST"),
                None => None,
            };
            if let Some(episode) = episode {
                xml.open("observation");
                xml.leaf("episodicity", episode);
                xml.close("observation");
            } else if fact.key.is_multiple_of(2) {
                xml.empty("observation", &[]);
            }
        }
        Kind::Measurement {
            comparator,
            value,
            unit,
            range,
            ..
        } => {
            xml.open("observation");
            measured(xml, *comparator, value, unit, range.as_ref());
            if let Some(words) = abnormal(value, range.as_ref()) {
                xml.empty("abnormal", &[("value", "true"), ("description", words)]);
            }
            xml.close("observation");
        }
        Kind::TextResult(text) => {
            xml.open("observation");
            xml.open("value");
            xml.open("text");
            xml.leaf("value", text);
            xml.close("text");
            xml.close("value");
            xml.close("observation");
        }
        Kind::Battery => {
            xml.open("observation");
            children(xml, writer, writer.index.within(fact.key));
            xml.close("observation");
        }
        Kind::Report { class, specimen } => report(xml, writer, fact, *class, *specimen),
        Kind::Course { .. } => medication(xml, writer, fact),
        Kind::Issue { course } => issue(xml, writer, *course),
        Kind::Allergy { substance, .. } => {
            xml.open("allergy");
            if let Some(substance) = substance {
                target_drug(xml, substance);
            }
            xml.close("allergy");
        }
        Kind::Referral {
            speciality,
            admission,
            urgency,
        } => {
            xml.open("referral");
            words(xml, "speciality", speciality);
            xml.leaf("requestType", if *admission { "ADM" } else { "OUT" });
            xml.leaf(
                "urgency",
                match urgency {
                    'U' => "U",
                    'S' => "S",
                    'W' => "W",
                    _ => "R",
                },
            );
            xml.leaf("NHS", "true");
            xml.leaf("transport", "N");
            xml.leaf("direction", "OUT");
            xml.leaf("sourceOrganisation", &writer.organisation);
            xml.leaf("referralMode", "E");
            xml.close("referral");
        }
        Kind::Letter { .. } => {
            xml.open("observation");
            xml.leaf(
                "referenceDocument",
                &writer.ids.guid(Of::Document, fact.key),
            );
            xml.close("observation");
        }
        Kind::Alert => {
            xml.open("alert");
            xml.leaf("triggerBookSlot", "false");
            xml.leaf("triggerAriveSwap", "true");
            xml.leaf("showConsultation", "true");
            xml.close("alert");
        }
    }
}

fn measured(
    xml: &mut Xml,
    comparator: Option<&str>,
    value: &str,
    unit: &str,
    range: Option<&(String, String)>,
) {
    xml.open("value");
    if is_decimal(value) {
        xml.open("numeric");
        xml.some("operator", comparator);
        xml.leaf("value", value);
        xml.some("units", Some(unit).filter(|unit| !unit.is_empty()));
        if let Some(range) = range {
            reference_range(xml, range, unit);
        }
        xml.close("numeric");
    } else {
        xml.open("text");
        xml.leaf("value", value);
        xml.close("text");
    }
    xml.close("value");
}

fn reference_range(xml: &mut Xml, (low, high): &(String, String), unit: &str) {
    let bound = |xml: &mut Xml, name: &str, value: &str, operator: &str, alone: bool| {
        if value.is_empty() {
        } else if alone {
            xml.empty(name, &[("value", value), ("operator", operator)]);
        } else {
            xml.empty(name, &[("value", value)]);
        }
    };
    xml.open_with("range", &[("qualifier", "U")]);
    let numbers = [low, high]
        .into_iter()
        .filter(|one| !one.is_empty())
        .collect::<Vec<_>>();
    if !numbers.is_empty() && numbers.iter().all(|one| is_decimal(one)) {
        let alone = numbers.len() == 1;
        xml.open("numericRange");
        bound(xml, "low", low, ">", alone);
        bound(xml, "high", high, "<", alone);
        xml.close("numericRange");
    } else {
        xml.open("textRange");
        xml.some("low", Some(low.as_str()).filter(|low| !low.is_empty()));
        xml.some("high", Some(high.as_str()).filter(|high| !high.is_empty()));
        xml.close("textRange");
    }
    xml.some("units", Some(unit).filter(|unit| !unit.is_empty()));
    xml.close("range");
}

fn target_drug(xml: &mut Xml, substance: &Concept) {
    match substance.snomed.as_deref() {
        Some(id) => xml.empty(
            "targetDrug",
            &[
                ("codeSystem", SNOMED),
                ("displayName", &substance.term),
                ("code", id),
            ],
        ),
        None => words(xml, "targetDrug", &substance.term),
    }
}

fn report(
    xml: &mut Xml,
    writer: &Writer<'_>,
    fact: &Fact,
    class: Class,
    specimen: Option<&'static str>,
) {
    xml.open("report");
    if let Some(at) = padded(fact.when) {
        xml.leaf("issueDate", &at.date().to_string());
    }
    xml.leaf("receivedDate", &moment(fact.entered));
    let data_type = match class {
        Class::Biochemistry
        | Class::Haematology
        | Class::Microbiology
        | Class::Cytology
        | Class::Urinalysis => Some("PATH"),
        Class::Imaging => Some("RAD"),
        Class::Ecg | Class::Physiology | Class::Other => None,
    };
    xml.some("dataType", data_type);
    xml.leaf("reportLabId", &writer.ids.uid(Of::Fact, fact.key));
    let inside = writer.index.within(fact.key);
    if let Some(words) = specimen {
        xml.open("component");
        xml.open("specimen");
        xml.leaf("specimenType", words);
        if let Some(at) = padded(fact.when) {
            xml.leaf("sampleDateTime", &moment(at));
        }
        parts(xml, writer, inside, |xml, name, id| xml.leaf(name, id));
        xml.close("specimen");
        xml.close("component");
    } else {
        parts(xml, writer, inside, |xml, name, id| {
            xml.open("component");
            xml.leaf(name, id);
            xml.close("component");
        });
    }
    xml.close("report");
}

/// References to the batteries, then to the tests that are in none, as the schema orders them.
fn parts(
    xml: &mut Xml,
    writer: &Writer<'_>,
    inside: &[&Fact],
    mut each: impl FnMut(&mut Xml, &str, &str),
) {
    for (name, battery) in [("battery", true), ("test", false)] {
        for fact in inside {
            if matches!(fact.kind, Kind::Battery) == battery {
                each(xml, name, &writer.ids.guid(Of::Fact, fact.key));
            }
        }
    }
}

fn medication(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let Kind::Course {
        repeat,
        current,
        end,
        stopped,
        max_issues,
        review,
        ..
    } = &fact.kind
    else {
        return;
    };
    let issues = writer.index.issues(fact.key);
    xml.open("medication");
    if let Some(review) = review {
        xml.leaf("reviewDate", &review.to_string());
    }
    if let Some(end) = end.filter(|_| !stopped) {
        xml.leaf("expiryDate", &end.to_string());
    }
    prescribed(xml, &fact.kind);
    xml.leaf("durationOfIssue", &days(&fact.kind));
    xml.leaf("prescriptionType", if *repeat { "R" } else { "A" });
    // C with a cancellation was stopped; C without one ran out.
    xml.leaf("drugStatus", if *current { "A" } else { "C" });
    xml.leaf("private", "false");
    let dates = || issues.iter().filter_map(|issue| padded(issue.when));
    // Old issues are not in the record; the first one was made when the course began.
    if let Some(first) = dates()
        .chain(padded(fact.when))
        .min()
        .filter(|_| !issues.is_empty())
    {
        xml.leaf("firstIssueDate", &first.date().to_string());
    }
    if let Some(last) = dates().max() {
        xml.leaf("mostRecentIssueDate", &last.date().to_string());
    }
    xml.leaf("numberOfIssues", &issues.len().to_string());
    if let Some(most) = max_issues {
        xml.open("authorisedIssues");
        xml.leaf("authorisedDate", &fact.entered.date().to_string());
        xml.leaf("authorisingUserInRole", writer.staff(fact.staff));
        xml.leaf("enteredByUserInRole", writer.staff(fact.staff));
        xml.leaf("authorisedIssues", &most.to_string());
        xml.close("authorisedIssues");
    }
    if !issues.is_empty() {
        xml.leaf("mostRecentIssueMethod", "E");
    }
    if *stopped {
        let at = end.map_or(fact.entered, |end| end.at(0, 0, 0, 0));
        xml.open("cancellation");
        xml.leaf("id", &writer.ids.guid(Of::Document, fact.key));
        xml.leaf("cancelledByUserInRole", writer.staff(fact.staff));
        xml.leaf("cancellationDateTime", &moment(at));
        xml.close("cancellation");
    }
    xml.close("medication");
}

fn issue(xml: &mut Xml, writer: &Writer<'_>, course: u32) {
    let parent = writer.index.fact(course);
    xml.open("medicationIssue");
    if parent.is_some() {
        xml.leaf("medication", &writer.ids.guid(Of::Fact, course));
    }
    match parent.map(|parent| &parent.kind) {
        Some(kind @ Kind::Course { repeat, .. }) => {
            prescribed(xml, kind);
            xml.leaf("durationOfIssue", &days(kind));
            xml.leaf("prescriptionType", if *repeat { "R" } else { "A" });
        }
        _ => {
            // An issue whose course is not in the record (sources.md 3.9, 6).
            xml.leaf("dosage", "");
            xml.leaf("quantity", "0");
            xml.leaf("quantityUnit", "");
            xml.leaf("durationOfIssue", "0");
            xml.leaf("prescriptionType", "A");
        }
    }
    xml.leaf("estimatedNHSCost", "0");
    xml.leaf("issueMethod", "E");
    xml.leaf("private", "false");
    xml.leaf("cancelled", "false");
    xml.close("medicationIssue");
}

fn prescribed(xml: &mut Xml, kind: &Kind) {
    if let Kind::Course {
        dosage,
        quantity,
        unit,
        ..
    } = kind
    {
        xml.leaf("dosage", &at_most(dosage, 255));
        xml.leaf("quantity", &quantity.to_string());
        xml.leaf("quantityUnit", unit);
        xml.leaf("quantityRepresentation", &format!("{quantity} {unit}"));
    }
}

fn days(kind: &Kind) -> String {
    match kind {
        Kind::Course { days, .. } => days.to_string(),
        _ => "0".to_owned(),
    }
}
