//! `GET /register`: the register of signatories for anyone (S2 14.2, R151): who takes part, in what state, under which
//! approved flows; no people.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;

use super::state::Api;
use crate::oversight::signatories::public;
use crate::record::date::london;

/// The route.
pub fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/register", get(register))
        .with_state(api)
}

async fn register(State(api): State<Arc<Api>>) -> Response {
    let now = api.clock.now();
    match api.register.holds(now) {
        Ok(holds) => Json(public(
            &api.register.current(),
            &holds,
            now.to_zoned(london()).date(),
        ))
        .into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer").into_response(),
    }
}
