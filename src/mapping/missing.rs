//! Sections that are not whole, because a part of the record could not be read (design.md 3: never an empty tab that looks
//! complete).

use super::{SectionGap, admission};
use crate::mapping::tables::Tables;
use crate::record::Missing;
use crate::tabs::catalogue::{Section, TABS, Tab};

/// What is always said of a section, and which ones miss a part. A section that is not whole says only that.
pub fn gaps(tables: &Tables, missing: &[Missing]) -> Vec<SectionGap> {
    let mut out: Vec<SectionGap> = Vec::new();
    for section in missing.iter().flat_map(|part| sections(*part)) {
        if out.iter().all(|gap| gap.section != section) {
            out.push(SectionGap {
                section,
                unavailable: true,
                why: tables.wording().unavailable.clone(),
            });
        }
    }
    let always = admission::gaps(tables).into_iter();
    let rest: Vec<SectionGap> = always
        .filter(|gap| out.iter().all(|other| other.section != gap.section))
        .collect();
    out.extend(rest);
    out
}

/// Where a part may have stood.
fn sections(part: Missing) -> Vec<Section> {
    use Section as S;
    match part {
        Missing::Contact => vec![S::Encounters],
        Missing::Medication => vec![
            S::SummaryMedication,
            S::MedicationCurrent,
            S::MedicationPast,
            S::MedicationIssues,
            // A problem may hang off any kind of entry.
            S::SummaryProblems,
            S::ProblemsCurrent,
            S::ProblemsPast,
        ],
        Missing::Allergy => vec![
            S::SummaryAllergies,
            S::Allergies,
            S::SummaryProblems,
            S::ProblemsCurrent,
            S::ProblemsPast,
        ],
        Missing::Referral => vec![
            S::Referrals,
            S::Admissions,
            S::SummaryProblems,
            S::ProblemsCurrent,
            S::ProblemsPast,
        ],
        Missing::AllButMedication => TABS
            .into_iter()
            .filter(|tab| !matches!(tab, Tab::Medication | Tab::PatientDetails))
            .flat_map(|tab| tab.sections().iter().copied())
            .collect(),
        // An investigation holds results of every class, and may hold a reading or a diagnosis.
        Missing::Report | Missing::Any => TABS
            .into_iter()
            .flat_map(|tab| tab.sections())
            .copied()
            .filter(|section| *section != S::Demographics)
            .collect(),
    }
}
