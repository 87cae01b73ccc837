//! Two registers tried out on people: what each user sees of each patient under one and under the other, by the real rules.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::access::basis::{Basis, OverrideReason, Talk, Words};
use crate::access::{AfterTraceInputs, AgeBand, BeforeInputs, Fact, Inputs, Proof, Rule, TabCodes};
use crate::occasion::RegisterView;
use crate::record::OdsCode;
use crate::register::{Holds, OTHER_PURPOSES, Register};
use crate::store::terms::AcceptanceRow;
use crate::tabs::catalogue::{TABS, TabSet};

/// Somebody on whom a register is tried out: what of them decisions look at.
#[derive(Debug, Clone)]
pub struct Patient {
    /// What stands for them in the answer.
    pub name: String,
    /// Their practice.
    pub practice: OdsCode,
    /// The trace knows the number and says that it is verified.
    pub traced: bool,
    /// S-flag.
    pub sensitive: bool,
    /// Died.
    pub deceased: bool,
}

/// What a record is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Direct care, with consent.
    Care,
    /// Direct care, by an override.
    Emergency,
    /// This other purpose (v3-ActReason), with what the flow's legal gateway asks for; each tab asked for by itself.
    Other(&'static str),
}

/// A clinician's view of a patient's record that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Username.
    pub user: String,
    /// For which organisation.
    pub viewer: OdsCode,
    /// For what.
    pub purpose: Use,
    /// Tabs that become visible.
    pub gained: TabSet,
    /// Tabs that are no longer visible.
    pub lost: TabSet,
    /// The rule that refuses now, where nothing is left.
    pub refused_by: Option<Rule>,
    /// Whose records.
    pub patients: Vec<String>,
}

/// What every user sees of every patient under one register and under the other. What only a look-up could tell is taken to be
/// in order; each patient is registered for treatment everywhere, each clinician has a part in it, and has accepted the terms of
/// the old register on the page.
#[must_use]
pub fn try_out(old: &Register, new: &Register, today: Date, patients: &[Patient]) -> Vec<Tried> {
    let mut users: BTreeSet<(&str, &OdsCode)> = BTreeSet::new();
    for register in [old, new] {
        for user in register.users.values() {
            users.extend(
                user.organisations
                    .iter()
                    .map(|ods| (user.username.as_str(), ods)),
            );
        }
    }
    let accepted = accepted_by_all(old, users.iter().map(|(user, _)| *user));
    type Key<'a> = (&'a str, &'a OdsCode, Use, u16, u16, Option<&'static str>);
    let mut found: BTreeMap<Key<'_>, Tried> = BTreeMap::new();
    for (user, viewer) in users {
        for purpose in uses(old, new, viewer) {
            for patient in patients {
                let (was, _) = seen(old, today, (user, viewer, &accepted), purpose, patient);
                let (is, refused_by) =
                    seen(new, today, (user, viewer, &accepted), purpose, patient);
                let only = |a: TabSet, b: TabSet| {
                    a.iter().filter(|tab| !b.contains(*tab)).collect::<TabSet>()
                };
                let (gained, lost) = (only(is, was), only(was, is));
                if gained.is_empty() && lost.is_empty() {
                    continue;
                }
                let refused_by = refused_by.filter(|_| is.is_empty());
                let key = (
                    user,
                    viewer,
                    purpose,
                    gained.bits(),
                    lost.bits(),
                    refused_by.map(Rule::code),
                );
                found
                    .entry(key)
                    .or_insert_with(|| Tried {
                        user: user.to_owned(),
                        viewer: viewer.clone(),
                        purpose,
                        gained,
                        lost,
                        refused_by,
                        patients: Vec::new(),
                    })
                    .patients
                    .push(patient.name.clone());
            }
        }
    }
    found.into_values().collect()
}

/// User, viewer, and what was accepted on the page.
type Who<'a> = (&'a str, &'a OdsCode, &'a [AcceptanceRow]);

/// What stands in the store is not asked: everybody has accepted these terms on the page.
fn accepted_by_all<'a>(
    register: &Register,
    users: impl Iterator<Item = &'a str>,
) -> Vec<AcceptanceRow> {
    let Some(terms) = &register.terms else {
        return Vec::new();
    };
    users
        .map(|user| AcceptanceRow {
            username: user.to_owned(),
            version: terms.version.clone(),
            text_sha256: terms.digest(),
            at: jiff::Timestamp::UNIX_EPOCH,
            client: String::new(),
            organisation: OdsCode(String::new()),
        })
        .collect()
}

/// Direct care, and what this viewer has another flow for under either register.
fn uses(old: &Register, new: &Register, viewer: &OdsCode) -> Vec<Use> {
    let has = |purpose: &str| {
        [old, new].iter().any(|register| {
            let mut flows = register
                .protocols
                .values()
                .filter(|flow| flow.viewer == *viewer);
            flows.any(|flow| flow.purposes.iter().any(|own| own == purpose))
        })
    };
    let others = OTHER_PURPOSES.into_iter().filter(|purpose| has(purpose));
    [Use::Care, Use::Emergency]
        .into_iter()
        .chain(others.map(Use::Other))
        .collect()
}

/// What this user sees of this patient, and the rule that refuses where that is nothing.
fn seen(
    register: &Register,
    today: Date,
    who: Who<'_>,
    purpose: Use,
    patient: &Patient,
) -> (TabSet, Option<Rule>) {
    let ask = |purposes: &[&str], basis: Basis, asked: Option<TabSet>| {
        asked_for(register, today, who, (purposes, basis, asked), patient)
    };
    match purpose {
        Use::Care => ask(&["TREAT"], CONSENT, None),
        Use::Emergency => ask(&["BTG", "ETREAT"], OVERRIDE, None),
        Use::Other(purpose) => {
            // Some gateways ask the patient, the others nobody.
            let ways: Vec<_> = [consent_to_this_use(), Basis::Gateway]
                .into_iter()
                .flat_map(|basis| {
                    TABS.map(|tab| ask(&[purpose], basis, Some([tab].into_iter().collect())))
                })
                .collect();
            let tabs: TabSet = ways.iter().flat_map(|(tabs, _)| tabs.iter()).collect();
            // Of so many refusals, the one that came furthest.
            let rules = ways.into_iter().filter_map(|(_, rule)| rule);
            (tabs, rules.max_by_key(|rule| *rule as u8))
        }
    }
}

fn asked_for(
    register: &Register,
    today: Date,
    (user, viewer, accepted): Who<'_>,
    (purposes, basis, asked): (&[&str], Basis, Option<TabSet>),
    patient: &Patient,
) -> (TabSet, Option<Rule>) {
    let holds = Holds::default();
    let view = RegisterView {
        register,
        holds: &holds,
        today,
    };
    let purposes: Vec<String> = purposes.iter().map(|&purpose| purpose.to_owned()).collect();
    let clinician = view.clinician(user, viewer, viewer, accepted);
    let role = clinician.known().map(|clinician| clinician.role.as_str());
    let before = BeforeInputs {
        today,
        network_allowed: Fact::Known(true),
        client_authenticated: Fact::Known(true),
        viewer: view.viewer(viewer),
        protocols: view.protocols(viewer, role, None, &purposes),
        clinician,
        terms: register.agreement.terms.clone(),
        purposes,
        asked: asked.map(TabCodes),
        treatment_registered: Fact::Known(true),
        linked: Fact::Known(true),
        claimed: false,
        refusal_stands: Fact::Known(false),
        also_refused: Vec::new(),
        basis: Fact::Known(basis),
    };
    let first = Inputs::Before(before).decide();
    if let Some(rule) = first.denied_by() {
        return (TabSet::NONE, Some(rule));
    }
    let protocol = first.protocol.clone().unwrap_or_default();
    let trace = AfterTraceInputs {
        traced: Fact::Known(patient.traced),
        sensitive: Fact::Known(patient.sensitive),
        deceased: Fact::Known(patient.deceased),
        practice: view.practice(Some(&patient.practice), viewer, &protocol),
        proof: Proof::Asserted,
        age: Fact::Known(AgeBand::Adult),
        basis,
    };
    let second = Inputs::AfterTrace(trace).decide();
    if first.permitted() && second.permitted() {
        (first.tabs, None)
    } else {
        (TabSet::NONE, second.denied_by())
    }
}

/// A whole conversation about care.
pub(crate) const CONSENT: Basis = Basis::Consent(Talk::WHOLE);

/// One about the very use that is asked for.
pub(crate) fn consent_to_this_use() -> Basis {
    Basis::Consent(Talk {
        to_this_use: Some(true),
        ..Talk::WHOLE
    })
}

/// An override for a reason that counts.
pub(crate) const OVERRIDE: Basis = Basis::Override {
    reason: Some(OverrideReason::Unconscious),
    words: Words::Fair,
};

#[cfg(test)]
#[path = "try_out_tests.rs"]
mod tests;
