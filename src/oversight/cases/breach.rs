//! A breach, suspected or found (S2 8.1 to 8.5; S1 Breaches; R200, R202).
//!
//! The identifying organisation opens it, the practices concerned and the group are told at once, and it cannot close until
//! each practice concerned (the data controller) and the group are known to have been informed. The group agrees closure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Around, Case, CaseError, Taken, Text, each_once};
use crate::fhir::PatientId;
use crate::oversight::About;
use crate::record::OdsCode;
use crate::register::{Duty, OrganisationKind};
use crate::store::cases::CaseKind;
use crate::store::notices::{NoticeKind, Recipient};

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum BreachStep {
    /// It is reported.
    Open {
        /// When it was found.
        identified_on: Date,
        /// Practices whose records are concerned: the data controllers.
        practices: BTreeSet<OdsCode>,
        /// Viewers concerned.
        #[serde(default)]
        viewers: BTreeSet<OdsCode>,
        /// Patients concerned, by FHIR id.
        #[serde(default)]
        patients: BTreeSet<PatientId>,
        /// What happened, without clinical content.
        what: Text,
        /// The incident scheme by which it is investigated, as configured (R202).
        scheme: Text,
    },
    /// The investigation goes on.
    Progress {
        /// What was done or found.
        text: Text,
    },
    /// Somebody was informed in another way than by this gateway's notice.
    Informed {
        /// A practice concerned, or nobody for the group.
        #[serde(default)]
        practice: Option<OdsCode>,
        /// When.
        on: Date,
        /// How, and who took it.
        how: Text,
    },
    /// One who is concerned says that they know.
    Acknowledge {},
    /// The investigation is finished.
    ProposeClosure {
        /// What came out.
        outcome: Text,
        /// What is done against its happening again (S2 12.2).
        measures: Text,
    },
    /// The group agrees closure (S2 8.5).
    Close {
        /// Its words.
        text: Text,
    },
    /// The group opens it again.
    Reopen {
        /// Why.
        text: Text,
    },
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreachState {
    /// Being investigated.
    Open,
    /// Finished, waiting for the group.
    ClosureProposed,
    /// Closed by the group.
    Closed,
}

/// A breach case.
#[derive(Debug, Clone, Serialize)]
pub struct Breach {
    /// Where it stands.
    pub state: BreachState,
    /// The organisation that identified it; `null` is the group.
    pub reporter: Option<OdsCode>,
    /// When it was reported.
    pub reported_at: Timestamp,
    /// When it was found.
    pub identified_on: Date,
    /// Incident scheme (R202).
    pub scheme: String,
    /// Practices concerned, each with since when they are known to be informed.
    pub practices: BTreeMap<OdsCode, Option<Date>>,
    /// Viewers concerned.
    pub viewers: BTreeSet<OdsCode>,
    /// Patients concerned, by FHIR id.
    pub patients: BTreeSet<PatientId>,
    /// Since when the group is known to be informed.
    pub group_informed: Option<Date>,
    /// When the group closed it.
    pub closed_at: Option<Timestamp>,
}

impl Breach {
    fn concerns(&self, ods: &OdsCode) -> bool {
        self.reporter.as_ref() == Some(ods)
            || self.practices.contains_key(ods)
            || self.viewers.contains(ods)
    }

    /// Everybody concerned but the reporter.
    fn others(&self) -> Vec<(Recipient, NoticeKind)> {
        let organisations = self.practices.keys().chain(&self.viewers);
        let told = organisations
            .filter(|ods| self.reporter.as_ref() != Some(ods))
            .map(|ods| Recipient::Organisation(ods.clone()))
            .chain([Recipient::Group]);
        each_once(told.map(|to| (to, NoticeKind::Breach)).collect())
    }
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(crate::record::date::london()).date()
}

impl Case for Breach {
    const KIND: CaseKind = CaseKind::Breach;
    type Step = BreachStep;

    fn may(before: Option<&Self>, step: &BreachStep, around: Around<'_>) -> Result<(), CaseError> {
        let Around {
            actor,
            organisation,
            register,
            now,
        } = around;
        let Some(case) = before else {
            let BreachStep::Open {
                identified_on,
                practices,
                viewers,
                ..
            } = step
            else {
                return Err(CaseError::NotFound);
            };
            let is = |ods: &OdsCode, kind| {
                register
                    .organisations
                    .get(ods)
                    .is_some_and(|found| found.kind == kind)
            };
            let practices_known = practices
                .iter()
                .all(|ods| is(ods, OrganisationKind::Practice));
            let viewers_known = viewers.iter().all(|ods| is(ods, OrganisationKind::Viewer));
            return if practices.is_empty() || !practices_known || !viewers_known {
                Err(CaseError::Invalid(
                    "A breach names at least one practice, and every organisation that it names is in the register.",
                ))
            } else if *identified_on > day(now) {
                Err(CaseError::Invalid(
                    "A breach was not identified in the future.",
                ))
            } else {
                Ok(())
            };
        };
        match step {
            BreachStep::Open { .. } => Err(CaseError::NotNow("The case is open already.")),
            BreachStep::Close { .. } | BreachStep::Reopen { .. } => Ok(actor.must_govern()?),
            BreachStep::Informed { on, .. } if *on > day(now) => {
                Err(CaseError::Invalid("Nobody was informed in the future."))
            }
            BreachStep::Acknowledge {} => {
                let informs = organisation.is_none_or(|ods| case.practices.contains_key(ods));
                if informs {
                    Ok(())
                } else {
                    Err(CaseError::NotNow(
                        "A practice concerned or the group says that it knows.",
                    ))
                }
            }
            // A practice's own word counts; who reports on the others' behalf is the reporter or the group.
            BreachStep::Informed { .. } | BreachStep::ProposeClosure { .. } => {
                if actor.has(Duty::Govern) || case.reporter.as_ref() == organisation {
                    Ok(())
                } else {
                    Err(super::NotAllowed.into())
                }
            }
            BreachStep::Progress { .. } => Ok(()),
        }
    }

    fn after(before: Option<Self>, taken: Taken<BreachStep>) -> Result<Self, CaseError> {
        let today = day(taken.at);
        let mut case = match (before, &taken.step) {
            (
                None,
                BreachStep::Open {
                    identified_on,
                    practices,
                    viewers,
                    patients,
                    scheme,
                    ..
                },
            ) => {
                let reporter = taken.organisation.clone();
                return Ok(Self {
                    state: BreachState::Open,
                    reported_at: taken.at,
                    identified_on: *identified_on,
                    scheme: scheme.as_str().to_owned(),
                    // Who reports it knows.
                    practices: practices
                        .iter()
                        .map(|ods| {
                            let knows = reporter.as_ref() == Some(ods);
                            (ods.clone(), knows.then_some(today))
                        })
                        .collect(),
                    viewers: viewers.clone(),
                    patients: patients.clone(),
                    group_informed: reporter.is_none().then_some(today),
                    reporter,
                    closed_at: None,
                });
            }
            (None, _) => return Err(CaseError::NotFound),
            (Some(case), _) => case,
        };
        let open = case.state != BreachState::Closed;
        match taken.step {
            BreachStep::Open { .. } => return Err(CaseError::NotNow("The case is open already.")),
            BreachStep::Reopen { .. } if !open => {
                case.state = BreachState::Open;
                case.closed_at = None;
            }
            BreachStep::Reopen { .. } => return Err(CaseError::NotNow("The case is not closed.")),
            _ if !open => return Err(CaseError::NotNow("The case is closed.")),
            BreachStep::Progress { .. } => {}
            BreachStep::Informed { practice, on, .. } => match practice {
                None => case.group_informed = case.group_informed.or(Some(on)),
                Some(ods) => {
                    let known = case.practices.get_mut(&ods).ok_or(CaseError::Invalid(
                        "Only a practice that the case names is noted as informed.",
                    ))?;
                    *known = known.or(Some(on));
                }
            },
            BreachStep::Acknowledge {} => match &taken.organisation {
                None => case.group_informed = case.group_informed.or(Some(today)),
                Some(ods) => {
                    let known = case.practices.get_mut(ods).ok_or(CaseError::NotFound)?;
                    *known = known.or(Some(today));
                }
            },
            BreachStep::ProposeClosure { .. } => case.state = BreachState::ClosureProposed,
            BreachStep::Close { .. } => {
                if case.state != BreachState::ClosureProposed {
                    return Err(CaseError::NotNow(
                        "The investigation is not finished: closure has not been proposed.",
                    ));
                }
                if case.practices.values().any(Option::is_none) {
                    return Err(CaseError::NotNow(
                        "A practice concerned is not known to have been informed.",
                    ));
                }
                if case.group_informed.is_none() {
                    return Err(CaseError::NotNow(
                        "The oversight group is not known to have been informed.",
                    ));
                }
                case.state = BreachState::Closed;
                case.closed_at = Some(taken.at);
            }
        }
        Ok(case)
    }

    fn tells(after: &Self, step: &BreachStep) -> Vec<(Recipient, NoticeKind)> {
        match step {
            BreachStep::Acknowledge {} | BreachStep::Informed { .. } => Vec::new(),
            BreachStep::Close { .. } | BreachStep::Reopen { .. } => {
                let mut told = after.others();
                let reporter = after.reporter.clone();
                told.extend(reporter.map(|ods| (Recipient::Organisation(ods), NoticeKind::Breach)));
                told.retain(|(to, _)| *to != Recipient::Group);
                each_once(told)
            }
            BreachStep::Open { .. }
            | BreachStep::Progress { .. }
            | BreachStep::ProposeClosure { .. } => after.others(),
        }
    }

    fn is_open_to(&self, around: Around<'_>) -> bool {
        match around.organisation {
            None => around.actor.has(Duty::Govern),
            Some(ods) => self.concerns(ods),
        }
    }

    fn about(&self) -> About {
        let mut practices = self.practices.keys();
        let mut patients = self.patients.iter();
        About {
            // The row has room for one: where there are more, the case names them.
            practice: practices
                .next()
                .filter(|_| practices.next().is_none())
                .cloned(),
            patient: patients
                .next()
                .filter(|_| patients.next().is_none())
                .cloned(),
            ..About::default()
        }
    }
}
