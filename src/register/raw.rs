//! The register files as they are written. Unknown keys are refused, because a misspelt restriction is no restriction.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{OrganisationKind, OversightOf, Role};
use crate::record::SourceFamily;

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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    pub ods: String,
    pub name: String,
    pub kind: OrganisationKind,
    pub signature: Option<Signature>,
    #[serde(default)]
    pub suspended: bool,
    pub assurance_until: Option<Day>,
    pub source: Option<Source>,
    #[serde(default)]
    pub enabled: bool,
    #[serde(default)]
    pub applies_exclusion_list: bool,
    #[serde(default)]
    pub qualified_roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub agreement: String,
    pub name: String,
    pub title: String,
    pub date: Day,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub family: SourceFamily,
    pub endpoint: String,
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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    pub version: String,
    pub date: Day,
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
    pub approval: String,
    pub tabs: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    pub name: String,
    pub versions: Vec<String>,
    pub terms: String,
    pub policy: String,
    pub group: String,
    pub review_due: Option<Day>,
    pub roles: BTreeMap<String, Role>,
}
