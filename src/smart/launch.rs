//! `POST <issuer>/launch`: a trusted EHR registers a launch, and gets the handle that it puts into the app's launch address
//! (A7). SMART leaves this to the server; here it is a form with client authentication:
//!
//! `launch_client_id` (the app), `username` (the clinician), `patient` (NHS number: in the body, never in an address), and
//! `encounter`, `intent`, `need_patient_banner` for the app. Only a client whose register entry lists the app in `launches`
//! may, and only for clinicians of its own organisation.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::answer::{OAuthError, TokenResponse};
use super::authenticate::Authenticator;
use super::form::{Form, FormRequest};
use super::grants::LaunchContext;
use super::pages::launch_seal;
use super::secrets::random_token;
use super::token::{blank_row, token_hash, written};
use crate::audit::{AuditEntry, AuditLog};
use crate::clock::SharedClock;
use crate::occasion::PointOfCare;
use crate::record::NhsNumber;
use crate::register::RegisterHandle;
use crate::store::authorization::{AuthorizationStore, LaunchRow, SealedPatient};

/// Life of a handle: from the click in the EHR to the end of the sign-in.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// Longest text of the context.
const MAX_TEXT: usize = 256;

/// What a launch is for.
#[derive(Debug, Clone)]
pub struct LaunchAsk {
    /// The app.
    pub client: String,
    /// The clinician.
    pub username: String,
    /// The patient.
    pub nhs_number: NhsNumber,
    /// For the app.
    pub context: LaunchContext,
}

/// Why there is no handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// No such app that signs people in.
    #[error("the app is not known, or does not sign people in")]
    Client,
    /// No such user.
    #[error("the user is not known")]
    User,
    /// The context is too long.
    #[error("encounter or intent is too long")]
    Context,
    /// Store, key or randomness.
    #[error("the launch cannot be kept")]
    Unavailable,
}

/// Keeps launches.
pub struct Launcher {
    /// Who may.
    pub register: RegisterHandle,
    /// Where they are kept.
    pub store: Arc<dyn AuthorizationStore>,
    /// Seals the number.
    pub care: Arc<PointOfCare>,
    /// Time.
    pub clock: SharedClock,
}

impl Launcher {
    /// A handle for this launch.
    ///
    /// # Errors
    /// See [`LaunchError`].
    pub async fn register(&self, ask: LaunchAsk) -> Result<String, LaunchError> {
        let register = self.register.current();
        let app = register.clients.get(&ask.client);
        if app.is_none_or(|app| app.redirect_uris.is_empty()) {
            return Err(LaunchError::Client);
        }
        match self.register.holds(self.clock.now()) {
            Ok(holds) if holds.clients.contains(&ask.client) => return Err(LaunchError::Client),
            Ok(_) => {}
            Err(_) => return Err(LaunchError::Unavailable),
        }
        if !register.users.contains_key(&ask.username) {
            return Err(LaunchError::User);
        }
        let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MAX_TEXT);
        if long(&ask.context.encounter) || long(&ask.context.intent) {
            return Err(LaunchError::Context);
        }
        let unavailable = |_| LaunchError::Unavailable;
        let handle = random_token().map_err(|_| LaunchError::Unavailable)?;
        let hash = token_hash(&handle);
        let row = LaunchRow {
            hash,
            client: ask.client,
            username: ask.username,
            patient: SealedPatient {
                patient: self.care.id(&ask.nhs_number),
                sealed_nhs: self
                    .care
                    .seal(&launch_seal(&hash), &ask.nhs_number)
                    .map_err(|_| LaunchError::Unavailable)?,
            },
            context: serde_json::to_string(&ask.context).map_err(|_| LaunchError::Unavailable)?,
            expires_at: self
                .clock
                .now()
                .checked_add(LIFETIME)
                .map_err(|_| LaunchError::Unavailable)?,
        };
        self.store.insert_launch(row).await.map_err(unavailable)?;
        Ok(handle)
    }
}

/// The endpoint.
pub struct LaunchEndpoint {
    /// Who asks.
    pub authenticator: Arc<Authenticator>,
    /// Keeps launches.
    pub launcher: Arc<Launcher>,
    /// The trail.
    pub audit: Arc<dyn AuditLog>,
    /// Time.
    pub clock: SharedClock,
}

impl LaunchEndpoint {
    /// Answers one request.
    pub async fn handle(&self, request: FormRequest) -> TokenResponse {
        let mut row = blank_row(self.clock.now(), request.origin.clone());
        row.policy = Some(self.authenticator.register().hash.clone());
        row.basis = Some("launch".to_owned());
        let outcome = self.decide(&request, &mut row).await;
        written(&*self.audit, row, outcome).await
    }

    async fn decide(
        &self,
        request: &FormRequest,
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        let form = Form::read(request)?;
        let who = self.authenticator.client(request, &form).await?;
        row.client = Some(who.client.id.clone());
        row.viewer.clone_from(&who.client.organisation);
        let app = form.required("launch_client_id")?;
        if !who.client.launches.iter().any(|own| own == app) {
            return Err(OAuthError::unauthorized_client(
                "This client may not launch that app.",
            ));
        }
        let username = form.required("username")?;
        let user = who.register.users.get(username).filter(|user| {
            let own = who.client.organisation.as_ref();
            !user.revoked && own.is_none_or(|own| user.organisations.contains(own))
        });
        let Some(user) = user else {
            return Err(OAuthError::invalid_request(
                "The username is not one of this organisation's users.",
            ));
        };
        row.clinician = Some(user.username.clone());
        let nhs_number = NhsNumber::parse(form.required("patient")?).map_err(|error| {
            OAuthError::invalid_request(format!("patient is not an NHS number: {error}."))
        })?;
        row.patient = Some(self.launcher.care.id(&nhs_number));
        let need_patient_banner = match form.get("need_patient_banner") {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => {
                return Err(OAuthError::invalid_request(
                    "need_patient_banner is neither true nor false.",
                ));
            }
        };
        let ask = LaunchAsk {
            client: app.to_owned(),
            username: user.username.clone(),
            nhs_number,
            context: LaunchContext {
                encounter: form.get("encounter").map(str::to_owned),
                intent: form.get("intent").map(str::to_owned),
                need_patient_banner,
            },
        };
        match self.launcher.register(ask).await {
            Ok(launch) => Ok(TokenResponse::ok(
                json!({"launch": launch, "expires_in": LIFETIME.as_secs()}),
            )),
            Err(LaunchError::Unavailable) => Err(OAuthError::unavailable()),
            Err(error) => Err(OAuthError::invalid_request(error.to_string())),
        }
    }
}
