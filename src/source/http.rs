//! The only HTTP client towards sources: deadline and size cap on everything.
