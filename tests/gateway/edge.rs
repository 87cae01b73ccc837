//! What is refused before anything is looked at is in the trail, a flood of it is bounded, and the server waits for nobody.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use openmig::api::server::ServerLimits;
use openmig::config::Timing;
use reqwest::Method;

use super::people::audit_client;
use super::support::{Ask, FORM, TestGateway, alone, timing, until};

fn bare(gateway: &TestGateway) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", gateway.sandbox.ports.gateway)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

fn says(gateway: &TestGateway, bytes: &[u8]) -> String {
    let mut stream = bare(gateway);
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // What was not read of a refused request resets the connection behind the answer.
    let _reset = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// How many rows have this code.
fn count(gateway: &TestGateway, code: &str) -> i64 {
    gateway.number(
        "SELECT count(*) FROM audit_event WHERE failure = ?",
        &[code],
    )
}

/// Method, path, headers, body; status and the code in the trail.
type Lost<'a> = (
    Method,
    &'static str,
    &'a [(&'static str, &'static str)],
    &'a str,
    u16,
    &'static str,
);

// R120: whatever leads nowhere has its row
#[test]
fn a_request_that_leads_nowhere_is_in_the_trail() {
    // Its own: others' refusals of the same minute would be counted with these.
    let gateway = TestGateway::start("edge", timing());
    let form = [("content-type", FORM)];
    let text = [("content-type", "text/plain")];
    let large = format!("code={}", "x".repeat(70_000));
    let asks: [Lost<'_>; 7] = [
        (Method::GET, "Nothing", &[], "", 404, "not-found"),
        (Method::GET, "Condition/x/y/z", &[], "", 404, "not-found"),
        (Method::PUT, "Condition/x", &[], "{}", 405, "read-only"),
        (Method::GET, "token", &[], "", 405, "method-not-allowed"),
        (
            Method::DELETE,
            "/readyz",
            &[],
            "",
            405,
            "method-not-allowed",
        ),
        (
            Method::POST,
            "Condition/_search",
            &text,
            "x",
            415,
            "form-expected",
        ),
        (
            Method::POST,
            "Condition/_search",
            &form,
            &large,
            413,
            "form-too-large",
        ),
    ];
    for (method, path, headers, body, status, code) in asks {
        let answer = gateway.send(method, path, headers, body).expect(status);
        assert_eq!(answer.code(), code);
        let rows = gateway.rows(answer.header("x-request-id"));
        assert_eq!(rows.len(), 1, "{path}");
        assert_eq!(rows[0].what, "refused");
        assert_eq!(rows[0].failure.as_deref(), Some(code));
    }
    let answer = says(&gateway, b"\x16\x03\x01 this is no HTTP\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    // The row is written behind the answer.
    until(|| count(&gateway, "malformed-request") > 0);
    assert_eq!(count(&gateway, "malformed-request"), 1);
}

// R120: the first of a flood is written, the rest is counted; who has shown a token is always written
#[test]
fn a_flood_of_strangers_does_not_fill_the_disk() {
    let gateway = TestGateway::start("flood", timing());
    let token = gateway.token(&Ask::consent("9990000018"));
    for _ in 0..60 {
        gateway.send(Method::GET, "Condition", &[], "").expect(401);
    }
    for _ in 0..30 {
        let other = "Condition?patient=x";
        gateway.get(&token, other).expect(403);
    }
    let written = count(&gateway, "unauthorized");
    assert!(
        (1..=20).contains(&written),
        "{written} rows in two minutes at most"
    );
    assert_eq!(count(&gateway, "other-patient"), 30);
    gateway.advance(60);
    gateway.send(Method::GET, "Condition", &[], "").expect(401);
    let counted: i64 = gateway
        .database()
        .query_row(
            "SELECT sum(json_extract(decision, '$.more_refusals_in_this_minute')) FROM audit_event \
             WHERE failure = 'refusals-counted'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(written + counted, 60);
    let last = count(&gateway, "unauthorized");
    assert_eq!(last, written + 1);
}

// R120, R125: what was asked of a source belongs to the request that needed it
#[test]
fn the_intent_row_names_the_request() {
    let gateway = alone();
    let token = gateway.token(&Ask::consent("9990000018"));
    let path = format!("Condition?patient={}", token.patient);
    let answer = gateway.get(&token, &path).expect(200);
    let rows = gateway.rows(answer.header("x-request-id"));
    let whats: Vec<_> = rows.iter().map(|row| row.what.as_str()).collect();
    assert_eq!(whats, ["intent", "disclosure"]);
    assert!(rows[0].patient.is_some() && rows[0].practice.as_deref() == Some("Z99001"));
}

// R121: neither links nor events tell a practice how much the gateway does for others
#[test]
fn the_trail_of_one_practice_does_not_count_the_others() {
    let gateway = alone();
    for _ in 0..2 {
        gateway.token(&Ask::consent("9990000018"));
    }
    let reader = gateway.token(&audit_client("sandbox-audit-backend"));
    let first = gateway.get(&reader, "AuditEvent?_count=1").expect(200);
    let bundle = first.json();
    let next = super::crawl::next(&bundle).unwrap();
    let page = next.split_once("_page=").unwrap().1;
    let event = bundle["entry"][0]["resource"]["id"].as_str().unwrap();
    assert_eq!(
        page, event,
        "the page begins behind an event that was shown"
    );
    assert!(!first.text().contains("\"sequence\""));
    let second = gateway.get(&reader, &next).expect(200).json();
    assert_ne!(second["entry"][0]["resource"]["id"], event);
    for wrong in ["1", "42", "0190b0a0-0000-7000-8000-000000000000"] {
        let answer = gateway.get(&reader, &format!("AuditEvent?_count=1&_page={wrong}"));
        answer.expect(400);
    }
}

// A slow head is not waited for, and a stop lets what is under way finish
#[test]
fn the_server_waits_for_nobody_but_finishes_what_it_began() {
    let timing = Timing {
        hold_seconds: 0,
        ..timing()
    };
    let gateway = TestGateway::start_with("ends-well", timing, |options| {
        options.limits = Some(ServerLimits {
            head: Duration::from_millis(300),
            ..ServerLimits::default()
        });
    });
    let began = std::time::Instant::now();
    let answer = says(&gateway, b"GET /livez HTTP/1.1\r\nHost: x\r\n");
    assert!(!answer.contains("200"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(15));
    let head = "x".repeat(300_000);
    let large = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX: {head}\r\n\r\n");
    assert!(!says(&gateway, large.as_bytes()).contains("200 OK"));

    let token = gateway.token(&Ask::consent("9990000018"));
    gateway.sandbox.mocks.faults().set(
        openmig::sandbox::mock::Source::Emis,
        openmig::sandbox::mock::FaultKind::Slow,
        1,
    );
    let mut stream = bare(&gateway);
    let ask = format!(
        "GET /fhir/r4/Condition?patient={} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        token.patient, token.access
    );
    let look_ups = || {
        gateway
            .sandbox
            .mocks
            .look_ups(openmig::sandbox::mock::Source::Emis)
    };
    let before = look_ups();
    stream.write_all(ask.as_bytes()).unwrap();
    let port = gateway.sandbox.ports.gateway;
    until(|| look_ups() > before);
    let TestGateway { sandbox, .. } = gateway;
    super::support::wait(sandbox.stop());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.get(9..12).unwrap_or_default();
    assert!(["200", "503"].contains(&status), "{answer}");
    assert!(answer.ends_with('}'), "the answer is whole");
    assert!(
        TcpStream::connect(("127.0.0.1", port)).is_err(),
        "nobody listens any more"
    );
}
