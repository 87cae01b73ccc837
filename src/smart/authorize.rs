//! What an app asks at `<issuer>/authorize`, checked in the order that keeps the endpoint from being anybody's redirector:
//! client and redirect address first, and only what has passed both can be answered by a redirect (RFC 9700 section 2.1).

use serde::{Deserialize, Serialize};

use super::launch_scope::LaunchScopes;
use crate::register::{Client, Register};

/// Largest query or form that is read, in bytes.
pub const MAX_REQUEST: usize = 32 * 1024;
/// Most parameters; the endpoint knows fewer than twenty.
const MAX_PARAMETERS: usize = 50;
/// Longest `state` or `nonce` that is kept.
const MAX_ECHO: usize = 2048;

/// An app's request that passed every check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Where the answer goes.
    pub back: Back,
    /// The app.
    pub client: String,
    /// `scope`, as it was asked.
    pub scope: String,
    /// S256 challenge.
    pub challenge: String,
    /// OIDC nonce.
    pub nonce: Option<String>,
    /// Hash of the launch handle, where an EHR launched the app.
    pub launch: Option<[u8; 32]>,
}

/// A redirect address that is the client's own, character for character. Only [`read`] makes one from a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    uri: String,
    state: Option<String>,
}

impl Back {
    /// The address as it was registered.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Scheme, host and port: where the browser is sent to in the end.
    #[must_use]
    pub fn origin(&self) -> String {
        url::Url::parse(&self.uri)
            .map_or_else(|_| String::new(), |uri| uri.origin().ascii_serialization())
    }

    /// The address with these parameters, `state` as it was sent and `iss` (RFC 9207). A query of its own is kept.
    #[must_use]
    pub fn with(&self, issuer: &str, parameters: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
        let join = match self.uri.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        format!("{}{join}{}", self.uri, query.finish())
    }

    /// The address with an error (RFC 6749 section 4.1.2.1).
    #[must_use]
    pub fn with_error(&self, issuer: &str, error: &BackError) -> String {
        self.with(
            issuer,
            &[
                ("error", error.error),
                ("error_description", &error.description),
            ],
        )
    }
}

/// An error that the app learns by redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackError {
    /// `error`.
    pub error: &'static str,
    /// `error_description`: what is wrong, never what was sent.
    pub description: String,
}

impl BackError {
    /// With these words.
    #[must_use]
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            error,
            description: description.into(),
        }
    }
}

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Shown to the person; the browser is sent nowhere.
    Page(&'static str),
    /// Told to the app.
    Back(Back, BackError),
}

/// Reads a query or form.
///
/// # Errors
/// See [`Unfit`].
pub fn read(encoded: &[u8], issuer: &str, register: &Register) -> Result<Asked, Unfit> {
    if encoded.len() > MAX_REQUEST {
        return Err(Unfit::Page("The app's request is too long."));
    }
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(encoded)
        .take(MAX_PARAMETERS + 1)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if pairs.len() > MAX_PARAMETERS {
        return Err(Unfit::Page("The app's request has too many parameters."));
    }
    let request = Request(pairs);
    let (client, back) = request.who(register)?;
    request
        .what(client, &back, issuer)
        .map_err(|error| Unfit::Back(back, error))
}

struct Request(Vec<(String, String)>);

impl Request {
    fn times(&self, name: &str) -> usize {
        self.0.iter().filter(|(n, _)| n == name).count()
    }

    /// A parameter; one without a value counts as left out (RFC 6749 section 3.1).
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The client and its redirect address, or a page: until both are certain nothing is sent anywhere (A3).
    fn who<'a>(&self, register: &'a Register) -> Result<(&'a Client, Back), Unfit> {
        for name in ["client_id", "redirect_uri", "state"] {
            if self.times(name) > 1 {
                return Err(Unfit::Page("The app sent a parameter twice."));
            }
        }
        let client = self
            .get("client_id")
            .and_then(|id| register.clients.get(id))
            .filter(|client| client.audit_of.is_none() && !client.redirect_uris.is_empty())
            .ok_or(Unfit::Page(
                "The app is not registered with this service, or may not sign people in.",
            ))?;
        let uri = self
            .get("redirect_uri")
            .filter(|uri| client.redirect_uris.iter().any(|own| own == uri))
            .ok_or(Unfit::Page(
                "The app asked for the answer to be sent to an address that is not registered for it.",
            ))?;
        let state = self.get("state");
        if state.is_some_and(|state| state.len() > MAX_ECHO || state.contains('\u{fffd}')) {
            return Err(Unfit::Page("The app's state parameter cannot be repeated."));
        }
        let back = Back {
            uri: uri.to_owned(),
            state: state.map(str::to_owned),
        };
        Ok((client, back))
    }

    fn what(&self, client: &Client, back: &Back, issuer: &str) -> Result<Asked, BackError> {
        let wrong = |text: &str| BackError::new("invalid_request", text);
        // A13
        if self.0.iter().any(|(name, _)| self.times(name) > 1) {
            return Err(wrong("A parameter is repeated."));
        }
        if self
            .0
            .iter()
            .any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'))
        {
            return Err(wrong("The request is not UTF-8."));
        }
        if self.get("request").is_some() {
            return Err(BackError::new(
                "request_not_supported",
                "Request objects are not supported.",
            ));
        }
        if self.get("request_uri").is_some() {
            return Err(BackError::new(
                "request_uri_not_supported",
                "Request objects are not supported.",
            ));
        }
        // A2
        match self.get("response_type") {
            Some("code") => {}
            Some(_) => {
                return Err(BackError::new(
                    "unsupported_response_type",
                    "The only response_type is code.",
                ));
            }
            None => return Err(wrong("The parameter response_type is missing.")),
        }
        if self
            .get("response_mode")
            .is_some_and(|mode| mode != "query")
        {
            return Err(wrong("The only response_mode is query."));
        }
        // A4
        if back.state.is_none() {
            return Err(wrong("The parameter state is missing."));
        }
        self.check_audience(issuer)?;
        let challenge = self.challenge()?;
        let nonce = self.get("nonce").map(str::to_owned);
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_ECHO) {
            return Err(wrong("The parameter nonce is too long."));
        }
        let scope = self
            .get("scope")
            .ok_or_else(|| BackError::new("invalid_scope", "The parameter scope is missing."))?;
        let scopes = LaunchScopes::parse(scope)
            .map_err(|error| BackError::new("invalid_scope", error.to_string()))?;
        let most = if scopes.identity_only() {
            scopes.grant(None, false, false)
        } else {
            scopes.grant(Some(crate::tabs::catalogue::TabSet::ALL), true, true)
        };
        if !most.contains('/') && !super::launch_scope::holds(&most, "openid") {
            return Err(BackError::new(
                "invalid_scope",
                "Nothing of the requested scope can be granted.",
            ));
        }
        // The conversation with the patient cannot be had without a page, nor a sign-in (OIDC Core section 3.1.2.6).
        if self
            .get("prompt")
            .is_some_and(|prompt| prompt.split(' ').any(|one| one == "none"))
        {
            return Err(BackError::new(
                "login_required",
                "The clinician signs in for every occasion.",
            ));
        }
        let launch = match (self.get("launch"), scopes.has("launch")) {
            (Some(handle), true) => Some(super::token::token_hash(handle)),
            (Some(_), false) => {
                return Err(wrong(
                    "The parameter launch is there without the scope launch.",
                ));
            }
            (None, _) => None,
        };
        Ok(Asked {
            back: back.clone(),
            client: client.id.clone(),
            scope: scope.to_owned(),
            challenge,
            nonce,
            launch,
        })
    }

    /// `aud` names this very server, so that no other can collect its tokens (A5); `resource` is a synonym (RFC 8707).
    fn check_audience(&self, issuer: &str) -> Result<(), BackError> {
        let wrong = |text: &str| Err(BackError::new("invalid_request", text));
        let ours = |sent: &str| sent.strip_suffix('/').unwrap_or(sent) == issuer;
        match (self.get("aud"), self.get("resource")) {
            (None, None) => wrong("The parameter aud is missing."),
            (aud, resource) if aud.into_iter().chain(resource).all(ours) => Ok(()),
            _ => wrong("The parameter aud is not this server's base address."),
        }
    }

    /// A6: S256 for everybody; a method left out means plain (RFC 7636 section 4.3).
    fn challenge(&self) -> Result<String, BackError> {
        let wrong = |text: &str| Err(BackError::new("invalid_request", text));
        let Some(challenge) = self.get("code_challenge") else {
            return wrong("The parameter code_challenge is missing: PKCE is required.");
        };
        if self.get("code_challenge_method") != Some("S256") {
            return wrong("The only code_challenge_method is S256.");
        }
        // 32 bytes in base64url
        let shaped = challenge.len() == 43
            && challenge
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !shaped {
            return wrong("The parameter code_challenge is not a SHA-256 in base64url.");
        }
        Ok(challenge.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::smart::fakes::{ISSUER, register};

    const REDIRECT: &str = "http://127.0.0.1:9310/app.html";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn world() -> Register {
        let mut register = register();
        for client in register.clients.values_mut() {
            if ["sandbox-spa", "sandbox-web"].contains(&client.id.as_str()) {
                client.redirect_uris = vec![REDIRECT.to_owned()];
            }
        }
        register
    }

    fn good() -> Vec<(&'static str, &'static str)> {
        vec![
            ("response_type", "code"),
            ("client_id", "sandbox-spa"),
            ("redirect_uri", REDIRECT),
            ("state", "a b&c"),
            ("aud", ISSUER),
            ("scope", "openid launch/patient patient/Patient.rs"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
    }

    fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        let mut pairs = good();
        pairs.retain(|(n, _)| *n != name);
        if !value.is_empty() {
            pairs.push((name, value));
        }
        pairs
    }

    fn ask(pairs: &[(&str, &str)]) -> Result<Asked, Unfit> {
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        read(encoded.as_bytes(), ISSUER, &world())
    }

    fn told(pairs: &[(&str, &str)]) -> &'static str {
        match ask(pairs) {
            Err(Unfit::Back(_, error)) => error.error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_request_is_taken_as_it_is() {
        let asked = ask(&good()).unwrap();
        assert_eq!(asked.client, "sandbox-spa");
        assert_eq!(
            asked.back.with(ISSUER, &[("code", "x")]),
            "http://127.0.0.1:9310/app.html?code=x&state=a+b%26c&iss=http%3A%2F%2F127.0.0.1%3A8080%2Ffhir%2Fr4"
        );
        // A5: one slash more or less, or the synonym
        let slash = [ISSUER, "/"].concat();
        let mut pairs = good();
        pairs.retain(|(name, _)| *name != "aud");
        assert!(ask(&[&pairs[..], &[("aud", &slash)]].concat()).is_ok());
        assert!(ask(&[&pairs[..], &[("resource", ISSUER)]].concat()).is_ok());
    }

    // A3, AC-21, AC-22: nothing is sent to an address that is not the client's own, whatever else is wrong
    #[test]
    fn unknown_clients_and_addresses_get_a_page() {
        for pairs in [
            with("client_id", "nobody"),
            with("client_id", ""),
            with("client_id", "sandbox-backend"),
            with("redirect_uri", ""),
            with("redirect_uri", "http://127.0.0.1:9310/app.html/"),
            with("redirect_uri", "http://127.0.0.1:9310/app.html?x=1"),
            with("redirect_uri", "http://127.0.0.1:9311/app.html"),
            with("redirect_uri", "HTTP://127.0.0.1:9310/app.html"),
            with("redirect_uri", "http://evil.example/app.html"),
            [good(), vec![("redirect_uri", REDIRECT)]].concat(),
            [good(), vec![("client_id", "sandbox-web")]].concat(),
            [good(), vec![("state", "2")]].concat(),
        ] {
            assert!(matches!(ask(&pairs), Err(Unfit::Page(_))), "{pairs:?}");
        }
    }

    // A2, A4, A5, A6, A13
    #[test]
    fn everything_else_is_told_to_the_app() {
        for (pairs, error) in [
            (with("response_type", "token"), "unsupported_response_type"),
            (
                with("response_type", "code id_token"),
                "unsupported_response_type",
            ),
            (with("response_type", ""), "invalid_request"),
            (with("state", ""), "invalid_request"),
            (with("aud", ""), "invalid_request"),
            (
                with("aud", "http://evil.example/fhir/r4"),
                "invalid_request",
            ),
            (
                with("aud", "http://127.0.0.1:8080/fhir/r4//"),
                "invalid_request",
            ),
            (with("resource", "http://evil.example/"), "invalid_request"),
            (with("code_challenge", ""), "invalid_request"),
            (with("code_challenge", "short"), "invalid_request"),
            (with("code_challenge_method", ""), "invalid_request"),
            (with("code_challenge_method", "plain"), "invalid_request"),
            (with("scope", ""), "invalid_scope"),
            (with("scope", "nonsense"), "invalid_scope"),
            (with("scope", "user/*.*"), "invalid_scope"),
            (with("scope", "system/Patient.rs"), "invalid_scope"),
            (with("prompt", "none"), "login_required"),
            (with("response_mode", "fragment"), "invalid_request"),
            (with("launch", "x"), "invalid_request"),
            (with("request", "x"), "request_not_supported"),
            (with("request_uri", "x"), "request_uri_not_supported"),
            (
                [good(), vec![("scope", "openid")]].concat(),
                "invalid_request",
            ),
            (
                [good(), vec![("x", "1"), ("x", "1")]].concat(),
                "invalid_request",
            ),
        ] {
            assert_eq!(told(&pairs), error, "{pairs:?}");
        }
    }

    proptest! {
        // fuzz: whatever comes, the only address that is ever answered is a registered one
        #[test]
        fn any_bytes_lead_nowhere_but_home(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Err(Unfit::Back(back, _)) = read(&bytes, ISSUER, &world()) {
                prop_assert_eq!(back.uri(), REDIRECT);
            }
        }
    }
}
