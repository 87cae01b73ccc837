//! Overrides and their reviews, requests to opt out or in, holds, notices: over HTTP.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{About, Content, Problem, Reply};
use super::call::Call;
use super::{OversightApi, only};
use crate::fhir::to_json;
use crate::oversight::holds::{AssuranceGiven, HoldAsk, HoldError};
use crate::oversight::opt_out::{NewOptOut, OptOutError, OptOutReview};
use crate::oversight::override_review::{NewReview, ReviewError};
use crate::record::OdsCode;
use crate::store::holds::{Held, HoldRow};
use crate::store::notices::{NoticeFilter, NoticeRow, Recipient};

/// Notices of one answer.
const NOTICES: usize = 500;

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::NotAllowed(_) => Self::not_allowed(),
            ReviewError::Unknown => Self::not_found(),
            ReviewError::OwnOverride => {
                Self::new(StatusCode::FORBIDDEN, "own-override", error.to_string())
            }
            ReviewError::Concluded => Self::conflict("concluded", error.to_string()),
            ReviewError::Items(_) => Self::bad_request(error.to_string()),
            ReviewError::Store(error) => error.into(),
            ReviewError::Seal(_) => Self::unavailable(
                "store-unavailable",
                "What was said cannot be sealed or opened.",
            ),
        }
    }
}

impl From<OptOutError> for Problem {
    fn from(error: OptOutError) -> Self {
        match error {
            OptOutError::NotAllowed(_) => Self::not_allowed(),
            OptOutError::Unknown => Self::not_found(),
            OptOutError::Closed => Self::conflict("closed", error.to_string()),
            OptOutError::Asked => Self::conflict("open-already", error.to_string()),
            OptOutError::Items(_) => Self::bad_request(error.to_string()),
            OptOutError::Store(error) => error.into(),
            OptOutError::Seal(_) => Self::unavailable(
                "store-unavailable",
                "What was said cannot be sealed or opened.",
            ),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::NotAllowed(_) => Self::not_allowed(),
            HoldError::Unknown(why) => Self::new(StatusCode::NOT_FOUND, "not-found", why),
            HoldError::Invalid(why) => Self::bad_request(why),
            HoldError::Conflict(why) => Self::conflict("not-now", why),
            HoldError::Store(error) => error.into(),
        }
    }
}

/// `true` or `false`; left out, `or`.
fn flag(call: &mut Call, name: &'static str, or: bool) -> Result<bool, Problem> {
    match call.take(name)?.as_deref() {
        None => Ok(or),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Problem::bad_request(format!(
            "The parameter {name} is true or false."
        ))),
    }
}

/// The organisation that is asked about; left out, the caller's own.
fn of(call: &mut Call, name: &'static str) -> Result<OdsCode, Problem> {
    match call.take(name)? {
        Some(text) => {
            let ods = OdsCode(text);
            if call.register.organisations.contains_key(&ods) {
                Ok(ods)
            } else {
                Err(Problem::bad_request(format!(
                    "The parameter {name} names nobody of the register."
                )))
            }
        }
        None => call
            .overseer
            .person
            .organisation
            .clone()
            .ok_or_else(Problem::not_allowed),
    }
}

impl OversightApi {
    pub(super) async fn overrides(&self, call: &mut Call, rest: &[&str]) -> Result<Reply, Problem> {
        match (call.method.clone(), rest) {
            (Method::GET, []) => {
                let open = flag(call, "open", false)?;
                let viewer = of(call, "organisation")?;
                call.no_more()?;
                let found = self.override_reviews.list(call.actor(), &viewer, open)?;
                let ids = found
                    .iter()
                    .map(|one| format!("Override/{}", one.id))
                    .collect();
                Ok(Reply::json(json!({"overrides": found})).about(About {
                    ids,
                    ..About::default()
                }))
            }
            (Method::GET, [id]) => {
                call.no_more()?;
                let found = self.override_reviews.get(call.actor(), id)?;
                let about = About {
                    patient: found.patient_id().cloned(),
                    practice: Some(found.practice.clone()),
                    ids: vec![format!("Override/{}", found.id)],
                    ..About::default()
                };
                Ok(Reply::json(json!(found)).about(about))
            }
            (Method::POST, [id, "review"]) => {
                call.no_more()?;
                let new: NewReview = call.json()?;
                let entry = call.entry(&About::default());
                let found = self
                    .override_reviews
                    .review(call.actor(), id, new, entry)
                    .await?;
                Ok(Reply::json(json!(found)).written())
            }
            (_, [] | [_]) => Err(Problem::method("GET")),
            (_, [_, "review"]) => Err(Problem::method("POST")),
            _ => Err(Problem::not_found()),
        }
    }

    pub(super) async fn opt_outs(&self, call: &mut Call, rest: &[&str]) -> Result<Reply, Problem> {
        match (call.method.clone(), rest) {
            (Method::GET, []) => {
                let open = flag(call, "open", false)?;
                let practice = of(call, "organisation")?;
                call.no_more()?;
                let found = self.opt_outs.list(call.actor(), &practice, open)?;
                let ids = found
                    .iter()
                    .map(|one| format!("OptOut/{}", one.id))
                    .collect();
                Ok(Reply::json(json!({"requests": found})).about(About {
                    practice: Some(practice),
                    ids,
                    ..About::default()
                }))
            }
            (Method::POST, []) => {
                call.no_more()?;
                let new: NewOptOut = call.json()?;
                let entry = call.entry(&About::default());
                let found = self.opt_outs.request(call.actor(), new, entry).await?;
                Ok(Reply::json(json!(found))
                    .status(StatusCode::CREATED)
                    .written())
            }
            (Method::GET, [id]) => {
                call.no_more()?;
                let found = self.opt_outs.get(call.actor(), id)?;
                let about = About {
                    patient: Some(found.patient.clone()),
                    practice: Some(found.practice.clone()),
                    ids: vec![format!("OptOut/{}", found.id)],
                    ..About::default()
                };
                Ok(Reply::json(json!(found)).about(about))
            }
            (Method::GET, [id, "consent"]) => {
                call.no_more()?;
                let (found, consent) =
                    self.opt_outs.consent_of(call.actor(), id, &call.register)?;
                let text = to_json(&consent)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| {
                        Problem::unavailable("not-written", "The Consent cannot be written.")
                    })?;
                let mut reply = Reply::json(Value::Null).about(About {
                    patient: Some(found.patient.clone()),
                    practice: Some(found.practice.clone()),
                    ids: vec![format!("OptOut/{}", found.id)],
                    ..About::default()
                });
                reply.content = Content::Fhir(text);
                Ok(reply)
            }
            (Method::POST, [id, "note"]) => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Note {
                    note: String,
                }
                call.no_more()?;
                let Note { note } = call.json()?;
                let entry = call.entry(&About::default());
                let found = self.opt_outs.note(call.actor(), id, &note, entry).await?;
                Ok(Reply::json(json!(found)).written())
            }
            (Method::POST, [id, "review"]) => {
                call.no_more()?;
                let review: OptOutReview = call.json()?;
                let entry = call.entry(&About::default());
                let found = self
                    .opt_outs
                    .review(call.actor(), id, review, entry)
                    .await?;
                Ok(Reply::json(json!(found)).written())
            }
            (_, []) => Err(Problem::method("GET, POST")),
            (_, [_] | [_, "consent"]) => Err(Problem::method("GET")),
            (_, [_, "note" | "review"]) => Err(Problem::method("POST")),
            _ => Err(Problem::not_found()),
        }
    }

    pub(super) async fn holds(&self, call: &mut Call, rest: &[&str]) -> Result<Reply, Problem> {
        match (call.method.clone(), rest) {
            (Method::GET, []) => {
                let standing = flag(call, "standing", true)?;
                call.no_more()?;
                let found = self.holds.list(call.actor(), standing)?;
                let ids = found.iter().map(|one| format!("Hold/{}", one.id)).collect();
                let shown: Vec<Value> = found.iter().map(hold).collect();
                Ok(Reply::json(json!({"holds": shown})).about(About {
                    ids,
                    ..About::default()
                }))
            }
            (Method::POST, []) => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Ask {
                    kind: String,
                    organisation: Option<OdsCode>,
                    viewer: Option<OdsCode>,
                    username: Option<String>,
                    client: Option<String>,
                    reason: String,
                    from: Option<jiff::Timestamp>,
                }
                call.no_more()?;
                let ask: Ask = call.json()?;
                let subject = match ask.kind.as_str() {
                    "client" => ask.client,
                    _ => ask.username,
                };
                let held = Held::from_parts(&ask.kind, ask.organisation, ask.viewer, subject)
                    .filter(|held| *held != Held::ProgrammeEnd)
                    .ok_or_else(|| {
                        Problem::bad_request(
                            "A hold is of kind organisation, withdrawal, practice, pair, user, client or everything, and names what it is about.",
                        )
                    })?;
                let hold_ask = HoldAsk {
                    held,
                    reason: ask.reason,
                    from: ask.from,
                };
                let entry = call.entry(&About::default());
                let placed = self.holds.place(call.actor(), hold_ask, entry).await?;
                Ok(Reply::json(hold(&placed))
                    .status(StatusCode::CREATED)
                    .written())
            }
            (Method::POST, [id, "lift"]) => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Ask {
                    by: String,
                    text: String,
                    on: jiff::civil::Date,
                }
                call.no_more()?;
                let Ask { by, text, on } = call.json()?;
                let entry = call.entry(&About::default());
                let given = AssuranceGiven { by, text, on };
                let lifted = self.holds.lift(call.actor(), id, given, entry).await?;
                Ok(Reply::json(hold(&lifted)).written())
            }
            (Method::POST, ["programme-end"]) => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Ask {
                    reason: String,
                }
                call.no_more()?;
                let Ask { reason } = call.json()?;
                let entry = call.entry(&About::default());
                let (row, head) = self
                    .holds
                    .end_programme(call.actor(), &reason, entry)
                    .await?;
                let mut shown = hold(&row);
                shown["tree_head"] = json!(head.map(|head| head.to_string()));
                Ok(Reply::json(shown).written())
            }
            (_, []) => Err(Problem::method("GET, POST")),
            (_, [_, "lift"] | ["programme-end"]) => Err(Problem::method("POST")),
            _ => Err(Problem::not_found()),
        }
    }

    /// What the caller's organisation, or the group, has been told.
    pub(super) async fn notices(&self, call: &mut Call, rest: &[&str]) -> Result<Reply, Problem> {
        let to = match &call.overseer.person.organisation {
            Some(ods) => Recipient::Organisation(ods.clone()),
            None => Recipient::Group,
        };
        let own = NoticeFilter {
            to: Some(vec![to]),
            ..NoticeFilter::default()
        };
        match (call.method.clone(), rest) {
            (Method::GET, []) => {
                let open_only = flag(call, "open", false)?;
                call.no_more()?;
                let filter = NoticeFilter { open_only, ..own };
                let found = self.notices.notices(&filter, NOTICES)?;
                let ids = found
                    .iter()
                    .map(|row| format!("Notice/{}", row.notice.id))
                    .collect();
                let shown: Vec<Value> = found.iter().map(notice).collect();
                Ok(Reply::json(json!({"notices": shown})).about(About {
                    ids,
                    ..About::default()
                }))
            }
            (Method::POST, [id, "acknowledge"]) => {
                call.no_more()?;
                let filter = NoticeFilter {
                    id: Some((*id).to_owned()),
                    ..own
                };
                if self.notices.notices(&filter, 1)?.is_empty() {
                    return Err(Problem::not_found());
                }
                let by = call.actor().username().to_owned();
                let entry = call.entry(&About {
                    ids: vec![format!("Notice/{id}")],
                    ..About::default()
                });
                let first = self
                    .notices
                    .acknowledge_notice(id, &by, call.now, entry)
                    .await?;
                if !first {
                    return Err(Problem::conflict(
                        "acknowledged",
                        "Somebody has taken note of it already.",
                    ));
                }
                Ok(Reply::json(json!({"id": id, "acknowledged_by": by})).written())
            }
            // Who was not told asks for it again; the group does so for everybody.
            (Method::POST, [id, "retry"]) => {
                call.no_more()?;
                let to = match call.actor().must_govern() {
                    Ok(()) => None,
                    Err(_) => own.to.clone(),
                };
                let filter = NoticeFilter {
                    id: Some((*id).to_owned()),
                    to,
                    ..NoticeFilter::default()
                };
                if self.notices.notices(&filter, 1)?.is_empty() {
                    return Err(Problem::not_found());
                }
                let entry = call.entry(&About {
                    ids: vec![format!("Notice/{id}")],
                    ..About::default()
                });
                if !self.notices.retry_notice(id, call.now, entry).await? {
                    return Err(Problem::conflict(
                        "not-given-up",
                        "Nothing of this notice was given up.",
                    ));
                }
                Ok(Reply::json(json!({"id": id, "tried_again_from": call.now})).written())
            }
            (_, []) => only(call, &Method::GET).and(Err(Problem::not_found())),
            (_, [_, "acknowledge" | "retry"]) => Err(Problem::method("POST")),
            _ => Err(Problem::not_found()),
        }
    }
}

fn hold(row: &HoldRow) -> Value {
    let (organisation, viewer, subject) = row.held.parts();
    let is_client = matches!(row.held, Held::Client(_));
    json!({
        "id": row.id,
        "kind": row.held.kind(),
        "organisation": organisation,
        "viewer": viewer,
        "username": subject.filter(|_| !is_client),
        "client": subject.filter(|_| is_client),
        "placed_for": row.placed_for,
        "placed_by": row.placed_by,
        "reason": row.reason,
        "at": row.at,
        "starts_at": row.starts_at,
        "lift": row.lift.as_ref().map(|lift| json!({
            "at": lift.at, "by": lift.by, "assured_by": lift.assured_by, "assurance": lift.assurance,
            "assured_on": lift.assured_on,
        })),
    })
}

fn notice(row: &NoticeRow) -> Value {
    json!({
        "id": row.notice.id,
        "kind": row.notice.kind.code(),
        "subject": row.notice.kind.subject(),
        "about": row.notice.about,
        "body": row.notice.body,
        "created_at": row.notice.created_at,
        "acknowledged": row.acknowledged.as_ref().map(|(by, at)| json!({"by": by, "at": at})),
        "deliveries": row.deliveries.iter().map(|way| json!({
            "channel": way.channel.code(), "attempts": way.attempts, "delivered": way.delivered, "given_up": way.given_up,
            "done_at": way.done_at, "last_error": way.last_error,
        })).collect::<Vec<_>>(),
    })
}
