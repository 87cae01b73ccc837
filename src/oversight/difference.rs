//! What a changed register allows or stops, in words (R151, R167); [`super::try_out`] tries it out on people.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::gateway_difference;
use crate::record::OdsCode;
use crate::register::{Organisation, Protocol, Register, Relationship};
use crate::tabs::catalogue::{Tab, TabSet};

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Something becomes possible.
    Allows,
    /// Something is no longer possible.
    Stops,
    /// Something is recorded, or changes in another way.
    Records,
}

impl Effect {
    /// In plain words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allows => "allows",
            Self::Stops => "stops",
            Self::Records => "records",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it does.
    pub effect: Effect,
    /// In plain words.
    pub text: String,
}

/// What differs between two registers, in words.
#[must_use]
pub fn changes(old: &Register, new: &Register, today: Date) -> Vec<Change> {
    let mut changes = Vec::new();
    agreement(old, new, &mut changes);
    organisations(old, new, today, &mut changes);
    users(old, new, &mut changes);
    clients(old, new, &mut changes);
    protocols(old, new, &mut changes);
    changes
}

fn say(changes: &mut Vec<Change>, effect: Effect, text: String) {
    changes.push(Change { effect, text });
}

/// More, less, or just other.
pub(super) fn direction(more: bool, less: bool) -> Effect {
    match (more, less) {
        (true, false) => Effect::Allows,
        (false, true) => Effect::Stops,
        _ => Effect::Records,
    }
}

/// `Allows` where it was not and is, `Stops` where it was and is not.
fn switched(changes: &mut Vec<Change>, was: bool, is: bool, allows: String, stops: String) {
    match (was, is) {
        (false, true) => say(changes, Effect::Allows, allows),
        (true, false) => say(changes, Effect::Stops, stops),
        _ => {}
    }
}

fn agreement(old: &Register, new: &Register, changes: &mut Vec<Change>) {
    let (a, b) = (&old.agreement, &new.agreement);
    for version in b
        .versions
        .iter()
        .filter(|version| !a.versions.contains(version))
    {
        say(
            changes,
            Effect::Allows,
            format!("signatures under version {version} count"),
        );
    }
    for version in a
        .versions
        .iter()
        .filter(|version| !b.versions.contains(version))
    {
        say(
            changes,
            Effect::Stops,
            format!("signatures under version {version} no longer count"),
        );
    }
    if a.terms != b.terms {
        say(
            changes,
            Effect::Stops,
            format!(
                "whoever has not accepted the terms {} may not look",
                b.terms
            ),
        );
    }
    let version = &b.terms;
    match (&old.terms, &new.terms) {
        (Some(was), Some(is)) if was.version == is.version && was.digest() != is.digest() => say(
            changes,
            Effect::Stops,
            format!(
                "the text of the terms {version} changes under its version: who accepted them on the page may not look until they accept it again"
            ),
        ),
        (None, Some(_)) => say(
            changes,
            Effect::Allows,
            format!("who has not accepted the terms {version} can do so on the page"),
        ),
        (Some(_), None) => say(
            changes,
            Effect::Stops,
            format!("the terms {version} cannot be shown: no acceptance on the page counts"),
        ),
        _ => {}
    }
    if a.group != b.group {
        say(
            changes,
            Effect::Records,
            format!(
                "`{}` governs instead of `{}`; nobody signs again",
                b.group, a.group
            ),
        );
    }
    for (name, role) in &b.roles {
        match a.roles.get(name) {
            None => say(
                changes,
                Effect::Records,
                format!("there is a role `{name}`"),
            ),
            Some(before) => {
                switched(
                    changes,
                    before.clinical,
                    role.clinical,
                    format!("the role `{name}` is clinical"),
                    format!("the role `{name}` is no longer clinical"),
                );
                if before.duties != role.duties {
                    let more = !role.duties.is_subset(&before.duties);
                    let less = !before.duties.is_subset(&role.duties);
                    say(
                        changes,
                        direction(more, less),
                        format!("the role `{name}` has other duties"),
                    );
                }
            }
        }
    }
    for name in a.roles.keys().filter(|name| !b.roles.contains_key(*name)) {
        say(changes, Effect::Stops, format!("the role `{name}` is gone"));
    }
    if a.rules != b.rules {
        let more = b.rules.assurance_grace_days > a.rules.assurance_grace_days
            || (a.rules.missing_evidence_blocks && !b.rules.missing_evidence_blocks)
            || !a.rules.evidence.is_subset(&b.rules.evidence)
            || b.rules.objection_days < a.rules.objection_days
            || (a.rules.changes_need_instruction && !b.rules.changes_need_instruction);
        let less = b.rules.assurance_grace_days < a.rules.assurance_grace_days
            || (!a.rules.missing_evidence_blocks && b.rules.missing_evidence_blocks)
            || !b.rules.evidence.is_subset(&a.rules.evidence)
            || b.rules.objection_days > a.rules.objection_days
            || (!a.rules.changes_need_instruction && b.rules.changes_need_instruction);
        say(
            changes,
            direction(more, less),
            "the agreed rules change".to_owned(),
        );
    }
    if a.oversight != b.oversight {
        say(
            changes,
            Effect::Records,
            "the rules of oversight change: complaints, incidents, counts, what is flagged"
                .to_owned(),
        );
    }
    let reviews = b
        .reviews
        .iter()
        .filter(|review| !a.reviews.contains(review));
    for review in reviews {
        say(
            changes,
            Effect::Records,
            format!("the review of {} is recorded", review.date),
        );
    }
    let known: BTreeSet<&str> = a.instructions.iter().map(|one| one.id.as_str()).collect();
    for one in b
        .instructions
        .iter()
        .filter(|one| !known.contains(one.id.as_str()))
    {
        say(
            changes,
            Effect::Records,
            format!("instruction {} of {}: {}", one.id, one.by, one.what),
        );
    }
}

fn organisations(old: &Register, new: &Register, today: Date, changes: &mut Vec<Change>) {
    let nobody = |ods: &OdsCode, like: &Organisation| {
        Organisation::new(ods.clone(), like.name.clone(), like.kind)
    };
    let all: BTreeSet<&OdsCode> = old
        .organisations
        .keys()
        .chain(new.organisations.keys())
        .collect();
    for ods in all {
        let (before, after) = match (old.organisations.get(ods), new.organisations.get(ods)) {
            (Some(before), Some(after)) => (before.clone(), after.clone()),
            (None, Some(after)) => {
                say(
                    changes,
                    Effect::Records,
                    format!(
                        "{ods} ({}, {}) is in the register",
                        after.name,
                        after.kind.words()
                    ),
                );
                (nobody(ods, after), after.clone())
            }
            (Some(before), None) => {
                say(
                    changes,
                    Effect::Stops,
                    format!("{ods} ({}) is gone", before.name),
                );
                continue;
            }
            (None, None) => continue,
        };
        if before.kind != after.kind {
            say(
                changes,
                Effect::Records,
                format!("{ods} is a {} now", after.kind.words()),
            );
        }
        switched(
            changes,
            before.has_signed(&old.agreement, today),
            after.has_signed(&new.agreement, today),
            format!("the signature of {ods} counts"),
            format!("the signature of {ods} no longer counts"),
        );
        switched(
            changes,
            before.is_admitted(),
            after.is_admitted(),
            format!("{ods} is admitted"),
            format!("{ods} is not admitted yet"),
        );
        switched(
            changes,
            !before.is_stopped(),
            !after.is_stopped(),
            format!("{ods} is no longer suspended or withdrawn"),
            format!("{ods} is suspended or has withdrawn"),
        );
        switched(
            changes,
            before.is_enabled(),
            after.is_enabled(),
            format!("{ods} switches its sharing on"),
            format!("{ods} switches its sharing off"),
        );
        let (was, is) = (
            before.assured_until(&old.agreement.rules),
            after.assured_until(&new.agreement.rules),
        );
        if was != is {
            let until = is.map_or_else(|| "no more".to_owned(), |day| format!("until {day}"));
            say(
                changes,
                direction(is > was, is < was),
                format!("the assurance of {ods} counts {until}"),
            );
        }
        for role in after.qualified_roles.difference(&before.qualified_roles) {
            say(
                changes,
                Effect::Allows,
                format!("the role `{role}` is qualified at {ods}"),
            );
        }
        for role in before.qualified_roles.difference(&after.qualified_roles) {
            say(
                changes,
                Effect::Stops,
                format!("the role `{role}` is no longer qualified at {ods}"),
            );
        }
        for decline in after
            .declines
            .iter()
            .filter(|one| !before.declines(&one.protocol))
        {
            say(
                changes,
                Effect::Stops,
                format!("{ods} declines the flow `{}`", decline.protocol),
            );
        }
        for decline in before
            .declines
            .iter()
            .filter(|one| !after.declines(&one.protocol))
        {
            say(
                changes,
                Effect::Allows,
                format!("{ods} no longer declines the flow `{}`", decline.protocol),
            );
        }
        switched(
            changes,
            !before.applies_exclusion_list,
            !after.applies_exclusion_list,
            format!("{ods} no longer applies the exclusion list besides its private marks"),
            format!("{ods} applies the exclusion list besides its private marks"),
        );
        switched(
            changes,
            !before.demands_authenticated,
            !after.demands_authenticated,
            format!("{ods} takes the word of a clinician's organisation for who looks"),
            format!("{ods} lets nobody look who has not signed in"),
        );
        switched(
            changes,
            before.relationship == Relationship::Claim,
            after.relationship == Relationship::Claim,
            format!(
                "{ods} lets a clinician look who has no part in the episode but claims to care for the patient"
            ),
            format!("{ods} lets no clinician look who has no part in the episode"),
        );
        if before.source != after.source && before.source.is_some() {
            say(
                changes,
                Effect::Records,
                format!("the record of {ods} is asked for at another place"),
            );
        }
        let (was, is) = (
            before.owes(&old.agreement.rules, today),
            after.owes(&new.agreement.rules, today),
        );
        if was != is && after.kind == crate::register::OrganisationKind::Viewer {
            let text = if is.is_empty() {
                format!("{ods} owes no evidence any more")
            } else {
                format!("{ods} owes the evidence {}", is.join(", "))
            };
            let blocks = new.agreement.rules.missing_evidence_blocks;
            let effect = if blocks {
                direction(is.is_empty(), was.is_empty())
            } else {
                Effect::Records
            };
            say(changes, effect, text);
        }
        if before.sites != after.sites || before.parent != after.parent {
            say(
                changes,
                Effect::Records,
                format!("{ods} has another parent or other sites"),
            );
        }
    }
}

fn users(old: &Register, new: &Register, changes: &mut Vec<Change>) {
    for (name, user) in &new.users {
        let Some(before) = old.users.get(name) else {
            let effect = if user.revoked {
                Effect::Records
            } else {
                Effect::Allows
            };
            say(
                changes,
                effect,
                format!("`{name}` ({}) is in the register", user.role),
            );
            continue;
        };
        switched(
            changes,
            !before.revoked,
            !user.revoked,
            format!("`{name}` is no longer revoked"),
            format!("`{name}` is revoked"),
        );
        if before.role != user.role {
            say(
                changes,
                Effect::Records,
                format!("`{name}` is `{}` instead of `{}`", user.role, before.role),
            );
        }
        let (was, is): (BTreeSet<_>, BTreeSet<_>) = (
            before.organisations.iter().collect(),
            user.organisations.iter().collect(),
        );
        for ods in is.difference(&was) {
            say(changes, Effect::Allows, format!("`{name}` acts for {ods}"));
        }
        for ods in was.difference(&is) {
            say(
                changes,
                Effect::Stops,
                format!("`{name}` no longer acts for {ods}"),
            );
        }
        if before.training_until != user.training_until {
            let more = user.training_until > before.training_until;
            let until = user
                .training_until
                .map_or_else(|| "no more".to_owned(), |day| format!("until {day}"));
            say(
                changes,
                direction(more, !more),
                format!("the training of `{name}` counts {until}"),
            );
        }
        let version =
            |user: &crate::register::User| user.terms_accepted.clone().map(|(version, _)| version);
        if version(before) != version(user) {
            let more = version(user).as_deref() == Some(&new.agreement.terms);
            say(
                changes,
                direction(more, !more),
                format!("`{name}` has accepted other terms"),
            );
        }
    }
    for name in old
        .users
        .keys()
        .filter(|name| !new.users.contains_key(*name))
    {
        say(changes, Effect::Stops, format!("`{name}` is gone"));
    }
}

fn clients(old: &Register, new: &Register, changes: &mut Vec<Change>) {
    for (id, client) in &new.clients {
        match old.clients.get(id) {
            None => say(
                changes,
                Effect::Allows,
                format!("the client `{id}` is registered"),
            ),
            Some(before) if format!("{before:?}") != format!("{client:?}") => {
                say(
                    changes,
                    Effect::Records,
                    format!("the client `{id}` is registered otherwise"),
                );
            }
            Some(_) => {}
        }
    }
    for id in old
        .clients
        .keys()
        .filter(|id| !new.clients.contains_key(*id))
    {
        say(changes, Effect::Stops, format!("the client `{id}` is gone"));
    }
}

fn protocols(old: &Register, new: &Register, changes: &mut Vec<Change>) {
    for (id, protocol) in &new.protocols {
        match old.protocols.get(id) {
            None => {
                let text = format!("the flow `{id}` to {} is in the register", protocol.viewer);
                say(changes, Effect::Allows, text);
                let gateway = protocol.gateway.as_ref();
                changes.extend(gateway_difference::changes(id, None, gateway));
            }
            Some(before) => flow(id, before, protocol, changes),
        }
    }
    for id in old
        .protocols
        .keys()
        .filter(|id| !new.protocols.contains_key(*id))
    {
        say(changes, Effect::Stops, format!("the flow `{id}` is gone"));
    }
}

fn flow(id: &str, before: &Protocol, after: &Protocol, changes: &mut Vec<Change>) {
    let gateways = (before.gateway.as_ref(), after.gateway.as_ref());
    changes.extend(gateway_difference::changes(id, gateways.0, gateways.1));
    let roles: BTreeSet<&String> = before.roles.keys().chain(after.roles.keys()).collect();
    for role in roles {
        let tabs = |protocol: &Protocol| protocol.roles.get(role).copied().unwrap_or_default();
        let (was, is) = (tabs(before), tabs(after));
        let only = |a: TabSet, b: TabSet| -> Vec<&'static str> {
            a.iter()
                .filter(|tab| !b.contains(*tab))
                .map(Tab::code)
                .collect()
        };
        let (gained, lost) = (only(is, was), only(was, is));
        if !gained.is_empty() {
            say(
                changes,
                Effect::Allows,
                format!("`{id}` gives the role `{role}` {}", gained.join(", ")),
            );
        }
        if !lost.is_empty() {
            say(
                changes,
                Effect::Stops,
                format!(
                    "`{id}` no longer gives the role `{role}` {}",
                    lost.join(", ")
                ),
            );
        }
    }
    if before.valid != after.valid {
        let more = after.valid.0 < before.valid.0 || after.valid.1 > before.valid.1;
        let less = after.valid.0 > before.valid.0 || after.valid.1 < before.valid.1;
        say(
            changes,
            direction(more, less),
            format!(
                "`{id}` is in force from {} until {}",
                after.valid.0, after.valid.1
            ),
        );
    }
    for purpose in after
        .purposes
        .iter()
        .filter(|one| !before.purposes.contains(one))
    {
        say(
            changes,
            Effect::Allows,
            format!("`{id}` has the purpose {purpose}"),
        );
    }
    for purpose in before
        .purposes
        .iter()
        .filter(|one| !after.purposes.contains(one))
    {
        say(
            changes,
            Effect::Stops,
            format!("`{id}` no longer has the purpose {purpose}"),
        );
    }
    if before.viewer != after.viewer {
        say(
            changes,
            Effect::Records,
            format!(
                "`{id}` is for {} instead of {}",
                after.viewer, before.viewer
            ),
        );
    }
    if before.law != after.law
        || before.override_law != after.override_law
        || before.approval != after.approval
    {
        say(
            changes,
            Effect::Records,
            format!("`{id}` has another approval or lawful basis"),
        );
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
