//! Coded items: events of every type, allergies, alerts, attachments, diary entries, referrals.

use crate::record::{Alert, Allergy, Body, Document, Observation, Referral, Value};
use crate::source::emis::losses::{Losses, Spot};
use crate::source::emis::openhr::immunisation;
use crate::source::emis::values::{self, Bound};
use crate::source::emis::words;
use crate::source::xml::Element;

use super::item::{Kind, coded, reference};
use super::{Place, Reader};

impl Reader {
    /// Any item that has a code; its element's name, and for events their type, says what it is.
    pub(super) fn coded_item(&mut self, element: &Element, place: Place<'_>) {
        let kind = element.text_of("EventType");
        let path = match kind {
            Some(kind) if kind.len() < 3 => format!("{}/{}[{kind}]", place.list, element.name),
            _ => format!("{}/{}", place.list, element.name),
        };
        let Some((mut entry, spot)) = self.entry(element, place, path) else {
            return;
        };
        let losses = &mut self.draft.losses;
        entry.body = match (element.name.as_str(), kind) {
            ("Allergy", _) => Body::Allergy(allergy(element)),
            ("Alert", _) | ("Event", Some("10")) => Body::Alert(Alert::default()),
            ("Attachment", _) | ("Event", Some("7")) => Body::Document(Document::default()),
            ("Diary", _) => Body::Diary,
            ("Referral", _) | ("Event", Some("8")) => Body::Referral(Box::new(referral(element))),
            ("Event", Some("11")) => Body::Allergy(Allergy::default()),
            ("Event", Some("12")) => Body::FamilyHistory,
            ("Event", Some("13")) => {
                Body::Immunisation(Box::new(immunisation(&mut entry.qualifiers, &spot, losses)))
            }
            _ => Body::Observation(observation(element, &spot, losses)),
        };
        // `Abnormal` 0 stands on every event, text included: only 1 says something.
        let _ = element.text_of("Abnormal");
        self.draft.losses.sweep(&spot, element);
        self.draft.push(entry);
    }
}

fn observation(element: &Element, spot: &Spot, losses: &mut Losses) -> Observation {
    let mut out = Observation {
        abnormal: (element.text_of("Abnormal") == Some("1")).then_some((true, None)),
        group_key: element
            .text_of("GroupID")
            .filter(|g| !matches!(*g, "0" | "-1"))
            .map(|g| format!("group-{g}")),
        ..Observation::default()
    };
    if let Some(numeric) = element.child("NumericValue") {
        out.value = number(numeric, spot, losses);
        out.ranges.extend(range(numeric, spot, losses));
    }
    if let Some(text) = element.text_of("TextValue") {
        if out.value.is_some() {
            losses.add(spot, "TextValue", "no-place");
        } else {
            out.value = Some(Value::Text(text.to_owned()));
        }
    }
    if out.value.is_none() && !out.ranges.is_empty() {
        // A range without a value is a header's (pitfall 11).
        out.ranges.clear();
        losses.add(spot, "NumericValue", "header-range");
    }
    out
}

/// `NumericValue` without its range.
pub(super) fn number(element: &Element, spot: &Spot, losses: &mut Losses) -> Option<Value> {
    let number = element.text_of("Value")?;
    let unit = element.text_of("Units");
    let value = values::value(element.text_of("Operator"), number, unit);
    if matches!(value, Value::Quantity(_)) {
        losses.number(spot, "NumericValue/Value", Some(number));
    }
    Some(value)
}

fn range(element: &Element, spot: &Spot, losses: &mut Losses) -> Option<crate::record::Range> {
    let low = Bound {
        sign: element.text_of("MinRangeOperator"),
        number: element.text_of("NumericMinimum"),
    };
    let high = Bound {
        sign: element.text_of("MaximumRangeOperator"),
        number: element.text_of("NumericMaximum"),
    };
    losses.number(spot, "NumericValue/NumericMinimum", low.number);
    losses.number(spot, "NumericValue/NumericMaximum", high.number);
    let range = values::range(low, high, element.text_of("Units"), None);
    (range != crate::record::Range::default()).then_some(range)
}

fn allergy(element: &Element) -> Allergy {
    let substance = coded(element.child("Codes"));
    Allergy {
        to_drug: match element.text_of("AllergyType") {
            Some("0") => Some(false),
            Some("1" | "2" | "3" | "4") => Some(true),
            _ => None,
        },
        substance: Some(substance).filter(|s| !s.is_empty()),
        end: None,
        reaction: None,
    }
}

fn referral(element: &Element) -> Referral {
    let text = |name| element.text_of(name).map(str::to_owned);
    let speciality = coded(element.child("Speciality"));
    let set = |name| element.text_of(name) == Some("1");
    let (accepted, rejected, assessed) = (set("Accepted"), set("Rejected"), set("Assessed"));
    let status = if rejected {
        Some("Rejected")
    } else if assessed {
        Some("Assessed")
    } else if accepted {
        Some("Accepted")
    } else {
        None
    };
    Referral {
        speciality: Some(speciality).filter(|s| !s.is_empty()),
        request: element
            .text_of("RequestType")
            .and_then(words::request_type)
            .map(str::to_owned),
        admission: element.text_of("RequestType") == Some("2"),
        urgency: element
            .text_of("Urgency")
            .map(|u| words::urgency(u).to_owned()),
        inbound: match element.text_of("Direction") {
            Some("1") => Some(false),
            Some("2") => Some(true),
            _ => None,
        },
        mode: text("ReferralMode"),
        ubrn: text("UBRN"),
        to: reference(element, "Provider", Kind::Location),
        from: reference(element, "SourceLocation", Kind::Location),
        status: status.map(str::to_owned),
        ..Referral::default()
    }
}
