//! Inside an open occasion: every read is checked afresh, a fresh token may be had, and it can end at any moment.

use jiff::Timestamp;

use super::decided::{Decided, Grounds};
use super::facts::{RegisterView, day_of};
use super::open::{CLOCK_MOVED_BACK, verdict};
use super::trail::{Trail, told};
use super::{ClinicianClaim, OccasionRefusal, Occasions, OpenOccasion, SealError};
use crate::access::{DIRECT_CARE, Fact, Inputs, OccasionFacts, Proof, ReadInputs, Rule, TabCodes};
use crate::audit::{AccessStep, Also, Origin, What};
use crate::record::NhsNumber;
use crate::store::{LookedAt, OccasionRow, StoreError};
use crate::tabs::catalogue::TabSet;

/// An occasion in which a read may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOccasion {
    /// Its row.
    pub row: OccasionRow,
    /// What may be seen now: never more than the row's tabs, less where the register gives less since.
    pub tabs: TabSet,
    /// What the trail keeps of the decision.
    pub decided: Decided,
}

/// Why a read may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadRefusal {
    /// This rule failed.
    Rule(Rule),
    /// The store did not answer: 503.
    Unavailable,
    /// The clock was moved back, so nobody can say whether the occasion is over: 503.
    ClockMovedBack,
}

/// An occasion as it stands, and what a decision on it looks at.
pub(super) struct Looked {
    pub inputs: Inputs,
    pub row: Option<OccasionRow>,
    pub grounds: Grounds,
}

impl Occasions {
    /// May something be read in this occasion at `now`? Reads only; to be asked for every request.
    ///
    /// # Errors
    /// The rule that failed first, or the store did not answer.
    pub fn check(&self, occasion: &str, now: Timestamp) -> Result<ReadOccasion, ReadRefusal> {
        if self.clock_moved_back() {
            return Err(ReadRefusal::ClockMovedBack);
        }
        let Looked {
            inputs,
            row,
            grounds,
        } = self.look(occasion, now).map_err(|error| {
            tracing::warn!(%error, "an occasion could not be checked");
            ReadRefusal::Unavailable
        })?;
        let decision = inputs.decide();
        match (verdict(&decision), row) {
            (Ok(()), Some(row)) => Ok(ReadOccasion {
                decided: self.decided.text(&row.id, grounds, inputs),
                row,
                tabs: decision.tabs,
            }),
            (Err(rule), _) => Err(ReadRefusal::Rule(rule)),
            (Ok(()), None) => Err(ReadRefusal::Rule(Rule::OccasionOpen)),
        }
    }

    /// A client asks for a fresh token inside an occasion's window: the same client, clinician and viewer only.
    ///
    /// # Errors
    /// See [`OccasionRefusal`]; an unknown, a closed and another's occasion are refused alike.
    pub async fn resume(
        &self,
        occasion: &str,
        client_id: &str,
        clinician: &ClinicianClaim,
        origin: Origin,
    ) -> Result<OpenOccasion, OccasionRefusal> {
        let now = self.now();
        let step = AccessStep::Occasion;
        let mut trail = self.trail_of_claim(client_id, clinician, origin);
        if self.network(trail.origin.address) != Fact::Known(true) {
            return Err(trail.refuse(now, step, Rule::NetworkAllowed).await);
        }
        if self.clock_moved_back() {
            return Err(trail
                .unavailable(now, step, CLOCK_MOVED_BACK, &CLOCK_MOVED_BACK)
                .await);
        }
        let Looked { inputs, row, .. } = match self.look(occasion, now) {
            Ok(looked) => looked,
            Err(error) => {
                return Err(trail
                    .unavailable(now, step, "store-unavailable", &error)
                    .await);
            }
        };
        let own = row.filter(|row| {
            row.client == client_id
                && row.clinician == clinician.username
                && row.viewer == clinician.organisation
                // What was opened by somebody who proved who they are is not taken up on somebody's word.
                && (Proof::of(&row.assurance) == Proof::Asserted
                    || Proof::of(clinician.assurance) == Proof::Authenticated)
                // Another site, and another use than the occasion was opened for, are other occasions.
                && (clinician.site.is_none() || row.site == clinician.site)
                && is_for(row, &clinician.purposes)
        });
        let Some(row) = own else {
            return Err(trail.refuse(now, step, Rule::OccasionOpen).await);
        };
        trail.of_row(&row);
        let decision = trail.decide(inputs);
        if let Err(rule) = verdict(&decision) {
            return Err(trail.refuse(now, step, rule).await);
        }
        trail.tabs = decision.tabs;
        trail.write(now, What::Access(step), None).await?;
        Ok(OpenOccasion {
            id: row.id,
            patient: row.patient,
            consent: row.consent.map(|consent| format!("Consent/{consent}")),
            tabs: decision.tabs,
            expires_at: row.ends_at,
            clinician: row.clinician,
            asked: row.asked.map(TabSet::from_bits),
            covered: decision.covered,
            site: row.site,
            purpose: row.purpose,
            gateway: row.gateway,
            same_name: row.same_name,
            claimed: row.claimed,
        })
    }

    /// Ends an occasion and its tokens at once (R080). Whoever acts for the viewer may, because it only takes away.
    ///
    /// # Errors
    /// There is no such open occasion of this viewer, or the store did not answer. If only the audit row could not be
    /// written, the occasion is withdrawn all the same and [`OccasionRefusal::Unavailable`] is the answer.
    pub async fn withdraw(
        &self,
        occasion: &str,
        client_id: &str,
        clinician: &ClinicianClaim,
        origin: Origin,
    ) -> Result<(), OccasionRefusal> {
        let now = self.now();
        let step = AccessStep::Withdrawal;
        let mut trail = self.trail_of_claim(client_id, clinician, origin);
        let row = match self.parts.store.find_occasion(occasion) {
            Ok(row) => row.filter(|row| row.viewer == clinician.organisation),
            Err(error) => {
                return Err(trail
                    .unavailable(now, step, "store-unavailable", &error)
                    .await);
            }
        };
        let Some(row) = row else {
            return Err(trail.refuse(now, step, Rule::OccasionOpen).await);
        };
        trail.of_row(&row);
        match self.parts.store.withdraw_occasion(&row.id, now).await {
            Ok(true) => trail.write(now, What::Access(step), None).await,
            Ok(false) => Err(trail.refuse(now, step, Rule::OccasionOpen).await),
            Err(error) => Err(trail
                .unavailable(now, step, "store-unavailable", &error)
                .await),
        }
    }

    /// The NHS number of an occasion, for asking the source again inside the window.
    ///
    /// # Errors
    /// The row was altered, or sealed with another key.
    pub fn nhs_number(&self, row: &OccasionRow) -> Result<NhsNumber, SealError> {
        self.parts.seal.open(&row.id, &row.sealed_nhs)
    }

    /// What a caller may learn when a read is refused by this rule.
    #[must_use]
    pub fn told(rule: Rule) -> OccasionRefusal {
        told(rule, rule.code())
    }

    pub(super) fn look(&self, occasion: &str, now: Timestamp) -> Result<Looked, StoreError> {
        let store = &self.parts.store;
        let register = self.parts.register.current();
        let holds = self.parts.register.holds(now)?;
        let view = RegisterView {
            register: &register,
            holds: &holds,
            today: day_of(now),
        };
        let mut inputs = ReadInputs {
            now,
            today: view.today,
            occasion: Fact::Unknown,
            viewer: Fact::NotAsked,
            clinician: Fact::NotAsked,
            terms: register.agreement.terms.clone(),
            purposes: Vec::new(),
            protocols: Vec::new(),
            practice: Fact::NotAsked,
            opted_out: Fact::NotAsked,
            held: Fact::NotAsked,
            granted: TabCodes::default(),
            asked: None,
        };
        let looked = store.look_at_occasion(occasion, now)?;
        if let Some(LookedAt {
            row,
            refused,
            opted_out,
        }) = &looked
        {
            inputs.occasion = Fact::Known(OccasionFacts {
                opened_at: row.opened_at,
                ends_at: row.ends_at,
                withdrawn: row.withdrawn_at.is_some(),
                refused_since: *refused,
                claimed: row.claimed,
                proof: Proof::of(&row.assurance),
            });
            inputs.viewer = view.viewer(&row.viewer);
            let accepted = self.acceptances(&register, &row.clinician, view.today)?;
            inputs.clinician = view.clinician(&row.clinician, &row.viewer, &row.viewer, &accepted);
            let role = inputs
                .clinician
                .known()
                .map(|clinician| clinician.role.as_str());
            inputs.protocols = view.protocols(&row.viewer, role, Some(&row.protocol), &row.purpose);
            inputs.purposes.clone_from(&row.purpose);
            inputs.practice = view.practice(Some(&row.practice), &row.viewer, &row.protocol);
            inputs.opted_out = Fact::Known(*opted_out);
            inputs.held =
                Fact::Known(holds.touches(&row.viewer, &row.clinician, Some(&row.practice)));
            inputs.granted = TabCodes(TabSet::from_bits(row.tabs));
        }
        let grounds = Grounds {
            register: register.hash.clone(),
            today: view.today,
            refused: looked.as_ref().is_some_and(|looked| looked.refused),
            opted_out: looked.as_ref().is_some_and(|looked| looked.opted_out),
            withdrawn: looked
                .as_ref()
                .is_some_and(|looked| looked.row.withdrawn_at.is_some()),
            terms: inputs
                .clinician
                .known()
                .and_then(|clinician| clinician.terms_accepted.clone()),
            holds,
        };
        Ok(Looked {
            inputs: Inputs::OnRead(inputs),
            row: looked.map(|looked| looked.row),
            grounds,
        })
    }

    fn trail_of_claim(
        &self,
        client_id: &str,
        clinician: &ClinicianClaim,
        origin: Origin,
    ) -> Trail<'_> {
        let register = self.parts.register.current();
        Trail {
            log: self.parts.audit.as_ref(),
            origin,
            client: client_id.to_owned(),
            clinician: clinician.username.clone(),
            role: register
                .users
                .get(&clinician.username)
                .map(|user| user.role.clone()),
            assurance: Some(clinician.assurance.to_owned()),
            viewer: clinician.organisation.clone(),
            patient: None,
            practice: None,
            occasion: None,
            purpose: Vec::new(),
            basis: None,
            tabs: TabSet::NONE,
            policy: register.hash.clone(),
            decisions: Vec::new(),
            binds: Vec::new(),
            also: Also {
                site: clinician.site.clone(),
                ..Also::default()
            },
            flags: Vec::new(),
        }
    }
}

/// The occasion was opened for what is claimed now. Within direct care an occasion that began by an override goes on.
fn is_for(row: &OccasionRow, claimed: &[String]) -> bool {
    match row.gateway {
        None => claimed
            .iter()
            .all(|purpose| DIRECT_CARE.contains(&purpose.as_str())),
        Some(_) => row.purpose == claimed,
    }
}

impl Trail<'_> {
    fn of_row(&mut self, row: &OccasionRow) {
        self.patient = Some(row.patient.clone());
        self.practice = Some(row.practice.clone());
        self.occasion = Some(row.id.clone());
        self.purpose.clone_from(&row.purpose);
        self.tabs = TabSet::from_bits(row.tabs);
        self.basis = row.basis();
        self.also = Also {
            site: row.site.clone(),
            gateway: row.gateway,
            asked: row.asked.map(TabSet::from_bits),
            returned: None,
        };
    }
}
