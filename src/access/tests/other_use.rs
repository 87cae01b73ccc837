//! Which flow and which legal gateway is judged, where there are several.

use super::states::good_other_use;
use super::*;
use crate::register::GatewayRefusal;

fn outcome(decision: &Decision, rule: Rule) -> Option<RuleOutcome> {
    let mut found = decision.rules.iter().filter(|(one, _)| *one == rule);
    found.next().map(|(_, outcome)| *outcome)
}

// R171: consent that names another use is no consent to treatment
#[test]
fn consent_to_another_use_opens_nothing_for_treatment() {
    for (to_this_use, fault) in [
        (None, None),
        (Some(true), None),
        (Some(false), Some(Fault::NotToThisUse)),
    ] {
        let talk = Talk {
            to_this_use,
            ..GOOD
        };
        assert_eq!(Basis::Consent(talk).fault(), fault);
        let mut inputs = good_before();
        inputs.basis = Fact::Known(Basis::Consent(talk));
        let denied = before(&inputs).denied_by();
        assert_eq!(denied, fault.map(|_| Rule::ConsentOrOverride));
    }
}

// R173, R176: the decision says by which gateway, when it opens and on every read; direct care has none
#[test]
fn a_decision_names_its_gateway() {
    let inputs = good_other_use();
    assert_eq!(before(&inputs).gateway, Some(GatewayKind::Section251));
    let read = ReadInputs {
        purposes: inputs.purposes.clone(),
        protocols: inputs.protocols.clone(),
        granted: set(&[Tab::Problems]),
        ..good_read()
    };
    assert_eq!(on_read(&read).gateway, Some(GatewayKind::Section251));
    assert!(on_read(&read).permitted());
    assert_eq!(before(&good_before()).gateway, None);
    assert_eq!(on_read(&good_read()).gateway, None);
}

// R160, R170: a flow without a gateway lets nothing out on the strength of another flow's
#[test]
fn a_gateway_is_not_lent_to_another_flow() {
    let mut inputs = good_other_use();
    let mut other = inputs.protocols[0].clone();
    other.id = "other".to_owned();
    other.gateway = None;
    other.tabs = TabCodes(TabSet::ALL);
    inputs.protocols.push(other);
    inputs.asked = Some(set(&[Tab::Events]));
    let decision = before(&inputs);
    assert_eq!(decision.denied_by(), Some(Rule::ProtocolCoversTabs));
    assert_eq!(decision.protocol, None);
    inputs.asked = Some(set(&[Tab::Problems]));
    assert_eq!(before(&inputs).protocol.as_deref(), Some("p"));
    // and what has a gateway is for its use, not for treatment
    let mut inputs = good_before();
    inputs.protocols[0].gateway = good_other_use().protocols.remove(0).gateway;
    let decision = before(&inputs);
    assert_eq!(decision.denied_by(), Some(Rule::ProtocolCoversRole));
    assert_eq!(decision.gateway, None);
    assert_eq!(outcome(&decision, Rule::LegalGateway), None);
}

// R170: a flow for several uses is a flow for each of them
#[test]
fn a_flow_may_be_for_several_uses() {
    let mut inputs = good_other_use();
    inputs.protocols[0].purposes = vec!["PUBHLTH".to_owned(), "HRESCH".to_owned()];
    assert!(before(&inputs).permitted());
}

// R170: whose gateway is named where no flow covers everything: of those in force for the role the first, else of any
#[test]
fn the_nearest_flow_is_judged() {
    let mut inputs = good_other_use();
    let mut ended = inputs.protocols[0].clone();
    ended.id = "ended".to_owned();
    ended.until = date(2026, 11, 21);
    let gateway = ended.gateway.as_mut().unwrap();
    gateway.kind = GatewayKind::Anonymised;
    gateway.missing = vec!["evidence".to_owned()];
    inputs.protocols.insert(0, ended);
    // a tab of no flow: nothing is chosen
    inputs.asked = Some(set(&[Tab::Events]));
    let decision = before(&inputs);
    assert_eq!(decision.protocol, None);
    assert_eq!(decision.gateway, Some(GatewayKind::Section251));
    let legal = outcome(&decision, Rule::LegalGateway);
    assert_eq!(legal, Some(RuleOutcome::Pass));
    assert_eq!(decision.denied_by(), Some(Rule::ProtocolCoversTabs));
    // only the one that is over
    inputs.protocols.truncate(1);
    let decision = before(&inputs);
    assert_eq!(decision.gateway, Some(GatewayKind::Anonymised));
    assert_eq!(decision.denied_by(), Some(Rule::LegalGateway));
    let said = Inputs::Before(inputs).reason(Rule::LegalGateway);
    assert_eq!(said, GatewayRefusal::Evidence.code());
}

// R160: an open gateway is chosen before a wider flow whose gateway is shut
#[test]
fn an_open_gateway_is_chosen_before_a_wider_one_that_is_shut() {
    let mut inputs = good_other_use();
    let mut wider = inputs.protocols[0].clone();
    wider.id = "a".to_owned();
    wider.tabs = set(&[Tab::Problems, Tab::Medication, Tab::Events]);
    wider.gateway.as_mut().unwrap().until = date(2026, 11, 21);
    inputs.protocols.push(wider);
    let decision = before(&inputs);
    assert_eq!(decision.protocol.as_deref(), Some("p"));
    assert!(decision.permitted());
}

// issue 5.3: a rule that did not fail has its own code for a reason
#[test]
fn a_rule_that_holds_has_its_own_code() {
    let rule = Rule::ConsentOrOverride;
    assert_eq!(Inputs::AfterTrace(good_trace()).reason(rule), rule.code());
    let unknown = AfterTraceInputs {
        age: Fact::Unknown,
        ..good_trace()
    };
    assert_ne!(Inputs::AfterTrace(unknown).reason(rule), rule.code());
}

// issue 5.3: a decision kept from before R152 and R162 were rules is replayed as it was
#[test]
fn older_facts_of_a_viewer_are_read_as_they_were_meant() {
    let mut facts = serde_json::to_value(good_before().viewer.known().unwrap()).unwrap();
    let fields = facts.as_object_mut().unwrap();
    fields.remove("admitted").unwrap();
    fields.remove("evidence").unwrap();
    let read: ViewerFacts = serde_json::from_value(facts).unwrap();
    assert!(read.admitted && read.evidence);
}

// R101: only the one word is proof
#[test]
fn whatever_is_not_proof_is_somebodys_word() {
    for (word, proof) in [
        (crate::access::AUTHENTICATED, Proof::Authenticated),
        ("asserted", Proof::Asserted),
        ("", Proof::Asserted),
        ("Authenticated ", Proof::Asserted),
    ] {
        assert_eq!(Proof::of(word), proof, "{word}");
    }
}
