//! `POST <issuer>/introspect` (RFC 7662): is this token alive, and whose is it (T13, T14)?
//!
//! A client asks with its key, its secret or a bearer token of its own. It learns about its own tokens; one that is
//! registered to introspect learns about all. Anything else is `{"active":false}`.

use std::sync::Arc;

use http::header;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{OAuthError, TokenResponse};
use super::authenticate::Authenticator;
use super::caller::{self, Unauthorized};
use super::form::{Form, FormRequest};
use super::grants::add_context;
use super::id_token::UserNames;
use super::launch_scope::holds;
use super::token::{blank_row, token_hash, token_id, written};
use crate::audit::{AccessStep, AuditEntry, AuditLog, What};
use crate::clock::SharedClock;
use crate::register::Client;
use crate::store::authorization::{AuthorizationStore, FoundGrant, GrantRow, Hash};
use crate::store::{TokenRow, TokenStore};

/// The introspection endpoint.
pub struct IntrospectionEndpoint {
    issuer: String,
    authenticator: Arc<Authenticator>,
    tokens: Arc<dyn TokenStore>,
    audit: Arc<dyn AuditLog>,
    clock: SharedClock,
    grants: Option<(Arc<dyn AuthorizationStore>, UserNames)>,
}

impl IntrospectionEndpoint {
    /// Puts the endpoint together.
    #[must_use]
    pub fn new(
        issuer: &str,
        authenticator: Arc<Authenticator>,
        tokens: Arc<dyn TokenStore>,
        audit: Arc<dyn AuditLog>,
        clock: SharedClock,
    ) -> Self {
        Self {
            issuer: issuer.to_owned(),
            authenticator,
            tokens,
            audit,
            clock,
            grants: None,
        }
    }

    /// Tells of app launches too: their refresh tokens, who signed in, the launch context.
    #[must_use]
    pub fn with_grants(mut self, store: Arc<dyn AuthorizationStore>, names: UserNames) -> Self {
        self.grants = Some((store, names));
        self
    }

    /// Answers one request.
    pub async fn handle(&self, request: FormRequest) -> TokenResponse {
        let mut row = blank_row(self.clock.now(), request.origin.clone());
        row.what = What::Access(AccessStep::Introspection);
        row.policy = Some(self.authenticator.register().hash.clone());
        let outcome = self.answer(&request, &mut row).await;
        written(&*self.audit, row, outcome).await
    }

    async fn answer(
        &self,
        request: &FormRequest,
        audit: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        let form = Form::read(request)?;
        let client = self.asker(request, &form).await?;
        audit.client = Some(client.id.clone());
        audit.viewer = client.organisation.clone();
        let token = form.required("token")?;
        let now = self.clock.now();
        let hash = token_hash(token);
        let theirs = |owner: &str| client.may_introspect || owner == client.id;
        let body = match self.tokens.find_token(&hash, now)? {
            Some(row) if row.expires_at > now && theirs(&row.client) => {
                audit.clinician.clone_from(&row.clinician);
                audit.patient.clone_from(&row.patient);
                audit.occasion.clone_from(&row.occasion);
                self.access(row)?
            }
            Some(_) => None,
            None => self.refresh(&hash, now, theirs, audit)?,
        };
        // What the asker was told: of a token that is not theirs to know, only that nothing was.
        if body.is_some() {
            audit.token = Some(token_id(&hash));
        }
        audit.basis = Some(if body.is_some() { "active" } else { "inactive" }.to_owned());
        Ok(TokenResponse::ok(
            body.unwrap_or_else(|| json!({"active": false})),
        ))
    }

    fn access(&self, row: TokenRow) -> Result<Option<Value>, OAuthError> {
        let mut body = json!({
            "active": true,
            "scope": row.scopes,
            "client_id": row.client,
            "token_type": "Bearer",
            "iss": self.issuer,
            "iat": row.issued_at.as_second(),
            "exp": row.expires_at.as_second(),
        });
        if let Some(assurance) = row.assurance {
            body["assurance"] = assurance.into();
        }
        if let Some(clinician) = row.clinician {
            body["username"] = clinician.into();
        }
        if let Some(patient) = row.patient {
            body["patient"] = patient.as_str().into();
        }
        if let Some((store, names)) = &self.grants
            && let Some(grant) = store.find_grant_of(&row.hash)?
        {
            tell(&mut body, &grant, names);
        }
        Ok(Some(body))
    }

    /// A refresh token that can still be exchanged.
    fn refresh(
        &self,
        hash: &Hash,
        now: Timestamp,
        theirs: impl Fn(&str) -> bool,
        audit: &mut AuditEntry,
    ) -> Result<Option<Value>, OAuthError> {
        let Some((store, names)) = &self.grants else {
            return Ok(None);
        };
        let found = store.find_refresh(hash)?.filter(|found| {
            !found.used
                && !found.revoked
                && found.grant.ends_at > now
                && theirs(&found.grant.client)
        });
        let Some(FoundGrant { grant, .. }) = found else {
            return Ok(None);
        };
        audit.clinician = Some(grant.username.clone());
        audit.patient.clone_from(&grant.patient);
        audit.occasion.clone_from(&grant.occasion);
        let mut body = json!({
            "active": true,
            "scope": grant.scopes,
            "client_id": grant.client,
            "iss": self.issuer,
            "exp": grant.ends_at.as_second(),
            "username": grant.username,
        });
        if let Some(patient) = &grant.patient {
            body["patient"] = patient.as_str().into();
        }
        tell(&mut body, &grant, names);
        Ok(Some(body))
    }

    async fn asker(&self, request: &FormRequest, form: &Form) -> Result<Client, OAuthError> {
        let authorization = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let by_bearer = authorization.is_some_and(|value| {
            value
                .get(..7)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer "))
        });
        if !by_bearer {
            // A public client's name is no credential, and nobody's absence either: both are told to authenticate (T14).
            if authorization.is_none()
                && ["client_assertion", "client_assertion_type", "client_secret"]
                    .iter()
                    .all(|name| form.get(name).is_none())
            {
                return Err(OAuthError::invalid_client(
                    "Introspection needs a client's credential or an access token.",
                ));
            }
            return Ok(self.authenticator.client(request, form).await?.client);
        }
        if form.get("client_assertion").is_some() || form.get("client_secret").is_some() {
            return Err(OAuthError::invalid_request(
                "A request authenticates its client in one way.",
            ));
        }
        let refused = || OAuthError::invalid_client("The access token is not valid.");
        let caller = caller::authenticate(authorization, self.tokens.as_ref(), self.clock.now())
            .map_err(|error| match error {
                Unauthorized::Store(error) => error.into(),
                Unauthorized::Missing | Unauthorized::Invalid => refused(),
            })?;
        self.authenticator
            .register()
            .clients
            .get(&caller.client)
            .cloned()
            .ok_or_else(refused)
    }
}

/// Who signed in, and the launch context (T13).
fn tell(body: &mut Value, grant: &GrantRow, names: &UserNames) {
    body["sub"] = names.id(&grant.username).into();
    if ["fhirUser", "profile"]
        .iter()
        .any(|scope| holds(&grant.scopes, scope))
    {
        body["fhirUser"] = names.fhir_user(&grant.username).into();
    }
    if grant.occasion.is_some() {
        add_context(body, &grant.context);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};
    use jiff::SignedDuration;

    use super::*;
    use crate::clock::FixedClock;
    use crate::smart::fakes::{BACKEND, FakeAudit, FakeStore, authenticator, claims, request, row};

    const BASIC: &str = "Basic c2FuZGJveC13ZWI6c2FuZGJveC13ZWItc2VjcmV0";

    fn endpoint() -> IntrospectionEndpoint {
        endpoint_with(Arc::new(FakeAudit::default()))
    }

    fn endpoint_with(audit: Arc<FakeAudit>) -> IntrospectionEndpoint {
        let now = Timestamp::UNIX_EPOCH;
        let later = now.checked_add(SignedDuration::from_secs(300)).unwrap();
        let store = Arc::new(FakeStore::default());
        for (token, client, until) in [
            ("alive", "sandbox-backend", later),
            ("expired", "sandbox-backend", now),
            ("other", "other-backend", later),
            ("web", "sandbox-web", later),
        ] {
            let row = row(token, client, until);
            store.rows.lock().unwrap().insert(row.hash, row);
        }
        let clock: SharedClock = Arc::new(FixedClock(now));
        let authenticator = authenticator(&store, Arc::clone(&clock));
        IntrospectionEndpoint::new("urn:iss", authenticator, store, audit, clock)
    }

    async fn ask(token: &str, authorization: &str) -> (StatusCode, Value) {
        let mut request = request(&vec![("token", token.to_owned())]);
        request.headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_str(authorization).unwrap(),
        );
        let response = endpoint().handle(request).await;
        (response.status, response.body.unwrap())
    }

    // T13, AC-32
    #[tokio::test]
    async fn a_live_token_is_described_and_a_dead_one_is_only_inactive() {
        let (status, body) = ask("alive", BASIC).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body["active"], true);
        assert_eq!(body["scope"], "system/Patient.rs");
        assert_eq!(body["client_id"], "sandbox-backend");
        assert_eq!(body["username"], "hospital-doctor");
        assert_eq!(body["exp"], 300);
        assert_eq!(body["iss"], "urn:iss");
        assert!(body["patient"].is_string());
        for token in ["expired", "nonsense"] {
            let (status, body) = ask(token, BASIC).await;
            assert_eq!(
                (status, body.to_string().as_str()),
                (StatusCode::OK, r#"{"active":false}"#)
            );
        }
    }

    // R120: who asked about whose token, and what they learnt, is in the trail; without its row there is no answer (R125)
    #[tokio::test]
    async fn every_question_is_in_the_trail() {
        let audit = Arc::new(FakeAudit::default());
        let ask = |token: &str, authorization: &str| {
            let mut request = request(&vec![("token", token.to_owned())]);
            request.headers.insert(
                header::AUTHORIZATION,
                HeaderValue::from_str(authorization).unwrap(),
            );
            let endpoint = endpoint_with(Arc::clone(&audit));
            async move { endpoint.handle(request).await.status }
        };
        ask("alive", BASIC).await;
        ask("other", "Bearer alive").await;
        ask("alive", "Basic eDp5").await;
        let rows = audit.rows.lock().unwrap().clone();
        assert!(
            rows.iter()
                .all(|row| matches!(row.what, What::Access(AccessStep::Introspection)))
        );
        let said: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row.client.as_deref(),
                    row.basis.as_deref(),
                    row.clinician.as_deref(),
                    row.token.is_some(),
                    row.failure.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                (
                    Some("sandbox-web"),
                    Some("active"),
                    Some("hospital-doctor"),
                    true,
                    None
                ),
                (Some("sandbox-backend"), Some("inactive"), None, false, None),
                (None, None, None, false, Some("invalid_client")),
            ]
        );
        let mut request = request(&vec![("token", "alive".to_owned())]);
        let basic = HeaderValue::from_static(BASIC);
        request.headers.insert(header::AUTHORIZATION, basic);
        let broken = Arc::new(FakeAudit {
            broken: true,
            ..FakeAudit::default()
        });
        let answer = endpoint_with(broken).handle(request).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }

    // T14
    #[tokio::test]
    async fn it_is_protected_and_a_clients_own_bearer_opens_it() {
        assert_eq!(ask("other", "Bearer web").await.1["active"], true);
        assert_eq!(ask("alive", "Bearer alive").await.1["active"], true);
        assert_eq!(ask("other", "Bearer alive").await.1["active"], false);
        for authorization in ["Bearer expired", "Bearer x", "Basic eDp5"] {
            let (status, body) = ask("alive", authorization).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{authorization}");
            assert_eq!(body["error"], "invalid_client");
        }
        let response = endpoint()
            .handle(request(&vec![("token", "alive".to_owned())]))
            .await;
        // RFC 7662 section 2.1: nobody asks without a credential, and 401 says so.
        assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn a_key_client_introspects_its_own_tokens() {
        for (token, active) in [("alive", true), ("other", false)] {
            let assertion = BACKEND.sign(&claims("sandbox-backend")).unwrap();
            let response = endpoint()
                .handle(request(&vec![
                    ("token", token.to_owned()),
                    (
                        "client_assertion_type",
                        crate::smart::authenticate::ASSERTION_TYPE.to_owned(),
                    ),
                    ("client_assertion", assertion),
                ]))
                .await;
            assert_eq!(response.body.unwrap()["active"], active, "{token}");
        }
    }
}
