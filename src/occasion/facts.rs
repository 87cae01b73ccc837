//! What register and holds say of those who look and of the practice, as facts for a decision.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::access::{ClinicianFacts, Fact, PracticeFacts, ProtocolFacts, TabCodes, ViewerFacts};
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::{Holds, LegalGateway, Organisation, OrganisationKind, Register};
use crate::store::terms::AcceptanceRow;

/// The register and the holds, both taken once for one decision.
#[derive(Debug, Clone, Copy)]
pub struct RegisterView<'a> {
    /// The register.
    pub register: &'a Register,
    /// The holds.
    pub holds: &'a Holds,
    /// The day in Europe/London.
    pub today: Date,
}

/// The day of a moment in Europe/London: what "in date" means for English organisations.
pub(super) fn day_of(now: Timestamp) -> Date {
    now.to_zoned(london()).date()
}

impl RegisterView<'_> {
    /// The client is registered and may act for this viewer.
    #[must_use]
    pub fn client(&self, client: &str, viewer: &OdsCode) -> Fact<bool> {
        Fact::known_or_unknown(self.register.clients.get(client).map(|client| {
            client.audit_of.is_none()
                && client
                    .organisation
                    .as_ref()
                    .is_none_or(|organisation| organisation == viewer)
        }))
    }

    /// What the register says of the organisation that looks.
    #[must_use]
    pub fn viewer(&self, ods: &OdsCode) -> Fact<ViewerFacts> {
        Fact::known_or_unknown(self.register.organisations.get(ods).map(|organisation| {
            ViewerFacts {
                ods: ods.clone(),
                kind: organisation.kind,
                signed: organisation.has_signed(&self.register.agreement, self.today),
                admitted: organisation.is_admitted(),
                active: !organisation.is_stopped() && !self.holds.stops(ods),
                assurance_until: organisation.assured_until(&self.register.agreement.rules),
                evidence: self.shares_evidence(organisation),
                relationship: organisation.relationship,
                qualified_roles: organisation.qualified_roles.iter().cloned().collect(),
            }
        }))
    }

    /// It has shown what the agreement asks for, or its lack does not block (R162).
    fn shares_evidence(&self, organisation: &Organisation) -> bool {
        let rules = &self.register.agreement.rules;
        !rules.missing_evidence_blocks || organisation.owes(rules, self.today).is_empty()
    }

    /// `claimed` is the organisation that the clinician is said to act for; `accepted` is what the store has of their
    /// acceptances of the terms, where the register does not have the one in force ([`Register::acceptance_is_due`]).
    #[must_use]
    pub fn clinician(
        &self,
        username: &str,
        viewer: &OdsCode,
        claimed: &OdsCode,
        accepted: &[AcceptanceRow],
    ) -> Fact<ClinicianFacts> {
        Fact::known_or_unknown(
            self.register
                .users
                .get(username)
                .map(|user| ClinicianFacts {
                    username: user.username.clone(),
                    role: user.role.clone(),
                    acts_for_viewer: user.organisations.contains(viewer) && claimed == viewer,
                    revoked: user.revoked || self.holds.users.contains(username),
                    training_until: user.training_until,
                    terms_accepted: self.register.accepted_terms(user, accepted, self.today),
                }),
        )
    }

    /// The viewer's protocols, or the one of this id, with what each gives to `role` and why it may, for these purposes.
    #[must_use]
    pub fn protocols(
        &self,
        viewer: &OdsCode,
        role: Option<&str>,
        only: Option<&str>,
        purposes: &[String],
    ) -> Vec<ProtocolFacts> {
        self.register
            .protocols
            .values()
            .filter(|protocol| {
                protocol.viewer == *viewer && only.is_none_or(|only| protocol.id == only)
            })
            .map(|protocol| ProtocolFacts {
                id: protocol.id.clone(),
                purposes: protocol.purposes.clone(),
                from: protocol.valid.0,
                until: protocol.valid.1,
                tabs: TabCodes(
                    role.and_then(|role| protocol.roles.get(role))
                        .copied()
                        .unwrap_or_default(),
                ),
                law: Some(protocol.law_for(purposes).clone()),
                gateway: protocol.gateway.as_ref().map(LegalGateway::facts),
            })
            .collect()
    }

    /// The practice towards this viewer, in the flow of this protocol.
    #[must_use]
    pub fn practice(
        &self,
        ods: Option<&OdsCode>,
        viewer: &OdsCode,
        protocol: &str,
    ) -> Fact<PracticeFacts> {
        let found = ods.and_then(|ods| self.register.organisations.get(ods));
        Fact::known_or_unknown(found.map(|practice| {
            let held = self.holds.closes(&practice.ods, viewer);
            PracticeFacts {
                ods: practice.ods.clone(),
                signed: practice.kind == OrganisationKind::Practice
                    && practice.has_signed(&self.register.agreement, self.today)
                    && practice.is_admitted(),
                enabled: practice.is_enabled()
                    && !practice.is_stopped()
                    && !practice.declines(protocol)
                    && !held,
                demands_proof: practice.demands_authenticated,
            }
        }))
    }
}
