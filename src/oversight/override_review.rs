//! Every override is reviewed and validated by the viewing organisation, by somebody else than who used it (S2 6.5.3, 7.3.6;
//! R092, R093, R095).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::opt_out::says;
use super::{Actor, NotAllowed};
use crate::audit::reader::{AuditReader, Filter, Happening};
use crate::audit::{AuditEntry, What};
use crate::clock::SharedClock;
use crate::fhir::PatientId;
use crate::occasion::{SealError, SealKey, override_words};
use crate::record::OdsCode;
use crate::register::Duty;
use crate::store::StoreError;
use crate::store::overrides::{
    OverrideFilter, OverrideReviewRow, OverrideRow, OverrideStore, ReviewOutcome,
};

/// A review as somebody writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// How it comes out.
    pub outcome: ReviewOutcome,
    /// What was found: was the patient there, was it an emergency, was the record needed.
    pub findings: String,
    /// What should follow; may be "none" only where the override was justified.
    pub recommendations: String,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Not this person, or not at this viewer.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// There is no such override for this person.
    #[error("there is no such override")]
    Unknown,
    /// Nobody reviews their own override.
    #[error("an override is reviewed by somebody else than who used it")]
    OwnOverride,
    /// It is concluded.
    #[error("the override is reviewed already")]
    Concluded,
    /// Items are missing; the names of them.
    #[error("missing or not usable: {}", .0.join(", "))]
    Items(Vec<&'static str>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// A review, for those who may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewView {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub reviewer: String,
    /// What it says.
    #[serde(flatten)]
    pub review: NewReview,
}

/// An override, for the privacy officer of its viewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideView {
    /// Id of the alert.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Whose officer reviews it.
    pub viewer: OdsCode,
    /// Who used it.
    pub clinician: String,
    /// Whose record, as the gateway knows them.
    pub patient: String,
    /// Whose record, by practice.
    pub practice: OdsCode,
    /// The occasion, under which the trail has everything that was seen.
    pub occasion: String,
    /// The reason's code.
    pub reason: String,
    /// The reason in the clinician's words.
    pub words: String,
    /// Whole days since; `None` once it is concluded.
    pub age_days: Option<i64>,
    /// Its reviews, oldest first.
    pub reviews: Vec<ReviewView>,
    #[serde(skip)]
    patient_id: Option<PatientId>,
}

impl OverrideView {
    /// Whose record it was, for the trail's row.
    #[must_use]
    pub fn patient_id(&self) -> Option<&PatientId> {
        self.patient_id.as_ref()
    }
}

/// The overrides of a period, for the oversight group (S2 7.3.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideReport {
    /// Of this viewer; `None` = of all.
    pub viewer: Option<OdsCode>,
    /// From.
    pub since: Timestamp,
    /// Before.
    pub until: Timestamp,
    /// Overrides by which a record was opened.
    pub overrides: u64,
    /// The same, as the audit trail counts them: another number is a finding by itself.
    pub in_trail: u64,
    /// Overrides that were asked for and refused, by the trail.
    pub refused: u64,
    /// By reason.
    pub by_reason: BTreeMap<String, u64>,
    /// By outcome of the last review; `unreviewed` where there is none.
    pub by_outcome: BTreeMap<String, u64>,
    /// Age in days of the oldest that waits.
    pub oldest_unreviewed_days: Option<i64>,
    /// What was found and recommended, one for each review, without patient and clinician.
    pub reviews: Vec<ReportedReview>,
}

/// A review as the report tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedReview {
    /// Id of the alert.
    pub id: String,
    /// When the override was used.
    pub used_at: Timestamp,
    /// The reason's code.
    pub reason: String,
    /// The review.
    #[serde(flatten)]
    pub review: ReviewView,
}

/// The service. `entry` of a review is the caller's row for the trail; it is completed here and written with the review.
pub struct OverrideReviews {
    store: Arc<dyn OverrideStore>,
    trail: Arc<dyn AuditReader>,
    seal: Arc<SealKey>,
    clock: SharedClock,
}

impl OverrideReviews {
    /// The service.
    #[must_use]
    pub fn new(
        store: Arc<dyn OverrideStore>,
        trail: Arc<dyn AuditReader>,
        seal: Arc<SealKey>,
        clock: SharedClock,
    ) -> Self {
        Self {
            store,
            trail,
            seal,
            clock,
        }
    }

    /// The overrides of a viewer, those that wait longest first.
    ///
    /// # Errors
    /// See [`ReviewError`].
    pub fn list(
        &self,
        actor: &Actor,
        viewer: &OdsCode,
        open_only: bool,
    ) -> Result<Vec<OverrideView>, ReviewError> {
        actor.must(Duty::ReviewAccess, viewer)?;
        let filter = OverrideFilter {
            viewer: Some(viewer.clone()),
            open_only,
            ..OverrideFilter::default()
        };
        let now = self.clock.now();
        let rows = self.store.overrides(&filter)?;
        rows.into_iter().map(|row| self.view(row, now)).collect()
    }

    /// One override.
    ///
    /// # Errors
    /// See [`ReviewError`]; another viewer's override is an unknown one.
    pub fn get(&self, actor: &Actor, id: &str) -> Result<OverrideView, ReviewError> {
        self.view(self.find(actor, id)?, self.clock.now())
    }

    /// Reviews an override.
    ///
    /// # Errors
    /// See [`ReviewError`].
    pub async fn review(
        &self,
        actor: &Actor,
        id: &str,
        new: NewReview,
        mut entry: AuditEntry,
    ) -> Result<OverrideView, ReviewError> {
        let found = self.find(actor, id)?;
        let alert = found.alert;
        if alert.clinician == actor.username() {
            return Err(ReviewError::OwnOverride);
        }
        let mut wrong = Vec::new();
        wrong.extend((!says(&new.findings)).then_some("findings"));
        wrong.extend((!says(&new.recommendations)).then_some("recommendations"));
        if !wrong.is_empty() {
            return Err(ReviewError::Items(wrong));
        }
        entry.viewer = Some(alert.viewer.clone());
        entry.practice = Some(alert.practice.clone());
        entry.patient = Some(alert.patient.clone());
        entry.occasion = Some(alert.occasion.clone());
        if let What::Oversight(overseen) = &mut entry.what {
            overseen.other_ids = vec![format!("Override/{id}")];
        }
        let row = OverrideReviewRow {
            alert: alert.id,
            at: self.clock.now(),
            reviewer: actor.username().to_owned(),
            outcome: new.outcome,
            findings: self
                .seal
                .seal_text(&place(id, "findings"), new.findings.trim())?,
            recommendations: self
                .seal
                .seal_text(&place(id, "recommendations"), new.recommendations.trim())?,
        };
        if self.store.review_override(row, entry).await? {
            self.get(actor, id)
        } else {
            Err(ReviewError::Concluded)
        }
    }

    /// The report of a period: a viewer's own for its privacy officer, anybody's for the oversight group.
    ///
    /// # Errors
    /// See [`ReviewError`].
    pub fn report(
        &self,
        actor: &Actor,
        viewer: Option<&OdsCode>,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<OverrideReport, ReviewError> {
        match viewer {
            Some(viewer) => actor
                .must(Duty::ReviewAccess, viewer)
                .or_else(|_| actor.must_govern())?,
            None => actor.must_govern()?,
        }
        let filter = OverrideFilter {
            viewer: viewer.cloned(),
            since: Some(since),
            until: Some(until),
            ..OverrideFilter::default()
        };
        let in_trail = |failed: bool| {
            self.trail.count(&Filter {
                viewer: viewer.cloned(),
                happening: Some(Happening::Override),
                failed: Some(failed),
                since: Some(since),
                until: Some(until),
                ..Filter::default()
            })
        };
        let now = self.clock.now();
        let mut report = OverrideReport {
            viewer: viewer.cloned(),
            since,
            until,
            overrides: 0,
            in_trail: in_trail(false)?,
            refused: in_trail(true)?,
            by_reason: BTreeMap::new(),
            by_outcome: BTreeMap::new(),
            oldest_unreviewed_days: None,
            reviews: Vec::new(),
        };
        for row in self.store.overrides(&filter)? {
            let view = self.view(row, now)?;
            report.overrides += 1;
            *report.by_reason.entry(view.reason.clone()).or_default() += 1;
            let outcome = view
                .reviews
                .last()
                .map_or("unreviewed", |last| last.review.outcome.code());
            *report.by_outcome.entry(outcome.to_owned()).or_default() += 1;
            report.oldest_unreviewed_days = report.oldest_unreviewed_days.max(view.age_days);
            let (id, used_at, reason) = (view.id, view.at, view.reason);
            report
                .reviews
                .extend(view.reviews.into_iter().map(|review| ReportedReview {
                    id: id.clone(),
                    used_at,
                    reason: reason.clone(),
                    review,
                }));
        }
        Ok(report)
    }

    fn find(&self, actor: &Actor, id: &str) -> Result<OverrideRow, ReviewError> {
        let filter = OverrideFilter {
            id: Some(id.to_owned()),
            ..OverrideFilter::default()
        };
        let row = self
            .store
            .overrides(&filter)?
            .pop()
            .ok_or(ReviewError::Unknown)?;
        actor
            .must(Duty::ReviewAccess, &row.alert.viewer)
            .map_err(|_| ReviewError::Unknown)?;
        Ok(row)
    }

    fn view(&self, row: OverrideRow, now: Timestamp) -> Result<OverrideView, ReviewError> {
        let OverrideRow { alert, reviews } = row;
        let concluded = reviews.iter().any(|review| review.outcome.concludes());
        let open = |part: &str, sealed: &str| self.seal.open_text(&place(&alert.id, part), sealed);
        let reviews = reviews
            .into_iter()
            .map(|review| {
                Ok(ReviewView {
                    at: review.at,
                    reviewer: review.reviewer,
                    review: NewReview {
                        outcome: review.outcome,
                        findings: open("findings", &review.findings)?,
                        recommendations: open("recommendations", &review.recommendations)?,
                    },
                })
            })
            .collect::<Result<_, SealError>>()?;
        Ok(OverrideView {
            words: override_words(&self.seal, &alert.occasion, &alert.text)?,
            age_days: (!concluded).then(|| now.duration_since(alert.at).as_hours() / 24),
            reviews,
            id: alert.id,
            at: alert.at,
            viewer: alert.viewer,
            clinician: alert.clinician,
            patient: alert.patient.as_str().to_owned(),
            patient_id: Some(alert.patient),
            practice: alert.practice,
            occasion: alert.occasion,
            reason: alert.reason,
        })
    }
}

fn place(alert: &str, part: &str) -> String {
    format!("override/{alert}/{part}")
}
