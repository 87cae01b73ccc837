//! Observation: results, batteries, measurements and other coded observations (R028).

use super::Header;
use super::assertion;
use super::common;
use super::loss::{Losses, reason};
use super::plan::is_result;
use super::tables::{Field, Tables, VitalSign};
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Body, Coded, Entry, Observation, Value, system};
use crate::tabs::catalogue::Section;

const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

/// One observation; `lifestyle`: smoking, alcohol and the like.
pub fn observation(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    section: Section,
    lifestyle: bool,
) {
    let sections = sections(work, at, section);
    let header = match work.tree.get(at).map(|entry| &entry.body) {
        Some(Body::Observation(body)) if body.group => Header::Classed,
        _ => Header::No,
    };
    make(work, losses, at, (section, lifestyle), (sections, header));
}

/// One observation that stands in the class of the results inside it. Nothing of it but its place comes from them: which of
/// them may leave is not yet known.
pub fn over(work: &mut Work<'_>, losses: &mut Losses, at: usize, class: Section, group: bool) {
    let own = Section::OtherInvestigations;
    let mut sections = sections(work, at, own);
    if let Some(last) = sections.last_mut() {
        *last = class;
    }
    let header = if group {
        Header::ByResults
    } else {
        Header::Parent
    };
    make(work, losses, at, (own, false), (sections, header));
}

fn make(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    (section, lifestyle): (Section, bool),
    (sections, header): (Vec<Section>, Header),
) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let plain = Observation::default();
    // What is negated is an observation, whatever kind the source filed it under.
    let body = match &entry.body {
        Body::Observation(body) => body,
        _ => &plain,
    };
    let id = work.id(Kind::Observation, &entry.id, "");
    let status = match status(work, losses, entry, body) {
        "final" if body.group => of_results(work, at),
        own => own,
    };
    let vital = vital_sign(work, entry, body, status);
    let performer = work.practitioner(entry.clinician.as_deref());
    let category = if work.ctx.tables.vital_sign(&entry.code).is_some() {
        Some("vital-signs")
    } else if lifestyle {
        Some("social-history")
    } else {
        category(work, at, section)
    };
    let code = common::concept_or(&entry.code, "Result without a name");
    let resource = resources::Observation {
        id: Some(id.as_str().into()),
        meta: work.meta(&[profile(vital, category, body)], &sections),
        extension: extensions(work, losses, at, entry),
        identifier: work.identifier(&entry.id, ""),
        status: status.into(),
        category: category.map(self::category_concept).into_iter().collect(),
        code: match vital {
            Some(sign) => Box::new(with_standard(*code, sign)),
            None => code,
        },
        subject: Some(work.subject()),
        encounter: work.encounter_of(at),
        effective: common::date_time(&entry.date).map(resources::ObservationEffective::DateTime),
        issued: entry.recorded.map(|at| common::moment(at).into()),
        performer: performer.into_iter().map(|by| *by).collect(),
        value: value(work, body)
            .map(|value| in_words_of(value, vital))
            .or_else(|| instead_of_value(work, entry)),
        interpretation: if body.group {
            // Over results it is a verdict like a report's.
            if body.abnormal.is_some() {
                losses.entry(entry, "abnormal", reason::VERDICT);
            }
            Vec::new()
        } else {
            interpretation(work, losses, entry, body)
        },
        specimen: super::diagnostic_report::specimen_of(work, at),
        reference_range: ranges(work, losses, entry, body),
        has_member: members(work, at),
        component: components(entry),
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::Observation,
            id,
            resource: Resource::Observation(Box::new(resource)),
            sections,
            header,
        },
    );
}

/// The class, and the two sections of recent things: everything of the tab for the tab's own, only tests for Summary.
pub fn sections(work: &Work<'_>, at: usize, section: Section) -> Vec<Section> {
    let Some(entry) = work.tree.get(at) else {
        return vec![section];
    };
    let is_test = match &entry.body {
        Body::Observation(body) => {
            body.value.is_some()
                || body.group
                || section != Section::OtherInvestigations
                || is_result(work.ctx.tables, &work.tree, at)
        }
        _ => true,
    };
    let mut out = Vec::new();
    if is_recent(&entry.date, work.ctx.today) {
        if is_test {
            out.push(Section::SummaryTests);
        }
        out.push(Section::Recent);
    }
    out.push(section);
    out
}

/// In the previous 3 months, the first day of them included (R028). A date that reaches back further is not recent,
/// nor is one in the future (sources.md 4.8, 9).
pub fn is_recent(date: &crate::record::PartialDate, today: jiff::civil::Date) -> bool {
    let Ok(since) = today.checked_sub(jiff::Span::new().months(3)) else {
        return false;
    };
    date.earliest()
        .is_some_and(|day| since <= day && day <= today)
}

fn status(work: &Work<'_>, losses: &mut Losses, entry: &Entry, body: &Observation) -> &'static str {
    let sent = body.status.as_deref();
    // Counts a word that no table has.
    work.word(losses, entry, Field::ResultStatus, "resultStatus", sent);
    state(work.ctx.tables, body)
}

/// The state of a header: that of its results. One that is not final keeps the whole from being so.
pub fn of_results(work: &Work<'_>, at: usize) -> &'static str {
    let mut said = Vec::new();
    let mut open = vec![(at, 0_u8)];
    while let Some((here, depth)) = open.pop() {
        for below in work.inside(here).iter().copied() {
            let Some(entry) = work.tree.get(below) else {
                continue;
            };
            if let Body::Observation(body) = &entry.body
                && is_result(work.ctx.tables, &work.tree, below)
            {
                // A header without a state of its own has that of what is in it.
                if !body.group || body.status.is_some() {
                    said.push(state(work.ctx.tables, body));
                }
                if depth < 8 {
                    open.push((below, depth + 1));
                }
            }
        }
    }
    state_of_results(said)
}

/// The state of a whole by those of its results: one that is not final keeps it from being so.
pub fn state_of_results<'s>(said: impl IntoIterator<Item = &'s str>) -> &'static str {
    let (mut open, mut missing, mut done) = (false, false, false);
    for state in said {
        match state {
            "preliminary" => open = true,
            "unknown" => missing = true,
            _ => done = true,
        }
    }
    // Some results are not available: what is there is a part.
    if open || missing && done {
        "preliminary"
    } else if missing {
        "unknown"
    } else {
        "final"
    }
}

/// The state of a result by the table's words.
pub fn state(tables: &Tables, body: &Observation) -> &'static str {
    let sent = body
        .status
        .as_deref()
        .map(str::trim)
        .filter(|s| !s.is_empty());
    let word = sent.and_then(|sent| tables.word(Field::ResultStatus, sent));
    match word.map(|word| word.code.as_str()) {
        Some("preliminary") => "preliminary",
        Some("unknown") => "unknown",
        // Not final because nobody knows the word: it may say that the result was cancelled.
        None if sent.is_some() => "unknown",
        _ => "final",
    }
}

/// The vital sign that this truly is: final, dated, and a plain number in the profile's unit.
fn vital_sign<'t>(
    work: &Work<'t>,
    entry: &Entry,
    body: &Observation,
    status: &str,
) -> Option<&'t VitalSign> {
    let sign = work.ctx.tables.vital_sign(&entry.code)?;
    let Some(Value::Quantity(quantity)) = &body.value else {
        return None;
    };
    let unit = quantity.unit.as_deref()?;
    let fits = status == "final"
        && entry.date.earliest().is_some()
        && common::is_decimal(&quantity.value)
        && work.ctx.tables.ucum(unit) == Some(sign.ucum.as_str());
    fits.then_some(sign)
}

/// LOINC and SNOMED CT as the vital signs profiles want them, after the codes of the source.
fn with_standard(code: types::CodeableConcept, sign: &VitalSign) -> types::CodeableConcept {
    let has_snomed = code
        .coding
        .iter()
        .any(|c| c.system.as_ref().and_then(|s| s.value.as_deref()) == Some(system::SNOMED));
    let snomed = build::coding(system::SNOMED, &sign.snomed, Some(&sign.snomed_display));
    let loinc = build::coding(common::LOINC, &sign.loinc, Some(&sign.loinc_display));
    let more = (!has_snomed).then_some(snomed).into_iter().chain([loinc]);
    common::with_codings(code, more)
}

/// Some profiles fix the words of the unit.
fn in_words_of(
    mut value: resources::ObservationValue,
    sign: Option<&VitalSign>,
) -> resources::ObservationValue {
    let unit = sign.map(|sign| sign.unit.as_str()).unwrap_or_default();
    if let resources::ObservationValue::Quantity(quantity) = &mut value
        && !unit.is_empty()
    {
        quantity.unit = Some(unit.into());
    }
    value
}

fn profile(vital: Option<&VitalSign>, category: Option<&str>, body: &Observation) -> String {
    common::uk_profile(&match (vital, category) {
        (Some(sign), _) => format!("Observation-VitalSigns-{}", sign.profile),
        (None, Some("laboratory")) if body.group => "Observation-Group-Lab".to_owned(),
        (None, Some("laboratory")) => "Observation-Lab".to_owned(),
        (None, _) => "Observation".to_owned(),
    })
}

/// Category by section; in `others`, what a laboratory reported is laboratory.
fn category(work: &Work<'_>, at: usize, section: Section) -> Option<&'static str> {
    match section {
        Section::Biochemistry
        | Section::Haematology
        | Section::Microbiology
        | Section::Cytology
        | Section::Urinalysis => Some("laboratory"),
        Section::Imaging => Some("imaging"),
        Section::Ecg => Some("procedure"),
        Section::Physiology => Some("exam"),
        _ => {
            let by_laboratory = work.tree.above(at).into_iter().any(|up| {
                let Some(Body::Report(report)) = work.tree.get(up).map(|entry| &entry.body) else {
                    return false;
                };
                let kind = report
                    .kind
                    .as_deref()
                    .and_then(|k| work.ctx.tables.report(k));
                kind.and_then(|kind| kind.service.as_ref())
                    .is_some_and(|(service, _)| service == "LAB")
            });
            by_laboratory.then_some("laboratory")
        }
    }
}

/// An Observation category.
pub fn category_concept(code: &str) -> types::CodeableConcept {
    let display = match code {
        "laboratory" => "Laboratory",
        "imaging" => "Imaging",
        "procedure" => "Procedure",
        "exam" => "Exam",
        "vital-signs" => "Vital Signs",
        _ => "Social History",
    };
    build::concept(common::OBSERVATION_CATEGORY, code, Some(display))
}

/// The value as sent: a number that is none, and words, are words (design.md 4: a text result is a value).
pub fn value(work: &Work<'_>, body: &Observation) -> Option<resources::ObservationValue> {
    use resources::ObservationValue as V;
    match body.value.as_ref()? {
        Value::Quantity(sent) => Some(match common::quantity(work.ctx.tables, sent) {
            Some(quantity) => V::Quantity(Box::new(quantity)),
            None => V::String(common::quantity_words(sent).into()),
        }),
        Value::Text(words) => Some(V::String(words.as_str().into())),
        Value::Coded(coded) => common::concept_of(coded).map(V::CodeableConcept),
    }
}

/// A code that is negated, or of a relative, never stands alone.
fn instead_of_value(work: &Work<'_>, entry: &Entry) -> Option<resources::ObservationValue> {
    let words = assertion::instead_of_value(work.ctx.tables, entry)?;
    Some(resources::ObservationValue::CodeableConcept(Box::new(
        build::concept_text(words),
    )))
}

/// Abnormal or normal, with the source's words where the table knows them (they may be typed, R032).
pub fn interpretation(
    work: &Work<'_>,
    losses: &mut Losses,
    entry: &Entry,
    body: &Observation,
) -> Vec<types::CodeableConcept> {
    let Some((abnormal, words)) = &body.abnormal else {
        return Vec::new();
    };
    let words = words.as_deref();
    let word = work.word(losses, entry, Field::Interpretation, "abnormal", words);
    let code = match (word, abnormal) {
        (Some(word), _) => word.code.as_str(),
        (None, true) => "A",
        (None, false) => "N",
    };
    let display = match code {
        "H" => "High",
        "L" => "Low",
        "N" => "Normal",
        _ => "Abnormal",
    };
    vec![build::concept(INTERPRETATION, code, Some(display))]
}

/// Ranges of a header say nothing (sources.md 3.9, 11).
pub fn ranges(
    work: &Work<'_>,
    losses: &mut Losses,
    entry: &Entry,
    body: &Observation,
) -> Vec<resources::ObservationReferenceRange> {
    if body.group {
        if !body.ranges.is_empty() {
            losses.entry(entry, "range", reason::RANGE_ON_HEADER);
        }
        return Vec::new();
    }
    body.ranges
        .iter()
        .filter_map(|range| common::range(work.ctx.tables, range))
        .collect()
}

/// The observations directly inside this one, in the order of the source.
pub fn members(work: &Work<'_>, at: usize) -> Vec<types::Reference> {
    let Some(own) = work.primary(at) else {
        return Vec::new();
    };
    let mut out: Vec<types::Reference> = Vec::new();
    for below in work.inside(at).iter().copied() {
        let is_observation = work.makes(below).first().is_some_and(|make| {
            make.kind() == Kind::Observation && is_result(work.ctx.tables, &work.tree, below)
        });
        let id = work
            .primary(below)
            .filter(|id| is_observation && *id != own);
        if let Some(id) = id {
            let made = build::reference(Kind::Observation, &id);
            if !out.contains(&made) {
                out.push(made);
            }
        }
    }
    out
}

/// Structured detail as components: what it is of, and its coded value.
fn components(entry: &Entry) -> Vec<resources::ObservationComponent> {
    let substance = match &entry.body {
        Body::Allergy(allergy) => allergy.substance.clone().filter(|s| !s.is_empty()),
        _ => None,
    };
    let substance = substance.map(|substance| (Coded::term("Substance"), substance));
    entry
        .qualifiers
        .iter()
        .chain(&substance)
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .map(|(name, value)| resources::ObservationComponent {
            code: Box::new(common::concept(name)),
            value: common::concept_of(value)
                .map(resources::ObservationComponentValue::CodeableConcept),
            ..Default::default()
        })
        .collect()
}

fn extensions(
    work: &Work<'_>,
    losses: &mut Losses,
    at: usize,
    entry: &Entry,
) -> Vec<types::Extension> {
    let mut out = work.reasons(at, losses);
    out.extend(work.episodicity(losses, entry));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PartialDate;

    // R028: a test 3 months and 1 day old is not recent; the bound itself is.
    #[test]
    fn recent_is_the_previous_three_months_with_their_first_day() {
        let today = jiff::civil::date(2026, 5, 31);
        let on = |y, m, d| PartialDate::Day(jiff::civil::date(y, m, d));
        assert!(is_recent(&on(2026, 5, 31), today));
        assert!(is_recent(&on(2026, 2, 28), today));
        assert!(!is_recent(&on(2026, 2, 27), today));
        assert!(!is_recent(&on(2026, 6, 1), today));
        assert!(is_recent(&PartialDate::Month(2026, 3), today));
        assert!(!is_recent(&PartialDate::Month(2026, 2), today));
        assert!(!is_recent(&PartialDate::Year(2026), today));
        assert!(!is_recent(&PartialDate::Unknown, today));
    }
}
