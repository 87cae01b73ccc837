//! Admissions: Encounters of class IMP, derived where the source says that one happened or was asked for (design.md 4).
//!
//! No GP interface has an admission of its own. From a coded admission comes its start, from a coded discharge its end; a
//! referral or a discharge letter gives neither, and none is guessed.

use super::tables::Tables;
use super::work::{Made, Work};
use super::{SectionGap, common};
use crate::fhir::model::resources;
use crate::fhir::{Kind, Resource, build};
use crate::record::{Body, PartialDate};
use crate::tabs::catalogue::Section;

/// Where admissions come from, said always and in words that are true of a full section too: whether one was withheld must
/// not change what the section says (R047).
pub fn gaps(tables: &Tables) -> Vec<SectionGap> {
    vec![SectionGap {
        section: Section::Admissions,
        unavailable: false,
        why: tables.wording().admissions.clone(),
    }]
}

/// One admission; `ended`: what the entry tells is its end.
pub fn admission(work: &mut Work<'_>, at: usize, ended: bool) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let id = work.admission_id(entry);
    let sections = vec![Section::Admissions];
    let unknown = PartialDate::Unknown;
    let is_code = matches!(entry.body, Body::Observation(_));
    let is_referral = matches!(entry.body, Body::Referral(_));
    let (period, _) = match (is_code, ended) {
        (true, false) => common::period(&entry.date, &unknown),
        (true, true) => common::period(&unknown, &entry.date),
        (false, _) => (None, false),
    };
    let future = entry
        .date
        .earliest()
        .is_some_and(|day| day > work.ctx.today);
    let status = match (is_referral || future, ended) {
        (true, _) => "planned",
        (false, true) => "finished",
        (false, false) => "unknown",
    };
    let based_on = is_referral.then(|| {
        let referral = work.id(Kind::ServiceRequest, &entry.id, "");
        build::reference(Kind::ServiceRequest, &referral)
    });
    let resource = resources::Encounter {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Encounter")], &sections),
        extension: work.recorded(entry),
        identifier: work.identifier(&entry.id, "-admission"),
        status: status.into(),
        class: super::encounter::inpatient(),
        r#type: common::concept_of(&entry.code)
            .into_iter()
            .map(|kind| *kind)
            .collect(),
        subject: Some(work.subject()),
        based_on: based_on.into_iter().collect(),
        period,
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::Encounter,
            id,
            resource: Resource::Encounter(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}
