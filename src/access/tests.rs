mod consent;
mod look_up;
mod matrix;
mod other_use;
mod properties;
mod states;

use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;

use super::basis::{
    Answer, Basis, ChildFacts, ChildSays, Fault, OverrideReason, ProxyBasis, ProxyFacts, Talk,
    Words,
};
use super::identity::IdentityFindings;
use super::rule::RULES;
use super::*;
use crate::record::{OdsCode, Registration};
use crate::register::{GatewayFacts, GatewayKind, OrganisationKind, Relationship};
use crate::source::SourceRefusal;
use crate::tabs::catalogue::Tab;

const GOOD: Talk = Talk::WHOLE;

const OVERRIDE: Basis = Basis::Override {
    reason: Some(OverrideReason::Unconscious),
    words: Words::Fair,
};

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

fn good_before() -> BeforeInputs {
    let today = date(2026, 11, 22);
    BeforeInputs {
        today,
        network_allowed: Fact::Known(true),
        client_authenticated: Fact::Known(true),
        viewer: Fact::Known(ViewerFacts {
            ods: ods("Z9O01"),
            kind: OrganisationKind::Viewer,
            signed: true,
            admitted: true,
            active: true,
            assurance_until: Some(today),
            evidence: true,
            relationship: Relationship::Episode,
            qualified_roles: vec!["gp".to_owned()],
        }),
        clinician: Fact::Known(ClinicianFacts {
            username: "clinician".to_owned(),
            role: "gp".to_owned(),
            acts_for_viewer: true,
            revoked: false,
            training_until: Some(today),
            terms_accepted: Some("1".to_owned()),
        }),
        terms: "1".to_owned(),
        purposes: vec!["TREAT".to_owned()],
        protocols: vec![ProtocolFacts {
            id: "p".to_owned(),
            purposes: vec!["TREAT".to_owned(), "ETREAT".to_owned(), "BTG".to_owned()],
            from: today,
            until: today,
            tabs: TabCodes(TabSet::ALL),
            law: None,
            gateway: None,
        }],
        asked: None,
        treatment_registered: Fact::Known(true),
        linked: Fact::Known(true),
        claimed: false,
        refusal_stands: Fact::Known(false),
        also_refused: Vec::new(),
        basis: Fact::Known(Basis::Consent(GOOD)),
    }
}

fn good_trace() -> AfterTraceInputs {
    AfterTraceInputs {
        traced: Fact::Known(true),
        sensitive: Fact::Known(false),
        deceased: Fact::Known(false),
        practice: Fact::Known(PracticeFacts {
            ods: ods("Z99001"),
            signed: true,
            enabled: true,
            demands_proof: false,
        }),
        proof: Proof::Asserted,
        age: Fact::Known(AgeBand::Adult),
        basis: Basis::Consent(GOOD),
    }
}

fn good_source() -> AfterSourceInputs {
    AfterSourceInputs {
        practice: ods("Z99001"),
        refusal: None,
        identity: Fact::Known(IdentityFindings {
            family: true,
            given: true,
            birth_date: true,
        }),
        fully_registered: Fact::Known(true),
        restricted: Fact::Known(false),
        sharing: Fact::Known(SharingFact::Implied),
        remembered_opt_out: Fact::Known(None),
        cleared: None,
    }
}

fn good_read() -> ReadInputs {
    let before = good_before();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    ReadInputs {
        now: at("2026-11-22T10:29:59Z"),
        today: before.today,
        occasion: Fact::Known(OccasionFacts {
            opened_at: at("2026-11-22T10:00:00Z"),
            ends_at: at("2026-11-22T10:30:00Z"),
            withdrawn: false,
            refused_since: false,
            claimed: false,
            proof: Proof::Asserted,
        }),
        viewer: before.viewer,
        clinician: before.clinician,
        terms: before.terms,
        purposes: before.purposes,
        protocols: before.protocols,
        practice: good_trace().practice,
        opted_out: Fact::Known(false),
        held: Fact::Known(false),
        granted: TabCodes(TabSet::ALL),
        asked: None,
    }
}

fn viewer(inputs: &mut BeforeInputs) -> &mut ViewerFacts {
    match &mut inputs.viewer {
        Fact::Known(viewer) => viewer,
        _ => panic!(),
    }
}

fn clinician(inputs: &mut BeforeInputs) -> &mut ClinicianFacts {
    match &mut inputs.clinician {
        Fact::Known(clinician) => clinician,
        _ => panic!(),
    }
}

fn set(tabs: &[Tab]) -> TabCodes {
    TabCodes(tabs.iter().copied().collect())
}

#[test]
fn what_is_in_order_is_permitted() {
    assert!(before(&good_before()).permitted());
    assert_eq!(before(&good_before()).tabs, TabSet::ALL);
    assert!(after_trace(&good_trace()).permitted());
    assert!(after_source(&good_source()).permitted());
    assert!(on_read(&good_read()).permitted());
}

type Break<T> = (Rule, fn(&mut T));

/// Each way to fail exactly one rule of `before`, in the order of the rules.
const BEFORE: [Break<BeforeInputs>; 34] = [
    // R109
    (Rule::NetworkAllowed, |i| {
        i.network_allowed = Fact::Known(false)
    }),
    (Rule::NetworkAllowed, |i| i.network_allowed = Fact::Unknown),
    // R108
    (Rule::ClientAuthenticated, |i| {
        i.client_authenticated = Fact::Unknown
    }),
    (Rule::ClientAuthenticated, |i| {
        i.client_authenticated = Fact::Known(false)
    }),
    // R150, R107
    (Rule::OrganisationSigned, |i| viewer(i).signed = false),
    (Rule::OrganisationSigned, |i| {
        viewer(i).kind = OrganisationKind::Commissioner
    }),
    (Rule::OrganisationSigned, |i| {
        viewer(i).kind = OrganisationKind::Practice
    }),
    (Rule::OrganisationSigned, |i| i.viewer = Fact::Unknown),
    // R152, R153
    (Rule::OrganisationAdmitted, |i| viewer(i).admitted = false),
    // R155, R156
    (Rule::OrganisationActive, |i| viewer(i).active = false),
    // R163
    (Rule::AssuranceInDate, |i| {
        viewer(i).assurance_until = Some(date(2026, 11, 21))
    }),
    (Rule::AssuranceInDate, |i| viewer(i).assurance_until = None),
    // R162
    (Rule::EvidenceShared, |i| viewer(i).evidence = false),
    // R101, R108
    (Rule::ClinicianKnown, |i| i.clinician = Fact::Unknown),
    (Rule::ClinicianKnown, |i| {
        clinician(i).acts_for_viewer = false
    }),
    (Rule::ClinicianKnown, |i| clinician(i).revoked = true),
    // R100
    (Rule::RoleQualified, |i| {
        clinician(i).role = "receptionist".to_owned()
    }),
    // R102, R103
    (Rule::TrainingInDate, |i| {
        clinician(i).training_until = Some(date(2026, 11, 21))
    }),
    (Rule::TrainingInDate, |i| clinician(i).training_until = None),
    (Rule::TermsAccepted, |i| clinician(i).terms_accepted = None),
    (Rule::TermsAccepted, |i| {
        clinician(i).terms_accepted = Some("0".to_owned())
    }),
    // R106, R170
    (Rule::PurposeDirectCare, |i| {
        i.purposes = vec!["HRESCH".to_owned()]
    }),
    (Rule::PurposeDirectCare, |i| i.purposes.clear()),
    // R160
    (Rule::ProtocolCoversRole, |i| i.protocols.clear()),
    (Rule::ProtocolCoversRole, |i| {
        i.protocols[0].tabs = TabCodes(TabSet::NONE)
    }),
    (Rule::ProtocolCoversRole, |i| {
        i.protocols[0].until = date(2026, 11, 21)
    }),
    (Rule::ProtocolCoversRole, |i| {
        i.protocols[0].from = date(2026, 11, 23)
    }),
    (Rule::ProtocolCoversTabs, |i| {
        i.protocols[0].tabs = set(&[Tab::Summary]);
        i.asked = Some(set(&[Tab::Summary, Tab::Events]));
    }),
    // R104
    (Rule::TreatmentRegistered, |i| {
        i.treatment_registered = Fact::Known(false)
    }),
    (Rule::TreatmentRegistered, |i| {
        i.treatment_registered = Fact::Unknown
    }),
    // R105
    (Rule::LegitimateRelationship, |i| {
        i.linked = Fact::Known(false)
    }),
    (Rule::LegitimateRelationship, |i| i.linked = Fact::Unknown),
    // R077
    (Rule::NoStandingRefusal, |i| {
        i.refusal_stands = Fact::Known(true)
    }),
    // R070
    (Rule::ConsentOrOverride, |i| {
        i.basis = Fact::Known(Basis::Consent(Talk::default()))
    }),
];

#[test]
fn each_rule_before_the_look_up_refuses_alone() {
    for (n, (rule, break_it)) in BEFORE.into_iter().enumerate() {
        let mut inputs = good_before();
        break_it(&mut inputs);
        let decision = before(&inputs);
        assert_eq!(decision.denied_by(), Some(rule), "case {n}");
        assert!(!decision.permitted());
    }
}

/// The breaks that leave viewer, clinician and protocol there to be broken further.
fn combinable() -> Vec<Break<BeforeInputs>> {
    BEFORE
        .into_iter()
        .filter(|(_, break_it)| {
            let mut inputs = good_before();
            break_it(&mut inputs);
            inputs.viewer.known().is_some()
                && inputs.clinician.known().is_some()
                && !inputs.protocols.is_empty()
        })
        .collect()
}

#[test]
fn the_first_failing_rule_wins_and_the_others_are_looked_at_all_the_same() {
    let breaks = combinable();
    let order = |rule| RULES.iter().position(|r| *r == rule);
    for (a, (first, break_first)) in breaks.iter().enumerate() {
        for (_, break_second) in breaks.iter().skip(a + 1) {
            let mut inputs = good_before();
            break_second(&mut inputs);
            break_first(&mut inputs);
            let decision = before(&inputs);
            let denied = decision.denied_by().unwrap();
            assert!(order(denied) <= order(*first), "{first:?}: {denied:?}");
            assert_eq!(decision.rules.len(), 18);
        }
    }
    let mut inputs = good_before();
    inputs.network_allowed = Fact::Known(false);
    clinician(&mut inputs).training_until = None;
    let decision = before(&inputs);
    assert_eq!(decision.denied_by(), Some(Rule::NetworkAllowed));
    assert!(
        decision
            .rules
            .contains(&(Rule::TrainingInDate, RuleOutcome::Fail))
    );
}

// R160: two flows of one organisation do not pool
#[test]
fn one_protocol_has_to_cover_all_that_is_asked_for() {
    let mut inputs = good_before();
    inputs.protocols[0].tabs = set(&[Tab::Summary, Tab::Medication]);
    let mut other = inputs.protocols[0].clone();
    other.id = "other".to_owned();
    other.tabs = set(&[Tab::Events]);
    inputs.protocols.push(other);
    inputs.asked = Some(set(&[Tab::Summary, Tab::Events]));
    assert_eq!(before(&inputs).denied_by(), Some(Rule::ProtocolCoversTabs));
    inputs.asked = Some(set(&[Tab::Events]));
    let decision = before(&inputs);
    assert_eq!(decision.protocol.as_deref(), Some("other"));
    assert_eq!(TabCodes(decision.tabs), set(&[Tab::Events]));
    inputs.asked = None;
    let decision = before(&inputs);
    assert_eq!(decision.protocol.as_deref(), Some("p"));
    // an override needs a protocol for its purposes
    inputs.protocols[0].purposes = vec!["TREAT".to_owned()];
    inputs.protocols[1].purposes = vec!["TREAT".to_owned()];
    inputs.purposes = vec!["BTG".to_owned(), "ETREAT".to_owned()];
    assert_eq!(before(&inputs).denied_by(), Some(Rule::ProtocolCoversRole));
}

// R034: less was asked for, less is given
#[test]
fn asking_for_less_gives_less() {
    let mut inputs = good_before();
    inputs.asked = Some(set(&[Tab::Medication]));
    assert_eq!(TabCodes(before(&inputs).tabs), set(&[Tab::Medication]));
    inputs.asked = Some(TabCodes(TabSet::NONE));
    assert_eq!(before(&inputs).denied_by(), Some(Rule::ProtocolCoversTabs));
}

// R105: what rests on the clinician's word alone, and whose word counts
#[test]
fn a_claim_is_one_where_somebody_is_needed_and_nobody_else_says_so() {
    let rests = |change: fn(&mut BeforeInputs)| {
        let mut inputs = good_before();
        viewer(&mut inputs).relationship = Relationship::Claim;
        inputs.linked = Fact::Known(false);
        inputs.claimed = true;
        change(&mut inputs);
        rests_on_claim(&inputs)
    };
    assert!(rests(|_| {}));
    assert!(rests(|i| i.linked = Fact::Unknown));
    assert!(rests(|i| {
        i.claimed = false;
        i.basis = Fact::Known(OVERRIDE);
    }));
    assert!(!rests(|i| i.linked = Fact::Known(true)));
    assert!(!rests(|i| i.linked = Fact::NotAsked));
    assert!(!rests(|i| i.claimed = false));
    assert!(!rests(|i| viewer(i).relationship = Relationship::Episode));
    assert!(!rests(|i| i.viewer = Fact::Unknown));
    // For another use: where the flow is for the viewer's own patients only, they have to be the clinician's too.
    for own in [true, false] {
        let mut inputs = states::good_other_use();
        inputs.linked = Fact::Known(false);
        inputs.claimed = true;
        viewer(&mut inputs).relationship = Relationship::Claim;
        inputs.protocols[0].gateway.as_mut().unwrap().treatment = own;
        assert_eq!(rests_on_claim(&inputs), own);
    }
}

// R105: a row from before the rule is decided as it was
#[test]
fn a_row_without_relationship_is_decided_as_it_was() {
    let mut row = serde_json::to_value(good_before()).unwrap();
    let row = row.as_object_mut().unwrap();
    assert!(row.remove("linked").is_some() && !row.contains_key("claimed"));
    row["viewer"]["known"]
        .as_object_mut()
        .unwrap()
        .remove("relationship");
    let old: BeforeInputs = serde_json::from_value(serde_json::Value::Object(row.clone())).unwrap();
    assert_eq!(old, good_before());
    assert!(before(&old).permitted());
    // As it stands in the trail: with the rules of then.
    let mut record = DecisionRecord::decide(Inputs::Before(old)).1;
    let own = Rule::LegitimateRelationship;
    record.rules.retain(|(rule, _)| *rule != own);
    assert!(record.still_holds());
    // A rule that refused is no rule that was not there.
    let mut inputs = good_before();
    inputs.linked = Fact::Known(false);
    let mut record = DecisionRecord::decide(Inputs::Before(inputs)).1;
    assert!(record.still_holds());
    record.rules.retain(|(rule, _)| *rule != own);
    assert!(!record.still_holds());
}

// R105, R108: what the viewer's policy allowed goes with the policy
#[test]
fn a_claim_lasts_as_long_as_claims_count() {
    for (relationship, claimed, reads) in [
        (Relationship::Claim, true, true),
        (Relationship::Claim, false, true),
        (Relationship::Episode, false, true),
        (Relationship::Episode, true, false),
    ] {
        let mut inputs = good_read();
        if let Fact::Known(occasion) = &mut inputs.occasion {
            occasion.claimed = claimed;
        }
        if let Fact::Known(viewer) = &mut inputs.viewer {
            viewer.relationship = relationship;
        }
        let denied = on_read(&inputs).denied_by();
        assert_eq!(denied, (!reads).then_some(Rule::OccasionOpen));
    }
}
