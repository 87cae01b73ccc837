//! Oversight: who watches those who look. Alerts and their reviews, opt-out requests, reports, breach cases, investigations.
//!
//! Invariant: no clinical content, and nobody acts without an [`Actor`], which only the register can make.

mod actor;
pub mod cases;
pub mod delivery;
pub mod difference;
pub mod evidence;
pub mod exclusions;
pub mod explain;
mod gateway_difference;
pub mod heads;
pub mod holds;
pub mod information;
pub mod national;
pub mod opt_out;
pub mod opt_out_fhir;
pub mod override_review;
pub mod reports;
pub mod signatories;
#[cfg(test)]
mod stage_tests;
pub mod try_out;

pub use actor::{Actor, NotAllowed};

/// Whom and what a call or a case concerns, for its audit row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The patient, where it is one.
    pub patient: Option<crate::fhir::PatientId>,
    /// The practice in whose trail it shows.
    pub practice: Option<crate::record::OdsCode>,
    /// Ids of cases, reports and events, as `Kind/id`.
    pub ids: Vec<String>,
    /// Purpose and basis where it is not oversight: a use other than direct care and its legal gateway (R172).
    pub gateway: Option<(String, String)>,
}
