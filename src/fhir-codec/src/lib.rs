//! FHIR R4 resources as Rust types, and their JSON writing.
//!
//! This is the only crate that names fhirbolt. Its (de)serialiser is generic over 146 resources, and every caller of a
//! generic function would compile it again, so what leaves here is one non-generic function. JSON *writing* only: the
//! JSON parser of fhirbolt panics on an empty array, and its XML half carries two RustSec advisories.

pub use fhirbolt::model::r4 as model;
pub use fhirbolt::model::r4::Resource;

/// Why a resource could not be written: a mandatory element was never set.
#[derive(Debug, thiserror::Error)]
#[error("FHIR resource could not be written: {0}")]
pub struct WriteError(String);

/// Writes one resource as compact FHIR JSON (UTF-8, elements in the order of the specification).
///
/// # Errors
/// A mandatory element that no mapper set.
pub fn to_json(resource: &Resource) -> Result<Vec<u8>, WriteError> {
    fhirbolt::json::to_vec(resource, None).map_err(|e| WriteError(e.to_string()))
}
