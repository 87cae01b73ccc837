//! `POST <issuer>/revoke` (RFC 7009): a token dies at once; 200 for unknown ones too (T15).
//!
//! Of an app launch the whole family dies with any token of it: the contact is over.

use std::sync::Arc;

use super::answer::{OAuthError, TokenResponse};
use super::authenticate::Authenticator;
use super::form::{Form, FormRequest};
use super::token::{blank_row, token_hash, token_id, written};
use crate::audit::{AccessStep, AuditEntry, AuditLog, What};
use crate::clock::SharedClock;
use crate::store::authorization::{AuthorizationStore, GrantRow, Hash};
use crate::store::{TokenRevoker, TokenStore};

/// The revocation endpoint.
pub struct RevocationEndpoint {
    authenticator: Arc<Authenticator>,
    tokens: Arc<dyn TokenStore>,
    revoker: Arc<dyn TokenRevoker>,
    audit: Arc<dyn AuditLog>,
    clock: SharedClock,
    grants: Option<Arc<dyn AuthorizationStore>>,
}

impl RevocationEndpoint {
    /// Puts the endpoint together.
    #[must_use]
    pub fn new(
        authenticator: Arc<Authenticator>,
        tokens: Arc<dyn TokenStore>,
        revoker: Arc<dyn TokenRevoker>,
        audit: Arc<dyn AuditLog>,
        clock: SharedClock,
    ) -> Self {
        Self {
            authenticator,
            tokens,
            revoker,
            audit,
            clock,
            grants: None,
        }
    }

    /// Revokes refresh tokens too, and with any token of an app launch its whole family.
    #[must_use]
    pub fn with_grants(mut self, grants: Arc<dyn AuthorizationStore>) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Answers one request.
    pub async fn handle(&self, request: FormRequest) -> TokenResponse {
        let mut row = blank_row(self.clock.now(), request.origin.clone());
        row.what = What::Access(AccessStep::Withdrawal);
        row.policy = Some(self.authenticator.register().hash.clone());
        let outcome = self.decide(&request, &mut row).await;
        written(&*self.audit, row, outcome).await
    }

    async fn decide(
        &self,
        request: &FormRequest,
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        let form = Form::read(request)?;
        let who = self.authenticator.any_client(request, &form).await?;
        row.client = Some(who.client.id.clone());
        row.viewer = who.client.organisation.clone();
        let hash = token_hash(form.required("token")?);
        if let Some(grant) = self.family(&hash)? {
            if grant.client != who.client.id {
                return Err(not_theirs());
            }
            row.viewer = Some(grant.viewer);
            row.clinician = Some(grant.username);
            row.patient = grant.patient;
            row.occasion = grant.occasion;
            if let Some(store) = &self.grants {
                store.revoke_grant(&grant.id, self.clock.now()).await?;
            }
            return Ok(TokenResponse::empty());
        }
        if let Some(token) = self.tokens.find_token(&hash, self.clock.now())? {
            if token.client != who.client.id {
                return Err(not_theirs());
            }
            row.token = Some(token_id(&hash));
            row.clinician = token.clinician;
            row.patient = token.patient;
            row.occasion = token.occasion;
            self.revoker.revoke_token(&hash).await?;
        }
        Ok(TokenResponse::empty())
    }

    /// The grant that an access or refresh token came of.
    fn family(&self, hash: &Hash) -> Result<Option<GrantRow>, OAuthError> {
        let Some(store) = &self.grants else {
            return Ok(None);
        };
        match store.find_refresh(hash)? {
            Some(found) => Ok(Some(found.grant)),
            None => Ok(store.find_grant_of(hash)?),
        }
    }
}

fn not_theirs() -> OAuthError {
    OAuthError::unauthorized_client("The token was not issued to this client.")
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::clock::FixedClock;
    use crate::smart::authenticate::ASSERTION_TYPE;
    use crate::smart::fakes::{BACKEND, FakeAudit, FakeStore, authenticator, claims, request, row};

    // T15, AC-33
    #[tokio::test]
    async fn a_client_revokes_its_own_token_and_no_other() {
        let now = Timestamp::UNIX_EPOCH;
        let later = now.checked_add(SignedDuration::from_secs(300)).unwrap();
        let store = Arc::new(FakeStore::default());
        for (token, client) in [("mine", "sandbox-backend"), ("other", "other-backend")] {
            let row = row(token, client, later);
            store.rows.lock().unwrap().insert(row.hash, row);
        }
        let clock: SharedClock = Arc::new(FixedClock(now));
        let audit = Arc::new(FakeAudit::default());
        let endpoint = RevocationEndpoint::new(
            authenticator(&store, Arc::clone(&clock)),
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            Arc::clone(&audit) as _,
            clock,
        );
        for (token, status) in [
            ("mine", 200),
            ("mine", 200),
            ("unknown", 200),
            ("other", 400),
        ] {
            let assertion = BACKEND.sign(&claims("sandbox-backend")).unwrap();
            let response = endpoint
                .handle(request(&vec![
                    ("token", token.to_owned()),
                    ("client_assertion_type", ASSERTION_TYPE.to_owned()),
                    ("client_assertion", assertion),
                ]))
                .await;
            assert_eq!(
                response.status,
                StatusCode::from_u16(status).unwrap(),
                "{token}"
            );
        }
        let left: Vec<String> = store
            .rows
            .lock()
            .unwrap()
            .values()
            .map(|row| row.client.clone())
            .collect();
        assert_eq!(left, ["other-backend"]);
        let rows = audit.rows.lock().unwrap().clone();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0].clinician.as_deref(), Some("hospital-doctor"));
        assert_eq!(rows[3].failure.as_deref(), Some("unauthorized_client"));
        let response = endpoint
            .handle(request(&vec![("token", "mine".to_owned())]))
            .await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
    }
}
