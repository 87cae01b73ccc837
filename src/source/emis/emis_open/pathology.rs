//! Investigations (batteries with their results), reports as the laboratory sent them, requested tests.

use std::collections::HashSet;

use crate::record::{Body, Coded, Observation, Range, Report, Specimen, Value};
use crate::source::emis::losses::{FREE_TEXT, Losses, Spot};
use crate::source::emis::values::{self, Bound, words};
use crate::source::emis::words as terms;
use crate::source::xml::Element;

use super::event::number;
use super::item::{Kind, date, moment, reference};
use super::{Place, Reader};

/// Laboratory reports and what was filed of them.
#[derive(Default)]
pub(super) struct Reports {
    /// Report's number in the system and the id of its entry.
    headers: Vec<(String, String)>,
    /// Filed investigation, the number of its report, its Read code.
    filed: Vec<(String, String, Option<String>)>,
    /// Batteries as the laboratory sent them: id, report's number, code. Not wanted where the same was filed.
    sent: Vec<(String, String, Option<String>)>,
}

impl Reader {
    /// A battery as it was filed in the record, with its results.
    pub(super) fn investigation(&mut self, element: &Element, place: Place<'_>) {
        let path = format!("{}/Investigation", place.list);
        let Some((mut entry, spot)) = self.entry(element, place, path.clone()) else {
            return;
        };
        entry.body = Body::Observation(Observation {
            group: true,
            abnormal: abnormal(element),
            ..Observation::default()
        });
        if let Some(report) = element.text_of("ReportID") {
            let code = entry.code.codings.first().map(|c| c.code.clone());
            let row = (entry.id.clone(), report.to_owned(), code);
            self.reports.filed.push(row);
        }
        let _ = (element.text_of("SpecimenID"), element.text_of("DataType"));
        let id = entry.id.clone();
        self.draft.push(entry);
        if let Some(list) = element.child("EventList") {
            for event in list.children("Event") {
                let inner = Place {
                    list: &path,
                    parent: Some(&id),
                    ..place
                };
                self.coded_item(event, inner);
                event.settle();
            }
        }
        self.draft.losses.sweep(&spot, element);
    }

    /// A report as it arrived: header, specimens, batteries, tests.
    pub(super) fn pathology_report(&mut self, element: &Element) {
        let list = "EDIPathologyReportList";
        let place = Place {
            list,
            ..Place::default()
        };
        let path = format!("{list}/PathologyReport");
        let Some((mut entry, spot)) = self.entry(element, place, path) else {
            return;
        };
        let losses = &mut self.draft.losses;
        let issued = moment(element, "ReportIssueDateTime", &spot, losses);
        let received = moment(element, "ReportReceivedDateTime", &spot, losses);
        let number = element.text_of("ReportID").map(str::to_owned);
        let kind = element.text_of("ReportDataType");
        let abnormal = match element.text_of("Abnormal") {
            Some("1") => Some("Abnormal"),
            Some("0") => Some("Normal"),
            _ => None,
        };
        let mut report = Report {
            kind: kind.map(|k| terms::report_kind(k).to_owned()),
            issued: issued.clone(),
            collected: None,
            lab_id: element
                .text_of("TrueReportID")
                .or(number.as_deref())
                .map(str::to_owned),
            verdict: abnormal.map(str::to_owned),
            specimens: Vec::new(),
        };
        entry.date = issued.or(received).unwrap_or_default();
        let header = entry.id.clone();
        let at = self.draft.entries.len();
        entry.body = Body::Report(Box::default());
        self.draft.push(entry);
        if let Some(number) = &number {
            self.reports.headers.push((number.clone(), header.clone()));
        }
        if let Some(list) = element.child("SpecimenList") {
            for part in list.children("Specimen") {
                let specimen = self.specimen(part, &header, number.as_deref(), &spot);
                report.specimens.push(specimen);
            }
        }
        report.collected = report.specimens.iter().find_map(|s| s.collected.clone());
        if let Some(entry) = self.draft.entries.get_mut(at) {
            entry.body = Body::Report(Box::new(report));
        }
        self.draft.losses.sweep(&spot, element);
    }

    fn specimen(
        &mut self,
        element: &Element,
        header: &str,
        report: Option<&str>,
        spot: &Spot,
    ) -> Specimen {
        let losses = &mut self.draft.losses;
        let taken = moment(element, "SampleDateTime", spot, losses);
        let collected = taken.or_else(|| moment(element, "CollectionStartDate", spot, losses));
        let received = moment(element, "ReceivedByLabDateTime", spot, losses);
        let kind = element.text_of("SpecimenType").map(Coded::term);
        let own = super::item::id(element);
        let _ = (element.text_of("ReportID"), element.text_of("SpecimenID"));
        let mut specimen = Specimen {
            id: own.unwrap_or_else(|| format!("{header}-{}", element.digest(FREE_TEXT))),
            kind: kind.unwrap_or_default(),
            collected,
            received,
            ..Specimen::default()
        };
        if let Some(list) = element.child("EDIInvestigationList") {
            for battery in list.children("EDIInvestigation") {
                self.battery(battery, header, report, &mut specimen);
            }
        }
        specimen
    }

    fn battery(
        &mut self,
        element: &Element,
        header: &str,
        report: Option<&str>,
        specimen: &mut Specimen,
    ) {
        let path = "EDIPathologyReportList/PathologyReport/EDIInvestigation";
        let place = Place {
            list: path,
            parent: Some(header),
            ..Place::default()
        };
        let Some((mut entry, spot)) = self.entry(element, place, path.to_owned()) else {
            return;
        };
        let losses = &mut self.draft.losses;
        let done = moment(element, "InvestigationPerformedDateTime", &spot, losses);
        let taken = done
            .or_else(|| specimen.collected.clone())
            .unwrap_or_default();
        entry.date = taken.clone();
        let code = entry.code.codings.first().map(|c| c.code.clone());
        if let Some(report) = report {
            let row = (entry.id.clone(), report.to_owned(), code);
            self.reports.sent.push(row);
        }
        // A test of its own travels in a battery that is only for the form's sake (pitfall 13).
        let alone = element.text_of("InvContainsStandAloneTest") == Some("1");
        entry.body = Body::Observation(Observation {
            group: true,
            abnormal: abnormal(element),
            status: element.text_of("EDIResultStatus").map(str::to_owned),
            ..Observation::default()
        });
        for name in ["ReportID", "SpecimenID", "SpecimenType", "DataType"] {
            let _ = element.text_of(name);
        }
        let battery = entry.id.clone();
        if !alone {
            specimen.members.push(battery.clone());
            self.draft.push(entry);
        }
        if let Some(list) = element.child("PathologyEventList") {
            let parent = if alone { header } else { battery.as_str() };
            for test in list.children("PathologyEvent") {
                let Some((mut entry, spot)) = self.entry(
                    test,
                    Place {
                        parent: Some(parent),
                        ..place
                    },
                    format!("{path}/PathologyEvent"),
                ) else {
                    continue;
                };
                entry.date = taken.clone();
                let losses = &mut self.draft.losses;
                entry.body = Body::Observation(result(test, &spot, losses));
                if alone && let Some(report) = report {
                    let code = entry.code.codings.first().map(|c| c.code.clone());
                    let row = (entry.id.clone(), report.to_owned(), code);
                    self.reports.sent.push(row);
                }
                losses.sweep(&spot, test);
                test.settle();
                if alone {
                    specimen.members.push(entry.id.clone());
                }
                self.draft.push(entry);
            }
        }
        self.draft.losses.sweep(&spot, element);
    }

    /// Requested tests, each an entry; the order's header is administration.
    pub(super) fn test_requests(&mut self, element: &Element, place: Place<'_>) {
        let path = format!("{}/{}", place.list, element.name);
        let spot = Spot::new(path.clone(), super::item::id(element).as_deref());
        if super::item::deleted(element) {
            element.settle();
            return self.draft.losses.add(&spot, "", "deleted");
        }
        let consultation = reference(element, "ConsultationID", Kind::Item);
        let requestor = reference(element, "Requestor", Kind::Person);
        let losses = &mut self.draft.losses;
        let created = moment(element, "DateCreated", &spot, losses);
        let wanted = date(element, "DateForTest", &spot, losses);
        let _ = element.text_of("Status");
        let orders = element.child("EDIOrderList");
        for order in orders.iter().flat_map(|o| o.children("EDIOrder")) {
            for plumbing in ["HeaderID", "OrderCategory", "Status", "LastStatusDate"] {
                let _ = order.child(plumbing).map(Element::settle);
            }
            let _ = super::item::id(order);
            let tests = order.child("TestRequestList");
            for test in tests.iter().flat_map(|t| t.children("TestRequest")) {
                let path = format!("{path}/TestRequest");
                let Some((mut entry, spot)) = self.entry(test, place, path) else {
                    continue;
                };
                let _ = reference(test, "RequestHeaderID", Kind::Item);
                if entry.date == crate::record::PartialDate::Unknown {
                    entry.date = created
                        .clone()
                        .or_else(|| wanted.clone())
                        .unwrap_or_default();
                }
                entry.encounter = entry.encounter.or_else(|| consultation.clone());
                entry.clinician = entry.clinician.or_else(|| requestor.clone());
                entry.body = Body::TestRequest;
                self.draft.losses.sweep(&spot, test);
                test.settle();
                self.draft.push(entry);
            }
        }
        self.draft.losses.sweep(&spot, element);
    }

    /// A report comes as the laboratory sent it, and again as it was filed. Where a battery was filed, the filed one is
    /// shown, as part of the report, and the sent one is not (by the report's number and the battery's code).
    pub(super) fn file_reports(&mut self) {
        let reports = std::mem::take(&mut self.reports);
        let filed: HashSet<(&str, Option<&str>)> = reports
            .filed
            .iter()
            .map(|(_, number, code)| (number.as_str(), code.as_deref()))
            .collect();
        let repeated: HashSet<&str> = reports
            .sent
            .iter()
            .filter(|(_, number, code)| {
                code.is_some() && filed.contains(&(number.as_str(), code.as_deref()))
            })
            .map(|(id, _, _)| id.as_str())
            .collect();
        if !repeated.is_empty() {
            let losses = &mut self.draft.losses;
            let mut at = 0;
            let reference_only = std::mem::take(&mut self.draft.reference_only);
            let mut moved = HashSet::new();
            let mut kept = 0;
            self.draft.entries.retain(|entry| {
                let sent = entry.path.starts_with("EDIPathologyReportList");
                let own = repeated.contains(entry.id.as_str());
                let parts = entry
                    .parent
                    .as_deref()
                    .is_some_and(|p| repeated.contains(p));
                let gone = sent && (own || parts);
                if gone {
                    let spot = Spot::new(entry.path.clone(), Some(&entry.id)).coded(&entry.code);
                    losses.add(&spot, "", "duplicate");
                } else {
                    if reference_only.contains(&at) {
                        moved.insert(kept);
                    }
                    kept += 1;
                }
                at += 1;
                !gone
            });
            self.draft.reference_only = moved;
        }
        for (number, header) in &reports.headers {
            for (battery, of, _) in &reports.filed {
                if of == number {
                    self.draft.parts.push((header.clone(), battery.clone(), 1));
                }
            }
        }
    }
}

fn abnormal(element: &Element) -> Option<(bool, Option<String>)> {
    (element.text_of("Abnormal") == Some("1")).then_some((true, None))
}

/// A result as the laboratory sent it.
fn result(element: &Element, spot: &Spot, losses: &mut Losses) -> Observation {
    for name in ["ReportID", "SpecimenID"] {
        let _ = element.text_of(name);
    }
    let mut out = Observation {
        status: element.text_of("EDIResultStatus").map(str::to_owned),
        abnormal: element
            .text_of("AbnormalIndicator")
            .map(|words| (!matches!(words, "N" | "NO" | "0"), Some(words.to_owned()))),
        ..Observation::default()
    };
    let value = element.child("NumericValue");
    out.value = value.and_then(|it| number(it, spot, losses));
    if let Some(text) = element.text_of("TextValue") {
        if out.value.is_some() {
            losses.add(spot, "TextValue", "no-place");
        } else {
            out.value = Some(Value::Text(text.to_owned()));
        }
    }
    let unit = match &out.value {
        Some(Value::Quantity(q)) => q.unit.as_deref(),
        _ => None,
    };
    if let Some(list) = element.child("RangeInformationList") {
        let ranges: Vec<Range> = list
            .children("RangeInformation")
            .map(|r| range(r, unit, spot, losses))
            .filter(|r| *r != Range::default())
            .collect();
        out.ranges = ranges;
    }
    out
}

/// "For greater than use MinRange and leave Max empty": one bound is exclusive.
fn range(element: &Element, unit: Option<&str>, spot: &Spot, losses: &mut Losses) -> Range {
    let bound = |name| Bound {
        sign: None,
        number: element.text_of(name),
    };
    let qualifier = element.text_of("RangeQualifier").map(str::to_owned);
    let (low, high) = (bound("MinRange"), bound("MaxRange"));
    let numeric = |b: Bound<'_>| b.number.is_none_or(|n| values::decimal(n).is_some());
    if numeric(low) && numeric(high) {
        for (name, bound) in [("MinRange", low), ("MaxRange", high)] {
            let path = format!("RangeInformationList/RangeInformation/{name}");
            losses.number(spot, &path, bound.number);
        }
        return values::range(low, high, unit, qualifier);
    }
    let said = words(&[
        low.number,
        low.number.and(high.number).and(Some("to")),
        high.number,
    ]);
    let text = match qualifier {
        Some(qualifier) => format!("{said}; {qualifier}"),
        None => said,
    };
    Range {
        text: Some(text),
        ..Range::default()
    }
}
