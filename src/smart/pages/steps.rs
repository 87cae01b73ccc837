//! What a clinician does on the pages: each step is one POST of a form, checked against the browser, answered by a
//! redirect (303) or by the same page with what is wrong.

use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use jiff::civil::Date;
use tokio::time::Instant;

use super::consent_form::{ConsentForm, Problem, is_about_the_form};
use super::journey::Journey;
use super::reply::{Reply, set_cookie};
use super::show::refreshes;
use super::{Pages, words};
use crate::audit::Origin;
use crate::occasion::{AskedBasis, Asker, OccasionAsk, OccasionRefusal, OpenOccasion, WORKLIST};
use crate::record::{NhsNumber, OdsCode};
use crate::smart::authorize::BackError;
use crate::smart::grants::USER_LIFETIME;
use crate::smart::secrets::random_token;
use crate::smart::token::{floor, token_hash};
use crate::store::authorization::{GrantRow, SealedPatient};

/// Life of a code (A9).
const CODE_LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// Longest username that is looked up, in bytes.
const MAX_USERNAME: usize = 256;

/// The pairs of a form.
struct Sent(Vec<(String, String)>);

impl Sent {
    fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }
}

impl Pages {
    /// One step.
    pub(super) async fn step(
        &self,
        id: &str,
        step: &str,
        headers: &HeaderMap,
        pairs: Vec<(String, String)>,
        origin: Origin,
    ) -> Reply {
        let began = Instant::now();
        let (journey, bound) = match self.open(id, headers).await {
            Ok(opened) => opened,
            Err(reply) => return reply,
        };
        let sent = Sent(pairs);
        let key = &self.parts.key;
        // A form of another site, or of another time, has no token of this browser (A14).
        let own = bound.is_none()
            && key.is_form_token(sent.get("form_token"), &journey.row.id, &journey.cookie);
        let from_elsewhere = headers
            .get("sec-fetch-site")
            .is_some_and(|site| site != "same-origin" && site != "none");
        if !own || from_elsewhere {
            let noted = self
                .note(&origin, |row| {
                    row.client = Some(journey.asked.client.clone());
                    row.failure = Some("form-not-ours".to_owned());
                })
                .await;
            return noted.err().unwrap_or_else(|| self.elsewhere());
        }
        let reply = match step {
            "sign-in" => self.sign_in(&journey, &sent, &origin).await,
            "again" => self.again(journey_copy(&journey)).await,
            "deny" => self.deny(&journey, &origin).await,
            _ if journey.row.username.is_none() => Reply::see(self.address(id)),
            "organisation" => self.choose_organisation(&journey, &sent).await,
            "pick" => self.pick(&journey, &sent, &origin).await,
            "find" => self.find(&journey, &sent, &origin).await,
            "repick" => self.repick(&journey).await,
            "approve" if journey.scopes.identity_only() => self.identify(&journey, &origin).await,
            "approve" => {
                let form = ConsentForm::read(&sent.0);
                let basis = form.talk();
                self.decide(&journey, form, basis, &origin, began).await
            }
            "override" => {
                let form = ConsentForm::read(&sent.0);
                let basis = form.emergency();
                self.decide(&journey, form, basis, &origin, began).await
            }
            "refused" => {
                let basis = ConsentForm::refusal();
                self.decide(&journey, ConsentForm::default(), basis, &origin, began)
                    .await
            }
            _ => self.plain(
                StatusCode::NOT_FOUND,
                "There is no such page",
                "The address does not lead anywhere.",
                "Close this page and start again in the app.",
            ),
        };
        reply.leading_to(&journey.asked.back.origin())
    }

    async fn sign_in(&self, journey: &Journey, sent: &Sent, origin: &Origin) -> Reply {
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
        let viewer = match viewers.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        };
        let noted = self
            .note(origin, |row| {
                row.client = Some(journey.asked.client.clone());
                row.clinician = Some(user.username.clone());
                row.role = Some(user.role.clone());
                row.assurance = Some(crate::smart::grants::AUTHENTICATED.to_owned());
                row.viewer.clone_from(&viewer);
                row.basis = Some("sign-in".to_owned());
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

    async fn sign_in_refused(
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

    /// Somebody else takes over: nothing of the first is kept but what the EHR gave.
    async fn again(&self, mut journey: Journey) -> Reply {
        let browser = journey.row.browser;
        journey.row.username = None;
        journey.row.signed_in_at = None;
        journey.row.viewer = None;
        if journey.asked.launch.is_none() {
            journey.row.patient = None;
        }
        self.save(&journey, browser).await
    }

    async fn choose_organisation(&self, journey: &Journey, sent: &Sent) -> Reply {
        let username = journey.row.username.clone().unwrap_or_default();
        let viewers = self.parts.care.viewers(&username, &journey.asked.client);
        let chosen = OdsCode(sent.get("organisation").to_owned());
        if !viewers.contains(&chosen) {
            let errors = vec![Problem::new("organisation", "Choose where you are working")];
            return self.organisation_page(journey, &username, errors, StatusCode::BAD_REQUEST);
        }
        let mut journey = journey_copy(journey);
        journey.row.viewer = Some(chosen);
        let browser = journey.row.browser;
        self.save(&journey, browser).await
    }

    async fn pick(&self, journey: &Journey, sent: &Sent, origin: &Origin) -> Reply {
        let Some(asker) = self.may_pick(journey, origin) else {
            return Reply::see(self.address(&journey.row.id));
        };
        let wanted = sent.get("patient");
        match self.parts.care.worklist(&asker).await {
            Err(_) => self.unavailable(Some(journey)),
            Ok(listed) => match listed.iter().find(|person| person.id.as_str() == wanted) {
                Some(person) => self.picked(journey, &person.listed.nhs_number).await,
                None => self.nobody(journey, &asker).await,
            },
        }
    }

    /// By NHS number and date of birth, on the viewer's own worklist alone: nothing is looked up before consent.
    async fn find(&self, journey: &Journey, sent: &Sent, origin: &Origin) -> Reply {
        let Some(asker) = self.may_pick(journey, origin) else {
            return Reply::see(self.address(&journey.row.id));
        };
        let digits: String = sent
            .get("nhs_number")
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let number = NhsNumber::parse(&digits);
        let born = date_of_birth(sent.get("date_of_birth"));
        let mut errors = Vec::new();
        if let Err(error) = &number {
            errors.push(Problem::new(
                "nhs_number",
                format!("Check the NHS number: {error}"),
            ));
        }
        if born.is_none() {
            let text = "Enter the date of birth, for example 14/03/1957";
            errors.push(Problem::new("date_of_birth", text));
        }
        let (Ok(number), Some(born)) = (number, born) else {
            let wrong = (
                errors.iter().any(|error| error.field == "nhs_number"),
                errors.iter().any(|error| error.field == "date_of_birth"),
            );
            return self
                .picker(journey, &asker, StatusCode::BAD_REQUEST, errors, wrong)
                .await;
        };
        match self.parts.care.registered(&asker, &number).await {
            Ok(person) if person.listed.birth_date == Some(born) => {
                self.picked(journey, &number).await
            }
            Ok(_) => self.nobody(journey, &asker).await,
            Err(OccasionRefusal::Unavailable) => self.unavailable(Some(journey)),
            Err(refusal) => self.not_registered(journey, &asker, refusal).await,
        }
    }

    /// Who may pick: somebody signed in, whom the EHR has given no patient.
    fn may_pick(&self, journey: &Journey, origin: &Origin) -> Option<Asker> {
        self.asker(journey, origin)
            .filter(|_| journey.asked.launch.is_none() && !journey.scopes.identity_only())
    }

    async fn picked(&self, journey: &Journey, number: &NhsNumber) -> Reply {
        let mut journey = journey_copy(journey);
        let care = &self.parts.care;
        let Ok(sealed_nhs) = care.seal(&journey.row.id, number) else {
            return self.unavailable(Some(&journey));
        };
        journey.row.patient = Some(SealedPatient {
            patient: care.id(number),
            sealed_nhs,
        });
        let browser = journey.row.browser;
        self.save(&journey, browser).await
    }

    async fn nobody(&self, journey: &Journey, asker: &Asker) -> Reply {
        let refusal = self.parts.care.not_registered(asker, None).await;
        self.not_registered(journey, asker, refusal).await
    }

    async fn not_registered(
        &self,
        journey: &Journey,
        asker: &Asker,
        refusal: OccasionRefusal,
    ) -> Reply {
        match refusal {
            OccasionRefusal::Mendable {
                reason: "not-registered-for-treatment",
                description,
            } => {
                let errors = vec![Problem::new("nhs_number", description)];
                self.picker(
                    journey,
                    asker,
                    StatusCode::FORBIDDEN,
                    errors,
                    (false, false),
                )
                .await
            }
            refusal => self.refused(journey, refusal, false),
        }
    }

    async fn repick(&self, journey: &Journey) -> Reply {
        let mut journey = journey_copy(journey);
        if journey.asked.launch.is_none() {
            journey.row.patient = None;
        }
        let browser = journey.row.browser;
        self.save(&journey, browser).await
    }

    async fn save(&self, journey: &Journey, browser: Option<[u8; 32]>) -> Reply {
        match self
            .parts
            .store
            .save_journey(journey.row.clone(), browser)
            .await
        {
            Ok(true) => Reply::see(self.address(&journey.row.id)),
            Ok(false) => self.elsewhere(),
            Err(_) => self.unavailable(Some(journey)),
        }
    }

    /// Consent, override or refusal: claimed by one request, decided by the occasions.
    async fn decide(
        &self,
        journey: &Journey,
        form: ConsentForm,
        basis: AskedBasis,
        origin: &Origin,
        began: Instant,
    ) -> Reply {
        let Some(asker) = self.asker(journey, origin) else {
            return Reply::see(self.address(&journey.row.id));
        };
        let Some(sealed) = &journey.row.patient else {
            return Reply::see(self.address(&journey.row.id));
        };
        let Ok(nhs_number) = self.parts.care.unseal(&journey.row.id, &sealed.sealed_nhs) else {
            return self.unavailable(Some(journey));
        };
        // Used by another page meanwhile: then nothing is opened.
        if let Some(hash) = &journey.asked.launch {
            match self.parts.store.find_launch(hash, self.parts.clock.now()) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let error = BackError::new("invalid_request", words("launch-not-valid"));
                    return self.leave(journey, &error, origin).await;
                }
                Err(_) => return self.unavailable(Some(journey)),
            }
        }
        // A second press of the button must not open a second occasion.
        let store = &self.parts.store;
        match store
            .claim_journey(&journey.row.id, journey.row.browser.unwrap_or_default())
            .await
        {
            Ok(true) => {}
            Ok(false) => return self.at_work(),
            Err(_) => return self.unavailable(Some(journey)),
        }
        let declines =
            matches!(&basis, AskedBasis::Consent(talk) if talk.answer.as_deref() == Some("no"));
        let ask = OccasionAsk {
            client_id: journey.asked.client.clone(),
            viewer: asker.clinician.organisation.clone(),
            clinician: asker.clinician.clone(),
            nhs_number,
            treatment: WORKLIST.to_owned(),
            basis,
            tabs: None,
            origin: origin.clone(),
        };
        let refusal = match self.parts.occasions.open(ask).await {
            Ok(open) => return self.approved(journey, &asker, open).await,
            Err(refusal) => refusal,
        };
        if let OccasionRefusal::Mendable {
            reason: "consent-declined",
            ..
        } = &refusal
            && declines
        {
            // Recorded, and it stands; the app learns no more than that there is nothing for it.
            let _ended = store.end_journey(&journey.row.id).await;
            return self.back(journey, &denied());
        }
        if store.release_journey(&journey.row.id).await.is_err() {
            return self.unavailable(Some(journey));
        }
        let reply = match &refusal {
            OccasionRefusal::Mendable {
                reason,
                description,
            } if is_about_the_form(reason) => {
                let tabs = self.parts.care.may_look(&asker).await;
                match (self.patient(journey, &asker).await, tabs) {
                    (Ok(person), Ok(tabs)) => self.consent_page(
                        journey,
                        &asker,
                        person,
                        tabs,
                        form,
                        Some((*reason, description.as_str())),
                    ),
                    (Err(refusal), _) | (_, Err(refusal)) => self.refused(journey, refusal, false),
                }
            }
            _ => self.refused(journey, refusal.clone(), journey.asked.launch.is_none()),
        };
        if refusal == OccasionRefusal::NoRecordAvailable {
            let whole = floor(self.parts.refusal_floor, began.elapsed());
            tokio::time::sleep_until(began + whole).await;
        }
        reply
    }

    async fn approved(&self, journey: &Journey, asker: &Asker, open: OpenOccasion) -> Reply {
        let launch = match &journey.asked.launch {
            None => None,
            Some(hash) => match self.parts.store.find_launch(hash, self.parts.clock.now()) {
                Ok(launch) => launch,
                Err(_) => {
                    self.parts.care.give_up(asker, &open.id).await;
                    return self.unavailable(Some(journey));
                }
            },
        };
        let occasion = open.id.clone();
        let refreshable = refreshes(journey) && open.consent.is_some();
        let scopes =
            journey
                .scopes
                .grant(Some(open.tabs), journey.asked.launch.is_some(), refreshable);
        let grant = Grant {
            username: asker.clinician.username.clone(),
            viewer: asker.clinician.organisation.clone(),
            ends_at: open.expires_at,
            context: launch.map_or_else(|| "{}".to_owned(), |launch| launch.context),
            occasion: Some(open),
            scopes,
            refreshable,
        };
        match self.give_code(journey, grant).await {
            Ok(reply) => reply,
            Err(reply) => {
                self.parts.care.give_up(asker, &occasion).await;
                reply
            }
        }
    }

    /// Only who signed in.
    async fn identify(&self, journey: &Journey, origin: &Origin) -> Reply {
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
    async fn give_code(&self, journey: &Journey, grant: Grant) -> Result<Reply, Reply> {
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

    async fn deny(&self, journey: &Journey, origin: &Origin) -> Reply {
        self.leave(journey, &denied(), origin).await
    }

    /// Ends a journey with an error for the app, and writes it down.
    async fn leave(&self, journey: &Journey, error: &BackError, origin: &Origin) -> Reply {
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

    fn back(&self, journey: &Journey, error: &BackError) -> Reply {
        Reply::see(journey.asked.back.with_error(&self.parts.issuer, error))
            .with_cookie(Some(self.no_cookie(journey)))
    }

    fn no_cookie(&self, journey: &Journey) -> String {
        set_cookie(self.secure, &self.address(&journey.row.id), "")
    }

    fn at_work(&self) -> Reply {
        self.plain(
            StatusCode::CONFLICT,
            "The record is being opened",
            "The button was pressed twice, or the page was opened elsewhere.",
            "Wait a moment; if nothing happens, start again in the app.",
        )
    }
}

/// What a code will stand for.
struct Grant {
    username: String,
    viewer: OdsCode,
    occasion: Option<OpenOccasion>,
    scopes: String,
    refreshable: bool,
    context: String,
    ends_at: jiff::Timestamp,
}

/// Refused by the patient or given up by the clinician: the app hears the same (A12).
fn denied() -> BackError {
    BackError::new("access_denied", "Access was not given.")
}

fn journey_copy(journey: &Journey) -> Journey {
    Journey {
        row: journey.row.clone(),
        asked: journey.asked.clone(),
        scopes: journey.scopes.clone(),
        cookie: journey.cookie.clone(),
    }
}

/// A day as people write it: `1957-03-14`, `14/03/1957`, `14 3 1957`, `14-03-1957`.
fn date_of_birth(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text
        .trim()
        .split(['-', '/', '.', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let [first, month, last] = parts.as_slice() else {
        return None;
    };
    let (year, day) = if first.len() == 4 {
        (first, last)
    } else {
        (last, first)
    };
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        for text in [
            "1957-03-14",
            "14/03/1957",
            " 14 3 1957 ",
            "14.3.1957",
            "14-03-1957",
        ] {
            assert_eq!(date_of_birth(text), Date::new(1957, 3, 14).ok(), "{text}");
        }
        for text in [
            "",
            "1957",
            "14/03/57",
            "32/01/1957",
            "14/13/1957",
            "x/y/1957",
        ] {
            assert_eq!(date_of_birth(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_none(text in "\\PC{0,20}") {
            let _ = date_of_birth(&text);
        }
    }
}
