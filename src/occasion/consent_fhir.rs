//! The occasion as FHIR: a `Consent` with its conversation.
