//! From path and method to the handlers. Every answer below the base is FHIR, errors included (F8).

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;

use super::clinical::SearchRequest;
use super::edge::Edge;
use super::limits::BodyFault;
use super::metadata;
use super::outcome::ApiError;
use super::request::{Frame, NetworkRule, frame, negotiate};
use super::state::Api;
use crate::audit::{Interaction, Origin};
use crate::fhir::Kind;
use crate::smart::caller::{Caller, authenticate};
use crate::smart::cors::{self, Cors};
use crate::smart::http::origin_of;

/// Bytes of a `_search` form.
const MAX_FORM: usize = 64 * 1024;
const READ_METHODS: &str = "GET, HEAD";
const SEARCH_METHODS: &str = "POST";

/// The whole gateway: FHIR below `base_path`, beside what else is served (token endpoint, discovery, health, sandbox).
pub fn router(
    api: Arc<Api>,
    base_path: &str,
    network: NetworkRule,
    edge: Arc<Edge>,
    beside: Router,
) -> Router {
    let below = Router::new().fallback(fhir).with_state(Arc::clone(&api));
    let path = base_path.trim_end_matches('/');
    let unknown = Arc::clone(&edge);
    let cors = Cors::new(
        api.register.clone(),
        Arc::clone(&api.tokens),
        Arc::clone(&api.clock),
        path,
    );
    // The base with a slash at its end is none of the nested paths, but a Bundle may be sent there.
    let base = axum::routing::any(fhir).with_state(api);
    Router::new()
        .nest(path, below)
        .route(&format!("{path}/"), base)
        .merge(beside)
        .fallback(move |request: Request| {
            let edge = Arc::clone(&unknown);
            // An address that is none of ours is in the trail too, never with what it says (R120, R128).
            async move {
                let origin = origin_of(request.extensions());
                edge.refuse(request.method(), origin, ApiError::not_found())
                    .await
            }
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn_with_state(cors, cors::allow))
        .layer(axum::middleware::from_fn_with_state(
            Frame { network, edge },
            frame,
        ))
}

/// A defect of ours: the caller learns nothing of it but that it happened.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "exception",
        "internal",
        "The gateway failed.",
    )
    .into_response()
}

/// What a type name in a path stands for.
enum Target {
    Clinical(Kind),
    Consent,
    AuditEvent,
}

impl Target {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "Consent" => Some(Self::Consent),
            "AuditEvent" => Some(Self::AuditEvent),
            name => Kind::from_name(name).map(Self::Clinical),
        }
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Clinical(kind) => Some(*kind),
            Self::Consent | Self::AuditEvent => None,
        }
    }
}

async fn fhir(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer(&api, request)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn answer(api: &Api, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let origin = origin_of(&parts.extensions);
    let query = parts.uri.query().unwrap_or_default();
    let params = pairs(query.as_bytes());
    let segments: Vec<&str> = parts
        .uri
        .path()
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let headers = &parts.headers;
    match asked(&parts.method, &segments) {
        Ok(Asked::Statement) => {
            let format = params.iter().find(|(name, _)| name == "_format");
            if let Err(error) = negotiate(headers, format.map(|(_, value)| value.as_str())) {
                return Err(refuse(api, headers, origin, "capabilities", None, error).await);
            }
            Ok(metadata::statement(&api.base).into_response())
        }
        Ok(Asked::Search(target)) => search(api, &target, params, headers, origin).await,
        Ok(Asked::SearchByForm(target)) => {
            let mut params = params;
            match form(headers, body).await {
                Ok(more) => params.extend(more),
                Err(error) => {
                    let kind = target.kind();
                    return Err(refuse(api, headers, origin, "search-type", kind, error).await);
                }
            }
            search(api, &target, params, headers, origin).await
        }
        Ok(Asked::Read(target, id)) => {
            let format = params.iter().find(|(name, _)| name == "_format");
            let format = format.map(|(_, value)| value.as_str());
            read(api, &target, id, format, headers, origin).await
        }
        Err((interaction, error)) => {
            Err(refuse(api, headers, origin, interaction, None, error).await)
        }
    }
}

/// What a request below the base asks for.
enum Asked<'a> {
    Statement,
    Search(Target),
    SearchByForm(Target),
    Read(Target, &'a str),
}

/// Method and path, or why they lead nowhere and as which FHIR interaction that is written down.
fn asked<'a>(method: &Method, segments: &[&'a str]) -> Result<Asked<'a>, (&'static str, ApiError)> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let target = |name: &str, interaction| {
        Target::from_name(name).ok_or_else(|| (interaction, ApiError::not_found()))
    };
    match segments {
        [name, "_search"] if method == Method::POST => {
            target(name, "search-type").map(Asked::SearchByForm)
        }
        [_, "_search"] => Err(("search-type", ApiError::method_not_allowed(SEARCH_METHODS))),
        // A write of anything, anywhere: this API has none (R009).
        _ if !reads => Err((
            match *method {
                Method::POST => "create",
                Method::PUT => "update",
                Method::PATCH => "patch",
                Method::DELETE => "delete",
                _ => "operation",
            },
            ApiError::method_not_allowed(READ_METHODS),
        )),
        ["metadata"] => Ok(Asked::Statement),
        [name] => target(name, "search-type").map(Asked::Search),
        [name, id] => target(name, "read").map(|target| Asked::Read(target, id)),
        _ => Err(("read", ApiError::not_found())),
    }
}

/// A request that gets no further than its method, path, form or format is in the trail too, with who sent it where the
/// token says so (R120).
async fn refuse(
    api: &Api,
    headers: &HeaderMap,
    origin: Origin,
    name: &'static str,
    kind: Option<Kind>,
    error: ApiError,
) -> ApiError {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let caller = authenticate(header, api.tokens.as_ref(), api.clock.now()).ok();
    let interaction = Interaction {
        name,
        kind,
        query: String::new(),
    };
    api.refuse_stranger(caller.as_ref(), origin, interaction, error)
        .await
}

async fn read(
    api: &Api,
    target: &Target,
    id: &str,
    format: Option<&str>,
    headers: &HeaderMap,
    origin: Origin,
) -> Result<Response, ApiError> {
    let interaction = || Interaction::read(target.kind(), id);
    let caller = caller(api, headers, &origin, interaction()).await?;
    if let Err(error) = negotiate(headers, format) {
        return Err(api
            .refuse_stranger(Some(&caller), origin, interaction(), error)
            .await);
    }
    if let Target::AuditEvent = target {
        return api.read_event(&caller, id, origin).await;
    }
    if let (Target::Clinical(Kind::Practitioner), true) = (target, api.is_own_id(&caller, id)) {
        return api.read_fhir_user(&caller, id, origin).await;
    }
    let visit = match api.visit(caller, origin) {
        Ok(visit) => visit,
        Err(refused) => {
            let (caller, origin, error) = *refused;
            return Err(api
                .refuse_stranger(Some(&caller), origin, interaction(), error)
                .await);
        }
    };
    match target {
        Target::Clinical(kind) => api.read(&visit, *kind, id, headers).await,
        Target::Consent | Target::AuditEvent => api.read_consent(&visit, id).await,
    }
}

async fn search(
    api: &Api,
    target: &Target,
    params: Vec<(String, String)>,
    headers: &HeaderMap,
    origin: Origin,
) -> Result<Response, ApiError> {
    let interaction = || Interaction {
        name: "search-type",
        kind: target.kind(),
        query: String::new(),
    };
    let caller = caller(api, headers, &origin, interaction()).await?;
    let format = params
        .iter()
        .find(|(name, _)| name == "_format")
        .map(|(_, value)| value.as_str());
    if let Err(error) = negotiate(headers, format) {
        return Err(api
            .refuse_stranger(Some(&caller), origin, interaction(), error)
            .await);
    }
    if let Target::AuditEvent = target {
        return api.search_events(&caller, &params, origin).await;
    }
    let visit = match api.visit(caller, origin) {
        Ok(visit) => visit,
        Err(refused) => {
            let (caller, origin, error) = *refused;
            return Err(api
                .refuse_stranger(Some(&caller), origin, interaction(), error)
                .await);
        }
    };
    match target {
        Target::Clinical(kind) => {
            let strict = headers
                .get_all("prefer")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split([',', ';']))
                .any(|part| part.trim() == "handling=strict");
            api.search(&visit, *kind, &SearchRequest { params, strict })
                .await
        }
        Target::Consent | Target::AuditEvent => api.search_consents(&visit, &params).await,
    }
}

/// Who asks; a request without a live token is in the trail too.
async fn caller(
    api: &Api,
    headers: &HeaderMap,
    origin: &Origin,
    interaction: Interaction,
) -> Result<Caller, ApiError> {
    let header = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.to_str().unwrap_or_default());
    match authenticate(header, api.tokens.as_ref(), api.clock.now()) {
        Ok(caller) => match api.confirm(header, &caller).await {
            Ok(()) => Ok(caller),
            Err(error) => Err(api
                .refuse_stranger(Some(&caller), origin.clone(), interaction, error)
                .await),
        },
        Err(refusal) => {
            let error = api.unknown(header, refusal).await;
            Err(api
                .refuse_stranger(None, origin.clone(), interaction, error)
                .await)
        }
    }
}

async fn form(headers: &HeaderMap, body: Body) -> Result<Vec<(String, String)>, ApiError> {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            "form-expected",
            "A search by POST is a form (application/x-www-form-urlencoded).",
        ));
    }
    let bytes: Bytes = to_bytes(body, MAX_FORM).await.map_err(|error| {
        if BodyFault::of(&error) == Some(BodyFault::TooSlow) {
            return ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "request-timeout",
                "The request did not arrive in time.",
            );
        }
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-long",
            "form-too-large",
            "The form is larger than 64 KiB.",
        )
    })?;
    Ok(pairs(&bytes))
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}
