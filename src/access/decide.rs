//! The decisions. Each rule is looked at wherever its input is there; what is unknown fails.

use super::basis::{Basis, Fault};
use super::facts::{
    AfterSourceInputs, AfterTraceInputs, BeforeInputs, ClinicianFacts, Fact, OccasionFacts,
    PracticeFacts, Proof, ProtocolFacts, ReadInputs, SharingFact, ViewerFacts,
};
use super::{Decision, Rule, RuleOutcome};
use crate::register::OrganisationKind;
use crate::source::SourceRefusal;
use crate::tabs::catalogue::TabSet;

use RuleOutcome::{Fail, NotEvaluated, Pass};

/// Direct care, as v3-ActReason names it (S2 2.1.4): treatment, emergency treatment, break the glass.
pub const DIRECT_CARE: [&str; 3] = ["TREAT", "ETREAT", "BTG"];

/// May we ask at all? Nothing about the patient is known yet, so nobody can probe whether there is a record.
#[must_use]
pub fn before(inputs: &BeforeInputs) -> Decision {
    let staff = Staff {
        today: inputs.today,
        viewer: &inputs.viewer,
        clinician: &inputs.clinician,
        terms: &inputs.terms,
        purposes: &inputs.purposes,
        protocols: &inputs.protocols,
        asked: inputs.asked.map(|asked| asked.0),
    };
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
    rules.extend([
        (
            Rule::TreatmentRegistered,
            truth(&inputs.treatment_registered),
        ),
        (
            Rule::NoStandingRefusal,
            judge(&inputs.refusal_stands, |stands| !stands || changes_mind),
        ),
        (
            Rule::ConsentOrOverride,
            judge(&inputs.basis, |basis| basis.fault().is_none()),
        ),
    ]);
    let mut decision = decision(rules, chosen);
    if let Some(asked) = inputs.asked {
        decision.tabs = decision.tabs.and(asked.0);
    }
    decision
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
    decision(
        vec![
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
        ],
        None,
    )
}

/// May this read happen? The register and the holds are looked at afresh, so what is taken away is gone at once (R108).
#[must_use]
pub fn on_read(inputs: &ReadInputs) -> Decision {
    let staff = Staff {
        today: inputs.today,
        viewer: &inputs.viewer,
        clinician: &inputs.clinician,
        terms: &inputs.terms,
        purposes: &inputs.purposes,
        protocols: &inputs.protocols,
        asked: None,
    };
    let open = |occasion: &OccasionFacts| {
        occasion.opened_at <= inputs.now
            && inputs.now < occasion.ends_at
            && !occasion.withdrawn
            && !occasion.refused_since
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
    decision
}

/// What is wrong with consent or override, where that is what a decision failed on.
pub(super) fn fault_before(basis: &Fact<Basis>) -> Fault {
    basis
        .known()
        .and_then(Basis::fault)
        .unwrap_or(Fault::ConsentMissing)
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
}

impl<'a> Staff<'a> {
    fn rules(&self) -> (Vec<(Rule, RuleOutcome)>, Option<&'a ProtocolFacts>) {
        let in_date = |until: Option<jiff::civil::Date>| until.is_some_and(|day| self.today <= day);
        let direct_care = |purpose: &String| DIRECT_CARE.contains(&purpose.as_str());
        let covering: Vec<&ProtocolFacts> = self
            .protocols
            .iter()
            .filter(|protocol| self.covers(protocol))
            .collect();
        // Two flows of one organisation do not pool (R160): one protocol has to cover all that is asked for.
        let chosen = covering
            .iter()
            .copied()
            .filter(|protocol| {
                self.asked
                    .is_none_or(|asked| !asked.is_empty() && asked.and(protocol.tabs.0) == asked)
            })
            .max_by(|a, b| {
                let width = |p: &ProtocolFacts| p.tabs.0.bits().count_ones();
                width(a).cmp(&width(b)).then_with(|| b.id.cmp(&a.id))
            });
        // Which tabs a role gets cannot be said of a clinician who is not known.
        let of_role = |outcome: RuleOutcome| match self.clinician {
            Fact::Known(_) => outcome,
            Fact::NotAsked | Fact::Unknown => NotEvaluated,
        };
        let tabs_covered = if covering.is_empty() {
            NotEvaluated
        } else {
            pass_if(chosen.is_some())
        };
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
        let rules = vec![
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
                pass_if(!self.purposes.is_empty() && self.purposes.iter().all(direct_care)),
            ),
            (
                Rule::ProtocolCoversRole,
                of_role(pass_if(!covering.is_empty())),
            ),
            (Rule::ProtocolCoversTabs, of_role(tabs_covered)),
        ];
        (rules, chosen)
    }

    fn covers(&self, protocol: &ProtocolFacts) -> bool {
        protocol.from <= self.today
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
