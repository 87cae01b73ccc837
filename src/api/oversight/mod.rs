//! `/oversight/v1`: what privacy officers, practice managers, data protection officers and the oversight group do through
//! their own systems (R063, R093, R121 to R124, R130, R182 to R184, R200 to R204). Outside the FHIR base, JSON, no patient's name.
//!
//! Invariants: a token for it opens nothing else and nothing else opens it; person and duties are asked of the register on
//! every call; the audit row is on the disk before the answer leaves, and before or together with what is done (R125).

pub mod answer;
pub mod call;

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{Method, StatusCode, header};
use serde_json::json;

use self::answer::{About, Problem, Reply};
use self::call::{Call, question};
use crate::audit::{AuditEntry, AuditLog, Interaction, Origin, Overseen, What};
use crate::clock::SharedClock;
use crate::register::RegisterHandle;
use crate::smart::person::{NotOverseer, overseer};
use crate::store::TokenStore;

/// Bytes of a body.
const MAX_BODY: usize = 64 * 1024;

/// What the calls stand on.
pub struct OversightApi {
    /// Who may.
    pub register: RegisterHandle,
    /// Tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// The trail, to write.
    pub audit: Arc<dyn AuditLog>,
    /// Time.
    pub clock: SharedClock,
}

/// The routes.
pub fn routes(api: Arc<OversightApi>) -> Router {
    Router::new()
        .route("/oversight", any(handle))
        .route("/oversight/{*path}", any(handle))
        .with_state(api)
}

async fn handle(State(api): State<Arc<OversightApi>>, request: Request) -> Response {
    match api.answer(request).await {
        Ok(reply) => (reply.status, reply.content).into_response(),
        Err(problem) => problem.into_response(),
    }
}

impl OversightApi {
    /// Authenticates, answers, writes the row; only then does anything leave.
    async fn answer(&self, request: Request) -> Result<Reply, Problem> {
        let (parts, body) = request.into_parts();
        let origin = parts
            .extensions
            .get::<Origin>()
            .cloned()
            .unwrap_or_else(|| Origin {
                request_id: crate::clock::new_id().to_string(),
                address: None,
            });
        let path = parts.uri.path().trim_start_matches("/oversight");
        let path: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        let (version, path) = match path.split_first() {
            Some((version, path)) => (version.as_str(), path.to_vec()),
            None => ("", Vec::new()),
        };
        let now = self.clock.now();
        let register = self.register.current();
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let holds = self.register.holds(now).map_err(|error| {
            tracing::warn!(%error, "the holds could not be read, so oversight was refused");
            Problem::audit_unavailable()
        })?;
        let overseer = match overseer(header, &*self.tokens, &register, &holds, now) {
            Ok(overseer) => overseer,
            Err(refusal) => {
                let asked = question(&parts.method, &path, &[]);
                return Err(self.refuse_stranger(refusal, asked, origin).await);
            }
        };
        let mut call = Call {
            overseer,
            register,
            now,
            origin,
            method: parts.method,
            path,
            query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect(),
            understood: Vec::new(),
            body: Vec::new(),
        };
        let outcome = if version == "v1" {
            match read_body(&call.method, &parts.headers, body).await {
                Ok(body) => {
                    call.body = body;
                    self.dispatch(&mut call).await
                }
                Err(problem) => Err(problem),
            }
        } else {
            Err(Problem::not_found())
        };
        let mut entry = match &outcome {
            Ok(reply) if reply.written => return outcome,
            Ok(reply) => call.entry(&reply.about),
            Err(_) => call.entry(&About::default()),
        };
        entry.failure = outcome.as_ref().err().map(|error| error.error.to_owned());
        self.write(entry).await?;
        outcome
    }

    async fn dispatch(&self, call: &mut Call) -> Result<Reply, Problem> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["me"] => {
                only(call, &Method::GET)?;
                call.no_more()?;
                Ok(Reply::json(me(call)))
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// Writes the refusal of somebody who is nobody of oversight.
    async fn refuse_stranger(
        &self,
        refusal: NotOverseer,
        asked: String,
        origin: Origin,
    ) -> Problem {
        let what = What::Oversight(Overseen {
            interaction: Interaction {
                name: "oversight-read",
                kind: None,
                query: asked,
            },
            other_ids: Vec::new(),
        });
        let mut entry = AuditEntry::new(self.clock.now(), what, origin);
        entry.policy = Some(self.register.current().hash.clone());
        let problem = match refusal {
            NotOverseer::Unauthorized(refusal) => Problem::from(refusal),
            NotOverseer::OtherToken { client, person } => {
                entry.client = Some(client);
                entry.clinician = person;
                Problem::other_token()
            }
        };
        entry.failure = Some(problem.error.to_owned());
        match self.write(entry).await {
            Ok(()) => problem,
            Err(unwritten) => unwritten,
        }
    }

    async fn write(&self, entry: AuditEntry) -> Result<(), Problem> {
        self.audit.write(entry).await.map_err(|error| {
            tracing::error!(%error, "an audit row could not be written, so oversight was refused");
            Problem::audit_unavailable()
        })
    }
}

/// This path takes one method only.
fn only(call: &Call, method: &Method) -> Result<(), Problem> {
    if call.method == *method {
        Ok(())
    } else if *method == Method::GET {
        Err(Problem::method("GET"))
    } else {
        Err(Problem::method("POST"))
    }
}

/// Who the caller is here, so that a system can show what it may ask.
fn me(call: &Call) -> serde_json::Value {
    let person = &call.overseer.person;
    let organisation = person.organisation.as_ref();
    json!({
        "username": person.actor.username(),
        "organisation": organisation.map(|ods| ods.0.as_str()),
        "duties": person.actor.duties().collect::<Vec<_>>(),
    })
}

async fn read_body(
    method: &Method,
    headers: &http::HeaderMap,
    body: axum::body::Body,
) -> Result<Vec<u8>, Problem> {
    if *method != Method::POST {
        return Ok(Vec::new());
    }
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "A body is sent as application/json.",
        ));
    }
    to_bytes(body, MAX_BODY)
        .await
        .map(|bytes| bytes.to_vec())
        .map_err(|_| {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is larger than 64 KiB, or broke off.",
            )
        })
}
