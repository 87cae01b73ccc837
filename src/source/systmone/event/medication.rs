//! `Medication` (an acute course, or an issue of a repeat) and `RepeatMedication` (the template).

use std::collections::HashMap;

use jiff::civil::Date;

use super::{Base, Clinical};
use crate::record::{
    Body, Coded, Coding, Course, CourseStatus, Entry, Issue, Medication, PartialDate, Quantity,
    Restriction,
};
use crate::source::systmone::code::{drug, quantity};
use crate::source::xml::Element;

/// What both kinds say alike.
struct Said {
    code: Coded,
    start: Option<PartialDate>,
    end: Option<PartialDate>,
    reason: Option<Coded>,
    dosage: Option<String>,
    quantity_text: Option<String>,
    quantity: Option<Quantity>,
    private: bool,
    elsewhere: bool,
}

impl Clinical {
    pub(super) fn medication(&mut self, child: &Element, base: &Base) {
        let said = self.said(child, "Medication", base);
        let detail = [
            child.text_of("StartDate"),
            child.text_of("Quantity"),
            child.text_of("Dose"),
        ];
        let mut entry = if child.child("RepeatIssue").is_some() {
            self.issue(child, said, &detail, base)
        } else {
            let days = self.days(&said);
            let body = Body::Medication(Box::new(Medication {
                course: Course::Acute,
                status: ended_status(said.end.as_ref(), said.reason.as_ref()),
                dosage: said.dosage,
                quantity_text: said.quantity_text,
                quantity: said.quantity,
                issue_days: days,
                start: said.start.clone(),
                stopped: said.reason.map(|reason| (said.end.clone(), Some(reason))),
                end: said.end,
                private: said.private,
                elsewhere: said.elsewhere,
                is_own_issue: !said.elsewhere,
                ..Medication::default()
            }));
            let mut entry = self.entry(base, child, "Medication", said.code, &detail, body);
            if let Some(start) = said.start {
                entry.date = start;
            }
            entry
        };
        self.repair_course(&mut entry);
        self.push(entry);
    }

    /// One issue of a repeat: what it is an issue of is found at the end.
    fn issue(
        &mut self,
        child: &Element,
        said: Said,
        detail: &[Option<&str>],
        base: &Base,
    ) -> Entry {
        let days = self.days(&said);
        let (start, end) = (said.start.clone(), said.end.clone());
        let stopped = said.reason.is_some();
        let body = Body::Issue(Box::new(Issue {
            course: None,
            dosage: said.dosage,
            quantity_text: said.quantity_text,
            quantity: said.quantity,
            days,
            method: None,
            cancelled: false,
            private: said.private,
        }));
        let mut entry = self.entry(base, child, "Medication", said.code, detail, body);
        if stopped {
            self.lose("Medication/EndReason", Some(&entry.id), "no-place");
        }
        if before(start.as_ref(), end.as_ref()) {
            self.lose("Medication/EndDate", Some(&entry.id), "end-before-start");
        }
        if let Some(start) = start {
            entry.date = start;
        }
        entry
    }

    pub(super) fn repeat(&mut self, child: &Element, base: &Base) {
        let said = self.said(child, "RepeatMedication", base);
        let days = self.count(child, "IssueDurationDays", "RepeatMedication", base);
        let issues = self.count(child, "MaxIssues", "RepeatMedication", base);
        let medication = Medication {
            course: Course::Repeat,
            status: ended_status(said.end.as_ref(), said.reason.as_ref()),
            dosage: said.dosage,
            quantity: said.quantity,
            quantity_text: said.quantity_text,
            issue_days: days,
            start: said.start.clone(),
            stopped: said.reason.map(|reason| (said.end.clone(), Some(reason))),
            end: said.end,
            review: self.day(child, "ReviewDate", "RepeatMedication", base),
            issues_authorised: issues,
            private: said.private,
            elsewhere: said.elsewhere,
            ..Medication::default()
        };
        let detail = [
            child.text_of("StartDate"),
            child.text_of("Quantity"),
            child.text_of("Dose"),
        ];
        let body = Body::Medication(Box::new(medication));
        let mut entry = self.entry(base, child, "RepeatMedication", said.code, &detail, body);
        if let Some(start) = said.start {
            entry.date = start;
        }
        self.repair_course(&mut entry);
        self.push(entry);
    }

    fn said(&mut self, child: &Element, name: &str, base: &Base) -> Said {
        let quantity_text = child.text_of("Quantity").map(ToOwned::to_owned);
        let kind = child.text_of("MedicationType");
        if kind
            .is_some_and(|k| !matches!(k, "NHS medication" | "Private issue" | "Other medication"))
        {
            self.lose(
                &format!("{name}/MedicationType"),
                Some(&base.uid),
                "unknown-word",
            );
        }
        Said {
            code: drug(child),
            start: self.day(child, "StartDate", name, base),
            end: self.day(child, "EndDate", name, base),
            // An empty element is no reason (SystmOne pitfall 7).
            reason: child.text_of("EndReason").map(Coded::term),
            dosage: child.text_of("Dose").map(ToOwned::to_owned),
            quantity: quantity_text.as_deref().and_then(quantity),
            quantity_text,
            private: kind == Some("Private issue"),
            elsewhere: kind == Some("Other medication"),
        }
    }

    /// How long a supply lasts, where both ends are known.
    fn days(&self, said: &Said) -> Option<u32> {
        let start = said.start.as_ref().and_then(PartialDate::earliest)?;
        let end = said.end.as_ref().and_then(PartialDate::earliest)?;
        if end <= start {
            return None;
        }
        u32::try_from((end - start).get_days()).ok()
    }

    /// A whole number; 0 and below stand for none (SystmOne pitfall 3).
    fn count(&mut self, child: &Element, name: &str, parent: &str, base: &Base) -> Option<u32> {
        let text = child.text_of(name)?;
        let Ok(number) = text.parse::<i64>() else {
            self.lose(
                &format!("{parent}/{name}"),
                Some(&base.uid),
                "unparsed-number",
            );
            return None;
        };
        u32::try_from(number).ok().filter(|n| *n > 0)
    }

    /// Real data holds courses that end before they start: the end is dropped and counted (SystmOne pitfall 6).
    fn repair_course(&mut self, entry: &mut Entry) {
        let Body::Medication(course) = &mut entry.body else {
            return;
        };
        if !before(Some(&entry.date), course.end.as_ref()) {
            return;
        }
        course.end = None;
        if let Some((stopped, _)) = &mut course.stopped {
            *stopped = None;
        }
        // It did end, only when is not known.
        if course.status == CourseStatus::Unknown {
            course.status = CourseStatus::Completed;
        }
        self.lose("Medication/EndDate", Some(&entry.id), "end-before-start");
    }

    /// An issue of a repeat names no template: the template of the same product that had started by then is the one.
    pub(super) fn tie_issues(&mut self) {
        type Drug = (Vec<Coding>, Option<String>);
        struct Template {
            id: String,
            start: Option<Date>,
            hidden: bool,
        }
        let mut templates: HashMap<Drug, Vec<Template>> = HashMap::new();
        for entry in &self.entries {
            if matches!(&entry.body, Body::Medication(m) if m.course == Course::Repeat) {
                let drug = (entry.code.codings.clone(), entry.code.text.clone());
                templates.entry(drug).or_default().push(Template {
                    id: entry.id.clone(),
                    start: entry.date.earliest(),
                    hidden: entry.restrictions.contains(&Restriction::Private),
                });
            }
        }
        let mut untied = Vec::new();
        for entry in &mut self.entries {
            let day = entry.date.earliest();
            let Body::Issue(issue) = &mut entry.body else {
                continue;
            };
            let private = entry.restrictions.contains(&Restriction::Private);
            let drug = (entry.code.codings.clone(), entry.code.text.clone());
            let fitting = templates.get(&drug).into_iter().flatten().filter(|one| {
                (private || !one.hidden)
                    && one
                        .start
                        .is_none_or(|start| day.is_none_or(|day| start <= day))
            });
            issue.course = fitting
                .max_by_key(|one| one.start)
                .map(|one| one.id.clone());
            if issue.course.is_none() {
                untied.push(entry.id.clone());
            }
        }
        for id in untied {
            self.lose("Medication/RepeatIssue", Some(&id), "issue-without-course");
        }
    }
}

/// Does it end before it starts?
fn before(start: Option<&PartialDate>, end: Option<&PartialDate>) -> bool {
    match (
        start.and_then(PartialDate::earliest),
        end.and_then(PartialDate::latest),
    ) {
        (Some(start), Some(end)) => end < start,
        _ => false,
    }
}

/// With a reason it was stopped; without an end it goes on; else whoever knows the day decides (SystmOne pitfalls 6 and 8:
/// derived once, here and by the day in mapping).
fn ended_status(end: Option<&PartialDate>, reason: Option<&Coded>) -> CourseStatus {
    match (end, reason) {
        (_, Some(_)) => CourseStatus::Stopped,
        (None, None) => CourseStatus::Active,
        (Some(_), None) => CourseStatus::Unknown,
    }
}
