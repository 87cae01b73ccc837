//! HTTP and the stages: the FHIR API, read-only.
//!
//! Invariants: never calls a source itself; never serialises anything but what was released and what is non-clinical by
//! type.

pub mod clinical;
pub mod edge;
pub mod exclusions_page;
pub mod external;
pub mod fhir_user;
pub mod health;
pub mod limits;
pub mod metadata;
pub mod non_clinical;
pub mod outcome;
pub mod oversight;
mod pieces;
pub mod records;
pub mod register_page;
pub mod request;
pub mod router;
pub mod server;
pub mod state;
