//! `report`: specimens, and pointers to batteries and tests (pitfall 13).

use crate::record::{Coded, PartialDate, Report, Specimen};
use crate::source::emis::dates;
use crate::source::emis::draft::{Draft, native};
use crate::source::emis::losses::Spot;
use crate::source::emis::values::yes;
use crate::source::xml::Element;

/// The body of a REP event. Batteries and tests are events of their own; they learn here whose parts they are.
pub(super) fn report(element: &Element, id: &str, spot: &Spot, draft: &mut Draft) -> Report {
    let issued = element.text_of("issueDate").map(dates::iso_day);
    let issued = issued.and_then(|date| draft.losses.date(spot, "report/issueDate", date));
    let mut specimens = Vec::new();
    for component in element.children("component") {
        for part in component.all() {
            if part.name == "specimen" {
                let specimen = specimen(part, id, specimens.len() + 1, spot, draft);
                specimens.push(specimen);
            } else if matches!(part.name.as_str(), "battery" | "test") {
                member(draft, id, part);
            } else {
                draft.losses.whole(spot, part, "unknown-element");
            }
        }
    }
    let abnormal = element.text_of("abnormal").map(|a| yes(Some(a)));
    Report {
        kind: element.text_of("dataType").map(str::to_owned),
        issued,
        collected: specimens.iter().find_map(|s| s.collected.clone()),
        lab_id: element.text_of("reportLabId").map(str::to_owned),
        verdict: abnormal.map(|a| if a { "Abnormal" } else { "Normal" }.to_owned()),
        specimens,
    }
}

fn member(draft: &mut Draft, id: &str, part: &Element) {
    if let Some(child) = part.own_text() {
        draft.parts.push((id.to_owned(), native(child), 1));
    }
}

fn specimen(
    element: &Element,
    id: &str,
    number: usize,
    spot: &Spot,
    draft: &mut Draft,
) -> Specimen {
    let mut moment = |name: &str| {
        let date = element.text_of(name).map(dates::iso_moment)?;
        let date = draft
            .losses
            .date(spot, &format!("report/specimen/{name}"), date)?;
        // The schema wants a time and has no part to say that none is known: midnight is a day that was padded (pitfall 1).
        Some(match date {
            PartialDate::Moment(at) if at.time() == jiff::civil::Time::midnight() => {
                PartialDate::Day(at.date())
            }
            date => date,
        })
    };
    let collected = moment("sampleDateTime").or_else(|| moment("collectionStartDate"));
    let received = moment("dateTimeReceivedByLab");
    let mut members = Vec::new();
    for name in ["battery", "test"] {
        for part in element.children(name) {
            member(draft, id, part);
            members.extend(part.own_text().map(native));
        }
    }
    let _ = element.attr("updateMode");
    Specimen {
        id: format!("{id}-specimen-{number}"),
        kind: element
            .text_of("specimenType")
            .map(Coded::term)
            .unwrap_or_default(),
        collected,
        received,
        lab_id: specimen_number(element.text_of("labSpecimenReference")),
        members,
    }
}

/// The laboratory's number of a specimen; EMIS writes `Unknown` where it has none.
fn specimen_number(sent: Option<&str>) -> Option<String> {
    sent.filter(|number| !number.eq_ignore_ascii_case("unknown"))
        .map(str::to_owned)
}
