//! What the handlers stand on, and how one clinical request becomes a view of a held record.

use std::sync::Arc;

use jiff::Timestamp;

use super::outcome::ApiError;
use crate::access::Rule;
use crate::audit::reader::AuditReader;
use crate::audit::{Also, AuditEntry, AuditLog, Disclosure, Interaction, Origin, What};
use crate::clock::SharedClock;
use crate::fhir::PatientId;
use crate::labelling::ExclusionsHandle;
use crate::lookup::{FindAsk, LookUp, LookUpError};
use crate::occasion::{OccasionRefusal, Occasions, ReadOccasion, ReadRefusal};
use crate::register::{GROUP, RegisterHandle};
use crate::release::Held;
use crate::smart::caller::Caller;
use crate::smart::external::ExternalTokens;
use crate::smart::id_token::UserNames;
use crate::store::TokenStore;
use crate::store::authorization::AuthorizationStore;
use crate::tabs::ToldTabs;

/// A held record is there in less than this: nothing else was waited for.
const AT_ONCE: std::time::Duration = std::time::Duration::from_millis(5);

/// The gateway as the FHIR handlers see it.
pub struct Api {
    /// FHIR base = issuer, without a slash at the end.
    pub base: String,
    /// Finds records.
    pub look_up: Arc<LookUp>,
    /// Occasions.
    pub occasions: Arc<Occasions>,
    /// Tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// The trail, to write.
    pub audit: Arc<dyn AuditLog>,
    /// The trail, to read.
    pub trail: Arc<dyn AuditReader>,
    /// Who may.
    pub register: RegisterHandle,
    /// The exclusion list in force.
    pub exclusions: ExclusionsHandle,
    /// Names users who signed in.
    pub names: UserNames,
    /// Verifies access tokens of external issuers, where that is configured.
    pub external: Option<Arc<ExternalTokens>>,
    /// Where the first use of a refreshed token is noted.
    pub notes: Arc<dyn AuthorizationStore>,
    /// Time.
    pub clock: SharedClock,
}

/// One authenticated request inside its open occasion.
pub struct Visit {
    /// Who asks, by the token.
    pub caller: Caller,
    /// The occasion as it is now.
    pub occasion: ReadOccasion,
    /// Whose record.
    pub patient: PatientId,
    /// When the request began.
    pub now: Timestamp,
    /// Request id and address.
    pub origin: Origin,
}

impl Api {
    /// Is the occasion of this token open, now, for this patient?
    ///
    /// # Errors
    /// The rule that says no, as the caller may learn it; with who asked, for the trail.
    pub fn visit(
        &self,
        caller: Caller,
        origin: Origin,
    ) -> Result<Visit, Box<(Caller, Origin, ApiError)>> {
        let now = self.clock.now();
        match self.check(&caller, now) {
            Ok((occasion, patient)) => Ok(Visit {
                caller,
                occasion,
                patient,
                now,
                origin,
            }),
            Err(error) => Err(Box::new((caller, origin, error))),
        }
    }

    fn check(
        &self,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<(ReadOccasion, PatientId), ApiError> {
        let (Some(occasion), Some(patient)) = (&caller.occasion, &caller.patient) else {
            return Err(ApiError::insufficient_scope());
        };
        // A client that is no longer in the register has no live token either (R108).
        if !self.register.current().clients.contains_key(&caller.client) {
            return Err(ApiError::unauthorized(true));
        }
        let occasion = self.occasions.check(occasion, now).map_err(told)?;
        Ok((occasion, patient.clone()))
    }

    /// The record of a visit: as held, or looked up again inside the occasion's window.
    ///
    /// # Errors
    /// 503 where the source does not answer; 403, uniform, where it no longer shows the record.
    pub async fn held(&self, visit: &Visit) -> Result<Arc<Held>, ApiError> {
        let began = tokio::time::Instant::now();
        let held = self.looked_up(visit).await?;
        // Others' systems took their time, and in it the occasion or the token may have ended (R080).
        if held.retrieved_at() >= visit.now || began.elapsed() > AT_ONCE {
            self.still_open(visit)?;
        }
        Ok(held)
    }

    /// Are token and occasion of this visit what they were when it began?
    fn still_open(&self, visit: &Visit) -> Result<(), ApiError> {
        let now = self.clock.now();
        match self.tokens.find_token(&visit.caller.token_hash, now) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(ApiError::unauthorized(true)),
            Err(error) => {
                tracing::warn!(%error, "a token could not be checked");
                return Err(told(ReadRefusal::Unavailable));
            }
        }
        match self.occasions.check(&visit.occasion.row.id, now) {
            Ok(again) if again.tabs == visit.occasion.tabs => Ok(()),
            // Less may be seen than when it began: as if it began now, the next request gets what is left.
            Ok(_) => Err(refused(Rule::TabInDataSet)),
            Err(refusal) => Err(told(refusal)),
        }
    }

    async fn looked_up(&self, visit: &Visit) -> Result<Arc<Held>, ApiError> {
        let row = &visit.occasion.row;
        let nhs_number = self.occasions.nhs_number(row).map_err(|error| {
            tracing::error!(error = %error, "an occasion's sealed number cannot be opened");
            ApiError::unavailable("store-unavailable", "The gateway's store does not answer.")
        })?;
        let ask = FindAsk {
            nhs_number,
            patient: visit.patient.clone(),
            practice: row.practice.clone(),
            viewer: row.viewer.clone(),
            clinician: row.clinician.clone(),
            assurance: row.assurance.clone(),
            origin: visit.origin.clone(),
            tabs: visit.occasion.tabs,
        };
        let looked_up = self.look_up.record(&ask).await.map_err(|error| match error {
            LookUpError::Audit => ApiError::audit_unavailable(),
            LookUpError::Source(_) | LookUpError::NoSource | LookUpError::Release(_) => ApiError::unavailable(
                "source-unavailable",
                "The practice's system does not answer. Nothing is known about the record just now.",
            ),
        })?;
        // The practice's system may have changed its mind since the occasion was opened (R006, R008, R012, R062).
        let found = looked_up.found();
        match self
            .occasions
            .recheck(row, looked_up.retrieved_at, &found)
            .await
        {
            Ok(()) => looked_up
                .held
                .as_ref()
                .map(Arc::clone)
                .ok_or_else(no_record),
            Err((refusal, decisions)) => {
                self.look_up.forget(&visit.patient, &row.practice).await;
                let mut error = told(refusal);
                error.decisions = serde_json::to_string(&decisions)
                    .ok()
                    .map(String::into_boxed_str);
                Err(error)
            }
        }
    }

    /// Writes the disclosure; only then may the answer leave (R120, R125).
    ///
    /// # Errors
    /// 503: no row, no data.
    pub async fn disclose(&self, visit: &Visit, disclosure: Disclosure) -> Result<(), ApiError> {
        self.disclose_of(visit, disclosure, None).await
    }

    /// The same, with the tabs that were asked for and those of which something leaves (R034).
    ///
    /// # Errors
    /// 503: no row, no data.
    pub async fn disclose_of(
        &self,
        visit: &Visit,
        disclosure: Disclosure,
        tabs: Option<&ToldTabs>,
    ) -> Result<(), ApiError> {
        let mut entry = self.entry(visit, What::Disclosure(disclosure));
        if let Some(tabs) = tabs {
            entry.also.asked = tabs.asked;
            entry.also.returned = Some(tabs.returned);
        }
        self.write(entry).await?;
        self.occasions.decision_is_kept(&visit.occasion);
        Ok(())
    }

    /// Writes a refusal, then gives it back to be sent; where it cannot be written, 503.
    pub async fn refuse(
        &self,
        visit: &Visit,
        interaction: Interaction,
        error: ApiError,
    ) -> ApiError {
        let mut entry = self.entry(visit, What::Refused(interaction));
        entry.failure = Some(error.code.to_owned());
        entry.decision = entry
            .decision
            .map(|on_read| with_more(on_read, error.decisions.as_deref()));
        match self.write(entry).await {
            Ok(()) => error,
            Err(unwritten) => unwritten,
        }
    }

    /// Writes a refusal of somebody who has no open occasion (no token, a dead one, a closed occasion).
    pub async fn refuse_stranger(
        &self,
        caller: Option<&Caller>,
        origin: Origin,
        interaction: Interaction,
        error: ApiError,
    ) -> ApiError {
        let mut entry = AuditEntry::new(self.clock.now(), What::Refused(interaction), origin);
        if let Some(caller) = caller {
            entry.client = Some(caller.client.clone());
            entry.clinician.clone_from(&caller.clinician);
            // The oversight group is no organisation.
            entry.viewer = Some(caller.organisation.clone()).filter(|ods| ods.0 != GROUP);
            entry.occasion.clone_from(&caller.occasion);
            entry.decision = caller
                .occasion
                .as_deref()
                .and_then(|occasion| self.occasions.decision_on(occasion, entry.at));
            entry.patient.clone_from(&caller.patient);
            entry.practice.clone_from(&caller.audit_of);
        }
        entry.failure = Some(error.code.to_owned());
        entry.policy = Some(self.register.current().hash.clone());
        match self.write(entry).await {
            Ok(()) => error,
            Err(unwritten) => unwritten,
        }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// 503.
    pub async fn write(&self, entry: AuditEntry) -> Result<(), ApiError> {
        self.audit.write(entry).await.map_err(|error| {
            tracing::error!(error = %error, "an audit row could not be written, so nothing was shown");
            ApiError::audit_unavailable()
        })
    }

    fn entry(&self, visit: &Visit, what: What) -> AuditEntry {
        let row = &visit.occasion.row;
        let mut entry = AuditEntry::new(visit.now, what, visit.origin.clone());
        entry.client = Some(visit.caller.client.clone());
        entry.clinician = Some(row.clinician.clone());
        entry.role = Some(row.role.clone());
        entry.assurance.clone_from(&visit.caller.assurance);
        entry.viewer = Some(row.viewer.clone());
        entry.practice = Some(row.practice.clone());
        entry.patient = Some(visit.patient.clone());
        entry.occasion = Some(row.id.clone());
        entry.purpose.clone_from(&row.purpose);
        entry.basis = row.basis();
        entry.also = Also {
            site: row.site.clone(),
            gateway: row.gateway,
            ..Also::default()
        };
        entry.tabs = visit.occasion.tabs;
        entry.decision = Some(visit.occasion.decided.text.clone());
        entry.policy = Some(self.register.current().hash.clone());
        entry.exclusions = Some(self.exclusions.current().version().to_owned());
        entry.token = Some(crate::smart::token::token_id(&visit.caller.token_hash));
        entry
    }
}

/// Anything about the patient: one uniform answer.
/// The decision on the read, and those on what the source answered afresh, as one array: `openmig explain` tells each.
fn with_more(on_read: String, more: Option<&str>) -> String {
    let array = |text: &str| serde_json::from_str::<Vec<serde_json::Value>>(text).ok();
    match (array(&on_read), more.and_then(array)) {
        (Some(mut all), Some(more)) => {
            all.extend(more);
            serde_json::Value::Array(all).to_string()
        }
        _ => on_read,
    }
}

fn no_record() -> ApiError {
    ApiError::forbidden(
        "no-record-available",
        "No record is available through this service.",
    )
}

fn told(refusal: ReadRefusal) -> ApiError {
    match refusal {
        ReadRefusal::Rule(rule) => refused(rule),
        ReadRefusal::ClockMovedBack => ApiError::unavailable(
            "clock-moved-back",
            "The gateway's clock was moved back, so nothing is shown.",
        ),
        ReadRefusal::Unavailable => {
            ApiError::unavailable("store-unavailable", "The gateway's store does not answer.")
        }
    }
}

fn refused(rule: Rule) -> ApiError {
    match Occasions::told(rule) {
        OccasionRefusal::NoRecordAvailable => no_record(),
        OccasionRefusal::Mendable {
            reason,
            description,
        } => ApiError::forbidden(reason, description),
        OccasionRefusal::Unavailable => {
            ApiError::unavailable("store-unavailable", "The gateway's store does not answer.")
        }
    }
}
