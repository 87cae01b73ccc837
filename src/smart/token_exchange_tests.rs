use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::clock::SystemClock;
use crate::occasion::OccasionRefusal;
use crate::register::ClientAuthentication;
use crate::smart::fakes::{
    BACKEND, DETAILS, FakeAudit, FakeStore, ISSUER, Pairs, World, claims, description, error, now,
    open_until, with, without, world_with,
};
use crate::smart::fetch::HttpKeyFetcher;
use crate::smart::provider::tests::{CIS2, cis2};
use crate::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};
use crate::store::Stored;
use crate::store::authorization::Hash;
use crate::store::providers::{ProviderSignIn, ProviderStore};

static PROVIDER_KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::from_jwk(&generate_jwk("cis2-1", SigningAlgorithm::Rs256).unwrap()).unwrap()
});

/// Which client came first with which id token.
#[derive(Default)]
struct Bound(std::sync::Mutex<std::collections::HashMap<Hash, String>>);

impl ProviderStore for Bound {
    fn insert_provider_sign_in(&self, _: ProviderSignIn) -> Stored<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn find_provider_sign_in(
        &self,
        _: &Hash,
        _: Timestamp,
    ) -> Result<Option<ProviderSignIn>, crate::store::StoreError> {
        Ok(None)
    }
    fn take_provider_sign_in<'a>(
        &'a self,
        _: Hash,
        _: &'a str,
        _: Timestamp,
    ) -> Stored<'a, Option<ProviderSignIn>> {
        Box::pin(async { Ok(None) })
    }
    fn bind_subject_token<'a>(
        &'a self,
        token: Hash,
        client: &'a str,
        until: Timestamp,
    ) -> Stored<'a, bool> {
        assert!(until > now());
        let mut bound = self.0.lock().unwrap();
        let first = bound.entry(token).or_insert_with(|| client.to_owned());
        let theirs = first == client;
        Box::pin(async move { Ok(theirs) })
    }
    fn is_bound(&self, _: &Hash) -> Result<bool, crate::store::StoreError> {
        Ok(false)
    }
    fn bind_token(&self, _: crate::store::TokenRow) -> Stored<'_, bool> {
        Box::pin(async { Ok(true) })
    }
}

fn exchanging(provider: Provider) -> World {
    let mut world = world_with(
        Ok(open_until(1800)),
        std::time::Duration::ZERO,
        FakeStore::default(),
        FakeAudit::default(),
    );
    let keys = ClientAuthentication::Keys(PROVIDER_KEY.public_jwks().to_string());
    let provider = Provider {
        keys: Some(keys),
        ..provider
    };
    let http = Arc::new(HttpKeyFetcher::new().unwrap());
    let providers = Providers::new(vec![provider], http, Arc::new(SystemClock)).unwrap();
    let store = Arc::new(Bound::default());
    world.endpoint = world.endpoint.with_providers(Arc::new(providers), store);
    world
}

fn by_username() -> Provider {
    Provider {
        user_is: crate::config::UserIs::Username,
        role_claim: None,
        ..cis2()
    }
}

fn id_token(change: impl FnOnce(&mut Value)) -> String {
    let now = now().as_second();
    let mut claims = json!({
        "iss": CIS2, "sub": "hospital-doctor", "aud": "hospital-ehr", "iat": now, "exp": now + 600,
        "auth_time": now, "authentication_assurance_level": "3",
    });
    change(&mut claims);
    PROVIDER_KEY.sign(&claims).unwrap()
}

/// The request of a client whose own assertion names nobody.
fn exchange(subject_token: String) -> Pairs {
    let mut own = claims("sandbox-backend");
    own.as_object_mut().unwrap().remove("extensions");
    vec![
        ("grant_type", GRANT_TYPE.to_owned()),
        ("subject_token", subject_token),
        ("subject_token_type", ID_TOKEN.to_owned()),
        ("scope", "system/*.rs".to_owned()),
        (
            "client_assertion_type",
            crate::smart::authenticate::ASSERTION_TYPE.to_owned(),
        ),
        ("client_assertion", BACKEND.sign(&own).unwrap()),
        ("authorization_details", DETAILS.to_owned()),
    ]
}

// smart.md 5; RFC 8693 section 2.2.1: what was proven is in answer, token, occasion and trail
#[tokio::test]
async fn an_id_token_is_exchanged_for_a_token_of_one_occasion() {
    let world = exchanging(by_username());
    let response = world.post(&exchange(id_token(|_| {}))).await;
    let body = response.body.clone().unwrap();
    assert_eq!(response.status, 200, "{body}");
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["assurance"], "authenticated");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["authorization_details"][0]["occasion"], "occasion-1");
    assert!(body.get("refresh_token").is_none());
    let asked = world.opener.asked.lock().unwrap().pop().unwrap();
    assert_eq!(asked.clinician.username, "hospital-doctor");
    assert_eq!(asked.clinician.organisation, OdsCode("Z9H01".to_owned()));
    assert_eq!(asked.clinician.assurance, "authenticated");
    let row = world.last_row();
    assert_eq!(row.assurance.as_deref(), Some("authenticated"));
    assert_eq!(row.clinician.as_deref(), Some("hospital-doctor"));
    let stored = world.store.rows.lock().unwrap();
    let token = stored.values().next().unwrap();
    assert_eq!(token.assurance.as_deref(), Some("authenticated"));
}

#[tokio::test]
async fn every_other_request_is_refused() {
    let world = exchanging(by_username());
    let good = || exchange(id_token(|_| {}));
    for (pairs, refused) in [
        (without(good(), "subject_token"), (400, "invalid_request")),
        (
            without(good(), "subject_token_type"),
            (400, "invalid_request"),
        ),
        (
            with(good(), "subject_token_type", ACCESS_TOKEN),
            (400, "invalid_request"),
        ),
        (
            with(good(), "requested_token_type", ID_TOKEN),
            (400, "invalid_request"),
        ),
        (with(good(), "actor_token", "x"), (400, "invalid_request")),
        (
            with(good(), "resource", "https://another.example"),
            (400, "invalid_target"),
        ),
        (with(good(), "audience", "another"), (400, "invalid_target")),
        (without(good(), "scope"), (400, "invalid_request")),
        (
            without(good(), "authorization_details"),
            (400, "invalid_request"),
        ),
        (
            without(good(), "client_assertion"),
            (400, "invalid_request"),
        ),
        (
            with(good(), "subject_token", "x.y.z"),
            (400, "invalid_request"),
        ),
        // What we issue ourselves proves nobody.
        (
            with(good(), "subject_token", "AAAA"),
            (400, "invalid_request"),
        ),
    ] {
        let response = world.post(&pairs).await;
        assert_eq!(error(&response), refused, "{pairs:?}");
    }
    assert!(world.opener.asked.lock().unwrap().is_empty());
    assert!(world.store.rows.lock().unwrap().is_empty());
    for fine in [
        with(good(), "requested_token_type", ACCESS_TOKEN),
        with(good(), "resource", ISSUER),
    ] {
        assert_eq!(world.post(&fine).await.status, 200);
    }
}

#[tokio::test]
async fn an_id_token_that_proves_nobody_is_refused_in_words() {
    let world = exchanging(by_username());
    for (token, words) in [
        (id_token(|c| c["aud"] = "another-app".into()), "audience"),
        (
            id_token(|c| c["iss"] = "https://another.example".into()),
            "trusted issuer",
        ),
        (id_token(|c| c["exp"] = 1.into()), "expired"),
        (id_token(|c| c["azp"] = "another".into()), "another party"),
        (id_token(|c| c["auth_time"] = 1.into()), "too long ago"),
        (
            id_token(|c| c["authentication_assurance_level"] = "1".into()),
            "strong",
        ),
        (
            id_token(|c| c["sub"] = "nobody".into()),
            "nobody who is registered",
        ),
        // Somebody of another organisation than the client's is refused by the occasion's rules, not here.
    ] {
        let response = world.post(&exchange(token)).await;
        assert_eq!(error(&response), (400, "invalid_request"));
        assert!(
            description(&response).contains(words),
            "{}",
            description(&response)
        );
    }
    assert!(world.opener.asked.lock().unwrap().is_empty());
}

// smart.md 7: an id token of one client in another's hands
#[tokio::test]
async fn an_id_token_serves_one_client_as_often_as_it_likes_and_no_other() {
    let mut provider = by_username();
    provider
        .audiences
        .insert("other-backend".to_owned(), "hospital-ehr".to_owned());
    let world = exchanging(provider);
    let token = id_token(|_| {});
    for _ in 0..2 {
        assert_eq!(world.post(&exchange(token.clone())).await.status, 200);
    }
    let mut own = claims("other-backend");
    own.as_object_mut().unwrap().remove("extensions");
    let stolen = with(
        exchange(token),
        "client_assertion",
        &BACKEND.sign(&own).unwrap(),
    );
    let response = world.post(&stolen).await;
    assert_eq!(error(&response), (400, "invalid_request"));
    assert!(description(&response).contains("another client"));
    // A client that no audience is configured for exchanges nothing at all.
    let world = exchanging(by_username());
    let response = world
        .post(&with(
            stolen,
            "client_assertion",
            &BACKEND.sign(&claims("other-backend")).unwrap(),
        ))
        .await;
    assert!(description(&response).contains("trusted issuer"));
}

#[tokio::test]
async fn the_clients_own_word_may_not_name_somebody_else() {
    let world = exchanging(by_username());
    let naming = |username: &str| {
        let mut own = claims("sandbox-backend");
        own["extensions"] = crate::sandbox::keys::hl7_b2b(username, &OdsCode("Z9H01".to_owned()));
        with(
            exchange(id_token(|_| {})),
            "client_assertion",
            &BACKEND.sign(&own).unwrap(),
        )
    };
    assert_eq!(world.post(&naming("hospital-doctor")).await.status, 200);
    let row = world.opener.asked.lock().unwrap().pop().unwrap();
    assert_eq!(row.clinician.name.as_deref(), Some("hospital-doctor"));
    let response = world.post(&naming("clinician")).await;
    assert_eq!(error(&response).1, "invalid_client");
}

// Without a provider that is configured for it, the grant does not exist (T16)
#[tokio::test]
async fn without_a_provider_there_is_no_such_grant() {
    let world = exchanging(Provider {
        audiences: Default::default(),
        ..by_username()
    });
    let response = world.post(&exchange(id_token(|_| {}))).await;
    assert_eq!(error(&response), (400, "unsupported_grant_type"));
    let refused = Err(OccasionRefusal::NoRecordAvailable);
    let plain = crate::smart::fakes::world(refused);
    let response = plain.post(&exchange(id_token(|_| {}))).await;
    assert_eq!(error(&response), (400, "unsupported_grant_type"));
}
