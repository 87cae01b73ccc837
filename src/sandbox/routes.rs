//! What is served under `/sandbox`, and only by `openmig sandbox`: the contract, keys, assertions, clock and faults.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::contract::{Contract, Patient};
use super::keys::{SandboxKeys, hl7_b2b};
use super::mock::{MockState, People};
use crate::clock::{Clock, ShiftedClock, SystemClock};
use crate::fhir::IdKey;
use crate::fhir::uri::ACT_REASON;
use crate::oversight::delivery::{RoutesHandle, WebhookRoute};
use crate::record::OdsCode;
use crate::register::{GROUP, RegisterHandle};
use crate::store::notices::Recipient;

/// Signs webhooks that give no secret of their own; it protects nothing.
const SANDBOX_WEBHOOK_SECRET: &str = "whsec_b3Blbm1pZyBzYW5kYm94OiBubyBzZWNyZXQ=";

/// What the routes stand on.
pub struct SandboxState {
    /// The contract.
    pub contract: Contract,
    /// Everybody.
    pub people: Arc<People>,
    /// Key of the ids.
    pub ids: IdKey,
    /// Keys of the clients.
    pub keys: Arc<SandboxKeys>,
    /// The clock that moves.
    pub clock: Arc<ShiftedClock>,
    /// The mock services.
    pub mocks: Arc<MockState>,
    /// The register, for a client's organisation.
    pub register: RegisterHandle,
    /// Where notices go.
    pub notices: RoutesHandle,
    /// Token endpoint: audience of assertions.
    pub token_url: String,
}

/// The routes.
pub fn routes(state: Arc<SandboxState>) -> Router {
    Router::new()
        .route("/sandbox/contract.json", get(contract))
        .route("/sandbox/patients", get(patients))
        .route("/sandbox/keys/{file}", get(key))
        .route("/sandbox/assertion", get(assertion))
        .route("/sandbox/clock", post(clock))
        .route("/sandbox/faults", post(faults))
        .route("/sandbox/episode", post(episode))
        .route("/sandbox/webhooks", post(webhooks))
        .with_state(state)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Episode {
    nhs_number: String,
    username: String,
    linked: bool,
}

/// Says whether a clinician has a part in a patient's treatment, as the mock EHR's worklist tells it (R105); at first all have.
async fn episode(State(state): State<Arc<SandboxState>>, Json(ask): Json<Episode>) -> Response {
    let register = state.register.current();
    if !register.users.contains_key(&ask.username) {
        return problem(StatusCode::NOT_FOUND, "no such user");
    }
    if state
        .mocks
        .population()
        .by_nhs_number(&ask.nhs_number)
        .is_none()
    {
        return problem(StatusCode::NOT_FOUND, "no such patient");
    }
    state.mocks.link(&ask.nhs_number, &ask.username, ask.linked);
    StatusCode::NO_CONTENT.into_response()
}

async fn contract(State(state): State<Arc<SandboxState>>) -> Response {
    Json(&state.contract).into_response()
}

/// People in one answer.
const MOST_PEOPLE: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeopleAsk {
    #[serde(default)]
    offset: usize,
    #[serde(default = "a_page")]
    limit: usize,
}

const fn a_page() -> usize {
    100
}

/// The ordinary people, a page at a time; each is made for the answer and not kept.
async fn patients(
    State(state): State<Arc<SandboxState>>,
    Query(ask): Query<PeopleAsk>,
) -> Response {
    let beside = state.people.len() - usize::try_from(state.people.ordinary_count()).unwrap_or(0);
    let from = ask.offset.saturating_add(beside);
    let page: Vec<Patient> = state
        .people
        .page(from, ask.limit.min(MOST_PEOPLE))
        .filter_map(|person| Patient::of(&person, &state.ids))
        .collect();
    Json(json!({
        "total": state.people.ordinary_count(),
        "offset": ask.offset,
        "patients": page,
    }))
    .into_response()
}

/// `<client_id>.jwk.json` is the private key, `<client_id>.jwks.json` the public set. Sandbox keys protect nothing.
async fn key(State(state): State<Arc<SandboxState>>, Path(file): Path<String>) -> Response {
    let found = match (
        file.strip_suffix(".jwk.json"),
        file.strip_suffix(".jwks.json"),
    ) {
        (Some(client), _) => state.keys.private_jwk(client).cloned(),
        (_, Some(client)) => state.keys.public_jwks(client),
        _ => None,
    };
    found.map_or_else(
        || problem(StatusCode::NOT_FOUND, "no such key"),
        |key| Json(key).into_response(),
    )
}

#[derive(Deserialize)]
struct AssertionAsk {
    client_id: String,
    user: Option<String>,
    /// v3-ActReason codes, separated by commas; `TREAT` where it is not given.
    purpose: Option<String>,
    /// ODS code of the organisation or site to name; the client's own where it is not given.
    organization: Option<String>,
}

/// A signed assertion, so that the README's commands need nothing but curl. A real client signs its own.
async fn assertion(
    State(state): State<Arc<SandboxState>>,
    Query(ask): Query<AssertionAsk>,
) -> Response {
    let register = state.register.current();
    let Some(client) = register.clients.get(&ask.client_id) else {
        return problem(StatusCode::NOT_FOUND, "no such client");
    };
    let organisation = client
        .organisation
        .clone()
        .or_else(|| client.audit_of.clone())
        .or_else(|| client.oversight.map(|_| OdsCode(GROUP.to_owned())))
        .unwrap_or_else(|| OdsCode("Z9H01".to_owned()));
    // Assertions stay on the machine's clock (sandbox.md).
    let now = SystemClock.now();
    let organisation = ask.organization.map_or(organisation, OdsCode);
    let mut extensions = ask
        .user
        .as_deref()
        .map(|username| hl7_b2b(username, &organisation));
    if let (Some(named), Some(purpose)) = (&mut extensions, &ask.purpose) {
        let codes = purpose
            .split(',')
            .map(|code| format!("{ACT_REASON}#{code}"));
        named["hl7-b2b"]["purpose_of_use"] = codes.collect();
    }
    let signed = state
        .keys
        .assertion_with(&ask.client_id, extensions, &state.token_url, now);
    match signed {
        Ok(assertion) => assertion.into_response(),
        Err(_) => problem(StatusCode::NOT_FOUND, "the client has no key"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockAsk {
    advance_seconds: i64,
}

async fn clock(State(state): State<Arc<SandboxState>>, Json(ask): Json<ClockAsk>) -> Response {
    state.clock.advance(ask.advance_seconds);
    Json(json!({"now": state.clock.now().to_string()})).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultAsk {
    source: String,
    kind: String,
    count: u32,
}

async fn faults(State(state): State<Arc<SandboxState>>, Json(ask): Json<FaultAsk>) -> Response {
    match state
        .mocks
        .faults()
        .set_named(&ask.source, &ask.kind, ask.count)
    {
        Ok(()) => Json(json!({"source": ask.source, "kind": ask.kind, "count": ask.count}))
            .into_response(),
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookAsk {
    recipient: String,
    url: Option<String>,
    secret: Option<String>,
}

/// From now on this organisation (or `group`) is told here; without `url` nowhere.
async fn webhooks(State(state): State<Arc<SandboxState>>, Json(ask): Json<WebhookAsk>) -> Response {
    let secret = ask.secret.as_deref().unwrap_or(SANDBOX_WEBHOOK_SECRET);
    let webhook = match &ask.url {
        None => None,
        Some(url) => match WebhookRoute::new(url, secret) {
            Some(webhook) => Some(webhook),
            None => return problem(StatusCode::BAD_REQUEST, "no such webhook can be"),
        },
    };
    let to = Recipient::parse(&ask.recipient);
    let routes = state.notices.current().with_webhook(to, webhook);
    state.notices.replace(routes);
    Json(json!({"recipient": ask.recipient, "url": ask.url, "secret": secret})).into_response()
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"error": text}))).into_response()
}
