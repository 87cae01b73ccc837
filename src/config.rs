//! Configuration of `openmig serve`: one TOML file, every key documented here, unknown keys refused, secrets only as
//! paths of files. The sandbox builds the same values in the program.

mod providers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use providers::{
    Provider, ProviderAccessTokens, ProviderExchange, ProviderLogin, UserIs, read_providers,
};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// FHIR base, which is also the OAuth issuer: absolute, no trailing slash, no query.
    pub issuer: String,
    /// Base of the clinicians' `subject_id`, before `#`; `<issuer>/user` where it is not set.
    pub user_base: Option<String>,
    /// A client assertion's `aud` must be the issuer, as draft-ietf-oauth-rfc7523bis has it; otherwise the token endpoint, as
    /// SMART has it, is good too.
    #[serde(default)]
    pub issuer_audience_only: bool,
    /// Address to listen on. TLS is the proxy's in front.
    pub listen: SocketAddr,
    /// Folder of the SQLite file.
    pub state_dir: PathBuf,
    /// Folder of the register files.
    pub register_dir: PathBuf,
    /// Networks that may call, as `address/bits`. Loopback only until set (R109).
    #[serde(default = "loopback")]
    pub allow_networks: Vec<String>,
    /// Networks that may read `/metrics`, as `address/bits`. Loopback only until set.
    #[serde(default = "loopback")]
    pub metrics_networks: Vec<String>,
    /// Proxies whose `X-Forwarded-For` counts; nobody else's does.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Folder of the exclusion list, with the national reference sets that it names; watched for changes. The program's own
    /// list where it is not set.
    pub exclusions_dir: Option<PathBuf>,
    /// Folder of the mapping tables, read at the start; the program's own where it is not set, and for each table that the
    /// folder does not have.
    pub mappings_dir: Option<PathBuf>,
    /// The services that the gateway asks.
    pub services: Services,
    /// Secrets.
    pub secrets: Secrets,
    /// Times.
    #[serde(default)]
    pub timing: Timing,
    /// Where notices go (R092).
    #[serde(default)]
    pub notices: Notices,
    /// OpenID providers that are trusted to say who a clinician is; nobody else is.
    #[serde(default)]
    pub providers: Vec<Provider>,
}

/// Where notices go. Without any of it they are in the oversight console alone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notices {
    /// Folder from which the operator's mailer takes messages.
    pub mail_dir: Option<PathBuf>,
    /// Their sender.
    pub mail_from: Option<String>,
    /// By ODS code, or `group`.
    pub recipients: BTreeMap<String, NoticeRecipient>,
}

/// Where one recipient's notices go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoticeRecipient {
    /// URL of its receiver.
    pub webhook: Option<String>,
    /// File of the secret that signs what is posted there.
    pub webhook_secret: Option<PathBuf>,
    /// Mail address.
    pub mail: Option<String>,
}

/// Other systems.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// Base URL of the trace service (PDS-FHIR-style).
    pub trace: String,
    /// Base URL of the viewers' worklists.
    pub worklist: String,
}

/// Secrets, each in a file of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// 32 bytes: the key of patient and resource ids. Changing it changes every id.
    pub id_key: PathBuf,
    /// 32 bytes: seals NHS numbers in the store.
    pub seal_key: PathBuf,
    /// The server's signing key, a private JWK (RS256).
    pub signing_key: PathBuf,
    /// The key that signs heads of the audit trail, a private JWK (ES384 or RS256); made in the state's folder where it is not
    /// set.
    pub trail_key: Option<PathBuf>,
    /// Public key set (JWKS) of the keys that signed heads of the trail before.
    pub former_trail_keys: Option<PathBuf>,
    /// The API key towards SystmOne units.
    pub systmone_key: Option<PathBuf>,
}

/// Times; see each for its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Seconds that a looked-up record is held in memory; 0 = not at all.
    pub hold_seconds: u64,
    /// Milliseconds after which a uniform refusal leaves, whichever rule stopped it.
    pub refusal_floor_millis: u64,
    /// Minutes that an occasion lasts; at most 480.
    pub occasion_minutes: u32,
    /// Seconds that a source, the trace service or a worklist has.
    pub source_deadline_seconds: u64,
    /// Token requests a minute from one address.
    pub token_requests_per_minute: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hold_seconds: 30,
            refusal_floor_millis: 1_000,
            occasion_minutes: 30,
            source_deadline_seconds: 8,
            token_requests_per_minute: 60,
        }
    }
}

impl Timing {
    /// Deadline of one question to a source.
    #[must_use]
    pub fn source_deadline(&self) -> Duration {
        Duration::from_secs(self.source_deadline_seconds)
    }
}

/// The networks that may call until the operator says otherwise.
#[must_use]
pub fn loopback() -> Vec<String> {
    vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()]
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The TOML is wrong, with line and key.
    #[error("{path}: {source}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("{0}")]
    Value(String),
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// Unreadable, unknown keys, or values that make no sense.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let config: Self = toml::from_str(&text).map_err(|source| ConfigError::Toml {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let issuer = url::Url::parse(&config.issuer)
            .map_err(|e| ConfigError::Value(format!("issuer is not a URL: {e}")))?;
        if config.issuer.ends_with('/') || issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(ConfigError::Value(
                "issuer must end without slash, query and fragment".to_owned(),
            ));
        }
        if config.timing.occasion_minutes == 0 || config.timing.occasion_minutes > 480 {
            return Err(ConfigError::Value(
                "timing.occasion_minutes must be 1 to 480".to_owned(),
            ));
        }
        Ok(config)
    }
}

/// The configuration as an auditor may see it: every value, without the table of secrets and without the names of files that
/// hold some.
///
/// # Errors
/// Unreadable.
pub fn shown(path: &Path) -> Result<serde_json::Value, ConfigError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let mut value: serde_json::Value =
        toml::from_str(&text).map_err(|source| ConfigError::Toml {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
    without_secrets(&mut value);
    Ok(value)
}

/// Takes out every member whose name speaks of a secret.
fn without_secrets(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|name, _| !name.contains("secret"));
            members.values_mut().for_each(without_secrets);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_secrets),
        _ => {}
    }
}

/// A secret of exactly 32 bytes from its file.
///
/// # Errors
/// Unreadable, or another length.
pub fn secret_32(path: &Path) -> Result<[u8; 32], ConfigError> {
    read(path)?
        .try_into()
        .map_err(|_| ConfigError::Value(format!("{} must hold exactly 32 bytes", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = concat!(
        include_str!("config.rs"),
        include_str!("config/providers.rs")
    );
    const REFERENCE: &str = include_str!("../docs/configuration.md");
    const EXAMPLE: &str = include_str!("../docs/example/openmig.toml");

    /// The keys as the file has them: fields of the structs that are read from it.
    fn keys() -> Vec<String> {
        let mut keys = Vec::new();
        for (name, prefix) in [
            ("Config", ""),
            ("Services", "services."),
            ("Secrets", "secrets."),
            ("Timing", "timing."),
            ("Notices", "notices."),
            ("NoticeRecipient", "notices.recipients.<code>."),
            ("Provider", "providers."),
            ("ProviderExchange", "providers.exchange."),
            ("ProviderLogin", "providers.login."),
            ("ProviderAccessTokens", "providers.access_tokens."),
        ] {
            let start = SOURCE.find(&format!("pub struct {name} {{")).unwrap();
            let body = &SOURCE[start..];
            let body = &body[..body.find("\n}").unwrap()];
            keys.extend(
                body.lines()
                    .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'))
                    .map(|(field, _)| format!("{prefix}{field}"))
                    .filter(|key| {
                        ![
                            "services",
                            "secrets",
                            "timing",
                            "notices",
                            "notices.recipients",
                            "providers",
                            "providers.exchange",
                            "providers.login",
                            "providers.access_tokens",
                        ]
                        .contains(&key.as_str())
                    }),
            );
        }
        keys
    }

    // design.md 10: every key is documented, and no key that is not there
    #[test]
    fn the_reference_lists_every_key() {
        let documented: Vec<&str> = REFERENCE
            .lines()
            .take_while(|line| !line.starts_with("Environment"))
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(key, _)| key)
            .collect();
        assert_eq!(documented, keys());
        for (key, default) in [
            ("hold_seconds", Timing::default().hold_seconds.to_string()),
            (
                "refusal_floor_millis",
                Timing::default().refusal_floor_millis.to_string(),
            ),
            (
                "occasion_minutes",
                Timing::default().occasion_minutes.to_string(),
            ),
            (
                "source_deadline_seconds",
                Timing::default().source_deadline_seconds.to_string(),
            ),
            (
                "token_requests_per_minute",
                Timing::default().token_requests_per_minute.to_string(),
            ),
        ] {
            assert!(
                REFERENCE.contains(&format!("| `timing.{key}` | {default} |")),
                "{key}"
            );
        }
    }

    // R144: an auditor sees every setting, and nothing of where secrets are
    #[test]
    fn what_is_shown_has_no_secret() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/example/openmig.toml");
        let shown = shown(&path).unwrap();
        assert!(shown["issuer"].is_string() && shown["services"]["trace"].is_string());
        assert!(!shown.to_string().contains("secret"), "{shown}");
    }

    #[test]
    fn the_example_is_read_and_a_misspelt_key_is_not() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(config.timing, Timing::default());
        let misspelt = format!("allow_network = []\n{EXAMPLE}");
        assert!(toml::from_str::<Config>(&misspelt).is_err());
    }
}
