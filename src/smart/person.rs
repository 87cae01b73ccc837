//! A person of oversight: named in the signed assertion of a client, and later the bearer of a token for `/oversight`.
//!
//! Identity comes from the assertion, what they may from the register ([`Actor`]), asked afresh on every request (R108).

use jiff::Timestamp;
use serde_json::Value;

use super::caller::{Unauthorized, bearer};
use super::clinician::after_hash;
use super::token::{token_hash, token_id};
use crate::fhir::uri::ODS_CODE;
use crate::oversight::Actor;
use crate::record::OdsCode;
use crate::register::{Client, GROUP, Holds, OversightOf, Register};
use crate::store::TokenStore;

/// The scope, alone: it is never granted beside another one.
pub const OVERSIGHT_SCOPE: &str = "oversight";

/// Why nobody of oversight is named; no text repeats what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// The client is not registered to name people of oversight.
    #[error("this client is not registered for the scope oversight")]
    Client,
    /// The object or one of its members is missing or of another type.
    #[error(
        "the client assertion must name the person: extensions.hl7-b2b{0} is missing or unusable"
    )]
    Missing(&'static str),
    /// Another organisation than the client's.
    #[error("the client assertion's organization_id is not the client's organisation")]
    Organisation,
    /// Unknown, revoked, of another organisation or without a duty there: one answer for all of these.
    #[error("the client assertion's subject_id is nobody with a duty of oversight here")]
    Nobody,
}

/// Who is named, and for whom; `None` is the oversight group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As the register knows them, bound to this client's organisation.
    pub actor: Actor,
    /// The organisation that they act for with this client.
    pub organisation: Option<OdsCode>,
}

/// Reads who is named in an assertion. `user_base` is the issuer's registered base of `subject_id`, without the `#`.
///
/// # Errors
/// The client may name nobody, or whom it names has no duty there.
pub fn person(
    extensions: Option<&Value>,
    client: &Client,
    register: &Register,
    user_base: &str,
) -> Result<Person, PersonError> {
    let reach = client.oversight.ok_or(PersonError::Client)?;
    let claim = extensions
        .and_then(|extensions| extensions.get("hl7-b2b"))
        .and_then(Value::as_object)
        .ok_or(PersonError::Missing(""))?;
    let text = |name: &str| {
        claim
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let subject = text("subject_id").ok_or(PersonError::Missing(".subject_id"))?;
    let organisation = match reach {
        OversightOf::Group => None,
        OversightOf::Organisation => {
            let named = text("organization_id").ok_or(PersonError::Missing(".organization_id"))?;
            let named = after_hash(named, ODS_CODE).ok_or(PersonError::Organisation)?;
            let own = client.organisation.as_ref().ok_or(PersonError::Client)?;
            if own.0 != named {
                return Err(PersonError::Organisation);
            }
            Some(own.clone())
        }
    };
    after_hash(subject, user_base)
        .and_then(|username| bound(register, username, organisation.as_ref()))
        .map(|actor| Person {
            actor,
            organisation,
        })
        .ok_or(PersonError::Nobody)
}

/// The person as the register knows them now, if there is a duty left for them here.
#[must_use]
pub fn bound(register: &Register, username: &str, organisation: Option<&OdsCode>) -> Option<Actor> {
    let actor = Actor::of(register, username)?.bound_to(organisation);
    let here = organisation.is_none_or(|ods| actor.organisations().contains(ods));
    (here && actor.duties().next().is_some()).then_some(actor)
}

/// The bearer of a token for `/oversight`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overseer {
    /// OAuth client.
    pub client: String,
    /// Who, as the register knows them at this moment.
    pub person: Person,
    /// `asserted` or `authenticated`.
    pub assurance: Option<String>,
    /// What stands for the token in the audit trail.
    pub token: String,
}

/// Why an `Authorization` header opens nothing under `/oversight`.
#[derive(Debug, thiserror::Error)]
pub enum NotOverseer {
    /// No live token.
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    /// A live token, but for clinical reading or a practice's trail.
    #[error("the token is not for oversight")]
    OtherToken {
        /// Its client.
        client: String,
        /// Its person.
        person: Option<String>,
    },
}

/// Who sends this `Authorization` header to `/oversight`? Client, person and duties are asked of the register afresh.
///
/// # Errors
/// Nobody of oversight, or the store failed.
pub fn overseer(
    header: Option<&str>,
    store: &dyn TokenStore,
    register: &Register,
    holds: &Holds,
    now: Timestamp,
) -> Result<Overseer, NotOverseer> {
    let hash = token_hash(bearer(header)?);
    let row = store
        .find_token(&hash, now)
        .map_err(Unauthorized::from)?
        .filter(|row| row.expires_at > now)
        .ok_or(Unauthorized::Invalid)?;
    if row.scopes != OVERSIGHT_SCOPE {
        return Err(NotOverseer::OtherToken {
            client: row.client,
            person: row.clinician,
        });
    }
    let organisation = (row.organisation.0 != GROUP).then_some(row.organisation);
    let same = register
        .clients
        .get(&row.client)
        .is_some_and(|client| client.oversight.is_some() && client.organisation == organisation);
    let username = row
        .clinician
        .filter(|username| same && !holds.users.contains(username));
    let actor = username
        .and_then(|username| bound(register, &username, organisation.as_ref()))
        .ok_or(Unauthorized::Invalid)?;
    Ok(Overseer {
        client: row.client,
        person: Person {
            actor,
            organisation,
        },
        assurance: row.assurance,
        token: token_id(&hash),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::keys::{USER_BASE, hl7_b2b};
    use crate::sandbox::register::tests::sandbox_register;

    fn named(client: &str, username: &str, ods: &str) -> Result<Person, PersonError> {
        let register = sandbox_register();
        let extensions = hl7_b2b(username, &OdsCode(ods.to_owned()));
        let client = &register.clients[client];
        person(Some(&extensions), client, &register, USER_BASE)
    }

    // R108, R183: each client names its own organisation's people of oversight, and nobody else
    #[test]
    fn a_client_names_only_its_own_people_with_a_duty() {
        for (client, username, ods) in [
            ("sandbox-backend", "hospital-privacy-officer", "Z9H01"),
            ("sandbox-backend-es", "privacy-officer", "Z9O01"),
            ("sandbox-audit-backend", "practice-manager", "Z99001"),
            ("sandbox-audit-backend", "dpo", "Z99001"),
            ("sandbox-audit-backend-z99002", "dpo", "Z99002"),
            ("sandbox-oversight", "oversight", GROUP),
        ] {
            let person = named(client, username, ods).unwrap();
            assert_eq!(person.actor.username(), username);
            let organisation = (ods != GROUP).then(|| OdsCode(ods.to_owned()));
            assert_eq!(person.organisation, organisation);
        }
        for (client, username, ods, error) in [
            // A clinician, another organisation's officer, the group through an organisation's client and the reverse.
            (
                "sandbox-backend",
                "hospital-doctor",
                "Z9H01",
                PersonError::Nobody,
            ),
            (
                "sandbox-backend",
                "privacy-officer",
                "Z9H01",
                PersonError::Nobody,
            ),
            ("sandbox-backend", "oversight", "Z9H01", PersonError::Nobody),
            ("sandbox-oversight", "dpo", GROUP, PersonError::Nobody),
            (
                "sandbox-audit-backend-z99002",
                "practice-manager",
                "Z99002",
                PersonError::Nobody,
            ),
            (
                "sandbox-backend",
                "hospital-privacy-officer",
                "Z9O01",
                PersonError::Organisation,
            ),
            (
                "sandbox-backend-walkin",
                "walkin-doctor",
                "Z9S01",
                PersonError::Client,
            ),
            ("sandbox-web", "dpo", "Z99001", PersonError::Client),
        ] {
            assert_eq!(
                named(client, username, ods),
                Err(error),
                "{client} {username}"
            );
        }
    }

    #[test]
    fn every_member_of_the_claim_is_needed() {
        let register = sandbox_register();
        let client = &register.clients["sandbox-audit-backend"];
        let ask = |value: Option<&Value>| person(value, client, &register, USER_BASE);
        assert_eq!(ask(None), Err(PersonError::Missing("")));
        let whole = hl7_b2b("dpo", &OdsCode("Z99001".to_owned()));
        for member in ["subject_id", "organization_id"] {
            let mut less = whole.clone();
            less["hl7-b2b"].as_object_mut().unwrap().remove(member);
            assert!(matches!(ask(Some(&less)), Err(PersonError::Missing(_))));
        }
    }
}
