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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(gaps: &[SectionGap], section: Section) -> Vec<&SectionGap> {
        gaps.iter().filter(|gap| gap.section == section).collect()
    }

    // design.md 3: the sections of a part that is missing say so, each once, and no others do
    #[test]
    fn a_missing_part_speaks_in_its_own_sections_alone() {
        use Section as S;
        let tables = Tables::load().unwrap();
        let always = gaps(&tables, &[]);
        assert!(always.iter().all(|gap| !gap.unavailable));
        for (part, inside, outside) in [
            (Missing::Contact, S::Encounters, S::Allergies),
            (Missing::Medication, S::MedicationCurrent, S::Allergies),
            (Missing::Medication, S::ProblemsPast, S::Immunisations),
            (Missing::Allergy, S::Allergies, S::MedicationCurrent),
            (Missing::Referral, S::Referrals, S::Allergies),
            (Missing::Report, S::Biochemistry, S::Demographics),
            (Missing::Any, S::Immunisations, S::Demographics),
        ] {
            // Twice missing is said once.
            let all = gaps(&tables, &[part, part]);
            let [gap] = of(&all, inside)[..] else {
                panic!("{part:?}: {:?}", of(&all, inside));
            };
            assert!(gap.unavailable);
            assert_eq!(gap.why, tables.wording().unavailable);
            assert!(
                of(&all, outside).iter().all(|gap| !gap.unavailable),
                "{part:?}"
            );
            // What is always said is said still, but of a section that is not whole only that.
            for known in &always {
                let [one] = of(&all, known.section)[..] else {
                    panic!("{part:?}: {}", known.section.code());
                };
                assert!(one.unavailable || one == known);
            }
        }
    }

    // Whatever kind of part it was, no section that may have held it stays silent
    #[test]
    fn nothing_is_left_out_where_the_kind_is_not_known() {
        let tables = Tables::load().unwrap();
        let all = gaps(&tables, &[Missing::Any]);
        for section in TABS.into_iter().flat_map(|tab| tab.sections()) {
            let says = of(&all, *section).iter().any(|gap| gap.unavailable);
            assert_eq!(
                says,
                *section != Section::Demographics,
                "{}",
                section.code()
            );
        }
        for part in [
            Missing::Contact,
            Missing::Medication,
            Missing::Allergy,
            Missing::Referral,
            Missing::Report,
        ] {
            let of_part = sections(part);
            assert!(
                of_part
                    .iter()
                    .all(|section| sections(Missing::Any).contains(section))
            );
            assert!(!of_part.is_empty());
        }
        assert!(!tables.wording().unavailable.trim().is_empty());
    }
}
