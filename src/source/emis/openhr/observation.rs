//! `observation`: value, ranges, abnormal mark.

use crate::record::{Observation, Range, Value};
use crate::source::emis::losses::{Losses, Spot};
use crate::source::emis::values::{self, Bound, yes};
use crate::source::xml::Element;

/// The body of OBS, VAL and INV events.
pub(super) fn observation(element: &Element, spot: &Spot, losses: &mut Losses) -> Observation {
    let mut out = Observation {
        status: element.attr("resultStatus").map(str::to_owned),
        ..Observation::default()
    };
    if let Some(abnormal) = element.child("abnormal")
        && let Some(said) = abnormal.attr("value")
    {
        let words = abnormal.attr("description").map(str::to_owned);
        out.abnormal = Some((yes(Some(said)), words));
    }
    let Some(value) = element.child("value") else {
        return out;
    };
    let mut ranges: Vec<Range> = Vec::new();
    if let Some(numeric) = value.child("numeric") {
        let unit = numeric.text_of("units");
        if let Some(number) = numeric.text_of("value") {
            let sign = numeric.text_of("operator");
            out.value = Some(values::value(sign, number, unit));
            if matches!(out.value, Some(Value::Quantity(_))) {
                losses.number(spot, "observation/value/numeric/value", Some(number));
            }
        }
        let path = "observation/value/numeric/range";
        for one in numeric.children("range") {
            ranges.extend(range(one, unit, (spot, path), losses));
        }
    }
    if let Some(text) = value.child("text") {
        if let Some(words) = text.text_of("value").or_else(|| text.own_text()) {
            if out.value.is_some() {
                losses.add(spot, "observation/value/text", "no-place");
            } else {
                out.value = Some(Value::Text(words.to_owned()));
            }
        }
        for one in text.children("range") {
            ranges.extend(range(
                one,
                None,
                (spot, "observation/value/text/range"),
                losses,
            ));
        }
    }
    let unit = match &out.value {
        Some(Value::Quantity(q)) => q.unit.clone(),
        _ => None,
    };
    for one in value.children("availableRange") {
        let at = (spot, "observation/value/availableRange");
        ranges.extend(range(one, unit.as_deref(), at, losses));
    }
    for range in ranges {
        if !out.ranges.contains(&range) {
            out.ranges.push(range);
        }
    }
    out
}

/// A range: numbers, words, or both; whom it is for and what kind it is stays in words.
fn range(
    element: &Element,
    unit: Option<&str>,
    (spot, path): (&Spot, &str),
    losses: &mut Losses,
) -> Option<Range> {
    let unit = element.text_of("units").or(unit);
    let mut said: Vec<String> = Vec::new();
    match element.attr("qualifier") {
        Some("T") => said.push("Therapeutic interval".to_owned()),
        Some("X") => said.push("Toxic interval".to_owned()),
        Some("R") => said.push("Recommended interval".to_owned()),
        _ => {}
    }
    said.extend(element.text_of("description").map(str::to_owned));
    if let Some(text) = element.child("textRange") {
        let bounds: Vec<&str> = [text.text_of("low"), text.text_of("high")]
            .into_iter()
            .flatten()
            .collect();
        said.extend(Some(bounds.join(" to ")).filter(|b| !b.is_empty()));
    }
    match element.text_of("sex") {
        Some("F") => said.push("female".to_owned()),
        Some("M") => said.push("male".to_owned()),
        _ => {}
    }
    said.extend(element.child("ageRange").and_then(ages));
    let text = Some(said.join("; ")).filter(|t| !t.is_empty());
    let numbers = element.child("numericRange");
    let bound = |name| {
        let bound = numbers.and_then(|n| n.child(name));
        Bound {
            sign: bound.and_then(|b| b.attr("operator")),
            number: bound.and_then(|b| b.attr("value")),
        }
    };
    for name in ["low", "high"] {
        let below = format!("{path}/numericRange/{name}");
        losses.number(spot, &below, bound(name).number);
    }
    let range = values::range(bound("low"), bound("high"), unit, text);
    (range != Range::default()).then_some(range)
}

fn ages(element: &Element) -> Option<String> {
    let age = |name| {
        let age = element.child(name)?;
        let unit = match age.attr("unit")? {
            "Y" => "years",
            "M" => "months",
            "W" => "weeks",
            "D" => "days",
            _ => return None,
        };
        Some(format!("{} {unit}", age.attr("value")?))
    };
    match (age("low"), age("high")) {
        (Some(low), Some(high)) => Some(format!("age {low} to {high}")),
        (Some(low), None) => Some(format!("age from {low}")),
        (None, Some(high)) => Some(format!("age to {high}")),
        (None, None) => None,
    }
}
