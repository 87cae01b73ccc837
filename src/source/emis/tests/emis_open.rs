//! EMIS Open: what the public sample does not have.

use super::{entry, fixture_open, losses, parse, reasons};
use crate::record::{
    Body, Comparator, CourseStatus, GpRecord, ProblemStatus, Registration, Restriction,
    Significance, Value, system,
};

fn record() -> GpRecord {
    parse(fixture_open())
}

fn with(from: &str, to: &str) -> GpRecord {
    assert!(fixture_open().contains(from), "{from}");
    parse(&fixture_open().replacen(from, to, 1))
}

#[test]
fn links_by_ref_id_are_resolved() {
    let record = record();
    let gp = &record.staff[0];
    assert_eq!(gp.gmc.as_deref(), Some("3312182"));
    assert_eq!(record.patient.usual_gp.as_ref(), Some(&gp.id));
    assert_eq!(entry(&record, "0010").clinician.as_ref(), Some(&gp.id));
    assert_eq!(record.encounters[0].clinician.as_ref(), Some(&gp.id));
    assert_eq!(
        record.encounters[0].organisation.as_ref(),
        Some(&record.organisations[0].id)
    );
    assert_eq!(
        record.encounters[0].location_type.as_deref(),
        Some("GP Surgery")
    );
    assert_eq!(
        record.patient.organisation.as_ref(),
        Some(&record.organisations[0].id)
    );
    assert_eq!(
        entry(&record, "0015").linked_problems,
        [entry(&record, "0013").id.clone()]
    );
    assert!(
        !record.losses.iter().any(|l| l.reason == "unknown-element"),
        "{:?}",
        record.losses
    );
}

// EMIS pitfalls 8, 9 and 10
#[test]
fn p08_p09_p10_readings() {
    let record = record();
    let Body::Observation(diastolic) = &entry(&record, "0010").body else {
        panic!()
    };
    let Body::Observation(systolic) = &entry(&record, "0011").body else {
        panic!()
    };
    assert_eq!(diastolic.group_key, systolic.group_key);
    assert!(systolic.group_key.is_some());
    let Some(Value::Quantity(q)) = &systolic.value else {
        panic!()
    };
    assert_eq!(q.comparator, Some(Comparator::LessOrEqual));
    assert_eq!(
        systolic.ranges[0].low, None,
        "a minimum with the sign < is a maximum"
    );
    assert_eq!(
        systolic.ranges[0].high.as_ref().map(|q| q.value.as_str()),
        Some("150")
    );
    assert_eq!(systolic.abnormal, Some((true, None)));
    assert_eq!(diastolic.abnormal, None);
    assert_eq!(
        entry(&record, "0010").date.to_fhir().as_deref(),
        Some("2024-02-01T09:30:00+00:00")
    );
}

// sources.md 3.6: -1 is none, a listed id is known, another restricts all the same; both spellings
#[test]
fn policies() {
    let record = record();
    let of = |id: &str| entry(&record, id).restrictions.clone();
    assert!(of("0010").is_empty());
    assert_eq!(
        of("0011"),
        [Restriction::Policy {
            id: "9".to_owned(),
            known: true
        }]
    );
    assert_eq!(
        of("0013"),
        [Restriction::Policy {
            id: "77".to_owned(),
            known: false
        }]
    );
    assert_eq!(
        record.encounters[0].restrictions,
        [Restriction::Policy {
            id: "9".to_owned(),
            known: true
        }]
    );
    assert!(!record.standing.restricted);
    assert!(
        with(
            "<PolicyId>-1</PolicyId></Registration>",
            "<PolicyId>3</PolicyId></Registration>"
        )
        .standing
        .restricted
    );
    let both = with(
        "<PolicyId>-1</PolicyId></Medication>",
        "<PolicyID>-1</PolicyID><PolicyId>x</PolicyId></Medication>",
    );
    assert_eq!(
        entry(&both, "0050").restrictions.len(),
        1,
        "unreadable is restricted"
    );
}

#[test]
fn deleted_and_reference_only_items() {
    let record = record();
    assert_eq!(losses(&record, "0012"), ["deleted"]);
    let shown = format!("{:?}{:?}", record.entries, record.losses);
    assert!(!shown.contains("SECRET"));
    // the consultation refers to the problem; the event itself has the content
    let asthma = entry(&record, "0013");
    assert!(asthma.problem.is_some());
    assert_eq!(
        record.entries.iter().filter(|e| e.id == asthma.id).count(),
        1
    );
    assert!(record.losses.iter().any(|l| l.reason == "reference-only"));
    assert_eq!(
        record
            .losses
            .iter()
            .filter(|l| l.path.ends_with("ConsultationElement") && l.reason == "deleted")
            .count(),
        1
    );
}

// EMIS pitfall 4
#[test]
fn p04_problem_block() {
    let record = record();
    let problem = entry(&record, "0013").problem.clone().unwrap();
    assert_eq!(
        (problem.status, problem.significance),
        (ProblemStatus::Past, Some(Significance::Minor))
    );
    assert_eq!(
        problem.end.and_then(|d| d.to_fhir()).as_deref(),
        Some("1999-05")
    );
    assert_eq!(problem.expected_days, Some(14));
    assert_eq!(
        entry(&record, "0013").date.to_fhir().as_deref(),
        Some("1980")
    );
    let (name, value) = &entry(&record, "0013").qualifiers[0];
    assert_eq!(
        (name.text.as_deref(), value.text.as_deref()),
        (Some("Laterality"), Some("Right"))
    );
}

#[test]
fn batteries_in_and_out_of_consultations() {
    let record = record();
    let (battery, sodium) = (entry(&record, "0021"), entry(&record, "0022"));
    assert_eq!(battery.category.as_deref(), Some("Result"));
    assert_eq!(sodium.parent.as_ref(), Some(&battery.id));
    assert_eq!(sodium.encounter.as_ref(), Some(&record.encounters[0].id));
    let Body::Observation(o) = &sodium.body else {
        panic!()
    };
    assert_eq!(
        o.ranges[0].low.as_ref().map(|q| q.comparator),
        Some(None),
        "two bounds are inclusive"
    );
}

// EMIS pitfall 13
#[test]
fn p13_a_report_and_what_was_filed_of_it_are_one() {
    let record = record();
    let header = entry(&record, "0070");
    let Body::Report(report) = &header.body else {
        panic!()
    };
    assert_eq!(
        (report.kind.as_deref(), report.verdict.as_deref()),
        (Some("PATH"), Some("Normal"))
    );
    assert_eq!(
        report
            .collected
            .as_ref()
            .and_then(|d| d.to_fhir())
            .as_deref(),
        Some("2024-02-02T08:00:00+00:00")
    );
    assert_eq!(
        header.date.to_fhir().as_deref(),
        Some("2024-02-03T16:00:00+00:00")
    );
    // creatinine was filed: the filed battery is the report's, the sent one is not shown again
    assert_eq!(entry(&record, "0030").parent.as_ref(), Some(&header.id));
    assert_eq!(losses(&record, "0072"), ["duplicate"]);
    assert_eq!(losses(&record, "0073"), ["duplicate"]);
    // sodium was not: shown as sent, without the battery that is only there for the form
    let sodium = entry(&record, "0075");
    assert_eq!(sodium.parent.as_ref(), Some(&header.id));
    assert!(!record.entries.iter().any(|e| e.id.ends_with("0074")));
    let Body::Observation(o) = &sodium.body else {
        panic!()
    };
    let Some(Value::Quantity(q)) = &o.value else {
        panic!()
    };
    assert_eq!(q.comparator, Some(Comparator::GreaterOrEqual));
    assert_eq!(
        o.ranges[0].high.as_ref().and_then(|q| q.comparator),
        Some(Comparator::Less),
        "one bound is exclusive"
    );
    assert_eq!(o.ranges[1].text.as_deref(), Some("low to high"));
    assert_eq!(
        (o.abnormal.clone(), o.status.as_deref()),
        (Some((true, Some("HI".to_owned()))), Some("IN"))
    );
}

// EMIS pitfalls 6 and 7
#[test]
fn p06_p07_courses_and_issues() {
    let record = record();
    let Body::Medication(past) = &entry(&record, "0050").body else {
        panic!()
    };
    assert_eq!(past.status, CourseStatus::Completed);
    assert_eq!(
        past.end.as_ref().and_then(|d| d.to_fhir()).as_deref(),
        Some("2023-03-01")
    );
    assert_eq!(past.quantity_text.as_deref(), Some("28 tablet"));
    let code = &entry(&record, "0050").code;
    assert_eq!(code.in_system(system::EMIS_DRUG), Some("IBGE189NEMIS"));
    assert_eq!(code.in_system(system::SNOMED), Some("330274004"));
    assert_eq!(code.codings.len(), 2, "-1 is no code");
    let Body::Medication(expired) = &entry(&record, "0051").body else {
        panic!()
    };
    assert_eq!(
        expired.status,
        CourseStatus::Active,
        "past its expiry date and still authorised"
    );
    assert_eq!(
        entry(&record, "0051").code.text.as_deref(),
        Some("Mixture of two creams")
    );
    let Body::Issue(issue) = &entry(&record, "0052").body else {
        panic!()
    };
    assert_eq!(
        issue.course.as_ref(),
        Some(&entry(&record, "0050").id),
        "MedicationLink before OldGUID"
    );
    let Body::Issue(lone) = &entry(&record, "0053").body else {
        panic!()
    };
    assert_eq!(lone.course, None);
}

#[test]
fn the_other_lists() {
    let record = record();
    assert!(
        matches!(&entry(&record, "0040").body, Body::Allergy(a) if a.to_drug == Some(true) && a.substance.is_some())
    );
    assert!(
        matches!(&entry(&record, "0014").body, Body::Immunisation(i) if i.batch.as_deref() == Some("AB123"))
    );
    assert!(matches!(entry(&record, "0060").body, Body::Diary));
    let request = entry(&record, "0082");
    assert!(matches!(request.body, Body::TestRequest));
    assert_eq!(request.encounter.as_ref(), Some(&record.encounters[0].id));
    assert_eq!(request.date.to_fhir().as_deref(), Some("2024-02-01"));
    assert_eq!(reasons(&record, "NoteList/Note"), ["free-text"]);
    assert_eq!(
        reasons(&record, "AppointmentList/Appointment"),
        ["administrative"]
    );
}

// R001
#[test]
fn registrations() {
    assert_eq!(record().standing.registration, Registration::Full);
    let of = |from: &str, to: &str| with(from, to).standing.registration;
    assert_eq!(
        of("<PatientType><Value>4", "<PatientType><Value>5"),
        Registration::Temporary
    );
    assert_eq!(
        of(
            "<Code><Value>8</Value></Code><StatusDate>",
            "<Code><Value>24</Value></Code><StatusDate>"
        ),
        Registration::Ended
    );
    assert_eq!(
        of("<ScreenMessage>", "<Dead>1</Dead><ScreenMessage>"),
        Registration::Ended
    );
    assert_eq!(
        of(
            "<ScreenMessage>",
            "<DateOfDeath>01/01/2020</DateOfDeath><ScreenMessage>"
        ),
        Registration::Ended
    );
    assert_eq!(
        of(
            "<ScreenMessage>",
            "<DeductedDate>01/01/2020</DeductedDate><ScreenMessage>"
        ),
        Registration::Ended
    );
    assert_eq!(
        of(
            "<ScreenMessage>",
            "<DeductedDate>01/01/2000</DeductedDate><ScreenMessage>"
        ),
        Registration::Full,
        "came back"
    );
    assert_eq!(
        of(
            "</CurrentStatus>",
            "<PracticeRegistered>0</PracticeRegistered></CurrentStatus>"
        ),
        Registration::Ended
    );
}

#[test]
fn only_whole_records_of_a_patient_are_taken() {
    let practice = crate::record::OdsCode("Z99001".to_owned());
    let refused = |from: &str, to: &str| {
        let text = fixture_open().replacen(from, to, 1);
        crate::source::emis::read(text.as_bytes(), &practice)
            .unwrap_err()
            .to_string()
    };
    assert!(refused("<MRGetType>1", "<MRGetType>2").contains("whole record"));
    assert!(refused("<NhsNumber>999 000 0018</NhsNumber>", "").contains("no patient"));
    let error = "<MessagingError><ErrorString>SECRET</ErrorString><Errornumber>17</Errornumber></MessagingError></MessageInformation>";
    let text = refused("</MessageInformation>", error);
    assert!(text.contains("17") && !text.contains("SECRET"), "{text}");
}
