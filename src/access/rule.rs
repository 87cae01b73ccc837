//! What each rule is called, where it comes from, and whether people can mend it.

use super::{Rule, catalogue};

/// Every rule, in the order of design.md 7.
pub const RULES: [Rule; 33] = [
    Rule::NetworkAllowed,
    Rule::ClientAuthenticated,
    Rule::OrganisationSigned,
    Rule::OrganisationAdmitted,
    Rule::OrganisationActive,
    Rule::AssuranceInDate,
    Rule::EvidenceShared,
    Rule::ClinicianKnown,
    Rule::RoleQualified,
    Rule::TrainingInDate,
    Rule::TermsAccepted,
    Rule::PurposeDirectCare,
    Rule::LegalGateway,
    Rule::ProtocolCoversRole,
    Rule::ProtocolCoversTabs,
    Rule::TreatmentRegistered,
    Rule::LegitimateRelationship,
    Rule::NoStandingRefusal,
    Rule::ConsentOrOverride,
    Rule::NumberTraced,
    Rule::NotSensitive,
    Rule::Alive,
    Rule::PracticeSigned,
    Rule::PracticeEnabled,
    Rule::ClinicianAuthenticated,
    Rule::IdentityMatches,
    Rule::FullyRegistered,
    Rule::NotRestricted,
    Rule::NotOptedOut,
    Rule::NationalOptOut,
    Rule::OccasionOpen,
    Rule::NoHold,
    Rule::TabInDataSet,
];

impl Rule {
    /// The code of a refusal by this rule: in `reason`, in the audit and in the error catalogue. Stable.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NetworkAllowed => "network-not-allowed",
            Self::ClientAuthenticated => "client-not-known",
            Self::OrganisationSigned => "organisation-not-signed",
            Self::OrganisationAdmitted => "organisation-not-admitted",
            Self::OrganisationActive => "organisation-suspended",
            Self::AssuranceInDate => "assurance-lapsed",
            Self::EvidenceShared => "evidence-missing",
            Self::ClinicianKnown => "clinician-not-known",
            Self::RoleQualified => "role-not-qualified",
            Self::TrainingInDate => "training-lapsed",
            Self::TermsAccepted => "terms-not-accepted",
            Self::PurposeDirectCare => "purpose-not-direct-care",
            Self::LegalGateway => "legal-gateway",
            Self::ProtocolCoversRole => "role-not-in-protocol",
            Self::ProtocolCoversTabs => "tabs-not-in-protocol",
            Self::TreatmentRegistered => "not-registered-for-treatment",
            Self::LegitimateRelationship => "no-relationship",
            Self::NoStandingRefusal => "refusal-stands",
            Self::ConsentOrOverride => "consent-missing",
            Self::NumberTraced => "not-traced",
            Self::NotSensitive => "sensitive",
            Self::Alive => "deceased",
            Self::PracticeSigned => "practice-not-signed",
            Self::PracticeEnabled => "practice-not-enabled",
            Self::ClinicianAuthenticated => "clinician-not-authenticated",
            Self::IdentityMatches => "identity-mismatch",
            Self::FullyRegistered => "not-registered",
            Self::NotRestricted => "record-restricted",
            Self::NotOptedOut => "opted-out",
            Self::NationalOptOut => "national-data-opt-out",
            Self::OccasionOpen => "occasion-not-open",
            Self::NoHold => "access-withdrawn",
            Self::TabInDataSet => "tab-not-in-data-set",
        }
    }

    /// The paragraph of the agreement that it comes from (S2), or the requirement where S2 says nothing.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::NetworkAllowed => "S2 7.4.4",
            Self::ClientAuthenticated => "S2 7.2.3",
            Self::OrganisationSigned => "S2 2.2.5, 4.9",
            Self::OrganisationAdmitted => "S2 14.1, 14.2",
            Self::OrganisationActive => "S2 12.1 to 12.3",
            Self::AssuranceInDate => "S2 7.2.10, 7.2.11",
            Self::EvidenceShared => "S1 Organisational responsibilities",
            Self::ClinicianKnown => "S2 7.3.2",
            Self::RoleQualified => "S2 6.2.2, 7.3.1",
            Self::TrainingInDate | Self::TermsAccepted => "S2 7.3.3",
            Self::PurposeDirectCare => "S2 2.1.4",
            Self::LegalGateway => "S3 conditions, S4",
            Self::ProtocolCoversRole => "S1 Principles 3",
            Self::ProtocolCoversTabs => "S1 Principles 3, S2 5.4.4",
            Self::TreatmentRegistered => "S2 7.2.2",
            Self::LegitimateRelationship => "S2 1.6, 6.2.2",
            Self::NoStandingRefusal => "S2 6.2.3, 6.4",
            Self::ConsentOrOverride => "S2 6.2.1, 6.3, 6.5, 7.2.1",
            Self::NumberTraced => "S2 5.1.1",
            Self::NotSensitive => "R011",
            Self::Alive | Self::FullyRegistered => "S2 5.1.1",
            Self::PracticeSigned | Self::PracticeEnabled => "S2 4.6",
            Self::ClinicianAuthenticated => "S2 7.3.2",
            Self::IdentityMatches => "S2 5.1.1, R012",
            Self::NotRestricted => "S2 5.3.2",
            Self::NotOptedOut => "S2 6.1.4, 5.1.3",
            Self::NationalOptOut => "R176",
            Self::OccasionOpen => "S2 6.2.1, 6.4",
            Self::NoHold => "S2 7.2.3, 12.1 to 12.3",
            Self::TabInDataSet => "S2 5.2.1, 5.4.4",
        }
    }

    /// It is about the patient, so nobody who asks may learn which rule it was (sandbox.md, refusal table, first row).
    #[must_use]
    pub fn is_about_the_patient(self) -> bool {
        matches!(
            self,
            Self::NumberTraced
                | Self::NotSensitive
                | Self::Alive
                | Self::PracticeSigned
                | Self::PracticeEnabled
                | Self::ClinicianAuthenticated
                | Self::IdentityMatches
                | Self::FullyRegistered
                | Self::NotRestricted
                | Self::NotOptedOut
                | Self::NationalOptOut
        )
    }

    /// What to tell people who can mend it; `None` for a matter of the patient.
    #[must_use]
    pub fn mendable(self) -> Option<&'static str> {
        (!self.is_about_the_patient()).then(|| catalogue::description(self.code()))
    }
}
