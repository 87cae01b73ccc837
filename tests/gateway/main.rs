//! One integration binary: the real router and the real mock sources.
#![expect(missing_docs, reason = "test code")]
