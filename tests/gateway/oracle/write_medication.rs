//! Courses and issues of the OpenHR message.

use serde_json::Value;

use super::stu3::{Record, extension, id, id_of, list, number, text};
use super::xml::Xml;

/// The MedicationStatement that goes with a plan.
pub fn statement_of<'a>(record: &'a Record, plan: &Value) -> Option<&'a Value> {
    record
        .of("MedicationStatement")
        .find(|one| text(one, "/basedOn/0/reference").map(id_of) == Some(id(plan)))
}

/// A part of the extension with the counts.
pub fn repeats(plan: &Value, name: &str) -> Option<String> {
    let counts = extension(plan, "MedicationRepeatInformation-1")?;
    let part = list(counts, "/extension")
        .iter()
        .find(|part| text(part, "/url") == Some(name))?;
    number(part, "/valueUnsignedInt")
}

/// When the course was stopped.
pub fn stopped_on(plan: &Value) -> Option<&str> {
    let why = extension(plan, "MedicationStatusReason-1")?;
    let part = list(why, "/extension")
        .iter()
        .find(|part| text(part, "/url") == Some("statusChangeDate"))?;
    text(part, "/valueDateTime")
}

fn supply(xml: &mut Xml, request: &Value) {
    xml.leaf("dosage", text(request, "/dosageInstruction/0/text"));
    let quantity = number(request, "/dispenseRequest/quantity/value");
    xml.leaf("quantity", quantity.as_deref());
    xml.leaf(
        "quantityUnit",
        text(request, "/dispenseRequest/quantity/unit"),
    );
    let days = number(request, "/dispenseRequest/expectedSupplyDuration/value");
    xml.leaf("durationOfIssue", days.as_deref());
    let kind = extension(request, "PrescriptionType-1");
    let kind = kind.and_then(|one| text(one, "/valueCodeableConcept/coding/0/code"));
    let kind = match kind {
        Some("acute") => Some("A"),
        Some("repeat") => Some("R"),
        Some("repeat-dispensing") => Some("D"),
        _ => None,
    };
    xml.leaf("prescriptionType", kind);
}

/// A course: plan and statement in one.
pub fn course(xml: &mut Xml, record: &Record, plan: &Value) {
    let statement = statement_of(record, plan);
    xml.of("medication", |xml| {
        let end = text(plan, "/dispenseRequest/validityPeriod/end");
        xml.leaf("expiryDate", end);
        supply(xml, plan);
        let status = match text(plan, "/status") {
            Some("active") => "A",
            _ => "C",
        };
        xml.leaf("drugStatus", Some(status));
        xml.leaf("private", Some("false"));
        let last = statement.and_then(|one| extension(one, "LastIssueDate-1"));
        let last = last.and_then(|one| text(one, "/valueDateTime"));
        xml.leaf("mostRecentIssueDate", last.and_then(|one| one.get(..10)));
        let issued = repeats(plan, "numberOfRepeatPrescriptionsIssued");
        xml.leaf("numberOfIssues", issued.as_deref());
        if let Some(allowed) = repeats(plan, "numberOfRepeatPrescriptionsAllowed") {
            xml.of("authorisedIssues", |xml| {
                xml.leaf("authorisedIssues", Some(&allowed));
            });
        }
        let agency = statement.and_then(|one| extension(one, "PrescribingAgency-1"));
        let agency = agency.and_then(|one| text(one, "/valueCodeableConcept/coding/0/code"));
        if agency == Some("prescribed-by-another-organisation") {
            xml.leaf("mostRecentIssueMethod", Some("O"));
        }
        if let Some(on) = stopped_on(plan) {
            xml.of("cancellation", |xml| {
                xml.leaf("cancellationDateTime", on.get(..19));
                xml.leaf("cancellationText", Some("free text"));
            });
        }
    });
}

/// An issue.
pub fn issue(xml: &mut Xml, order: &Value) {
    let plan = text(order, "/basedOn/0/reference").map(id_of);
    xml.of("medicationIssue", |xml| {
        xml.leaf("medication", plan);
        supply(xml, order);
        xml.leaf("private", Some("false"));
        let cancelled = text(order, "/status") == Some("stopped");
        xml.leaf("cancelled", Some(if cancelled { "true" } else { "false" }));
    });
}
