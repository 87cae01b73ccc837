//! The named clinician in a signed assertion: `extensions["hl7-b2b"]` (design.md 8; R101).
//!
//! Identity comes from here, because the client's organisation signed it; role and standing come from the register.

use serde_json::Value;

use crate::fhir::uri::{ACT_REASON, ODS_CODE};
use crate::occasion::ClinicianClaim;
use crate::record::OdsCode;
use crate::register::{Client, Register};

/// Why the clinician claim is refused; each text names the member and repeats nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClinicianError {
    /// The object or one of its members is missing or of another type.
    #[error(
        "the client assertion must name the clinician: extensions.hl7-b2b{0} is missing or unusable"
    )]
    Missing(&'static str),
    /// Not of this issuer's users, or nobody known.
    #[error("the client assertion's subject_id is no known user")]
    UnknownUser,
    /// Not an ODS URI, or not the client's organisation.
    #[error("the client assertion's organization_id is not the client's organisation")]
    Organisation,
    /// The user does not act for the client's organisation.
    #[error("the client assertion's subject_id does not belong to the client's organisation")]
    OtherOrganisation,
    /// Another purpose than treatment (R106).
    #[error("the client assertion's purpose_of_use must be v3-ActReason TREAT")]
    Purpose,
}

/// Reads and checks the claim. `user_base` is the issuer's registered base of `subject_id`, without the `#`.
///
/// # Errors
/// What is missing, unknown or another organisation's.
pub fn clinician(
    extensions: Option<&Value>,
    client: &Client,
    register: &Register,
    user_base: &str,
) -> Result<ClinicianClaim, ClinicianError> {
    let claim = extensions
        .and_then(|extensions| extensions.get("hl7-b2b"))
        .and_then(Value::as_object)
        .ok_or(ClinicianError::Missing(""))?;
    let text = |name: &str| {
        claim
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let subject = text("subject_id").ok_or(ClinicianError::Missing(".subject_id"))?;
    let organisation =
        text("organization_id").ok_or(ClinicianError::Missing(".organization_id"))?;
    let purposes = claim
        .get("purpose_of_use")
        .and_then(Value::as_array)
        .filter(|purposes| !purposes.is_empty())
        .ok_or(ClinicianError::Missing(".purpose_of_use"))?;

    let organisation = after_hash(organisation, ODS_CODE)
        .map(|code| OdsCode(code.to_owned()))
        .ok_or(ClinicianError::Organisation)?;
    if client
        .organisation
        .as_ref()
        .is_some_and(|own| *own != organisation)
    {
        return Err(ClinicianError::Organisation);
    }
    let user = after_hash(subject, user_base)
        .and_then(|username| register.users.get(username))
        .ok_or(ClinicianError::UnknownUser)?;
    if !user.organisations.contains(&organisation) {
        return Err(ClinicianError::OtherOrganisation);
    }
    let treatment = |purpose: &Value| {
        purpose
            .as_str()
            .and_then(|purpose| after_hash(purpose, ACT_REASON))
            == Some("TREAT")
    };
    if !purposes.iter().all(treatment) {
        return Err(ClinicianError::Purpose);
    }
    let recorded = |name: &str| text(name).map(|text| text.chars().take(200).collect());
    Ok(ClinicianClaim {
        username: user.username.clone(),
        name: recorded("subject_name"),
        claimed_role: recorded("subject_role"),
        organisation,
        assurance: "asserted",
    })
}

pub(super) fn after_hash<'a>(text: &'a str, base: &str) -> Option<&'a str> {
    text.strip_prefix(base)?
        .strip_prefix('#')
        .filter(|rest| !rest.is_empty())
}
