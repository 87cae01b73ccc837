//! `Practitioner/<id>` of whoever signed in: what `fhirUser` of the id token points to (smart.md, decision 10).

use axum::response::{IntoResponse, Response};

use super::non_clinical::NonClinical;
use super::outcome::ApiError;
use super::state::Api;
use crate::audit::{AuditEntry, Disclosure, Interaction, Origin, What};
use crate::fhir::{Resource, model, to_json};
use crate::smart::caller::Caller;
use crate::smart::grants::GRACE;
use crate::smart::secrets::REFRESHED;

impl Api {
    /// Is this the Practitioner of the very person who signed in, and may the token know them?
    #[must_use]
    pub fn is_own_id(&self, caller: &Caller, id: &str) -> bool {
        caller.knows_user
            && caller
                .clinician
                .as_ref()
                .is_some_and(|username| self.names.id(username) == id)
    }

    /// `GET [base]/Practitioner/[id]` of the caller's own clinician.
    ///
    /// # Errors
    /// 404 where the register no longer knows the person, 503.
    pub async fn read_fhir_user(
        &self,
        caller: &Caller,
        id: &str,
        origin: Origin,
    ) -> Result<Response, ApiError> {
        let interaction = Interaction {
            name: "read",
            kind: None,
            query: format!("Practitioner/{id}"),
        };
        let register = self.register.current();
        let user = caller
            .clinician
            .as_ref()
            .and_then(|username| register.users.get(username))
            .filter(|user| !user.revoked);
        let Some(user) = user else {
            let error = ApiError::not_found();
            return Err(self
                .refuse_stranger(Some(caller), origin, interaction, error)
                .await);
        };
        let practitioner = model::resources::Practitioner {
            id: Some(id.into()),
            active: Some(true.into()),
            name: vec![model::types::HumanName {
                text: Some(user.name.as_str().into()),
                ..Default::default()
            }],
            ..Default::default()
        };
        let json = to_json(&Resource::Practitioner(Box::new(practitioner))).map_err(|error| {
            tracing::error!(%error, "a Practitioner could not be written");
            ApiError::unavailable("store-unavailable", "The gateway's store does not answer.")
        })?;
        let disclosure = Disclosure {
            interaction,
            version: None,
            entries: Vec::new(),
            other_ids: vec![format!("Practitioner/{id}")],
        };
        let mut entry = AuditEntry::new(self.clock.now(), What::Disclosure(disclosure), origin);
        entry.client = Some(caller.client.clone());
        entry.clinician.clone_from(&caller.clinician);
        entry.assurance.clone_from(&caller.assurance);
        entry.viewer = Some(caller.organisation.clone());
        entry.occasion.clone_from(&caller.occasion);
        entry.policy = Some(register.hash.clone());
        entry.token = Some(caller.token_id());
        self.write(entry).await?;
        Ok(NonClinical::written(json).into_response())
    }

    /// The first use of a token that a refresh gave ends that refresh's grace; it is on the disk before the answer.
    ///
    /// # Errors
    /// 503.
    pub async fn note_first_use(
        &self,
        header: Option<&str>,
        caller: &Caller,
    ) -> Result<(), ApiError> {
        let refreshed = header
            .and_then(|header| header.split_once(' '))
            .is_some_and(|(_, token)| token.trim_start().starts_with(REFRESHED));
        if !refreshed || self.clock.now().duration_since(caller.issued_at) > GRACE {
            return Ok(());
        }
        self.notes
            .note_use(&caller.token_hash, self.clock.now())
            .await
            .map_err(|error| {
                tracing::warn!(%error, "the use of a token could not be noted");
                ApiError::unavailable("store-unavailable", "The gateway's store does not answer.")
            })
    }
}
