//! Free text never leaves (R032), shown from the other side: a mark is put into every element and attribute of a message, one
//! after the other, and the places from which it comes out are a list that a reader can check
//! (`tests/golden/what-leaves.txt`). What is typed is not in it.

use std::collections::BTreeSet;

use openmig::fhir::{IdKey, to_json};
use openmig::mapping::{MappingContext, Tables, map};
use openmig::record::{GpRecord, NhsNumber, OdsCode};
use openmig::sandbox::population;
use openmig::sandbox::story::Person;
use openmig::source::SourceError;

use super::cross_source::{today, written};

pub const MARK: &str = "zzmarkzz";
pub const FILE: &str = "tests/golden/what-leaves.txt";

/// The free text of the formats (sources.md 3.2, 3.3, 4.2), each by the end of its path. All of them are met below.
const TYPED: &[(&str, &str)] = &[
    ("OpenHR", "associatedText/value"),
    ("OpenHR", "report/reportSummary"),
    ("OpenHR", "specimen/comment"),
    ("OpenHR", "medication/pharmacyText"),
    ("OpenHR", "cancellation/cancellationText"),
    ("OpenHR", "referral/reason"),
    ("OpenHR", "document/name"),
    ("OpenHR", "data/documentData"),
    ("OpenHR", "task/subject"),
    ("OpenHR", "event@auditDeleteInfo"),
    ("OpenHR", "contact/value"),
    ("EMIS Open", "Event/DescriptiveText"),
    ("EMIS Open", "Attachment/DescriptiveText"),
    ("EMIS Open", "Registration/ScreenMessage"),
    ("EMIS Open", "Investigation/UserComment"),
    ("EMIS Open", "Medication/RxText"),
    ("EMIS Open", "Diary/Reminder"),
    ("EMIS Open", "EDIComment/FTX"),
    ("EMIS Open", "TestRequestHeader/ClinicalInformation"),
    ("EMIS Open", "Note/NoteText"),
    ("EMIS Open", "Appointment/Reason"),
    ("SystmOne", "ClinicalCode/FreeText"),
    ("SystmOne", "DrugSensitivity/FreeText"),
    ("SystmOne", "Vaccination/Notes"),
    ("SystmOne", "Report/Comments"),
    ("SystmOne", "FollowUpAction/Action"),
    ("SystmOne", "Narrative/Line"),
    ("SystmOne", "Recall/FreeText"),
    ("SystmOne", "Reminder/FreeText"),
    ("SystmOne", "Attachment/Comments"),
    ("SystmOne", "Attachment/FileName"),
    ("SystmOne", "CarePlan/Instructions"),
    ("SystmOne", "PatientPlan/Instructions"),
    ("SystmOne", "Activity/Description"),
    ("SystmOne", "Relationship/Name"),
    ("SystmOne", "Visit/Comments"),
    ("SystmOne", "Appointment/Comments"),
    ("SystmOne", "Task/Content"),
    ("SystmOne", "Demographics/HomeTelephone"),
];

/// What the sandbox's writer does not write of ClientIntegration.
const REST: &str = r#"<ClientIntegrationResponse><Response><Identity><NHSNumber>9990000387</NHSNumber></Identity>
<Demographics><FirstName>Harjit</FirstName><Surname>Sandhu-Lowe</Surname><DateOfBirth>1962-11-02</DateOfBirth><Sex>F</Sex><HomeTelephone>x</HomeTelephone>
<RegistrationType>GMS</RegistrationType></Demographics><RecordSharing><SharingOut>Implied</SharingOut></RecordSharing><Clinical>
<Event DateTime="2026-05-01T10:15:00" EventUID="e1" UserName="cp1" DoneBy="PEVERELL, Colin (GP) " DoneAt="Surgery" Method="Telephone" Software="SystmOne">
<CarePlan><Name>x</Name><Instructions>x</Instructions></CarePlan><PatientPlan><Instructions>x</Instructions></PatientPlan>
<Activity><Description>x</Description><Duration>10</Duration></Activity><Relationship><Type>x</Type><Name>x</Name></Relationship>
<Recall><Type>x</Type><Status>x</Status><Date>2026-06-01</Date><FreeText>x</FreeText></Recall>
<Reminder><Code Scheme="CTV3" Code="XE0qz" Term="Carer"/><FreeText>x</FreeText><Severity>High</Severity><ExpiryDate>2027-01-01</ExpiryDate></Reminder>
<Attachment><FileName>x</FileName><FileSize>1</FileSize><DocumentUID>d1</DocumentUID><Comments>x</Comments></Attachment>
<Letter><Type>Discharge summary</Type><Direction>Incoming</Direction><SenderOrganisation>x</SenderOrganisation><DocumentUid>d2</DocumentUid></Letter>
<DrugSensitivity><Type>Drug</Type><Drug Scheme="Dmd" ProductID="330274004" Name="Ibuprofen 10% gel"/><FreeText>x</FreeText></DrugSensitivity>
<Vaccination><Name>Influenza vaccination</Name><PartType>1</PartType><BatchNumber>x</BatchNumber><Dosage>x</Dosage><Notes>x</Notes></Vaccination>
<Medication><MedicationType>Other medication</MedicationType><Drug Scheme="Dmd" ProductID="330274004" Name="Ibuprofen 10% gel"/><Dose>x</Dose><Quantity>x</Quantity><StartDate>2026-05-01</StartDate><EndDate>2026-06-01</EndDate><EndReason>x</EndReason></Medication>
<Narrative><Line>x</Line></Narrative></Event></Clinical>
<NonClinical><Visit><DateTime>2026-05-01T10:15:00</DateTime><UserName>cp1</UserName><Comments>x</Comments><Status>Finished</Status><VisitUID>v1</VisitUID></Visit>
<Appointment><DateTime>2026-05-01T10:15:00</DateTime><Comments>x</Comments></Appointment><Task><Content>x</Content></Task></NonClinical>
</Response></ClientIntegrationResponse>"#;

/// Rebuilds a message; `visit` is told every text with its path (`a/b`, attributes `a/b@c`) and may put another in its place.
pub fn walk(xml: &str, visit: &mut dyn FnMut(&str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(xml.len());
    let mut path: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(open) = rest.find('<') {
        let (text, tag) = rest.split_at(open);
        match (!text.trim().is_empty())
            .then(|| visit(&path.join("/"), text))
            .flatten()
        {
            Some(other) => out.push_str(&other),
            None => out.push_str(text),
        }
        let end = if tag.starts_with("<!--") { "-->" } else { ">" };
        let (tag, after) = tag.split_at(tag.find(end).expect("a tag that ends") + end.len());
        rest = after;
        if tag.starts_with("<!") || tag.starts_with("<?") {
            out.push_str(tag);
            continue;
        }
        if tag.starts_with("</") {
            path.pop();
            out.push_str(tag);
            continue;
        }
        let name = tag[1..]
            .split([' ', '/', '>', '\n'])
            .next()
            .unwrap_or_default();
        path.push(name);
        let at = path.join("/");
        let mut pieces = tag.split('"');
        let mut attribute = "";
        let mut inside = false;
        let mut first = true;
        for piece in pieces.by_ref() {
            if !first {
                out.push('"');
            }
            first = false;
            let other = if inside && !attribute.starts_with("xmlns") && !piece.is_empty() {
                visit(&format!("{at}@{attribute}"), piece)
            } else {
                None
            };
            out.push_str(other.as_deref().unwrap_or(piece));
            if !inside {
                attribute = piece
                    .trim_end_matches('=')
                    .rsplit([' ', '\n'])
                    .next()
                    .unwrap_or_default();
            }
            inside = !inside;
        }
        if tag.ends_with("/>") {
            path.pop();
        }
    }
    out.push_str(rest);
    out
}

pub fn read(format: &str, xml: &str) -> Result<GpRecord, SourceError> {
    let practice = OdsCode("Z99001".to_owned());
    match format {
        "SystmOne" => openmig::source::systmone::read(xml.as_bytes(), &practice),
        _ => openmig::source::emis::read(xml.as_bytes(), &practice),
    }
}

/// A person with a few facts of every kind, so that a message is small and has every element.
fn small(number: &str) -> Person {
    let people = population::contract(today());
    let mut person = people
        .into_iter()
        .find(|one| one.nhs_number == number)
        .expect("a person");
    let mut seen = std::collections::HashMap::new();
    person.facts.retain(|fact| {
        let count = seen.entry(std::mem::discriminant(&fact.kind)).or_insert(0);
        *count += 1;
        *count <= 3 || fact.text.is_some() && *count <= 6
    });
    person.contacts.truncate(3);
    person
}

pub fn messages() -> Vec<(&'static str, String)> {
    let person = small("9990000387");
    vec![
        (
            "OpenHR",
            include_str!("../fixtures/emis/openhr.xml").to_owned(),
        ),
        ("OpenHR", written(&person, "OpenHR")),
        (
            "EMIS Open",
            include_str!("../fixtures/emis/emis-open.xml").to_owned(),
        ),
        ("EMIS Open", written(&person, "EMIS Open")),
        ("SystmOne", REST.to_owned()),
        ("SystmOne", written(&person, "SystmOne CTV3")),
    ]
}

/// What a place is called in the list: the format and the end of the path.
pub fn place(format: &str, path: &str) -> String {
    let tail: Vec<&str> = path.rsplitn(3, '/').take(2).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    format!("{format} {}", tail.join("/"))
}

/// How many of these places are free text.
pub fn typed(format: &str, places: &BTreeSet<String>) -> usize {
    let ends = TYPED.iter().filter(|(of, _)| *of == format);
    ends.filter(|(_, end)| places.iter().any(|path| path.ends_with(end)))
        .count()
}

/// The mark in what is mapped, and in what is counted as lost.
fn comes_out(record: GpRecord, tables: &Tables) -> (bool, bool) {
    let ids = IdKey::new([7; 32]);
    let number = NhsNumber::parse("9990000387").expect("a number");
    let context = MappingContext {
        tables,
        ids: &ids,
        patient: ids.patient(&number),
        nhs_number: &number,
        today: today(),
        practice_name: "The practice",
    };
    let mapped = map(record, &context);
    let marked = |text: &str| text.to_lowercase().contains(MARK);
    let json = mapped.resources.iter().any(|one| {
        let json = to_json(&one.resource).expect("a resource that can be written");
        marked(&String::from_utf8_lossy(&json))
    });
    (json, marked(&format!("{:?}", mapped.losses)))
}

// R032, S2 5.3.1
#[test]
fn nothing_that_was_typed_comes_out_of_any_element() {
    let tables = Tables::load().expect("the tables");
    let mut leaves: BTreeSet<String> = BTreeSet::new();
    let mut counted: BTreeSet<String> = BTreeSet::new();
    let mut met: BTreeSet<String> = BTreeSet::new();
    for (format, message) in messages() {
        let mut paths: BTreeSet<String> = BTreeSet::new();
        walk(&message, &mut |path, _| {
            paths.insert(path.to_owned());
            None
        });
        assert!(paths.len() > 50, "{format}: {} places", paths.len());
        for path in paths {
            let marked = walk(&message, &mut |at, _| (at == path).then(|| MARK.to_owned()));
            let place = place(format, &path);
            met.insert(place.clone());
            match read(format, &marked) {
                Ok(record) => {
                    let (json, lost) = comes_out(record, &tables);
                    if json {
                        leaves.insert(place.clone());
                    }
                    if lost {
                        counted.insert(format!("{place} (in a loss)"));
                    }
                }
                Err(error) => assert!(!error.to_string().contains(MARK), "{place}: {error}"),
            }
        }
    }
    for (format, end) in TYPED {
        let place = |one: &&String| one.starts_with(format) && one.ends_with(end);
        assert!(
            met.iter().any(|one| place(&one)),
            "{format}: no {end} was tried"
        );
        assert_eq!(leaves.iter().find(place), None, "{format}: {end}");
        let lost = counted.iter().find(|one| one.contains(&format!("{end} ")));
        assert_eq!(lost, None, "{format}: {end}");
    }
    let all: Vec<String> = leaves.into_iter().chain(counted).collect();
    let text = format!(
        "# Every element and attribute of a message whose text can come out of the gateway, by format: held by\n\
         # tests/gateway/free_text.rs. \"in a loss\": codes, ids and element names in what the practice reads of losses. No free text.\n{}\n",
        all.join("\n")
    );
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("a file that can be written");
    }
    let known = std::fs::read_to_string(&path).expect(FILE);
    assert_eq!(text, known, "{FILE}; UPDATE_GOLDEN=1 writes it anew");
}

// R032: nor out of what is said of a message that breaks off, wherever it does
#[test]
fn no_error_repeats_what_was_typed() {
    for (format, message) in messages() {
        let typed = |path: &str| {
            TYPED
                .iter()
                .any(|(of, end)| *of == format && path.ends_with(end))
        };
        let marked = walk(&message, &mut |path, _| {
            typed(path).then(|| MARK.to_owned())
        });
        assert!(marked.contains(MARK), "{format}");
        for n in 1..200 {
            let cut = marked.len() * n / 200;
            let part = (0..=cut)
                .rev()
                .find_map(|at| marked.get(..at))
                .unwrap_or_default();
            if let Err(error) = read(format, part) {
                assert!(
                    !format!("{error} {error:?}").contains(MARK),
                    "{format}: {error}"
                );
            }
        }
    }
}
