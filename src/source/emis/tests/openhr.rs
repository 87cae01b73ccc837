//! OpenHR: one thing of every kind, and the pitfalls of sources.md 3.9 by their numbers.

use super::{entry, fixture_openhr, losses, openhr, parse, reasons};
use crate::record::{
    Body, Comparator, Course, CourseStatus, Encounter, Entry, GpRecord, Medication, Observation,
    PartialDate, ProblemStatus, Registration, Sex, Significance, Value, system,
};

fn record() -> GpRecord {
    parse(fixture_openhr())
}

fn observation(entry: &Entry) -> &Observation {
    match &entry.body {
        Body::Observation(o) => o,
        other => panic!("{other:?}"),
    }
}

fn medication(entry: &Entry) -> &Medication {
    match &entry.body {
        Body::Medication(m) => m,
        other => panic!("{other:?}"),
    }
}

fn fhir(date: &PartialDate) -> Option<String> {
    date.to_fhir()
}

// R001, R022, EMIS pitfalls 19 and 20
#[test]
fn patient_and_people() {
    let record = record();
    let patient = &record.patient;
    assert_eq!(patient.nhs_number.as_deref(), Some("9990000018"));
    assert_eq!(patient.forenames, ["Ada", "Mary"]);
    assert_eq!(patient.surname.as_deref(), Some("EXAMPLE"));
    assert_eq!(patient.sex, Sex::Female);
    assert_eq!(fhir(&patient.birth_date).as_deref(), Some("1952-03-04"));
    let address = patient.address.as_ref().unwrap();
    assert_eq!(
        address.lines,
        ["7", "High Street", "Upton"],
        "home, not temporary"
    );
    let gp = record
        .staff
        .iter()
        .find(|s| Some(&s.id) == patient.usual_gp.as_ref())
        .unwrap();
    assert_eq!(gp.name, "Dr Grace DOCTOR");
    assert_eq!(gp.role.as_deref(), Some("General Medical Practitioner"));
    assert_eq!(gp.gmc.as_deref(), Some("3312182"));
    // the registration at the practice asked for counts, not the younger one elsewhere
    assert_eq!(record.standing.registration, Registration::Full);
    let practice = record
        .organisations
        .iter()
        .find(|o| Some(&o.id) == patient.organisation.as_ref());
    assert_eq!(practice.and_then(|o| o.ods.as_deref()), Some("Z99001"));
    // a temporary patient's address is the temporary one
    let temporary = parse(&fixture_openhr().replace("<patientType>REG", "<patientType>TMP"));
    assert_eq!(temporary.standing.registration, Registration::Temporary);
    assert_eq!(
        temporary.patient.address.unwrap().lines,
        ["Flat 2", "Quay Street"]
    );
    // dead, and archived
    for gone in [
        "<dateOfDeath>2024-01-01</dateOfDeath>",
        "<archived>true</archived>",
        "<dead>true</dead>",
    ] {
        let text = fixture_openhr().replace(
            "<caseloadPatient><organisation>0a000000-0000-0000-0000-000000000002",
            &format!("{gone}<caseloadPatient><organisation>0a000000-0000-0000-0000-000000000002"),
        );
        assert_eq!(
            parse(&text).standing.registration,
            Registration::Ended,
            "{gone}"
        );
    }
}

#[test]
fn encounters_with_their_members() {
    let record = record();
    let one: &Encounter = &record.encounters[0];
    assert_eq!(
        fhir(&one.date).as_deref(),
        Some("2024-05-01T09:30:00+01:00")
    );
    assert_eq!(one.recorded.unwrap().to_string(), "2024-05-01T08:45:00Z");
    assert_eq!(
        (one.method.as_deref(), one.location_type.as_deref()),
        (Some("TTC"), Some("Telephone call"))
    );
    assert_eq!((one.duration_minutes, one.complete), (Some(15), false));
    assert!(one.clinician.is_some() && one.organisation.is_some());
    assert!(record.encounters[1].complete, "the schema's default");
    assert_eq!(entry(&record, "0001").encounter.as_ref(), Some(&one.id));
    assert_eq!(entry(&record, "0001").category.as_deref(), Some("Problem"));
    // parts of a member are in the encounter too
    assert_eq!(entry(&record, "0011").encounter.as_ref(), Some(&one.id));
    assert_eq!(
        reasons(&record, "encounter/component/event"),
        ["dangling-link"],
        "an event that is not there"
    );
}

// EMIS pitfall 1
#[test]
fn p01_partial_dates() {
    let record = record();
    assert_eq!(fhir(&entry(&record, "0001").date).as_deref(), Some("1999"));
    assert_eq!(
        fhir(&entry(&record, "0040").date).as_deref(),
        Some("2001-07")
    );
    assert_eq!(fhir(&entry(&record, "0043").date), None);
    let bad = openhr(
        "<event><id>e</id><displayTerm>t</displayTerm><effectiveTime datepart='YMD' value='5/5/2020'/></event>",
    );
    assert_eq!(fhir(&bad.entries[0].date), None);
    assert_eq!(reasons(&bad, "effectiveTime"), ["unparsed-date"]);
}

// EMIS pitfall 2
#[test]
fn p02_no_date_part_is_a_day() {
    let record = openhr(
        "<event><id>e</id><eventType>REF</eventType><displayTerm>t</displayTerm><effectiveTime value='2020-05-05T00:00:00'/></event>",
    );
    assert_eq!(fhir(&record.entries[0].date).as_deref(), Some("2020-05-05"));
}

// EMIS pitfalls 3 and 4
#[test]
fn p03_p04_problems() {
    let record = record();
    let asthma = entry(&record, "0001").problem.clone().unwrap();
    assert_eq!(
        (asthma.status, asthma.significance),
        (ProblemStatus::Active, Some(Significance::Major))
    );
    assert_eq!(asthma.expected_days, Some(14));
    // past without an end date; on a referral, which stays one
    let referral = entry(&record, "0042");
    let past = referral.problem.clone().unwrap();
    assert!(matches!(referral.body, Body::Referral(_)));
    assert_eq!(
        (past.status, past.end, past.significance),
        (ProblemStatus::Past, None, Some(Significance::Minor))
    );
    assert_eq!(
        past.parent,
        Some((entry(&record, "0001").id.clone(), "evolved".to_owned()))
    );
    let linked = &entry(&record, "0030").linked_problems;
    assert_eq!(linked.first(), Some(&referral.id));
    // a deleted problem only downgrades its entry
    assert_eq!(entry(&record, "0052").problem, None);
    for (letter, status) in [
        ("A", ProblemStatus::Active),
        ("I", ProblemStatus::Past),
        ("HP", ProblemStatus::HealthAdmin),
        ("PP", ProblemStatus::Potential),
        ("??", ProblemStatus::Active),
    ] {
        let record = openhr(&format!(
            "<event><id>e</id><displayTerm>t</displayTerm></event><problem><id>e</id><status>{letter}</status></problem>"
        ));
        assert_eq!(record.entries[0].problem.clone().unwrap().status, status);
    }
    let lone = openhr("<problem><id>nobody</id><status>A</status></problem>");
    assert_eq!(reasons(&lone, "healthDomain/problem"), ["dangling-link"]);
}

// EMIS pitfall 6
#[test]
fn p06_courses_and_issues() {
    let record = record();
    let gel = entry(&record, "0030");
    let course = medication(gel);
    assert_eq!(
        course.status,
        CourseStatus::Active,
        "active in spite of a cancellation"
    );
    assert_eq!(course.stopped, None);
    assert_eq!(course.course, Course::Repeat);
    assert_eq!(course.dosage.as_deref(), Some("Apply three times a day"));
    assert_eq!(course.quantity_text.as_deref(), Some("100 gram"));
    assert_eq!(
        course.quantity.as_ref().map(|q| q.value.as_str()),
        Some("100")
    );
    assert_eq!(
        (
            course.issues_made,
            course.issues_authorised,
            course.issue_days
        ),
        (Some(12), Some(18), Some(28))
    );
    assert_eq!(
        course.last_issue.as_ref().and_then(fhir).as_deref(),
        Some("2024-05-01")
    );
    assert_eq!(gel.code.in_system(system::SNOMED), Some("330274004"));
    let mixture = entry(&record, "0031");
    assert_eq!(mixture.code.text.as_deref(), Some("Mixture of two creams"));
    let course = medication(mixture);
    assert_eq!(
        (course.status, course.course, course.private),
        (CourseStatus::Completed, Course::Acute, true)
    );
    assert_eq!(
        course.end.as_ref().and_then(fhir).as_deref(),
        Some("2020-01-12"),
        "last issue and duration"
    );
    assert_eq!(
        (course.quantity.clone(), course.quantity_text.as_deref()),
        (None, Some("1 pot"))
    );
    let Body::Issue(issue) = &entry(&record, "0032").body else {
        panic!()
    };
    assert_eq!(issue.course.as_ref(), Some(&gel.id));
    assert!(issue.cancelled);
    assert_eq!((issue.method.as_deref(), issue.days), (Some("E"), Some(28)));
    let Body::Issue(lone) = &entry(&record, "0033").body else {
        panic!()
    };
    assert_eq!(
        lone.course, None,
        "an issue without its course is tolerated"
    );
    let stopped = openhr(
        "<event><id>e</id><eventType>MED</eventType><displayTerm>t</displayTerm><medication><drugStatus>C</drugStatus><cancellation><cancellationDateTime>2023-06-01T00:00:00</cancellationDateTime></cancellation></medication></event>",
    );
    let course = medication(&stopped.entries[0]);
    assert_eq!(course.status, CourseStatus::Stopped);
    assert_eq!(
        course
            .stopped
            .clone()
            .unwrap()
            .0
            .as_ref()
            .and_then(fhir)
            .as_deref(),
        Some("2023-06-01")
    );
}

// EMIS pitfall 8
#[test]
fn p08_blood_pressure_members_share_a_key_in_whatever_order() {
    let record = record();
    let (header, systolic, diastolic) = (
        entry(&record, "0010"),
        entry(&record, "0011"),
        entry(&record, "0012"),
    );
    assert!(observation(header).group);
    assert_eq!(systolic.parent.as_ref(), Some(&header.id));
    assert_eq!(
        observation(systolic).group_key,
        observation(diastolic).group_key
    );
    assert!(observation(systolic).group_key.is_some());
    assert_eq!(systolic.code.in_system(system::READ_V2), Some("2469."));
}

// EMIS pitfall 9: prior art turned `<=` into "greater or equal".
#[test]
fn p09_less_or_equal_stays() {
    let record = record();
    let Some(Value::Quantity(q)) = &observation(entry(&record, "0022")).value else {
        panic!()
    };
    assert_eq!(
        (q.comparator, q.value.as_str()),
        (Some(Comparator::LessOrEqual), "133.0")
    );
    let Some(Value::Quantity(q)) = &observation(entry(&record, "0023")).value else {
        panic!()
    };
    assert_eq!(q.comparator, Some(Comparator::GreaterOrEqual));
}

// EMIS pitfalls 10, 11 and 12
#[test]
fn p10_p11_p12_ranges_and_units() {
    let record = record();
    let sodium = observation(entry(&record, "0022"));
    let [normal, therapeutic] = sodium.ranges.as_slice() else {
        panic!("{:?}", sodium.ranges)
    };
    assert_eq!(
        normal
            .low
            .as_ref()
            .map(|q| (q.comparator, q.value.as_str())),
        Some((None, "133"))
    );
    assert_eq!(
        normal.high.as_ref().and_then(|q| q.unit.as_deref()),
        Some("mmol/L")
    );
    assert_eq!(
        therapeutic.high.as_ref().map(|q| q.comparator),
        Some(Some(Comparator::Less))
    );
    assert_eq!(
        therapeutic.text.as_deref(),
        Some("Therapeutic interval; female; age 18 years to 65 years")
    );
    assert_eq!(
        sodium.abnormal,
        Some((true, Some("Below low reference limit".to_owned())))
    );
    assert_eq!(sodium.status.as_deref(), Some("PR"));
    assert!(observation(entry(&record, "0021")).ranges.is_empty());
    assert_eq!(reasons(&record, "observation/value"), ["header-range"]);
    let Some(Value::Quantity(q)) = &observation(entry(&record, "0011")).value else {
        panic!()
    };
    assert_eq!(q.unit.as_deref(), Some("mm Hg"), "units are as sent");
}

// EMIS pitfalls 13 and 14
#[test]
fn p13_p14_report_battery_test() {
    let record = record();
    let header = entry(&record, "0020");
    let Body::Report(report) = &header.body else {
        panic!()
    };
    assert_eq!(
        (
            report.kind.as_deref(),
            report.lab_id.as_deref(),
            report.verdict.as_deref()
        ),
        (Some("PATH"), Some("L-1"), Some("Abnormal"))
    );
    assert_eq!(
        report.issued.as_ref().and_then(fhir).as_deref(),
        Some("2024-04-11")
    );
    assert_eq!(
        report.collected.as_ref().and_then(fhir).as_deref(),
        Some("2024-04-09T08:15:00+01:00")
    );
    let specimen = &report.specimens[0];
    assert_eq!(specimen.kind.text.as_deref(), Some("Blood"));
    assert_eq!(specimen.lab_id.as_deref(), Some("S-1"));
    let made_from_it: Vec<&str> = ["0021", "0022"]
        .iter()
        .map(|id| entry(&record, id).id.as_str())
        .collect();
    assert_eq!(specimen.members, made_from_it);
    let battery = entry(&record, "0021");
    assert!(observation(battery).group);
    assert_eq!(battery.parent.as_ref(), Some(&header.id));
    // named by battery and specimen both: the inner one wins
    assert_eq!(entry(&record, "0022").parent.as_ref(), Some(&battery.id));
    let alone = entry(&record, "0024");
    assert_eq!(alone.parent.as_ref(), Some(&header.id));
    assert_eq!(
        alone.code.text.as_deref(),
        Some("Non Coded Event - culture")
    );
    assert_eq!(
        observation(alone).value,
        Some(Value::Text("No growth".to_owned()))
    );
    assert_eq!(
        observation(alone).ranges[0].text.as_deref(),
        Some("No growth expected")
    );
}

// EMIS pitfall 15, R032
#[test]
fn p15_free_text_never_enters() {
    let record = record();
    assert!(
        !record
            .entries
            .iter()
            .any(|e| e.id.starts_with("3") && e.id.ends_with("0000000002")),
        "nothing is left of it"
    );
    let shown = format!(
        "{:?}{:?}{:?}{:?}",
        record.entries, record.encounters, record.patient, record.losses
    );
    assert!(fixture_openhr().matches("SECRET").count() > 12);
    assert!(!shown.contains("SECRET") && !shown.contains("U0VDUkVU"));
    let texts = record
        .losses
        .iter()
        .filter(|l| l.reason == "free-text")
        .count();
    // every text but the task's (administrative), the document's content, and the entry that was only text
    assert_eq!(texts, fixture_openhr().matches("SECRET TEXT").count() + 1);
}

// EMIS pitfall 16
#[test]
fn p16_the_display_term_is_shown() {
    let record = record();
    let asthma = entry(&record, "0001");
    assert_eq!(asthma.code.text.as_deref(), Some("Asthma since childhood"));
    let systems: Vec<_> = asthma
        .code
        .codings
        .iter()
        .map(|c| (c.system.as_str(), c.user_selected))
        .collect();
    assert_eq!(systems, [(system::READ_V2, true), (system::SNOMED, false)]);
    assert_eq!(asthma.episodicity.as_deref(), Some("FIRST"));
    let (name, value) = &asthma.qualifiers[0];
    assert_eq!(
        (name.text.as_deref(), value.text.as_deref()),
        (Some("Severity"), Some("Mild"))
    );
    assert!(asthma.recorder.is_some() && asthma.recorded.is_some());
}

// EMIS pitfall 22, design.md 6
#[test]
fn p22_deleted_and_strange_items_are_skipped() {
    let record = record();
    assert!(!record.entries.iter().any(|e| {
        e.code
            .text
            .as_deref()
            .is_some_and(|t| t.starts_with("SECRET"))
    }));
    assert_eq!(losses(&record, "0050"), ["deleted"]);
    assert_eq!(losses(&record, "0051"), ["other-patient"]);
    // the deleted entry's document goes with it; one of its own is an entry; a referred one is its event's
    let documents: Vec<_> = record
        .entries
        .iter()
        .filter(|e| matches!(e.body, Body::Document(_)))
        .map(|e| &e.id[32..])
        .collect();
    assert_eq!(documents, ["0047", "0002"]);
}

// EMIS pitfall 23
#[test]
fn p23_referrals() {
    let record = record();
    let Body::Referral(r) = &entry(&record, "0042").body else {
        panic!()
    };
    assert!(r.admission);
    assert_eq!(
        (
            r.request.as_deref(),
            r.urgency.as_deref(),
            r.mode.as_deref(),
            r.inbound
        ),
        (Some("ADM"), Some("U"), Some("E"), Some(false))
    );
    assert_eq!(r.ubrn.as_deref(), Some("000012345678"));
    assert_eq!(
        r.speciality.as_ref().and_then(|s| s.text.as_deref()),
        Some("Cardiology")
    );
    assert!(r.to.is_some() && r.from.is_some());
    let to = r.to_person.as_deref();
    assert_eq!(to, Some("0d000000-0000-0000-0000-000000000001"));
    let bare =
        openhr("<event><id>e</id><eventType>REF</eventType><displayTerm>t</displayTerm></event>");
    assert!(matches!(bare.entries[0].body, Body::Referral(_)));
}

// EMIS pitfall 24
#[test]
fn p24_immunisation_by_its_procedure_with_qualifiers() {
    let record = record();
    let flu = entry(&record, "0041");
    assert_eq!(flu.code.in_system(system::READ_V2), Some("65E.."));
    let Body::Immunisation(i) = &flu.body else {
        panic!()
    };
    assert_eq!(i.product, None);
    assert_eq!(
        (i.batch.as_deref(), i.manufacturer.as_deref()),
        (Some("AB123"), Some("Example Vaccines"))
    );
    assert_eq!(
        i.expiry.as_ref().and_then(fhir).as_deref(),
        Some("2024-03-31")
    );
    assert_eq!(
        i.site.as_ref().and_then(|s| s.text.as_deref()),
        Some("Left arm")
    );
    assert_eq!(
        losses(&record, "0041"),
        ["administrative"],
        "GMS is about payment"
    );
}

#[test]
fn a_negated_immunisation_was_not_given() {
    let event = |value: &str| {
        let code = format!(
            r#"<code codeSystem="2.16.840.1.113883.2.1.6.2" code="65E.." displayName="Influenza vaccination"><qualifier><name codeSystem="x" code="c" displayName="Certainty"/><value codeSystem="x" code="v" displayName="{value}"/></qualifier></code>"#
        );
        let record = openhr(&format!(
            "<event><id>e</id><eventType>IMM</eventType>{code}<displayTerm>t</displayTerm></event>"
        ));
        match &record.entries[0].body {
            Body::Immunisation(i) => i.not_given,
            _ => panic!("no immunisation"),
        }
    };
    assert!(event("No") && event("Negation") && !event("Yes"));
}

#[test]
fn every_kind_has_its_body() {
    let record = record();
    assert!(
        matches!(&entry(&record, "0040").body, Body::Allergy(a) if a.to_drug == Some(true) && a.substance.is_some())
    );
    assert!(matches!(&entry(&record, "0043").body, Body::Alert(a) if a.expires.is_some()));
    assert!(matches!(entry(&record, "0044").body, Body::FamilyHistory));
    assert!(matches!(entry(&record, "0045").body, Body::Diary));
    assert!(matches!(entry(&record, "0046").body, Body::TestRequest));
    assert!(
        entry(&record, "0030")
            .path
            .starts_with("healthDomain/event[MED]")
    );
}

// EMIS pitfall 5: an entry of the same code that is linked to a problem is a review of it, not a second problem
#[test]
fn p05_a_review_is_no_second_problem() {
    let asthma =
        r#"<code codeSystem="2.16.840.1.113883.2.1.6.2" code="H33.." displayName="Asthma"/>"#;
    let record = openhr(&format!(
        "<event><id>first</id><eventType>OBS</eventType>{asthma}</event><event><id>review</id><eventType>OBS</eventType>{asthma}</event>\
         <problem><id>first</id><status>A</status><eventLink><id>review</id></eventLink></problem>"
    ));
    assert!(record.entries[0].problem.is_some());
    assert!(record.entries[1].problem.is_none());
    assert_eq!(record.entries[1].linked_problems, ["first"]);
    assert_eq!(
        record.entries.len(),
        2,
        "two entries, never merged by their text"
    );
}

// EMIS pitfall 25: no allergy of EMIS ends, and a problem's end is not an allergy's
#[test]
fn p25_allergies_have_no_end() {
    let record = openhr(
        "<event><id>a</id><eventType>ALL</eventType><displayTerm>Allergy</displayTerm></event><problem><id>a</id><status>I</status>\
         <endTime datepart=\"YMD\" value=\"2020-01-01T00:00:00\"/></problem>",
    );
    assert!(matches!(&record.entries[0].body, Body::Allergy(a) if a.end.is_none()));
    assert!(record.entries[0].problem.is_some());
}

// A negated allergy keeps what negates it
#[test]
fn every_kind_of_entry_keeps_its_qualifiers() {
    let code = r#"<code codeSystem="2.16.840.1.113883.2.1.6.2" code="14L.." displayName="H/O: drug allergy"><qualifier><name codeSystem="x" code="c" displayName="Certainty"/><value codeSystem="x" code="v" displayName="No"/></qualifier></code>"#;
    for kind in [
        "ALL", "ALT", "REF", "FH", "DRY", "TR", "ATT", "OBS", "VAL", "REP", "MED",
    ] {
        let record = openhr(&format!(
            "<event><id>e</id><eventType>{kind}</eventType>{code}</event>"
        ));
        let [(name, value)] = record.entries[0].qualifiers.as_slice() else {
            panic!("{kind}")
        };
        assert_eq!(
            (name.text.as_deref(), value.text.as_deref()),
            (Some("Certainty"), Some("No"))
        );
    }
}

// Links that are given from the other end, locations, and parts that were passed over in silence before
#[test]
fn parent_links_and_places_are_read() {
    let record = openhr(
        "<event><id>panel</id><displayTerm>BP</displayTerm></event><event><id>half</id><displayTerm>Systolic</displayTerm><observation>\
         <complexObservation><parentLink>panel</parentLink></complexObservation></observation></event>\
         <event><id>lost</id><displayTerm>x</displayTerm><observation><complexObservation><parentLink>nobody</parentLink>\
         </complexObservation></observation></event>",
    );
    assert_eq!(entry(&record, "half").parent.as_deref(), Some("panel"));
    assert_eq!(losses(&record, "lost"), ["dangling-link"]);
}
