use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::smart::jwks::KeySet;
use crate::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};

const TOKEN_URL: &str = "https://gateway.example/fhir/r4/token";
const ISSUER: &str = "https://gateway.example/fhir/r4";
const NOW: i64 = 1_800_000_000;

static RSA: LazyLock<SigningKey> = LazyLock::new(|| key("rsa", SigningAlgorithm::Rs384));
static EC: LazyLock<SigningKey> = LazyLock::new(|| key("ec", SigningAlgorithm::Es384));

fn key(kid: &str, algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey::from_jwk(&generate_jwk(kid, algorithm).unwrap()).unwrap()
}

fn key_set() -> KeySet {
    let keys = json!({"keys": [RSA.public_jwk(), EC.public_jwk()]});
    KeySet::parse(keys.to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({"iss": "c", "sub": "c", "aud": TOKEN_URL, "exp": NOW + 300, "jti": "j"})
}

fn header(alg: &str, kid: &str) -> Value {
    json!({"alg": alg, "kid": kid, "typ": "JWT"})
}

fn verify(jwt: &str) -> Result<Assertion, AssertionError> {
    let unverified = Unverified::read(jwt)?;
    unverified.check_key_set_url(&ClientAuthentication::Keys(String::new()))?;
    let keys = key_set();
    let key = keys.find(unverified.kid(), unverified.algorithm())?;
    unverified.verify(
        key,
        &[TOKEN_URL, ISSUER],
        Timestamp::from_second(NOW).unwrap(),
    )
}

fn verify_claims(claims: &Value) -> Result<Assertion, AssertionError> {
    verify(&EC.sign(claims).unwrap())
}

fn verify_header(header: &Value) -> Result<Assertion, AssertionError> {
    verify(&EC.sign_with(header, &claims()).unwrap())
}

// J1, BS-01
#[test]
fn rs384_and_es384_are_verified() {
    for key in [&*RSA, &*EC] {
        let assertion = verify(&key.sign(&claims()).unwrap()).unwrap();
        assert_eq!(assertion.jti, "j");
        assert_eq!(assertion.extensions, None);
    }
    let mut more = claims();
    more["extensions"] = json!({"x": 1});
    assert_eq!(
        verify_claims(&more).unwrap().extensions,
        Some(json!({"x": 1}))
    );
}

// J1: NHS suppliers' RS512, where the key does not say that it is for another algorithm
#[test]
fn rs512_is_verified() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA512, RsaKeyPair};
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = aws_lc_rs::signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let part = |value: &Value| encoded(value.to_string().as_bytes());
    let message = format!("{}.{}", part(&header("RS512", "nhs")), part(&claims()));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA512,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let jwt = format!("{message}.{}", encoded(&signature));
    let mut jwk =
        json!({"kty": "RSA", "kid": "nhs", "n": encoded(&public.n), "e": encoded(&public.e)});
    for (alg, allowed) in [(None, true), (Some("RS512"), true), (Some("RS384"), false)] {
        if let Some(alg) = alg {
            jwk["alg"] = alg.into();
        }
        let set = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        let unverified = Unverified::read(&jwt).unwrap();
        let verified = set
            .find("nhs", unverified.algorithm())
            .map_err(AssertionError::from)
            .and_then(|key| {
                unverified.verify(key, &[TOKEN_URL], Timestamp::from_second(NOW).unwrap())
            });
        assert_eq!(verified.is_ok(), allowed, "{alg:?}");
    }
}

// J2, BS-07 to BS-15
#[test]
fn every_member_is_required() {
    for member in ["exp", "aud", "jti", "iss", "sub"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(member);
        assert_eq!(
            verify_claims(&without),
            Err(AssertionError::Missing(member))
        );
        without[member] = json!(["x", {"y": 1}]);
        assert!(verify_claims(&without).is_err(), "{member}");
    }
    for member in ["alg", "kid", "typ"] {
        let mut without = header("ES384", "ec");
        without.as_object_mut().unwrap().remove(member);
        assert_eq!(
            verify_header(&without),
            Err(AssertionError::Missing(member))
        );
    }
    let mut typ = header("ES384", "ec");
    for (value, fits) in [("jwt", true), ("at+jwt", false), ("", false)] {
        typ["typ"] = value.into();
        assert_eq!(verify_header(&typ).is_ok(), fits, "{value}");
    }
    let mut other = claims();
    other["sub"] = "d".into();
    assert_eq!(verify_claims(&other), Err(AssertionError::Subject));
    for jti in [String::new(), "x".repeat(256)] {
        let mut claims = claims();
        claims["jti"] = jti.into();
        assert_eq!(verify_claims(&claims), Err(AssertionError::Unusable("jti")));
    }
}

// J3, BS-05, BS-06: five minutes; the client's clock may be 30 s ahead, an expired assertion is expired
#[test]
fn times_are_bounded() {
    for (claim, at, expected) in [
        ("exp", 1.0, Ok(())),
        ("exp", 330.0, Ok(())),
        ("exp", 331.0, Err(AssertionError::TooLong)),
        ("exp", 0.0, Err(AssertionError::Expired)),
        ("exp", -1.0, Err(AssertionError::Expired)),
        ("exp", 1e300, Err(AssertionError::TooLong)),
        ("iat", 30.0, Ok(())),
        ("iat", 31.0, Err(AssertionError::Future("iat"))),
        ("iat", -1e9, Ok(())),
        ("nbf", 30.0, Ok(())),
        ("nbf", 31.0, Err(AssertionError::Future("nbf"))),
    ] {
        let mut claims = claims();
        #[expect(clippy::cast_precision_loss, reason = "a test's number")]
        let value = NOW as f64 + at;
        claims[claim] = value.into();
        assert_eq!(verify_claims(&claims).map(|_| ()), expected, "{claim} {at}");
    }
    for claim in ["exp", "iat", "nbf"] {
        let mut claims = claims();
        claims[claim] = (NOW + 60).to_string().into();
        assert_eq!(verify_claims(&claims), Err(AssertionError::Unusable(claim)));
    }
}

// BS-09, BS-10: audience injection
#[test]
fn one_audience_and_it_is_us() {
    for (audience, fits) in [
        (json!(TOKEN_URL), true),
        (json!(ISSUER), true),
        (json!([TOKEN_URL]), true),
        (json!([TOKEN_URL, "https://evil.example/token"]), false),
        (json!([TOKEN_URL, ISSUER]), false),
        (json!([]), false),
        (json!([1]), false),
        (json!({"a": TOKEN_URL}), false),
        (json!("https://gateway.example/fhir/r4/"), false),
        (json!("https://GATEWAY.example/fhir/r4/token"), false),
        (json!("https://evil.example/token"), false),
        (Value::Null, false),
    ] {
        let mut claims = claims();
        claims["aud"] = audience.clone();
        let expected = if fits {
            Ok(())
        } else {
            Err(AssertionError::Audience)
        };
        assert_eq!(verify_claims(&claims).map(|_| ()), expected, "{audience}");
    }
}

// J10, BS-16 to BS-20
#[test]
fn no_unsigned_hmac_or_self_brought_key() {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in [
        "none", "None", "nOnE", "HS256", "HS384", "RS256", "PS384", "ES256", "EdDSA", "",
    ] {
        let message = format!("{}.{}", part(&header(alg, "ec")), part(&claims()));
        for signature in ["", "AAAA"] {
            assert_eq!(
                verify(&format!("{message}.{signature}")),
                Err(AssertionError::Algorithm),
                "{alg}"
            );
        }
    }
    let unsigned = format!("{}.{}.", part(&header("ES384", "ec")), part(&claims()));
    assert_eq!(verify(&unsigned), Err(AssertionError::Signature));
    // HMAC with the public key as secret
    let mac = aws_lc_rs::hmac::sign(
        &aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA384,
            RSA.public_jwk().to_string().as_bytes(),
        ),
        b"x",
    );
    let message = format!("{}.{}", part(&header("HS384", "rsa")), part(&claims()));
    let jwt = format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.as_ref()));
    assert_eq!(verify(&jwt), Err(AssertionError::Algorithm));
    for member in ["jwk", "x5u", "x5c", "crit"] {
        let mut with = header("ES384", "ec");
        with[member] = json!(["exp"]);
        assert_eq!(verify_header(&with), Err(AssertionError::Header(member)));
        with[member] = Value::Null;
        assert_eq!(verify_header(&with), Err(AssertionError::Header(member)));
    }
}

// J5, BS-14, BS-15, BS-18, BS-21
#[test]
fn exactly_one_key_of_the_right_type() {
    for (alg, kid, expected) in [
        ("ES384", "other", KeyError::None),
        ("ES384", "rsa", KeyError::None),
        ("RS384", "ec", KeyError::None),
        ("ES384", "", KeyError::None),
        ("ES384", "../../etc/passwd", KeyError::None),
        ("ES384", "ec' OR '1'='1", KeyError::None),
        ("RS512", "rsa", KeyError::OtherAlgorithm),
    ] {
        assert_eq!(
            verify_header(&header(alg, kid)),
            Err(AssertionError::Key(expected)),
            "{alg} {kid}"
        );
    }
    let twice = json!({"keys": [EC.public_jwk(), EC.public_jwk()]});
    let set = KeySet::parse(twice.to_string().as_bytes()).unwrap();
    assert_eq!(
        set.find("ec", ("ES384", Algorithm::ES384)).err(),
        Some(KeyError::Several)
    );
    // another's signature under our kid
    let forger = key("ec", SigningAlgorithm::Es384);
    assert_eq!(
        verify(&forger.sign(&claims()).unwrap()),
        Err(AssertionError::Signature)
    );
}

// J6, BS-25
#[test]
fn jku_is_the_registered_url_or_nothing() {
    let mut with = header("ES384", "ec");
    with["jku"] = "https://keys.example/jwks.json".into();
    let jwt = EC.sign_with(&with, &claims()).unwrap();
    let at = |url: &str| ClientAuthentication::KeysAt {
        url: url.to_owned(),
        local: false,
    };
    let check =
        |client: &ClientAuthentication| Unverified::read(&jwt).unwrap().check_key_set_url(client);
    assert_eq!(check(&at("https://keys.example/jwks.json")), Ok(()));
    for other in [
        at("https://keys.example/other.json"),
        ClientAuthentication::Keys(String::new()),
    ] {
        assert_eq!(check(&other), Err(AssertionError::KeySetUrl));
    }
    with["jku"] = 1.into();
    assert_eq!(verify_header(&with), Err(AssertionError::Unusable("jku")));
}

#[test]
fn changed_and_oversized_tokens_are_refused() {
    let jwt = EC.sign(&claims()).unwrap();
    let parts: Vec<&str> = jwt.split('.').collect();
    let mut other = claims();
    other["iss"] = "d".into();
    other["sub"] = "d".into();
    let other = URL_SAFE_NO_PAD.encode(other.to_string());
    for (forged, error) in [
        (
            format!("{}.{other}.{}", parts[0], parts[2]),
            AssertionError::Signature,
        ),
        (format!("{jwt}="), AssertionError::Signature),
        (format!("{jwt}.x"), AssertionError::Malformed),
        (
            format!("{}.{}", parts[0], parts[1]),
            AssertionError::Malformed,
        ),
        (
            format!("x{}", "a".repeat(MAX_LENGTH)),
            AssertionError::Malformed,
        ),
        (String::new(), AssertionError::Malformed),
        ("..".to_owned(), AssertionError::Malformed),
    ] {
        assert_eq!(verify(&forged), Err(error), "{forged:.40}");
    }
}

proptest! {
    // fuzz: any text, and any JSON in the three places
    #[test]
    fn any_text_is_refused_without_panic(
        text in "(\\PC|[.]){0,80}",
        head in "\\PC{0,40}",
        alg in prop::sample::select(vec!["\"RS384\"", "\"none\"", "1", "null", "[]"]),
    ) {
        prop_assert!(verify(&text).is_err());
        let head = format!("{{\"alg\":{alg},\"kid\":\"{head}\",\"typ\":\"JWT\"}}");
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let jwt = format!("{}.{}.{}", part(&head), part(r#"{"iss":"c","sub":"c"}"#), part(&text));
        prop_assert!(verify(&jwt).is_err());
    }

    // no byte of a signed assertion can change
    #[test]
    fn a_changed_byte_is_noticed(at in 0_usize..400, bit in 0_u8..6) {
        static JWT: LazyLock<String> = LazyLock::new(|| EC.sign(&claims()).unwrap());
        let mut bytes = JWT.clone().into_bytes();
        let index = at % bytes.len();
        bytes[index] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(verify(&changed).is_err(), "byte {index}");
        }
    }
}
