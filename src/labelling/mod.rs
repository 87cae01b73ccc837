//! Sensitivity labels: codes to category, category to `meta.security` with its basis (design.md 6).
//!
//! Invariants: never lowers a label that the source set; lets no resource type through unlabelled. Two steps, both data in
//! `mappings/exclusions/`: [`ExclusionList`] says which category a code falls into, and what each category means.

mod codings;
mod handle;
mod label;
mod labeller;
mod list;
mod list_files;
mod matcher;
mod meta;
mod policy;
mod reason;
mod refset;
mod report;
pub(crate) mod sctid;

pub use handle::ExclusionsHandle;
pub use label::{LabelError, Labelled, LabelledRecord, PracticeRules, label};
pub use labeller::Labeller;
#[cfg(test)]
pub(crate) use list::tests::without;
pub use list::{EMBEDDED, ExclusionList, ListError, Row};
pub use meta::Confidentiality;
pub(crate) use meta::clear_labels;
pub use policy::{Category, UncheckablePolicy};
pub use reason::Reason;
pub use report::{UNMAPPED, UNMAPPED_WITHHELD, WithheldEntry, WithheldReport};
