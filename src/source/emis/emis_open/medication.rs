//! `Medication` (a course) and `Issue`.

use jiff::ToSpan;

use crate::record::{Body, Course, CourseStatus, Issue, Medication, PartialDate};
use crate::source::emis::draft::{is_null, native};
use crate::source::emis::values::{amount, count};
use crate::source::emis::words;
use crate::source::xml::Element;

use super::item::{coded, date, quantity_text};
use super::{Place, Reader};

impl Reader {
    /// A course. Its state is decided at the message's end, where the message's date is.
    pub(super) fn medication(&mut self, element: &Element, place: Place<'_>) {
        let path = format!("{}/Medication", place.list);
        let Some((mut entry, spot)) = self.entry(element, place, path) else {
            return;
        };
        entry.code = drug(element);
        let spot = spot.coded(&entry.code);
        let losses = &mut self.draft.losses;
        let mut day = |name| date(element, name, &spot, losses);
        let method = element.text_of("IssueMethod");
        let source = element
            .text_of("DrugSource")
            .map(words::plain)
            .unwrap_or_default();
        entry.body = Body::Medication(Box::new(Medication {
            course: words::course(element.text_of("PrescriptionType")),
            status: CourseStatus::Unknown,
            dosage: element.text_of("Dosage").map(str::to_owned),
            quantity_text: quantity_text(element),
            quantity: amount(
                element.text_of("Quantity"),
                element.text_of("QuantityUnits"),
            ),
            issue_days: count(element.text_of("Duration")),
            start: None,
            end: day("DateRxExpire"),
            stopped: None,
            review: day("RxReviewDate"),
            last_issue: day("DateLastIssue"),
            issues_made: count(element.text_of("IssueCount")),
            issues_authorised: count(element.text_of("AuthorisedIssue")),
            private: method == Some("X") || element.text_of("ServiceType") == Some("X"),
            elsewhere: method == Some("O") || source.contains("hospital"),
            is_own_issue: false,
        }));
        let letter = element.text_of("Status").map(str::to_owned);
        self.states.push((self.draft.entries.len(), letter));
        let losses = &mut self.draft.losses;
        losses.number(&spot, "Quantity", element.text_of("Quantity"));
        losses.sweep(&spot, element);
        self.draft.push(entry);
    }

    /// One issue; its course is named by `MedicationLink` or, as in real messages, by `OldGUID`.
    pub(super) fn issue(&mut self, element: &Element, place: Place<'_>) {
        let path = format!("{}/Issue", place.list);
        let Some((mut entry, spot)) = self.entry(element, place, path) else {
            return;
        };
        entry.code = drug(element);
        let spot = spot.coded(&entry.code);
        let link = element.child("MedicationLink").and_then(|link| {
            let _ = (link.text_of("PreparationID"), link.text_of("SystemDate"));
            link.text_of("GUID")
        });
        let old = element.text_of("OldGUID");
        let course = [link, old].into_iter().flatten().find(|id| !is_null(id));
        let method = element.text_of("IssueMethod");
        entry.body = Body::Issue(Box::new(Issue {
            course: course.map(native),
            dosage: element.text_of("Dosage").map(str::to_owned),
            quantity_text: quantity_text(element),
            quantity: amount(
                element.text_of("Quantity"),
                element.text_of("QuantityUnits"),
            ),
            days: count(element.text_of("Duration")),
            method: method.map(str::to_owned),
            cancelled: false,
            private: method == Some("X") || element.text_of("ServiceType") == Some("X"),
        }));
        let losses = &mut self.draft.losses;
        losses.number(&spot, "Quantity", element.text_of("Quantity"));
        losses.sweep(&spot, element);
        self.draft.push(entry);
    }
}

/// A preparation, or the name of a mixture.
fn drug(element: &Element) -> crate::record::Coded {
    let Some(drug) = element.child("Drug") else {
        return crate::record::Coded::default();
    };
    let mut code = coded(drug.child("PreparationID"));
    if let Some(mixture) = drug.child("Mixture") {
        let _ = mixture.child("LocalMixture").map(Element::settle);
        let name = mixture.text_of("MixtureName").map(str::to_owned);
        code.text = code.text.or(name);
    }
    code
}

/// The state of a course and, where nothing says when it ended, the end that follows from its last issue. The one place
/// that decides (pitfalls 6 and 7).
///
/// `C` is an authorised course: it stays so past its expiry date. A repeat is then current still, its authorisation wants
/// renewing; an acute has run its course. `P` is a past course: before its expiry date it was stopped, after it it was
/// completed. `N` was never issued. The meaning of the other letters is not published: not said.
pub(super) fn decide(course: &mut Medication, letter: Option<&str>, created: &PartialDate) {
    let now = created.earliest();
    let over = course.end.as_ref().and_then(PartialDate::latest);
    let expired = matches!((over, now), (Some(over), Some(now)) if over < now);
    course.status = match letter {
        Some("C") if course.course == Course::Acute && expired => CourseStatus::Completed,
        Some("C") => CourseStatus::Active,
        Some("P") if matches!((over, now), (Some(over), Some(now)) if over > now) => {
            CourseStatus::Stopped
        }
        Some("P") => CourseStatus::Completed,
        Some("N") => CourseStatus::NeverIssued,
        _ => CourseStatus::Unknown,
    };
    if course.status == CourseStatus::Completed
        && course.end.is_none()
        && let (Some(last), Some(days)) = (&course.last_issue, course.issue_days)
    {
        let end = last.latest();
        let end = end.and_then(|d| d.checked_add(i64::from(days).days()).ok());
        course.end = end.map(PartialDate::Day);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn status(letter: Option<&str>, course: Course, end: jiff::civil::Date) -> CourseStatus {
        let mut medication = Medication {
            course,
            end: Some(PartialDate::Day(end)),
            ..Medication::default()
        };
        decide(
            &mut medication,
            letter,
            &PartialDate::Day(date(2014, 3, 20)),
        );
        medication.status
    }

    // EMIS pitfall 7: past its expiry date and still C is not cancelled.
    #[test]
    fn expired_and_stopped_differ() {
        let past = date(2014, 1, 1);
        let future = date(2014, 4, 1);
        assert_eq!(
            status(Some("C"), Course::Acute, future),
            CourseStatus::Active
        );
        assert_eq!(
            status(Some("C"), Course::Acute, past),
            CourseStatus::Completed
        );
        assert_eq!(
            status(Some("C"), Course::Repeat, past),
            CourseStatus::Active
        );
        assert_eq!(
            status(Some("P"), Course::Repeat, past),
            CourseStatus::Completed
        );
        assert_eq!(
            status(Some("P"), Course::Repeat, future),
            CourseStatus::Stopped
        );
        assert_eq!(
            status(Some("N"), Course::Repeat, future),
            CourseStatus::NeverIssued
        );
        assert_eq!(
            status(Some("G"), Course::Repeat, future),
            CourseStatus::Unknown
        );
        assert_eq!(status(None, Course::Repeat, future), CourseStatus::Unknown);
    }
}
