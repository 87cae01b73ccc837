//! Small records, one for each matter, and what they become in `tests/golden/mapping/`.

use super::build::*;
use crate::record::*;

/// A record by the name of its golden folder.
pub type Fixture = (&'static str, fn() -> GpRecord);

/// All of them.
pub const FIXTURES: &[Fixture] = &[
    ("patient", patient),
    ("problems", problems),
    ("medication", medication),
    ("medication-systmone", medication_systmone),
    ("allergies", allergies),
    ("immunisations", immunisations),
    ("procedures", procedures),
    ("pathology", pathology),
    ("investigations", investigations),
    ("blood-pressure", blood_pressure),
    ("encounters", encounters),
    ("referrals", referrals),
    ("admissions", admissions),
    ("flags", flags),
    ("systmone-event", systmone_event),
    ("no-tab", no_tab),
];

fn patient() -> GpRecord {
    let mut record = emis();
    record.patient.address = Some(Address {
        lines: vec!["12 Sample Street".to_owned(), "Testley".to_owned()],
        town: Some("Leicester".to_owned()),
        county: Some("Leicestershire".to_owned()),
        postcode: Some("LE1 5WW".to_owned()),
    });
    record.patient.registered_gp = Some("nurse".to_owned());
    record.patient.death_date = Some(day(2026, 1, 1));
    record
}

fn problems() -> GpRecord {
    let mut record = emis();
    let asthma = also(
        read("H33..", "Asthma"),
        system::SNOMED,
        "195967001",
        "Asthma",
    );
    let mut active = said("{active-guid}", asthma, at(2019, 7, 1, 9));
    active.problem = Some(Box::new(Problem {
        expected_days: Some(28),
        ..problem(ProblemStatus::Active, Significance::Major)
    }));
    active.recorder = Some("nurse".to_owned());
    active.episodicity = Some("FIRST".to_owned());
    active.encounter = Some("consultation".to_owned());
    let gout = also(read("C34..", "Gout"), system::SNOMED, "90560007", "Gout");
    let mut past = said("past", gout.clone(), PartialDate::Year(2001));
    past.problem = Some(Box::new(Problem {
        end: Some(PartialDate::Month(2003, 4)),
        ..problem(ProblemStatus::Past, Significance::Minor)
    }));
    // sources.md 3.9, 3: ended without a date.
    let mut undated = said("past-undated", read("H170.", "Hay fever"), day(1999, 5, 1));
    undated.problem = Some(Box::new(problem(ProblemStatus::Past, Significance::Major)));
    let mut minor = said(
        "minor",
        read("1683.", "Tired all the time"),
        PartialDate::Unknown,
    );
    minor.problem = Some(Box::new(Problem {
        parent: Some(("{active-guid}".to_owned(), "GRP".to_owned())),
        ..problem(ProblemStatus::Active, Significance::Minor)
    }));
    let mut potential = said(
        "potential",
        read("C10..", "Diabetes mellitus"),
        day(2026, 1, 2),
    );
    potential.problem = Some(Box::new(problem(
        ProblemStatus::Potential,
        Significance::Major,
    )));
    let mut admin = said(
        "admin",
        read("9D1..", "MED3 - doctor's statement"),
        day(2026, 1, 2),
    );
    admin.problem = Some(Box::new(problem(
        ProblemStatus::HealthAdmin,
        Significance::Minor,
    )));
    let diagnosis = said("diagnosis", read("H06z1", "LRTI"), day(2026, 3, 3));
    let mut of_past = said("diagnosis-of-past", gout, day(2002, 3, 3));
    of_past.linked_problems = vec!["past".to_owned(), "gone".to_owned()];
    let mut ended = said(
        "diagnosis-ended",
        read("J10y4", "Oesophagitis"),
        day(2010, 3, 3),
    );
    ended.episodicity = Some("END".to_owned());
    let mut local = said(
        "local",
        code(system::EMIS_LOCAL, "EMISNQAS12", "A local problem"),
        day(2020, 3, 3),
    );
    local.problem = Some(Box::new(problem(
        ProblemStatus::Active,
        Significance::Major,
    )));
    // R205: an end of an active problem is a contradiction of the source.
    let mut contradiction = said(
        "contradiction",
        read("G20..", "Hypertension"),
        day(2012, 1, 1),
    );
    contradiction.problem = Some(Box::new(Problem {
        end: Some(day(2013, 1, 1)),
        ..problem(ProblemStatus::Active, Significance::Major)
    }));
    // sources.md 3.9, 4: a problem can sit on a value.
    let mut on_value = valued(
        "on-value",
        read("44P..", "Serum cholesterol"),
        day(2026, 4, 4),
        number("7.10", "mmol/L"),
    );
    on_value.problem = Some(Box::new(problem(
        ProblemStatus::Active,
        Significance::Major,
    )));
    record.encounters = vec![encounter(
        "consultation",
        at(2019, 7, 1, 9),
        Some("GP Surgery"),
    )];
    record.entries = vec![
        active,
        past,
        undated,
        minor,
        potential,
        admin,
        diagnosis,
        of_past,
        ended,
        local,
        contradiction,
        on_value,
    ];
    record
}

fn omeprazole() -> Coded {
    also(
        code(
            system::EMIS_DRUG,
            "OMCA1234",
            "Omeprazole 20mg gastro-resistant capsules",
        ),
        system::SNOMED,
        "317291008",
        "Omeprazole 20mg gastro-resistant capsules",
    )
}

fn medication() -> GpRecord {
    let mut record = emis();
    let repeat = entry(
        "repeat",
        omeprazole(),
        day(2025, 6, 1),
        course(Medication {
            course: Course::Repeat,
            status: CourseStatus::Active,
            dosage: Some("One To Be Taken Each Day".to_owned()),
            quantity_text: Some("28 capsule".to_owned()),
            quantity: Some(quantity(None, "28", "capsule")),
            issue_days: Some(28),
            review: Some(day(2026, 9, 1)),
            last_issue: Some(day(2026, 5, 1)),
            issues_made: Some(3),
            issues_authorised: Some(6),
            ..Default::default()
        }),
    );
    let issue = |id: &str, on: PartialDate, body: Issue| {
        entry(id, Coded::default(), on, Body::Issue(Box::new(body)))
    };
    let of_repeat = Issue {
        course: Some("repeat".to_owned()),
        dosage: Some("One To Be Taken Each Day".to_owned()),
        quantity_text: Some("2 x 14 capsules".to_owned()),
        days: Some(28),
        method: Some("E".to_owned()),
        ..Default::default()
    };
    let old = issue("issue-old", day(2026, 3, 1), of_repeat.clone());
    let new = issue("issue-new", day(2026, 5, 1), of_repeat.clone());
    let cancelled = issue(
        "issue-cancelled",
        day(2026, 4, 1),
        Issue {
            cancelled: true,
            private: true,
            method: Some("by carrier pigeon".to_owned()),
            ..of_repeat
        },
    );
    // sources.md 3.9, 6: issues without a course exist.
    let mut orphan = issue(
        "issue-orphan",
        day(2026, 2, 1),
        Issue {
            course: Some("gone".to_owned()),
            ..Default::default()
        },
    );
    orphan.code = omeprazole();
    let stopped = entry(
        "stopped",
        snomed("327550006", "Folic acid 5mg tablets"),
        day(2024, 1, 1),
        course(Medication {
            course: Course::RepeatDispensing,
            status: CourseStatus::Stopped,
            stopped: Some((Some(day(2024, 6, 1)), Some(Coded::term("No longer needed")))),
            private: true,
            ..Default::default()
        }),
    );
    let expired = entry(
        "expired",
        snomed("327550006", "Folic acid 5mg tablets"),
        day(2023, 1, 1),
        course(Medication {
            course: Course::Acute,
            end: Some(day(2023, 2, 1)),
            quantity_text: Some("28 tablet".to_owned()),
            ..Default::default()
        }),
    );
    let never = entry(
        "never-issued",
        Coded::term("Emollient of the practice's own making"),
        PartialDate::Unknown,
        course(Medication {
            course: Course::Automatic,
            status: CourseStatus::NeverIssued,
            ..Default::default()
        }),
    );
    let elsewhere = entry(
        "elsewhere",
        snomed("327550006", "Folic acid 5mg tablets"),
        PartialDate::Month(2026, 2),
        course(Medication {
            elsewhere: true,
            // sources.md 4.8, 6: an end before its start.
            end: Some(day(2025, 1, 1)),
            status: CourseStatus::Active,
            ..Default::default()
        }),
    );
    record.entries = vec![
        repeat, old, new, cancelled, orphan, stopped, expired, never, elsewhere,
    ];
    record
}

fn medication_systmone() -> GpRecord {
    let mut record = systmone();
    let acute = |id: &str, start: PartialDate, end: PartialDate| {
        let mut acute = entry(
            id,
            code(
                system::MULTILEX,
                "2007553",
                "Omeprazole 20mg dispersible gastro-resistant tablets",
            ),
            start.clone(),
            course(Medication {
                course: Course::Acute,
                dosage: Some("take one daily".to_owned()),
                quantity_text: Some("28 tablet".to_owned()),
                issue_days: Some(28),
                start: Some(start),
                end: Some(end),
                is_own_issue: true,
                ..Default::default()
            }),
        );
        acute.encounter = Some("f7b1080000000000".to_owned());
        acute
    };
    let mut bracket = encounter("f7b1080000000000", at(2026, 5, 10, 15), None);
    bracket.implied = true;
    record.encounters = vec![bracket];
    record.entries = vec![
        acute("acute-over", day(2015, 6, 10), day(2015, 7, 8)),
        acute("acute-now", day(2026, 5, 10), day(2026, 6, 7)),
    ];
    record
}

fn allergies() -> GpRecord {
    let mut record = emis();
    let to_penicillin = entry(
        "penicillin",
        also(
            read("SN52.", "Adverse reaction to drug"),
            system::SNOMED,
            "62014003",
            "Adverse reaction to drug",
        ),
        PartialDate::Year(1975),
        Body::Allergy(Allergy {
            to_drug: Some(true),
            substance: Some(snomed("327550006", "Folic acid 5mg tablets")),
            reaction: Some(snomed("271807003", "Rash")),
            ..Default::default()
        }),
    );
    let ended = entry(
        "ended",
        snomed("91935009", "Allergy to peanuts"),
        day(1999, 1, 1),
        Body::Allergy(Allergy {
            to_drug: Some(false),
            end: Some(day(2010, 1, 1)),
            ..Default::default()
        }),
    );
    let none_known = entry(
        "none-known",
        snomed("716186003", "No known allergy"),
        day(2026, 1, 1),
        Body::Allergy(Allergy::default()),
    );
    // R031: coded as an allergy in a consultation.
    let coded = said(
        "coded",
        read("14LK.", "H/O: aspirin allergy"),
        day(2020, 2, 2),
    );
    let wordless = entry(
        "emis-drug-allergy",
        Coded::term("Allergy to something local"),
        PartialDate::Unknown,
        Body::Allergy(Allergy::default()),
    );
    record.entries = vec![to_penicillin, ended, none_known, coded, wordless];
    record
}

fn immunisations() -> GpRecord {
    let mut record = emis();
    let mut given = entry(
        "given",
        also(
            read("65E..", "Influenza vaccination"),
            system::SNOMED,
            "86198006",
            "Influenza vaccination",
        ),
        day(2025, 10, 12),
        Body::Immunisation(Box::new(Immunisation {
            part: Some("Booster".to_owned()),
            batch: Some("AB123".to_owned()),
            expiry: Some(at(2026, 6, 30, 12)),
            site: Some(Coded::term("Left arm")),
            manufacturer: Some("A vaccine maker".to_owned()),
            ..Default::default()
        })),
    );
    given.clinician = Some("nurse".to_owned());
    given.recorder = Some("gp".to_owned());
    let named = entry(
        "named",
        read("657F.", "Second meningitis C vaccination"),
        PartialDate::Unknown,
        Body::Immunisation(Box::new(Immunisation {
            product: Some(Coded::term("Meningitis C vaccine")),
            ..Default::default()
        })),
    );
    let declined = entry(
        "declined",
        read("8IAI.", "2019-nCoV vaccination declined"),
        day(2021, 3, 1),
        Body::Immunisation(Box::new(Immunisation {
            not_given: true,
            ..Default::default()
        })),
    );
    let coded = said(
        "coded",
        read("65E2.", "Influenza vaccination given"),
        day(2020, 10, 1),
    );
    record.entries = vec![given, named, declined, coded];
    record
}

fn procedures() -> GpRecord {
    let mut record = emis();
    let mut operation = said(
        "operation",
        read("7800.", "Transplantation of liver"),
        PartialDate::Year(1998),
    );
    operation.recorder = Some("nurse".to_owned());
    operation.qualifiers = vec![(Coded::term("Laterality"), Coded::term("Right"))];
    // sources.md 4.6: a number turns a procedure into a measurement.
    let measured = valued(
        "measured",
        read("7P0F2", "Mammography"),
        day(2024, 1, 1),
        number("2", ""),
    );
    let mut linked = said("linked", read("856..", "Acupuncture"), at(2026, 1, 1, 10));
    linked.linked_problems = vec!["pain".to_owned()];
    let mut pain = said(
        "pain",
        read("N142.", "Pain in lumbar spine"),
        day(2025, 1, 1),
    );
    pain.problem = Some(Box::new(problem(
        ProblemStatus::Active,
        Significance::Major,
    )));
    record.entries = vec![operation, measured, linked, pain];
    record
}

fn pathology() -> GpRecord {
    let mut record = emis();
    let mut report = entry(
        "report",
        read("4....", "Laboratory procedures"),
        at(2026, 5, 1, 11),
        Body::Report(Box::new(Report {
            kind: Some("PATH".to_owned()),
            issued: Some(at(2026, 5, 2, 16)),
            collected: Some(day(2026, 5, 1)),
            lab_id: Some("26/0042".to_owned()),
            verdict: Some("Abnormal".to_owned()),
            specimens: vec![Specimen {
                id: "specimen".to_owned(),
                kind: Coded::term("Serum"),
                collected: Some(at(2026, 5, 1, 9)),
                received: Some(day(2026, 5, 1)),
                lab_id: Some("26/0042/A".to_owned()),
                members: vec!["battery".to_owned()],
            }],
        })),
    );
    report.organisation = Some("hospital".to_owned());
    let within = |mut entry: Entry, parent: &str| {
        entry.parent = Some(parent.to_owned());
        entry
    };
    let on = || day(2026, 5, 1);
    let mut battery = within(
        said("battery", read("44JB.", "Urea and electrolytes"), on()),
        "report",
    );
    observation(&mut battery).group = true;
    observation(&mut battery).ranges = vec![Range::default()];
    let mut sodium = within(
        valued(
            "sodium",
            also(
                read("44I5.", "Serum sodium"),
                system::SNOMED,
                "1000661000000107",
                "Serum sodium level",
            ),
            on(),
            number("128", "mmol/L"),
        ),
        "battery",
    );
    observation(&mut sodium).ranges = vec![Range {
        low: Some(quantity(None, "133", "mmol/L")),
        high: Some(quantity(None, "146", "mmol/L")),
        text: Some("Normal".to_owned()),
    }];
    observation(&mut sodium).abnormal = Some((true, Some("Below low reference limit".to_owned())));
    let mut egfr = within(
        valued(
            "egfr",
            read("451E.", "GFR calculated"),
            on(),
            Value::Quantity(quantity(
                Some(Comparator::GreaterOrEqual),
                "90",
                "mL/min/1.73m*2",
            )),
        ),
        "battery",
    );
    observation(&mut egfr).ranges = vec![Range {
        low: Some(quantity(Some(Comparator::Greater), "60", "mL/min/1.73m*2")),
        ..Default::default()
    }];
    let mut platelets = within(
        valued(
            "platelets",
            read("42P..", "Platelet count"),
            on(),
            number("250.0", "10*9/L"),
        ),
        "report",
    );
    observation(&mut platelets).status = Some("PR".to_owned());
    observation(&mut platelets).abnormal = Some((false, Some("typed by hand".to_owned())));
    let words = within(
        valued(
            "culture",
            read("4I16.", "Microscopy, culture and sensitivities"),
            on(),
            Value::Text("No growth".to_owned()),
        ),
        "report",
    );
    let coded = within(
        valued(
            "group",
            read("43F..", "Rheumatoid factor"),
            on(),
            Value::Coded(snomed("260385009", "Negative")),
        ),
        "report",
    );
    // sources.md 3.9, 14
    let uncoded = within(
        valued(
            "uncoded",
            Coded::term("Non Coded Event - Haemolysis index"),
            on(),
            number("12", "Unknown UoM"),
        ),
        "report",
    );
    record.entries = vec![
        report, battery, sodium, egfr, platelets, words, coded, uncoded,
    ];
    record
}

fn investigations() -> GpRecord {
    let mut record = emis();
    let report = |id: &str, kind: Option<&str>, coded: Coded, on: PartialDate| {
        entry(
            id,
            coded,
            on,
            Body::Report(Box::new(Report {
                kind: kind.map(ToOwned::to_owned),
                issued: Some(day(2026, 2, 20)),
                ..Default::default()
            })),
        )
    };
    let ecg = report(
        "ecg",
        None,
        read("32...", "Electrocardiography"),
        day(2026, 2, 19),
    );
    let film = report("film", Some("RAD"), Coded::default(), day(2026, 2, 20));
    let height = valued(
        "height",
        read("229..", "O/E - height"),
        day(2026, 2, 20),
        number("162.0", "cm"),
    );
    let weight = valued(
        "weight",
        also(
            read("22A..", "O/E - weight"),
            system::SNOMED,
            "27113001",
            "Body weight",
        ),
        day(2026, 2, 19),
        number("61.50", "Kg"),
    );
    let bmi = valued(
        "bmi",
        read("22K..", "Body mass index"),
        PartialDate::Unknown,
        number("23.4", "kg/m2"),
    );
    let peak_flow = valued(
        "peak-flow",
        read("3395.", "Peak exp. flow rate: PEFR/PFR"),
        day(2025, 1, 1),
        number("420", "L/min"),
    );
    let smoker = said("smoker", read("137R.", "Current smoker"), day(2026, 5, 1));
    let alcohol = valued(
        "alcohol",
        read("136..", "Alcohol consumption"),
        day(2026, 5, 1),
        number("12", "U/week"),
    );
    let cough = said("cough", read("171A.", "Chronic cough"), day(2026, 5, 1));
    let dipstick = said(
        "dipstick",
        read("4672.", "Urine protein test negative"),
        day(2026, 5, 1),
    );
    let smear = said(
        "smear",
        read("4K3..", "Cervical smear - inflam.change"),
        day(2024, 5, 1),
    );
    let mut by_category = valued(
        "by-category",
        Coded::term("A test of the hospital's own"),
        day(2024, 5, 1),
        number("1", ""),
    );
    by_category.category = Some("Microbiology".to_owned());
    // A number that is none stays words.
    let wrong = valued(
        "not-a-number",
        read("44I4.", "Serum potassium"),
        day(2024, 5, 1),
        number("haemolysed", "mmol/L"),
    );
    record.entries = vec![
        ecg,
        film,
        height,
        weight,
        bmi,
        peak_flow,
        smoker,
        alcohol,
        cough,
        dipstick,
        smear,
        by_category,
        wrong,
    ];
    record
}

fn blood_pressure() -> GpRecord {
    let mut record = emis();
    let systolic = |id: &str, value: &str, unit: &str| {
        valued(
            id,
            also(
                read("2469.", "O/E - Systolic BP reading"),
                system::SNOMED,
                "72313002",
                "Systolic arterial pressure",
            ),
            at(2026, 4, 1, 10),
            number(value, unit),
        )
    };
    let diastolic = |id: &str, value: &str, unit: &str| {
        valued(
            id,
            read("246A.", "O/E - Diastolic BP reading"),
            at(2026, 4, 1, 10),
            number(value, unit),
        )
    };
    let grouped = |mut entry: Entry, key: &str| {
        observation(&mut entry).group_key = Some(key.to_owned());
        entry
    };
    let under = |mut entry: Entry, header: &str| {
        entry.parent = Some(header.to_owned());
        entry
    };
    let header = said(
        "header",
        also(
            read("246..", "O/E - blood pressure reading"),
            system::SNOMED,
            "163020007",
            "O/E - blood pressure reading",
        ),
        at(2026, 4, 1, 10),
    );
    let lying = |id: &str, c: &str, term: &str, value: &str| {
        grouped(
            valued(id, read(c, term), day(2026, 4, 1), number(value, "mm Hg")),
            "two-variants",
        )
    };
    let mut hidden = grouped(diastolic("hidden-diastolic", "70", "mmHg"), "half-hidden");
    hidden.restrictions = vec![Restriction::Policy {
        id: "policy".to_owned(),
        known: true,
    }];
    record.entries = vec![
        // The diastolic first: paired by code, never by place (sources.md 3.9, 8).
        under(diastolic("under-diastolic", "80", "mmHg"), "header"),
        under(systolic("under-systolic", "120", "mmHg"), "header"),
        header,
        grouped(systolic("pair-systolic", "150", "mm Hg"), "g1"),
        grouped(diastolic("pair-diastolic", "95", "mm Hg"), "g1"),
        grouped(systolic("single", "141", "mmHg"), "g2"),
        grouped(systolic("no-unit", "132", ""), "g3"),
        grouped(diastolic("no-unit-diastolic", "71", ""), "g3"),
        grouped(systolic("sitting-systolic", "128", "mmHg"), "two-variants"),
        lying(
            "lying-diastolic",
            "246T.",
            "Lying diastolic blood pressure",
            "66",
        ),
        grouped(diastolic("sitting-diastolic", "77", "mmHg"), "two-variants"),
        lying(
            "lying-systolic",
            "246S.",
            "Lying systolic blood pressure",
            "118",
        ),
        grouped(systolic("shown-systolic", "122", "mmHg"), "half-hidden"),
        hidden,
        said(
            "header-alone",
            read("246..", "O/E - BP reading"),
            day(2020, 1, 1),
        ),
    ];
    record
}

fn encounters() -> GpRecord {
    let mut record = emis();
    let mut surgery = encounter("surgery", at(2026, 5, 1, 9), Some("GP"));
    surgery.location_type = Some("GP Surgery".to_owned());
    surgery.organisation = Some("own".to_owned());
    surgery.duration_minutes = Some(10);
    let phone = encounter(
        "phone",
        at(2026, 5, 2, 9),
        Some("Telephone call to a patient"),
    );
    let mut home = encounter("home", at(2026, 5, 3, 9), Some("HV"));
    home.location_type = Some("Home visit".to_owned());
    home.restrictions = vec![Restriction::Policy {
        id: "policy".to_owned(),
        known: false,
    }];
    let mut other = encounter("other", day(2026, 5, 4), Some("typed by hand"));
    other.location_type = Some("Administration note".to_owned());
    other.complete = false;
    other.clinician = Some("stranger".to_owned());
    let planned = encounter("planned", at(2026, 8, 1, 9), Some("Face to face"));
    let letter = encounter("letter", at(2026, 5, 5, 9), Some("Letter"));
    let mut in_letter = said("in-letter", read("171A.", "Chronic cough"), day(2026, 5, 5));
    in_letter.encounter = Some("letter".to_owned());
    let mut in_home = said("in-home", read("171A.", "Chronic cough"), day(2026, 5, 3));
    in_home.encounter = Some("home".to_owned());
    record.encounters = vec![surgery, phone, home, other, planned, letter];
    record.entries = vec![in_letter, in_home];
    record
}

fn referrals() -> GpRecord {
    let mut record = emis();
    let referral = |id: &str, coded: Coded, body: Referral| {
        entry(id, coded, day(2026, 4, 20), Body::Referral(Box::new(body)))
    };
    let urgent = referral(
        "two-week-wait",
        read("8H58.", "Gynaecological referral"),
        Referral {
            speciality: Some(Coded::term("Gynaecology")),
            request: Some("OUT".to_owned()),
            urgency: Some("W".to_owned()),
            inbound: Some(false),
            mode: Some("E".to_owned()),
            ubrn: Some("000050001234".to_owned()),
            to: Some("hospital".to_owned()),
            to_person: Some("nurse".to_owned()),
            status: Some("Sent".to_owned()),
            ..Default::default()
        },
    );
    let soon = referral(
        "soon",
        Coded::default(),
        Referral {
            speciality: Some(Coded::term("Cardiology")),
            urgency: Some("S".to_owned()),
            mode: Some("typed by hand".to_owned()),
            to: Some("gone".to_owned()),
            ..Default::default()
        },
    );
    let inbound = referral(
        "inbound",
        read("8H7f.", "Referral to diabetes nurse"),
        Referral {
            inbound: Some(true),
            from: Some("hospital".to_owned()),
            urgency: Some("Routine".to_owned()),
            ..Default::default()
        },
    );
    let coded = said(
        "coded",
        read("8HTX.", "Referral to incontinence clin"),
        day(2020, 1, 1),
    );
    record.entries = vec![urgent, soon, inbound, coded];
    record
}

fn admissions() -> GpRecord {
    let mut record = emis();
    let asked = entry(
        "asked",
        read("8H22.", "Admit surgical emergency unsp."),
        day(2026, 5, 6),
        Body::Referral(Box::new(Referral {
            admission: true,
            request: Some("ADM".to_owned()),
            urgency: Some("Emergency".to_owned()),
            ..Default::default()
        })),
    );
    let coded = said(
        "coded",
        read("8H2P.", "Emergency admission, asthma"),
        day(2025, 12, 24),
    );
    let discharged = said(
        "discharged",
        ctv3("XaApO", "Discharge from hospice"),
        day(2024, 12, 24),
    );
    let letter = entry(
        "letter",
        Coded::term("Discharge letter"),
        day(2026, 1, 5),
        Body::Document(Document {
            discharge: true,
            inbound: Some(true),
        }),
    );
    let report = entry(
        "report",
        Coded::default(),
        day(2026, 1, 6),
        Body::Report(Box::new(Report {
            kind: Some("DIS".to_owned()),
            ..Default::default()
        })),
    );
    record.entries = vec![asked, coded, discharged, letter, report];
    record
}

fn flags() -> GpRecord {
    let mut record = emis();
    let alert = entry(
        "alert",
        Coded::term("Needs a chaperone"),
        day(2025, 1, 1),
        Body::Alert(Alert {
            expires: Some(day(2025, 6, 1)),
            severity: Some("High".to_owned()),
        }),
    );
    let wordless = entry(
        "wordless",
        Coded::default(),
        day(2025, 1, 1),
        Body::Alert(Alert::default()),
    );
    let contraindicated = said(
        "contraindicated",
        read("8I2F.", "Influenza vaccination contraindicated"),
        day(2024, 9, 1),
    );
    record.entries = vec![alert, wordless, contraindicated];
    record
}

fn systmone_event() -> GpRecord {
    let mut record = systmone();
    let event = "f7b1080000000000";
    let mut bracket = encounter(event, at(2015, 6, 10, 15), Some("Face to face"));
    bracket.implied = true;
    bracket.recorded = None;
    let inside = |mut entry: Entry| {
        entry.encounter = Some(event.to_owned());
        entry.recorded = None;
        if let Body::Observation(body) = &mut entry.body {
            body.group_key = Some(event.to_owned());
        }
        entry
    };
    let gord = || ctv3("X3003", "Gastro-oesophageal reflux disease");
    let on = || at(2015, 6, 10, 15);
    let plain = inside(said("plain", gord(), on()));
    let mut header = inside(said("header", gord(), PartialDate::Unknown));
    header.problem = Some(Box::new(Problem {
        id: Some("ed58000000000000".to_owned()),
        ..problem(ProblemStatus::Active, Significance::Major)
    }));
    // Never merged across differing restrictions.
    let mut private = inside(said("private", gord(), on()));
    private.restrictions = vec![Restriction::Private];
    let mut linked = inside(said("linked", ctv3("XE0Ub", "Hypertension"), on()));
    linked.linked_problems = vec!["ed58000000000000".to_owned()];
    let report = inside(entry(
        "report",
        Coded::term("Liver function tests"),
        on(),
        Body::Report(Box::new(Report {
            kind: Some("Pathology".to_owned()),
            issued: Some(day(2015, 6, 12)),
            verdict: Some("typed by hand".to_owned()),
            ..Default::default()
        })),
    ));
    let mut bilirubin = inside(valued(
        "bilirubin",
        ctv3("44E..", "Serum bilirubin level"),
        on(),
        number("12", "umol/L"),
    ));
    bilirubin.parent = Some("report".to_owned());
    let systolic = inside(valued(
        "systolic",
        ctv3("2469.", "O/E - Systolic BP reading"),
        on(),
        number("140", "mmHg"),
    ));
    let diastolic = inside(valued(
        "diastolic",
        ctv3("246A.", "O/E - Diastolic BP reading"),
        on(),
        number("90", "mmHg"),
    ));
    let local = inside(said(
        "local",
        code(system::TPP_LOCAL, "Y210d", "A local term"),
        on(),
    ));
    record.encounters = vec![bracket];
    record.entries = vec![
        plain, header, private, linked, report, bilirubin, systolic, diastolic, local,
    ];
    record
}

fn no_tab() -> GpRecord {
    let mut record = emis();
    let plain = |id: &str, coded: Coded, body: Body| entry(id, coded, day(2024, 1, 1), body);
    record.entries = vec![
        plain(
            "family",
            read("12C..", "FH: Cardiovascular disease"),
            Body::FamilyHistory,
        ),
        said(
            "family-coded",
            read("12D4.", "FH: Hay fever"),
            day(2024, 1, 1),
        ),
        plain(
            "diary",
            read("9OL..", "Diabetes clinic administration"),
            Body::Diary,
        ),
        plain(
            "request",
            read("424..", "Full blood count - FBC"),
            Body::TestRequest,
        ),
        plain(
            "letter",
            Coded::term("Clinic letter"),
            Body::Document(Document::default()),
        ),
        plain(
            "out-of-hours",
            Coded::default(),
            Body::Report(Box::new(Report {
                kind: Some("OOH".to_owned()),
                ..Default::default()
            })),
        ),
        said("free-text", Coded::default(), day(2024, 1, 1)),
    ];
    record
}
