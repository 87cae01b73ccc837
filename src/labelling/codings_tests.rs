//! Every coded field of every kind is looked at: one resource for each, with a coding there and nowhere else.

use super::*;

/// A value with the coding in it, whatever the field holds.
trait Coded {
    fn coded() -> Self;
}

impl Coded for t::Coding {
    fn coded() -> Self {
        crate::fhir::build::coding("system", "code", None)
    }
}

impl Coded for t::CodeableConcept {
    fn coded() -> Self {
        crate::fhir::build::concept("system", "code", None)
    }
}

impl<T: Coded> Coded for Box<T> {
    fn coded() -> Self {
        Box::new(T::coded())
    }
}

impl<T: Coded> Coded for Option<T> {
    fn coded() -> Self {
        Some(T::coded())
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn coded() -> Self {
        vec![T::coded()]
    }
}

/// A field that holds parts, one of which is this.
trait Holding<T> {
    fn holding(part: T) -> Self;
}

impl<T> Holding<T> for Vec<T> {
    fn holding(part: T) -> Self {
        vec![part]
    }
}

impl<T> Holding<T> for Option<T> {
    fn holding(part: T) -> Self {
        Some(part)
    }
}

macro_rules! each {
    ($all:ident: $($kind:ident: $($field:ident)*;)*) => {$($(
        $all.extend([(
            concat!(stringify!($kind), ".", stringify!($field)),
            Resource::$kind(Box::new(r::$kind { $field: Coded::coded(), ..Default::default() })),
        )]);
    )*)*};
}

macro_rules! within {
    ($all:ident: $($kind:ident.$part:ident = $ty:ident: $($field:ident)*;)*) => {$($(
        $all.push((
            concat!(stringify!($kind), ".", stringify!($part), ".", stringify!($field)),
            Resource::$kind(Box::new(r::$kind {
                $part: Holding::holding(r::$ty { $field: Coded::coded(), ..Default::default() }),
                ..Default::default()
            })),
        ));
    )*)*};
}

macro_rules! extended {
    ($all:ident: $($kind:ident)*) => {$(
        for value in [
            t::ExtensionValue::Coding(Coded::coded()),
            t::ExtensionValue::CodeableConcept(Coded::coded()),
        ] {
            let inner = crate::fhir::build::extension("http://example.org/x", value);
            let outer = t::Extension { extension: vec![inner.clone()], ..Default::default() };
            $all.push((
                concat!(stringify!($kind), ".extension"),
                Resource::$kind(Box::new(r::$kind { extension: vec![inner.clone()], ..Default::default() })),
            ));
            $all.push((
                concat!(stringify!($kind), ".extension.extension"),
                Resource::$kind(Box::new(r::$kind { extension: vec![outer], ..Default::default() })),
            ));
            $all.push((
                concat!(stringify!($kind), ".modifierExtension"),
                Resource::$kind(Box::new(r::$kind { modifier_extension: vec![inner], ..Default::default() })),
            ));
        }
    )*};
}

// R040, governance.md 1.5 traps 5 and 7
#[test]
fn no_coded_field_of_any_kind_is_overlooked() {
    let mut all: Vec<(&str, Resource)> = Vec::new();
    each! { all:
        AllergyIntolerance: code;
        Condition: code category severity body_site;
        DiagnosticReport: code category conclusion_code;
        DocumentReference: r#type category;
        Encounter: r#type service_type reason_code;
        Flag: code category;
        Immunization: vaccine_code status_reason site route reason_code subpotent_reason;
        List: code;
        MedicationRequest: status_reason category reason_code;
        MedicationStatement: status_reason category reason_code;
        Observation: code category data_absent_reason interpretation body_site method;
        Organization: r#type;
        Procedure: code category status_reason reason_code body_site outcome complication follow_up used_code;
        ServiceRequest: code category order_detail reason_code body_site location_code;
        Specimen: r#type condition;
    }
    within! { all:
        AllergyIntolerance.reaction = AllergyIntoleranceReaction: substance manifestation exposure_route;
        Condition.stage = ConditionStage: summary r#type;
        Condition.evidence = ConditionEvidence: code;
        DocumentReference.context = DocumentReferenceContext: event facility_type practice_setting;
        Encounter.hospitalization = EncounterHospitalization: admit_source discharge_disposition;
        Immunization.protocol_applied = ImmunizationProtocolApplied: target_disease;
        MedicationRequest.substitution = MedicationRequestSubstitution: reason;
        Observation.component = ObservationComponent: code interpretation;
        Practitioner.qualification = PractitionerQualification: code;
        Specimen.collection = SpecimenCollection: method body_site;
    }
    extended! { all:
        AllergyIntolerance Condition DiagnosticReport DocumentReference Encounter Flag Immunization List MedicationRequest
        MedicationStatement Observation Organization Patient Practitioner Procedure ServiceRequest Specimen
    }
    let concept = || Coded::coded();
    let medication = r::MedicationRequestMedication::CodeableConcept(concept());
    let statement = r::MedicationStatementMedication::CodeableConcept(concept());
    let component = r::ObservationComponent {
        value: Some(r::ObservationComponentValue::CodeableConcept(concept())),
        ..Default::default()
    };
    all.extend([
        (
            "MedicationRequest.medication",
            Resource::MedicationRequest(Box::new(r::MedicationRequest {
                medication,
                ..Default::default()
            })),
        ),
        (
            "MedicationStatement.medication",
            Resource::MedicationStatement(Box::new(r::MedicationStatement {
                medication: statement,
                ..Default::default()
            })),
        ),
        (
            "Observation.value",
            Resource::Observation(Box::new(r::Observation {
                value: Some(r::ObservationValue::CodeableConcept(concept())),
                ..Default::default()
            })),
        ),
        (
            "Observation.component.value",
            Resource::Observation(Box::new(r::Observation {
                component: vec![component],
                ..Default::default()
            })),
        ),
    ]);
    assert!(all.len() > 150, "{}", all.len());
    for (field, resource) in &all {
        assert_eq!(codings(resource), [("system", "code")], "{field}");
    }
    // In the extensions of a concept and of a coding too.
    let extended = crate::fhir::build::extension(
        "http://example.org/x",
        t::ExtensionValue::Coding(Coded::coded()),
    );
    let coding = t::Coding {
        extension: vec![extended.clone()],
        ..Default::default()
    };
    for concept in [
        t::CodeableConcept {
            coding: vec![coding],
            ..Default::default()
        },
        t::CodeableConcept {
            extension: vec![extended],
            ..Default::default()
        },
    ] {
        let it = Resource::Observation(Box::new(r::Observation {
            code: Box::new(concept),
            ..Default::default()
        }));
        assert_eq!(codings(&it), [("system", "code")]);
    }
    // What has no system or no code is none.
    let mut half = t::Coding::coded();
    half.system = None;
    let mut other = t::Coding::coded();
    other.code = None;
    let half = Resource::Observation(Box::new(r::Observation {
        code: Box::new(t::CodeableConcept {
            coding: vec![half, other],
            ..Default::default()
        }),
        ..Default::default()
    }));
    assert!(codings(&half).is_empty());
}
