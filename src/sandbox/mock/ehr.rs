//! The mock EHR of the viewing organisations: who is registered for treatment there.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::state::{MockState, Source};
use super::wire::{self, Answer, Line};

/// Lines of a worklist in one answer.
const MOST: usize = 100;
const MEDIA: &str = "application/json; charset=utf-8";

/// Serves until `shutdown`.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    state: Arc<MockState>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/worklist/{ods}", get(list))
        .route("/worklist/{ods}/find", post(find))
        .with_state(state);
    wire::serve(listener, routes, shutdown).await
}

/// Part of a worklist: what a screen shows at once, however long the list is.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    offset: usize,
    #[serde(default = "most")]
    limit: usize,
}

const fn most() -> usize {
    MOST
}

async fn list(
    State(state): State<Arc<MockState>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(ods): Path<String>,
    Query(part): Query<Part>,
) -> Response<Body> {
    state.count(Source::Ehr);
    let fault = state.faults().take(Source::Ehr);
    let entries = state
        .population()
        .worklist(&ods, part.offset, part.limit.min(MOST));
    let answer = match serde_json::to_string(&entries) {
        Ok(body) => Answer::new(StatusCode::OK, MEDIA, body),
        Err(_) => broken(),
    };
    wire::send(answer, fault, &line).await
}

async fn find(
    State(state): State<Arc<MockState>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(ods): Path<String>,
    question: Bytes,
) -> Response<Body> {
    state.count(Source::Ehr);
    let fault = state.faults().take(Source::Ehr);
    let asked: Option<Value> = serde_json::from_slice(&question).ok();
    let number = asked
        .as_ref()
        .and_then(|asked| asked.get("nhs_number"))
        .and_then(Value::as_str);
    let answer = match number {
        Some(number) => {
            let registered = state.population().is_registered(&ods, number);
            let body = json!({ "registered": registered }).to_string();
            Answer::new(StatusCode::OK, MEDIA, body)
        }
        None => Answer::new(
            StatusCode::BAD_REQUEST,
            MEDIA,
            json!({"error": "nhs_number is missing"}).to_string(),
        ),
    };
    wire::send(answer, fault, &line).await
}

fn broken() -> Answer {
    Answer::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        MEDIA,
        json!({"error": "internal error"}).to_string(),
    )
}
