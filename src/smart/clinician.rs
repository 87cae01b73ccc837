//! The named clinician in a signed assertion: `extensions["hl7-b2b"]` (design.md 8; R101).
//!
//! Identity comes from here, because the client's organisation signed it; role and standing come from the register.

use serde_json::Value;

use crate::fhir::uri::{ACT_REASON, ODS_CODE};
use crate::occasion::ClinicianClaim;
use crate::record::OdsCode;
use crate::register::{Client, OTHER_PURPOSES, Register};

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
    /// A purpose that is neither treatment nor one for which the organisation has an agreed flow (R106, R170).
    #[error(
        "the client assertion's purpose_of_use must be v3-ActReason TREAT or a purpose for which the organisation has an agreed flow, its reason_for_request directcare"
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
    /// What for, v3-ActReason codes.
    pub(super) purposes: Vec<String>,
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
    let purposes = read_purposes(purposes)?;
    let recorded = |name: &str| text(name).map(|text| text.chars().take(200).collect());
    Ok(Named {
        username: username.to_owned(),
        name: recorded("subject_name"),
        role: recorded("subject_role"),
        organisation,
        purposes,
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
    // A site asks in its own name; its organisation's agreement decides (S2 Appendix B, R158).
    let (organisation, site) = match register.site(&named.organisation) {
        Some(parent) => (parent.clone(), Some(named.organisation)),
        None => (named.organisation, None),
    };
    if client
        .organisation
        .as_ref()
        .is_some_and(|own| *own != organisation)
    {
        return Err(ClinicianError::Organisation);
    }
    let user = register
        .users
        .get(&named.username)
        .ok_or(ClinicianError::UnknownUser)?;
    if !user.organisations.contains(&organisation) {
        return Err(ClinicianError::OtherOrganisation);
    }
    check_flows(&named.purposes, &organisation, register)?;
    Ok(ClinicianClaim {
        username: user.username.clone(),
        name: named.name,
        claimed_role: named.role,
        organisation,
        assurance: "asserted",
        purposes: named.purposes,
        site,
    })
}

/// Treatment, or another use that the value set knows and an agreed flow can be for.
fn read_purposes(claimed: &[Value]) -> Result<Vec<String>, ClinicianError> {
    let mut purposes: Vec<String> = Vec::new();
    for purpose in claimed {
        let code = purpose
            .as_str()
            .and_then(|purpose| after_hash(purpose, ACT_REASON))
            .filter(|code| *code == TREATMENT || OTHER_PURPOSES.contains(code))
            .ok_or(ClinicianError::Purpose)?;
        if !purposes.iter().any(|known| known == code) {
            purposes.push(code.to_owned());
        }
    }
    Ok(purposes)
}

/// Another use is the organisation's to claim where it has a flow for one. What does not go together is decided on, and
/// refused, later: with its row and its reason.
fn check_flows(
    purposes: &[String],
    organisation: &OdsCode,
    register: &Register,
) -> Result<(), ClinicianError> {
    let has_flow = |purpose: &&String| {
        register.protocols.values().any(|flow| {
            flow.viewer == *organisation
                && flow.gateway.is_some()
                && flow.purposes.contains(purpose)
        })
    };
    let mut others = purposes.iter().filter(|code| *code != TREATMENT).peekable();
    if others.peek().is_some() && !others.any(|purpose| has_flow(&purpose)) {
        return Err(ClinicianError::Purpose);
    }
    Ok(())
}

const TREATMENT: &str = "TREAT";

pub(super) fn after_hash<'a>(text: &'a str, base: &str) -> Option<&'a str> {
    text.strip_prefix(base)?
        .strip_prefix('#')
        .filter(|rest| !rest.is_empty())
}
