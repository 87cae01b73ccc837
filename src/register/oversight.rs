//! What the agreement says about oversight: table `[oversight]` of `agreement.toml`. Data, because schemes and numbers change.

use serde::Deserialize;

/// The scheme by which incidents are investigated today; the one that S2 8.3 names (HSCIC, June 2013) is obsolete and lets
/// "current national requirements" take its place.
pub const INCIDENT_SCHEME: &str = "NHS England, Data Security and Protection Toolkit: Guide to the Notification of Data Security and Protection Incidents";

/// Where a complaint goes first (requirements.md, open point 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComplaintsFirst {
    /// To the patient's practice (S2 10.1).
    #[default]
    Practice,
    /// To the organisation that received it (S1, Complaints).
    Receiver,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OversightRules {
    /// Name of the incident scheme in force (R202).
    pub incident_scheme: String,
    /// Where a complaint goes first (R184).
    pub complaints_first: ComplaintsFirst,
    /// Counts below this are not shown where numbers leave for another purpose than direct care (R174).
    pub smallest_count: u64,
    /// Counts that are shown there are rounded to a multiple of this.
    pub round_to: u64,
    /// Look-ups of one person in ten minutes from which on it is flagged (R193).
    pub burst: usize,
    /// First and last hour of the day that are usual for looking; others are listed (R110).
    pub usual_hours: (i8, i8),
    /// FHIR ids of patients whose record is looked at more closely: well-known people, at their wish (R110).
    pub watched_patients: Vec<String>,
    /// Staff who are patients here: username to FHIR id of their own record (R110, colleague and own-record lists).
    pub staff_records: std::collections::BTreeMap<String, String>,
}

impl Default for OversightRules {
    fn default() -> Self {
        Self {
            incident_scheme: INCIDENT_SCHEME.to_owned(),
            complaints_first: ComplaintsFirst::Practice,
            smallest_count: 10,
            round_to: 5,
            burst: 15,
            usual_hours: (7, 20),
            watched_patients: Vec::new(),
            staff_records: std::collections::BTreeMap::new(),
        }
    }
}

impl OversightRules {
    /// What is wrong with it, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let hour = |hour: i8| (0..=24).contains(&hour);
        if self.incident_scheme.trim().is_empty() {
            Some("oversight.incident_scheme is empty")
        } else if self.smallest_count < 5 {
            Some("oversight.smallest_count is below 5: so few could be known by name")
        } else if self.round_to == 0 {
            Some("oversight.round_to is 0")
        } else if self.burst < 2 {
            Some("oversight.burst is below 2")
        } else if !hour(self.usual_hours.0)
            || !hour(self.usual_hours.1)
            || self.usual_hours.0 >= self.usual_hours.1
        {
            Some("oversight.usual_hours is not a first and a later last hour")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R174, R202
    #[test]
    fn the_default_is_sound_and_a_number_that_shows_people_is_refused() {
        assert_eq!(OversightRules::default().fault(), None);
        let read = |text: &str| toml::from_str::<OversightRules>(text).unwrap().fault();
        assert_eq!(read("incident_scheme = \"a newer one\""), None);
        assert!(read("smallest_count = 2").is_some());
        assert!(read("usual_hours = [20, 7]").is_some());
        assert!(toml::from_str::<OversightRules>("smalest_count = 9").is_err());
    }
}
