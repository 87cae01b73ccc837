//! Other uses than direct care, by the legal gateways of S3; the requester's site; asked, allowed and returned tabs; asking the
//! source for no more than that; people of the same name.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use openmig::sandbox::story::Sharing;
use openmig::smart::authenticate::ASSERTION_TYPE;
use openmig::smart::details::OCCASION_TYPE;
use reqwest::Method;
use serde_json::{Value, json};

use super::oversight::{GROUP, MANAGER, OFFICER, get, token as overseer};
use super::people::audit_client;
use super::support::{Answer, Ask, NO_RECORD, TestGateway, Token, alone, encode, timing, yes};

static OWN: LazyLock<Mutex<TestGateway>> =
    LazyLock::new(|| Mutex::new(TestGateway::start("purposes", timing())));

/// One test at a time: they change stories and count look-ups.
fn own() -> MutexGuard<'static, TestGateway> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody who asks in the assertion for these purposes, for this organisation or site.
struct Asker {
    client: &'static str,
    user: &'static str,
    purpose: &'static str,
    organisation: &'static str,
}

const RESEARCHER: Asker = Asker {
    client: "sandbox-backend-research",
    user: "researcher",
    purpose: "",
    organisation: "Z9R01",
};

fn research(purpose: &'static str) -> Asker {
    Asker {
        purpose,
        ..RESEARCHER
    }
}

impl Asker {
    fn ask(&self, gateway: &TestGateway, details: &Value) -> Answer {
        let query = encode(&[
            ("client_id", self.client),
            ("user", self.user),
            ("purpose", self.purpose),
            ("organization", self.organisation),
        ]);
        let path = format!("/sandbox/assertion?{query}");
        let assertion = gateway.send(Method::GET, &path, &[], "").expect(200);
        gateway.post_token(&[
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.text()),
            ("authorization_details", &json!([details]).to_string()),
        ])
    }

    #[track_caller]
    fn token(&self, gateway: &TestGateway, details: &Value) -> Token {
        let answer = self.ask(gateway, details).expect(200).json();
        let detail = &answer["authorization_details"][0];
        Token {
            access: answer["access_token"].as_str().unwrap().to_owned(),
            patient: answer["patient"].as_str().unwrap().to_owned(),
            occasion: detail["occasion"].as_str().unwrap().to_owned(),
            tabs: serde_json::from_value(detail["tabs"].clone()).unwrap(),
            answer,
        }
    }

    #[track_caller]
    fn refused(&self, gateway: &TestGateway, details: &Value, reason: &str) {
        let before = gateway.outside();
        let answer = self.ask(gateway, details).expect(400);
        let body = answer.json();
        assert_eq!(body["error"], "access_denied", "{body}");
        assert_eq!(body["reason"], reason, "{body}");
        assert_eq!(gateway.outside(), before, "nobody outside is asked");
        let rows = gateway.rows(answer.header("x-request-id"));
        let decided = rows
            .iter()
            .find(|row| row.what == "occasion" || row.what == "override");
        let row = decided.unwrap_or_else(|| panic!("{rows:?}"));
        assert_eq!(row.failure.as_deref(), Some(reason), "{rows:?}");
    }
}

fn details(nhs_number: &str, tabs: &[&str]) -> Value {
    json!({"type": OCCASION_TYPE, "patient": nhs_number, "tabs": tabs})
}

fn with(mut details: Value, member: &str, value: Value) -> Value {
    details[member] = value;
    details
}

fn consent_to(purpose: &str) -> Value {
    let mut talk = yes();
    talk["purpose"] = purpose.into();
    talk
}

/// The AuditEvents of a patient, as the practice sees them, newest first.
fn events(gateway: &TestGateway, patient: &str, client: &'static str) -> Vec<Value> {
    let practice = gateway.token(&audit_client(client));
    let path = format!("AuditEvent?patient={patient}&_count=50");
    gateway.get(&practice, &path).expect(200).resources()
}

/// What an AuditEvent says under this name.
fn detail(event: &Value, name: &str) -> Option<String> {
    event["entity"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|entity| {
            let details = entity["detail"].as_array()?;
            let found = details.iter().find(|it| it["type"] == name)?;
            Some(found["valueString"].as_str().unwrap().to_owned())
        })
}

// R171, R172, R177: evidence in force: served, its tabs and nothing beside them; purpose and gateway in answer, trail and report
#[test]
fn another_use_is_served_through_its_documented_gateway() {
    let gateway = own();
    let asker = research("HLEGAL");
    let token = asker.token(&gateway, &details("9990000018", &["events"]));
    let granted = &token.answer["authorization_details"][0];
    assert_eq!(granted["gateway"], "legal-requirement");
    assert_eq!(granted["purpose"], json!(["HLEGAL"]));
    assert_eq!(granted["tabs"], json!(["events"]));
    assert!(granted.get("override").is_none() && granted.get("consent").is_none());
    // No name and no address: the flow does not have the tab that holds them.
    let scope = token.answer["scope"].as_str().unwrap();
    assert!(
        !scope.contains("/Patient.") && !scope.contains("Condition"),
        "{scope}"
    );
    gateway
        .get(&token, &format!("Patient/{}", token.patient))
        .expect(403);
    gateway
        .get(&token, &format!("Condition?patient={}", token.patient))
        .expect(403);
    let found = gateway
        .get(&token, &format!("Encounter?patient={}", token.patient))
        .expect(200);
    assert!(!found.resources().is_empty());
    assert!(!found.text().contains("9990000018"));
    // Inside the same occasion, for the same use only.
    let again = json!({"type": OCCASION_TYPE, "occasion": token.occasion});
    asker.token(&gateway, &again);
    let other = research("HRESCH").ask(&gateway, &again).expect(400).json();
    assert_eq!(other["reason"], "occasion-not-open");

    let events = events(&gateway, &token.patient, "sandbox-audit-backend");
    let shown = events
        .iter()
        .find(|event| detail(event, "tabs-returned").is_some())
        .unwrap();
    assert_eq!(shown["purposeOfEvent"][0]["coding"][0]["code"], "HLEGAL");
    assert_eq!(
        detail(shown, "gateway").as_deref(),
        Some("legal-requirement")
    );
    assert_eq!(
        detail(shown, "basis").as_deref(),
        Some("gateway:legal-requirement")
    );
    let opened = events
        .iter()
        .find(|event| detail(event, "tabs-asked").as_deref() == Some("events"))
        .unwrap();
    let decision = detail(opened, "decision").unwrap();
    assert!(decision.contains("legal-gateway") && decision.contains("court-order-1"));

    let manager = overseer(&gateway, MANAGER);
    let report = get(&gateway, &manager, "reports/other-uses")
        .expect(200)
        .json();
    let lines = report["other_uses"].as_array().unwrap();
    let line = lines.iter().find(|line| line["occasion"] == token.occasion);
    let line = line.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(line["viewer"], "Z9R01");
    assert_eq!(line["purpose"], json!(["HLEGAL"]));
    assert_eq!(line["gateway"], "a legal requirement");
    assert_eq!(line["shown"], json!(["events"]));
    let officer = overseer(&gateway, OFFICER);
    get(&gateway, &officer, "reports/other-uses").expect(403);
    let subject = get_subject(&gateway, &manager);
    assert!(subject.contains("not for your own care"), "{subject}");
}

fn get_subject(gateway: &TestGateway, manager: &Token) -> String {
    let bearer = format!("Bearer {}", manager.access);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = json!({"nhs_number": "9990000018"}).to_string();
    let path = "/oversight/v1/reports/subject-access";
    gateway
        .send(Method::POST, path, &headers, &body)
        .expect(200)
        .text()
        .to_owned()
}

// R106, R170, R171, R173, R174, R177: everything else is refused, before anybody outside is asked, with its reason in the trail
#[test]
fn without_its_gateway_another_use_is_refused() {
    let gateway = own();
    let ask = |tabs: &[&str]| details("9990000018", tabs);
    // Over since a month; only anonymised; only of its own patients.
    research("CLINTRCH").refused(
        &gateway,
        &ask(&["medication"]),
        "legal-gateway-not-in-force",
    );
    research("HOPERAT").refused(&gateway, &ask(&["problems"]), "anonymised-only");
    let review = ask(&["procedures"]);
    research("HQUALIMP").refused(&gateway, &review, "not-registered-for-treatment");
    research("HQUALIMP").refused(
        &gateway,
        &with(review, "treatment", "worklist".into()),
        "not-registered-for-treatment",
    );
    // Wrong tabs, too many, none named, all.
    let court = research("HLEGAL");
    court.refused(&gateway, &ask(&["problems"]), "tabs-not-in-protocol");
    court.refused(
        &gateway,
        &ask(&["events", "problems"]),
        "tabs-not-in-protocol",
    );
    let mut none = ask(&["events"]);
    none.as_object_mut().unwrap().remove("tabs");
    court.refused(&gateway, &none, "more-than-necessary");
    let all: Vec<&str> = openmig::tabs::catalogue::TABS
        .map(|tab| tab.code())
        .to_vec();
    court.refused(&gateway, &ask(&all), "more-than-necessary");
    // Mixed purposes, and an emergency is none of the six.
    for mixed in ["HLEGAL,TREAT", "TREAT,HLEGAL", "HLEGAL,HRESCH"] {
        research(mixed).refused(&gateway, &ask(&["events"]), "mixed-purposes");
    }
    let emergency = json!({"reason": "unconscious", "text": "Found collapsed at home, unresponsive, no companion"});
    court.refused(
        &gateway,
        &with(ask(&["events"]), "override", emergency),
        "mixed-purposes",
    );
    // Who has flows for other uses has none for treatment.
    research("TREAT").refused(&gateway, &ask(&["events"]), "role-not-in-protocol");
    // No flow of the organisation, no such code, the override's own codes: not this client's to claim.
    for purpose in [
        "HSYSADMIN",
        "HPAYMT",
        "HMARKT",
        "research",
        "",
        "BTG",
        "ETREAT",
    ] {
        let answer = research(purpose)
            .ask(&gateway, &ask(&["events"]))
            .expect(401);
        assert_eq!(answer.json()["error"], "invalid_client", "{purpose}");
    }
    for purpose in ["HRESCH", "PUBHLTH", "HOPERAT", "TREAT,HRESCH"] {
        let hospital = Asker {
            client: "sandbox-backend",
            user: "hospital-doctor",
            purpose,
            organisation: "Z9H01",
        };
        let full = with(ask(&["problems"]), "consent", yes());
        let answer = hospital.ask(&gateway, &full).expect(401);
        assert_eq!(answer.json()["error"], "invalid_client", "{purpose}");
    }
}

// R171 (S3: explicit patient consent): to this very use, whole, and not by what was said about treatment
#[test]
fn the_consent_gateway_needs_consent_to_this_use() {
    let gateway = own();
    let study = research("HRESCH");
    let ask = details("9990000751", &["problems", "medication"]);
    study.refused(&gateway, &ask, "no-consent-to-this-use");
    let treated = with(ask.clone(), "consent", yes());
    study.refused(&gateway, &treated, "no-consent-to-this-use");
    let other = with(ask.clone(), "consent", consent_to("PUBHLTH"));
    study.refused(&gateway, &other, "no-consent-to-this-use");
    let mut hasty = consent_to("HRESCH");
    hasty["told_may_decline"] = false.into();
    let hasty = with(ask.clone(), "consent", hasty);
    study.refused(&gateway, &hasty, "consent-not-told-may-decline");

    let asked = with(ask.clone(), "consent", consent_to("HRESCH"));
    let token = study.token(&gateway, &asked);
    let granted = &token.answer["authorization_details"][0];
    assert_eq!(granted["gateway"], "explicit-consent");
    let consent = granted["consent"].as_str().unwrap();
    let resource = gateway.get(&token, consent).expect(200).json();
    assert_eq!(resource["provision"]["purpose"][0]["code"], "HRESCH");
    gateway
        .get(
            &token,
            &format!("MedicationRequest?patient={}", token.patient),
        )
        .expect(200);
    let events = events(&gateway, &token.patient, "sandbox-audit-backend");
    let basis = detail(&events[0], "basis").unwrap();
    let id = consent.strip_prefix("Consent/").unwrap();
    assert_eq!(basis, format!("consent:{id} gateway:explicit-consent"));

    // A "no" stands, and consent to research opens no record for treatment.
    let mut no = consent_to("HRESCH");
    no["answer"] = "no".into();
    study.refused(
        &gateway,
        &with(ask.clone(), "consent", no),
        "consent-declined",
    );
    study.refused(&gateway, &asked, "refusal-stands");
    gateway
        .get(
            &token,
            &format!("MedicationRequest?patient={}", token.patient),
        )
        .expect(403);
    // Where nobody is asked, any "no" to this person stands; a change of mind is about its own use.
    let order = details("9990000751", &["events"]);
    research("HLEGAL").refused(&gateway, &order, "refusal-stands");
    let mut changed = consent_to("HRESCH");
    changed["changed_mind"] = true.into();
    study.token(&gateway, &with(ask.clone(), "consent", changed));
    research("HLEGAL").token(&gateway, &order);
    let answer = gateway.ask(&Ask::consent("9990000751").said("purpose", "HRESCH".into()));
    assert_eq!(
        answer.expect(400).json()["reason"],
        "no-consent-to-this-use"
    );
}

// R176: the national data opt-out counts for section 251 and for nothing else, and looks like any matter of the patient; R003
#[test]
fn the_national_opt_out_counts_where_section_251_is_the_gateway() {
    let gateway = own();
    let register = research("PUBHLTH");
    let ask = |number: &str| details(number, &["diagnosis", "investigations"]);
    let token = register.token(&gateway, &ask("9990000018"));
    let granted = &token.answer["authorization_details"][0];
    assert_eq!(granted["gateway"], "section-251");
    // 9990000387 has one: absent from this flow, present in direct care and where another gateway is the basis.
    let answer = register.ask(&gateway, &ask("9990000387")).expect(400);
    assert_eq!(answer.text(), NO_RECORD);
    let rows = gateway.rows(answer.header("x-request-id"));
    assert!(
        rows.iter()
            .any(|row| row.failure.as_deref() == Some("national-data-opt-out")),
        "{rows:?}"
    );
    gateway.token(&Ask::consent("9990000387"));
    research("HLEGAL").token(&gateway, &details("9990000387", &["events"]));
    // All other rules hold: opted out at the practice, S-flag, temporary, restricted.
    for number in ["9990001863", "9990002606", "9990002975", "9990008159"] {
        let answer = register.ask(&gateway, &ask(number)).expect(400);
        assert_eq!(answer.text(), NO_RECORD, "{number}");
    }
    // An answer of the national service that is too old is none.
    gateway.advance(8 * 24 * 3600);
    let answer = register.ask(&gateway, &ask("9990000018")).expect(400);
    assert_eq!(answer.text(), NO_RECORD);
}

// R034: token and record answers say which tabs were asked for, allowed and returned; so do the rows
#[test]
fn an_answer_says_which_tabs_were_asked_allowed_and_returned() {
    let gateway = own();
    let token = gateway.token(&Ask::consent("9990000018").tabs(&["summary", "medication"]));
    let granted = &token.answer["authorization_details"][0];
    assert_eq!(granted["tabs_asked"], json!(["summary", "medication"]));
    assert_eq!(granted["tabs"], granted["tabs_asked"]);
    assert_eq!(granted["tabs_allowed"].as_array().unwrap().len(), 10);
    let nurse = gateway.token(&Ask::consent("9990000018").by("sandbox-backend", "hospital-nurse"));
    let granted = &nurse.answer["authorization_details"][0];
    assert!(granted.get("tabs_asked").is_none());
    assert_eq!(granted["tabs"], granted["tabs_allowed"]);
    assert_eq!(granted["tabs"].as_array().unwrap().len(), 3);

    let said = |path: &str| -> [Vec<String>; 3] {
        let path = path.replace("$P", &token.patient);
        let bundle = gateway.get(&token, &path).expect(200).json();
        let extension = &bundle["meta"]["extension"][0];
        assert_eq!(
            extension["url"],
            "https://openmig.org/fhir/StructureDefinition/answer-tabs"
        );
        let parts = extension["extension"].as_array().unwrap().clone();
        ["asked", "allowed", "returned"].map(|name| {
            parts
                .iter()
                .filter(|part| part["url"] == name)
                .map(|part| part["valueCode"].as_str().unwrap().to_owned())
                .collect()
        })
    };
    let both = ["summary", "medication"].map(str::to_owned).to_vec();
    let one = |code: &str| vec![code.to_owned()];
    let [asked, allowed, returned] = said("List?patient=$P&code=medication&_include=List:item");
    assert_eq!((asked, allowed), (one("medication"), both.clone()));
    assert!(returned.contains(&"medication".to_owned()));
    assert_eq!(
        said("AllergyIntolerance?patient=$P"),
        [vec![], both.clone(), one("summary")]
    );
    assert_eq!(
        said("AllergyIntolerance?patient=$P&code=none"),
        [vec![], both.clone(), vec![]]
    );
    let events = events(&gateway, &token.patient, "sandbox-audit-backend");
    let of =
        |name: &str| -> Vec<String> { events.iter().filter_map(|it| detail(it, name)).collect() };
    assert!(of("tabs-asked").contains(&"medication".to_owned()));
    assert!(of("tabs-asked").contains(&"summary medication".to_owned()));
    assert!(of("tabs-returned").contains(&"summary".to_owned()));
}

// R034 (S4): a source that can be asked for less is; what was fetched in part never answers who needs more
#[test]
fn a_source_is_asked_for_no_more_than_the_tabs_need() {
    let gateway = own();
    let number = "9990005567";
    let names = |token: &Token, kind: &str| -> BTreeSet<String> {
        let path = format!("{kind}?patient={}&_count=1000", token.patient);
        let found = gateway.get(token, &path).expect(200).resources();
        found.iter().map(super::crawl::name).collect()
    };
    let tcp = || gateway.look_ups()[2];
    let start = tcp();
    let narrow = gateway.token(&Ask::consent(number).tabs(&["medication"]));
    let medicines = names(&narrow, "MedicationRequest");
    assert!(!medicines.is_empty());
    assert_eq!(tcp(), start + 1);
    // Who may see more gets more: another look-up, with nothing missing.
    let whole = gateway.token(&Ask::consent(number));
    assert_eq!(tcp(), start + 2);
    assert!(!names(&whole, "Condition").is_empty());
    assert!(!names(&whole, "Observation").is_empty());
    assert_eq!(names(&whole, "MedicationRequest"), medicines);
    // And what is held whole is enough for who needs less.
    let again = gateway.token(&Ask::consent(number).tabs(&["medication"]));
    assert_eq!(names(&again, "MedicationRequest"), medicines);
    assert_eq!(tcp(), start + 2);
}

// R003, R012, R034: whatever is asked for, the source says who the patient is and whether they opted out
#[test]
fn a_narrow_question_still_tells_of_the_opt_out() {
    let gateway = alone();
    let ask = Ask::consent("9990005567").tabs(&["medication"]);
    gateway.token(&ask);
    let people = &gateway.sandbox.people;
    let share = |sharing| people.change("9990005567", |person| person.sharing = sharing);
    share(Sharing::Dissent);
    let answer = gateway.ask(&ask);
    share(Sharing::Implied);
    assert_eq!(answer.expect(400).text(), NO_RECORD);
}

// R158: a site asks in its own name, its organisation's agreement decides, and both are in answer and trail
#[test]
fn a_site_asks_in_its_own_name() {
    let gateway = own();
    let at = |organisation| Asker {
        client: "sandbox-backend",
        user: "hospital-doctor",
        purpose: "TREAT",
        organisation,
    };
    let full = json!({
        "type": OCCASION_TYPE, "patient": "9990000018", "treatment": "worklist", "consent": yes()
    });
    let token = at("Z9H01A").token(&gateway, &full);
    assert_eq!(token.answer["authorization_details"][0]["site"], "Z9H01A");
    gateway
        .get(&token, &format!("Condition?patient={}", token.patient))
        .expect(200);
    let events = events(&gateway, &token.patient, "sandbox-audit-backend");
    let shown = events
        .iter()
        .find(|event| detail(event, "tabs-returned").is_some())
        .unwrap();
    assert_eq!(detail(shown, "site").as_deref(), Some("Z9H01A"));
    assert!(shown["agent"].to_string().contains("\"Z9H01\""));
    // In authorization_details as well, and the two have to agree.
    let named = with(full.clone(), "site", "Z9H01B".into());
    let token = at("Z9H01").token(&gateway, &named);
    assert_eq!(token.answer["authorization_details"][0]["site"], "Z9H01B");
    let again = json!({"type": OCCASION_TYPE, "occasion": token.occasion});
    let resumed = at("Z9H01").token(&gateway, &again);
    assert_eq!(resumed.answer["authorization_details"][0]["site"], "Z9H01B");
    let other = at("Z9H01A").ask(&gateway, &again).expect(400).json();
    assert_eq!(other["reason"], "occasion-not-open");
    for (organisation, site) in [
        ("Z9H01A", "Z9H01B"),
        ("Z9H01", "Z9O01"),
        ("Z9H01", "nowhere"),
    ] {
        let named = with(full.clone(), "site", site.into());
        let answer = at(organisation).ask(&gateway, &named).expect(400).json();
        assert_eq!(answer["error"], "invalid_authorization_details", "{site}");
    }
    // Nobody's site, and another organisation's client.
    at("Z9H01Z").ask(&gateway, &full).expect(401);
    let foreign = Asker {
        client: "sandbox-backend-es",
        user: "clinician",
        ..at("Z9H01A")
    };
    foreign.ask(&gateway, &full).expect(401);
}

// R110: clinician and patient of one family name are flagged for whoever audits, and two patients of one name are told apart
#[test]
fn the_same_name_is_flagged() {
    let gateway = own();
    let people = &gateway.sandbox.people;
    let opened = gateway.token(&Ask::consent("9990005192"));
    assert!(
        opened.answer["authorization_details"][0]
            .get("same_name")
            .is_none()
    );
    people.change("9990007411", |person| person.family = "LINDQVIST".into());
    let same = gateway.token(&Ask::consent("9990007411"));
    let flags = |occasion: &str| -> i64 {
        let sql = "SELECT count(*) FROM audit_event WHERE occasion = ?1 AND interaction = 'flag' AND query = 'same-name'";
        gateway
            .database()
            .query_row(sql, [occasion], |row| row.get(0))
            .unwrap()
    };
    assert_eq!((flags(&opened.occasion), flags(&same.occasion)), (0, 1));
    let officer = overseer(&gateway, OFFICER);
    let report = get(&gateway, &officer, "reports/misuse").expect(200).json();
    let listed = report["listed"].as_array().unwrap();
    let line = listed.iter().find(|row| row["occasion"] == same.occasion);
    assert!(
        line.unwrap()["why"]
            .as_str()
            .unwrap()
            .contains("same family name"),
        "{report}"
    );
    // The clinician learns nothing of that; but that another patient of the list has the same name is said.
    assert!(
        same.answer["authorization_details"][0]
            .get("same_name")
            .is_none()
    );
    let (given, family) = {
        let person =
            openmig::sandbox::mock::Population::by_nhs_number(&**people, "9990000018").unwrap();
        (person.given.clone(), person.family.clone())
    };
    people.change("9990006679", |person| {
        person.given = given;
        person.family = family;
    });
    let twice = gateway.token(&Ask::consent("9990000018").by("sandbox-backend-es", "clinician"));
    assert_eq!(twice.answer["authorization_details"][0]["same_name"], true);
    let page = super::browser::consent_page(&gateway, "9990000018");
    assert!(page.contains("data-testid=\"same-name\""), "{page}");
    let page = super::browser::consent_page(&gateway, "9990000387");
    assert!(!page.contains("data-testid=\"same-name\""));
}

// R172: what is documented of each gateway is there to read; R175: and patients are told of every flow that is in force
#[test]
fn gateways_are_public_to_those_whose_records_they_use() {
    let gateway = own();
    let group = overseer(&gateway, GROUP);
    let report = get(&gateway, &group, "reports/gateways").expect(200).json();
    let rows = report["gateways"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let over = rows
        .iter()
        .find(|row| row["protocol"] == "trial-1")
        .unwrap();
    assert_eq!(
        (&over["in_force"], &over["why_not"]),
        (&json!(false), &json!("legal-gateway-not-in-force"))
    );
    let page = gateway
        .send(Method::GET, "/patient-information", &[], "")
        .expect(200);
    assert!(page.text().contains("To answer an order of the court."));
    assert!(!page.text().contains("To recruit for a trial"));
}
