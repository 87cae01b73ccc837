//! `/oversight/v1`: what privacy officers, practice managers, data protection officers and the oversight group do through
//! their own systems (R063, R093, R121 to R124, R130, R182 to R184, R200 to R204). Outside the FHIR base, JSON, no patient's name.
//!
//! Invariants: a token for it opens nothing else and nothing else opens it; person and duties are asked of the register on
//! every call; the audit row is on the disk before the answer leaves, and before or together with what is done (R125).

pub mod answer;
pub mod call;
mod cases;
mod matters;
pub mod page;
mod reports;
mod trail;

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
use crate::fhir::IdKey;
use crate::oversight::cases::Cases;
use crate::oversight::cases::publication::Publication;
use crate::oversight::evidence::Evidence;
use crate::oversight::heads::TrailHeads;
use crate::oversight::holds::HoldService;
use crate::oversight::information;
use crate::oversight::opt_out::OptOuts;
use crate::oversight::override_review::OverrideReviews;
use crate::oversight::reports::Reports;
use crate::record::date::london;
use crate::register::RegisterHandle;
use crate::smart::http::origin_of;
use crate::smart::person::{NotOverseer, overseer};
use crate::store::losses::LossStore;
use crate::store::notices::{Notice, NoticeFilter, NoticeKind, NoticeStore, Recipient};
use crate::store::{StoreError, TokenStore};

/// Between two looks at what patients are told.
const STALE_EVERY: std::time::Duration = std::time::Duration::from_secs(600);
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
    /// Signed heads of the trail.
    pub heads: TrailHeads,
    /// The evidence pack.
    pub evidence: Evidence,
    /// Reports.
    pub reports: Reports,
    /// Cases.
    pub cases: Cases,
    /// Overrides and their reviews.
    pub override_reviews: OverrideReviews,
    /// Requests to opt out or in.
    pub opt_outs: OptOuts,
    /// Holds.
    pub holds: HoldService,
    /// What was lost of records on the way (R204).
    pub losses: Arc<dyn LossStore>,
    /// Notices.
    pub notices: Arc<dyn NoticeStore>,
    /// Makes ids of patients, who are named in bodies by NHS number.
    pub ids: IdKey,
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
        let origin = origin_of(&parts.extensions);
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
        if version != "v1" {
            return self.close(&call, Err(Problem::not_found())).await;
        }
        match read_body(&call.method, &parts.headers, body).await {
            Ok(body) => {
                call.body = body;
                self.carry_out(&mut call).await
            }
            Err(problem) => self.close(&call, Err(problem)).await,
        }
    }

    /// Answers a call of somebody who is known already, and writes its row.
    ///
    /// # Errors
    /// Why not; its row is written all the same.
    pub async fn carry_out(&self, call: &mut Call) -> Result<Reply, Problem> {
        let outcome = self.dispatch(call).await;
        self.close(call, outcome).await
    }

    /// Writes the row of a call, unless it was written with what was done; only then does the outcome leave.
    async fn close(&self, call: &Call, outcome: Result<Reply, Problem>) -> Result<Reply, Problem> {
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
        let path = call.path.clone();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["me"] => {
                only(call, &Method::GET)?;
                call.no_more()?;
                Ok(Reply::json(me(call)))
            }
            ["overrides", rest @ ..] => self.overrides(call, rest).await,
            ["opt-outs", rest @ ..] => self.opt_outs(call, rest).await,
            ["holds", rest @ ..] => self.holds(call, rest).await,
            ["notices", rest @ ..] => self.notices(call, rest).await,
            ["trail", rest @ ..] => self.trail(call, rest).await,
            ["reports", name] => self.reports(call, name).await,
            [kind, rest @ ..] => self.cases(call, kind, rest).await,
            [] => Err(Problem::not_found()),
        }
    }

    /// Watches over information for patients that has gone stale (R181), for as long as it is polled.
    pub async fn watch(&self) {
        loop {
            if let Err(error) = self.tell_of_stale_information().await {
                tracing::warn!(%error, "who has stale information for patients cannot be told");
            }
            tokio::time::sleep(STALE_EVERY).await;
        }
    }

    /// Tells every organisation whose published information has gone stale, once for each version.
    ///
    /// # Errors
    /// The store failed.
    pub async fn tell_of_stale_information(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let today = now.to_zoned(london()).date();
        let register = self.register.current();
        let publications = self
            .cases
            .whole::<Publication>()
            .map_err(|error| StoreError(error.to_string()))?;
        let about = format!("information/{}", information::version(&register, today));
        let mut notices = Vec::new();
        for ods in information::stale(&register, &publications, today) {
            let to = Recipient::Organisation(ods);
            let told = self.notices.notices(
                &NoticeFilter {
                    to: Some(vec![to.clone()]),
                    about: Some(about.clone()),
                    ..NoticeFilter::default()
                },
                1,
            )?;
            if told.is_empty() {
                let id = crate::clock::new_id().to_string();
                let about = vec![about.clone()];
                notices.push(Notice::new(id, to, NoticeKind::StaleNotice, about, now));
            }
        }
        let count = notices.len();
        if count > 0 {
            self.notices.put_notices(notices).await?;
        }
        Ok(count)
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
