//! `medication` (a course) and `medicationIssue`.

use jiff::ToSpan;

use crate::record::{CourseStatus, Issue, Medication, PartialDate};
use crate::source::emis::dates;
use crate::source::emis::losses::{Losses, Spot};
use crate::source::emis::values::{amount, count, words, yes};
use crate::source::emis::words as terms;
use crate::source::xml::Element;

use super::{deleted, reference};

/// A course. `created` is the message's own time.
pub(super) fn course(
    element: &Element,
    created: Option<&str>,
    spot: &Spot,
    losses: &mut Losses,
) -> Medication {
    let mut day = |name: &str| {
        let date = element.text_of(name).map(dates::iso_day)?;
        losses.date(spot, &format!("medication/{name}"), date)
    };
    let expiry = day("expiryDate");
    let review = day("reviewDate");
    let first_issue = day("firstIssueDate");
    let last_issue = day("mostRecentIssueDate");
    let issue_days = count(element.text_of("durationOfIssue"));
    let cancelled = element.child("cancellation").filter(|c| !c.is_blank());
    let cancelled = cancelled.map(|c| {
        let _ = c.text_of("id");
        let date = c.text_of("cancellationDateTime").map(dates::iso_day);
        date.and_then(|d| losses.date(spot, "medication/cancellation", d))
    });
    let facts = Facts {
        said: element.text_of("drugStatus"),
        cancelled: cancelled.is_some(),
        expiry: expiry.as_ref(),
        last_issue: last_issue.as_ref(),
        issue_days,
        created: created.and_then(|c| dates::iso_day(c).ok()),
    };
    let (status, inferred_end) = course_status(&facts);
    let authorised: u32 = element
        .children("authorisedIssues")
        .filter(|a| !deleted(a))
        .filter_map(|a| {
            let number = a.text_of("authorisedIssues").or_else(|| a.own_text());
            count(number)
        })
        .fold(0, u32::saturating_add);
    Medication {
        course: terms::course(element.text_of("prescriptionType")),
        status,
        dosage: element.text_of("dosage").map(str::to_owned),
        quantity_text: quantity_text(element),
        quantity: amount(element.text_of("quantity"), element.text_of("quantityUnit")),
        issue_days,
        start: first_issue,
        end: expiry.or(inferred_end),
        // An active course may carry a cancellation of something that went on being issued: the course's own word counts.
        stopped: cancelled
            .filter(|_| status == CourseStatus::Stopped)
            .map(|date| (date, None)),
        review,
        last_issue,
        issues_made: count(element.text_of("numberOfIssues")),
        issues_authorised: Some(authorised).filter(|n| *n > 0),
        private: yes(element.text_of("private")),
        elsewhere: matches!(
            element.text_of("mostRecentIssueMethod"),
            Some("O" | "OTC" | "OOOH" | "OH")
        ),
        is_own_issue: false,
    }
}

/// What decides a course's state.
struct Facts<'a> {
    said: Option<&'a str>,
    cancelled: bool,
    expiry: Option<&'a PartialDate>,
    last_issue: Option<&'a PartialDate>,
    issue_days: Option<u32>,
    created: Option<PartialDate>,
}

/// The state of a course and, where nothing says when it ended, the end that follows from its last issue. The one place
/// that decides (pitfall 6): active means active, whatever else is there; cancelled with a cancellation is stopped; cancelled without one
/// ran out with its last issue; never active was never issued; not said goes by the dates.
fn course_status(facts: &Facts<'_>) -> (CourseStatus, Option<PartialDate>) {
    match facts.said {
        Some("A") => (CourseStatus::Active, None),
        Some("N") => (CourseStatus::NeverIssued, None),
        Some("C") if facts.cancelled => (CourseStatus::Stopped, None),
        Some("C") => {
            let end = match (facts.expiry, facts.last_issue, facts.issue_days) {
                (None, Some(last), Some(days)) => last
                    .latest()
                    .and_then(|d| d.checked_add(i64::from(days).days()).ok())
                    .map(PartialDate::Day),
                _ => None,
            };
            (CourseStatus::Completed, end)
        }
        _ if facts.cancelled => (CourseStatus::Stopped, None),
        _ => {
            let over = facts.expiry.and_then(PartialDate::latest);
            let now = facts.created.as_ref().and_then(PartialDate::earliest);
            match (over, now) {
                (Some(over), Some(now)) if over < now => (CourseStatus::Completed, None),
                _ => (CourseStatus::Unknown, None),
            }
        }
    }
}

/// One issue. An issue without its course is one all the same (pitfall 6).
pub(super) fn issue(element: &Element) -> Issue {
    Issue {
        course: reference(element, "medication"),
        dosage: element.text_of("dosage").map(str::to_owned),
        quantity_text: quantity_text(element),
        quantity: amount(element.text_of("quantity"), element.text_of("quantityUnit")),
        days: count(element.text_of("durationOfIssue")),
        method: element.text_of("issueMethod").map(str::to_owned),
        cancelled: yes(element.text_of("cancelled")),
        private: yes(element.text_of("private")),
    }
}

fn quantity_text(element: &Element) -> Option<String> {
    let written = element.text_of("quantityRepresentation").map(str::to_owned);
    written.or_else(|| {
        let number = element.text_of("quantity");
        amount(number, None)?;
        Some(words(&[number, element.text_of("quantityUnit")]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(said: Option<&str>, cancelled: bool) -> CourseStatus {
        let day = |text| dates::iso_day(text).unwrap();
        let (status, _) = course_status(&Facts {
            said,
            cancelled,
            expiry: Some(&day("2020-01-01")),
            last_issue: None,
            issue_days: None,
            created: Some(day("2024-01-01")),
        });
        status
    }

    // EMIS pitfalls 6 and 7: trust the course's own word; expired and cancelled differ.
    #[test]
    fn the_courses_own_word_counts() {
        assert_eq!(status(Some("A"), true), CourseStatus::Active);
        assert_eq!(status(Some("A"), false), CourseStatus::Active);
        assert_eq!(status(Some("C"), true), CourseStatus::Stopped);
        assert_eq!(status(Some("C"), false), CourseStatus::Completed);
        assert_eq!(status(Some("N"), false), CourseStatus::NeverIssued);
        assert_eq!(status(None, true), CourseStatus::Stopped);
        assert_eq!(status(None, false), CourseStatus::Completed);
    }

    // EMIS pitfall 6: inactive without a cancellation date ended with its last issue.
    #[test]
    fn the_end_follows_from_the_last_issue() {
        let last = dates::iso_day("2020-01-01").unwrap();
        let (status, end) = course_status(&Facts {
            said: Some("C"),
            cancelled: false,
            expiry: None,
            last_issue: Some(&last),
            issue_days: Some(28),
            created: None,
        });
        assert_eq!(status, CourseStatus::Completed);
        assert_eq!(end.and_then(|d| d.to_fhir()).as_deref(), Some("2020-01-29"));
    }
}
