//! `/livez` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;

use super::state::Api;
use crate::audit::reader::Filter;

/// The two health checks. They say yes or no and nothing else.
pub fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(api)
}

/// Ready = the store answers. Sources may be down: that is a matter of each request.
async fn ready(State(api): State<Arc<Api>>) -> (StatusCode, &'static str) {
    match api.trail.events(&Filter::default(), 1, None) {
        // It goes on serving by the register before; the operator finds the fault in the log.
        Ok(_) if api.register.fault().is_some() => (
            StatusCode::OK,
            "ok; a changed register was refused, the one before stays in force",
        ),
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer"),
    }
}
