//! Every literal reference of a resource: to see them, and to take them out without leaving a broken resource.
//!
//! Needed by release (what was withheld must not be pointed at, design.md 5 and R047). All seventeen kinds are covered,
//! backbone elements, notes, identifiers, extensions and contained resources included. Taking out a reference takes out
//! the smallest element that may be missing: an optional element becomes absent, a list loses an entry, and an element
//! that must have the reference (a `List.entry`, an `Immunization.performer`) goes as a whole. What would be left empty goes too.

use super::Resource;
use super::model::{resources as r, types as t};

type Keep<'f> = &'f mut dyn FnMut(&mut t::Reference) -> bool;

/// Shows `keep` every literal reference of the resource and takes out those for which it answers `false`.
///
/// Answers whether the resource is still whole: `false` when a reference that the resource must have (for example
/// `Condition.subject`) was refused; that reference is then still there, and the resource as a whole must go.
pub fn for_each_reference(
    resource: &mut Resource,
    keep: &mut dyn FnMut(&mut t::Reference) -> bool,
) -> bool {
    resource.walk(keep)
}

/// The text of every literal reference, in the order of the elements, repeats included.
#[must_use]
pub fn references(resource: &Resource) -> Vec<String> {
    let mut found = Vec::new();
    resource.see(&mut found);
    found
}

/// An element that may hold references.
trait Walk {
    /// Walks it; `false` says that it cannot stay.
    fn walk(&mut self, keep: Keep) -> bool;
    /// Collects without changing anything.
    fn see(&self, found: &mut Vec<String>);
}

impl Walk for t::Reference {
    fn walk(&mut self, keep: Keep) -> bool {
        self.extension.walk(keep);
        self.identifier.walk(keep);
        let literal = self.reference.as_ref().is_some_and(|r| r.value.is_some());
        !literal || keep(self)
    }

    fn see(&self, found: &mut Vec<String>) {
        self.extension.see(found);
        self.identifier.see(found);
        found.extend(self.reference.as_ref().and_then(|r| r.value.clone()));
    }
}

impl Walk for t::Extension {
    fn walk(&mut self, keep: Keep) -> bool {
        let had_parts = !self.extension.is_empty();
        self.extension.walk(keep);
        if had_parts && self.extension.is_empty() {
            return false;
        }
        self.value.as_mut().is_none_or(|value| match value {
            t::ExtensionValue::Reference(it) => it.walk(keep),
            t::ExtensionValue::Annotation(it) => it.walk(keep),
            t::ExtensionValue::Identifier(it) => it.walk(keep),
            _ => true,
        })
    }

    fn see(&self, found: &mut Vec<String>) {
        self.extension.see(found);
        match &self.value {
            Some(t::ExtensionValue::Reference(it)) => it.see(found),
            Some(t::ExtensionValue::Annotation(it)) => it.see(found),
            Some(t::ExtensionValue::Identifier(it)) => it.see(found),
            _ => {}
        }
    }
}

impl<T: Walk> Walk for Box<T> {
    fn walk(&mut self, keep: Keep) -> bool {
        (**self).walk(keep)
    }

    fn see(&self, found: &mut Vec<String>) {
        (**self).see(found);
    }
}

impl<T: Walk> Walk for Option<T> {
    fn walk(&mut self, keep: Keep) -> bool {
        if self.as_mut().is_some_and(|it| !it.walk(keep)) {
            *self = None;
        }
        true
    }

    fn see(&self, found: &mut Vec<String>) {
        if let Some(it) = self {
            it.see(found);
        }
    }
}

impl<T: Walk> Walk for Vec<T> {
    fn walk(&mut self, keep: Keep) -> bool {
        self.retain_mut(|it| it.walk(keep));
        true
    }

    fn see(&self, found: &mut Vec<String>) {
        for it in self {
            it.see(found);
        }
    }
}

/// A struct with the fields that may hold references. It cannot stay when a mandatory field cannot, or nothing is left.
macro_rules! parts {
    ($($ty:ty: $($field:ident)*;)*) => {$(
        impl Walk for $ty {
            fn walk(&mut self, keep: Keep) -> bool {
                let mut whole = self.extension.walk(keep);
                $(whole &= self.$field.walk(keep);)*
                whole && *self != Self::default()
            }

            fn see(&self, found: &mut Vec<String>) {
                self.extension.see(found);
                $(self.$field.see(found);)*
            }
        }
    )*};
}

/// A choice of types of which one is a reference.
macro_rules! choices {
    ($($ty:ty;)*) => {$(
        impl Walk for $ty {
            fn walk(&mut self, keep: Keep) -> bool {
                match self {
                    Self::Reference(it) => it.walk(keep),
                    _ => true,
                }
            }

            fn see(&self, found: &mut Vec<String>) {
                if let Self::Reference(it) = self {
                    it.see(found);
                }
            }
        }
    )*};
}

/// The seventeen kinds. A kind that this gateway does not serve has no references to follow.
macro_rules! kinds {
    ($($kind:ident)*) => {
        impl Walk for Resource {
            fn walk(&mut self, keep: Keep) -> bool {
                match self {
                    $(Resource::$kind(it) => {
                        let contained = it.contained.walk(keep);
                        it.walk(keep) && contained
                    })*
                    _ => true,
                }
            }

            fn see(&self, found: &mut Vec<String>) {
                match self {
                    $(Resource::$kind(it) => {
                        it.contained.see(found);
                        it.see(found);
                    })*
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
    t::AnnotationAuthor;
    r::MedicationRequestReported;
    r::MedicationRequestMedication;
    r::MedicationStatementMedication;
    r::SpecimenContainerAdditive;
}

parts! {
    t::Identifier: assigner;
    t::Annotation: author;

    r::AllergyIntolerance: modifier_extension identifier patient encounter recorder asserter note reaction;
    r::AllergyIntoleranceReaction: modifier_extension note;

    r::Condition: modifier_extension identifier subject encounter recorder asserter stage evidence note;
    r::ConditionEvidence: modifier_extension detail;

    r::DiagnosticReport: modifier_extension identifier based_on subject encounter performer results_interpreter specimen
        result imaging_study media;
    r::DiagnosticReportMedia: modifier_extension link;

    r::DocumentReference: modifier_extension master_identifier identifier subject author authenticator custodian
        relates_to context;
    r::DocumentReferenceRelatesTo: modifier_extension target;
    r::DocumentReferenceContext: modifier_extension encounter source_patient_info related;

    r::Encounter: modifier_extension identifier subject episode_of_care based_on participant appointment
        reason_reference diagnosis account hospitalization location service_provider part_of;
    r::EncounterParticipant: modifier_extension individual;
    r::EncounterDiagnosis: modifier_extension condition;
    r::EncounterHospitalization: modifier_extension pre_admission_identifier origin destination;
    r::EncounterLocation: modifier_extension location;

    r::Flag: modifier_extension identifier subject encounter author;

    r::Immunization: modifier_extension identifier patient encounter location manufacturer performer note
        reason_reference reaction protocol_applied;
    r::ImmunizationPerformer: modifier_extension actor;
    r::ImmunizationReaction: modifier_extension detail;
    r::ImmunizationProtocolApplied: modifier_extension authority;

    r::List: modifier_extension identifier subject encounter source note entry;
    r::ListEntry: modifier_extension item;

    r::MedicationRequest: modifier_extension identifier reported medication subject encounter supporting_information
        requester performer recorder reason_reference based_on group_identifier insurance note dispense_request
        prior_prescription detected_issue event_history;
    r::MedicationRequestDispenseRequest: modifier_extension performer;

    r::MedicationStatement: modifier_extension identifier based_on part_of medication subject context
        information_source derived_from reason_reference note;

    r::Observation: modifier_extension identifier based_on part_of subject focus encounter performer note specimen
        device has_member derived_from;

    r::Organization: modifier_extension identifier part_of endpoint;

    r::Patient: modifier_extension identifier contact general_practitioner managing_organization link;
    r::PatientContact: modifier_extension organization;
    r::PatientLink: modifier_extension other;

    r::Practitioner: modifier_extension identifier qualification;
    r::PractitionerQualification: modifier_extension identifier issuer;

    r::Procedure: modifier_extension identifier based_on part_of subject encounter recorder asserter performer
        location reason_reference report complication_detail note focal_device used_reference;
    r::ProcedurePerformer: modifier_extension actor on_behalf_of;
    r::ProcedureFocalDevice: modifier_extension manipulated;

    r::ServiceRequest: modifier_extension identifier based_on replaces requisition subject encounter requester
        performer location_reference reason_reference insurance supporting_info specimen note relevant_history;

    r::Specimen: modifier_extension identifier accession_identifier subject parent request collection processing
        container note;
    r::SpecimenCollection: modifier_extension collector;
    r::SpecimenProcessing: modifier_extension additive;
    r::SpecimenContainer: modifier_extension identifier additive;
}

impl Walk for r::ConditionStage {
    /// Invariant con-1: a stage has a summary or an assessment.
    fn walk(&mut self, keep: Keep) -> bool {
        self.extension.walk(keep);
        self.modifier_extension.walk(keep);
        self.assessment.walk(keep);
        self.summary.is_some() || !self.assessment.is_empty()
    }

    fn see(&self, found: &mut Vec<String>) {
        self.extension.see(found);
        self.modifier_extension.see(found);
        self.assessment.see(found);
    }
}

#[cfg(test)]
mod tests;
