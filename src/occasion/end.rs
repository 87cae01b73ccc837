//! Ending an occasion before its time: the patient takes consent back, or the contact is over (R077, R080).

use super::{OccasionRefusal, Occasions};
use crate::register::use_of;
use crate::smart::withdraw::{EndAsk, OccasionEnder};
use crate::source::BoxFuture;
use crate::store::RefusalRow;

impl OccasionEnder for Occasions {
    fn end(&self, ask: EndAsk) -> BoxFuture<'_, Result<(), OccasionRefusal>> {
        Box::pin(async move {
            if ask.taken_back {
                self.refuse_from_now(&ask).await?;
            }
            self.withdraw(&ask.occasion, &ask.client_id, &ask.clinician, ask.origin)
                .await
        })
    }
}

impl Occasions {
    /// A patient who takes consent back has refused this clinician: it stands as if said at the beginning. Kept before the
    /// occasion is ended, because by itself it already stops every read.
    async fn refuse_from_now(&self, ask: &EndAsk) -> Result<(), OccasionRefusal> {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, request = %ask.origin.request_id, "a refusal could not be kept");
            OccasionRefusal::Unavailable
        };
        let store = &self.parts.store;
        let now = self.now();
        let row = store
            .find_occasion(&ask.occasion)
            .map_err(|error| unavailable(&error))?;
        let own = row.filter(|row| {
            row.viewer == ask.clinician.organisation
                && row.clinician == ask.clinician.username
                && row.withdrawn_at.is_none()
                && now < row.ends_at
        });
        // What is not open is refused, with its row, by the withdrawal itself.
        let Some(row) = own else { return Ok(()) };
        let refusal = RefusalRow {
            purpose: use_of(&row.purpose).to_owned(),
            viewer: row.viewer,
            clinician: row.clinician,
            patient: row.patient,
            at: now,
            until: self.parts.windows.end(now),
            lifted_at: None,
        };
        store
            .insert_refusal(refusal)
            .await
            .map_err(|error| unavailable(&error))
    }
}
