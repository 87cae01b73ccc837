//! `scope=oversight`: a token for a person of oversight, who reads reports and never a record (R108, R183).

use super::{Granted, TokenEndpoint};
use crate::audit::AuditEntry;
use crate::occasion::ClinicianClaim;
use crate::record::OdsCode;
use crate::register::{GROUP, OrganisationKind, OversightOf};
use crate::smart::answer::OAuthError;
use crate::smart::authenticate::Authenticated;
use crate::smart::form::Form;
use crate::smart::person::{OVERSIGHT_SCOPE, PersonError, person};

/// What the token is for.
pub(super) enum Wanted {
    /// Oversight.
    Oversight,
    /// Records, or a practice's trail.
    Other,
}

/// Reads what the scope asks for: oversight stands alone or not at all.
pub(super) fn wanted(who: &Authenticated, form: &Form) -> Result<Wanted, OAuthError> {
    let scope = form.required("scope")?;
    let mut scopes = scope.split(' ').filter(|one| !one.is_empty());
    let asked = scopes.clone().any(|one| one == OVERSIGHT_SCOPE);
    if asked && !scopes.all(|one| one == OVERSIGHT_SCOPE) {
        return Err(OAuthError::invalid_scope(
            "The scope oversight is asked for alone.",
        ));
    }
    if !asked && who.client.oversight == Some(OversightOf::Group) {
        return Err(OAuthError::unauthorized_client(
            "This client may ask for the scope oversight and nothing else.",
        ));
    }
    Ok(if asked {
        Wanted::Oversight
    } else {
        Wanted::Other
    })
}

impl TokenEndpoint {
    /// A token for the person named in the assertion, bound to the client's organisation. A suspension does not stop it:
    /// it ends looking at records, and those who look into what happened are needed then more than ever.
    pub(super) fn oversight_client(
        &self,
        who: &Authenticated,
        form: &Form,
        row: &mut AuditEntry,
    ) -> Result<Granted, OAuthError> {
        row.basis = Some("oversight".to_owned());
        if form.get("authorization_details").is_some() {
            return Err(OAuthError::invalid_authorization_details(
                "A token for oversight opens no occasion.",
            ));
        }
        let named = person(
            who.extensions.as_ref(),
            &who.client,
            &who.register,
            &self.settings.user_base,
        )
        .map_err(|error| match error {
            PersonError::Client => OAuthError::unauthorized_client(error.to_string()),
            _ => OAuthError::invalid_client(error.to_string()),
        })?;
        let username = named.actor.username().to_owned();
        if self.authenticator.is_user_held(&username) {
            return Err(OAuthError::invalid_client(PersonError::Nobody.to_string()));
        }
        row.clinician = Some(username.clone());
        row.role = who
            .register
            .users
            .get(&username)
            .map(|user| user.role.clone());
        row.assurance = Some("asserted".to_owned());
        row.practice = named.organisation.clone().filter(|ods| {
            let found = who.register.organisations.get(ods);
            found.is_some_and(|found| found.kind == OrganisationKind::Practice)
        });
        let organisation = named
            .organisation
            .unwrap_or_else(|| OdsCode(GROUP.to_owned()));
        Ok(Granted {
            client: who.client.id.clone(),
            organisation: organisation.clone(),
            clinician: Some(ClinicianClaim {
                username,
                name: None,
                claimed_role: None,
                organisation,
                assurance: "asserted",
                purposes: Vec::new(),
                site: None,
            }),
            audit_of: None,
            occasion: None,
            scopes: OVERSIGHT_SCOPE.to_owned(),
        })
    }
}
