//! The children of `Event`: one or more per fact.

use super::super::ids::Of;
use super::super::index::padded;
use super::super::practice::practice;
use super::super::terms::abnormal;
use super::super::xml::Xml;
use super::{Codes, Drugs, Writer, address};
use crate::sandbox::story::{Class, Concept, Fact, Kind, Problem};
use jiff::Span;
use jiff::civil::Date;

/// Is the fact a `ClinicalCode` and nothing else?
pub(super) fn is_clinical_code(fact: &Fact) -> bool {
    match &fact.kind {
        Kind::Finding
        | Kind::Procedure
        | Kind::Measurement { .. }
        | Kind::TextResult(_)
        | Kind::Battery
        | Kind::Contraindication
        | Kind::FamilyHistory
        | Kind::Allergy { drug: false, .. } => true,
        Kind::Report { class, .. } => report_type(*class).is_none(),
        _ => false,
    }
}

/// All elements of one fact.
pub(super) fn write(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    match &fact.kind {
        Kind::Course { repeat: true, .. } => repeat_template(xml, writer, fact),
        Kind::Course { .. } => medication(xml, writer, fact, fact),
        Kind::Issue { course } => {
            let course = writer.index.fact(*course).unwrap_or(fact);
            medication(xml, writer, fact, course);
        }
        Kind::Allergy { drug: true, .. } => drug_sensitivity(xml, writer, fact),
        Kind::Immunisation { part, batch } => {
            start(xml, "Vaccination", fact);
            codes(xml, writer, fact, &fact.concept);
            xml.leaf("BatchNumber", batch.as_deref().unwrap_or_default());
            xml.some("Notes", fact.text.as_deref());
            xml.leaf("Name", &fact.concept.term);
            xml.leaf("PartType", part.unwrap_or_default());
            linked(xml, writer, fact);
            xml.close("Vaccination");
        }
        Kind::Report { class, .. } if report_type(*class).is_some() => {
            report(xml, writer, fact, *class);
            if writer.index.within(fact.key).is_empty() {
                clinical_code(xml, writer, fact);
            }
        }
        Kind::Referral { speciality, .. } => {
            clinical_code(xml, writer, fact);
            letter(xml, writer, fact, &Letter::referral(speciality));
        }
        Kind::Letter { discharge } if *discharge || fact.key.is_multiple_of(2) => {
            letter(xml, writer, fact, &Letter::received(*discharge));
        }
        Kind::Letter { .. } => attachment(xml, writer, fact),
        Kind::Alert => {
            start(xml, "Reminder", fact);
            codes(xml, writer, fact, &fact.concept);
            xml.leaf("FreeText", fact.text.as_deref().unwrap_or_default());
            xml.leaf("Severity", "Normal");
            linked(xml, writer, fact);
            xml.close("Reminder");
        }
        _ => {
            // A problem is there twice at times: plain and as the header of the problem (sources.md 4.8, 1).
            if fact.problem.is_none() || has_value(fact) || fact.key.is_multiple_of(2) {
                clinical_code(xml, writer, fact);
            }
        }
    }
    if let Some(problem) = &fact.problem {
        problem_header(xml, writer, fact, problem);
    }
}

fn has_value(fact: &Fact) -> bool {
    matches!(fact.kind, Kind::Measurement { .. } | Kind::TextResult(_))
}

fn start(xml: &mut Xml, name: &str, fact: &Fact) {
    if fact.private {
        xml.open_with(name, &[("Private", "true")]);
    } else {
        xml.open(name);
    }
}

fn linked(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    for key in &fact.for_problems {
        let is_problem = writer
            .index
            .fact(*key)
            .is_some_and(|other| other.problem.is_some());
        if is_problem {
            xml.leaf("LinkedProblemUID", &writer.ids.uid(Of::Problem, *key));
        }
    }
}

/// The statement's code in the scheme asked for; in the other one where that has none; at times in both.
fn codes(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact, concept: &Concept) {
    // SystmOne's own codes begin with Y; another supplier's local id means nothing here.
    let local = concept
        .local
        .as_deref()
        .filter(|code| code.starts_with('Y'));
    let ctv3 = concept.ctv3.as_deref().or(local);
    let ctv3 = ctv3.map(|code| ("CTV3", code));
    let snomed = concept.snomed.as_deref().map(|code| ("Snomed", code));
    let (asked, other) = match writer.scheme.codes {
        Codes::Ctv3 => (ctv3, snomed),
        Codes::Snomed => (snomed, ctv3),
    };
    let both = fact.key.is_multiple_of(2);
    let all = match (asked, other) {
        (Some(asked), Some(other)) if both => vec![asked, other],
        (Some(one), _) | (None, Some(one)) => vec![one],
        (None, None) => {
            let scheme = match writer.scheme.codes {
                Codes::Ctv3 => "CTV3",
                Codes::Snomed => "Snomed",
            };
            vec![(scheme, "")]
        }
    };
    for (scheme, code) in all {
        xml.empty(
            "Code",
            &[("Code", code), ("Scheme", scheme), ("Term", &concept.term)],
        );
    }
}

fn clinical_code(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    start(xml, "ClinicalCode", fact);
    codes(xml, writer, fact, &fact.concept);
    let mut words: Vec<&str> = Vec::new();
    match &fact.kind {
        Kind::Measurement {
            comparator,
            value,
            unit,
            ..
        } => {
            // The schema has no place for a comparator; it stands before the number, so that it is not lost.
            let sign = comparator.unwrap_or_default();
            xml.leaf("Value", &format!("{sign}{value}"));
            xml.some("Units", Some(*unit).filter(|unit| !unit.is_empty()));
        }
        // Results in words are free text in SystmOne (sources.md 4.8, 16).
        Kind::TextResult(text) => words.push(text),
        _ => {}
    }
    words.extend(fact.text.as_deref());
    xml.some(
        "FreeText",
        Some(words.join(" ").as_str()).filter(|text| !text.is_empty()),
    );
    linked(xml, writer, fact);
    match fact.kind {
        Kind::Allergy { .. } => xml.empty("IsAllergy", &[]),
        Kind::FamilyHistory => xml.empty("IsFamilyHistory", &[]),
        _ => {}
    }
    xml.close("ClinicalCode");
}

fn problem_header(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact, problem: &Problem) {
    start(xml, "ClinicalCode", fact);
    codes(xml, writer, fact, &fact.concept);
    if problem.active {
        xml.leaf("Episodicity", "New");
    }
    xml.leaf("ProblemUID", &writer.ids.uid(Of::Problem, fact.key));
    xml.leaf(
        "ProblemSeverity",
        if problem.major { "Major" } else { "Minor" },
    );
    if !problem.active {
        // A problem is past by having an end; where the story does not know it, the day of entry has to do.
        let ended = problem
            .ended
            .and_then(padded)
            .unwrap_or(fact.entered)
            .date();
        xml.leaf("ProblemEndDate", &ended.to_string());
    }
    xml.some("FreeText", fact.text.as_deref());
    linked(xml, writer, fact);
    if matches!(fact.kind, Kind::Allergy { .. }) {
        xml.empty("IsAllergy", &[]);
    }
    xml.close("ClinicalCode");
}

fn day(fact: &Fact) -> Date {
    padded(fact.when).unwrap_or(fact.entered).date()
}

fn later(day: Date, days: u32) -> Date {
    day.checked_add(Span::new().days(days)).unwrap_or(day)
}

fn drug(xml: &mut Xml, writer: &Writer<'_>, concept: &Concept) {
    let (scheme, id) = match writer.scheme.drugs {
        Drugs::Dmd => ("Dmd", concept.snomed.as_deref().unwrap_or_default()),
        Drugs::Multilex => ("Multilex", ""),
    };
    xml.empty(
        "Drug",
        &[
            ("Name", &concept.term),
            ("ProductID", id),
            ("Scheme", scheme),
        ],
    );
}

/// An acute course, or an issue of a repeat.
fn medication(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact, course: &Fact) {
    let Kind::Course {
        repeat,
        dosage,
        quantity,
        unit,
        days,
        end,
        stopped,
        ..
    } = &course.kind
    else {
        return;
    };
    start(xml, "Medication", fact);
    xml.leaf("MedicationType", "NHS medication");
    drug(xml, writer, &course.concept);
    xml.leaf("Dose", dosage);
    xml.leaf("Quantity", &format!("{quantity} {unit}"));
    let start_day = day(fact);
    xml.leaf("StartDate", &start_day.to_string());
    let is_course = fact.key == course.key;
    let end_day = end
        .filter(|_| is_course)
        .unwrap_or_else(|| later(start_day, *days));
    xml.leaf("EndDate", &end_day.to_string());
    xml.leaf(
        "EndReason",
        if *stopped && is_course {
            "Side Effect"
        } else {
            ""
        },
    );
    if *repeat {
        xml.empty("RepeatIssue", &[]);
    }
    linked(xml, writer, fact);
    xml.close("Medication");
}

fn repeat_template(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    let Kind::Course {
        dosage,
        quantity,
        unit,
        days,
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
    start(xml, "RepeatMedication", fact);
    drug(xml, writer, &fact.concept);
    xml.leaf("Dose", dosage);
    xml.leaf("Quantity", &format!("{quantity} {unit}"));
    xml.leaf("StartDate", &day(fact).to_string());
    // A template without an end is current, so one that is not must have an end.
    let last = writer
        .index
        .issues(fact.key)
        .last()
        .map_or(day(fact), |one| day(one));
    let ended = end.or((!current).then(|| later(last, *days)));
    if let Some(ended) = ended {
        xml.leaf("EndDate", &ended.to_string());
        // With a reason it was stopped, without one it ran its course (sources.md 4.8, 6).
        xml.leaf("EndReason", if *stopped { "Side Effect" } else { "" });
    }
    if let Some(most) = max_issues {
        xml.leaf("MaxIssues", &most.to_string());
    }
    if let Some(review) = review {
        xml.leaf("ReviewDate", &review.to_string());
    }
    xml.leaf("IssueDurationDays", &days.to_string());
    xml.leaf("MedicationType", "NHS medication");
    linked(xml, writer, fact);
    xml.close("RepeatMedication");
}

fn drug_sensitivity(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    start(xml, "DrugSensitivity", fact);
    codes(xml, writer, fact, &fact.concept);
    xml.leaf("Type", "Drug");
    if let Kind::Allergy {
        substance: Some(substance),
        ..
    } = &fact.kind
    {
        drug(xml, writer, substance);
    }
    xml.some("FreeText", fact.text.as_deref());
    linked(xml, writer, fact);
    xml.close("DrugSensitivity");
}

/// The `Type` of a report; classes that SystmOne keeps as coded entries have none.
fn report_type(class: Class) -> Option<&'static str> {
    match class {
        Class::Biochemistry | Class::Haematology | Class::Microbiology | Class::Cytology => {
            Some("Pathology")
        }
        Class::Imaging => Some("Radiology"),
        Class::Ecg | Class::Physiology | Class::Urinalysis | Class::Other => None,
    }
}

fn report(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact, class: Class) {
    let inside = writer.index.within(fact.key);
    let batteries: Vec<&str> = inside
        .iter()
        .filter(|one| matches!(one.kind, Kind::Battery))
        .map(|one| one.concept.term.as_str())
        .collect();
    let headers = if batteries.is_empty() {
        fact.concept.term.clone()
    } else {
        batteries.join(", ")
    };
    let results = inside
        .iter()
        .flat_map(|one| writer.index.within(one.key))
        .chain(inside);
    let (mut ranged, mut outside) = (false, false);
    for result in results {
        if let Kind::Measurement { value, range, .. } = &result.kind {
            ranged |= range.is_some();
            outside |= abnormal(value, range.as_ref()).is_some();
        }
    }
    start(xml, "Report", fact);
    xml.leaf("BatteryHeaders", &headers);
    xml.leaf("IssueDate", &day(fact).to_string());
    xml.leaf(
        "Result",
        match (outside, ranged) {
            (true, _) => "Abnormal",
            (false, true) => "Normal",
            (false, false) => "Unknown",
        },
    );
    xml.some("Comments", fact.text.as_deref());
    xml.leaf("CollectionDate", &day(fact).to_string());
    xml.leaf("Type", report_type(class).unwrap_or("Pathology"));
    xml.open("FollowUpActions");
    xml.open("FollowUpAction");
    xml.leaf("Action", "No Further Action");
    xml.close("FollowUpAction");
    xml.close("FollowUpActions");
    linked(xml, writer, fact);
    xml.close("Report");
}

/// A letter, in or out.
struct Letter<'a> {
    recipient: Option<&'a str>,
    sender: Option<&'a str>,
    kind: &'static str,
    direction: &'static str,
    coded: bool,
}

impl<'a> Letter<'a> {
    const fn referral(speciality: &'a str) -> Self {
        Self {
            recipient: Some(speciality),
            sender: None,
            kind: "Referral letter",
            direction: "Outgoing",
            coded: false,
        }
    }

    const fn received(discharge: bool) -> Self {
        Self {
            recipient: None,
            sender: Some("Sandbox University Hospitals"),
            kind: if discharge {
                "Discharge summary"
            } else {
                "Clinical letter"
            },
            direction: "Incoming",
            coded: true,
        }
    }
}

fn letter(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact, about: &Letter<'_>) {
    let here = practice(writer.index.person.practice);
    let ours = [here.street, "", here.town, here.county, here.postcode];
    let theirs = ["Hospital Close", "", "Leicester", "", "ZZ99 3VZ"];
    let (to, from) = if about.direction == "Outgoing" {
        (theirs, ours)
    } else {
        (ours, theirs)
    };
    start(xml, "Letter", fact);
    if about.coded {
        codes(xml, writer, fact, &fact.concept);
    }
    xml.leaf(
        "RecipientOrganisation",
        about.recipient.unwrap_or(here.name),
    );
    address(xml, "RecipientAddress", to);
    xml.leaf("SenderOrganisation", about.sender.unwrap_or(here.name));
    address(xml, "SenderAddress", from);
    xml.leaf("DocumentUid", &writer.ids.uid(Of::Document, fact.key));
    xml.leaf("Type", about.kind);
    xml.leaf("Direction", about.direction);
    xml.leaf("DateSentReceived", &day(fact).to_string());
    linked(xml, writer, fact);
    xml.close("Letter");
}

fn attachment(xml: &mut Xml, writer: &Writer<'_>, fact: &Fact) {
    start(xml, "Attachment", fact);
    codes(xml, writer, fact, &fact.concept);
    let uid = writer.ids.uid(Of::Document, fact.key);
    xml.leaf("FileName", &format!("{uid}.tif"));
    xml.leaf("FileSize", "0 bytes");
    xml.leaf("DocumentUID", &uid);
    xml.leaf("Comments", fact.text.as_deref().unwrap_or_default());
    linked(xml, writer, fact);
    xml.close("Attachment");
}
