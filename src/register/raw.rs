//! The register files as they are written. Unknown keys are refused, because a misspelt restriction is no restriction.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::agreement::{Approval, FormerGroup, Instruction, Review, Rules};
use super::gateway::LegalGateway;
use super::organisation::{
    Appointment, Assurance, Contact, Decline, Evidence, Joining, OrganisationKind, Relationship,
    Signature, Stop, Switch,
};
use super::protocol::Law;
use super::terms::Subject;
use super::{OversightOf, OversightRules, Role};
use crate::record::{OdsCode, SourceFamily};

/// A TOML local date.
#[derive(Debug, Clone, Copy)]
pub struct Day(pub Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = toml::value::Datetime::deserialize(deserializer)?;
        let (Some(date), None, None) = (written.date, written.time, written.offset) else {
            return Err(de::Error::custom("a date without time is expected"));
        };
        let day = |number: u8| i8::try_from(number).ok();
        i16::try_from(date.year)
            .ok()
            .zip(day(date.month))
            .zip(day(date.day))
            .and_then(|((year, month), day)| Date::new(year, month, day).ok())
            .map(Self)
            .ok_or_else(|| de::Error::custom("no such date"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisations {
    #[serde(default)]
    pub organisation: Vec<Spanned<Organisation>>,
}

/// For a field that is a date.
pub(super) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    Day::deserialize(deserializer).map(|day| day.0)
}

/// For a field that may be a date.
pub(super) fn maybe_day<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Date>, D::Error> {
    Ok(Option::<Day>::deserialize(deserializer)?.map(|day| day.0))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    pub ods: String,
    pub name: String,
    pub kind: OrganisationKind,
    pub address: Option<String>,
    pub parent: Option<OdsCode>,
    #[serde(default)]
    pub sites: BTreeMap<OdsCode, String>,
    pub signature: Option<Signature>,
    #[serde(default)]
    pub former_signatures: Vec<Signature>,
    pub joining: Option<Joining>,
    pub suspended: Option<Stop>,
    pub withdrawn: Option<Stop>,
    pub assurance_until: Option<Day>,
    pub assurance: Option<Assurance>,
    #[serde(default)]
    pub contacts: BTreeMap<String, Contact>,
    pub ig_office: Option<Appointment>,
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    pub source: Option<Source>,
    #[serde(default)]
    pub enablement: Vec<Switch>,
    #[serde(default)]
    pub declines: Vec<Decline>,
    #[serde(default)]
    pub applies_exclusion_list: bool,
    #[serde(default)]
    pub demands_authenticated: bool,
    pub relationship: Option<Relationship>,
    #[serde(default)]
    pub qualified_roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub family: SourceFamily,
    pub endpoint: String,
    #[serde(default)]
    pub narrows: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    #[serde(default)]
    pub user: Vec<Spanned<User>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub username: String,
    pub name: String,
    #[serde(default)]
    pub organisations: Vec<String>,
    pub role: String,
    pub training_until: Option<Day>,
    pub terms_accepted: Option<Terms>,
    #[serde(default)]
    pub revoked: bool,
    pub password: Option<String>,
    #[serde(default)]
    pub identities: BTreeMap<String, String>,
    #[serde(default)]
    pub role_profiles: BTreeMap<String, OdsCode>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    pub version: String,
    pub date: Day,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsOfUse {
    pub version: Spanned<String>,
    #[serde(default)]
    pub section: Vec<Spanned<TermsSection>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsSection {
    pub about: Option<Subject>,
    pub heading: String,
    pub statements: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    #[serde(default)]
    pub client: Vec<Spanned<Client>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub id: String,
    pub name: Option<String>,
    #[serde(default)]
    pub launches: Vec<String>,
    pub authentication: Authentication,
    pub organisation: Option<String>,
    #[serde(default)]
    pub named_clinician: bool,
    pub audit_of: Option<String>,
    pub oversight: Option<OversightOf>,
    #[serde(default)]
    pub may_introspect: bool,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
}

/// `{ public = true }`, `{ secret_sha256 = "…" }`, `{ jwks = '…' }` or `{ jwks_url = "…" }`: exactly one of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    #[serde(default)]
    pub public: bool,
    pub secret_sha256: Option<String>,
    pub jwks: Option<String>,
    pub jwks_url: Option<String>,
    #[serde(default)]
    pub local: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocols {
    #[serde(default)]
    pub protocol: Vec<Spanned<Protocol>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    pub id: String,
    pub viewer: String,
    pub purposes: Vec<String>,
    pub valid_from: Day,
    pub valid_until: Day,
    pub why: String,
    pub how: String,
    pub approval: Approval,
    pub law: Law,
    pub override_law: Option<Law>,
    pub review_due: Day,
    pub tabs: BTreeMap<String, Vec<String>>,
    pub gateway: Option<LegalGateway>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    pub name: String,
    pub versions: Vec<String>,
    pub terms: String,
    pub policy: String,
    pub group: String,
    #[serde(default)]
    pub former_group: Vec<FormerGroup>,
    pub issued: Option<Day>,
    pub live_from: Option<Day>,
    pub review_due: Option<Day>,
    #[serde(default)]
    pub rules: Rules,
    #[serde(default)]
    pub oversight: OversightRules,
    #[serde(default)]
    pub review: Vec<Spanned<Review>>,
    #[serde(default)]
    pub instruction: Vec<Spanned<Instruction>>,
    pub roles: BTreeMap<String, Role>,
}
