//! Which pages of other origins may read our answers (D14): anybody's for discovery, which says so itself; for tokens and
//! FHIR those at which a registered client receives its codes. Never with the browser's own credentials.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::register::{Register, RegisterHandle};

/// The rule.
#[derive(Clone)]
pub struct Cors {
    register: RegisterHandle,
    /// Path of the FHIR base.
    base: String,
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, if-modified-since, if-none-match, prefer",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("etag, last-modified, retry-after, www-authenticate, x-request-id");

impl Cors {
    /// For what lies below `base`.
    #[must_use]
    pub fn new(register: RegisterHandle, base: &str) -> Self {
        Self {
            register,
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Is this address one that pages of registered apps may ask? The authorize pages are for people, not for pages.
    fn covers(&self, path: &str) -> bool {
        path.strip_prefix(&self.base).is_some_and(|rest| {
            rest.starts_with('/')
                && !rest.starts_with("/authorize")
                && !rest.starts_with("/.well-known/")
                && !["/metadata", "/jwks", "/introspect", "/launch"].contains(&rest)
        })
    }

    /// Discovery and metadata.
    fn is_open(&self, path: &str) -> bool {
        path.starts_with("/.well-known/")
            || path.strip_prefix(&self.base).is_some_and(|rest| {
                rest.starts_with("/.well-known/") || ["/metadata", "/jwks"].contains(&rest)
            })
    }
}

/// Is this the origin of a page at which some client signs people in?
fn is_registered(register: &Register, origin: &str) -> bool {
    register
        .clients
        .values()
        .flat_map(|client| &client.redirect_uris)
        .filter_map(|uri| url::Url::parse(uri).ok())
        .any(|uri| uri.origin().is_tuple() && uri.origin().ascii_serialization() == origin)
}

/// The layer.
pub async fn allow(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (covered, open) = (cors.covers(path), cors.is_open(path));
    if !covered && !open {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asked = *request.method() == Method::OPTIONS
        && origin.is_some()
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let allowed = match &origin {
        _ if open => Some(HeaderValue::from_static("*")),
        Some(origin) => origin
            .to_str()
            .is_ok_and(|origin| is_registered(&cors.register.current(), origin))
            .then(|| origin.clone()),
        None => None,
    };
    let mut response = if asked {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    say(response.headers_mut(), allowed, asked, open);
    response
}

fn say(headers: &mut HeaderMap, allowed: Option<HeaderValue>, asked: bool, open: bool) {
    if !open {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    let Some(allowed) = allowed else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if asked {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("600"),
        );
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::fakes::register;

    // D14, DISC-13..15: no origin is repeated that no client has
    #[test]
    fn only_origins_of_clients_are_known() {
        let mut register = register();
        if let Some(client) = register.clients.get_mut("sandbox-spa") {
            client.redirect_uris = vec![
                "http://127.0.0.1:9310/app.html".to_owned(),
                "https://app.example/x".to_owned(),
            ];
        }
        for (origin, known) in [
            ("http://127.0.0.1:9310", true),
            ("https://app.example", true),
            ("http://app.example", false),
            ("http://127.0.0.1:9311", false),
            ("http://127.0.0.1:9310/", false),
            ("https://app.example.evil.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_registered(&register, origin), known, "{origin}");
        }
        let cors = Cors::new(RegisterHandle::new(register), "/fhir/r4");
        for path in ["/fhir/r4/token", "/fhir/r4/Patient/x", "/fhir/r4/revoke"] {
            assert!(cors.covers(path) && !cors.is_open(path), "{path}");
        }
        for path in [
            "/fhir/r4/authorize",
            "/console",
            "/fhir/r4/introspect",
            "/fhir/r45/token",
        ] {
            assert!(!cors.covers(path) && !cors.is_open(path), "{path}");
        }
        for path in [
            "/fhir/r4/metadata",
            "/fhir/r4/jwks",
            "/fhir/r4/.well-known/smart-configuration",
            "/.well-known/oauth-authorization-server/fhir/r4",
        ] {
            assert!(cors.is_open(path) && !cors.covers(path), "{path}");
        }
    }
}
