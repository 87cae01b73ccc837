//! Trace service and worklists.

use serde_json::{Value, json};

use super::{Services, client};
use crate::sandbox::mock::Source;

async fn traced(services: &Services, number: &str) -> (u16, Option<String>, Value) {
    let answer = client()
        .get(format!("http://{}/Patient/{number}", services.trace))
        .header("x-request-id", "r-1")
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let id = answer
        .headers()
        .get("x-request-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let body = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    (status, id, body)
}

fn verification(patient: &Value) -> &Value {
    &patient["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
}

#[tokio::test]
async fn a_patient_is_traced_with_practice_and_verification() {
    let services = Services::start().await;
    let (status, id, patient) = traced(&services, "9990000018").await;
    assert_eq!((status, id.as_deref()), (200, Some("r-1")));
    assert_eq!(patient["resourceType"], "Patient");
    assert_eq!(patient["identifier"][0]["value"], "9990000018");
    assert_eq!(verification(&patient), "01");
    assert_eq!(patient["meta"]["security"][0]["code"], "U");
    assert_eq!(patient["name"][0]["family"], "O'Sample");
    assert_eq!(patient["birthDate"], "1957-03-14");
    assert_eq!(
        patient["generalPractitioner"][0]["identifier"]["value"],
        "Z99001"
    );
    assert_eq!(patient.get("deceasedDateTime"), None);
    assert_eq!(services.state.look_ups(Source::Trace), 1);
}

/// R001, R002, R011, R012.
#[tokio::test]
async fn special_patients_are_traced_as_such() {
    let services = Services::start().await;
    let (_, _, sensitive) = traced(&services, "9990002606").await;
    assert_eq!(sensitive["meta"]["security"][0]["code"], "R");
    assert_eq!(sensitive.get("generalPractitioner"), None);
    let (_, _, untraced) = traced(&services, "9990003343").await;
    assert_eq!(verification(&untraced), "02");
    let (_, _, other) = traced(&services, "9990009260").await;
    assert_eq!(other["name"][0]["family"], "Other");
    let (_, _, dead) = traced(&services, "9990009635").await;
    assert_eq!(dead["deceasedDateTime"], "2024-02-03T00:00:00+00:00");
}

#[tokio::test]
async fn an_unknown_number_is_an_operation_outcome() {
    let services = Services::start().await;
    for (number, expected) in [("9990009999", 404), ("12", 400), ("x%20y", 400)] {
        let (status, id, outcome) = traced(&services, number).await;
        assert_eq!((status, id.as_deref()), (expected, Some("r-1")));
        assert_eq!(outcome["resourceType"], "OperationOutcome");
    }
    let lost = client().get(format!("http://{}/nowhere", services.trace));
    assert_eq!(lost.send().await.unwrap().status().as_u16(), 404);
}

async fn find(services: &Services, ods: &str, body: &str) -> (u16, Value) {
    let answer = client()
        .post(format!("http://{}/worklist/{ods}/find", services.ehr))
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let body = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    (status, body)
}

/// R104.
#[tokio::test]
async fn worklists_say_who_is_registered_for_treatment() {
    let services = Services::start().await;
    for (ods, number, registered) in [
        ("Z9O01", "9990000018", true),
        ("Z9H01", "9990000018", true),
        ("Z9C01", "9990000018", false),
        ("Z9O01", "9990007780", false),
        ("Z9O01", "9990009999", false),
    ] {
        let asked = json!({ "nhs_number": number }).to_string();
        let (status, body) = find(&services, ods, &asked).await;
        let name = body["name"].is_string() && body["birth_date"].is_string();
        assert_eq!(
            (status, &body["registered"], name),
            (200, &json!(registered), registered),
            "{ods} {number}"
        );
    }
    for bad in ["", "{", "[]", "{\"nhs_number\":7}"] {
        assert_eq!(find(&services, "Z9O01", bad).await.0, 400, "{bad}");
    }
    let list = client().get(format!("http://{}/worklist/Z9O01", services.ehr));
    let list: Vec<Value> =
        serde_json::from_str(&list.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(list.len(), super::people().len() - 1);
    assert_eq!(
        list[0],
        json!({"nhs_number": "9990000018", "name": "Ada May O'Sample", "birth_date": "1957-03-14"})
    );
    assert_eq!(services.state.look_ups(Source::Ehr), 10);
}
