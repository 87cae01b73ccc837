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

use super::people::WorklistEntry;
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
        .route("/", get(page))
        .route("/worklist/{ods}", get(list))
        .route("/worklist/{ods}/find", post(find))
        .with_state(state);
    wire::serve(listener, routes, shutdown).await
}

/// The worklist as a person sees it, with an app to launch beside each patient.
#[derive(askama::Template)]
#[template(path = "sandbox/ehr.html")]
struct Page {
    gateway: String,
    ods: String,
    username: String,
    client_id: String,
    launch_url: String,
    people: Vec<WorklistEntry>,
}

#[derive(Deserialize)]
struct Shown {
    ods: Option<String>,
    username: Option<String>,
    client_id: Option<String>,
    launch_url: Option<String>,
}

async fn page(
    State(state): State<Arc<MockState>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(shown): Query<Shown>,
) -> Response<Body> {
    state.count(Source::Ehr);
    let fault = state.faults().take(Source::Ehr);
    let ods = shown.ods.unwrap_or_else(|| "Z9O01".to_owned());
    let username = if ods == "Z9H01" {
        "hospital-doctor"
    } else {
        "clinician"
    };
    let page = Page {
        gateway: state.gateway().to_owned(),
        username: shown.username.unwrap_or_else(|| username.to_owned()),
        client_id: shown.client_id.unwrap_or_else(|| "sandbox-spa".to_owned()),
        launch_url: shown
            .launch_url
            .unwrap_or_else(|| "http://127.0.0.1:9310/launch.html".to_owned()),
        people: state.population().worklist(&ods, 0, MOST),
        ods,
    };
    let answer = match askama::Template::render(&page) {
        Ok(body) => Answer::new(StatusCode::OK, "text/html; charset=utf-8", body),
        Err(_) => broken(),
    };
    wire::send(answer, fault, &line).await
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
    let clinician = asked
        .as_ref()
        .and_then(|asked| asked.get("clinician"))
        .and_then(Value::as_str);
    let answer = match number {
        Some(number) => {
            let body = if state.population().is_registered(&ods, number) {
                let person = state.population().by_nhs_number(number);
                match person.map(|person| WorklistEntry::from(&*person)) {
                    Some(entry) => json!({
                        "registered": true, "name": entry.name, "birth_date": entry.birth_date,
                        "same_name": state.population().has_namesake(&ods, number),
                        "linked": clinician.map(|clinician| state.is_linked(number, clinician))
                    }),
                    None => json!({ "registered": true }),
                }
            } else {
                json!({ "registered": false })
            };
            let body = body.to_string();
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
