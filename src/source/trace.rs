//! The trace service, PDS-FHIR-style: NHS number in, demographics and registered practice out (R001, R002, R011, R012).

use serde::Deserialize;

use crate::clock::new_id;
use crate::fhir::uri::NHS_NUMBER;
use crate::record::{NhsNumber, OdsCode};
use crate::source::http::SharedHttp;
use crate::source::{BoxFuture, SourceError, SourceLimits};

/// What the trace service says of one NHS number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceAnswer {
    /// It knows the number.
    Found(Traced),
    /// It does not know the number, or the number was withdrawn.
    NotFound,
}

/// A traced patient. Names and date of birth serve the identity cross-check only.
#[derive(Clone, PartialEq, Eq)]
pub struct Traced {
    /// `01` = number present and verified; anything else is not fully traced.
    pub verification: String,
    /// Family name.
    pub family: Option<String>,
    /// First given name.
    pub given: Option<String>,
    /// Date of birth, `YYYY-MM-DD` or less precise as the service has it.
    pub birth_date: Option<String>,
    /// ODS code of the registered practice.
    pub practice: Option<OdsCode>,
    /// The record is marked sensitive (S-flag).
    pub sensitive: bool,
    /// The patient has died.
    pub deceased: bool,
}

impl std::fmt::Debug for Traced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traced")
            .field("practice", &self.practice)
            .finish_non_exhaustive()
    }
}

/// Something that traces.
pub trait Tracer: Send + Sync {
    /// Traces one NHS number.
    ///
    /// # Errors
    /// The service did not answer, or not as a PDS-FHIR service does.
    fn trace<'a>(
        &'a self,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<TraceAnswer, SourceError>>;
}

/// A PDS-FHIR-style trace service over HTTP.
pub struct PdsTracer {
    base: String,
    limits: SourceLimits,
    http: SharedHttp,
}

impl PdsTracer {
    /// `base` is the URL in front of `/Patient/…`.
    #[must_use]
    pub fn new(base: &str, limits: SourceLimits, http: SharedHttp) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            limits,
            http,
        }
    }

    async fn ask(&self, nhs_number: &NhsNumber) -> Result<TraceAnswer, SourceError> {
        let url = format!("{}/Patient/{}", self.base, nhs_number.as_str());
        let request_id = new_id().to_string();
        let headers = [
            ("accept", "application/fhir+json"),
            ("x-request-id", request_id.as_str()),
        ];
        let about = Some(self.http.gates().about(nhs_number));
        let answer = self.http.get(&url, &headers, about, &self.limits).await?;
        if answer.status == 404 {
            // Only the service's own 404 says that the number is unknown; a proxy's says nothing.
            return match serde_json::from_slice::<Kind>(&answer.body) {
                Ok(kind) if kind.resource_type == "OperationOutcome" => Ok(TraceAnswer::NotFound),
                _ => Err(SourceError::Status(404)),
            };
        }
        read(&answer.ok()?, nhs_number)
    }
}

impl Tracer for PdsTracer {
    fn trace<'a>(
        &'a self,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<TraceAnswer, SourceError>> {
        Box::pin(self.ask(nhs_number))
    }
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "resourceType")]
    resource_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PdsPatient {
    resource_type: String,
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    identifier: Vec<Identifier>,
    #[serde(default)]
    name: Vec<Name>,
    birth_date: Option<String>,
    deceased_date_time: Option<String>,
    deceased_boolean: Option<bool>,
    #[serde(default)]
    general_practitioner: Vec<Practice>,
}

#[derive(Deserialize, Default)]
struct Meta {
    #[serde(default)]
    security: Vec<Coding>,
}

#[derive(Deserialize)]
struct Coding {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Identifier {
    system: Option<String>,
    value: Option<String>,
    #[serde(default)]
    extension: Vec<Extension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    url: String,
    value_codeable_concept: Option<Concept>,
}

#[derive(Deserialize)]
struct Concept {
    #[serde(default)]
    coding: Vec<Coding>,
}

#[derive(Deserialize)]
struct Name {
    r#use: Option<String>,
    family: Option<String>,
    #[serde(default)]
    given: Vec<String>,
}

#[derive(Deserialize)]
struct Practice {
    identifier: Option<PlainIdentifier>,
}

#[derive(Deserialize)]
struct PlainIdentifier {
    value: Option<String>,
}

const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

/// Reads a PDS Patient. Without a security label the patient counts as sensitive, without a verification status as
/// untraced: unknown never opens a record.
///
/// # Errors
/// No Patient, or another one than was asked for.
pub fn read(body: &[u8], nhs_number: &NhsNumber) -> Result<TraceAnswer, SourceError> {
    let patient: PdsPatient = serde_json::from_slice(body)
        .map_err(|_| SourceError::Mismatch("the trace service's answer is no Patient"))?;
    if patient.resource_type != "Patient" {
        return Err(SourceError::Mismatch(
            "the trace service's answer is no Patient",
        ));
    }
    let identifier = patient
        .identifier
        .iter()
        .find(|id| id.system.as_deref() == Some(NHS_NUMBER));
    let identifier = identifier
        .filter(|id| id.value.as_deref() == Some(nhs_number.as_str()))
        .ok_or(SourceError::Mismatch(
            "the trace service answered for another number",
        ))?;
    let code = |codings: &[Coding]| codings.first().and_then(|coding| coding.code.clone());
    let verification = identifier
        .extension
        .iter()
        .find(|extension| extension.url == VERIFICATION)
        .and_then(|extension| code(&extension.value_codeable_concept.as_ref()?.coding))
        .unwrap_or_default();
    let name = patient
        .name
        .iter()
        .find(|name| name.r#use.as_deref() == Some("usual"))
        .or(patient.name.first());
    Ok(TraceAnswer::Found(Traced {
        verification,
        family: name.and_then(|name| name.family.clone()),
        given: name.and_then(|name| name.given.first().cloned()),
        birth_date: patient.birth_date,
        practice: patient
            .general_practitioner
            .into_iter()
            .find_map(|practice| practice.identifier?.value)
            .map(OdsCode),
        sensitive: !(patient.meta.security.len() == 1
            && code(&patient.meta.security).as_deref() == Some("U")),
        deceased: patient.deceased_date_time.is_some() || patient.deceased_boolean == Some(true),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(change: impl FnOnce(&mut serde_json::Value)) -> Result<TraceAnswer, SourceError> {
        let mut value = serde_json::json!({
            "resourceType": "Patient",
            "meta": {"security": [{"code": "U"}]},
            "identifier": [{"system": NHS_NUMBER, "value": "9990000018", "extension": [
                {"url": VERIFICATION, "valueCodeableConcept": {"coding": [{"code": "01"}]}}]}],
            "name": [{"use": "usual", "family": "Oakham", "given": ["Ann"]}],
            "birthDate": "1957-03-14",
            "generalPractitioner": [{"identifier": {"value": "Z99001"}}]
        });
        change(&mut value);
        read(
            value.to_string().as_bytes(),
            &NhsNumber::parse("9990000018").unwrap(),
        )
    }

    fn found(answer: Result<TraceAnswer, SourceError>) -> Traced {
        match answer.unwrap() {
            TraceAnswer::Found(traced) => traced,
            TraceAnswer::NotFound => unreachable!("it was found"),
        }
    }

    // R001, R002, R011: what the service does not say is never taken for the good case
    #[test]
    fn silence_is_never_the_good_case() {
        let plain = found(patient(|_| {}));
        assert!(!plain.sensitive && !plain.deceased && plain.verification == "01");
        assert_eq!(plain.practice, Some(OdsCode("Z99001".to_owned())));
        assert!(found(patient(|p| p["meta"] = serde_json::json!({}))).sensitive);
        assert!(found(patient(|p| p["meta"]["security"][0]["code"] = "R".into())).sensitive);
        assert!(
            found(patient(
                |p| p["identifier"][0]["extension"] = serde_json::json!([])
            ))
            .verification
            .is_empty()
        );
        assert!(found(patient(|p| p["deceasedDateTime"] = "2020".into())).deceased);
        assert!(patient(|p| p["identifier"][0]["value"] = "9990000387".into()).is_err());
        assert!(patient(|p| p["resourceType"] = "Bundle".into()).is_err());
        assert!(
            found(patient(|p| p["generalPractitioner"] = serde_json::json!([])))
                .practice
                .is_none()
        );
    }
}
