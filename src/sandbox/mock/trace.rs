//! The mock trace service, PDS-FHIR-style: one route, `GET /Patient/{nhs-number}`.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Path, State};
use axum::routing::get;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::faults::FaultKind;
use super::state::{MockState, Source};
use super::wire::{self, Answer, Line};
use crate::sandbox::story::Person;

const MEDIA: &str = "application/fhir+json; charset=utf-8";
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
const VERIFICATION_CODES: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// Serves until `shutdown`.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    state: Arc<MockState>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/Patient/{nhs_number}", get(answer))
        .fallback(no_such_page)
        .with_state(state);
    wire::serve(listener, routes, shutdown).await
}

async fn answer(
    State(state): State<Arc<MockState>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(nhs_number): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    state.count(Source::Trace);
    let fault = state.faults().take(Source::Trace);
    let person = if fault == Some(FaultKind::WrongPatient) {
        state
            .population()
            .worklist("Z9O01", 0, 2)
            .iter()
            .find(|entry| entry.nhs_number != nhs_number)
            .and_then(|entry| state.population().by_nhs_number(&entry.nhs_number))
    } else {
        state.population().by_nhs_number(&nhs_number)
    };
    let ten_digits = nhs_number.len() == 10 && nhs_number.bytes().all(|b| b.is_ascii_digit());
    let (status, body) = match person {
        Some(person) => (StatusCode::OK, patient(&person)),
        None if ten_digits => (
            StatusCode::NOT_FOUND,
            wrong("not-found", "RESOURCE_NOT_FOUND", "Resource not found"),
        ),
        None => (
            StatusCode::BAD_REQUEST,
            wrong("value", "INVALID_RESOURCE_ID", "Resource Id is invalid"),
        ),
    };
    let mut answer = Answer::new(status, MEDIA, body.to_string());
    answer.request_id = headers.get("x-request-id").cloned();
    wire::send(answer, fault, &line).await
}

async fn no_such_page() -> (StatusCode, [(http::HeaderName, &'static str); 1], String) {
    let body = wrong("not-found", "RESOURCE_NOT_FOUND", "Resource not found");
    (
        StatusCode::NOT_FOUND,
        [(http::header::CONTENT_TYPE, MEDIA)],
        body.to_string(),
    )
}

fn wrong(code: &str, spine: &str, words: &str) -> Value {
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{
            "severity": "error",
            "code": code,
            "details": {"coding": [{
                "system": "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode",
                "version": "1",
                "code": spine,
                "display": words,
            }]},
        }],
    })
}

/// What the trace service says of this person; of a sensitive one neither practice nor address.
fn patient(person: &Person) -> Value {
    let trace = &person.trace;
    let (family, given, born) = match &trace.differs {
        Some((family, given, born)) => (family.clone(), vec![given.clone()], *born),
        None => (
            person.family.clone(),
            person.given.clone(),
            person.birth_date,
        ),
    };
    let (security, meaning) = if trace.sensitive {
        ("R", "restricted")
    } else {
        ("U", "unrestricted")
    };
    let (verified, words) = if trace.verified {
        ("01", "Number present and verified")
    } else {
        ("02", "Number present but not traced")
    };
    let mut patient = json!({
        "resourceType": "Patient",
        "id": person.nhs_number,
        "meta": {
            "versionId": "1",
            "security": [{"system": CONFIDENTIALITY, "code": security, "display": meaning}],
        },
        "identifier": [{
            "system": NHS_NUMBER,
            "value": person.nhs_number,
            "extension": [{
                "url": VERIFICATION,
                "valueCodeableConcept": {"coding": [{
                    "system": VERIFICATION_CODES,
                    "version": "1.0.0",
                    "code": verified,
                    "display": words,
                }]},
            }],
        }],
        "name": [{
            "id": "1",
            "use": "usual",
            "prefix": [person.title],
            "given": given,
            "family": family,
        }],
        "gender": match person.sex { 'F' => "female", 'M' => "male", _ => "unknown" },
        "birthDate": born.to_string(),
    });
    if let Some(fields) = patient.as_object_mut() {
        if let Some(died) = trace.deceased {
            fields.insert(
                "deceasedDateTime".to_owned(),
                json!(format!("{died}T00:00:00+00:00")),
            );
        }
        if !trace.sensitive {
            fields.insert(
                "generalPractitioner".to_owned(),
                json!([{
                    "id": "1",
                    "type": "Organization",
                    "identifier": {"system": ODS, "value": person.practice},
                }]),
            );
            let [street, village, town, county, postcode] = &person.address;
            fields.insert(
                "address".to_owned(),
                json!([{
                    "id": "1",
                    "use": "home",
                    "line": [street, village, town, county],
                    "postalCode": postcode,
                }]),
            );
        }
    }
    patient
}
