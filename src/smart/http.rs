//! The endpoints as axum handlers. The router inserts [`Origin`] as an extension; see `api::request::frame`.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::Value;

use super::answer::{OAuthError, TokenResponse};
use super::discovery::Discovery;
use super::form::{FormRequest, MAX_FORM};
use super::introspect::IntrospectionEndpoint;
use super::revoke::RevocationEndpoint;
use super::signing::SigningKey;
use super::token::TokenEndpoint;
use crate::audit::Origin;
use crate::clock::new_id;

/// `POST <issuer>/token`.
pub async fn token(
    State(endpoint): State<Arc<TokenEndpoint>>,
    request: Request,
) -> Result<TokenResponse, OAuthError> {
    Ok(endpoint.handle(form_request(request).await?).await)
}

/// `POST <issuer>/introspect`.
pub async fn introspect(
    State(endpoint): State<Arc<IntrospectionEndpoint>>,
    request: Request,
) -> Result<TokenResponse, OAuthError> {
    Ok(endpoint.handle(form_request(request).await?).await)
}

/// `POST <issuer>/revoke`.
pub async fn revoke(
    State(endpoint): State<Arc<RevocationEndpoint>>,
    request: Request,
) -> Result<TokenResponse, OAuthError> {
    Ok(endpoint.handle(form_request(request).await?).await)
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

/// `GET <issuer>/jwks`: the server's own public key (D13).
pub async fn jwks(State(key): State<Arc<SigningKey>>) -> Response {
    json(&key.public_jwks())
}

fn json(document: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, document.to_string()).into_response()
}

/// Reads a bounded body; one that is larger or breaks off is cut to more than the form reader accepts, so that the
/// endpoint refuses it and writes it down like any other.
async fn form_request(request: Request) -> Result<FormRequest, OAuthError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_FORM)
        .await
        .unwrap_or_else(|_| vec![b'a'; MAX_FORM + 1].into());
    let origin = parts.extensions.get::<Origin>().cloned();
    Ok(FormRequest {
        headers: parts.headers,
        body,
        has_query: parts.uri.query().is_some_and(|query| !query.is_empty()),
        origin: origin.unwrap_or_else(|| Origin {
            request_id: new_id().to_string(),
            address: None,
        }),
    })
}
