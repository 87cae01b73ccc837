//! Errors of the FHIR API: an OperationOutcome with a code that a developer can look up, the right status, no detail of
//! any patient (design.md 11).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::non_clinical::NonClinical;
use crate::smart::caller::Unauthorized;

/// A refusal or failure as the caller learns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// FHIR issue type, for example `not-found`.
    pub issue: &'static str,
    /// Our code, in the error catalogue.
    pub code: &'static str,
    /// In plain words.
    pub text: String,
    /// `Allow`, `Retry-After` or `WWW-Authenticate`, where the status asks for one.
    pub header: Option<Box<(header::HeaderName, HeaderValue)>>,
    /// Decisions behind it, a JSON array for the row of the trail; they never leave.
    pub decisions: Option<Box<str>>,
}

impl ApiError {
    /// Any error.
    #[must_use]
    pub fn new(
        status: StatusCode,
        issue: &'static str,
        code: &'static str,
        text: impl Into<String>,
    ) -> Self {
        Self {
            status,
            issue,
            code,
            text: text.into(),
            header: None,
            decisions: None,
        }
    }

    /// Unknown, withheld or another patient's: one answer for all three (R047, F-row "not in it => 404").
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "not-found",
            "There is no such resource.",
        )
    }

    /// The request cannot be understood.
    #[must_use]
    pub fn bad_request(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", code, text)
    }

    /// The token does not reach so far.
    #[must_use]
    pub fn forbidden(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", code, text)
    }

    /// The scope of the token does not name this type or interaction (RFC 6750 section 3.1).
    #[must_use]
    pub fn insufficient_scope() -> Self {
        let mut error = Self::forbidden(
            "insufficient-scope",
            "The token's scopes do not cover this request.",
        );
        error.header = Some(Box::new((
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"insufficient_scope\""),
        )));
        error
    }

    /// No token, or a dead one (RFC 6750 section 3).
    #[must_use]
    pub fn unauthorized(token_was_sent: bool) -> Self {
        let mut error = Self::new(
            StatusCode::UNAUTHORIZED,
            "login",
            "unauthorized",
            "A valid access token is needed.",
        );
        let challenge = if token_was_sent {
            "Bearer error=\"invalid_token\""
        } else {
            "Bearer"
        };
        error.header = Some(Box::new((
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        )));
        error
    }

    /// The API is read-only.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let mut error = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "not-supported",
            "read-only",
            "This API is read-only: only reads and searches are served.",
        );
        error.header = Some(Box::new((header::ALLOW, HeaderValue::from_static(allow))));
        error
    }

    /// Source, trace, worklist or audit store did not do its part: try again (R125, design.md 3).
    #[must_use]
    pub fn unavailable(code: &'static str, text: &'static str) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "transient", code, text);
        error.header = Some(Box::new((
            header::RETRY_AFTER,
            HeaderValue::from_static("5"),
        )));
        error
    }

    /// No row, no data (R125).
    #[must_use]
    pub fn audit_unavailable() -> Self {
        Self::unavailable(
            "audit-unavailable",
            "The audit trail cannot be written, so nothing can be shown.",
        )
    }
}

impl From<Unauthorized> for ApiError {
    fn from(refusal: Unauthorized) -> Self {
        match refusal {
            Unauthorized::Missing => Self::unauthorized(false),
            Unauthorized::Invalid => Self::unauthorized(true),
            Unauthorized::Store(_) => {
                Self::unavailable("store-unavailable", "The gateway's store does not answer.")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = NonClinical::outcome("error", self.issue, self.code, &self.text);
        let mut response = (self.status, body).into_response();
        if let Some(header) = self.header {
            let (name, value) = *header;
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use crate::access::catalogue;
    use crate::fhir::OPENMIG;

    const API: [(&str, &str); 7] = [
        ("clinical.rs", include_str!("clinical.rs")),
        ("external.rs", include_str!("external.rs")),
        ("outcome.rs", include_str!("outcome.rs")),
        ("records.rs", include_str!("records.rs")),
        ("request.rs", include_str!("request.rs")),
        ("router.rs", include_str!("router.rs")),
        ("state.rs", include_str!("state.rs")),
    ];

    /// The code in every call that makes an error: the first text in it, after the issue type where that comes first.
    fn codes(source: &str) -> Vec<&str> {
        let makers = [
            ("bad_request(", 0),
            ("forbidden(", 0),
            ("unavailable(", 0),
            ("ApiError::new(", 1),
            ("Self::new(", 1),
        ];
        let code = source.split("#[cfg(test)]").next().unwrap();
        let mut found = Vec::new();
        for (maker, before) in makers {
            for (at, _) in code.match_indices(maker) {
                if code[..at].ends_with("fn ") {
                    continue;
                }
                let call = code[at + maker.len()..].split([';', ')']).next().unwrap();
                let texts: Vec<&str> = call.split('"').skip(1).step_by(2).collect();
                found.extend(texts.get(before));
            }
        }
        found
    }

    // design.md 11: every code that a developer meets can be looked up
    #[test]
    fn every_code_of_the_api_is_in_the_catalogue() {
        let mut seen = 0;
        for (file, source) in API {
            for code in codes(source) {
                seen += 1;
                assert!(catalogue::entry(code).is_some(), "{file}: `{code}`");
            }
        }
        assert!(
            seen > 20,
            "{seen} codes found: the reading of the sources no longer works"
        );
    }

    #[test]
    fn the_published_code_system_is_the_catalogue() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/profiles/CodeSystem-error.json"
        );
        let concepts: Vec<_> = catalogue::entries()
            .map(|entry| {
                serde_json::json!({
                    "code": entry.code,
                    "display": entry.description.trim_end_matches('.'),
                    "definition": if entry.audit_only {
                        format!("Only the audit trail says so; the caller hears {}. {}", catalogue::NO_RECORD, entry.action)
                    } else {
                        entry.action.clone()
                    }
                })
            })
            .collect();
        let own = serde_json::json!({
            "resourceType": "CodeSystem",
            "id": "error",
            "url": format!("{OPENMIG}/CodeSystem/error"),
            "version": env!("CARGO_PKG_VERSION"),
            "name": "Error",
            "title": "Error catalogue",
            "status": "active",
            "experimental": false,
            "date": "2026-11-22",
            "publisher": "OpenMIG",
            "description": "What the gateway says when it refuses, and what can be done about it: in OperationOutcome.issue.details, in `reason` of the token endpoint's errors, and in AuditEvent.outcomeDesc.",
            "caseSensitive": true,
            "content": "complete",
            "count": concepts.len(),
            "concept": concepts
        });
        let own = format!("{own:#}\n");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &own).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), own);
    }
}
