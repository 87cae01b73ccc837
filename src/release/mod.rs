//! What may leave: withholds what is labelled so, heals what pointed to it, encodes the rest once.
//!
//! Invariant: no reference, count, total, ETag or order tells that something was withheld.
