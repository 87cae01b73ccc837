//! What is valid and yet needs somebody's attention: reviews that are due, what lapses within a month, what is owed.

use jiff::ToSpan;
use jiff::civil::Date;

use super::organisation::{Organisation, OrganisationKind};
use super::{AGREEMENT, ORGANISATIONS, PROTOCOLS, Register, TERMS, USERS};

/// Days ahead that are looked at.
pub const AHEAD: i64 = 30;

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file that it is in.
    pub file: &'static str,
    /// The rule behind it.
    pub rule: &'static str,
    /// In plain words.
    pub text: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} ({})", self.file, self.text, self.rule)
    }
}

/// How a last day lies to today.
fn lapse(until: Date, today: Date) -> Option<String> {
    let soon = today.checked_add(AHEAD.days()).unwrap_or(Date::MAX);
    if until < today {
        Some(format!("has lapsed on {until}"))
    } else if until <= soon {
        Some(format!("lapses on {until}"))
    } else {
        None
    }
}

impl Register {
    /// What needs attention on `today`, in the order of the files.
    #[must_use]
    pub fn warnings(&self, today: Date) -> Vec<Warning> {
        let mut found = Vec::new();
        let mut warn = |file, rule, text| found.push(Warning { file, rule, text });
        match self.agreement.next_review() {
            Some(due) => {
                if let Some(words) = lapse(due, today) {
                    let words = words
                        .replace("has lapsed", "was due")
                        .replace("lapses", "is due");
                    warn(
                        AGREEMENT,
                        "R168",
                        format!("the review of the agreement {words}"),
                    );
                }
            }
            None => warn(
                AGREEMENT,
                "R168",
                "the agreement has neither a date of issue nor a review".to_owned(),
            ),
        }
        if self.terms.is_none() {
            warn(
                TERMS,
                "R103",
                "is not in the folder: the terms cannot be shown, so whoever has not accepted them in the register is refused"
                    .to_owned(),
            );
        }
        for organisation in self.organisations.values() {
            self.warn_of(organisation, today, &mut warn);
        }
        for user in self.users.values().filter(|user| !user.revoked) {
            let clinical = self
                .agreement
                .roles
                .get(&user.role)
                .is_some_and(|role| role.clinical);
            if !clinical {
                continue;
            }
            let name = &user.username;
            match user.training_until {
                Some(until) => {
                    if let Some(words) = lapse(until, today) {
                        warn(USERS, "R102", format!("the training of `{name}` {words}"));
                    }
                }
                None => warn(USERS, "R102", format!("`{name}` has no training")),
            }
            let accepted = user
                .terms_accepted
                .as_ref()
                .is_some_and(|(version, _)| *version == self.agreement.terms);
            if !accepted {
                let then = if self.terms.is_some() {
                    "; they are shown at the next sign-in on the pages, unless they were accepted there (`openmig report oversight terms`)"
                } else {
                    ""
                };
                warn(
                    USERS,
                    "R103",
                    format!(
                        "the register has no acceptance of the terms in force by `{name}`{then}"
                    ),
                );
            }
        }
        for protocol in self.protocols.values() {
            let id = &protocol.id;
            if let Some(words) = lapse(protocol.valid.1, today) {
                warn(PROTOCOLS, "R160", format!("the protocol `{id}` {words}"));
            }
            if let Some(words) = lapse(protocol.review_due, today) {
                let words = words
                    .replace("has lapsed", "was due")
                    .replace("lapses", "is due");
                warn(
                    PROTOCOLS,
                    "R168",
                    format!("the review of the protocol `{id}` {words}"),
                );
            }
            if !self.agreement.is_governing_body(&protocol.approval.by) {
                warn(
                    PROTOCOLS,
                    "R166",
                    format!(
                        "the protocol `{id}` was approved by `{}`, which is not the group that governs",
                        protocol.approval.by
                    ),
                );
            }
        }
        found
    }

    fn warn_of(
        &self,
        organisation: &Organisation,
        today: Date,
        warn: &mut impl FnMut(&'static str, &'static str, String),
    ) {
        let ods = &organisation.ods;
        let mut warn = |rule, text| warn(ORGANISATIONS, rule, text);
        let takes_part = organisation.signature.is_some() && organisation.withdrawal.is_none();
        if let Some(signature) = organisation.signature.as_ref().filter(|_| takes_part)
            && self.agreement.versions.last() != Some(&signature.agreement)
        {
            warn(
                "R150",
                format!(
                    "{ods} has signed version `{}`, which is not the latest",
                    signature.agreement
                ),
            );
        }
        if takes_part {
            match organisation.assurance_until {
                Some(until) => {
                    if let Some(mut words) = lapse(until, today) {
                        if let Some(last) = organisation
                            .assured_until(&self.agreement.rules)
                            .filter(|last| *last > until)
                            && organisation.kind == OrganisationKind::Viewer
                        {
                            words.push_str(&format!("; it may look until {last}"));
                        }
                        warn("R163", format!("the assurance of {ods} {words}"));
                    }
                }
                None => warn("R163", format!("{ods} has no assurance")),
            }
            if organisation
                .assurance
                .as_ref()
                .is_some_and(|assurance| !assurance.status.is_enough())
            {
                warn(
                    "R163",
                    format!("the assurance of {ods} is not enough, so it does not count"),
                );
            }
            let yearly = organisation
                .assurance
                .as_ref()
                .zip(organisation.assurance_until)
                .is_none_or(|(assurance, until)| {
                    assurance
                        .submitted
                        .checked_add(2.years())
                        .is_ok_and(|latest| until <= latest)
                });
            if !yearly {
                warn(
                    "R163",
                    format!(
                        "the assurance of {ods} is meant to be renewed every year and lasts more than two"
                    ),
                );
            }
        }
        if organisation.kind == OrganisationKind::Viewer && takes_part {
            for kind in organisation.owes(&self.agreement.rules, today) {
                let blocks = if self.agreement.rules.missing_evidence_blocks {
                    ", so it may not look"
                } else {
                    ""
                };
                warn("R162", format!("{ods} owes the evidence `{kind}`{blocks}"));
            }
        }
        for evidence in &organisation.evidence {
            let lapsing = evidence
                .until
                .filter(|until| *until >= today)
                .and_then(|until| lapse(until, today));
            if let Some(words) = lapsing {
                warn(
                    "R162",
                    format!("the evidence `{}` of {ods} {words}", evidence.kind),
                );
            }
        }
        if let Some(suspension) = &organisation.suspension {
            warn(
                "R156",
                format!("{ods} is suspended since {}", suspension.since),
            );
        }
        if let Some(joining) = organisation
            .joining
            .as_ref()
            .filter(|_| !organisation.is_admitted())
        {
            let stage = match (
                &joining.first_approval,
                joining.notified,
                joining.objections_until,
            ) {
                (None, ..) => "waits for the approval of the practices".to_owned(),
                (Some(_), None, _) => "waits for the parties to be told".to_owned(),
                (Some(_), Some(_), Some(until)) if today <= until => {
                    format!("may be objected to until {until}")
                }
                _ if joining.objections.iter().any(|one| one.resolved.is_none()) => {
                    "waits for an objection to be resolved".to_owned()
                }
                _ => "waits for the final approval of the group".to_owned(),
            };
            warn("R152", format!("{ods} wants to join and {stage}"));
        }
    }
}
