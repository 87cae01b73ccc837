//! Where notices go, by recipient: the operator's configuration, with the secrets from their files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::mail::{MailOutbox, is_address};
use crate::config::Notices;
use crate::store::notices::Recipient;

/// Fewest bytes of a webhook's secret (Standard Webhooks 1.0.0 asks for 24 to 64).
const LEAST_SECRET: usize = 24;

/// Why notices cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// A webhook's address is no https URL (loopback may be http).
    #[error("notices.recipients.{0}.webhook must be an https URL without user and fragment")]
    Url(String),
    /// A webhook without secret, or one that is none.
    #[error(
        "notices.recipients.{0}.webhook_secret must be a file with `whsec_` and the base64 of at least 24 bytes"
    )]
    Secret(String),
    /// A mail address that is none.
    #[error("{0} is not a mail address")]
    Address(String),
    /// Mail addresses without a folder or sender.
    #[error(
        "notices.mail_dir and notices.mail_from are needed where a recipient has a mail address"
    )]
    NoOutbox,
    /// A folder or file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("the client for webhooks cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// A receiver of webhooks.
#[derive(Clone)]
pub struct WebhookRoute {
    /// Where.
    pub url: url::Url,
    /// The shared secret's bytes.
    pub secret: Vec<u8>,
}

impl WebhookRoute {
    /// From an address and a secret as Standard Webhooks writes it; `None` where either is not fit.
    #[must_use]
    pub fn new(url: &str, secret: &str) -> Option<Self> {
        Some(Self {
            url: webhook_url(url)?,
            secret: webhook_secret(secret)?,
        })
    }
}

fn webhook_url(text: &str) -> Option<url::Url> {
    let url = url::Url::parse(text).ok()?;
    let local = match url.host()? {
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
        url::Host::Domain(_) => false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && local);
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (scheme && bare).then_some(url)
}

fn webhook_secret(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.trim().strip_prefix("whsec_")?).ok()?;
    (bytes.len() >= LEAST_SECRET).then_some(bytes)
}

/// One recipient's addresses.
#[derive(Clone, Default)]
pub struct Route {
    /// Webhook.
    pub webhook: Option<WebhookRoute>,
    /// Mail address.
    pub mail: Option<String>,
}

/// Where notices go.
#[derive(Clone, Default)]
pub struct Routes {
    recipients: BTreeMap<Recipient, Route>,
    outbox: Option<MailOutbox>,
}

impl Routes {
    /// By the configuration; reads the secrets, and makes the mailer's folder where there is none.
    ///
    /// # Errors
    /// See [`RouteError`]; nothing is left out quietly.
    pub fn load(config: &Notices) -> Result<Self, RouteError> {
        let outbox = match (&config.mail_dir, &config.mail_from) {
            (Some(folder), Some(from)) => Some(MailOutbox::new(folder, from)?),
            _ => None,
        };
        let mut recipients = BTreeMap::new();
        for (code, given) in &config.recipients {
            let mut route = Route::default();
            if let Some(url) = &given.webhook {
                let url = webhook_url(url).ok_or_else(|| RouteError::Url(code.clone()))?;
                let secret = || RouteError::Secret(code.clone());
                let path = given.webhook_secret.as_ref().ok_or_else(secret)?;
                let text = std::fs::read_to_string(path).map_err(|source| RouteError::File {
                    path: path.clone(),
                    source,
                })?;
                let secret = webhook_secret(&text).ok_or_else(secret)?;
                route.webhook = Some(WebhookRoute { url, secret });
            }
            if let Some(address) = &given.mail {
                if !is_address(address) {
                    return Err(RouteError::Address(address.clone()));
                }
                if outbox.is_none() {
                    return Err(RouteError::NoOutbox);
                }
                route.mail = Some(address.clone());
            }
            recipients.insert(Recipient::parse(code), route);
        }
        Ok(Self { recipients, outbox })
    }

    /// Routes put together in the program: the sandbox's, a test's.
    #[must_use]
    pub fn new(recipients: BTreeMap<Recipient, Route>, outbox: Option<MailOutbox>) -> Self {
        Self { recipients, outbox }
    }

    /// The same, with another webhook of one recipient.
    #[must_use]
    pub fn with_webhook(&self, to: Recipient, webhook: Option<WebhookRoute>) -> Self {
        let mut routes = self.clone();
        routes.recipients.entry(to).or_default().webhook = webhook;
        routes
    }

    pub(super) fn webhook(&self, to: &Recipient) -> Option<&WebhookRoute> {
        self.recipients.get(to)?.webhook.as_ref()
    }

    pub(super) fn mail(&self, to: &Recipient) -> Option<(&MailOutbox, &str)> {
        let address = self.recipients.get(to)?.mail.as_deref()?;
        Some((self.outbox.as_ref()?, address))
    }
}

/// The routes in force; a clone sees every replacement.
#[derive(Clone, Default)]
pub struct RoutesHandle(Arc<RwLock<Arc<Routes>>>);

impl RoutesHandle {
    /// Puts routes in force.
    #[must_use]
    pub fn new(routes: Routes) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(routes))))
    }

    /// Those in force now.
    #[must_use]
    pub fn current(&self) -> Arc<Routes> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others in force.
    pub fn replace(&self, routes: Routes) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routes);
    }
}
