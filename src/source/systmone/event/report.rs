//! `Report`: a header only. Its results stand beside it as `ClinicalCode`s of the same event (SystmOne pitfall 16).

use super::{Base, Clinical, is_private};
use crate::record::{Body, Report};
use crate::source::systmone::code::coded;
use crate::source::xml::Element;

impl Clinical {
    /// Reads the reports of an event; gives the id of the one that its results belong to.
    ///
    /// Where there are several, nobody can tell which results are whose. If one of them is private, the results are taken
    /// to be that one's: they might be (fail closed).
    pub(super) fn reports(&mut self, event: &Element, base: &Base) -> Option<String> {
        let mut ids: Vec<(String, bool)> = Vec::new();
        for child in event.children("Report") {
            let headers = child.text_of("BatteryHeaders").map(ToOwned::to_owned);
            let mut code = coded(child);
            if code.text.is_none() {
                code.text = headers;
            }
            let report = Report {
                kind: child.text_of("Type").map(ToOwned::to_owned),
                issued: self.day(child, "IssueDate", "Report", base),
                collected: self.day(child, "CollectionDate", "Report", base),
                lab_id: None,
                verdict: child.text_of("Result").map(ToOwned::to_owned),
                specimens: Vec::new(),
            };
            for name in ["Comments", "FollowUpActions"] {
                self.words(child, name, "Report", base);
            }
            // An empty mark: that the patient is to be told is the practice's to do.
            if child.child("PatientToBeInformed").is_some() {
                self.lose("Report/PatientToBeInformed", Some(&base.uid), "no-tab");
            }
            let category = report.kind.clone();
            let detail = [
                child.text_of("BatteryHeaders"),
                child.text_of("Type"),
                child.text_of("IssueDate"),
                child.text_of("CollectionDate"),
            ];
            let mut entry = self.entry(
                base,
                child,
                "Report",
                code,
                &detail,
                Body::Report(Box::new(report)),
            );
            entry.category = category;
            ids.push((entry.id.clone(), is_private(child)));
            self.push(entry);
        }
        let hidden = ids.iter().position(|(_, private)| *private);
        let whose = match (ids.len(), hidden) {
            (1, _) => 0,
            (_, Some(hidden)) => hidden,
            _ => return None,
        };
        ids.into_iter().nth(whose).map(|(id, _)| id)
    }
}
