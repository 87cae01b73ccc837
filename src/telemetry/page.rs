//! `/metrics`, and the counting of requests.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use http::header;

use super::Metrics;
use crate::lookup::LookUp;
use crate::source::http::SharedHttp;
use crate::store::notices::NoticeStore;

/// Media type of the page (OpenMetrics 1.0).
const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the page is made of.
pub struct Telemetry {
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// How many records are held.
    pub look_up: Arc<LookUp>,
    /// Which services rest.
    pub http: SharedHttp,
    /// How many notices cannot be delivered.
    pub notices: Arc<dyn NoticeStore>,
    /// Path of the FHIR base, without a slash at the end.
    pub base: String,
}

/// `/metrics`. Who may ask is the caller's to see to: its networks are not those of the viewers.
pub fn routes(telemetry: Arc<Telemetry>) -> Router {
    Router::new()
        .route("/metrics", get(page))
        .with_state(telemetry)
}

async fn page(
    State(telemetry): State<Arc<Telemetry>>,
) -> ([(header::HeaderName, &'static str); 1], String) {
    let held = telemetry.look_up.held_count().await;
    let resting = telemetry.http.gates().resting();
    // Where the store does not answer, the gauge is left out: no figure is better than a wrong one.
    let failing = telemetry.notices.failing().ok();
    let page = telemetry.metrics.page(held, &resting, failing);
    ([(header::CONTENT_TYPE, MEDIA)], page)
}

/// Counts each request by a word for its endpoint, never by its address, which may hold anything.
pub async fn count_requests(
    State(telemetry): State<Arc<Telemetry>>,
    request: Request,
    next: Next,
) -> Response {
    let endpoint = endpoint(request.uri().path(), &telemetry.base);
    let start = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    telemetry.metrics.request(endpoint, status, start.elapsed());
    response
}

/// The word for an endpoint.
fn endpoint(path: &str, base: &str) -> &'static str {
    let Some(below) = path.strip_prefix(base).filter(|_| !base.is_empty()) else {
        return match path.trim_matches('/').split('/').next() {
            Some("exclusions" | "exclusions.csv") => "exclusions",
            Some("livez" | "readyz") => "health",
            Some(".well-known") => "discovery",
            Some("oversight") => "oversight",
            Some("sandbox") => "sandbox",
            _ => "other",
        };
    };
    match below.trim_matches('/').split('/').next() {
        Some("token") => "token",
        Some("introspect") => "introspect",
        Some("revoke") => "revoke",
        Some("withdraw") => "withdraw",
        Some("jwks" | ".well-known") => "discovery",
        Some("metadata") => "metadata",
        _ => "fhir",
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    // No label may be made of what a client writes into an address.
    #[test]
    fn an_endpoint_is_one_of_our_own_words() {
        for (path, word) in [
            ("/fhir/r4/token", "token"),
            ("/fhir/r4/Patient/abc", "fhir"),
            ("/fhir/r4/9990000018", "fhir"),
            ("/fhir/r4", "fhir"),
            ("/fhir/r4/.well-known/smart-configuration", "discovery"),
            ("/exclusions.csv", "exclusions"),
            ("/9990000018", "other"),
            ("/", "other"),
            ("/livez", "health"),
        ] {
            assert_eq!(endpoint(path, "/fhir/r4"), word, "{path}");
        }
    }
}
