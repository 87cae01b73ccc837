//! Oversight at work: cases, reports, exports and what patients are told, over HTTP.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use super::oversight::{DPO_2, ES_OFFICER, GROUP, MANAGER, OFFICER, get, row, token};
use super::support::{Answer, Ask, ES, SHARED, TestGateway, Token, alone};

fn post(gateway: &TestGateway, token: &Token, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", token.access);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let path = format!("/oversight/v1/{path}");
    gateway.send(Method::POST, &path, &headers, &body.to_string())
}

fn error(answer: Answer, status: u16) -> String {
    let body = answer.expect(status).json();
    body["error"].as_str().unwrap().to_owned()
}

// R123: the sample is drawn by the gateway, again by its seed, judged, submitted; R183: nobody else's
#[test]
fn an_access_audit_is_drawn_judged_and_submitted() {
    let gateway = alone();
    for number in ["9990000018", "9990000387", "9990005192"] {
        let opened = gateway.token(&Ask::consent(number));
        gateway
            .get(&opened, &format!("Condition?patient={}", opened.patient))
            .expect(200);
    }
    let officer = token(&gateway, OFFICER);
    let path = "reports/access-audit?seed=7&size=2";
    let answer = get(&gateway, &officer, path).expect(200);
    let report = answer.json();
    let (accesses, sample) = (report["accesses"].as_u64().unwrap(), &report["sample"]);
    assert!(accesses >= 3, "{report}");
    assert_eq!(sample.as_array().unwrap().len(), 2);
    assert_eq!(get(&gateway, &officer, path).json()["sample"], *sample);
    // The trail has the question, and of the report no word.
    let asked: String = gateway
        .database()
        .query_row(
            "SELECT query FROM audit_event WHERE request = ?1",
            [answer.header("x-request-id")],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        asked,
        "GET /oversight/v1/reports/access-audit?seed=7&size=2"
    );
    let page = get(&gateway, &officer, &format!("{path}&format=html")).expect(200);
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(
        page.text().contains("<h1>Access audit of Z9H01</h1>") && !page.text().contains("<script")
    );
    let csv = get(&gateway, &officer, &format!("{path}&format=csv")).expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(csv.text().contains("occasion,at,clinician"));
    for who in [MANAGER, GROUP, ES_OFFICER] {
        let other = token(&gateway, who);
        let answer = get(&gateway, &other, &format!("{path}&organisation=Z9H01"));
        assert_eq!(error(answer, 403), "not-allowed", "{who:?}");
    }
    // Begun, judged, submitted.
    let today = gateway.sandbox.today();
    let begun = post(
        &gateway,
        &officer,
        "reports/access-audit",
        &json!({"from": today, "to": today, "seed": 7, "size": 2}),
    )
    .expect(201)
    .json();
    let id = begun["id"].as_str().unwrap();
    let step = |step: Value| post(&gateway, &officer, &format!("owed-reports/{id}"), &step);
    let submit = json!({"step": "submit", "findings": "All were ours", "recommendations": "None"});
    assert_eq!(error(step(submit.clone()), 409), "not-now");
    for occasion in begun["sample"].as_object().unwrap().keys() {
        step(json!({"step": "judge", "occasion": occasion, "verdict": "legitimate"})).expect(200);
    }
    step(submit).expect(200);
    let group = token(&gateway, GROUP);
    let read = get(&gateway, &group, &format!("owed-reports/{id}"))
        .expect(200)
        .json();
    assert_eq!(read["findings"], "All were ours");
    let due = get(&gateway, &group, "reports/due").expect(200).json();
    let line = due["reports"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["organisation"] == "Z9H01" && row["report"] == "access-audit")
        .unwrap();
    assert_eq!(line["standing"], "in-time");
    let notices = get(&gateway, &group, "notices?open=true")
        .expect(200)
        .json();
    let told = notices["notices"]
        .as_array()
        .unwrap()
        .iter()
        .find(|notice| notice["about"][0] == format!("report/{id}"));
    let told = told.unwrap()["id"].as_str().unwrap().to_owned();
    let noted = format!("notices/{told}/acknowledge");
    post(&gateway, &officer, &noted, &json!({})).expect(404);
    post(&gateway, &group, &noted, &json!({})).expect(200);
    assert_eq!(
        error(post(&gateway, &group, &noted, &json!({})), 409),
        "acknowledged"
    );
}

// R200, R201, R184: over HTTP, each deed with its row in the same transaction
#[test]
fn cases_are_worked_through_the_api() {
    let (manager, officer, group) = (
        token(&SHARED, MANAGER),
        token(&SHARED, OFFICER),
        token(&SHARED, GROUP),
    );
    let demand = json!({
        "step": "demand", "viewer": "Z9H01", "nhs_number": "9990000018", "question": "Who was this?",
        "answer_by": "2999-01-01"
    });
    let opened = post(&SHARED, &manager, "investigations", &demand).expect(201);
    let written = row(&SHARED, &opened);
    assert_eq!(
        (written.what.as_str(), written.practice.as_deref()),
        ("oversight", Some("Z99001"))
    );
    let case = opened.json();
    assert_eq!(written.patient.as_deref(), case["patient"].as_str());
    assert!(!opened.text().contains("9990000018"));
    let id = case["id"].as_str().unwrap();
    let answer = json!({"step": "answer", "finding": "breach", "text": "A colleague looked"});
    post(&SHARED, &officer, &format!("investigations/{id}"), &answer).expect(200);
    let seen = get(&SHARED, &manager, &format!("investigations/{id}"))
        .expect(200)
        .json();
    assert_eq!(
        (&seen["state"], &seen["finding"]),
        (&json!("answered"), &json!("breach"))
    );
    post(
        &SHARED,
        &token(&SHARED, DPO_2),
        &format!("investigations/{id}"),
        &answer,
    )
    .expect(404);

    let open = json!({
        "step": "open", "identified_on": "2026-11-01", "practices": ["Z99001"], "viewers": ["Z9H01"],
        "nhs_numbers": ["9990000018"], "what": "A record was opened by somebody who did not treat the patient"
    });
    let opened = post(&SHARED, &officer, "breaches", &open)
        .expect(201)
        .json();
    assert!(
        opened["scheme"]
            .as_str()
            .unwrap()
            .contains("Data Security and Protection")
    );
    let id = opened["id"].as_str().unwrap();
    let close = json!({"step": "close", "text": "agreed"});
    let closing = post(&SHARED, &group, &format!("breaches/{id}"), &close);
    let refused = row(&SHARED, &closing);
    assert_eq!(error(closing, 409), "not-now");
    assert_eq!(refused.failure.as_deref(), Some("not-now"));
    for wrong in [
        json!({"step": "open", "identified_on": "2026-11-01", "practices": ["Z99001"], "what": "about 9990000018"}),
        json!({"step": "open", "identified_on": "2026-11-01", "practices": ["Z99001"], "what": "x", "patients": ["Joan Bloggs"]}),
        json!({"step": "open", "identified_on": "2026-11-01", "practices": ["Z99001"], "what": "x", "more": 1}),
        json!({"step": "fly"}),
        json!([]),
    ] {
        let answer = post(&SHARED, &officer, "breaches", &wrong);
        assert!(!answer.text().contains("Bloggs") && !answer.text().contains("0018"));
        assert_eq!(error(answer, 400), "invalid-request", "{wrong}");
    }
    let log = json!({
        "step": "log", "received_on": "2026-11-01", "category": "consent", "handled_by": "Z99001", "text": "Not asked"
    });
    post(&SHARED, &officer, "complaints", &log).expect(201);
    let all = get(&SHARED, &group, "complaints").expect(200).json();
    assert_eq!(all["cases"], json!([]), "the group sees the summary");
    let summary = get(&SHARED, &group, "reports/complaints")
        .expect(200)
        .json();
    assert!(summary["received"].as_u64().unwrap() >= 1);
}

// R122, R182: complete against the trail; role limits hold
#[test]
fn subject_access_is_complete_and_for_the_practice_alone() {
    let gateway = alone();
    let opened = gateway.token(&Ask::consent("9990000018"));
    for path in ["Condition", "MedicationRequest", "AllergyIntolerance"] {
        gateway
            .get(&opened, &format!("{path}?patient={}", opened.patient))
            .expect(200);
    }
    let ask = json!({"nhs_number": "9990000018"});
    let manager = token(&gateway, MANAGER);
    let answer = post(&gateway, &manager, "reports/subject-access", &ask).expect(200);
    let report = answer.json();
    let in_trail: u32 = gateway
        .database()
        .query_row(
            "SELECT count(*) FROM audit_event WHERE what = 'disclosure' AND patient = ?1 AND practice = 'Z99001' AND occasion IS NOT NULL",
            [&opened.patient],
            |row| row.get(0),
        )
        .unwrap();
    let shown = report["shown"].as_array().unwrap();
    assert_eq!(shown.len(), in_trail as usize);
    assert!(
        shown
            .iter()
            .any(|line| line["who"] == "Dr Tomas Lindqvist (Consultant)")
    );
    assert!(!answer.text().contains("9990000018"));
    assert_eq!(
        row(&gateway, &answer).patient.as_deref(),
        Some(opened.patient.as_str())
    );
    let page = json!({"nhs_number": "9990000018", "format": "html"});
    let page = post(&gateway, &manager, "reports/subject-access", &page).expect(200);
    assert!(page.text().contains("Who has looked at your GP record"));
    // Another practice's person sees nothing of it, a viewer's and the group's may not ask.
    let other = post(
        &gateway,
        &token(&gateway, DPO_2),
        "reports/subject-access",
        &ask,
    )
    .expect(200)
    .json();
    assert_eq!(other["disclosures"], 0);
    for who in [OFFICER, GROUP] {
        let answer = post(
            &gateway,
            &token(&gateway, who),
            "reports/subject-access",
            &ask,
        );
        assert_eq!(error(answer, 403), "not-allowed");
    }
    let in_url = get(&gateway, &manager, "reports/misuse?patient=9990000018");
    assert_eq!(error(in_url, 400), "invalid-request");
}

// R130: an export verifies without the gateway, and no longer once a value of it was changed
#[test]
fn an_export_verifies_offline() {
    let gateway = alone();
    let opened = gateway.token(&Ask::consent("9990000018"));
    gateway
        .get(&opened, &format!("Condition?patient={}", opened.patient))
        .expect(200);
    let ask = json!({"nhs_number": "9990000018", "clinician": "hospital-doctor"});
    let export = post(&gateway, &token(&gateway, MANAGER), "reports/export", &ask)
        .expect(200)
        .json();
    let file = gateway.data.join("export.json");
    let verify = |export: &Value, known: &[&str]| {
        std::fs::write(&file, export.to_string()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_openmig"))
            .args(["audit", "verify-export"])
            .arg(&file)
            .args(known)
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (code, said) = verify(&export, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("the export is what the trail had"), "{said}");
    let head = export["head"].as_str().unwrap();
    assert_eq!(verify(&export, &["--known", head]).0, 0);
    let other = format!("{}:{}", head.split(':').next().unwrap(), "00".repeat(32));
    assert_eq!(verify(&export, &["--known", &other]).0, 1);
    let rows = export["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["row"]["what"] == "disclosure"));
    assert!(
        rows.iter()
            .all(|row| row["row"]["patient"] == opened.patient.as_str())
    );
    for (n, column, value) in [
        (0, "clinician", json!("somebody-else")),
        (rows.len() - 1, "at", json!(1)),
        (rows.len() / 2, "failure", json!("made up")),
    ] {
        let mut forged = export.clone();
        forged["rows"][n]["row"][column] = value;
        let (code, said) = verify(&forged, &[]);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains("is not the one that the tree head stands for"),
            "{said}"
        );
    }
    let version = export["versions"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .clone();
    let mut forged = export.clone();
    let ids = forged["versions"][&version]["ids"]
        .as_str()
        .unwrap()
        .replace("Condition", "Procedure");
    forged["versions"][&version]["ids"] = json!(ids);
    assert_eq!(verify(&forged, &[]).0, 1);
    // A viewer exports its own people's part, the group nothing.
    post(
        &gateway,
        &token(&gateway, OFFICER),
        "reports/export",
        &json!({"clinician": "hospital-doctor"}),
    )
    .expect(200);
    let answer = post(
        &gateway,
        &token(&gateway, GROUP),
        "reports/export",
        &json!({}),
    );
    assert_eq!(error(answer, 403), "not-allowed");
}

// R093, R095: reviewed by the viewer's privacy officer; the report's count is the trail's
#[test]
fn overrides_are_reviewed_and_reported() {
    let gateway = alone();
    let opened = gateway.token(&Ask::emergency("9990006679").by(ES.0, ES.1));
    let officer = token(&gateway, ES_OFFICER);
    let waiting = get(&gateway, &officer, "overrides?open=true")
        .expect(200)
        .json();
    let own = waiting["overrides"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["occasion"] == opened.occasion.as_str())
        .unwrap_or_else(|| panic!("{waiting}"));
    let id = own["id"].as_str().unwrap();
    let review = json!({"outcome": "justified", "findings": "Brought in by ambulance", "recommendations": "none needed"});
    post(
        &gateway,
        &token(&gateway, OFFICER),
        &format!("overrides/{id}/review"),
        &review,
    )
    .expect(404);
    let reviewed = post(
        &gateway,
        &officer,
        &format!("overrides/{id}/review"),
        &review,
    )
    .expect(200);
    assert_eq!(
        row(&gateway, &reviewed).patient.as_deref(),
        Some(opened.patient.as_str())
    );
    let group = token(&gateway, GROUP);
    let report = get(&gateway, &group, "reports/overrides")
        .expect(200)
        .json();
    assert_eq!(report["overrides"], report["in_trail"]);
    assert!(!report.to_string().contains(&opened.patient));
}

// R061 to R066 through the API: recorded, reviewed, in force
#[test]
fn an_opt_out_is_asked_for_and_reviewed() {
    let gateway = alone();
    let manager = token(&gateway, MANAGER);
    let new = json!({"practice": "Z99001", "nhs_number": "9990007047", "wish": "opt-out", "asker": {"kind": "patient"}});
    let answer = post(&gateway, &manager, "opt-outs", &new);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let open = get(&gateway, &manager, "opt-outs?open=true")
        .expect(200)
        .json();
    assert!(
        open["requests"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == id.as_str())
    );
    let short = post(
        &gateway,
        &manager,
        &format!("opt-outs/{id}/review"),
        &json!({"decision": "refused"}),
    );
    assert_eq!(error(short, 400), "invalid-request");
    let answer = post(&gateway, &token(&gateway, OFFICER), "opt-outs", &new);
    assert_eq!(error(answer, 403), "not-allowed");
    let ages = get(&gateway, &manager, "reports/opt-outs")
        .expect(200)
        .json();
    assert!(ages["open"].as_u64().unwrap() >= 1);
}

// R155: a hold placed through the API is in force at the next request
#[test]
fn a_practice_suspends_a_viewer_through_the_api() {
    let gateway = alone();
    let manager = token(&gateway, MANAGER);
    let ask = json!({"kind": "pair", "organisation": "Z99001", "viewer": "Z9O01", "reason": "A breach is being looked into"});
    let placed = post(&gateway, &manager, "holds", &ask).expect(201).json();
    let refused = gateway.ask(&Ask::consent("9990000018").by(ES.0, ES.1));
    let id = placed["id"].as_str().unwrap();
    let today = gateway.sandbox.today();
    let lift = json!({"by": "The viewer's Caldicott Guardian", "text": "Staff were trained again", "on": today});
    let lifted = post(&gateway, &manager, &format!("holds/{id}/lift"), &lift);
    assert_eq!(refused.status, 400, "{}", refused.text());
    lifted.expect(200);
    gateway.token(&Ask::consent("9990000018").by(ES.0, ES.1));
}

// R166, R172, R175, R180, R181: public page, flows, gateways; a new use makes what was published stale, once
#[test]
fn patients_are_told_and_stale_information_is_flagged() {
    let gateway = alone();
    let page = gateway
        .send(Method::GET, "/patient-information/Z99001", &[], "")
        .expect(200);
    assert!(
        page.text().contains("Sandbox Out of Hours") && page.text().contains("Fosse Way Surgery")
    );
    gateway
        .send(Method::GET, "/patient-information/Z99004", &[], "")
        .expect(404);
    let (manager, group) = (token(&gateway, MANAGER), token(&gateway, GROUP));
    let standing = |expected: &str| {
        let report = get(&gateway, &manager, "reports/patient-information")
            .expect(200)
            .json();
        assert_eq!(report["publications"][0]["standing"], expected);
        report["version"].as_str().unwrap().to_owned()
    };
    let version = standing("never published");
    let publish = json!({"step": "publish", "version": version, "places": ["website", "leaflets"]});
    post(&gateway, &manager, "publications", &publish).expect(201);
    standing("up to date");
    let before = (*gateway.sandbox.register.current()).clone();
    let mut changed = before.clone();
    let mut flow = changed.protocols["university-hospitals-1"].clone();
    flow.id = "audit-1".to_owned();
    flow.purposes = vec!["HQUALIMP".to_owned()];
    let today = gateway.sandbox.today();
    flow.gateway = Some(
        toml::from_str(&format!(
            "kind = \"anonymised\"\nrationale = \"Numbers are enough\"\napproved_by = \"The group\"\napproved = 2025-01-01\n\
             from = 2025-01-01\nuntil = 2099-12-31\ntask = \"Count look-ups of medication\"\nminimum = \"No names are needed\"\n\
             processor = \"The operator\"\nmethod = \"Suppressed and rounded\" # {today}"
        ))
        .unwrap(),
    );
    let all: openmig::tabs::catalogue::TabSet =
        flow.roles.values().flat_map(|tabs| tabs.iter()).collect();
    assert!(!all.is_empty());
    changed.protocols.insert(flow.id.clone(), flow);
    gateway.sandbox.register.replace(changed);
    standing("stale");
    let told = super::support::wait(
        gateway
            .sandbox
            .gateway
            .oversight
            .tell_of_stale_information(),
    )
    .unwrap();
    let again = super::support::wait(
        gateway
            .sandbox
            .gateway
            .oversight
            .tell_of_stale_information(),
    )
    .unwrap();
    assert_eq!((told, again), (1, 0));
    let page = gateway
        .send(Method::GET, "/patient-information", &[], "")
        .expect(200);
    assert!(page.text().contains("anonymised information"));
    let gateways = get(&gateway, &group, "reports/gateways").expect(200).json();
    // Beside the research unit's own, which the sandbox has.
    let listed = gateways["gateways"].as_array().unwrap();
    let own = listed.iter().find(|one| one["protocol"] == "audit-1");
    assert_eq!(own.unwrap()["in_force"], true);
    // R171, R174: counts for the purpose and tabs of the flow; the audit shows the gateway.
    let ask = |more: &str| {
        get(
            &gateway,
            &group,
            &format!("reports/extract?protocol={more}&from=2026-01-01&to=2026-01-31"),
        )
    };
    let counts = ask("audit-1&purpose=HQUALIMP&tabs=medication").expect(200);
    let written = row(&gateway, &counts);
    assert_eq!(written.basis.as_deref(), Some("gateway:anonymised"));
    assert_eq!(written.purpose.as_deref(), Some("HQUALIMP"));
    for (more, code) in [
        (
            "audit-1&purpose=HRESCH&tabs=medication",
            "purpose-not-in-flow",
        ),
        (
            "out-of-hours-1&purpose=HQUALIMP&tabs=medication",
            "no-legal-gateway",
        ),
        (
            "nothing&purpose=HQUALIMP&tabs=medication",
            "no-legal-gateway",
        ),
        (
            "audit-1&purpose=HQUALIMP&tabs=summary,patient-details,problems,diagnosis,medication,risks-and-warnings,procedures,investigations,examinations,events",
            "more-than-necessary",
        ),
    ] {
        assert_eq!(error(ask(more), 400 + 3), code);
    }
    gateway.sandbox.register.replace(before);
    let flows = get(&gateway, &manager, "reports/flows").expect(200).json();
    assert!(
        flows["flows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|flow| flow["in_force"] == true)
    );
    let elsewhere = get(&gateway, &manager, "reports/flows?organisation=Z99002");
    assert_eq!(error(elsewhere, 403), "not-allowed");
}

// R125: no row, no answer, and nothing done
#[test]
fn what_cannot_be_audited_is_neither_shown_nor_done() {
    let gateway = TestGateway::start("no-trail", super::support::timing());
    let officer = token(&gateway, OFFICER);
    gateway
        .database()
        .execute_batch(
            "CREATE TRIGGER no BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    let answer = get(&gateway, &officer, "reports/misuse");
    assert_eq!(error(answer, 503), "audit-unavailable");
    let open = json!({"step": "open", "identified_on": "2026-11-01", "practices": ["Z99001"], "what": "x"});
    let answer = post(&gateway, &officer, "breaches", &open);
    assert_eq!(answer.status, 503, "{}", answer.text());
    let kept = gateway.number("SELECT count(*) FROM case_step", &[]);
    assert_eq!(kept, 0);
}

// R051, R062, R095, R204: an entry that no national terminology knows is told to its practice by code system and count, and to nobody
// else; these reports are tables and pages too
#[test]
fn codes_that_no_terminology_has_are_in_the_practices_quality_report() {
    let gateway = alone();
    let seen = gateway.token(&Ask::consent("9990000018"));
    let manager = token(&gateway, MANAGER);
    let report = get(&gateway, &manager, "reports/quality")
        .expect(200)
        .json();
    let unmapped = report["unmapped"].as_array().unwrap();
    let withheld = unmapped.iter().find(|line| line["withheld"] == true);
    let line = withheld.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(line["system"], "emis-snomed");
    assert!(line["count"].as_u64().unwrap() >= 1 && line["records"].as_u64().unwrap() >= 1);
    assert!(report["unmapped_withheld"].as_u64().unwrap() >= 1);
    assert!(!report.to_string().contains(&seen.patient));
    let officer = token(&gateway, OFFICER);
    let refused = get(&gateway, &officer, "reports/quality?organisation=Z99001");
    assert_eq!(error(refused, 403), "not-allowed");
    for (who, name, heading) in [
        (&manager, "quality", "Quality of the record"),
        (&manager, "opt-outs", "Requests to opt out"),
        (&officer, "overrides", "Emergency overrides"),
    ] {
        let page = get(&gateway, who, &format!("reports/{name}?format=html")).expect(200);
        assert!(page.text().contains(heading), "{name}");
        let table = get(&gateway, who, &format!("reports/{name}?format=csv")).expect(200);
        assert!(
            table.header("content-type").starts_with("text/csv"),
            "{name}"
        );
    }
}
