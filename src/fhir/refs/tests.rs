//! A fully populated resource of every kind: each of its references is seen, and can be taken out alone.

use std::cell::Cell;

use super::*;
use crate::fhir::kind::KINDS;
use crate::fhir::{build, to_json};

/// Hands out `Basic/1`, `Basic/2`, … so that every reference of a resource can be told apart.
#[derive(Default)]
struct Refs(Cell<u32>);

impl Refs {
    fn one(&self) -> t::Reference {
        self.0.set(self.0.get() + 1);
        t::Reference {
            reference: Some(format!("Basic/{}", self.0.get()).into()),
            ..Default::default()
        }
    }

    fn boxed(&self) -> Box<t::Reference> {
        Box::new(self.one())
    }

    fn some(&self) -> Option<Box<t::Reference>> {
        Some(self.boxed())
    }

    fn two(&self) -> Vec<t::Reference> {
        vec![self.one(), self.one()]
    }

    fn extensions(&self) -> Vec<t::Extension> {
        let value = || t::ExtensionValue::Reference(self.boxed());
        vec![
            build::extension("https://openmig.org/fhir/test", value()),
            t::Extension {
                url: "https://openmig.org/fhir/test".into(),
                extension: vec![build::extension("part", value())],
                ..Default::default()
            },
        ]
    }

    fn identifier(&self) -> t::Identifier {
        t::Identifier {
            value: Some("1".into()),
            assigner: self.some(),
            ..Default::default()
        }
    }

    fn notes(&self) -> Vec<t::Annotation> {
        vec![t::Annotation {
            text: "note".into(),
            author: Some(t::AnnotationAuthor::Reference(self.boxed())),
            ..Default::default()
        }]
    }
}

fn concept() -> Box<t::CodeableConcept> {
    Box::new(build::concept_text("x"))
}

/// One resource with every reference element that its kind has.
#[expect(
    clippy::too_many_lines,
    reason = "seventeen kinds, one after the other"
)]
fn full(kind: crate::fhir::Kind, n: &Refs) -> Resource {
    use crate::fhir::Kind as K;
    match kind {
        K::AllergyIntolerance => Resource::AllergyIntolerance(Box::new(r::AllergyIntolerance {
            extension: n.extensions(),
            modifier_extension: n.extensions(),
            identifier: vec![n.identifier()],
            patient: n.boxed(),
            encounter: n.some(),
            recorder: n.some(),
            asserter: n.some(),
            note: n.notes(),
            reaction: vec![r::AllergyIntoleranceReaction {
                manifestation: vec![build::concept_text("rash")],
                note: n.notes(),
                extension: n.extensions(),
                ..Default::default()
            }],
            ..Default::default()
        })),
        K::Condition => Resource::Condition(Box::new(r::Condition {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            subject: n.boxed(),
            encounter: n.some(),
            recorder: n.some(),
            asserter: n.some(),
            stage: vec![r::ConditionStage {
                summary: Some(concept()),
                assessment: n.two(),
                extension: n.extensions(),
                ..Default::default()
            }],
            evidence: vec![r::ConditionEvidence {
                detail: n.two(),
                ..Default::default()
            }],
            note: n.notes(),
            ..Default::default()
        })),
        K::DiagnosticReport => Resource::DiagnosticReport(Box::new(r::DiagnosticReport {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "final".into(),
            code: concept(),
            based_on: n.two(),
            subject: n.some(),
            encounter: n.some(),
            performer: n.two(),
            results_interpreter: n.two(),
            specimen: n.two(),
            result: n.two(),
            imaging_study: n.two(),
            media: vec![r::DiagnosticReportMedia {
                link: n.boxed(),
                ..Default::default()
            }],
            ..Default::default()
        })),
        K::DocumentReference => Resource::DocumentReference(Box::new(r::DocumentReference {
            extension: n.extensions(),
            master_identifier: Some(Box::new(n.identifier())),
            identifier: vec![n.identifier()],
            status: "current".into(),
            subject: n.some(),
            author: n.two(),
            authenticator: n.some(),
            custodian: n.some(),
            relates_to: vec![r::DocumentReferenceRelatesTo {
                code: "appends".into(),
                target: n.boxed(),
                ..Default::default()
            }],
            content: vec![r::DocumentReferenceContent {
                attachment: Box::new(t::Attachment {
                    title: Some("letter".into()),
                    ..Default::default()
                }),
                ..Default::default()
            }],
            context: Some(r::DocumentReferenceContext {
                encounter: n.two(),
                source_patient_info: n.some(),
                related: n.two(),
                ..Default::default()
            }),
            ..Default::default()
        })),
        K::Encounter => Resource::Encounter(Box::new(r::Encounter {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "finished".into(),
            class: Box::new(build::coding("s", "AMB", None)),
            subject: n.some(),
            episode_of_care: n.two(),
            based_on: n.two(),
            participant: vec![r::EncounterParticipant {
                individual: n.some(),
                ..Default::default()
            }],
            appointment: n.two(),
            reason_reference: n.two(),
            diagnosis: vec![r::EncounterDiagnosis {
                condition: n.boxed(),
                ..Default::default()
            }],
            account: n.two(),
            hospitalization: Some(r::EncounterHospitalization {
                pre_admission_identifier: Some(Box::new(n.identifier())),
                origin: n.some(),
                destination: n.some(),
                ..Default::default()
            }),
            location: vec![r::EncounterLocation {
                location: n.boxed(),
                ..Default::default()
            }],
            service_provider: n.some(),
            part_of: n.some(),
            ..Default::default()
        })),
        K::Flag => Resource::Flag(Box::new(r::Flag {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "active".into(),
            code: concept(),
            subject: n.boxed(),
            encounter: n.some(),
            author: n.some(),
            ..Default::default()
        })),
        K::Immunization => Resource::Immunization(Box::new(r::Immunization {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "completed".into(),
            vaccine_code: concept(),
            patient: n.boxed(),
            encounter: n.some(),
            occurrence: r::ImmunizationOccurrence::String("unknown".into()),
            location: n.some(),
            manufacturer: n.some(),
            performer: vec![
                r::ImmunizationPerformer {
                    actor: n.boxed(),
                    ..Default::default()
                },
                r::ImmunizationPerformer {
                    actor: n.boxed(),
                    ..Default::default()
                },
            ],
            note: n.notes(),
            reason_reference: n.two(),
            reaction: vec![r::ImmunizationReaction {
                detail: n.some(),
                ..Default::default()
            }],
            protocol_applied: vec![r::ImmunizationProtocolApplied {
                authority: n.some(),
                dose_number: r::ImmunizationProtocolAppliedDoseNumber::String("1".into()),
                ..Default::default()
            }],
            ..Default::default()
        })),
        K::List => Resource::List(Box::new(r::List {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "current".into(),
            mode: "snapshot".into(),
            subject: n.some(),
            encounter: n.some(),
            source: n.some(),
            note: n.notes(),
            entry: vec![
                r::ListEntry {
                    item: n.boxed(),
                    flag: Some(concept()),
                    ..Default::default()
                },
                r::ListEntry {
                    item: n.boxed(),
                    ..Default::default()
                },
            ],
            ..Default::default()
        })),
        K::MedicationRequest => Resource::MedicationRequest(Box::new(r::MedicationRequest {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "active".into(),
            intent: "plan".into(),
            reported: Some(r::MedicationRequestReported::Reference(n.boxed())),
            medication: r::MedicationRequestMedication::Reference(n.boxed()),
            subject: n.boxed(),
            encounter: n.some(),
            supporting_information: n.two(),
            requester: n.some(),
            performer: n.some(),
            recorder: n.some(),
            reason_reference: n.two(),
            based_on: n.two(),
            group_identifier: Some(Box::new(n.identifier())),
            insurance: n.two(),
            note: n.notes(),
            dispense_request: Some(r::MedicationRequestDispenseRequest {
                performer: n.some(),
                ..Default::default()
            }),
            prior_prescription: n.some(),
            detected_issue: n.two(),
            event_history: n.two(),
            ..Default::default()
        })),
        K::MedicationStatement => Resource::MedicationStatement(Box::new(r::MedicationStatement {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "active".into(),
            based_on: n.two(),
            part_of: n.two(),
            medication: r::MedicationStatementMedication::Reference(n.boxed()),
            subject: n.boxed(),
            context: n.some(),
            information_source: n.some(),
            derived_from: n.two(),
            reason_reference: n.two(),
            note: n.notes(),
            ..Default::default()
        })),
        K::Observation => Resource::Observation(Box::new(r::Observation {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "final".into(),
            code: concept(),
            based_on: n.two(),
            part_of: n.two(),
            subject: n.some(),
            focus: n.two(),
            encounter: n.some(),
            performer: n.two(),
            note: n.notes(),
            specimen: n.some(),
            device: n.some(),
            has_member: n.two(),
            derived_from: n.two(),
            ..Default::default()
        })),
        K::Organization => Resource::Organization(Box::new(r::Organization {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            part_of: n.some(),
            endpoint: n.two(),
            ..Default::default()
        })),
        K::Patient => Resource::Patient(Box::new(r::Patient {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            contact: vec![r::PatientContact {
                organization: n.some(),
                ..Default::default()
            }],
            general_practitioner: n.two(),
            managing_organization: n.some(),
            link: vec![r::PatientLink {
                other: n.boxed(),
                r#type: "seealso".into(),
                ..Default::default()
            }],
            ..Default::default()
        })),
        K::Practitioner => Resource::Practitioner(Box::new(r::Practitioner {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            qualification: vec![r::PractitionerQualification {
                identifier: vec![n.identifier()],
                code: concept(),
                issuer: n.some(),
                ..Default::default()
            }],
            ..Default::default()
        })),
        K::Procedure => Resource::Procedure(Box::new(r::Procedure {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "completed".into(),
            based_on: n.two(),
            part_of: n.two(),
            subject: n.boxed(),
            encounter: n.some(),
            recorder: n.some(),
            asserter: n.some(),
            performer: vec![r::ProcedurePerformer {
                actor: n.boxed(),
                on_behalf_of: n.some(),
                ..Default::default()
            }],
            location: n.some(),
            reason_reference: n.two(),
            report: n.two(),
            complication_detail: n.two(),
            note: n.notes(),
            focal_device: vec![r::ProcedureFocalDevice {
                manipulated: n.boxed(),
                ..Default::default()
            }],
            used_reference: n.two(),
            ..Default::default()
        })),
        K::ServiceRequest => Resource::ServiceRequest(Box::new(r::ServiceRequest {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            status: "active".into(),
            intent: "order".into(),
            based_on: n.two(),
            replaces: n.two(),
            requisition: Some(Box::new(n.identifier())),
            subject: n.boxed(),
            encounter: n.some(),
            requester: n.some(),
            performer: n.two(),
            location_reference: n.two(),
            reason_reference: n.two(),
            insurance: n.two(),
            supporting_info: n.two(),
            specimen: n.two(),
            note: n.notes(),
            relevant_history: n.two(),
            ..Default::default()
        })),
        K::Specimen => Resource::Specimen(Box::new(r::Specimen {
            extension: n.extensions(),
            identifier: vec![n.identifier()],
            accession_identifier: Some(Box::new(n.identifier())),
            subject: n.some(),
            parent: n.two(),
            request: n.two(),
            collection: Some(r::SpecimenCollection {
                collector: n.some(),
                ..Default::default()
            }),
            processing: vec![r::SpecimenProcessing {
                additive: n.two(),
                ..Default::default()
            }],
            container: vec![r::SpecimenContainer {
                identifier: vec![n.identifier()],
                additive: Some(r::SpecimenContainerAdditive::Reference(n.boxed())),
                ..Default::default()
            }],
            note: n.notes(),
            contained: vec![Resource::Organization(Box::new(r::Organization {
                part_of: n.some(),
                ..Default::default()
            }))],
            ..Default::default()
        })),
    }
}

fn json(resource: &Resource) -> String {
    String::from_utf8(to_json(resource).unwrap()).unwrap()
}

fn made(kind: crate::fhir::Kind) -> (Resource, u32) {
    let refs = Refs::default();
    let resource = full(kind, &refs);
    (resource, refs.0.get())
}

// R047: nothing may point at what was withheld.
#[test]
fn every_reference_of_every_kind_is_seen() {
    for kind in KINDS {
        let (mut resource, count) = made(kind);
        let text = json(&resource);
        let mut expected: Vec<String> = (1..=count).map(|i| format!("Basic/{i}")).collect();
        let mut seen = references(&resource);
        let mut walked = Vec::new();
        let whole = for_each_reference(&mut resource, &mut |reference| {
            walked.extend(reference.reference.as_ref().and_then(|r| r.value.clone()));
            true
        });
        assert!(whole, "{kind:?}");
        assert_eq!(walked, seen, "{kind:?}");
        expected.sort();
        seen.sort();
        assert_eq!(seen, expected, "{kind:?}");
        assert_eq!(text.matches("\"reference\":").count(), seen.len());
        assert_eq!(
            json(&resource),
            text,
            "{kind:?}: keeping all changes nothing"
        );
    }
}

#[test]
fn each_reference_can_be_taken_out_alone() {
    for kind in KINDS {
        let (_, count) = made(kind);
        for gone in 1..=count {
            let (mut resource, _) = made(kind);
            let name = format!("Basic/{gone}");
            let whole = for_each_reference(&mut resource, &mut |reference| {
                reference
                    .reference
                    .as_ref()
                    .and_then(|r| r.value.as_deref())
                    != Some(&*name)
            });
            let left = references(&resource);
            if !whole {
                assert!(left.contains(&name), "{kind:?} {gone}");
                continue;
            }
            assert!(!left.contains(&name), "{kind:?} {gone}");
            // An element with two references goes as one when the mandatory one of them goes.
            assert!(left.len() as u32 + 2 >= count, "{kind:?} {gone}");
            let text = json(&resource);
            assert!(!text.contains("[]") && !text.contains("{}"), "{text}");
        }
    }
}

#[test]
fn a_resource_without_its_subject_cannot_stay() {
    let refuse_all = |kind| {
        let (mut resource, _) = made(kind);
        for_each_reference(&mut resource, &mut |_| false)
    };
    assert!(!refuse_all(crate::fhir::Kind::Condition));
    assert!(!refuse_all(crate::fhir::Kind::MedicationStatement));
    assert!(refuse_all(crate::fhir::Kind::List));
    assert!(refuse_all(crate::fhir::Kind::Encounter));
}

#[test]
fn a_reference_by_identifier_or_words_is_left_alone() {
    let mut resource = Resource::Flag(Box::new(r::Flag {
        status: "active".into(),
        code: concept(),
        subject: Box::new(build::reference(crate::fhir::Kind::Patient, "p")),
        author: Some(Box::new(t::Reference {
            display: Some("Dr Amara Whitfield".into()),
            ..Default::default()
        })),
        ..Default::default()
    }));
    let mut calls = 0;
    assert!(for_each_reference(&mut resource, &mut |_| {
        calls += 1;
        true
    }));
    assert_eq!(calls, 1);
    assert!(json(&resource).contains("Whitfield"));
    assert_eq!(references(&resource), ["Patient/p"]);
}
