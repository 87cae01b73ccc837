//! Codes and refresh tokens of app launches, exchanged for tokens (T3 to T11; RFC 9700 sections 4.5 and 4.14).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer::{OAuthError, TokenResponse};
use super::details;
use super::form::Form;
use super::id_token::UserNames;
use super::launch_scope::{holds, narrowed};
use super::opener::{OccasionOpener, ResumeAsk};
use super::ring::KeyRing;
use super::secrets::{LaunchKey, random_token};
use super::token::{token_hash, token_id};
use crate::audit::AuditEntry;
use crate::clock::SharedClock;
use crate::occasion::{ClinicianClaim, OccasionRefusal, OpenOccasion, direct_care};
use crate::register::{Client, ClientAuthentication, RegisterHandle, User};
use crate::store::TokenRow;
use crate::store::authorization::{AuthorizationStore, FoundGrant, GrantRow, Rotation};

/// Life of a user's access token.
pub const USER_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// Life of an access token after an override (design.md 7).
pub const OVERRIDE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// A refresh that is repeated within this time gets the same pair, until the pair is used (smart.md, decision 7).
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// What goes with a launch beside the patient (T7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LaunchContext {
    /// The encounter's id in the EHR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encounter: Option<String>,
    /// What the EHR wants done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// The app has to show who the patient is; `false` only where the EHR says that it does so around the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need_patient_banner: Option<bool>,
}

/// What the exchanges stand on.
pub struct Grants {
    /// Codes, refresh tokens, families.
    pub store: Arc<dyn AuthorizationStore>,
    /// The occasion is looked at afresh for every token.
    pub occasions: Arc<dyn OccasionOpener>,
    /// Who may.
    pub register: RegisterHandle,
    /// Makes the pairs.
    pub key: LaunchKey,
    /// Signs id tokens.
    pub ring: Arc<KeyRing>,
    /// Names users.
    pub names: UserNames,
    /// Time.
    pub clock: SharedClock,
}

impl Grants {
    /// `grant_type=authorization_code`.
    ///
    /// # Errors
    /// `invalid_grant` for everything that is wrong with the code; 503.
    pub async fn exchange(
        &self,
        client: Client,
        form: &Form,
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        row.client = Some(client.id.clone());
        let code = token_hash(form.required("code")?);
        let Some(found) = self.store.find_code(&code)? else {
            return Err(OAuthError::invalid_grant());
        };
        let grant = &found.grant;
        tell(row, grant);
        if found.used || found.revoked {
            // RFC 6749 section 4.1.2: somebody has a code that is not theirs. Nobody keeps what came of it.
            return Err(self.kill(grant).await?);
        }
        let now = self.clock.now();
        let proven = grant.client == client.id
            && now < grant.code_expires_at
            && form.get("redirect_uri") == Some(&grant.redirect_uri)
            && form
                .get("code_verifier")
                .is_some_and(|verifier| is_verifier(verifier, &grant.challenge));
        if !proven {
            return Err(OAuthError::invalid_grant());
        }
        let open = self.still_open(grant, row).await?;
        let user = self.user(grant)?;
        let access = random_token().map_err(|_| OAuthError::unavailable())?;
        let refresh = match grant.refreshable {
            true => Some(random_token().map_err(|_| OAuthError::unavailable())?),
            false => None,
        };
        let token = self.token_row(grant, open.as_ref(), &access, grant.scopes.clone())?;
        row.token = Some(token_id(&token.hash));
        let mut body = answer(
            grant,
            open.as_ref(),
            &access,
            refresh.as_deref(),
            &token,
            token.issued_at,
        );
        if holds(&grant.scopes, "openid") {
            let claims = self.names.claims(grant, &user, token.issued_at);
            let id_token = self
                .ring
                .sign(&claims, token.issued_at)
                .map_err(|_| OAuthError::unavailable())?;
            body["id_token"] = id_token.into();
        }
        let refresh = refresh.as_deref().map(token_hash);
        let first = self
            .store
            .redeem_code(code, token.issued_at, token, refresh)
            .await?;
        if !first {
            return Err(self.kill(grant).await?);
        }
        Ok(TokenResponse::ok(body))
    }

    /// `grant_type=refresh_token`. `client` is `None` where nobody was named.
    ///
    /// # Errors
    /// `invalid_grant`, `invalid_scope`, 503.
    pub async fn refresh(
        &self,
        client: Option<Client>,
        form: &Form,
        row: &mut AuditEntry,
    ) -> Result<TokenResponse, OAuthError> {
        row.client = client.as_ref().map(|client| client.id.clone());
        let presented = form.required("refresh_token")?;
        let hash = token_hash(presented);
        let Some(FoundGrant { grant, revoked, .. }) = self.store.find_refresh(&hash)? else {
            return Err(OAuthError::invalid_grant());
        };
        tell(row, &grant);
        let theirs = match client {
            Some(client) => client.id == grant.client,
            None => {
                row.client = Some(grant.client.clone());
                let register = self.register.current();
                let client = register.clients.get(&grant.client);
                client.is_some_and(|client| {
                    matches!(client.authentication, ClientAuthentication::Public)
                })
            }
        };
        if !theirs || revoked || grant.ends_at <= self.clock.now() {
            return Err(OAuthError::invalid_grant());
        }
        let scopes = match form.get("scope") {
            None => grant.scopes.clone(),
            Some(asked) => narrowed(&grant.scopes, &grant.asked, asked).ok_or_else(|| {
                OAuthError::invalid_scope("A refresh cannot ask for more than was granted.")
            })?,
        };
        let open = self.still_open(&grant, row).await?;
        self.user(&grant)?;
        let pair = self.key.pair(presented);
        let token = self.token_row(&grant, open.as_ref(), &pair.access, scopes)?;
        let now = token.issued_at;
        let rotated = self
            .store
            .rotate(hash, now, GRACE, token.clone(), token_hash(&pair.refresh))
            .await?;
        let kept = match rotated {
            Rotation::Done => token,
            Rotation::Repeated(kept) => *kept,
            Rotation::Reused | Rotation::OtherScopes | Rotation::Dead => {
                return Err(OAuthError::invalid_grant());
            }
        };
        row.token = Some(token_id(&kept.hash));
        Ok(TokenResponse::ok(answer(
            &grant,
            open.as_ref(),
            &pair.access,
            Some(&pair.refresh),
            &kept,
            now,
        )))
    }

    /// Kills a family, and gives what the presenter hears.
    async fn kill(&self, grant: &GrantRow) -> Result<OAuthError, OAuthError> {
        self.store.revoke_grant(&grant.id, self.clock.now()).await?;
        Ok(OAuthError::invalid_grant())
    }

    /// The occasion as it is now: withdrawn, held or ended since, it gives no token.
    async fn still_open(
        &self,
        grant: &GrantRow,
        row: &AuditEntry,
    ) -> Result<Option<OpenOccasion>, OAuthError> {
        let Some(occasion) = grant.occasion.clone() else {
            return Ok(None);
        };
        let ask = ResumeAsk {
            occasion,
            client_id: grant.client.clone(),
            clinician: ClinicianClaim {
                username: grant.username.clone(),
                name: None,
                claimed_role: None,
                organisation: grant.viewer.clone(),
                assurance: AUTHENTICATED,
                purposes: direct_care(),
                site: None,
            },
            origin: row.origin.clone(),
        };
        match self.occasions.resume(ask).await {
            Ok(open) => Ok(Some(open)),
            Err(OccasionRefusal::Unavailable) => Err(OAuthError::unavailable()),
            Err(_) => Err(OAuthError::invalid_grant()),
        }
    }

    /// The user, who may have been revoked since.
    fn user(&self, grant: &GrantRow) -> Result<User, OAuthError> {
        let holds = self.register.holds(self.clock.now())?;
        let held = holds.everything || holds.users.contains(&grant.username);
        let register = self.register.current();
        register
            .users
            .get(&grant.username)
            .filter(|user| !user.revoked && !held)
            .cloned()
            .ok_or_else(OAuthError::invalid_grant)
    }

    fn token_row(
        &self,
        grant: &GrantRow,
        open: Option<&OpenOccasion>,
        access: &str,
        scopes: String,
    ) -> Result<TokenRow, OAuthError> {
        // Asked again: what came before took time.
        let now = self.clock.now();
        let longest = match open {
            Some(open) if open.consent.is_none() => OVERRIDE_LIFETIME,
            _ => USER_LIFETIME,
        };
        let window = open.map_or(grant.ends_at, |open| open.expires_at.min(grant.ends_at));
        let lifetime = longest.min(window.duration_since(now));
        let expires_at = now
            .checked_add(SignedDuration::from_secs(lifetime.as_secs()))
            .map_err(|_| OAuthError::unavailable())?;
        if expires_at <= now {
            return Err(OAuthError::invalid_grant());
        }
        Ok(TokenRow {
            hash: token_hash(access),
            client: grant.client.clone(),
            organisation: grant.viewer.clone(),
            clinician: Some(grant.username.clone()),
            assurance: Some(AUTHENTICATED.to_owned()),
            occasion: grant.occasion.clone(),
            patient: grant.patient.clone(),
            audit_of: None,
            scopes,
            issued_at: now,
            expires_at,
        })
    }
}

/// How the identity of somebody who signed in here, or at a trusted provider, is known.
pub use crate::access::AUTHENTICATED;

fn tell(row: &mut AuditEntry, grant: &GrantRow) {
    row.clinician = Some(grant.username.clone());
    row.assurance = Some(AUTHENTICATED.to_owned());
    row.viewer = Some(grant.viewer.clone());
    row.patient.clone_from(&grant.patient);
    row.occasion.clone_from(&grant.occasion);
}

/// RFC 7636 section 4.6, S256 alone.
fn is_verifier(verifier: &str, challenge: &str) -> bool {
    let shaped = (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    shaped && bool::from(hashed.as_bytes().ct_eq(challenge.as_bytes()))
}

fn answer(
    grant: &GrantRow,
    open: Option<&OpenOccasion>,
    access: &str,
    refresh: Option<&str>,
    token: &TokenRow,
    now: Timestamp,
) -> Value {
    let mut body = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": token.expires_at.duration_since(now).as_secs(),
        "scope": token.scopes,
    });
    if let Some(assurance) = &token.assurance {
        body["assurance"] = assurance.as_str().into();
    }
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    if let Some(open) = open {
        body["patient"] = open.patient.as_str().into();
        body["authorization_details"] = details::granted(open);
        add_context(&mut body, &grant.context);
    }
    body
}

/// Encounter, intent and banner of the launch. Without word of an EHR the app shows who the patient is.
pub(super) fn add_context(body: &mut Value, context: &str) {
    let context: LaunchContext = serde_json::from_str(context).unwrap_or_default();
    body["need_patient_banner"] = context.need_patient_banner.unwrap_or(true).into();
    if let Some(encounter) = context.encounter {
        body["encounter"] = encounter.into();
    }
    if let Some(intent) = context.intent {
        body["intent"] = intent.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B; T3
    #[test]
    fn only_the_verifier_of_the_challenge_is_taken() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier(verifier, challenge));
        for wrong in [
            "",
            challenge,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk=",
            &verifier[1..],
        ] {
            assert!(!is_verifier(wrong, challenge), "{wrong}");
        }
    }

    #[test]
    fn the_app_shows_the_patient_unless_the_ehr_does() {
        let mut body = json!({});
        add_context(&mut body, "{}");
        assert_eq!(body, json!({"need_patient_banner": true}));
        add_context(
            &mut body,
            r#"{"encounter":"e1","intent":"triage","need_patient_banner":false}"#,
        );
        assert_eq!(
            body,
            json!({"need_patient_banner": false, "encounter": "e1", "intent": "triage"})
        );
    }
}
