//! Every patient of the contract (sandbox.md, patients), and what the token endpoint says of each.

use std::time::{Duration, Instant};

use jiff::ToSpan;

use serde_json::{Value, json};

use super::support::{Ask, ES, NO_RECORD, SHARED, TestGateway, Token, alone, child_said, proxy};

/// The patients whose record is shown to whoever asks rightly.
const GRANTED: [&str; 8] = [
    "9990000018",
    "9990000387",
    "9990000751",
    "9990001499",
    "9990005192",
    "9990005567",
    "9990006679",
    "9990007411",
];

/// Refused as a matter of the patient, with the reason that only the trail has.
const UNIFORM: [(&str, &str); 11] = [
    ("9990001863", "opted-out"),
    ("9990002231", "opted-out"),
    ("9990002606", "sensitive"),
    ("9990002975", "not-registered"),
    ("9990003343", "not-traced"),
    ("9990003718", "practice-not-enabled"),
    ("9990004080", "practice-not-signed"),
    ("9990004455", "opted-out"),
    ("9990008159", "record-restricted"),
    ("9990009260", "identity-mismatch"),
    ("9990009635", "deceased"),
];

// R001, R002, R004, R060, R070: with everything in order, the record is shown, to both viewers
#[test]
fn patients_in_order_are_granted() {
    let contract = SHARED
        .send(http::Method::GET, "/sandbox/contract.json", &[], "")
        .expect(200)
        .json();
    for number in GRANTED {
        for (client, user) in [("sandbox-backend", "hospital-doctor"), ES] {
            let token = SHARED.token(&Ask::consent(number).by(client, user));
            let known = contract["patients"].as_array().unwrap();
            let known = known
                .iter()
                .find(|one| one["nhs_number"] == number)
                .unwrap();
            assert_eq!(known["fhir_id"], token.patient, "{number}");
            assert_eq!(token.tabs.len(), 10, "{number}");
            let detail = &token.answer["authorization_details"][0];
            assert_eq!(detail["type"], "https://openmig.org/occasion");
            assert_eq!(detail["patient"], token.patient);
            assert!(detail["consent"].as_str().unwrap().starts_with("Consent/"));
            assert!(detail["override"].is_null());
            assert_eq!(token.answer["token_type"], "Bearer");
            assert_eq!(token.answer["expires_in"], 300);
            let scope = token.answer["scope"].as_str().unwrap();
            assert!(
                scope.contains("system/Patient.rs") && !scope.contains('*'),
                "{scope}"
            );
            let patient = SHARED.get(&token, &format!("Patient/{}", token.patient));
            let patient = patient.expect(200).json();
            assert_eq!(patient["identifier"][0]["value"], number);
            assert_eq!(patient["birthDate"], known["birth_date"]);
        }
    }
    let all: Vec<_> = contract["patients"].as_array().unwrap().iter().collect();
    assert_eq!(all.len(), 24);
}

// R001 to R004, R006, R008, R011, R012, R061: one answer for all of it, byte for byte, headers included
#[test]
fn what_is_the_patients_matter_is_refused_with_the_same_bytes() {
    let mut heads = Vec::new();
    for (number, reason) in UNIFORM {
        let asks = [
            Ask::consent(number),
            Ask::emergency(number), // R003, R094: an override lifts nothing of it
            Ask::consent(number).by(ES.0, ES.1),
        ];
        for ask in asks {
            let answer = SHARED.ask(&ask).expect(400);
            assert_eq!(answer.text(), NO_RECORD, "{number}");
            let request = answer.header("x-request-id").to_owned();
            let mut headers = answer.headers.clone();
            headers.remove("x-request-id").unwrap();
            headers.remove("date").unwrap();
            let mut headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            headers.sort();
            heads.push(headers);
            // R120: the trail knows
            let rows = SHARED.rows(&request);
            assert!(
                rows.iter()
                    .any(|row| row.failure.as_deref() == Some(reason)),
                "{number}: {rows:?}"
            );
            assert!(
                rows.iter().any(|row| row.what == "token"
                    && row.failure.as_deref() == Some("no-record-available"))
            );
        }
    }
    heads.dedup();
    assert_eq!(heads.len(), 1, "{heads:#?}");
    assert!(
        heads[0]
            .iter()
            .any(|line| line == "cache-control: no-store")
    );
}

// design.md 7: a stop at the trace and a stop at the source take the same time
#[test]
fn a_uniform_refusal_leaves_at_the_floor_and_not_before() {
    let gateway = alone();
    for number in ["9990002606", "9990001863", "9990003718"] {
        let ask = Ask::consent(number);
        let assertion = gateway.assertion(ask.client, ask.user);
        let details = json!([ask.details]).to_string();
        let began = Instant::now();
        let answer = gateway.post_token(&[
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            (
                "client_assertion_type",
                openmig::smart::authenticate::ASSERTION_TYPE,
            ),
            ("client_assertion", &assertion),
            ("authorization_details", &details),
        ]);
        let took = began.elapsed();
        assert_eq!(answer.text(), NO_RECORD);
        assert!(took >= Duration::from_millis(250), "{number}: {took:?}");
        // On a whole multiple of the floor; the way to and from the endpoint comes on top.
        let past = took.as_millis() % 250;
        assert!(past < 150, "{number}: {took:?}");
    }
}

// sandbox.md, refusals, last row (R125, R146): what does not answer is no refusal
#[test]
fn sources_that_fail_are_temporarily_unavailable() {
    for number in ["9990008523", "9990008892"] {
        for ask in [Ask::consent(number), Ask::emergency(number)] {
            let answer = SHARED.ask(&ask).expect(503);
            assert_eq!(answer.json()["error"], "temporarily_unavailable");
            assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
            let rows = SHARED.rows(answer.header("x-request-id"));
            assert!(
                rows.iter()
                    .any(|row| row.failure.as_deref() == Some("source-unavailable"))
            );
        }
    }
}

// R104: not on the worklist, whether or not such a patient exists
#[test]
fn who_is_not_registered_for_treatment_is_mendable() {
    for ask in [
        Ask::consent("9990007780"),
        Ask::emergency("9990007780"),
        Ask::consent("9999999999"), // nobody has this number
        Ask::consent("9990000018").with(|details| details["treatment"] = "referral".into()),
        Ask::consent("9990000018").with(|details| {
            details.as_object_mut().unwrap().remove("treatment");
        }),
    ] {
        SHARED.mendable(&ask, "not-registered-for-treatment");
    }
}

// R002; sandbox.md, refusals, third row
#[test]
fn details_that_make_no_sense_are_invalid() {
    let number = "9990000018";
    let broken: [Ask; 9] = [
        Ask::consent("9990000019"),
        Ask::consent("999000001"),
        Ask::consent(""),
        Ask::consent(number).with(|details| {
            details.as_object_mut().unwrap().remove("patient");
        }),
        Ask::consent(number).with(|details| details["type"] = "https://example.org/other".into()),
        Ask::consent(number)
            .with(|details| details["override"] = json!({"reason": "unconscious", "text": "x"})),
        Ask::consent(number).with(|details| details["more"] = json!(1)),
        Ask::consent(number).tabs(&["whole-record"]),
        Ask::consent(number).said("answer", json!(1)),
    ];
    for ask in broken {
        let answer = SHARED.ask(&ask).expect(400);
        assert_eq!(
            answer.json()["error"],
            "invalid_authorization_details",
            "{}",
            ask.details
        );
        assert!(!answer.text().contains("99900"), "{}", answer.text());
    }
    let nothing = Ask::consent(number).with(|details| *details = Value::Null);
    assert_eq!(
        SHARED.ask(&nothing).expect(400).json()["error"],
        "invalid_request"
    );
}

// R070 to R074: each item of the conversation has to be there, and clear
#[test]
fn every_missing_item_of_the_conversation_refuses() {
    let ask = || Ask::consent("9990000387");
    for (member, value, reason) in [
        ("asked", Value::Null, "consent-not-asked"),
        ("asked", json!(false), "consent-not-asked"),
        ("answer", Value::Null, "consent-answer-unclear"),
        ("answer", json!("perhaps"), "consent-answer-unclear"),
        ("told_what", json!(false), "consent-not-told-what"),
        ("told_why", Value::Null, "consent-not-told-why"),
        (
            "told_may_decline",
            json!(false),
            "consent-not-told-may-decline",
        ),
        (
            "told_meaning_of_declining",
            Value::Null,
            "consent-not-told-meaning-of-declining",
        ),
        ("voluntary", json!(false), "consent-not-voluntary"),
        ("capacity", Value::Null, "consent-capacity-not-recorded"),
        ("capacity", json!(false), "consent-no-capacity"),
    ] {
        SHARED.mendable(&ask().said(member, value), reason);
    }
    let without = ask().with(|details| {
        details.as_object_mut().unwrap().remove("consent");
    });
    let answer = SHARED.ask(&without).expect(400).json();
    assert_eq!(answer["error"], "access_denied");
    // A missing item is no refusal that stands.
    SHARED.token(&ask());
}

// R075, R076: a child's parent answers, the child is asked; a parent is no proxy for an adult
#[test]
fn a_childs_record_needs_a_proxy_and_the_childs_own_view() {
    let child = || Ask::consent("9990005931");
    let parent = proxy("parental-responsibility", "Sana Hussain", "mother");
    let agrees = child_said(true, "agrees");
    SHARED.mendable(&child(), "child-view-missing");
    for (view, reason) in [
        (child_said(true, "objects"), "child-objects"),
        (child_said(false, "agrees"), "child-not-asked"),
        (child_said(true, "maybe"), "child-view-unclear"),
    ] {
        SHARED.mendable(
            &child().said("proxy", parent.clone()).said("child", view),
            reason,
        );
    }
    let unable = child_said(false, "unable");
    SHARED.mendable(&child().said("child", unable.clone()), "child-needs-proxy");
    for (member, reason) in [
        ("basis", "proxy-basis"),
        ("name", "proxy-name"),
        ("relationship", "proxy-relationship"),
    ] {
        let mut lacking = parent.clone();
        lacking[member] = json!("");
        let ask = child().said("proxy", lacking).said("child", agrees.clone());
        SHARED.mendable(&ask, reason);
    }
    let both = child().said("proxy", parent.clone()).said("child", agrees);
    let token = SHARED.token(&both);
    SHARED.token(&child().said("proxy", parent.clone()).said("child", unable));
    let consent = token.answer["authorization_details"][0]["consent"]
        .as_str()
        .unwrap();
    let consent = SHARED.get(&token, consent).expect(200);
    assert_eq!(consent.json()["status"], "active");
    let adult = Ask::consent("9990000018").said("proxy", parent);
    SHARED.mendable(&adult, "proxy-parental-over-16");
    let power = proxy("legal-power", "Ann Tebbutt", "attorney");
    let power = Ask::consent("9990000018")
        .said("proxy", power)
        .said("capacity", json!(false));
    SHARED.token(&power);
}

// R077, R078: a no stands against this clinician, an override included, and against nobody else, until minds change
#[test]
fn a_refusal_stands_and_the_patient_may_change_their_mind() {
    let gateway = alone();
    let number = "9990000751";
    let no = Ask::consent(number).said("answer", json!("no"));
    let before = gateway.outside();
    gateway.mendable(&no, "consent-declined");
    gateway.mendable(&Ask::consent(number), "refusal-stands");
    gateway.mendable(&Ask::emergency(number), "refusal-stands");
    assert_eq!(gateway.outside(), before, "nobody outside was asked");
    gateway.token(&Ask::consent(number).by(ES.0, ES.1));
    let changed = || Ask::consent(number).said("changed_mind", json!(true));
    gateway.token(&changed());
    // The refusal is over now, not only for this once.
    gateway.token(&Ask::consent(number));
    // And it lapses by itself when an occasion would have.
    gateway.mendable(&no, "consent-declined");
    gateway.advance(30 * 60 + 1);
    gateway.token(&Ask::consent(number));
}

// R008, R062, R064, EMIS pitfall 21: the practice's flag decides, now; nothing that was held outlives it
#[test]
fn a_change_of_the_flag_is_obeyed_by_the_next_request() {
    use openmig::sandbox::story::Sharing;
    let gateway = alone();
    for number in ["9990007411", "9990005931"] {
        let child = number == "9990005931";
        let ask = || {
            let ask = Ask::consent(number);
            if child {
                ask.said("child", json!({"asked": true, "view": "agrees"}))
                    .said("proxy", proxy("parental-responsibility", "Sana", "mother"))
            } else {
                ask
            }
        };
        let token = gateway.token(&ask());
        let path = format!("Patient/{}", token.patient);
        gateway.get(&token, &path).expect(200);
        for flag in [Sharing::Dissent, Sharing::NotRecorded] {
            gateway
                .sandbox
                .people
                .change(number, |person| person.sharing = flag);
            assert_eq!(
                gateway.get(&token, &path).expect(403).code(),
                "no-record-available"
            );
            assert_eq!(gateway.ask(&ask()).expect(400).text(), NO_RECORD);
            gateway
                .sandbox
                .people
                .change(number, |person| person.sharing = Sharing::Implied);
            gateway.token(&ask());
        }
    }
}

// R006, R007: registered elsewhere, the old practice's record is nobody's to show
#[test]
fn who_moves_to_a_practice_that_takes_no_part_is_refused_at_once() {
    let gateway = alone();
    let number = "9990007411";
    let token = gateway.token(&Ask::consent(number));
    let path = format!("List?patient={}", token.patient);
    gateway.get(&token, &path).expect(200);
    gateway
        .sandbox
        .people
        .change(number, |person| person.practice = "Z99004");
    assert_eq!(
        gateway.get(&token, &path).expect(403).code(),
        "no-record-available"
    );
    assert_eq!(
        gateway.ask(&Ask::consent(number)).expect(400).text(),
        NO_RECORD
    );
    gateway
        .sandbox
        .people
        .change(number, |person| person.practice = "Z99002");
    gateway.token(&Ask::consent(number));
}

/// The texts of all notes of each List, and whether it carries the UK warning that data are in transit.
fn notices(gateway: &TestGateway, token: &Token) -> Vec<(Vec<String>, bool)> {
    let path = format!("List?patient={}", token.patient);
    let lists = gateway.get(token, &path).expect(200).resources();
    assert_eq!(lists.len(), 10);
    let of = |list: &Value| {
        let notes = list["note"].as_array().unwrap().iter();
        let texts = notes.map(|note| note["text"].as_str().unwrap().to_owned());
        let code = &list["extension"][0]["valueCodeableConcept"]["coding"][0]["code"];
        (texts.collect(), code == "data-in-transit")
    };
    lists.iter().map(of).collect()
}

// R007: from the new practice only, and for some weeks every List says that what was recorded before may be missing
#[test]
fn who_has_registered_of_late_may_have_a_record_in_transit() {
    let gateway = alone();
    let people = &gateway.sandbox.people;
    let today = gateway.sandbox.today();
    let number = "9990007411";
    for practice in ["Z99002", "Z99001"] {
        people.change(number, |person| person.practice = practice);
        for (days, warned) in [
            (0, true),
            (7, true),
            (27, true),
            (28, false),
            (5_000, false),
        ] {
            let since = today.saturating_sub(days.days());
            people.change(number, |person| person.registered = since);
            // Past what is held of the one before.
            gateway.advance(31);
            let token = gateway.token(&Ask::consent(number));
            let day = since.strftime("since %d-%b-%Y:").to_string();
            for (texts, coded) in notices(&gateway, &token) {
                assert_eq!(coded, warned, "{practice} {days}");
                let said = texts.iter().filter(|text| text.contains(&day)).count();
                assert_eq!(said, usize::from(warned), "{practice} {days} {texts:?}");
            }
        }
    }
    people.change(number, |person| {
        person.practice = "Z99002";
        person.registered = today.saturating_sub(7.days());
    });
}

// R010: what the practice's system has now is what is shown, and when it said so
#[test]
fn what_changes_in_the_source_is_shown_by_the_next_request() {
    let gateway = alone();
    let number = "9990000387";
    let token = gateway.token(&Ask::consent(number));
    let path = format!("Condition?patient={}", token.patient);
    let lists = format!("List?patient={}", token.patient);
    let shown = || gateway.get(&token, &path).expect(200).resources().len();
    let retrieved = || gateway.get(&token, &lists).expect(200).resources()[0]["date"].clone();
    let (before, then) = (shown(), retrieved());
    assert!(before > 0);
    let mut facts = Vec::new();
    let people = &gateway.sandbox.people;
    people.change(number, |person| facts = std::mem::take(&mut person.facts));
    gateway.advance(2);
    let (empty, now) = (shown(), retrieved());
    people.change(number, |person| person.facts.clone_from(&facts));
    assert_eq!(empty, 0);
    assert!(now.as_str() > then.as_str(), "{then} {now}");
    assert_eq!(shown(), before);
}
