//! SystmOne pitfalls (sources.md 4.8), each by its number, and the real sample.

use std::path::PathBuf;

use super::*;
use crate::record::{
    Body, CourseStatus, PartialDate, ProblemStatus, Registration, Restriction, Sharing,
    Significance, Value, system,
};

fn practice() -> OdsCode {
    OdsCode("Z99002".to_owned())
}

fn with_events(events: &str) -> GpRecord {
    let xml = format!(
        "<ClientIntegrationResponse><RequestUID>u</RequestUID><Function>GetPatientRecord</Function><Response>\
         <Identity><NHSNumber>9990000387</NHSNumber></Identity><Demographics><Surname>Oakham</Surname>\
         <DateOfBirth>1962-11-02</DateOfBirth><Sex>F</Sex><RegistrationType>GMS</RegistrationType></Demographics>\
         <RecordSharing><SharingOut>Implied</SharingOut></RecordSharing><Clinical>{events}</Clinical></Response>\
         </ClientIntegrationResponse>"
    );
    read(xml.as_bytes(), &practice()).unwrap()
}

fn event(inner: &str) -> GpRecord {
    with_events(&format!(
        r#"<Event DateTime="2024-05-01T10:15:00" DoneAt="Surgery" DoneBy="PEVERELL, Colin (General Medical Practitioner) " EventUID="aa00" UserName="cp1" Method="Telephone">{inner}</Event>"#
    ))
}

fn code(inner: &str) -> String {
    format!(
        r#"<ClinicalCode><Code Scheme="CTV3" Code="X3003" Term="Gastro-oesophageal reflux disease"/>{inner}</ClinicalCode>"#
    )
}

fn sample() -> Option<Vec<u8>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find the third-party samples by the environment"
    )]
    let shared = std::env::var("OPENMIG_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let read = std::fs::read(shared.join("data/samples/systmone/GetPatientRecord-full.xml")).ok();
    if read.is_none() {
        println!("the third-party sample is not here: nothing to read");
    }
    read
}

#[test]
fn real_sample_is_read_whole() {
    let Some(bytes) = sample() else { return };
    let record = read(&bytes, &practice()).unwrap();
    assert_eq!(record.standing.registration, Registration::Full);
    assert_eq!(
        record.standing.since,
        Some(jiff::civil::date(2015, 6, 10)),
        "R007"
    );
    assert_eq!(record.standing.sharing, Sharing::Unknown);
    assert_eq!(record.patient.surname.as_deref(), Some("Abbot"));
    let problems: Vec<_> = record
        .entries
        .iter()
        .filter_map(|e| e.problem.as_ref())
        .collect();
    assert_eq!(problems.len(), 6, "six problem headers");
    assert_eq!(
        problems
            .iter()
            .filter(|p| p.status == ProblemStatus::UntilEnd)
            .count(),
        1
    );
    assert_eq!(
        problems
            .iter()
            .filter(|p| p.significance == Some(Significance::Minor))
            .count(),
        1
    );
    let courses: Vec<_> = record
        .entries
        .iter()
        .filter_map(|e| {
            if let Body::Medication(m) = &e.body {
                Some(m)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(courses.len(), 2, "two acute courses");
    // 7: an empty EndReason is no reason
    assert!(
        courses
            .iter()
            .all(|m| m.stopped.is_none() && m.status == CourseStatus::Unknown && m.end.is_some())
    );
    assert_eq!(
        record
            .entries
            .iter()
            .filter(|e| matches!(e.body, Body::Document(_)))
            .count(),
        1
    );
    // 1: GORD stands twice in the first event
    assert_eq!(
        record
            .losses
            .iter()
            .filter(|l| l.reason == "merged-duplicate")
            .count(),
        1
    );
    assert_eq!(
        record
            .losses
            .iter()
            .filter(|l| l.path.ends_with("/Task"))
            .count(),
        2
    );
    // 14, R032: no word of a narrative is anywhere in the record
    let everything = format!("{record:?}");
    assert!(!everything.contains("vmhosmoxcozj") && !everything.contains("wfzbagignwmn"));
    assert!(
        record.losses.iter().all(|l| l.reason != "unknown-element"),
        "{:?}",
        record.losses
    );
}

// SystmOne pitfall 1
#[test]
fn same_code_plain_and_as_problem_is_one_entry() {
    let record = event(&format!(
        "{}{}",
        code(""),
        code("<ProblemUID>ed58</ProblemUID><ProblemSeverity>Major</ProblemSeverity>")
    ));
    assert_eq!(record.entries.len(), 1);
    assert_eq!(
        record.entries[0].problem.as_ref().unwrap().significance,
        Some(Significance::Major)
    );
    let apart = event(&format!(
        r#"{}<ClinicalCode Private="true"><Code Scheme="CTV3" Code="X3003" Term="Gastro-oesophageal reflux disease"/><ProblemUID>e</ProblemUID></ClinicalCode>"#,
        code("")
    ));
    assert_eq!(
        apart.entries.len(),
        2,
        "never across differing restrictions"
    );
}

// SystmOne pitfall 2: links name the problem, wherever it was recorded; a link to what is not here is dropped and counted
#[test]
fn links_point_at_the_problem_entry() {
    let record = event(&format!(
        "{}<Medication><Drug Scheme='Dmd' ProductID='317896006' Name='Omeprazole'/><StartDate>2024-05-01</StartDate><LinkedProblemUID>ed58</LinkedProblemUID><LinkedProblemUID>nowhere</LinkedProblemUID></Medication>",
        code("<ProblemUID>ed58</ProblemUID>")
    ));
    assert_eq!(
        record.entries[1].linked_problems,
        vec![record.entries[0].id.clone()]
    );
    assert!(record.losses.iter().any(|l| l.reason == "link-to-nothing"));
}

// SystmOne pitfalls 3 and 4: only an absent element is no value; a missing unit stays missing
#[test]
fn zero_is_a_value_and_units_are_not_guessed() {
    let record = event(&code("<Value>0</Value>"));
    let Body::Observation(observation) = &record.entries[0].body else {
        unreachable!()
    };
    let Some(Value::Quantity(quantity)) = &observation.value else {
        unreachable!()
    };
    assert_eq!((quantity.value.as_str(), &quantity.unit), ("0", &None));
}

// SystmOne pitfall 6: an end before its start is dropped and counted, the course has still ended
#[test]
fn end_before_start_is_repaired_and_counted() {
    let record = event(
        "<Medication><MedicationType>NHS medication</MedicationType><Drug Scheme='Multilex' ProductID='1' Name='x'/><StartDate>2024-05-01</StartDate><EndDate>2024-04-01</EndDate><EndReason/></Medication>",
    );
    let Body::Medication(course) = &record.entries[0].body else {
        unreachable!()
    };
    assert_eq!(
        (course.status, &course.end),
        (CourseStatus::Completed, &None)
    );
    assert!(record.losses.iter().any(|l| l.reason == "end-before-start"));
}

// SystmOne pitfalls 3 and 17: a sensitivity is what was recorded, to the drug beside it; -1 is no product
#[test]
fn sensitivity_keeps_code_and_drug_apart() {
    let record = event(
        "<DrugSensitivity><Code Scheme='CTV3' Code='XaIIk' Term='Allergy to penicillin'/><Drug Scheme='Dmd' ProductID='-1' Name='Amoxicillin'/><Type>Drug</Type></DrugSensitivity>",
    );
    assert_eq!(
        record.entries[0].code.text.as_deref(),
        Some("Allergy to penicillin")
    );
    let Body::Allergy(allergy) = &record.entries[0].body else {
        unreachable!()
    };
    let substance = allergy.substance.as_ref().unwrap();
    assert_eq!(substance.text.as_deref(), Some("Amoxicillin"));
    assert!(substance.codings.is_empty());
}

// SystmOne pitfall 11: local codes keep their own system
#[test]
fn local_codes_are_kept_apart() {
    let record = event(
        r#"<ClinicalCode><Code Scheme="CTV3" Code="Y1234" Term="Local thing"/></ClinicalCode>"#,
    );
    assert_eq!(record.entries[0].code.codings[0].system, system::TPP_LOCAL);
}

// SystmOne pitfall 12
#[test]
fn done_by_is_free_text_with_a_role() {
    let record = event(&code(""));
    assert_eq!(record.staff[0].name, "PEVERELL, Colin");
    assert_eq!(
        record.staff[0].role.as_deref(),
        Some("General Medical Practitioner")
    );
    assert_eq!(record.entries[0].clinician.as_deref(), Some("cp1"));
}

// SystmOne pitfall 16: results belong to the report of their event
#[test]
fn results_hang_off_the_one_report_of_their_event() {
    let record = event(&format!(
        "{}<Report><BatteryHeaders>FBC</BatteryHeaders><IssueDate>2024-05-02</IssueDate><Type>Pathology</Type><Result>Normal</Result><Comments>words</Comments></Report>",
        code("<Value>5.1</Value><Units>mmol/L</Units>")
    ));
    let report = record
        .entries
        .iter()
        .find(|e| matches!(e.body, Body::Report(_)))
        .unwrap();
    let result = record
        .entries
        .iter()
        .find(|e| matches!(e.body, Body::Observation(_)))
        .unwrap();
    assert_eq!(result.parent.as_ref(), Some(&report.id));
    assert!(
        record
            .losses
            .iter()
            .any(|l| l.path.ends_with("Report/Comments") && l.reason == "free-text")
    );
}

// SystmOne pitfall 21: what is not known is skipped and counted
#[test]
fn unknown_elements_are_counted() {
    let record = event(&format!(
        "{}<Hologram><A>1</A></Hologram>",
        code("<IsNumeric>1</IsNumeric>")
    ));
    let unknown: Vec<_> = record
        .losses
        .iter()
        .filter(|l| l.reason == "unknown-element")
        .map(|l| &*l.path)
        .collect();
    assert_eq!(
        unknown,
        [
            "Response/Clinical/Event/Hologram",
            "Response/Clinical/Event/ClinicalCode/IsNumeric"
        ]
    );
}

// R043: the private mark of an event or of a child is a restriction, and removing private siblings moves no id
#[test]
fn private_marks_restrict_and_leave_ids_alone() {
    let private = r#"<ClinicalCode Private="true"><Code Scheme="CTV3" Code="X3003" Term="Gastro-oesophageal reflux disease"/><Value>1</Value></ClinicalCode>"#;
    let plain = code("<Value>2</Value>");
    let with = event(&format!("{private}{plain}"));
    let without = event(&plain);
    let visible: Vec<_> = with
        .entries
        .iter()
        .filter(|e| e.restrictions.is_empty())
        .map(|e| &e.id)
        .collect();
    assert_eq!(
        visible,
        without.entries.iter().map(|e| &e.id).collect::<Vec<_>>()
    );
    let whole = with_events(&format!(
        r#"<Event DateTime="2024-05-01T10:15:00" EventUID="bb" Private="true">{plain}</Event>"#
    ));
    assert_eq!(whole.entries[0].restrictions, [Restriction::Private]);
    assert_eq!(whole.encounters[0].restrictions, [Restriction::Private]);
}

#[test]
fn events_of_words_alone_are_no_encounter() {
    let words = "<Narrative><Line>H: words</Line></Narrative>";
    let record = with_events(&format!(r#"<Event EventUID="aa00">{words}</Event>"#));
    assert!(record.encounters.is_empty() && record.entries.is_empty());
    let record = event(words);
    assert!(record.entries.is_empty());
    let contact = &record.encounters[0];
    assert!(!contact.only_holds && !contact.implied, "a telephone call");
    assert_eq!(
        record
            .losses
            .iter()
            .filter(|l| l.reason == "free-text")
            .count(),
        1
    );
}

// SystmOne pitfall 10: no precision is made up, and none is thrown away
#[test]
fn midnight_is_a_day() {
    let record = with_events(&format!(
        r#"<Event DateTime="2024-05-01T00:00:00" EventUID="cc">{}</Event>"#,
        code("")
    ));
    assert!(matches!(record.entries[0].date, PartialDate::Day(_)));
}

#[test]
fn errors_are_refusals_or_faults() {
    let answer = |code: &str| {
        let xml = format!(
            "<ClientIntegrationResponse><Response><Error><Code>{code}</Code></Error></Response></ClientIntegrationResponse>"
        );
        super::record::read(xml.as_bytes(), &practice())
            .unwrap()
            .said
    };
    assert!(matches!(
        answer("SharingOutDissent"),
        Said::Refused(crate::source::SourceRefusal::Dissent)
    ));
    assert!(matches!(
        answer("NoSuchPatient"),
        Said::Refused(crate::source::SourceRefusal::NoSuchPatient)
    ));
    assert!(matches!(answer("Out &lt;of&gt; cheese"), Said::Fault(code) if code == "Outofcheese"));
}

// Bad input: cut short anywhere, it is an error, never a panic and never half a record
#[test]
fn truncated_answers_are_refused() {
    let Some(bytes) = sample() else { return };
    for cut in (0..bytes.len() - 30).step_by(997) {
        assert!(read(&bytes[..cut], &practice()).is_err(), "cut at {cut}");
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_values_never_panic(value in "\\PC{0,40}", day in "[0-9T:-]{0,20}") {
        let text = quick_xml::escape::escape(value.as_str()).into_owned();
        let _ = event(&format!("<ClinicalCode><Code Scheme='CTV3' Code='{text}' Term='{text}'/><Value>{text}</Value><ProblemEndDate>{day}</ProblemEndDate></ClinicalCode>"));
    }
}

// sources.md 4.7: an event is a contact by how the patient was met, or by what somebody wrote around its statements
#[test]
fn an_event_is_a_contact_only_where_it_says_so() {
    let of = |attributes: &str, inner: &str| {
        let record = with_events(&format!(
            r#"<Event EventUID="aa" DateTime="2024-05-01T10:15:00" {attributes}>{inner}</Event>"#
        ));
        assert_eq!(record.encounters.len(), 1);
        assert_eq!(
            record.entries[0].encounter.as_deref(),
            Some(record.encounters[0].id.as_str())
        );
        record.encounters.into_iter().next().unwrap()
    };
    let narrative = "<Narrative><Line>seen</Line></Narrative>";
    assert!(of("", &code("")).only_holds);
    assert!(!of("", &format!("{narrative}{}", code(""))).only_holds);
    let seen = of(r#"Method="Face to face""#, &code(""));
    assert!(!seen.only_holds && seen.implied);
}

// A home visit that took place is a contact; one that was booked or cancelled is none
#[test]
fn only_a_finished_visit_is_a_contact() {
    let visit = |status: &str| {
        let xml = format!(
            "<ClientIntegrationResponse><Response><NonClinical><Visit><DateTime>2024-05-01T10:15:00</DateTime>\
             <Duration>20</Duration><Comments>words</Comments><UserName>cp1</UserName><Status>{status}</Status>\
             <VisitUID>v1</VisitUID></Visit></NonClinical></Response></ClientIntegrationResponse>"
        );
        read(xml.as_bytes(), &practice()).unwrap()
    };
    let finished = visit("Finished");
    assert_eq!(finished.encounters[0].method.as_deref(), Some("Home visit"));
    assert!(!finished.encounters[0].implied);
    let reasons: Vec<&str> = finished.losses.iter().map(|l| l.reason).collect();
    assert_eq!(reasons, ["no-place", "free-text"]);
    assert!(visit("Cancelled by Patient").encounters.is_empty());
}

// A problem's end is a day: whether it has come, mapping decides (a future end is no past problem)
#[test]
fn an_end_leaves_the_state_of_a_problem_to_the_day() {
    let ended = "<ProblemUID>e</ProblemUID><ProblemEndDate>2031-01-01</ProblemEndDate>";
    let record = event(&code(ended));
    let problem = record.entries[0].problem.as_ref().unwrap();
    assert_eq!(problem.status, ProblemStatus::UntilEnd);
    let record = event(&code("<ProblemUID>e</ProblemUID><ProblemEndDate/>"));
    let problem = record.entries[0].problem.as_ref().unwrap();
    assert_eq!(problem.status, ProblemStatus::Active, "re-activated");
}

// The end of a problem is not the end of an allergy
#[test]
fn an_allergy_outlasts_its_problem() {
    let record = event(&code(
        "<ProblemUID>e</ProblemUID><ProblemEndDate>2024-06-01</ProblemEndDate><IsAllergy/>",
    ));
    assert!(matches!(&record.entries[0].body, Body::Allergy(a) if a.end.is_none()));
}

// docs/adapter-spec.md, ids: two readings of one code keep theirs when the first is taken away
#[test]
fn an_id_does_not_move_when_an_earlier_reading_of_the_code_goes() {
    let (first, second) = (code("<Value>1</Value>"), code("<Value>2</Value>"));
    let both = event(&format!("{first}{second}"));
    let one = event(&second);
    assert_eq!(both.entries[1].id, one.entries[0].id);
    let equal = event(&format!("{first}{first}"));
    assert_ne!(equal.entries[0].id, equal.entries[1].id);
    assert!(equal.losses.iter().any(|l| l.reason == "duplicate-id"));
}

// R043: which of several reports a result is of, nobody can tell; it might be the private one's
#[test]
fn results_beside_several_reports_are_the_private_ones() {
    let report = |mark: &str| {
        format!(
            "<Report {mark}><BatteryHeaders>FBC{mark}</BatteryHeaders><Type>Pathology</Type></Report>"
        )
    };
    let result = code("<Value>5.1</Value>");
    let two = event(&format!("{}{}{result}", report(""), report("x='1'")));
    let parent = |record: &GpRecord| record.entries.iter().find_map(|e| e.parent.clone());
    assert_eq!(parent(&two), None);
    let hidden = event(&format!(
        "{}{}{result}",
        report(""),
        report(r#"Private="true""#)
    ));
    let owner = parent(&hidden).unwrap();
    let owner = hidden.entries.iter().find(|e| e.id == owner).unwrap();
    assert_eq!(owner.restrictions, [Restriction::Private]);
}

// Bad input: interleaved messages
#[test]
fn two_answers_in_one_are_refused() {
    let one = "<Identity><NHSNumber>9990000387</NHSNumber></Identity>";
    let two = "<Identity><NHSNumber>9990001499</NHSNumber></Identity>";
    for inner in [
        format!("<Response>{one}{two}</Response>"),
        format!("<Response>{one}</Response><Response>{two}</Response>"),
        format!("<RequestUID>a</RequestUID><RequestUID>b</RequestUID><Response>{one}</Response>"),
    ] {
        let xml = format!("<ClientIntegrationResponse>{inner}</ClientIntegrationResponse>");
        let error = read(xml.as_bytes(), &practice()).unwrap_err();
        assert!(matches!(error, crate::source::SourceError::Mismatch(_)));
    }
}

// SystmOne pitfall 7: an empty element says nothing, wherever it stands
#[test]
fn an_empty_element_is_absent() {
    let record = event(
        "<Medication><MedicationType/><Drug Scheme='Dmd' ProductID='' Name='x'/><Dose/><Quantity/><StartDate>2024-05-01</StartDate>\
         <EndDate>2031-05-01</EndDate><EndReason/></Medication>",
    );
    let Body::Medication(course) = &record.entries[0].body else {
        unreachable!()
    };
    assert_eq!((&course.stopped, &course.dosage), (&None, &None));
    assert_eq!(course.status, CourseStatus::Unknown, "the day decides");
    assert!(record.entries[0].code.codings.is_empty());
}

// SystmOne pitfall 8: one state of a course, from one place; a reason means stopped, whatever the dates say
#[test]
fn a_course_has_one_state() {
    let status = |end: &str, reason: &str| {
        let record = event(&format!(
            "<RepeatMedication><Drug Name='x'/><StartDate>2024-05-01</StartDate>{end}<EndReason>{reason}</EndReason></RepeatMedication>"
        ));
        match &record.entries[0].body {
            Body::Medication(course) => course.status,
            _ => unreachable!(),
        }
    };
    assert_eq!(status("", ""), CourseStatus::Active);
    assert_eq!(status("", "Side Effect"), CourseStatus::Stopped);
    let end = "<EndDate>2031-01-01</EndDate>";
    assert_eq!(status(end, "Side Effect"), CourseStatus::Stopped);
    assert_eq!(status(end, ""), CourseStatus::Unknown);
}

// SystmOne pitfall 13: what carries no mark is not restricted, and a mark that is no plain no restricts
#[test]
fn only_a_plain_no_is_no_mark() {
    for (mark, hidden) in [
        ("", false),
        ("Private='false'", false),
        ("Private='0'", false),
        ("Private='true'", true),
        ("Private='1'", true),
        ("Private=''", true),
        ("Private='no'", true),
    ] {
        let record = event(&format!(
            "<ClinicalCode {mark}><Code Scheme='CTV3' Code='X3003' Term='t'/></ClinicalCode>"
        ));
        assert_eq!(!record.entries[0].restrictions.is_empty(), hidden, "{mark}");
    }
}

// SystmOne pitfall 14: lines of any length are passed over, control characters are refused
#[test]
fn huge_narrative_is_passed_over() {
    let line = "x".repeat(900_000);
    let narrative = format!(
        "<Narrative>{}</Narrative>",
        format!("<Line>{line}</Line>").repeat(9)
    );
    let record = event(&format!("{narrative}{}", code("")));
    assert_eq!(record.entries.len(), 1);
    assert!(record.missing.is_empty());
    let xml = "<ClientIntegrationResponse><Response>\u{1}</Response></ClientIntegrationResponse>";
    assert!(read(xml.as_bytes(), &practice()).is_err());
}

// SystmOne pitfall 19: fully registered is GMS with no end of care; nothing else
#[test]
fn only_gms_patients_are_the_practices() {
    let of = |more: &str| {
        let xml = format!(
            "<ClientIntegrationResponse><Response><Demographics>{more}</Demographics></Response></ClientIntegrationResponse>"
        );
        read(xml.as_bytes(), &practice())
            .unwrap()
            .standing
            .registration
    };
    let kind = |kind: &str| format!("<RegistrationType>{kind}</RegistrationType>");
    assert_eq!(of(&kind("GMS")), Registration::Full);
    assert_eq!(of(&kind("Applied")), Registration::Full, "the real sample");
    assert_eq!(of(&kind("Temporary Resident")), Registration::Temporary);
    assert_eq!(
        of(&kind("Private")),
        Registration::Other("Private".to_owned())
    );
    assert_eq!(of(""), Registration::Unknown);
    for ended in [
        "<CareEndDate>2024-01-01</CareEndDate>",
        "<DateOfDeath>?</DateOfDeath>",
    ] {
        assert_eq!(of(&format!("{}{ended}", kind("GMS"))), Registration::Ended);
    }
}

// SystmOne pitfall 20: relationships are in no tab; their names are never taken apart
#[test]
fn relationships_are_counted_and_not_read() {
    let record = event("<Relationship><Name>Maria del Carmen Abbot</Name></Relationship>");
    assert!(
        record
            .staff
            .iter()
            .all(|staff| !staff.name.contains("Carmen"))
    );
    assert!(
        record
            .losses
            .iter()
            .any(|l| l.path.ends_with("Relationship") && l.reason == "no-tab")
    );
}
