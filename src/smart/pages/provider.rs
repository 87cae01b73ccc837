//! Signing in at an OpenID provider: there, and back. The state of one passage belongs to one journey, and the journey to the
//! browser that has its cookie, so nobody can be signed in as somebody else by a link (login CSRF), and an answer of one
//! provider is never taken for another's (mix-up: an address of its own for each, and `iss`).

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;

use super::journey::Journey;
use super::reply::Reply;
use super::sign_in::SignedIn;
use super::steps::Sent;
use super::{Pages, views, words};
use crate::audit::Origin;
use crate::smart::provider::Provider;
use crate::smart::provider::login::{Login, LoginError, Passage};
use crate::smart::provider::person::{Person, person};
use crate::smart::provider::token::TokenError;
use crate::smart::secrets::random_token;
use crate::smart::token::token_hash;
use crate::store::providers::ProviderSignIn;

/// From the button here to the answer of the provider: somebody may have to find a smartcard.
const PASSAGE_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// Longest parameter of an answer that is looked at.
const MAX_PARAMETER: usize = 4096;

/// The provider does not answer.
const UNAVAILABLE: &str = "provider-unavailable";
/// It refused, or its answer is not to be believed.
const FAILED: &str = "provider-sign-in-failed";
/// It proves somebody who is nobody here.
const NOBODY: &str = "provider-identity-unknown";

/// What a provider sends back by the browser; a parameter that is there twice spoils all.
#[derive(Default)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: bool,
}

impl Answer {
    fn read(query: &str) -> Option<Self> {
        let mut answer = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).take(32) {
            if value.len() > MAX_PARAMETER {
                return None;
            }
            let twice = match &*name {
                "state" => answer.state.replace(value.into_owned()).is_some(),
                "code" => answer.code.replace(value.into_owned()).is_some(),
                "iss" => answer.iss.replace(value.into_owned()).is_some(),
                "error" => std::mem::replace(&mut answer.error, true),
                // What the error says is in the provider's words, which nobody here stands for.
                _ => false,
            };
            if twice {
                return None;
            }
        }
        Some(answer)
    }
}

impl Pages {
    /// Where a provider sends the browser back to: one address for each, the same for every journey.
    fn provider_callback(&self, provider: &Provider) -> String {
        format!("{}/authorize/callback/{}", self.parts.issuer, provider.id)
    }

    fn passage(&self, provider: &Provider, state: String) -> Passage {
        let (nonce, verifier) = self.parts.key.passage(&state);
        Passage {
            redirect_uri: self.provider_callback(provider),
            state,
            nonce,
            verifier,
        }
    }

    fn with_login(&self, id: &str) -> Option<(&Arc<Provider>, &Login)> {
        let provider = self.parts.providers.by_id(id)?;
        Some((provider, provider.login.as_deref()?))
    }

    /// The button of a provider. The answer is a page that leads there by itself: browsers hold every redirect after a form to
    /// `form-action`, and nobody can list by which addresses a provider leads to its own page.
    pub(super) async fn go_to_provider(
        &self,
        journey: &Journey,
        sent: &Sent,
        origin: &Origin,
    ) -> Reply {
        let now = self.parts.clock.now();
        if let Err(seconds) = self.limit.count(origin.address, now) {
            return self.too_many(seconds);
        }
        let Some((provider, login)) = self.with_login(sent.get("provider")) else {
            return Reply::see(self.address(&journey.row.id));
        };
        let (Ok(state), Ok(expires_at)) = (random_token(), now.checked_add(PASSAGE_LIFETIME))
        else {
            return self.unavailable(Some(journey));
        };
        let row = ProviderSignIn {
            state: token_hash(&state),
            journey: journey.row.id.clone(),
            provider: provider.id.clone(),
            expires_at,
        };
        let passage = self.passage(provider, state);
        let Ok(address) = self
            .parts
            .providers
            .address(provider, login, &passage)
            .await
        else {
            tracing::warn!(provider = %provider.id, request = %origin.request_id, "nobody can be sent to a provider: it does not answer, or does not say where to");
            return self
                .provider_failed(journey, provider, UNAVAILABLE, None, origin)
                .await;
        };
        let kept = self.parts.provider_store.insert_provider_sign_in(row).await;
        if kept.is_err() {
            return self.unavailable(Some(journey));
        }
        self.render(
            StatusCode::OK,
            &views::GoToProvider {
                frame: self.frame(journey),
                provider: provider.name.clone(),
                address: address.into(),
            },
        )
    }

    /// The browser is back, at the address that the provider knows. The journey's cookie is not sent here, so it goes on to
    /// the journey's own address; nothing is believed yet.
    pub(super) fn back_from_provider(&self, provider: &str, query: &str, origin: &Origin) -> Reply {
        let now = self.parts.clock.now();
        if let Err(seconds) = self.limit.count(origin.address, now) {
            return self.too_many(seconds);
        }
        let Some(answer) = Answer::read(query) else {
            return self.over();
        };
        let state = answer.state.unwrap_or_default();
        let found = self
            .parts
            .provider_store
            .find_provider_sign_in(&token_hash(&state), now);
        let journey = match found {
            Ok(Some(row)) if row.provider == provider => row.journey,
            Ok(_) => return self.over(),
            Err(_) => return self.unavailable(None),
        };
        let mut on = url::form_urlencoded::Serializer::new(String::new());
        on.append_pair("state", &state);
        for (name, value) in [("code", answer.code), ("iss", answer.iss)] {
            if let Some(value) = value {
                on.append_pair(name, &value);
            }
        }
        if answer.error {
            on.append_pair("error", "yes");
        }
        Reply::see(format!(
            "{}/returned?{}",
            self.address(&journey),
            on.finish()
        ))
    }

    /// The provider's answer in the hands of the browser whose journey it is.
    pub(super) async fn returned(
        &self,
        id: &str,
        query: &str,
        headers: &HeaderMap,
        origin: &Origin,
    ) -> Reply {
        let (journey, fresh) = match self.open(id, headers).await {
            Ok(opened) => opened,
            Err(reply) => return reply,
        };
        // A journey that no browser had opened yet cannot have sent one to a provider.
        if fresh.is_some() || journey.row.username.is_some() {
            return self.elsewhere();
        }
        let Some(answer) = Answer::read(query) else {
            return self.over();
        };
        let taken = self
            .parts
            .provider_store
            .take_provider_sign_in(
                token_hash(answer.state.as_deref().unwrap_or_default()),
                id,
                self.parts.clock.now(),
            )
            .await;
        let row = match taken {
            Ok(Some(row)) => row,
            Ok(None) => return self.over(),
            Err(_) => return self.unavailable(Some(&journey)),
        };
        let Some((provider, login)) = self.with_login(&row.provider) else {
            return self.over();
        };
        let passage = self.passage(provider, answer.state.clone().unwrap_or_default());
        let reply = match self.proven(provider, login, &passage, &answer).await {
            Ok(who) => self.arrive(&journey, provider, who, origin).await,
            Err(LoginError::Unavailable | LoginError::Token(TokenError::KeysUnavailable)) => {
                tracing::warn!(provider = %provider.id, request = %origin.request_id, "a sign-in at a provider failed: it does not answer");
                self.provider_failed(&journey, provider, UNAVAILABLE, None, origin)
                    .await
            }
            Err(error) => {
                // Its text says what was wrong and repeats nothing of it.
                tracing::warn!(provider = %provider.id, request = %origin.request_id, %error, "a sign-in at a provider failed");
                self.provider_failed(&journey, provider, FAILED, None, origin)
                    .await
            }
        };
        reply.leading_to(&journey.asked.back.origin())
    }

    /// Whom the answer proves; `None` is somebody whom the register does not know.
    async fn proven(
        &self,
        provider: &Provider,
        login: &Login,
        passage: &Passage,
        answer: &Answer,
    ) -> Result<Option<Person>, LoginError> {
        let providers = &self.parts.providers;
        let from_them = match &answer.iss {
            Some(iss) => *iss == provider.issuer,
            None => !providers.names_issuer(provider).await,
        };
        let (true, false, Some(code)) = (from_them, answer.error, &answer.code) else {
            return Err(LoginError::Refused);
        };
        let claims = providers.signed_in(provider, login, passage, code).await?;
        let register = self.parts.register.current();
        Ok(person(provider, &claims, &register)
            .inspect_err(|error| {
                tracing::warn!(provider = %provider.id, %error, "a sign-in at a provider leads to nobody here");
            })
            .ok())
    }

    async fn arrive(
        &self,
        journey: &Journey,
        provider: &Provider,
        who: Option<Person>,
        origin: &Origin,
    ) -> Reply {
        let now = self.parts.clock.now();
        let found = who.and_then(|who| Some((self.user(&who.username)?, who.organisation)));
        // Holds that cannot be read hold everybody.
        let held = |username: &str| {
            self.parts.register.holds(now).map_or(true, |holds| {
                holds.everything || holds.users.contains(username)
            })
        };
        let Some((user, viewer)) = found.filter(|(user, _)| !user.revoked && !held(&user.username))
        else {
            return self
                .provider_failed(journey, provider, NOBODY, None, origin)
                .await;
        };
        // The role that somebody chose there says for whom they work now: it is not changed here.
        if let Some(viewer) = &viewer
            && !self
                .parts
                .care
                .viewers(&user.username, &journey.asked.client)
                .contains(viewer)
        {
            return self
                .provider_failed(journey, provider, NOBODY, Some(&user.username), origin)
                .await;
        }
        let who = SignedIn {
            user,
            viewer,
            basis: format!("sign-in:{}", provider.id),
        };
        self.signed_in(journey, who, origin).await
    }

    /// Nobody is signed in; with their password, or once more, they may be.
    async fn provider_failed(
        &self,
        journey: &Journey,
        provider: &Provider,
        reason: &'static str,
        username: Option<&str>,
        origin: &Origin,
    ) -> Reply {
        let noted = self
            .note(origin, |row| {
                row.client = Some(journey.asked.client.clone());
                row.clinician = username.map(str::to_owned);
                row.basis = Some(format!("sign-in:{}", provider.id));
                row.failure = Some(reason.to_owned());
            })
            .await;
        if let Err(reply) = noted {
            return reply;
        }
        let status = if reason == UNAVAILABLE {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::FORBIDDEN
        };
        let action = crate::access::catalogue::entry(reason).map(|entry| entry.action.clone());
        let page = views::Refused {
            frame: self.frame(journey),
            title: format!("You are not signed in with {}", provider.name),
            description: words(reason).to_owned(),
            action: action.unwrap_or_default(),
            again: true,
            can_repick: false,
            can_leave: true,
        };
        self.render(status, &page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_a_parameter_twice_is_none() {
        let answer = Answer::read("state=s&code=c&iss=i&session_state=x&session_state=y").unwrap();
        assert_eq!(answer.state.as_deref(), Some("s"));
        assert_eq!((answer.code.as_deref(), answer.error), (Some("c"), false));
        assert!(Answer::read("error=access_denied&state=s").unwrap().error);
        for query in [
            "state=s&state=s",
            "code=a&code=b",
            "iss=a&iss=a",
            "error=a&error=a",
        ] {
            assert!(Answer::read(query).is_none(), "{query}");
        }
        assert!(Answer::read(&format!("code={}", "x".repeat(5000))).is_none());
    }
}
