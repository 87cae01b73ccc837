//! A person with one fact of every kind, for the tests of writers and servers.

use jiff::civil::{Date, DateTime, date, datetime};

use crate::sandbox::story::{
    Behaviour, Class, Concept, Contact, Fact, Kind, Method, Person, Problem, Registration, Sharing,
    Trace, When,
};

/// The moment of asking in all tests.
pub const NOW: DateTime = datetime(2026, 6, 1, 10, 30, 0, 0);

/// A concept: term, Read v2, CTV3, SNOMED; an empty code is none.
pub fn concept(term: &str, read_v2: &str, ctv3: &str, snomed: &str) -> Concept {
    let some = |code: &str| Some(code.to_owned()).filter(|code| !code.is_empty());
    Concept {
        term: term.to_owned(),
        read_v2: some(read_v2),
        ctv3: some(ctv3),
        snomed: some(snomed),
        local: None,
    }
}

/// Someone without a story.
pub fn nobody(nhs_number: &str, practice: &'static str) -> Person {
    Person {
        nhs_number: nhs_number.to_owned(),
        title: "Mrs",
        given: vec!["Ada".to_owned(), "May".to_owned()],
        family: "O'Sample".to_owned(),
        sex: 'F',
        birth_date: date(1957, 3, 14),
        address: [
            "12 Mill Lane".to_owned(),
            String::new(),
            "Syston".to_owned(),
            "Leicestershire".to_owned(),
            "ZZ99 3VZ".to_owned(),
        ],
        practice,
        registration: Registration::Full,
        registered: date(2026, 5, 25),
        sharing: Sharing::Implied,
        trace: Trace {
            verified: true,
            sensitive: false,
            deceased: None,
            differs: None,
        },
        behaviour: Behaviour::Answers,
        registered_for_treatment: true,
        about: "",
        contacts: Vec::new(),
        facts: Vec::new(),
    }
}

/// A fact on 1 May 2024 by the first doctor.
pub fn fact(key: u32, concept: Concept, kind: Kind) -> Fact {
    Fact {
        key,
        contact: None,
        when: When::Day(date(2024, 5, 1)),
        entered: datetime(2024, 5, 1, 9, 15, 0, 0),
        staff: 0,
        concept,
        text: None,
        private: false,
        problem: None,
        ended: false,
        for_problems: Vec::new(),
        within: None,
        kind,
    }
}

/// A measurement.
pub fn measured(value: &str, unit: &'static str, together: Option<u32>) -> Kind {
    Kind::Measurement {
        comparator: None,
        value: value.to_owned(),
        unit,
        range: None,
        together,
    }
}

/// A course of 28 tablets.
pub fn course(repeat: bool, current: bool, end: Option<Date>, stopped: bool) -> Kind {
    Kind::Course {
        repeat,
        dosage: "One To Be Taken Each Day".to_owned(),
        quantity: 28,
        unit: "tablet",
        days: 28,
        current,
        end,
        stopped,
        max_issues: repeat.then_some(6),
        review: repeat.then_some(date(2026, 9, 1)),
    }
}

fn contact(key: u32, at: DateTime, method: Method, private: bool) -> Contact {
    Contact {
        key,
        at,
        staff: 0,
        method,
        narrative: Some(format!("SECRET typed {key}: feels <better> & sleeps")),
        private,
    }
}

/// Someone with every kind of fact, three contacts, partial dates, private and local entries.
pub fn everything(nhs_number: &str, practice: &'static str) -> Person {
    let mut person = nobody(nhs_number, practice);
    person.contacts = vec![
        contact(
            1,
            datetime(2024, 5, 1, 9, 10, 0, 0),
            Method::FaceToFace,
            false,
        ),
        contact(
            2,
            datetime(2024, 6, 2, 11, 0, 0, 0),
            Method::Telephone,
            true,
        ),
        contact(
            3,
            datetime(2024, 7, 3, 14, 0, 0, 0),
            Method::HomeVisit,
            false,
        ),
    ];
    let amlodipine = || concept("Amlodipine 10mg tablets", "", "", "319284000");
    let amoxicillin = || concept("Amoxicillin 500mg capsules", "", "", "323510009");
    let mut facts = vec![
        fact(
            1,
            concept("Asthma", "H33..", "H33..", "195967001"),
            Kind::Finding,
        ),
        fact(
            2,
            concept("O/E - Systolic BP reading", "2469.", "2469.", "72313002"),
            measured("142", "mm Hg", Some(3)),
        ),
        fact(
            3,
            concept(
                "O/E - Diastolic BP reading",
                "246A.",
                "246A.",
                "1091811000000102",
            ),
            measured("88", "mm Hg", Some(3)),
        ),
        fact(
            4,
            concept(
                "FBC - full blood count",
                "424..",
                "424..",
                "1022441000000101",
            ),
            Kind::Report {
                class: Class::Haematology,
                specimen: Some("Blood (EDTA)"),
            },
        ),
        fact(
            5,
            concept(
                "FBC - full blood count",
                "424..",
                "424..",
                "1022441000000101",
            ),
            Kind::Battery,
        ),
        fact(
            6,
            concept(
                "Haemoglobin estimation",
                "423..",
                "Xa96v",
                "1022431000000105",
            ),
            Kind::Measurement {
                comparator: None,
                value: "101".to_owned(),
                unit: "g/L",
                range: Some(("120".to_owned(), "150".to_owned())),
                together: None,
            },
        ),
        fact(
            7,
            concept("Serum potassium", "44I4.", "XE2pz", "1000651000000109"),
            Kind::Measurement {
                comparator: Some("<="),
                value: "2.1".to_owned(),
                unit: "mmol/L",
                range: Some((String::new(), "5.3".to_owned())),
                together: None,
            },
        ),
        fact(
            8,
            concept("MSU - general", "461..", "XM1UH", "430823004"),
            Kind::TextResult("No growth".to_owned()),
        ),
        fact(9, amlodipine(), course(true, true, None, false)),
        fact(10, amlodipine(), Kind::Issue { course: 9 }),
        fact(11, amlodipine(), Kind::Issue { course: 9 }),
        fact(
            12,
            amoxicillin(),
            course(false, false, Some(date(2024, 5, 8)), false),
        ),
        fact(13, amoxicillin(), Kind::Issue { course: 12 }),
        fact(
            14,
            concept("Allergy to penicillin", "", "", "91936005"),
            Kind::Allergy {
                drug: true,
                substance: Some(amoxicillin()),
            },
        ),
        fact(
            15,
            concept("Nut allergy", "", "", ""),
            Kind::Allergy {
                drug: false,
                substance: None,
            },
        ),
        fact(
            16,
            concept("Warfarin contraindicated", "", "", ""),
            Kind::Contraindication,
        ),
        fact(
            17,
            concept("Influenza vaccination", "65E..", "65E..", "86198006"),
            Kind::Immunisation {
                part: Some("1"),
                batch: Some("AB<12>".to_owned()),
            },
        ),
        fact(
            18,
            concept("Referral to cardiology service", "", "", ""),
            Kind::Referral {
                speciality: "Cardiology",
                admission: false,
                urgency: 'U',
            },
        ),
        fact(
            19,
            concept("Discharge summary", "", "", ""),
            Kind::Letter { discharge: true },
        ),
        fact(
            20,
            concept("Clinical letter", "", "", ""),
            Kind::Letter { discharge: false },
        ),
        fact(
            21,
            concept("Family history of asthma", "", "", "160377001"),
            Kind::FamilyHistory,
        ),
        fact(22, concept("Uses a hearing aid", "", "", ""), Kind::Alert),
        fact(
            23,
            concept("Excision of skin lesion", "", "", ""),
            Kind::Procedure,
        ),
        fact(
            24,
            concept("Local template entry", "", "", ""),
            Kind::Finding,
        ),
        fact(
            25,
            amlodipine(),
            course(true, false, Some(date(2023, 2, 1)), true),
        ),
        fact(
            26,
            concept("Plain X-ray of chest", "", "", ""),
            Kind::Report {
                class: Class::Imaging,
                specimen: None,
            },
        ),
        fact(
            27,
            concept("12 lead ECG", "", "", ""),
            Kind::Report {
                class: Class::Ecg,
                specimen: None,
            },
        ),
        fact(28, concept("Low back pain", "", "", ""), Kind::Finding),
    ];
    for fact in &mut facts {
        match fact.key {
            1 => {
                fact.problem = Some(Problem {
                    active: true,
                    major: true,
                    ended: None,
                });
                fact.contact = Some(1);
                fact.text = Some("SECRET text of asthma".to_owned());
            }
            2 | 3 => fact.contact = Some(1),
            5 => fact.within = Some(4),
            6 | 7 => fact.within = Some(5),
            8 => fact.within = Some(4),
            9 => {
                fact.contact = Some(1);
                fact.for_problems = vec![1, 28];
            }
            11 => fact.when = When::Day(date(2024, 6, 1)),
            12 => fact.contact = Some(1),
            14 => fact.when = When::Year(1999),
            15 => fact.when = When::Month(2003, 4),
            18 => fact.contact = Some(2),
            19 => fact.when = When::Unknown,
            22 => fact.text = Some("SECRET alert".to_owned()),
            23 => {
                fact.contact = Some(3);
                fact.when = When::Day(date(2001, 1, 2));
                fact.private = true;
            }
            24 => {
                fact.concept.local = Some("Y2a3B".to_owned());
                fact.contact = Some(2);
                fact.when = When::At(datetime(2024, 6, 2, 11, 5, 0, 0));
            }
            16 => fact.ended = true,
            28 => {
                fact.problem = Some(Problem {
                    active: false,
                    major: false,
                    ended: Some(When::Month(2020, 3)),
                });
                fact.private = true;
            }
            _ => {}
        }
    }
    person.facts = facts;
    person
}

/// Someone with this many ordinary entries.
pub fn many(entries: u32) -> Person {
    let mut person = nobody("9990007047", "Z99001");
    person.facts = (0..entries)
        .map(|key| {
            let mut one = fact(
                key,
                concept("Serum potassium", "44I4.", "XE2pz", "1000651000000109"),
                measured("4.1", "mmol/L", None),
            );
            one.contact = Some(key / 20);
            one
        })
        .collect();
    person.contacts = (0..entries.div_ceil(20))
        .map(|key| {
            contact(
                key,
                datetime(2024, 5, 1, 9, 0, 0, 0),
                Method::FaceToFace,
                false,
            )
        })
        .collect();
    person
}

/// Keeps what was written in the directory that `OPENMIG_KEEP_XML` names, for validation by hand against the suppliers'
/// public schemas, which are not ours to keep.
pub fn keep(name: &str, text: &str) {
    if let Some(directory) = std::env::var_os("OPENMIG_KEEP_XML") {
        std::fs::write(std::path::Path::new(&directory).join(name), text).unwrap();
    }
}

/// Fails where the text is not well-formed XML.
pub fn assert_well_formed(text: &str) {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0_i32;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
}
