//! The ten tabs: catalogue, Lists, search and Bundles over what was released.
//!
//! Invariant: accepts nothing but [`crate::release`]'s types, so what was withheld cannot be listed, counted or paged.

pub mod bundle;
pub mod catalogue;
pub mod incomplete;
pub mod lists;
mod page;
pub mod params;
mod query;
pub mod search;
mod told;

pub use lists::{ListWording, Notices, TabWording};
pub use search::{SearchAsk, SearchError, Selection, search};
pub use told::ToldTabs;
