//! Practitioner and Organization: only those that something else refers to.

use super::work::{Work, bare};
use super::{Checkable, Mapped, common};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build, uri};
use crate::record::{Organisation, PartialDate, Staff};

const GMC: &str = "https://fhir.hl7.org.uk/Id/gmc-number";

/// A person.
pub fn practitioner(work: &Work<'_>, staff: &Staff) -> Mapped {
    let id = work.id(Kind::Practitioner, &staff.id, "");
    let mut identifier = work.identifier(&staff.id, "");
    if let Some(gmc) = &staff.gmc {
        identifier.insert(0, national(GMC, gmc));
    }
    let resource = resources::Practitioner {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Practitioner")], &[]),
        identifier,
        name: vec![types::HumanName {
            text: Some(staff.name.as_str().into()),
            ..Default::default()
        }],
        qualification: staff
            .role
            .iter()
            .map(|role| resources::PractitionerQualification {
                code: Box::new(build::concept_text(role)),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    supporting(
        Kind::Practitioner,
        id,
        Resource::Practitioner(Box::new(resource)),
        &staff.id,
    )
}

/// The practice whose record it is, named as the register names it.
pub fn practice(work: &Work<'_>) -> Mapped {
    let ods = &work.record.practice.0;
    let id = work.practice_id();
    organisation(
        work,
        id,
        ods,
        vec![national(uri::ODS_CODE, ods)],
        work.ctx.practice_name,
    )
}

/// Another organisation.
pub fn organization(work: &Work<'_>, sent: &Organisation) -> Mapped {
    let id = work.id(Kind::Organization, &sent.id, "");
    let mut identifier = work.identifier(&sent.id, "");
    if let Some(ods) = &sent.ods {
        identifier.insert(0, national(uri::ODS_CODE, ods));
    }
    organisation(work, id, &sent.id, identifier, &sent.name)
}

fn organisation(
    work: &Work<'_>,
    id: String,
    native: &str,
    identifier: Vec<types::Identifier>,
    name: &str,
) -> Mapped {
    let resource = resources::Organization {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Organization")], &[]),
        identifier,
        name: Some(name.into()),
        ..Default::default()
    };
    supporting(
        Kind::Organization,
        id,
        Resource::Organization(Box::new(resource)),
        native,
    )
}

fn national(system: &str, value: &str) -> types::Identifier {
    types::Identifier {
        system: Some(system.into()),
        value: Some(value.into()),
        ..Default::default()
    }
}

fn supporting(kind: Kind, id: String, resource: Resource, native: &str) -> Mapped {
    Mapped {
        kind,
        id,
        resource,
        sections: Vec::new(),
        date: PartialDate::Unknown,
        codings: Vec::new(),
        checkable: Checkable::NoCode,
        restrictions: Vec::new(),
        native_id: bare(native).to_owned(),
        parent: None,
        bracket: false,
        header: super::Header::No,
        state_by_results: false,
    }
}
