//! One `Event` of a ClientIntegration record: the bracket, and a statement for each of its children.
//!
//! An event has no statement ids of its own but the problems'. Ids are made from the event's and what the child says, not
//! from its place, so that they do not move when a sibling comes or goes.

use std::collections::HashMap;

use jiff::civil::{Date, DateTime};

use super::code::{coded, drug, quantity};
use crate::record::{
    Alert, Allergy, Body, Coded, Course, CourseStatus, Document, Encounter, Entry, Immunisation,
    Issue, Loss, Medication, Observation, Organisation, PartialDate, Problem, ProblemStatus,
    Quantity, Referral, Report, Restriction, Significance, Staff, Value,
};
use crate::source::xml::Element;

/// What has been read of the record so far.
#[derive(Debug, Default)]
pub struct Clinical {
    /// Brackets.
    pub encounters: Vec<Encounter>,
    /// Statements.
    pub entries: Vec<Entry>,
    /// People.
    pub staff: Vec<Staff>,
    /// Places.
    pub organisations: Vec<Organisation>,
    /// What was left behind.
    pub losses: Vec<Loss>,
    /// How often an id was made: the next equal one gets a number.
    made: HashMap<String, u32>,
    /// `ProblemUID` to the id of the entry that is the problem.
    problems: HashMap<String, String>,
}

const PATH: &str = "Response/Clinical/Event";

/// Children that hold words or duties, not statements of the ten tabs, with the reason they are counted under.
const LEFT_BEHIND: [(&str, &str); 5] = [
    ("Narrative", "free-text"),
    ("CarePlan", "no-tab"),
    ("PatientPlan", "no-tab"),
    ("Activity", "no-tab"),
    ("Relationship", "no-tab"),
];

impl Clinical {
    /// Reads one event.
    pub fn event(&mut self, event: &Element) {
        let when = event
            .attr("DateTime")
            .and_then(|text| self.moment(text, "@DateTime"));
        let uid = match event.attr("EventUID") {
            Some(uid) => uid.to_owned(),
            None => {
                self.lose("@EventUID", None, None, "id-made");
                format!("event-{}", event.attr("DateTime").unwrap_or("undated"))
            }
        };
        let uid = self.unique(&uid);
        let clinician = self.staff(event.attr("UserName"), event.attr("DoneBy"));
        let organisation = event.attr("DoneAt").map(|name| self.organisation(name));
        let linked_referral = event.attr("LinkedReferralUID").map(ToOwned::to_owned);
        let _ = event.attr("Software");
        let private = is_private(event);
        let base = Base {
            uid: uid.clone(),
            date: when.clone().unwrap_or_default(),
            clinician: clinician.clone(),
            organisation: organisation.clone(),
            private,
            links: event
                .children("LinkedProblemUID")
                .filter_map(Element::own_text)
                .map(ToOwned::to_owned)
                .collect(),
            linked_referral,
        };
        for (name, reason) in LEFT_BEHIND {
            for child in event.children(name) {
                child.settle();
                self.lose(name, Some(&uid), None, reason);
            }
        }
        let first = self.entries.len();
        let report = self.reports(event, &base);
        for child in event.all() {
            let _ = is_private(child);
            match child.name.as_str() {
                "ClinicalCode" => self.clinical_code(child, &base, report.as_deref()),
                "Medication" => self.medication(child, &base),
                "RepeatMedication" => self.repeat(child, &base),
                "DrugSensitivity" => self.sensitivity(child, &base),
                "Vaccination" => self.vaccination(child, &base),
                "Recall" => self.recall(child, &base),
                "Reminder" => self.reminder(child, &base),
                "Letter" => self.letter(child, &base),
                "Attachment" => self.attachment(child, &base),
                "Report" | "LinkedProblemUID" => {}
                name if LEFT_BEHIND.iter().any(|(left, _)| *left == name) => {}
                name => {
                    child.settle();
                    self.lose(name, Some(&uid), None, "unknown-element");
                }
            }
        }
        self.merge_duplicates(first);
        let method = event.attr("Method").map(ToOwned::to_owned);
        if self.entries.len() > first {
            self.encounters.push(Encounter {
                id: uid.clone(),
                date: base.date,
                recorded: None,
                clinician,
                organisation,
                method,
                location_type: None,
                duration_minutes: None,
                complete: true,
                implied: true,
                restrictions: if private {
                    vec![Restriction::Private]
                } else {
                    Vec::new()
                },
            });
        }
        let mut unread = Vec::new();
        event.unread(&mut |path| unread.push(path.to_owned()));
        for path in unread {
            self.lose(&path, Some(&uid), None, "unknown-element");
        }
    }

    /// Turns problem UIDs in links into entry ids. A link to a problem that this answer does not hold is dropped.
    pub fn resolve_links(&mut self) {
        let problems = std::mem::take(&mut self.problems);
        let mut lost = Vec::new();
        for entry in &mut self.entries {
            let (id, path) = (entry.id.clone(), entry.path.clone());
            entry.linked_problems = std::mem::take(&mut entry.linked_problems)
                .into_iter()
                .filter_map(|uid| {
                    let found = problems.get(&uid).cloned();
                    if found.is_none() {
                        lost.push((path.clone(), id.clone()));
                    }
                    found
                })
                .filter(|problem| *problem != id)
                .collect();
        }
        for (path, id) in lost {
            self.losses.push(Loss {
                path: format!("{path}/LinkedProblemUID"),
                native_id: Some(id),
                code: None,
                reason: "link-to-nothing".to_owned(),
            });
        }
        self.tie_issues();
    }

    /// An issue of a repeat names no template: the template of the same product that had started by then is the one.
    fn tie_issues(&mut self) {
        let templates: Vec<(String, Coded, Option<Date>, bool)> = self
            .entries
            .iter()
            .filter(|e| matches!(&e.body, Body::Medication(m) if m.course == Course::Repeat))
            .map(|e| {
                (
                    e.id.clone(),
                    e.code.clone(),
                    e.date.earliest(),
                    e.restrictions.contains(&Restriction::Private),
                )
            })
            .collect();
        let mut untied = Vec::new();
        for entry in &mut self.entries {
            let day = entry.date.earliest();
            let Body::Issue(issue) = &mut entry.body else {
                continue;
            };
            let private = entry.restrictions.contains(&Restriction::Private);
            let fitting = templates.iter().filter(|(_, code, start, hidden)| {
                code.codings == entry.code.codings
                    && code.text == entry.code.text
                    && (private || !hidden)
                    && start.is_none_or(|start| day.is_none_or(|day| start <= day))
            });
            issue.course = fitting
                .max_by_key(|(_, _, start, _)| *start)
                .map(|(id, ..)| id.clone());
            if issue.course.is_none() {
                untied.push(entry.id.clone());
            }
        }
        for id in untied {
            self.lose(
                "Medication/RepeatIssue",
                Some(&id),
                None,
                "issue-without-course",
            );
        }
    }

    fn reports(&mut self, event: &Element, base: &Base) -> Option<String> {
        let mut ids = Vec::new();
        for child in event.children("Report") {
            let headers = child.text_of("BatteryHeaders").map(ToOwned::to_owned);
            let mut code = coded(child);
            if code.text.is_none() {
                code.text = headers;
            }
            let issued = self.day(child, "IssueDate");
            let report = Report {
                kind: child.text_of("Type").map(ToOwned::to_owned),
                issued: issued.clone(),
                collected: self.day(child, "CollectionDate"),
                lab_id: None,
                verdict: child.text_of("Result").map(ToOwned::to_owned),
                specimens: Vec::new(),
            };
            for name in ["Comments", "FollowUpActions", "PatientToBeInformed"] {
                self.words(child, name, "Report", base);
            }
            let category = report.kind.clone();
            let mut entry = self.entry(base, child, "Report", code, Body::Report(report));
            entry.category = category;
            ids.push(entry.id.clone());
            self.entries.push(entry);
        }
        // Results are tied to a report only by standing in the same event (sources.md 4.8, 16).
        if ids.len() == 1 { ids.pop() } else { None }
    }

    fn clinical_code(&mut self, child: &Element, base: &Base, report: Option<&str>) {
        let code = coded(child);
        let family = child.child("IsFamilyHistory").is_some();
        let allergy = child.child("IsAllergy").is_some();
        let uid = child.text_of("ProblemUID").map(ToOwned::to_owned);
        let severity = child.text_of("ProblemSeverity").map(ToOwned::to_owned);
        let end = self.day(child, "ProblemEndDate");
        let value = self.value(child, base);
        self.words(child, "FreeText", "ClinicalCode", base);
        let body = if family {
            Body::FamilyHistory
        } else if allergy {
            Body::Allergy(Allergy {
                end: end.clone(),
                ..Allergy::default()
            })
        } else {
            Body::Observation(Observation {
                value,
                group_key: Some(base.uid.clone()),
                ..Observation::default()
            })
        };
        let is_observation = matches!(body, Body::Observation(_));
        let mut entry = self.entry(base, child, "ClinicalCode", code, body);
        entry.episodicity = child.text_of("Episodicity").map(ToOwned::to_owned);
        if uid.is_some() || severity.is_some() {
            let end = self.end_after_start(end, &entry);
            let significance =
                severity
                    .as_deref()
                    .and_then(|text| match text.split_whitespace().next() {
                        Some("Major") => Some(Significance::Major),
                        Some("Minor") => Some(Significance::Minor),
                        _ => None,
                    });
            let ended = child.text_of("ProblemEndDate").is_some();
            entry.problem = Some(Problem {
                id: uid.clone(),
                status: if ended {
                    ProblemStatus::Past
                } else {
                    ProblemStatus::Active
                },
                significance,
                end,
                expected_days: None,
                parent: None,
            });
            if let Some(uid) = uid {
                self.problems.entry(uid).or_insert_with(|| entry.id.clone());
            }
        } else if is_observation {
            entry.parent = report.map(ToOwned::to_owned);
        }
        self.entries.push(entry);
    }

    fn value(&mut self, child: &Element, base: &Base) -> Option<Value> {
        let text = child.text_of("Value");
        // Units without a value say nothing; a missing unit stays missing (sources.md 4.8, 4).
        let unit = child.text_of("Units").map(ToOwned::to_owned);
        let text = text?;
        match quantity(text) {
            Some(read) => Some(Value::Quantity(Quantity {
                unit: unit.or(read.unit),
                ..read
            })),
            None => {
                if unit.is_some() {
                    self.lose("ClinicalCode/Units", Some(&base.uid), None, "unit-of-words");
                }
                Some(Value::Text(text.to_owned()))
            }
        }
    }

    fn medication(&mut self, child: &Element, base: &Base) {
        let code = drug(child);
        let start = self.day(child, "StartDate");
        let end = self.day(child, "EndDate");
        let reason = child.text_of("EndReason").map(Coded::term);
        let quantity_text = child.text_of("Quantity").map(ToOwned::to_owned);
        let quantity = quantity_text.as_deref().and_then(quantity);
        let dosage = child.text_of("Dose").map(ToOwned::to_owned);
        let kind = child
            .text_of("MedicationType")
            .unwrap_or_default()
            .to_owned();
        let days = match (
            start.as_ref().and_then(PartialDate::earliest),
            end.as_ref().and_then(PartialDate::earliest),
        ) {
            (Some(start), Some(end)) if end > start => u32::try_from((end - start).get_days()).ok(),
            _ => None,
        };
        let body = if child.child("RepeatIssue").is_some() {
            Body::Issue(Box::new(Issue {
                course: None,
                dosage,
                quantity_text,
                quantity,
                days,
                method: None,
                cancelled: false,
                private: kind == "Private issue",
            }))
        } else {
            Body::Medication(Box::new(Medication {
                course: Course::Acute,
                status: ended_status(end.as_ref(), reason.as_ref()),
                dosage,
                quantity_text,
                quantity,
                issue_days: days,
                start: start.clone(),
                stopped: reason.map(|reason| (end.clone(), Some(reason))),
                end,
                private: kind == "Private issue",
                elsewhere: kind == "Other medication",
                is_own_issue: kind != "Other medication",
                ..Medication::default()
            }))
        };
        let mut entry = self.entry(base, child, "Medication", code, body);
        if let Some(start) = start {
            entry.date = start;
        }
        self.repair_course(&mut entry);
        self.entries.push(entry);
    }

    fn repeat(&mut self, child: &Element, base: &Base) {
        let code = drug(child);
        let start = self.day(child, "StartDate");
        let end = self.day(child, "EndDate");
        let reason = child.text_of("EndReason").map(Coded::term);
        let quantity_text = child.text_of("Quantity").map(ToOwned::to_owned);
        let kind = child
            .text_of("MedicationType")
            .unwrap_or_default()
            .to_owned();
        let medication = Medication {
            course: Course::Repeat,
            status: ended_status(end.as_ref(), reason.as_ref()),
            dosage: child.text_of("Dose").map(ToOwned::to_owned),
            quantity: quantity_text.as_deref().and_then(quantity),
            quantity_text,
            issue_days: child
                .text_of("IssueDurationDays")
                .and_then(|days| days.parse().ok()),
            start: start.clone(),
            stopped: reason.map(|reason| (end.clone(), Some(reason))),
            end,
            review: self.day(child, "ReviewDate"),
            issues_authorised: child
                .text_of("MaxIssues")
                .and_then(|issues| issues.parse().ok()),
            private: kind == "Private issue",
            elsewhere: kind == "Other medication",
            ..Medication::default()
        };
        let mut entry = self.entry(
            base,
            child,
            "RepeatMedication",
            code,
            Body::Medication(Box::new(medication)),
        );
        if let Some(start) = start {
            entry.date = start;
        }
        self.repair_course(&mut entry);
        self.entries.push(entry);
    }

    /// Real data holds courses that end before they start: the end is dropped and counted (sources.md 4.8, 6).
    fn repair_course(&mut self, entry: &mut Entry) {
        let start = entry.date.earliest();
        let Body::Medication(course) = &mut entry.body else {
            return;
        };
        let end = course.end.as_ref().and_then(PartialDate::latest);
        if let (Some(start), Some(end)) = (start, end)
            && end < start
        {
            course.end = None;
            if let Some((stopped, _)) = &mut course.stopped {
                *stopped = None;
            }
            // It did end, only when is not known.
            if course.status == CourseStatus::Unknown {
                course.status = CourseStatus::Completed;
            }
            self.lose(
                "Medication/EndDate",
                Some(&entry.id),
                None,
                "end-before-start",
            );
        }
    }

    fn sensitivity(&mut self, child: &Element, base: &Base) {
        // What was recorded is the code; the drug beside it is what it is about.
        let (recorded, product) = (coded(child), drug(child));
        let (code, substance) = match (recorded.is_empty(), product.is_empty()) {
            (true, _) => (product, None),
            (false, true) => (recorded, None),
            (false, false) => (recorded, Some(product)),
        };
        let kind = child.text_of("Type").map(ToOwned::to_owned);
        self.words(child, "FreeText", "DrugSensitivity", base);
        let started = self.day(child, "DateStarted");
        let ended = self.day(child, "DateEnded");
        let body = Body::Allergy(Allergy {
            to_drug: Some(true),
            substance,
            end: ended,
            ..Allergy::default()
        });
        let mut entry = self.entry(base, child, "DrugSensitivity", code, body);
        entry.category = kind;
        if let Some(started) = started {
            entry.date = started;
        }
        self.entries.push(entry);
    }

    fn vaccination(&mut self, child: &Element, base: &Base) {
        let mut code = coded(child);
        if let Some(name) = child.text_of("Name") {
            code.text = Some(name.to_owned());
        }
        let body = Body::Immunisation(Immunisation {
            part: child.text_of("PartType").map(ToOwned::to_owned),
            batch: child.text_of("BatchNumber").map(ToOwned::to_owned),
            expiry: self.day(child, "ExpiryDate"),
            ..Immunisation::default()
        });
        for name in ["Notes", "Dosage"] {
            self.words(child, name, "Vaccination", base);
        }
        let entry = self.entry(base, child, "Vaccination", code, body);
        self.entries.push(entry);
    }

    fn recall(&mut self, child: &Element, base: &Base) {
        let code = child.text_of("Type").map(Coded::term).unwrap_or_default();
        let date = self.day(child, "RecallDate");
        let status = child.text_of("Status").map(ToOwned::to_owned);
        self.words(child, "FreeText", "Recall", base);
        let mut entry = self.entry(base, child, "Recall", code, Body::Diary);
        entry.category = status;
        if let Some(date) = date {
            entry.date = date;
        }
        self.entries.push(entry);
    }

    fn reminder(&mut self, child: &Element, base: &Base) {
        self.words(child, "FreeText", "Reminder", base);
        let alert = Alert {
            expires: self.day(child, "ExpiryDate"),
            severity: child.text_of("Severity").map(ToOwned::to_owned),
        };
        let entry = self.entry(base, child, "Reminder", coded(child), Body::Alert(alert));
        self.entries.push(entry);
    }

    fn letter(&mut self, child: &Element, base: &Base) {
        let kind = child.text_of("Type").unwrap_or_default().to_owned();
        let mut code = coded(child);
        if code.text.is_none() && !kind.is_empty() {
            code.text = Some(kind.clone());
        }
        let inbound = match child.text_of("Direction") {
            Some("Incoming") => Some(true),
            Some("Outgoing") => Some(false),
            _ => None,
        };
        let to = child
            .text_of("RecipientOrganisation")
            .map(|name| self.organisation(name));
        let from = child
            .text_of("SenderOrganisation")
            .map(|name| self.organisation(name));
        let date = self.day(child, "DateSentReceived");
        for name in [
            "RecipientName",
            "RecipientAddress",
            "SenderName",
            "SenderAddress",
            "DocumentUid",
            "DocumentUID",
        ] {
            if let Some(part) = child.child(name) {
                part.settle();
                if !part.is_blank() {
                    self.lose(
                        &format!("Letter/{name}"),
                        Some(&base.uid),
                        None,
                        "administrative",
                    );
                }
            }
        }
        let words = kind.to_lowercase();
        let is_referral =
            inbound != Some(true) && (base.linked_referral.is_some() || words.contains("referral"));
        let body = if is_referral {
            Body::Referral(Referral {
                speciality: child.text_of("Speciality").map(Coded::term),
                admission: words.contains("admission"),
                urgency: child.text_of("Urgency").map(ToOwned::to_owned),
                inbound,
                mode: Some("Letter".to_owned()),
                to,
                from,
                ..Referral::default()
            })
        } else {
            Body::Document(Document {
                discharge: words.contains("discharge"),
                inbound,
            })
        };
        let mut entry = self.entry(base, child, "Letter", code, body);
        entry.category = Some(kind).filter(|kind| !kind.is_empty());
        if let Some(date) = date {
            entry.date = date;
        }
        self.entries.push(entry);
    }

    fn attachment(&mut self, child: &Element, base: &Base) {
        for name in ["FileName", "Comments", "URL"] {
            self.words(child, name, "Attachment", base);
        }
        for name in ["FileSize", "DocumentUID", "DocumentUid"] {
            if child.text_of(name).is_some() {
                self.lose(
                    &format!("Attachment/{name}"),
                    Some(&base.uid),
                    None,
                    "administrative",
                );
            }
        }
        let body = Body::Document(Document {
            discharge: false,
            inbound: None,
        });
        let entry = self.entry(base, child, "Attachment", coded(child), body);
        self.entries.push(entry);
    }

    fn entry(
        &mut self,
        base: &Base,
        child: &Element,
        name: &str,
        code: Coded,
        body: Body,
    ) -> Entry {
        let private = is_private(child);
        let said = code
            .codings
            .first()
            .map(|c| c.code.clone())
            .or_else(|| code.text.clone())
            .unwrap_or_default();
        let detail = match &body {
            Body::Medication(m) => m.start.as_ref().map(ToString::to_string),
            Body::Immunisation(i) => i.part.clone(),
            Body::Report(r) => r.issued.as_ref().map(ToString::to_string),
            _ => None,
        };
        // Private statements are numbered apart, so that taking them away renumbers nothing.
        let mark = if private || base.private {
            "/private"
        } else {
            ""
        };
        let id = self.unique(&format!(
            "{}/{name}/{said}/{}{mark}",
            base.uid,
            detail.unwrap_or_default()
        ));
        let mut links: Vec<String> = base.links.clone();
        links.extend(
            child
                .children("LinkedProblemUID")
                .filter_map(Element::own_text)
                .map(ToOwned::to_owned),
        );
        Entry {
            id,
            path: format!("{PATH}/{name}"),
            code,
            date: base.date.clone(),
            recorded: None,
            clinician: base.clinician.clone(),
            recorder: None,
            organisation: base.organisation.clone(),
            encounter: Some(base.uid.clone()),
            parent: None,
            problem: None,
            linked_problems: links,
            restrictions: if private || base.private {
                vec![Restriction::Private]
            } else {
                Vec::new()
            },
            category: None,
            episodicity: None,
            body,
        }
    }

    /// The same code once plain and once as the problem's header is one statement (sources.md 4.8, 1).
    fn merge_duplicates(&mut self, first: usize) {
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
                    self.lose("ClinicalCode", Some(&gone), None, "merged-duplicate");
                }
                None => kept.push(entry),
            }
        }
        self.entries.append(&mut kept);
    }

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
                None,
                "end-before-start",
            );
            return None;
        }
        end
    }

    fn unique(&mut self, id: &str) -> String {
        let made = self.made.entry(id.to_owned()).or_insert(0);
        *made += 1;
        if *made == 1 {
            id.to_owned()
        } else {
            format!("{id}/{made}")
        }
    }

    /// A person by user name; the same user name with other words in `DoneBy` is another person (sources.md 4.8, 12).
    pub fn staff(&mut self, user: Option<&str>, done_by: Option<&str>) -> Option<String> {
        let words = done_by.map(str::trim).filter(|text| !text.is_empty());
        let (name, role) = words.map_or((None, None), person);
        let name = name.or_else(|| user.map(ToOwned::to_owned))?;
        let mut id = user.map_or_else(|| name.clone(), ToOwned::to_owned);
        match self.staff.iter().find(|known| known.id == id) {
            Some(known) if known.name == name || words.is_none() => return Some(id),
            Some(_) => {
                id = format!("{id}|{name}");
                if self.staff.iter().any(|known| known.id == id) {
                    return Some(id);
                }
            }
            None => {}
        }
        self.staff.push(Staff {
            id: id.clone(),
            name,
            role,
            gmc: None,
        });
        Some(id)
    }

    fn organisation(&mut self, name: &str) -> String {
        if !self.organisations.iter().any(|known| known.id == name) {
            self.organisations.push(Organisation {
                id: name.to_owned(),
                name: name.to_owned(),
                ods: None,
            });
        }
        name.to_owned()
    }

    fn day(&mut self, element: &Element, name: &str) -> Option<PartialDate> {
        let text = element.text_of(name)?;
        self.moment(text, name)
    }

    fn moment(&mut self, text: &str, path: &str) -> Option<PartialDate> {
        let read = date(text);
        if read.is_none() {
            self.lose(path, None, None, "unparsed-date");
        }
        read
    }

    /// Words that never leave are counted where they stood.
    fn words(&mut self, element: &Element, name: &str, parent: &str, base: &Base) {
        if let Some(part) = element.child(name) {
            part.settle();
            if !part.is_blank() {
                self.lose(
                    &format!("{parent}/{name}"),
                    Some(&base.uid),
                    None,
                    "free-text",
                );
            }
        }
    }

    fn lose(&mut self, path: &str, id: Option<&str>, code: Option<&str>, reason: &str) {
        self.losses.push(Loss {
            path: format!("{PATH}/{path}"),
            native_id: id.map(ToOwned::to_owned),
            code: code.map(ToOwned::to_owned),
            reason: reason.to_owned(),
        });
    }
}

/// What every child of one event has from it.
struct Base {
    uid: String,
    date: PartialDate,
    clinician: Option<String>,
    organisation: Option<String>,
    private: bool,
    links: Vec<String>,
    linked_referral: Option<String>,
}

/// `Private="true"`: our extension (docs/sources-wire.md). Any value but a plain no is private (fail closed).
fn is_private(element: &Element) -> bool {
    element
        .attr("Private")
        .is_some_and(|value| !matches!(value, "false" | "0"))
}

/// With a reason it was stopped; without an end it goes on; else whoever knows the day decides (sources.md 4.8, 6).
fn ended_status(end: Option<&PartialDate>, reason: Option<&Coded>) -> CourseStatus {
    match (end, reason) {
        (_, Some(_)) => CourseStatus::Stopped,
        (None, None) => CourseStatus::Active,
        (Some(_), None) => CourseStatus::Unknown,
    }
}

/// `SURNAME, First (Role) ` to name and role.
fn person(text: &str) -> (Option<String>, Option<String>) {
    let (name, role) = match text.rsplit_once('(') {
        Some((name, rest)) => (
            name.trim(),
            rest.trim()
                .strip_suffix(')')
                .map(|role| role.trim().to_owned()),
        ),
        None => (text, None),
    };
    (
        Some(name.to_owned()).filter(|name| !name.is_empty()),
        role.filter(|role| !role.is_empty()),
    )
}

/// A date, or a date and time; midnight is how the system writes a day without a time.
fn date(text: &str) -> Option<PartialDate> {
    if let Ok(day) = text.parse::<Date>()
        && !text.contains('T')
    {
        return Some(PartialDate::Day(day));
    }
    let local: DateTime = text.parse().ok()?;
    Some(if local.time() == jiff::civil::Time::midnight() {
        PartialDate::Day(local.date())
    } else {
        PartialDate::london(local)
    })
}
