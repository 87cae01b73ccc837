//! Legal gateways: what makes a flow lawful that is not for direct care (S3; R170 to R177). Table `[protocol.gateway]`.
//!
//! Refused by default: a protocol without this table is for direct care only, and one with it for anything but. S3 names six
//! conditions; each has its own evidence, and each ends.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::load::Check;
use super::raw::{day, maybe_day};
use crate::tabs::catalogue::TabSet;

/// Purposes other than direct care that a protocol may have, v3-ActReason.
pub const OTHER_PURPOSES: [&str; 8] = [
    "HRESCH",
    "CLINTRCH",
    "PUBHLTH",
    "HOPERAT",
    "HQUALIMP",
    "HLEGAL",
    "HSYSADMIN",
    "HPAYMT",
];

/// Direct care, of whatever kind, as what somebody says "yes" or "no" to.
pub const CARE: &str = "TREAT";

/// What somebody who is asked for these purposes says "yes" or "no" to: the one other use, or care. Who refuses the one has
/// not refused the other (R077, R171).
#[must_use]
pub fn use_of(purposes: &[String]) -> &str {
    match purposes {
        [one] if OTHER_PURPOSES.contains(&one.as_str()) => one,
        _ => CARE,
    }
}

/// The six conditions of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayKind {
    /// Anonymised by somebody who processes the information for direct care already.
    Anonymised,
    /// The patient's explicit consent to this use.
    ExplicitConsent,
    /// A legal requirement, for example a court order.
    LegalRequirement,
    /// Approval under section 251 of the NHS Act 2006.
    #[serde(rename = "section-251")]
    Section251,
    /// The public interest in disclosure outweighs that in confidentiality.
    PublicInterest,
    /// The COPI notice: temporary.
    CopiNotice,
}

/// All six.
pub const GATEWAY_KINDS: [GatewayKind; 6] = [
    GatewayKind::Anonymised,
    GatewayKind::ExplicitConsent,
    GatewayKind::LegalRequirement,
    GatewayKind::Section251,
    GatewayKind::PublicInterest,
    GatewayKind::CopiNotice,
];

impl GatewayKind {
    /// Lawful without the patient's own "yes" to this use.
    #[must_use]
    pub fn asks_nobody(self) -> bool {
        self != Self::ExplicitConsent
    }

    /// Its code, as the register and the answers write it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Anonymised => "anonymised",
            Self::ExplicitConsent => "explicit-consent",
            Self::LegalRequirement => "legal-requirement",
            Self::Section251 => "section-251",
            Self::PublicInterest => "public-interest",
            Self::CopiNotice => "copi-notice",
        }
    }

    /// The kind with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        GATEWAY_KINDS.into_iter().find(|kind| kind.code() == code)
    }

    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Anonymised => "anonymised information",
            Self::ExplicitConsent => "the patient's explicit consent",
            Self::LegalRequirement => "a legal requirement",
            Self::Section251 => "approval under section 251 of the NHS Act 2006",
            Self::PublicInterest => "an overriding public interest",
            Self::CopiNotice => "a COPI notice, which is temporary",
        }
    }

    /// The names of the evidence that it needs.
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Anonymised => &["processor", "method"],
            Self::ExplicitConsent => &["consent_form", "withdrawal"],
            Self::LegalRequirement => &["instrument", "issued_by", "issued_on"],
            Self::Section251 => &["cag_reference", "approved_on", "review_due"],
            Self::PublicInterest => &["assessment", "caldicott_guardian", "assessed_on"],
            Self::CopiNotice => &["notice", "issued_on"],
        }
    }
}

/// A documented gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalGateway {
    /// Which condition.
    pub kind: GatewayKind,
    /// Why this one (S3: "document both which gateway you are using and also your rationale").
    pub rationale: String,
    /// Who approved it.
    pub approved_by: String,
    /// When.
    #[serde(deserialize_with = "day")]
    pub approved: Date,
    /// First day.
    #[serde(deserialize_with = "day")]
    pub from: Date,
    /// Last day: every gateway ends, a COPI notice above all (R173).
    #[serde(deserialize_with = "day")]
    pub until: Date,
    /// The stated task that the data set is tied to (S4; R177).
    pub task: String,
    /// Why nothing less will do.
    pub minimum: String,
    /// Only of patients who are registered for treatment with the receiver, as for direct care (S2 7.2.2). `false` has to be
    /// written: S3 sets aside the duty of confidentiality, not the limits of the agreement.
    #[serde(default = "yes")]
    pub treatment: bool,
    /// Anonymised: who anonymises; must process the records for direct care already.
    pub processor: Option<String>,
    /// Anonymised: how.
    pub method: Option<String>,
    /// Explicit consent: the form.
    pub consent_form: Option<String>,
    /// Explicit consent: how it is withdrawn.
    pub withdrawal: Option<String>,
    /// Legal requirement: the order or act.
    pub instrument: Option<String>,
    /// Legal requirement: whose.
    pub issued_by: Option<String>,
    /// Legal requirement, COPI notice: its date.
    #[serde(default, deserialize_with = "maybe_day")]
    pub issued_on: Option<Date>,
    /// Section 251: reference of the Confidentiality Advisory Group.
    pub cag_reference: Option<String>,
    /// Section 251: date of the approval.
    #[serde(default, deserialize_with = "maybe_day")]
    pub approved_on: Option<Date>,
    /// Section 251: next annual review; the approval lapses after it.
    #[serde(default, deserialize_with = "maybe_day")]
    pub review_due: Option<Date>,
    /// Public interest: the written assessment.
    pub assessment: Option<String>,
    /// Public interest: the Caldicott Guardian who made it.
    pub caldicott_guardian: Option<String>,
    /// Public interest: its date.
    #[serde(default, deserialize_with = "maybe_day")]
    pub assessed_on: Option<Date>,
    /// COPI: the notice.
    pub notice: Option<String>,
}

fn yes() -> bool {
    true
}

/// What a decision looks at of a gateway: plain values, so that the decision can be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayFacts {
    /// Which condition.
    pub kind: GatewayKind,
    /// First day.
    pub from: Date,
    /// Last day.
    pub until: Date,
    /// Section 251: the annual review after which the approval lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Date>,
    /// Names of the evidence that is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Only of patients who are registered for treatment with the receiver.
    pub treatment: bool,
}

impl GatewayFacts {
    /// Why it does not hold on this day; `None`: it does.
    #[must_use]
    pub fn refusal(&self, today: Date) -> Option<GatewayRefusal> {
        let lapsed =
            self.kind == GatewayKind::Section251 && self.review_due.is_none_or(|due| due < today);
        if !self.missing.is_empty() {
            Some(GatewayRefusal::Evidence)
        } else if today < self.from || self.until < today || lapsed {
            Some(GatewayRefusal::NotInForce)
        } else {
            None
        }
    }

    /// May this leave, as far as no single patient has a say in it? The first reason why not.
    ///
    /// # Errors
    /// Why not.
    pub fn lets(&self, asked: TabSet, output: Output, today: Date) -> Result<(), GatewayRefusal> {
        if let Some(refusal) = self.refusal(today) {
            return Err(refusal);
        }
        // The whole record is never what a stated task needs (S4).
        if asked.is_empty() || asked == TabSet::ALL {
            return Err(GatewayRefusal::MoreThanNecessary);
        }
        match (self.kind, output) {
            (GatewayKind::Anonymised, Output::Identifiable) => {
                Err(GatewayRefusal::IdentifiableFromAnonymised)
            }
            _ => Ok(()),
        }
    }
}

/// What of a record would leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Counts in which nobody can be known.
    Anonymised,
    /// Anything about one patient.
    Identifiable,
}

/// What is known of one patient where something identifiable would leave; unknown is `None` and never the good case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PatientChoice {
    /// Consented to this use.
    pub consent: Option<bool>,
    /// Has a national data opt-out.
    pub national_opt_out: Option<bool>,
}

/// Why a gateway does not let something through. A closed list; each has its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GatewayRefusal {
    /// R170, R171.
    #[error("the flow has no documented legal gateway for a purpose other than direct care")]
    None,
    /// R171, R173.
    #[error("the flow's legal gateway is not in force on this day")]
    NotInForce,
    /// R171.
    #[error("the evidence for the flow's legal gateway is missing")]
    Evidence,
    /// R160.
    #[error("the flow is not for this purpose, or not for counts")]
    Purpose,
    /// R174.
    #[error("the flow is for anonymised information only")]
    IdentifiableFromAnonymised,
    /// R171.
    #[error("the patient has not consented to this use")]
    NoConsent,
    /// R176.
    #[error("the patient has a national data opt-out, or nobody knows whether")]
    NationalOptOut,
    /// R177.
    #[error("more is asked for than the stated task needs")]
    MoreThanNecessary,
}

/// Every refusal.
pub const GATEWAY_REFUSALS: [GatewayRefusal; 8] = [
    GatewayRefusal::None,
    GatewayRefusal::NotInForce,
    GatewayRefusal::Evidence,
    GatewayRefusal::Purpose,
    GatewayRefusal::IdentifiableFromAnonymised,
    GatewayRefusal::NoConsent,
    GatewayRefusal::NationalOptOut,
    GatewayRefusal::MoreThanNecessary,
];

impl GatewayRefusal {
    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "no-legal-gateway",
            Self::NotInForce => "legal-gateway-not-in-force",
            Self::Evidence => "legal-gateway-evidence",
            Self::Purpose => "purpose-not-in-flow",
            Self::IdentifiableFromAnonymised => "anonymised-only",
            Self::NoConsent => "no-consent-to-this-use",
            Self::NationalOptOut => "national-data-opt-out",
            Self::MoreThanNecessary => "more-than-necessary",
        }
    }
}

/// What is asked of a flow that is not for direct care.
#[derive(Debug, Clone, Copy)]
pub struct GatewayAsk<'a> {
    /// Purpose, v3-ActReason.
    pub purpose: &'a str,
    /// Tabs that it would draw on.
    pub tabs: TabSet,
    /// What would leave.
    pub output: Output,
    /// The one patient, where something identifiable would leave; there is no other way to ask for it: no list, no wildcard.
    pub patient: PatientChoice,
    /// Today, in England.
    pub today: Date,
}

impl LegalGateway {
    fn text(&self, name: &str) -> bool {
        let said =
            |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        match name {
            "processor" => said(&self.processor),
            "method" => said(&self.method),
            "consent_form" => said(&self.consent_form),
            "withdrawal" => said(&self.withdrawal),
            "instrument" => said(&self.instrument),
            "issued_by" => said(&self.issued_by),
            "issued_on" => self.issued_on.is_some(),
            "cag_reference" => said(&self.cag_reference),
            "approved_on" => self.approved_on.is_some(),
            "review_due" => self.review_due.is_some(),
            "assessment" => said(&self.assessment),
            "caldicott_guardian" => said(&self.caldicott_guardian),
            "assessed_on" => self.assessed_on.is_some(),
            "notice" => said(&self.notice),
            _ => false,
        }
    }

    /// The evidence that is missing.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let needs = self.kind.needs().iter().copied();
        needs.filter(|name| !self.text(name)).collect()
    }

    /// What a decision looks at.
    #[must_use]
    pub fn facts(&self) -> GatewayFacts {
        GatewayFacts {
            kind: self.kind,
            from: self.from,
            until: self.until,
            review_due: self.review_due,
            missing: self.missing().into_iter().map(str::to_owned).collect(),
            treatment: self.treatment,
        }
    }

    /// Why it does not hold on this day; `None`: it does.
    #[must_use]
    pub fn refusal(&self, today: Date) -> Option<GatewayRefusal> {
        self.facts().refusal(today)
    }

    /// Checks what the register must hold of it.
    pub(super) fn check(
        &self,
        protocol: &str,
        valid: (Date, Date),
        today: Date,
        check: &mut Check<'_>,
    ) {
        let missing = self.missing();
        check.that(missing.is_empty(), "R171", || {
            format!(
                "the gateway of `{protocol}` ({}) lacks {}",
                self.kind.words(),
                missing.join(", ")
            )
        });
        check.said(
            "R172",
            &[
                ("rationale", &self.rationale),
                ("approver", &self.approved_by),
            ],
            || format!("the gateway of `{protocol}`"),
        );
        check.said(
            "R177",
            &[
                ("task", &self.task),
                ("reason why nothing less will do", &self.minimum),
            ],
            || format!("the gateway of `{protocol}`"),
        );
        check.that(self.approved <= today && self.approved <= self.from, "R172", || {
            format!("the gateway of `{protocol}` begins before it was approved, or is approved in the future")
        });
        check.that(self.from <= self.until, "R173", || {
            format!("the gateway of `{protocol}` ends before it begins")
        });
        check.that(
            self.from <= valid.0 && valid.1 <= self.until,
            "R173",
            || format!("the protocol `{protocol}` lasts longer than its gateway"),
        );
        let dated = [self.issued_on, self.approved_on, self.assessed_on];
        check.that(
            dated.into_iter().flatten().all(|day| day <= today),
            "R171",
            || format!("evidence of the gateway of `{protocol}` is dated in the future"),
        );
    }
}

/// May this leave through this flow? `gateway` is the protocol's, `purposes` and `tabs` what the protocol covers.
///
/// # Errors
/// Why not; the first that applies.
pub fn decide(
    gateway: Option<&LegalGateway>,
    purposes: &[String],
    tabs: TabSet,
    ask: GatewayAsk<'_>,
) -> Result<GatewayKind, GatewayRefusal> {
    let gateway = gateway.ok_or(GatewayRefusal::None)?.facts();
    if let Some(refusal) = gateway.refusal(ask.today) {
        return Err(refusal);
    }
    if !OTHER_PURPOSES.contains(&ask.purpose) || !purposes.iter().any(|own| own == ask.purpose) {
        return Err(GatewayRefusal::Purpose);
    }
    if ask.tabs.and(tabs) != ask.tabs {
        return Err(GatewayRefusal::MoreThanNecessary);
    }
    gateway.lets(ask.tabs, ask.output, ask.today)?;
    match gateway.kind {
        _ if ask.output == Output::Anonymised => Ok(gateway.kind),
        GatewayKind::ExplicitConsent if ask.patient.consent != Some(true) => {
            Err(GatewayRefusal::NoConsent)
        }
        GatewayKind::Section251 if ask.patient.national_opt_out != Some(false) => {
            Err(GatewayRefusal::NationalOptOut)
        }
        kind => Ok(kind),
    }
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
