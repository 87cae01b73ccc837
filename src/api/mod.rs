//! HTTP and the stages: the FHIR API, read-only.
//!
//! Invariants: never calls `store` or `source` directly; never serialises anything but what was released and what is
//! non-clinical by type.

pub mod non_clinical;
pub mod outcome;
pub mod request;
