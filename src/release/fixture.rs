//! Mapped records made by hand, for the tests of labelling, release and tabs.

use jiff::Timestamp;

pub(crate) use super::withhold::withhold;
use super::{Held, HeldAsk, ReleasedRecord};
use crate::fhir::model::{resources as r, types as t};
use crate::fhir::{IdKey, Kind, PatientId, Resource, build, uri};
use crate::labelling::{ExclusionList, LabelledRecord, PracticeRules, label};
use crate::mapping::{Checkable, Mapped, MappedRecord};
use crate::record::{
    NhsNumber, OdsCode, PartialDate, Registration, Sharing, SourceFamily, Standing, system,
};
use crate::tabs::catalogue::Section;
use crate::tabs::lists::TabWording;

pub(crate) fn whose() -> PatientId {
    let nhs = NhsNumber::parse("9990000018").unwrap();
    IdKey::new([7; 32]).patient(&nhs)
}

pub(crate) fn id(name: &str) -> String {
    format!("{}-{name}", whose())
}

pub(crate) fn day(text: &str) -> PartialDate {
    PartialDate::Day(text.parse().unwrap())
}

pub(crate) fn record(family: SourceFamily, resources: Vec<Mapped>) -> MappedRecord {
    MappedRecord {
        patient: whose(),
        practice: OdsCode("Z99001".to_owned()),
        family,
        standing: Standing {
            registration: Registration::Full,
            sharing: Sharing::Implied,
            since: None,
            restricted: false,
        },
        resources,
        gaps: Vec::new(),
        losses: Vec::new(),
    }
}

/// A resource of any kind. Its tags are those of its sections, as mapping sets them.
pub(crate) fn mapped(
    kind: Kind,
    name: &str,
    sections: &[Section],
    date: PartialDate,
    resource: Resource,
) -> Mapped {
    Mapped {
        kind,
        id: if kind == Kind::Patient {
            whose().to_string()
        } else {
            id(name)
        },
        resource,
        sections: sections.to_vec(),
        date,
        codings: Vec::new(),
        checkable: Checkable::NoCode,
        restrictions: Vec::new(),
        native_id: format!("native-{name}"),
        parent: None,
        bracket: false,
        header: crate::mapping::Header::No,
        state_by_results: false,
    }
}

fn meta(sections: &[Section]) -> Option<Box<t::Meta>> {
    let mut tabs: Vec<_> = sections.iter().map(|it| it.tab()).collect();
    tabs.dedup();
    Some(Box::new(t::Meta {
        tag: tabs
            .into_iter()
            .map(|tab| build::coding(uri::TAB, tab.code(), None))
            .collect(),
        ..Default::default()
    }))
}

fn subject() -> Box<t::Reference> {
    Box::new(build::reference(Kind::Patient, whose().as_str()))
}

fn concept(system: &str, code: &str) -> Box<t::CodeableConcept> {
    Box::new(build::concept(system, code, None))
}

fn coded(mut mapped: Mapped, system: &str, code: &str) -> Mapped {
    mapped.codings = vec![(system.to_owned(), code.to_owned())];
    mapped.checkable = if matches!(system, system::READ_V2 | system::CTV3 | system::SNOMED) {
        Checkable::National
    } else {
        Checkable::LocalOnly
    };
    mapped
}

pub(crate) fn patient() -> Mapped {
    let sections = [Section::Demographics];
    let resource = r::Patient {
        id: Some(whose().as_str().into()),
        meta: meta(&sections),
        identifier: vec![t::Identifier {
            system: Some(uri::NHS_NUMBER.into()),
            value: Some("9990000018".into()),
            ..Default::default()
        }],
        gender: Some("female".into()),
        birth_date: Some("1957-03-14".into()),
        ..Default::default()
    };
    mapped(
        Kind::Patient,
        "",
        &sections,
        PartialDate::Unknown,
        Resource::Patient(Box::new(resource)),
    )
}

pub(crate) fn condition(
    name: &str,
    system: &str,
    code: &str,
    date: &str,
    sections: &[Section],
) -> Mapped {
    let resource = r::Condition {
        id: Some(id(name).into()),
        meta: meta(sections),
        clinical_status: Some(concept(
            "http://terminology.hl7.org/CodeSystem/condition-clinical",
            "active",
        )),
        category: vec![*concept(
            "http://terminology.hl7.org/CodeSystem/condition-category",
            "problem-list-item",
        )],
        code: Some(concept(system, code)),
        subject: subject(),
        onset: Some(r::ConditionOnset::DateTime(date.into())),
        ..Default::default()
    };
    let it = mapped(
        Kind::Condition,
        name,
        sections,
        day(date),
        Resource::Condition(Box::new(resource)),
    );
    coded(it, system, code)
}

pub(crate) fn problem(name: &str, system: &str, code: &str, date: &str) -> Mapped {
    condition(
        name,
        system,
        code,
        date,
        &[Section::ProblemsCurrent, Section::SummaryProblems],
    )
}

pub(crate) fn observation(
    name: &str,
    system: &str,
    code: &str,
    date: &str,
    sections: &[Section],
) -> Mapped {
    let resource = r::Observation {
        id: Some(id(name).into()),
        meta: meta(sections),
        status: "final".into(),
        category: vec![*concept(
            "http://terminology.hl7.org/CodeSystem/observation-category",
            "laboratory",
        )],
        code: concept(system, code),
        subject: Some(subject()),
        effective: Some(r::ObservationEffective::DateTime(date.into())),
        ..Default::default()
    };
    let it = mapped(
        Kind::Observation,
        name,
        sections,
        day(date),
        Resource::Observation(Box::new(resource)),
    );
    coded(it, system, code)
}

pub(crate) fn report(name: &str, code: &str, date: &str, results: &[&str]) -> Mapped {
    let sections = [Section::Biochemistry];
    let resource = r::DiagnosticReport {
        id: Some(id(name).into()),
        meta: meta(&sections),
        status: "final".into(),
        code: concept(system::READ_V2, code),
        subject: Some(subject()),
        effective: Some(r::DiagnosticReportEffective::DateTime(date.into())),
        result: results
            .iter()
            .map(|it| build::reference(Kind::Observation, &id(it)))
            .collect(),
        specimen: vec![build::reference(Kind::Specimen, &id("specimen"))],
        ..Default::default()
    };
    let it = mapped(
        Kind::DiagnosticReport,
        name,
        &sections,
        day(date),
        Resource::DiagnosticReport(Box::new(resource)),
    );
    coded(it, system::READ_V2, code)
}

pub(crate) fn specimen() -> Mapped {
    let resource = r::Specimen {
        id: Some(id("specimen").into()),
        r#type: Some(Box::new(build::concept_text("Blood"))),
        subject: Some(subject()),
        ..Default::default()
    };
    let mut it = mapped(
        Kind::Specimen,
        "specimen",
        &[],
        PartialDate::Unknown,
        Resource::Specimen(Box::new(resource)),
    );
    it.checkable = Checkable::LocalOnly;
    it
}

pub(crate) fn allergy(name: &str, system: &str, code: &str, date: &str) -> Mapped {
    let sections = [Section::Allergies, Section::SummaryAllergies];
    let resource = r::AllergyIntolerance {
        id: Some(id(name).into()),
        meta: meta(&sections),
        clinical_status: Some(concept(
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
            "active",
        )),
        code: Some(concept(system, code)),
        patient: subject(),
        recorded_date: Some(date.into()),
        ..Default::default()
    };
    let it = mapped(
        Kind::AllergyIntolerance,
        name,
        &sections,
        day(date),
        Resource::AllergyIntolerance(Box::new(resource)),
    );
    coded(it, system, code)
}

pub(crate) fn medication(name: &str, system: &str, code: &str, date: &str) -> Mapped {
    let sections = [Section::MedicationCurrent, Section::SummaryMedication];
    let resource = r::MedicationStatement {
        id: Some(id(name).into()),
        meta: meta(&sections),
        status: "active".into(),
        medication: r::MedicationStatementMedication::CodeableConcept(concept(system, code)),
        subject: subject(),
        effective: Some(r::MedicationStatementEffective::Period(Box::new(
            t::Period {
                start: Some(date.into()),
                ..Default::default()
            },
        ))),
        ..Default::default()
    };
    let it = mapped(
        Kind::MedicationStatement,
        name,
        &sections,
        day(date),
        Resource::MedicationStatement(Box::new(resource)),
    );
    coded(it, system, code)
}

pub(crate) fn flag(name: &str, system: &str, code: &str) -> Mapped {
    let sections = [Section::Contraindications];
    let resource = r::Flag {
        id: Some(id(name).into()),
        meta: meta(&sections),
        status: "active".into(),
        code: concept(system, code),
        subject: subject(),
        ..Default::default()
    };
    let it = mapped(
        Kind::Flag,
        name,
        &sections,
        PartialDate::Unknown,
        Resource::Flag(Box::new(resource)),
    );
    coded(it, system, code)
}

/// `bracket`: it goes with the last of its entries.
pub(crate) fn encounter(name: &str, date: &str, bracket: bool) -> Mapped {
    let sections = [Section::Encounters];
    let resource = r::Encounter {
        id: Some(id(name).into()),
        meta: meta(&sections),
        status: "finished".into(),
        class: Box::new(build::coding(
            "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "AMB",
            None,
        )),
        subject: Some(subject()),
        participant: vec![r::EncounterParticipant {
            individual: Some(Box::new(build::reference(
                Kind::Practitioner,
                &id(&format!("{name}-clinician")),
            ))),
            ..Default::default()
        }],
        period: Some(Box::new(t::Period {
            start: Some(date.into()),
            end: Some(date.into()),
            ..Default::default()
        })),
        ..Default::default()
    };
    let mut it = mapped(
        Kind::Encounter,
        name,
        &sections,
        day(date),
        Resource::Encounter(Box::new(resource)),
    );
    it.bracket = bracket;
    it
}

pub(crate) fn practitioner(name: &str) -> Mapped {
    let resource = r::Practitioner {
        id: Some(id(name).into()),
        name: vec![t::HumanName {
            text: Some("Dr Example".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    mapped(
        Kind::Practitioner,
        name,
        &[],
        PartialDate::Unknown,
        Resource::Practitioner(Box::new(resource)),
    )
}

/// Ties an entry to an encounter and to the clinician who recorded it.
pub(crate) fn within(mut it: Mapped, encounter: &str, recorder: &str) -> Mapped {
    let at = Some(Box::new(build::reference(Kind::Encounter, &id(encounter))));
    let by = Some(Box::new(build::reference(
        Kind::Practitioner,
        &id(recorder),
    )));
    match &mut it.resource {
        Resource::Condition(it) => {
            it.encounter = at;
            it.recorder = by;
        }
        Resource::Observation(it) => {
            it.encounter = at;
            it.performer = by.map(|it| *it).into_iter().collect();
        }
        Resource::AllergyIntolerance(it) => {
            it.encounter = at;
            it.recorder = by;
        }
        Resource::MedicationStatement(it) => it.context = at,
        _ => panic!("not an entry"),
    }
    it
}

pub(crate) fn inside(mut it: Mapped, parent: &str) -> Mapped {
    it.parent = Some(id(parent));
    it
}

pub(crate) fn list() -> ExclusionList {
    ExclusionList::load_embedded().unwrap()
}

pub(crate) fn labelled(record: MappedRecord) -> LabelledRecord {
    label(record, &list(), PracticeRules::default()).unwrap()
}

pub(crate) fn released(record: MappedRecord) -> ReleasedRecord {
    withhold(labelled(record)).unwrap()
}

pub(crate) fn retrieved_at() -> Timestamp {
    "2025-06-01T09:30:00Z".parse().unwrap()
}

pub(crate) const BASE: &str = "http://127.0.0.1:8080/fhir/r4";

pub(crate) fn held(record: MappedRecord) -> Held {
    let wording = TabWording::default();
    Held::build(
        released(record),
        &HeldAsk {
            base: BASE,
            retrieved_at: retrieved_at(),
            wording: &wording,
            practice_name: Some("Fosse Way Surgery"),
            arriving: None,
            exclusions_url: "http://127.0.0.1:8080/exclusions",
        },
    )
    .unwrap()
}

/// An ordinary record: problems, a report with two results, allergy, medication, an encounter.
pub(crate) fn ordinary() -> Vec<Mapped> {
    vec![
        patient(),
        practitioner("gp"),
        practitioner("visit-clinician"),
        encounter("visit", "2024-05-01", false),
        within(
            problem("asthma", system::READ_V2, "H33..", "2010-02-03"),
            "visit",
            "gp",
        ),
        within(
            problem("gout", system::SNOMED, "90560007", "2024-05-01"),
            "visit",
            "gp",
        ),
        allergy("penicillin", system::SNOMED, "91936005", "1999-01-01"),
        medication("ramipril", system::SNOMED, "318906001", "2023-01-10"),
        specimen(),
        report("bloods", "44J..", "2025-05-20", &["sodium", "potassium"]),
        inside(
            observation(
                "sodium",
                system::READ_V2,
                "44I5.",
                "2025-05-20",
                &[Section::Biochemistry, Section::Recent],
            ),
            "bloods",
        ),
        inside(
            observation(
                "potassium",
                system::READ_V2,
                "44I4.",
                "2025-05-20",
                &[Section::Biochemistry, Section::Recent],
            ),
            "bloods",
        ),
    ]
}
