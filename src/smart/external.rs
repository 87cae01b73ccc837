//! External issuer mode: access tokens of a trusted issuer are used here (RFC 9068; smart.md 5, "resource server only"). Off
//! unless a provider is configured with `access_tokens`.
//!
//! Such a token proves client and clinician and nothing about the patient, so by itself it reads nothing. `POST
//! <issuer>/occasion` opens an occasion with it, by the same consent, rules and trail as any other, and binds this one
//! token to it; from then on it is that occasion's token, as long as both last. Every read verifies it again.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::answer::{OAuthError, TokenResponse};
use super::caller::{Caller, Unauthorized, bearer};
use super::details::{self, AskedOccasion};
use super::form::{Form, FormRequest};
use super::grants::{AUTHENTICATED, OVERRIDE_LIFETIME};
use super::limit::AddressLimit;
use super::opener::{OccasionOpener, ResumeAsk};
use super::provider::person::person;
use super::provider::token::{Kind, TokenError, Unverified, seconds};
use super::provider::{Provider, Providers};
use super::scope::{Allowance, ScopeRequest};
use super::token::{blank_row, floor, take_site, token_hash, token_id, written};
use crate::audit::{AuditEntry, AuditLog};
use crate::clock::SharedClock;
use crate::occasion::{ClinicianClaim, OccasionAsk, OpenOccasion, direct_care};
use crate::register::{Client, Register, RegisterHandle};
use crate::store::TokenRow;
use crate::store::providers::ProviderStore;
use crate::tabs::catalogue::TabSet;

/// The token of a header, where it has the form of a JWT: none of this server's own tokens has.
#[must_use]
pub fn jwt(header: Option<&str>) -> Option<&str> {
    let token = bearer(header).ok()?;
    (token.matches('.').count() == 2).then_some(token)
}

/// Why an external token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is not valid here: 401, one answer for all reasons.
    Invalid,
    /// Nobody can say just now: 503.
    Unavailable,
}

/// What a verified token says.
#[derive(Debug, Clone)]
pub struct External {
    /// Id of its issuer here.
    pub provider: String,
    /// The client, as the register has it.
    pub client: Client,
    /// The clinician, and for whom.
    pub clinician: ClinicianClaim,
    /// Its `scope`.
    pub scope: String,
    /// Dead from then on.
    pub expires_at: Timestamp,
}

/// Verifies external tokens.
pub struct ExternalTokens {
    providers: Arc<Providers>,
    register: RegisterHandle,
    /// FHIR base: the one audience.
    base: String,
}

impl ExternalTokens {
    /// `None` unless some provider is configured for it.
    #[must_use]
    pub fn new(providers: &Arc<Providers>, register: RegisterHandle, base: &str) -> Option<Self> {
        providers.external().then(|| Self {
            providers: Arc::clone(providers),
            register,
            base: base.to_owned(),
        })
    }

    /// Verifies a token: issuer, keys, `typ`, audience, times, client, scope, clinician.
    ///
    /// # Errors
    /// See [`Refused`]; the reason is in the log, without the token.
    pub async fn verify(&self, jwt: &str) -> Result<External, Refused> {
        self.claims(jwt).await.map_err(|error| match error {
            TokenError::KeysUnavailable => Refused::Unavailable,
            error => {
                tracing::info!(reason = %error, "an external access token was refused");
                Refused::Invalid
            }
        })
    }

    /// Is this the token of that caller, and still as good as when it was bound?
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn still(&self, jwt: &str, caller: &Caller) -> Result<(), Refused> {
        let external = self.verify(jwt).await?;
        let same = external.client.id == caller.client
            && Some(&external.clinician.username) == caller.clinician.as_ref()
            && external.clinician.organisation == caller.organisation;
        if same { Ok(()) } else { Err(Refused::Invalid) }
    }

    async fn claims(&self, jwt: &str) -> Result<External, TokenError> {
        let unverified = Unverified::read(jwt)?;
        let issuer = unverified.issuer().unwrap_or_default();
        let provider = self
            .providers
            .iter()
            .find(|provider| provider.issuer == issuer && !provider.access_clients.is_empty())
            .ok_or(TokenError::Issuer)?;
        let claims = self
            .providers
            .verify(provider, jwt, Kind::AccessToken, &self.base)
            .await?;
        let external = self.read(provider, &claims, &self.register.current())?;
        // Holds that cannot be read hold everybody.
        let holds = self
            .register
            .holds(self.providers.now())
            .map_err(|_| TokenError::KeysUnavailable)?;
        let held = holds.clients.contains(&external.client.id)
            || holds.users.contains(&external.clinician.username);
        if held {
            return Err(TokenError::Party);
        }
        Ok(external)
    }

    fn read(
        &self,
        provider: &Provider,
        claims: &Map<String, Value>,
        register: &Register,
    ) -> Result<External, TokenError> {
        let text = |name: &'static str| match claims.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(TokenError::Unusable(name)),
            None => Err(TokenError::Missing(name)),
        };
        // RFC 9068 section 2.2: every access token of this kind has one.
        text("jti")?;
        let client = provider
            .access_clients
            .get(text("client_id")?)
            .and_then(|here| register.clients.get(here))
            .filter(|client| client.named_clinician)
            .ok_or(TokenError::Party)?;
        let proven = person(provider, claims, register).map_err(|error| {
            tracing::info!(reason = %error, "an external access token leads to nobody here");
            TokenError::Unusable("clinician")
        })?;
        let own = client.organisation.as_ref();
        let organisation = match (proven.organisation, own) {
            (Some(role), Some(own)) if role != *own => return Err(TokenError::Party),
            (Some(organisation), _) => organisation,
            (None, Some(own)) => own.clone(),
            (None, None) => return Err(TokenError::Missing("organisation")),
        };
        let exp = seconds(claims, "exp")?.ok_or(TokenError::Missing("exp"))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a number of seconds that is too large for i64 is cut to its largest, and refused then"
        )]
        let expires_at =
            Timestamp::from_second(exp as i64).map_err(|_| TokenError::Unusable("exp"))?;
        Ok(External {
            provider: provider.id.clone(),
            client: client.clone(),
            clinician: ClinicianClaim {
                username: proven.username,
                name: None,
                claimed_role: None,
                organisation,
                assurance: AUTHENTICATED,
                purposes: direct_care(),
                site: None,
            },
            scope: text("scope")?.to_owned(),
            expires_at,
        })
    }
}

/// `POST <issuer>/occasion`.
pub struct ExternalEndpoint {
    /// Verifies.
    pub tokens: Arc<ExternalTokens>,
    /// Opens.
    pub occasions: Arc<dyn OccasionOpener>,
    /// Binds.
    pub store: Arc<dyn ProviderStore>,
    /// The trail.
    pub audit: Arc<dyn AuditLog>,
    /// Time.
    pub clock: SharedClock,
    /// Requests from one address.
    pub limit: AddressLimit,
    /// A uniform refusal leaves at a whole multiple of this after the request began.
    pub refusal_floor: Duration,
}

impl ExternalEndpoint {
    /// Answers one request.
    pub async fn handle(&self, request: FormRequest) -> TokenResponse {
        let began = Instant::now();
        let mut row = blank_row(self.clock.now(), request.origin.clone());
        row.policy = Some(self.tokens.register.current().hash.clone());
        let external = match self.who(&request, &mut row).await {
            Ok(external) => external,
            Err((code, answer)) => {
                row.failure = Some(code.to_owned());
                return match self.audit.write(row).await {
                    Ok(()) => answer,
                    Err(_) => OAuthError::unavailable().into(),
                };
            }
        };
        let outcome = self.open(&request, external, &mut row).await;
        let uniform = outcome
            .as_ref()
            .is_err_and(|error| *error == OAuthError::no_record());
        let answer = written(&*self.audit, row, outcome).await;
        if uniform {
            let whole = floor(self.refusal_floor, began.elapsed());
            tokio::time::sleep_until(began + whole).await;
        }
        answer
    }

    async fn who(
        &self,
        request: &FormRequest,
        row: &mut AuditEntry,
    ) -> Result<(External, [u8; 32]), (&'static str, TokenResponse)> {
        self.limit
            .count(request.origin.address, row.at)
            .map_err(|seconds| ("too-many", OAuthError::too_many(seconds).into()))?;
        let sent = request
            .headers
            .get(header::AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default());
        let invalid = || ("unauthorized", challenge("Bearer error=\"invalid_token\""));
        if let Err(Unauthorized::Missing) = bearer(sent) {
            return Err(("unauthorized", challenge("Bearer")));
        }
        let jwt = jwt(sent).ok_or_else(invalid)?;
        let external = self
            .tokens
            .verify(jwt)
            .await
            .map_err(|refused| match refused {
                Refused::Invalid => invalid(),
                Refused::Unavailable => {
                    ("temporarily_unavailable", OAuthError::unavailable().into())
                }
            })?;
        row.client = Some(external.client.id.clone());
        row.clinician = Some(external.clinician.username.clone());
        row.viewer = Some(external.clinician.organisation.clone());
        row.assurance = Some(AUTHENTICATED.to_owned());
        row.basis = Some(format!("access-token:{}", external.provider));
        Ok((external, token_hash(jwt)))
    }

    async fn open(
        &self,
        request: &FormRequest,
        (external, hash): (External, [u8; 32]),
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        row.token = Some(token_id(&hash));
        let form = Form::read(request)?;
        let asked = details::parse(form.required("authorization_details")?)?;
        let scopes = ScopeRequest::parse_for_user(&external.scope)
            .map_err(|error| OAuthError::invalid_scope(error.to_string()))?;
        let granted = |tabs: TabSet| {
            let granted = scopes.grant(&Allowance::signed_in(tabs));
            if granted.is_empty() {
                Err(OAuthError::invalid_scope(
                    "Nothing of the token's scope can be granted.",
                ))
            } else {
                Ok(granted.to_string())
            }
        };
        // Before anybody is asked: a token that cannot read anything, or has its occasion, opens none.
        granted(TabSet::ALL)?;
        if self.store.is_bound(&hash)? {
            return Err(bound());
        }
        let opened = self.occasion(asked, &external, row).await?;
        row.occasion = Some(opened.id.clone());
        row.patient = Some(opened.patient.clone());
        row.tabs = opened.tabs;
        row.also.site.clone_from(&opened.site);
        row.also.asked = opened.asked;
        let scopes = granted(opened.tabs)?;
        let now = self.clock.now();
        let mut until = opened.expires_at.min(external.expires_at);
        if opened.consent.is_none() {
            until = until.min(now.checked_add(OVERRIDE_LIFETIME).unwrap_or(now));
        }
        let seconds = until.duration_since(now);
        if seconds <= SignedDuration::ZERO {
            return Err(OAuthError::mendable(
                "occasion-not-open",
                crate::access::catalogue::description("occasion-not-open"),
            ));
        }
        let token = TokenRow {
            hash,
            client: external.client.id,
            organisation: external.clinician.organisation,
            clinician: Some(external.clinician.username),
            assurance: Some(AUTHENTICATED.to_owned()),
            occasion: Some(opened.id.clone()),
            patient: Some(opened.patient.clone()),
            audit_of: None,
            scopes: scopes.clone(),
            issued_at: now,
            expires_at: until,
        };
        if !self.store.bind_token(token).await? {
            return Err(bound());
        }
        Ok(TokenResponse::ok(json!({
            "scope": scopes,
            "expires_in": seconds.as_secs(),
            "patient": opened.patient.as_str(),
            "assurance": AUTHENTICATED,
            "authorization_details": details::granted(&opened),
        })))
    }

    async fn occasion(
        &self,
        asked: AskedOccasion,
        external: &External,
        row: &mut AuditEntry,
    ) -> Result<OpenOccasion, OAuthError> {
        let origin = row.origin.clone();
        let client_id = external.client.id.clone();
        let mut clinician = external.clinician.clone();
        let opened = match asked {
            AskedOccasion::Resume(occasion) => {
                self.occasions
                    .resume(ResumeAsk {
                        occasion,
                        client_id,
                        clinician,
                        origin,
                    })
                    .await
            }
            AskedOccasion::Open {
                nhs_number,
                treatment,
                claimed,
                basis,
                tabs,
                site,
            } => {
                take_site(&mut clinician, site, &self.tokens.register.current())?;
                row.also.site.clone_from(&clinician.site);
                row.also.asked = tabs;
                self.occasions
                    .open(OccasionAsk {
                        client_id,
                        viewer: clinician.organisation.clone(),
                        clinician,
                        nhs_number,
                        treatment,
                        claimed,
                        basis,
                        tabs,
                        origin,
                    })
                    .await
            }
        }?;
        Ok(opened)
    }
}

/// One token, one patient, one occasion.
fn bound() -> OAuthError {
    OAuthError::invalid_request(
        "This access token has its occasion already, or had one. Get a fresh one from its issuer.",
    )
}

/// 401, with the challenge of RFC 6750.
fn challenge(with: &'static str) -> TokenResponse {
    TokenResponse {
        status: StatusCode::UNAUTHORIZED,
        headers: vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static(with))],
        body: Some(json!({
            "error": "invalid_token",
            "error_description": "An access token of a trusted issuer, for this server alone, is needed.",
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_tokens_are_no_jwts() {
        for own in [
            "Bearer AAAA",
            "Bearer r.AAAA",
            "Basic a.b.c",
            "Bearer a.b.c.d",
            "",
        ] {
            assert_eq!(jwt(Some(own)), None, "{own}");
        }
        assert_eq!(jwt(None), None);
        assert_eq!(jwt(Some("Bearer a.b.c")), Some("a.b.c"));
    }
}
