//! The names that resources can be searched by.

/// The search parameters of the API, by their FHIR R4 names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "each variant is the FHIR R4 search parameter that its `name` says"
)]
pub enum Param {
    AbatementDate,
    Authored,
    AuthoredOn,
    Birthdate,
    Category,
    Class,
    ClinicalStatus,
    Code,
    Collected,
    ComboCode,
    ComponentCode,
    Context,
    Criticality,
    Date,
    Effective,
    EmptyReason,
    Encounter,
    Gender,
    Id,
    Identifier,
    Intent,
    Issued,
    Occurrence,
    Onset,
    OnsetDate,
    Patient,
    Period,
    Priority,
    RecordedDate,
    Status,
    Subject,
    Tag,
    Type,
    VaccineCode,
    VerificationStatus,
}

impl Param {
    /// Its FHIR name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AbatementDate => "abatement-date",
            Self::Authored => "authored",
            Self::AuthoredOn => "authoredon",
            Self::Birthdate => "birthdate",
            Self::Category => "category",
            Self::Class => "class",
            Self::ClinicalStatus => "clinical-status",
            Self::Code => "code",
            Self::Collected => "collected",
            Self::ComboCode => "combo-code",
            Self::ComponentCode => "component-code",
            Self::Context => "context",
            Self::Criticality => "criticality",
            Self::Date => "date",
            Self::Effective => "effective",
            Self::EmptyReason => "empty-reason",
            Self::Encounter => "encounter",
            Self::Gender => "gender",
            Self::Id => "_id",
            Self::Identifier => "identifier",
            Self::Intent => "intent",
            Self::Issued => "issued",
            Self::Occurrence => "occurrence",
            Self::Onset => "onset",
            Self::OnsetDate => "onset-date",
            Self::Patient => "patient",
            Self::Period => "period",
            Self::Priority => "priority",
            Self::RecordedDate => "recorded-date",
            Self::Status => "status",
            Self::Subject => "subject",
            Self::Tag => "_tag",
            Self::Type => "type",
            Self::VaccineCode => "vaccine-code",
            Self::VerificationStatus => "verification-status",
        }
    }
}
