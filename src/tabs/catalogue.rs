//! The ten tabs of S2 5.2.1 and their sections, in the agreement's order (R020).
//!
//! The names are fixed here because types depend on them; everything a clinician may want to read or change (titles,
//! codes, wording) is in `mappings/tabs.toml`, which must list exactly these.

/// One of the ten tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tab {
    /// Current problems, current medication, allergies, recent tests.
    Summary,
    /// NHS number, full name and address, GP details.
    PatientDetails,
    /// Problems.
    Problems,
    /// Diagnoses.
    Diagnosis,
    /// Medication.
    Medication,
    /// Allergies and contraindications.
    RisksAndWarnings,
    /// Operations and immunisations.
    Procedures,
    /// Investigations.
    Investigations,
    /// Blood pressures.
    Examinations,
    /// Encounters, admissions, referrals.
    Events,
}

/// All ten, in order.
pub const TABS: [Tab; 10] = [
    Tab::Summary,
    Tab::PatientDetails,
    Tab::Problems,
    Tab::Diagnosis,
    Tab::Medication,
    Tab::RisksAndWarnings,
    Tab::Procedures,
    Tab::Investigations,
    Tab::Examinations,
    Tab::Events,
];

impl Tab {
    /// The code in our CodeSystem, for example `risks-and-warnings`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::PatientDetails => "patient-details",
            Self::Problems => "problems",
            Self::Diagnosis => "diagnosis",
            Self::Medication => "medication",
            Self::RisksAndWarnings => "risks-and-warnings",
            Self::Procedures => "procedures",
            Self::Investigations => "investigations",
            Self::Examinations => "examinations",
            Self::Events => "events",
        }
    }

    /// The tab with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        TABS.into_iter().find(|tab| tab.code() == code)
    }

    /// The sections of this tab, in order.
    #[must_use]
    pub fn sections(self) -> &'static [Section] {
        use Section as S;
        match self {
            Self::Summary => &[
                S::SummaryProblems,
                S::SummaryMedication,
                S::SummaryAllergies,
                S::SummaryTests,
            ],
            Self::PatientDetails => &[S::Demographics],
            Self::Problems => &[S::ProblemsCurrent, S::ProblemsPast],
            Self::Diagnosis => &[S::DiagnosisCurrent, S::DiagnosisPast],
            Self::Medication => &[S::MedicationCurrent, S::MedicationPast, S::MedicationIssues],
            Self::RisksAndWarnings => &[S::Allergies, S::Contraindications],
            Self::Procedures => &[S::Operations, S::Immunisations],
            Self::Investigations => &[
                S::Recent,
                S::Biochemistry,
                S::Ecg,
                S::Haematology,
                S::Imaging,
                S::Microbiology,
                S::Cytology,
                S::Physiology,
                S::Urinalysis,
                S::OtherInvestigations,
            ],
            Self::Examinations => &[S::BloodPressures],
            Self::Events => &[S::Encounters, S::Admissions, S::Referrals],
        }
    }
}

/// A section of a tab. Its code is unique among all tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "each variant is named as its section in S2 5.2.1"
)]
pub enum Section {
    SummaryProblems,
    SummaryMedication,
    SummaryAllergies,
    SummaryTests,
    Demographics,
    ProblemsCurrent,
    ProblemsPast,
    DiagnosisCurrent,
    DiagnosisPast,
    MedicationCurrent,
    MedicationPast,
    MedicationIssues,
    Allergies,
    Contraindications,
    Operations,
    Immunisations,
    Recent,
    Biochemistry,
    Ecg,
    Haematology,
    Imaging,
    Microbiology,
    Cytology,
    Physiology,
    Urinalysis,
    OtherInvestigations,
    BloodPressures,
    Encounters,
    Admissions,
    Referrals,
}

impl Section {
    /// The code in our CodeSystem; at most 37 characters, because a List id is the patient's id, a hyphen and this.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::SummaryProblems => "summary-current-problems",
            Self::SummaryMedication => "summary-current-medication",
            Self::SummaryAllergies => "summary-allergies",
            Self::SummaryTests => "summary-recent-tests",
            Self::Demographics => "demographics",
            Self::ProblemsCurrent => "problems-current",
            Self::ProblemsPast => "problems-past",
            Self::DiagnosisCurrent => "diagnosis-current",
            Self::DiagnosisPast => "diagnosis-past",
            Self::MedicationCurrent => "medication-current",
            Self::MedicationPast => "medication-past",
            Self::MedicationIssues => "medication-issues",
            Self::Allergies => "allergies-and-adverse-reactions",
            Self::Contraindications => "contraindications",
            Self::Operations => "operations",
            Self::Immunisations => "immunisations",
            Self::Recent => "recent",
            Self::Biochemistry => "biochemistry",
            Self::Ecg => "ecg",
            Self::Haematology => "haematology",
            Self::Imaging => "imaging",
            Self::Microbiology => "microbiology",
            Self::Cytology => "cytology",
            Self::Physiology => "physiology",
            Self::Urinalysis => "urinalysis",
            Self::OtherInvestigations => "others",
            Self::BloodPressures => "blood-pressures",
            Self::Encounters => "encounters",
            Self::Admissions => "admissions",
            Self::Referrals => "referrals",
        }
    }

    /// The tab that this section belongs to.
    #[must_use]
    pub fn tab(self) -> Tab {
        TABS.into_iter()
            .find(|tab| tab.sections().contains(&self))
            .unwrap_or(Tab::Summary)
    }

    /// The section with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        TABS.into_iter()
            .flat_map(|tab| tab.sections())
            .copied()
            .find(|section| section.code() == code)
    }
}

/// A set of tabs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TabSet(u16);

impl TabSet {
    /// No tab.
    pub const NONE: Self = Self(0);
    /// All ten.
    pub const ALL: Self = Self(0x3ff);

    /// Adds one tab.
    pub fn insert(&mut self, tab: Tab) {
        self.0 |= 1 << tab as u16;
    }

    /// Does it hold this tab?
    #[must_use]
    pub fn contains(self, tab: Tab) -> bool {
        self.0 & (1 << tab as u16) != 0
    }

    /// The tabs in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// No tab at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The tabs in the agreement's order.
    pub fn iter(self) -> impl Iterator<Item = Tab> {
        TABS.into_iter().filter(move |tab| self.contains(*tab))
    }

    /// The bits, tab n of the agreement's order as bit n: for storing.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }

    /// From stored bits; bits that mean no tab are dropped.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl FromIterator<Tab> for TabSet {
    fn from_iter<I: IntoIterator<Item = Tab>>(tabs: I) -> Self {
        let mut set = Self::NONE;
        tabs.into_iter().for_each(|tab| set.insert(tab));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R020
    #[test]
    fn codes_are_unique_and_fit_an_id() {
        let sections: Vec<_> = TABS.iter().flat_map(|tab| tab.sections()).collect();
        for section in &sections {
            assert!(section.code().len() <= 37);
            assert_eq!(Section::from_code(section.code()), Some(**section));
            assert!(
                Tab::from_code(section.code()).is_none(),
                "{}",
                section.code()
            );
        }
        assert_eq!(TABS.len(), 10);
        assert_eq!(sections.len(), 30);
        assert_eq!(TABS.into_iter().collect::<TabSet>(), TabSet::ALL);
    }
}
