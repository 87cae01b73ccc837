//! What the rest of the program knows of FHIR R4: ids, systems, small builders.

pub mod build;
pub mod ids;
pub mod kind;
#[cfg(test)]
mod named_tests;
pub mod refs;

pub use fhir_codec::{Resource, model, to_json};
pub use ids::{IdKey, PatientId};
pub use kind::Kind;

/// Canonical base of our own profiles, code systems and search parameters.
pub const OPENMIG: &str = "https://openmig.org/fhir";

/// URIs that more than one stage names.
pub mod uri {
    /// Identifier system of the NHS number.
    pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
    /// Identifier system of organisations.
    pub const ODS_CODE: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
    /// Our CodeSystem of tabs (also the `meta.tag` system, `_tag=<tab>`).
    pub const TAB: &str = "https://openmig.org/fhir/CodeSystem/mig-tab";
    /// Our CodeSystem of sections.
    pub const SECTION: &str = "https://openmig.org/fhir/CodeSystem/mig-section";
    /// Our CodeSystem of exclusion categories.
    pub const EXCLUSION: &str = "https://openmig.org/fhir/CodeSystem/exclusion-category";
    /// HL7 Confidentiality.
    pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    /// HL7 ActCode (sensitivity and handling labels).
    pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    /// HL7 ActReason (purposes of use).
    pub const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
}
