//! The end of a journey: a code for the app, or an error.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::journey::Journey;
use super::reply::{Reply, set_cookie};
use super::{Pages, words};
use crate::audit::Origin;
use crate::occasion::OpenOccasion;
use crate::record::OdsCode;
use crate::smart::authorize::BackError;
use crate::smart::grants::USER_LIFETIME;
use crate::smart::secrets::random_token;
use crate::smart::token::token_hash;
use crate::store::authorization::GrantRow;

/// Life of a code (A9).
const CODE_LIFETIME: SignedDuration = SignedDuration::from_secs(60);

impl Pages {
    /// Only who signed in.
    pub(super) async fn identify(&self, journey: &Journey, origin: &Origin) -> Reply {
        let store = &self.parts.store;
        match store
            .claim_journey(&journey.row.id, journey.row.browser.unwrap_or_default())
            .await
        {
            Ok(true) => {}
            Ok(false) => return self.at_work(),
            Err(_) => return self.unavailable(Some(journey)),
        }
        let username = journey.row.username.clone().unwrap_or_default();
        let Some(viewer) = journey
            .row
            .viewer
            .clone()
            .or_else(|| self.user(&username)?.organisations.first().cloned())
        else {
            let error = BackError::new("access_denied", "The user acts for no organisation.");
            return self.leave(journey, &error, origin).await;
        };
        let Ok(ends_at) = self.parts.clock.now().checked_add(USER_LIFETIME) else {
            return self.unavailable(Some(journey));
        };
        let grant = Grant {
            username,
            viewer,
            ends_at,
            context: "{}".to_owned(),
            occasion: None,
            scopes: journey.scopes.grant(None, false, false),
            refreshable: false,
        };
        match self.give_code(journey, grant).await {
            Ok(reply) | Err(reply) => reply,
        }
    }

    /// The way back to the app with a code; or, `Err`, without one.
    pub(super) async fn give_code(&self, journey: &Journey, grant: Grant) -> Result<Reply, Reply> {
        let now = self.parts.clock.now();
        let (Ok(code), Ok(code_expires_at)) = (random_token(), now.checked_add(CODE_LIFETIME))
        else {
            return Err(self.unavailable(Some(journey)));
        };
        let row = GrantRow {
            id: self.new_id(),
            code_hash: token_hash(&code),
            code_expires_at,
            client: journey.asked.client.clone(),
            redirect_uri: journey.asked.back.uri().to_owned(),
            challenge: journey.asked.challenge.clone(),
            nonce: journey.asked.nonce.clone(),
            username: grant.username,
            viewer: grant.viewer,
            patient: grant.occasion.as_ref().map(|open| open.patient.clone()),
            occasion: grant.occasion.map(|open| open.id),
            scopes: grant.scopes,
            asked: journey.asked.scope.clone(),
            refreshable: grant.refreshable,
            context: grant.context,
            signed_in_at: journey.row.signed_in_at.unwrap_or(now),
            ends_at: grant.ends_at,
        };
        let kept = self
            .parts
            .store
            .insert_grant(row, journey.asked.launch, now)
            .await;
        let _ended = self.parts.store.end_journey(&journey.row.id).await;
        match kept {
            Ok(true) => {
                let location = journey
                    .asked
                    .back
                    .with(&self.parts.issuer, &[("code", &code)]);
                Ok(Reply::see(location).with_cookie(Some(self.no_cookie(journey))))
            }
            Ok(false) => Err(self.back(
                journey,
                &BackError::new("invalid_request", words("launch-not-valid")),
            )),
            Err(_) => Err(self.back(
                journey,
                &BackError::new(
                    "temporarily_unavailable",
                    "The service cannot answer at the moment.",
                ),
            )),
        }
    }

    pub(super) async fn deny(&self, journey: &Journey, origin: &Origin) -> Reply {
        self.leave(journey, &denied(), origin).await
    }

    /// Ends a journey with an error for the app, and writes it down.
    pub(super) async fn leave(
        &self,
        journey: &Journey,
        error: &BackError,
        origin: &Origin,
    ) -> Reply {
        let noted = self
            .note(origin, |row| {
                row.client = Some(journey.asked.client.clone());
                row.clinician.clone_from(&journey.row.username);
                row.viewer.clone_from(&journey.row.viewer);
                row.patient = journey.row.patient.as_ref().map(|it| it.patient.clone());
                row.failure = Some(error.error.to_owned());
            })
            .await;
        if let Err(reply) = noted {
            return reply;
        }
        let _ended = self.parts.store.end_journey(&journey.row.id).await;
        self.back(journey, error)
    }

    pub(super) fn back(&self, journey: &Journey, error: &BackError) -> Reply {
        Reply::see(journey.asked.back.with_error(&self.parts.issuer, error))
            .with_cookie(Some(self.no_cookie(journey)))
    }

    fn no_cookie(&self, journey: &Journey) -> String {
        set_cookie(self.secure, &self.address(&journey.row.id), "")
    }

    pub(super) fn at_work(&self) -> Reply {
        self.plain(
            StatusCode::CONFLICT,
            "The record is being opened",
            "The button was pressed twice, or the page was opened elsewhere.",
            "Wait a moment; if nothing happens, start again in the app.",
        )
    }
}

/// What a code will stand for.
pub(super) struct Grant {
    pub(super) username: String,
    pub(super) viewer: OdsCode,
    pub(super) occasion: Option<OpenOccasion>,
    pub(super) scopes: String,
    pub(super) refreshable: bool,
    pub(super) context: String,
    pub(super) ends_at: Timestamp,
}

/// Refused by the patient or given up by the clinician: the app hears the same (A12).
pub(super) fn denied() -> BackError {
    BackError::new("access_denied", "Access was not given.")
}
