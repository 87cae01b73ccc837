//! Consent, override or refusal: claimed by one request, decided by the occasions.

use tokio::time::Instant;

use super::code::{Grant, denied};
use super::consent_form::{ConsentForm, is_about_the_form};
use super::journey::Journey;
use super::reply::Reply;
use super::show::refreshes;
use super::{Pages, words};
use crate::audit::Origin;
use crate::occasion::{
    AskedBasis, Asker, OccasionAsk, OccasionRefusal, OpenOccasion, Standing, WORKLIST,
};
use crate::smart::authorize::BackError;
use crate::smart::token::floor;

impl Pages {
    /// Consent, override or refusal: claimed by one request, decided by the occasions.
    pub(super) async fn decide(
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
            claimed: form.claimed,
            basis,
            tabs: None,
            origin: origin.clone(),
        };
        let refusal = match self.parts.occasions.open(ask).await {
            Ok(open) => return self.approved(journey, &asker, open).await,
            Err(refusal) => refusal,
        };
        // The patient's "no" is kept whether or not the clinician is named in the treatment (R077).
        if let OccasionRefusal::Mendable {
            reason: "consent-declined" | "no-relationship",
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
                    (Ok(person), Ok(Standing::MayLook(tabs))) => self.consent_page(
                        journey,
                        &asker,
                        person,
                        tabs,
                        form,
                        Some((*reason, description.as_str())),
                    ),
                    (_, Ok(Standing::TermsFirst { .. })) => {
                        Reply::see(self.address(&journey.row.id))
                    }
                    (Err(refusal), _) | (_, Err(refusal)) => self.refused(journey, refusal, false),
                }
            }
            // Other terms have come into force meanwhile: the journey's page shows them.
            OccasionRefusal::Mendable {
                reason: "terms-not-accepted",
                ..
            } if self.parts.register.current().terms.is_some() => {
                Reply::see(self.address(&journey.row.id))
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
}
