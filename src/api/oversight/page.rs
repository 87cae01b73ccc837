//! `/patient-information`: the public page for patients, for everybody or for one practice (S2 3.5, 3.6; R180).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;

use super::answer::Content;
use crate::clock::SharedClock;
use crate::oversight::information;
use crate::oversight::reports::flows;
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::RegisterHandle;

type Shared = Arc<(RegisterHandle, SharedClock)>;

/// The routes.
pub fn routes(register: RegisterHandle, clock: SharedClock) -> Router {
    Router::new()
        .route("/patient-information", get(all))
        .route("/patient-information/{practice}", get(one))
        .with_state(Arc::new((register, clock)))
}

async fn all(State(shared): State<Shared>) -> Response {
    let today = shared.1.now().to_zoned(london()).date();
    Content::Html(information::html(&shared.0.current(), None, today)).into_response()
}

async fn one(State(shared): State<Shared>, Path(ods): Path<String>) -> Response {
    let today = shared.1.now().to_zoned(london()).date();
    let register = shared.0.current();
    match flows::practice(&register, &OdsCode(ods)).filter(|practice| practice.is_enabled()) {
        Some(practice) => {
            Content::Html(information::html(&register, Some(practice), today)).into_response()
        }
        None => (
            StatusCode::NOT_FOUND,
            Content::Html(super::answer::NO_PAGE.to_owned()),
        )
            .into_response(),
    }
}
