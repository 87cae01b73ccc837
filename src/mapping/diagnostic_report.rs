//! DiagnosticReport with its specimens; results and batteries are Observations that it refers to (R028).

use super::common;
use super::loss::{Losses, reason};
use super::observation::{is_recent, members, of_results};
use super::work::{Made, Work};
use super::{Checkable, Header, Mapped};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Body, Entry, PartialDate, Report, Specimen};
use crate::tabs::catalogue::Section;

const SERVICE: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";
const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// One report.
pub fn report(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    classes: &[Section],
    by_results: bool,
) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let Body::Report(body) = &entry.body else {
        return;
    };
    let date = body
        .collected
        .as_ref()
        .filter(|date| date.earliest().is_some());
    let date = date.unwrap_or(&entry.date).clone();
    let mut sections = Vec::new();
    if is_recent(&date, work.ctx.today) {
        sections.extend([Section::SummaryTests, Section::Recent]);
    }
    sections.extend(classes);
    let kind = body
        .kind
        .as_deref()
        .and_then(|kind| work.ctx.tables.report(kind));
    if body.kind.is_some() && kind.is_none() {
        losses.entry(entry, "kind", reason::UNKNOWN_WORD);
    }
    let service = kind
        .and_then(|kind| kind.service.clone())
        .or_else(|| by_class(classes).filter(|_| !by_results));
    if body.verdict.is_some() {
        losses.entry(entry, "verdict", reason::VERDICT);
    }
    let laboratory = service.as_ref().is_some_and(|(code, _)| code == "LAB");
    let id = work.id(Kind::DiagnosticReport, &entry.id, "");
    let specimens = specimens(work, at, entry, body, &id);
    let by = work.practitioner(entry.clinician.as_deref());
    let organisation = work.organisation(entry.organisation.as_deref());
    let mut extension = work.reasons(at, losses);
    extension.extend(issued_day(body));
    let resource = resources::DiagnosticReport {
        id: Some(id.as_str().into()),
        meta: work.meta(
            &[common::uk_profile(if laboratory {
                "DiagnosticReport-Lab"
            } else {
                "DiagnosticReport"
            })],
            &sections,
        ),
        extension,
        identifier: identifiers(work, entry, body),
        status: of_results(work, at).into(),
        category: service
            .map(|(code, display)| build::concept(SERVICE, &code, Some(&display)))
            .into_iter()
            .collect(),
        code: code(work, entry, body),
        subject: Some(work.subject()),
        encounter: work.encounter_of(at),
        effective: common::date_time(&date).map(resources::DiagnosticReportEffective::DateTime),
        issued: issued(entry, body),
        performer: organisation.into_iter().map(|by| *by).collect(),
        results_interpreter: by.into_iter().map(|by| *by).collect(),
        specimen: specimens
            .iter()
            .map(|specimen| build::reference(Kind::Specimen, &specimen.id))
            .collect(),
        result: members(work, at),
        ..Default::default()
    };
    work.push_all(
        &[at],
        date,
        Made {
            kind: Kind::DiagnosticReport,
            id,
            resource: Resource::DiagnosticReport(Box::new(resource)),
            sections,
            header: if by_results {
                Header::ByResults
            } else {
                Header::Classed
            },
        },
    );
    for specimen in specimens {
        work.push_other(specimen);
    }
}

/// Without a kind of its own, a report of only one class says which service made it.
fn by_class(classes: &[Section]) -> Option<(String, String)> {
    let (code, display) = match classes {
        [Section::Ecg] => ("EC", "Electrocardiac (e.g., EKG,  EEC, Holter)"),
        [Section::Imaging] => ("RAD", "Radiology"),
        [] => return None,
        all if all.iter().all(is_laboratory) => ("LAB", "Laboratory"),
        _ => return None,
    };
    Some((code.to_owned(), display.to_owned()))
}

fn is_laboratory(section: &Section) -> bool {
    matches!(
        section,
        Section::Biochemistry
            | Section::Haematology
            | Section::Microbiology
            | Section::Cytology
            | Section::Urinalysis
    )
}

fn code(work: &Work<'_>, entry: &Entry, body: &Report) -> Box<types::CodeableConcept> {
    let known = body
        .kind
        .as_deref()
        .filter(|kind| work.ctx.tables.report(kind).is_some());
    common::concept_or(
        &entry.code,
        match known.map(str::to_lowercase).as_deref() {
            Some("path" | "pathology") => "Pathology report",
            Some("rad" | "radiology") => "Radiology report",
            Some("blood spot") => "Blood spot report",
            Some("scr" | "screening") => "Screening report",
            Some("ecg") => "ECG report",
            _ => "Report",
        },
    )
}

fn identifiers(work: &Work<'_>, entry: &Entry, body: &Report) -> Vec<types::Identifier> {
    let mut out = work.identifier(&entry.id, "");
    if let Some(number) = &body.lab_id {
        out.push(types::Identifier {
            r#type: Some(Box::new(build::concept(
                IDENTIFIER_TYPE,
                "FILL",
                Some("Filler Identifier"),
            ))),
            value: Some(number.as_str().into()),
            ..Default::default()
        });
    }
    out
}

/// When the laboratory issued it, where that is a moment; else when it reached the record.
fn issued(entry: &Entry, body: &Report) -> Option<types::Instant> {
    if let Some(PartialDate::Moment(at)) = &body.issued {
        return Some(common::moment(at.timestamp()).into());
    }
    entry.recorded.map(|at| common::moment(at).into())
}

/// The day of issue: FHIR's `issued` wants a moment, and none is made up.
fn issued_day(body: &Report) -> Option<types::Extension> {
    let date = match body.issued.as_ref()? {
        PartialDate::Moment(_) => return None,
        date => common::date_time(date)?,
    };
    let url = common::our_extension("report-issued");
    Some(build::extension(
        &url,
        types::ExtensionValue::DateTime(date),
    ))
}

fn specimens(
    work: &Work<'_>,
    at: usize,
    entry: &Entry,
    body: &Report,
    report: &str,
) -> Vec<Mapped> {
    body.specimens
        .iter()
        .enumerate()
        .map(|(n, sent)| {
            let native = native(entry, n, sent);
            let id = work.id(Kind::Specimen, &native, "");
            let codings = sent.kind.codings.iter();
            Mapped {
                kind: Kind::Specimen,
                resource: Resource::Specimen(Box::new(specimen(work, &id, &native, sent))),
                id,
                sections: Vec::new(),
                date: sent.collected.clone().unwrap_or_default(),
                codings: codings
                    .map(|c| (c.system.clone(), c.code.clone()))
                    .collect(),
                checkable: Checkable::NoCode,
                restrictions: work.restrictions_of(at),
                native_id: native,
                parent: Some(report.to_owned()),
                bracket: false,
                header: Header::No,
                state_by_results: false,
            }
        })
        .collect()
}

fn native(entry: &Entry, n: usize, sent: &Specimen) -> String {
    if sent.id.is_empty() {
        format!("{}/specimen/{n}", entry.id)
    } else {
        sent.id.clone()
    }
}

/// The specimen that a result was made from: the one of its report that names it, or names the battery that it is in.
pub fn specimen_of(work: &Work<'_>, at: usize) -> Option<Box<types::Reference>> {
    let above = work.tree.above(at);
    let own: Vec<&str> = std::iter::once(at)
        .chain(above.iter().copied())
        .filter_map(|one| work.tree.get(one).map(|entry| entry.id.as_str()))
        .collect();
    above.into_iter().find_map(|up| {
        let entry = work.tree.get(up)?;
        let Body::Report(report) = &entry.body else {
            return None;
        };
        let is_report = matches!(work.makes(up).first(), Some(super::plan::Make::Report(..)));
        let mut sent = report.specimens.iter().enumerate().filter(|_| is_report);
        let names = |one: &Specimen| one.members.iter().any(|id| own.contains(&id.as_str()));
        let (n, found) = sent.find(|(_, one)| names(one))?;
        let id = work.id(Kind::Specimen, &native(entry, n, found), "");
        Some(Box::new(build::reference(Kind::Specimen, &id)))
    })
}

fn specimen(work: &Work<'_>, id: &str, native: &str, sent: &Specimen) -> resources::Specimen {
    let collected = sent.collected.as_ref().and_then(common::date_time);
    resources::Specimen {
        id: Some(id.into()),
        meta: work.meta(&[common::uk_profile("Specimen")], &[]),
        identifier: work.identifier(native, ""),
        r#type: common::concept_of(&sent.kind),
        accession_identifier: sent.lab_id.as_deref().map(|number| {
            Box::new(types::Identifier {
                value: Some(number.into()),
                ..Default::default()
            })
        }),
        subject: Some(work.subject()),
        received_time: sent.received.as_ref().and_then(common::date_time),
        collection: collected.map(|collected| resources::SpecimenCollection {
            collected: Some(resources::SpecimenCollectionCollected::DateTime(collected)),
            ..Default::default()
        }),
        ..Default::default()
    }
}
