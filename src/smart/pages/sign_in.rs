//! Signing in with a password, and what every way of signing in comes to.

use http::StatusCode;

use super::consent_form::Problem;
use super::journey::Journey;
use super::reply::{Reply, set_cookie};
use super::steps::Sent;
use super::{Pages, words};
use crate::audit::Origin;
use crate::record::OdsCode;
use crate::register::User;
use crate::smart::authorize::BackError;
use crate::smart::secrets::random_token;
use crate::smart::token::token_hash;

/// Longest username that is looked up, in bytes.
const MAX_USERNAME: usize = 256;

/// Somebody whose identity is proven.
pub(super) struct SignedIn {
    /// As the register knows them.
    pub(super) user: User,
    /// For which organisation, where that is proven too.
    pub(super) viewer: Option<OdsCode>,
    /// How, for the trail.
    pub(super) basis: String,
}

impl Pages {
    pub(super) async fn sign_in(&self, journey: &Journey, sent: &Sent, origin: &Origin) -> Reply {
        let now = self.parts.clock.now();
        if let Err(seconds) = self.limit.count(origin.address, now) {
            return self.too_many(seconds);
        }
        let typed = sent.get("username").trim();
        let password = sent.get("password");
        if typed.is_empty() || password.is_empty() {
            let mut errors = Vec::new();
            if typed.is_empty() {
                errors.push(Problem::new("username", "Enter your username"));
            }
            if password.is_empty() {
                errors.push(Problem::new("password", "Enter your password"));
            }
            return self.sign_in_page(journey, StatusCode::BAD_REQUEST, typed, errors);
        }
        let account = token_hash(&format!("account:{}", typed.to_lowercase()));
        match self.parts.store.begin_sign_in(account, now).await {
            Ok(None) => {}
            Ok(Some(seconds)) => {
                return self
                    .sign_in_refused(journey, typed, "sign-in-throttled", origin)
                    .await
                    .after(seconds);
            }
            Err(_) => return self.unavailable(Some(journey)),
        }
        let user = Some(typed)
            .filter(|typed| typed.len() <= MAX_USERNAME)
            .and_then(|typed| self.user(typed));
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let right = self.passwords.check(hash, password.to_owned()).await;
        // Holds that cannot be read hold everybody.
        let held = self
            .parts
            .register
            .holds(now)
            .map_or(true, |holds| holds.users.contains(typed));
        let Some(user) = user.filter(|user| right && !user.revoked && !held) else {
            return self
                .sign_in_refused(journey, typed, "sign-in-failed", origin)
                .await;
        };
        if self.parts.store.sign_in_succeeded(account).await.is_err() {
            return self.unavailable(Some(journey));
        }
        let who = SignedIn {
            user,
            viewer: None,
            basis: "sign-in".to_owned(),
        };
        self.signed_in(journey, who, origin).await
    }

    /// Somebody is who they say, however that is known: the journey is theirs from now on.
    pub(super) async fn signed_in(
        &self,
        journey: &Journey,
        who: SignedIn,
        origin: &Origin,
    ) -> Reply {
        let now = self.parts.clock.now();
        let SignedIn {
            user,
            viewer,
            basis,
        } = who;
        // A launch is for one clinician; another may have taken over the keyboard (A7).
        if let Some(hash) = &journey.asked.launch {
            match self.parts.store.find_launch(hash, now) {
                Ok(Some(launch)) if launch.username == user.username => {}
                Ok(Some(_)) => {
                    return self
                        .sign_in_refused(journey, "", "launch-of-another", origin)
                        .await;
                }
                Ok(None) => {
                    let error = BackError::new("invalid_request", words("launch-not-valid"));
                    return self.leave(journey, &error, origin).await;
                }
                Err(_) => return self.unavailable(Some(journey)),
            }
        }
        let viewers = self
            .parts
            .care
            .viewers(&user.username, &journey.asked.client);
        let viewer = match (viewer, viewers.as_slice()) {
            (Some(chosen), viewers) if viewers.contains(&chosen) => Some(chosen),
            (None, [only]) => Some(only.clone()),
            _ => None,
        };
        let noted = self
            .note(origin, |row| {
                row.client = Some(journey.asked.client.clone());
                row.clinician = Some(user.username.clone());
                row.role = Some(user.role.clone());
                row.assurance = Some(crate::smart::grants::AUTHENTICATED.to_owned());
                row.viewer.clone_from(&viewer);
                row.basis = Some(basis);
            })
            .await;
        if let Err(reply) = noted {
            return reply;
        }
        // A new id for the signed-in journey: what was known of the one before opens nothing (session fixation).
        let Ok(cookie) = random_token() else {
            return self.unavailable(Some(journey));
        };
        let mut row = journey.row.clone();
        row.browser = Some(token_hash(&cookie));
        row.username = Some(user.username);
        row.signed_in_at = Some(now);
        row.viewer = viewer;
        let address = self.address(&row.id);
        match self
            .parts
            .store
            .save_journey(row, journey.row.browser)
            .await
        {
            Ok(true) => {
                let cookie = set_cookie(self.secure, &address, &cookie);
                Reply::see(address).with_cookie(Some(cookie))
            }
            Ok(false) => self.elsewhere(),
            Err(_) => self.unavailable(Some(journey)),
        }
    }

    pub(super) async fn sign_in_refused(
        &self,
        journey: &Journey,
        typed: &str,
        reason: &'static str,
        origin: &Origin,
    ) -> Reply {
        let known = self.user(typed).map(|user| user.username);
        let noted = self
            .note(origin, |row| {
                row.client = Some(journey.asked.client.clone());
                // What was typed may be a password; only a name that is one is kept.
                row.clinician = known;
                row.failure = Some(reason.to_owned());
            })
            .await;
        if let Err(reply) = noted {
            return reply;
        }
        let status = if reason == "sign-in-throttled" {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::FORBIDDEN
        };
        let errors = vec![Problem::new("username", words(reason))];
        self.sign_in_page(journey, status, typed, errors)
    }
}
