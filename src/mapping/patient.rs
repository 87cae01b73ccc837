//! Patient: NHS number, name, address, birth date, gender and GP details, and nothing else (R022, design.md 4).

use super::loss::{Losses, reason};
use super::tables::Field;
use super::work::Work;
use super::{Checkable, Mapped, common};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build, uri};
use crate::record::{Address, PartialDate, PatientDetails, Sex};
use crate::tabs::catalogue::Section;

const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";

/// The one Patient.
pub fn patient(work: &mut Work<'_>, losses: &mut Losses) {
    let details = &work.record.patient;
    if details.death_date.is_some() {
        losses.other("patient/dateOfDeath", None, reason::NOT_IN_DATA_SET);
    }
    let mut general_practitioner: Vec<types::Reference> = Vec::new();
    for gp in [&details.usual_gp, &details.registered_gp] {
        if gp.is_some() {
            match work.practitioner(gp.as_deref()) {
                Some(found) if general_practitioner.contains(&found) => {}
                Some(found) => general_practitioner.push(*found),
                None => losses.other("patient/generalPractitioner", None, reason::DANGLING),
            }
        }
    }
    let practice = work.practice();
    general_practitioner.push((*practice).clone());
    let sections = vec![Section::Demographics];
    let resource = resources::Patient {
        id: Some(work.ctx.patient.as_str().into()),
        meta: work.meta(&[common::uk_profile("Patient")], &sections),
        identifier: vec![nhs_number(work.ctx.nhs_number.as_str())],
        name: name(details).into_iter().collect(),
        gender: gender(work, details.sex).map(Into::into),
        birth_date: common::day(&details.birth_date),
        address: details.address.iter().filter_map(address).collect(),
        general_practitioner,
        managing_organization: Some(practice),
        ..Default::default()
    };
    let id = work.ctx.patient.as_str().to_owned();
    work.push_other(Mapped {
        kind: Kind::Patient,
        id,
        resource: Resource::Patient(Box::new(resource)),
        sections,
        date: PartialDate::Unknown,
        codings: Vec::new(),
        checkable: Checkable::NoCode,
        restrictions: Vec::new(),
        native_id: "patient".to_owned(),
        parent: None,
        bracket: false,
        header: super::Header::No,
        state_by_results: false,
    });
}

/// Traced, so present and verified (R002).
fn nhs_number(number: &str) -> types::Identifier {
    let status = build::concept(VERIFICATION, "01", Some("Number present and verified"));
    let value = types::ExtensionValue::CodeableConcept(Box::new(status));
    types::Identifier {
        extension: vec![build::extension(
            &common::uk_extension("NHSNumberVerificationStatus"),
            value,
        )],
        system: Some(uri::NHS_NUMBER.into()),
        value: Some(number.into()),
        ..Default::default()
    }
}

fn name(details: &PatientDetails) -> Option<types::HumanName> {
    let parts: Vec<&str> = details
        .title
        .iter()
        .chain(&details.forenames)
        .chain(&details.surname)
        .map(String::as_str)
        .collect();
    (!parts.is_empty()).then(|| types::HumanName {
        r#use: Some("official".into()),
        text: Some(parts.join(" ").into()),
        family: details.surname.as_deref().map(Into::into),
        given: details
            .forenames
            .iter()
            .map(|s| s.as_str().into())
            .collect(),
        prefix: details.title.iter().map(|s| s.as_str().into()).collect(),
        ..Default::default()
    })
}

fn gender<'a>(work: &Work<'a>, sex: Sex) -> Option<&'a str> {
    let source = match sex {
        Sex::Female => "female",
        Sex::Male => "male",
        Sex::Indeterminate => "indeterminate",
        Sex::Unknown => "unknown",
    };
    let word = work.ctx.tables.word(Field::Sex, source)?;
    Some(word.code.as_str())
}

fn address(sent: &Address) -> Option<types::Address> {
    (*sent != Address::default()).then(|| types::Address {
        r#use: Some("home".into()),
        line: sent.lines.iter().map(|s| s.as_str().into()).collect(),
        city: sent.town.as_deref().map(Into::into),
        district: sent.county.as_deref().map(Into::into),
        postal_code: sent.postcode.as_deref().map(Into::into),
        ..Default::default()
    })
}
