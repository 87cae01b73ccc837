//! The trail: every call has its row before its answer leaves, each practice sees its own, nothing is served without it,
//! and whatever is done to it shows.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::people::audit_client;
use super::support::{Ask, ES, FORM, SHARED, TestGateway, Token, encode, folder, timing, until};

// R120: every call, refused ones included, with who, whose and why
#[test]
fn every_call_has_its_row() {
    let token = SHARED.token(&Ask::consent("9990000018"));
    let audit = SHARED.token(&audit_client("sandbox-audit-backend"));
    let patient = token.patient.as_str();
    let consent = token.answer["authorization_details"][0]["consent"]
        .as_str()
        .unwrap()
        .to_owned();
    let calls = [
        (&token, format!("Patient/{patient}"), "disclosure", None),
        (
            &token,
            format!("Condition?patient={patient}"),
            "disclosure",
            None,
        ),
        (
            &token,
            format!("List?patient={patient}&code=summary&_include=List:item"),
            "disclosure",
            None,
        ),
        (&token, consent, "disclosure", None),
        (
            &token,
            format!("Consent?patient={patient}"),
            "disclosure",
            None,
        ),
        (
            &token,
            format!("Condition/{patient}-none"),
            "refused",
            Some("not-found"),
        ),
        (
            &token,
            format!("Condition?patient={patient}&onset-date=x"),
            "refused",
            Some("invalid-parameter"),
        ),
        (
            &token,
            "Condition".to_owned(),
            "refused",
            Some("patient-required"),
        ),
        (
            &token,
            "AuditEvent?patient=x".to_owned(),
            "refused",
            Some("insufficient-scope"),
        ),
        (
            &audit,
            format!("AuditEvent?patient={patient}&_count=1"),
            "disclosure",
            None,
        ),
        (
            &audit,
            format!("Patient/{patient}"),
            "refused",
            Some("insufficient-scope"),
        ),
    ];
    for (token, path, what, failure) in calls {
        let answer = SHARED.get(token, &path);
        let rows = SHARED.rows(answer.header("x-request-id"));
        let row = rows.last().unwrap_or_else(|| panic!("{path} has no row"));
        assert_eq!(
            (row.what.as_str(), row.failure.as_deref()),
            (what, failure),
            "{path}"
        );
        if token.patient.is_empty() {
            continue;
        }
        assert_eq!(row.clinician.as_deref(), Some("hospital-doctor"), "{path}");
        if failure != Some("insufficient-scope") {
            assert_eq!(row.patient.as_deref(), Some(patient), "{path}");
            assert_eq!(row.practice.as_deref(), Some("Z99001"), "{path}");
            assert!(
                row.basis.as_deref().unwrap().starts_with("consent:"),
                "{path}"
            );
            assert_eq!(row.purpose.as_deref(), Some("TREAT"), "{path}");
        }
    }
    // The token endpoint: an intent before the look-up, the occasion, the token.
    let answer = SHARED.ask(&Ask::consent("9990000018")).expect(200);
    let what: Vec<String> = SHARED
        .rows(answer.header("x-request-id"))
        .into_iter()
        .map(|row| row.what)
        .collect();
    assert_eq!(what, ["intent", "occasion", "token"]);
    let answer = SHARED
        .ask(&Ask::consent("9990000018").said("asked", Value::Null))
        .expect(400);
    let rows = SHARED.rows(answer.header("x-request-id"));
    assert!(
        rows.iter()
            .all(|row| row.failure.as_deref() == Some("consent-not-asked")),
        "{rows:?}"
    );
    let answer = SHARED.post_token(&[("grant_type", "client_credentials")]);
    assert_eq!(
        SHARED.rows(answer.header("x-request-id"))[0]
            .failure
            .as_deref(),
        Some("invalid_request")
    );
}

// R042, R120: policy, exclusions version and the ids of what was shown
#[test]
fn a_disclosure_names_every_resource_and_the_rules_in_force() {
    let token = SHARED.token(&Ask::consent("9990000018"));
    let path = format!(
        "Condition?patient={}&_count=1000&_include=Condition:asserter",
        token.patient
    );
    let answer = SHARED.get(&token, &path).expect(200);
    let shown: BTreeSet<String> = answer.resources().iter().map(super::crawl::name).collect();
    let audit = SHARED.token(&audit_client("sandbox-audit-backend"));
    let events = SHARED
        .get(
            &audit,
            &format!("AuditEvent?patient={}&_count=200", token.patient),
        )
        .expect(200);
    let request = answer.header("x-request-id");
    let event = events
        .resources()
        .into_iter()
        .find(|event| event.to_string().contains(request))
        .unwrap_or_else(|| panic!("no event of {request}"));
    let text = event.to_string();
    for name in &shown {
        assert!(text.contains(name.as_str()), "{name}");
    }
    let named = super::crawl::references(&event);
    let clinical = named.iter().filter(|name| name.starts_with("Condition/"));
    assert_eq!(
        clinical.count(),
        shown
            .iter()
            .filter(|name| name.starts_with("Condition/"))
            .count()
    );
    for part in [
        "hospital-doctor",
        "Z9H01",
        "Z99001",
        &token.patient,
        "127.0.0.1",
        "sandbox-backend",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let (policy, exclusions): (String, String) = SHARED
        .database()
        .query_row(
            "SELECT policy, exclusions FROM audit_event WHERE request = ?",
            [request],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(policy, SHARED.sandbox.register.current().hash);
    assert!(!exclusions.is_empty());
    // R128: ids only
    for condition in answer.resources() {
        if let Some(term) = condition["code"]["text"].as_str() {
            assert!(!text.contains(term), "{term}");
        }
    }
}

// R121: a practice sees its own patients' events, all of them, and none of others
#[test]
fn a_practice_sees_its_own_patients_events_only() {
    let own = SHARED.token(&Ask::consent("9990000018"));
    let other = SHARED.token(&Ask::consent("9990000387").by(ES.0, ES.1));
    let own_read = SHARED
        .get(&own, &format!("Patient/{}", own.patient))
        .expect(200);
    let other_read = SHARED
        .get(&other, &format!("Patient/{}", other.patient))
        .expect(200);
    for (client, practice, theirs, not_theirs, patient, stranger) in [
        (
            "sandbox-audit-backend",
            "Z99001",
            &own_read,
            &other_read,
            &own.patient,
            &other.patient,
        ),
        (
            "sandbox-audit-backend-z99002",
            "Z99002",
            &other_read,
            &own_read,
            &other.patient,
            &own.patient,
        ),
    ] {
        let token = SHARED.token(&audit_client(client));
        let mut seen = Vec::new();
        for (_, page) in super::crawl::pages(&SHARED, &token, "AuditEvent?_count=200") {
            seen.extend(page.resources());
            if seen.len() > 1_000 {
                break;
            }
        }
        let database = SHARED.database();
        let mut row = database
            .prepare("SELECT practice FROM audit_event WHERE id = ?")
            .unwrap();
        for event in &seen {
            let id: uuid::Uuid = event["id"].as_str().unwrap().parse().unwrap();
            let of: String = row.query_row([id.as_bytes()], |row| row.get(0)).unwrap();
            assert_eq!(of, practice);
        }
        let all = Value::from(seen).to_string();
        assert!(all.contains(theirs.header("x-request-id")), "{client}");
        assert!(!all.contains(not_theirs.header("x-request-id")), "{client}");
        assert!(!all.contains(stranger.as_str()), "{client}");
        let by_patient = SHARED
            .get(&token, &format!("AuditEvent?patient={patient}"))
            .expect(200);
        assert!(!by_patient.resources().is_empty());
        let none = SHARED
            .get(&token, &format!("AuditEvent?patient={stranger}"))
            .expect(200);
        assert!(none.resources().is_empty());
        // By id: its own, and not another's.
        let event = by_patient.resources()[0]["id"].as_str().unwrap().to_owned();
        SHARED
            .get(&token, &format!("AuditEvent/{event}"))
            .expect(200);
        let other: Vec<u8> = SHARED
            .database()
            .query_row(
                "SELECT id FROM audit_event WHERE request = ?",
                [not_theirs.header("x-request-id")],
                |row| row.get(0),
            )
            .unwrap();
        let other = uuid::Uuid::from_slice(&other).unwrap();
        assert_eq!(
            SHARED
                .get(&token, &format!("AuditEvent/{other}"))
                .expect(404)
                .code(),
            "not-found"
        );
        assert_eq!(
            SHARED.get(&token, "AuditEvent/nonsense").expect(404).code(),
            "not-found"
        );
    }
}

// R092, R125, R127: what cannot be written down does not happen, and it heals
#[test]
fn without_a_trail_nothing_is_shown() {
    let gateway = TestGateway::start("broken", timing());
    let token = gateway.token(&Ask::consent("9990000387"));
    let patient = format!("Patient/{}", token.patient);
    let search = format!("Condition?patient={}", token.patient);
    gateway.get(&token, &patient).expect(200);
    let rename = |from: &str, to: &str| {
        gateway
            .database()
            .execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .unwrap();
    };
    rename("audit_event", "audit_gone");
    for path in [
        &patient,
        &search,
        &format!("List?patient={}", token.patient),
        &"metadata?_format=xml".to_owned(),
    ] {
        let answer = gateway.get(&token, path).expect(503);
        assert_eq!(answer.code(), "audit-unavailable", "{path}");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
        // No clinical byte: the outcome and nothing else.
        assert!(
            answer.body.len() < 500 && !answer.text().contains("Sandhu"),
            "{}",
            answer.text()
        );
    }
    gateway.send(Method::GET, &patient, &[], "").expect(503);
    for ask in [
        Ask::consent("9990000387"),
        Ask::emergency("9990006679"),
        audit_client("sandbox-audit-backend"),
    ] {
        let answer = gateway.ask(&ask).expect(503);
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
        assert!(!answer.header("retry-after").is_empty());
    }
    gateway.send(Method::GET, "/readyz", &[], "").expect(503);
    gateway.send(Method::GET, "/livez", &[], "").expect(200);
    rename("audit_gone", "audit_event");
    gateway.get(&token, &patient).expect(200);
    // One try stands for a second.
    until(|| gateway.send(Method::GET, "/readyz", &[], "").status == 200);

    // R092: no alert, no override; consent goes on
    rename("alert", "alert_gone");
    let answer = gateway.ask(&Ask::emergency("9990006679")).expect(503);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    let open: u32 = gateway
        .database()
        .query_row(
            "SELECT count(*) FROM occasion WHERE override_reason IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(open, 0, "an override without its alert is none");
    gateway.token(&Ask::consent("9990000387"));
    rename("alert_gone", "alert");
    gateway.token(&Ask::emergency("9990006679"));

    rename("token", "token_gone");
    assert_eq!(
        gateway.get(&token, &patient).expect(503).code(),
        "store-unavailable"
    );
    gateway.ask(&Ask::consent("9990000387")).expect(503);
    rename("token_gone", "token");
    rename("occasion", "occasion_gone");
    assert_eq!(
        gateway.get(&token, &patient).expect(503).code(),
        "store-unavailable"
    );
    rename("occasion_gone", "occasion");
    gateway.get(&token, &patient).expect(200);
    assert!(verify(&gateway.file()).status.success());
}

fn openmig() -> Command {
    Command::new(env!("CARGO_BIN_EXE_openmig"))
}

fn verify(file: &std::path::Path) -> Output {
    openmig()
        .args(["audit", "verify"])
        .arg(file)
        .output()
        .unwrap()
}

/// A sandbox as a process of its own.
struct Running {
    child: Child,
    base: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _code = self.child.wait();
    }
}

fn run(data: &std::path::Path) -> Running {
    let mut child = openmig()
        .args(["sandbox", "--port", "0", "--fresh", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.next().is_some_and(|line| line.starts_with("ready")));
    let base = lines
        .find_map(|line| line.split_once("issuer").map(|it| it.1.trim().to_owned()))
        .unwrap();
    // The pipe stays open as long as the process may print.
    std::thread::spawn(move || lines.for_each(drop));
    Running { child, base }
}

// R120, R125, R126: whoever has an answer finds its row on the disk, though the process was killed that very moment
#[test]
fn a_killed_process_has_written_every_answer_down() {
    let data = folder("killed");
    let mut running = run(&data);
    let origin = running.base.strip_suffix("/fhir/r4").unwrap().to_owned();
    // Only the addresses differ from those of a sandbox in this process.
    let remote = Remote { origin };
    let token = remote.token(&Ask::consent("9990000387"));
    let stop = AtomicBool::new(false);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut ids = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        match remote.get(&token, &format!("Patient/{}", token.patient)) {
                            Some(id) => ids.push(id),
                            None => break,
                        }
                    }
                    ids
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(400));
        // SIGKILL: no chance to write anything any more.
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        stop.store(true, Ordering::SeqCst);
        readers
            .into_iter()
            .flat_map(|reader| reader.join().unwrap())
            .collect()
    });
    assert!(ids.len() > 8, "{}", ids.len());
    let file = data.join("openmig.sqlite");
    {
        let database = rusqlite::Connection::open(&file).unwrap();
        let mut rows = database
            .prepare("SELECT count(*) FROM audit_event WHERE request = ? AND what = 'disclosure'")
            .unwrap();
        for id in &ids {
            assert_eq!(
                rows.query_row([id], |row| row.get::<_, u32>(0)).unwrap(),
                1,
                "{id}"
            );
        }
    }
    let whole = verify(&file);
    assert!(
        whole.status.success(),
        "{}",
        String::from_utf8_lossy(&whole.stderr)
    );
    assert!(String::from_utf8_lossy(&whole.stdout).contains("whole"));

    // R126: each way of altering it is found, and the first bad row named
    let rows: u32 = {
        let database = rusqlite::Connection::open(&file).unwrap();
        database
            .query_row("SELECT max(seq) FROM audit_event", [], |row| row.get(0))
            .unwrap()
    };
    for (name, alter, row) in [
        ("edited", "UPDATE audit_event SET clinician = 'somebody-else' WHERE seq = 3".to_owned(), 3),
        ("deleted", "DELETE FROM audit_event WHERE seq = 5".to_owned(), 5),
        ("cut off", format!("DELETE FROM audit_event WHERE seq > {}", rows - 2), rows - 1),
        (
            "reordered",
            "UPDATE audit_event SET seq = -1 WHERE seq = 4; UPDATE audit_event SET seq = 4 WHERE seq = 6; \
             UPDATE audit_event SET seq = 6 WHERE seq = -1"
                .to_owned(),
            4,
        ),
    ] {
        let copy = data.join(format!("{}.sqlite", name.replace(' ', "-")));
        std::fs::copy(&file, &copy).unwrap();
        rusqlite::Connection::open(&copy).unwrap().execute_batch(&alter).unwrap();
        let found = verify(&copy);
        assert_eq!(found.status.code(), Some(1), "{name}");
        let said = String::from_utf8_lossy(&found.stderr).into_owned();
        assert!(said.contains(&format!("row {row}")), "{name}: {said}");
    }
    // A slip of the hand is no finding.
    assert_eq!(verify(&data.join("no-such-file")).status.code(), Some(2));
}

/// A gateway in another process.
struct Remote {
    origin: String,
}

impl Remote {
    fn token(&self, ask: &Ask) -> Token {
        super::support::wait(async {
            let client = client();
            let query = encode(&[("client_id", ask.client), ("user", ask.user)]);
            let url = format!("{}/sandbox/assertion?{query}", self.origin);
            let assertion = client.get(url).send().await.unwrap().text().await.unwrap();
            let body = encode(&[
                ("grant_type", "client_credentials"),
                ("scope", &ask.scope),
                (
                    "client_assertion_type",
                    openmig::smart::authenticate::ASSERTION_TYPE,
                ),
                ("client_assertion", &assertion),
                ("authorization_details", &json!([ask.details]).to_string()),
            ]);
            let request = client.post(format!("{}/fhir/r4/token", self.origin));
            let request = request.header("content-type", FORM).body(body);
            let answer: Value =
                serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
            Token {
                access: answer["access_token"].as_str().unwrap().to_owned(),
                patient: answer["patient"].as_str().unwrap().to_owned(),
                occasion: String::new(),
                tabs: Vec::new(),
                answer,
            }
        })
    }

    /// The request id of an answer that arrived whole; none where the process is gone.
    fn get(&self, token: &Token, path: &str) -> Option<String> {
        super::support::wait(async {
            let request = client()
                .get(format!("{}/fhir/r4/{path}", self.origin))
                .bearer_auth(&token.access);
            let response = request.send().await.ok()?;
            assert_eq!(response.status(), 200);
            let id = response
                .headers()
                .get("x-request-id")?
                .to_str()
                .ok()?
                .to_owned();
            response.bytes().await.ok()?;
            Some(id)
        })
    }
}

fn client() -> reqwest::Client {
    static CLIENT: std::sync::LazyLock<reqwest::Client> =
        std::sync::LazyLock::new(|| reqwest::Client::builder().no_proxy().build().unwrap());
    CLIENT.clone()
}
