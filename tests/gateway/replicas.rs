//! Two gateways over one database: what may happen once happens once, whoever of the two is asked (smart.md 7, "assertion
//! replay across replicas"; A7, A9, J4, T10).

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::Router;
use openmig::access::AddressRanges;
use openmig::api::server::{ServerLimits, serve};
use openmig::config::{Timing, loopback};
use openmig::gateway::{GatewayParts, assemble};
use openmig::occasion::SealKey;
use openmig::register::{Register, RegisterHandle};
use openmig::sandbox::keys::USER_BASE;
use openmig::sandbox::run::id_key;
use openmig::smart::authenticate::ASSERTION_TYPE;
use openmig::smart::ring::KeyWatch;
use openmig::smart::secrets::LaunchKey;
use openmig::smart::trail_key::{TRAIL_FILE, trail_key};
use openmig::store::sqlite::SqliteStore;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::browser::{
    Browser, REDIRECT, VERIFIER, asked, code, consent_items, exchange_with, fhir_id, read, text,
    with,
};
use crate::support::{Answer, Ask, FORM, TestGateway, encode, timing, wait};

/// Requests at once.
const MANY: usize = 16;

/// Many at once may take their time on a small machine: what is asked here is how often, never how soon.
fn patient() -> Timing {
    Timing {
        source_deadline_seconds: 60,
        ..timing()
    }
}

/// A second gateway on the same file, with a register, a store and keys of its own. Gives its origin.
fn second(first: &TestGateway) -> String {
    let ranges = |texts: &[String]| AddressRanges::parse(texts).unwrap();
    let register = Register::load(&first.data.join("register"), first.sandbox.today()).unwrap();
    let sealing: [u8; 32] = std::fs::read(first.data.join("keys/seal.key"))
        .unwrap()
        .try_into()
        .unwrap();
    let keys = KeyWatch::begin(&first.data.join("keys/sandbox-server.jwk.json")).unwrap();
    let ports = first.sandbox.ports;
    let parts = GatewayParts {
        issuer: first.base.clone(),
        user_base: USER_BASE.to_owned(),
        issuer_audience_only: false,
        register: RegisterHandle::new(register),
        store: Arc::new(SqliteStore::open(&first.file()).unwrap()),
        clock: Arc::clone(&first.sandbox.clock) as _,
        ids: id_key(),
        seal: SealKey::new(&sealing).unwrap(),
        ring: keys.ring(),
        trail_key: trail_key(&first.data.join("keys").join(TRAIL_FILE)).unwrap(),
        former_trail_keys: Vec::new(),
        launch_key: LaunchKey::derive(&sealing),
        trace: format!("http://127.0.0.1:{}", ports.trace),
        worklist: format!("http://127.0.0.1:{}", ports.ehr),
        allow: ranges(&loopback()),
        metrics_allow: ranges(&loopback()),
        proxies: ranges(&[]),
        systmone_key: "sandbox".to_owned(),
        exclusions: None,
        mappings: None,
        timing: patient(),
        providers: Vec::new(),
        settings: serde_json::Value::Null,
    };
    wait(async {
        let gateway = assemble(parts, Router::new()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (limits, never) = (ServerLimits::default(), std::future::pending());
        tokio::spawn(serve(listener, gateway.router, gateway.edge, limits, never));
        origin
    })
}

/// A configuration of `openmig serve` for a gateway beside this one, with more settings.
pub fn config(first: &TestGateway, more: &str) -> PathBuf {
    let data = first.data.display();
    let ports = first.sandbox.ports;
    std::fs::write(
        first.data.join("id.key"),
        b"openmig sandbox: ids same anyway",
    )
    .unwrap();
    let config = format!(
        "{more}\nissuer = \"{}\"\nuser_base = \"{USER_BASE}\"\nlisten = \"127.0.0.1:0\"\nstate_dir = '{data}'\n\
         register_dir = '{data}/register'\n[services]\ntrace = \"http://127.0.0.1:{}\"\nworklist = \"http://127.0.0.1:{}\"\n\
         [secrets]\nid_key = '{data}/id.key'\nseal_key = '{data}/keys/seal.key'\n\
         signing_key = '{data}/keys/sandbox-server.jwk.json'\n[timing]\ntoken_requests_per_minute = 1000000\nsource_deadline_seconds = 60\n",
        first.base, ports.trace, ports.ehr
    );
    let path = first.data.join("second.toml");
    std::fs::write(&path, config).unwrap();
    path
}

/// The same as a process of its own, `openmig serve` with a configuration file. Gives its origin.
fn process(first: &TestGateway) -> (String, Child) {
    let path = config(first, "");
    let mut child = Command::new(env!("CARGO_BIN_EXE_openmig"))
        .args(["serve", "--config", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let (_, address) = line.trim().rsplit_once(' ').unwrap_or_default();
    assert!(line.starts_with("ready") && !address.is_empty(), "{line}");
    (format!("http://{address}"), child)
}

struct Two {
    first: TestGateway,
    second: String,
    child: Option<Child>,
}

impl Drop for Two {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

impl Two {
    fn start(name: &str) -> Self {
        let first = TestGateway::start(name, patient());
        let second = second(&first);
        Self {
            first,
            second,
            child: None,
        }
    }

    fn processes(name: &str) -> Self {
        let first = TestGateway::start(name, patient());
        let (second, child) = process(&first);
        Self {
            first,
            second,
            child: Some(child),
        }
    }

    fn origin(&self, n: usize) -> &str {
        if n.is_multiple_of(2) {
            &self.first.origin
        } else {
            &self.second
        }
    }

    /// The same form many times at once, by turns at both.
    fn at_once(&self, path: &str, form: &str) -> Vec<Answer> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..MANY)
                .map(|n| {
                    scope.spawn(move || {
                        let url = format!("{}/fhir/r4/{path}", self.origin(n));
                        self.first
                            .send(Method::POST, &url, &[("content-type", FORM)], form)
                    })
                })
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }
}

fn given(answers: &[Answer]) -> Vec<Value> {
    answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(Answer::json)
        .collect()
}

// A9, A10
#[test]
fn a_code_is_exchanged_once() {
    exchange_codes(&Two::start("replicas-code"));
}

fn exchange_codes(two: &Two) {
    for _ in 0..4 {
        let code = code(&two.first, "sandbox-spa", "clinician", "9990000018");
        let form = encode(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_id", "sandbox-spa"),
        ]);
        let answers = two.at_once("token", &form);
        let given = given(&answers);
        assert_eq!(given.len(), 1, "one of all who try");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.status, 400);
            assert_eq!(answer.json()["error"], "invalid_grant");
        }
        // somebody had a code that was not theirs: nobody keeps what came of it
        let path = format!("Patient/{}", text(&given[0], "patient"));
        read(&two.first, &given[0], &path).expect(401);
    }
}

// J4
#[test]
fn an_assertion_is_good_once() {
    use_assertions(&Two::start("replicas-jti"));
}

fn use_assertions(two: &Two) {
    for _ in 0..4 {
        let assertion = two.first.assertion("sandbox-backend", "hospital-doctor");
        let details = json!([Ask::consent("9990000018").details]).to_string();
        let form = encode(&[
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
            ("authorization_details", &details),
        ]);
        let answers = two.at_once("token", &form);
        assert_eq!(given(&answers).len(), 1, "one of all who try");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.status, 401, "{}", answer.text());
            assert_eq!(answer.json()["error"], "invalid_client");
        }
        // and at none of the endpoints that take one
        let form = encode(&[
            ("token", "x"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ]);
        for path in ["introspect", "revoke"] {
            assert!(
                two.at_once(path, &form)
                    .iter()
                    .all(|answer| answer.status == 401)
            );
        }
    }
}

// T10, smart.md decision 7: whoever asks, however often, wherever: one new pair
#[test]
fn a_refresh_token_has_one_successor() {
    refresh_tokens(&Two::start("replicas-refresh"));
}

fn refresh_tokens(two: &Two) {
    let code = code(&two.first, "sandbox-spa", "clinician", "9990000018");
    let mut token = exchange_with(&two.first, &code, &[]).expect(200).json();
    let rows = || -> (i64, i64) {
        let database = two.first.database();
        let count = |sql: &str| database.query_row(sql, [], |row| row.get(0)).unwrap();
        (
            count("SELECT count(*) FROM refresh"),
            count("SELECT count(*) FROM granted_token"),
        )
    };
    for n in 0..4 {
        let before = rows();
        let form = encode(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&token, "refresh_token")),
        ]);
        let answers = two.at_once("token", &form);
        let given = given(&answers);
        assert_eq!(given.len(), MANY, "round {n}: the grace repeats");
        let pairs: BTreeSet<(&str, &str)> = given
            .iter()
            .map(|one| (text(one, "access_token"), text(one, "refresh_token")))
            .collect();
        assert_eq!(pairs.len(), 1, "round {n}: the very same pair");
        assert_eq!(rows(), (before.0 + 1, before.1 + 1), "no second branch");
        token = given[0].clone();
    }
    // Use and repeated refresh at once: either the same pair again, or the whole family is dead; never another pair.
    let old = text(&token, "refresh_token").to_owned();
    let form = encode(&[("grant_type", "refresh_token"), ("refresh_token", &old)]);
    let url = format!("{}/fhir/r4/token", two.second);
    let next = two
        .first
        .send(Method::POST, &url, &[("content-type", FORM)], &form)
        .expect(200)
        .json();
    let path = format!("Patient/{}", text(&next, "patient"));
    let answers = std::thread::scope(|scope| {
        let reads = scope.spawn(|| read(&two.first, &next, &path));
        let answers = two.at_once("token", &form);
        reads.join().unwrap();
        answers
    });
    for one in given(&answers) {
        assert_eq!(one["access_token"], next["access_token"]);
        assert_eq!(one["refresh_token"], next["refresh_token"]);
    }
    // the pair has been used by now, so the old one is a theft, at both
    let last = two.at_once("token", &form);
    assert!(last.iter().all(|answer| answer.status == 400));
    read(&two.first, &next, &path).expect(401);
}

// A7: one handle, two pages that approve at the same moment; and no occasion is left without a token
#[test]
fn a_launch_handle_gives_one_code() {
    approve_launches(&Two::start("replicas-launch"));
}

fn approve_launches(two: &Two) {
    let gateway = &two.first;
    let patient = fhir_id(gateway, "9990000018");
    let open = || -> i64 {
        gateway
            .database()
            .query_row(
                "SELECT count(*) FROM occasion WHERE withdrawn_at IS NULL",
                [],
                |row| row.get(0),
            )
            .unwrap()
    };
    for round in 0..4 {
        let before = open();
        let body =
            json!({"client_id": "sandbox-spa", "username": "hospital-doctor", "patient": patient});
        let headers = [("content-type", "application/json")];
        let answer = gateway.send(Method::POST, "/sandbox/launch", &headers, &body.to_string());
        let handle = text(&answer.expect(200).json(), "launch").to_owned();
        let pairs = with(asked(gateway, "sandbox-spa"), "launch", &handle);
        let pairs = with(pairs, "scope", "launch patient/*.rs");
        let pages: Vec<(String, String, String)> = (0..6)
            .map(|_| {
                let browser = Browser::open(gateway, &pairs).sign_in("hospital-doctor");
                let names = consent_items(browser.page.text());
                let token = browser.form_token();
                let mut fields: Vec<(&str, &str)> =
                    names.iter().map(|name| (name.as_str(), "yes")).collect();
                fields.push(("form_token", &token));
                (browser.action(), browser.cookie.clone(), encode(&fields))
            })
            .collect();
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let threads: Vec<_> = pages
                .iter()
                .enumerate()
                .map(|(n, (action, cookie, form))| {
                    let url = format!("{}{action}/approve", two.origin(n));
                    scope.spawn(move || {
                        let headers = [("content-type", FORM), ("cookie", cookie.as_str())];
                        gateway.send(Method::POST, &url, &headers, form)
                    })
                })
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let with_code = answers
            .iter()
            .filter(|answer| answer.status == 303 && answer.header("location").contains("code="))
            .count();
        assert_eq!(with_code, 1, "round {round}");
        for answer in &answers {
            let back = answer.header("location");
            assert!(
                back.contains("code=") || back.contains("error=invalid_request"),
                "{} {back}",
                answer.status
            );
        }
        assert_eq!(
            open(),
            before + 1,
            "round {round}: no occasion without a token"
        );
    }
}

// The same over two processes, of which each knows of the other by the file alone
#[test]
fn two_processes_are_as_one() {
    let two = Two::processes("replicas-processes");
    exchange_codes(&two);
    use_assertions(&two);
    refresh_tokens(&two);
    approve_launches(&two);
}
