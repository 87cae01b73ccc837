//! `POST /sandbox/launch`: what an EHR does before it opens an app, for tests and for the mock EHR's worklist page.

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Form, Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::mock::People;
use crate::fhir::IdKey;
use crate::record::NhsNumber;
use crate::register::RegisterHandle;
use crate::smart::grants::LaunchContext;
use crate::smart::launch::{LaunchAsk, LaunchError, Launcher};

/// People among whom a FHIR id is looked for.
const SEARCHED: usize = 20_000;
/// The clinician of a launch that names none.
const CLINICIAN: &str = "clinician";

/// What the routes stand on.
pub struct LaunchState {
    /// Everybody.
    pub people: Arc<People>,
    /// Key of the ids.
    pub ids: IdKey,
    /// Clients and their addresses.
    pub register: RegisterHandle,
    /// FHIR base.
    pub issuer: String,
    /// Keeps launches; there once the gateway is put together.
    pub launcher: Arc<OnceLock<Arc<Launcher>>>,
}

/// The routes.
pub fn routes(state: Arc<LaunchState>) -> Router {
    Router::new()
        .route("/sandbox/launch", post(launch))
        .route("/sandbox/launch/open", post(open))
        .with_state(state)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    client_id: String,
    patient: String,
    username: Option<String>,
    encounter: Option<String>,
    intent: Option<String>,
    need_patient_banner: Option<bool>,
}

async fn launch(State(state): State<Arc<LaunchState>>, Json(ask): Json<Ask>) -> Response {
    let context = LaunchContext {
        encounter: ask.encounter,
        intent: ask.intent,
        need_patient_banner: ask.need_patient_banner,
    };
    let username = ask.username.unwrap_or_else(|| CLINICIAN.to_owned());
    let Some(nhs_number) = state.number(&ask.patient) else {
        return problem(StatusCode::NOT_FOUND, "no such patient");
    };
    match state
        .launch(ask.client_id, username, nhs_number, context)
        .await
    {
        Ok(launch) => Json(json!({"launch": launch, "iss": state.issuer})).into_response(),
        Err(LaunchError::Unavailable) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "the launch cannot be kept")
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

#[derive(Deserialize)]
struct Opened {
    client_id: String,
    username: String,
    nhs_number: String,
    launch_url: String,
    encounter: Option<String>,
}

/// From the mock EHR's worklist page straight into the app.
async fn open(State(state): State<Arc<LaunchState>>, Form(ask): Form<Opened>) -> Response {
    let register = state.register.current();
    let origin = |uri: &str| url::Url::parse(uri).ok().map(|uri| uri.origin());
    let own = register.clients.get(&ask.client_id).is_some_and(|client| {
        let uris = &client.redirect_uris;
        uris.iter()
            .any(|uri| origin(uri).is_some() && origin(uri) == origin(&ask.launch_url))
    });
    let address = url::Url::parse(&ask.launch_url).ok().filter(|_| own);
    let (Some(mut address), Ok(nhs_number)) = (address, NhsNumber::parse(&ask.nhs_number)) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the launch address is not at the app's own origin, or the patient is not one",
        );
    };
    let context = LaunchContext {
        encounter: ask.encounter.filter(|it| !it.is_empty()),
        ..LaunchContext::default()
    };
    match state
        .launch(ask.client_id, ask.username, nhs_number, context)
        .await
    {
        Ok(launch) => {
            address
                .query_pairs_mut()
                .append_pair("iss", &state.issuer)
                .append_pair("launch", &launch);
            Redirect::to(address.as_str()).into_response()
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

impl LaunchState {
    /// The number of the patient with this FHIR id.
    fn number(&self, fhir_id: &str) -> Option<NhsNumber> {
        self.people
            .page(0, SEARCHED)
            .filter_map(|person| NhsNumber::parse(&person.nhs_number).ok())
            .find(|number| self.ids.patient(number).as_str() == fhir_id)
    }

    async fn launch(
        &self,
        client: String,
        username: String,
        nhs_number: NhsNumber,
        context: LaunchContext,
    ) -> Result<String, LaunchError> {
        let launcher = self.launcher.get().ok_or(LaunchError::Unavailable)?;
        launcher
            .register(LaunchAsk {
                client,
                username,
                nhs_number,
                context,
            })
            .await
    }
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"error": text}))).into_response()
}
