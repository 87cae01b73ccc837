//! What the pages at the point of care ask before the conversation with the patient: may this clinician look at all, who
//! is on the worklist, does a refusal stand. The same rules as everywhere ([`crate::access`]), only earlier, so that
//! nobody talks a patient through consent in vain; [`Occasions::open`] decides all of it again.

use std::sync::Arc;

use jiff::Timestamp;

use super::facts::{RegisterView, day_of};
use super::trail::Trail;
use super::{ClinicianClaim, OccasionRefusal, Occasions};
use crate::access::{BeforeInputs, Decision, Fact, Inputs, Rule, RuleOutcome};
use crate::audit::{AccessStep, Also, Origin};
use crate::fhir::PatientId;
use crate::record::{NhsNumber, OdsCode};
use crate::register::{CARE, Relationship};
use crate::source::worklist::{Directory, Listed};
use crate::tabs::catalogue::TabSet;

/// Somebody whom a clinician can pick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pickable {
    /// FHIR id.
    pub id: PatientId,
    /// As the viewer's own worklist has them.
    pub listed: Listed,
}

impl Pickable {
    /// The worklist does not name the clinician in the treatment: they have to say themselves that they care for the patient
    /// (R105). Known only of one person who was asked for.
    #[must_use]
    pub fn must_claim(&self) -> bool {
        self.listed.linked != Some(true)
    }
}

/// Who is about to ask.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The app.
    pub client_id: String,
    /// The clinician, who signed in.
    pub clinician: ClinicianClaim,
    /// Request id and address, for the audit.
    pub origin: Origin,
}

/// How somebody who signed in stands before any patient is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They may look at these tabs.
    MayLook(TabSet),
    /// Nothing stands against it but that they have not accepted the terms in force, which can be shown (R103).
    TermsFirst {
        /// What they may look at then.
        tabs: TabSet,
        /// In which flow.
        protocol: String,
    },
}

/// The point of care as the pages see it.
pub struct PointOfCare {
    pub(super) occasions: Arc<Occasions>,
    directory: Arc<dyn Directory>,
}

/// The NHS number of a journey or launch cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an NHS number cannot be sealed or opened")]
pub struct SealFailed;

impl PointOfCare {
    /// Over these occasions and this worklist.
    #[must_use]
    pub fn new(occasions: Arc<Occasions>, directory: Arc<dyn Directory>) -> Self {
        Self {
            occasions,
            directory,
        }
    }

    /// May this clinician look at any record here, and at which tabs? Everything that needs no patient is decided; a
    /// refusal is in the audit trail before this returns.
    ///
    /// # Errors
    /// Why not.
    pub async fn may_look(&self, asker: &Asker) -> Result<Standing, OccasionRefusal> {
        let inputs = Inputs::Before(self.inputs(asker, Fact::NotAsked)?);
        let decision = inputs.decide();
        let faults = staff_faults(&decision);
        let shown = self.occasions.parts.register.current().terms.is_some();
        // Nobody is asked to accept terms who is refused for another reason all the same.
        let fault = faults
            .iter()
            .find(|rule| !shown || **rule != Rule::TermsAccepted);
        match (fault, faults.first()) {
            (Some(rule), _) => Err(self.refuse(asker, None, inputs, *rule).await),
            (None, None) => Ok(Standing::MayLook(decision.tabs)),
            (None, Some(_)) => Ok(Standing::TermsFirst {
                tabs: decision.tabs,
                protocol: decision.protocol.unwrap_or_default(),
            }),
        }
    }

    /// Has the clinician to do with this patient's treatment, or may they claim it (R105)?
    ///
    /// # Errors
    /// Neither.
    pub async fn related(&self, asker: &Asker, patient: &Pickable) -> Result<(), OccasionRefusal> {
        if !patient.must_claim() || self.takes_claims(&asker.clinician.organisation) {
            return Ok(());
        }
        let mut inputs = self.inputs(asker, Fact::Known(true))?;
        inputs.linked = Fact::known_or_unknown(patient.listed.linked);
        let (id, inputs) = (Some(patient.id.clone()), Inputs::Before(inputs));
        Err(self
            .refuse(asker, id, inputs, Rule::LegitimateRelationship)
            .await)
    }

    /// Is this patient registered for treatment at the clinician's organisation now (R104)?
    ///
    /// # Errors
    /// They are not, or the worklist does not answer.
    pub async fn registered(
        &self,
        asker: &Asker,
        nhs_number: &NhsNumber,
    ) -> Result<Pickable, OccasionRefusal> {
        let viewer = &asker.clinician.organisation;
        let id = self.id(nhs_number);
        let clinician = &asker.clinician.username;
        let found = match self.directory.find(viewer, nhs_number, clinician).await {
            Ok(found) => found,
            Err(error) => return Err(self.worklist_down(asker, &error).await),
        };
        match found {
            Some(listed) => Ok(Pickable { id, listed }),
            None => Err(self.not_registered(asker, Some(id)).await),
        }
    }

    /// Does this viewer take a clinician's word for having to do with a patient?
    fn takes_claims(&self, viewer: &OdsCode) -> bool {
        let register = self.occasions.parts.register.current();
        let organisation = register.organisations.get(viewer);
        organisation.is_some_and(|one| one.relationship == Relationship::Claim)
    }

    /// Ends an occasion that was opened and of which nothing can come: its launch was used by another, or its code cannot be
    /// kept. Best effort: where the store does not answer it ends with its window, without a token.
    pub async fn give_up(&self, asker: &Asker, occasion: &str) {
        let Asker {
            client_id,
            clinician,
            origin,
        } = asker;
        let ended = self
            .occasions
            .withdraw(occasion, client_id, clinician, origin.clone());
        if ended.await.is_err() {
            tracing::warn!(occasion, "an occasion without a code could not be ended");
        }
    }

    /// Everyone who can be picked, in the worklist's order.
    ///
    /// # Errors
    /// The worklist does not answer.
    pub async fn worklist(&self, asker: &Asker) -> Result<Vec<Pickable>, OccasionRefusal> {
        match self.directory.list(&asker.clinician.organisation).await {
            Ok(listed) => Ok(listed
                .into_iter()
                .map(|listed| Pickable {
                    id: self.id(&listed.nhs_number),
                    listed,
                })
                .collect()),
            Err(error) => Err(self.worklist_down(asker, &error).await),
        }
    }

    /// The refusal of somebody who is not on the worklist, with its row in the trail. What was typed is in no row: it may
    /// be anybody's number.
    pub async fn not_registered(
        &self,
        asker: &Asker,
        patient: Option<PatientId>,
    ) -> OccasionRefusal {
        let inputs = match self.inputs(asker, Fact::Known(false)) {
            Ok(inputs) => Inputs::Before(inputs),
            Err(unavailable) => return unavailable,
        };
        self.refuse(asker, patient, inputs, Rule::TreatmentRegistered)
            .await
    }

    /// Since when a refusal of care by this patient stands against this clinician, where one does (R077).
    ///
    /// # Errors
    /// The store does not answer.
    pub fn refused_since(
        &self,
        clinician: &ClinicianClaim,
        patient: &PatientId,
    ) -> Result<Option<Timestamp>, OccasionRefusal> {
        let parts = &self.occasions.parts;
        parts
            .store
            .standing_refusals(
                &clinician.organisation,
                &clinician.username,
                patient,
                parts.clock.now(),
            )
            .map(|rows| {
                rows.iter()
                    .find(|row| row.purpose == CARE)
                    .map(|row| row.at)
            })
            .map_err(|error| {
                tracing::warn!(%error, "a standing refusal could not be looked up");
                OccasionRefusal::Unavailable
            })
    }

    /// The patient's FHIR id.
    #[must_use]
    pub fn id(&self, nhs_number: &NhsNumber) -> PatientId {
        self.occasions.parts.ids.patient(nhs_number)
    }

    /// Seals a number for the row with this id.
    ///
    /// # Errors
    /// No randomness.
    pub fn seal(&self, row: &str, nhs_number: &NhsNumber) -> Result<Vec<u8>, SealFailed> {
        self.occasions
            .parts
            .seal
            .seal(row, nhs_number)
            .map_err(|_| SealFailed)
    }

    /// Opens what was sealed for the row with this id.
    ///
    /// # Errors
    /// It was altered, or sealed for another.
    pub fn unseal(&self, row: &str, sealed: &[u8]) -> Result<NhsNumber, SealFailed> {
        self.occasions
            .parts
            .seal
            .open(row, sealed)
            .map_err(|_| SealFailed)
    }

    /// The viewers among a user's organisations that this client may serve.
    #[must_use]
    pub fn viewers(&self, username: &str, client: &str) -> Vec<OdsCode> {
        let register = self.occasions.parts.register.current();
        let own = register
            .clients
            .get(client)
            .and_then(|client| client.organisation.clone());
        let organisations = register.users.get(username).map(|user| &user.organisations);
        organisations
            .into_iter()
            .flatten()
            .filter(|ods| own.as_ref().is_none_or(|own| own == *ods))
            .filter(|ods| {
                register
                    .organisations
                    .get(*ods)
                    .is_some_and(|it| it.kind == crate::register::OrganisationKind::Viewer)
            })
            .cloned()
            .collect()
    }

    fn inputs(
        &self,
        asker: &Asker,
        treatment_registered: Fact<bool>,
    ) -> Result<BeforeInputs, OccasionRefusal> {
        let parts = &self.occasions.parts;
        let register = parts.register.current();
        let holds = parts.register.holds(parts.clock.now()).map_err(|error| {
            tracing::warn!(%error, request = %asker.origin.request_id, "the holds could not be read");
            OccasionRefusal::Unavailable
        })?;
        let view = RegisterView {
            register: &register,
            holds: &holds,
            today: day_of(parts.clock.now()),
        };
        let viewer = &asker.clinician.organisation;
        let username = &asker.clinician.username;
        let accepted = self
            .occasions
            .acceptances(&register, username, view.today)
            .map_err(|error| {
                tracing::warn!(%error, request = %asker.origin.request_id, "acceptances of the terms could not be read");
                OccasionRefusal::Unavailable
            })?;
        let clinician = view.clinician(username, viewer, viewer, &accepted);
        let role = clinician.known().map(|clinician| clinician.role.as_str());
        Ok(BeforeInputs {
            today: view.today,
            network_allowed: self.occasions.network(asker.origin.address),
            client_authenticated: view.client(&asker.client_id, viewer),
            viewer: view.viewer(viewer),
            protocols: view.protocols(viewer, role, None, &["TREAT".to_owned()]),
            clinician,
            terms: register.agreement.terms.clone(),
            purposes: vec!["TREAT".to_owned()],
            asked: None,
            treatment_registered,
            linked: Fact::NotAsked,
            claimed: false,
            refusal_stands: Fact::NotAsked,
            also_refused: Vec::new(),
            basis: Fact::NotAsked,
        })
    }

    pub(super) fn trail(&self, asker: &Asker, patient: Option<PatientId>) -> Trail<'_> {
        let parts = &self.occasions.parts;
        let register = parts.register.current();
        Trail {
            log: parts.audit.as_ref(),
            origin: asker.origin.clone(),
            client: asker.client_id.clone(),
            clinician: asker.clinician.username.clone(),
            role: register
                .users
                .get(&asker.clinician.username)
                .map(|user| user.role.clone()),
            assurance: Some(asker.clinician.assurance.to_owned()),
            viewer: asker.clinician.organisation.clone(),
            patient,
            practice: None,
            occasion: None,
            purpose: vec!["TREAT".to_owned()],
            basis: None,
            tabs: TabSet::NONE,
            policy: register.hash.clone(),
            decisions: Vec::new(),
            binds: Vec::new(),
            also: Also::default(),
            flags: Vec::new(),
        }
    }

    async fn refuse(
        &self,
        asker: &Asker,
        patient: Option<PatientId>,
        inputs: Inputs,
        rule: Rule,
    ) -> OccasionRefusal {
        let mut trail = self.trail(asker, patient);
        trail.decide(inputs);
        trail
            .refuse(self.occasions.parts.clock.now(), AccessStep::Occasion, rule)
            .await
    }

    async fn worklist_down(
        &self,
        asker: &Asker,
        error: &(dyn std::fmt::Display + Sync),
    ) -> OccasionRefusal {
        let now = self.occasions.parts.clock.now();
        self.trail(asker, None)
            .unavailable(now, AccessStep::Occasion, "worklist-unavailable", error)
            .await
    }
}

/// The rules about app, organisation and person that do not hold, in their order.
fn staff_faults(decision: &Decision) -> Vec<Rule> {
    decision
        .rules
        .iter()
        .take_while(|(rule, _)| *rule != Rule::TreatmentRegistered)
        .filter(|(_, outcome)| *outcome != RuleOutcome::Pass)
        .map(|(rule, _)| *rule)
        .collect()
}
