//! Organisations: what each signed, how it joined, whether it may take part, and what it has shown the others.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::agreement::{Agreement, Approval, Rules};
use super::raw::{day, maybe_day};
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

/// What a viewer asks of a clinician whom its own system does not name in the patient's treatment (S2 1.6, 6.2.2; R105).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relationship {
    /// They see nothing: only who has a part in the episode may look.
    #[default]
    Episode,
    /// They may say that they care for the patient; a notice to the privacy officer is kept before anything is shown.
    Claim,
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
    /// Whom of its clinicians a viewer lets look at a patient's record.
    pub relationship: Relationship,
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
    /// It can be asked for less than the whole record (`docs/sources-wire.md`); to be set only after it was tried.
    pub narrows: bool,
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
            relationship: Relationship::default(),
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
