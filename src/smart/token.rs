//! `POST <issuer>/token`: one call of a hospital's system opens an occasion and gets its token (design.md 7, 8;
//! sandbox.md, "Hospital EHR, one call").
//!
//! Every outcome is in the audit trail before it leaves; a trail that cannot be written is 503 (R125).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::answer::{OAuthError, TokenResponse};
use super::authenticate::{Authenticated, Authenticator};
use super::details::{self, AskedOccasion};
use super::form::{Form, FormRequest};
use super::grants::Grants;
use super::limit::AddressLimit;
use super::opener::{OccasionOpener, ResumeAsk};
use super::provider::Providers;
use super::requester::{RequestedRecord, Requester, requester};
use super::scope::{Allowance, ScopeRequest, ScopeSet};
use crate::access::catalogue;
use crate::audit::{AccessStep, AuditEntry, AuditLog, Origin, What};
use crate::clock::{SharedClock, random_bytes};
use crate::fhir::PatientId;
use crate::occasion::{
    AskedBasis, ClinicianClaim, ConsentTalk, OccasionAsk, OpenOccasion, direct_care,
};
use crate::record::{NhsNumber, OdsCode};
use crate::register::Register;
use crate::store::providers::ProviderStore;
use crate::store::{TokenRow, TokenStore, basis_with};
use crate::tabs::catalogue::TabSet;
use crate::text::hex;

#[path = "token_exchange.rs"]
pub mod exchange;
#[path = "token_oversight.rs"]
mod oversight;

use oversight::{Wanted, wanted};

/// What differs between installations.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The base of `subject_id`, without `#`: in the sandbox `https://openmig.org/sandbox/user`.
    pub user_base: String,
    /// Life of a token; never more than 300 s (T8), never past the occasion's window.
    pub lifetime: SignedDuration,
    /// A uniform refusal leaves this long after the request began, or a whole multiple of it where work took longer.
    pub refusal_floor: Duration,
    /// Requests a minute from one address.
    pub requests_per_minute: u32,
}

/// Longest life of a token.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_secs(300);

/// The token endpoint.
pub struct TokenEndpoint {
    settings: TokenSettings,
    authenticator: Arc<Authenticator>,
    occasions: Arc<dyn OccasionOpener>,
    tokens: Arc<dyn TokenStore>,
    audit: Arc<dyn AuditLog>,
    clock: SharedClock,
    limit: AddressLimit,
    grants: Option<Arc<Grants>>,
    providers: Option<Arc<Providers>>,
    provider_store: Option<Arc<dyn ProviderStore>>,
}

/// What was granted, before it is written down.
struct Granted {
    client: String,
    organisation: OdsCode,
    clinician: Option<ClinicianClaim>,
    audit_of: Option<OdsCode>,
    occasion: Option<OpenOccasion>,
    scopes: String,
}

impl TokenEndpoint {
    /// Puts the endpoint together.
    #[must_use]
    pub fn new(
        settings: TokenSettings,
        authenticator: Arc<Authenticator>,
        occasions: Arc<dyn OccasionOpener>,
        tokens: Arc<dyn TokenStore>,
        audit: Arc<dyn AuditLog>,
        clock: SharedClock,
    ) -> Self {
        let limit = AddressLimit::new(settings.requests_per_minute);
        Self {
            settings,
            authenticator,
            occasions,
            tokens,
            audit,
            clock,
            limit,
            grants: None,
            providers: None,
            provider_store: None,
        }
    }

    /// Exchanges id tokens of these providers, as far as they are configured for it.
    #[must_use]
    pub fn with_providers(
        mut self,
        providers: Arc<Providers>,
        store: Arc<dyn ProviderStore>,
    ) -> Self {
        self.providers = Some(providers).filter(|providers| providers.exchange());
        self.provider_store = Some(store);
        self
    }

    /// Gives tokens to users too, for the codes and refresh tokens of app launches.
    #[must_use]
    pub fn with_grants(mut self, grants: Arc<Grants>) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Answers one request.
    pub async fn handle(&self, request: FormRequest) -> TokenResponse {
        let began = Instant::now();
        let mut row = blank_row(self.clock.now(), request.origin.clone());
        row.policy = Some(self.authenticator.register().hash.clone());
        let outcome = self.decide(&request, &mut row).await;
        let uniform = outcome
            .as_ref()
            .is_err_and(|e| *e == OAuthError::no_record());
        let answer = written(&*self.audit, row, outcome).await;
        if uniform {
            tokio::time::sleep_until(began + floor(self.settings.refusal_floor, began.elapsed()))
                .await;
        }
        answer
    }

    async fn decide(
        &self,
        request: &FormRequest,
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        self.limit
            .count(request.origin.address, row.at)
            .map_err(OAuthError::too_many)?;
        let form = Form::read(request)?;
        match (form.required("grant_type")?, &self.grants) {
            ("client_credentials", _) => {}
            ("authorization_code", Some(grants)) => {
                let who = self.authenticator.any_client(request, &form).await?;
                return grants.exchange(who.client, &form, row).await;
            }
            ("refresh_token", Some(grants)) => {
                // A public client may refresh without naming itself: the token does (smart.md, decision 7).
                let who = if self.authenticator.is_anonymous(request, &form) {
                    None
                } else {
                    Some(self.authenticator.any_client(request, &form).await?.client)
                };
                return grants.refresh(who, &form, row).await;
            }
            (exchange::GRANT_TYPE, _) => {
                if let Some(providers) = &self.providers {
                    let who = self.authenticator.client(request, &form).await?;
                    row.client = Some(who.client.id.clone());
                    row.viewer = who.client.organisation.clone();
                    row.policy = Some(who.register.hash.clone());
                    return self.exchange(providers, &who, &form, row).await;
                }
                return Err(OAuthError::unsupported_grant_type());
            }
            _ => return Err(OAuthError::unsupported_grant_type()),
        }
        let who = self.authenticator.client(request, &form).await?;
        row.client = Some(who.client.id.clone());
        row.viewer = who.client.organisation.clone();
        row.policy = Some(who.register.hash.clone());
        if !who.by_key {
            return Err(OAuthError::unauthorized_client(
                "The grant client_credentials is for clients with a key.",
            ));
        }
        let granted = match (wanted(&who, &form)?, &who.client.audit_of) {
            (Wanted::Oversight, _) => self.oversight_client(&who, &form, row)?,
            (Wanted::Other, Some(practice)) => self.audit_client(&who, practice, &form, row)?,
            // One that signs clinicians in, or launches apps, has no word about them here.
            (Wanted::Other, None) if !who.client.named_clinician => {
                return Err(OAuthError::unauthorized_client(
                    "This client is not registered to name clinicians.",
                ));
            }
            (Wanted::Other, None) => self.clinician_client(&who, &form, row).await?,
        };
        self.issue(granted, row).await
    }

    /// A practice's audit client: no clinician, no occasion, the trail only.
    fn audit_client(
        &self,
        who: &Authenticated,
        practice: &OdsCode,
        form: &Form,
        row: &mut AuditEntry,
    ) -> Result<Granted, OAuthError> {
        row.practice = Some(practice.clone());
        row.basis = Some("practice-audit".to_owned());
        let scopes = grant(&requested_scopes(form)?, &Allowance::audit())?;
        if form.get("authorization_details").is_some() {
            return Err(OAuthError::invalid_authorization_details(
                "This client reads the audit trail and opens no occasion.",
            ));
        }
        match who.register.organisations.get(practice) {
            None => Err(OAuthError::invalid_client(
                "The client's practice is not registered.",
            )),
            Some(found) if found.is_stopped() || self.authenticator.is_held(practice) => {
                Err(in_words("organisation-suspended"))
            }
            Some(_) => Ok(Granted {
                client: who.client.id.clone(),
                organisation: who
                    .client
                    .organisation
                    .clone()
                    .unwrap_or_else(|| practice.clone()),
                clinician: None,
                audit_of: Some(practice.clone()),
                occasion: None,
                scopes: scopes.to_string(),
            }),
        }
    }

    /// A hospital's client on behalf of a named clinician: one token, one patient, one occasion.
    async fn clinician_client(
        &self,
        who: &Authenticated,
        form: &Form,
        row: &mut AuditEntry,
    ) -> Result<Granted, OAuthError> {
        let asks = requester(
            who.extensions.as_ref(),
            &who.gp_connect,
            &who.client,
            &who.register,
            &self.settings.user_base,
        )
        .map_err(|error| OAuthError::invalid_client(error.to_string()))?;
        self.for_clinician(who, asks, form, row).await
    }

    /// The occasion that is asked for, however it is known who looks.
    async fn for_clinician(
        &self,
        who: &Authenticated,
        asks: Requester,
        form: &Form,
        row: &mut AuditEntry,
    ) -> Result<Granted, OAuthError> {
        let mut claim = asks.clinician;
        row.clinician = Some(claim.username.clone());
        row.role = who
            .register
            .users
            .get(&claim.username)
            .map(|user| user.role.clone());
        row.assurance = Some(claim.assurance.to_owned());
        row.viewer = Some(claim.organisation.clone());
        row.purpose.clone_from(&claim.purposes);
        row.also.site.clone_from(&claim.site);
        // Anything but treatment alone: nothing is granted that only the care of a patient needs.
        let other_use = claim.purposes != direct_care();
        let most = |tabs| match other_use {
            true => Allowance::other_use(tabs),
            false => Allowance::clinician(tabs),
        };
        let requested = requested_scopes(form)?;
        let asked = details::parse(form.required("authorization_details")?)?;
        let (client_id, viewer) = (who.client.id.clone(), claim.organisation.clone());
        let origin = row.origin.clone();
        let opened = match asked {
            AskedOccasion::Resume(occasion) => {
                grant(&requested, &most(TabSet::ALL))?;
                self.occasions
                    .resume(ResumeAsk {
                        occasion,
                        client_id,
                        clinician: claim.clone(),
                        origin,
                    })
                    .await
            }
            AskedOccasion::Open {
                nhs_number,
                treatment,
                claimed,
                basis,
                tabs,
                site,
            } => {
                if matches!(basis, AskedBasis::Override { .. }) && !other_use {
                    row.purpose = override_purpose();
                }
                take_site(&mut claim, site, &who.register)?;
                row.also.site.clone_from(&claim.site);
                row.also.asked = tabs;
                // Where nobody was asked for consent, the flow's own gateway may be enough.
                let basis = match basis {
                    AskedBasis::Consent(talk) if other_use && talk == ConsentTalk::default() => {
                        AskedBasis::Gateway
                    }
                    basis => basis,
                };
                row.tabs = tabs.unwrap_or(TabSet::ALL);
                self.is_record(asks.record.as_ref(), || self.id_of(&nhs_number))?;
                // Before anybody is asked: a request that cannot be granted anything opens no occasion.
                grant(&requested, &most(row.tabs))?;
                self.occasions
                    .open(OccasionAsk {
                        client_id,
                        viewer,
                        clinician: claim.clone(),
                        nhs_number,
                        treatment,
                        claimed,
                        basis,
                        tabs,
                        origin,
                    })
                    .await
            }
        }?;
        self.is_record(asks.record.as_ref(), || Some(opened.patient.clone()))?;
        row.occasion = Some(opened.id.clone());
        row.patient = Some(opened.patient.clone());
        row.tabs = opened.tabs;
        row.also.site.clone_from(&opened.site);
        row.also.asked = opened.asked;
        row.also.gateway = opened.gateway;
        let given = match opened.consent.as_deref() {
            Some(consent) => {
                let id = consent.strip_prefix("Consent/").unwrap_or(consent);
                Some(format!("consent:{id}"))
            }
            None if opened.is_direct_care() => {
                row.purpose = override_purpose();
                Some("override".to_owned())
            }
            None => None,
        };
        row.basis = basis_with(given, opened.gateway);
        let scopes = grant(&requested, &most(opened.tabs))?;
        Ok(Granted {
            client: who.client.id.clone(),
            organisation: claim.organisation.clone(),
            clinician: Some(claim),
            audit_of: None,
            occasion: Some(opened),
            scopes: scopes.to_string(),
        })
    }

    /// The patient that the assertion names is the one that is asked for.
    fn is_record(
        &self,
        record: Option<&RequestedRecord>,
        patient: impl FnOnce() -> Option<PatientId>,
    ) -> Result<(), OAuthError> {
        let same = record.is_none_or(|record| {
            patient().is_some_and(|patient| record.is_of(&patient, |number| self.id_of(number)))
        });
        if same {
            Ok(())
        } else {
            Err(OAuthError::invalid_authorization_details(
                "The client assertion's requested_record is another patient.",
            ))
        }
    }

    fn id_of(&self, number: &NhsNumber) -> Option<PatientId> {
        self.grants
            .as_ref()
            .map(|grants| grants.names.patient(number))
    }

    async fn issue(
        &self,
        granted: Granted,
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        // Asked again: opening an occasion takes time, and the token lives from now.
        let now = self.clock.now();
        let mut lifetime = self.settings.lifetime.min(MAX_LIFETIME);
        if let Some(open) = &granted.occasion {
            lifetime = lifetime.min(open.expires_at.duration_since(now));
        }
        let seconds = lifetime.as_secs();
        let expires_at = now
            .checked_add(SignedDuration::from_secs(seconds))
            .map_err(|_| OAuthError::unavailable())?;
        if seconds <= 0 {
            return Err(in_words("occasion-not-open"));
        }
        let secret = random_bytes::<32>().map_err(|_| OAuthError::unavailable())?;
        let token = URL_SAFE_NO_PAD.encode(secret);
        let hash = token_hash(&token);
        row.token = Some(token_id(&hash));
        let mut body = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": seconds,
            "scope": granted.scopes,
        });
        if let Some(clinician) = &granted.clinician {
            body["assurance"] = clinician.assurance.into();
        }
        if let Some(open) = &granted.occasion {
            body["patient"] = open.patient.as_str().into();
            body["authorization_details"] = details::granted(open);
        }
        self.tokens
            .insert_token(TokenRow {
                hash,
                client: granted.client,
                organisation: granted.organisation,
                assurance: granted.clinician.as_ref().map(|c| c.assurance.to_owned()),
                clinician: granted.clinician.map(|claim| claim.username),
                patient: granted.occasion.as_ref().map(|open| open.patient.clone()),
                occasion: granted.occasion.map(|open| open.id),
                audit_of: granted.audit_of,
                scopes: granted.scopes,
                issued_at: now,
                expires_at,
            })
            .await?;
        Ok(TokenResponse::ok(body))
    }
}

fn requested_scopes(form: &Form) -> Result<ScopeRequest, OAuthError> {
    ScopeRequest::parse(form.required("scope")?)
        .map_err(|error| OAuthError::invalid_scope(error.to_string()))
}

fn grant(requested: &ScopeRequest, allowance: &Allowance) -> Result<ScopeSet, OAuthError> {
    let granted = requested.grant(allowance);
    if granted.is_empty() {
        Err(OAuthError::invalid_scope(
            "Nothing of the requested scope can be granted.",
        ))
    } else {
        Ok(granted)
    }
}

/// The site that `authorization_details` names: one of the organisation's, and not another than the assertion's.
pub(super) fn take_site(
    claim: &mut ClinicianClaim,
    site: Option<OdsCode>,
    register: &Register,
) -> Result<(), OAuthError> {
    let Some(site) = site else { return Ok(()) };
    let own = register.site(&site) == Some(&claim.organisation)
        && claim.site.as_ref().is_none_or(|named| *named == site);
    if !own {
        return Err(OAuthError::invalid_authorization_details(
            "site is no site of the organisation that the assertion names.",
        ));
    }
    claim.site = Some(site);
    Ok(())
}

/// A refusal in the catalogue's words.
fn in_words(code: &'static str) -> OAuthError {
    OAuthError::mendable(code, catalogue::description(code))
}

fn override_purpose() -> Vec<String> {
    vec!["BTG".to_owned(), "ETREAT".to_owned()]
}

/// SHA-256 of a token: all that is ever kept of it.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// What stands for a token in the audit trail: half of its hash, so that the trail cannot find the token's row.
#[must_use]
pub fn token_id(hash: &[u8; 32]) -> String {
    hex(hash.get(..16).unwrap_or_default())
}

/// The first whole multiple of the floor that is not over yet.
pub(super) fn floor(floor: Duration, elapsed: Duration) -> Duration {
    if floor.is_zero() {
        return elapsed;
    }
    let times = elapsed.as_nanos().div_ceil(floor.as_nanos()).max(1);
    floor.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX))
}

/// The answer of an endpoint, once its row is durable; without the row there is no answer (R125).
pub(super) async fn written(
    audit: &dyn AuditLog,
    mut row: AuditEntry,
    outcome: Result<TokenResponse, OAuthError>,
) -> TokenResponse {
    row.failure = outcome.as_ref().err().map(|error| error.code().to_owned());
    match audit.write(row).await {
        Ok(()) => outcome.unwrap_or_else(TokenResponse::from),
        Err(_) => OAuthError::unavailable().into(),
    }
}

/// A row of the token endpoint of which nothing is known yet.
pub(super) fn blank_row(at: Timestamp, origin: Origin) -> AuditEntry {
    AuditEntry::new(at, What::Access(AccessStep::Token), origin)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "token_client_tests.rs"]
mod client_tests;
