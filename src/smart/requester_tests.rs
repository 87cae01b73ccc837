use serde_json::json;

use super::*;
use crate::sandbox::keys::{USER_BASE, hl7_b2b};
use crate::smart::fakes::{patient, register};

/// The payload example of GP Connect, with the fictional people of the sandbox.
fn claims() -> Map<String, Value> {
    let claims = json!({
        "reason_for_request": "directcare",
        "requested_record": {
            "resourceType": "Patient",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]
        },
        "requested_scope": "patient/*.read",
        "requesting_device": {
            "resourceType": "Device",
            "identifier": [{"system": "https://ehr.example/device", "value": "web-7"}],
            "model": "Example EHR", "version": "5.3", "url": "https://ehr.example"
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Z9H01"}],
            "name": "Sandbox University Hospitals"
        },
        "requesting_practitioner": {
            "resourceType": "Practitioner", "id": "17",
            "identifier": [
                {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "UNK"},
                {"system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "555021935107"},
                {"system": USER_BASE, "value": "hospital-doctor"}
            ],
            "name": {"family": ["Okafor"], "given": ["Ada", "B"], "prefix": ["Dr"]}
        }
    });
    let Value::Object(claims) = claims else {
        panic!("an object")
    };
    claims
}

fn read(
    extensions: Option<&Value>,
    claims: &Map<String, Value>,
) -> Result<Requester, ClinicianError> {
    let register = register();
    let client = &register.clients["sandbox-backend"];
    requester(extensions, claims, client, &register, USER_BASE)
}

fn b2b() -> Value {
    hl7_b2b("hospital-doctor", &OdsCode("Z9H01".to_owned()))
}

// smart.md 5: two languages, one requester
#[test]
fn both_languages_name_the_same_requester() {
    let gp_connect = read(None, &claims()).unwrap();
    let clinician = &gp_connect.clinician;
    assert_eq!(clinician.username, "hospital-doctor");
    assert_eq!(clinician.organisation.0, "Z9H01");
    assert_eq!(clinician.assurance, "asserted");
    assert_eq!(clinician.name.as_deref(), Some("Dr Ada B Okafor"));
    assert_eq!(clinician.claimed_role.as_deref(), Some("555021935107"));
    let udap = read(Some(&b2b()), &Map::new()).unwrap();
    assert_eq!(
        (&udap.clinician.username, &udap.clinician.organisation),
        (&clinician.username, &clinician.organisation)
    );
    assert_eq!(udap.record, None);
    assert_eq!(read(Some(&b2b()), &claims()).unwrap(), gp_connect);
    // the record is this patient's, by number or by id
    let record = gp_connect.record.unwrap();
    let other = crate::fhir::IdKey::new([8; 32]).patient(&NhsNumber::parse("9990000018").unwrap());
    assert!(record.is_of(&patient(), |_| Some(patient())));
    assert!(!record.is_of(&other, |_| Some(patient())));
    assert!(!record.is_of(&patient(), |_| None));
    assert!(!format!("{record:?}").contains("9990000018"));
    let mut by_id = claims();
    by_id["requested_record"] = json!({"resourceType": "Patient", "id": patient().as_str()});
    let record = read(None, &by_id).unwrap().record.unwrap();
    assert!(record.is_of(&patient(), |_| None));
    assert!(!record.is_of(&other, |_| None));
}

// Nothing is guessed: what is missing, twice, of another type or for another purpose is refused, and so is everything with it
#[test]
fn what_is_missing_or_odd_is_refused() {
    let set = |path: &str, value: Value| {
        let mut changed = Value::Object(claims());
        *changed.pointer_mut(path).unwrap() = value;
        let Value::Object(changed) = changed else {
            panic!("an object")
        };
        changed
    };
    let gp = ClinicianError::GpConnect;
    let practitioner = "/requesting_practitioner/identifier";
    let organisation = "/requesting_organization/identifier";
    for (changed, error) in [
        (
            set("/reason_for_request", json!("migration")),
            ClinicianError::Purpose,
        ),
        (
            set("/reason_for_request", json!(1)),
            gp("reason_for_request"),
        ),
        (
            set("/requested_scope", json!("patient/*.write")),
            gp("requested_scope"),
        ),
        (
            set("/requested_scope", json!("organization/*.read")),
            gp("requested_scope"),
        ),
        (
            set("/requesting_device", json!("web-7")),
            gp("requesting_device"),
        ),
        (
            set("/requesting_device/resourceType", json!("Patient")),
            gp("requesting_device"),
        ),
        (
            set("/requesting_practitioner", json!("Dr X")),
            gp("requesting_practitioner"),
        ),
        (
            set(practitioner, json!([])),
            gp("requesting_practitioner.identifier"),
        ),
        (
            set(
                &format!("{practitioner}/2/system"),
                json!("https://other.example"),
            ),
            gp("requesting_practitioner.identifier"),
        ),
        (
            set(
                practitioner,
                json!([
                    {"system": USER_BASE, "value": "hospital-doctor"}, {"system": USER_BASE, "value": "clinician"}
                ]),
            ),
            gp("requesting_practitioner.identifier"),
        ),
        (
            set(&format!("{practitioner}/2/value"), json!("nobody")),
            ClinicianError::UnknownUser,
        ),
        (
            set(&format!("{practitioner}/2/value"), json!("clinician")),
            ClinicianError::OtherOrganisation,
        ),
        (
            set(&format!("{organisation}/0/value"), json!("Z9O01")),
            ClinicianError::Organisation,
        ),
        (
            set(&format!("{organisation}/0/value"), json!("")),
            gp("requesting_organization.identifier"),
        ),
        // the deprecated system of STU2 is not one of ours
        (
            set(
                &format!("{organisation}/0/system"),
                json!("http://fhir.nhs.net/Id/ods-organization-code"),
            ),
            gp("requesting_organization.identifier"),
        ),
        (
            set("/requested_record/resourceType", json!("Organization")),
            gp("requested_record"),
        ),
        (
            set("/requested_record/identifier/0/value", json!("9990000019")),
            gp("requested_record"),
        ),
        (
            set("/requested_record/identifier", json!([])),
            gp("requested_record"),
        ),
    ] {
        assert_eq!(read(None, &changed).err(), Some(error), "{changed:?}");
        // and it does not help that the other language is in order
        assert!(read(Some(&b2b()), &changed).is_err(), "{changed:?}");
    }
    for claim in [
        "requesting_practitioner",
        "requesting_organization",
        "reason_for_request",
    ] {
        let mut without = claims();
        without.remove(claim);
        assert_eq!(read(None, &without).err(), Some(gp(claim)));
    }
    for claim in ["requesting_device", "requested_scope", "requested_record"] {
        let mut without = claims();
        without.remove(claim);
        assert!(read(None, &without).is_ok(), "{claim}");
    }
    assert_eq!(
        read(None, &Map::new()).err(),
        Some(ClinicianError::Missing(""))
    );
}

// Two stories in one assertion
#[test]
fn conflicting_claims_are_refused() {
    let other = hl7_b2b("clinician", &OdsCode("Z9H01".to_owned()));
    assert_eq!(
        read(Some(&other), &claims()).err(),
        Some(ClinicianError::Conflict(
            "subject_id and requesting_practitioner"
        ))
    );
    let other = hl7_b2b("hospital-doctor", &OdsCode("Z9O01".to_owned()));
    assert_eq!(
        read(Some(&other), &claims()).err(),
        Some(ClinicianError::Conflict(
            "organization_id and requesting_organization"
        ))
    );
    let broken = json!({"hl7-b2b": {}});
    assert!(read(Some(&broken), &claims()).is_err());
}
