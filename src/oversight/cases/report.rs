//! What an organisation owes the oversight group each year or sooner on request (S2 7.3.5, 7.3.6, 10.4; R095, R123, R124).
//!
//! An access audit and an override report are begun with a sample of accesses drawn from the trail; each is judged, then
//! findings and recommendations are submitted, dated. A complaints summary has no sample.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Around, Case, CaseError, Taken, Text};
use crate::oversight::About;
use crate::record::OdsCode;
use crate::register::{Duty, OrganisationKind};
use crate::store::cases::CaseKind;
use crate::store::notices::{NoticeKind, Recipient};

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// Accesses and legitimate relationships (S2 7.3.5).
    AccessAudit,
    /// Every use of the override (S2 7.3.6).
    Overrides,
    /// Complaints, anonymised (S2 10.4).
    Complaints,
}

impl ReportKind {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::AccessAudit, Self::Overrides, Self::Complaints];

    /// As it is written.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AccessAudit => "access-audit",
            Self::Overrides => "overrides",
            Self::Complaints => "complaints",
        }
    }

    /// Does an organisation of this kind owe it?
    #[must_use]
    pub fn is_owed_by(self, kind: OrganisationKind) -> bool {
        match self {
            Self::AccessAudit | Self::Overrides => kind == OrganisationKind::Viewer,
            Self::Complaints => {
                matches!(kind, OrganisationKind::Viewer | OrganisationKind::Practice)
            }
        }
    }
}

/// What was thought of one access of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// There was a legitimate relationship.
    Legitimate,
    /// There was none.
    NotLegitimate,
    /// It cannot be told.
    Unclear,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ReportStep {
    /// It is begun: the period, and the accesses that were drawn.
    Begin {
        /// Which.
        report: ReportKind,
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
        /// Accesses in the period, of which the sample is a part.
        #[serde(default)]
        accesses: usize,
        /// Seed of the sample: with it anybody draws the same one again.
        #[serde(default)]
        seed: Option<u64>,
        /// The sample, by occasion.
        #[serde(default)]
        sample: Vec<String>,
    },
    /// One access is judged.
    Judge {
        /// The occasion.
        occasion: String,
        /// How.
        verdict: Verdict,
        /// Why.
        #[serde(default)]
        text: Option<Text>,
    },
    /// The report goes to the group.
    Submit {
        /// What was found.
        findings: Text,
        /// What follows.
        recommendations: Text,
    },
    /// The group has read it.
    Receive {
        /// What it says to it.
        #[serde(default)]
        text: Option<Text>,
    },
    /// The group asks an organisation for a report sooner than the year is over.
    Request {
        /// Whom.
        organisation: OdsCode,
        /// Which.
        report: ReportKind,
        /// By when.
        by: Date,
        /// Why.
        text: Text,
    },
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportState {
    /// The group has asked for it.
    Requested,
    /// Begun.
    Begun,
    /// Submitted.
    Submitted,
    /// Read by the group.
    Received,
}

/// A report, or a request for one.
#[derive(Debug, Clone, Serialize)]
pub struct Owed {
    /// Where it stands.
    pub state: ReportState,
    /// Which.
    pub report: ReportKind,
    /// Who owes it.
    pub from_organisation: OdsCode,
    /// The period; none for a request.
    pub period: Option<(Date, Date)>,
    /// By when, for a request.
    pub by: Option<Date>,
    /// Accesses in the period.
    pub accesses: usize,
    /// Seed of the sample.
    pub seed: Option<u64>,
    /// The sample with what was thought of each.
    pub sample: BTreeMap<String, Option<Verdict>>,
    /// Begun or requested.
    pub begun_at: Timestamp,
    /// Submitted.
    pub submitted_at: Option<Timestamp>,
    /// Findings.
    pub findings: Option<Text>,
    /// Recommendations.
    pub recommendations: Option<Text>,
}

impl Case for Owed {
    const KIND: CaseKind = CaseKind::Report;
    type Step = ReportStep;

    fn may(before: Option<&Self>, step: &ReportStep, around: Around<'_>) -> Result<(), CaseError> {
        let Around {
            actor,
            organisation,
            register,
            now,
        } = around;
        let kind_of = |ods: &OdsCode| register.organisations.get(ods).map(|found| found.kind);
        let own = |report: ReportKind| {
            let own = organisation.ok_or(super::NotAllowed)?;
            let duty = [Duty::ReviewAccess, Duty::RunPractice, Duty::OverseePractice]
                .into_iter()
                .any(|duty| actor.must(duty, own).is_ok());
            if duty && kind_of(own).is_some_and(|kind| report.is_owed_by(kind)) {
                Ok(own)
            } else {
                Err(super::NotAllowed)
            }
        };
        let today = now.to_zoned(crate::record::date::london()).date();
        match (before, step) {
            (
                None,
                ReportStep::Begin {
                    report, from, to, ..
                },
            ) => {
                own(*report)?;
                if from > to || *to > today {
                    Err(CaseError::Invalid(
                        "The period must not end before it begins, nor in the future.",
                    ))
                } else {
                    Ok(())
                }
            }
            (
                None,
                ReportStep::Request {
                    organisation,
                    report,
                    by,
                    ..
                },
            ) => {
                actor.must_govern()?;
                let owes = kind_of(organisation).is_some_and(|kind| report.is_owed_by(kind));
                if !owes {
                    Err(CaseError::Invalid("This organisation owes no such report."))
                } else if *by < today {
                    Err(CaseError::Invalid("The day is past."))
                } else {
                    Ok(())
                }
            }
            (None, _) => Err(CaseError::NotFound),
            (Some(_), ReportStep::Begin { .. } | ReportStep::Request { .. }) => {
                Err(CaseError::NotNow("It is begun already."))
            }
            (Some(_), ReportStep::Receive { .. }) => Ok(actor.must_govern()?),
            (Some(case), ReportStep::Judge { .. } | ReportStep::Submit { .. }) => {
                if *own(case.report)? == case.from_organisation {
                    Ok(())
                } else {
                    Err(super::NotAllowed.into())
                }
            }
        }
    }

    fn after(before: Option<Self>, taken: Taken<ReportStep>) -> Result<Self, CaseError> {
        let Some(mut case) = before else {
            let (report, from_organisation, state, period, by, accesses, seed, sample) =
                match taken.step {
                    ReportStep::Begin {
                        report,
                        from,
                        to,
                        accesses,
                        seed,
                        sample,
                    } => (
                        report,
                        taken.organisation.ok_or(CaseError::NotFound)?,
                        ReportState::Begun,
                        Some((from, to)),
                        None,
                        accesses,
                        seed,
                        sample,
                    ),
                    ReportStep::Request {
                        organisation,
                        report,
                        by,
                        ..
                    } => (
                        report,
                        organisation,
                        ReportState::Requested,
                        None,
                        Some(by),
                        0,
                        None,
                        Vec::new(),
                    ),
                    _ => return Err(CaseError::NotFound),
                };
            return Ok(Self {
                state,
                report,
                from_organisation,
                period,
                by,
                accesses,
                seed,
                sample: sample
                    .into_iter()
                    .map(|occasion| (occasion, None))
                    .collect(),
                begun_at: taken.at,
                submitted_at: None,
                findings: None,
                recommendations: None,
            });
        };
        match (taken.step, case.state) {
            (
                ReportStep::Judge {
                    occasion, verdict, ..
                },
                ReportState::Begun,
            ) => {
                let judged = case.sample.get_mut(&occasion).ok_or(CaseError::Invalid(
                    "This access is not in the sample that was drawn.",
                ))?;
                *judged = Some(verdict);
            }
            (
                ReportStep::Submit {
                    findings,
                    recommendations,
                },
                ReportState::Begun,
            ) => {
                if case.sample.values().any(Option::is_none) {
                    return Err(CaseError::NotNow(
                        "An access of the sample has not been judged yet.",
                    ));
                }
                case.state = ReportState::Submitted;
                case.submitted_at = Some(taken.at);
                case.findings = Some(findings);
                case.recommendations = Some(recommendations);
            }
            (ReportStep::Receive { .. }, ReportState::Submitted) => {
                case.state = ReportState::Received;
            }
            _ => return Err(CaseError::NotNow("The report is not at this step.")),
        }
        Ok(case)
    }

    fn tells(after: &Self, step: &ReportStep) -> Vec<(Recipient, NoticeKind)> {
        match step {
            ReportStep::Submit { .. } => vec![(Recipient::Group, NoticeKind::ReportDue)],
            ReportStep::Request { .. } => vec![(
                Recipient::Organisation(after.from_organisation.clone()),
                NoticeKind::ReportDue,
            )],
            ReportStep::Begin { .. } | ReportStep::Judge { .. } | ReportStep::Receive { .. } => {
                Vec::new()
            }
        }
    }

    fn is_open_to(&self, around: Around<'_>) -> bool {
        match around.organisation {
            // What is not submitted is still the organisation's own.
            None => around.actor.has(Duty::Govern) && self.state != ReportState::Begun,
            Some(ods) => *ods == self.from_organisation,
        }
    }

    fn about(&self) -> About {
        About::default()
    }
}
