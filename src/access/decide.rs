//! The decisions. Each rule is looked at wherever its input is there; what is unknown fails.

use super::basis::{Basis, Fault};
use super::facts::{
    AfterSourceInputs, AfterTraceInputs, BeforeInputs, ClinicianFacts, Fact, OccasionFacts,
    PracticeFacts, Proof, ProtocolFacts, ReadInputs, SharingFact, ViewerFacts,
};
use super::{Decision, Rule, RuleOutcome};
use crate::register::{
    GatewayFacts, GatewayRefusal, OTHER_PURPOSES, OrganisationKind, Output, Relationship,
};
use crate::source::SourceRefusal;
use crate::tabs::catalogue::TabSet;

use RuleOutcome::{Fail, NotEvaluated, Pass};

/// Direct care, as v3-ActReason names it (S2 2.1.4): treatment, emergency treatment, break the glass.
pub const DIRECT_CARE: [&str; 3] = ["TREAT", "ETREAT", "BTG"];

/// Direct care and another use in one request, or two other uses: one request is for one of them (R160).
#[must_use]
pub fn is_mixed(purposes: &[String]) -> bool {
    let other = |purpose: &String| OTHER_PURPOSES.contains(&purpose.as_str());
    purposes.len() > 1 && purposes.iter().any(other)
}

/// May we ask at all? Nothing about the patient is known yet, so nobody can probe whether there is a record.
#[must_use]
pub fn before(inputs: &BeforeInputs) -> Decision {
    let staff = Staff::before(inputs);
    let mut rules = vec![
        (Rule::NetworkAllowed, truth(&inputs.network_allowed)),
        (
            Rule::ClientAuthenticated,
            truth(&inputs.client_authenticated),
        ),
    ];
    let (staff_rules, chosen) = staff.rules();
    rules.extend(staff_rules);
    let changes_mind = inputs.basis.known().is_some_and(Basis::changes_mind);
    let gateway = staff.gateway();
    rules.extend([
        (
            Rule::TreatmentRegistered,
            match gateway {
                Some(gateway) if !gateway.treatment => Pass,
                _ => truth(&inputs.treatment_registered),
            },
        ),
        (
            Rule::LegitimateRelationship,
            match gateway {
                Some(gateway) if !gateway.treatment => Pass,
                _ => match inputs.linked {
                    Fact::Known(false) | Fact::Unknown => pass_if(claims(inputs)),
                    linked => truth(&linked),
                },
            },
        ),
        (
            Rule::NoStandingRefusal,
            match gateway {
                Some(gateway) if gateway.kind.asks_nobody() && !inputs.also_refused.is_empty() => {
                    Fail
                }
                _ => judge(&inputs.refusal_stands, |stands| !stands || changes_mind),
            },
        ),
        (
            Rule::ConsentOrOverride,
            judge(&inputs.basis, |basis| fault_of(basis, gateway).is_none()),
        ),
    ]);
    let mut decision = decision(rules, chosen);
    decision.gateway = gateway.map(|gateway| gateway.kind);
    if let Some(asked) = inputs.asked {
        decision.tabs = decision.tabs.and(asked.0);
    }
    decision
}

/// Nobody but the clinician says that they care for this patient, where the rule needs somebody to (R105).
#[must_use]
pub fn rests_on_claim(inputs: &BeforeInputs) -> bool {
    let needs = Staff::before(inputs)
        .gateway()
        .is_none_or(|gateway| gateway.treatment);
    needs && matches!(inputs.linked, Fact::Known(false) | Fact::Unknown) && claims(inputs)
}

/// Says so, where the viewer takes their word. Whoever breaks the glass has said it with the reason.
fn claims(inputs: &BeforeInputs) -> bool {
    let breaks_glass = matches!(inputs.basis, Fact::Known(Basis::Override { .. }));
    takes_claims(&inputs.viewer) && (inputs.claimed || breaks_glass)
}

fn takes_claims(viewer: &Fact<ViewerFacts>) -> bool {
    viewer
        .known()
        .is_some_and(|viewer| viewer.relationship == Relationship::Claim)
}

/// Is there such a patient, at a practice that takes part? The last rule looks at the patient's age.
#[must_use]
pub fn after_trace(inputs: &AfterTraceInputs) -> Decision {
    let age = match inputs.basis.fault_at_age(inputs.age) {
        Ok(None) => Pass,
        Ok(Some(_)) => Fail,
        // Without a trace there is no age; with one that does not say, nobody can tell whether the consent is enough.
        Err(_) if inputs.age == Fact::NotAsked => NotEvaluated,
        Err(_) => Fail,
    };
    decision(
        vec![
            (Rule::NumberTraced, truth(&inputs.traced)),
            (Rule::NotSensitive, falsehood(&inputs.sensitive)),
            (Rule::Alive, falsehood(&inputs.deceased)),
            (Rule::PracticeSigned, judge(&inputs.practice, |p| p.signed)),
            (
                Rule::PracticeEnabled,
                judge(&inputs.practice, |p| p.enabled),
            ),
            (
                Rule::ClinicianAuthenticated,
                judge(&inputs.practice, |p| proven(p, inputs.proof)),
            ),
            (Rule::ConsentOrOverride, age),
        ],
        None,
    )
}

/// Does the source let this record be seen?
#[must_use]
pub fn after_source(inputs: &AfterSourceInputs) -> Decision {
    // A source that refuses says one thing, and nothing of the rest.
    let said = |rule: Rule, refusals: &[SourceRefusal], otherwise: RuleOutcome| {
        let outcome = match inputs.refusal {
            Some(refusal) if refusals.contains(&refusal) => Fail,
            Some(_) => NotEvaluated,
            None => otherwise,
        };
        (rule, outcome)
    };
    let opted_in = match (&inputs.sharing, &inputs.remembered_opt_out) {
        (Fact::NotAsked, _) | (_, Fact::NotAsked) => NotEvaluated,
        (Fact::Unknown, _) | (_, Fact::Unknown) => Fail,
        (Fact::Known(SharingFact::OptedOut), _) => Fail,
        (Fact::Known(SharingFact::Express), _) => Pass,
        // The opt-out of the old practice follows to the new one (R008); its own practice may have lifted it (R064).
        (Fact::Known(SharingFact::Implied), Fact::Known(remembered)) => pass_if(
            remembered
                .as_ref()
                .is_none_or(|practice| *practice == inputs.practice),
        ),
    };
    let mut rules = vec![
        said(Rule::PracticeEnabled, &[SourceRefusal::AccessDenied], Pass),
        said(
            Rule::IdentityMatches,
            &[],
            judge(&inputs.identity, |findings| findings.agrees()),
        ),
        said(
            Rule::FullyRegistered,
            &[SourceRefusal::NoSuchPatient],
            truth(&inputs.fully_registered),
        ),
        said(
            Rule::NotRestricted,
            &[SourceRefusal::Restricted],
            falsehood(&inputs.restricted),
        ),
        said(
            Rule::NotOptedOut,
            &[SourceRefusal::Dissent, SourceRefusal::SharingNotRecorded],
            opted_in,
        ),
    ];
    // Nobody asks for it but where section 251 is the gateway; there, silence is an opt-out (R176).
    if let Some(cleared) = &inputs.cleared {
        rules.push((Rule::NationalOptOut, truth(cleared)));
    }
    decision(rules, None)
}

/// May this read happen? The register and the holds are looked at afresh, so what is taken away is gone at once (R108).
#[must_use]
pub fn on_read(inputs: &ReadInputs) -> Decision {
    let staff = Staff::on_read(inputs);
    let open = |occasion: &OccasionFacts| {
        occasion.opened_at <= inputs.now
            && inputs.now < occasion.ends_at
            && !occasion.withdrawn
            && !occasion.refused_since
            && (!occasion.claimed || takes_claims(&inputs.viewer))
    };
    let (staff_rules, chosen) = staff.rules();
    let tabs = chosen
        .map(|protocol| protocol.tabs.0.and(inputs.granted.0))
        .unwrap_or_default();
    let wanted = inputs.asked.map_or(tabs, |asked| asked.0);
    let mut rules = vec![(Rule::OccasionOpen, judge(&inputs.occasion, open))];
    rules.extend(staff_rules);
    rules.extend([
        (
            Rule::PracticeSigned,
            judge(&inputs.practice, |p: &PracticeFacts| p.signed),
        ),
        (
            Rule::PracticeEnabled,
            judge(&inputs.practice, |p| p.enabled),
        ),
        (
            Rule::ClinicianAuthenticated,
            match &inputs.occasion {
                Fact::NotAsked => NotEvaluated,
                Fact::Unknown => Fail,
                Fact::Known(occasion) => judge(&inputs.practice, |p| proven(p, occasion.proof)),
            },
        ),
        (Rule::NotOptedOut, falsehood(&inputs.opted_out)),
        (Rule::NoHold, falsehood(&inputs.held)),
        (
            Rule::TabInDataSet,
            pass_if(!wanted.is_empty() && wanted.and(tabs) == wanted),
        ),
    ]);
    let mut decision = decision(rules, chosen);
    decision.tabs = wanted.and(tabs);
    decision.gateway = staff.gateway().map(|gateway| gateway.kind);
    decision
}

/// What is wrong with consent or override, where that is what a decision failed on.
pub(super) fn fault_before(inputs: &BeforeInputs) -> Fault {
    let gateway = Staff::before(inputs).gateway();
    inputs
        .basis
        .known()
        .and_then(|basis| fault_of(basis, gateway))
        .unwrap_or(Fault::ConsentMissing)
}

/// Why the gateway lets nothing through, where that is what a decision failed on.
pub(super) fn gateway_before(inputs: &BeforeInputs) -> Option<GatewayRefusal> {
    Staff::before(inputs).gateway_refusal()
}

/// The same of a read.
pub(super) fn gateway_on_read(inputs: &ReadInputs) -> Option<GatewayRefusal> {
    Staff::on_read(inputs).gateway_refusal()
}

fn fault_of(basis: &Basis, gateway: Option<&GatewayFacts>) -> Option<Fault> {
    gateway.map_or_else(
        || basis.fault(),
        |gateway| basis.fault_for_gateway(gateway.kind),
    )
}

/// The rules about the organisation and the person who look, and the protocol that covers them.
struct Staff<'a> {
    today: jiff::civil::Date,
    viewer: &'a Fact<ViewerFacts>,
    clinician: &'a Fact<ClinicianFacts>,
    terms: &'a str,
    purposes: &'a [String],
    protocols: &'a [ProtocolFacts],
    asked: Option<TabSet>,
    /// The tabs that a use other than direct care says it needs.
    needed: TabSet,
}

impl<'a> Staff<'a> {
    fn before(inputs: &'a BeforeInputs) -> Self {
        let asked = inputs.asked.map(|asked| asked.0);
        Self {
            today: inputs.today,
            viewer: &inputs.viewer,
            clinician: &inputs.clinician,
            terms: &inputs.terms,
            purposes: &inputs.purposes,
            protocols: &inputs.protocols,
            asked,
            needed: asked.unwrap_or_default(),
        }
    }

    fn on_read(inputs: &'a ReadInputs) -> Self {
        Self {
            today: inputs.today,
            viewer: &inputs.viewer,
            clinician: &inputs.clinician,
            terms: &inputs.terms,
            purposes: &inputs.purposes,
            protocols: &inputs.protocols,
            asked: None,
            needed: inputs.granted.0,
        }
    }

    /// The one purpose that is not direct care.
    fn other_purpose(&self) -> Option<&'a str> {
        match self.purposes {
            [one] if OTHER_PURPOSES.contains(&one.as_str()) => Some(one),
            _ => None,
        }
    }

    /// The flows for that purpose, whatever role and day.
    fn flows(&self) -> impl Iterator<Item = &'a ProtocolFacts> {
        let other = self.other_purpose();
        self.protocols.iter().filter(move |protocol| {
            protocol.gateway.is_some()
                && other.is_some_and(|other| protocol.purposes.iter().any(|one| one == other))
        })
    }

    /// The flow whose gateway is judged: the one that covers everything, else the nearest to it.
    fn flow(&self) -> Option<&'a ProtocolFacts> {
        let covering = || self.flows().filter(|protocol| self.covers(protocol));
        self.chosen()
            .or_else(|| covering().next())
            .or_else(|| self.flows().next())
    }

    /// The gateway of that flow; `None` for direct care.
    fn gateway(&self) -> Option<&'a GatewayFacts> {
        self.flow().and_then(|flow| flow.gateway.as_ref())
    }

    /// Why it lets nothing through: one patient is what is asked about, so what leaves could name them.
    fn gateway_refusal(&self) -> Option<GatewayRefusal> {
        let lets = |gateway: &GatewayFacts| {
            gateway
                .lets(self.needed, Output::Identifiable, self.today)
                .err()
        };
        match self.gateway() {
            None => Some(GatewayRefusal::None),
            Some(gateway) => lets(gateway),
        }
    }

    /// The protocol that covers all that is asked for: two flows of one organisation do not pool (R160).
    fn chosen(&self) -> Option<&'a ProtocolFacts> {
        let holds = |protocol: &ProtocolFacts| {
            protocol.gateway.as_ref().is_none_or(|gateway| {
                gateway
                    .lets(self.needed, Output::Identifiable, self.today)
                    .is_ok()
            })
        };
        self.protocols
            .iter()
            .filter(|protocol| self.covers(protocol))
            .filter(|protocol| {
                self.asked
                    .is_none_or(|asked| !asked.is_empty() && asked.and(protocol.tabs.0) == asked)
            })
            .max_by(|a, b| {
                let width = |p: &ProtocolFacts| p.tabs.0.bits().count_ones();
                let key = |p: &ProtocolFacts| (holds(p), width(p));
                key(a).cmp(&key(b)).then_with(|| b.id.cmp(&a.id))
            })
    }

    fn rules(&self) -> (Vec<(Rule, RuleOutcome)>, Option<&'a ProtocolFacts>) {
        let in_date = |until: Option<jiff::civil::Date>| until.is_some_and(|day| self.today <= day);
        let direct_care = |purpose: &String| DIRECT_CARE.contains(&purpose.as_str());
        let covered = self.protocols.iter().any(|protocol| self.covers(protocol));
        let chosen = self.chosen();
        // Which tabs a role gets cannot be said of a clinician who is not known.
        let of_role = |outcome: RuleOutcome| match self.clinician {
            Fact::Known(_) => outcome,
            Fact::NotAsked | Fact::Unknown => NotEvaluated,
        };
        let tabs_covered = if covered {
            pass_if(chosen.is_some())
        } else {
            NotEvaluated
        };
        let has_flow = self.flows().next().is_some();
        let qualified = match (self.viewer, self.clinician) {
            (Fact::Known(viewer), Fact::Known(clinician)) => {
                pass_if(viewer.qualified_roles.contains(&clinician.role))
            }
            _ => NotEvaluated,
        };
        let dependent = |outcome: RuleOutcome| match self.clinician {
            Fact::Unknown => NotEvaluated,
            _ => outcome,
        };
        let of_viewer = |outcome: RuleOutcome| match self.viewer {
            Fact::Unknown => NotEvaluated,
            _ => outcome,
        };
        let mut rules = vec![
            (
                Rule::OrganisationSigned,
                judge(self.viewer, |viewer| {
                    viewer.signed && viewer.kind == OrganisationKind::Viewer
                }),
            ),
            (
                Rule::OrganisationAdmitted,
                of_viewer(judge(self.viewer, |viewer| viewer.admitted)),
            ),
            (
                Rule::OrganisationActive,
                of_viewer(judge(self.viewer, |viewer| viewer.active)),
            ),
            (
                Rule::AssuranceInDate,
                of_viewer(judge(self.viewer, |viewer| in_date(viewer.assurance_until))),
            ),
            (
                Rule::EvidenceShared,
                of_viewer(judge(self.viewer, |viewer| viewer.evidence)),
            ),
            (
                Rule::ClinicianKnown,
                judge(self.clinician, |clinician| {
                    clinician.acts_for_viewer && !clinician.revoked
                }),
            ),
            (Rule::RoleQualified, qualified),
            (
                Rule::TrainingInDate,
                dependent(judge(self.clinician, |clinician| {
                    in_date(clinician.training_until)
                })),
            ),
            (
                Rule::TermsAccepted,
                dependent(judge(self.clinician, |clinician| {
                    clinician.terms_accepted.as_deref() == Some(self.terms)
                })),
            ),
            (
                Rule::PurposeDirectCare,
                // Refused by default; another use needs a flow of its own (R170).
                pass_if(
                    !self.purposes.is_empty() && self.purposes.iter().all(direct_care) || has_flow,
                ),
            ),
        ];
        if has_flow {
            rules.push((
                Rule::LegalGateway,
                pass_if(self.gateway_refusal().is_none()),
            ));
        }
        rules.extend([
            (Rule::ProtocolCoversRole, of_role(pass_if(covered))),
            (Rule::ProtocolCoversTabs, of_role(tabs_covered)),
        ]);
        (rules, chosen)
    }

    /// What is not for direct care flows through a legal gateway only, and through one nothing else does (R170), whatever the
    /// register let through.
    fn covers(&self, protocol: &ProtocolFacts) -> bool {
        protocol.gateway.is_some() == self.other_purpose().is_some()
            && protocol.from <= self.today
            && self.today <= protocol.until
            && !protocol.tabs.0.is_empty()
            && self
                .purposes
                .iter()
                .all(|purpose| protocol.purposes.contains(purpose))
    }
}

/// A practice may demand that who looks has signed in, and is not only named by somebody.
fn proven(practice: &PracticeFacts, proof: Proof) -> bool {
    !practice.demands_proof || proof == Proof::Authenticated
}

fn decision(rules: Vec<(Rule, RuleOutcome)>, chosen: Option<&ProtocolFacts>) -> Decision {
    Decision {
        rules,
        tabs: chosen.map(|protocol| protocol.tabs.0).unwrap_or_default(),
        protocol: chosen.map(|protocol| protocol.id.clone()),
        law: chosen.and_then(|protocol| protocol.law.clone()),
        covered: chosen.map(|protocol| protocol.tabs.0).unwrap_or_default(),
        gateway: None,
    }
}

fn judge<T>(fact: &Fact<T>, holds: impl FnOnce(&T) -> bool) -> RuleOutcome {
    match fact {
        Fact::NotAsked => NotEvaluated,
        Fact::Unknown => Fail,
        Fact::Known(value) => pass_if(holds(value)),
    }
}

fn truth(fact: &Fact<bool>) -> RuleOutcome {
    judge(fact, |value| *value)
}

fn falsehood(fact: &Fact<bool>) -> RuleOutcome {
    judge(fact, |value| !value)
}

fn pass_if(holds: bool) -> RuleOutcome {
    if holds { Pass } else { Fail }
}
