//! Clients and keys while a gateway runs, by the real command line; and what follows for pages of other origins.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openmig::sandbox::keys::USER_BASE;
use openmig::smart::authenticate::ASSERTION_TYPE;
use openmig::smart::details::OCCASION_TYPE;
use openmig::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, REDIRECT, asked, code, exchange_with, read, refresh, text, with};
use crate::support::{Answer, FORM, SHARED, TestGateway, encode, timing, yes};

/// The real program: whether it went well, what it printed, what it complained of.
fn openmig(arguments: &[&str], input: &str) -> (bool, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_openmig"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended already.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// `openmig clients` in this sandbox, in the group's name.
fn clients(gateway: &TestGateway, arguments: &[&str]) -> (bool, String, String) {
    let data = gateway.data.to_str().unwrap();
    let mut all = vec!["clients", "--data", data, "--as", "oversight"];
    all.extend_from_slice(arguments);
    openmig(&all, "")
}

#[track_caller]
fn done(outcome: (bool, String, String)) -> Value {
    assert!(outcome.0, "{}", outcome.2);
    serde_json::from_str(outcome.1.lines().next().unwrap_or_default())
        .unwrap_or_else(|_| Value::String(outcome.1))
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    // By itself within seconds; so long only where the machine is loaded.
    for _ in 0..1200 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what}: not within two minutes");
}

fn deeds(gateway: &TestGateway, query: &str) -> i64 {
    gateway
        .database()
        .query_row(
            "SELECT count(*) FROM audit_event WHERE query = ?1 AND client = 'command line' AND clinician = 'oversight'",
            [query],
            |row| row.get(0),
        )
        .unwrap()
}

/// Asks something that only an authenticated client learns.
fn introspects(gateway: &TestGateway, id: &str, secret: &str) -> u16 {
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let headers = [("content-type", FORM), ("authorization", basic.as_str())];
    let body = encode(&[("token", "x")]);
    gateway
        .send(Method::POST, "introspect", &headers, &body)
        .status
}

fn assertion(gateway: &TestGateway, key: &SigningKey, client: &str, more: Value) -> String {
    let now = openmig::clock::Clock::now(&openmig::clock::SystemClock).as_second();
    let mut claims = json!({
        "iss": client, "sub": client, "aud": format!("{}/token", gateway.base), "exp": now + 240,
        "jti": openmig::clock::new_id().to_string()
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    key.sign(&claims).unwrap()
}

fn ask_with(gateway: &TestGateway, assertion: &str, details: &Value) -> Answer {
    gateway.post_token(&[
        ("grant_type", "client_credentials"),
        ("scope", "system/*.rs"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
        ("authorization_details", &json!([details]).to_string()),
    ])
}

fn occasion(nhs_number: &str) -> Value {
    json!({"type": OCCASION_TYPE, "patient": nhs_number, "treatment": "worklist", "consent": yes()})
}

fn b2b() -> Value {
    json!({"extensions": openmig::sandbox::keys::hl7_b2b(
        "hospital-doctor", &openmig::record::OdsCode("Z9H01".to_owned())
    )})
}

// Issue 6, point 7; R108: a client is registered, given another secret, taken away and given back, while the gateway runs
#[test]
fn a_secret_client_comes_and_goes() {
    let gateway = TestGateway::start("clients-secret", timing());
    let file = gateway.data.join("register/clients.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    // what is wrong is refused whole: nothing changes
    for (wrong, why) in [
        (vec!["add", "bad id", "--public"], "1 to 64"),
        (vec!["add", "no-proof"], "--secret"),
        (vec!["add", "no-redirect", "--secret"], "redirect"),
        (
            vec!["add", "sandbox-spa", "--public", "--redirect-uri", REDIRECT],
            "twice",
        ),
        (
            vec![
                "add",
                "x",
                "--public",
                "--redirect-uri",
                "http://evil.example/",
            ],
            "redirect",
        ),
        (
            vec!["add", "x", "--jwks-url", "http://keys.example/jwks"],
            "not https",
        ),
        (vec!["rotate", "nobody"], "no client"),
        (vec!["rotate", "sandbox-spa"], "nothing to rotate"),
        (
            vec!["disable", "nobody", "--reason", "a stolen laptop"],
            "no such client",
        ),
        (
            vec![
                "enable",
                "sandbox-web",
                "--assured-by",
                "x",
                "--assurance",
                "all is well",
                "--on",
                "2026-01-01",
            ],
            "not disabled",
        ),
    ] {
        let (good, _, said) = clients(&gateway, &wrong);
        assert!(!good && said.contains(why), "{wrong:?}: {said}");
    }
    let data = gateway.data.to_str().unwrap();
    let clinician = [
        "clients",
        "--data",
        data,
        "--as",
        "clinician",
        "add",
        "x",
        "--public",
        "--redirect-uri",
        REDIRECT,
    ];
    assert!(
        !openmig(&clinician, "").0,
        "nobody but the group registers clients"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);

    let added = done(clients(
        &gateway,
        &[
            "add",
            "test-web",
            "--name",
            "A \"test\"",
            "--secret",
            "--redirect-uri",
            REDIRECT,
            "--may-introspect",
        ],
    ));
    let secret = text(&added, "client_secret").to_owned();
    assert_eq!(secret.len(), 43);
    assert_eq!(
        (&added["name"], &added["authentication"]),
        (&json!("A \"test\""), &json!("secret"))
    );
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(before.trim_end()) && !after.contains(&secret));
    until("the client is taken up", || {
        introspects(&gateway, "test-web", &secret) == 200
    });
    assert_eq!(introspects(&gateway, "test-web", "wrong"), 401);
    assert_eq!(deeds(&gateway, "clients/add"), 1);

    // another secret: the one before ends with it
    let rotated = done(clients(&gateway, &["rotate", "test-web"]));
    let fresh = text(&rotated, "client_secret").to_owned();
    assert_ne!(fresh, secret);
    until("the secret is taken up", || {
        introspects(&gateway, "test-web", &fresh) == 200
    });
    assert_eq!(introspects(&gateway, "test-web", &secret), 401);
    assert_eq!(deeds(&gateway, "clients/rotate"), 1);
    let (_, listed, _) = clients(&gateway, &["list"]);
    let listed: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let own = listed
        .iter()
        .find(|one| one["client_id"] == "test-web")
        .unwrap();
    assert_eq!(
        (own.get("client_secret"), &own["disabled"]),
        (None, &json!(false))
    );
    assert!(listed.len() > 8);

    // at the next request, everywhere
    let row = clients(
        &gateway,
        &[
            "disable",
            "test-web",
            "--reason",
            "its server was broken into",
        ],
    );
    assert!(row.0 && row.1.contains("`test-web` is disabled"), "{row:?}");
    assert_eq!(introspects(&gateway, "test-web", &fresh), 401);
    let page = Browser::open(&gateway, &asked(&gateway, "test-web"))
        .page
        .expect(400);
    assert!(page.text().contains("The app has been disabled."));
    let (_, listed, _) = clients(&gateway, &["list"]);
    assert!(
        listed
            .lines()
            .any(|line| line.contains("\"test-web\"") && line.contains("\"disabled\":true"))
    );
    let today = gateway.sandbox.today().to_string();
    let given = clients(
        &gateway,
        &[
            "enable",
            "test-web",
            "--assured-by",
            "Their CISO",
            "--assurance",
            "rebuilt and tested",
            "--on",
            &today,
        ],
    );
    assert!(given.0, "{given:?}");
    assert_eq!(introspects(&gateway, "test-web", &fresh), 200);
    // nothing secret at rest
    for name in [
        "register/clients.toml",
        "openmig.sqlite",
        "openmig.sqlite-wal",
    ] {
        let bytes = std::fs::read(gateway.data.join(name)).unwrap_or_default();
        for secret in [&secret, &fresh] {
            assert!(
                !bytes.windows(43).any(|window| window == secret.as_bytes()),
                "{name}"
            );
        }
    }
}

// J7: keys in the register; R108: what a disabled client had is dead and stays dead
#[test]
fn a_key_client_comes_and_goes() {
    let gateway = TestGateway::start("clients-keys", timing());
    let key = |kid: &str| {
        SigningKey::from_jwk(&generate_jwk(kid, SigningAlgorithm::Es384).unwrap()).unwrap()
    };
    let (first, second) = (key("one"), key("two"));
    let file = |key: &SigningKey| {
        let path = gateway.data.join("set.json");
        std::fs::write(&path, key.public_jwks().to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let path = file(&first);
    let add = [
        "add",
        "test-ehr",
        "--jwks",
        &path,
        "--organisation",
        "Z9H01",
        "--named-clinician",
    ];
    done(clients(&gateway, &add));
    let token = |key: &SigningKey| {
        let assertion = assertion(&gateway, key, "test-ehr", b2b());
        ask_with(&gateway, &assertion, &occasion("9990000018"))
    };
    until("the client is taken up", || token(&first).status == 200);
    done(clients(
        &gateway,
        &["rotate", "test-ehr", "--jwks", &file(&second)],
    ));
    until("the keys are taken up", || token(&second).status == 200);
    assert_eq!(token(&first).expect(401).json()["error"], "invalid_client");
    // a private key never gets into the register
    let private = generate_jwk("three", SigningAlgorithm::Es384).unwrap();
    std::fs::write(&path, json!({"keys": [private]}).to_string()).unwrap();
    assert!(!clients(&gateway, &["rotate", "test-ehr", "--jwks", &path]).0);

    let held = token(&second).expect(200).json();
    let patient = format!("Patient/{}", text(&held, "patient"));
    read(&gateway, &held, &patient).expect(200);
    assert!(
        clients(
            &gateway,
            &["disable", "test-ehr", "--reason", "a key was published"]
        )
        .0
    );
    read(&gateway, &held, &patient).expect(401);
    assert_eq!(token(&second).expect(401).json()["error"], "invalid_client");
    let today = gateway.sandbox.today().to_string();
    let enable = [
        "enable",
        "test-ehr",
        "--assured-by",
        "Their CISO",
        "--assurance",
        "new keys",
        "--on",
        &today,
    ];
    assert!(clients(&gateway, &enable).0);
    read(&gateway, &held, &patient).expect(401);
    token(&second).expect(200);
}

// R108, A7: codes, refresh tokens, launches and sign-ins under way of a disabled app end with it
#[test]
fn a_disabled_app_has_nothing_left() {
    let gateway = TestGateway::start("clients-app", timing());
    let first = code(&gateway, "sandbox-spa", "clinician", "9990000018");
    let token = exchange_with(&gateway, &first, &[]).expect(200).json();
    let unused = code(&gateway, "sandbox-spa", "clinician", "9990000018");
    let mut browser = Browser::open(&gateway, &asked(&gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick("9990000018");
    let body = json!({"client_id": "sandbox-spa", "patient": text(&token, "patient")}).to_string();
    let launch = || {
        gateway.send(
            Method::POST,
            "/sandbox/launch",
            &[("content-type", "application/json")],
            &body,
        )
    };
    launch().expect(200);
    let disable = ["disable", "sandbox-spa", "--reason", "a hostile update"];
    assert!(clients(&gateway, &disable).0);
    read(
        &gateway,
        &token,
        &format!("Patient/{}", text(&token, "patient")),
    )
    .expect(401);
    refresh(&gateway, text(&token, "refresh_token"), &[]).expect(400);
    refresh(
        &gateway,
        text(&token, "refresh_token"),
        &[("client_id", "sandbox-spa")],
    )
    .expect(401);
    exchange_with(&gateway, &unused, &[]).expect(401);
    assert_eq!(
        browser.approve().status,
        410,
        "the sign-in under way is over"
    );
    assert!(launch().status >= 400);
    // the hold is one of oversight: whoever may see holds sees it
    let data = gateway.data.to_str().unwrap();
    let holds = openmig(&["hold", "--data", data, "--as", "oversight", "list"], "");
    assert!(
        holds.1.contains("the client `sandbox-spa` is disabled"),
        "{holds:?}"
    );
}

// R167: where changes need an instruction, a client needs one too, and it is taken up together with it
#[test]
fn a_client_needs_its_instruction() {
    let gateway = TestGateway::start("clients-instructed", timing());
    let agreement = gateway.data.join("register/agreement.toml");
    let text = std::fs::read_to_string(&agreement).unwrap();
    let strict = text.replace(
        "changes_need_instruction = false",
        "changes_need_instruction = true",
    );
    assert_ne!(text, strict);
    std::fs::write(&agreement, strict).unwrap();
    let rules = || {
        gateway
            .sandbox
            .register
            .current()
            .agreement
            .rules
            .changes_need_instruction
    };
    until("the rule is taken up", rules);
    let add = [
        "add",
        "test-app",
        "--public",
        "--redirect-uri",
        "https://app.example/cb",
    ];
    let (good, _, said) = clients(&gateway, &add);
    assert!(!good && said.contains("R167"), "{said}");
    let file = gateway.data.join("instruction.toml");
    let today = gateway.sandbox.today();
    let words = format!(
        "[[instruction]]\nid = \"test-1\"\ndate = {today}\nby = \"The group\"\nwhat = \"Register test-app.\"\nreference = \"minutes, item 1\"\n"
    );
    let instructed = [&add[..], &["--instruction", file.to_str().unwrap()]].concat();
    std::fs::write(&file, "# nothing\n").unwrap();
    assert!(!clients(&gateway, &instructed).0);
    std::fs::write(&file, words).unwrap();
    done(clients(&gateway, &instructed));
    until("the client is taken up", || {
        gateway
            .sandbox
            .register
            .current()
            .clients
            .contains_key("test-app")
    });
    assert_eq!(gateway.sandbox.register.fault(), None);
}

// D13, issue 6: a new signing key without a restart, and the old one until its tokens are dead
#[test]
fn signing_keys_rotate_while_the_gateway_runs() {
    let gateway = TestGateway::start("keys", timing());
    let data = gateway.data.to_str().unwrap();
    let keys = |more: &[&str]| {
        let mut all = vec!["keys", "--data", data];
        all.extend_from_slice(more);
        openmig(&all, "")
    };
    let shown = || -> Vec<Value> {
        let jwks = gateway
            .send(Method::GET, "jwks", &[], "")
            .expect(200)
            .json();
        // The key that signs heads of the trail stands beside those of tokens.
        let keys = jwks["keys"].as_array().unwrap().iter();
        keys.filter(|key| !text(key, "kid").starts_with("trail-"))
            .cloned()
            .collect()
    };
    let id_token = || {
        let code = code(&gateway, "sandbox-spa", "clinician", "9990000018");
        let token = exchange_with(&gateway, &code, &[]).expect(200).json();
        text(&token, "id_token").to_owned()
    };
    let kid = |jwt: &str| -> String {
        let header = URL_SAFE_NO_PAD
            .decode(jwt.split('.').next().unwrap())
            .unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        text(&header, "kid").to_owned()
    };
    // as a relying party does: by the kid, from the published set
    let verifies = |jwt: &str| {
        let set = json!({"keys": shown()}).to_string();
        let set = openmig::smart::jwks::KeySet::parse(set.as_bytes()).unwrap();
        let rs256 = jsonwebtoken::Algorithm::RS256;
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        set.find(&kid(jwt), ("RS256", rs256)).is_ok_and(|key| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, rs256).unwrap()
        })
    };
    let before = id_token();
    assert!(verifies(&before) && shown().len() == 1);
    assert!(!keys(&["rotate", "--as", "clinician"]).0);
    let rotated = done(keys(&["rotate", "--as", "oversight"]));
    let fresh = text(&rotated, "kid").to_owned();
    assert_eq!(rotated["former"], json!([kid(&before)]));
    assert_eq!(deeds(&gateway, "keys/rotate"), 1);
    // shown before it signs
    until("the key is taken up", || shown().len() == 2);
    gateway.advance(11);
    let after = id_token();
    assert_eq!(kid(&after), fresh);
    assert!(verifies(&after) && verifies(&before));
    assert_eq!(text(&shown()[0], "kid"), fresh);
    assert!(keys(&["list"]).1.contains(&fresh));
    assert!(shown().iter().all(|key| key.get("d").is_none()));
    // what the former key signed is dead by now, and so is the key
    gateway.advance(600);
    assert!(!verifies(&before) && shown().len() == 1);
    // a key in wrong hands
    let last = id_token();
    let at_once = done(keys(&["rotate", "--as", "oversight", "--compromised"]));
    until("the key is gone", || !verifies(&last));
    assert_eq!(text(&shown()[0], "kid"), text(&at_once, "kid"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = Path::new(data).join("keys/sandbox-server.jwk.json");
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // no private half is ever printed
    for printed in [rotated.to_string(), at_once.to_string(), keys(&["list"]).1] {
        assert!(!printed.contains("\"d\"") && !printed.contains("\"n\""));
    }
    let entries: String = gateway
        .database()
        .query_row(
            "SELECT group_concat(decision) FROM audit_event WHERE query = 'keys/rotate'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(entries.contains(&fresh) && !entries.contains("\"d\""));
}

#[test]
fn a_password_is_hashed_from_standard_input() {
    let (good, hash, _) = openmig(&["password-hash"], "correct horse battery\n");
    assert!(
        good && openmig::smart::password::is_hash(hash.trim()),
        "{hash}"
    );
    let (good, _, said) = openmig(&["password-hash"], "short\n");
    assert!(!good && !said.contains("short\n"), "{said}");
    assert!(!openmig(&["password-hash", "correct horse battery"], "").0);
}

// Issue 6 point 8, D14: a token is for the pages of its own client
#[test]
fn another_apps_page_cannot_use_a_token() {
    let gateway = TestGateway::start("clients-origins", timing());
    let other = "https://other-app.example";
    let uri = format!("{other}/callback");
    done(clients(
        &gateway,
        &["add", "other-app", "--public", "--redirect-uri", &uri],
    ));
    until("the client is taken up", || {
        gateway
            .sandbox
            .register
            .current()
            .clients
            .contains_key("other-app")
    });
    let code = code(&gateway, "sandbox-spa", "clinician", "9990000018");
    let token = exchange_with(&gateway, &code, &[]).expect(200).json();
    let path = format!("Patient/{}", text(&token, "patient"));
    let bearer = format!("Bearer {}", text(&token, "access_token"));
    let allowed = |method: Method, origin: &str, bearer: &str| {
        let mut headers = vec![("origin", origin)];
        if method == Method::OPTIONS {
            headers.push(("access-control-request-method", "GET"));
            headers.push(("access-control-request-headers", "authorization"));
        } else if !bearer.is_empty() {
            headers.push(("authorization", bearer));
        }
        let answer = gateway.send(method, &path, &headers, "");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("vary").contains("origin"));
        answer.header("access-control-allow-origin").to_owned()
    };
    let own = "http://127.0.0.1:9310";
    for origin in [own, other] {
        assert_eq!(allowed(Method::OPTIONS, origin, ""), origin, "preflight");
        assert_eq!(
            allowed(Method::GET, origin, ""),
            origin,
            "a 401 that the app may see"
        );
        assert_eq!(allowed(Method::GET, origin, "Bearer unknown"), origin);
    }
    assert_eq!(allowed(Method::GET, own, &bearer), own);
    assert_eq!(allowed(Method::GET, other, &bearer), "");
    assert_eq!(allowed(Method::GET, "https://evil.example", &bearer), "");
    // a backend's token is for no page at all
    let token = gateway.token(&crate::support::Ask::consent("9990000018"));
    let answer = gateway.get_with(
        &token,
        &format!("Patient/{}", token.patient),
        &[("origin", own)],
    );
    assert_eq!(answer.expect(200).header("access-control-allow-origin"), "");
}

fn gp_connect(nhs_number: &str, username: &str) -> Value {
    json!({
        "reason_for_request": "directcare",
        "requested_scope": "patient/*.read",
        "requested_record": {
            "resourceType": "Patient",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number}]
        },
        "requesting_device": {
            "resourceType": "Device", "model": "Example EHR", "version": "5.3",
            "identifier": [{"system": "https://ehr.example/device", "value": "web-7"}]
        },
        "requesting_organization": {
            "resourceType": "Organization", "name": "Sandbox University Hospitals",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Z9H01"}]
        },
        "requesting_practitioner": {
            "resourceType": "Practitioner", "id": "17",
            "identifier": [
                {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "UNK"},
                {"system": USER_BASE, "value": username}
            ],
            "name": {"family": ["Doctor"], "given": ["Hospital"]}
        }
    })
}

// Issue 6 point 3, smart.md 5: the claims of GP Connect in a signed assertion
#[test]
fn gp_connect_claims_name_the_clinician() {
    let gateway = &*SHARED;
    let jwk = gateway
        .send(
            Method::GET,
            "/sandbox/keys/sandbox-backend.jwk.json",
            &[],
            "",
        )
        .expect(200)
        .json();
    let key = SigningKey::from_jwk(&jwk).unwrap();
    let ask = |claims: Value, details: &Value| {
        let assertion = assertion(gateway, &key, "sandbox-backend", claims);
        ask_with(gateway, &assertion, details)
    };
    let claims = || gp_connect("9990000018", "hospital-doctor");
    let token = ask(claims(), &occasion("9990000018")).expect(200).json();
    let patient = format!("Patient/{}", text(&token, "patient"));
    read(gateway, &token, &patient).expect(200);
    // both languages at once; and again inside the occasion
    let mut both = claims();
    both["extensions"] = b2b()["extensions"].clone();
    ask(both.clone(), &occasion("9990000018")).expect(200);
    let id = token["authorization_details"][0]["occasion"].clone();
    let again = json!({"type": OCCASION_TYPE, "occasion": id});
    ask(claims(), &again).expect(200);
    // another patient than is asked for
    for details in [&occasion("9990000387"), &again] {
        let other = gp_connect(
            if *details == again {
                "9990000387"
            } else {
                "9990000018"
            },
            "hospital-doctor",
        );
        let answer = ask(other, details).expect(400);
        assert_eq!(answer.json()["error"], "invalid_authorization_details");
        assert!(!answer.text().contains("999000"));
    }
    // two stories
    let mut conflict = both;
    conflict["requesting_practitioner"]["identifier"][1]["value"] = json!("hospital-nurse");
    let answer = ask(conflict, &occasion("9990000018")).expect(401).json();
    assert_eq!(answer["error"], "invalid_client");
    assert!(text(&answer, "error_description").contains("do not say the same"));
    // BS-31: as GP Connect itself sends it, unsigned, it is nothing
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!(
        "{}.{}.",
        part(&json!({"alg": "none", "typ": "JWT"})),
        part(&claims())
    );
    let bearer = format!("Bearer {unsigned}");
    let answer = gateway.send(Method::GET, &patient, &[("authorization", &bearer)], "");
    answer.expect(401);
    assert_eq!(
        ask_with(gateway, &unsigned, &occasion("9990000018"))
            .expect(401)
            .json()["error"],
        "invalid_client"
    );
}

// T9, issue 6 point 6: what an app asked at first it may name again, and never more
#[test]
fn a_refresh_may_name_the_first_request_again() {
    let gateway = &*SHARED;
    let scope = "openid fhirUser launch/patient offline_access patient/*.rs";
    let pairs = with(asked(gateway, "sandbox-spa"), "scope", scope);
    let mut browser = Browser::open(gateway, &pairs)
        .sign_in("clinician")
        .pick("9990000018");
    let back = crate::browser::sent_back(&browser.approve());
    let code = crate::browser::value(&back, "code");
    let first = exchange_with(gateway, code, &[]).expect(200).json();
    let same = refresh(gateway, text(&first, "refresh_token"), &[("scope", scope)]);
    let same = same.expect(200).json();
    assert_eq!(same["scope"], first["scope"]);
    let less = refresh(
        gateway,
        text(&same, "refresh_token"),
        &[("scope", "patient/*.rs")],
    );
    let less = less.expect(200).json();
    assert!(text(&less, "scope").contains("patient/Condition.rs"));
    assert!(!text(&less, "scope").contains("openid") && !text(&less, "scope").contains('*'));
    for wider in [
        "user/*.rs",
        "system/*.rs",
        "patient/*.cruds",
        "patient/AuditEvent.rs",
        "profile",
    ] {
        let answer = refresh(gateway, text(&less, "refresh_token"), &[("scope", wider)]);
        assert_eq!(
            answer.expect(400).json()["error"],
            "invalid_scope",
            "{wider}"
        );
    }
}
