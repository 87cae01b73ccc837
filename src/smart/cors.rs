//! Which pages of other origins may read our answers (D14): anybody's for discovery, which says so itself; for tokens and
//! FHIR those at which a registered client receives its codes, and with a token that client alone. Never with the browser's
//! own credentials.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::caller::{Unauthorized, authenticate};
use crate::clock::SharedClock;
use crate::register::{Client, Register, RegisterHandle};
use crate::store::TokenStore;

/// The rule.
#[derive(Clone)]
pub struct Cors {
    register: RegisterHandle,
    tokens: Arc<dyn TokenStore>,
    clock: SharedClock,
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
    pub fn new(
        register: RegisterHandle,
        tokens: Arc<dyn TokenStore>,
        clock: SharedClock,
        base: &str,
    ) -> Self {
        Self {
            register,
            tokens,
            clock,
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
        .any(|client| is_own(client, origin))
}

/// Is this the origin of a page at which this client signs people in?
fn is_own(client: &Client, origin: &str) -> bool {
    client
        .redirect_uris
        .iter()
        .filter_map(|uri| url::Url::parse(uri).ok())
        .any(|uri| uri.origin().is_tuple() && uri.origin().ascii_serialization() == origin)
}

impl Cors {
    /// May a page of this origin read the answer? With a live token only one of the token's own client: another app's page
    /// has no business with it. Without one the answer holds nothing, and every registered page may read that it does not.
    fn lets(&self, origin: &HeaderValue, authorization: Option<&HeaderValue>) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let register = self.register.current();
        let header = authorization.map(|value| value.to_str().unwrap_or_default());
        match authenticate(header, self.tokens.as_ref(), self.clock.now()) {
            Ok(caller) => register
                .clients
                .get(&caller.client)
                .is_some_and(|client| is_own(client, origin)),
            Err(Unauthorized::Missing | Unauthorized::Invalid) => is_registered(&register, origin),
            Err(Unauthorized::Store(_)) => false,
        }
    }
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
        Some(origin) => {
            // A preflight never brings a token; and at the token endpoint the header is a client's own credential.
            let authorization = request.headers().get(header::AUTHORIZATION);
            cors.lets(origin, authorization.filter(|_| !asked))
                .then(|| origin.clone())
        }
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
    use crate::clock::FixedClock;
    use crate::smart::fakes::{FakeStore, register, row};

    // D14, issue 6 point 8: with a live token only its own client's pages
    #[test]
    fn a_token_is_for_its_own_clients_pages() {
        let mut register = register();
        for (id, uri) in [
            ("sandbox-spa", "https://spa.example/app"),
            ("sandbox-web", "https://web.example/app"),
        ] {
            let client = register.clients.get_mut(id).unwrap();
            client.redirect_uris = vec![uri.to_owned()];
        }
        let store = FakeStore::default();
        let now = jiff::Timestamp::UNIX_EPOCH;
        let later = now
            .checked_add(jiff::SignedDuration::from_secs(60))
            .unwrap();
        for (token, client, until) in [
            ("spa", "sandbox-spa", later),
            ("gone", "no-longer-registered", later),
            ("dead", "sandbox-spa", now),
        ] {
            let row = row(token, client, until);
            store.rows.lock().unwrap().insert(row.hash, row);
        }
        let cors = |store| {
            Cors::new(
                RegisterHandle::new(register.clone()),
                Arc::new(store),
                Arc::new(FixedClock(now)),
                "/fhir/r4",
            )
        };
        let rule = cors(store);
        let lets = |rule: &Cors, origin: &'static str, token: &'static str| {
            let token = (!token.is_empty()).then(|| HeaderValue::from_static(token));
            rule.lets(&HeaderValue::from_static(origin), token.as_ref())
        };
        let (spa, web) = ("https://spa.example", "https://web.example");
        for (origin, token, allowed) in [
            (spa, "Bearer spa", true),
            (web, "Bearer spa", false),
            ("https://evil.example", "Bearer spa", false),
            (spa, "Bearer gone", false),
            // nothing is in the answer but that the token is none
            (web, "Bearer dead", true),
            (web, "", true),
            ("https://evil.example", "", false),
            // a client's own credential at the token endpoint
            (web, "Basic c2FuZGJveC13ZWI6eA==", true),
        ] {
            assert_eq!(lets(&rule, origin, token), allowed, "{origin} {token}");
        }
        let broken = cors(FakeStore {
            broken: true,
            ..FakeStore::default()
        });
        assert!(!lets(&broken, spa, "Bearer spa"));
    }

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
        let (store, clock) = (
            FakeStore::default(),
            FixedClock(jiff::Timestamp::UNIX_EPOCH),
        );
        let cors = Cors::new(
            RegisterHandle::new(register),
            Arc::new(store),
            Arc::new(clock),
            "/fhir/r4",
        );
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
