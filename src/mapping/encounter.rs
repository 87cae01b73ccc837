//! Encounter: consultations and other contacts with the practice. No narrative (R032).

use super::loss::{Losses, reason};
use super::tables::{Field, Tables};
use super::work::{Work, recorded_extension};
use super::{Checkable, Mapped, common};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Encounter, PartialDate, SourceFamily};
use crate::tabs::catalogue::Section;

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";

/// Its class; `None` for what is no encounter (letters, texts, not attended, mere brackets: sources.md 4.7).
pub fn class(tables: &Tables, encounter: &Encounter) -> Option<types::Coding> {
    if encounter.only_holds {
        return None;
    }
    let words = [&encounter.method, &encounter.location_type];
    let word = words
        .into_iter()
        .flatten()
        .find_map(|word| tables.word(Field::EncounterClass, word));
    match word.map(|word| word.code.as_str()) {
        Some("none") => None,
        Some(code) => Some(build::coding(ACT_CODE, code, Some(display(code)))),
        None => Some(build::coding(NULL_FLAVOR, "UNK", Some("unknown"))),
    }
}

fn display(code: &str) -> &'static str {
    match code {
        "VR" => "virtual",
        "HH" => "home health",
        "EMER" => "emergency",
        "IMP" => "inpatient encounter",
        _ => "ambulatory",
    }
}

/// The class of an admission.
pub fn inpatient() -> Box<types::Coding> {
    Box::new(build::coding(ACT_CODE, "IMP", Some(display("IMP"))))
}

/// One contact.
pub fn encounter(work: &mut Work<'_>, losses: &mut Losses, sent: &Encounter) {
    if sent.only_holds {
        // Who, where and when stand in the entries that it holds.
        return;
    }
    let Some(class) = class(work.ctx.tables, sent) else {
        losses.other("encounter", Some(&sent.id), reason::NO_TAB);
        return;
    };
    let Some(id) = work.encounter_id(&sent.id) else {
        return;
    };
    let individual = work.practitioner(sent.clinician.as_deref());
    if sent.clinician.is_some() && individual.is_none() {
        losses.other("encounter/clinician", Some(&sent.id), reason::DANGLING);
    }
    let provider = match &sent.organisation {
        Some(_) => work.organisation(sent.organisation.as_deref()),
        None => Some(work.practice()),
    };
    let sections = vec![Section::Encounters];
    let resource = resources::Encounter {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Encounter")], &sections),
        extension: sent.recorded.map(recorded_extension).into_iter().collect(),
        identifier: work.identifier(&sent.id, ""),
        status: status(work, sent).into(),
        class: Box::new(class),
        r#type: kinds(work, losses, sent),
        subject: Some(work.subject()),
        participant: individual
            .into_iter()
            .map(|individual| resources::EncounterParticipant {
                individual: Some(individual),
                ..Default::default()
            })
            .collect(),
        period: common::period(&sent.date, &PartialDate::Unknown).0,
        length: sent
            .duration_minutes
            .map(|minutes| Box::new(self::minutes(minutes))),
        service_provider: provider,
        ..Default::default()
    };
    work.push_other(Mapped {
        kind: Kind::Encounter,
        id,
        resource: Resource::Encounter(Box::new(resource)),
        sections,
        date: sent.date.clone(),
        codings: Vec::new(),
        checkable: Checkable::NoCode,
        restrictions: sent.restrictions.clone(),
        native_id: sent.id.clone(),
        parent: None,
        bracket: !in_its_own_right(work, sent),
        header: super::Header::No,
        state_by_results: false,
    });
}

/// A contact is one in its own right where the source says how it took place and somebody wrote about it: such a one is
/// everyday, whether or not anything of it may be shown. Any other is the bracket around its entries and goes with the last
/// of them, so that no empty consultation tells that something was taken out (R047; GP Connect suppresses empty ones too).
fn in_its_own_right(work: &Work<'_>, sent: &Encounter) -> bool {
    let words = [&sent.method, &sent.location_type];
    let mut known = words
        .into_iter()
        .flatten()
        .filter_map(|word| work.ctx.tables.word(Field::EncounterClass, word));
    let written = match work.record.family {
        SourceFamily::Emis => work.is_narrated(&sent.id),
        SourceFamily::SystmOne => !sent.implied,
    };
    written && known.next().is_some()
}

/// A contact in the future is planned (sources.md 4.8, 9); one that the source did not finish is still going on.
fn status(work: &Work<'_>, sent: &Encounter) -> &'static str {
    if sent.date.earliest().is_some_and(|day| day > work.ctx.today) {
        "planned"
    } else if sent.complete {
        "finished"
    } else {
        "in-progress"
    }
}

/// How and where, as words: the method only where the table knows it, because it may be typed.
fn kinds(work: &Work<'_>, losses: &mut Losses, sent: &Encounter) -> Vec<types::CodeableConcept> {
    let mut words: Vec<&str> = Vec::new();
    if let Some(method) = &sent.method {
        // Short codes of the source (`GP`, `TTC`) decide the class but are no words to show.
        let is_code = method.bytes().all(|b| b.is_ascii_uppercase());
        match work.ctx.tables.word(Field::EncounterClass, method) {
            Some(_) if is_code => {}
            Some(_) => words.push(method),
            None => losses.other("encounter/method", Some(&sent.id), reason::UNKNOWN_WORD),
        }
    }
    if let Some(place) = &sent.location_type
        && !words.contains(&place.as_str())
    {
        words.push(place);
    }
    words.into_iter().map(build::concept_text).collect()
}

fn minutes(count: u32) -> types::Duration {
    types::Duration {
        value: Some(count.to_string().into()),
        unit: Some("minute".into()),
        system: Some(common::UCUM.into()),
        code: Some("min".into()),
        ..Default::default()
    }
}
