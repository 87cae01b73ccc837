//! From a provider's claims to a person of the register: who, and in which role profile for which organisation. What they
//! may do is the register's to say, never the provider's (R101).

use serde_json::{Map, Value};

use super::Provider;
use crate::config::UserIs;
use crate::record::OdsCode;
use crate::register::{Register, User};

/// Why the claims lead to nobody; no text repeats what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// The claim that says who it is is missing or no text.
    #[error("does not say who signed in")]
    Unnamed,
    /// Nobody of the register.
    #[error("names nobody who is registered here")]
    Unknown,
    /// No role was chosen.
    #[error("does not say in which role they work now")]
    NoRole,
    /// A role profile that the register does not have for this person.
    #[error("names a role that is not registered for them here")]
    UnknownRole,
    /// The provider's own list of roles does not have it, or for another organisation.
    #[error("contradicts itself about the role or its organisation")]
    Contradiction,
}

/// Somebody whom a provider has authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Username in the register.
    pub username: String,
    /// The organisation of the role in which they work now, where the provider says.
    pub organisation: Option<OdsCode>,
}

/// Who is it? The claims must have been verified.
///
/// # Errors
/// See [`PersonError`].
pub fn person(
    provider: &Provider,
    claims: &Map<String, Value>,
    register: &Register,
) -> Result<Person, PersonError> {
    let text = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let named = text(&provider.user_claim).ok_or(PersonError::Unnamed)?;
    let user = match provider.user_is {
        UserIs::Username => register.users.get(named),
        UserIs::Identity => register.users.values().find(|user| {
            user.identities
                .get(&provider.id)
                .is_some_and(|own| own == named)
        }),
    };
    let user = user.ok_or(PersonError::Unknown)?;
    let organisation = match &provider.role_claim {
        None => None,
        Some(claim) => {
            let role = text(claim).ok_or(PersonError::NoRole)?;
            Some(of_role(provider, claims, user, role)?)
        }
    };
    Ok(Person {
        username: user.username.clone(),
        organisation,
    })
}

/// The organisation of a role profile, as the register has it; the provider may not say another one.
fn of_role(
    provider: &Provider,
    claims: &Map<String, Value>,
    user: &User,
    role: &str,
) -> Result<OdsCode, PersonError> {
    let organisation = user
        .role_profiles
        .get(role)
        .ok_or(PersonError::UnknownRole)?;
    let listed = provider
        .roles_claim
        .as_ref()
        .and_then(|claim| claims.get(claim));
    if let Some(listed) = listed {
        let roles = listed.as_array().ok_or(PersonError::Contradiction)?;
        let agrees = roles.iter().any(|listed| {
            let member = |name: &str| listed.get(name).and_then(Value::as_str);
            member("person_roleid") == Some(role)
                && member("org_code") == Some(organisation.0.as_str())
        });
        if !agrees {
            return Err(PersonError::Contradiction);
        }
    }
    Ok(organisation.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::smart::provider::tests::cis2;

    const UID: &str = "555000000021";
    const ROLE: &str = "555000000022";

    fn register() -> Register {
        let mut register = crate::smart::fakes::register();
        let user = register.users.get_mut("hospital-doctor").unwrap();
        user.identities.insert("cis2".to_owned(), UID.to_owned());
        user.role_profiles
            .insert(ROLE.to_owned(), OdsCode("Z9H01".to_owned()));
        register
    }

    fn ask(provider: &Provider, claims: Value) -> Result<Person, PersonError> {
        person(provider, claims.as_object().unwrap(), &register())
    }

    // R101; smart.md 5: uid → SDS user id, selected role → role profile id
    #[test]
    fn user_and_role_are_those_of_the_register() {
        let found = ask(&cis2(), json!({"sub": UID, "selected_roleid": ROLE})).unwrap();
        assert_eq!(found.username, "hospital-doctor");
        assert_eq!(found.organisation, Some(OdsCode("Z9H01".to_owned())));
        let roles = |org: &str| json!([{"person_roleid": "1", "org_code": "X"}, {"person_roleid": ROLE, "org_code": org}]);
        for (claims, error) in [
            (json!({"selected_roleid": ROLE}), PersonError::Unnamed),
            (
                json!({"sub": 555_000_000_021_u64, "selected_roleid": ROLE}),
                PersonError::Unnamed,
            ),
            (
                json!({"sub": "hospital-doctor", "selected_roleid": ROLE}),
                PersonError::Unknown,
            ),
            (json!({"sub": UID}), PersonError::NoRole),
            (
                json!({"sub": UID, "selected_roleid": ""}),
                PersonError::NoRole,
            ),
            (
                json!({"sub": UID, "selected_roleid": "1"}),
                PersonError::UnknownRole,
            ),
            (
                json!({"sub": UID, "selected_roleid": ROLE, "nhsid_nrbac_roles": roles("Z9O01")}),
                PersonError::Contradiction,
            ),
            (
                json!({"sub": UID, "selected_roleid": ROLE, "nhsid_nrbac_roles": []}),
                PersonError::Contradiction,
            ),
            (
                json!({"sub": UID, "selected_roleid": ROLE, "nhsid_nrbac_roles": "x"}),
                PersonError::Contradiction,
            ),
        ] {
            assert_eq!(ask(&cis2(), claims.clone()), Err(error), "{claims}");
        }
        let agreeing =
            json!({"sub": UID, "selected_roleid": ROLE, "nhsid_nrbac_roles": roles("Z9H01")});
        assert!(ask(&cis2(), agreeing).is_ok());
    }

    #[test]
    fn a_provider_of_usernames_is_one_only_where_it_is_configured() {
        let keycloak = Provider {
            user_claim: "preferred_username".to_owned(),
            user_is: UserIs::Username,
            role_claim: None,
            ..cis2()
        };
        let found = ask(
            &keycloak,
            json!({"sub": "x", "preferred_username": "clinician"}),
        )
        .unwrap();
        assert_eq!(found.username, "clinician");
        assert_eq!(found.organisation, None);
        let unknown = ask(&keycloak, json!({"sub": UID, "preferred_username": "x"}));
        assert_eq!(unknown, Err(PersonError::Unknown));
    }
}
