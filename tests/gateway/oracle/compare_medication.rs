//! Courses and issues.

use serde_json::Value;

use super::compare::{Pair, Two};
use super::stu3::{self, extension, id, id_of, list, text};
use super::write_event as event;
use super::write_medication as medication;

/// A plan (course) or an order (issue).
pub fn request(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let is_plan = text(one, "/intent") == Some("plan");
    let kind = if is_plan {
        "MedicationRequest plan"
    } else {
        "MedicationRequest order"
    };
    let two = Two { kind, at };
    let Some(found) = pair.r4.native("MedicationRequest", id(one)) else {
        return pair.tally.differ(kind, "missing", at);
    };
    let intent = |one| text(one, "/intent");
    pair.tally
        .same(kind, "intent", intent(one), intent(found), at);
    pair.concept(
        two,
        pair.stu3.medicine(one),
        found.get("medicationCodeableConcept"),
    );
    let as_request = Two {
        kind: "MedicationRequest",
        at,
    };
    let status = |one| text(one, "/status");
    if is_plan {
        pair.tally
            .same(kind, "status", status(one), status(found), at);
    } else {
        pair.status(as_request, "status", status(one), status(found));
    }
    let course = |one| text(one, "/courseOfTherapyType/coding/0/code");
    let expected = pair.extension_code(one, "PrescriptionType-1");
    pair.status(as_request, "courseOfTherapyType", expected, course(found));
    let entered = extension(found, "/recorded").and_then(|one| text(one, "/valueDateTime"));
    pair.recorded(two, text(one, "/authoredOn"), entered);
    for (item, pointer) in [
        ("dosage", "/dosageInstruction/0/text"),
        ("quantity unit", "/dispenseRequest/quantity/unit"),
    ] {
        pair.tally
            .same(kind, item, text(one, pointer), text(found, pointer), at);
    }
    for (item, pointer) in [
        ("quantity", "/dispenseRequest/quantity/value"),
        ("days", "/dispenseRequest/expectedSupplyDuration/value"),
    ] {
        let (expected, made) = (stu3::number(one, pointer), stu3::number(found, pointer));
        pair.tally
            .same(kind, item, expected.as_deref(), made.as_deref(), at);
    }
    let name = |one: Option<&str>| one.map(|id| pair.name(id));
    let (by, typed) = (name(event::clinician(one)), name(event::recorder(one)));
    let (requester, recorder) = (
        text(found, "/requester/display"),
        text(found, "/recorder/display"),
    );
    pair.tally
        .same(kind, "clinician", by.as_deref(), requester, at);
    pair.tally
        .same(kind, "recorder", typed.as_deref(), recorder, at);
    pair.encounter(two, one, found);
    let start = text(one, "/dispenseRequest/validityPeriod/start");
    let end = text(one, "/dispenseRequest/validityPeriod/end");
    if is_plan {
        let made = |part: &str| text(found, &format!("/dispenseRequest/validityPeriod/{part}"));
        pair.date(two, "start", start, made("start"));
        pair.date(two, "end", end, made("end"));
        counts(pair, two, one, found);
    } else {
        pair.date(two, "start", start, text(found, "/authoredOn"));
        if end.is_some() {
            pair.tally.left_out(
                "an issue's last day, which follows from its start and days",
                at,
            );
        }
        let plan = text(one, "/basedOn/0/reference").map(|one| id_of(one).to_lowercase());
        let made = list(found, "/basedOn")
            .first()
            .map(|one| pair.r4.behind(one));
        let made = made.unwrap_or_default();
        let made = made.first().map(String::as_str);
        pair.tally.same(kind, "course", plan.as_deref(), made, at);
    }
    if extension(one, "MedicationStatusReason-1").is_some() {
        pair.tally
            .left_out("why a course was stopped is free text", at);
    }
    if list(one, "/dosageInstruction/0/patientInstruction").is_empty()
        && text(one, "/dosageInstruction/0/patientInstruction").is_some()
    {
        pair.tally
            .left_out("a note to the patient is free text", at);
    }
    if one.get("priorPrescription").is_some() {
        pair.tally
            .left_out("OpenHR does not say which course a course continues", at);
    }
}

/// R4 counts repeats after the first, EMIS every issue.
fn counts(pair: &mut Pair<'_>, two: Two<'_>, one: &Value, found: &Value) {
    let Two { kind, at } = two;
    let allowed = medication::repeats(one, "numberOfRepeatPrescriptionsAllowed");
    let allowed = allowed
        .and_then(|n| n.parse::<u32>().ok())
        .filter(|n| *n > 0);
    let made = stu3::number(found, "/dispenseRequest/numberOfRepeatsAllowed");
    let expected = allowed.map(|n| (n - 1).to_string());
    if expected.is_some() && expected == made {
        let rule = "authorised issues are repeats after the first in R4";
        pair.tally.by_rule(kind, "issues allowed", rule, at);
    } else {
        pair.tally.same(
            kind,
            "issues allowed",
            expected.as_deref(),
            made.as_deref(),
            at,
        );
    }
    let issued = medication::repeats(one, "numberOfRepeatPrescriptionsIssued");
    let issued = issued.and_then(|n| n.parse::<u32>().ok());
    let made = extension(found, "MedicationRepeatInformation").and_then(|one| {
        let part = list(one, "/extension")
            .iter()
            .find(|part| text(part, "/url") == Some("numberOfPrescriptionsIssued"))?;
        stu3::number(part, "/valueUnsignedInt")
    });
    match (issued, &made) {
        (Some(0), None) => {
            let rule = "no issue is no count";
            pair.tally.by_rule(kind, "issues made", rule, at);
        }
        (Some(n), Some(made)) if (n.max(1) - 1).to_string() == *made => {
            let rule = "issues made are counted after the first in UK Core";
            pair.tally.by_rule(kind, "issues made", rule, at);
        }
        _ => {
            let issued = issued.map(|n| n.to_string());
            pair.tally
                .same(kind, "issues made", issued.as_deref(), made.as_deref(), at);
        }
    }
}

/// The statement of a course.
pub fn statement(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "MedicationStatement";
    let two = Two { kind, at };
    let plan = text(one, "/basedOn/0/reference")
        .map(id_of)
        .unwrap_or_default();
    let Some(found) = pair.r4.native(kind, &format!("{plan}-statement")) else {
        return pair.tally.differ(kind, "missing", at);
    };
    pair.concept(
        two,
        pair.stu3.medicine(one),
        found.get("medicationCodeableConcept"),
    );
    pair.status(two, "status", text(one, "/status"), text(found, "/status"));
    for part in ["start", "end"] {
        let pointer = format!("/effectivePeriod/{part}");
        pair.date(two, part, text(one, &pointer), text(found, &pointer));
    }
    let entered = text(found, "/dateAsserted");
    pair.recorded(two, text(one, "/dateAsserted"), entered);
    let dosage = |one| text(one, "/dosage/0/text");
    pair.tally
        .same(kind, "dosage", dosage(one), dosage(found), at);
    let last = |one, name| extension(one, name).and_then(|one| text(one, "/valueDateTime"));
    let expected = last(one, "LastIssueDate-1");
    pair.date(two, "last issue", expected, last(found, "LastIssueDate"));
    let agency = pair.extension_code(one, "PrescribingAgency-1");
    let made = pair.extension_code(found, "MedicationPrescribingOrganizationType");
    if agency == Some("prescribed-at-gp-practice") && made.is_none() {
        let rule = "prescribed at the practice is not said, elsewhere is";
        pair.tally.by_rule(kind, "prescribed at", rule, at);
    } else {
        pair.tally.same(kind, "prescribed at", agency, made, at);
    }
    let made = list(found, "/basedOn")
        .first()
        .map(|one| pair.r4.behind(one));
    let made = made.unwrap_or_default();
    let expected = plan.to_lowercase();
    let made = made.first().map(String::as_str);
    pair.tally.same(kind, "course", Some(&expected), made, at);
}
