//! Flag: contraindications and alerts (R026).

use super::common;
use super::condition::is_over;
use super::loss::Losses;
use super::tables::Field;
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Alert, Body, PartialDate};
use crate::tabs::catalogue::Section;

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/flag-category";

/// One flag.
pub fn flag(work: &mut Work<'_>, losses: &mut Losses, at: usize, contraindication: bool) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let plain = Alert::default();
    let body = match &entry.body {
        Body::Alert(body) => body,
        _ => &plain,
    };
    let sections = vec![Section::Contraindications];
    let id = work.id(Kind::Flag, &entry.id, "");
    let ends = body.expires.clone().unwrap_or(PartialDate::Unknown);
    let lapsed = is_over(&ends, work.ctx.today);
    let kind = if contraindication {
        "contraindication"
    } else {
        "alert"
    };
    let category = work.ctx.tables.word(Field::FlagCategory, kind);
    let mut extension = work.recorded(entry);
    let severity = body.severity.as_deref();
    if let Some(word) = work.word(losses, entry, Field::AlertSeverity, "severity", severity) {
        extension.push(common::words_extension("alert-severity", &word.display));
    }
    extension.extend(work.reasons(at, losses));
    extension.extend(work.qualifiers(entry));
    let author = work.practitioner(entry.clinician.as_deref());
    let resource = resources::Flag {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Flag")], &sections),
        extension,
        identifier: work.identifier(&entry.id, ""),
        status: if lapsed { "inactive" } else { "active" }.into(),
        category: category
            .map(|word| build::concept(CATEGORY, &word.code, Some(&word.display)))
            .into_iter()
            .collect::<Vec<types::CodeableConcept>>(),
        code: common::concept_or(&entry.code, "Alert without a name"),
        subject: work.subject(),
        period: common::period(&entry.date, &ends).0,
        encounter: work.encounter_of(at),
        author,
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::Flag,
            id,
            resource: Resource::Flag(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}
