//! The endpoints as axum handlers. The router inserts [`Origin`] as an extension; see `api::request::frame`.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Extensions, header};
use serde_json::Value;

use super::answer::TokenResponse;
use super::discovery::Discovery;
use super::external::ExternalEndpoint;
use super::form::{FormRequest, MAX_FORM};
use super::introspect::IntrospectionEndpoint;
use super::launch::LaunchEndpoint;
use super::revoke::RevocationEndpoint;
use super::ring::KeyRing;
use super::token::TokenEndpoint;
use super::withdraw::WithdrawalEndpoint;
use crate::audit::Origin;
use crate::clock::{SharedClock, new_id};

/// `POST <issuer>/token`.
pub async fn token(State(endpoint): State<Arc<TokenEndpoint>>, request: Request) -> TokenResponse {
    endpoint.handle(form_request(request).await).await
}

/// `POST <issuer>/introspect`.
pub async fn introspect(
    State(endpoint): State<Arc<IntrospectionEndpoint>>,
    request: Request,
) -> TokenResponse {
    endpoint.handle(form_request(request).await).await
}

/// `POST <issuer>/launch`.
pub async fn launch(
    State(endpoint): State<Arc<LaunchEndpoint>>,
    request: Request,
) -> TokenResponse {
    endpoint.handle(form_request(request).await).await
}

/// `POST <issuer>/occasion`.
pub async fn occasion(
    State(endpoint): State<Arc<ExternalEndpoint>>,
    request: Request,
) -> TokenResponse {
    endpoint.handle(form_request(request).await).await
}

/// `POST <issuer>/revoke`.
pub async fn revoke(
    State(endpoint): State<Arc<RevocationEndpoint>>,
    request: Request,
) -> TokenResponse {
    endpoint.handle(form_request(request).await).await
}

/// `POST <issuer>/withdraw`.
pub async fn withdraw(
    State(endpoint): State<Arc<WithdrawalEndpoint>>,
    request: Request,
) -> TokenResponse {
    endpoint.handle(form_request(request).await).await
}

/// `GET {base}/.well-known/smart-configuration`: JSON whatever `Accept` says (D1).
pub async fn smart_configuration(State(discovery): State<Arc<Discovery>>) -> Response {
    json(&discovery.smart_configuration())
}

/// `GET /.well-known/oauth-authorization-server/fhir/r4`.
pub async fn authorization_server(State(discovery): State<Arc<Discovery>>) -> Response {
    json(&discovery.authorization_server())
}

/// `GET <issuer>/.well-known/openid-configuration`.
pub async fn openid_configuration(State(discovery): State<Arc<Discovery>>) -> Response {
    json(&discovery.openid_configuration())
}

/// `GET <issuer>/jwks`: the server's own public keys (D13).
pub async fn jwks(State((ring, clock)): State<(Arc<KeyRing>, SharedClock)>) -> Response {
    json(&ring.public_jwks(clock.now()))
}

fn json(document: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, document.to_string()).into_response()
}

/// Reads a bounded body; one that is larger or breaks off is cut to more than the form reader accepts, so that the
/// endpoint refuses it and writes it down like any other.
async fn form_request(request: Request) -> FormRequest {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_FORM)
        .await
        .unwrap_or_else(|_| vec![b'a'; MAX_FORM + 1].into());
    let origin = origin_of(&parts.extensions);
    FormRequest {
        headers: parts.headers,
        body,
        has_query: parts.uri.query().is_some_and(|query| !query.is_empty()),
        origin,
    }
}

/// Where a request came from, as the outermost layer has noted it; a request that did not pass it gets an id of its own.
#[must_use]
pub fn origin_of(extensions: &Extensions) -> Origin {
    extensions
        .get::<Origin>()
        .cloned()
        .unwrap_or_else(|| Origin {
            request_id: new_id().to_string(),
            address: None,
        })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::{get, post};
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;
    use crate::smart::fakes::{backend, open_until, request, world};
    use crate::smart::signing::{SigningAlgorithm, generate_jwk};

    async fn body(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    // D1, D13
    #[tokio::test]
    async fn documents_are_json_whatever_is_accepted() {
        let jwk = generate_jwk("server", SigningAlgorithm::Rs256).unwrap();
        let keys = crate::smart::ring::read(jwk.to_string().as_bytes()).unwrap();
        let clock: SharedClock = Arc::new(crate::clock::SystemClock);
        let key = (Arc::new(KeyRing::new(keys)), clock);
        let app = Router::new()
            .route("/smart", get(smart_configuration))
            .route("/oauth", get(authorization_server))
            .route("/openid", get(openid_configuration))
            .with_state(Arc::new(Discovery::new("https://gateway.example/fhir/r4")))
            .merge(Router::new().route("/jwks", get(jwks)).with_state(key));
        for path in ["/smart", "/oauth", "/openid", "/jwks"] {
            let request = Request::get(path)
                .header(header::ACCEPT, "application/fhir+xml")
                .body(Body::empty())
                .unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
            let document: Value = serde_json::from_str(&body(response).await).unwrap();
            if path == "/jwks" {
                let key = &document["keys"][0];
                assert_eq!(
                    (&key["kid"], &key["alg"]),
                    (&"server".into(), &"RS256".into())
                );
                assert_eq!(key.get("d"), None);
            }
        }
    }

    #[tokio::test]
    async fn the_token_route_takes_bounded_forms_without_query() {
        let world = world(Ok(open_until(1800)));
        let (endpoint, audit) = (Arc::new(world.endpoint), world.audit);
        let app = Router::new()
            .route("/token", post(token))
            .with_state(endpoint);
        let send = |path: &'static str, form: Vec<u8>| {
            let request = Request::post(path)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .extension(Origin {
                    request_id: "request-7".to_owned(),
                    address: None,
                })
                .body(Body::from(form))
                .unwrap();
            app.clone().oneshot(request)
        };
        let response = send("/token", request(&backend()).body.to_vec())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        for (path, form) in [
            ("/token?scope=x", request(&backend()).body.to_vec()),
            ("/token", vec![b'a'; MAX_FORM + 1]),
            ("/token", vec![b'a'; 4 * MAX_FORM]),
        ] {
            let response = send(path, form).await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            assert!(body(response).await.contains("invalid_request"));
        }
        let rows = audit.rows.lock().unwrap();
        assert_eq!(rows.len(), 4);
        assert!(rows.iter().all(|row| row.origin.request_id == "request-7"));
    }
}
