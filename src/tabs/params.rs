//! Which search parameters and `_include`s each type has: for search, for the index and for the CapabilityStatement.

use crate::fhir::Kind;
use crate::release::Param;

/// How the value of a parameter is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// A code, with or without system.
    Token,
    /// A date with prefix.
    Date,
    /// A reference to one resource.
    Reference,
    /// The patient: must be the one of the record.
    Patient,
}

impl ParamType {
    /// Its FHIR code (SearchParamType).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Date => "date",
            Self::Reference | Self::Patient => "reference",
        }
    }
}

type Table = &'static [(Param, ParamType)];

/// The parameters of a type. Those of R4, and for `Flag` `status`, `category` and `code` besides, which R4 lacks there.
#[must_use]
pub fn params(kind: Kind) -> Table {
    use Param as P;
    use ParamType::{Date, Patient, Reference, Token};
    match kind {
        Kind::AllergyIntolerance => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Identifier, Token),
            (P::Category, Token),
            (P::ClinicalStatus, Token),
            (P::Code, Token),
            (P::Criticality, Token),
            (P::Date, Date),
            (P::Onset, Date),
            (P::Type, Token),
            (P::VerificationStatus, Token),
        ],
        Kind::Condition => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::AbatementDate, Date),
            (P::Category, Token),
            (P::ClinicalStatus, Token),
            (P::Code, Token),
            (P::Encounter, Reference),
            (P::OnsetDate, Date),
            (P::RecordedDate, Date),
            (P::VerificationStatus, Token),
        ],
        Kind::DiagnosticReport => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Category, Token),
            (P::Code, Token),
            (P::Date, Date),
            (P::Encounter, Reference),
            (P::Issued, Date),
            (P::Status, Token),
        ],
        Kind::DocumentReference => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Category, Token),
            (P::Date, Date),
            (P::Encounter, Reference),
            (P::Period, Date),
            (P::Status, Token),
            (P::Type, Token),
        ],
        Kind::Encounter => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Class, Token),
            (P::Date, Date),
            (P::Status, Token),
            (P::Type, Token),
        ],
        Kind::Flag => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Category, Token),
            (P::Code, Token),
            (P::Date, Date),
            (P::Encounter, Reference),
            (P::Status, Token),
        ],
        Kind::Immunization => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Identifier, Token),
            (P::Date, Date),
            (P::Status, Token),
            (P::VaccineCode, Token),
        ],
        Kind::List => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Code, Token),
            (P::Date, Date),
            (P::EmptyReason, Token),
            (P::Status, Token),
        ],
        Kind::MedicationRequest => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::AuthoredOn, Date),
            (P::Category, Token),
            (P::Code, Token),
            (P::Encounter, Reference),
            (P::Intent, Token),
            (P::Priority, Token),
            (P::Status, Token),
        ],
        Kind::MedicationStatement => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Category, Token),
            (P::Code, Token),
            (P::Context, Reference),
            (P::Effective, Date),
            (P::Status, Token),
        ],
        Kind::Observation => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Category, Token),
            (P::Code, Token),
            (P::ComboCode, Token),
            (P::ComponentCode, Token),
            (P::Date, Date),
            (P::Encounter, Reference),
            (P::Status, Token),
        ],
        Kind::Organization | Kind::Practitioner => {
            &[(P::Id, Token), (P::Tag, Token), (P::Identifier, Token)]
        }
        Kind::Patient => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Identifier, Token),
            (P::Birthdate, Date),
            (P::Gender, Token),
        ],
        Kind::Procedure => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Category, Token),
            (P::Code, Token),
            (P::Date, Date),
            (P::Encounter, Reference),
            (P::Status, Token),
        ],
        Kind::ServiceRequest => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Authored, Date),
            (P::Category, Token),
            (P::Code, Token),
            (P::Encounter, Reference),
            (P::Intent, Token),
            (P::Occurrence, Date),
            (P::Priority, Token),
            (P::Status, Token),
        ],
        Kind::Specimen => &[
            (P::Id, Token),
            (P::Tag, Token),
            (P::Patient, Patient),
            (P::Subject, Patient),
            (P::Identifier, Token),
            (P::Collected, Date),
            (P::Status, Token),
            (P::Type, Token),
        ],
    }
}

/// The parameter of this type with this FHIR name.
#[must_use]
pub fn by_name(kind: Kind, name: &str) -> Option<(Param, ParamType)> {
    params(kind)
        .iter()
        .find(|(param, _)| param.name() == name)
        .copied()
}

/// What `_include=<kind>:<name>` this type answers; the names of R4's reference parameters.
#[must_use]
pub fn includes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::AllergyIntolerance => &["patient", "recorder", "asserter"],
        Kind::Condition => &["patient", "subject", "encounter", "asserter"],
        Kind::DiagnosticReport => &[
            "patient",
            "subject",
            "encounter",
            "performer",
            "results-interpreter",
            "specimen",
            "result",
            "based-on",
        ],
        Kind::DocumentReference => &["patient", "subject", "encounter", "author", "custodian"],
        Kind::Encounter => &[
            "patient",
            "subject",
            "participant",
            "practitioner",
            "service-provider",
            "part-of",
            "diagnosis",
        ],
        Kind::Flag => &["patient", "subject", "encounter", "author"],
        Kind::Immunization => &["patient", "performer", "manufacturer"],
        Kind::List => &["patient", "subject", "item"],
        Kind::MedicationRequest => &["patient", "subject", "encounter", "requester", "medication"],
        Kind::MedicationStatement => &["patient", "subject", "context", "source", "medication"],
        Kind::Observation => &[
            "patient",
            "subject",
            "encounter",
            "performer",
            "specimen",
            "has-member",
            "derived-from",
            "based-on",
        ],
        Kind::Organization => &["partof"],
        Kind::Patient => &["general-practitioner", "organization"],
        Kind::Practitioner => &[],
        Kind::Procedure => &[
            "patient",
            "subject",
            "encounter",
            "performer",
            "based-on",
            "part-of",
        ],
        Kind::ServiceRequest => &[
            "patient",
            "subject",
            "encounter",
            "requester",
            "performer",
            "specimen",
            "based-on",
        ],
        Kind::Specimen => &["patient", "subject", "collector"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::kind::KINDS;

    #[test]
    fn every_type_has_each_parameter_once() {
        for kind in KINDS {
            let table = params(kind);
            for (n, (param, _)) in table.iter().enumerate() {
                assert!(!table.iter().skip(n + 1).any(|(other, _)| other == param));
                assert_eq!(by_name(kind, param.name()).map(|it| it.0), Some(*param));
            }
            for name in ["_id", "_tag"] {
                assert!(by_name(kind, name).is_some(), "{} {name}", kind.name());
            }
        }
    }
}
