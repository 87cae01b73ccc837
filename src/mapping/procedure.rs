//! Procedure: operations and other procedures (R027).

use super::common;
use super::loss::Losses;
use super::work::{Made, Work};
use crate::fhir::model::resources;
use crate::fhir::{Kind, Resource};
use crate::tabs::catalogue::Section;

/// One procedure.
pub fn procedure(work: &mut Work<'_>, losses: &mut Losses, at: usize) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let sections = vec![Section::Operations];
    let id = work.id(Kind::Procedure, &entry.id, "");
    let mut extension = work.recorded(entry);
    extension.extend(work.episodicity(losses, entry));
    extension.extend(work.qualifiers(entry));
    // Who wrote it down answers for it; who operated, perhaps decades ago in a hospital, the record does not say.
    let asserter = work.practitioner(entry.clinician.as_deref());
    let recorder = work.practitioner(entry.recorder.as_deref());
    let future = entry
        .date
        .earliest()
        .is_some_and(|day| day > work.ctx.today);
    let resource = resources::Procedure {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Procedure")], &sections),
        extension,
        identifier: work.identifier(&entry.id, ""),
        status: if future { "preparation" } else { "completed" }.into(),
        code: common::concept_of(&entry.code),
        subject: work.subject(),
        encounter: work.encounter_of(at),
        performed: common::date_time(&entry.date).map(resources::ProcedurePerformed::DateTime),
        recorder,
        asserter,
        reason_reference: work.problems_of(at, losses),
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::Procedure,
            id,
            resource: Resource::Procedure(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}
