//! Sensitivity labels: codes to category, category to `meta.security` with its basis (design.md 6).
//!
//! Invariants: never lowers a label that the source set; lets no resource type through unlabelled.
