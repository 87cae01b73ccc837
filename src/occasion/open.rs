//! Opening an occasion, in the order of design.md 7: nothing outside is asked before everything inside has passed.

use std::sync::Arc;

use jiff::Timestamp;
use moka::future::Cache;

use super::decided::DecidedBefore;
use super::facts::{RegisterView, day_of};
use super::trail::Trail;
use super::windows::Windows;
use super::{AskedBasis, OccasionAsk, OccasionRefusal, OpenOccasion, SealKey, WORKLIST};
use crate::access::basis::Basis;
use crate::access::identity::age_band;
use crate::access::{
    AddressRanges, AfterTraceInputs, BeforeInputs, Decision, Fact, Inputs, Proof, Rule,
    RuleOutcome, TabCodes, rests_on_claim,
};
use crate::audit::{AccessStep, Also, AuditLog, CLAIMED, SAME_NAME, What};
use crate::clock::{LatestTime, SharedClock, new_id};
use crate::fhir::{IdKey, PatientId};
use crate::lookup::{FindAsk, Finder};
use crate::record::OdsCode;
use crate::record::names::share_a_family_name;
use crate::register::{RegisterHandle, use_of};
use crate::source::trace::{TraceAnswer, Traced};
use crate::source::worklist::Worklist;
use crate::store::bound::Bound;
use crate::store::terms::{AcceptanceRow, TermsStore};
use crate::store::{AlertRow, OccasionRow, OccasionStore, RefusalRow, StoreError, basis_with};
use crate::tabs::catalogue::TabSet;

/// The clock of the machine is well behind what it has shown before.
pub const CLOCK_MOVED_BACK: &str = "clock-moved-back";

/// What the service works with.
pub struct OccasionParts {
    /// Who may.
    pub register: RegisterHandle,
    /// Occasions, refusals, remembered opt-outs, alerts.
    pub store: Arc<dyn OccasionStore>,
    /// Acceptances of the terms of use.
    pub terms: Arc<dyn TermsStore>,
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

/// What the way to an occasion told beside the decision.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// A refusal stood, which is now lifted.
    refusal_stood: bool,
    /// Another patient of the viewer's worklist has the same name.
    same_name: bool,
    /// Nobody but the clinician says that they care for the patient (R105).
    claimed: bool,
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
            AskedBasis::Consent(_) | AskedBasis::Gateway => AccessStep::Occasion,
            AskedBasis::Override { .. } => AccessStep::Override,
        };

        if self.clock_moved_back() {
            return Err(trail
                .unavailable(self.now(), step, CLOCK_MOVED_BACK, &CLOCK_MOVED_BACK)
                .await);
        }
        let (allowed, known) = self
            .decide_before(&ask, &patient, &view, &mut trail, step)
            .await?;
        trail.tabs = allowed.tabs;
        trail.basis = basis_with(trail.basis.take(), allowed.gateway);
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
            assurance: ask.clinician.assurance.to_owned(),
            origin: ask.origin.clone(),
            tabs: allowed.tabs,
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
            .source_inputs(&patient, &practice, &traced, &found, allowed.gateway)
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

        let same_family_name = view
            .register
            .users
            .get(&ask.clinician.username)
            .zip(traced.family.as_deref())
            .is_some_and(|(user, family)| share_a_family_name(&user.name, family));
        trail.flags.extend(same_family_name.then_some(SAME_NAME));
        trail.flags.extend(known.claimed.then_some(CLAIMED));
        self.keep(&ask, patient, practice, allowed, known, trail, step)
            .await
    }

    /// The decision before any look-up. Gives the decision, and what else was learnt on the way.
    async fn decide_before(
        &self,
        ask: &OccasionAsk,
        patient: &PatientId,
        view: &RegisterView<'_>,
        trail: &mut Trail<'_>,
        step: AccessStep,
    ) -> Result<(Decision, Known), OccasionRefusal> {
        let username = &ask.clinician.username;
        let accepted = match self.acceptances(view.register, username, view.today) {
            Ok(accepted) => accepted,
            Err(error) => {
                return Err(trail
                    .unavailable(self.now(), step, "store-unavailable", &error)
                    .await);
            }
        };
        let mut inputs = self.before_inputs(ask, view, &accepted);
        let inside = Inputs::Before(inputs.clone()).decide();
        let outside_waits = |rule: Rule| {
            inside
                .rules
                .iter()
                .take_while(|(r, _)| *r != Rule::TreatmentRegistered)
                .any(|(r, _)| *r == rule)
        };
        if let Some(rule) = inside.denied_by().filter(|rule| outside_waits(*rule)) {
            trail.also.gateway = trail.decide(Inputs::Before(inputs)).gateway;
            return Err(trail.refuse(self.now(), step, rule).await);
        }

        let mut known = Known::default();
        inputs.treatment_registered = if ask.treatment == WORKLIST {
            match self
                .parts
                .worklist
                .registered(&ask.viewer, &ask.nhs_number, &ask.clinician.username)
                .await
            {
                Ok(on) => {
                    known.same_name = on.registered && on.same_name;
                    if on.registered {
                        inputs.linked = Fact::known_or_unknown(on.linked);
                    }
                    Fact::Known(on.registered)
                }
                Err(error) => {
                    return Err(trail
                        .unavailable(self.now(), step, "worklist-unavailable", &error)
                        .await);
                }
            }
        } else {
            Fact::Known(false)
        };
        let standing = self.parts.store.standing_refusals(
            &ask.viewer,
            &ask.clinician.username,
            patient,
            self.now(),
        );
        let refused = match standing {
            Ok(rows) => rows.into_iter().map(|row| row.purpose),
            Err(error) => {
                return Err(trail
                    .unavailable(self.now(), step, "store-unavailable", &error)
                    .await);
            }
        };
        let (own, other): (Vec<_>, Vec<_>) =
            refused.partition(|refused| refused == use_of(&ask.purposes()));
        known.refusal_stood = !own.is_empty();
        inputs.refusal_stands = Fact::Known(known.refusal_stood);
        inputs.also_refused = other;

        let registered = inputs.treatment_registered == Fact::Known(true);
        let declines = ask.facts().declines();
        known.claimed = rests_on_claim(&inputs);
        let decision = trail.decide(Inputs::Before(inputs));
        trail.also.gateway = decision.gateway;
        // Some gateways are not for a viewer's own patients: what is said to them is heard all the same (R171).
        let may_ask = (Rule::TreatmentRegistered, RuleOutcome::Pass);
        let heard = registered || (decision.gateway.is_some() && decision.rules.contains(&may_ask));
        if declines
            && heard
            && let Err(error) = self.keep_refusal(ask, patient).await
        {
            return Err(trail
                .unavailable(self.now(), step, "store-unavailable", &error)
                .await);
        }
        match verdict(&decision) {
            Ok(()) => Ok((decision, known)),
            Err(rule) => Err(trail.refuse(self.now(), step, rule).await),
        }
    }

    fn before_inputs(
        &self,
        ask: &OccasionAsk,
        view: &RegisterView<'_>,
        accepted: &[AcceptanceRow],
    ) -> BeforeInputs {
        let clinician = view.clinician(
            &ask.clinician.username,
            &ask.viewer,
            &ask.clinician.organisation,
            accepted,
        );
        let role = clinician.known().map(|clinician| clinician.role.as_str());
        BeforeInputs {
            today: view.today,
            network_allowed: self.network(ask.origin.address),
            client_authenticated: view.client(&ask.client_id, &ask.viewer),
            viewer: view.viewer(&ask.viewer),
            protocols: view.protocols(&ask.viewer, role, None, &ask.purposes()),
            clinician,
            terms: view.register.agreement.terms.clone(),
            purposes: ask.purposes(),
            asked: ask.tabs.map(TabCodes),
            treatment_registered: Fact::NotAsked,
            linked: Fact::NotAsked,
            claimed: ask.claimed,
            refusal_stands: Fact::NotAsked,
            also_refused: Vec::new(),
            basis: Fact::Known(ask.facts()),
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
            (ask.facts(), Proof::of(ask.clinician.assurance)),
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
        known: Known,
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
            site: ask.clinician.site.clone(),
            gateway: allowed.gateway,
            asked: ask.tabs.map(TabSet::bits),
            same_name: known.same_name,
            claimed: known.claimed,
        };
        let ends_at = row.ends_at;
        let binds = std::iter::once(row.digest())
            .chain(alert.as_ref().map(Bound::digest))
            .collect();
        if known.refusal_stood
            && let Err(error) = store
                .lift_refusal(
                    &ask.viewer,
                    &ask.clinician.username,
                    &patient,
                    use_of(&ask.purposes()),
                    now,
                )
                .await
        {
            return Err(trail.unavailable(now, step, unavailable, &error).await);
        }
        if let Err(error) = store.insert_occasion(row, alert).await {
            return Err(trail.unavailable(now, step, unavailable, &error).await);
        }
        trail.occasion = Some(id.clone());
        if let Some(consent) = &consent {
            let given = Some(format!("consent:{consent}"));
            trail.basis = basis_with(given, allowed.gateway);
        }
        let flagged = trail.write_flags(self.now()).await;
        // After the flags: one row tells of the occasion, and holds it to what it is.
        trail.binds = binds;
        let written = match flagged {
            Ok(()) => trail.write(self.now(), What::Access(step), None).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = written {
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
            asked: ask.tabs,
            covered: allowed.covered,
            site: ask.clinician.site.clone(),
            purpose: trail.purpose.clone(),
            gateway: allowed.gateway,
            same_name: known.same_name,
            claimed: known.claimed,
        })
    }

    async fn keep_refusal(&self, ask: &OccasionAsk, patient: &PatientId) -> Result<(), StoreError> {
        let now = self.now();
        let row = RefusalRow {
            viewer: ask.viewer.clone(),
            clinician: ask.clinician.username.clone(),
            patient: patient.clone(),
            purpose: use_of(&ask.purposes()).to_owned(),
            at: now,
            until: self.parts.windows.end(now),
            lifted_at: None,
        };
        self.parts.store.insert_refusal(row).await
    }

    fn trail(&self, ask: &OccasionAsk, patient: &PatientId, view: &RegisterView<'_>) -> Trail<'_> {
        let user = view.register.users.get(&ask.clinician.username);
        let basis = match &ask.basis {
            AskedBasis::Consent(_) | AskedBasis::Gateway => None,
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
            purpose: ask.purposes(),
            basis,
            tabs: ask.tabs.unwrap_or_default(),
            policy: view.register.hash.clone(),
            decisions: Vec::new(),
            binds: Vec::new(),
            also: Also {
                site: ask.clinician.site.clone(),
                asked: ask.tabs,
                ..Also::default()
            },
            flags: Vec::new(),
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
