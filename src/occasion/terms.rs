//! The terms of use at the point of care: what was accepted before, and the acceptance of the text in force, which is kept
//! together with its row in the trail or not at all (S2 7.3.3; R102, R103, R125).

use jiff::civil::Date;

use super::facts::day_of;
use super::{Asker, OccasionRefusal, Occasions, PointOfCare, Standing};
use crate::audit::{AccessStep, What};
use crate::register::Register;
use crate::store::StoreError;
use crate::store::terms::AcceptanceRow;
use crate::text::hex;

impl Occasions {
    /// What the store has of this person's acceptances of the terms. It is asked only where the register does not have the
    /// one in force: no other can change a decision.
    pub(super) fn acceptances(
        &self,
        register: &Register,
        username: &str,
        today: Date,
    ) -> Result<Vec<AcceptanceRow>, StoreError> {
        if register.acceptance_is_due(username, today) {
            self.parts.terms.acceptances_of(username)
        } else {
            Ok(Vec::new())
        }
    }
}

impl PointOfCare {
    /// Keeps that this clinician accepts the terms whose SHA-256, hex, is `shown`. `false` where these are not, or no longer,
    /// the terms in force: then nothing is kept. Who has accepted them already has nothing more kept.
    ///
    /// # Errors
    /// They are refused for another reason than the terms, or the store or the trail cannot be written: nothing is accepted.
    pub async fn accept_terms(&self, asker: &Asker, shown: &str) -> Result<bool, OccasionRefusal> {
        let tabs = match self.may_look(asker).await? {
            Standing::MayLook(_) => return Ok(true),
            Standing::TermsFirst { tabs, .. } => tabs,
        };
        let parts = &self.occasions.parts;
        let register = parts.register.current();
        let Some(terms) = register
            .terms
            .as_ref()
            .filter(|terms| hex(&terms.digest()) == shown)
        else {
            return Ok(false);
        };
        let now = parts.clock.now();
        let row = AcceptanceRow {
            username: asker.clinician.username.clone(),
            version: terms.version.clone(),
            text_sha256: terms.digest(),
            at: now,
            client: asker.client_id.clone(),
            organisation: asker.clinician.organisation.clone(),
        };
        let mut trail = self.trail(asker, None);
        trail.policy.clone_from(&register.hash);
        trail.basis = Some(format!("terms:{}", terms.version));
        // What the page said that they would see.
        trail.tabs = tabs;
        let entry = trail.entry(now, What::Access(AccessStep::Terms), None);
        match parts.terms.accept_terms(row, entry).await {
            // Already there: a second press of the button.
            Ok(_) => Ok(true),
            Err(error) => {
                tracing::error!(%error, request = %asker.origin.request_id, "no row, so no acceptance of the terms");
                Err(OccasionRefusal::Unavailable)
            }
        }
    }

    /// What this clinician accepted last, by register or store: version, and the day in Europe/London.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn accepted_before(
        &self,
        username: &str,
    ) -> Result<Option<(String, Date)>, OccasionRefusal> {
        let parts = &self.occasions.parts;
        let stored = parts.terms.acceptances_of(username).map_err(|error| {
            tracing::warn!(%error, "acceptances of the terms could not be read");
            OccasionRefusal::Unavailable
        })?;
        let stored = stored.into_iter().map(|row| (row.version, day_of(row.at)));
        let register = parts.register.current();
        let in_register = register
            .users
            .get(username)
            .and_then(|user| user.terms_accepted.clone());
        Ok(stored.chain(in_register).max_by_key(|(_, day)| *day))
    }
}
