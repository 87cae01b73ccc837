//! What happens before a request is one of ours: refused networks, methods that a route does not have, bytes that are no
//! request. Each is in the trail (R120), bounded by [`BoundedLog`].

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};

use super::outcome::ApiError;
use crate::audit::bounded::BoundedLog;
use crate::audit::{AuditEntry, AuditLog as _, Interaction, Origin, What};
use crate::clock::{SharedClock, new_id};
use crate::register::RegisterHandle;

/// The edge of the gateway.
pub struct Edge {
    /// The trail.
    pub log: Arc<BoundedLog>,
    /// Whose hash is in every row.
    pub register: RegisterHandle,
    /// Time.
    pub clock: SharedClock,
}

impl Edge {
    /// Writes a refusal of nobody in particular and gives the answer; where it cannot be written, 503 (R125).
    pub async fn refuse(&self, method: &Method, origin: Origin, error: ApiError) -> ApiError {
        let interaction = Interaction {
            name: interaction(method),
            kind: None,
            query: String::new(),
        };
        let mut entry = AuditEntry::new(self.clock.now(), What::Refused(interaction), origin);
        entry.failure = Some(error.code.to_owned());
        entry.policy = Some(self.register.current().hash.clone());
        match self.log.write(entry).await {
            Ok(()) => error,
            Err(unwritten) => {
                tracing::error!(error = %unwritten, "a refusal could not be written");
                ApiError::audit_unavailable()
            }
        }
    }

    /// A route answered that it does not have this method: our own words and a row in place of an empty answer.
    pub async fn method_refused(
        &self,
        method: &Method,
        origin: Origin,
        bare: Response,
    ) -> Response {
        let allow = bare.headers().get(header::ALLOW).cloned();
        let mut error = ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "not-supported",
            "method-not-allowed",
            "This address has no such method.",
        );
        error.header = allow.map(|allow| Box::new((header::ALLOW, allow)));
        let mut response = self.refuse(method, origin, error).await.into_response();
        // What says which pages of other origins may read an answer holds for this one too (D14).
        for (name, value) in bare.headers() {
            if *name == header::VARY || name.as_str().starts_with("access-control-") {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
        response
    }

    /// Bytes came that are no HTTP request; they were answered 400 already, and nothing else is known of them.
    pub async fn malformed(&self, peer: IpAddr) {
        let origin = Origin {
            request_id: new_id().to_string(),
            address: Some(peer),
        };
        let error = ApiError::bad_request("malformed-request", "This is no HTTP request.");
        let _answered = self.refuse(&Method::TRACE, origin, error).await;
    }

    /// Writes the counts of a minute that is over.
    pub async fn close_minute(&self) {
        if let Err(error) = self.log.close_minute(self.clock.now()).await {
            tracing::error!(%error, "the count of refusals could not be written");
        }
    }

    /// Writes all that was counted.
    pub async fn close(&self) {
        if let Err(error) = self.log.close().await {
            tracing::error!(%error, "the count of refusals could not be written");
        }
    }
}

/// Is this what axum says of itself where a route does not have the method?
#[must_use]
pub fn is_bare_405(response: &Response) -> bool {
    response.status() == StatusCode::METHOD_NOT_ALLOWED
        && response.headers().get(header::CONTENT_TYPE).is_none()
}

/// The FHIR interaction that a method stands for, where no more is known.
fn interaction(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "read",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "operation",
    }
}
