//! The metrics themselves.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::record::{LossCount, SourceFamily};
use crate::source::{SourceError, SourceReply};
use crate::store::notices::Failing;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    endpoint: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    source: &'static str,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GateLabels {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// How a question to a GP system ended, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceOutcome(&'static str);

impl From<&Result<SourceReply, SourceError>> for SourceOutcome {
    fn from(result: &Result<SourceReply, SourceError>) -> Self {
        Self(match result {
            Ok(SourceReply::Record(_)) => "record",
            Ok(SourceReply::Refused(_)) => "refused",
            Err(SourceError::Timeout(_)) => "timeout",
            Err(SourceError::Unreachable(_)) => "unreachable",
            Err(SourceError::Status(_)) => "status",
            Err(SourceError::TooLarge(_)) => "too-large",
            Err(SourceError::Malformed(_)) => "malformed",
            Err(SourceError::Mismatch(_)) => "mismatch",
            Err(SourceError::Fault(_)) => "fault",
            Err(SourceError::Resting) => "resting",
        })
    }
}

/// The word for a family of sources.
fn family_name(family: SourceFamily) -> &'static str {
    match family {
        SourceFamily::Emis => "emis",
        SourceFamily::SystmOne => "systmone",
    }
}

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Seconds<EndpointLabels>,
    source_seconds: Seconds<SourceLabels>,
    losses: Family<LossLabels, Counter>,
    resting: Family<GateLabels, Gauge>,
    notices: Family<StateLabels, Gauge>,
    held: Gauge,
}

/// Upper bounds of answering times, from what is spliced out of memory to a source's deadline.
fn seconds() -> Histogram {
    Histogram::new([
        0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0,
    ])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("openmig");
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register(
            "requests",
            "Requests by endpoint and HTTP status",
            requests.clone(),
        );
        let request_seconds: Seconds<EndpointLabels> = Family::new_with_constructor(seconds);
        registry.register_with_unit(
            "request",
            "Time to the head of the answer; refusals about the patient leave at a fixed moment",
            Unit::Seconds,
            request_seconds.clone(),
        );
        let source_seconds: Seconds<SourceLabels> = Family::new_with_constructor(seconds);
        registry.register_with_unit(
            "source",
            "Time of a question to a GP system, by family and outcome",
            Unit::Seconds,
            source_seconds.clone(),
        );
        let losses = Family::<LossLabels, Counter>::default();
        registry.register(
            "mapping_losses",
            "Fields of looked-up records that were dropped or degraded, by family and reason",
            losses.clone(),
        );
        let resting = Family::<GateLabels, Gauge>::default();
        registry.register(
            "source_resting",
            "1 where a service rests after repeated failures (breaker open), otherwise 0",
            resting.clone(),
        );
        let notices = Family::<StateLabels, Gauge>::default();
        registry.register(
            "notices_failing",
            "Deliveries of notices that failed last time (waiting: tried again) or were given up",
            notices.clone(),
        );
        let held = Gauge::default();
        registry.register(
            "held_records",
            "Looked-up records held in memory now",
            held.clone(),
        );
        Self {
            registry,
            requests,
            request_seconds,
            source_seconds,
            losses,
            resting,
            notices,
            held,
        }
    }
}

impl Metrics {
    /// Counts one answered request. `endpoint` is one of this program's own words.
    pub fn request(&self, endpoint: &'static str, status: u16, took: Duration) {
        self.requests
            .get_or_create(&RequestLabels { endpoint, status })
            .inc();
        self.request_seconds
            .get_or_create(&EndpointLabels { endpoint })
            .observe(took.as_secs_f64());
    }

    /// Counts one question to a GP system.
    pub fn source(&self, family: SourceFamily, outcome: SourceOutcome, took: Duration) {
        let labels = SourceLabels {
            source: family_name(family),
            outcome: outcome.0,
        };
        self.source_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Counts what one look-up lost, by reason.
    pub fn losses(&self, family: SourceFamily, losses: &[LossCount]) {
        for loss in losses {
            let labels = LossLabels {
                source: family_name(family),
                reason: loss.reason.clone(),
            };
            self.losses.get_or_create(&labels).inc_by(loss.count);
        }
    }

    /// Everything as OpenMetrics text. `held` records are held now, `resting` says of each service whether it rests, `failing` how
    /// many notices cannot be delivered, where that is known.
    #[must_use]
    pub fn page(&self, held: u64, resting: &[(String, bool)], failing: Option<Failing>) -> String {
        self.held.set(i64::try_from(held).unwrap_or(i64::MAX));
        for (source, rests) in resting {
            let labels = GateLabels {
                source: source.clone(),
            };
            self.resting.get_or_create(&labels).set(i64::from(*rests));
        }
        match failing {
            Some(failing) => {
                for (state, count) in [("waiting", failing.waiting), ("given-up", failing.given_up)]
                {
                    self.notices
                        .get_or_create(&StateLabels { state })
                        .set(i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
            None => self.notices.clear(),
        }
        let mut text = String::new();
        // Writing to a string cannot fail; were it to, an empty page says that something is wrong.
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_what_was_counted() {
        let metrics = Metrics::default();
        metrics.request("fhir", 200, Duration::from_millis(3));
        metrics.request("fhir", 404, Duration::from_millis(3));
        let late: Result<SourceReply, _> = Err(SourceError::Timeout(Duration::from_secs(8)));
        metrics.source(
            SourceFamily::Emis,
            SourceOutcome::from(&late),
            Duration::from_secs(8),
        );
        let lost = |path: &str, count| LossCount {
            path: path.to_owned(),
            reason: "free-text".to_owned(),
            count,
        };
        metrics.losses(SourceFamily::SystmOne, &[lost("a", 2), lost("b", 3)]);
        let page = metrics.page(
            7,
            &[("http://127.0.0.1:8083".to_owned(), true)],
            Some(Failing {
                waiting: 2,
                given_up: 1,
            }),
        );
        for line in [
            r#"openmig_requests_total{endpoint="fhir",status="404"} 1"#,
            r#"openmig_request_seconds_count{endpoint="fhir"} 2"#,
            r#"openmig_source_seconds_count{source="emis",outcome="timeout"} 1"#,
            r#"openmig_mapping_losses_total{source="systmone",reason="free-text"} 5"#,
            r#"openmig_source_resting{source="http://127.0.0.1:8083"} 1"#,
            r#"openmig_notices_failing{state="given-up"} 1"#,
            "openmig_held_records 7",
            "# EOF",
        ] {
            assert!(page.lines().any(|have| have == line), "{line}\n{page}");
        }
    }
}
