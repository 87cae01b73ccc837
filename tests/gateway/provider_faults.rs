//! OpenID providers that cannot be used: unreachable, silent, answering nonsense or as somebody else. The gateway starts, says
//! what happened, writes it down, and every other way of signing in goes on (smart.md 5; R101).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use openmig::clock::{Clock, SystemClock};
use openmig::smart::provider::Provider;
use openmig::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, asked};
use crate::support::{Answer, Ask, FORM, TestGateway, encode, folder, logs, timing};

/// Requests that the silent provider was asked, each of which takes the whole deadline.
static ASKED_OF_SILENT: AtomicUsize = AtomicUsize::new(0);

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::from_jwk(&generate_jwk("own-1", SigningAlgorithm::Rs256).unwrap()).unwrap()
});

/// A discovery document as a provider at this address should have it.
fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn with(issuer: &str, member: &str, value: Value) -> Vec<u8> {
    let mut document = document(issuer);
    document[member] = value;
    ok(&document.to_string())
}

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

/// What a provider of this kind answers to whatever it is asked; `None`: nothing at all.
fn answer(kind: &str, issuer: &str, request: &str) -> Option<Vec<u8>> {
    let discovery = request.contains("/.well-known/");
    Some(match kind {
        "silent" => {
            ASKED_OF_SILENT.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        "page" => ok("<!DOCTYPE html><title>Down for maintenance</title>"),
        "list" => ok("[]"),
        "empty" => ok("{}"),
        "nothing" => ok(""),
        "other-issuer" => with(issuer, "issuer", json!("https://evil.example")),
        "slash" => with(issuer, "issuer", json!(format!("{issuer}/"))),
        "only-issuer" => ok(&json!({"issuer": issuer}).to_string()),
        "script" => with(issuer, "authorization_endpoint", json!("javascript:alert(1)")),
        "file" => with(issuer, "authorization_endpoint", json!("file:///etc/passwd")),
        "numbers" => with(issuer, "authorization_endpoint", json!(5)),
        "large" => with(issuer, "padding", json!(" ".repeat(70_000))),
        "error" => b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        "moved" => b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        "no-http" => b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        "cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{".to_vec(),
        // Its discovery is as it should be, its key set is not.
        "keys" if discovery => ok(&document(issuer).to_string()),
        "keys" => ok("no keys"),
        _ => unreachable!("{kind}"),
    })
}

/// A provider that answers so; gives its issuer.
fn serve(kind: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let own = issuer.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let own = own.clone();
            thread::spawn(move || {
                let mut request = [0; 4096];
                let read = socket.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                match answer(kind, &own, &request) {
                    Some(bytes) => drop(socket.write_all(&bytes)),
                    // Longer than the gateway's deadline.
                    None => thread::sleep(Duration::from_secs(60)),
                }
            });
        }
    });
    issuer
}

const KINDS: [&str; 17] = [
    "unreachable",
    "silent",
    "page",
    "list",
    "empty",
    "nothing",
    "other-issuer",
    "slash",
    "only-issuer",
    "script",
    "file",
    "numbers",
    "large",
    "error",
    "moved",
    "no-http",
    "cut",
];

fn provider(kind: &'static str) -> Provider {
    let issuer = if kind == "unreachable" {
        // Nobody listens on a port that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", free.local_addr().unwrap())
    } else {
        serve(kind)
    };
    let secret = folder(&format!("provider-{kind}")).with_extension("secret");
    std::fs::write(&secret, "a-secret").unwrap();
    let text = format!(
        "id = '{kind}'\nname = 'Provider {kind}'\nissuer = '{issuer}'\nlocal = true\nuser_is = 'username'\n\
         login = {{ client_id = 'openmig', client_secret = '{}' }}\n\
         exchange = {{ audiences = {{ sandbox-backend = 'hospital' }} }}\n\
         access_tokens = {{ clients = {{ hospital-app = 'sandbox-backend' }} }}\n",
        secret.display()
    );
    Provider::load(toml::from_str(&text).unwrap()).unwrap()
}

static PROVIDERS: LazyLock<Vec<Provider>> =
    LazyLock::new(|| KINDS.into_iter().chain(["keys"]).map(provider).collect());

/// A gateway that trusts them all, beside the sandbox's own. It starts.
static GATEWAY: LazyLock<TestGateway> = LazyLock::new(|| {
    TestGateway::start_with("provider-faults", timing(), |options| {
        options.providers = PROVIDERS.clone();
    })
});

fn issuer(kind: &str) -> &'static str {
    let mut all = PROVIDERS.iter();
    all.find(|provider| provider.id == kind)
        .map_or("", |provider| &provider.issuer)
}

fn signed(kind: &str, typ: &str) -> String {
    let now = SystemClock.now().as_second();
    let claims = json!({
        "iss": issuer(kind), "aud": if typ == "JWT" { "hospital" } else { GATEWAY.base.as_str() }, "sub": "hospital-doctor",
        "client_id": "hospital-app", "iat": now, "exp": now + 300, "jti": openmig::clock::new_id().to_string(),
        "scope": "patient/*.rs",
    });
    KEY.sign_as(typ, &claims).unwrap()
}

#[test]
fn a_provider_that_cannot_be_used_says_so_and_the_others_go_on() {
    let gateway = &*GATEWAY;
    for kind in KINDS {
        let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
        assert!(
            browser
                .page
                .text()
                .contains(&format!("Sign in with Provider {kind}"))
        );
        let page = browser.send("provider", &[("provider", kind)]);
        assert_eq!(page.status, 503, "{kind}: {}", page.text());
        for words in [
            format!("You are not signed in with Provider {kind}"),
            "does not answer".to_owned(),
            "data-testid=\"try-again\"".to_owned(),
            "data-testid=\"deny\"".to_owned(),
        ] {
            assert!(
                page.text().contains(&words),
                "{kind}: {words}: {}",
                page.text()
            );
        }
        // Nothing of what it said is repeated, nor where it is.
        for never in [
            "javascript",
            "evil.example",
            "/etc/passwd",
            "127.0.0.1:1/",
            "maintenance",
            "SSH",
            issuer(kind),
        ] {
            assert!(!page.text().contains(never), "{kind}: {never}");
        }
        let rows = gateway.rows(page.header("x-request-id"));
        let [row] = rows.as_slice() else {
            panic!("{kind}: {rows:?}");
        };
        assert_eq!(
            row.failure.as_deref(),
            Some("provider-unavailable"),
            "{kind}"
        );
        assert_eq!(row.basis, Some(format!("sign-in:{kind}")));
        assert_eq!(row.clinician, None);
        // The same journey goes on at another provider, and with the password.
        browser
            .send("provider", &[("provider", "sandbox-cis2")])
            .expect(200);
        assert!(
            browser.page.text().contains("data-testid=\"to-provider\""),
            "{kind}"
        );
    }
    let page = Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in("clinician");
    assert!(page.page.text().contains("data-testid=\"pick-patient\""));
    // The operator reads why; one line for each kind of trouble.
    for why in [
        "cannot be fetched",
        "is no JSON object",
        "is of another issuer",
    ] {
        assert!(
            logs().contains(&format!("its discovery document {why}")),
            "{why}"
        );
    }
    assert!(!logs().contains("evil.example"));
}

// A page full of people who press the button of a silent provider: one of them waits for the deadline, not each in turn
#[test]
fn a_silent_provider_is_asked_once_for_all_who_wait() {
    let gateway = &*GATEWAY;
    let mut browsers: Vec<Browser<'_>> = (0..8)
        .map(|_| Browser::open(gateway, &asked(gateway, "sandbox-spa")))
        .collect();
    let before = ASKED_OF_SILENT.load(Ordering::SeqCst);
    thread::scope(|scope| {
        for browser in &mut browsers {
            scope.spawn(|| {
                browser
                    .send("provider", &[("provider", "silent")])
                    .expect(503)
            });
        }
    });
    // A loaded machine may take longer than the pause after a failure; never is it one request for each.
    let asked = ASKED_OF_SILENT.load(Ordering::SeqCst) - before;
    assert!(asked <= 4, "asked {asked} times");
}

// The machine's way in: 503 and a time to come back, where the token might be good; 401 or 400 only where it is known to be bad
#[test]
fn tokens_of_a_provider_that_cannot_be_used_are_not_judged() {
    let gateway = &*GATEWAY;
    for kind in ["unreachable", "page", "other-issuer", "keys"] {
        let assertion = gateway.assertion("sandbox-backend", "");
        let details = json!([Ask::consent("9990000018").details]).to_string();
        let answer = gateway.post_token(&[
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("subject_token", &signed(kind, "JWT")),
            (
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:id_token",
            ),
            ("scope", "system/*.rs"),
            (
                "client_assertion_type",
                openmig::smart::authenticate::ASSERTION_TYPE,
            ),
            ("client_assertion", &assertion),
            ("authorization_details", &details),
        ]);
        later(kind, &answer);
        assert_eq!(answer.json()["error"], "temporarily_unavailable", "{kind}");
        let bearer = format!("Bearer {}", signed(kind, "at+jwt"));
        let headers = [("content-type", FORM), ("authorization", bearer.as_str())];
        let body = encode(&[("authorization_details", &details)]);
        later(
            kind,
            &gateway.send(Method::POST, "occasion", &headers, &body),
        );
        later(
            kind,
            &gateway.send(Method::GET, "Condition?patient=x", &headers[1..], ""),
        );
    }
    // Everybody else's tokens are good as ever.
    let token = gateway.token(&Ask::consent("9990000018"));
    gateway
        .get(&token, &format!("Condition?patient={}", token.patient))
        .expect(200);
}

#[track_caller]
fn later(kind: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{kind}: {}", answer.text());
    assert!(!answer.header("retry-after").is_empty(), "{kind}");
    assert!(
        !answer.text().contains("127.0.0.1"),
        "{kind}: {}",
        answer.text()
    );
}
