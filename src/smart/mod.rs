//! SMART backend services: from HTTP to an authenticated caller (client, clinician, role, organisation, occasion).
//!
//! Invariant: never looks at clinical data.
