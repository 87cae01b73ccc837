//! SMART backend services: from HTTP to an authenticated caller (client, clinician, role, organisation, occasion).
//!
//! Invariant: never looks at clinical data. Opening an occasion is somebody else's: see [`opener::OccasionOpener`].

pub mod answer;
pub mod assertion;
pub mod authenticate;
pub mod caller;
pub mod clinician;
pub mod details;
pub mod discovery;
#[cfg(test)]
mod fakes;
pub mod fetch;
pub mod form;
pub mod http;
pub mod introspect;
pub mod jwks;
pub mod limit;
pub mod opener;
pub mod person;
pub mod revoke;
pub mod scope;
pub mod signing;
pub mod token;
pub mod withdraw;
