//! Immunization, in tab Procedures (R027, design.md 4).

use super::common;
use super::loss::{Losses, reason};
use super::tables::{Field, Tables};
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Body, Entry, Immunisation};
use crate::tabs::catalogue::Section;

const FUNCTION: &str = "http://terminology.hl7.org/CodeSystem/v2-0443";
const ENTERING: &str = "Entering Provider (probably not the same as transcriptionist?)";

/// One immunisation.
pub fn immunization(work: &mut Work<'_>, losses: &mut Losses, at: usize) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let plain = Immunisation::default();
    let body = match &entry.body {
        Body::Immunisation(body) => body,
        _ => &plain,
    };
    if entry
        .date
        .earliest()
        .is_some_and(|day| day > work.ctx.today)
    {
        // FHIR's Immunization is one that was given or refused; one to come is neither.
        losses.entry(entry, "", reason::PLANNED);
        return;
    }
    let not_given = body.not_given || says_not_given(work.ctx.tables, entry);
    let sections = vec![Section::Immunisations];
    let id = work.id(Kind::Immunization, &entry.id, "");
    let statement = common::concept_of(&entry.code);
    // What is coded is that it was given, seldom what: the product is then only a word (sources.md 3.9, 24).
    let product = body.product.as_ref().and_then(common::concept_of);
    let vaccine = product.unwrap_or_else(|| {
        let word = statement.as_ref().and_then(|s| s.text.clone());
        Box::new(types::CodeableConcept {
            text: Some(word.unwrap_or_else(|| "Vaccine not named".into())),
            ..Default::default()
        })
    });
    let mut extension: Vec<types::Extension> = statement
        .clone()
        .map(|statement| {
            build::extension(
                &common::uk_extension("VaccinationProcedure"),
                types::ExtensionValue::CodeableConcept(statement),
            )
        })
        .into_iter()
        .collect();
    extension.extend(work.episodicity(losses, entry));
    extension.extend(work.qualifiers(entry));
    let occurrence = match common::date_time(&entry.date) {
        Some(date) => resources::ImmunizationOccurrence::DateTime(date),
        None => resources::ImmunizationOccurrence::String("unknown".into()),
    };
    let performer = performers(work, entry);
    let resource = resources::Immunization {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Immunization")], &sections),
        extension,
        identifier: work.identifier(&entry.id, ""),
        status: if not_given { "not-done" } else { "completed" }.into(),
        status_reason: statement.filter(|_| not_given).or_else(|| {
            let reason = || Box::new(build::concept_text("Not given"));
            not_given.then(reason)
        }),
        vaccine_code: vaccine,
        patient: work.subject(),
        encounter: work.encounter_of(at),
        occurrence,
        recorded: entry.recorded.map(|at| common::moment(at).into()),
        manufacturer: body.manufacturer.as_deref().map(|name| {
            Box::new(types::Reference {
                display: Some(name.into()),
                ..Default::default()
            })
        }),
        lot_number: body.batch.as_deref().map(Into::into),
        expiration_date: body.expiry.as_ref().and_then(common::day),
        dose_quantity: body
            .dose
            .as_ref()
            .and_then(|dose| common::quantity(work.ctx.tables, dose))
            .map(Box::new),
        site: body.site.as_ref().and_then(common::concept_of),
        performer,
        reason_reference: work.problems_of(at, losses),
        protocol_applied: body
            .part
            .iter()
            .map(|part| resources::ImmunizationProtocolApplied {
                dose_number: resources::ImmunizationProtocolAppliedDoseNumber::String(
                    part.as_str().into(),
                ),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::Immunization,
            id,
            resource: Resource::Immunization(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}

/// Who is responsible for it, and who entered it where that is somebody else: Immunization has no recorder.
fn performers(work: &mut Work<'_>, entry: &Entry) -> Vec<resources::ImmunizationPerformer> {
    let responsible = work.practitioner(entry.clinician.as_deref());
    let typist = entry.recorder.as_deref();
    let typist = typist.filter(|_| entry.recorder != entry.clinician);
    let by = |function, actor: Box<types::Reference>| resources::ImmunizationPerformer {
        function,
        actor,
        ..Default::default()
    };
    let entering = || Box::new(build::concept(FUNCTION, "EP", Some(ENTERING)));
    let mut out: Vec<_> = responsible
        .map(|actor| by(None, actor))
        .into_iter()
        .collect();
    out.extend(
        work.practitioner(typist)
            .map(|actor| by(Some(entering()), actor)),
    );
    out
}

/// Declined and contraindicated vaccinations are filed among the immunisations too: their term says that there was none.
fn says_not_given(tables: &Tables, entry: &Entry) -> bool {
    let coding = entry
        .code
        .codings
        .iter()
        .filter_map(|c| c.display.as_deref());
    entry
        .code
        .text
        .as_deref()
        .into_iter()
        .chain(coding)
        .any(|term| {
            let words: Vec<&str> = term
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .collect();
            let listed = |words: &[&str]| tables.word(Field::NotGiven, &words.join(" ")).is_some();
            words.chunks(1).any(listed) || words.windows(2).any(listed)
        })
}
