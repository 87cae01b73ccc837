//! On whose behalf a signed assertion asks, in either of two languages, made into one [`Requester`]: `extensions["hl7-b2b"]`
//! (HL7 UDAP Security) or, as siblings of it, the claims of a GP Connect token (GP Connect 1.x, "Cross Organisation Audit &
//! Provenance Transport"). An assertion may speak both; where they do not say the same, nobody is believed.
//!
//! GP Connect itself sends these claims in an unsigned token behind Spine's TLS. Here they count only inside an assertion whose
//! signature was verified (smart.md 5); nothing in this program reads an unsigned token.

use serde_json::{Map, Value};

use super::clinician::{ClinicianError, Named, accepted, named};
use crate::fhir::PatientId;
use crate::fhir::uri::{NHS_NUMBER, ODS_CODE};
use crate::occasion::{ClinicianClaim, direct_care};
use crate::record::{NhsNumber, OdsCode};
use crate::register::{Client, Register};

/// The claims of a GP Connect token that say who asks, for whom, why and for what.
pub const GP_CONNECT: [&str; 6] = [
    "requesting_practitioner",
    "requesting_organization",
    "requesting_device",
    "reason_for_request",
    "requested_scope",
    "requested_record",
];

/// Spine's id of a role profile; `UNK` where somebody has none.
const SDS_ROLE_PROFILE: &str = "https://fhir.nhs.uk/Id/sds-role-profile-id";
/// The one reason of GP Connect, which is treatment.
const DIRECT_CARE: &str = "directcare";
/// What GP Connect calls reading one patient's record.
const PATIENT_READ: &str = "patient/*.read";
/// Longest text that is recorded.
const MAX_RECORDED: usize = 200;

/// Who asks, and for whose record where the assertion says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The clinician, as the register knows them, for the client's organisation.
    pub clinician: ClinicianClaim,
    /// `requested_record`.
    pub record: Option<RequestedRecord>,
}

/// The patient of `requested_record`: by NHS number, by FHIR id, or by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedRecord {
    nhs_number: Option<NhsNumber>,
    id: Option<String>,
}

impl RequestedRecord {
    /// Is it this patient's? `id_of` gives the FHIR id of a number, where somebody can.
    pub fn is_of(
        &self,
        patient: &PatientId,
        id_of: impl Fn(&NhsNumber) -> Option<PatientId>,
    ) -> bool {
        let number = self
            .nhs_number
            .as_ref()
            .is_none_or(|number| id_of(number).as_ref() == Some(patient));
        let id = self.id.as_ref().is_none_or(|id| id == patient.as_str());
        number && id
    }
}

/// Reads both languages and checks them. `claims` holds those of [`GP_CONNECT`] that were sent.
///
/// # Errors
/// What is missing, unknown, another organisation's, or said in two ways.
pub fn requester(
    extensions: Option<&Value>,
    claims: &Map<String, Value>,
    client: &Client,
    register: &Register,
    user_base: &str,
) -> Result<Requester, ClinicianError> {
    let has_b2b = extensions.is_some_and(|extensions| extensions.get("hl7-b2b").is_some());
    if claims.is_empty() {
        return Ok(Requester {
            clinician: accepted(named(extensions, user_base)?, client, register)?,
            record: None,
        });
    }
    let (said, record) = gp_connect(claims, user_base)?;
    if has_b2b {
        let other = named(extensions, user_base)?;
        if other.username != said.username {
            return Err(ClinicianError::Conflict(
                "subject_id and requesting_practitioner",
            ));
        }
        if other.organisation != said.organisation {
            return Err(ClinicianError::Conflict(
                "organization_id and requesting_organization",
            ));
        }
        if other.purposes != said.purposes {
            return Err(ClinicianError::Conflict(
                "purpose_of_use and reason_for_request",
            ));
        }
    }
    Ok(Requester {
        clinician: accepted(said, client, register)?,
        record,
    })
}

fn gp_connect(
    claims: &Map<String, Value>,
    user_base: &str,
) -> Result<(Named, Option<RequestedRecord>), ClinicianError> {
    let bad = ClinicianError::GpConnect;
    let practitioner = resource(claims, "requesting_practitioner", "Practitioner")?
        .ok_or(bad("requesting_practitioner"))?;
    let organisation = resource(claims, "requesting_organization", "Organization")?
        .ok_or(bad("requesting_organization"))?;
    // Only its shape: who asks is the client and the clinician, whatever they sit at.
    resource(claims, "requesting_device", "Device")?;
    match claims.get("reason_for_request").map(Value::as_str) {
        Some(Some(DIRECT_CARE)) => {}
        Some(Some(_)) => return Err(ClinicianError::Purpose),
        _ => return Err(bad("reason_for_request")),
    }
    if let Some(scope) = claims.get("requested_scope")
        && scope.as_str() != Some(PATIENT_READ)
    {
        return Err(bad("requested_scope"));
    }
    let local = identifier(practitioner, user_base)
        .map_err(|()| bad("requesting_practitioner.identifier"))?
        .ok_or(bad("requesting_practitioner.identifier"))?;
    let role = identifier(practitioner, SDS_ROLE_PROFILE)
        .map_err(|()| bad("requesting_practitioner.identifier"))?
        .filter(|role| *role != "UNK");
    let ods = identifier(organisation, ODS_CODE)
        .map_err(|()| bad("requesting_organization.identifier"))?
        .ok_or(bad("requesting_organization.identifier"))?;
    let said = Named {
        username: local.to_owned(),
        organisation: OdsCode(ods.to_owned()),
        name: human_name(practitioner),
        role: role.map(|role| role.chars().take(MAX_RECORDED).collect()),
        purposes: direct_care(),
    };
    Ok((said, record(claims)?))
}

/// The patient of `requested_record`. This gateway shows patients' records, so an organisation's is another API's.
fn record(claims: &Map<String, Value>) -> Result<Option<RequestedRecord>, ClinicianError> {
    let bad = ClinicianError::GpConnect("requested_record");
    let Some(patient) = resource(claims, "requested_record", "Patient")? else {
        return Ok(None);
    };
    let nhs_number = identifier(patient, NHS_NUMBER)
        .map_err(|()| bad)?
        .map(|number| NhsNumber::parse(number).map_err(|_| bad))
        .transpose()?;
    let id = match patient.get("id") {
        None => None,
        Some(id) => Some(id.as_str().ok_or(bad)?.to_owned()),
    };
    if nhs_number.is_none() && id.is_none() {
        return Err(bad);
    }
    Ok(Some(RequestedRecord { nhs_number, id }))
}

/// A claim that is a minimal FHIR resource of this type.
fn resource<'a>(
    claims: &'a Map<String, Value>,
    claim: &'static str,
    kind: &str,
) -> Result<Option<&'a Map<String, Value>>, ClinicianError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Value::Object(resource))
            if resource.get("resourceType").and_then(Value::as_str) == Some(kind) =>
        {
            Ok(Some(resource))
        }
        Some(_) => Err(ClinicianError::GpConnect(claim)),
    }
}

/// The one value that a resource has in this system; two different ones are an error.
fn identifier<'a>(resource: &'a Map<String, Value>, system: &str) -> Result<Option<&'a str>, ()> {
    let mut found: Option<&str> = None;
    let identifiers = resource.get("identifier").and_then(Value::as_array);
    for one in identifiers.into_iter().flatten() {
        if one.get("system").and_then(Value::as_str) != Some(system) {
            continue;
        }
        let value = one
            .get("value")
            .and_then(Value::as_str)
            .filter(|v| !v.is_empty());
        match (value, found) {
            (None, _) => return Err(()),
            (Some(value), Some(before)) if value != before => return Err(()),
            (Some(value), _) => found = Some(value),
        }
    }
    Ok(found)
}

/// A HumanName in words, for the record; GP Connect's own example has one where FHIR has a list.
fn human_name(resource: &Map<String, Value>) -> Option<String> {
    let name = match resource.get("name")? {
        Value::Array(names) => names.first()?,
        name => name,
    };
    let words = |member: &str| -> Vec<&str> {
        match name.get(member) {
            Some(Value::String(word)) => vec![word.as_str()],
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    };
    let text: String = ["prefix", "given", "family"]
        .into_iter()
        .flat_map(words)
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MAX_RECORDED)
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
#[path = "requester_tests.rs"]
mod tests;
