//! Blood pressures: always one panel of two components, all of tab Examinations (R029; profiles.md 4, 11).

use super::common;
use super::loss::{Losses, reason};
use super::observation::{category_concept, interpretation, ranges};
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Body, Entry, Value, system};
use crate::tabs::catalogue::Section;

/// A half of a reading: its SNOMED CT and LOINC code and the words that UK Core fixes.
struct Half {
    snomed: (&'static str, &'static str),
    loinc: (&'static str, &'static str),
}

const SYSTOLIC: Half = Half {
    snomed: ("72313002", "Systolic arterial pressure"),
    loinc: ("8480-6", "Systolic blood pressure"),
};
const DIASTOLIC: Half = Half {
    snomed: ("1091811000000102", "Diastolic arterial pressure"),
    loinc: ("8462-4", "Diastolic blood pressure"),
};
const PANEL: (&str, &str) = ("75367002", "Blood pressure");
const PANEL_LOINC: (&str, &str) = ("85354-9", "Blood pressure panel with all children optional");
const UNIT: (&str, &str) = ("millimeter of mercury", "mm[Hg]");

/// Variants that are readings of one moment, which is what the standard codes say. Averages keep their own codes alone.
const ONE_MOMENT: [&str; 8] = [
    "",
    "lying",
    "sitting",
    "standing",
    "self-measured",
    "baseline",
    "non-invasive",
    "invasive",
];

/// One reading, made at the entry that names it.
pub fn reading(work: &mut Work<'_>, losses: &mut Losses, at: usize, n: usize) {
    let Some(reading) = work.plan.readings.get(n).cloned() else {
        return;
    };
    let entries: Vec<usize> = reading.entries().collect();
    if entries.first() != Some(&at) {
        return;
    }
    let Some(named) = work.tree.get(at) else {
        return;
    };
    let get = |at: Option<usize>| at.and_then(|at| work.tree.get(at));
    let (header, systolic, diastolic) = (
        get(reading.header),
        get(reading.systolic),
        get(reading.diastolic),
    );
    let dated = entries
        .iter()
        .filter_map(|at| work.tree.get(*at))
        .find(|entry| entry.date.earliest().is_some());
    let date = dated.unwrap_or(named).date.clone();
    let half = systolic.or(diastolic);
    let variant = half
        .or(header)
        .and_then(|entry| work.ctx.tables.blood_pressure(&entry.code))
        .map_or("", |(_, variant)| variant);
    let standard = date.earliest().is_some()
        && ONE_MOMENT.contains(&variant)
        && (systolic.is_some() || diastolic.is_some())
        && [systolic, diastolic]
            .into_iter()
            .flatten()
            .all(|half| is_pressure(work, half));
    let full = standard && systolic.is_some() && diastolic.is_some();
    let is_final = entries.iter().all(|at| is_final(work, *at));
    let mut component = Vec::new();
    for (half, entry) in [(&SYSTOLIC, systolic), (&DIASTOLIC, diastolic)] {
        match entry {
            Some(entry) => component.push(measured(work, losses, half, entry, standard)),
            // A missing half is said to be missing.
            None if standard => component.push(missing(half)),
            None => {}
        }
    }
    // The panel has the shape of UKCore-Observation-VitalSigns-BloodPressure, but that profile slices by a system that its
    // inner slices do not fix, so no validator can evaluate it (UK Core's own example fails): its parent is claimed.
    let profile = if full && is_final {
        "Observation-VitalSigns"
    } else {
        "Observation"
    };
    let sections = vec![Section::BloodPressures];
    let id = work.id(Kind::Observation, &named.id, "");
    let performer = work.practitioner(named.clinician.as_deref());
    if let Some(Body::Observation(body)) = header.map(|header| &header.body)
        && !body.ranges.is_empty()
    {
        losses.entry(named, "range", reason::RANGE_ON_HEADER);
    }
    let marked = match header.map(|header| (header, &header.body)) {
        Some((header, Body::Observation(body))) => interpretation(work, losses, header, body),
        _ => Vec::new(),
    };
    let recorded = entries
        .iter()
        .filter_map(|at| work.tree.get(*at)?.recorded)
        .max();
    let mut extension = Vec::new();
    for at in &entries {
        for reason in work.reasons(*at, losses) {
            if !extension.contains(&reason) {
                extension.push(reason);
            }
        }
    }
    extension.extend(work.episodicity(losses, named));
    let identifier = entries
        .iter()
        .filter_map(|at| work.tree.get(*at))
        .flat_map(|entry| work.identifier(&entry.id, ""))
        .collect();
    let resource = resources::Observation {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile(profile)], &sections),
        extension,
        identifier,
        status: if is_final { "final" } else { "preliminary" }.into(),
        category: vec![category_concept("vital-signs")],
        code: Box::new(code(header, variant, standard)),
        subject: Some(work.subject()),
        encounter: entries.iter().find_map(|at| work.encounter_of(*at)),
        effective: common::date_time(&date).map(resources::ObservationEffective::DateTime),
        issued: recorded.map(|at| common::moment(at).into()),
        performer: performer.into_iter().map(|by| *by).collect(),
        value: header
            .filter(|_| component.is_empty())
            .and_then(|header| match &header.body {
                Body::Observation(body) => super::observation::value(work, body),
                _ => None,
            }),
        interpretation: marked,
        component,
        ..Default::default()
    };
    work.push_all(
        &entries,
        date,
        Made {
            kind: Kind::Observation,
            id,
            resource: Resource::Observation(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}

/// A plain number of mmHg. Without a unit nobody may guess one (sources.md 4.8, 4).
fn is_pressure(work: &Work<'_>, entry: &Entry) -> bool {
    let Body::Observation(body) = &entry.body else {
        return false;
    };
    let Some(Value::Quantity(quantity)) = &body.value else {
        return false;
    };
    let unit = quantity.unit.as_deref();
    common::is_decimal(&quantity.value)
        && unit.and_then(|unit| work.ctx.tables.ucum(unit)) == Some(UNIT.1)
}

fn is_final(work: &Work<'_>, at: usize) -> bool {
    match work.tree.get(at).map(|entry| &entry.body) {
        Some(Body::Observation(body)) => body.status.is_none(),
        _ => true,
    }
}

/// The header's own codes, then SNOMED CT and LOINC.
fn code(header: Option<&Entry>, variant: &str, standard: bool) -> types::CodeableConcept {
    let own = header.map(|header| common::concept(&header.code));
    let mut code = own.unwrap_or_else(|| {
        let words = match variant {
            "" => PANEL.1.to_owned(),
            variant => format!("{}, {}", PANEL.1, variant.replace('-', " ")),
        };
        build::concept_text(&words)
    });
    let snomed = build::coding(system::SNOMED, PANEL.0, Some(PANEL.1));
    if !has_snomed(&code) {
        code = common::with_codings(code, [snomed]);
    }
    if standard {
        let loinc = build::coding(common::LOINC, PANEL_LOINC.0, Some(PANEL_LOINC.1));
        code = common::with_codings(code, [loinc]);
    }
    code
}

fn has_snomed(code: &types::CodeableConcept) -> bool {
    let systems = code.coding.iter().filter_map(|c| c.system.as_ref());
    systems
        .filter_map(|system| system.value.as_deref())
        .any(|system| system == system::SNOMED)
}

fn measured(
    work: &Work<'_>,
    losses: &mut Losses,
    half: &Half,
    entry: &Entry,
    standard: bool,
) -> resources::ObservationComponent {
    let own = common::concept(&entry.code);
    let (interpretation, reference_range) = match &entry.body {
        Body::Observation(body) => (
            interpretation(work, losses, entry, body),
            ranges(work, losses, entry, body),
        ),
        _ => Default::default(),
    };
    if !standard {
        let value = match &entry.body {
            Body::Observation(body) => super::observation::value(work, body),
            _ => None,
        };
        return resources::ObservationComponent {
            code: Box::new(own),
            data_absent_reason: value.is_none().then(|| Box::new(common::absent("unknown"))),
            value: value.and_then(as_component),
            interpretation,
            reference_range,
            ..Default::default()
        };
    }
    let value = match &entry.body {
        Body::Observation(body) => match &body.value {
            Some(Value::Quantity(sent)) => common::quantity(work.ctx.tables, sent),
            _ => None,
        },
        _ => None,
    };
    resources::ObservationComponent {
        code: Box::new(standard_code(own, half)),
        value: value.map(|value| {
            resources::ObservationComponentValue::Quantity(Box::new(types::Quantity {
                unit: Some(UNIT.0.into()),
                ..value
            }))
        }),
        interpretation,
        reference_range,
        ..Default::default()
    }
}

fn missing(half: &Half) -> resources::ObservationComponent {
    resources::ObservationComponent {
        code: Box::new(standard_code(types::CodeableConcept::default(), half)),
        data_absent_reason: Some(Box::new(common::absent("unknown"))),
        ..Default::default()
    }
}

/// UK Core fixes the text, so the source's own term stays as the display of its code.
fn standard_code(mut own: types::CodeableConcept, half: &Half) -> types::CodeableConcept {
    if let (Some(first), Some(text)) = (own.coding.first_mut(), own.text.take())
        && first.display.is_none()
    {
        first.display = Some(text);
    }
    let mut code = types::CodeableConcept {
        text: Some(half.loinc.1.into()),
        ..own
    };
    if !has_snomed(&code) {
        let snomed = build::coding(system::SNOMED, half.snomed.0, Some(half.snomed.1));
        code = common::with_codings(code, [snomed]);
    }
    let loinc = build::coding(common::LOINC, half.loinc.0, Some(half.loinc.1));
    common::with_codings(code, [loinc])
}

fn as_component(
    value: resources::ObservationValue,
) -> Option<resources::ObservationComponentValue> {
    use resources::{ObservationComponentValue as To, ObservationValue as From};
    match value {
        From::Quantity(it) => Some(To::Quantity(it)),
        From::CodeableConcept(it) => Some(To::CodeableConcept(it)),
        From::String(it) => Some(To::String(it)),
        _ => None,
    }
}
