//! OpenMIG, an open Medical Interoperability Gateway: a patient's GP record, as it is now in the practice's own system,
//! in the ten tabs of the agreement, through SMART on FHIR. Nothing is kept but the proof of what was seen.
//!
//! The way of the data, one direction, each stage a module whose output only it can make:
//! [`smart`] → [`access`] → [`source`] → [`record`] → [`mapping`] → [`labelling`] → [`release`] → [`tabs`] → [`api`],
//! with [`audit`] durable before a byte leaves. `docs/ARCHITECTURE.md` has the map with each stage's invariant.

pub mod access;
pub mod api;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod fhir;
pub mod gateway;
pub mod labelling;
pub mod lookup;
pub mod mapping;
pub mod occasion;
pub mod oversight;
pub mod record;
pub mod register;
pub mod release;
pub mod sandbox;
pub mod smart;
pub mod source;
pub mod store;
pub mod tabs;
pub mod telemetry;
pub mod text;
