//! What a clinician does on the pages: each step is one POST of a form, checked against the browser, answered by a
//! redirect (303) or by the same page with what is wrong.

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::Pages;
use super::consent_form::{ConsentForm, Problem};
use super::journey::Journey;
use super::reply::Reply;
use crate::audit::Origin;
use crate::record::OdsCode;

/// The pairs of a form.
pub(super) struct Sent(Vec<(String, String)>);

impl Sent {
    /// The field as it was sent; empty where it was not.
    pub(super) fn get(&self, name: &str) -> &str {
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
            "provider" if journey.row.username.is_none() => {
                self.go_to_provider(&journey, &sent, &origin).await
            }
            "again" => self.again(journey.clone()).await,
            "deny" => self.deny(&journey, &origin).await,
            _ if journey.row.username.is_none() => Reply::see(self.address(id)),
            "organisation" => self.choose_organisation(&journey, &sent).await,
            "terms" => self.accept_terms(&journey, &sent, &origin).await,
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
        let mut journey = journey.clone();
        journey.row.viewer = Some(chosen);
        let browser = journey.row.browser;
        self.save(&journey, browser).await
    }

    pub(super) async fn save(&self, journey: &Journey, browser: Option<[u8; 32]>) -> Reply {
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
}
