//! The second sealed type that the API can serialise: what no mapper can make (metadata, OperationOutcome, Consent,
//! AuditEvent and Bundles of those).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};

/// FHIR JSON without clinical content. Only this module makes it.
#[derive(Debug, Clone)]
pub struct NonClinical(Bytes);

/// Media type of every FHIR answer.
pub const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json; charset=utf-8");

impl NonClinical {
    /// An OperationOutcome of one issue.
    #[must_use]
    pub fn outcome(severity: &str, issue: &str, code: &str, text: &str) -> Self {
        Self(Bytes::from(
            serde_json::json!({
                "resourceType": "OperationOutcome",
                "issue": [{
                    "severity": severity,
                    "code": issue,
                    "details": {
                        "coding": [{"system": "https://openmig.org/fhir/CodeSystem/error", "code": code}],
                        "text": text
                    }
                }]
            })
            .to_string(),
        ))
    }

    /// The CapabilityStatement.
    pub(super) fn capability(statement: &serde_json::Value) -> Self {
        Self(Bytes::from(statement.to_string()))
    }

    /// A Consent or AuditEvent as its own module wrote it.
    pub(super) fn written(json: Vec<u8>) -> Self {
        Self(Bytes::from(json))
    }

    /// A searchset of Consents or AuditEvents: `(kind, id, json)` each.
    pub(super) fn searchset(
        base: &str,
        self_link: &str,
        next: Option<&str>,
        total: Option<usize>,
        entries: &[(&str, String, Vec<u8>)],
    ) -> Self {
        let mut out = Vec::with_capacity(
            256 + entries
                .iter()
                .map(|(_, _, json)| json.len() + 160)
                .sum::<usize>(),
        );
        out.extend_from_slice(br#"{"resourceType":"Bundle","type":"searchset""#);
        if let Some(total) = total {
            out.extend_from_slice(format!(r#","total":{total}"#).as_bytes());
        }
        let link = |relation: &str, url: &str| {
            serde_json::json!({"relation": relation, "url": url}).to_string()
        };
        out.extend_from_slice(format!(r#","link":[{}"#, link("self", self_link)).as_bytes());
        if let Some(next) = next {
            out.extend_from_slice(format!(",{}", link("next", next)).as_bytes());
        }
        out.push(b']');
        for (n, (kind, id, json)) in entries.iter().enumerate() {
            out.extend_from_slice(if n == 0 {
                &br#","entry":["#[..]
            } else {
                &b","[..]
            });
            out.extend_from_slice(
                format!(r#"{{"fullUrl":"{base}/{kind}/{id}","resource":"#).as_bytes(),
            );
            out.extend_from_slice(json);
            out.extend_from_slice(br#","search":{"mode":"match"}}"#);
        }
        out.extend_from_slice(if entries.is_empty() {
            &b"}"[..]
        } else {
            &b"]}"[..]
        });
        Self(Bytes::from(out))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl IntoResponse for NonClinical {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.0));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, FHIR_JSON);
        response
    }
}
