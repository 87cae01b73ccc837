//! Details of an entry that the FHIR types which it becomes have no element for: counted, so that nothing goes silently.

use super::common;
use super::plan::Make;
use crate::record::{Body, Entry};

/// The parts of an entry that none of its resources can say. `is_elsewhere`: is it an organisation other than the practice?
pub fn parts(
    entry: &Entry,
    makes: &[Make],
    is_elsewhere: impl Fn(&str) -> bool,
) -> Vec<&'static str> {
    let mut out = Vec::new();
    // What becomes nothing is counted whole.
    if makes.is_empty() {
        return out;
    }
    let none = |has: fn(&Make) -> bool| !makes.iter().any(has);
    if entry.recorder.is_some() && entry.recorder != entry.clinician && none(has_recorder) {
        out.push("recorder");
    }
    let elsewhere = entry.organisation.as_deref().is_some_and(is_elsewhere);
    if elsewhere && none(|make| matches!(make, Make::Report(..))) {
        out.push("organisation");
    }
    if entry.episodicity.is_some() && none(has_episodicity) {
        out.push("episodicity");
    }
    if !entry.linked_problems.is_empty() && none(has_problems) {
        out.push("linked-problems");
    }
    match &entry.body {
        Body::Document(document) if document.inbound.is_some() => out.push("inbound"),
        Body::Immunisation(given) => {
            let dose = given.dose.as_ref();
            if dose.is_some_and(|dose| !common::is_decimal(&dose.value)) {
                out.push("dose");
            }
        }
        _ => {}
    }
    out
}

fn has_recorder(make: &Make) -> bool {
    matches!(
        make,
        Make::Condition { .. }
            | Make::Allergy
            | Make::Procedure
            | Make::Immunization
            | Make::Medication(_)
            | Make::Issue
    )
}

fn has_episodicity(make: &Make) -> bool {
    !matches!(
        make,
        Make::Issue
            | Make::Flag(_)
            | Make::Report(..)
            | Make::Document
            | Make::Admission(_)
            | Make::BloodPressure(_)
    )
}

fn has_problems(make: &Make) -> bool {
    !matches!(make, Make::Document | Make::Admission(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::tests::build::{day, entry, read};
    use crate::record::Document;
    use crate::tabs::catalogue::Section;

    // S2 5.4.1.1, R204
    #[test]
    fn what_no_element_can_say_is_counted() {
        let mut one = entry(
            "a",
            read("H33..", "Asthma"),
            day(2026, 5, 1),
            Body::Document(Document {
                discharge: true,
                inbound: Some(true),
            }),
        );
        one.recorder = Some("typist".to_owned());
        one.organisation = Some("hospital".to_owned());
        one.episodicity = Some("New".to_owned());
        one.linked_problems = vec!["p".to_owned()];
        let lost = |makes: &[Make]| parts(&one, makes, |native| native == "hospital");
        assert!(lost(&[]).is_empty());
        assert_eq!(
            lost(&[Make::Document, Make::Admission(true)]),
            [
                "recorder",
                "organisation",
                "episodicity",
                "linked-problems",
                "inbound"
            ]
        );
        let condition = Make::Condition {
            problem: true,
            diagnosis: false,
        };
        assert_eq!(lost(&[condition]), ["organisation", "inbound"]);
        let others = Make::Observation(Section::OtherInvestigations);
        assert_eq!(lost(&[others]), ["recorder", "organisation", "inbound"]);
    }
}
