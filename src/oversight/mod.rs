//! Oversight: who watches those who look. Alerts and their reviews, opt-out requests, reports, breach cases, investigations.
//!
//! Invariant: no clinical content, and nobody acts without an [`Actor`], which only the register can make.

mod actor;
pub mod delivery;
pub mod holds;

pub use actor::{Actor, NotAllowed};
