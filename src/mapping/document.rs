//! DocumentReference: the header of a discharge document. Never its content, never its title as typed (R032).

use super::common;
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::tabs::catalogue::Section;

/// One document header.
pub fn document(work: &mut Work<'_>, at: usize) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let sections = vec![Section::Admissions];
    let id = work.id(Kind::DocumentReference, &entry.id, "");
    let admission = work.admission_id(entry);
    let author = work.practitioner(entry.clinician.as_deref());
    let practice = work.practice();
    let resource = resources::DocumentReference {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("DocumentReference")], &sections),
        identifier: work.identifier(&entry.id, ""),
        status: "current".into(),
        r#type: Some(common::concept_or(&entry.code, "Discharge document")),
        subject: Some(work.subject()),
        date: entry.recorded.map(|at| common::moment(at).into()),
        author: author.into_iter().map(|author| *author).collect(),
        custodian: Some(practice),
        content: vec![resources::DocumentReferenceContent {
            attachment: Box::new(types::Attachment {
                // The content stays in the practice; the day on the letter is what the header tells.
                creation: common::date_time(&entry.date),
                title: Some("Held by the practice".into()),
                ..Default::default()
            }),
            ..Default::default()
        }],
        context: Some(resources::DocumentReferenceContext {
            encounter: vec![build::reference(Kind::Encounter, &admission)],
            ..Default::default()
        }),
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::DocumentReference,
            id,
            resource: Resource::DocumentReference(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}
