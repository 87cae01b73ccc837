//! OpenID providers that are trusted to say who a clinician is (CIS2, a hospital's Keycloak), each for what its parts allow.
//! Without any of them the gateway trusts its own register's passwords and its clients' signed word, and nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// One provider. It is trusted for nothing until one of its three parts is there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its id in `users.toml`, in addresses and in the trail: small letters, digits and `-`.
    pub id: String,
    /// What it is called on the sign-in page.
    pub name: String,
    /// Its issuer identifier, character for character as its tokens have it.
    pub issuer: String,
    /// Where its key set is; its discovery document says so where neither this nor `jwks_file` is set.
    pub jwks_url: Option<String>,
    /// Its key set, at hand.
    pub jwks_file: Option<PathBuf>,
    /// Its addresses may be private and without TLS: only for a provider beside the gateway.
    #[serde(default)]
    pub local: bool,
    /// Algorithms of its signatures: of RS256, ES256, RS384, ES384, RS512.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<String>,
    /// The claim that says who it is.
    #[serde(default = "subject")]
    pub user_claim: String,
    /// What that claim holds.
    #[serde(default)]
    pub user_is: UserIs,
    /// The claim with the id of the role profile in which somebody works now; it decides for which organisation.
    pub role_claim: Option<String>,
    /// The claim with all role profiles, each with `person_roleid` and `org_code`: where it is there it must agree.
    pub roles_claim: Option<String>,
    /// Claims that must have one of these values, such as the level of authentication.
    #[serde(default)]
    pub required: BTreeMap<String, Vec<String>>,
    /// Longest time since somebody signed in there (`auth_time`, else `iat`), in seconds.
    #[serde(default = "an_hour")]
    pub max_age_seconds: u32,
    /// Its id tokens may be exchanged for access tokens (RFC 8693).
    pub exchange: Option<ProviderExchange>,
    /// It is offered on the sign-in page.
    pub login: Option<ProviderLogin>,
    /// Its access tokens may be used here (RFC 9068).
    pub access_tokens: Option<ProviderAccessTokens>,
}

/// What a provider's `user_claim` holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserIs {
    /// What the user's `identities` has for this provider.
    #[default]
    Identity,
    /// The username itself: only where whoever runs the register gives out the provider's names too.
    Username,
}

/// Exchanging id tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderExchange {
    /// Client id here → client id there, which is the one audience of the id tokens that it may present.
    pub audiences: BTreeMap<String, String>,
}

/// Signing in there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderLogin {
    /// This gateway's client id there.
    pub client_id: String,
    /// File of its secret there.
    pub client_secret: Option<PathBuf>,
    /// File of its private JWK, for `private_key_jwt` in place of a secret.
    pub client_key: Option<PathBuf>,
    /// Scopes beside `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Levels of authentication to ask for; `required` still decides.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// Its userinfo endpoint is asked too, for claims that are not in the id token.
    #[serde(default)]
    pub userinfo: bool,
}

/// Using its access tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderAccessTokens {
    /// Client id there → client id here, whose register entry counts.
    pub clients: BTreeMap<String, String>,
}

/// A file with nothing but providers, for a sandbox.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvidersFile {
    #[serde(default)]
    providers: Vec<Provider>,
}

/// Reads a file that holds `[[providers]]` and nothing else.
///
/// # Errors
/// Unreadable, or unknown keys.
pub fn read_providers(path: &std::path::Path) -> Result<Vec<Provider>, super::ConfigError> {
    let text = String::from_utf8_lossy(&super::read(path)?).into_owned();
    let file: ProvidersFile = toml::from_str(&text).map_err(|source| super::ConfigError::Toml {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Ok(file.providers)
}

fn algorithms() -> Vec<String> {
    vec!["RS256".to_owned(), "ES256".to_owned()]
}

fn subject() -> String {
    "sub".to_owned()
}

fn an_hour() -> u32 {
    3600
}
