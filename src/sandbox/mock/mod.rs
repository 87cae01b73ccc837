//! Mock GP systems, trace service and EHR, over real sockets, with writers of their own.
//!
//! Written from `docs/sources-wire.md` and the suppliers' public schemas, never from the adapters: nothing here may use
//! `crate::source` or `crate::record`, so that mock and adapter cannot share a misreading.

pub mod ehr;
pub mod emis;
pub mod faults;
pub mod people;
mod request;
pub mod run;
pub mod state;
pub mod systmone;
pub mod trace;
mod wire;
pub mod write;

#[cfg(test)]
mod tests;

pub use faults::{FaultKind, Faults, UnknownFault};
pub use people::{Ordinary, People, Population, WorklistEntry};
pub use run::{Which, run};
pub use state::{MockState, Source};
