//! Signed heads of the trail, proofs between them, the evidence pack, and what is checked of them with the real binary (R126,
//! R130, R144).

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use super::oversight::{DPO, DPO_2, GROUP, MANAGER, OFFICER, get, row, token};
use super::support::{Answer, Ask, TestGateway, Token, alone};

fn post(gateway: &TestGateway, token: &Token, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", token.access);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let path = format!("/oversight/v1/{path}");
    gateway.send(Method::POST, &path, &headers, &body.to_string())
}

/// The exit code and everything that was said.
fn openmig(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_openmig"))
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

/// What the gateway publishes as its keys, in a file.
fn keys(gateway: &TestGateway) -> String {
    let jwks = gateway.send(Method::GET, "jwks", &[], "").expect(200);
    let file = gateway.data.join("published-keys.json");
    std::fs::write(&file, jwks.text()).unwrap();
    file.to_string_lossy().into_owned()
}

fn write(gateway: &TestGateway, name: &str, text: &str) -> String {
    let file = gateway.data.join(name);
    std::fs::write(&file, text).unwrap();
    file.to_string_lossy().into_owned()
}

#[test]
fn a_head_is_signed_kept_and_proven_to_be_the_beginning() {
    let gateway = alone();
    let keys = keys(&gateway);
    let store = gateway.file().to_string_lossy().into_owned();
    gateway.token(&Ask::consent("9990000018"));
    // Anybody of oversight gets one: the more keep it, the better.
    let officer = token(&gateway, OFFICER);
    let answer = post(&gateway, &officer, "trail/head", &json!({})).expect(201);
    assert_eq!(row(&gateway, &answer).what, "oversight");
    let head = answer.json();
    let jws = head["signed_head"].as_str().unwrap().to_owned();
    let size = head["size"].as_u64().unwrap();
    for who in [MANAGER, DPO, DPO_2, GROUP] {
        let newest = get(&gateway, &token(&gateway, who), "trail/head").expect(200);
        assert_eq!(newest.json()["signed_head"], jws.as_str());
    }
    let file = write(&gateway, "head.jws", &jws);
    let (code, said) = openmig(&["audit", "check", &file, "--keys", &keys]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("had {size} rows")), "{said}");
    assert_eq!(
        openmig(&["audit", "check", &file]).0,
        2,
        "nothing without keys"
    );
    let (code, said) = openmig(&["audit", "verify", &store, "--known", &file, "--keys", &keys]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("signed"), "{said}");

    // Later: the same, and a proof that the trail of then is the beginning of the trail of now.
    gateway.token(&Ask::consent("9990000387"));
    let path = format!("trail/consistency?first={size}");
    let proof = get(&gateway, &officer, &path).expect(200).json();
    let proof_file = write(&gateway, "proof.json", &proof.to_string());
    let check = |file: &str, known: &str| {
        openmig(&["audit", "check", file, "--known", known, "--keys", &keys])
    };
    let (code, said) = check(&proof_file, &jws);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("one history"), "{said}");
    // A head that somebody else kept, of the same size and with another root: two histories.
    let other = format!("{size}:{}", "00".repeat(32));
    let (code, said) = check(&proof_file, &other);
    assert_eq!(code, 1);
    assert!(said.contains("two histories"), "{said}");
    let (code, said) = openmig(&["audit", "verify", &store, "--known", &other]);
    assert_eq!(code, 1);
    assert!(
        said.contains("the known tree head is another one"),
        "{said}"
    );
    // Forged: another size, a broken path, another key's signature.
    let mut forged = proof.clone();
    forged["second"] = forged["first"].clone();
    assert_eq!(
        check(&write(&gateway, "forged.json", &forged.to_string()), &jws).0,
        1
    );
    let mut forged = proof.clone();
    forged["proof"].as_array_mut().unwrap().pop();
    assert_eq!(
        check(&write(&gateway, "forged.json", &forged.to_string()), &jws).0,
        1
    );
    let mut forged = jws.clone().into_bytes();
    let last = forged.len() - 10;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = write(&gateway, "forged.jws", &String::from_utf8(forged).unwrap());
    let (code, said) = openmig(&["audit", "check", &forged, "--keys", &keys]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("not genuine"), "{said}");

    for path in [
        "trail/consistency",
        "trail/consistency?first=0",
        "trail/consistency?first=99999999",
        "trail/consistency?first=x",
        "trail/head?x=1",
    ] {
        get(&gateway, &officer, path).expect(400);
    }
    get(&gateway, &officer, "trail/other").expect(404);
    let listed = get(&gateway, &officer, "trail/heads").expect(200).json();
    assert!(listed["heads"].as_array().unwrap().len() >= 2);
    assert!(listed["keys"][0].get("d").is_none());
}

#[test]
fn an_export_is_under_a_signed_head() {
    let gateway = alone();
    let keys = keys(&gateway);
    gateway.token(&Ask::consent("9990000018"));
    let ask = json!({"nhs_number": "9990000018"});
    let manager = token(&gateway, MANAGER);
    let export = post(&gateway, &manager, "reports/export", &ask)
        .expect(200)
        .json();
    let file = write(&gateway, "signed-export.json", &export.to_string());
    let (code, said) = openmig(&["audit", "verify-export", &file, "--keys", &keys]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("its signature is genuine"), "{said}");
    let (code, said) = openmig(&["audit", "check", &file]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("was not checked"), "{said}");
    let mut unsigned = export;
    unsigned.as_object_mut().unwrap().remove("signed_head");
    let file = write(&gateway, "unsigned-export.json", &unsigned.to_string());
    assert_eq!(openmig(&["audit", "check", &file]).0, 0);
    assert_eq!(openmig(&["audit", "check", &file, "--keys", &keys]).0, 1);
}

// R126, R145: the words of an override are held to its row
#[test]
fn a_changed_alert_is_found() {
    let gateway = alone();
    gateway.token(&Ask::emergency("9990000018"));
    let copy = gateway.data.join("copy.sqlite");
    let copied = || {
        let _ = std::fs::remove_file(&copy);
        gateway
            .database()
            .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
            .unwrap();
        rusqlite::Connection::open(&copy).unwrap()
    };
    let verify = |path: &Path| openmig(&["audit", "verify", &path.to_string_lossy()]);
    drop(copied());
    let (code, said) = verify(&copy);
    assert_eq!(code, 0, "{said}");
    for damage in [
        "UPDATE alert SET text = 'c29tZXRoaW5nIGVsc2U'",
        "UPDATE occasion SET override_text = 'c29tZXRoaW5nIGVsc2U' WHERE override_text IS NOT NULL",
        "UPDATE alert SET clinician = 'somebody-else'",
    ] {
        copied().execute_batch(damage).unwrap();
        let (code, said) = verify(&copy);
        assert_eq!(code, 1, "{damage}");
        assert!(said.contains("beside the trail"), "{said}");
    }
}

// R144
#[test]
fn the_evidence_pack_is_whole_signed_and_the_groups_alone() {
    let gateway = alone();
    let keys = keys(&gateway);
    gateway.token(&Ask::emergency("9990000018"));
    let group = token(&gateway, GROUP);
    let hold = json!({"kind": "user", "username": "hospital-nurse", "reason": "A device was stolen; account under review."});
    let placed = post(&gateway, &group, "holds", &hold).expect(201).json();
    let pack = get(&gateway, &group, "reports/evidence").expect(200);
    assert_eq!(row(&gateway, &pack).what, "oversight");
    let text = pack.text().to_owned();
    let pack = pack.json();
    let content = &pack["content"];
    assert_eq!(content["trail"]["verification"]["whole"], true, "{content}");
    let organisation = |ods: &str| {
        let all = content["organisations"].as_array().unwrap();
        all.iter().find(|one| one["ods"] == ods).unwrap().clone()
    };
    let hospital = organisation("Z9H01");
    for member in ["name", "title", "date", "agreement"] {
        assert!(!hospital["signature"][member].is_null(), "{member}");
    }
    assert!(hospital["assurance_until"].is_string());
    let protocol = &content["protocols"][0];
    for member in ["minutes", "reference", "representatives", "by"] {
        assert!(!protocol["approval"][member].is_null(), "{member}");
    }
    assert_eq!(content["exclusions"]["sha256"].as_str().unwrap().len(), 64);
    assert!(content["exclusions"]["lines"].as_u64().unwrap() >= 66);
    assert!(content["counts"]["override"]["all"].as_u64().unwrap() >= 1);
    // R103: who has accepted the terms, by whichever way
    let readers = content["terms"]["people"].as_array().unwrap();
    assert!(
        readers
            .iter()
            .any(|one| one["username"] == "hospital-doctor")
    );
    assert!(content["terms"]["acceptances"].is_array());
    let holds = content["holds"].as_array().unwrap();
    assert!(holds.iter().any(|hold| hold["user"] == "hospital-nurse"));
    let changes = content["changes"].as_array().unwrap();
    assert!(
        changes
            .iter()
            .any(|change| change["what"] == "register/start")
    );
    assert!(
        changes
            .iter()
            .any(|change| change["who"] == "oversight" && change["through"] == "sandbox-oversight")
    );
    assert!(
        !content["register"]["history"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // Nothing of a patient, nothing secret.
    let patient = gateway.token(&Ask::consent("9990000018")).patient;
    for leak in ["9990000018", patient.as_str(), "\"d\":", "argon2", "Bloggs"] {
        assert!(!text.contains(leak), "{leak}");
    }

    let file = write(&gateway, "evidence.json", &text);
    let (code, said) = openmig(&["audit", "check", &file, "--keys", &keys]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("its signature is genuine"), "{said}");
    let mut forged = pack.clone();
    forged["content"]["organisations"][0]["name"] = "Another name".into();
    let forged = write(&gateway, "forged-evidence.json", &forged.to_string());
    let (code, said) = openmig(&["audit", "check", &forged]);
    assert_eq!(code, 1, "{said}");

    for who in [OFFICER, MANAGER, DPO] {
        let answer = get(&gateway, &token(&gateway, who), "reports/evidence");
        assert_eq!(answer.expect(403).json()["error"], "not-allowed");
    }
    get(&gateway, &group, "reports/evidence?format=html").expect(400);
    let path = format!("holds/{}/lift", placed["id"].as_str().unwrap());
    let assurance = json!({"by": "The Caldicott Guardian", "text": "The device was wiped and found.", "on": gateway.sandbox.today().to_string()});
    post(&gateway, &group, &path, &assurance).expect(200);
}

// R060, R063, R120: who oversees the practice reads an opt-out as a FHIR Consent; nobody else, and it is in the trail
#[test]
fn an_opt_out_is_a_consent_for_the_practice_alone() {
    let gateway = alone();
    let manager = token(&gateway, MANAGER);
    let ask = json!({"practice": "Z99001", "nhs_number": "9990005192", "wish": "opt-out", "asker": {"kind": "patient"}});
    let made = post(&gateway, &manager, "opt-outs", &ask).expect(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("opt-outs/{id}/consent");
    for who in [MANAGER, DPO] {
        let answer = get(&gateway, &token(&gateway, who), &path).expect(200);
        assert!(
            answer
                .header("content-type")
                .starts_with("application/fhir+json")
        );
        let written = row(&gateway, &answer);
        assert!(written.patient.is_some() && written.practice.as_deref() == Some("Z99001"));
        let consent = answer.json();
        assert_eq!(consent["resourceType"], "Consent");
        assert_eq!(
            (&consent["id"], &consent["status"]),
            (&json!(id), &json!("proposed"))
        );
        assert_eq!(consent["provision"]["type"], "deny");
        let review = &consent["contained"][0];
        assert_eq!(
            review["questionnaire"],
            "https://openmig.org/fhir/Questionnaire/opt-out-review"
        );
        assert!(!answer.text().contains("9990005192"));
    }
    for who in [DPO_2, OFFICER, GROUP] {
        get(&gateway, &token(&gateway, who), &path).expect(404);
    }
    post(&gateway, &manager, &path, &json!({})).expect(405);
    let taken_back = json!({
        "discussed_on": gateway.sandbox.today().to_string(), "discussed_by": "Dr Example", "discussion": "Explained what is shared.", "decision": "taken-back",
        "reason": "Prefers to share after all."
    });
    post(
        &gateway,
        &manager,
        &format!("opt-outs/{id}/review"),
        &taken_back,
    )
    .expect(200);
    let closed = get(&gateway, &manager, &path).expect(200).json();
    assert_eq!(closed["status"], "rejected");
}

// R120: an address that is nobody's leaves a row, without a word of what stands in it (R128)
#[test]
fn an_unknown_address_is_in_the_trail() {
    let gateway = alone();
    for path in ["/9990000018/joan-bloggs", "/", "/fhir", "/robots.txt"] {
        let answer = gateway.send(Method::GET, path, &[], "").expect(404);
        let row = row(&gateway, &answer);
        assert_eq!(row.what, "refused");
        assert_eq!(row.failure.as_deref(), Some("not-found"));
        let said: Option<String> = gateway
            .database()
            .query_row(
                "SELECT query FROM audit_event WHERE request = ?1",
                [answer.header("x-request-id")],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(said.unwrap_or_default(), "");
    }
}

// R092: what could not be delivered is listed for whom it concerns, and for the group
#[test]
fn what_could_not_be_delivered_is_reported() {
    let gateway = alone();
    for who in [GROUP, OFFICER, MANAGER] {
        let who = token(&gateway, who);
        let report = get(&gateway, &who, "reports/undelivered")
            .expect(200)
            .json();
        assert_eq!(report["report"], "undelivered");
        assert!(report["deliveries"].is_array());
        get(&gateway, &who, "reports/undelivered?format=csv").expect(200);
        post(&gateway, &who, "notices/none/retry", &json!({})).expect(404);
    }
}
