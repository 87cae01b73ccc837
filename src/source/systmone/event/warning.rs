//! `DrugSensitivity`, `Reminder`, `Recall` and `Vaccination`: what to look out for, what is due, what protects.

use super::{Base, Clinical};
use crate::record::{Alert, Allergy, Body, Coded, Immunisation};
use crate::source::systmone::code::{coded, drug, quantity};
use crate::source::xml::Element;

impl Clinical {
    /// A sensitivity to a drug, an ingredient or a whole action group (SystmOne pitfall 17): what was recorded is the code,
    /// the product beside it is what it is about.
    pub(super) fn sensitivity(&mut self, child: &Element, base: &Base) {
        let (recorded, product) = (coded(child), drug(child));
        let (code, substance) = match (recorded.is_empty(), product.is_empty()) {
            (true, _) => (product, None),
            (false, true) => (recorded, None),
            (false, false) => (recorded, Some(product)),
        };
        let kind = child.text_of("Type").map(ToOwned::to_owned);
        self.words(child, "FreeText", "DrugSensitivity", base);
        let started = self.day(child, "DateStarted", "DrugSensitivity", base);
        let body = Body::Allergy(Allergy {
            to_drug: Some(true),
            end: self.day(child, "DateEnded", "DrugSensitivity", base),
            substance,
            ..Allergy::default()
        });
        let about = child.child("Drug").and_then(|d| d.attr("Name"));
        let detail = [about, child.text_of("DateStarted")];
        let mut entry = self.entry(base, child, "DrugSensitivity", code, &detail, body);
        entry.category = kind;
        if let Some(started) = started {
            entry.date = started;
        }
        self.push(entry);
    }

    pub(super) fn vaccination(&mut self, child: &Element, base: &Base) {
        let mut code = coded(child);
        if let Some(name) = child.text_of("Name") {
            code.text = Some(name.to_owned());
        }
        let dose = child.text_of("Dosage");
        let body = Body::Immunisation(Box::new(Immunisation {
            part: child.text_of("PartType").map(ToOwned::to_owned),
            batch: child.text_of("BatchNumber").map(ToOwned::to_owned),
            expiry: self.day(child, "ExpiryDate", "Vaccination", base),
            dose: dose.and_then(quantity),
            ..Immunisation::default()
        }));
        if dose.is_some_and(|text| quantity(text).is_none()) {
            // Words about the dose may be anything.
            self.words(child, "Dosage", "Vaccination", base);
        }
        self.words(child, "Notes", "Vaccination", base);
        let detail = [
            child.text_of("Name"),
            child.text_of("PartType"),
            child.text_of("BatchNumber"),
        ];
        let entry = self.entry(base, child, "Vaccination", code, &detail, body);
        self.push(entry);
    }

    pub(super) fn recall(&mut self, child: &Element, base: &Base) {
        let code = child.text_of("Type").map(Coded::term).unwrap_or_default();
        let date = self.day(child, "RecallDate", "Recall", base);
        let status = child.text_of("Status").map(ToOwned::to_owned);
        self.words(child, "FreeText", "Recall", base);
        let detail = [child.text_of("RecallDate")];
        let mut entry = self.entry(base, child, "Recall", code, &detail, Body::Diary);
        entry.category = status;
        if let Some(date) = date {
            entry.date = date;
        }
        self.push(entry);
    }

    pub(super) fn reminder(&mut self, child: &Element, base: &Base) {
        self.words(child, "FreeText", "Reminder", base);
        let alert = Alert {
            expires: self.day(child, "ExpiryDate", "Reminder", base),
            severity: child.text_of("Severity").map(ToOwned::to_owned),
        };
        let detail = [child.text_of("Severity"), child.text_of("ExpiryDate")];
        let code = coded(child);
        let entry = self.entry(base, child, "Reminder", code, &detail, Body::Alert(alert));
        self.push(entry);
    }
}
