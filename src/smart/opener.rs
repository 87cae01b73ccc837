//! What the token endpoint needs of the rest: somebody who opens occasions.

use crate::audit::Origin;
use crate::occasion::{ClinicianClaim, OccasionAsk, OccasionRefusal, OpenOccasion};
use crate::source::BoxFuture;

/// A wish to have another token inside the window of an occasion that is open (design.md 7).
#[derive(Debug, Clone)]
pub struct ResumeAsk {
    /// The occasion's id as the client names it.
    pub occasion: String,
    /// The client; must be the one that opened it.
    pub client_id: String,
    /// Who looks, for which viewer; must be the clinician who opened it.
    pub clinician: ClinicianClaim,
    /// Request id and address, for the audit.
    pub origin: Origin,
}

/// Opens and resumes occasions: all of "may they look" before and after the look-up, and the record itself.
pub trait OccasionOpener: Send + Sync {
    /// Decides, looks up, decides again and keeps the occasion (with its alert, where it is an override).
    ///
    /// # Errors
    /// Why not, in the three ways that a caller may learn it.
    fn open(&self, ask: OccasionAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>>;

    /// The occasion if it is still open and this client's, viewer's and clinician's; an unknown, closed or another's
    /// occasion is mendable with one and the same reason.
    ///
    /// # Errors
    /// Why not.
    fn resume(&self, ask: ResumeAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>>;
}
