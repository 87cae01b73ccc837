//! SMART backend services: from HTTP to an authenticated caller (client, clinician, role, organisation, occasion).
//!
//! Invariant: never looks at clinical data. Opening an occasion is somebody else's: see [`opener::OccasionOpener`].

pub mod opener;
pub mod scope;
