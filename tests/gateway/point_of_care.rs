//! The pages at the point of care: consent, refusal, override, the worklist, and why not.

use super::browser::{Browser, asked, consent_items, exchange_with, read, sent_back, text, value};
use crate::support::{SHARED, alone};

// R070 to R074, R080: no look-up before consent, and no item may be missing
#[test]
fn every_item_is_needed_and_nothing_is_looked_up_before() {
    let gateway = &*alone();
    let before = gateway.outside();
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick("9990000018");
    for item in consent_items(browser.page.text()) {
        let page = browser.approve_without(&item, &[]).expect(400);
        assert!(page.text().contains("There is a problem"), "{item}");
        assert!(page.text().contains("<title>Error: "), "{item}");
    }
    assert_eq!(gateway.outside(), before);
    sent_back(&browser.approve());
    assert!(gateway.outside() > before);
}

// R077, R078: a refusal is recorded and honoured, also against an override; the patient may change their mind
#[test]
fn a_refusal_stands_until_the_patient_changes_their_mind() {
    let gateway = &*alone();
    let start = || {
        Browser::open(gateway, &asked(gateway, "sandbox-spa"))
            .sign_in("clinician")
            .pick("9990005192")
    };
    let before = gateway.outside();
    let mut browser = start();
    let back = sent_back(&browser.send("refused", &[]));
    assert_eq!(value(&back, "error"), "access_denied");
    assert_eq!(
        (value(&back, "state"), value(&back, "iss")),
        ("state-1", gateway.base.as_str())
    );
    assert_eq!(value(&back, "code"), "");
    let mut browser = start();
    assert!(browser.page.text().contains("name=\"changed_mind\""));
    let page = browser.approve().expect(400);
    assert!(page.text().contains("There is a problem"));
    let emergency = [
        ("override_reason", "unconscious"),
        (
            "override_text",
            "Found collapsed at home, unresponsive, no companion",
        ),
    ];
    browser.send("override", &emergency).expect(400);
    assert_eq!(gateway.outside(), before);
    let back = sent_back(&browser.approve_without("", &[("changed_mind", "yes")]));
    assert!(!value(&back, "code").is_empty());
    // another clinician is not refused by it (R078)
    let browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("hospital-doctor")
        .pick("9990005192");
    assert!(!browser.page.text().contains("name=\"changed_mind\""));
}

// R090 to R092: an override gives a short token, no refresh token, and an alert
#[test]
fn an_override_is_short_and_cannot_be_refreshed() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick("9990006679");
    for (reason, words) in [
        ("", "Found collapsed at home, unresponsive"),
        ("unconscious", "short"),
        ("curious", "Found collapsed at home, unresponsive"),
    ] {
        let fields = [("override_reason", reason), ("override_text", words)];
        let page = browser.send("override", &fields).expect(400);
        assert!(page.text().contains("<details open>"), "{reason}");
    }
    let fields = [
        ("override_reason", "unconscious"),
        (
            "override_text",
            "Found collapsed at home, unresponsive, no companion",
        ),
    ];
    let back = sent_back(&browser.send("override", &fields));
    let token = exchange_with(gateway, value(&back, "code"), &[])
        .expect(200)
        .json();
    assert_eq!(token["expires_in"], 300);
    assert_eq!(token.get("refresh_token"), None);
    assert!(!text(&token, "scope").contains("offline_access"));
    assert_eq!(token["authorization_details"][0]["override"], true);
    read(
        gateway,
        &token,
        &format!("Patient/{}", text(&token, "patient")),
    )
    .expect(200);
}

// R100, R102, R155: who may not look is told why, in words, before any patient is named
#[test]
fn who_may_not_look_is_told_why() {
    let gateway = &*SHARED;
    for (username, words) in [
        (
            "receptionist",
            "Your role is not one of a qualified clinician",
        ),
        (
            "privacy-officer",
            "Your role is not one of a qualified clinician",
        ),
        ("untrained", "training is missing or out of date"),
        ("walkin-doctor", "access is suspended"),
        (
            "practice-manager",
            "You are not registered to use this service",
        ),
        ("oversight", "You are not registered to use this service"),
    ] {
        let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in(username);
        let page = browser.page.clone().expect(403);
        let said = page.text().replace("&#39;", "'");
        assert!(said.contains(words), "{username}: {said}");
        assert!(!said.contains("pick-patient"), "{username}");
        assert!(said.contains("data-testid=\"deny\""));
        let back = sent_back(&browser.send("deny", &[]));
        assert_eq!(value(&back, "error"), "access_denied");
    }
}

// design.md 7: one uniform page for everything about the patient
#[test]
fn what_is_the_patients_matter_is_refused_alike() {
    let gateway = &*SHARED;
    let mut pages = Vec::new();
    for number in [
        "9990001863",
        "9990002606",
        "9990003343",
        "9990003718",
        "9990008159",
        "9990009635",
    ] {
        let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
            .sign_in("clinician")
            .pick(number);
        let page = browser.approve().expect(403);
        assert!(
            page.text()
                .contains("No record is available through this service.")
        );
        let journey = browser.action();
        let own = page
            .text()
            .replace(&journey, "J")
            .replace(&browser.form_token(), "T");
        pages.push(own);
        assert_eq!(
            value(&sent_back(&browser.send("deny", &[])), "error"),
            "access_denied"
        );
    }
    assert!(pages.windows(2).all(|two| two[0] == two[1]));
}

// R104: the form is matched against the worklist alone
#[test]
fn a_patient_is_found_on_the_worklist_or_not_at_all() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in("clinician");
    let mut find = |number: &str, born: &str| {
        browser.send("find", &[("nhs_number", number), ("date_of_birth", born)])
    };
    for (number, born) in [
        ("9990000018", "1957-03-15"),
        ("9990007780", "1964-04-23"),
        ("9990009999", "1964-04-23"),
    ] {
        let page = find(number, born);
        let wanted = if number == "9990009999" { 400 } else { 403 };
        let page = page.expect(wanted);
        assert!(!page.text().contains("consent-item"), "{number}");
    }
    find("999 000 0018", "x").expect(400);
    assert!(
        find("999 000 0018", "14/03/1957")
            .expect(200)
            .text()
            .contains("consent-item")
    );
}
