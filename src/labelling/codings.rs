//! Every clinical coding that stands in a resource, wherever in it: a fact that the list excludes may stand in a result's
//! value, a reaction, a reason or an extension as well as in the code (governance.md 1.5, traps 5 and 7). This is beside
//! what mapping reports of the source's codings, so that neither can forget one for the other.

use crate::fhir::Resource;
use crate::fhir::model::{resources as r, types as t};

type Found<'a> = Vec<(&'a str, &'a str)>;

/// The codings as (system, code).
#[must_use]
pub(super) fn codings(resource: &Resource) -> Found<'_> {
    let mut found = Vec::new();
    resource.see(&mut found);
    found
}

trait See {
    fn see<'a>(&'a self, found: &mut Found<'a>);
}

impl See for t::Coding {
    fn see<'a>(&'a self, found: &mut Found<'a>) {
        let system = self.system.as_ref().and_then(|it| it.value.as_deref());
        let code = self.code.as_ref().and_then(|it| it.value.as_deref());
        if let (Some(system), Some(code)) = (system, code) {
            found.push((system, code));
        }
        self.extension.see(found);
    }
}

impl See for t::CodeableConcept {
    fn see<'a>(&'a self, found: &mut Found<'a>) {
        self.coding.see(found);
        self.extension.see(found);
    }
}

impl See for t::Extension {
    fn see<'a>(&'a self, found: &mut Found<'a>) {
        self.extension.see(found);
        match &self.value {
            Some(t::ExtensionValue::CodeableConcept(it)) => it.see(found),
            Some(t::ExtensionValue::Coding(it)) => it.see(found),
            _ => {}
        }
    }
}

impl<T: See> See for Box<T> {
    fn see<'a>(&'a self, found: &mut Found<'a>) {
        (**self).see(found);
    }
}

impl<T: See> See for Option<T> {
    fn see<'a>(&'a self, found: &mut Found<'a>) {
        if let Some(it) = self {
            it.see(found);
        }
    }
}

impl<T: See> See for Vec<T> {
    fn see<'a>(&'a self, found: &mut Found<'a>) {
        for it in self {
            it.see(found);
        }
    }
}

macro_rules! parts {
    ($($ty:ty: $($field:ident)*;)*) => {$(
        impl See for $ty {
            fn see<'a>(&'a self, found: &mut Found<'a>) {
                self.extension.see(found);
                self.modifier_extension.see(found);
                $(self.$field.see(found);)*
            }
        }
    )*};
}

macro_rules! choices {
    ($($ty:ty;)*) => {$(
        impl See for $ty {
            fn see<'a>(&'a self, found: &mut Found<'a>) {
                if let Self::CodeableConcept(it) = self {
                    it.see(found);
                }
            }
        }
    )*};
}

macro_rules! kinds {
    ($($kind:ident)*) => {
        impl See for Resource {
            fn see<'a>(&'a self, found: &mut Found<'a>) {
                match self {
                    $(Resource::$kind(it) => it.see(found),)*
                    _ => {}
                }
            }
        }
    };
}

kinds! {
    AllergyIntolerance Condition DiagnosticReport DocumentReference Encounter Flag Immunization List MedicationRequest
    MedicationStatement Observation Organization Patient Practitioner Procedure ServiceRequest Specimen
}

choices! {
    r::MedicationRequestMedication;
    r::MedicationStatementMedication;
    r::ObservationValue;
    r::ObservationComponentValue;
}

parts! {
    r::AllergyIntolerance: code reaction;
    r::AllergyIntoleranceReaction: substance manifestation exposure_route;
    r::Condition: code category severity body_site stage evidence;
    r::ConditionStage: summary r#type;
    r::ConditionEvidence: code;
    r::DiagnosticReport: code category conclusion_code;
    r::DocumentReference: r#type category context;
    r::DocumentReferenceContext: event facility_type practice_setting;
    r::Encounter: r#type service_type reason_code hospitalization;
    r::EncounterHospitalization: admit_source discharge_disposition;
    r::Flag: code category;
    r::Immunization: vaccine_code status_reason site route reason_code subpotent_reason protocol_applied;
    r::ImmunizationProtocolApplied: target_disease;
    r::List: code;
    r::MedicationRequest: medication status_reason category reason_code substitution;
    r::MedicationRequestSubstitution: reason;
    r::MedicationStatement: medication status_reason category reason_code;
    r::Observation: code category value data_absent_reason interpretation body_site method component;
    r::ObservationComponent: code value interpretation;
    r::Organization: r#type;
    r::Patient: ;
    r::Practitioner: qualification;
    r::PractitionerQualification: code;
    r::Procedure: code category status_reason reason_code body_site outcome complication follow_up used_code;
    r::ServiceRequest: code category order_detail reason_code body_site location_code;
    r::Specimen: r#type condition collection;
    r::SpecimenCollection: method body_site;
}

#[cfg(test)]
#[path = "codings_tests.rs"]
mod tests;
