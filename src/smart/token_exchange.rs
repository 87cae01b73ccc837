//! RFC 8693: an id token of a trusted provider proves the clinician, and is exchanged for a token of one occasion (smart.md 5;
//! the pattern of NHS England's API platform, "user-restricted, separate authentication").
//!
//! The client authenticates with its key as ever; the id token takes the place of its word about who is looking.

use super::{Granted, TokenEndpoint};
use crate::access::AUTHENTICATED;
use crate::audit::AuditEntry;
use crate::occasion::{ClinicianClaim, direct_care};
use crate::record::OdsCode;
use crate::smart::answer::{OAuthError, TokenResponse};
use crate::smart::authenticate::Authenticated;
use crate::smart::form::Form;
use crate::smart::provider::person::{Person, person};
use crate::smart::provider::token::{Kind, TokenError, Unverified, seconds};
use crate::smart::provider::{Provider, Providers};
use crate::smart::requester::{Requester, requester};
use crate::smart::token::token_hash;

/// `grant_type`.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The one `subject_token_type`.
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// The one `requested_token_type`, and the `issued_token_type`.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

impl TokenEndpoint {
    /// Answers an exchange by an authenticated client.
    pub(super) async fn exchange(
        &self,
        providers: &Providers,
        who: &Authenticated,
        form: &Form,
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        if !who.by_key || !who.client.named_clinician {
            return Err(OAuthError::unauthorized_client(
                "This client is not registered to name clinicians.",
            ));
        }
        self.check_request(form)?;
        let jwt = form.required("subject_token")?;
        let (provider, proven) = self.proven(providers, who, jwt, row).await?;
        let organisation = organisation(who, &proven)?;
        let mut asks = self.named(who, &proven)?;
        // The organisation that is proven counts, and a site of another is none of its own.
        let site = (asks.clinician.site.take())
            .filter(|site| who.register.site(site) == Some(&organisation));
        asks.clinician = ClinicianClaim {
            organisation,
            assurance: AUTHENTICATED,
            site,
            ..asks.clinician
        };
        self.bind(providers, who, jwt).await?;
        tracing::debug!(provider = %provider.id, request = %row.origin.request_id, "an id token was exchanged");
        let granted: Granted = self.for_clinician(who, asks, form, row).await?;
        let mut answer = self.issue(granted, row).await?;
        if let Some(body) = &mut answer.body {
            body["issued_token_type"] = ACCESS_TOKEN.into();
        }
        Ok(answer)
    }

    /// What is asked besides the occasion: nothing but an access token for this very server.
    fn check_request(&self, form: &Form) -> Result<(), OAuthError> {
        if form.required("subject_token_type")? != ID_TOKEN {
            return Err(OAuthError::invalid_request(
                "The only subject_token_type is that of an id token.",
            ));
        }
        if form
            .get("requested_token_type")
            .is_some_and(|asked| asked != ACCESS_TOKEN)
        {
            return Err(OAuthError::invalid_request(
                "The only requested_token_type is that of an access token.",
            ));
        }
        if form.get("actor_token").is_some() || form.get("actor_token_type").is_some() {
            return Err(OAuthError::invalid_request(
                "Actor tokens are not supported: the client is the actor.",
            ));
        }
        let issuer = self.authenticator.issuer();
        let ours = |sent: &str| sent.strip_suffix('/').unwrap_or(sent) == issuer;
        let elsewhere = ["resource", "audience"]
            .iter()
            .filter_map(|name| form.get(name))
            .any(|sent| !ours(sent));
        if elsewhere {
            return Err(OAuthError::invalid_target());
        }
        Ok(())
    }

    /// The person that the id token proves, at a provider that this client may exchange tokens of.
    async fn proven<'a>(
        &self,
        providers: &'a Providers,
        who: &Authenticated,
        jwt: &str,
        row: &mut AuditEntry,
    ) -> Result<(&'a Provider, Person), OAuthError> {
        let refused = |error: TokenError| match error {
            TokenError::KeysUnavailable => OAuthError::unavailable(),
            error => OAuthError::invalid_request(format!("The subject_token {error}.")),
        };
        let issuer = Unverified::read(jwt).map_err(refused)?;
        let issuer = issuer.issuer().unwrap_or_default();
        let trusted = providers.iter().find_map(|provider| {
            let audience = provider.audiences.get(&who.client.id)?;
            (provider.issuer == issuer).then_some((provider, audience))
        });
        let (provider, audience) = trusted.ok_or_else(|| refused(TokenError::Issuer))?;
        row.basis = Some(format!("token-exchange:{}", provider.id));
        let claims = providers
            .verify(provider, jwt, Kind::IdToken, audience)
            .await
            .map_err(refused)?;
        let person = person(provider, &claims, &who.register)
            .map_err(|error| OAuthError::invalid_request(format!("The subject_token {error}.")))?;
        row.clinician = Some(person.username.clone());
        Ok((provider, person))
    }

    /// Whom the client's own assertion names, where it names somebody: it may not name another.
    fn named(&self, who: &Authenticated, proven: &Person) -> Result<Requester, OAuthError> {
        let named = who
            .extensions
            .as_ref()
            .is_some_and(|extensions| extensions.get("hl7-b2b").is_some());
        if !named && who.gp_connect.is_empty() {
            let clinician = ClinicianClaim {
                username: proven.username.clone(),
                name: None,
                claimed_role: None,
                organisation: OdsCode(String::new()),
                assurance: AUTHENTICATED,
                purposes: direct_care(),
                site: None,
            };
            return Ok(Requester {
                clinician,
                record: None,
            });
        }
        let asks = requester(
            who.extensions.as_ref(),
            &who.gp_connect,
            &who.client,
            &who.register,
            &self.settings.user_base,
        )
        .map_err(|error| OAuthError::invalid_client(error.to_string()))?;
        if asks.clinician.username != proven.username {
            return Err(OAuthError::invalid_client(
                "The client assertion names another clinician than the subject_token.",
            ));
        }
        Ok(asks)
    }

    /// An id token is good for the client that presented it first, as often as that client needs it: a clinician signs in
    /// once and opens several records. In another client's hands it is stolen or passed on.
    async fn bind(
        &self,
        providers: &Providers,
        who: &Authenticated,
        jwt: &str,
    ) -> Result<(), OAuthError> {
        let Some(store) = &self.provider_store else {
            return Err(OAuthError::unsupported_grant_type());
        };
        let unverified =
            Unverified::read(jwt).map_err(|_| OAuthError::invalid_request("No subject_token."))?;
        let ends = seconds(unverified.claims(), "exp").ok().flatten();
        // The store clears by the gateway's clock, which the sandbox moves ahead; whole days cover every id token's life.
        let now = self.clock.now().max(providers.now());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a number of seconds that is too large for i64 is cut to its largest"
        )]
        let until = ends
            .and_then(|ends| jiff::Timestamp::from_second(ends as i64).ok())
            .unwrap_or(now)
            .max(now);
        let until = until
            .checked_add(jiff::SignedDuration::from_hours(24))
            .unwrap_or(until);
        if store
            .bind_subject_token(token_hash(jwt), &who.client.id, until)
            .await?
        {
            Ok(())
        } else {
            Err(OAuthError::invalid_request(
                "The subject_token was presented by another client before.",
            ))
        }
    }
}

/// For whom: the organisation of the role in which they signed in, which must be the client's.
fn organisation(who: &Authenticated, proven: &Person) -> Result<OdsCode, OAuthError> {
    let own = who.client.organisation.as_ref();
    match (&proven.organisation, own) {
        (Some(role), Some(own)) if role != own => Err(OAuthError::invalid_request(
            "The subject_token is of a role at another organisation than the client's.",
        )),
        (Some(organisation), _) | (None, Some(organisation)) => Ok(organisation.clone()),
        (None, None) => Err(OAuthError::invalid_request(
            "Neither the subject_token nor the client says for which organisation.",
        )),
    }
}

#[cfg(test)]
#[path = "token_exchange_tests.rs"]
mod tests;
