//! `ClinicalCode`: a statement, a measurement, a problem's header, an allergy or family history, all by one element.

use super::{Base, Clinical};
use crate::record::{
    Allergy, Body, Entry, Observation, PartialDate, Problem, ProblemStatus, Quantity, Significance,
    Value,
};
use crate::source::systmone::code::{coded, quantity};
use crate::source::xml::Element;

impl Clinical {
    pub(super) fn clinical_code(&mut self, child: &Element, base: &Base, report: Option<&str>) {
        let code = coded(child);
        let family = child.child("IsFamilyHistory").is_some();
        let allergy = child.child("IsAllergy").is_some();
        let uid = child.text_of("ProblemUID").map(ToOwned::to_owned);
        let severity = child.text_of("ProblemSeverity").map(ToOwned::to_owned);
        let ended = child.text_of("ProblemEndDate").is_some();
        let end = self.day(child, "ProblemEndDate", "ClinicalCode", base);
        let value = self.value(child, base);
        self.words(child, "FreeText", "ClinicalCode", base);
        let body = if family || allergy {
            if value.is_some() {
                self.lose("ClinicalCode/Value", Some(&base.uid), "no-place");
            }
            // The end of a problem is not the end of an allergy: that goes on until somebody says otherwise.
            if family {
                Body::FamilyHistory
            } else {
                Body::Allergy(Allergy::default())
            }
        } else {
            Body::Observation(Observation {
                value,
                group_key: Some(base.uid.clone()),
                ..Observation::default()
            })
        };
        let is_observation = matches!(body, Body::Observation(_));
        let detail = [
            child.text_of("Value"),
            child.text_of("Units"),
            uid.as_deref(),
        ];
        let mut entry = self.entry(base, child, "ClinicalCode", code, &detail, body);
        entry.episodicity = child.text_of("Episodicity").map(ToOwned::to_owned);
        if uid.is_some() || severity.is_some() {
            let end = self.end_after_start(end, &entry);
            entry.problem = Some(Box::new(Problem {
                id: uid.clone(),
                status: if ended {
                    ProblemStatus::UntilEnd
                } else {
                    ProblemStatus::Active
                },
                significance: self.significance(severity.as_deref(), &entry.id),
                end,
                expected_days: None,
                parent: None,
            }));
            if let Some(uid) = uid {
                self.problems.entry(uid).or_insert_with(|| entry.id.clone());
            }
        } else {
            if ended {
                self.lose("ClinicalCode/ProblemEndDate", Some(&entry.id), "no-place");
            }
            if is_observation {
                entry.parent = report.map(ToOwned::to_owned);
            }
        }
        self.push(entry);
    }

    /// `Major`, `Minor`, or with the schema's second word (`Major Episode`).
    fn significance(&mut self, severity: Option<&str>, id: &str) -> Option<Significance> {
        match severity?.split_whitespace().next() {
            Some("Major") => Some(Significance::Major),
            Some("Minor") => Some(Significance::Minor),
            _ => {
                self.lose("ClinicalCode/ProblemSeverity", Some(id), "unknown-word");
                None
            }
        }
    }

    /// An absent element is the only absent value; a missing unit stays missing (SystmOne pitfalls 3 and 4).
    fn value(&mut self, child: &Element, base: &Base) -> Option<Value> {
        let unit = child.text_of("Units").map(ToOwned::to_owned);
        let Some(text) = child.text_of("Value") else {
            if unit.is_some() {
                self.lose("ClinicalCode/Units", Some(&base.uid), "unit-of-nothing");
            }
            return None;
        };
        match quantity(text) {
            // With a unit of its own, more than a number stands for more than a number: all of it is words.
            Some(read) if unit.is_none() || read.unit.is_none() || read.unit == unit => {
                Some(Value::Quantity(Quantity {
                    unit: unit.or(read.unit),
                    ..read
                }))
            }
            // Digits that FHIR cannot hold as they are (`007`, `5,0`) are words, as sent, and their unit is a part of them.
            _ if text.contains(|c: char| c.is_ascii_digit()) => {
                let words = match unit {
                    Some(unit) if !text.ends_with(&unit) => format!("{text} {unit}"),
                    _ => text.to_owned(),
                };
                Some(Value::Text(words))
            }
            _ => {
                if unit.is_some() {
                    self.lose("ClinicalCode/Units", Some(&base.uid), "unit-of-words");
                }
                Some(Value::Text(text.to_owned()))
            }
        }
    }

    /// The same code once plain and once as the problem's header is one statement (SystmOne pitfall 1).
    pub(super) fn merge_duplicates(&mut self, first: usize) {
        let mut event: Vec<Entry> = self.entries.split_off(first);
        let mut kept: Vec<Entry> = Vec::with_capacity(event.len());
        for entry in event.drain(..) {
            let twin = kept.iter_mut().find(|other| {
                matches!((&other.body, &entry.body), (Body::Observation(a), Body::Observation(b))
                    if a.value.is_none() || b.value.is_none())
                    && !entry.code.is_empty()
                    && other.code == entry.code
                    && other.restrictions == entry.restrictions
                    && (other.problem.is_none() || entry.problem.is_none())
            });
            match twin {
                Some(twin) => {
                    let gone = entry.id.clone();
                    if entry.problem.is_some() {
                        for id in self.problems.values_mut().filter(|id| **id == entry.id) {
                            id.clone_from(&twin.id);
                        }
                        twin.problem = entry.problem;
                    }
                    if let (Body::Observation(into), Body::Observation(from)) =
                        (&mut twin.body, entry.body)
                        && into.value.is_none()
                    {
                        into.value = from.value;
                    }
                    twin.episodicity = twin.episodicity.take().or(entry.episodicity);
                    twin.parent = twin.parent.take().or(entry.parent);
                    for link in entry.linked_problems {
                        if !twin.linked_problems.contains(&link) {
                            twin.linked_problems.push(link);
                        }
                    }
                    self.lose("ClinicalCode", Some(&gone), "merged-duplicate");
                }
                None => kept.push(entry),
            }
        }
        self.entries.append(&mut kept);
    }

    /// An end before its start did happen, only when is not known: the date is dropped and counted (SystmOne pitfall 6).
    fn end_after_start(&mut self, end: Option<PartialDate>, entry: &Entry) -> Option<PartialDate> {
        let before = match (
            end.as_ref().and_then(PartialDate::latest),
            entry.date.earliest(),
        ) {
            (Some(end), Some(start)) => end < start,
            _ => false,
        };
        if before {
            self.lose(
                "ClinicalCode/ProblemEndDate",
                Some(&entry.id),
                "end-before-start",
            );
            return None;
        }
        end
    }
}
