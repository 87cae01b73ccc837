//! What an operator watches: counters and gauges in the Prometheus text format (`/metrics`, OpenMetrics 1.0).
//!
//! Invariant: no label ever holds anything of a patient: no id, number, name or code, only words that this program fixes,
//! and addresses of sources.

mod metrics;
mod page;

pub use metrics::{Metrics, SourceOutcome};
pub use page::{Telemetry, count_requests, routes};
