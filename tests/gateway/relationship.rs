//! R105: who looks has something to do with the patient's treatment, as the viewer's own system says, or says so themselves where
//! that is the viewer's policy, and its privacy officer is told.

use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, asked, sent_back, value};
use super::oversight::{ES_OFFICER, get, token as overseer};
use super::support::{Answer, Ask, TestGateway, alone};

const PATIENT: &str = "9990000018";

/// Tells the mock EHR whether a clinician has a part in a patient's treatment.
fn episode(gateway: &TestGateway, number: &str, username: &str, linked: bool) -> Answer {
    let body = json!({"nhs_number": number, "username": username, "linked": linked}).to_string();
    let headers = [("content-type", "application/json")];
    gateway.send(Method::POST, "/sandbox/episode", &headers, &body)
}

/// Somebody who has none, until the end.
struct Stranger<'a>(&'a TestGateway, &'static str, &'static str);

impl Stranger<'_> {
    fn of<'a>(
        gateway: &'a TestGateway,
        number: &'static str,
        username: &'static str,
    ) -> Stranger<'a> {
        episode(gateway, number, username, false).expect(204);
        Stranger(gateway, number, username)
    }
}

impl Drop for Stranger<'_> {
    fn drop(&mut self) {
        episode(self.0, self.1, self.2, true).expect(204);
    }
}

fn out_of_hours(ask: Ask) -> Ask {
    ask.by("sandbox-backend-es", "clinician")
}

fn claimed(ask: Ask) -> Ask {
    ask.with(|details| details["relationship"] = "claimed".into())
}

fn alerts(gateway: &TestGateway) -> Vec<Value> {
    let officer = overseer(gateway, ES_OFFICER);
    let notices = get(gateway, &officer, "notices").expect(200).json();
    let told = notices["notices"].as_array().unwrap().iter();
    told.filter(|notice| notice["kind"] == "relationship-claimed")
        .cloned()
        .collect()
}

// R105, where the viewer asks for a part in the episode: no claim and no emergency helps
#[test]
fn who_has_no_part_in_the_episode_is_refused() {
    let gateway = &*alone();
    let before = gateway.outside();
    let stranger = Stranger::of(gateway, PATIENT, "hospital-doctor");
    for ask in [
        Ask::consent(PATIENT),
        claimed(Ask::consent(PATIENT)),
        Ask::emergency(PATIENT),
    ] {
        gateway.mendable(&ask, "no-relationship");
    }
    // A colleague who has one is not in their way, nor is another patient.
    gateway.token(&Ask::consent(PATIENT).by("sandbox-backend", "hospital-nurse"));
    assert!(gateway.outside() > before);
    gateway.token(&Ask::consent("9990000387"));
    drop(stranger);
    gateway.token(&Ask::consent(PATIENT));
}

// R105, by policy: self-claim with alert; the trail has it, the answer says it
#[test]
fn a_claimed_relationship_is_alerted() {
    let gateway = &*alone();
    let _stranger = Stranger::of(gateway, PATIENT, "clinician");
    let had = alerts(gateway).len();
    gateway.mendable(&out_of_hours(Ask::consent(PATIENT)), "no-relationship");
    assert_eq!(alerts(gateway).len(), had);
    let token = gateway.token(&out_of_hours(claimed(Ask::consent(PATIENT))));
    let detail = &token.answer["authorization_details"][0];
    assert_eq!(detail["relationship"], "claimed");
    let told = alerts(gateway);
    assert_eq!(told.len(), had + 1);
    let about = format!("occasion/{}", token.occasion);
    assert!(told.iter().any(|notice| notice["about"][0] == about));
    let flags = gateway.number(
        "SELECT count(*) FROM audit_event WHERE occasion = ?1 AND interaction = 'flag' AND query = 'relationship-claimed'",
        &[&token.occasion],
    );
    assert_eq!(flags, 1);
    // An override tells the officer by its own alert.
    gateway.token(&out_of_hours(Ask::emergency(PATIENT)));
    assert_eq!(alerts(gateway).len(), had + 1);
    // Inside the occasion nothing is claimed again.
    gateway.token(&out_of_hours(Ask::again(&token.occasion)));
}

// R105 on the pages: the box is there for who needs it and for nobody else
#[test]
fn the_page_asks_for_the_claim() {
    let gateway = &*alone();
    let start = |username: &str| {
        Browser::open(gateway, &asked(gateway, "sandbox-spa"))
            .sign_in(username)
            .pick(PATIENT)
    };
    let names_it = |page: &str| page.contains("data-testid=\"relationship-claim\"");
    assert!(!names_it(start("clinician").page.text()));
    let _stranger = Stranger::of(gateway, PATIENT, "clinician");
    let before = gateway.outside();
    let mut browser = start("clinician");
    assert!(names_it(browser.page.text()));
    let page = browser.approve().expect(400);
    assert!(page.text().contains("There is a problem") && names_it(page.text()));
    assert_eq!(gateway.outside(), before, "nobody was asked");
    let back = sent_back(&browser.approve_without("", &[("relationship_claim", "yes")]));
    assert!(!value(&back, "code").is_empty());
    // Where no claim counts, the page says so before anybody is talked to.
    let _other = Stranger::of(gateway, PATIENT, "hospital-doctor");
    let page = start("hospital-doctor").page.expect(403);
    assert!(page.text().contains("does not say that you are treating"));
    assert!(!page.text().contains("consent-item"));
}

// What nobody meant is not taken for done.
#[test]
fn a_mistyped_episode_is_refused() {
    let gateway = &*alone();
    for (number, username) in [(PATIENT, "nobody"), ("9990000019", "clinician")] {
        episode(gateway, number, username, false).expect(404);
    }
}

// R077: a "no" is a "no", whoever heard it; R105: who is treated where is not for those to learn who only have a number
#[test]
fn a_no_needs_no_relationship_and_a_number_tells_nothing() {
    let gateway = &*alone();
    let number = "9990005192";
    let stranger = Stranger::of(gateway, number, "clinician");
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick(number);
    let back = sent_back(&browser.send("refused", &[]));
    assert_eq!(value(&back, "error"), "access_denied");
    drop(stranger);
    gateway.mendable(&out_of_hours(Ask::consent(number)), "refusal-stands");
    let _other = Stranger::of(gateway, number, "hospital-doctor");
    let find = |born: &str| {
        let mut browser =
            Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in("hospital-doctor");
        let fields = [("nhs_number", number), ("date_of_birth", born)];
        browser.send("find", &fields).expect(403).text().to_owned()
    };
    assert!(find("1971-08-28").contains("not registered for treatment"));
    assert!(find("1971-08-29").contains("does not say that you are treating"));
    gateway.advance(3_600);
}
