//! Client authentication at token, introspection and revocation endpoint: one method per request (T6), one set of rules.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use jiff::SignedDuration;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer::OAuthError;
use super::assertion::{AssertionError, Unverified};
use super::form::{Form, FormRequest};
use super::jwks::KeySource;
use crate::clock::SharedClock;
use crate::record::OdsCode;
use crate::register::{Client, ClientAuthentication, Register, RegisterHandle};
use crate::store::TokenStore;
use crate::text::hex;

/// The one assertion type (RFC 7523).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that proved who it is.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The client as registered now.
    pub client: Client,
    /// The register in which it was found; the whole request is decided with this one.
    pub register: Arc<Register>,
    /// It signed an assertion; with the assertion's `extensions`.
    pub by_key: bool,
    /// `extensions` of the assertion.
    pub extensions: Option<Value>,
    /// Claims of GP Connect in the assertion.
    pub gp_connect: Map<String, Value>,
}

/// Checks client authentication.
pub struct Authenticator {
    /// What an assertion's `aud` may be (smart.md, decision 5).
    audiences: Vec<String>,
    register: RegisterHandle,
    keys: KeySource,
    tokens: Arc<dyn TokenStore>,
    clock: SharedClock,
    machine_clock: SharedClock,
}

impl Authenticator {
    /// `clock` is the gateway's; `machine_clock` the machine's, on which assertions stay in the sandbox too.
    #[must_use]
    pub fn new(
        issuer: &str,
        register: RegisterHandle,
        keys: KeySource,
        tokens: Arc<dyn TokenStore>,
        clock: SharedClock,
        machine_clock: SharedClock,
    ) -> Self {
        Self {
            audiences: vec![issuer.to_owned(), format!("{issuer}/token")],
            register,
            keys,
            tokens,
            clock,
            machine_clock,
        }
    }

    /// Takes assertions for the issuer alone (draft-ietf-oauth-rfc7523bis).
    #[must_use]
    pub fn for_issuer_alone(mut self) -> Self {
        self.audiences.truncate(1);
        self
    }

    /// This server's issuer identifier, which is its FHIR base.
    #[must_use]
    pub fn issuer(&self) -> &str {
        // The issuer itself comes first; see `new`.
        self.audiences.first().map_or("", String::as_str)
    }

    /// The register in force.
    #[must_use]
    pub fn register(&self) -> Arc<Register> {
        self.register.current()
    }

    /// Does a hold lie on this organisation (R155, R156)?
    #[must_use]
    pub fn is_held(&self, organisation: &OdsCode) -> bool {
        // Where nobody can say, it is held.
        self.register
            .holds(self.clock.now())
            .map_or(true, |holds| holds.organisations.contains(organisation))
    }

    /// Has this user been taken out at run time (R108)?
    #[must_use]
    pub fn is_user_held(&self, username: &str) -> bool {
        self.register
            .holds(self.clock.now())
            .map_or(true, |holds| holds.users.contains(username))
    }

    /// Is this client disabled?
    #[must_use]
    pub fn is_client_held(&self, id: &str) -> bool {
        self.register
            .holds(self.clock.now())
            .map_or(true, |holds| holds.clients.contains(id))
    }

    fn enabled(&self, who: Authenticated) -> Result<Authenticated, OAuthError> {
        if self.is_client_held(&who.client.id) {
            Err(OAuthError::invalid_client("The client is disabled."))
        } else {
            Ok(who)
        }
    }

    /// Who asks?
    ///
    /// # Errors
    /// `invalid_client`, or `invalid_request` where a parameter is missing or two methods are used; 503 where the store fails.
    pub async fn client(
        &self,
        request: &FormRequest,
        form: &Form,
    ) -> Result<Authenticated, OAuthError> {
        let by_header = request.headers.contains_key(header::AUTHORIZATION);
        let by_assertion =
            form.get("client_assertion").is_some() || form.get("client_assertion_type").is_some();
        let by_secret = form.get("client_secret").is_some();
        match (by_header, by_assertion, by_secret) {
            (true, false, false) => self.enabled(self.by_basic(request, form)?),
            (false, true, false) => self.enabled(self.by_assertion(form).await?),
            (false, false, false) => Err(OAuthError::invalid_request(
                "The parameter client_assertion is missing.",
            )),
            (false, false, true) => Err(OAuthError::invalid_client(
                "A client secret is sent by HTTP Basic, not in the body.",
            )),
            _ => Err(OAuthError::invalid_request(
                "A request authenticates its client in one way.",
            )),
        }
    }

    /// Nobody says who asks: neither by a credential nor by `client_id`.
    #[must_use]
    pub fn is_anonymous(&self, request: &FormRequest, form: &Form) -> bool {
        !request.headers.contains_key(header::AUTHORIZATION)
            && [
                "client_id",
                "client_assertion",
                "client_assertion_type",
                "client_secret",
            ]
            .iter()
            .all(|name| form.get(name).is_none())
    }

    /// Who asks, a public client included, which only says its name: what it asks for has to prove the rest (PKCE).
    ///
    /// # Errors
    /// As [`Self::client`]; a client that has a credential must use it.
    pub async fn any_client(
        &self,
        request: &FormRequest,
        form: &Form,
    ) -> Result<Authenticated, OAuthError> {
        let bare = !request.headers.contains_key(header::AUTHORIZATION)
            && ["client_assertion", "client_assertion_type", "client_secret"]
                .iter()
                .all(|name| form.get(name).is_none());
        if !bare {
            return self.client(request, form).await;
        }
        let id = form.required("client_id")?;
        let register = self.register();
        match register.clients.get(id) {
            Some(client) if matches!(client.authentication, ClientAuthentication::Public) => self
                .enabled(Authenticated {
                    client: client.clone(),
                    register,
                    by_key: false,
                    extensions: None,
                    gp_connect: Map::new(),
                }),
            _ => Err(OAuthError::invalid_client(
                "The client is not known, or must authenticate.",
            )),
        }
    }

    async fn by_assertion(&self, form: &Form) -> Result<Authenticated, OAuthError> {
        if form.required("client_assertion_type")? != ASSERTION_TYPE {
            return Err(OAuthError::invalid_client(
                "The client_assertion_type is not the JWT bearer type.",
            ));
        }
        let jwt = form.required("client_assertion")?;
        let refused = |error: AssertionError| OAuthError::invalid_client(error.to_string());
        let unverified = Unverified::read(jwt).map_err(refused)?;
        if form
            .get("client_id")
            .is_some_and(|id| id != unverified.claimed_client())
        {
            return Err(refused(AssertionError::Subject));
        }
        let register = self.register();
        let client = register
            .clients
            .get(unverified.claimed_client())
            .cloned()
            .ok_or_else(|| refused(AssertionError::UnknownClient))?;
        unverified
            .check_key_set_url(&client.authentication)
            .map_err(refused)?;
        let now = self.machine_clock.now();
        let keys = self
            .keys
            .keys(&client.authentication, unverified.kid(), now)
            .await
            .map_err(|error| refused(error.into()))?;
        let key = keys
            .find(unverified.kid(), unverified.algorithm())
            .map_err(|error| refused(error.into()))?;
        // The moment is asked again: fetching a key set may have taken seconds.
        let now = self.machine_clock.now();
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        let assertion = unverified.verify(key, &audiences, now).map_err(refused)?;
        // The store clears by the gateway's clock, which the sandbox moves ahead.
        let ahead = self
            .clock
            .now()
            .duration_since(now)
            .max(SignedDuration::ZERO);
        let until = assertion
            .keep_until
            .checked_add(ahead)
            .unwrap_or(assertion.keep_until);
        if !self
            .tokens
            .use_assertion(&client.id, &assertion.jti, until)
            .await?
        {
            return Err(refused(AssertionError::Replayed));
        }
        Ok(Authenticated {
            client,
            register,
            by_key: true,
            extensions: assertion.extensions,
            gp_connect: assertion.gp_connect,
        })
    }

    /// `client_secret_basic`: id and secret are form-encoded inside (T5).
    fn by_basic(&self, request: &FormRequest, form: &Form) -> Result<Authenticated, OAuthError> {
        let refused = || OAuthError::invalid_client("The client or its secret is not known.");
        let mut headers = request.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (headers.next(), headers.next()) else {
            return Err(OAuthError::invalid_request(
                "A request authenticates its client in one way.",
            ));
        };
        let (id, secret) = value.to_str().ok().and_then(basic).ok_or_else(refused)?;
        if form.get("client_id").is_some_and(|sent| sent != id) {
            return Err(refused());
        }
        let register = self.register();
        let client = register.clients.get(&id).ok_or_else(refused)?;
        let ClientAuthentication::Secret(expected) = &client.authentication else {
            return Err(refused());
        };
        let sent = hex(&Sha256::digest(secret.as_bytes()));
        if !bool::from(
            sent.as_bytes()
                .ct_eq(expected.to_ascii_lowercase().as_bytes()),
        ) {
            return Err(refused());
        }
        let client = client.clone();
        Ok(Authenticated {
            client,
            register,
            by_key: false,
            extensions: None,
            gp_connect: Map::new(),
        })
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |text: &str| {
        // An `=` or `&` left bare would be taken for a separator; as in a form, they come encoded.
        let text = text.replace('=', "%3D").replace('&', "%26");
        url::form_urlencoded::parse(text.as_bytes())
            .next()
            .map(|(text, _)| text.into_owned())
    };
    Some((decoded(id)?, decoded(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // smart.md decision 5: both populations, or the issuer alone
    #[tokio::test]
    async fn the_token_endpoint_is_an_audience_unless_told_otherwise() {
        use crate::clock::FixedClock;
        use crate::smart::fakes::{BACKEND, FakeStore, NoFetch, claims, register, request};
        for (alone, audience, good) in [
            (false, "http://127.0.0.1:8080/fhir/r4/token", true),
            (false, "http://127.0.0.1:8080/fhir/r4", true),
            (true, "http://127.0.0.1:8080/fhir/r4/token", false),
            (true, "http://127.0.0.1:8080/fhir/r4", true),
        ] {
            let authenticator = Authenticator::new(
                "http://127.0.0.1:8080/fhir/r4",
                RegisterHandle::new(register()),
                KeySource::new(Arc::new(NoFetch)),
                Arc::new(FakeStore::default()),
                Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH)),
                Arc::new(crate::clock::SystemClock),
            );
            let authenticator = match alone {
                true => authenticator.for_issuer_alone(),
                false => authenticator,
            };
            let mut claims = claims("sandbox-backend");
            claims["aud"] = audience.into();
            let request = request(&vec![
                ("client_assertion_type", ASSERTION_TYPE.to_owned()),
                ("client_assertion", BACKEND.sign(&claims).unwrap()),
            ]);
            let form = Form::read(&request).unwrap();
            let who = authenticator.client(&request, &form).await;
            assert_eq!(who.is_ok(), good, "{alone} {audience}");
        }
    }

    // T5
    #[test]
    fn basic_credentials_are_form_decoded() {
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(
            basic(&header("my%3Aapp:s%2Be+c=r")),
            Some(("my:app".to_owned(), "s+e c=r".to_owned()))
        );
        assert_eq!(basic(&header("nocolon")), None);
        assert_eq!(basic("Bearer abc"), None);
        assert_eq!(basic("Basic !!!"), None);
    }
}
