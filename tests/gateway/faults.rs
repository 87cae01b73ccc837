//! Sources, trace and worklist that misbehave (POST /sandbox/faults): a clear 503, nothing wrong shown, and it heals.

use reqwest::Method;

use super::support::{Answer, Ask, NO_RECORD, TestGateway, alone, timing};
use openmig::config::Timing;
use openmig::sandbox::story::Sharing;

const KINDS: [&str; 8] = [
    "slow",
    "stall",
    "drop",
    "truncate",
    "garbage",
    "http500",
    "wrong-patient",
    "oversize",
];

fn temporarily_unavailable(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text());
    assert_eq!(answer.json()["error"], "temporarily_unavailable", "{what}");
    assert!(
        answer.header("retry-after").parse::<u32>().unwrap() > 0,
        "{what}"
    );
    assert!(!answer.text().contains("99900"), "{what}");
}

/// A patient whose record each source holds, small where there is one.
const HELD: [(&str, &str); 3] = [
    ("emis", "9990001863"),
    ("systmone", "9990007411"),
    ("systmone-tcp", "9990005567"),
];

// R125, R141, R146, design.md 3: every fault of every source, at the token endpoint
#[test]
fn every_fault_of_every_service_is_survived() {
    let gateway = TestGateway::start(
        "faults",
        Timing {
            hold_seconds: 0,
            ..timing()
        },
    );
    gateway
        .sandbox
        .people
        .change("9990001863", |person| person.sharing = Sharing::Implied);
    // Each source by itself, all three at the same time.
    std::thread::scope(|scope| {
        for (source, number) in HELD {
            let gateway = &gateway;
            scope.spawn(move || {
                for kind in KINDS {
                    let what = format!("{source} {kind}");
                    gateway.fault(source, kind, 1);
                    let answer = gateway.ask(&Ask::consent(number));
                    if kind == "wrong-patient" {
                        // Somebody else's record is never shown; whether that is called a refusal or a fault.
                        assert!(
                            answer.status == 503 || answer.text() == NO_RECORD,
                            "{what}: {}",
                            answer.text()
                        );
                    } else {
                        temporarily_unavailable(&answer, &what);
                    }
                    gateway.fault(source, kind, 0);
                    // In between it answers, or a rest after five failures would hide the rest.
                    gateway.token(&Ask::consent(number));
                }
            });
        }
    });
    for source in ["trace", "ehr"] {
        for kind in KINDS {
            let what = format!("{source} {kind}");
            gateway.fault(source, kind, 1);
            let answer = gateway.ask(&Ask::consent("9990007411"));
            match (source, kind) {
                // A worklist answers yes or no, and names no patient who could be the wrong one.
                ("ehr", "wrong-patient") => assert_eq!(answer.status, 200, "{what}"),
                ("trace", "wrong-patient") => {
                    assert!(
                        answer.status == 503 || answer.text() == NO_RECORD,
                        "{what}: {}",
                        answer.text()
                    );
                }
                _ => temporarily_unavailable(&answer, &what),
            }
            gateway.fault(source, kind, 0);
            gateway.token(&Ask::consent("9990007411"));
        }
    }
}

// design.md 3: in the middle of an occasion, the record not held any more
#[test]
fn a_source_that_fails_during_an_occasion_shows_nothing_and_heals() {
    let gateway = alone();
    for (source, number) in [
        ("emis", "9990000018"),
        ("systmone", "9990007411"),
        ("systmone-tcp", "9990005567"),
    ] {
        let token = gateway.token(&Ask::consent(number));
        let read = format!("Patient/{}", token.patient);
        let search = format!("List?patient={}", token.patient);
        gateway.get(&token, &read).expect(200);
        for kind in ["drop", "garbage", "truncate", "wrong-patient"] {
            for path in [&read, &search] {
                gateway.fault(source, kind, 1);
                let answer = gateway.get(&token, path);
                let what = format!("{source} {kind}");
                if answer.status == 403 {
                    assert_eq!(
                        (kind, answer.code().as_str()),
                        ("wrong-patient", "no-record-available"),
                        "{what}"
                    );
                } else {
                    let answer = answer.expect(503);
                    assert_eq!(answer.code(), "source-unavailable", "{what}");
                    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
                }
                gateway.fault(source, kind, 0);
                gateway.get(&token, path).expect(200);
            }
        }
        let request = gateway.send(Method::GET, "/readyz", &[], "");
        assert_eq!(
            request.status, 200,
            "sources that fail do not make the gateway unready"
        );
    }
}

// A source that is down rests after five failures: it is not hammered, and others go on
#[test]
fn a_source_that_is_down_rests_and_the_others_go_on() {
    let gateway = TestGateway::start(
        "resting",
        Timing {
            hold_seconds: 0,
            ..timing()
        },
    );
    gateway.fault("systmone", "http500", 1_000);
    gateway.fault("emis", "drop", 1_000);
    for _ in 0..8 {
        temporarily_unavailable(&gateway.ask(&Ask::consent("9990001863")), "emis");
    }
    let [emis, ..] = gateway.look_ups();
    assert!(emis < 8 * 2, "{emis} questions to a source that is down");
    gateway.token(&Ask::consent("9990005567"));
    // A 500 is an answer: the source is not down.
    for _ in 0..2 {
        temporarily_unavailable(&gateway.ask(&Ask::consent("9990007411")), "systmone");
    }
    gateway.fault("systmone", "http500", 0);
    gateway.token(&Ask::consent("9990007411"));
}

// design.md 3: ten tabs cost one look-up, and those who ask at once share it
#[test]
fn a_held_record_is_asked_for_once() {
    let gateway = TestGateway::start("held", timing());
    let before = gateway.outside();
    let token = gateway.token(&Ask::consent("9990000387"));
    let paths: Vec<String> = openmig::tabs::catalogue::TABS
        .iter()
        .map(|tab| {
            format!(
                "List?patient={}&code={}&_include=List:item",
                token.patient,
                tab.code()
            )
        })
        .collect();
    for answer in gateway.get_all(&token, &paths) {
        answer.expect(200);
    }
    assert_eq!(gateway.outside() - before, 2, "one trace, one source");
    let before = gateway.look_ups()[0];
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| gateway.token(&Ask::consent("9990000018")));
        }
    });
    assert_eq!(gateway.look_ups()[0] - before, 1, "single flight");
}

// R002: an unknown fault or source is told so
#[test]
fn faults_have_names() {
    let gateway = alone();
    for (source, kind) in [("vision", "drop"), ("emis", "explode")] {
        let body = serde_json::json!({"source": source, "kind": kind, "count": 1}).to_string();
        let headers = [("content-type", "application/json")];
        gateway
            .send(Method::POST, "/sandbox/faults", &headers, &body)
            .expect(400);
    }
}
