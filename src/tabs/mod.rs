//! The ten tabs: catalogue, Lists, search and Bundles over what was released.
//!
//! Invariant: accepts nothing but [`crate::release`]'s types, so what was withheld cannot be listed, counted or paged.

pub mod catalogue;
