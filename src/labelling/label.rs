//! Labels a mapped record: every resource, from the source's restrictions and from the exclusion list.

use super::labeller::Labeller;
use super::list::ExclusionList;
use super::meta::Confidentiality;
use super::reason::Reason;
use super::report::WithheldReport;
use crate::fhir::{PatientId, Resource};
use crate::mapping::{Mapped, MappedRecord, SectionGap};
use crate::record::{Loss, OdsCode, SourceFamily, Standing};

/// What the practice has decided for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PracticeRules {
    /// A SystmOne practice switched the exclusion list on (S2 1.8, R044). For EMIS the list always applies.
    pub apply_list: bool,
}

/// One labelled resource. Only [`label`] and its [`Labeller`] make it.
#[derive(Debug, Clone)]
pub struct Labelled {
    pub(super) mapped: Mapped,
    pub(super) confidentiality: Confidentiality,
    pub(super) reasons: Vec<Reason>,
}

/// A whole labelled record. Only [`label`] makes it.
#[derive(Debug)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the tests of release take whole records")
)]
pub struct LabelledRecord {
    patient: PatientId,
    practice: OdsCode,
    family: SourceFamily,
    standing: Standing,
    list_applied: bool,
    resources: Vec<Labelled>,
    gaps: Vec<SectionGap>,
    losses: Vec<Loss>,
    report: WithheldReport,
}

/// Something that cannot be labelled: nothing of the record may leave. Carries no id and no patient detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// A resource of a type that has no labelling rule, or that is not the kind that it was said to be.
    #[error("a resource of a type without labelling rule came out of mapping")]
    UnknownKind,
    /// A resource whose id is not the one that it was given.
    #[error("a {0} whose id is not its own came out of mapping")]
    Id(&'static str),
    /// A resource with others inside, which would carry no labels of their own.
    #[error("a {0} with resources inside it came out of mapping")]
    Contained(&'static str),
}

/// Labels the record (design.md 6): for EMIS the list always applies, for SystmOne the private flag and, where the
/// practice switched it on, the list too. What contains an entry passes its restrictions on (high-water mark).
///
/// # Errors
/// Something cannot be labelled; the whole record stays behind.
pub fn label(
    record: MappedRecord,
    list: &ExclusionList,
    practice: PracticeRules,
) -> Result<LabelledRecord, LabelError> {
    let mut labeller = Labeller::new(record.family, &record.standing, list, practice);
    for mapped in &record.resources {
        labeller.see(mapped)?;
    }
    let mut resources = Vec::with_capacity(record.resources.len());
    for mapped in record.resources {
        let labelled = labeller.label(mapped)?;
        let mapped = labelled.mapped();
        let _ = labeller.count(mapped.kind, &mapped.id, &mapped.native_id);
        resources.push(labelled);
    }
    Ok(LabelledRecord {
        patient: record.patient,
        practice: record.practice,
        family: record.family,
        standing: record.standing,
        list_applied: labeller.applies_list(),
        resources,
        gaps: record.gaps,
        losses: record.losses,
        report: labeller.into_report(),
    })
}

impl Labelled {
    /// How confidential it is.
    #[must_use]
    pub fn confidentiality(&self) -> Confidentiality {
        self.confidentiality
    }

    /// Why it is more than normally confidential: empty for most.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Must it stay behind?
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.reasons.iter().any(Reason::withholds)
    }

    /// Must everything in it stay behind too?
    #[must_use]
    pub fn withholds_contents(&self) -> bool {
        self.reasons.iter().any(Reason::flows_down)
    }

    /// What it is and where it came from.
    #[must_use]
    pub fn mapped(&self) -> &Mapped {
        &self.mapped
    }

    pub(crate) fn into_mapped(self) -> Mapped {
        self.mapped
    }

    /// To take out of it what must not leave.
    pub(crate) fn resource_mut(&mut self) -> &mut Resource {
        &mut self.mapped.resource
    }
}

impl LabelledRecord {
    /// Every resource in mapping's order, what must stay behind included: for `openmig map`, which shows a file at hand
    /// with its labels. Nothing that a caller of the API can reach may use it.
    #[must_use]
    pub fn resources(&self) -> &[Labelled] {
        &self.resources
    }

    /// What must stay behind and why, for the practice.
    #[must_use]
    pub fn report(&self) -> &WithheldReport {
        &self.report
    }

    /// What was dropped or degraded before.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// May the record be shown at all, as the source says.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }
}

/// The parts of a labelled record.
#[cfg(test)]
pub(crate) struct LabelledParts {
    pub(crate) patient: PatientId,
    pub(crate) practice: OdsCode,
    pub(crate) family: SourceFamily,
    pub(crate) standing: Standing,
    pub(crate) list_applied: bool,
    pub(crate) resources: Vec<Labelled>,
    pub(crate) gaps: Vec<SectionGap>,
    pub(crate) report: WithheldReport,
}

#[cfg(test)]
impl LabelledRecord {
    pub(crate) fn into_parts(self) -> LabelledParts {
        LabelledParts {
            patient: self.patient,
            practice: self.practice,
            family: self.family,
            standing: self.standing,
            list_applied: self.list_applied,
            resources: self.resources,
            gaps: self.gaps,
            report: self.report,
        }
    }
}

#[cfg(test)]
#[path = "label_tests.rs"]
mod tests;
