//! What stands outside the trail and is held to it all the same (R126, R145): people's words, sealed, and what was decided with
//! them. The row of the trail that tells of it holds the digest of all that does not change later, so that `openmig audit
//! verify` finds a changed, replaced or deleted one without any key.

use super::opt_out::{OptOutNoteRow, OptOutRequestRow, OptOutReviewRow};
use super::overrides::OverrideReviewRow;
use super::terms::AcceptanceRow;
use super::{AlertRow, OccasionRow};
use crate::audit::merkle::Hash;
use crate::audit::row::{Field, digest};

/// A stored row that a row of the trail holds to what it was.
pub trait Bound {
    /// SHA-256 over its kind and everything of it that never changes.
    fn digest(&self) -> Hash;
}

fn text(text: Option<&String>) -> Field<'_> {
    text.map_or(Field::Null, |text| Field::Text(text))
}

impl Bound for OccasionRow {
    /// Without the sealed NHS number, which the patient's id stands for, and the moment of a withdrawal, which has its own row.
    fn digest(&self) -> Hash {
        let purpose = self.purpose.join(" ");
        let (reason, words) = self
            .override_reason
            .as_ref()
            .map_or((None, None), |(reason, words)| (Some(reason), Some(words)));
        let mut fields = vec![
            Field::Text(&self.id),
            Field::Text(&self.viewer.0),
            Field::Text(&self.client),
            Field::Text(&self.clinician),
            Field::Text(&self.role),
            Field::Text(self.patient.as_str()),
            Field::Text(&self.practice.0),
            Field::Int(i64::from(self.tabs)),
            Field::Text(&self.protocol),
            Field::Text(&purpose),
            text(self.consent.as_ref()),
            text(self.talk.as_ref()),
            text(reason),
            text(words),
            Field::Int(self.opened_at.as_microsecond()),
            Field::Int(self.ends_at.as_microsecond()),
            Field::Text(&self.register_hash),
        ];
        // Only where there is something: an occasion from before these columns keeps its digest.
        let (asked, gateway) = (self.asked, self.gateway);
        if self.site.is_some() || gateway.is_some() || asked.is_some() || self.same_name {
            fields.extend([
                self.site
                    .as_ref()
                    .map_or(Field::Null, |site| Field::Text(&site.0)),
                gateway.map_or(Field::Null, |kind| Field::Text(kind.code())),
                asked.map_or(Field::Null, |tabs| Field::Int(i64::from(tabs))),
                Field::Int(i64::from(self.same_name)),
            ]);
        }
        if self.claimed {
            fields.push(Field::Text("claimed"));
        }
        digest("occasion", &fields)
    }
}

impl Bound for AlertRow {
    fn digest(&self) -> Hash {
        digest(
            "alert",
            &[
                Field::Text(&self.id),
                Field::Text(&self.viewer.0),
                Field::Text(&self.clinician),
                Field::Text(self.patient.as_str()),
                Field::Text(&self.practice.0),
                Field::Text(&self.occasion),
                Field::Text(&self.reason),
                Field::Text(&self.text),
                Field::Int(self.at.as_microsecond()),
            ],
        )
    }
}

impl Bound for OverrideReviewRow {
    fn digest(&self) -> Hash {
        digest(
            "override-review",
            &[
                Field::Text(&self.alert),
                Field::Int(self.at.as_microsecond()),
                Field::Text(&self.reviewer),
                Field::Text(self.outcome.code()),
                Field::Text(&self.findings),
                Field::Text(&self.recommendations),
            ],
        )
    }
}

impl Bound for OptOutRequestRow {
    /// Without the sealed NHS number and the moment of the alarm.
    fn digest(&self) -> Hash {
        digest(
            "opt-out",
            &[
                Field::Text(&self.id),
                Field::Text(&self.practice.0),
                Field::Text(self.patient.as_str()),
                Field::Text(self.wish.code()),
                Field::Text(&self.asker),
                Field::Int(self.received_at.as_microsecond()),
                Field::Int(self.recorded_at.as_microsecond()),
                Field::Text(&self.recorded_by),
            ],
        )
    }
}

impl Bound for OptOutNoteRow {
    fn digest(&self) -> Hash {
        digest(
            "opt-out-note",
            &[
                Field::Text(&self.request),
                Field::Int(self.at.as_microsecond()),
                Field::Text(&self.by),
                Field::Text(&self.note),
            ],
        )
    }
}

impl Bound for OptOutReviewRow {
    fn digest(&self) -> Hash {
        digest(
            "opt-out-review",
            &[
                Field::Text(&self.request),
                Field::Int(self.at.as_microsecond()),
                Field::Text(&self.by),
                Field::Text(self.decision.code()),
                Field::Text(&self.discussion),
            ],
        )
    }
}

impl Bound for AcceptanceRow {
    fn digest(&self) -> Hash {
        digest(
            "terms-acceptance",
            &[
                Field::Text(&self.username),
                Field::Text(&self.version),
                Field::Blob(&self.text_sha256),
                Field::Int(self.at.as_microsecond()),
                Field::Text(&self.client),
                Field::Text(&self.organisation.0),
            ],
        )
    }
}
