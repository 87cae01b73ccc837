//! The sandbox: mock GP systems, mock trace service, mock EHR, synthetic people.
//!
//! Invariant: shares no parsing or writing type with `source`: mock and adapter must not share a misreading.

pub mod keys;
pub mod population;
pub mod register;
pub mod story;

pub mod contract;
pub mod mock;
