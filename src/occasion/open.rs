//! Opening an occasion, in the order of design.md 7: nothing outside is asked before everything inside has passed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;

use super::decided::DecidedBefore;
use super::facts::{RegisterView, day_of};
use super::trail::Trail;
use super::{AskedBasis, OccasionAsk, OccasionRefusal, OpenOccasion, SealKey, WORKLIST};
use crate::access::basis::Basis;
use crate::access::identity::{IdentityFindings, Person, age_band};
use crate::access::{
    AddressRanges, AfterSourceInputs, AfterTraceInputs, BeforeInputs, Decision, Fact, Inputs,
    Proof, Rule, RuleOutcome, SharingFact, TabCodes,
};
use crate::audit::{AccessStep, AuditLog, What};
use crate::clock::{LatestTime, SharedClock, new_id};
use crate::fhir::{IdKey, PatientId};
use crate::lookup::{FindAsk, Finder, Found};
use crate::record::OdsCode;
use crate::register::RegisterHandle;
use crate::source::SourceRefusal;
use crate::source::trace::{TraceAnswer, Traced};
use crate::source::worklist::Worklist;
use crate::store::bound::Bound;
use crate::store::{AlertRow, OccasionRow, OccasionStore, RefusalRow, StoreError};

/// The clock of the machine is well behind what it has shown before.
pub const CLOCK_MOVED_BACK: &str = "clock-moved-back";

/// How long an occasion lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// From opening to the end.
    pub window: SignedDuration,
    /// No setting makes it longer than this.
    pub hard_limit: SignedDuration,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            window: SignedDuration::from_mins(30),
            hard_limit: SignedDuration::from_hours(8),
        }
    }
}

impl Windows {
    /// When something that begins `now` ends.
    pub(super) fn end(self, now: Timestamp) -> Timestamp {
        let length = self.window.min(self.hard_limit).max(SignedDuration::ZERO);
        // Past the end of time there is no window at all.
        now.checked_add(length).unwrap_or(now)
    }
}

/// What the service works with.
pub struct OccasionParts {
    /// Who may.
    pub register: RegisterHandle,
    /// Occasions, refusals, remembered opt-outs, alerts.
    pub store: Arc<dyn OccasionStore>,
    /// The trail.
    pub audit: Arc<dyn AuditLog>,
    /// The time.
    pub clock: SharedClock,
    /// The machine's own, which the sandbox does not move: where it is moved back, nothing is opened or read.
    pub machine_clock: SharedClock,
    /// Who is registered for treatment where.
    pub worklist: Arc<dyn Worklist>,
    /// Trace and source.
    pub finder: Arc<dyn Finder>,
    /// Makes patient ids.
    pub ids: IdKey,
    /// Seals NHS numbers at rest.
    pub seal: Arc<SealKey>,
    /// How long.
    pub windows: Windows,
    /// From where (R109).
    pub network: AddressRanges,
}

/// Opens, resumes, withdraws and checks occasions.
pub struct Occasions {
    pub(super) parts: OccasionParts,
    /// Which answer of a source each occasion was last decided on again: id → when the source gave it.
    pub(super) rechecked: Cache<String, Timestamp>,
    /// Decisions on reads that the trail has already.
    pub(super) decided: DecidedBefore,
    latest: LatestTime,
}

impl Occasions {
    /// The service.
    #[must_use]
    pub fn new(parts: OccasionParts) -> Self {
        let rechecked = Cache::builder()
            .max_capacity(10_000)
            .time_to_live(parts.windows.hard_limit.unsigned_abs())
            .build();
        Self {
            parts,
            rechecked,
            decided: DecidedBefore::default(),
            latest: LatestTime::new(),
        }
    }

    /// Has the machine's clock been moved back? Then nobody can say what has ended and what has lapsed.
    pub(super) fn clock_moved_back(&self) -> bool {
        self.latest.is_over(self.parts.machine_clock.now())
    }

    /// Opens an occasion, or refuses; either way it is in the audit trail before this returns.
    ///
    /// # Errors
    /// See [`OccasionRefusal`].
    pub async fn open(&self, ask: OccasionAsk) -> Result<OpenOccasion, OccasionRefusal> {
        let patient = self.parts.ids.patient(&ask.nhs_number);
        let register = self.parts.register.current();
        let holds = self.parts.register.holds(self.now()).map_err(|error| {
            tracing::warn!(%error, request = %ask.origin.request_id, "no occasion, the holds could not be read");
            OccasionRefusal::Unavailable
        })?;
        let view = RegisterView {
            register: &register,
            holds: &holds,
            today: day_of(self.now()),
        };
        let mut trail = self.trail(&ask, &patient, &view);
        let step = match ask.basis {
            AskedBasis::Consent(_) => AccessStep::Occasion,
            AskedBasis::Override { .. } => AccessStep::Override,
        };

        if self.clock_moved_back() {
            return Err(trail
                .unavailable(self.now(), step, CLOCK_MOVED_BACK, &CLOCK_MOVED_BACK)
                .await);
        }
        let (allowed, stands) = self
            .decide_before(&ask, &patient, &view, &mut trail, step)
            .await?;
        trail.tabs = allowed.tabs;
        trail.write(self.now(), What::Intent, None).await?;

        let protocol = allowed.protocol.as_deref().unwrap_or_default();
        let traced = self.trace(&ask, protocol, &view, &mut trail, step).await?;
        let Some(practice) = traced.practice.clone() else {
            return Err(trail.refuse(self.now(), step, Rule::PracticeSigned).await);
        };
        trail.practice = Some(practice.clone());

        let find = FindAsk {
            nhs_number: ask.nhs_number.clone(),
            patient: patient.clone(),
            practice: practice.clone(),
            viewer: ask.viewer.clone(),
            clinician: ask.clinician.username.clone(),
            origin: ask.origin.clone(),
        };
        let found = match self.parts.finder.find(find).await {
            Ok(found) => found,
            Err(error) => {
                return Err(trail
                    .unavailable(self.now(), step, "source-unavailable", &error)
                    .await);
            }
        };
        let inputs = match self
            .source_inputs(&patient, &practice, &traced, &found)
            .await
        {
            Ok(inputs) => inputs,
            Err(error) => {
                return Err(trail
                    .unavailable(self.now(), step, "store-unavailable", &error)
                    .await);
            }
        };
        let decision = trail.decide(Inputs::AfterSource(inputs));
        if let Err(rule) = verdict(&decision) {
            warn_operator(rule, &practice, &ask.origin.request_id);
            return Err(trail.refuse(self.now(), step, rule).await);
        }

        self.keep(&ask, patient, practice, allowed, stands, trail, step)
            .await
    }

    /// The decision before any look-up. Gives the decision, and whether a refusal stood that is now lifted.
    async fn decide_before(
        &self,
        ask: &OccasionAsk,
        patient: &PatientId,
        view: &RegisterView<'_>,
        trail: &mut Trail<'_>,
        step: AccessStep,
    ) -> Result<(Decision, bool), OccasionRefusal> {
        let mut inputs = self.before_inputs(ask, view);
        let inside = Inputs::Before(inputs.clone()).decide();
        let outside_waits = |rule: Rule| {
            inside
                .rules
                .iter()
                .take_while(|(r, _)| *r != Rule::TreatmentRegistered)
                .any(|(r, _)| *r == rule)
        };
        if let Some(rule) = inside.denied_by().filter(|rule| outside_waits(*rule)) {
            trail.decide(Inputs::Before(inputs));
            return Err(trail.refuse(self.now(), step, rule).await);
        }

        inputs.treatment_registered = if ask.treatment == WORKLIST {
            match self
                .parts
                .worklist
                .registered(&ask.viewer, &ask.nhs_number)
                .await
            {
                Ok(registered) => Fact::Known(registered),
                Err(error) => {
                    return Err(trail
                        .unavailable(self.now(), step, "worklist-unavailable", &error)
                        .await);
                }
            }
        } else {
            Fact::Known(false)
        };
        let standing = self.parts.store.standing_refusal(
            &ask.viewer,
            &ask.clinician.username,
            patient,
            self.now(),
        );
        let stands = match standing {
            Ok(row) => row.is_some(),
            Err(error) => {
                return Err(trail
                    .unavailable(self.now(), step, "store-unavailable", &error)
                    .await);
            }
        };
        inputs.refusal_stands = Fact::Known(stands);

        let registered = inputs.treatment_registered == Fact::Known(true);
        let declines = ask.basis.facts().declines();
        let decision = trail.decide(Inputs::Before(inputs));
        if declines
            && registered
            && let Err(error) = self.keep_refusal(ask, patient).await
        {
            return Err(trail
                .unavailable(self.now(), step, "store-unavailable", &error)
                .await);
        }
        match verdict(&decision) {
            Ok(()) => Ok((decision, stands)),
            Err(rule) => Err(trail.refuse(self.now(), step, rule).await),
        }
    }

    fn before_inputs(&self, ask: &OccasionAsk, view: &RegisterView<'_>) -> BeforeInputs {
        let clinician = view.clinician(
            &ask.clinician.username,
            &ask.viewer,
            &ask.clinician.organisation,
        );
        let role = clinician.known().map(|clinician| clinician.role.as_str());
        BeforeInputs {
            today: view.today,
            network_allowed: self.network(ask.origin.address),
            client_authenticated: view.client(&ask.client_id, &ask.viewer),
            viewer: view.viewer(&ask.viewer),
            protocols: view.protocols(&ask.viewer, role, None, &ask.basis.purposes()),
            clinician,
            terms: view.register.agreement.terms.clone(),
            purposes: ask.basis.purposes(),
            asked: ask.tabs.map(TabCodes),
            treatment_registered: Fact::NotAsked,
            refusal_stands: Fact::NotAsked,
            basis: Fact::Known(ask.basis.facts()),
        }
    }

    /// Traces, and decides on what the trace says.
    async fn trace(
        &self,
        ask: &OccasionAsk,
        protocol: &str,
        view: &RegisterView<'_>,
        trail: &mut Trail<'_>,
        step: AccessStep,
    ) -> Result<Traced, OccasionRefusal> {
        let answer = match self.parts.finder.trace(&ask.nhs_number).await {
            Ok(answer) => answer,
            Err(error) => {
                return Err(trail
                    .unavailable(self.now(), step, "trace-unavailable", &error)
                    .await);
            }
        };
        let (inputs, traced) = trace_inputs(
            answer,
            &ask.viewer,
            protocol,
            (ask.basis.facts(), Proof::of(ask.clinician.assurance)),
            view,
        );
        trail.practice = traced.as_ref().and_then(|traced| traced.practice.clone());
        let decision = trail.decide(Inputs::AfterTrace(inputs));
        match (verdict(&decision), traced) {
            (Ok(()), Some(traced)) => Ok(traced),
            (Err(rule), _) => Err(trail.refuse(self.now(), step, rule).await),
            (Ok(()), None) => Err(trail.refuse(self.now(), step, Rule::NumberTraced).await),
        }
    }

    /// What the source's answer comes to, with the memory of opt-outs brought up to date by it (R008, R064).
    ///
    /// To be asked again whenever a record is fetched afresh inside an occasion, with [`crate::access::after_source`].
    ///
    /// # Errors
    /// The memory cannot be read or written.
    pub async fn source_inputs(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
        traced: &Traced,
        found: &Found,
    ) -> Result<AfterSourceInputs, StoreError> {
        let standing = found.standing.as_ref();
        let identity = standing.map(|_| {
            IdentityFindings::compare(
                &Person {
                    family: traced.family.as_deref(),
                    given: traced.given.as_deref(),
                    birth_date: traced.birth_date.as_deref(),
                },
                &Person {
                    family: found.identity.family.as_deref(),
                    given: found.identity.given.as_deref(),
                    birth_date: found.identity.birth_date.as_deref(),
                },
            )
        });
        let fully_registered = standing.map_or(Fact::Unknown, |standing| {
            AfterSourceInputs::registration(&standing.registration)
        });
        let sharing = standing.map_or(Fact::Unknown, |standing| standing.sharing.into());
        // Another person's flag, or that of a passing registration, is not this patient's choice at their practice.
        let theirs = found.refusal.is_none()
            && identity.is_some_and(IdentityFindings::agrees)
            && fully_registered == Fact::Known(true);
        let said = match found.refusal {
            Some(SourceRefusal::Dissent) => Some(SharingFact::OptedOut),
            Some(_) => None,
            None => sharing.known().copied().filter(|_| theirs),
        };
        let remembered = self.remember(patient, practice, said).await?;
        // What a practice decided here stands whatever its system says: it can only take away.
        let sharing = match self.parts.store.decided_opt_out(patient, practice)? {
            Some(_) => Fact::Known(SharingFact::OptedOut),
            None => sharing,
        };
        Ok(AfterSourceInputs {
            practice: practice.clone(),
            refusal: found.refusal,
            identity: Fact::known_or_unknown(identity),
            fully_registered,
            restricted: Fact::known_or_unknown(standing.map(|standing| standing.restricted)),
            sharing,
            remembered_opt_out: Fact::Known(remembered),
        })
    }

    /// Brings the memory of opt-outs up to date, and gives what it holds then.
    async fn remember(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
        said: Option<SharingFact>,
    ) -> Result<Option<OdsCode>, StoreError> {
        // A patient who opted out at more practices than this in a lifetime stays opted out.
        const PRACTICES: usize = 32;
        let store = &self.parts.store;
        if said == Some(SharingFact::OptedOut) {
            store
                .remember_sharing(patient, practice, true, self.now())
                .await?;
        }
        let mut remembered = store.remembered_opt_out(patient)?;
        if remembered.is_some() {
            store.lift_by_opt_in(patient, practice).await?;
            remembered = store.remembered_opt_out(patient)?;
        }
        for _ in 0..PRACTICES {
            let lifted = match (&remembered, said) {
                (Some(_), Some(SharingFact::Express)) => true,
                (Some(at), Some(SharingFact::Implied)) => at == practice,
                _ => false,
            };
            let Some(at) = remembered.as_ref().filter(|_| lifted) else {
                break;
            };
            store
                .remember_sharing(patient, at, false, self.now())
                .await?;
            remembered = store.remembered_opt_out(patient)?;
        }
        Ok(remembered)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything that the row of an occasion is made of"
    )]
    async fn keep(
        &self,
        ask: &OccasionAsk,
        patient: PatientId,
        practice: OdsCode,
        allowed: Decision,
        refusal_stood: bool,
        mut trail: Trail<'_>,
        step: AccessStep,
    ) -> Result<OpenOccasion, OccasionRefusal> {
        let store = &self.parts.store;
        let now = self.now();
        let id = new_id().to_string();
        let unavailable = "store-unavailable";
        let sealed_nhs = match self.parts.seal.seal(&id, &ask.nhs_number) {
            Ok(sealed) => sealed,
            Err(error) => return Err(trail.unavailable(now, step, unavailable, &error).await),
        };
        let (consent, talk, override_reason) = match self.words(&id, &ask.basis) {
            Ok((Some(talk), None)) => (Some(new_id().to_string()), Some(talk), None),
            Ok((_, override_reason)) => (None, None, override_reason),
            Err(error) => return Err(trail.unavailable(now, step, unavailable, &error).await),
        };
        let alert = override_reason.as_ref().map(|(reason, text)| AlertRow {
            id: new_id().to_string(),
            viewer: ask.viewer.clone(),
            clinician: ask.clinician.username.clone(),
            patient: patient.clone(),
            practice: practice.clone(),
            occasion: id.clone(),
            reason: reason.clone(),
            text: text.clone(),
            at: now,
        });
        let row = OccasionRow {
            id: id.clone(),
            viewer: ask.viewer.clone(),
            client: ask.client_id.clone(),
            clinician: ask.clinician.username.clone(),
            role: trail.role.clone().unwrap_or_default(),
            patient: patient.clone(),
            sealed_nhs,
            practice,
            tabs: allowed.tabs.bits(),
            protocol: allowed.protocol.unwrap_or_default(),
            purpose: trail.purpose.clone(),
            consent: consent.clone(),
            talk,
            override_reason,
            opened_at: now,
            ends_at: self.parts.windows.end(now),
            withdrawn_at: None,
            register_hash: trail.policy.clone(),
            assurance: ask.clinician.assurance.to_owned(),
        };
        let ends_at = row.ends_at;
        let binds = std::iter::once(row.digest())
            .chain(alert.as_ref().map(Bound::digest))
            .collect();
        if refusal_stood
            && let Err(error) = store
                .lift_refusal(&ask.viewer, &ask.clinician.username, &patient, now)
                .await
        {
            return Err(trail.unavailable(now, step, unavailable, &error).await);
        }
        if let Err(error) = store.insert_occasion(row, alert).await {
            return Err(trail.unavailable(now, step, unavailable, &error).await);
        }
        trail.binds = binds;
        trail.occasion = Some(id.clone());
        if let Some(consent) = &consent {
            trail.basis = Some(format!("consent:{consent}"));
        }
        if let Err(refusal) = trail.write(self.now(), What::Access(step), None).await {
            // Nobody has heard of it yet; without its row it must not stay open either.
            if let Err(error) = store.withdraw_occasion(&id, self.now()).await {
                tracing::error!(%error, request = %ask.origin.request_id, "an occasion without audit row stays open, unknown to all");
            }
            return Err(refusal);
        }
        Ok(OpenOccasion {
            id,
            patient,
            consent: consent.map(|consent| format!("Consent/{consent}")),
            tabs: allowed.tabs,
            expires_at: ends_at,
            clinician: ask.clinician.username.clone(),
        })
    }

    async fn keep_refusal(&self, ask: &OccasionAsk, patient: &PatientId) -> Result<(), StoreError> {
        let now = self.now();
        let row = RefusalRow {
            viewer: ask.viewer.clone(),
            clinician: ask.clinician.username.clone(),
            patient: patient.clone(),
            at: now,
            until: self.parts.windows.end(now),
            lifted_at: None,
        };
        self.parts.store.insert_refusal(row).await
    }

    fn trail(&self, ask: &OccasionAsk, patient: &PatientId, view: &RegisterView<'_>) -> Trail<'_> {
        let user = view.register.users.get(&ask.clinician.username);
        let basis = match &ask.basis {
            AskedBasis::Consent(_) => None,
            AskedBasis::Override { reason, .. } => {
                crate::access::basis::OverrideReason::from_code(reason)
                    .map(|reason| format!("override:{}", reason.code()))
            }
        };
        Trail {
            log: self.parts.audit.as_ref(),
            origin: ask.origin.clone(),
            client: ask.client_id.clone(),
            clinician: ask.clinician.username.clone(),
            role: user.map(|user| user.role.clone()),
            assurance: Some(ask.clinician.assurance.to_owned()),
            viewer: ask.viewer.clone(),
            patient: Some(patient.clone()),
            practice: None,
            occasion: None,
            purpose: ask.basis.purposes(),
            basis,
            tabs: ask.tabs.unwrap_or_default(),
            policy: view.register.hash.clone(),
            decisions: Vec::new(),
            binds: Vec::new(),
        }
    }

    pub(super) fn network(&self, address: Option<std::net::IpAddr>) -> Fact<bool> {
        Fact::known_or_unknown(address.map(|address| self.parts.network.contains(address)))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

pub(super) fn trace_inputs(
    answer: TraceAnswer,
    viewer: &OdsCode,
    protocol: &str,
    (basis, proof): (Basis, Proof),
    view: &RegisterView<'_>,
) -> (AfterTraceInputs, Option<Traced>) {
    let mut inputs = AfterTraceInputs {
        traced: Fact::Known(false),
        sensitive: Fact::NotAsked,
        deceased: Fact::NotAsked,
        practice: Fact::NotAsked,
        proof,
        age: Fact::NotAsked,
        basis,
    };
    let TraceAnswer::Found(traced) = answer else {
        return (inputs, None);
    };
    inputs.traced = Fact::Known(traced.verification == "01");
    inputs.sensitive = Fact::Known(traced.sensitive);
    inputs.deceased = Fact::Known(traced.deceased);
    inputs.practice = view.practice(traced.practice.as_ref(), viewer, protocol);
    inputs.age = age_band(traced.birth_date.as_deref(), view.today);
    (inputs, Some(traced))
}

/// Every rule passed, or the rule to refuse by: the first that failed, else the first that was not looked at.
pub(super) fn verdict(decision: &Decision) -> Result<(), Rule> {
    if decision.permitted() {
        return Ok(());
    }
    let unmet = |outcome: RuleOutcome| {
        decision
            .rules
            .iter()
            .find(|(_, found)| *found == outcome)
            .map(|(rule, _)| *rule)
    };
    Err(unmet(RuleOutcome::Fail)
        .or_else(|| unmet(RuleOutcome::NotEvaluated))
        .unwrap_or(Rule::NoHold))
}

/// Two systems that do not agree on who somebody is are an event for the operator (R012).
pub(super) fn warn_operator(rule: Rule, practice: &OdsCode, request: &str) {
    if rule == Rule::IdentityMatches {
        tracing::error!(
            event = "identity-mismatch",
            %request,
            %practice,
            "trace service and source do not agree on who a patient is"
        );
    }
}
