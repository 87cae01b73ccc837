//! That a practice has published a version of the patients' information (S2 3.5, 3.6; R181). When the register changes so that
//! the page says something else, what a practice has published is stale until it publishes the new version.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Around, Case, CaseError, Taken};
use crate::oversight::About;
use crate::record::OdsCode;
use crate::register::{Duty, OrganisationKind};
use crate::store::cases::CaseKind;
use crate::store::notices::{NoticeKind, Recipient};

/// Where it is published (S2 3.5.1 to 3.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Posters and leaflets.
    Leaflets,
    /// Website.
    Website,
    /// Privacy notice.
    PrivacyNotice,
    /// Given at registration.
    Registration,
    /// Through the patients' group.
    PatientGroup,
}

/// A step: there is one only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PublicationStep {
    /// This version is published.
    Publish {
        /// Version of the page.
        version: String,
        /// Where.
        places: std::collections::BTreeSet<Place>,
    },
}

/// A publication.
#[derive(Debug, Clone, Serialize)]
pub struct Publication {
    /// By whom.
    pub practice: OdsCode,
    /// Version.
    pub version: String,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub places: std::collections::BTreeSet<Place>,
}

impl Case for Publication {
    const KIND: CaseKind = CaseKind::Publication;
    type Step = PublicationStep;

    fn may(
        before: Option<&Self>,
        step: &PublicationStep,
        around: Around<'_>,
    ) -> Result<(), CaseError> {
        let PublicationStep::Publish { version, places } = step;
        let own = around.organisation.ok_or(super::NotAllowed)?;
        // Viewers publish it too (S2 3.5.1, 3.5.2).
        let kind = around.register.organisations.get(own).map(|own| own.kind);
        match kind {
            Some(OrganisationKind::Viewer) => around.actor.must(Duty::ReviewAccess, own)?,
            _ => around.actor.must(Duty::RunPractice, own)?,
        }
        let hex = version.len() == 12 && version.bytes().all(|b| b.is_ascii_hexdigit());
        if before.is_some() {
            Err(CaseError::NotNow("A publication is made once."))
        } else if !hex || places.is_empty() {
            Err(CaseError::Invalid(
                "A publication names the version, as the page says it, and at least one place.",
            ))
        } else {
            Ok(())
        }
    }

    fn after(before: Option<Self>, taken: Taken<PublicationStep>) -> Result<Self, CaseError> {
        let PublicationStep::Publish { version, places } = taken.step;
        match (before, taken.organisation) {
            (None, Some(practice)) => Ok(Self {
                practice,
                version,
                at: taken.at,
                places,
            }),
            _ => Err(CaseError::NotNow("A publication is made once.")),
        }
    }

    fn tells(_: &Self, _: &PublicationStep) -> Vec<(Recipient, NoticeKind)> {
        Vec::new()
    }

    fn is_open_to(&self, around: Around<'_>) -> bool {
        around
            .organisation
            .map_or(around.actor.has(Duty::Govern), |own| *own == self.practice)
    }

    fn about(&self) -> About {
        About::default()
    }
}
