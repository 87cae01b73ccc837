//! What leaves `/oversight`: JSON, CSV or plain HTML without clinical content, and errors as `{error, reason}`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

pub use crate::oversight::About;
use crate::smart::caller::Unauthorized;

/// The media that an answer can have.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// `application/json`.
    Json(Value),
    /// `application/fhir+json`: a resource as it was written.
    Fhir(String),
    /// `text/csv`, with the name to save it under.
    Csv(String, &'static str),
    /// `text/html`: a whole page.
    Html(String),
}

/// A good answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// 200 or 201.
    pub status: StatusCode,
    /// What leaves.
    pub content: Content,
    /// Whom it concerns.
    pub about: About,
    /// The audit row is on the disk already: it was written in the same transaction as what was done.
    pub written: bool,
}

impl Reply {
    /// 200 with this JSON.
    #[must_use]
    pub fn json(value: Value) -> Self {
        Self {
            status: StatusCode::OK,
            content: Content::Json(value),
            about: About::default(),
            written: false,
        }
    }

    /// Of this.
    #[must_use]
    pub fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    /// With this status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Its row was written together with what was done.
    #[must_use]
    pub fn written(mut self) -> Self {
        self.written = true;
        self
    }
}

/// One stylesheet inside the page, no script, nothing from elsewhere.
const HTML_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

impl IntoResponse for Content {
    fn into_response(self) -> Response {
        let (kind, body, name) = match self {
            Self::Json(value) => ("application/json", value.to_string(), None),
            Self::Fhir(text) => ("application/fhir+json; charset=utf-8", text, None),
            Self::Csv(text, name) => ("text/csv; charset=utf-8", text, Some(name)),
            Self::Html(page) => ("text/html; charset=utf-8", page, None),
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if kind.starts_with("text/html") {
            headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(HTML_POLICY),
            );
        }
        if let Some(value) = name.and_then(|name| {
            HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")).ok()
        }) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        response
    }
}

/// A refusal or failure: `error` is a code that does not change, `reason` says it in words. Never repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// `error`.
    pub error: &'static str,
    /// `reason`.
    pub reason: String,
    /// `Allow`, `Retry-After` or `WWW-Authenticate`.
    pub header: Option<(HeaderName, &'static str)>,
}

impl Problem {
    /// Any.
    #[must_use]
    pub fn new(status: StatusCode, error: &'static str, reason: impl Into<String>) -> Self {
        Self {
            status,
            error,
            reason: reason.into(),
            header: None,
        }
    }

    /// The request cannot be understood.
    #[must_use]
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", reason)
    }

    /// This person may not do this here.
    #[must_use]
    pub fn not_allowed() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-allowed",
            crate::oversight::NotAllowed.to_string(),
        )
    }

    /// Unknown, or not for this person: one answer for both.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is no such thing here.",
        )
    }

    /// The path knows other methods.
    #[must_use]
    pub fn method(allow: &'static str) -> Self {
        let mut problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This path does not take this method.",
        );
        problem.header = Some((header::ALLOW, allow));
        problem
    }

    /// The state of things does not allow it now; `reason` says what is missing.
    #[must_use]
    pub fn conflict(error: &'static str, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error, reason)
    }

    /// Store or trail did not do their part.
    #[must_use]
    pub fn unavailable(error: &'static str, reason: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, error, reason);
        problem.header = Some((header::RETRY_AFTER, "5"));
        problem
    }

    /// No row, no answer (R125).
    #[must_use]
    pub fn audit_unavailable() -> Self {
        Self::unavailable(
            "audit-unavailable",
            "The audit trail cannot be written, so nothing can be shown or done.",
        )
    }

    /// A live token that is not for oversight (RFC 6750 section 3.1).
    #[must_use]
    pub fn other_token() -> Self {
        let mut problem = Self::new(
            StatusCode::FORBIDDEN,
            "insufficient-scope",
            "The token is not for oversight.",
        );
        problem.header = Some((
            header::WWW_AUTHENTICATE,
            "Bearer error=\"insufficient_scope\", scope=\"oversight\"",
        ));
        problem
    }
}

impl From<Unauthorized> for Problem {
    fn from(refusal: Unauthorized) -> Self {
        let challenge = match refusal {
            Unauthorized::Missing => "Bearer",
            Unauthorized::Invalid => "Bearer error=\"invalid_token\"",
            Unauthorized::Store(_) => {
                return Self::unavailable(
                    "store-unavailable",
                    "The gateway's store does not answer.",
                );
            }
        };
        let mut problem = Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A valid access token with the scope oversight is needed.",
        );
        problem.header = Some((header::WWW_AUTHENTICATE, challenge));
        problem
    }
}

impl From<crate::oversight::NotAllowed> for Problem {
    fn from(_: crate::oversight::NotAllowed) -> Self {
        Self::not_allowed()
    }
}

impl From<crate::store::StoreError> for Problem {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(%error, "the store failed while oversight was served");
        Self::unavailable("store-unavailable", "The gateway's store does not answer.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Content::Json(json!({"error": self.error, "reason": self.reason}));
        let mut response = (self.status, body).into_response();
        if let Some((name, value)) = self.header {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// What a browser is told where there is no such page.
pub(super) const NO_PAGE: &str = "<!doctype html><html lang=\"en-GB\"><meta charset=\"utf-8\"><title>Not found</title><p>There is no such page.</p></html>";
