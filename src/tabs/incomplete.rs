//! A part that could not be fetched is said so, never shown as empty (design.md 3, R146).

use super::catalogue::Section;
use crate::fhir::Kind;
use crate::mapping::SectionGap;
use crate::release::Released;

/// The types whose resources can stand in a section.
#[must_use]
pub fn kinds(section: Section) -> &'static [Kind] {
    use Section as S;
    match section {
        S::Demographics => &[Kind::Patient],
        S::SummaryProblems
        | S::ProblemsCurrent
        | S::ProblemsPast
        | S::DiagnosisCurrent
        | S::DiagnosisPast => &[Kind::Condition],
        S::SummaryMedication | S::MedicationCurrent | S::MedicationPast => {
            &[Kind::MedicationStatement, Kind::MedicationRequest]
        }
        S::MedicationIssues => &[Kind::MedicationRequest],
        S::SummaryAllergies | S::Allergies => &[Kind::AllergyIntolerance],
        S::Contraindications => &[Kind::Flag, Kind::Condition],
        S::Operations => &[Kind::Procedure],
        S::Immunisations => &[Kind::Immunization],
        S::SummaryTests
        | S::Recent
        | S::Biochemistry
        | S::Ecg
        | S::Haematology
        | S::Imaging
        | S::Microbiology
        | S::Cytology
        | S::Physiology
        | S::Urinalysis
        | S::OtherInvestigations => &[Kind::Observation, Kind::DiagnosticReport, Kind::Specimen],
        S::BloodPressures => &[Kind::Observation],
        S::Encounters => &[Kind::Encounter],
        S::Admissions => &[
            Kind::Encounter,
            Kind::ServiceRequest,
            Kind::DocumentReference,
        ],
        S::Referrals => &[Kind::ServiceRequest],
    }
}

/// The allowed sections that could not be fetched and that hold resources of this type (for Lists: any).
#[must_use]
pub fn sections(released: &Released, kind: Kind) -> Vec<&SectionGap> {
    released
        .gaps()
        .filter(|gap| gap.unavailable)
        .filter(|gap| kind == Kind::List || kinds(gap.section).contains(&kind))
        .collect()
}

/// A searchset entry that says so: an OperationOutcome with one `incomplete` warning a section. `None` where nothing is
/// missing.
#[must_use]
pub fn outcome(released: &Released, kind: Kind) -> Option<Vec<u8>> {
    let gaps = sections(released, kind);
    if gaps.is_empty() {
        return None;
    }
    let issues: Vec<_> = gaps
        .iter()
        .map(|gap| {
            serde_json::json!({
                "severity": "warning",
                "code": "incomplete",
                "details": {
                    "coding": [{"system": crate::fhir::uri::SECTION, "code": gap.section.code()}],
                    "text": gap.why
                }
            })
        })
        .collect();
    let entry = serde_json::json!({
        "resource": {"resourceType": "OperationOutcome", "issue": issues},
        "search": {"mode": "outcome"}
    });
    Some(entry.to_string().into_bytes())
}
