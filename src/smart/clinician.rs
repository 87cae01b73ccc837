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
    #[error(
        "the client assertion's purpose_of_use must be v3-ActReason TREAT, its reason_for_request directcare"
    )]
    Purpose,
    /// A claim of GP Connect is missing or of another form.
    #[error("the client assertion's {0} is missing or unusable")]
    GpConnect(&'static str),
    /// Two claims do not say the same.
    #[error("the client assertion's {0} do not say the same")]
    Conflict(&'static str),
}

/// Somebody named in an assertion, whom nobody has looked up yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Username.
    pub(super) username: String,
    /// For which organisation.
    pub(super) organisation: OdsCode,
    /// Name as sent.
    pub(super) name: Option<String>,
    /// Role as sent.
    pub(super) role: Option<String>,
}

/// Reads `extensions["hl7-b2b"]`. `user_base` is the issuer's registered base of `subject_id`, without the `#`.
pub(super) fn named(extensions: Option<&Value>, user_base: &str) -> Result<Named, ClinicianError> {
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
    let username = after_hash(subject, user_base).ok_or(ClinicianError::UnknownUser)?;
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
    Ok(Named {
        username: username.to_owned(),
        name: recorded("subject_name"),
        role: recorded("subject_role"),
        organisation,
    })
}

/// Is the organisation the client's, and does the register know this person there?
///
/// # Errors
/// It does not.
pub(super) fn accepted(
    named: Named,
    client: &Client,
    register: &Register,
) -> Result<ClinicianClaim, ClinicianError> {
    if client
        .organisation
        .as_ref()
        .is_some_and(|own| *own != named.organisation)
    {
        return Err(ClinicianError::Organisation);
    }
    let user = register
        .users
        .get(&named.username)
        .ok_or(ClinicianError::UnknownUser)?;
    if !user.organisations.contains(&named.organisation) {
        return Err(ClinicianError::OtherOrganisation);
    }
    Ok(ClinicianClaim {
        username: user.username.clone(),
        name: named.name,
        claimed_role: named.role,
        organisation: named.organisation,
        assurance: "asserted",
    })
}

pub(super) fn after_hash<'a>(text: &'a str, base: &str) -> Option<&'a str> {
    text.strip_prefix(base)?
        .strip_prefix('#')
        .filter(|rest| !rest.is_empty())
}
