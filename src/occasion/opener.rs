//! What the token endpoint asks of occasions.

use super::{OccasionAsk, OccasionRefusal, Occasions, OpenOccasion};
use crate::smart::opener::{OccasionOpener, ResumeAsk};
use crate::source::BoxFuture;

impl OccasionOpener for Occasions {
    fn open(&self, ask: OccasionAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>> {
        Box::pin(Self::open(self, ask))
    }

    fn resume(&self, ask: ResumeAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>> {
        Box::pin(async move {
            Self::resume(
                self,
                &ask.occasion,
                &ask.client_id,
                &ask.clinician,
                ask.origin,
            )
            .await
        })
    }
}
