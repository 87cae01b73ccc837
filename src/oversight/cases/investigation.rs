//! A practice's demand that a viewer gives information or investigates (S2 8.2; R201).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Around, Case, CaseError, Taken, Text};
use crate::fhir::PatientId;
use crate::oversight::About;
use crate::record::OdsCode;
use crate::register::{Duty, OrganisationKind};
use crate::store::cases::CaseKind;
use crate::store::notices::{NoticeKind, Recipient};

/// What a viewer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The access was legitimate.
    Legitimate,
    /// It was a breach; a case for it is opened.
    Breach,
    /// It could not be found out.
    Inconclusive,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum InvestigationStep {
    /// A practice demands it.
    Demand {
        /// Of which viewer.
        viewer: OdsCode,
        /// The clinician whose access is in question, where it is one.
        #[serde(default)]
        clinician: Option<String>,
        /// The patient, where it is one.
        #[serde(default)]
        patient: Option<PatientId>,
        /// What is asked.
        question: Text,
        /// By when an answer is asked for.
        answer_by: Date,
    },
    /// The viewer has taken note and begins.
    Begin {},
    /// The viewer answers.
    Answer {
        /// What was found.
        finding: Finding,
        /// In words.
        text: Text,
    },
    /// The practice is not satisfied.
    AskAgain {
        /// Why.
        text: Text,
        /// By when.
        answer_by: Date,
    },
    /// The practice is satisfied.
    Accept {
        /// The outcome, in its words.
        outcome: Text,
    },
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvestigationState {
    /// The viewer has not taken note.
    Demanded,
    /// The viewer investigates.
    Begun,
    /// The practice has an answer to judge.
    Answered,
    /// The practice has accepted the outcome.
    Closed,
}

/// An investigation.
#[derive(Debug, Clone, Serialize)]
pub struct Investigation {
    /// Where it stands.
    pub state: InvestigationState,
    /// Who demands it.
    pub practice: OdsCode,
    /// Of whom.
    pub viewer: OdsCode,
    /// Whose access.
    pub clinician: Option<String>,
    /// To whose record.
    pub patient: Option<PatientId>,
    /// Demanded.
    pub demanded_at: Timestamp,
    /// Begun.
    pub begun_at: Option<Timestamp>,
    /// Answered first.
    pub answered_at: Option<Timestamp>,
    /// Hours from the demand to the first answer.
    pub answered_after_hours: Option<i64>,
    /// By when an answer is, or was, asked for.
    pub answer_by: Date,
    /// The (last) answer came after that day.
    pub late: bool,
    /// The last finding.
    pub finding: Option<Finding>,
    /// Closed.
    pub closed_at: Option<Timestamp>,
}

impl Case for Investigation {
    const KIND: CaseKind = CaseKind::Investigation;
    type Step = InvestigationStep;

    fn may(
        before: Option<&Self>,
        step: &InvestigationStep,
        around: Around<'_>,
    ) -> Result<(), CaseError> {
        let Around {
            actor,
            organisation,
            register,
            now,
        } = around;
        let for_practice = |practice: &OdsCode| {
            actor
                .must(Duty::RunPractice, practice)
                .or_else(|_| actor.must(Duty::OverseePractice, practice))
        };
        let today = now.to_zoned(crate::record::date::london()).date();
        match (before, step) {
            (
                None,
                InvestigationStep::Demand {
                    viewer, answer_by, ..
                },
            ) => {
                for_practice(organisation.ok_or(super::NotAllowed)?)?;
                let is_viewer = register
                    .organisations
                    .get(viewer)
                    .is_some_and(|found| found.kind == OrganisationKind::Viewer);
                if !is_viewer {
                    Err(CaseError::Invalid(
                        "The register has no such viewing organisation.",
                    ))
                } else if *answer_by < today {
                    Err(CaseError::Invalid("The day for the answer is past."))
                } else {
                    Ok(())
                }
            }
            (None, _) => Err(CaseError::NotFound),
            (Some(_), InvestigationStep::Demand { .. }) => {
                Err(CaseError::NotNow("It is demanded already."))
            }
            (Some(case), InvestigationStep::Begin {} | InvestigationStep::Answer { .. }) => {
                Ok(actor.must(Duty::ReviewAccess, &case.viewer)?)
            }
            (Some(case), InvestigationStep::AskAgain { answer_by, .. }) => {
                for_practice(&case.practice)?;
                if *answer_by < today {
                    Err(CaseError::Invalid("The day for the answer is past."))
                } else {
                    Ok(())
                }
            }
            (Some(case), InvestigationStep::Accept { .. }) => Ok(for_practice(&case.practice)?),
        }
    }

    fn after(before: Option<Self>, taken: Taken<InvestigationStep>) -> Result<Self, CaseError> {
        use InvestigationState::{Answered, Begun, Closed, Demanded};
        let Some(mut case) = before else {
            let InvestigationStep::Demand {
                viewer,
                clinician,
                patient,
                answer_by,
                ..
            } = taken.step
            else {
                return Err(CaseError::NotFound);
            };
            return Ok(Self {
                state: Demanded,
                practice: taken.organisation.ok_or(CaseError::NotFound)?,
                viewer,
                clinician,
                patient,
                demanded_at: taken.at,
                begun_at: None,
                answered_at: None,
                answered_after_hours: None,
                answer_by,
                late: false,
                finding: None,
                closed_at: None,
            });
        };
        match (taken.step, case.state) {
            (InvestigationStep::Begin {}, Demanded) => {
                case.state = Begun;
                case.begun_at = Some(taken.at);
            }
            (InvestigationStep::Answer { finding, .. }, Demanded | Begun) => {
                case.state = Answered;
                case.finding = Some(finding);
                case.late =
                    taken.at.to_zoned(crate::record::date::london()).date() > case.answer_by;
                case.begun_at = case.begun_at.or(Some(taken.at));
                case.answered_at = case.answered_at.or(Some(taken.at));
                case.answered_after_hours = case
                    .answered_after_hours
                    .or_else(|| Some(taken.at.duration_since(case.demanded_at).as_hours()));
            }
            (InvestigationStep::AskAgain { answer_by, .. }, Answered) => {
                case.state = Begun;
                case.answer_by = answer_by;
            }
            (InvestigationStep::Accept { .. }, Answered) => {
                case.state = Closed;
                case.closed_at = Some(taken.at);
            }
            (InvestigationStep::Accept { .. } | InvestigationStep::AskAgain { .. }, _) => {
                return Err(CaseError::NotNow("There is no answer to judge."));
            }
            _ => return Err(CaseError::NotNow("The investigation is past this step.")),
        }
        Ok(case)
    }

    fn tells(after: &Self, step: &InvestigationStep) -> Vec<(Recipient, NoticeKind)> {
        let told = |ods: &OdsCode| {
            (
                Recipient::Organisation(ods.clone()),
                NoticeKind::Investigation,
            )
        };
        match step {
            InvestigationStep::Demand { .. } => vec![
                told(&after.viewer),
                (Recipient::Group, NoticeKind::Investigation),
            ],
            InvestigationStep::AskAgain { .. } | InvestigationStep::Accept { .. } => {
                vec![told(&after.viewer)]
            }
            InvestigationStep::Begin {} | InvestigationStep::Answer { .. } => {
                vec![told(&after.practice)]
            }
        }
    }

    fn is_open_to(&self, around: Around<'_>) -> bool {
        match around.organisation {
            None => around.actor.has(Duty::Govern),
            Some(ods) => *ods == self.practice || *ods == self.viewer,
        }
    }

    fn about(&self) -> About {
        About {
            practice: Some(self.practice.clone()),
            patient: self.patient.clone(),
            ..About::default()
        }
    }
}
