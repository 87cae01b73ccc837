//! The register of signatories (S2 preamble, 14.2; S1 "List of signatories"; R151): who takes part, in what state, since when.
//!
//! State is worked out by the same facts that decisions look at, so it cannot say something else than what happens. The public
//! form names organisations and flows, no people.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::occasion::RegisterView;
use crate::record::OdsCode;
use crate::register::{Holds, Organisation, OrganisationKind, Register};

/// What an organisation may do just now, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// It looks, or shares.
    pub takes_part: bool,
    /// In plain words.
    pub words: String,
}

/// The state of an organisation as decisions see it.
#[must_use]
pub fn state(register: &Register, holds: &Holds, today: Date, ods: &OdsCode) -> Option<State> {
    let view = RegisterView {
        register,
        holds,
        today,
    };
    let organisation = register.organisations.get(ods)?;
    let stopped = |words: &str| State {
        takes_part: false,
        words: words.to_owned(),
    };
    let signed = organisation.has_signed(&register.agreement, today);
    let state = match organisation.kind {
        OrganisationKind::Commissioner => stopped("may never look"),
        OrganisationKind::IgOffice => stopped("acts for practices, and never looks"),
        _ if holds.everything => stopped("nobody looks at anything just now"),
        _ if organisation.withdrawal.is_some() => stopped("has withdrawn"),
        _ if organisation.suspension.is_some() || holds.stops(ods) => stopped("is suspended"),
        _ if !signed => stopped("has not signed"),
        _ if !organisation.is_admitted() => stopped("has not been admitted yet"),
        OrganisationKind::Practice if holds.practices_off.contains(ods) => {
            stopped("has switched its sharing off")
        }
        OrganisationKind::Practice if !organisation.is_enabled() => {
            stopped("has signed and has not switched its sharing on")
        }
        OrganisationKind::Practice => State {
            takes_part: true,
            words: "shares".to_owned(),
        },
        OrganisationKind::Viewer => {
            let facts = view.viewer(ods);
            let facts = facts.known()?;
            let flows = register
                .protocols
                .values()
                .any(|protocol| protocol.viewer == *ods && protocol.is_in_force(today));
            if facts.assurance_until.is_none_or(|until| until < today) {
                stopped("may not look: its assurance has lapsed")
            } else if !facts.evidence {
                stopped("may not look: it owes evidence of training or policies")
            } else if !flows {
                stopped("may not look: no protocol is in force")
            } else {
                State {
                    takes_part: true,
                    words: "may look".to_owned(),
                }
            }
        }
    };
    Some(state)
}

/// The register for everybody: organisations with their state, and the flows.
#[must_use]
pub fn public(register: &Register, holds: &Holds, today: Date) -> Value {
    let organisations: Vec<Value> = register
        .organisations
        .values()
        .map(|organisation| {
            let state = state(register, holds, today, &organisation.ods);
            json!({
                "ods": organisation.ods.0,
                "name": organisation.name,
                "kind": organisation.kind,
                "parent": organisation.parent.as_ref().map(|ods| &ods.0),
                "sites": organisation.sites.iter().map(|(ods, name)| json!({"ods": ods.0, "name": name})).collect::<Vec<_>>(),
                "signed": organisation.signature.as_ref().map(|signature| json!({"agreement": signature.agreement, "date": signature.date})),
                "takes_part": state.as_ref().is_some_and(|state| state.takes_part),
                "state": state.map(|state| state.words),
                "declines": organisation.declines.iter().map(|decline| &decline.protocol).collect::<Vec<_>>(),
            })
        })
        .collect();
    let protocols: Vec<Value> = register
        .protocols
        .values()
        .map(|protocol| {
            let roles: serde_json::Map<String, Value> = protocol
                .roles
                .iter()
                .map(|(role, tabs)| {
                    let tabs: Vec<&str> = tabs.iter().map(|tab| tab.code()).collect();
                    (role.clone(), json!(tabs))
                })
                .collect();
            json!({
                "id": protocol.id,
                "viewer": protocol.viewer.0,
                "purposes": protocol.purposes,
                "why": protocol.why,
                "how": protocol.how,
                "roles": roles,
                "from": protocol.valid.0,
                "until": protocol.valid.1,
                "in_force": protocol.is_in_force(today),
                "approved": {
                    "by": protocol.approval.by,
                    "minutes": protocol.approval.minutes,
                    "reference": protocol.approval.reference,
                    "by_the_governing_group": register.agreement.is_governing_body(&protocol.approval.by),
                },
                "law": protocol.law,
                "override_law": protocol.override_law,
                "review_due": protocol.review_due,
            })
        })
        .collect();
    json!({
        "agreement": register.agreement.name,
        "versions": register.agreement.versions,
        "group": register.agreement.group,
        "former_groups": register.agreement.former_groups.iter().map(|group| json!({"name": group.name, "until": group.until})).collect::<Vec<_>>(),
        "next_review": register.agreement.next_review(),
        "as_of": today,
        "register": register.hash,
        "organisations": organisations,
        "protocols": protocols,
    })
}

/// The approved flows that are in force for a practice on a day (S0 1a: indemnity turns on it; R166): id of the protocol, its
/// viewer, its approval in words.
#[must_use]
pub fn approved_flows(
    register: &Register,
    practice: &OdsCode,
    day: Date,
) -> Vec<(String, OdsCode, String)> {
    let shares = register
        .organisations
        .get(practice)
        .filter(|one| one.kind == OrganisationKind::Practice && was_enabled(one, day));
    let Some(shares) = shares else {
        return Vec::new();
    };
    register
        .protocols
        .values()
        .filter(|protocol| {
            protocol.is_in_force(day)
                && register.agreement.is_governing_body(&protocol.approval.by)
                && protocol.approval.minutes <= day
                && !shares
                    .declines
                    .iter()
                    .any(|decline| decline.protocol == protocol.id && decline.date <= day)
        })
        .map(|protocol| {
            let approval = &protocol.approval;
            (
                protocol.id.clone(),
                protocol.viewer.clone(),
                format!(
                    "{}, {}, {}",
                    approval.by, approval.minutes, approval.reference
                ),
            )
        })
        .collect()
}

fn was_enabled(practice: &Organisation, day: Date) -> bool {
    practice
        .enablement
        .iter()
        .rfind(|switch| switch.date <= day)
        .is_some_and(|switch| switch.on)
}

/// One organisation with its history, in lines for people who may read names (the operator, the oversight group).
#[must_use]
pub fn history(register: &Register, holds: &Holds, today: Date, ods: &OdsCode) -> Vec<String> {
    let Some(organisation) = register.organisations.get(ods) else {
        return Vec::new();
    };
    let state = state(register, holds, today, ods).map(|state| state.words);
    let mut lines = vec![format!(
        "{ods}  {} ({}): {}",
        organisation.name,
        organisation.kind.words(),
        state.unwrap_or_default()
    )];
    let mut dated: Vec<(Date, String)> = Vec::new();
    for signature in organisation
        .former_signatures
        .iter()
        .chain(&organisation.signature)
    {
        dated.push((
            signature.date,
            format!(
                "signed version {} by {}, {}",
                signature.agreement, signature.name, signature.title
            ),
        ));
    }
    if let Some(joining) = &organisation.joining {
        dated.push((joining.applied, "applied to join".to_owned()));
        for (approval, which) in [
            (&joining.first_approval, "practices"),
            (&joining.final_approval, "group"),
        ] {
            if let Some(approval) = approval {
                dated.push((
                    approval.minutes,
                    format!(
                        "approved for the {which} by {}, {}",
                        approval.by, approval.reference
                    ),
                ));
            }
        }
        if let Some(notified) = joining.notified {
            dated.push((
                notified,
                format!("{} parties were told", joining.notices.len()),
            ));
        }
        for objection in &joining.objections {
            dated.push((
                objection.date,
                format!("{} objected: {}", objection.by, objection.reason),
            ));
            if let (Some(day), Some(how)) = (objection.resolved, &objection.resolution) {
                dated.push((
                    day,
                    format!("the objection of {} was resolved: {how}", objection.by),
                ));
            }
        }
    }
    for switch in &organisation.enablement {
        let on = if switch.on { "on" } else { "off" };
        dated.push((
            switch.date,
            format!("sharing switched {on} by {}, {}", switch.by, switch.how),
        ));
    }
    for decline in &organisation.declines {
        dated.push((
            decline.date,
            format!("declines the flow `{}`: {}", decline.protocol, decline.by),
        ));
    }
    if let Some(assurance) = &organisation.assurance {
        dated.push((
            assurance.submitted,
            "submitted its yearly assurance".to_owned(),
        ));
    }
    for (stop, what) in [
        (&organisation.suspension, "suspended"),
        (&organisation.withdrawal, "withdrew"),
    ] {
        if let Some(stop) = stop {
            dated.push((stop.since, format!("{what}: {} ({})", stop.reason, stop.by)));
        }
    }
    dated.sort_by_key(|(day, _)| *day);
    lines.extend(
        dated
            .into_iter()
            .map(|(day, what)| format!("    {day}  {what}")),
    );
    lines
}

#[cfg(test)]
#[path = "signatories_tests.rs"]
mod tests;
