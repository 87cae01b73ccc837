//! What the token endpoint needs of the rest: somebody who opens occasions, and the register in force.

use std::sync::Arc;

use crate::audit::Origin;
use crate::occasion::{ClinicianClaim, OccasionAsk, OccasionRefusal, OpenOccasion};
use crate::record::OdsCode;
use crate::register::Register;
use crate::source::BoxFuture;

/// A wish to have another token inside the window of an occasion that is open (design.md 7).
#[derive(Debug, Clone)]
pub struct ResumeAsk {
    /// The occasion's id as the client names it.
    pub occasion: String,
    /// The client; must be the one that opened it.
    pub client_id: String,
    /// The viewer; must be the occasion's.
    pub viewer: OdsCode,
    /// Who looks; must be the clinician who opened it.
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

/// Gives the register in force at this moment (it is reloaded while running).
pub type CurrentRegister = Arc<dyn Fn() -> Arc<Register> + Send + Sync>;
