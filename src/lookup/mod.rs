//! The look-up: trace, ask the source, map, label, release, and hold the result for a short time, in memory only.
//!
//! Concurrent asks for the same record share one look-up. What is held is labelled, filtered and encoded; never source
//! text, never an excluded entry (design.md 3).
