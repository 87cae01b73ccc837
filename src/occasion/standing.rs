//! What a source's answer comes to: who the patient is, how they are registered, whether they opted out, here or nationally.

use jiff::SignedDuration;

use super::Occasions;
use crate::access::identity::{IdentityFindings, Person};
use crate::access::{AfterSourceInputs, Fact, SharingFact};
use crate::fhir::PatientId;
use crate::lookup::Found;
use crate::record::OdsCode;
use crate::register::GatewayKind;
use crate::source::SourceRefusal;
use crate::source::trace::Traced;
use crate::store::StoreError;

impl Occasions {
    /// What the source's answer comes to, with the memory of opt-outs brought up to date by it (R008, R064).
    ///
    /// To be asked again whenever a record is fetched afresh inside an occasion, with [`crate::access::after_source`].
    ///
    /// # Errors
    /// The memory cannot be read or written.
    pub async fn source_inputs(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
        traced: &Traced,
        found: &Found,
        gateway: Option<GatewayKind>,
    ) -> Result<AfterSourceInputs, StoreError> {
        let standing = found.standing.as_ref();
        let identity = standing.map(|_| {
            IdentityFindings::compare(
                &Person {
                    family: traced.family.as_deref(),
                    given: traced.given.as_deref(),
                    birth_date: traced.birth_date.as_deref(),
                },
                &Person {
                    family: found.identity.family.as_deref(),
                    given: found.identity.given.as_deref(),
                    birth_date: found.identity.birth_date.as_deref(),
                },
            )
        });
        let fully_registered = standing.map_or(Fact::Unknown, |standing| {
            AfterSourceInputs::registration(&standing.registration)
        });
        let sharing = standing.map_or(Fact::Unknown, |standing| standing.sharing.into());
        // Another person's flag, or that of a passing registration, is not this patient's choice at their practice.
        let theirs = found.refusal.is_none()
            && identity.is_some_and(IdentityFindings::agrees)
            && fully_registered == Fact::Known(true);
        let said = match found.refusal {
            Some(SourceRefusal::Dissent) => Some(SharingFact::OptedOut),
            Some(_) => None,
            None => sharing.known().copied().filter(|_| theirs),
        };
        let remembered = self.remember(patient, practice, said).await?;
        // What a practice decided here stands whatever its system says: it can only take away.
        let sharing = match self.parts.store.decided_opt_out(patient, practice)? {
            Some(_) => Fact::Known(SharingFact::OptedOut),
            None => sharing,
        };
        Ok(AfterSourceInputs {
            practice: practice.clone(),
            refusal: found.refusal,
            identity: Fact::known_or_unknown(identity),
            fully_registered,
            restricted: Fact::known_or_unknown(standing.map(|standing| standing.restricted)),
            sharing,
            remembered_opt_out: Fact::Known(remembered),
            cleared: match gateway {
                Some(GatewayKind::Section251) => Some(self.cleared(patient)?),
                _ => None,
            },
        })
    }

    /// Did the national service say, not too long ago, that there is no opt-out (R176)?
    fn cleared(&self, patient: &PatientId) -> Result<Fact<bool>, StoreError> {
        let rules = &self.parts.register.current().agreement.rules;
        let days = i64::from(rules.national_opt_out_days);
        let now = self.now();
        let at = self.parts.store.cleared_at(patient)?;
        Ok(Fact::known_or_unknown(at.map(|at| {
            at <= now && now.duration_since(at) <= SignedDuration::from_hours(24 * days)
        })))
    }

    /// Brings the memory of opt-outs up to date, and gives what it holds then.
    async fn remember(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
        said: Option<SharingFact>,
    ) -> Result<Option<OdsCode>, StoreError> {
        // A patient who opted out at more practices than this in a lifetime stays opted out.
        const PRACTICES: usize = 32;
        let store = &self.parts.store;
        if said == Some(SharingFact::OptedOut) {
            store
                .remember_sharing(patient, practice, true, self.now())
                .await?;
        }
        let mut remembered = store.remembered_opt_out(patient)?;
        if remembered.is_some() {
            store.lift_by_opt_in(patient, practice).await?;
            remembered = store.remembered_opt_out(patient)?;
        }
        for _ in 0..PRACTICES {
            let lifted = match (&remembered, said) {
                (Some(_), Some(SharingFact::Express)) => true,
                (Some(at), Some(SharingFact::Implied)) => at == practice,
                _ => false,
            };
            let Some(at) = remembered.as_ref().filter(|_| lifted) else {
                break;
            };
            store
                .remember_sharing(patient, at, false, self.now())
                .await?;
            remembered = store.remembered_opt_out(patient)?;
        }
        Ok(remembered)
    }
}
