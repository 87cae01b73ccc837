//! Elements that many resources share: concepts, dates, quantities, ranges, extensions.

use crate::fhir::model::{resources, types};
use crate::fhir::{OPENMIG, build};
use crate::record::{Coded, PartialDate, Quantity, Range, system};

use super::tables::Tables;

/// UCUM.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// Categories of Observation.
pub const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// A statement as a concept: original coding first, its own term as display, the term shown to the clinician as text.
pub fn concept(coded: &Coded) -> types::CodeableConcept {
    let mut coding: Vec<types::Coding> = Vec::new();
    let mut seen = Vec::new();
    let mut picked = false;
    for one in &coded.codings {
        if seen.contains(&(&one.system, &one.code)) {
            continue;
        }
        seen.push((&one.system, &one.code));
        let mut made = build::coding(&one.system, &one.code, one.display.as_deref());
        if one.user_selected && !picked {
            picked = true;
            made.user_selected = Some(true.into());
        }
        coding.push(made);
    }
    let text = coded
        .text
        .clone()
        .or_else(|| coded.codings.iter().find_map(|c| c.display.clone()));
    types::CodeableConcept {
        coding,
        text: text.map(Into::into),
        ..Default::default()
    }
}

/// A statement as an optional concept.
pub fn concept_of(coded: &Coded) -> Option<Box<types::CodeableConcept>> {
    (!coded.is_empty()).then(|| Box::new(concept(coded)))
}

/// A statement as a concept that must be there; `instead` are the words where the source has none.
pub fn concept_or(coded: &Coded, instead: &str) -> Box<types::CodeableConcept> {
    concept_of(coded).unwrap_or_else(|| Box::new(build::concept_text(instead)))
}

/// A concept with codes of standards added after those of the source.
pub fn with_codings(
    mut concept: types::CodeableConcept,
    more: impl IntoIterator<Item = types::Coding>,
) -> types::CodeableConcept {
    for coding in more {
        let there = concept
            .coding
            .iter()
            .any(|c| c.system == coding.system && c.code == coding.code);
        if !there {
            concept.coding.push(coding);
        }
    }
    concept
}

/// A FHIR `dateTime`, as precise as it was sent.
pub fn date_time(date: &PartialDate) -> Option<types::DateTime> {
    date.to_fhir().map(Into::into)
}

/// A FHIR `date`: the day of a moment, otherwise as precise as it was sent.
pub fn day(date: &PartialDate) -> Option<types::Date> {
    match date {
        PartialDate::Moment(zoned) => Some(zoned.date().to_string().into()),
        other => other.to_fhir().map(Into::into),
    }
}

/// A moment in the time of the practice, with its offset.
pub fn moment(at: jiff::Timestamp) -> String {
    PartialDate::Moment(at.to_zoned(crate::record::date::london()))
        .to_fhir()
        .unwrap_or_default()
}

/// A period; `None` when neither end is known. An end before the start is left out (sources.md 4.8, 6): `true` says so.
pub fn period(start: &PartialDate, end: &PartialDate) -> (Option<Box<types::Period>>, bool) {
    let backwards = match (start.earliest(), end.latest()) {
        (Some(start), Some(end)) => end < start,
        _ => false,
    };
    let end = if backwards {
        &PartialDate::Unknown
    } else {
        end
    };
    let period = types::Period {
        start: date_time(start),
        end: date_time(end),
        ..Default::default()
    };
    let known = period.start.is_some() || period.end.is_some();
    (known.then(|| Box::new(period)), backwards)
}

/// Is this text a decimal that FHIR (and JSON) can hold?
pub fn is_decimal(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e)),
        None => (number, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((w, f)) => (w, Some(f)),
        None => (mantissa, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// A quantity as sent; UCUM only where the unit is exactly one of the table (sources.md 3.9, 12). `None`: no decimal.
pub fn quantity(tables: &Tables, sent: &Quantity) -> Option<types::Quantity> {
    if !is_decimal(&sent.value) {
        return None;
    }
    let ucum = sent.unit.as_deref().and_then(|unit| tables.ucum(unit));
    Some(types::Quantity {
        value: Some(sent.value.as_str().into()),
        comparator: sent.comparator.map(|c| c.sign().into()),
        unit: sent.unit.as_deref().map(Into::into),
        system: ucum.map(|_| UCUM.into()),
        code: ucum.map(Into::into),
        ..Default::default()
    })
}

/// A quantity in words.
pub fn quantity_words(sent: &Quantity) -> String {
    let sign = sent.comparator.map_or("", |c| c.sign());
    match &sent.unit {
        Some(unit) => format!("{sign}{} {unit}", sent.value),
        None => format!("{sign}{}", sent.value),
    }
}

/// An amount of medicine: in parts, or split from words such as `28 tablet`; the second is what stays words.
pub fn amount(
    tables: &Tables,
    parts: Option<&Quantity>,
    text: Option<&str>,
) -> (Option<Box<types::Quantity>>, Option<String>) {
    if let Some(made) = parts.and_then(|parts| quantity(tables, parts)) {
        return (Some(Box::new(made)), None);
    }
    let words = text.map(str::trim).filter(|text| !text.is_empty());
    let split = words.and_then(|text| {
        let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
        let unit = unit.trim();
        // `2 x 28 tablets` is not two of anything.
        let plain = !unit.contains(|c: char| c.is_ascii_digit());
        (is_decimal(number) && !number.starts_with('-') && plain).then(|| types::Quantity {
            value: Some(number.into()),
            unit: (!unit.is_empty()).then(|| unit.into()),
            ..Default::default()
        })
    });
    match split {
        Some(made) => (Some(Box::new(made)), None),
        None => (None, words.map(ToOwned::to_owned)),
    }
}

/// A number of days.
pub fn days(count: u32) -> types::Duration {
    types::Duration {
        value: Some(count.to_string().into()),
        unit: Some("day".into()),
        system: Some(UCUM.into()),
        code: Some("d".into()),
        ..Default::default()
    }
}

/// A reference range. Bounds of R4 cannot exclude themselves, so a comparator goes into the text (sources.md 3.9, 10).
pub fn range(tables: &Tables, sent: &Range) -> Option<resources::ObservationReferenceRange> {
    let bound = |side: &Option<Quantity>| {
        let made = quantity(tables, side.as_ref()?)?;
        Some(Box::new(types::Quantity {
            comparator: None,
            ..made
        }))
    };
    let signed: Vec<String> = [&sent.low, &sent.high]
        .into_iter()
        .flatten()
        .filter(|q| q.comparator.is_some() || !is_decimal(&q.value))
        .map(quantity_words)
        .collect();
    let mut words: Vec<String> = sent.text.iter().cloned().collect();
    if !signed.is_empty() {
        words.push(signed.join(" and "));
    }
    let (low, high) = (bound(&sent.low), bound(&sent.high));
    if low.is_none() && high.is_none() && words.is_empty() {
        return None;
    }
    Some(resources::ObservationReferenceRange {
        low,
        high,
        text: (!words.is_empty()).then(|| words.join(": ").into()),
        ..Default::default()
    })
}

/// The URL of one of our extensions.
pub fn our_extension(name: &str) -> String {
    format!("{OPENMIG}/StructureDefinition/{name}")
}

/// The URL of a UK Core extension.
pub fn uk_extension(name: &str) -> String {
    format!("https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-{name}")
}

/// The URL of a UK Core profile.
pub fn uk_profile(name: &str) -> String {
    format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{name}")
}

/// Our extension with a string.
pub fn words_extension(name: &str, words: &str) -> types::Extension {
    let value = types::ExtensionValue::String(words.into());
    build::extension(&our_extension(name), value)
}

/// Why an element that must be there is not.
pub fn absent(reason: &str) -> types::CodeableConcept {
    build::concept(
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        reason,
        None,
    )
}

/// Is the terminology a national one, which exclusion lists are written in (R051)?
pub fn is_national(terminology: &str) -> bool {
    matches!(
        terminology,
        system::SNOMED | system::READ_V2 | system::CTV3 | system::READ_4BYTE
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Coding, Comparator};

    fn sent(comparator: Option<Comparator>, value: &str, unit: &str) -> Quantity {
        Quantity {
            comparator,
            value: value.to_owned(),
            unit: Some(unit.to_owned()),
        }
    }

    #[test]
    fn only_what_json_can_hold_is_a_decimal() {
        for good in ["0", "5.60", "-1", "12e3", "1.5E-7", "0.0"] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in [
            "", "05", ".5", "5.", "+1", "1,5", "NaN", "1e", "--1", "٣", "1 ",
        ] {
            assert!(!is_decimal(bad), "{bad}");
        }
    }

    // sources.md 3.9, 9 and 12
    #[test]
    fn quantities_keep_digits_comparator_and_unit() {
        let tables = Tables::load().unwrap();
        let made = quantity(
            &tables,
            &sent(Some(Comparator::LessOrEqual), "5.60", "mmol/L"),
        )
        .unwrap();
        assert_eq!(made.value.unwrap().value.as_deref(), Some("5.60"));
        assert_eq!(made.comparator.unwrap().value.as_deref(), Some("<="));
        assert_eq!(made.code.unwrap().value.as_deref(), Some("mmol/L"));
        let made = quantity(&tables, &sent(None, "1", "Unknown UoM")).unwrap();
        assert!(made.code.is_none() && made.system.is_none() && made.unit.is_some());
        assert!(quantity(&tables, &sent(None, "5,6", "mmol/L")).is_none());
    }

    // SystmOne pitfall 5
    #[test]
    fn amounts_are_split_leniently_and_otherwise_stay_words() {
        let tables = Tables::load().unwrap();
        let (made, rest) = amount(&tables, None, Some("2.8 vial"));
        let made = made.unwrap();
        assert_eq!(made.value.unwrap().value.as_deref(), Some("2.8"));
        assert_eq!(made.unit.unwrap().value.as_deref(), Some("vial"));
        assert_eq!(rest, None);
        for words in ["2 x 28 tablets", "one box", "1 2 3"] {
            let (made, rest) = amount(&tables, None, Some(words));
            assert_eq!((made, rest.as_deref()), (None, Some(words)));
        }
        assert_eq!(amount(&tables, None, Some(" ")), (None, None));
    }

    // sources.md 3.9, 10
    #[test]
    fn a_bound_that_excludes_itself_says_so_in_words() {
        let tables = Tables::load().unwrap();
        let made = range(
            &tables,
            &Range {
                low: None,
                high: Some(sent(Some(Comparator::Less), "200.000", "mg/L")),
                text: Some("Normal".to_owned()),
            },
        )
        .unwrap();
        let high = made.high.unwrap();
        assert!(high.comparator.is_none());
        assert_eq!(high.value.unwrap().value.as_deref(), Some("200.000"));
        assert_eq!(
            made.text.unwrap().value.as_deref(),
            Some("Normal: <200.000 mg/L")
        );
        assert!(range(&tables, &Range::default()).is_none());
    }

    #[test]
    fn the_original_code_stands_first_and_the_shown_term_is_the_text() {
        let coding = |code: &str, user_selected| Coding {
            system: system::READ_V2.to_owned(),
            code: code.to_owned(),
            display: Some("own term".to_owned()),
            user_selected,
        };
        let made = concept(&Coded {
            text: Some("shown term".to_owned()),
            codings: vec![coding("H33..", true), coding("H33..", false)],
        });
        assert_eq!(made.coding.len(), 1);
        assert_eq!(made.text.unwrap().value.as_deref(), Some("shown term"));
    }

    #[test]
    fn periods_never_run_backwards() {
        let at = |year| PartialDate::Year(year);
        assert!(period(&at(2020), &at(2019)).1);
        assert!(period(&at(2020), &at(2019)).0.unwrap().end.is_none());
        assert!(!period(&at(2020), &at(2020)).1);
        assert!(
            period(&PartialDate::Unknown, &PartialDate::Unknown)
                .0
                .is_none()
        );
    }
}
