//! AllergyIntolerance: allergies, sensitivities, adverse reactions, "no known allergies" where the source says so (R026).

use super::assertion::{Says, says};
use super::common;
use super::condition::is_over;
use super::loss::Losses;
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Allergy, Body, Entry};
use crate::tabs::catalogue::Section;

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";

const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

/// One allergy.
pub fn allergy(work: &mut Work<'_>, losses: &mut Losses, at: usize) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let plain = Allergy::default();
    // A plain entry whose code says allergy (`14L..` in a consultation) has no more than its code.
    let body = match &entry.body {
        Body::Allergy(body) => body,
        _ => &plain,
    };
    let ended = body
        .end
        .as_ref()
        .is_some_and(|end| is_over(end, work.ctx.today));
    let mut sections = vec![Section::Allergies];
    if !ended {
        sections.insert(0, Section::SummaryAllergies);
    }
    let id = work.id(Kind::AllergyIntolerance, &entry.id, "");
    let asserter = work.practitioner(entry.clinician.as_deref());
    let recorder = work.practitioner(entry.recorder.as_deref());
    let resource = resources::AllergyIntolerance {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("AllergyIntolerance")], &sections),
        extension: extensions(work, losses, at, entry, body),
        identifier: work.identifier(&entry.id, ""),
        clinical_status: Some(Box::new(clinical_status(body, ended))),
        verification_status: (says(work.ctx.tables, entry) == Says::Uncertain).then(|| {
            Box::new(build::concept(
                VERIFICATION,
                "unconfirmed",
                Some("Unconfirmed"),
            ))
        }),
        category: if body.to_drug == Some(true) {
            vec!["medication".into()]
        } else {
            Vec::new()
        },
        code: Some(code(entry, body)),
        patient: work.subject(),
        encounter: work.encounter_of(at),
        onset: common::date_time(&entry.date).map(resources::AllergyIntoleranceOnset::DateTime),
        recorded_date: entry.recorded.map(|at| common::moment(at).into()),
        recorder,
        asserter,
        reaction: body
            .reaction
            .iter()
            .filter(|reaction| !reaction.is_empty())
            .map(|reaction| resources::AllergyIntoleranceReaction {
                manifestation: vec![common::concept(reaction)],
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::AllergyIntolerance,
            id,
            resource: Resource::AllergyIntolerance(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}

/// The substance where the source has it apart: who reads only the code must see what the patient is allergic to.
fn code(entry: &Entry, body: &Allergy) -> Box<types::CodeableConcept> {
    match body.substance.as_ref().and_then(common::concept_of) {
        Some(substance) => substance,
        None => common::concept_or(&entry.code, "Allergy without a name"),
    }
}

fn clinical_status(body: &Allergy, ended: bool) -> types::CodeableConcept {
    let (code, display) = if ended {
        ("resolved", "Resolved")
    } else {
        ("active", "Active")
    };
    let end = body.end.as_ref().and_then(common::date_time).map(|end| {
        let part = build::extension("endDate", types::ExtensionValue::DateTime(end));
        types::Extension {
            url: common::uk_extension("AllergyIntoleranceEnd"),
            extension: vec![part],
            ..Default::default()
        }
    });
    types::CodeableConcept {
        extension: end.into_iter().collect(),
        ..build::concept(CLINICAL, code, Some(display))
    }
}

fn extensions(
    work: &Work<'_>,
    losses: &mut Losses,
    at: usize,
    entry: &Entry,
    body: &Allergy,
) -> Vec<types::Extension> {
    let mut out = Vec::new();
    if body.substance.as_ref().is_some_and(|s| !s.is_empty())
        && let Some(statement) = common::concept_of(&entry.code)
    {
        out.push(build::extension(
            &common::our_extension("allergy-statement"),
            types::ExtensionValue::CodeableConcept(statement),
        ));
    }
    out.extend(work.reasons(at, losses));
    out.extend(work.episodicity(losses, entry));
    out.extend(work.qualifiers(entry));
    out
}
