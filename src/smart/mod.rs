//! SMART App Launch and backend services: from HTTP to an authenticated caller (client, clinician, role, organisation, occasion).
//!
//! Invariant: never looks at clinical data. Opening an occasion is somebody else's: see [`opener::OccasionOpener`].

pub mod answer;
pub mod assertion;
pub mod authenticate;
pub mod authorize;
pub mod caller;
pub mod clinician;
pub mod cors;
pub mod details;
pub mod discovery;
pub mod external;
#[cfg(test)]
pub(crate) mod fakes;
pub mod fetch;
pub mod form;
pub mod grants;
pub mod http;
pub mod id_token;
pub mod introspect;
pub mod jwks;
pub mod launch;
pub mod launch_scope;
pub mod limit;
pub mod opener;
pub mod pages;
pub mod password;
pub mod person;
pub mod provider;
pub mod requester;
pub mod revoke;
pub mod ring;
pub mod routes;
pub mod scope;
pub mod secrets;
pub mod signing;
pub mod token;
pub mod trail_key;
pub mod withdraw;
