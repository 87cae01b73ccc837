use std::sync::LazyLock;

use serde_json::json;

use super::*;
use crate::smart::jwks::KeySet;
use crate::smart::provider::tests::{CIS2, cis2};
use crate::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};

const NOW: i64 = 1_800_000_000;
const AUDIENCE: &str = "hospital-ehr";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| key("cis2-1"));

fn key(kid: &str) -> SigningKey {
    SigningKey::from_jwk(&generate_jwk(kid, SigningAlgorithm::Rs256).unwrap()).unwrap()
}

fn good() -> Value {
    json!({
        "iss": CIS2, "sub": "555000000021", "aud": AUDIENCE, "azp": AUDIENCE,
        "iat": NOW, "exp": NOW + 600, "auth_time": NOW - 60, "authentication_assurance_level": "3",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

/// A good JWT but for these members of its header, which is signed with it.
fn jwt(change: &Value, claims: &Value) -> String {
    let mut header = json!({"alg": "RS256", "kid": "cis2-1", "typ": "JWT"});
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(header.as_object_mut().unwrap().remove(name)),
            value => header[name] = value.clone(),
        }
    }
    KEY.sign_with(&header, claims).unwrap()
}

fn verify_as(kind: Kind, jwt: &str, audience: &str) -> Result<Map<String, Value>, TokenError> {
    let provider = cis2();
    let unverified = Unverified::read(jwt)?;
    let algorithm = unverified.algorithm(&provider, kind)?;
    let kid = unverified.kid()?.to_owned();
    let set = KeySet::parse(KEY.public_jwks().to_string().as_bytes()).unwrap();
    let key = set.find(&kid, algorithm)?;
    let now = Timestamp::from_second(NOW).unwrap();
    unverified.verify(&provider, kind, key, audience, now)
}

fn verify(claims: &Value) -> Result<Map<String, Value>, TokenError> {
    verify_as(Kind::IdToken, &KEY.sign(claims).unwrap(), AUDIENCE)
}

#[test]
fn a_good_id_token_is_taken() {
    assert_eq!(verify(&good()).unwrap()["sub"], "555000000021");
    assert!(verify(&with("aud", json!([AUDIENCE]))).is_ok());
    assert!(verify(&with("azp", Value::Null)).is_ok());
    assert!(verify(&with("nonce", json!("theirs"))).is_ok());
    // The provider's clock may be a little ahead.
    assert!(verify(&with("iat", json!(NOW + 29))).is_ok());
    assert!(verify(&with("authentication_assurance_level", json!(3))).is_ok());
}

// OpenID Connect Core 3.1.3.7; smart.md 5 (assurance level), 7 (audience injection)
#[test]
fn each_claim_that_is_wrong_is_refused() {
    use TokenError::{
        Audience, Expired, Future, Issuer, Level, Missing, Party, TooOld, Type, Unusable,
    };
    for (name, value, error) in [
        ("iss", json!("https://another.example"), Issuer),
        ("iss", json!("https://cis2.example/oidc/"), Issuer),
        ("iss", Value::Null, Issuer),
        ("aud", json!("another"), Audience),
        ("aud", json!([AUDIENCE, "another"]), Audience),
        ("aud", json!([]), Audience),
        ("aud", json!({}), Audience),
        ("aud", Value::Null, Missing("aud")),
        ("azp", json!("another"), Party),
        ("azp", json!(1), Unusable("azp")),
        ("sub", json!(""), Unusable("sub")),
        ("sub", json!("x".repeat(256)), Unusable("sub")),
        ("sub", Value::Null, Missing("sub")),
        ("exp", json!(NOW), Expired),
        ("exp", json!(NOW - 1), Expired),
        ("exp", json!("tomorrow"), Unusable("exp")),
        ("exp", Value::Null, Missing("exp")),
        ("iat", json!(NOW + 31), Future("iat")),
        ("iat", Value::Null, Missing("iat")),
        ("nbf", json!(NOW + 31), Future("nbf")),
        ("auth_time", json!(NOW + 31), Future("auth_time")),
        ("auth_time", json!(NOW - 3601), TooOld),
        ("authentication_assurance_level", json!("1"), Level),
        ("authentication_assurance_level", json!(["3"]), Level),
        ("authentication_assurance_level", Value::Null, Level),
        ("events", json!({}), Type),
    ] {
        assert_eq!(
            verify(&with(name, value.clone())),
            Err(error),
            "{name} {value}"
        );
    }
    // Without auth_time it is the issuing that counts.
    let mut old = with("auth_time", Value::Null);
    old["iat"] = (NOW - 3601).into();
    assert_eq!(verify(&old), Err(TooOld));
}

// RFC 8725: alg none, algorithm confusion, embedded keys, crit, kinds of token
#[test]
fn no_header_brings_its_own_rules() {
    let refused =
        |header: Value| verify_as(Kind::IdToken, &jwt(&header, &good()), AUDIENCE).unwrap_err();
    for alg in ["none", "None", "HS256", "RS512", "PS256", ""] {
        assert_eq!(refused(json!({"alg": alg})), TokenError::Algorithm, "{alg}");
    }
    for member in ["jwk", "x5u", "x5c", "jku", "crit"] {
        assert_eq!(refused(json!({member: []})), TokenError::Header(member));
    }
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        assert_eq!(refused(json!({"typ": typ})), TokenError::Type);
    }
    assert_eq!(
        refused(json!({"kid": Value::Null})),
        TokenError::Missing("kid")
    );
    assert_eq!(refused(json!({"kid": "another"})), TokenError::Key);
    // A kid is compared and used for nothing else.
    assert_eq!(refused(json!({"kid": "../../etc/passwd"})), TokenError::Key);
    // Members that mean nothing to us change nothing, and typ may be left out.
    for fine in [json!({"x5t": "x"}), json!({"typ": Value::Null})] {
        assert!(verify_as(Kind::IdToken, &jwt(&fine, &good()), AUDIENCE).is_ok());
    }
    let forged = key("cis2-1").sign(&good()).unwrap();
    let signed = KEY.sign(&good()).unwrap();
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let another = KEY.sign(&with("sub", json!("1"))).unwrap();
    let (other, _) = another.rsplit_once('.').unwrap();
    for wrong in [
        forged,
        format!("{message}."),
        format!("{other}.{signature}"),
    ] {
        assert_eq!(
            verify_as(Kind::IdToken, &wrong, AUDIENCE),
            Err(TokenError::Signature)
        );
    }
    for bad in ["", ".", "a.b", "a.b.c", "e30.e30", &"x".repeat(20_000)] {
        assert!(
            verify_as(Kind::IdToken, bad, AUDIENCE).is_err(),
            "{bad:.20}"
        );
    }
}

#[test]
fn an_id_token_is_no_access_token() {
    let id_token = KEY.sign(&good()).unwrap();
    assert_eq!(
        verify_as(Kind::AccessToken, &id_token, AUDIENCE),
        Err(TokenError::Type)
    );
}

proptest::proptest! {
    // fuzz: whatever comes is refused, and nothing panics
    #[test]
    fn any_text_is_no_token(header in "\\PC{0,80}", claims in "\\PC{0,80}", rest in "[A-Za-z0-9._-]{0,60}") {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for jwt in [rest.clone(), format!("{}.{}.{rest}", part(&header), part(&claims))] {
            proptest::prop_assert!(verify_as(Kind::IdToken, &jwt, AUDIENCE).is_err());
            proptest::prop_assert!(verify_as(Kind::AccessToken, &jwt, AUDIENCE).is_err());
        }
    }
}
