//! Signing in at a provider: authorization code flow with PKCE, state and nonce (OpenID Connect Core section 3.1). The
//! protocol is the openidconnect crate's; every request goes through the guarded HTTP client of [`crate::smart::fetch`].

use std::sync::Arc;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreJsonWebKeySet, CoreProviderMetadata,
};
use openidconnect::{
    AccessToken, AdditionalClaims, AsyncHttpClient, AuthenticationContextClass, AuthorizationCode,
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, SubjectIdentifier, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::token::{Kind, TokenError, Unverified};
use super::{Provider, Providers};
use crate::clock::new_id;
use crate::config;
use crate::smart::authenticate::ASSERTION_TYPE;
use crate::smart::fetch::{HttpKeyFetcher, NotSent};
use crate::smart::signing::SigningKey;
use crate::source::BoxFuture;

/// Why nobody is signed in; nothing here repeats what the provider or the browser sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The provider does not answer, or not as one.
    #[error("the provider does not answer")]
    Unavailable,
    /// It does not take the code, or our credential.
    #[error("the provider did not exchange the code")]
    Refused,
    /// What it answered is not to be believed.
    #[error("the id token {0}")]
    Token(#[from] TokenError),
}

/// How this gateway shows a provider who it is.
enum Credential {
    Secret(String),
    Key(Box<SigningKey>),
}

/// What is configured for signing in at a provider.
pub struct Login {
    client_id: String,
    credential: Credential,
    scopes: Vec<String>,
    acr_values: Vec<String>,
    userinfo: bool,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// From its configuration; secret or key is read now.
    ///
    /// # Errors
    /// In words, what cannot be used.
    pub fn load(from: &config::ProviderLogin) -> Result<Self, String> {
        let read = |path: &std::path::Path| {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let credential = match (&from.client_secret, &from.client_key) {
            (Some(path), None) => {
                let secret = read(path)?.trim().to_owned();
                if secret.is_empty() {
                    return Err("its client_secret is empty".to_owned());
                }
                Credential::Secret(secret)
            }
            (None, Some(path)) => {
                let jwk: Value = serde_json::from_str(&read(path)?)
                    .map_err(|_| "its client_key is no JWK".to_owned())?;
                let key = SigningKey::from_jwk(&jwk)
                    .map_err(|error| format!("its client_key cannot be used: {error}"))?;
                Credential::Key(Box::new(key))
            }
            _ => return Err("login needs client_secret or client_key".to_owned()),
        };
        Ok(Self {
            client_id: from.client_id.clone(),
            credential,
            scopes: from.scopes.clone(),
            acr_values: from.acr_values.clone(),
            userinfo: from.userinfo,
        })
    }

    /// With a secret at hand, for the sandbox.
    #[must_use]
    pub fn with_secret(client_id: &str, secret: &str, scopes: &[&str]) -> Self {
        Self {
            client_id: client_id.to_owned(),
            credential: Credential::Secret(secret.to_owned()),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            acr_values: Vec::new(),
            userinfo: false,
        }
    }
}

/// What binds one passage through a provider to one journey; see [`crate::smart::secrets::LaunchKey`].
pub struct Passage {
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// `state`.
    pub state: String,
    /// `nonce`.
    pub nonce: String,
    /// PKCE verifier.
    pub verifier: String,
}

/// The claims of a userinfo answer that are not OpenID's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AllClaims(Map<String, Value>);

impl AdditionalClaims for AllClaims {}

/// Every claim of a userinfo answer by its name: the library keeps OpenID's own apart from the others.
fn all(claims: &UserInfoClaims<AllClaims, CoreGenderClaim>) -> Option<Map<String, Value>> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(claims)) => Some(claims),
        _ => None,
    }
}

/// The guarded HTTP client, as the library asks for one.
struct Guarded {
    http: Arc<HttpKeyFetcher>,
    local: bool,
}

impl<'c> AsyncHttpClient<'c> for Guarded {
    type Error = NotSent;
    type Future = BoxFuture<'c, Result<HttpResponse, NotSent>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.http.send(request, self.local))
    }
}

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Providers {
    /// The provider's address to which the browser goes.
    ///
    /// # Errors
    /// The provider does not say where that is.
    pub async fn address(
        &self,
        provider: &Provider,
        login: &Login,
        passage: &Passage,
    ) -> Result<Url, LoginError> {
        let document = self
            .document(provider)
            .await
            .ok_or(LoginError::Unavailable)?;
        let client = client(&document, login, passage, CoreJsonWebKeySet::default())?;
        let verifier = PkceCodeVerifier::new(passage.verifier.clone());
        let (state, nonce) = (passage.state.clone(), passage.nonce.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(login.scopes.iter().cloned().map(Scope::new));
        for level in &login.acr_values {
            request =
                request.add_auth_context_value(AuthenticationContextClass::new(level.clone()));
        }
        let (url, ..) = request.url();
        // The browser is sent to no other kind of place, whatever the document says.
        let safe = url.scheme() == "https" || (provider.local && url.scheme() == "http");
        safe.then_some(url).ok_or(LoginError::Unavailable)
    }

    /// Does the provider say that its answers name their issuer (RFC 9207)? Where it does not answer, they have to.
    pub async fn names_issuer(&self, provider: &Provider) -> bool {
        self.document(provider).await.is_none_or(|document| {
            document
                .get("authorization_response_iss_parameter_supported")
                .and_then(Value::as_bool)
                .unwrap_or(false)
        })
    }

    /// The claims of whoever signed in, verified; with those of the userinfo endpoint where it is asked too.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn signed_in(
        &self,
        provider: &Provider,
        login: &Login,
        passage: &Passage,
        code: &str,
    ) -> Result<Map<String, Value>, LoginError> {
        let document = self
            .document(provider)
            .await
            .ok_or(LoginError::Unavailable)?;
        let http = self.guarded(provider);
        let asking = client(&document, login, passage, CoreJsonWebKeySet::default())?;
        let mut request = asking
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| LoginError::Unavailable)?
            .set_pkce_verifier(PkceCodeVerifier::new(passage.verifier.clone()));
        if let Credential::Key(key) = &login.credential {
            let token_url = asking.token_uri().ok_or(LoginError::Unavailable)?.as_str();
            let assertion = self.assertion(login, key, token_url)?;
            request = request
                .add_extra_param("client_assertion_type", ASSERTION_TYPE)
                .add_extra_param("client_assertion", assertion);
        }
        let answer = request.request_async(&http).await.map_err(|error| {
            // Only its kind is told: the texts of these errors hold what the provider sent.
            match error {
                RequestTokenError::ServerResponse(_) => LoginError::Refused,
                RequestTokenError::Request(_)
                | RequestTokenError::Parse(..)
                | RequestTokenError::Other(_) => LoginError::Unavailable,
            }
        })?;
        let id_token = answer.id_token().ok_or(TokenError::Missing("id_token"))?;
        let raw = id_token.to_string();
        let mut claims = self
            .verify(provider, &raw, Kind::IdToken, &login.client_id)
            .await?;
        // Once more by the library that knows this flow: the nonce is the one that this journey sent.
        let kid = Unverified::read(&raw)?.kid()?.to_owned();
        let keys = self.key_set(provider, &kid).await?;
        let keys = serde_json::from_slice(keys.json()).map_err(|_| TokenError::Key)?;
        let verifying = client(&document, login, passage, keys)?;
        let nonce = Nonce::new(passage.nonce.clone());
        let verified = id_token
            .claims(&verifying.id_token_verifier(), &nonce)
            .map_err(|_| TokenError::Nonce)?;
        if login.userinfo {
            let subject = verified.subject().clone();
            let more = self
                .userinfo(provider, &verifying, answer.access_token().clone(), subject)
                .await?;
            for (name, value) in more {
                // What was signed stands.
                claims.entry(name).or_insert(value);
            }
        }
        Ok(claims)
    }

    fn guarded(&self, provider: &Provider) -> Guarded {
        Guarded {
            http: Arc::clone(&self.http),
            local: provider.local,
        }
    }

    async fn userinfo(
        &self,
        provider: &Provider,
        client: &Client,
        token: AccessToken,
        subject: SubjectIdentifier,
    ) -> Result<Map<String, Value>, LoginError> {
        let http = self.guarded(provider);
        let claims: UserInfoClaims<AllClaims, CoreGenderClaim> = client
            .user_info(token, Some(subject))
            .map_err(|_| LoginError::Unavailable)?
            .request_async(&http)
            .await
            .map_err(|_| LoginError::Unavailable)?;
        all(&claims).ok_or(LoginError::Unavailable)
    }

    /// `private_key_jwt`, which the library does not make.
    fn assertion(
        &self,
        login: &Login,
        key: &SigningKey,
        audience: &str,
    ) -> Result<String, LoginError> {
        let now = self.now().as_second();
        key.sign(&json!({
            "iss": login.client_id, "sub": login.client_id, "aud": audience,
            "jti": new_id().to_string(), "iat": now, "exp": now + 60,
        }))
        .map_err(|_| LoginError::Unavailable)
    }
}

/// The library's client for what the provider says of itself.
fn client(
    document: &Arc<Value>,
    login: &Login,
    passage: &Passage,
    keys: CoreJsonWebKeySet,
) -> Result<Client, LoginError> {
    let metadata: CoreProviderMetadata =
        serde_json::from_value((**document).clone()).map_err(|_| LoginError::Unavailable)?;
    let secret = match &login.credential {
        Credential::Secret(secret) => Some(ClientSecret::new(secret.clone())),
        Credential::Key(_) => None,
    };
    let redirect =
        RedirectUrl::new(passage.redirect_uri.clone()).map_err(|_| LoginError::Unavailable)?;
    Ok(CoreClient::from_provider_metadata(
        metadata.set_jwks(keys),
        ClientId::new(login.client_id.clone()),
        secret,
    )
    .set_redirect_uri(redirect))
}

#[cfg(test)]
mod tests {
    use super::*;

    // A provider may name the person in one of OpenID's own claims: found with a real one, whose sign-ins led to nobody.
    #[test]
    fn every_claim_of_userinfo_is_there_by_its_name() {
        let said = json!({
            "sub": "1", "preferred_username": "clinician", "selected_roleid": "2",
            "nhsid_nrbac_roles": [{"person_roleid": "2", "org_code": "Z9O01"}],
        });
        let read: UserInfoClaims<AllClaims, CoreGenderClaim> =
            UserInfoClaims::from_json::<std::io::Error>(said.to_string().as_bytes(), None).unwrap();
        assert_eq!(Value::Object(all(&read).unwrap()), said);
    }
}
