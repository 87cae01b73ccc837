//! Labels a mapped record: every resource, from the source's restrictions and from the exclusion list.

use std::collections::HashMap;

use super::codings::codings;
use super::list::ExclusionList;
use super::meta::{
    Confidentiality, contains_others, id_of, kind_of, labelled_by_source, meta_mut, write_labels,
};
use super::reason::Reason;
use super::report::WithheldReport;
use crate::fhir::{Kind, PatientId, Resource};
use crate::mapping::{Checkable, Mapped, MappedRecord, SectionGap};
use crate::record::{Loss, OdsCode, Restriction, SourceFamily, Standing};

/// What the practice has decided for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PracticeRules {
    /// A SystmOne practice switched the exclusion list on (S2 1.8, R044). For EMIS the list always applies.
    pub apply_list: bool,
}

/// One labelled resource. Only [`label`] makes it.
#[derive(Debug)]
pub struct Labelled {
    mapped: Mapped,
    confidentiality: Confidentiality,
    reasons: Vec<Reason>,
}

/// A whole labelled record. Only [`label`] makes it.
#[derive(Debug)]
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
    let list_applied = record.family == SourceFamily::Emis || practice.apply_list;
    let mut own: HashMap<String, Node> = HashMap::with_capacity(record.resources.len());
    for mapped in &record.resources {
        check(mapped)?;
        let mut reasons = own_reasons(mapped, list_applied.then_some(list));
        if record.standing.restricted {
            reasons.push(Reason::RestrictedRecord);
        }
        // Two resources under one id (of different types) share what restricts either.
        let node = own.entry(mapped.id.clone()).or_default();
        merge(&mut node.reasons, &reasons);
        node.checked |= list.uncheckable().spares_checked_contents() && is_checked(mapped);
        if mapped.parent.is_some() {
            node.parent.clone_from(&mapped.parent);
        }
    }

    let mut report = WithheldReport {
        list_version: list_applied.then(|| list.version().to_owned()),
        ..WithheldReport::default()
    };
    let classifier = format!("OpenMIG, exclusion list {}", list.version());
    let confidentiality = if record.standing.restricted {
        Confidentiality::VeryRestricted
    } else {
        Confidentiality::Restricted
    };
    let mut resources = Vec::with_capacity(record.resources.len());
    for mut mapped in record.resources {
        let reasons = with_inherited(&own, &mapped.id);
        let meta = meta_mut(&mut mapped.resource).ok_or(LabelError::UnknownKind)?;
        let act_codes = act_codes(list, &reasons);
        let level = if reasons.is_empty() {
            Confidentiality::Normal
        } else {
            confidentiality
        };
        write_labels(meta, level, &reasons, &act_codes, &classifier);
        let confidentiality = labelled_by_source(meta).unwrap_or(level);
        if reasons.iter().any(Reason::withholds) {
            let contained = own
                .get(&mapped.id)
                .is_none_or(|node| !node.reasons.iter().any(Reason::withholds));
            report.add(mapped.kind, &mapped.native_id, &reasons, contained);
        }
        resources.push(Labelled {
            mapped,
            confidentiality,
            reasons,
        });
    }
    Ok(LabelledRecord {
        patient: record.patient,
        practice: record.practice,
        family: record.family,
        standing: record.standing,
        list_applied,
        resources,
        gaps: record.gaps,
        losses: record.losses,
        report,
    })
}

#[derive(Debug, Default)]
struct Node {
    reasons: Vec<Reason>,
    /// Its own code speaks for it, whatever contains it.
    checked: bool,
    parent: Option<String>,
}

fn check(mapped: &Mapped) -> Result<(), LabelError> {
    let name = mapped.kind.name();
    if kind_of(&mapped.resource) != Some(mapped.kind) {
        return Err(LabelError::UnknownKind);
    }
    if id_of(&mapped.resource) != Some(mapped.id.as_str()) {
        return Err(LabelError::Id(name));
    }
    if contains_others(&mapped.resource) {
        return Err(LabelError::Contained(name));
    }
    Ok(())
}

/// What restricts this resource by itself.
fn own_reasons(mapped: &Mapped, list: Option<&ExclusionList>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for restriction in &mapped.restrictions {
        merge(
            &mut reasons,
            &[match restriction {
                Restriction::Policy { known, .. } => Reason::SourcePolicy { known: *known },
                Restriction::Private => Reason::Private,
                Restriction::Identifying => Reason::Identifying,
            }],
        );
    }
    if source_label(&mapped.resource) > Some(Confidentiality::Normal) {
        reasons.push(Reason::SourceLabel);
    }
    let Some(list) = list else { return reasons };

    let reported = mapped
        .codings
        .iter()
        .map(|(system, code)| (system.as_str(), code.as_str()));
    let written = codings(&mapped.resource);
    for row in list.matches(reported.chain(written)) {
        let category = list.category_of(row);
        reasons.push(Reason::Listed {
            row: row.id.clone(),
            category: category.map_or_else(String::new, |it| it.code.clone()),
            withheld: category.is_none_or(|it| it.withhold),
        });
    }
    let checkable = match mapped.checkable {
        Checkable::NoCode => !must_have_code(mapped.kind),
        Checkable::LocalOnly => mapped.kind.is_supporting(),
        Checkable::National => is_checked(mapped),
    };
    if !checkable && list.uncheckable().withholds(&mapped.sections) {
        reasons.push(Reason::Uncheckable);
    }
    reasons
}

/// It has a national code, hence the list has been asked about it.
fn is_checked(mapped: &Mapped) -> bool {
    let codings = mapped.codings.iter();
    mapped.checkable == Checkable::National
        && ExclusionList::can_check(codings.map(|(system, code)| (system.as_str(), code.as_str())))
}

/// Kinds whose whole point is their code: one without cannot be passed off as "nothing to check".
fn must_have_code(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::AllergyIntolerance
            | Kind::Condition
            | Kind::Flag
            | Kind::Immunization
            | Kind::MedicationRequest
            | Kind::MedicationStatement
            | Kind::Observation
            | Kind::Procedure
    )
}

fn source_label(resource: &Resource) -> Option<Confidentiality> {
    macro_rules! meta {
        ($($kind:ident)*) => {
            match resource {
                $(Resource::$kind(it) => it.meta.as_deref(),)*
                _ => None,
            }
        };
    }
    meta!(AllergyIntolerance Condition DiagnosticReport DocumentReference Encounter Flag Immunization List
        MedicationRequest MedicationStatement Observation Organization Patient Practitioner Procedure ServiceRequest
        Specimen)
    .and_then(labelled_by_source)
}

/// Its own reasons and those of all that contains it. A container that is not there, or a chain without end, restricts.
fn with_inherited(own: &HashMap<String, Node>, id: &str) -> Vec<Reason> {
    const DEEPEST: usize = 32;
    let mut reasons = Vec::new();
    let checked = own.get(id).is_some_and(|node| node.checked);
    let mut next = Some(id);
    for depth in 0..DEEPEST {
        let Some(id) = next else { return reasons };
        let Some(node) = own.get(id) else { break };
        for reason in &node.reasons {
            match reason {
                Reason::Uncheckable if depth > 0 && checked => {}
                Reason::Uncheckable if depth > 0 => {
                    merge(&mut reasons, &[Reason::ContainerUncheckable]);
                }
                other => merge(&mut reasons, std::slice::from_ref(other)),
            }
        }
        next = node.parent.as_deref();
    }
    if next.is_some() {
        merge(&mut reasons, &[Reason::ContainerUnknown]);
    }
    reasons
}

fn act_codes<'l>(list: &'l ExclusionList, reasons: &[Reason]) -> Vec<&'l str> {
    let mut codes = Vec::new();
    for reason in reasons {
        let Reason::Listed { category, .. } = reason else {
            continue;
        };
        let found = list.categories().iter().find(|it| it.code == *category);
        for code in found.into_iter().flat_map(|it| &it.act_codes) {
            if !codes.contains(&code.as_str()) {
                codes.push(code.as_str());
            }
        }
    }
    codes
}

fn merge(into: &mut Vec<Reason>, from: &[Reason]) {
    for reason in from {
        if !into.contains(reason) {
            into.push(reason.clone());
        }
    }
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
}

/// The parts of a labelled record, for `release`.
pub(crate) struct LabelledParts {
    pub(crate) patient: PatientId,
    pub(crate) practice: OdsCode,
    pub(crate) family: SourceFamily,
    pub(crate) standing: Standing,
    pub(crate) list_applied: bool,
    pub(crate) resources: Vec<Labelled>,
    pub(crate) gaps: Vec<SectionGap>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) report: WithheldReport,
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

    pub(crate) fn into_parts(self) -> LabelledParts {
        LabelledParts {
            patient: self.patient,
            practice: self.practice,
            family: self.family,
            standing: self.standing,
            list_applied: self.list_applied,
            resources: self.resources,
            gaps: self.gaps,
            losses: self.losses,
            report: self.report,
        }
    }
}

#[cfg(test)]
#[path = "label_tests.rs"]
mod tests;
