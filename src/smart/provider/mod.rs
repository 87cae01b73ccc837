//! OpenID providers that are trusted to say who a clinician is (smart.md 5): their id tokens are exchanged (RFC 8693), people
//! sign in there, their access tokens are used here; each only where the configuration says so.
//!
//! Invariant: a provider proves identity. Role, training, organisation and consent stay the register's and the occasion's.

pub mod login;
pub mod person;
pub mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use self::login::Login;
use self::token::{ALGORITHMS, Kind, TokenError, Unverified};
use super::fetch::HttpKeyFetcher;
use super::jwks::{FetchKeys, KeySet, KeySource};
use crate::clock::SharedClock;
use crate::config::{self, UserIs};
use crate::register::ClientAuthentication;

/// Why the configured providers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the provider `{id}`: {what}")]
pub struct ProviderConfigError {
    /// Which.
    pub id: String,
    /// What is wrong.
    pub what: String,
}

/// Why a provider's discovery document is of no use. Its own words are not repeated: nobody here stands for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum DocumentError {
    #[error("its discovery document cannot be fetched")]
    NotFetched,
    #[error("its discovery document is no JSON object")]
    Unreadable,
    #[error("its discovery document is of another issuer")]
    OtherIssuer,
}

/// Shortest and longest time that a discovery document is kept.
const DOCUMENT_LIFETIME: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(1), SignedDuration::from_hours(1));
/// After a failure the provider is left alone so long: whoever asks meanwhile hears at once that it does not answer, and
/// nobody waits in a queue for one deadline after the other.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// One provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Id here.
    pub id: String,
    /// Name on the sign-in page.
    pub name: String,
    /// `iss`.
    pub issuer: String,
    /// Where its keys are; by its discovery document where `None`.
    pub keys: Option<ClientAuthentication>,
    /// Its addresses are exempt from the https and private-range guards.
    pub local: bool,
    /// What it signs with.
    pub algorithms: Vec<(&'static str, Algorithm)>,
    /// The claim that says who it is.
    pub user_claim: String,
    /// What that claim holds.
    pub user_is: UserIs,
    /// The claim with the role profile.
    pub role_claim: Option<String>,
    /// The claim with all role profiles.
    pub roles_claim: Option<String>,
    /// Claims that must have one of these values.
    pub required: BTreeMap<String, Vec<String>>,
    /// Longest time since the sign-in there, in seconds.
    pub max_age_seconds: u32,
    /// Client id here → audience of the id tokens that it may exchange.
    pub audiences: BTreeMap<String, String>,
    /// Signing in there.
    pub login: Option<Arc<Login>>,
    /// Client id there → client id here, where its access tokens may be used.
    pub access_clients: BTreeMap<String, String>,
}

impl Provider {
    /// From its configuration; secrets and keys are read now.
    ///
    /// # Errors
    /// What makes no sense, or cannot be read.
    pub fn load(from: config::Provider) -> Result<Self, ProviderConfigError> {
        let wrong = |what: &str| ProviderConfigError {
            id: from.id.clone(),
            what: what.to_owned(),
        };
        let well_formed = !from.id.is_empty()
            && from.id.len() <= 32
            && from
                .id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !well_formed {
            return Err(wrong("an id is 1 to 32 of a-z 0-9 -"));
        }
        if from.name.trim().is_empty() {
            return Err(wrong("it has no name"));
        }
        let fits = |url: &str| {
            url::Url::parse(url).is_ok_and(|url| {
                url.fragment().is_none()
                    && (url.scheme() == "https" || (from.local && url.scheme() == "http"))
            })
        };
        if !fits(&from.issuer) || from.issuer.contains('?') {
            return Err(wrong("its issuer is no https address"));
        }
        let keys = match (&from.jwks_url, &from.jwks_file) {
            (None, None) => None,
            (Some(url), None) if fits(url) => Some(ClientAuthentication::KeysAt {
                url: url.clone(),
                local: from.local,
            }),
            (Some(_), None) => return Err(wrong("jwks_url is no https address")),
            (None, Some(path)) => {
                let json = std::fs::read_to_string(path)
                    .map_err(|error| wrong(&format!("{}: {error}", path.display())))?;
                KeySet::parse(json.as_bytes())
                    .map_err(|_| wrong("jwks_file holds no set of public keys"))?;
                Some(ClientAuthentication::Keys(json))
            }
            (Some(_), Some(_)) => return Err(wrong("it has both jwks_url and jwks_file")),
        };
        let algorithms: Vec<_> = ALGORITHMS
            .into_iter()
            .filter(|(name, _)| from.algorithms.iter().any(|wanted| wanted == name))
            .collect();
        if algorithms.is_empty() || algorithms.len() != from.algorithms.len() {
            return Err(wrong(
                "its algorithms are of RS256, ES256, RS384, ES384, RS512, each once",
            ));
        }
        if from.required.values().any(Vec::is_empty) {
            return Err(wrong("a required claim has no value that would do"));
        }
        let login = match &from.login {
            None => None,
            Some(login) => Some(Arc::new(Login::load(login).map_err(|what| wrong(&what))?)),
        };
        Ok(Self {
            id: from.id,
            name: from.name,
            issuer: from.issuer,
            keys,
            local: from.local,
            algorithms,
            user_claim: from.user_claim,
            user_is: from.user_is,
            role_claim: from.role_claim,
            roles_claim: from.roles_claim,
            required: from.required,
            max_age_seconds: from.max_age_seconds,
            audiences: from.exchange.map(|it| it.audiences).unwrap_or_default(),
            login,
            access_clients: from.access_tokens.map(|it| it.clients).unwrap_or_default(),
        })
    }
}

/// What a provider says of itself.
#[derive(Default)]
enum Document {
    #[default]
    Unasked,
    /// Believed until then.
    Known(Arc<Value>, Timestamp),
    /// It could not be had; nobody asks again before then.
    Failed(Timestamp),
}

struct Held {
    provider: Arc<Provider>,
    /// One fetch at a time.
    document: tokio::sync::Mutex<Document>,
}

/// The trusted providers with their keys.
pub struct Providers {
    held: Vec<Held>,
    keys: KeySource,
    http: Arc<HttpKeyFetcher>,
    /// Tokens of others stay on the machine's clock, in the sandbox too.
    machine_clock: SharedClock,
}

impl Providers {
    /// These, and nobody else.
    ///
    /// # Errors
    /// Two have one id or one issuer.
    pub fn new(
        providers: Vec<Provider>,
        http: Arc<HttpKeyFetcher>,
        machine_clock: SharedClock,
    ) -> Result<Self, ProviderConfigError> {
        let (mut ids, mut issuers) = (BTreeSet::new(), BTreeSet::new());
        for provider in &providers {
            let fresh = ids.insert(provider.id.clone()) && issuers.insert(provider.issuer.clone());
            if !fresh {
                return Err(ProviderConfigError {
                    id: provider.id.clone(),
                    what: "its id or issuer is there twice".to_owned(),
                });
            }
        }
        Ok(Self {
            held: providers
                .into_iter()
                .map(|provider| Held {
                    provider: Arc::new(provider),
                    document: tokio::sync::Mutex::default(),
                })
                .collect(),
            keys: KeySource::new(Arc::clone(&http) as Arc<dyn FetchKeys>),
            http,
            machine_clock,
        })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.held.iter().map(|held| &held.provider)
    }

    /// The one with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<Provider>> {
        self.iter().find(|provider| provider.id == id)
    }

    /// Those at which people can sign in.
    pub fn offered(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.iter().filter(|provider| provider.login.is_some())
    }

    /// Some client may exchange id tokens.
    #[must_use]
    pub fn exchange(&self) -> bool {
        self.iter().any(|provider| !provider.audiences.is_empty())
    }

    /// Some provider's access tokens may be used here.
    #[must_use]
    pub fn external(&self) -> bool {
        self.iter()
            .any(|provider| !provider.access_clients.is_empty())
    }

    /// The machine's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.machine_clock.now()
    }

    /// The claims of a token, once everything about it has been verified.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn verify(
        &self,
        provider: &Provider,
        jwt: &str,
        kind: Kind,
        audience: &str,
    ) -> Result<Map<String, Value>, TokenError> {
        let unverified = Unverified::read(jwt)?;
        let algorithm = unverified.algorithm(provider, kind)?;
        let kid = unverified.kid()?.to_owned();
        let keys = self.key_set(provider, &kid).await?;
        let key = keys.find(&kid, algorithm)?;
        // The moment is asked now: fetching a key set may have taken seconds.
        unverified.verify(provider, kind, key, audience, self.now())
    }

    /// The provider's keys, fetched again where this kid is not among them.
    ///
    /// # Errors
    /// They cannot be had.
    async fn key_set(&self, provider: &Provider, kid: &str) -> Result<Arc<KeySet>, TokenError> {
        let found;
        let keys = match &provider.keys {
            Some(keys) => keys,
            None => {
                let document = self
                    .document(provider)
                    .await
                    .ok_or(TokenError::KeysUnavailable)?;
                let url = document.get("jwks_uri").and_then(Value::as_str);
                found = ClientAuthentication::KeysAt {
                    url: url.ok_or(TokenError::KeysUnavailable)?.to_owned(),
                    local: provider.local,
                };
                &found
            }
        };
        Ok(self.keys.keys(keys, kid, self.now()).await?)
    }

    /// The provider's discovery document, if it can be had and is its own (OpenID Connect Discovery section 4.3).
    async fn document(&self, provider: &Provider) -> Option<Arc<Value>> {
        let held = self
            .held
            .iter()
            .find(|held| held.provider.id == provider.id)?;
        let mut kept = held.document.lock().await;
        let now = self.now();
        match &*kept {
            Document::Known(document, until) if now < *until => return Some(Arc::clone(document)),
            Document::Failed(until) if now < *until => return None,
            _ => {}
        }
        let (known, lifetime) = match self.fetch_document(provider).await {
            Ok((document, lifetime)) => {
                let (least, most) = DOCUMENT_LIFETIME;
                (Some(Arc::new(document)), lifetime.clamp(least, most))
            }
            Err(error) => {
                tracing::warn!(provider = %provider.id, %error, "an OpenID provider cannot be used");
                (None, RETRY_AFTER)
            }
        };
        // Asked again: fetching may have taken seconds.
        let until = self.now().checked_add(lifetime).unwrap_or(now);
        *kept = match &known {
            Some(document) => Document::Known(Arc::clone(document), until),
            None => Document::Failed(until),
        };
        known
    }

    async fn fetch_document(
        &self,
        provider: &Provider,
    ) -> Result<(Value, SignedDuration), DocumentError> {
        let url = format!(
            "{}/.well-known/openid-configuration",
            provider.issuer.trim_end_matches('/')
        );
        let fetched =
            (self.http.fetch(&url, provider.local).await).map_err(|_| DocumentError::NotFetched)?;
        let document: Value = serde_json::from_slice(&fetched.body)
            .ok()
            .filter(Value::is_object)
            .ok_or(DocumentError::Unreadable)?;
        if document.get("issuer").and_then(Value::as_str) != Some(provider.issuer.as_str()) {
            return Err(DocumentError::OtherIssuer);
        }
        Ok((document, fetched.lifetime))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const CIS2: &str = "https://cis2.example/oidc";

    /// A provider as CIS2 would be configured.
    pub(crate) fn cis2() -> Provider {
        let text = r#"
            id = "cis2"
            name = "NHS CIS2"
            issuer = "https://cis2.example/oidc"
            role_claim = "selected_roleid"
            roles_claim = "nhsid_nrbac_roles"
            required = { authentication_assurance_level = ["2", "3"] }
            exchange = { audiences = { sandbox-backend = "hospital-ehr" } }
        "#;
        Provider::load(toml::from_str(text).unwrap()).unwrap()
    }

    // docs/configuration.md: its examples are read as they stand, and trust for what they say
    #[test]
    fn the_documented_providers_are_read() {
        let page = include_str!("../../../docs/configuration.md");
        let examples: Vec<&str> = page
            .split("```toml\n")
            .skip(1)
            .filter_map(|rest| rest.split("\n```").next())
            .filter(|toml| toml.contains("[[providers]]"))
            .collect();
        let folder = std::env::temp_dir().join(crate::clock::new_id().to_string());
        std::fs::create_dir(&folder).unwrap();
        let (key, secret) = (folder.join("key.json"), folder.join("secret"));
        let jwk = crate::smart::signing::generate_jwk(
            "openmig-1",
            crate::smart::signing::SigningAlgorithm::Rs384,
        );
        std::fs::write(&key, jwk.unwrap().to_string()).unwrap();
        std::fs::write(&secret, "a-secret").unwrap();
        let loaded: Vec<Provider> = examples
            .iter()
            .flat_map(|example| {
                // Only where the files lie differs from machine to machine.
                let example = example
                    .replace("/etc/openmig/cis2.jwk.json", key.to_str().unwrap())
                    .replace("/etc/openmig/keycloak.secret", secret.to_str().unwrap());
                assert!(!example.contains("/etc/"), "{example}");
                let file = folder.join("providers.toml");
                std::fs::write(&file, example).unwrap();
                config::read_providers(&file).unwrap()
            })
            .map(|provider| Provider::load(provider).unwrap())
            .collect();
        std::fs::remove_dir_all(&folder).unwrap();
        let [cis2, keycloak] = loaded.as_slice() else {
            panic!("{} providers", loaded.len());
        };
        assert!(cis2.login.is_some() && !cis2.audiences.is_empty());
        assert!(cis2.access_clients.is_empty());
        assert_eq!(cis2.user_is, UserIs::Identity);
        assert!(keycloak.login.is_some() && !keycloak.access_clients.is_empty());
        assert!(keycloak.audiences.is_empty());
        assert_eq!(keycloak.user_is, UserIs::Username);
        let all = Providers::new(
            loaded.clone(),
            Arc::new(HttpKeyFetcher::new().unwrap()),
            Arc::new(crate::clock::SystemClock),
        );
        assert!(all.is_ok_and(|all| all.exchange() && all.external()));
    }

    #[test]
    fn what_makes_no_sense_is_not_loaded() {
        let good = "id = 'a'\nname = 'A'\nissuer = 'https://a.example'\n";
        let load = |text: &str| Provider::load(toml::from_str(text).unwrap());
        let provider = load(good).unwrap();
        // Trusted for nothing until it is said what for.
        assert!(provider.audiences.is_empty() && provider.access_clients.is_empty());
        assert!(provider.login.is_none());
        for (from, to) in [
            ("'a'", "'A b'"),
            ("'A'", "' '"),
            ("https://a.example", "http://a.example"),
            ("https://a.example", "a"),
            ("https://a.example", "https://a.example?x"),
        ] {
            assert!(load(&good.replacen(from, to, 1)).is_err(), "{to}");
        }
        for more in [
            "algorithms = ['none']",
            "algorithms = ['HS256', 'RS256']",
            "algorithms = []",
            "jwks_url = 'http://a.example/keys'",
            "jwks_file = '/nowhere/at/all'",
            "jwks_url = 'https://a.example/keys'\njwks_file = 'x'",
            "required = { acr = [] }",
            "login = { client_id = 'x', client_secret = '/nowhere/at/all' }",
            "login = { client_id = 'x' }",
        ] {
            assert!(load(&format!("{good}{more}")).is_err(), "{more}");
        }
        assert!(load(&format!("{}local = true", good.replace("https:", "http:"))).is_ok());
    }
}
