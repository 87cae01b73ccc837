//! Medication: a MedicationStatement and its plan for every course, an order for every issue (profiles.md 4, 8; R025).

use super::common;
use super::condition::is_over;
use super::loss::{Losses, reason};
use super::tables::Field;
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, Resource, build};
use crate::record::{Body, Course, CourseStatus, Entry, Issue, Medication, PartialDate, Quantity};
use crate::tabs::catalogue::Section;

const STATEMENT_CATEGORY: &str =
    "http://terminology.hl7.org/CodeSystem/medication-statement-category";
const REQUEST_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/medicationrequest-category";
const COURSE_TYPE: &str =
    "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy";
const UK_COURSE_TYPE: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-MedicationRequestCourseOfTherapy";
const PRESCRIBED_BY: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-MedicationPrescribingOrganizationType";

/// A course: statement, plan, and the one order of it where the course is its own issue (SystmOne acute).
pub fn course(work: &mut Work<'_>, losses: &mut Losses, at: usize, own_issue: bool) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let Body::Medication(body) = &entry.body else {
        return;
    };
    let status = status(body, work.ctx.today);
    let start = body.start.as_ref().unwrap_or(&entry.date);
    let unknown = PartialDate::Unknown;
    let stopped_on = body.stopped.as_ref().and_then(|(on, _)| on.as_ref());
    let end = stopped_on.or(body.end.as_ref()).unwrap_or(&unknown);
    let (period, backwards) = common::period(start, end);
    if backwards {
        losses.entry(entry, "end", reason::END_BEFORE_START);
    }
    let statement = statement(work, losses, at, body, status, period.clone());
    let plan = plan(work, losses, at, body, status, period);
    work.push(at, plan);
    work.push(at, statement);
    if own_issue {
        let issue = own_order(work, losses, at, body, status);
        work.push(at, issue);
    }
}

/// One issue.
pub fn issue(work: &mut Work<'_>, losses: &mut Losses, at: usize) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let Body::Issue(body) = &entry.body else {
        return;
    };
    let course = body.course.as_deref().and_then(|id| work.tree.find(id));
    let course = course
        .and_then(|at| work.tree.get(at))
        .filter(|course| matches!(course.body, Body::Medication(_)));
    if body.course.is_some() && course.is_none() {
        losses.entry(entry, "course", reason::DANGLING);
    }
    let code = match course {
        Some(course) if entry.code.is_empty() => &course.code,
        _ => &entry.code,
    };
    let id = work.id(Kind::MedicationRequest, &entry.id, "");
    let sections = vec![Section::MedicationIssues];
    let status = if body.cancelled {
        "cancelled"
    } else {
        order_status(&entry.date, body.days, work.ctx.today)
    };
    let mut extension = work.recorded(entry);
    let method = body.method.as_deref();
    if let Some(word) = work.word(losses, entry, Field::IssueMethod, "method", method) {
        extension.push(common::words_extension("issue-method", &word.display));
    }
    extension.extend(private(body.private));
    let kind = course.and_then(|course| match &course.body {
        Body::Medication(course) => course_type(work, course.course),
        _ => None,
    });
    let requester = work.practitioner(entry.clinician.as_deref());
    let recorder = work.practitioner(entry.recorder.as_deref());
    let resource = resources::MedicationRequest {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("MedicationRequest")], &sections),
        extension,
        identifier: work.identifier(&entry.id, ""),
        status: status.into(),
        intent: "order".into(),
        category: vec![community(REQUEST_CATEGORY)],
        medication: resources::MedicationRequestMedication::CodeableConcept(common::concept_or(
            code,
            "Medication without a name",
        )),
        subject: work.subject(),
        encounter: work.encounter_of(at),
        authored_on: common::date_time(&entry.date),
        requester,
        recorder,
        reason_reference: work.problems_of(at, losses),
        based_on: course
            .map(|course| {
                let plan = work.id(Kind::MedicationRequest, &course.id, "");
                build::reference(Kind::MedicationRequest, &plan)
            })
            .into_iter()
            .collect(),
        course_of_therapy_type: kind,
        dosage_instruction: dosage(body.dosage.as_deref()),
        dispense_request: issue_supply(work, body),
        substitution: Some(substitution()),
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::MedicationRequest,
            id,
            resource: Resource::MedicationRequest(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}

/// What the source left open, the day decides: a course whose end has passed has run its course (sources.md 4.8, 6).
fn status(body: &Medication, today: jiff::civil::Date) -> CourseStatus {
    match (body.status, &body.end) {
        (CourseStatus::Unknown, Some(end)) if is_over(end, today) => CourseStatus::Completed,
        (CourseStatus::Unknown, Some(end)) if end.latest().is_some() => CourseStatus::Active,
        (status, _) => status,
    }
}

fn status_word(status: CourseStatus) -> &'static str {
    match status {
        CourseStatus::Active => "active",
        CourseStatus::Completed => "completed",
        CourseStatus::Stopped => "stopped",
        CourseStatus::NeverIssued => "never-issued",
        CourseStatus::Unknown => "unknown",
    }
}

/// What is not known to be over is current.
fn is_past(status: CourseStatus) -> bool {
    matches!(status, CourseStatus::Completed | CourseStatus::Stopped)
}

fn coded_status(work: &Work<'_>, field: Field, status: CourseStatus) -> types::Code {
    let word = work.ctx.tables.word(field, status_word(status));
    word.map_or("unknown", |word| word.code.as_str()).into()
}

fn statement(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    body: &Medication,
    status: CourseStatus,
    period: Option<Box<types::Period>>,
) -> Made {
    let entry = work.tree.get(at);
    let native = entry.map_or("", |entry| entry.id.as_str());
    let id = work.id(Kind::MedicationStatement, native, "");
    let plan = work.id(Kind::MedicationRequest, native, "");
    let sections = if is_past(status) {
        vec![Section::MedicationPast]
    } else {
        vec![Section::SummaryMedication, Section::MedicationCurrent]
    };
    let mut extension = Vec::new();
    // A course that is its own issue was last issued when it began.
    let own = entry.filter(|_| body.is_own_issue).map(|entry| &entry.date);
    let last_issue = body
        .last_issue
        .as_ref()
        .or(body.start.as_ref().filter(|_| body.is_own_issue))
        .or(own);
    let last_issue = last_issue.and_then(common::date_time);
    if let Some(date) = last_issue {
        extension.push(build::extension(
            &common::uk_extension("MedicationStatementLastIssueDate"),
            types::ExtensionValue::DateTime(date),
        ));
    }
    if body.elsewhere {
        let by = build::concept(
            PRESCRIBED_BY,
            "prescribed-by-another-organisation",
            Some("Prescribed by another organisation"),
        );
        extension.push(build::extension(
            &common::uk_extension("MedicationPrescribingOrganizationType"),
            types::ExtensionValue::CodeableConcept(Box::new(by)),
        ));
    }
    let source = work.practitioner(entry.and_then(|entry| entry.clinician.as_deref()));
    let resource = resources::MedicationStatement {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("MedicationStatement")], &sections),
        extension,
        identifier: work.identifier(native, "-statement"),
        based_on: vec![build::reference(Kind::MedicationRequest, &plan)],
        status: coded_status(work, Field::StatementStatus, status),
        status_reason: stop_reason(body).into_iter().map(|why| *why).collect(),
        category: Some(Box::new(community(STATEMENT_CATEGORY))),
        medication: resources::MedicationStatementMedication::CodeableConcept(medicine(entry)),
        subject: work.subject(),
        context: work.encounter_of(at),
        effective: period.map(resources::MedicationStatementEffective::Period),
        date_asserted: entry
            .and_then(|entry| entry.recorded)
            .map(|at| common::moment(at).into()),
        information_source: source,
        reason_reference: work.problems_of(at, losses),
        dosage: dosage(body.dosage.as_deref()),
        ..Default::default()
    };
    Made {
        kind: Kind::MedicationStatement,
        id,
        resource: Resource::MedicationStatement(Box::new(resource)),
        sections,
        header: super::Header::No,
    }
}

fn plan(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    body: &Medication,
    status: CourseStatus,
    period: Option<Box<types::Period>>,
) -> Made {
    let sections = if is_past(status) {
        vec![Section::MedicationPast]
    } else {
        vec![Section::MedicationCurrent]
    };
    let status = coded_status(work, Field::RequestStatus, status);
    let mut supply = supply(
        work,
        body.quantity.as_ref(),
        body.quantity_text.as_deref(),
        body.issue_days,
    );
    supply.validity_period = period;
    // Repeats come after the first issue (R4 MedicationRequest.dispenseRequest.numberOfRepeatsAllowed).
    supply.number_of_repeats_allowed = body
        .issues_authorised
        .filter(|count| *count > 0)
        .map(|count| (count - 1).into());
    let supply =
        (supply != resources::MedicationRequestDispenseRequest::default()).then_some(supply);
    let made = request(work, losses, at, body, ("plan", "", ""), status, supply);
    Made { sections, ..made }.with_tags(work)
}

fn own_order(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    body: &Medication,
    status: CourseStatus,
) -> Made {
    let sections = vec![Section::MedicationIssues];
    // The issue is done when its days are; that the course was stopped does not undo it.
    let date = body
        .start
        .clone()
        .or_else(|| work.tree.get(at).map(|entry| entry.date.clone()));
    let days_over = order_status(&date.unwrap_or_default(), body.issue_days, work.ctx.today);
    let status = match status {
        CourseStatus::Completed | CourseStatus::Stopped => "completed",
        CourseStatus::Active => "active",
        CourseStatus::NeverIssued | CourseStatus::Unknown => days_over,
    };
    let supply = supply(
        work,
        body.quantity.as_ref(),
        body.quantity_text.as_deref(),
        body.issue_days,
    );
    let supply =
        (supply != resources::MedicationRequestDispenseRequest::default()).then_some(supply);
    let made = request(
        work,
        losses,
        at,
        body,
        ("order", "-order", "-order"),
        status.into(),
        supply,
    );
    Made { sections, ..made }.with_tags(work)
}

/// What plan and order of one course have in common.
fn request(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    body: &Medication,
    (intent, role, suffix): (&str, &str, &str),
    status: types::Code,
    supply: Option<resources::MedicationRequestDispenseRequest>,
) -> Made {
    let entry = work.tree.get(at);
    let native = entry.map_or("", |entry| entry.id.as_str());
    let id = work.id(Kind::MedicationRequest, native, role);
    let is_order = intent == "order";
    let plan = work.id(Kind::MedicationRequest, native, "");
    let mut extension: Vec<types::Extension> = Vec::new();
    if let Some(entry) = entry {
        extension.extend(work.recorded(entry));
        if !is_order {
            extension.extend(repeat_information(body));
            extension.extend(work.episodicity(losses, entry));
        }
    }
    extension.extend(private(body.private));
    let requester = work.practitioner(entry.and_then(|entry| entry.clinician.as_deref()));
    let recorder = work.practitioner(entry.and_then(|entry| entry.recorder.as_deref()));
    let written = entry.map(|entry| body.start.as_ref().unwrap_or(&entry.date));
    let resource = resources::MedicationRequest {
        id: Some(id.as_str().into()),
        meta: None,
        extension,
        identifier: work.identifier(native, suffix),
        status,
        status_reason: stop_reason(body).filter(|_| !is_order),
        intent: intent.into(),
        category: vec![community(REQUEST_CATEGORY)],
        medication: resources::MedicationRequestMedication::CodeableConcept(medicine(entry)),
        subject: work.subject(),
        encounter: work.encounter_of(at),
        authored_on: written.and_then(common::date_time),
        requester: requester.filter(|_| !body.elsewhere),
        recorder,
        reason_reference: work.problems_of(at, losses),
        based_on: is_order
            .then(|| build::reference(Kind::MedicationRequest, &plan))
            .into_iter()
            .collect(),
        course_of_therapy_type: course_type(work, body.course),
        dosage_instruction: dosage(body.dosage.as_deref()),
        dispense_request: supply,
        substitution: Some(substitution()),
        ..Default::default()
    };
    Made {
        kind: Kind::MedicationRequest,
        id,
        resource: Resource::MedicationRequest(Box::new(resource)),
        sections: Vec::new(),
        header: super::Header::No,
    }
}

impl Made {
    /// Tags a MedicationRequest once its sections are known.
    fn with_tags(mut self, work: &Work<'_>) -> Self {
        if let Resource::MedicationRequest(request) = &mut self.resource {
            request.meta = work.meta(&[common::uk_profile("MedicationRequest")], &self.sections);
        }
        self
    }
}

/// An order is done when its days are over; without days nobody knows.
fn order_status(date: &PartialDate, days: Option<u32>, today: jiff::civil::Date) -> &'static str {
    let last = days.and_then(|days| {
        let span = jiff::Span::new().try_days(i64::from(days)).ok()?;
        date.latest()?.checked_add(span).ok()
    });
    match last {
        Some(last) if last < today => "completed",
        Some(_) => "active",
        None => "unknown",
    }
}

fn medicine(entry: Option<&Entry>) -> Box<types::CodeableConcept> {
    let unnamed = "Medication without a name";
    match entry {
        Some(entry) => common::concept_or(&entry.code, unnamed),
        None => Box::new(build::concept_text(unnamed)),
    }
}

fn community(system: &str) -> types::CodeableConcept {
    build::concept(system, "community", Some("Community"))
}

fn stop_reason(body: &Medication) -> Option<Box<types::CodeableConcept>> {
    let (_, why) = body.stopped.as_ref()?;
    common::concept_of(why.as_ref()?)
}

fn dosage(words: Option<&str>) -> Vec<types::Dosage> {
    words
        .map(|words| types::Dosage {
            text: Some(words.into()),
            ..Default::default()
        })
        .into_iter()
        .collect()
}

fn course_type(work: &Work<'_>, course: Course) -> Option<Box<types::CodeableConcept>> {
    let source = match course {
        Course::Acute => "acute",
        Course::Repeat => "repeat",
        Course::RepeatDispensing => "repeat-dispensing",
        Course::Automatic => "automatic",
        Course::Unknown => return None,
    };
    let word = work.ctx.tables.word(Field::CourseType, source)?;
    let system = if word.code == "continuous-repeating-dispensing" {
        UK_COURSE_TYPE
    } else {
        COURSE_TYPE
    };
    Some(Box::new(build::concept(
        system,
        &word.code,
        Some(&word.display),
    )))
}

/// Issues made after the first, and the date of review (UK Core's own definitions of the two).
fn repeat_information(body: &Medication) -> Option<types::Extension> {
    let mut parts = Vec::new();
    if let Some(made) = body.issues_made.filter(|made| *made > 0) {
        parts.push(build::extension(
            "numberOfPrescriptionsIssued",
            types::ExtensionValue::UnsignedInt((made - 1).into()),
        ));
    }
    if let Some(review) = body.review.as_ref().and_then(common::date_time) {
        parts.push(build::extension(
            "authorisationExpiryDate",
            types::ExtensionValue::DateTime(review),
        ));
    }
    (!parts.is_empty()).then(|| types::Extension {
        url: common::uk_extension("MedicationRepeatInformation"),
        extension: parts,
        ..Default::default()
    })
}

fn private(is_private: bool) -> Option<types::Extension> {
    let url = common::our_extension("private-prescription");
    is_private.then(|| build::extension(&url, types::ExtensionValue::Boolean(true.into())))
}

fn supply(
    work: &Work<'_>,
    quantity: Option<&Quantity>,
    text: Option<&str>,
    days: Option<u32>,
) -> resources::MedicationRequestDispenseRequest {
    let (quantity, words) = common::amount(work.ctx.tables, quantity, text);
    resources::MedicationRequestDispenseRequest {
        extension: words
            .map(|words| common::words_extension("quantity-text", &words))
            .into_iter()
            .collect(),
        quantity,
        expected_supply_duration: days
            .filter(|days| *days > 0)
            .map(|d| Box::new(common::days(d))),
        ..Default::default()
    }
}

fn issue_supply(
    work: &Work<'_>,
    body: &Issue,
) -> Option<resources::MedicationRequestDispenseRequest> {
    let made = supply(
        work,
        body.quantity.as_ref(),
        body.quantity_text.as_deref(),
        body.days,
    );
    (made != resources::MedicationRequestDispenseRequest::default()).then_some(made)
}

/// UK Core wants it; a GP prescription is dispensed as written.
fn substitution() -> resources::MedicationRequestSubstitution {
    resources::MedicationRequestSubstitution {
        allowed: resources::MedicationRequestSubstitutionAllowed::Boolean(false.into()),
        ..Default::default()
    }
}
