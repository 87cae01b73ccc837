//! The sandbox: mock GP systems, mock trace service, mock EHR, synthetic people, and the gateway in front of them.
//!
//! Invariant: `mock` and `population` share no parsing or writing type with `source`: mock and adapter must not share a
//! misreading.

pub mod cis2;
pub mod contract;
pub mod keys;
pub mod launch;
pub mod mock;
mod notices;
mod other_uses;
pub mod population;
pub mod register;
pub mod routes;
pub mod run;
pub mod story;
