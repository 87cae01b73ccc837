//! Organisations: what each signed, how it joined, whether it may take part, and what it has shown the others.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::Register;
use super::agreement::{Agreement, Approval, Rules};
use super::load::Check;
use super::raw::{self, day, maybe_day};
use crate::record::{OdsCode, SourceFamily};

/// What an organisation is to the agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrganisationKind {
    /// A practice: data controller of the records it holds.
    Practice,
    /// A hospital or service that looks.
    Viewer,
    /// A commissioner: may never be granted clinical access (R107).
    Commissioner,
    /// An IG office that acts for the practices that appointed it, and only for them (S0 2, R066).
    IgOffice,
}

impl OrganisationKind {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Practice => "practice",
            Self::Viewer => "viewing organisation",
            Self::Commissioner => "commissioner",
            Self::IgOffice => "information governance office",
        }
    }
}

/// One organisation.
#[derive(Debug, Clone)]
pub struct Organisation {
    /// ODS code.
    pub ods: OdsCode,
    /// Name.
    pub name: String,
    /// What it is.
    pub kind: OrganisationKind,
    /// Postal address.
    pub address: Option<String>,
    /// The organisation of the register that it is part of.
    pub parent: Option<OdsCode>,
    /// Its sites and services by their own ODS codes (S2 Appendix B, R158).
    pub sites: BTreeMap<OdsCode, String>,
    /// It signed the agreement.
    pub signature: Option<Signature>,
    /// What it signed before.
    pub former_signatures: Vec<Signature>,
    /// How it joined, where it was no founder.
    pub joining: Option<Joining>,
    /// Suspended since (R155, R156).
    pub suspension: Option<Stop>,
    /// Withdrew (R154).
    pub withdrawal: Option<Stop>,
    /// Last day of its assurance (DSPT and statement of assurance, R163).
    pub assurance_until: Option<Date>,
    /// What that assurance is.
    pub assurance: Option<Assurance>,
    /// People to turn to, by office: `dpo`, `caldicott-guardian`, `siro`, `ig-lead` ….
    pub contacts: BTreeMap<String, Contact>,
    /// The IG office that acts for it.
    pub ig_office: Option<Appointment>,
    /// What it has shown the others (R162).
    pub evidence: Vec<Evidence>,
    /// A practice's source.
    pub source: Option<PracticeSource>,
    /// When the practice switched its sharing on and off (R004, R005).
    pub enablement: Vec<Switch>,
    /// Flows that the practice declines, though they were approved (R165).
    pub declines: Vec<Decline>,
    /// A SystmOne practice applies the exclusion list too (R044).
    pub applies_exclusion_list: bool,
    /// The practice lets nobody look whose identity rests on the word of their organisation alone (R101).
    pub demands_authenticated: bool,
    /// Roles that count as qualified clinicians here (R100; requirements.md, open point 3).
    pub qualified_roles: BTreeSet<String>,
}

/// In which office somebody signed (S2 15; S1 Agreement).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Office {
    /// Caldicott Guardian.
    CaldicottGuardian,
    /// Another executive member of the organisation; in a practice, a partner.
    Executive,
    /// Chief executive, on the Caldicott Guardian's advice.
    ChiefExecutive,
    /// Senior Information Risk Owner, on the Caldicott Guardian's advice.
    SeniorInformationRiskOwner,
}

/// A signature under the agreement (R150).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Version of the agreement.
    pub agreement: String,
    /// Who signed.
    pub name: String,
    /// Job title.
    pub title: String,
    /// In which office.
    pub office: Office,
    /// The Caldicott Guardian who advised it, where the office asks for that.
    pub advised_by: Option<String>,
    /// The organisation as it is named there.
    pub organisation: String,
    /// Its address as it stands there.
    pub address: String,
    /// When.
    #[serde(deserialize_with = "day")]
    pub date: Date,
}

/// How a new organisation joins (S2 14; R152, R153).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    /// It applied to the group.
    #[serde(deserialize_with = "day")]
    pub applied: Date,
    /// Approval by the group of data controllers that represents the practices.
    pub first_approval: Option<Approval>,
    /// All signatories were notified.
    #[serde(default, deserialize_with = "maybe_day")]
    pub notified: Option<Date>,
    /// Who was.
    #[serde(default)]
    pub notices: BTreeSet<OdsCode>,
    /// Objections could be raised until this day.
    #[serde(default, deserialize_with = "maybe_day")]
    pub objections_until: Option<Date>,
    /// Those raised.
    #[serde(default)]
    pub objections: Vec<Objection>,
    /// Approval by the oversight group.
    pub final_approval: Option<Approval>,
}

/// An objection to a new organisation: it blocks until it is resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objection {
    /// Who objects.
    pub by: OdsCode,
    /// When.
    #[serde(deserialize_with = "day")]
    pub date: Date,
    /// Why.
    pub reason: String,
    /// When it was resolved.
    #[serde(default, deserialize_with = "maybe_day")]
    pub resolved: Option<Date>,
    /// How.
    pub resolution: Option<String>,
}

/// A suspension or withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Since when.
    #[serde(deserialize_with = "day")]
    pub since: Date,
    /// Who decided it.
    pub by: String,
    /// Why, or the written notice.
    pub reason: String,
}

/// The yearly assurance: once the NHS IG Toolkit, now the DSPT (S2 7.2.10, 7.2.11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assurance {
    /// How it came out.
    pub status: AssuranceStatus,
    /// When it was submitted.
    #[serde(deserialize_with = "day")]
    pub submitted: Date,
    /// When the statement of assurance was made.
    #[serde(default, deserialize_with = "maybe_day")]
    pub statement: Option<Date>,
}

/// How an assurance came out. Level 2 of the IG Toolkit is the least that counts; "standards met" is its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssuranceStatus {
    /// DSPT.
    StandardsExceeded,
    /// DSPT.
    StandardsMet,
    /// DSPT: not enough.
    ApproachingStandards,
    /// DSPT: not enough.
    StandardsNotMet,
    /// IG Toolkit.
    #[serde(rename = "level-3")]
    Level3,
    /// IG Toolkit.
    #[serde(rename = "level-2")]
    Level2,
    /// IG Toolkit: not enough.
    #[serde(rename = "level-1")]
    Level1,
}

impl AssuranceStatus {
    /// It is enough (S2 7.2.10).
    #[must_use]
    pub fn is_enough(self) -> bool {
        matches!(
            self,
            Self::StandardsExceeded | Self::StandardsMet | Self::Level3 | Self::Level2
        )
    }
}

/// Somebody to turn to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Telephone.
    pub telephone: Option<String>,
}

impl Contact {
    /// Name, e-mail address and telephone.
    #[must_use]
    pub fn words(&self) -> String {
        [Some(&self.name), Some(&self.email), self.telephone.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// An IG office was appointed (S0 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appointment {
    /// The office's ODS code.
    pub office: OdsCode,
    /// Since when.
    #[serde(deserialize_with = "day")]
    pub since: Date,
}

/// What an organisation has shown the others (R162).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Of what kind: `training`, `information-security-policy` ….
    pub kind: String,
    /// Where it is kept.
    pub reference: String,
    /// Its date.
    #[serde(deserialize_with = "day")]
    pub date: Date,
    /// It counts until.
    #[serde(default, deserialize_with = "maybe_day")]
    pub until: Option<Date>,
}

/// A practice's sharing was switched on or off (R005).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// On or off.
    pub on: bool,
    /// When.
    #[serde(deserialize_with = "day")]
    pub date: Date,
    /// Who did it.
    pub by: String,
    /// How: by the practice itself in EMIS Web, or with the supplier.
    pub how: String,
}

/// A practice declines an approved flow (S0: "the decision remains for each individual practice to make").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decline {
    /// Id of the protocol.
    pub protocol: String,
    /// When.
    #[serde(deserialize_with = "day")]
    pub date: Date,
    /// Who decided it.
    pub by: String,
}

/// How to reach a practice's record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PracticeSource {
    /// Which adapter.
    pub family: SourceFamily,
    /// `http(s)://…` or `tcp://host:port`.
    pub endpoint: String,
}

impl Organisation {
    /// An organisation that has signed nothing, shown nothing and may do nothing.
    #[must_use]
    pub fn new(ods: OdsCode, name: String, kind: OrganisationKind) -> Self {
        Self {
            ods,
            name,
            kind,
            address: None,
            parent: None,
            sites: BTreeMap::new(),
            signature: None,
            former_signatures: Vec::new(),
            joining: None,
            suspension: None,
            withdrawal: None,
            assurance_until: None,
            assurance: None,
            contacts: BTreeMap::new(),
            ig_office: None,
            evidence: Vec::new(),
            source: None,
            enablement: Vec::new(),
            declines: Vec::new(),
            applies_exclusion_list: false,
            demands_authenticated: false,
            qualified_roles: BTreeSet::new(),
        }
    }

    /// It signed a version of the agreement that counts, on or before `today` (R150).
    #[must_use]
    pub fn has_signed(&self, agreement: &Agreement, today: Date) -> bool {
        self.signature
            .iter()
            .chain(&self.former_signatures)
            .any(|signature| {
                signature.date <= today && agreement.versions.contains(&signature.agreement)
            })
    }

    /// It is a founder, or has both approvals (R152, R153).
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.joining.as_ref().is_none_or(|joining| {
            joining.first_approval.is_some() && joining.final_approval.is_some()
        })
    }

    /// Suspended or withdrawn (R154, R156).
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.suspension.is_some() || self.withdrawal.is_some()
    }

    /// The practice's sharing is on (R004, R005).
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enablement.last().is_some_and(|switch| switch.on)
    }

    /// The last day on which its assurance lets it look: after the days of grace, and only if the assurance is enough (R163).
    #[must_use]
    pub fn assured_until(&self, rules: &Rules) -> Option<Date> {
        let enough = self
            .assurance
            .as_ref()
            .is_none_or(|assurance| assurance.status.is_enough());
        let until = self.assurance_until.filter(|_| enough)?;
        until
            .checked_add(i64::from(rules.assurance_grace_days).days())
            .ok()
    }

    /// Kinds of evidence that it still owes on `today` (R162).
    #[must_use]
    pub fn owes(&self, rules: &Rules, today: Date) -> Vec<String> {
        let shown = |kind: &&String| {
            self.evidence.iter().any(|evidence| {
                evidence.kind == **kind
                    && evidence.date <= today
                    && evidence.until.is_none_or(|until| today <= until)
            })
        };
        rules
            .evidence
            .iter()
            .filter(|kind| !shown(kind))
            .cloned()
            .collect()
    }

    /// What it declines of the approved flows.
    #[must_use]
    pub fn declines(&self, protocol: &str) -> bool {
        self.declines
            .iter()
            .any(|decline| decline.protocol == protocol)
    }
}

impl Register {
    pub(super) fn take_organisation(
        &mut self,
        entry: Spanned<raw::Organisation>,
        today: Date,
        check: &mut Check<'_>,
    ) {
        check.at(&entry);
        let raw = entry.into_inner();
        let ods = OdsCode(raw.ods);
        check.ods(&ods);
        check.that(!raw.name.trim().is_empty(), "name", || {
            format!("{ods} has no name")
        });
        let practice = raw.kind == OrganisationKind::Practice;
        for signature in raw.signature.iter().chain(&raw.former_signatures) {
            self.check_signature(&ods, raw.kind, signature, today, check);
        }
        check.that(
            practice || raw.source.is_none(),
            "practice and source",
            || format!("{ods} is no practice, so it has no source"),
        );
        check.that(
            !practice || raw.source.is_some(),
            "practice and source",
            || format!("the practice {ods} has no source"),
        );
        check.that(!raw.applies_exclusion_list || practice, "R044", || {
            format!("{ods} is no practice, so it has no exclusion switch")
        });
        check.that(!raw.demands_authenticated || practice, "R101", || {
            format!("{ods} is no practice, so nobody looks at its records")
        });
        if let Some(source) = &raw.source {
            check.that(is_endpoint(&source.endpoint), "source endpoint", || {
                format!("the endpoint of {ods} is neither http(s)://… nor tcp://host:port")
            });
        }
        check.that(
            raw.qualified_roles.is_empty() || raw.kind == OrganisationKind::Viewer,
            "R107",
            || format!("{ods} is no viewer, so none of its roles is qualified to look"),
        );
        for role in &raw.qualified_roles {
            let clinical = self
                .agreement
                .roles
                .get(role)
                .is_some_and(|role| role.clinical);
            check.that(clinical, "R100", || {
                format!("{ods} names the role `{role}`, which is no clinical role of the agreement")
            });
        }
        let fresh = !self.organisations.contains_key(&ods);
        check.that(fresh, "unique id", || format!("{ods} is there twice"));
        let organisation = Organisation {
            address: raw.address,
            parent: raw.parent,
            sites: raw.sites,
            signature: raw.signature,
            former_signatures: raw.former_signatures,
            joining: raw.joining,
            suspension: raw.suspended,
            withdrawal: raw.withdrawn,
            assurance_until: raw.assurance_until.map(|day| day.0),
            assurance: raw.assurance,
            contacts: raw.contacts,
            ig_office: raw.ig_office,
            evidence: raw.evidence,
            source: raw.source.map(|source| PracticeSource {
                family: source.family,
                endpoint: source.endpoint,
            }),
            enablement: raw.enablement,
            declines: raw.declines,
            applies_exclusion_list: raw.applies_exclusion_list,
            demands_authenticated: raw.demands_authenticated,
            qualified_roles: raw.qualified_roles.into_iter().collect(),
            ..Organisation::new(ods.clone(), raw.name, raw.kind)
        };
        check_state(&organisation, today, check);
        self.check_sharing(&organisation, today, check);
        self.organisations.insert(ods, organisation);
    }

    fn check_signature(
        &self,
        ods: &OdsCode,
        kind: OrganisationKind,
        signature: &Signature,
        today: Date,
        check: &mut Check<'_>,
    ) {
        check.that(signature.date <= today, "R150", || {
            format!("the signature of {ods} is dated in the future")
        });
        check.that(
            self.agreement.versions.contains(&signature.agreement),
            "R150",
            || {
                format!(
                    "{ods} signed version `{}`, which is none of the agreement's",
                    signature.agreement
                )
            },
        );
        check.said(
            "R150",
            &[
                ("name", &signature.name),
                ("title", &signature.title),
                ("organisation", &signature.organisation),
                ("address", &signature.address),
            ],
            || format!("the signature of {ods}"),
        );
        let needs_advice = matches!(
            signature.office,
            Office::ChiefExecutive | Office::SeniorInformationRiskOwner
        );
        let advised = signature
            .advised_by
            .as_ref()
            .is_some_and(|name| !name.trim().is_empty());
        check.that(!needs_advice || advised, "R150", || {
            format!("the signature of {ods} was given on the Caldicott Guardian's advice: `advised_by` is missing (S1)")
        });
        check.that(kind != OrganisationKind::Commissioner, "R107", || {
            format!(
                "{ods} is a commissioner: neither controller nor processor, so it does not sign"
            )
        });
    }

    /// A practice's switches, what it declines, and who may be asked about it.
    fn check_sharing(&self, organisation: &Organisation, today: Date, check: &mut Check<'_>) {
        let ods = &organisation.ods;
        let practice = organisation.kind == OrganisationKind::Practice;
        check.that(
            organisation.enablement.is_empty() || practice,
            "R005",
            || format!("{ods} is no practice, so it cannot be enabled"),
        );
        let mut before = Date::MIN;
        for switch in &organisation.enablement {
            check.that(switch.date <= today, "R005", || {
                format!("{ods} is switched on or off in the future")
            });
            check.that(before <= switch.date, "R005", || {
                format!("the switches of {ods} are not in the order of their dates")
            });
            before = switch.date;
            check.said(
                "R005",
                &[("actor", &switch.by), ("way", &switch.how)],
                || format!("the switch of {ods} of {}", switch.date),
            );
        }
        if organisation.is_enabled() {
            check.that(organisation.signature.is_some(), "R004", || {
                format!("{ods} is enabled but has not signed")
            });
            check.that(organisation.is_admitted(), "R152", || {
                format!("{ods} is enabled but has not been admitted")
            });
            check.that(organisation.contacts.contains_key("dpo"), "R183", || {
                format!("{ods} shares records but names no data protection officer")
            });
        }
        check.that(organisation.declines.is_empty() || practice, "R165", || {
            format!("{ods} is no practice, so it declines nothing")
        });
        for decline in &organisation.declines {
            check.that(
                decline.date <= today && !decline.by.trim().is_empty(),
                "R165",
                || {
                    format!(
                        "{ods} declines `{}` without a person or in the future",
                        decline.protocol
                    )
                },
            );
        }
        // Who signs after the programme went live joins by the procedure; no new signature of the others is needed.
        let late = organisation
            .signature
            .iter()
            .chain(&organisation.former_signatures)
            .map(|signature| signature.date)
            .min()
            .zip(self.agreement.live_from)
            .is_some_and(|(signed, live)| signed > live);
        check.that(!late || organisation.joining.is_some(), "R152", || {
            format!("{ods} signed after the programme went live, and how it joined is not recorded")
        });
    }

    /// What can be said of an organisation only when all of them are known.
    pub(super) fn check_relations(&self, ods: &OdsCode, today: Date, check: &mut Check<'_>) {
        let Some(organisation) = self.organisations.get(ods) else {
            return;
        };
        if let Some(parent) = &organisation.parent {
            check.that(parent != ods, "R158", || format!("{ods} is its own parent"));
            self.known(parent, check, || ods.to_string());
        }
        for (site, name) in &organisation.sites {
            check.ods(site);
            check.that(!name.trim().is_empty(), "R158", || {
                format!("the site {site} of {ods} has no name")
            });
            let elsewhere = self.organisations.contains_key(site)
                || self
                    .organisations
                    .values()
                    .any(|other| other.ods != *ods && other.sites.contains_key(site));
            check.that(!elsewhere, "R158", || {
                format!("the site {site} of {ods} is an organisation too, or another's site")
            });
        }
        if let Some(appointment) = &organisation.ig_office {
            let office = self.organisations.get(&appointment.office);
            let fits = organisation.kind == OrganisationKind::Practice
                && office.is_some_and(|office| office.kind == OrganisationKind::IgOffice);
            check.that(fits && appointment.since <= today, "R066", || {
                format!(
                    "{ods} appoints {}: only a practice appoints, only an IG office is appointed, not in the future",
                    appointment.office
                )
            });
        }
        if let Some(joining) = &organisation.joining {
            self.check_joining(organisation, joining, today, check);
        }
    }

    fn check_joining(
        &self,
        organisation: &Organisation,
        joining: &Joining,
        today: Date,
        check: &mut Check<'_>,
    ) {
        let ods = &organisation.ods;
        check.that(joining.applied <= today, "R152", || {
            format!("{ods} applies to join in the future")
        });
        if let Some(first) = &joining.first_approval {
            first.check(&format!("{ods} by the practices"), "R152", today, check);
            check.that(joining.applied <= first.minutes, "R152", || {
                format!("{ods} was approved before it applied")
            });
        }
        let window = joining.notified.zip(joining.objections_until);
        if let Some((notified, until)) = window {
            let days = i64::from(self.agreement.rules.objection_days).days();
            let long = notified.checked_add(days).is_ok_and(|least| least <= until);
            check.that(long && notified <= today, "R153", || {
                format!("the time to object to {ods} is shorter than the agreement's, or begins in the future")
            });
        }
        for objection in &joining.objections {
            self.known(&objection.by, check, || format!("the objection to {ods}"));
            check.that(
                objection.resolved.is_some() == objection.resolution.is_some(),
                "R153",
                || {
                    format!(
                        "the objection of {} to {ods} needs both how and when it was resolved",
                        objection.by
                    )
                },
            );
        }
        let Some(last) = &joining.final_approval else {
            return;
        };
        last.check(&format!("{ods} by the group"), "R153", today, check);
        check.that(joining.first_approval.is_some(), "R152", || {
            format!("{ods} has the final approval without that of the practices")
        });
        check.that(
            window.is_some_and(|(_, until)| until < last.minutes),
            "R153",
            || format!("{ods} was approved before the time to object was over, or without one"),
        );
        check.that(
            joining
                .objections
                .iter()
                .all(|objection| objection.resolved.is_some_and(|day| day <= last.minutes)),
            "R153",
            || format!("{ods} was approved though an objection was not resolved"),
        );
        let told = joining.notified.unwrap_or(last.minutes);
        for other in self.organisations.values() {
            let party = other.ods != *ods
                && other.has_signed(&self.agreement, told)
                && other.is_admitted()
                && other.withdrawal.is_none();
            check.that(
                !party || joining.notices.contains(&other.ods),
                "R153",
                || format!("{} was not notified that {ods} wants to join", other.ods),
            );
        }
    }
}

/// Suspension, withdrawal, assurance, contacts, evidence.
fn check_state(organisation: &Organisation, today: Date, check: &mut Check<'_>) {
    let ods = &organisation.ods;
    for (stop, rule) in [
        (&organisation.suspension, "R156"),
        (&organisation.withdrawal, "R154"),
    ] {
        if let Some(stop) = stop {
            check.that(stop.since <= today, rule, || {
                format!("{ods} is stopped in the future")
            });
            check.said(
                rule,
                &[("actor", &stop.by), ("reason", &stop.reason)],
                || format!("the stop of {ods}"),
            );
        }
    }
    if let Some(assurance) = &organisation.assurance {
        let dates = assurance.submitted <= today
            && assurance.statement.is_none_or(|day| day <= today)
            && organisation
                .assurance_until
                .is_none_or(|until| assurance.submitted <= until);
        check.that(dates, "R163", || {
            format!("the assurance of {ods} was submitted in the future or after its own end")
        });
    }
    for (office, contact) in &organisation.contacts {
        check.that(
            !contact.name.trim().is_empty() && contact.email.contains('@'),
            "contact",
            || format!("the contact `{office}` of {ods} needs a name and an e-mail address"),
        );
    }
    for evidence in &organisation.evidence {
        check.said(
            "R162",
            &[("kind", &evidence.kind), ("reference", &evidence.reference)],
            || format!("an evidence of {ods}"),
        );
        check.that(evidence.date <= today, "R162", || {
            format!(
                "the evidence `{}` of {ods} is dated in the future",
                evidence.kind
            )
        });
    }
}

fn is_endpoint(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| match url.scheme() {
        "http" | "https" => url.has_host(),
        "tcp" => url.has_host() && url.port().is_some(),
        _ => false,
    })
}
