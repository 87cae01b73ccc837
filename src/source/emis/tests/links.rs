//! OpenHR: policies, links, ids, and what is not a record.

use super::{fixture_openhr, losses, openhr, parse};
use crate::record::{GpRecord, Restriction};

fn record() -> GpRecord {
    parse(fixture_openhr())
}

// sources.md 3.6: patient, encounter, item; an unknown policy restricts (fail closed).
#[test]
fn policies_at_every_level() {
    let record = record();
    let restricted: Vec<_> = record
        .entries
        .iter()
        .filter(|e| !e.restrictions.is_empty())
        .collect();
    let [known, unknown, identifying] = restricted.as_slice() else {
        panic!("{restricted:?}")
    };
    assert!(matches!(
        known.restrictions[0],
        Restriction::Policy { known: true, .. }
    ));
    assert!(matches!(
        unknown.restrictions[0],
        Restriction::Policy { known: false, .. }
    ));
    assert_eq!(identifying.restrictions, [Restriction::Identifying]);
    assert!(record.encounters[0].restrictions.is_empty());
    assert!(matches!(
        record.encounters[1].restrictions[0],
        Restriction::Policy { known: true, .. }
    ));
    assert!(!record.standing.restricted);
    let text = fixture_openhr().replace(
        "<patientPerson>",
        "<confidentialityPolicy>any</confidentialityPolicy><patientPerson>",
    );
    assert!(parse(&text).standing.restricted);
    // the null GUID is no policy
    let text = fixture_openhr().replace("<patientPerson>", "<confidentialityPolicy>00000000-0000-0000-0000-000000000000</confidentialityPolicy><patientPerson>");
    assert!(!parse(&text).standing.restricted);
}

#[test]
fn an_entry_in_two_encounters_is_as_confidential_as_the_stricter() {
    let record = openhr(
        "<encounter><id>a</id><component><event>e</event></component></encounter>\
         <encounter><id>b</id><confidentialityPolicy>p</confidentialityPolicy><component><event>e</event></component></encounter>\
         <event><id>e</id><displayTerm>t</displayTerm></event>",
    );
    assert_eq!(record.entries[0].encounter.as_deref(), Some("a"));
    assert_eq!(record.entries[0].restrictions.len(), 1);
}

#[test]
fn ids_are_unique() {
    let record = openhr(
        "<event><id>e</id><displayTerm>one</displayTerm><confidentialityPolicy>p</confidentialityPolicy></event>\
         <event><id>e</id><displayTerm>two</displayTerm></event><event><id>e</id><displayTerm>two</displayTerm></event>\
         <event><displayTerm>no id</displayTerm></event><encounter><id>x</id></encounter><encounter><id>x</id></encounter>",
    );
    let mut ids: Vec<_> = record.entries.iter().map(|e| e.id.clone()).collect();
    assert_eq!(&ids[..3], ["e", "e-2", "e-3"]);
    assert!(
        record.entries[1].restrictions.len() == 1,
        "which of the two the policy means is not known"
    );
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), record.entries.len());
    assert_eq!(record.encounters.len(), 2);
    assert_ne!(record.encounters[0].id, record.encounters[1].id);
    let same = openhr(
        "<event><id>e</id><displayTerm>one</displayTerm></event><event><id>e</id><displayTerm>one</displayTerm></event>",
    );
    assert_eq!(same.entries.len(), 1);
    assert_eq!(losses(&same, "e"), ["duplicate"]);
}

#[test]
fn circles_are_broken() {
    let complex = |id: &str, child: &str| {
        format!(
            "<event><id>{id}</id><displayTerm>t</displayTerm><observation><complexObservation><childLink>{child}</childLink></complexObservation></observation></event>"
        )
    };
    let record =
        openhr(&(complex("a", "b") + &complex("b", "c") + &complex("c", "a") + &complex("d", "d")));
    for start in &record.entries {
        let mut here = Some(start);
        let mut steps = 0;
        while let Some(entry) = here {
            here = record
                .entries
                .iter()
                .find(|e| Some(&e.id) == entry.parent.as_ref());
            steps += 1;
            assert!(steps < 5);
        }
    }
    assert!(record.losses.iter().any(|l| l.reason == "cyclic-link"));
}

#[test]
fn unknown_elements_are_counted() {
    let record = record();
    let all: Vec<_> = record
        .losses
        .iter()
        .filter(|l| l.reason == "unknown-element")
        .map(|l| &*l.path)
        .collect();
    assert_eq!(all, ["healthDomain/event[OBS]/futureElement"]);
    assert!(
        record
            .losses
            .iter()
            .any(|l| l.path.ends_with("person/contact") && l.reason == "administrative")
    );
}

#[test]
fn only_whole_records_of_a_patient_are_taken() {
    let practice = crate::record::OdsCode("Z99001".to_owned());
    let part = fixture_openhr().replace("37241000000102", "37231000000106");
    assert!(crate::source::emis::read(part.as_bytes(), &practice).is_err());
    for empty in [
        "<openHealthRecord/>",
        "<openHealthRecord><healthDomain/></openHealthRecord>",
        "<openHealthRecord><adminDomain/></openHealthRecord>",
        "<other/>",
    ] {
        assert!(
            crate::source::emis::read(empty.as_bytes(), &practice).is_err(),
            "{empty}"
        );
    }
}
