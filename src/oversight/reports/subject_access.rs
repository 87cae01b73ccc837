//! What was shared of a patient, with whom, when, in plain words (S2 3.6.7, 9.2; R122, R182, R186). The practice gives it to the
//! patient; it holds no clinical content, only how much of what left.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accesses::is_shown;
use super::sheet::{Sheet, Table};
use crate::audit::FLAG;
use crate::audit::reader::{Happening, StoredEvent};
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::Register;

/// The report, of all events of this patient in this practice's trail, in any order.
#[must_use]
pub fn report(
    register: &Register,
    practice: &OdsCode,
    patient: &PatientId,
    events: &[StoredEvent],
) -> Sheet {
    let mut events: Vec<&StoredEvent> = events.iter().collect();
    events.sort_by_key(|event| event.seq);
    let shown: Vec<&StoredEvent> = events
        .iter()
        .copied()
        .filter(|event| is_shown(event))
        .collect();
    let name = |ods: Option<&OdsCode>| -> String {
        ods.map_or_else(String::new, |ods| {
            register
                .organisations
                .get(ods)
                .map_or_else(|| ods.0.clone(), |found| found.name.clone())
        })
    };
    let asked: Vec<Vec<Value>> = events
        .iter()
        .filter(|event| {
            event.failure.is_some()
                && event.happening != Happening::Oversight
                && event.clinician.is_some()
        })
        .map(|event| {
            vec![
                when(event).into(),
                who(register, event).into(),
                name(event.viewer.as_ref()).into(),
                "asked, and was shown nothing".into(),
            ]
        })
        .collect();
    let seen_by_practice: Vec<Vec<Value>> = events
        .iter()
        .filter(|event| {
            event.happening == Happening::Oversight
                && event.failure.is_none()
                // What the gateway notes of its own accord is nobody's look.
                && event.interaction.as_deref() != Some(FLAG)
        })
        .map(|event| vec![when(event).into(), who(register, event).into()])
        .collect();
    Sheet::new(
        "subject-access",
        "Who has looked at your GP record through the sharing service",
    )
    .fact("practice", "Your practice", name(Some(practice)))
    .fact("patient", "Reference", patient.as_str())
    .fact("disclosures", "Times something was shown", shown.len())
    .note(
        "Each line is one answer that was shown to somebody who treated you: when, to whom, where, why, and how much of what. The content \
         itself is not kept by the sharing service; your practice holds your record and can show you all of it, also what is never \
         shared with others.",
    )
    .note(
        "If something here surprises you, ask your practice. It can demand an explanation of the organisation that looked.",
    )
    .table(Table {
        key: "shown",
        title: "What was shown".to_owned(),
        columns: &[
            ("when", "When"),
            ("who", "To whom"),
            ("organisation", "Where"),
            ("why", "Why"),
            ("parts", "Parts of the record"),
            ("entries", "Entries"),
            ("event", "Event"),
        ],
        rows: shown
            .iter()
            .map(|event| {
                vec![
                    when(event).into(),
                    who(register, event).into(),
                    name(event.viewer.as_ref()).into(),
                    why(event).into(),
                    json!(event.tabs.iter().map(tab_words).collect::<Vec<_>>()),
                    entries(event).into(),
                    event.id.to_string().into(),
                ]
            })
            .collect(),
    })
    .table(Table {
        key: "refused",
        title: "Who asked and was shown nothing".to_owned(),
        columns: &[
            ("when", "When"),
            ("who", "Who"),
            ("organisation", "Where"),
            ("what", "What happened"),
        ],
        rows: asked,
    })
    .table(Table {
        key: "overseen",
        title: "Who checked these lists, or dealt with a request or a case about you".to_owned(),
        columns: &[("when", "When"), ("who", "Who")],
        rows: seen_by_practice,
    })
}

fn when(event: &StoredEvent) -> String {
    event
        .at
        .to_zoned(london())
        .strftime("%-d %B %Y, %H:%M")
        .to_string()
}

/// The person as the register names them, with their role.
fn who(register: &Register, event: &StoredEvent) -> String {
    let username = event.clinician.as_deref().unwrap_or_default();
    let name = register
        .users
        .get(username)
        .map_or(username, |user| user.name.as_str());
    let role = event.role.as_deref().and_then(|role| {
        register
            .agreement
            .roles
            .get(role)
            .map(|role| role.title.as_str())
    });
    match role {
        Some(role) => format!("{name} ({role})"),
        None => name.to_owned(),
    }
}

fn why(event: &StoredEvent) -> String {
    if let Some(kind) = event.also().gateway {
        return format!(
            "not for your own care, but for {}, on the basis of {}",
            event.purpose.join(", "),
            kind.words()
        );
    }
    let for_care = match event.basis.as_deref() {
        Some(basis) if basis.starts_with("consent:") => "to treat you, after you said yes",
        Some(basis) if basis.starts_with("override") => {
            "in an emergency, when you could not be asked"
        }
        _ => "for your care",
    };
    for_care.to_owned()
}

/// How many of what, by the names of the resource types.
fn entries(event: &StoredEvent) -> String {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for id in &event.disclosed {
        let kind = id.split_once('/').map(|(kind, _)| kind);
        let kind = kind.or_else(|| event.kind.map(crate::fhir::Kind::name));
        *kinds.entry(words(kind.unwrap_or_default())).or_default() += 1;
    }
    let mut parts: Vec<String> = kinds
        .into_iter()
        .map(|(kind, count)| format!("{kind}: {count}"))
        .collect();
    if event.unresolved > 0 {
        parts.push(format!("not told apart: {}", event.unresolved));
    }
    if parts.is_empty() {
        "nothing was found".to_owned()
    } else {
        parts.join(", ")
    }
}

/// A tab's name in words, from its code.
fn tab_words(tab: crate::tabs::catalogue::Tab) -> String {
    tab.code().replace('-', " ")
}

fn words(kind: &str) -> &str {
    match kind {
        "AllergyIntolerance" => "allergies",
        "Condition" => "problems and diagnoses",
        "DiagnosticReport" => "test reports",
        "DocumentReference" => "documents",
        "Encounter" => "consultations",
        "Flag" => "warnings",
        "Immunization" => "immunisations",
        "List" => "lists",
        "Medication" | "MedicationRequest" | "MedicationStatement" => "medicines",
        "Observation" => "measurements and results",
        "Organization" | "Practitioner" | "PractitionerRole" | "Location" => "who and where",
        "Patient" => "your name, address and date of birth",
        "Procedure" => "operations and procedures",
        "ServiceRequest" => "referrals",
        "" => "entries",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oversight::reports::accesses::tests::event;
    use crate::sandbox::register::tests::sandbox_register;

    // R122, R182: every disclosure is on the list, in words; nothing else is called one
    #[test]
    fn the_list_is_complete_and_plain() {
        let mut shown = event(Happening::Disclosure, "a", "2026-07-01T10:01:00Z");
        shown.disclosed = vec![
            "Condition/x".into(),
            "Condition/y".into(),
            "Patient/z".into(),
        ];
        let mut emergency = event(Happening::Disclosure, "b", "2026-07-02T10:01:00Z");
        emergency.basis = Some("override:unconscious".to_owned());
        emergency.seq = 2;
        let mut refused = event(Happening::Refused, "a", "2026-07-03T10:01:00Z");
        refused.failure = Some("tab-not-in-data-set".to_owned());
        let mut own = event(Happening::Disclosure, "", "2026-07-03T10:01:00Z");
        own.occasion = None;
        let events = [
            shown,
            emergency,
            refused,
            own,
            event(Happening::Intent, "a", "2026-07-01T10:00:00Z"),
        ];
        let patient = crate::store::contract::patient();
        let practice = OdsCode("Z99001".to_owned());
        let json = report(&sandbox_register(), &practice, &patient, &events).json();
        assert_eq!(json["disclosures"], 2);
        let shown = json["shown"].as_array().unwrap();
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0]["when"], "1 July 2026, 11:01");
        assert_eq!(shown[0]["who"], "Dr Tomas Lindqvist (Consultant)");
        assert_eq!(shown[0]["organisation"], "Sandbox University Hospitals");
        assert_eq!(
            shown[0]["entries"],
            "problems and diagnoses: 2, your name, address and date of birth: 1"
        );
        assert!(shown[1]["why"].as_str().unwrap().contains("emergency"));
        assert_eq!(json["refused"].as_array().unwrap().len(), 1);
        assert_eq!(json["practice"], "Fosse Way Surgery");
    }
}
