//! One integration binary: the real router and the real mock sources.
