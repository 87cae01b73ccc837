//! From a person's story to a supplier's XML: three writers, one string buffer each.
//!
//! Nothing here reads a clock or random numbers: the same person and moment give the same bytes.

mod ids;
mod index;
pub mod openhr;
mod practice;
mod terms;
mod xml;

#[cfg(test)]
pub(super) mod sample;

pub use xml::Xml;
