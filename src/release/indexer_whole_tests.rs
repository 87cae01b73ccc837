//! A resource of each type, whole, and what it is found by.

use super::super::*;
use super::{at, coded, coding, concept, numbered, period, tagged, to, whose};
use crate::fhir::Kind;

/// A resource of each type with everything in it that the type can be searched by, and what it is then found by.
pub(super) fn whole() -> Vec<(Kind, Resource, &'static str)> {
    let mut all = problems_and_contacts();
    all.extend(investigations());
    all.extend(medication());
    all.extend(people());
    all
}

fn problems_and_contacts() -> Vec<(Kind, Resource, &'static str)> {
    vec![
        (
            Kind::AllergyIntolerance,
            Resource::AllergyIntolerance(Box::new(r::AllergyIntolerance {
                meta: tagged(),
                identifier: numbered(),
                clinical_status: coded("clinical"),
                verification_status: coded("verified"),
                r#type: Some("allergy".into()),
                category: vec!["food".into(), "medication".into()],
                criticality: Some("high".into()),
                code: coded("code"),
                patient: whose(),
                encounter: at("Encounter/e"),
                onset: Some(r::AllergyIntoleranceOnset::DateTime("2020-01-02".into())),
                recorded_date: Some("2020-02-03".into()),
                recorder: at("Practitioner/r"),
                asserter: at("Practitioner/a"),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             clinical-status urn:s|clinical
             verification-status urn:s|verified
             type http://hl7.org/fhir/allergy-intolerance-type|allergy
             category http://hl7.org/fhir/allergy-intolerance-category|food
             category http://hl7.org/fhir/allergy-intolerance-category|medication
             criticality http://hl7.org/fhir/allergy-intolerance-criticality|high
             code urn:s|code
             onset 2020-01-02..2020-01-03
             date 2020-02-03..2020-02-04
             patient -> Patient/p
             recorder -> Practitioner/r
             asserter -> Practitioner/a",
        ),
        (
            Kind::Condition,
            Resource::Condition(Box::new(r::Condition {
                meta: tagged(),
                identifier: numbered(),
                clinical_status: coded("clinical"),
                verification_status: coded("verified"),
                category: vec![concept("category")],
                code: coded("code"),
                subject: whose(),
                encounter: at("Encounter/e"),
                onset: Some(r::ConditionOnset::DateTime("2020-01-02".into())),
                abatement: Some(r::ConditionAbatement::DateTime("2020-02-03".into())),
                recorded_date: Some("2020-03-04".into()),
                recorder: at("Practitioner/r"),
                asserter: at("Practitioner/a"),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             clinical-status urn:s|clinical
             verification-status urn:s|verified
             category urn:s|category
             code urn:s|code
             onset-date 2020-01-02..2020-01-03
             abatement-date 2020-02-03..2020-02-04
             recorded-date 2020-03-04..2020-03-05
             patient -> Patient/p
             subject -> Patient/p
             encounter -> Encounter/e
             asserter -> Practitioner/a",
        ),
        (
            Kind::DocumentReference,
            Resource::DocumentReference(Box::new(r::DocumentReference {
                meta: tagged(),
                identifier: numbered(),
                status: "current".into(),
                r#type: coded("type"),
                category: vec![concept("category")],
                subject: at("Patient/p"),
                date: Some("2020-01-02T10:00:00Z".into()),
                author: vec![to("Practitioner/a")],
                custodian: at("Organization/c"),
                context: Some(r::DocumentReferenceContext {
                    encounter: vec![to("Encounter/e")],
                    period: Some(period("2020-02-03", "2020-02-05")),
                    ..Default::default()
                }),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/document-reference-status|current
             type urn:s|type
             category urn:s|category
             date 2020-01-02..2020-01-02
             period 2020-02-03..2020-02-06
             patient -> Patient/p
             subject -> Patient/p
             author -> Practitioner/a
             custodian -> Organization/c
             encounter -> Encounter/e",
        ),
        (
            Kind::Encounter,
            Resource::Encounter(Box::new(r::Encounter {
                meta: tagged(),
                identifier: numbered(),
                status: "finished".into(),
                class: Box::new(coding("class")),
                r#type: vec![concept("type")],
                subject: at("Patient/p"),
                participant: vec![r::EncounterParticipant {
                    individual: at("Practitioner/i"),
                    ..Default::default()
                }],
                period: Some(period("2020-01-02", "2020-01-03")),
                diagnosis: vec![r::EncounterDiagnosis {
                    condition: Box::new(to("Condition/d")),
                    ..Default::default()
                }],
                service_provider: at("Organization/s"),
                part_of: at("Encounter/whole"),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/encounter-status|finished
             class urn:s|class
             type urn:s|type
             date 2020-01-02..2020-01-04
             patient -> Patient/p
             subject -> Patient/p
             participant -> Practitioner/i
             practitioner -> Practitioner/i
             service-provider -> Organization/s
             part-of -> Encounter/whole
             diagnosis -> Condition/d",
        ),
        (
            Kind::Flag,
            Resource::Flag(Box::new(r::Flag {
                meta: tagged(),
                identifier: numbered(),
                status: "active".into(),
                category: vec![concept("category")],
                code: Box::new(concept("code")),
                subject: whose(),
                period: Some(period("2020-01-02", "")),
                encounter: at("Encounter/e"),
                author: at("Practitioner/a"),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/flag-status|active
             category urn:s|category
             code urn:s|code
             date 2020-01-02..
             patient -> Patient/p
             subject -> Patient/p
             encounter -> Encounter/e
             author -> Practitioner/a",
        ),
        (
            Kind::List,
            Resource::List(Box::new(r::List {
                meta: tagged(),
                identifier: numbered(),
                status: "current".into(),
                code: coded("code"),
                subject: at("Patient/p"),
                date: Some("2020-01-02".into()),
                entry: vec![r::ListEntry {
                    item: Box::new(to("Condition/i")),
                    ..Default::default()
                }],
                empty_reason: coded("empty"),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/list-status|current
             code urn:s|code
             empty-reason urn:s|empty
             date 2020-01-02..2020-01-03
             patient -> Patient/p
             subject -> Patient/p
             item -> Condition/i",
        ),
    ]
}

fn investigations() -> Vec<(Kind, Resource, &'static str)> {
    vec![
        (
            Kind::DiagnosticReport,
            Resource::DiagnosticReport(Box::new(r::DiagnosticReport {
                meta: tagged(),
                identifier: numbered(),
                based_on: vec![to("ServiceRequest/b")],
                status: "final".into(),
                category: vec![concept("category")],
                code: Box::new(concept("code")),
                subject: at("Patient/p"),
                encounter: at("Encounter/e"),
                effective: Some(r::DiagnosticReportEffective::DateTime("2020-01-02".into())),
                issued: Some("2020-02-03T10:00:00Z".into()),
                performer: vec![to("Organization/f")],
                results_interpreter: vec![to("Practitioner/i")],
                specimen: vec![to("Specimen/s")],
                result: vec![to("Observation/one"), to("Observation/two")],
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/diagnostic-report-status|final
             category urn:s|category
             code urn:s|code
             date 2020-01-02..2020-01-03
             issued 2020-02-03..2020-02-03
             patient -> Patient/p
             subject -> Patient/p
             encounter -> Encounter/e
             performer -> Organization/f
             results-interpreter -> Practitioner/i
             specimen -> Specimen/s
             result -> Observation/one
             result -> Observation/two
             based-on -> ServiceRequest/b",
        ),
        (
            Kind::Observation,
            Resource::Observation(Box::new(r::Observation {
                meta: tagged(),
                identifier: numbered(),
                based_on: vec![to("ServiceRequest/b")],
                status: "final".into(),
                category: vec![concept("category")],
                code: Box::new(concept("code")),
                subject: at("Patient/p"),
                encounter: at("Encounter/e"),
                effective: Some(r::ObservationEffective::DateTime("2020-01-02".into())),
                performer: vec![to("Practitioner/f")],
                specimen: at("Specimen/s"),
                has_member: vec![to("Observation/m")],
                derived_from: vec![to("Observation/d")],
                component: vec![r::ObservationComponent {
                    code: Box::new(concept("part")),
                    ..Default::default()
                }],
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/observation-status|final
             category urn:s|category
             code urn:s|code
             combo-code urn:s|code
             combo-code urn:s|part
             component-code urn:s|part
             date 2020-01-02..2020-01-03
             patient -> Patient/p
             subject -> Patient/p
             encounter -> Encounter/e
             performer -> Practitioner/f
             specimen -> Specimen/s
             has-member -> Observation/m
             derived-from -> Observation/d
             based-on -> ServiceRequest/b",
        ),
        (
            Kind::Procedure,
            Resource::Procedure(Box::new(r::Procedure {
                meta: tagged(),
                identifier: numbered(),
                based_on: vec![to("ServiceRequest/b")],
                part_of: vec![to("Procedure/whole")],
                status: "completed".into(),
                category: coded("category"),
                code: coded("code"),
                subject: whose(),
                encounter: at("Encounter/e"),
                performed: Some(r::ProcedurePerformed::DateTime("2020-01-02".into())),
                performer: vec![r::ProcedurePerformer {
                    actor: Box::new(to("Practitioner/f")),
                    ..Default::default()
                }],
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/event-status|completed
             category urn:s|category
             code urn:s|code
             date 2020-01-02..2020-01-03
             patient -> Patient/p
             subject -> Patient/p
             encounter -> Encounter/e
             performer -> Practitioner/f
             based-on -> ServiceRequest/b
             part-of -> Procedure/whole",
        ),
        (
            Kind::ServiceRequest,
            Resource::ServiceRequest(Box::new(r::ServiceRequest {
                meta: tagged(),
                identifier: numbered(),
                based_on: vec![to("ServiceRequest/b")],
                status: "active".into(),
                intent: "order".into(),
                category: vec![concept("category")],
                priority: Some("urgent".into()),
                code: coded("code"),
                subject: whose(),
                encounter: at("Encounter/e"),
                occurrence: Some(r::ServiceRequestOccurrence::DateTime("2020-01-02".into())),
                authored_on: Some("2020-02-03".into()),
                requester: at("Practitioner/r"),
                performer: vec![to("Organization/f")],
                specimen: vec![to("Specimen/s")],
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/request-status|active
             intent http://hl7.org/fhir/request-intent|order
             priority http://hl7.org/fhir/request-priority|urgent
             category urn:s|category
             code urn:s|code
             occurrence 2020-01-02..2020-01-03
             authored 2020-02-03..2020-02-04
             patient -> Patient/p
             subject -> Patient/p
             encounter -> Encounter/e
             requester -> Practitioner/r
             performer -> Organization/f
             specimen -> Specimen/s
             based-on -> ServiceRequest/b",
        ),
        (
            Kind::Specimen,
            Resource::Specimen(Box::new(r::Specimen {
                meta: tagged(),
                identifier: numbered(),
                status: Some("available".into()),
                r#type: coded("type"),
                subject: at("Patient/p"),
                collection: Some(r::SpecimenCollection {
                    collector: at("Practitioner/c"),
                    collected: Some(r::SpecimenCollectionCollected::DateTime(
                        "2020-01-02".into(),
                    )),
                    ..Default::default()
                }),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/specimen-status|available
             type urn:s|type
             collected 2020-01-02..2020-01-03
             patient -> Patient/p
             subject -> Patient/p
             collector -> Practitioner/c",
        ),
    ]
}

fn medication() -> Vec<(Kind, Resource, &'static str)> {
    use r::{MedicationRequestMedication as Asked, MedicationStatementMedication as Taken};
    vec![
        (
            Kind::Immunization,
            Resource::Immunization(Box::new(r::Immunization {
                meta: tagged(),
                identifier: numbered(),
                status: "completed".into(),
                vaccine_code: Box::new(concept("vaccine")),
                patient: whose(),
                encounter: at("Encounter/e"),
                occurrence: r::ImmunizationOccurrence::DateTime("2020-01-02".into()),
                manufacturer: at("Organization/m"),
                performer: vec![r::ImmunizationPerformer {
                    actor: Box::new(to("Practitioner/f")),
                    ..Default::default()
                }],
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/event-status|completed
             vaccine-code urn:s|vaccine
             date 2020-01-02..2020-01-03
             patient -> Patient/p
             manufacturer -> Organization/m
             performer -> Practitioner/f",
        ),
        (
            Kind::MedicationRequest,
            Resource::MedicationRequest(Box::new(r::MedicationRequest {
                meta: tagged(),
                identifier: numbered(),
                status: "active".into(),
                intent: "plan".into(),
                category: vec![concept("category")],
                priority: Some("routine".into()),
                medication: Asked::CodeableConcept(Box::new(concept("code"))),
                subject: whose(),
                encounter: at("Encounter/e"),
                authored_on: Some("2020-01-02".into()),
                requester: at("Practitioner/r"),
                based_on: vec![to("MedicationRequest/b")],
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/CodeSystem/medicationrequest-status|active
             intent http://hl7.org/fhir/CodeSystem/medicationrequest-intent|plan
             priority http://hl7.org/fhir/request-priority|routine
             category urn:s|category
             code urn:s|code
             authoredon 2020-01-02..2020-01-03
             patient -> Patient/p
             subject -> Patient/p
             encounter -> Encounter/e
             requester -> Practitioner/r",
        ),
        (
            Kind::MedicationStatement,
            Resource::MedicationStatement(Box::new(r::MedicationStatement {
                meta: tagged(),
                identifier: numbered(),
                based_on: vec![to("MedicationRequest/b")],
                status: "active".into(),
                category: coded("category"),
                medication: Taken::CodeableConcept(Box::new(concept("code"))),
                subject: whose(),
                context: at("Encounter/e"),
                effective: Some(r::MedicationStatementEffective::DateTime(
                    "2020-01-02".into(),
                )),
                information_source: at("Practitioner/i"),
                derived_from: vec![to("Observation/d")],
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             status http://hl7.org/fhir/CodeSystem/medication-statement-status|active
             category urn:s|category
             code urn:s|code
             effective 2020-01-02..2020-01-03
             patient -> Patient/p
             subject -> Patient/p
             context -> Encounter/e
             source -> Practitioner/i",
        ),
    ]
}

fn people() -> Vec<(Kind, Resource, &'static str)> {
    vec![
        (
            Kind::Organization,
            Resource::Organization(Box::new(r::Organization {
                meta: tagged(),
                identifier: numbered(),
                part_of: at("Organization/whole"),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             partof -> Organization/whole",
        ),
        (
            Kind::Patient,
            Resource::Patient(Box::new(r::Patient {
                meta: tagged(),
                identifier: numbered(),
                gender: Some("female".into()),
                birth_date: Some("1960-01-02".into()),
                general_practitioner: vec![to("Practitioner/g")],
                managing_organization: at("Organization/m"),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number
             gender http://hl7.org/fhir/administrative-gender|female
             birthdate 1960-01-02..1960-01-03
             general-practitioner -> Practitioner/g
             organization -> Organization/m",
        ),
        (
            Kind::Practitioner,
            Resource::Practitioner(Box::new(r::Practitioner {
                meta: tagged(),
                identifier: numbered(),
                ..Default::default()
            })),
            "_tag urn:s|tag
             identifier urn:s|number",
        ),
    ]
}
