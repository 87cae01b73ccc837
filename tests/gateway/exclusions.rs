//! What must not leave: listed codes, private entries, free text; and no sign that anything was there.

use openmig::fhir::PatientId;
use openmig::record::OdsCode;
use openmig::sandbox::mock::Population as _;
use openmig::sandbox::population::MARKER;
use openmig::sandbox::story::{Fact, Kind, Person};

use super::crawl::crawl;
use super::support::{Ask, TestGateway, stories, wait};

/// The entries of Appendix A in a story.
pub fn listed(person: &Person) -> Vec<&Fact> {
    let rows = openmig::sandbox::population::appendix_a();
    person
        .facts
        .iter()
        .filter(|fact| rows.contains(&fact.concept))
        .collect()
}

/// Lets go of what is held, so that the source is asked again.
fn forget(gateway: &TestGateway, patient: &str) {
    let patient = PatientId::owner_of(patient).unwrap();
    for practice in ["Z99001", "Z99002", "Z99005", "Z99006"] {
        let practice = OdsCode(practice.to_owned());
        wait(gateway.sandbox.gateway.look_up.forget(&patient, &practice));
    }
}

/// A body without the moments of its retrieval.
pub fn without_moments(text: &str) -> String {
    let mut out = text.to_owned();
    for mark in ["\"lastUpdated\":\"", "\"date\":\""] {
        let mut kept = String::with_capacity(out.len());
        let mut left = out.as_str();
        while let Some(at) = left.find(mark) {
            let (before, after) = left.split_at(at + mark.len());
            kept.push_str(before);
            left = after.find('"').map_or("", |end| &after[end..]);
        }
        kept.push_str(left);
        out = kept;
    }
    out
}

/// What every answer of this patient says, without the moments of retrieval and of the request.
fn everything(number: &str) -> std::collections::BTreeMap<String, String> {
    let gateway = stories();
    let token = gateway.token(&Ask::consent(number));
    forget(&gateway, &token.patient);
    let crawl = crawl(&gateway, &token, true);
    let answers = crawl.answers.iter();
    answers
        .map(|(path, answer)| (path.clone(), without_moments(answer.text())))
        .collect()
}

/// The same patient with and without some entries says the same, byte for byte (R047, R050; issue 3.10).
fn is_silent_about(number: &str, whole: bool, gone: impl Fn(&Fact) -> bool) {
    let with = everything(number);
    let before = {
        let gateway = stories();
        let person = gateway.sandbox.people.by_nhs_number(number).unwrap();
        let before = person.facts.clone();
        assert!(before.iter().any(&gone), "nothing is withheld of {number}");
        gateway.sandbox.people.change(number, |person| {
            person.facts.retain(|fact| !gone(fact));
        });
        before
    };
    let without = everything(number);
    stories()
        .sandbox
        .people
        .change(number, |person| person.facts.clone_from(&before));
    let only = |here: &std::collections::BTreeMap<String, String>,
                there: &std::collections::BTreeMap<String, String>| {
        let paths = here.keys().filter(|path| !there.contains_key(*path));
        paths.cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        only(&with, &without),
        [""; 0],
        "{number}: answers only with"
    );
    if !whole {
        return;
    }
    let missing = only(&without, &with);
    let said: Vec<&String> = missing
        .iter()
        .filter_map(|path| without.get(path))
        .collect();
    assert_eq!(missing, [""; 0], "{number}: answers only without: {said:?}");
    for (path, said) in &with {
        assert_eq!(said, &without[path], "{number}: {path}");
    }
}

// R040, R047
#[test]
fn listed_entries_leave_no_trace_in_an_emis_record() {
    let number = "9990000751";
    let person = {
        let gateway = stories();
        gateway.sandbox.people.by_nhs_number(number).unwrap()
    };
    let listed = listed(&person);
    assert_eq!(listed.len(), 66, "one entry for each row of Appendix A");
    let said = everything(number).into_values().collect::<String>();
    for fact in listed {
        let concept = &fact.concept;
        for word in [&concept.read_v2, &concept.snomed].into_iter().flatten() {
            assert!(!said.contains(&format!("\"{word}\"")), "{word}");
        }
        assert!(
            !said.contains(&format!("\"{}\"", concept.term)),
            "{}",
            concept.term
        );
    }
}

// R047, R050
#[test]
fn an_emis_record_is_the_same_as_if_nothing_listed_had_been_in_it() {
    let number = "9990000751";
    let person = stories().sandbox.people.by_nhs_number(number).unwrap();
    let listed: std::collections::BTreeSet<u32> = listed(&person).iter().map(|it| it.key).collect();
    let by_key = |key: u32| person.facts.iter().find(|fact| fact.key == key);
    let gone = |fact: &Fact| {
        let mut above = by_key(fact.key);
        while let Some(now) = above {
            if listed.contains(&now.key) {
                return true;
            }
            above = match now.kind {
                Kind::Issue { course } => by_key(course),
                _ => now.within.and_then(by_key),
            };
        }
        false
    };
    is_silent_about(number, true, gone);
}

// R043, R044
#[test]
fn private_entries_leave_no_trace_in_a_systmone_record() {
    let number = "9990001499";
    // The mock numbers an event of results by its first entry, so a private header or half of a pair cannot be taken out of
    // a story without moving the ids of the others; and it codes a report itself that has no result, so not all of them can be
    // taken out of one. The adapter's own tests have those cases.
    stories().sandbox.people.change(number, |person| {
        let results = |report: u32| {
            person
                .facts
                .iter()
                .filter(move |one| one.within == Some(report))
        };
        let hollow: std::collections::BTreeSet<u32> = person
            .facts
            .iter()
            .filter(|fact| matches!(fact.kind, Kind::Report { .. }) && !fact.private)
            .map(|fact| fact.key)
            .filter(|key| results(*key).next().is_some() && results(*key).all(|one| one.private))
            .collect();
        person.facts.retain(|fact| {
            let in_hollow = fact.within.is_some_and(|key| hollow.contains(&key));
            if in_hollow || hollow.contains(&fact.key) {
                return false;
            }
            let first = match fact.kind {
                Kind::Battery => true,
                Kind::Measurement { together, .. } => together.is_some(),
                _ => false,
            };
            !(fact.private && first)
        });
    });
    let person = stories().sandbox.people.by_nhs_number(number).unwrap();
    let mut gone: std::collections::BTreeSet<u32> = std::collections::BTreeSet::new();
    let hidden = |key: u32| {
        person
            .contacts
            .iter()
            .any(|contact| contact.key == key && contact.private)
    };
    // What a private report contains goes with it, and so do the issues of a private course. A battery is no container in
    // this source's messages: each of its results is marked, or not, by itself.
    let by_key = |key: u32| person.facts.iter().find(|fact| fact.key == key);
    for fact in &person.facts {
        let mut above = Some(fact);
        while let Some(now) = above {
            let counts = now.key == fact.key || !matches!(now.kind, Kind::Battery);
            if counts && (now.private || now.contact.is_some_and(hidden)) {
                gone.insert(fact.key);
            }
            above = match now.kind {
                Kind::Issue { course } => by_key(course),
                _ => now.within.and_then(by_key),
            };
        }
    }
    is_silent_about(number, true, |fact| gone.contains(&fact.key));
}

// R032
#[test]
fn free_text_never_leaves() {
    for number in ["9990000018", "9990000387", "9990005192"] {
        let person = stories().sandbox.people.by_nhs_number(number).unwrap();
        let told = person.facts.iter().filter_map(|fact| fact.text.as_deref());
        assert!(told.into_iter().any(|text| text.contains(MARKER)));
        for (path, said) in everything(number) {
            assert!(!said.contains(MARKER), "{path}");
        }
    }
    let gateway = stories();
    assert!(!super::support::logs().contains(MARKER));
    let file = gateway.file();
    for path in [file.clone(), file.with_extension("sqlite-wal")] {
        let bytes = std::fs::read(path).unwrap_or_default();
        assert!(
            !bytes
                .windows(MARKER.len())
                .any(|part| part == MARKER.as_bytes())
        );
    }
}
