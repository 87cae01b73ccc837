//! OpenID providers over the real router: signing in at the sandbox's mock of CIS2, exchanging its id tokens, practices that
//! demand proof (smart.md 5 and 7; R101).

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{
    Browser, asked, between, exchange_with, fhir_id, read, sent_back, text, value,
};
use crate::support::{Answer, Ask, FORM, NO_RECORD, SHARED, TestGateway, alone, encode, logs};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// What the button of the provider leads to.
fn at_provider(browser: &mut Browser<'_>) -> Vec<(String, String)> {
    let page = browser.send("provider", &[("provider", "sandbox-cis2")]);
    let page = page.expect(200);
    let address = between(page.text(), "href=\"", "\" data-testid=\"to-provider\"");
    let address = address.rsplit("href=\"").next().unwrap();
    let address = address.replace("&#38;", "&").replace("&amp;", "&");
    let origin = &browser.gateway.origin;
    let query = address
        .strip_prefix(&format!("{origin}/sandbox/cis2/authorize?"))
        .unwrap_or_else(|| panic!("{address}"));
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The provider's answer, by the address to which it sends the browser.
fn chosen(
    gateway: &TestGateway,
    asked: &[(String, String)],
    username: &str,
    fault: &str,
) -> String {
    let mut fields: Vec<(&str, &str)> = asked
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.push(("username", username));
    fields.push(("fault", fault));
    let path = "/sandbox/cis2/authorize";
    let headers = [("content-type", FORM)];
    let answer = gateway.send(Method::POST, path, &headers, &encode(&fields));
    answer.expect(303).header("location").to_owned()
}

/// Follows the provider's answer to the journey's own page.
fn come_back(browser: &mut Browser<'_>, location: &str) -> Answer {
    let gateway = browser.gateway;
    let answer = gateway.send(Method::GET, location, &[], "");
    if answer.status != 303 {
        return answer;
    }
    let on = answer.header("location").to_owned();
    assert!(on.starts_with("/fhir/r4/authorize/"), "{on}");
    let cookie = browser.cookie.clone();
    let answer = gateway.send(Method::GET, &on, &[("cookie", &cookie)], "");
    browser.take_cookie(&answer);
    if answer.status != 303 {
        browser.page = answer.clone();
        return answer;
    }
    let cookie = browser.cookie.clone();
    let page = gateway.send(
        Method::GET,
        answer.header("location"),
        &[("cookie", &cookie)],
        "",
    );
    browser.page = page.clone();
    page
}

fn signed_in<'a>(gateway: &'a TestGateway, username: &str) -> Browser<'a> {
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    let there = at_provider(&mut browser);
    let location = chosen(gateway, &there, username, "none");
    come_back(&mut browser, &location);
    browser
}

// smart.md 5 (a): the provider authenticates, this server stays the SMART server
#[test]
fn a_clinician_signs_in_with_cis2_and_reads() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    assert!(browser.page.text().contains("Sign in with CIS2 (sandbox)"));
    let before = browser.cookie.clone();
    let there = at_provider(&mut browser);
    assert_eq!(value(&there, "response_type"), "code");
    assert_eq!(value(&there, "code_challenge_method"), "S256");
    assert_eq!(value(&there, "code_challenge").len(), 43);
    assert!(value(&there, "scope").starts_with("openid "));
    assert!(!value(&there, "nonce").is_empty() && !value(&there, "state").is_empty());
    let callback = format!("{}/authorize/callback/sandbox-cis2", gateway.base);
    assert_eq!(value(&there, "redirect_uri"), callback);
    let location = chosen(gateway, &there, "clinician", "none");
    let page = come_back(&mut browser, &location).expect(200);
    assert!(page.text().contains("Dr Asha Rowan, Sandbox Out of Hours"));
    assert_ne!(before, browser.cookie, "a new id at sign-in");
    let mut browser = browser.pick("9990000018");
    let back = sent_back(&browser.approve());
    let token = exchange_with(gateway, value(&back, "code"), &[])
        .expect(200)
        .json();
    assert_eq!(token["assurance"], "authenticated");
    let patient = fhir_id(gateway, "9990000018");
    read(gateway, &token, &format!("Condition?patient={patient}")).expect(200);
    // An answer works once: the journey has gone on, and the state is used up.
    let again = gateway.send(Method::GET, &location, &[], "");
    assert_eq!(again.status, 410, "{}", again.text());
    // No code, state or token of the provider's is in the log.
    let logged = logs();
    let code = url::Url::parse(&location).unwrap();
    for (name, secret) in code.query_pairs() {
        assert!(name == "iss" || !logged.contains(&*secret), "{name}");
    }
}

// Every way in which a provider's answer can be wrong leads to a plain page, nobody signed in, and a row in the trail
#[test]
fn no_wrong_answer_of_a_provider_signs_anybody_in() {
    let gateway = &*SHARED;
    for (fault, status, words) in [
        ("unsigned", 403, "could not be verified"),
        ("unknown-key", 403, "could not be verified"),
        ("forged", 403, "could not be verified"),
        ("wrong-issuer", 403, "could not be verified"),
        ("wrong-audience", 403, "could not be verified"),
        ("two-audiences", 403, "could not be verified"),
        ("wrong-party", 403, "could not be verified"),
        ("wrong-nonce", 403, "could not be verified"),
        ("no-nonce", 403, "could not be verified"),
        ("expired", 403, "could not be verified"),
        ("future", 403, "could not be verified"),
        ("old-sign-in", 403, "could not be verified"),
        ("low-level", 403, "could not be verified"),
        ("logout-token", 403, "could not be verified"),
        ("answer-of-another", 403, "could not be verified"),
        ("answer-without-issuer", 403, "could not be verified"),
        ("denied", 403, "was not completed"),
        ("code-refused", 403, "was not completed"),
        ("no-id-token", 403, "was not completed"),
        ("broken", 503, "does not answer"),
        ("no-role", 403, "is not registered here"),
        ("other-role", 403, "is not registered here"),
        ("contradiction", 403, "is not registered here"),
        ("stranger", 403, "is not registered here"),
        ("wrong-state", 410, "has ended"),
    ] {
        let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
        let before = browser.page.clone();
        let there = at_provider(&mut browser);
        let location = chosen(gateway, &there, "clinician", fault);
        let page = come_back(&mut browser, &location);
        assert_eq!(page.status, status, "{fault}: {}", page.text());
        assert!(page.text().contains(words), "{fault}: {}", page.text());
        assert!(!page.text().contains("<b>no</b>"), "{fault}");
        if fault == "wrong-state" {
            continue;
        }
        // Still nobody: the journey's page is the sign-in page, and the answer is used up.
        let action = between(before.text(), "action=\"", "\"");
        let journey = action.rsplit_once('/').unwrap().0.to_owned();
        let cookie = browser.cookie.clone();
        let now = gateway.send(Method::GET, &journey, &[("cookie", &cookie)], "");
        assert!(now.text().contains("name=\"password\""), "{fault}");
        assert_eq!(come_back(&mut browser, &location).status, 410, "{fault}");
    }
}

// Login CSRF: an attacker's finished sign-in in the victim's browser, and the reverse
#[test]
fn an_answer_belongs_to_the_browser_that_was_sent() {
    let gateway = &*SHARED;
    let mut attacker = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    let mut victim = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    let there = at_provider(&mut attacker);
    let location = chosen(gateway, &there, "clinician", "none");
    let own_page = victim.page.clone();
    let page = come_back(&mut victim, &location);
    victim.page = own_page;
    assert_eq!(page.status, 403, "{}", page.text());
    assert!(page.text().contains("belongs to another browser"));
    // The state is not used up by it: whose it is comes through.
    assert_eq!(come_back(&mut attacker, &location).status, 200);
    // By hand to the victim's own journey: the state is another journey's.
    let there = at_provider(&mut victim);
    let own = between(victim.page.text(), "action=\"", "\"");
    let journey = own
        .rsplit_once('/')
        .map_or("", |(journey, _)| journey)
        .to_owned();
    let mut second = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    let theirs = at_provider(&mut second);
    let stolen = chosen(gateway, &theirs, "clinician", "none");
    let query = stolen.split_once('?').unwrap().1;
    let cookie = victim.cookie.clone();
    let path = format!("{journey}/returned?{query}");
    let answer = gateway.send(Method::GET, &path, &[("cookie", &cookie)], "");
    assert_eq!(answer.status, 410, "{}", answer.text());
    // An answer at another provider's address is nobody's (mix-up), and a state twice is none.
    let location = chosen(gateway, &there, "clinician", "none");
    let elsewhere = location.replace("/callback/sandbox-cis2", "/callback/another");
    assert_eq!(gateway.send(Method::GET, &elsewhere, &[], "").status, 410);
    let twice = format!("{location}&state=x");
    assert_eq!(gateway.send(Method::GET, &twice, &[], "").status, 410);
    // A provider that nobody configured leads back to the sign-in page.
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    let page = browser.send("provider", &[("provider", "https://evil.example")]);
    assert!(page.text().contains("name=\"password\""));
}

/// One who proves who they are there may still not look: the register decides (R101).
#[test]
fn the_register_decides_what_a_proven_person_may() {
    let gateway = &*SHARED;
    let browser = signed_in(gateway, "receptionist");
    assert!(!browser.page.text().contains("name=\"nhs_number\""));
    let gateway = alone();
    let before = gateway.sandbox.register.current();
    let mut changed = (*before).clone();
    changed.users.get_mut("clinician").unwrap().revoked = true;
    gateway.sandbox.register.replace(changed);
    let mut browser = Browser::open(&gateway, &asked(&gateway, "sandbox-spa"));
    let there = at_provider(&mut browser);
    let location = chosen(&gateway, &there, "clinician", "none");
    let page = come_back(&mut browser, &location);
    gateway.sandbox.register.replace((*before).clone());
    assert_eq!(page.status, 403);
    assert!(page.text().contains("is not registered here"));
}

fn id_token(gateway: &TestGateway, user: &str, fault: &str) -> String {
    let path = format!("/sandbox/id-token?client_id=sandbox-backend&user={user}&fault={fault}");
    let answer = gateway.send(Method::GET, &path, &[], "").expect(200);
    answer.text().to_owned()
}

fn exchange(gateway: &TestGateway, subject: &str, details: &Value) -> Answer {
    let assertion = gateway.assertion("sandbox-backend", "");
    gateway.post_token(&[
        ("grant_type", EXCHANGE),
        ("subject_token", subject),
        ("subject_token_type", ID_TOKEN),
        ("scope", "system/*.rs"),
        (
            "client_assertion_type",
            openmig::smart::authenticate::ASSERTION_TYPE,
        ),
        ("client_assertion", &assertion),
        ("authorization_details", &json!([details]).to_string()),
    ])
}

// RFC 8693; smart.md 5: proof in answer, introspection and trail, and the record itself
#[test]
fn a_hospitals_id_token_opens_an_occasion() {
    let gateway = &*SHARED;
    let details = Ask::consent("9990000018").details;
    let subject = id_token(gateway, "hospital-doctor", "none");
    let answer = exchange(gateway, &subject, &details).expect(200);
    let request = answer.header("x-request-id").to_owned();
    let body = answer.json();
    assert_eq!(body["assurance"], "authenticated");
    assert_eq!(
        body["issued_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );
    assert!(body["authorization_details"][0]["occasion"].is_string());
    let patient = text(&body, "patient");
    read(gateway, &body, &format!("Condition?patient={patient}")).expect(200);
    let assertion = gateway.assertion("sandbox-backend", "");
    let pairs = [
        ("token", text(&body, "access_token")),
        (
            "client_assertion_type",
            openmig::smart::authenticate::ASSERTION_TYPE,
        ),
        ("client_assertion", &assertion),
    ];
    let headers = [("content-type", FORM)];
    let told = gateway
        .send(Method::POST, "introspect", &headers, &encode(&pairs))
        .expect(200)
        .json();
    assert_eq!(told["assurance"], "authenticated");
    assert_eq!(told["username"], "hospital-doctor");
    let rows = gateway.rows(&request);
    assert!(!rows.is_empty());
    let asserted: u32 = gateway
        .database()
        .query_row(
            "SELECT count(*) FROM audit_event WHERE request = ?1 AND assurance IS NOT 'authenticated'",
            [&request],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(asserted, 0, "{rows:?}");
    // The same sign-in opens the next record, and gives a fresh token inside the occasion.
    let occasion = &body["authorization_details"][0]["occasion"];
    let again = json!({"type": details["type"], "occasion": occasion});
    exchange(gateway, &subject, &again).expect(200);
    // What was proven is not taken up on somebody's word.
    gateway.mendable(&Ask::again(occasion.as_str().unwrap()), "occasion-not-open");
    for secret in [subject.as_str(), text(&body, "access_token")] {
        assert!(!logs().contains(secret));
    }
    let smart = gateway
        .send(Method::GET, ".well-known/smart-configuration", &[], "")
        .json();
    let grants = smart["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!(EXCHANGE)));
}

#[test]
fn an_id_token_that_proves_nobody_opens_nothing() {
    let gateway = &*SHARED;
    let details = Ask::consent("9990000018").details;
    for fault in [
        "unsigned",
        "unknown-key",
        "forged",
        "wrong-issuer",
        "wrong-audience",
        "two-audiences",
        "wrong-party",
        "expired",
        "future",
        "old-sign-in",
        "low-level",
        "no-role",
        "other-role",
        "contradiction",
        "stranger",
        "logout-token",
    ] {
        let subject = id_token(gateway, "hospital-doctor", fault);
        let answer = exchange(gateway, &subject, &details);
        assert_eq!(answer.status, 400, "{fault}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_request", "{fault}");
    }
    // Of somebody of another organisation than the client's.
    let subject = id_token(gateway, "clinician", "none");
    let answer = exchange(gateway, &subject, &details).expect(400);
    assert!(answer.text().contains("another organisation"));
    // Nobody's own tokens are id tokens: not ours, and not a client assertion.
    for own in [
        text(
            &gateway.token(&Ask::consent("9990000018")).answer,
            "access_token",
        )
        .to_owned(),
        gateway.assertion("sandbox-backend", "hospital-doctor"),
    ] {
        assert_eq!(exchange(gateway, &own, &details).status, 400);
    }
}

// R101; smart.md 5: a practice may refuse what is only asserted, and nobody who asks can tell why
#[test]
fn a_practice_may_demand_that_the_clinician_signed_in() {
    let gateway = alone();
    let ask = Ask::consent("9990000018");
    let asserted = gateway.token(&ask);
    assert_eq!(asserted.answer["assurance"], "asserted");
    let path = format!("Condition?patient={}", asserted.patient);
    gateway.get(&asserted, &path).expect(200);
    let before = gateway.sandbox.register.current();
    let mut changed = (*before).clone();
    let practice = openmig::record::OdsCode("Z99001".to_owned());
    changed
        .organisations
        .get_mut(&practice)
        .unwrap()
        .demands_authenticated = true;
    gateway.sandbox.register.replace(changed);
    let refused = gateway.ask(&ask);
    // What is open already closes with the next read.
    let read_then = gateway.get(&asserted, &path);
    let subject = id_token(&gateway, "hospital-doctor", "none");
    let proven = exchange(&gateway, &subject, &ask.details);
    let body = proven.expect(200).json();
    let read_proven = read(&gateway, &body, &path);
    gateway.sandbox.register.replace((*before).clone());
    assert_eq!(refused.expect(400).text(), NO_RECORD);
    assert_eq!(read_then.expect(403).code(), "no-record-available");
    read_proven.expect(200);
}
