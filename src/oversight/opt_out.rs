//! Stage 1: requests to opt out of sharing or back in, their review by the practice, the 48-hour clock (S2 6.1, 6.4;
//! R062 to R066).
//!
//! Invariants: only those who run the practice, or the IG office that it appointed, act, and only the practice's own requests
//! are seen; nothing closes without who asked, the discussion and the decision; a granted opt-out is in force at that moment
//! and follows the patient; every deed is in the trail together with itself.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Actor, NotAllowed};
use crate::audit::{AuditEntry, What};
use crate::clock::{SharedClock, new_id};
use crate::fhir::{IdKey, PatientId};
use crate::occasion::{SealError, SealKey};
use crate::record::date::london;
use crate::record::{NhsNumber, OdsCode};
use crate::register::{Duty, OrganisationKind, Register, RegisterHandle};
use crate::store::StoreError;
use crate::store::notices::{Notice, NoticeKind, Recipient};
use crate::store::opt_out::{
    OptOutDecision, OptOutFilter, OptOutNoteRow, OptOutRequestRow, OptOutReviewRow, OptOutRow,
    OptOutStore, Wish,
};

/// S2 6.1.3: every request is acted on within this.
pub const WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// Longest text of one field.
const LONGEST: usize = 4_000;

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Asker {
    /// The patient.
    Patient,
    /// Somebody with legal power to speak for the patient (S2 6.1.2).
    Proxy {
        /// Name.
        name: String,
        /// `parental-responsibility` or `legal-power`.
        basis: ProxyPower,
        /// Relationship to the patient.
        relationship: String,
    },
}

/// The power by which a proxy speaks (S2 6.1.2, 6.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyPower {
    /// Parental responsibility for a child under 16.
    ParentalResponsibility,
    /// Another legal power, such as a power of attorney for health and welfare.
    LegalPower,
}

/// A request as somebody brings it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOptOut {
    /// The practice whose patient it is.
    pub practice: OdsCode,
    /// The patient's NHS number, ten digits.
    pub nhs_number: String,
    /// What is wished.
    pub wish: Wish,
    /// Who asked.
    pub asker: Asker,
    /// When it reached the practice; now, where it is not said.
    pub received_at: Option<Timestamp>,
}

/// What a review has to say. A missing item does not close the request (R063).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptOutReview {
    /// The day of the discussion with the patient or the proxy.
    pub discussed_on: Option<Date>,
    /// Who spoke with them.
    pub discussed_by: Option<String>,
    /// What was said.
    pub discussion: Option<String>,
    /// How it ends.
    pub decision: Option<OptOutDecision>,
    /// Why.
    pub reason: Option<String>,
    /// The sharing flag of the practice's own system says so too (S2 6.1.4). Needed where the request is granted.
    pub flag_set: Option<bool>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum OptOutError {
    /// Not this person, or not for this practice.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// There is no such request for this person.
    #[error("there is no such request")]
    Unknown,
    /// It is closed.
    #[error("the request is closed; a change of mind is a new request")]
    Closed,
    /// The same wish is open already: a second clock would run for it.
    #[error("the same request of this patient is open already: add a note to it")]
    Asked,
    /// Items are missing or make no sense; the names of them.
    #[error("missing or not usable: {}", .0.join(", "))]
    Items(Vec<&'static str>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoteView {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What.
    pub note: String,
}

/// A closed request's review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewView {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What was said and decided.
    #[serde(flatten)]
    pub review: OptOutReview,
}

/// A request, for those who may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptOutView {
    /// Id.
    pub id: String,
    /// Practice.
    pub practice: OdsCode,
    /// Whose record, as the gateway knows them.
    #[serde(serialize_with = "patient_id")]
    pub patient: PatientId,
    /// Whose record, as the practice knows them.
    pub nhs_number: String,
    /// What is wished.
    pub wish: Wish,
    /// Who asked.
    pub asker: Asker,
    /// When it reached the practice.
    pub received_at: Timestamp,
    /// When it must be acted on.
    pub due_at: Timestamp,
    /// Whole hours since it was received; `None` once it is closed.
    pub age_hours: Option<i64>,
    /// Open, and past the 48 hours.
    pub overdue: bool,
    /// When and by whom it was recorded.
    pub recorded_at: Timestamp,
    /// By whom.
    pub recorded_by: String,
    /// When the alarm was raised.
    pub alarmed_at: Option<Timestamp>,
    /// The history.
    pub notes: Vec<NoteView>,
    /// The review that closed it.
    pub review: Option<ReviewView>,
}

fn patient_id<S: serde::Serializer>(id: &PatientId, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(id.as_str())
}

/// The service. `entry` of every deed is the caller's row for the trail (who, through what, when); it is completed here and
/// written together with the deed.
pub struct OptOuts {
    register: RegisterHandle,
    store: Arc<dyn OptOutStore>,
    ids: IdKey,
    seal: Arc<SealKey>,
    clock: SharedClock,
}

impl OptOuts {
    /// The service.
    #[must_use]
    pub fn new(
        register: RegisterHandle,
        store: Arc<dyn OptOutStore>,
        ids: IdKey,
        seal: Arc<SealKey>,
        clock: SharedClock,
    ) -> Self {
        Self {
            register,
            store,
            ids,
            seal,
            clock,
        }
    }

    /// Records a request.
    ///
    /// # Errors
    /// See [`OptOutError`]; nothing is kept then.
    pub async fn request(
        &self,
        actor: &Actor,
        new: NewOptOut,
        mut entry: AuditEntry,
    ) -> Result<OptOutView, OptOutError> {
        let now = self.clock.now();
        self.may_run(actor, &new.practice, now)?;
        let received_at = new.received_at.unwrap_or(now);
        let mut wrong = Vec::new();
        let number = NhsNumber::parse(new.nhs_number.trim());
        if number.is_err() {
            wrong.push("nhs_number");
        }
        if received_at > now {
            wrong.push("received_at");
        }
        if let Asker::Proxy {
            name, relationship, ..
        } = &new.asker
        {
            wrong.extend((!says(name)).then_some("asker.name"));
            wrong.extend((!says(relationship)).then_some("asker.relationship"));
        }
        let (Ok(number), true) = (number, wrong.is_empty()) else {
            return Err(OptOutError::Items(wrong));
        };
        let id = new_id().to_string();
        let asker = serde_json::to_string(&new.asker).map_err(|_| SealError::Seal)?;
        let row = OptOutRequestRow {
            patient: self.ids.patient(&number),
            sealed_nhs: self.seal.seal_text(&place(&id, "nhs"), number.as_str())?,
            asker: self.seal.seal_text(&place(&id, "asker"), &asker)?,
            id,
            practice: new.practice,
            wish: new.wish,
            received_at,
            recorded_at: now,
            recorded_by: actor.username().to_owned(),
            alarmed_at: None,
        };
        about(&mut entry, &row);
        let notices = self.notices(&row, NoticeKind::OptOutRequest, now);
        let kept = self
            .store
            .insert_opt_out(row.clone(), notices, entry)
            .await?;
        if !kept {
            return Err(OptOutError::Asked);
        }
        self.view(
            OptOutRow {
                request: row,
                notes: Vec::new(),
                review: None,
            },
            now,
        )
    }

    /// Adds a line to an open request's history.
    ///
    /// # Errors
    /// See [`OptOutError`].
    pub async fn note(
        &self,
        actor: &Actor,
        id: &str,
        note: &str,
        mut entry: AuditEntry,
    ) -> Result<OptOutView, OptOutError> {
        let found = self.find(actor, id)?;
        if !says(note) {
            return Err(OptOutError::Items(vec!["note"]));
        }
        about(&mut entry, &found.request);
        let row = OptOutNoteRow {
            request: found.request.id,
            at: self.clock.now(),
            by: actor.username().to_owned(),
            note: self.seal.seal_text(&place(id, "note"), note.trim())?,
        };
        if self.store.note_opt_out(row, entry).await? {
            self.get(actor, id)
        } else {
            Err(OptOutError::Closed)
        }
    }

    /// Reviews a request and closes it; what is granted is in force when this returns.
    ///
    /// # Errors
    /// See [`OptOutError`]; an incomplete review closes nothing.
    pub async fn review(
        &self,
        actor: &Actor,
        id: &str,
        review: OptOutReview,
        mut entry: AuditEntry,
    ) -> Result<OptOutView, OptOutError> {
        let found = self.find(actor, id)?;
        if found.review.is_some() {
            return Err(OptOutError::Closed);
        }
        let now = self.clock.now();
        let decision = complete(&review, &found.request, now).map_err(OptOutError::Items)?;
        about(&mut entry, &found.request);
        let text = serde_json::to_string(&review).map_err(|_| SealError::Seal)?;
        let row = OptOutReviewRow {
            request: found.request.id,
            at: now,
            by: actor.username().to_owned(),
            decision,
            discussion: self.seal.seal_text(&place(id, "review"), &text)?,
        };
        if self.store.close_opt_out(row, entry).await? {
            self.get(actor, id)
        } else {
            Err(OptOutError::Closed)
        }
    }

    /// The requests of a practice, those that wait longest first.
    ///
    /// # Errors
    /// See [`OptOutError`].
    pub fn list(
        &self,
        actor: &Actor,
        practice: &OdsCode,
        open_only: bool,
    ) -> Result<Vec<OptOutView>, OptOutError> {
        let now = self.clock.now();
        self.may_see(actor, practice, now)?;
        let filter = OptOutFilter {
            practice: Some(practice.clone()),
            open_only,
            ..OptOutFilter::default()
        };
        let rows = self.store.opt_outs(&filter)?;
        rows.into_iter().map(|row| self.view(row, now)).collect()
    }

    /// One request.
    ///
    /// # Errors
    /// See [`OptOutError`]; another practice's request is an unknown one.
    pub fn get(&self, actor: &Actor, id: &str) -> Result<OptOutView, OptOutError> {
        let now = self.clock.now();
        let row = self.one(id)?;
        self.may_see(actor, &row.request.practice, now)
            .map_err(|_| OptOutError::Unknown)?;
        self.view(row, now)
    }

    /// Raises the alarm for every request that has waited 48 hours without being acted on; gives how many (R062).
    ///
    /// # Errors
    /// The store failed; what was alarmed stays so.
    pub async fn alarm(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let filter = OptOutFilter {
            open_only: true,
            not_alarmed: true,
            received_until: now.checked_sub(WITHIN).ok(),
            ..OptOutFilter::default()
        };
        let mut alarmed = 0;
        for row in self.store.opt_outs(&filter)? {
            let request = row.request;
            let notices = self.notices(&request, NoticeKind::OptOutOverdue, now);
            if self.store.alarm_opt_out(&request.id, now, notices).await? {
                tracing::error!(
                    event = "opt-out-overdue",
                    practice = %request.practice,
                    request = %request.id,
                    "a request to opt out or in has waited 48 hours"
                );
                alarmed += 1;
            }
        }
        Ok(alarmed)
    }

    /// Raises alarms for as long as it is polled.
    pub async fn watch(&self) {
        loop {
            if let Err(error) = self.alarm().await {
                tracing::warn!(%error, "the ages of opt-out requests cannot be read");
            }
            tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        }
    }

    fn one(&self, id: &str) -> Result<OptOutRow, OptOutError> {
        let filter = OptOutFilter {
            id: Some(id.to_owned()),
            ..OptOutFilter::default()
        };
        let mut found = self.store.opt_outs(&filter)?;
        found.pop().ok_or(OptOutError::Unknown)
    }

    /// A request that this person may act on.
    fn find(&self, actor: &Actor, id: &str) -> Result<OptOutRow, OptOutError> {
        let row = self.one(id)?;
        let now = self.clock.now();
        self.may_see(actor, &row.request.practice, now)
            .map_err(|_| OptOutError::Unknown)?;
        self.may_run(actor, &row.request.practice, now)?;
        Ok(row)
    }

    fn may_run(&self, actor: &Actor, practice: &OdsCode, now: Timestamp) -> Result<(), NotAllowed> {
        may_run(&self.register.current(), actor, practice, day(now))
    }

    /// Those who run the practice, and its data protection officer (R183).
    fn may_see(&self, actor: &Actor, practice: &OdsCode, now: Timestamp) -> Result<(), NotAllowed> {
        self.may_run(actor, practice, now)
            .or_else(|_| actor.must(Duty::OverseePractice, practice))
    }

    /// To the practice, and to the IG office that acts for it.
    fn notices(&self, row: &OptOutRequestRow, kind: NoticeKind, now: Timestamp) -> Vec<Notice> {
        let register = self.register.current();
        let office = register
            .organisations
            .get(&row.practice)
            .and_then(|practice| practice.ig_office.as_ref())
            .map(|appointed| appointed.office.clone());
        [Some(row.practice.clone()), office]
            .into_iter()
            .flatten()
            .map(|to| Notice {
                body: serde_json::json!({
                    "wish": row.wish.code(),
                    "received_at": row.received_at.to_string(),
                    "due_at": due(row.received_at).to_string(),
                }),
                ..Notice::new(
                    new_id().to_string(),
                    Recipient::Organisation(to),
                    kind,
                    vec![
                        format!("opt-out/{}", row.id),
                        format!("organisation/{}", row.practice),
                    ],
                    now,
                )
            })
            .collect()
    }

    fn view(&self, row: OptOutRow, now: Timestamp) -> Result<OptOutView, OptOutError> {
        let OptOutRow {
            request,
            notes,
            review,
        } = row;
        let open =
            |part: &str, sealed: &str| self.seal.open_text(&place(&request.id, part), sealed);
        let json = |text: String| -> Result<_, SealError> {
            serde_json::from_str(&text).map_err(|_| SealError::Open)
        };
        let due_at = due(request.received_at);
        let closed = review.is_some();
        let nhs_number = open("nhs", &request.sealed_nhs)?;
        let asker: Asker =
            serde_json::from_str(&open("asker", &request.asker)?).map_err(|_| SealError::Open)?;
        let notes = notes
            .into_iter()
            .map(|note| {
                Ok(NoteView {
                    at: note.at,
                    by: note.by,
                    note: open("note", &note.note)?,
                })
            })
            .collect::<Result<_, SealError>>()?;
        let review = review
            .map(|review| -> Result<ReviewView, SealError> {
                Ok(ReviewView {
                    at: review.at,
                    by: review.by,
                    review: json(open("review", &review.discussion)?)?,
                })
            })
            .transpose()?;
        Ok(OptOutView {
            nhs_number,
            asker,
            notes,
            review,
            due_at,
            age_hours: (!closed).then(|| now.duration_since(request.received_at).as_hours()),
            overdue: !closed && now >= due_at,
            id: request.id,
            practice: request.practice,
            patient: request.patient,
            wish: request.wish,
            received_at: request.received_at,
            recorded_at: request.recorded_at,
            recorded_by: request.recorded_by,
            alarmed_at: request.alarmed_at,
        })
    }
}

/// May this person act for the practice: as one who runs it, or as the IG office that it appointed (S0 2c, R066)?
///
/// # Errors
/// They may not; a viewer's people never may, whatever else they are (R064).
pub fn may_run(
    register: &Register,
    actor: &Actor,
    practice: &OdsCode,
    today: Date,
) -> Result<(), NotAllowed> {
    let organisation = register
        .organisations
        .get(practice)
        .filter(|found| found.kind == OrganisationKind::Practice)
        .ok_or(NotAllowed)?;
    if actor.must(Duty::RunPractice, practice).is_ok() {
        return Ok(());
    }
    let appointed = organisation
        .ig_office
        .as_ref()
        .filter(|appointed| appointed.since <= today)
        .ok_or(NotAllowed)?;
    register
        .organisations
        .get(&appointed.office)
        .filter(|office| office.kind == OrganisationKind::IgOffice)
        .ok_or(NotAllowed)?;
    actor.must(Duty::RunPractice, &appointed.office)
}

/// The decision of a review in which nothing is missing, or the names of what is.
fn complete(
    review: &OptOutReview,
    request: &OptOutRequestRow,
    now: Timestamp,
) -> Result<OptOutDecision, Vec<&'static str>> {
    let mut wrong = Vec::new();
    let text = |text: &Option<String>| text.as_deref().is_some_and(says);
    // On the day it came at the earliest; not tomorrow.
    let days = day(request.received_at)..=day(now);
    if !review.discussed_on.is_some_and(|on| days.contains(&on)) {
        wrong.push("discussed_on");
    }
    for (fine, name) in [
        (text(&review.discussed_by), "discussed_by"),
        (text(&review.discussion), "discussion"),
        (review.decision.is_some(), "decision"),
        (text(&review.reason), "reason"),
    ] {
        wrong.extend((!fine).then_some(name));
    }
    if review.decision == Some(OptOutDecision::Granted) && review.flag_set != Some(true) {
        wrong.push("flag_set");
    }
    match (review.decision, wrong.is_empty()) {
        (Some(decision), true) => Ok(decision),
        _ => Err(wrong),
    }
}

/// Completes the trail's row: whose record, which practice, which request.
fn about(entry: &mut AuditEntry, row: &OptOutRequestRow) {
    entry.practice = Some(row.practice.clone());
    entry.patient = Some(row.patient.clone());
    if let What::Oversight(overseen) = &mut entry.what {
        overseen.other_ids = vec![format!("OptOut/{}", row.id)];
    }
}

fn due(received_at: Timestamp) -> Timestamp {
    received_at.checked_add(WITHIN).unwrap_or(received_at)
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(london()).date()
}

fn place(request: &str, part: &str) -> String {
    format!("opt-out/{request}/{part}")
}

/// Something is said, and not a book.
pub(super) fn says(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric) && text.chars().count() <= LONGEST
}
