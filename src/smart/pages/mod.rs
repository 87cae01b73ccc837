//! `<issuer>/authorize`: the pages at the point of care (design.md 8). An app's request becomes a journey of one browser:
//! sign in, choose the patient, ask for consent (or override), approve. Every step is decided by [`PointOfCare`] and
//! `Occasions`; nothing is looked up before the patient has said yes.

mod code;
mod consent_form;
mod decide;
mod journey;
mod pick;
mod provider;
mod reply;
mod show;
mod sign_in;
mod steps;
mod terms;
mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};

use super::authorize::MAX_REQUEST;
use super::http::origin_of;
use super::limit::AddressLimit;
use super::opener::OccasionOpener;
use super::password::Passwords;
use super::provider::Providers;
use super::secrets::LaunchKey;
use super::token::blank_row;
use crate::access::catalogue;
use crate::audit::{AuditLog, Origin};
use crate::clock::SharedClock;
use crate::occasion::PointOfCare;
use crate::register::RegisterHandle;
use crate::store::authorization::AuthorizationStore;
use crate::store::providers::ProviderStore;
pub(super) use journey::launch_seal;
use reply::Reply;

/// The style sheet of all pages.
const CSS: &str = include_str!("../../../templates/openmig.css");
/// Where it is served.
const CSS_PATH: &str = "/assets/openmig.css";

/// What the pages stand on.
pub struct PagesParts {
    /// FHIR base = issuer.
    pub issuer: String,
    /// Who may.
    pub register: RegisterHandle,
    /// Journeys, launches, grants.
    pub store: Arc<dyn AuthorizationStore>,
    /// The point of care.
    pub care: Arc<PointOfCare>,
    /// Opens occasions.
    pub occasions: Arc<dyn OccasionOpener>,
    /// The trail.
    pub audit: Arc<dyn AuditLog>,
    /// Time.
    pub clock: SharedClock,
    /// Makes form tokens.
    pub key: LaunchKey,
    /// A uniform refusal leaves at a whole multiple of this after the request began.
    pub refusal_floor: Duration,
    /// Requests a minute from one address.
    pub requests_per_minute: u32,
    /// Minutes that an occasion lasts, for the words of the conversation.
    pub occasion_minutes: i64,
    /// Where else people can sign in.
    pub providers: Arc<Providers>,
    /// Who was sent there.
    pub provider_store: Arc<dyn ProviderStore>,
}

/// The pages.
pub struct Pages {
    parts: PagesParts,
    /// Path of the issuer.
    path: String,
    /// The issuer is https, so cookies are too.
    secure: bool,
    limit: AddressLimit,
    passwords: Passwords,
}

impl Pages {
    /// Puts them together. `path` is the issuer's.
    #[must_use]
    pub fn new(parts: PagesParts, path: &str) -> Self {
        Self {
            path: path.trim_end_matches('/').to_owned(),
            secure: parts.issuer.starts_with("https:"),
            limit: AddressLimit::new(parts.requests_per_minute),
            passwords: Passwords::default(),
            parts,
        }
    }

    /// The routes.
    pub fn routes(self) -> Router {
        let path = self.path.clone();
        Router::new()
            .route(&format!("{path}/authorize"), get(by_get).post(by_post))
            .route(&format!("{path}/authorize/{{journey}}"), get(show))
            .route(
                &format!("{path}/authorize/{{journey}}/{{step}}"),
                post(step),
            )
            .route(
                &format!("{path}/authorize/callback/{{provider}}"),
                get(callback),
            )
            .route(
                &format!("{path}/authorize/{{journey}}/returned"),
                get(returned),
            )
            .with_state(Arc::new(self))
            .route("/assets/openmig.css", get(css))
    }

    /// Writes down that somebody got no further, and why; without its row the person learns nothing more either (R120).
    async fn note(
        &self,
        origin: &Origin,
        tell: impl FnOnce(&mut crate::audit::AuditEntry),
    ) -> Result<(), Reply> {
        let mut row = blank_row(self.parts.clock.now(), origin.clone());
        row.policy = Some(self.parts.register.current().hash.clone());
        tell(&mut row);
        self.parts
            .audit
            .write(row)
            .await
            .map_err(|_| self.unavailable(None))
    }

    /// The address of a journey's pages.
    fn address(&self, journey: &str) -> String {
        format!("{}/authorize/{journey}", self.path)
    }

    /// A page that leads nowhere.
    fn plain(&self, status: StatusCode, title: &str, description: &str, action: &str) -> Reply {
        self.render(
            status,
            &views::Refused {
                frame: self.bare_frame(),
                title: title.to_owned(),
                description: description.to_owned(),
                action: action.to_owned(),
                again: false,
                can_repick: false,
                can_leave: false,
            },
        )
    }

    fn bare_frame(&self) -> views::Frame {
        views::Frame {
            css: css_address(),
            who: None,
            action: String::new(),
            form_token: String::new(),
        }
    }

    fn render(&self, status: StatusCode, page: &impl askama::Template) -> Reply {
        match page.render() {
            Ok(body) => Reply::page(status, body),
            Err(error) => {
                tracing::error!(%error, "a page could not be written");
                Reply::page(StatusCode::INTERNAL_SERVER_ERROR, String::new())
            }
        }
    }

    /// Something did not answer.
    fn unavailable(&self, journey: Option<&journey::Journey>) -> Reply {
        self.render(
            StatusCode::SERVICE_UNAVAILABLE,
            &views::Refused {
                frame: journey.map_or_else(|| self.bare_frame(), |journey| self.frame(journey)),
                title: "The service cannot answer at the moment".to_owned(),
                description: "A system that this service depends on did not answer. Nothing is known about the record just now.".to_owned(),
                action: "Try again in a moment. Do not wait for it where the patient cannot.".to_owned(),
                again: journey.is_some(),
                can_repick: false,
                can_leave: journey.is_some(),
            },
        )
        .after(5)
    }

    fn too_many(&self, seconds: u64) -> Reply {
        self.plain(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "Too many requests came from this network address in a short time.",
            "Wait a minute and try again.",
        )
        .after(seconds)
    }
}

/// `sign-in-failed` and its like, in the catalogue's words.
fn words(code: &'static str) -> &'static str {
    catalogue::description(code)
}

fn css_address() -> String {
    format!("{CSS_PATH}?v={}", env!("CARGO_PKG_VERSION"))
}

async fn css() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, CSS).into_response()
}

async fn by_get(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    let origin = origin_of(request.extensions());
    let query = request.uri().query().unwrap_or_default().as_bytes();
    pages.begin(query, origin, true).await.into_response()
}

async fn by_post(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    let origin = origin_of(request.extensions());
    // What stands in the address counts too: a parameter there and in the body is there twice (A13).
    let mut all = request.uri().query().unwrap_or_default().to_owned();
    match form(request).await {
        Some(body) if all.is_empty() => pages.begin(&body, origin, false).await.into_response(),
        Some(body) => {
            all.push('&');
            all.push_str(&String::from_utf8_lossy(&body));
            pages
                .begin(all.as_bytes(), origin, false)
                .await
                .into_response()
        }
        None => pages
            .plain(
                StatusCode::BAD_REQUEST,
                "The app's request cannot be read",
                "The app did not send a form, or one that is too large.",
                "Tell the people who look after the app.",
            )
            .into_response(),
    }
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(journey): Path<String>,
    request: Request,
) -> Response {
    let origin = origin_of(request.extensions());
    let opened = pages.open(&journey, request.headers()).await;
    match opened {
        Ok((journey, cookie)) => pages
            .show(&journey, &origin)
            .await
            .with_cookie(cookie)
            .into_response(),
        Err(reply) => reply.into_response(),
    }
}

/// A provider sends the browser back.
async fn callback(
    State(pages): State<Arc<Pages>>,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    let origin = origin_of(request.extensions());
    let query = request.uri().query().unwrap_or_default();
    pages
        .back_from_provider(&provider, query, &origin)
        .into_response()
}

/// The browser brings a provider's answer to its own journey.
async fn returned(
    State(pages): State<Arc<Pages>>,
    Path(journey): Path<String>,
    request: Request,
) -> Response {
    let origin = origin_of(request.extensions());
    let query = request.uri().query().unwrap_or_default();
    pages
        .returned(&journey, query, request.headers(), &origin)
        .await
        .into_response()
}

async fn step(
    State(pages): State<Arc<Pages>>,
    Path((journey, step)): Path<(String, String)>,
    request: Request,
) -> Response {
    let origin = origin_of(request.extensions());
    let headers = request.headers().clone();
    let Some(body) = form(request).await else {
        return pages
            .plain(
                StatusCode::BAD_REQUEST,
                "The form cannot be read",
                "The form was not sent as a form, or is too large.",
                "Go back and try again.",
            )
            .into_response();
    };
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&body)
        .take(64)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    pages
        .step(&journey, &step, &headers, pairs, origin)
        .await
        .into_response()
}

/// The body of a form that is not too large.
async fn form(request: Request) -> Option<axum::body::Bytes> {
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .is_some_and(|kind| {
            let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
            kind.trim_ascii()
                .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        });
    if !is_form {
        return None;
    }
    to_bytes(request.into_body(), MAX_REQUEST).await.ok()
}
