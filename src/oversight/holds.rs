//! Taking away and giving back: suspensions, withdrawals, a practice's own switch, a person's access, the programme's end
//! (S2 12; R154 to R157, R108). Each is dated, has its actor and reason, its notices and its row of the trail, all in one
//! transaction, and is in force at the next request of every replica.
//!
//! Who may: the oversight group everything; an organisation's own people what concerns their own organisation. What an
//! organisation placed, only its own people lift: the group does not overrule a practice (S0: the decision remains the practice's).

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::{Actor, NotAllowed};
use crate::audit::reader::AuditReader;
use crate::audit::verify::TreeHead;
use crate::audit::{AuditEntry, Interaction, Overseen, What};
use crate::clock::{SharedClock, new_id};
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::{Duty, OrganisationKind, Register, RegisterHandle};
use crate::store::StoreError;
use crate::store::holds::{Held, HoldRow, HoldStore, Lift};
use crate::store::notices::{Notice, NoticeKind, Recipient};

/// Shortest reason or assurance, in characters.
const SHORTEST: usize = 5;
/// Longest.
const LONGEST: usize = 2_000;

/// Something to be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldAsk {
    /// What.
    pub held: Held,
    /// Why: stored with the hold, shown to the parties.
    pub reason: String,
    /// In force from then on; `None` = at once. Only a withdrawal can be announced ahead.
    pub from: Option<Timestamp>,
}

/// The assurance on which something is given back (S2 12.2, 12.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssuranceGiven {
    /// Who gave it.
    pub by: String,
    /// What was assured.
    pub text: String,
    /// When.
    pub on: Date,
}

/// Why a hold is not placed or lifted.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Not this person, or not for this organisation.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// There is no such organisation, person or hold, or it is of the wrong kind.
    #[error("{0}")]
    Unknown(String),
    /// A reason or assurance is missing, too short or too long; or a time makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The same is held already, or is not held any more.
    #[error("{0}")]
    Conflict(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Places, lifts and lists holds.
pub struct HoldService {
    register: RegisterHandle,
    store: Arc<dyn HoldStore>,
    trail: Arc<dyn AuditReader>,
    clock: SharedClock,
}

impl HoldService {
    /// The service.
    #[must_use]
    pub fn new(
        register: RegisterHandle,
        store: Arc<dyn HoldStore>,
        trail: Arc<dyn AuditReader>,
        clock: SharedClock,
    ) -> Self {
        Self {
            register,
            store,
            trail,
            clock,
        }
    }

    /// Places a hold. `entry` says who acts and from where; what is done is filled in here, and the row is written together
    /// with the hold.
    ///
    /// # Errors
    /// See [`HoldError`]; nothing is held then.
    pub async fn place(
        &self,
        actor: &Actor,
        ask: HoldAsk,
        mut entry: AuditEntry,
    ) -> Result<HoldRow, HoldError> {
        let register = self.register.current();
        let placed_for = may_place(actor, &register, &ask.held)?;
        let now = self.clock.now();
        let reason = said("reason", &ask.reason)?;
        let starts_at = ask.from.unwrap_or(now).max(now);
        if starts_at > now && !matches!(ask.held, Held::Withdrawal(_)) {
            return Err(HoldError::Invalid(
                "Only a withdrawal can be announced ahead; everything else is in force at once."
                    .to_owned(),
            ));
        }
        let row = HoldRow {
            id: new_id().to_string(),
            held: ask.held,
            placed_for,
            placed_by: actor.username().to_owned(),
            reason,
            at: now,
            starts_at,
            lift: None,
        };
        fill(&mut entry, "place", &row, actor, &register.hash, now);
        let notices = notices(&register, &row, false, now);
        if !self.store.place_hold(row.clone(), notices, entry).await? {
            return Err(HoldError::Conflict("The same is held already."));
        }
        tracing::warn!(
            event = "hold-placed",
            kind = row.held.kind(),
            hold = %row.id,
            "something was taken away"
        );
        Ok(row)
    }

    /// Lifts a hold, on an assurance that is recorded.
    ///
    /// # Errors
    /// See [`HoldError`]; the hold stands then.
    pub async fn lift(
        &self,
        actor: &Actor,
        id: &str,
        assurance: AssuranceGiven,
        mut entry: AuditEntry,
    ) -> Result<HoldRow, HoldError> {
        let register = self.register.current();
        let row = self
            .store
            .holds(false)?
            .into_iter()
            .find(|row| row.id == id && self.concerns(actor, &register, row))
            .ok_or_else(|| HoldError::Unknown("There is no such hold.".to_owned()))?;
        may_lift(actor, &row)?;
        if row.held == Held::ProgrammeEnd {
            return Err(HoldError::Conflict(
                "The programme has ended; that is not undone here.",
            ));
        }
        let now = self.clock.now();
        let today = now.to_zoned(london()).date();
        let placed = row.at.to_zoned(london()).date();
        if assurance.on > today || assurance.on < placed {
            return Err(HoldError::Invalid(
                "The assurance must be given between the hold and today.".to_owned(),
            ));
        }
        let lift = Lift {
            at: now,
            by: actor.username().to_owned(),
            assured_by: said("name of who gave the assurance", &assurance.by)?,
            assurance: said("assurance", &assurance.text)?,
            assured_on: assurance.on,
        };
        fill(&mut entry, "lift", &row, actor, &register.hash, now);
        let notices = notices(&register, &row, true, now);
        let lifted = HoldRow {
            lift: Some(lift.clone()),
            ..row
        };
        if !self.store.lift_hold(id, lift, notices, entry).await? {
            return Err(HoldError::Conflict("The hold has been lifted already."));
        }
        tracing::warn!(
            event = "hold-lifted",
            kind = lifted.held.kind(),
            hold = %lifted.id,
            "something was given back"
        );
        Ok(lifted)
    }

    /// The holds that this person may know of: the group all of them, others those of their own organisations; the oldest first.
    ///
    /// # Errors
    /// They have no duty of oversight, or the store failed.
    pub fn list(&self, actor: &Actor, standing_only: bool) -> Result<Vec<HoldRow>, HoldError> {
        if actor.duties().next().is_none() {
            return Err(NotAllowed.into());
        }
        let register = self.register.current();
        let mut rows = self.store.holds(standing_only)?;
        rows.retain(|row| self.concerns(actor, &register, row));
        Ok(rows)
    }

    /// Ends the programme (R157): nobody looks any more, all parties are told, and the trail's head is given, to be kept
    /// elsewhere: it seals what was written until then (`openmig audit verify --known`). Refusals go on being written after it.
    ///
    /// # Errors
    /// See [`HoldError`].
    pub async fn end_programme(
        &self,
        actor: &Actor,
        reason: &str,
        entry: AuditEntry,
    ) -> Result<(HoldRow, Option<TreeHead>), HoldError> {
        let ask = HoldAsk {
            held: Held::ProgrammeEnd,
            reason: reason.to_owned(),
            from: None,
        };
        let row = self.place(actor, ask, entry).await?;
        Ok((row, self.trail.head()?))
    }

    fn concerns(&self, actor: &Actor, register: &Register, row: &HoldRow) -> bool {
        if actor.has(Duty::Govern) {
            return true;
        }
        let own = |ods: &OdsCode| actor.organisations().contains(ods);
        if let Held::Client(id) = &row.held {
            let client = register.clients.get(id);
            return client
                .and_then(|client| client.organisation.as_ref())
                .is_some_and(own)
                || row.placed_for.as_ref().is_some_and(own);
        }
        let (organisation, viewer, username) = row.held.parts();
        match (organisation, viewer, username) {
            (None, None, None) => true,
            (organisation, viewer, username) => {
                organisation.is_some_and(own)
                    || viewer.is_some_and(own)
                    || row.placed_for.as_ref().is_some_and(own)
                    || username
                        .and_then(|name| register.users.get(name))
                        .is_some_and(|user| user.organisations.iter().any(own))
            }
        }
    }
}

/// On whose behalf this person may place this; `None` = the group's.
fn may_place(
    actor: &Actor,
    register: &Register,
    held: &Held,
) -> Result<Option<OdsCode>, HoldError> {
    let kind_of = |ods: &OdsCode| {
        register
            .organisations
            .get(ods)
            .map(|organisation| organisation.kind)
            .ok_or_else(|| HoldError::Unknown(format!("The register knows no organisation {ods}.")))
    };
    let must_be = |ods: &OdsCode, kind: OrganisationKind| {
        if kind_of(ods)? == kind {
            Ok(())
        } else {
            Err(HoldError::Unknown(format!("{ods} is no {}.", kind.words())))
        }
    };
    match held {
        Held::Organisation(ods) => kind_of(ods).map(drop)?,
        Held::Withdrawal(ods) => {
            kind_of(ods)?;
            // Its own notice (S2 12.1), by whoever answers for access or for the practice.
            for duty in [Duty::RunPractice, Duty::ReviewAccess] {
                if actor.must(duty, ods).is_ok() {
                    return Ok(Some(ods.clone()));
                }
            }
        }
        Held::Practice(ods) => {
            must_be(ods, OrganisationKind::Practice)?;
            if actor.must(Duty::RunPractice, ods).is_ok() {
                return Ok(Some(ods.clone()));
            }
        }
        Held::Pair { practice, viewer } => {
            must_be(practice, OrganisationKind::Practice)?;
            must_be(viewer, OrganisationKind::Viewer)?;
            // Any participant can suspend (S2 12.2): the practice, or the viewer.
            if actor.must(Duty::RunPractice, practice).is_ok() {
                return Ok(Some(practice.clone()));
            }
            if actor.must(Duty::ReviewAccess, viewer).is_ok() {
                return Ok(Some(viewer.clone()));
            }
        }
        Held::User(username) => {
            let user = register.users.get(username).ok_or_else(|| {
                HoldError::Unknown("The register knows no such person.".to_owned())
            })?;
            if username == actor.username() && !actor.has(Duty::Govern) {
                return Err(NotAllowed.into());
            }
            let own = user.organisations.iter().find(|ods| {
                actor.must(Duty::ReviewAccess, ods).is_ok()
                    || actor.must(Duty::RunPractice, ods).is_ok()
            });
            if let Some(ods) = own {
                return Ok(Some(ods.clone()));
            }
        }
        Held::Client(id) => {
            let client = register.clients.get(id).ok_or_else(|| {
                HoldError::Unknown("The register knows no such client.".to_owned())
            })?;
            // Whoever answers for an organisation's access answers for its systems too.
            if let Some(ods) = &client.organisation
                && (actor.must(Duty::ReviewAccess, ods).is_ok()
                    || actor.must(Duty::RunPractice, ods).is_ok())
            {
                return Ok(Some(ods.clone()));
            }
        }
        Held::Everything | Held::ProgrammeEnd => {}
    }
    actor.must_govern()?;
    Ok(None)
}

/// Whoever placed it is to be satisfied (S2 12.2), in person or by somebody of the same organisation and duty.
fn may_lift(actor: &Actor, row: &HoldRow) -> Result<(), NotAllowed> {
    match &row.placed_for {
        None => actor.must_govern(),
        Some(ods) => {
            // Who has withdrawn comes back by joining again (S2 14), which the group decides.
            if matches!(row.held, Held::Withdrawal(_)) {
                return actor.must_govern();
            }
            // Nobody gives themselves their own access back.
            if matches!(&row.held, Held::User(username) if username == actor.username()) {
                return Err(NotAllowed);
            }
            actor
                .must(Duty::RunPractice, ods)
                .or_else(|_| actor.must(Duty::ReviewAccess, ods))
        }
    }
}

/// A text that says something, trimmed.
fn said(what: &str, text: &str) -> Result<String, HoldError> {
    let text = text.trim();
    let length = text.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) || text.chars().any(|c| c.is_control() && c != '\n')
    {
        return Err(HoldError::Invalid(format!(
            "The {what} must be {SHORTEST} to {LONGEST} characters."
        )));
    }
    if crate::store::notices::names_a_patient(text) {
        return Err(HoldError::Invalid(format!(
            "The {what} holds what could be an NHS number; it is shown to all parties."
        )));
    }
    Ok(text.to_owned())
}

/// The row of the trail: which hold, of what, never the words.
fn fill(
    entry: &mut AuditEntry,
    what: &str,
    row: &HoldRow,
    actor: &Actor,
    register_hash: &str,
    now: Timestamp,
) {
    let (organisation, viewer, subject) = row.held.parts();
    let is_client = matches!(row.held, Held::Client(_));
    entry.at = now;
    entry.what = What::Oversight(Overseen {
        interaction: Interaction {
            name: "oversight-act",
            kind: None,
            query: format!("hold/{what} {}", row.held.kind()),
        },
        other_ids: vec![row.id.clone()],
    });
    entry.clinician = Some(actor.username().to_owned());
    entry.policy = Some(register_hash.to_owned());
    match &row.held {
        Held::Practice(ods) => entry.practice = Some(ods.clone()),
        Held::Pair { practice, viewer } => {
            entry.practice = Some(practice.clone());
            entry.viewer = Some(viewer.clone());
        }
        _ => {}
    }
    entry.decision = Some(
        json!({
            "hold": row.id,
            "kind": row.held.kind(),
            "organisation": organisation.map(|ods| &ods.0),
            "viewer": viewer.map(|ods| &ods.0),
            "user": subject.filter(|_| !is_client),
            "client": subject.filter(|_| is_client),
            "placed_for": row.placed_for.as_ref().map(|ods| &ods.0),
            "starts_at": row.starts_at.to_string(),
        })
        .to_string(),
    );
}

/// Who is told (S2 12.1 to 12.4): the organisation itself, the other side, the group; at the end of the programme everybody.
fn notices(register: &Register, row: &HoldRow, lifted: bool, now: Timestamp) -> Vec<Notice> {
    let parties = |kind: Option<OrganisationKind>| {
        let today = now.to_zoned(london()).date();
        register
            .organisations
            .values()
            .filter(move |one| kind.is_none_or(|kind| one.kind == kind))
            .filter(move |one| one.has_signed(&register.agreement, today) && one.is_admitted())
            .map(|one| one.ods.clone())
            .collect::<Vec<_>>()
    };
    let other_side = |ods: &OdsCode| match register.organisations.get(ods).map(|one| one.kind) {
        Some(OrganisationKind::Practice) => parties(Some(OrganisationKind::Viewer)),
        Some(OrganisationKind::Viewer) => parties(Some(OrganisationKind::Practice)),
        _ => Vec::new(),
    };
    let (kind, mut told) = match &row.held {
        Held::Organisation(ods) => {
            let mut told = other_side(ods);
            told.push(ods.clone());
            (NoticeKind::Suspension, told)
        }
        Held::Withdrawal(ods) => {
            let mut told = other_side(ods);
            told.push(ods.clone());
            (NoticeKind::Withdrawal, told)
        }
        Held::Practice(ods) => {
            let mut told = other_side(ods);
            told.push(ods.clone());
            (NoticeKind::Sharing, told)
        }
        Held::Pair { practice, viewer } => (
            NoticeKind::Suspension,
            vec![practice.clone(), viewer.clone()],
        ),
        Held::User(username) => (
            NoticeKind::Suspension,
            register
                .users
                .get(username)
                .map(|user| user.organisations.clone())
                .unwrap_or_default(),
        ),
        Held::Client(id) => (
            NoticeKind::Suspension,
            register
                .clients
                .get(id)
                .and_then(|client| client.organisation.clone())
                .into_iter()
                .collect(),
        ),
        Held::Everything => (NoticeKind::Suspension, parties(None)),
        Held::ProgrammeEnd => (NoticeKind::Decommission, parties(None)),
    };
    told.sort();
    told.dedup();
    let kind = match (kind, lifted) {
        (NoticeKind::Suspension, true) => NoticeKind::SuspensionLifted,
        (kind, _) => kind,
    };
    let (organisation, viewer, _) = row.held.parts();
    let mut about = vec![format!("hold/{}", row.id)];
    about.extend(
        organisation
            .into_iter()
            .chain(viewer)
            .map(|ods| format!("organisation/{ods}")),
    );
    told.into_iter()
        .map(Recipient::Organisation)
        .chain([Recipient::Group])
        .map(|to| Notice {
            body: json!({
                "held": row.held.kind(),
                "lifted": lifted,
                "starts_at": row.starts_at.to_string(),
            }),
            ..Notice::new(new_id().to_string(), to, kind, about.clone(), now)
        })
        .collect()
}

#[cfg(test)]
#[path = "holds_tests.rs"]
mod tests;
