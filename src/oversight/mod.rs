//! Oversight: who watches those who look. Alerts and their reviews, opt-out requests, reports, breach cases, investigations.
//!
//! Invariant: no clinical content, and nobody acts without an [`Actor`], which only the register can make.

mod actor;
pub mod delivery;
pub mod difference;
pub mod exclusions;
pub mod explain;
pub mod holds;
pub mod opt_out;
pub mod opt_out_fhir;
pub mod override_review;
pub mod signatories;
#[cfg(test)]
mod stage_tests;

pub use actor::{Actor, NotAllowed};
