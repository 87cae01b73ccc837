//! ServiceRequest: referrals (R030).

use super::common;
use super::loss::{Losses, reason};
use super::tables::{Field, Word};
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Body, Entry, Referral, system};
use crate::tabs::catalogue::Section;

const UBRN: &str = "https://fhir.nhs.uk/Id/UBRN";

/// One referral.
pub fn referral(work: &mut Work<'_>, losses: &mut Losses, at: usize) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let plain = Referral::default();
    // A plain entry whose code says referral has no more than its code.
    let body = match &entry.body {
        Body::Referral(body) => body,
        _ => &plain,
    };
    let sections = vec![Section::Referrals];
    let id = work.id(Kind::ServiceRequest, &entry.id, "");
    let status = body.status.as_deref();
    let status = work.word(losses, entry, Field::ReferralStatus, "status", status);
    let urgency = urgency(work, losses, entry, body);
    let from = work.organisation(body.from.as_deref());
    let to = work.organisation(body.to.as_deref());
    let person = work.practitioner(body.to_person.as_deref());
    let practice = work.practice();
    let clinician = work.practitioner(entry.clinician.as_deref());
    let (requester, performer) = if body.inbound == Some(true) {
        (from, to.or(Some(practice)))
    } else {
        (clinician.or(from), to)
    };
    let mut identifier = work.identifier(&entry.id, "");
    if let Some(ubrn) = &body.ubrn {
        identifier.push(types::Identifier {
            system: Some(UBRN.into()),
            value: Some(ubrn.as_str().into()),
            ..Default::default()
        });
    }
    let resource = resources::ServiceRequest {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("ServiceRequest")], &sections),
        extension: extensions(work, losses, entry, body, urgency),
        identifier,
        status: status.map_or("unknown", |word| word.code.as_str()).into(),
        intent: "order".into(),
        category: categories(work, losses, entry, body),
        priority: priority(urgency),
        code: common::concept_of(&entry.code),
        subject: work.subject(),
        encounter: work.encounter_of(at),
        authored_on: common::date_time(&entry.date),
        requester,
        performer_type: body.speciality.as_ref().and_then(common::concept_of),
        performer: performer.into_iter().chain(person).map(|to| *to).collect(),
        reason_reference: work.problems_of(at, losses),
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::ServiceRequest,
            id,
            resource: Resource::ServiceRequest(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}

/// Patient referral, and what is asked for (sources.md 3.2, `requestType`).
fn categories(
    work: &Work<'_>,
    losses: &mut Losses,
    entry: &Entry,
    body: &Referral,
) -> Vec<types::CodeableConcept> {
    let mut out = vec![build::concept(
        system::SNOMED,
        "3457005",
        Some("Patient referral"),
    )];
    let request = body.request.as_deref();
    if let Some(word) = work.word(losses, entry, Field::ReferralRequest, "request", request) {
        out.push(build::concept_text(&word.display));
    }
    out
}

/// How urgent, in the source's word by the table.
fn urgency<'t>(
    work: &Work<'t>,
    losses: &mut Losses,
    entry: &Entry,
    body: &Referral,
) -> Option<&'t Word> {
    let sent = body.urgency.as_deref();
    work.word(losses, entry, Field::ReferralUrgency, "urgency", sent)
}

/// A code where FHIR has the same urgency, with the source's word beside it. "Soon" has none: its word is an extension.
fn priority(urgency: Option<&Word>) -> Option<types::Code> {
    let word = urgency.filter(|word| !word.code.is_empty())?;
    let words =
        types::ExtensionValue::CodeableConcept(Box::new(build::concept_text(&word.display)));
    Some(types::Code {
        extension: vec![build::extension(
            &common::uk_extension("PriorityReason"),
            words,
        )],
        value: Some(word.code.clone()),
        ..Default::default()
    })
}

fn extensions(
    work: &Work<'_>,
    losses: &mut Losses,
    entry: &Entry,
    body: &Referral,
    urgency: Option<&Word>,
) -> Vec<types::Extension> {
    let mut out = work.recorded(entry);
    if let Some(word) = urgency.filter(|word| word.code.is_empty()) {
        out.push(common::words_extension("referral-urgency", &word.display));
    }
    let mode = body.mode.as_deref();
    if let Some(word) = work.word(losses, entry, Field::ReferralMode, "mode", mode) {
        out.push(common::words_extension("referral-mode", &word.display));
    }
    out.extend(work.episodicity(losses, entry));
    out.extend(work.qualifiers(entry));
    if body.to.is_some()
        && work
            .record
            .organisations
            .iter()
            .all(|o| Some(&o.id) != body.to.as_ref())
    {
        losses.entry(entry, "to", reason::DANGLING);
    }
    out
}
