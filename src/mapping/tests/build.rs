//! Short ways to write records down.

use jiff::civil::{Date, date};

use crate::record::*;

/// The day that all fixtures happen on.
pub const TODAY: Date = date(2026, 5, 20);

/// An empty record of Z99001 (EMIS) or Z99002 (SystmOne) with two people and two organisations.
pub fn record(family: SourceFamily) -> GpRecord {
    let practice = match family {
        SourceFamily::Emis => "Z99001",
        SourceFamily::SystmOne => "Z99002",
    };
    GpRecord {
        family,
        practice: OdsCode(practice.to_owned()),
        patient: PatientDetails {
            title: Some("Mrs".to_owned()),
            forenames: vec!["Edith".to_owned(), "Anne".to_owned()],
            surname: Some("Testcase".to_owned()),
            birth_date: PartialDate::Day(date(1951, 2, 3)),
            sex: Sex::Female,
            usual_gp: Some("gp".to_owned()),
            registered_gp: Some("gp".to_owned()),
            ..Default::default()
        },
        standing: Standing::default(),
        staff: vec![
            Staff {
                id: "gp".to_owned(),
                name: "Dr Amara Whitfield".to_owned(),
                role: Some("General Medical Practitioner".to_owned()),
                gmc: Some("9900001".to_owned()),
            },
            Staff {
                id: "nurse".to_owned(),
                name: "Nurse Bridget Oakham".to_owned(),
                role: None,
                gmc: None,
            },
        ],
        organisations: vec![
            Organisation {
                id: "own".to_owned(),
                name: "As the source writes it".to_owned(),
                ods: Some(practice.to_lowercase()),
            },
            Organisation {
                id: "hospital".to_owned(),
                name: "Sandbox Infirmary".to_owned(),
                ods: Some("Z99H1".to_owned()),
            },
        ],
        encounters: Vec::new(),
        entries: Vec::new(),
        missing: Vec::new(),
        losses: Vec::new(),
    }
}

pub fn emis() -> GpRecord {
    record(SourceFamily::Emis)
}

pub fn systmone() -> GpRecord {
    record(SourceFamily::SystmOne)
}

pub fn day(y: i16, m: i8, d: i8) -> PartialDate {
    PartialDate::Day(date(y, m, d))
}

pub fn at(y: i16, m: i8, d: i8, hour: i8) -> PartialDate {
    PartialDate::london(date(y, m, d).at(hour, 30, 0, 0))
}

pub fn code(system: &str, code: &str, term: &str) -> Coded {
    Coded {
        text: Some(term.to_owned()),
        codings: vec![Coding {
            system: system.to_owned(),
            code: code.to_owned(),
            display: Some(term.to_owned()),
            user_selected: true,
        }],
    }
}

pub fn read(code_: &str, term: &str) -> Coded {
    code(system::READ_V2, code_, term)
}

pub fn snomed(code_: &str, term: &str) -> Coded {
    code(system::SNOMED, code_, term)
}

pub fn ctv3(code_: &str, term: &str) -> Coded {
    code(system::CTV3, code_, term)
}

/// Adds a translation.
pub fn also(mut coded: Coded, system: &str, code: &str, term: &str) -> Coded {
    coded.codings.push(Coding {
        system: system.to_owned(),
        code: code.to_owned(),
        display: Some(term.to_owned()),
        user_selected: false,
    });
    coded
}

pub fn entry(id: &str, coded: Coded, date: PartialDate, body: Body) -> Entry {
    Entry {
        id: id.to_owned(),
        path: format!("test/{id}"),
        code: coded,
        date,
        recorded: Some("2026-05-19T08:15:00Z".parse().unwrap()),
        clinician: Some("gp".to_owned()),
        recorder: None,
        organisation: None,
        encounter: None,
        parent: None,
        problem: None,
        linked_problems: Vec::new(),
        restrictions: Vec::new(),
        category: None,
        episodicity: None,
        qualifiers: Vec::new(),
        body,
    }
}

/// A coded statement without a value.
pub fn said(id: &str, coded: Coded, date: PartialDate) -> Entry {
    entry(id, coded, date, Body::Observation(Observation::default()))
}

/// A coded statement with a value.
pub fn valued(id: &str, coded: Coded, date: PartialDate, value: Value) -> Entry {
    let body = Observation {
        value: Some(value),
        ..Default::default()
    };
    entry(id, coded, date, Body::Observation(body))
}

pub fn number(value: &str, unit: &str) -> Value {
    Value::Quantity(quantity(None, value, unit))
}

pub fn quantity(comparator: Option<Comparator>, value: &str, unit: &str) -> Quantity {
    Quantity {
        comparator,
        value: value.to_owned(),
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
    }
}

pub fn problem(status: ProblemStatus, significance: Significance) -> Problem {
    Problem {
        status,
        significance: Some(significance),
        ..Default::default()
    }
}

pub fn encounter(id: &str, date: PartialDate, method: Option<&str>) -> Encounter {
    Encounter {
        id: id.to_owned(),
        date,
        recorded: Some("2026-05-19T08:00:00Z".parse().unwrap()),
        clinician: Some("gp".to_owned()),
        method: method.map(ToOwned::to_owned),
        complete: true,
        ..Default::default()
    }
}

pub fn course(body: Medication) -> Body {
    Body::Medication(Box::new(body))
}

/// The observation of an entry, to change it.
pub fn observation(entry: &mut Entry) -> &mut Observation {
    match &mut entry.body {
        Body::Observation(body) => body,
        _ => panic!("no observation"),
    }
}
