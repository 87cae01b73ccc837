//! Complaints about the sharing (S2 10.1 to 10.4; S1, Complaints; R184).

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Around, Case, CaseError, Taken, Text, each_once};
use crate::fhir::PatientId;
use crate::oversight::About;
use crate::record::OdsCode;
use crate::register::{ComplaintsFirst, Duty, OrganisationKind};
use crate::store::cases::CaseKind;
use crate::store::notices::{NoticeKind, Recipient};

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// The record was looked at without consent.
    Consent,
    /// By somebody without a legitimate relationship.
    Relationship,
    /// What was shown was wrong.
    Accuracy,
    /// An opt-out was not respected, or was slow.
    OptOut,
    /// Patients were not told enough.
    Information,
    /// Something was shown that should be excluded.
    Exclusion,
    /// Something else.
    Other,
}

impl Category {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Consent => "looked at without consent",
            Self::Relationship => "looked at by somebody who was not treating the patient",
            Self::Accuracy => "what was shown was wrong",
            Self::OptOut => "opting out",
            Self::Information => "information for patients",
            Self::Exclusion => "sensitive entries",
            Self::Other => "other",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The patient was right.
    Upheld,
    /// In part.
    PartlyUpheld,
    /// No.
    NotUpheld,
}

impl Outcome {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::PartlyUpheld => "partly upheld",
            Self::NotUpheld => "not upheld",
        }
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ComplaintStep {
    /// It was received and is logged.
    Log {
        /// When it came.
        received_on: Date,
        /// About what.
        category: Category,
        /// Who deals with it first, as the agreement in force says.
        handled_by: OdsCode,
        /// Other organisations that it concerns.
        #[serde(default)]
        parties: BTreeSet<OdsCode>,
        /// The patient.
        #[serde(default)]
        patient: Option<PatientId>,
        /// In words, without clinical content.
        text: Text,
    },
    /// Something was done.
    Progress {
        /// What.
        text: Text,
    },
    /// Another organisation deals with it from now on (S2 9.3: assistance where it belongs elsewhere).
    PassOn {
        /// Which.
        to: OdsCode,
        /// Why.
        text: Text,
    },
    /// It was decided.
    Decide {
        /// How.
        outcome: Outcome,
        /// What was done about it.
        resolution: Text,
        /// It asks for a change of policy, which needs every party's consent (S1).
        #[serde(default)]
        policy_change: bool,
    },
    /// A party consents to the change of policy.
    ConsentToChange {},
    /// It is closed.
    Close {},
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComplaintState {
    /// Being dealt with.
    Open,
    /// Decided, not closed.
    Decided,
    /// Closed.
    Closed,
}

/// A complaint.
#[derive(Debug, Clone, Serialize)]
pub struct Complaint {
    /// Where it stands.
    pub state: ComplaintState,
    /// Who received it.
    pub received_by: OdsCode,
    /// When.
    pub received_on: Date,
    /// About what.
    pub category: Category,
    /// Who deals with it.
    pub handled_by: OdsCode,
    /// Other organisations that it concerns.
    pub parties: BTreeSet<OdsCode>,
    /// The patient.
    pub patient: Option<PatientId>,
    /// How it was decided.
    pub outcome: Option<Outcome>,
    /// Decided.
    pub decided_at: Option<Timestamp>,
    /// It asks for a change of policy.
    pub policy_change: bool,
    /// Parties whose consent to the change is missing.
    pub consent_missing: BTreeSet<OdsCode>,
}

impl Complaint {
    /// Every organisation that it concerns.
    fn all(&self) -> BTreeSet<OdsCode> {
        let mut all = self.parties.clone();
        all.insert(self.received_by.clone());
        all.insert(self.handled_by.clone());
        all
    }
}

impl Case for Complaint {
    const KIND: CaseKind = CaseKind::Complaint;
    type Step = ComplaintStep;

    fn may(
        before: Option<&Self>,
        step: &ComplaintStep,
        around: Around<'_>,
    ) -> Result<(), CaseError> {
        let Around {
            organisation,
            register,
            now,
            ..
        } = around;
        let own = organisation.ok_or(super::NotAllowed)?;
        let known = |ods: &OdsCode| register.organisations.contains_key(ods);
        match (before, step) {
            (
                None,
                ComplaintStep::Log {
                    received_on,
                    handled_by,
                    parties,
                    ..
                },
            ) => {
                let practice = register
                    .organisations
                    .get(handled_by)
                    .is_some_and(|found| found.kind == OrganisationKind::Practice);
                let first = match register.agreement.oversight.complaints_first {
                    ComplaintsFirst::Practice => practice,
                    ComplaintsFirst::Receiver => handled_by == own,
                };
                if !first {
                    Err(CaseError::Invalid(
                        "The agreement in force says who deals with a complaint first: `practice` the patient's practice, `receiver` who received it.",
                    ))
                } else if !known(handled_by) || !parties.iter().all(known) {
                    Err(CaseError::Invalid(
                        "Every organisation that is named is in the register.",
                    ))
                } else if *received_on > now.to_zoned(crate::record::date::london()).date() {
                    Err(CaseError::Invalid("It was not received in the future."))
                } else {
                    Ok(())
                }
            }
            (None, _) => Err(CaseError::NotFound),
            (Some(_), ComplaintStep::Log { .. }) => Err(CaseError::NotNow("It is logged already.")),
            (Some(_), ComplaintStep::ConsentToChange {} | ComplaintStep::Progress { .. }) => Ok(()),
            (Some(case), ComplaintStep::PassOn { to, .. }) if case.handled_by == *own => {
                if known(to) {
                    Ok(())
                } else {
                    Err(CaseError::Invalid(
                        "Every organisation that is named is in the register.",
                    ))
                }
            }
            (Some(case), _) if case.handled_by == *own => Ok(()),
            (Some(_), _) => Err(super::NotAllowed.into()),
        }
    }

    fn after(before: Option<Self>, taken: Taken<ComplaintStep>) -> Result<Self, CaseError> {
        let Some(mut case) = before else {
            let ComplaintStep::Log {
                received_on,
                category,
                handled_by,
                parties,
                patient,
                ..
            } = taken.step
            else {
                return Err(CaseError::NotFound);
            };
            return Ok(Self {
                state: ComplaintState::Open,
                received_by: taken.organisation.ok_or(CaseError::NotFound)?,
                received_on,
                category,
                handled_by,
                parties,
                patient,
                outcome: None,
                decided_at: None,
                policy_change: false,
                consent_missing: BTreeSet::new(),
            });
        };
        match (taken.step, case.state) {
            (_, ComplaintState::Closed) => return Err(CaseError::NotNow("It is closed.")),
            (ComplaintStep::Progress { .. }, _) => {}
            (ComplaintStep::PassOn { to, .. }, ComplaintState::Open) => {
                case.parties.insert(case.handled_by.clone());
                case.handled_by = to;
            }
            (
                ComplaintStep::Decide {
                    outcome,
                    policy_change,
                    ..
                },
                ComplaintState::Open,
            ) => {
                case.state = ComplaintState::Decided;
                case.outcome = Some(outcome);
                case.decided_at = Some(taken.at);
                case.policy_change = policy_change;
                if policy_change {
                    case.consent_missing = case.all();
                }
            }
            (ComplaintStep::ConsentToChange {}, ComplaintState::Decided) if case.policy_change => {
                if let Some(own) = &taken.organisation {
                    case.consent_missing.remove(own);
                }
            }
            (ComplaintStep::Close {}, ComplaintState::Decided) => {
                if !case.consent_missing.is_empty() {
                    return Err(CaseError::NotNow(
                        "A change of policy needs the consent of every party, and one is missing.",
                    ));
                }
                case.state = ComplaintState::Closed;
            }
            _ => return Err(CaseError::NotNow("The complaint is not at this step.")),
        }
        Ok(case)
    }

    fn tells(after: &Self, step: &ComplaintStep) -> Vec<(Recipient, NoticeKind)> {
        let told = match step {
            ComplaintStep::Log { .. } | ComplaintStep::PassOn { .. } => {
                vec![after.handled_by.clone()]
            }
            ComplaintStep::Decide { .. } => after.all().into_iter().collect(),
            _ => Vec::new(),
        };
        each_once(
            told.into_iter()
                .map(|ods| (Recipient::Organisation(ods), NoticeKind::Complaint))
                .collect(),
        )
    }

    /// The group sees the yearly summary, not the complaint (S2 10.4: anonymised).
    fn is_open_to(&self, around: Around<'_>) -> bool {
        let duties = [Duty::RunPractice, Duty::OverseePractice, Duty::ReviewAccess];
        around
            .organisation
            .is_some_and(|ods| self.all().contains(ods))
            && duties.into_iter().any(|duty| around.actor.has(duty))
    }

    fn about(&self) -> About {
        About {
            practice: None,
            patient: self.patient.clone(),
            ..About::default()
        }
    }
}
