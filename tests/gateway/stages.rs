//! Stage 1 and the review of overrides, by the command line beside a running gateway.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::support::{Ask, TestGateway, timing};

/// Runs `openmig` on the gateway's own store, as somebody, with a body.
fn openmig(gateway: &TestGateway, command: &str, actor: &str, rest: &[&str], body: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_openmig"))
        .args([
            command,
            "--data",
            gateway.data.to_str().unwrap(),
            "--as",
            actor,
        ])
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(body.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> Vec<Value> {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(why), "{error}");
    assert!(!error.contains("9990000018"), "{error}");
}

fn deeds(gateway: &TestGateway) -> i64 {
    gateway.number(
        "SELECT count(*) FROM audit_event WHERE what = 'oversight' AND client = 'command line'",
        &[],
    )
}

// R062, R063, R064: an opt-out that the practice grants ends open occasions and stops new ones, until it grants the opposite
#[test]
fn a_practice_opts_its_patient_out_and_in() {
    let gateway = TestGateway::start("stages", timing());
    let token = gateway.token(&Ask::consent("9990000018"));
    let patient = format!("Patient/{}", token.patient);
    gateway.get(&token, &patient).expect(200);
    let wish = |wish: &str| {
        json!({"practice": "Z99001", "nhs_number": "9990000018", "wish": wish, "asker": {"kind": "patient"}})
            .to_string()
    };
    let request = |actor: &str, body: &str| openmig(&gateway, "opt-out", actor, &["request"], body);
    refused(
        &request("hospital-doctor", &wish("opt-out")),
        "role does not allow",
    );
    refused(&request("nobody", &wish("opt-out")), "does not know");
    refused(
        &request("practice-manager", "{\"nhs_number\":\"9990000018\"}"),
        "not the JSON object",
    );
    let made = done(&request("practice-manager", &wish("opt-out")));
    let id = made[0]["id"].as_str().unwrap().to_owned();
    gateway.get(&token, &patient).expect(200);
    let review = |id: &str, body: Value| {
        openmig(
            &gateway,
            "opt-out",
            "practice-manager",
            &["review", id],
            &body.to_string(),
        )
    };
    let received: jiff::Timestamp = made[0]["received_at"].as_str().unwrap().parse().unwrap();
    let today = received.to_zoned(openmig::record::date::london()).date();
    let said = json!({
        "discussed_on": today, "discussed_by": "Dr Hall", "discussion": "By telephone",
        "decision": "granted", "reason": "informed choice", "flag_set": true
    });
    refused(
        &review(&id, json!({"decision": "granted"})),
        "discussed_on, discussed_by, discussion, reason, flag_set",
    );
    done(&review(&id, said.clone()));
    refused(&review(&id, said.clone()), "closed");
    // The practice's own system does not say so, but the practice does: at once, and for everybody alike.
    assert_ne!(gateway.get(&token, &patient).status, 200);
    let answer = gateway.ask(&Ask::consent("9990000018")).expect(400);
    assert_eq!(answer.json().get("reason"), None, "{}", answer.text());
    assert_eq!(
        gateway.ask(&Ask::emergency("9990000018")).expect(400).body,
        answer.body
    );
    let rows = gateway.rows(answer.header("x-request-id"));
    assert!(
        rows.iter()
            .any(|row| row.failure.as_deref() == Some("opted-out")),
        "{rows:?}"
    );

    let list = |rest: &[&str]| done(&openmig(&gateway, "opt-out", "practice-manager", rest, ""));
    assert_eq!(list(&["list", "Z99001"]).len(), 0);
    let consents = list(&["list", "Z99001", "--all", "--fhir"]);
    assert_eq!(consents[0]["status"], "active");
    assert_eq!(consents[0]["provision"]["type"], "deny");
    let made = done(&request("practice-manager", &wish("opt-in")));
    done(&review(made[0]["id"].as_str().unwrap(), said));
    let token = gateway.token(&Ask::consent("9990000018"));
    gateway.get(&token, &patient).expect(200);
    assert_eq!(list(&["list", "Z99001", "--all"]).len(), 2);
    // Six deeds and refused ones that reached the service, three looks; what was no JSON reached nothing.
    assert!(deeds(&gateway) >= 8, "{}", deeds(&gateway));
}

// R093, R095
#[test]
fn an_override_is_listed_reviewed_and_reported() {
    let gateway = TestGateway::start("overrides", timing());
    gateway.token(&Ask::emergency("9990006679"));
    gateway.mendable(
        &Ask::emergency("9990006679").with(|details| details["override"]["text"] = json!("x")),
        "override-text-short",
    );
    let officer = |rest: &[&str], body: &str| {
        openmig(&gateway, "override", "hospital-privacy-officer", rest, body)
    };
    let waiting = done(&officer(&["list", "Z9H01"], ""));
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["age_days"], 0);
    assert_eq!(
        waiting[0]["words"],
        "Found collapsed at home, unresponsive, no companion"
    );
    let id = waiting[0]["id"].as_str().unwrap();
    let body = json!({"outcome": "justified", "findings": "Attended", "recommendations": "None"});
    refused(&officer(&["list", "Z9O01"], ""), "role does not allow");
    let stranger = openmig(
        &gateway,
        "override",
        "privacy-officer",
        &["review", id],
        &body.to_string(),
    );
    refused(&stranger, "no such override");
    done(&officer(&["review", id], &body.to_string()));
    refused(
        &officer(&["review", id], &body.to_string()),
        "reviewed already",
    );
    assert!(done(&officer(&["list", "Z9H01"], "")).is_empty());
    let period = ["report", "--from", "2020-01-01", "--to", "2099-12-31"];
    let report = done(&openmig(&gateway, "override", "oversight", &period, ""));
    assert_eq!(report[0]["overrides"], 1);
    assert_eq!(
        (&report[0]["in_trail"], &report[0]["refused"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report[0]["by_outcome"], json!({"justified": 1}));
    assert_eq!(report[0]["reviews"][0]["findings"], "Attended");
    assert!(
        !report[0].to_string().contains("hospital-doctor"),
        "no clinician in the report"
    );
}
