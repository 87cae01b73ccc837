//! The terms of use over the real router: shown before the first use and on change, accepted with version and time, or nothing
//! goes on (S2 7.2.4 to 7.2.9, 7.3.3; R102, R103).

use openmig::store::terms::TermsStore;
use reqwest::Method;
use serde_json::json;

use super::browser::{Browser, asked, between, exchange_with, read, sent_back, value, with};
use super::oversight::{ES_OFFICER, GROUP, MANAGER, OFFICER};
use super::support::{Ask, FORM, TestGateway, encode, timing, until};

const NUMBER: &str = "9990000018";

/// The gateway's own register, changed; waits until it is in force.
fn change(gateway: &TestGateway, file: &str, change: impl FnOnce(String) -> String) {
    let before = gateway.sandbox.register.current().hash.clone();
    let path = gateway.data.join("register").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "{file}");
    std::fs::write(&path, changed).unwrap();
    until(|| gateway.sandbox.register.current().hash != before);
}

/// The employers have recorded nobody's acceptance.
fn nobody_has_accepted(gateway: &TestGateway) {
    change(gateway, "users.toml", |text| {
        let rest: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("terms_accepted"))
            .collect();
        rest.join("\n")
    });
}

/// Another version of the terms in both files, as one change.
fn in_force(gateway: &TestGateway, from: &str, to: &str) {
    let folder = gateway.data.join("register");
    let before = gateway.sandbox.register.current().hash.clone();
    for (file, key) in [("agreement.toml", "terms"), ("terms.toml", "version")] {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let other = text.replacen(
            &format!("\n{key} = \"{from}\""),
            &format!("\n{key} = \"{to}\""),
            1,
        );
        assert_ne!(text, other);
        std::fs::write(path, other).unwrap();
    }
    until(|| gateway.sandbox.register.current().hash != before);
}

fn sign_in<'a>(gateway: &'a TestGateway, client: &str, username: &str) -> Browser<'a> {
    Browser::open(gateway, &asked(gateway, client)).sign_in(username)
}

/// What the box of the page says when it is ticked.
fn the_box(browser: &Browser<'_>) -> String {
    between(
        browser.page.text(),
        "name=\"terms\" id=\"terms\" value=\"",
        "\"",
    )
    .to_owned()
}

fn accept(browser: &mut Browser<'_>) {
    let ticked = the_box(browser);
    assert_eq!(ticked.len(), 64, "{}", browser.page.text());
    browser.send("terms", &[("terms", &ticked)]).expect(200);
}

fn rows(gateway: &TestGateway) -> i64 {
    gateway.number("SELECT count(*) FROM audit_event WHERE what = 'terms'", &[])
}

// R102, R103: shown whole before the first use, and accepted with version, text, time, app and organisation
#[test]
fn the_terms_are_shown_before_the_first_use_and_accepted_once() {
    let gateway = TestGateway::start("terms", timing());
    // Whose acceptance the employer has recorded sees no page.
    let page = sign_in(&gateway, "sandbox-spa", "clinician")
        .page
        .expect(200);
    assert!(page.text().contains("pick-patient") && !page.text().contains("terms-accept"));
    nobody_has_accepted(&gateway);
    gateway.mendable(&Ask::consent(NUMBER), "terms-not-accepted");

    let mut browser = sign_in(&gateway, "sandbox-spa", "hospital-nurse");
    let page = browser.page.clone().expect(200);
    let text = page.text().replace("&#39;", "'");
    let terms = gateway.sandbox.register.current().terms.clone().unwrap();
    for section in &terms.sections {
        assert!(text.contains(&section.heading), "{}", section.heading);
        for statement in &section.statements {
            assert!(text.contains(statement.as_str()), "{statement}");
        }
    }
    for part in [
        "Terms of use, version 1",
        "data-testid=\"terms-accept\"",
        "data-testid=\"terms-continue\"",
        "data-testid=\"deny\"",
        "href=\"/exclusions\"",
        // What her role opens comes from the register.
        "Nurse at Sandbox University Hospitals: you can open summary, medication, risks and warnings.",
        "Consultant: all ten tabs",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("terms-changed") && !text.contains("pick-patient"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!text.contains("<script"));

    // No other step leads past it, and none shows whom one could pick.
    for (step, fields) in [
        ("pick", vec![("patient", "x")]),
        ("find", vec![("nhs_number", NUMBER), ("date_of_birth", "x")]),
        ("approve", vec![]),
        ("override", vec![("override_reason", "unconscious")]),
    ] {
        let page = browser.send(step, &fields).expect(200);
        assert!(page.text().contains("terms-accept"), "{step}");
        assert!(!page.text().contains("pick-patient"), "{step}");
    }
    // Without the tick nothing is accepted, nor with another than this text's.
    let untold = browser.send("terms", &[]).expect(400);
    assert!(untold.text().contains("tick the box to accept them"));
    let other = "0".repeat(64);
    let other = browser.send("terms", &[("terms", &other)]).expect(400);
    assert!(
        other
            .text()
            .contains("have changed since you were shown them")
    );
    assert_eq!(
        (rows(&gateway), gateway.sandbox.store.acceptances().unwrap()),
        (0, vec![])
    );

    accept(&mut browser);
    assert!(browser.page.text().contains("pick-patient"));
    let stored = gateway.sandbox.store.acceptances().unwrap();
    let [row] = stored.as_slice() else {
        panic!("{stored:?}")
    };
    assert_eq!(
        (
            row.username.as_str(),
            row.version.as_str(),
            row.client.as_str(),
            row.organisation.0.as_str()
        ),
        ("hospital-nurse", "1", "sandbox-spa", "Z9H01")
    );
    assert_eq!(row.text_sha256, terms.digest());
    assert_eq!(rows(&gateway), 1);
    let told = gateway.number(
        "SELECT count(*) FROM audit_event WHERE what = 'terms' AND failure IS NULL AND clinician = 'hospital-nurse' \
         AND role = 'nurse' AND viewer = 'Z9H01' AND client = 'sandbox-spa' AND basis = 'terms:1' AND policy = ?1 \
         AND patient IS NULL AND other_ids LIKE 'Sealed/%'",
        &[&gateway.sandbox.register.current().hash],
    );
    assert_eq!(told, 1);

    // The way goes on to the record; the next sign-in shows no terms, for any app.
    let mut browser = browser.pick(NUMBER);
    let back = sent_back(&browser.approve());
    let token = exchange_with(&gateway, value(&back, "code"), &[])
        .expect(200)
        .json();
    let patient = format!("Patient/{}", token["patient"].as_str().unwrap());
    read(&gateway, &token, &patient).expect(200);
    let again = sign_in(&gateway, "sandbox-web", "hospital-nurse")
        .page
        .expect(200);
    assert!(again.text().contains("pick-patient"));
    // It counts at the token endpoint too, and nobody else's does.
    gateway.token(&Ask::consent(NUMBER).by("sandbox-backend", "hospital-nurse"));
    gateway.mendable(&Ask::consent(NUMBER), "terms-not-accepted");
    assert!(
        sign_in(&gateway, "sandbox-spa", "hospital-doctor")
            .page
            .text()
            .contains("terms-accept")
    );
}

// R103, R108: another version refuses the next request, however the one before was accepted, and is shown as what it is
#[test]
fn a_change_is_shown_again_and_stops_what_is_open() {
    let gateway = TestGateway::start("terms-change", timing());
    // Accepted in the register …
    let employed = gateway.token(&Ask::consent(NUMBER));
    let patient = format!("Patient/{}", employed.patient);
    gateway.get(&employed, &patient).expect(200);
    in_force(&gateway, "1", "2");
    gateway.get(&employed, &patient).expect(403);
    let mut browser = sign_in(&gateway, "sandbox-spa", "hospital-doctor");
    let said = browser.page.clone().expect(200);
    let said = said.text();
    assert!(said.contains("data-testid=\"terms-changed\""), "{said}");
    assert!(
        said.contains("There is a new version, 2, since you accepted version 1 on"),
        "{said}"
    );
    accept(&mut browser);
    gateway.get(&employed, &patient).expect(200);

    // … and on the page: version 3 while the page of version 2 is open elsewhere.
    let mut late = sign_in(&gateway, "sandbox-spa", "clinician");
    let old = the_box(&late);
    in_force(&gateway, "2", "3");
    gateway.get(&employed, &patient).expect(403);
    let page = late.send("terms", &[("terms", &old)]).expect(400);
    assert!(
        page.text()
            .contains("have changed since you were shown them")
    );
    assert!(page.text().contains("Terms of use, version 3"));
    // Somebody in the middle of the conversation is led to the terms, and back.
    accept(&mut late);
    let mut late = late.pick(NUMBER);
    // The text changes under its version: only the hash can tell.
    change(&gateway, "terms.toml", |text| {
        text.replace("Do not print", "Never print")
    });
    let stopped = late.approve().expect(200);
    let text = stopped.text();
    assert!(
        text.contains("The text of version 3 has changed since you accepted it on"),
        "{text}"
    );
    accept(&mut late);
    assert!(late.page.text().contains("consent-item"));
    let back = sent_back(&late.approve());
    assert!(!value(&back, "code").is_empty());
    // Everything that was ever accepted is there.
    let of = |username: &str| gateway.sandbox.store.acceptances_of(username).unwrap();
    let versions: Vec<String> = of("clinician").into_iter().map(|row| row.version).collect();
    assert_eq!(versions, ["3", "3"]);
    assert_eq!(of("hospital-doctor").len(), 1);

    // Without a text nothing can be shown: refused as before there was a page.
    let folder = gateway.data.join("register");
    let before = gateway.sandbox.register.current().hash.clone();
    std::fs::remove_file(folder.join("terms.toml")).unwrap();
    until(|| gateway.sandbox.register.current().hash != before);
    let page = sign_in(&gateway, "sandbox-spa", "clinician")
        .page
        .expect(403);
    assert!(
        page.text()
            .contains("You have not accepted the terms of use in force.")
    );
    assert!(!page.text().contains("terms-accept"));
}

// R103, R120: cancelling leaves its row, and an acceptance is nobody's but theirs
#[test]
fn the_terms_are_cancelled_like_any_page_and_accepted_for_oneself_alone() {
    let gateway = TestGateway::start("terms-own", timing());
    nobody_has_accepted(&gateway);
    let mut browser = sign_in(&gateway, "sandbox-spa", "clinician");
    let back = sent_back(&browser.send("deny", &[]));
    assert_eq!(value(&back, "error"), "access_denied");
    let denied =
        "SELECT count(*) FROM audit_event WHERE failure = 'access_denied' AND clinician = ?1";
    assert_eq!(gateway.number(denied, &["clinician"]), 1);
    assert_eq!(rows(&gateway), 0);

    // Another person's form, in another browser: nothing is accepted for either.
    let (one, two) = (
        sign_in(&gateway, "sandbox-spa", "clinician"),
        sign_in(&gateway, "sandbox-spa", "hospital-doctor"),
    );
    let (ticked, token) = (the_box(&one), one.form_token());
    let body = encode(&[("form_token", &token), ("terms", &ticked)]);
    let headers = [("content-type", FORM), ("cookie", two.cookie.as_str())];
    for journey in [one.action(), two.action()] {
        let path = format!("{journey}/terms");
        gateway
            .send(Method::POST, &path, &headers, &body)
            .expect(403);
    }
    // From another site, and before anybody has signed in.
    let from_elsewhere = [
        ("content-type", FORM),
        ("cookie", one.cookie.as_str()),
        ("sec-fetch-site", "cross-site"),
    ];
    let path = format!("{}/terms", one.action());
    gateway
        .send(Method::POST, &path, &from_elsewhere, &body)
        .expect(403);
    let mut nobody = Browser::open(&gateway, &asked(&gateway, "sandbox-spa"));
    let page = nobody.send("terms", &[("terms", &ticked)]).expect(200);
    assert!(page.text().contains("data-testid=\"sign-in\""));
    assert_eq!(gateway.sandbox.store.acceptances().unwrap(), []);
    // Who may not look for another reason is told that, and accepts nothing.
    for (username, words) in [
        ("untrained", "training is missing or out of date"),
        ("receptionist", "not one of a qualified clinician"),
    ] {
        let mut browser = sign_in(&gateway, "sandbox-spa", username);
        assert!(browser.page.clone().expect(403).text().contains(words));
        let page = browser.send("terms", &[("terms", &ticked)]).expect(403);
        assert!(page.text().contains(words), "{username}");
    }
    assert_eq!(gateway.sandbox.store.acceptances().unwrap(), []);
    // Who only says who they are is shown none.
    let identity = with(asked(&gateway, "sandbox-spa"), "scope", "openid fhirUser");
    let browser = Browser::open(&gateway, &identity).sign_in("clinician");
    assert!(!browser.page.text().contains("terms-accept"));
}

// R103, R125: what cannot be written down is not accepted, and nothing goes on
#[test]
fn without_a_trail_nothing_is_accepted() {
    let gateway = TestGateway::start("terms-trail", timing());
    nobody_has_accepted(&gateway);
    let mut browser = sign_in(&gateway, "sandbox-spa", "clinician");
    let ticked = the_box(&browser);
    let database = gateway.database();
    database
        .execute_batch(
            "CREATE TRIGGER no BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    let page = browser.page.clone();
    let failed = browser.send("terms", &[("terms", &ticked)]).expect(503);
    assert!(failed.text().contains("data-testid=\"try-again\""));
    assert_eq!(gateway.sandbox.store.acceptances().unwrap(), []);
    database.execute_batch("DROP TRIGGER no").unwrap();
    browser.page = page;
    accept(&mut browser);
    assert!(browser.page.text().contains("pick-patient"));
    assert_eq!(rows(&gateway), 1);
}

// R103: an EHR's launch shows them before the conversation, and its patient stays chosen
#[test]
fn a_launch_waits_for_the_terms() {
    let gateway = TestGateway::start("terms-launch", timing());
    nobody_has_accepted(&gateway);
    let body = json!({
        "client_id": "sandbox-spa",
        "username": "clinician",
        "patient": super::browser::fhir_id(&gateway, NUMBER),
    });
    let headers = [("content-type", "application/json")];
    let launch = gateway
        .send(Method::POST, "/sandbox/launch", &headers, &body.to_string())
        .expect(200)
        .json();
    let pairs = with(
        asked(&gateway, "sandbox-spa"),
        "launch",
        launch["launch"].as_str().unwrap(),
    );
    let pairs = with(pairs, "scope", "launch openid fhirUser patient/*.rs");
    let mut browser = Browser::open(&gateway, &pairs).sign_in("clinician");
    let page = browser.page.clone().expect(200);
    assert!(page.text().contains("terms-accept"), "{}", page.text());
    assert!(!page.text().contains("consent-item"));
    accept(&mut browser);
    assert!(browser.page.text().contains("consent-item"));
    let back = sent_back(&browser.approve());
    assert!(!value(&back, "code").is_empty());
}

// R102, R103: who has accepted what and when, for the group and for a viewer's privacy officer
#[test]
fn oversight_sees_who_has_accepted_what() {
    let gateway = TestGateway::start("terms-report", timing());
    nobody_has_accepted(&gateway);
    accept(&mut sign_in(&gateway, "sandbox-spa", "hospital-doctor"));
    let report = |who: (&'static str, &'static str)| {
        let token = super::oversight::token(&gateway, who);
        super::oversight::get(&gateway, &token, "reports/terms")
    };
    let all = report(GROUP).expect(200).json();
    let people = all["people"].as_array().unwrap();
    let standing = |name: &str| {
        let one = people.iter().find(|one| one["username"] == name).unwrap();
        one["standing"].as_str().unwrap().to_owned()
    };
    assert_eq!(standing("hospital-doctor"), "accepted, on the page");
    assert_eq!(standing("clinician"), "due: never accepted");
    assert_eq!(all["acceptances"][0]["username"], "hospital-doctor");
    for (who, expected) in [(OFFICER, 1), (ES_OFFICER, 0)] {
        let own = report(who).expect(200).json();
        assert_eq!(own["acceptances"].as_array().unwrap().len(), expected);
    }
    report(MANAGER).expect(403);
}
