//! Resources made, labelled and encoded one after the other come out as those of a whole record do: of every story of the
//! sandbox's contract, and of ordinary people, in every format.

use jiff::civil::{Date, date};

use super::{ReleasedRecord, fixture, release};
use crate::fhir::IdKey;
use crate::labelling::{ExclusionList, PracticeRules, label};
use crate::mapping::{Mapping, MappingContext, Tables, map};
use crate::record::{GpRecord, LossTally, NhsNumber, OdsCode};
use crate::sandbox::mock::write::{Xml, emis_open, openhr, systmone};
use crate::sandbox::population;
use crate::sandbox::story::Person;

const TODAY: Date = date(2026, 3, 17);

/// The story in each format, as its adapter reads it.
fn read(person: &Person) -> [(&'static str, GpRecord); 3] {
    let practice = OdsCode(person.practice.to_owned());
    let now = TODAY.at(9, 0, 0, 0);
    let mut hr = Xml::with_capacity(1 << 16);
    openhr::write(&mut hr, person, now);
    let mut open = Xml::with_capacity(1 << 16);
    emis_open::write(&mut open, person, now);
    let mut tpp = Xml::with_capacity(1 << 16);
    tpp.open("ClientIntegrationResponse");
    tpp.open("Response");
    systmone::write(&mut tpp, person, systmone::OutputScheme::default());
    tpp.close("Response");
    tpp.close("ClientIntegrationResponse");
    let emis = |xml: Xml| crate::source::emis::read(xml.into_string().as_bytes(), &practice);
    let tpp = crate::source::systmone::read(tpp.into_string().as_bytes(), &practice);
    [
        ("OpenHR", emis(hr).unwrap()),
        ("EMIS Open", emis(open).unwrap()),
        ("SystmOne", tpp.unwrap()),
    ]
}

fn same(who: &str, streamed: &ReleasedRecord, whole: &ReleasedRecord) {
    for (one, other) in streamed.entries.iter().zip(&whole.entries) {
        let at = format!("{who}: {}/{}", one.kind.name(), one.id);
        assert_eq!((one.kind, &one.id), (other.kind, &other.id), "{at}");
        assert_eq!(one.json, other.json, "{at}");
        assert_eq!(
            (&one.sections, one.tabs, one.confidentiality, &one.date),
            (
                &other.sections,
                other.tabs,
                other.confidentiality,
                &other.date
            ),
            "{at}"
        );
        assert_eq!((&one.etag, one.digest), (&other.etag, other.digest), "{at}");
        assert_eq!(one.index, other.index, "{at}");
    }
    assert_eq!(streamed.entries.len(), whole.entries.len(), "{who}");
    assert_eq!(streamed.report(), whole.report(), "{who}");
    assert_eq!(streamed.standing(), whole.standing(), "{who}");
}

// Issue 4: bounded memory changes nothing of what leaves (R035, R047), of what the practice reads of it (R051, R204)
#[test]
fn one_after_the_other_is_the_same_as_all_at_once() {
    let tables = Tables::load().unwrap();
    let list = ExclusionList::load_embedded().unwrap();
    let ids = IdKey::new([7; 32]);
    let rules = PracticeRules { apply_list: true };
    // The longest record takes the same way and much longer.
    let people = population::contract(TODAY)
        .into_iter()
        .filter(|one| one.facts.len() < 5_000);
    let people = people.chain((0..24).map(|n| population::person(n, 3, TODAY)));
    let (mut compared, mut withheld) = (0, 0);
    for person in people {
        let number = NhsNumber::parse(&person.nhs_number).unwrap();
        let context = MappingContext {
            tables: &tables,
            ids: &ids,
            patient: ids.patient(&number),
            nhs_number: &number,
            today: TODAY,
            practice_name: "The practice",
        };
        for (format, record) in read(&person) {
            let who = format!("{} in {format}", person.nhs_number);
            let streamed = release(Mapping::new(record.clone(), &context), &list, rules);
            let labelled = label(map(record, &context), &list, rules).unwrap();
            let mut tally = LossTally::default();
            for loss in labelled.losses() {
                tally.add(&loss.path, loss.reason);
            }
            let whole = fixture::withhold(labelled);
            let (streamed, whole) = match (streamed, whole) {
                (Ok(streamed), Ok(whole)) => (streamed, whole),
                (streamed, whole) => {
                    assert_eq!(streamed.err(), whole.err(), "{who}");
                    continue;
                }
            };
            same(&who, &streamed, &whole);
            assert_eq!(streamed.losses(), tally.into_counts(), "{who}");
            compared += streamed.entries.len();
            withheld += streamed.report().entries.len();
        }
    }
    println!("{compared} resources are the same, {withheld} are withheld either way");
    assert!(compared > 5_000 && withheld > 50, "{compared} {withheld}");
}
