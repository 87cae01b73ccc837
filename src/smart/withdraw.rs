//! `POST <issuer>/withdraw`: the occasion of the token that is sent ends at once, with every token of it (R080, S2 6.4).
//!
//! RFC 7009 ends one token, and a client could ask for the next; this ends what the patient agreed to. The bearer token says
//! which occasion, so nobody can name another's.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::answer::{OAuthError, TokenResponse};
use super::caller::{Unauthorized, authenticate};
use super::form::{Form, FormRequest};
use super::token::blank_row;
use crate::audit::{AccessStep, AuditLog, Origin, What};
use crate::clock::SharedClock;
use crate::occasion::{ClinicianClaim, OccasionRefusal, direct_care};
use crate::source::BoxFuture;
use crate::store::TokenStore;

/// A wish to end an occasion.
#[derive(Debug, Clone)]
pub struct EndAsk {
    /// Which.
    pub occasion: String,
    /// The client whose token it is.
    pub client_id: String,
    /// The clinician whose token it is.
    pub clinician: ClinicianClaim,
    /// The patient took consent back, so a refusal stands from now on (R077); otherwise the contact is just over.
    pub taken_back: bool,
    /// Request id and address.
    pub origin: Origin,
}

/// Ends occasions.
pub trait OccasionEnder: Send + Sync {
    /// Ends it, with its row in the trail.
    ///
    /// # Errors
    /// It is not open, or the store did not answer.
    fn end(&self, ask: EndAsk) -> BoxFuture<'_, Result<(), OccasionRefusal>>;
}

/// The endpoint.
pub struct WithdrawalEndpoint {
    occasions: Arc<dyn OccasionEnder>,
    tokens: Arc<dyn TokenStore>,
    audit: Arc<dyn AuditLog>,
    clock: SharedClock,
}

impl WithdrawalEndpoint {
    /// Puts the endpoint together.
    #[must_use]
    pub fn new(
        occasions: Arc<dyn OccasionEnder>,
        tokens: Arc<dyn TokenStore>,
        audit: Arc<dyn AuditLog>,
        clock: SharedClock,
    ) -> Self {
        Self {
            occasions,
            tokens,
            audit,
            clock,
        }
    }

    /// Answers one request.
    pub async fn handle(&self, request: FormRequest) -> TokenResponse {
        match self.read(&request) {
            Ok(ask) => {
                let occasion = ask.occasion.clone();
                match self.occasions.end(ask).await {
                    Ok(()) => TokenResponse::ok(json!({"occasion": occasion, "withdrawn": true})),
                    Err(refusal) => OAuthError::from(refusal).into(),
                }
            }
            Err((code, answer)) => {
                let mut row = blank_row(self.clock.now(), request.origin.clone());
                row.what = What::Access(AccessStep::Withdrawal);
                row.failure = Some(code.to_owned());
                match self.audit.write(row).await {
                    Ok(()) => answer,
                    Err(_) => OAuthError::unavailable().into(),
                }
            }
        }
    }

    fn read(&self, request: &FormRequest) -> Result<EndAsk, (&'static str, TokenResponse)> {
        let header = request
            .headers
            .get(header::AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default());
        let caller =
            authenticate(header, self.tokens.as_ref(), self.clock.now()).map_err(|error| {
                match error {
                    Unauthorized::Missing => ("unauthorized", challenge("Bearer")),
                    Unauthorized::Invalid => {
                        ("unauthorized", challenge("Bearer error=\"invalid_token\""))
                    }
                    Unauthorized::Store(_) => {
                        ("store-unavailable", OAuthError::unavailable().into())
                    }
                }
            })?;
        let refuse = |error: OAuthError| (error.code(), TokenResponse::from(error));
        let form = if request.body.is_empty() {
            Form::default()
        } else {
            Form::read(request).map_err(refuse)?
        };
        let taken_back = match form.get("reason") {
            None | Some("consent-withdrawn") => true,
            Some("finished") => false,
            Some(_) => {
                return Err(refuse(OAuthError::invalid_request(
                    "The reason is consent-withdrawn or finished.",
                )));
            }
        };
        let (Some(occasion), Some(username)) = (caller.occasion, caller.clinician) else {
            return Err(refuse(OAuthError::invalid_request(
                "The token belongs to no occasion.",
            )));
        };
        Ok(EndAsk {
            occasion,
            client_id: caller.client,
            clinician: ClinicianClaim {
                username,
                name: None,
                claimed_role: None,
                organisation: caller.organisation,
                assurance: match caller.assurance.as_deref() {
                    Some("authenticated") => "authenticated",
                    _ => "asserted",
                },
                purposes: direct_care(),
                site: None,
            },
            taken_back,
            origin: request.origin.clone(),
        })
    }
}

/// 401, with the challenge of RFC 6750.
fn challenge(with: &'static str) -> TokenResponse {
    TokenResponse {
        status: StatusCode::UNAUTHORIZED,
        headers: vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static(with))],
        body: Some(json!({
            "error": "invalid_token",
            "error_description": "An access token of the occasion is needed.",
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::clock::FixedClock;
    use crate::smart::fakes::{FakeAudit, FakeStore, row};

    #[derive(Default)]
    struct Ender(Mutex<Vec<EndAsk>>);

    impl OccasionEnder for Ender {
        fn end(&self, ask: EndAsk) -> BoxFuture<'_, Result<(), OccasionRefusal>> {
            self.0.lock().unwrap().push(ask);
            Box::pin(async { Ok(()) })
        }
    }

    // R080, R120
    #[tokio::test]
    async fn a_token_ends_its_own_occasion_and_everything_else_is_refused_with_a_row() {
        let now = Timestamp::UNIX_EPOCH;
        let store = Arc::new(FakeStore::default());
        let later = now.checked_add(SignedDuration::from_secs(300)).unwrap();
        let mut auditor = row("auditor", "sandbox-audit-backend", later);
        (auditor.occasion, auditor.clinician) = (None, None);
        let mine = row("mine", "sandbox-backend", later);
        let occasion = mine.occasion.clone().unwrap();
        for row in [mine, auditor] {
            store.rows.lock().unwrap().insert(row.hash, row);
        }
        let (ender, audit) = (Arc::new(Ender::default()), Arc::new(FakeAudit::default()));
        let endpoint = WithdrawalEndpoint::new(
            Arc::clone(&ender) as _,
            store,
            Arc::clone(&audit) as _,
            Arc::new(FixedClock(now)),
        );
        let send = |token: &str, body: &'static str| {
            let mut headers = http::HeaderMap::new();
            if !token.is_empty() {
                let value = format!("Bearer {token}").parse().unwrap();
                headers.insert(header::AUTHORIZATION, value);
            }
            let form = "application/x-www-form-urlencoded".parse().unwrap();
            headers.insert(header::CONTENT_TYPE, form);
            endpoint.handle(FormRequest {
                headers,
                body: bytes::Bytes::from_static(body.as_bytes()),
                has_query: false,
                origin: Origin::default(),
            })
        };
        for (token, body, status) in [
            ("", "", 401),
            ("unknown", "", 401),
            ("auditor", "", 400),
            ("mine", "reason=whatever", 400),
            ("mine", "reason=finished&reason=finished", 400),
        ] {
            let answer = send(token, body).await;
            assert_eq!(answer.status.as_u16(), status, "{token} {body}");
        }
        assert_eq!(audit.rows.lock().unwrap().len(), 5);
        assert!(ender.0.lock().unwrap().is_empty());
        for (body, taken_back) in [
            ("", true),
            ("reason=consent-withdrawn", true),
            ("reason=finished", false),
        ] {
            assert_eq!(send("mine", body).await.status, StatusCode::OK);
            let ask = ender.0.lock().unwrap().pop().unwrap();
            assert_eq!(
                (ask.occasion, ask.taken_back),
                (occasion.clone(), taken_back)
            );
            assert_eq!(ask.clinician.username, "hospital-doctor");
        }
    }
}
