//! External issuer mode: access tokens of a trusted issuer at the FHIR API (smart.md 5 and 7, "confused deputy"; RFC 9068).

use std::sync::LazyLock;

use openmig::clock::{Clock, SystemClock};
use openmig::smart::provider::Provider;
use openmig::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::fhir_id;
use crate::support::{
    Answer, Ask, FORM, NO_RECORD, SHARED, TestGateway, encode, folder, logs, timing,
};

const ISSUER: &str = "https://keycloak.example/realms/hospital";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| key("keycloak-1"));

fn key(kid: &str) -> SigningKey {
    SigningKey::from_jwk(&generate_jwk(kid, SigningAlgorithm::Rs256).unwrap()).unwrap()
}

/// A gateway that takes access tokens of a hospital's Keycloak.
static GATEWAY: LazyLock<TestGateway> = LazyLock::new(|| {
    let keys = folder("external-keys").with_extension("jwks.json");
    std::fs::write(&keys, KEY.public_jwks().to_string()).unwrap();
    let text = format!(
        "id = 'keycloak'\nname = 'Keycloak'\nissuer = '{ISSUER}'\njwks_file = '{}'\n\
         user_claim = 'preferred_username'\nuser_is = 'username'\nrequired = {{ acr = ['2', '3'] }}\n\
         access_tokens = {{ clients = {{ hospital-app = 'sandbox-backend' }} }}\n",
        keys.display()
    );
    let provider = Provider::load(toml::from_str(&text).unwrap()).unwrap();
    TestGateway::start_with("external", timing(), |options| {
        options.providers = vec![provider];
    })
});

/// Seconds of the machine's clock.
fn now() -> i64 {
    SystemClock.now().as_second()
}

fn claims(gateway: &TestGateway) -> Value {
    json!({
        "iss": ISSUER, "aud": gateway.base, "sub": "f:1:2", "preferred_username": "hospital-doctor",
        "client_id": "hospital-app", "azp": "hospital-app", "acr": "2", "iat": now(), "exp": now() + 600,
        "jti": openmig::clock::new_id().to_string(), "scope": "openid patient/*.rs",
    })
}

fn token_with(gateway: &TestGateway, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(gateway);
    change(&mut claims);
    KEY.sign_as("at+jwt", &claims).unwrap()
}

fn open(gateway: &TestGateway, token: &str, details: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", FORM), ("authorization", bearer.as_str())];
    let details = json!([details]).to_string();
    gateway.send(
        Method::POST,
        "occasion",
        &headers,
        &encode(&[("authorization_details", &details)]),
    )
}

fn read(gateway: &TestGateway, token: &str) -> Answer {
    let patient = fhir_id(gateway, "9990000018");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    gateway.send(
        Method::GET,
        &format!("Condition?patient={patient}"),
        &headers,
        "",
    )
}

#[test]
fn an_external_token_reads_inside_the_occasion_that_was_opened_with_it() {
    let gateway = &*GATEWAY;
    let details = Ask::consent("9990000018").details;
    let token = token_with(gateway, |_| {});
    // It proves the clinician, and nothing of the patient.
    assert_eq!(
        read(gateway, &token).expect(403).code(),
        "occasion-not-open"
    );
    let opened = open(gateway, &token, &details).expect(200).json();
    assert_eq!(opened["assurance"], "authenticated");
    assert_eq!(opened["patient"], fhir_id(gateway, "9990000018"));
    assert!(
        opened["scope"]
            .as_str()
            .unwrap()
            .contains("patient/Condition.rs")
    );
    assert!(!opened["scope"].as_str().unwrap().contains("openid"));
    assert!(opened["expires_in"].as_i64().unwrap() <= 600);
    read(gateway, &token).expect(200);
    // One token, one patient, one occasion.
    let second = open(gateway, &token, &Ask::consent("9990000387").details);
    assert_eq!(second.expect(400).json()["error"], "invalid_request");
    // Another patient is not there for it.
    let other = fhir_id(gateway, "9990000387");
    let bearer = format!("Bearer {token}");
    let path = format!("Condition?patient={other}");
    let answer = gateway.send(Method::GET, &path, &[("authorization", &bearer)], "");
    assert_ne!(answer.status, 200, "{}", answer.text());
    // A fresh token of the same client and clinician goes on in the same occasion.
    let fresh = token_with(gateway, |_| {});
    let occasion = &opened["authorization_details"][0]["occasion"];
    let again = json!({"type": details["type"], "occasion": occasion});
    open(gateway, &fresh, &again).expect(200);
    read(gateway, &fresh).expect(200);
    // The occasion is ended: every token of it is dead, and does not come back to life.
    // (Finished and not refused: other tests ask the same patient.)
    let headers = [("content-type", FORM), ("authorization", bearer.as_str())];
    gateway
        .send(Method::POST, "withdraw", &headers, "reason=finished")
        .expect(200);
    assert_eq!(
        read(gateway, &token).expect(403).code(),
        "occasion-not-open"
    );
    assert_eq!(
        read(gateway, &fresh).expect(403).code(),
        "occasion-not-open"
    );
    assert_eq!(open(gateway, &token, &again).status, 400);
    assert!(!logs().contains(&token));
}

// The confused deputy, and all else that a token can be wrong about: 401 at the API and at the occasion endpoint
#[test]
fn every_token_that_is_not_for_this_very_server_is_refused() {
    let gateway = &*GATEWAY;
    let details = Ask::consent("9990000018").details;
    let base = gateway.base.clone();
    type Change = (&'static str, Box<dyn Fn(&mut Value)>);
    let set = |name: &'static str, value: Value| -> Change {
        (name, Box::new(move |claims| claims[name] = value.clone()))
    };
    let without = |name: &'static str| -> Change {
        (
            name,
            Box::new(move |claims| drop(claims.as_object_mut().unwrap().remove(name))),
        )
    };
    for (what, change) in [
        set("aud", json!("https://another-api.example")),
        set("aud", json!([base, "https://another-api.example"])),
        set("aud", json!(format!("{base}/"))),
        without("aud"),
        set("iss", json!("https://evil.example")),
        set("exp", json!(now() - 1)),
        without("exp"),
        set("nbf", json!(now() + 600)),
        set("iat", json!(now() + 600)),
        set("iat", json!(now() - 7200)),
        without("iat"),
        without("jti"),
        set("client_id", json!("another-app")),
        set("client_id", json!("sandbox-backend")),
        without("client_id"),
        set("azp", json!("another-app")),
        without("sub"),
        without("scope"),
        set("scope", json!(["patient/*.rs"])),
        set("acr", json!("1")),
        without("acr"),
        set("preferred_username", json!("nobody")),
        without("preferred_username"),
    ] {
        let token = token_with(gateway, |claims| change(claims));
        let answer = open(gateway, &token, &details);
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert!(
            answer.header("www-authenticate").contains("invalid_token"),
            "{what}"
        );
        let answer = read(gateway, &token);
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    }
    let good = claims(gateway);
    let id_token = KEY.sign(&good).unwrap();
    let forged = key("keycloak-1").sign_as("at+jwt", &good).unwrap();
    let unknown = key("other").sign_as("at+jwt", &good).unwrap();
    let (message, _) = id_token.rsplit_once('.').unwrap();
    let unsigned = format!("{message}.");
    for token in [id_token.as_str(), &forged, &unknown, &unsigned, "a.b.c"] {
        assert_eq!(open(gateway, token, &details).status, 401, "{token:.40}");
        assert_eq!(read(gateway, token).status, 401, "{token:.40}");
    }
    // Our own tokens are no external ones.
    let own = gateway.token(&Ask::consent("9990000018"));
    assert_eq!(open(gateway, &own.access, &details).status, 401);
}

// Fail closed: the occasion's own rules are those of every other occasion
#[test]
fn an_external_token_opens_nothing_without_consent_or_right() {
    let gateway = &*GATEWAY;
    let token = || token_with(gateway, |_| {});
    let refused = open(
        gateway,
        &token(),
        &Ask::consent("9990000018")
            .said("asked", json!(false))
            .details,
    );
    assert_eq!(refused.expect(400).json()["error"], "access_denied");
    let none = open(gateway, &token(), &Ask::consent("9990001863").details).expect(400);
    assert_eq!(none.text(), NO_RECORD);
    // The clinician of another organisation than the client's.
    let other = token_with(gateway, |claims| {
        claims["preferred_username"] = "clinician".into()
    });
    let refused = open(gateway, &other, &Ask::consent("9990000018").details).expect(400);
    assert_eq!(refused.json()["reason"], "clinician-not-known");
    let nothing = token_with(gateway, |claims| claims["scope"] = "openid".into());
    let refused = open(gateway, &nothing, &Ask::consent("9990000018").details).expect(400);
    assert_eq!(refused.json()["error"], "invalid_scope");
    let answer = gateway.send(Method::POST, "occasion", &[("content-type", FORM)], "");
    assert_eq!(answer.expect(401).header("www-authenticate"), "Bearer");
}

// Off by default
#[test]
fn without_configuration_there_is_no_such_mode() {
    let gateway = &*SHARED;
    let token = token_with(gateway, |_| {});
    assert_eq!(read(gateway, &token).status, 401);
    assert_eq!(open(gateway, &token, &json!({})).status, 405);
    let smart = gateway
        .send(Method::GET, ".well-known/smart-configuration", &[], "")
        .json();
    assert!(smart.get("openmig_occasion_endpoint").is_none());
    let smart = GATEWAY
        .send(Method::GET, ".well-known/smart-configuration", &[], "")
        .json();
    let endpoint = format!("{}/occasion", GATEWAY.base);
    assert_eq!(smart["openmig_occasion_endpoint"], endpoint.as_str());
}
