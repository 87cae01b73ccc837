//! A journey: from an app's request to its first page, and the browser that it belongs to.

use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;

use super::reply::{JOURNEY_SECONDS, Reply, cookie, set_cookie};
use super::{Pages, views, words};
use crate::audit::Origin;
use crate::clock::new_id;
use crate::occasion::{Asker, ClinicianClaim, direct_care};
use crate::record::OdsCode;
use crate::register::User;
use crate::smart::authorize::{Asked, BackError, Unfit, read};
use crate::smart::grants::AUTHENTICATED;
use crate::smart::launch_scope::LaunchScopes;
use crate::smart::secrets::random_token;
use crate::smart::token::token_hash;
use crate::store::authorization::{JourneyRow, LaunchRow, SealedPatient};

/// A journey with the browser's cookie that proved it.
#[derive(Clone)]
pub struct Journey {
    /// Its row.
    pub row: JourneyRow,
    /// What the app asked.
    pub asked: Asked,
    /// Its scopes.
    pub scopes: LaunchScopes,
    /// The cookie's value.
    pub cookie: String,
}

/// Under which name a launch's NHS number is sealed.
#[must_use]
pub(in crate::smart) fn launch_seal(hash: &[u8; 32]) -> String {
    format!("launch:{}", crate::text::hex(hash))
}

impl Pages {
    /// Takes an app's request. By GET the first page is the answer; by POST the browser is sent to it, because only a GET
    /// from another site brings its cookies.
    pub(super) async fn begin(&self, encoded: &[u8], origin: Origin, shown: bool) -> Reply {
        let now = self.parts.clock.now();
        if let Err(seconds) = self.limit.count(origin.address, now) {
            return self.too_many(seconds);
        }
        let register = self.parts.register.current();
        let asked = match read(encoded, &self.parts.issuer, &register) {
            Ok(asked) => asked,
            Err(unfit) => return self.unfit(unfit, &origin).await,
        };
        match self.parts.register.holds(now) {
            Ok(holds) if holds.clients.contains(&asked.client) => {
                let unfit = Unfit::Page("The app has been disabled.");
                return self.unfit(unfit, &origin).await;
            }
            Ok(_) => {}
            Err(_) => return self.unavailable(None),
        }
        let launch = match &asked.launch {
            None => None,
            Some(hash) => match self.parts.store.find_launch(hash, now) {
                Ok(Some(launch)) if launch.client == asked.client => Some(launch),
                // Unknown, used, too old or another app's: which of these is nobody's business.
                Ok(_) => {
                    let error = BackError::new("invalid_request", words("launch-not-valid"));
                    let unfit = Unfit::Back(asked.back, error);
                    return self.unfit(unfit, &origin).await;
                }
                Err(_) => return self.unavailable(None),
            },
        };
        match self.start(asked, launch, shown).await {
            Ok((journey, cookie)) if shown => {
                self.show(&journey, &origin).await.with_cookie(Some(cookie))
            }
            Ok((journey, _)) => Reply::see(self.address(&journey.row.id)),
            Err(()) => self.unavailable(None),
        }
    }

    async fn start(
        &self,
        asked: Asked,
        launch: Option<LaunchRow>,
        shown: bool,
    ) -> Result<(Journey, String), ()> {
        let scopes = LaunchScopes::parse(&asked.scope).map_err(|_| ())?;
        let id = random_token().map_err(|_| ())?;
        let cookie = random_token().map_err(|_| ())?;
        let patient = match launch {
            None => None,
            Some(launch) => {
                let care = &self.parts.care;
                let number = care
                    .unseal(&launch_seal(&launch.hash), &launch.patient.sealed_nhs)
                    .map_err(|_| ())?;
                Some(SealedPatient {
                    patient: launch.patient.patient,
                    sealed_nhs: care.seal(&id, &number).map_err(|_| ())?,
                })
            }
        };
        let row = JourneyRow {
            browser: shown.then(|| token_hash(&cookie)),
            asked: serde_json::to_string(&asked).map_err(|_| ())?,
            username: None,
            signed_in_at: None,
            viewer: None,
            patient,
            expires_at: self
                .parts
                .clock
                .now()
                .checked_add(SignedDuration::from_secs(JOURNEY_SECONDS))
                .map_err(|_| ())?,
            id,
        };
        self.parts
            .store
            .insert_journey(row.clone())
            .await
            .map_err(|_| ())?;
        let header = set_cookie(self.secure, &self.address(&row.id), &cookie);
        let journey = Journey {
            row,
            asked,
            scopes,
            cookie,
        };
        Ok((journey, header))
    }

    /// A request that goes no further: to the app where it is certain whose it is, otherwise to the person (A3).
    async fn unfit(&self, unfit: Unfit, origin: &Origin) -> Reply {
        let failure = match &unfit {
            Unfit::Page(_) => "invalid_request",
            Unfit::Back(_, error) => error.error,
        };
        let noted = self
            .note(origin, |row| row.failure = Some(failure.to_owned()))
            .await;
        if let Err(reply) = noted {
            return reply;
        }
        match unfit {
            Unfit::Page(text) => self.plain(
                StatusCode::BAD_REQUEST,
                "The app's request was not accepted",
                text,
                "Close this page. Tell the people who look after the app.",
            ),
            Unfit::Back(back, error) => Reply::see(back.with_error(&self.parts.issuer, &error)),
        }
    }

    /// A journey for whoever holds its cookie. One that came by POST belongs to the browser that opens it first; the
    /// cookie for it is given back then.
    pub(super) async fn open(
        &self,
        id: &str,
        headers: &HeaderMap,
    ) -> Result<(Journey, Option<String>), Reply> {
        let found = self
            .parts
            .store
            .find_journey(id, self.parts.clock.now())
            .map_err(|_| self.unavailable(None))?;
        let Some(mut row) = found else {
            return Err(self.over());
        };
        let asked: Asked = serde_json::from_str(&row.asked).map_err(|_| self.over())?;
        let scopes = LaunchScopes::parse(&asked.scope).map_err(|_| self.over())?;
        let sent = cookie(self.secure, headers);
        match (row.browser, sent) {
            (Some(browser), Some(cookie)) if token_hash(&cookie) == browser => Ok((
                Journey {
                    row,
                    asked,
                    scopes,
                    cookie,
                },
                None,
            )),
            (None, _) => {
                let cookie = random_token().map_err(|_| self.unavailable(None))?;
                row.browser = Some(token_hash(&cookie));
                match self.parts.store.save_journey(row.clone(), None).await {
                    Ok(true) => {}
                    Ok(false) => return Err(self.elsewhere()),
                    Err(_) => return Err(self.unavailable(None)),
                }
                let header = set_cookie(self.secure, &self.address(id), &cookie);
                Ok((
                    Journey {
                        row,
                        asked,
                        scopes,
                        cookie,
                    },
                    Some(header),
                ))
            }
            _ => Err(self.elsewhere()),
        }
    }

    pub(super) fn over(&self) -> Reply {
        self.plain(
            StatusCode::GONE,
            "This sign-in has ended",
            "It was finished, cancelled, or left for too long.",
            "Close this page and start again in the app.",
        )
    }

    /// Not this browser's journey, or cookies are refused.
    pub(super) fn elsewhere(&self) -> Reply {
        self.plain(
            StatusCode::FORBIDDEN,
            "This sign-in belongs to another browser",
            "The page was opened in another browser or tab, or this browser does not keep cookies.",
            "Close this page and start again in the app.",
        )
    }

    /// Who is asking, where somebody signed in for an organisation.
    pub(super) fn asker(&self, journey: &Journey, origin: &Origin) -> Option<Asker> {
        let (username, viewer) = (journey.row.username.clone()?, journey.row.viewer.clone()?);
        Some(Asker {
            client_id: journey.asked.client.clone(),
            clinician: claim(username, viewer),
            origin: origin.clone(),
        })
    }

    pub(super) fn frame(&self, journey: &Journey) -> views::Frame {
        let who = journey.row.username.as_deref().map(|username| {
            let name = self
                .user(username)
                .map_or_else(|| username.to_owned(), |user| user.name);
            match &journey.row.viewer {
                Some(viewer) => format!("{name}, {}", self.organisation(viewer)),
                None => name,
            }
        });
        views::Frame {
            css: super::css_address(),
            who,
            action: self.address(&journey.row.id),
            form_token: self.parts.key.form_token(&journey.row.id, &journey.cookie),
        }
    }

    pub(super) fn user(&self, username: &str) -> Option<User> {
        self.parts.register.current().users.get(username).cloned()
    }

    pub(super) fn organisation(&self, ods: &OdsCode) -> String {
        let register = self.parts.register.current();
        register
            .organisations
            .get(ods)
            .map_or_else(|| ods.0.clone(), |it| it.name.clone())
    }

    /// What the app is called.
    pub(super) fn app(&self, journey: &Journey) -> String {
        let register = self.parts.register.current();
        let client = register.clients.get(&journey.asked.client);
        client
            .and_then(|client| client.name.clone())
            .unwrap_or_else(|| format!("The app {}", journey.asked.client))
    }

    /// A new id for rows of this journey's making.
    pub(super) fn new_id(&self) -> String {
        new_id().to_string()
    }
}

/// Somebody who signed in here.
pub(super) fn claim(username: String, organisation: OdsCode) -> ClinicianClaim {
    ClinicianClaim {
        username,
        name: None,
        claimed_role: None,
        organisation,
        assurance: AUTHENTICATED,
        purposes: direct_care(),
        site: None,
    }
}
