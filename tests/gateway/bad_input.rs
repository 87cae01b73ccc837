//! What must not get through, one by one: each is refused with a plain reason, and its row is on the disk.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::ToSpan as _;
use openmig::register::RegisterFiles;
use serde_json::{Value, json};

use super::support::{Answer, Ask, TestGateway, alone, child_said, proxy, timing, until};

const NUMBER: &str = "9990000018";

/// The row of this refusal has this reason, names who asked and whose record, and nobody outside was asked.
#[track_caller]
fn refused_and_written(gateway: &TestGateway, ask: &Ask, reason: &str) {
    let answer = gateway.mendable(ask, reason);
    let rows = gateway.rows(answer.header("x-request-id"));
    let row = rows
        .iter()
        .find(|row| row.failure.as_deref() == Some(reason))
        .unwrap_or_else(|| panic!("{reason}: {rows:?}"));
    assert_eq!(row.clinician.as_deref(), Some(ask.user));
    assert!(row.patient.is_some(), "{row:?}");
    assert!(
        rows.iter().all(|row| row.what != "disclosure"),
        "{reason}: {rows:?}"
    );
}

// R091: blanks are no reason, whatever their kind
#[test]
fn an_override_of_blanks_is_refused_and_written() {
    let gateway = alone();
    let before = gateway.outside();
    for (text, reason) in [
        (" ", "override-text-missing"),
        ("                    ", "override-text-missing"),
        ("\t\n \r\n", "override-text-missing"),
        ("\u{a0}\u{2003}\u{3000}", "override-text-missing"),
        // Signs without width are no blanks, and no words either.
        ("\u{200b}\u{200b}\u{feff}", "override-text-empty"),
    ] {
        let ask = Ask::emergency(NUMBER).with(|details| details["override"]["text"] = json!(text));
        refused_and_written(&gateway, &ask, reason);
    }
    assert_eq!(gateway.outside(), before);
}

// R075: on what basis somebody else answers has to be said, and has to be one that there is
#[test]
fn a_proxy_without_a_basis_is_refused_and_written() {
    let gateway = alone();
    let before = gateway.outside();
    let attorney = proxy("legal-power", "Ann Tebbutt", "attorney");
    for basis in [Value::Null, json!(""), json!("   "), json!("friendship")] {
        let mut attorney = attorney.clone();
        match basis {
            Value::Null => drop(attorney.as_object_mut().unwrap().remove("basis")),
            basis => attorney["basis"] = basis,
        }
        let ask = Ask::consent(NUMBER)
            .said("proxy", attorney)
            .said("capacity", json!(false));
        refused_and_written(&gateway, &ask, "proxy-basis");
    }
    assert_eq!(gateway.outside(), before);
}

// R075: parental responsibility ends with the sixteenth birthday
#[test]
fn a_parent_does_not_answer_for_somebody_of_seventeen() {
    let gateway = alone();
    let people = &gateway.sandbox.people;
    let today = openmig::clock::Clock::now(&openmig::clock::SystemClock)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let mut born = None;
    people.change(NUMBER, |person| {
        born = Some(person.birth_date);
        person.birth_date = today.saturating_sub(17.years());
    });
    let parent = proxy("parental-responsibility", "Sana Hussain", "mother");
    let agrees = child_said(true, "agrees");
    let asks = [
        Ask::consent(NUMBER).said("proxy", parent.clone()),
        Ask::consent(NUMBER)
            .said("proxy", parent)
            .said("child", agrees),
    ];
    for ask in asks {
        refused_and_written(&gateway, &ask, "proxy-parental-over-16");
    }
    gateway.token(&Ask::consent(NUMBER));
    people.change(NUMBER, |person| {
        person.birth_date = born.unwrap_or(person.birth_date);
    });
}

// R101, R108, R120: a name that was put into a signed assertion, one that the client may not use, one that nobody has
#[test]
fn a_forged_clinician_is_refused_and_written() {
    let gateway = alone();
    let before = gateway.outside();
    let post = |assertion: &str| gateway.ask_with(&Ask::consent(NUMBER), assertion);
    let failures = |answer: &Answer| -> Vec<String> {
        let rows = gateway.rows(answer.header("x-request-id"));
        rows.into_iter().filter_map(|row| row.failure).collect()
    };
    // Somebody else's name under the signature of before, and under none.
    let signed = gateway.assertion("sandbox-backend", "hospital-nurse");
    let [head, claims, signature] = signed.split('.').collect::<Vec<_>>()[..] else {
        panic!("no JWT")
    };
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert!(text.contains("hospital-nurse"));
    let forged = URL_SAFE_NO_PAD.encode(text.replace("hospital-nurse", "hospital-doctor"));
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for assertion in [
        format!("{head}.{forged}.{signature}"),
        format!("{head}.{forged}."),
        format!("{none}.{forged}."),
    ] {
        let answer = post(&assertion).expect(401);
        let body = answer.json();
        assert_eq!(body["error"], "invalid_client", "{body}");
        assert!(body["error_description"].as_str().unwrap().len() > 10);
        assert_eq!(failures(&answer), ["invalid_client"]);
    }
    // Properly signed, and the register knows nobody of that name, or of that organisation.
    for user in ["nobody", "clinician"] {
        let answer = post(&gateway.assertion("sandbox-backend", user));
        assert!(matches!(answer.status, 400 | 401), "{}", answer.text());
        let failures = failures(&answer);
        assert!(
            failures
                .iter()
                .any(|code| code == "clinician-not-known" || code == "invalid_client"),
            "{user}: {failures:?}"
        );
    }
    assert_eq!(gateway.outside(), before);
}

// R071, R108: before its beginning an occasion is as closed as after its end
#[test]
fn a_clock_that_is_moved_back_opens_nothing() {
    let gateway = alone();
    let token = gateway.token(&Ask::consent(NUMBER));
    let path = format!("Condition?patient={}", token.patient);
    gateway.get(&token, &path).expect(200);
    gateway.advance(-3600);
    let answer = gateway.get(&token, &path);
    let again = gateway.ask(&Ask::again(&token.occasion));
    gateway.advance(3600);
    let answer = answer.expect(403);
    let rows = gateway.rows(answer.header("x-request-id"));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].what, "refused");
    assert_eq!(rows[0].failure.as_deref(), Some(answer.code().as_str()));
    assert_eq!(again.expect(400).json()["reason"], answer.code());
    // R080: what has ended by then stays ended
    gateway.get(&token, &path).expect(200);
}

/// Waits until the trail has a row with this failure and these words in its decision, and gives its decision.
fn refusal_of(gateway: &TestGateway, failure: &str, after: i64) -> String {
    let mut decision = String::new();
    until(|| {
        let found = gateway.database().query_row(
            "SELECT decision FROM audit_event WHERE failure = ? AND seq > ? ORDER BY seq DESC LIMIT 1",
            (failure, after),
            |row| row.get(0),
        );
        found.map(|found| decision = found).is_ok()
    });
    decision
}

fn last_row(gateway: &TestGateway) -> i64 {
    gateway.number("SELECT max(seq) FROM audit_event", &[])
}

/// Rewrites a file of the register, and asserts that the register is refused for `rule`, in words that name the file and the
/// line at which it is broken.
fn register_refused(
    gateway: &TestGateway,
    file: &str,
    (from, to): (&str, &str),
    (at, rule): (&str, &str),
) {
    let folder = gateway.data.join("register");
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    let before = (
        last_row(gateway),
        gateway.sandbox.register.current().hash.clone(),
    );
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let decision = refusal_of(gateway, "register-refused", before.0);
    let refused = hash(&folder);
    let decision: Value = serde_json::from_str(&decision).unwrap();
    assert_eq!(decision["before"], before.1.as_str());
    assert_eq!(decision["after"], refused.as_str());
    assert_eq!(gateway.sandbox.register.current().hash, before.1);
    let fault = gateway.sandbox.register.fault().unwrap();
    let said = fault
        .lines()
        .find(|line| line.contains(&format!("({rule})")));
    let said = said.unwrap_or_else(|| panic!("{rule}: {fault}"));
    let mut parts = said.trim().split(':');
    assert_eq!(parts.next(), Some(at), "{said}");
    assert!(parts.next().unwrap().parse::<u32>().is_ok(), "{said}");
    gateway.token(&Ask::consent(NUMBER));
    std::fs::write(&path, text).unwrap();
    until(|| gateway.sandbox.register.fault().is_none());
}

fn hash(folder: &Path) -> String {
    RegisterFiles::of_folder(folder).unwrap().hash()
}

// R150, R151, R161: a contradictory register, a signature in the future, a protocol without agreement
#[test]
fn a_register_with_a_fault_is_refused_and_written_and_the_one_before_serves() {
    let gateway = TestGateway::start("bad-register", timing());
    let organisations = "organisations.toml";
    // The same organisation twice contradicts itself.
    register_refused(
        &gateway,
        organisations,
        ("\"Z99002\"", "\"Z99001\""),
        (organisations, "unique id"),
    );
    register_refused(
        &gateway,
        organisations,
        ("date = 2025-", "date = 2095-"),
        (organisations, "R150"),
    );
    register_refused(
        &gateway,
        organisations,
        ("kind = \"viewer\"\nsignature", "kind = \"viewer\"\n#"),
        ("protocols.toml", "R161"),
    );
}

// R042, R049, R120: the list that is there stays in force, and the trail says what was refused
#[test]
fn a_damaged_exclusion_list_is_refused_and_written() {
    let gateway = TestGateway::start("bad-list", timing());
    let list = gateway.data.join("exclusions/list.toml");
    let in_force = || {
        let answer = gateway.send(reqwest::Method::GET, "/exclusions.json", &[], "");
        answer.expect(200).json()["version"].clone()
    };
    let (version, before) = (in_force(), last_row(&gateway));
    let text = std::fs::read_to_string(&list).unwrap();
    let damaged = text.replace("count = 66", "count = 65");
    assert_ne!(text, damaged);
    std::fs::write(&list, damaged).unwrap();
    let decision = refusal_of(&gateway, "exclusions-refused", before);
    assert!(
        decision.contains("66") && decision.contains("65"),
        "{decision}"
    );
    let applied: String = gateway
        .database()
        .query_row(
            "SELECT exclusions FROM audit_event WHERE failure = 'exclusions-refused'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(version, applied.as_str());
    assert_eq!(in_force(), version);
}
