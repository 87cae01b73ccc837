//! The resource types that this gateway serves.

/// A resource type of the API. What is not here cannot be served (R033).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "each variant is the FHIR R4 resource type of that name"
)]
pub enum Kind {
    AllergyIntolerance,
    Condition,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    Flag,
    Immunization,
    List,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Organization,
    Patient,
    Practitioner,
    Procedure,
    ServiceRequest,
    Specimen,
}

/// All of them, in alphabetical order.
pub const KINDS: [Kind; 17] = [
    Kind::AllergyIntolerance,
    Kind::Condition,
    Kind::DiagnosticReport,
    Kind::DocumentReference,
    Kind::Encounter,
    Kind::Flag,
    Kind::Immunization,
    Kind::List,
    Kind::MedicationRequest,
    Kind::MedicationStatement,
    Kind::Observation,
    Kind::Organization,
    Kind::Patient,
    Kind::Practitioner,
    Kind::Procedure,
    Kind::ServiceRequest,
    Kind::Specimen,
];

impl Kind {
    /// The FHIR name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllergyIntolerance => "AllergyIntolerance",
            Self::Condition => "Condition",
            Self::DiagnosticReport => "DiagnosticReport",
            Self::DocumentReference => "DocumentReference",
            Self::Encounter => "Encounter",
            Self::Flag => "Flag",
            Self::Immunization => "Immunization",
            Self::List => "List",
            Self::MedicationRequest => "MedicationRequest",
            Self::MedicationStatement => "MedicationStatement",
            Self::Observation => "Observation",
            Self::Organization => "Organization",
            Self::Patient => "Patient",
            Self::Practitioner => "Practitioner",
            Self::Procedure => "Procedure",
            Self::ServiceRequest => "ServiceRequest",
            Self::Specimen => "Specimen",
        }
    }

    /// The type with this FHIR name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }

    /// It is there only because other resources point to it: it belongs to no tab, and goes when nothing points to it.
    #[must_use]
    pub fn is_supporting(self) -> bool {
        matches!(
            self,
            Self::Organization | Self::Practitioner | Self::Specimen
        )
    }
}
