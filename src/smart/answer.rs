//! Answers of the OAuth endpoints: JSON that nobody keeps, and errors with the codes of RFC 6749, 9396 and 7009.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::occasion::OccasionRefusal;

/// What leaves: status, JSON, and `Cache-Control: no-store` with `Pragma: no-cache` always (T2).
#[derive(Debug, Clone, PartialEq)]
pub struct TokenResponse {
    /// HTTP status.
    pub status: StatusCode,
    /// `Retry-After`, `WWW-Authenticate`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The JSON object; `None` is an empty body.
    pub body: Option<Value>,
}

impl TokenResponse {
    /// 200 with this object.
    #[must_use]
    pub fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            body: Some(body),
        }
    }

    /// 200 without a body (RFC 7009).
    #[must_use]
    pub fn empty() -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            body: None,
        }
    }
}

impl IntoResponse for TokenResponse {
    fn into_response(self) -> Response {
        let body = self
            .body
            .map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        headers.extend(self.headers);
        response
    }
}

/// A refusal or failure of an OAuth endpoint (sandbox.md, "Refusals at the token endpoint").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    /// HTTP status.
    pub status: StatusCode,
    /// `error`.
    pub error: &'static str,
    /// `error_description`: what is wrong, never what was sent.
    pub description: String,
    /// `reason`: a code of the error catalogue, where people can mend it.
    pub reason: Option<&'static str>,
    /// Seconds of `Retry-After`.
    pub retry_after: Option<u64>,
}

/// The one sentence for anything about the patient.
pub const NO_RECORD: &str = "No record is available through this service.";

/// Seconds after which a client may try again.
const RETRY_SECONDS: u64 = 5;

impl OAuthError {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
            reason: None,
            retry_after: None,
        }
    }

    /// A parameter is missing, repeated or unreadable.
    #[must_use]
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// Client, key, assertion or clinician claim (J9).
    #[must_use]
    pub fn invalid_client(description: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }

    /// The client may not do this.
    #[must_use]
    pub fn unauthorized_client(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", description)
    }

    /// T16.
    #[must_use]
    pub fn unsupported_grant_type() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "The grant type is not one of those in this server's metadata.",
        )
    }

    /// A code or refresh token that is not good for this client now. One text for all of these.
    #[must_use]
    pub fn invalid_grant() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_grant",
            "The code or refresh token is not valid for this client, or no longer.",
        )
    }

    /// Nothing of the scope can be granted.
    #[must_use]
    pub fn invalid_scope(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    /// Meant for another server (RFC 8693 section 2.2.2).
    #[must_use]
    pub fn invalid_target() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_target",
            "Tokens are given for this server alone.",
        )
    }

    /// RFC 9396 section 5.
    #[must_use]
    pub fn invalid_authorization_details(description: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_authorization_details",
            description,
        )
    }

    /// Something that people can mend.
    #[must_use]
    pub fn mendable(reason: &'static str, description: impl Into<String>) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(StatusCode::BAD_REQUEST, "access_denied", description)
        }
    }

    /// Anything about the patient: the same bytes for each.
    #[must_use]
    pub fn no_record() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "access_denied", NO_RECORD)
    }

    /// Trace, source, worklist, store or audit trail did not do its part.
    #[must_use]
    pub fn unavailable() -> Self {
        Self {
            retry_after: Some(RETRY_SECONDS),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "The service cannot answer at the moment. Try again.",
            )
        }
    }

    /// Too many requests from one address.
    #[must_use]
    pub fn too_many(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "Too many requests from this address. Try again later.",
            )
        }
    }

    /// The code for the audit row: the catalogue's where there is one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.reason {
            Some(reason) => reason,
            None if self.error == "access_denied" => "no-record-available",
            None => self.error,
        }
    }
}

impl From<OccasionRefusal> for OAuthError {
    fn from(refusal: OccasionRefusal) -> Self {
        match refusal {
            OccasionRefusal::NoRecordAvailable => Self::no_record(),
            OccasionRefusal::Mendable {
                reason,
                description,
            } => Self::mendable(reason, description),
            OccasionRefusal::Unavailable => Self::unavailable(),
        }
    }
}

impl From<crate::store::StoreError> for OAuthError {
    fn from(_: crate::store::StoreError) -> Self {
        Self::unavailable()
    }
}

impl From<OAuthError> for TokenResponse {
    fn from(error: OAuthError) -> Self {
        // RFC 6749 section 5.2: printable ASCII without quote and backslash.
        let description: String = error
            .description
            .chars()
            .filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'))
            .collect();
        let mut body = json!({"error": error.error, "error_description": description});
        if let (Some(reason), Some(members)) = (error.reason, body.as_object_mut()) {
            members.insert("reason".to_owned(), reason.into());
        }
        let mut headers = Vec::new();
        if error.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2 wants a challenge; Basic is the one scheme that these endpoints know.
            headers.push((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"openmig\""),
            ));
        }
        if let Some(seconds) = error.retry_after {
            headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        Self {
            status: error.status,
            headers,
            body: Some(body),
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        TokenResponse::from(self).into_response()
    }
}
