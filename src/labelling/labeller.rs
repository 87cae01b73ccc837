//! Labels the resources of a record that come one after the other. Each is seen once before any label is final: what
//! contains a resource passes its restrictions on, and may come after it.

use std::collections::HashMap;

use super::codings::codings;
use super::label::{LabelError, Labelled, PracticeRules};
use super::list::ExclusionList;
use super::meta::{
    Confidentiality, contains_others, id_of, kind_of, labelled_by_source, meta_mut, write_labels,
};
use super::reason::Reason;
use super::report::{UNMAPPED, UNMAPPED_WITHHELD, WithheldReport, terminology};
use crate::fhir::{Kind, Resource};
use crate::mapping::{Checkable, Mapped};
use crate::record::{LossTally, Restriction, SourceFamily, Standing};

/// What restricts the resources of one record, as far as they have been seen.
#[derive(Debug)]
pub struct Labeller<'l> {
    list: &'l ExclusionList,
    list_applied: bool,
    /// The whole record is restricted.
    restricted: bool,
    classifier: String,
    own: HashMap<Box<str>, Node>,
    unmapped: LossTally,
    report: WithheldReport,
}

impl<'l> Labeller<'l> {
    /// For a record of this family and standing.
    #[must_use]
    pub fn new(
        family: SourceFamily,
        standing: &Standing,
        list: &'l ExclusionList,
        practice: PracticeRules,
    ) -> Self {
        let list_applied = family == SourceFamily::Emis || practice.apply_list;
        Self {
            list,
            list_applied,
            restricted: standing.restricted,
            classifier: format!("OpenMIG, exclusion list {}", list.version()),
            own: HashMap::new(),
            unmapped: LossTally::default(),
            report: WithheldReport {
                list_version: list_applied.then(|| list.version().to_owned()),
                ..WithheldReport::default()
            },
        }
    }

    /// Was the exclusion list asked?
    #[must_use]
    pub fn applies_list(&self) -> bool {
        self.list_applied
    }

    /// Takes note of what restricts a resource by itself, and of what contains it.
    ///
    /// # Errors
    /// It cannot be labelled; the whole record stays behind.
    pub fn see(&mut self, mapped: &Mapped) -> Result<(), LabelError> {
        check(mapped)?;
        let mut reasons = own_reasons(mapped, self.list_applied.then_some(self.list));
        if !can_be_checked(mapped) {
            let withheld = reasons.contains(&Reason::Uncheckable);
            let system = mapped.codings.first().map(|(system, _)| system.as_str());
            self.unmapped.add(
                &format!("{}/{}", mapped.kind.name(), terminology(system)),
                if withheld {
                    UNMAPPED_WITHHELD
                } else {
                    UNMAPPED
                },
            );
        }
        if self.restricted {
            reasons.push(Reason::RestrictedRecord);
        }
        // Two resources under one id (of different types) share what restricts either.
        let node = self.own.entry(mapped.id.as_str().into()).or_default();
        merge(&mut node.reasons, &reasons);
        node.checked |= self.list.uncheckable().spares_checked_contents() && is_checked(mapped);
        if let Some(parent) = &mapped.parent {
            node.parent = Some(parent.as_str().into());
        }
        Ok(())
    }

    /// Why the resource with this id is more than normally confidential, by all that has been seen.
    fn reasons(&self, id: &str) -> Vec<Reason> {
        with_inherited(&self.own, id)
    }

    /// Labels a resource by all that has been seen.
    ///
    /// # Errors
    /// It cannot be labelled; the whole record stays behind.
    pub fn label(&self, mut mapped: Mapped) -> Result<Labelled, LabelError> {
        let reasons = self.reasons(&mapped.id);
        let meta = meta_mut(&mut mapped.resource).ok_or(LabelError::UnknownKind)?;
        let act_codes = act_codes(self.list, &reasons);
        let level = match (reasons.is_empty(), self.restricted) {
            (true, _) => Confidentiality::Normal,
            (false, true) => Confidentiality::VeryRestricted,
            (false, false) => Confidentiality::Restricted,
        };
        write_labels(meta, level, &reasons, &act_codes, &self.classifier);
        Ok(Labelled {
            confidentiality: labelled_by_source(meta).unwrap_or(level),
            mapped,
            reasons,
        })
    }

    /// Puts a resource into the practice's report, where it stays behind. When all have been seen, once for each. Answers
    /// why it is more than normally confidential.
    pub fn count(&mut self, kind: Kind, id: &str, native_id: &str) -> Vec<Reason> {
        let reasons = self.reasons(id);
        if reasons.iter().any(Reason::withholds) {
            let contained = self
                .own
                .get(id)
                .is_none_or(|node| !node.reasons.iter().any(Reason::withholds));
            self.report.add(kind, native_id, &reasons, contained);
        }
        reasons
    }

    /// What stays behind and why, for the practice.
    #[must_use]
    pub fn into_report(self) -> WithheldReport {
        WithheldReport {
            unmapped: self.unmapped.into_counts(),
            ..self.report
        }
    }
}

#[derive(Debug, Default)]
struct Node {
    reasons: Vec<Reason>,
    /// Its own code speaks for it, whatever contains it.
    checked: bool,
    parent: Option<Box<str>>,
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
    if !can_be_checked(mapped) && list.uncheckable().withholds(&mapped.sections) {
        reasons.push(Reason::Uncheckable);
    }
    reasons
}

/// It has a code that the list can be asked about, or is of a kind that needs none.
fn can_be_checked(mapped: &Mapped) -> bool {
    match mapped.checkable {
        Checkable::NoCode => !must_have_code(mapped.kind),
        Checkable::LocalOnly => mapped.kind.is_supporting(),
        Checkable::National => is_checked(mapped),
    }
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
fn with_inherited(own: &HashMap<Box<str>, Node>, id: &str) -> Vec<Reason> {
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

/// What the categories of these reasons stand for in HL7's codes, repeats included: a label is written once.
fn act_codes<'l>(list: &'l ExclusionList, reasons: &[Reason]) -> Vec<&'l str> {
    let mut codes = Vec::new();
    for reason in reasons {
        let Reason::Listed { category, .. } = reason else {
            continue;
        };
        let found = list.categories().iter().find(|it| it.code == *category);
        let of_category = found.into_iter().flat_map(|it| &it.act_codes);
        codes.extend(of_category.map(String::as_str));
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

#[cfg(test)]
#[path = "labeller_tests.rs"]
mod tests;
