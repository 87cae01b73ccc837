//! Marks of OpenHR whose meaning nobody has published: they fail closed (`docs/sources-wire.md`).

use super::{losses, openhr, parse};
use crate::record::{GpRecord, Restriction};

fn kept_from_view(record: &GpRecord) -> Vec<bool> {
    let entries = record.entries.iter();
    entries
        .map(|e| e.restrictions.contains(&Restriction::Private))
        .collect()
}

const CODE: &str = "<code codeSystem='READ2' code='H33..' displayName='Asthma'/>";

// Anything but a plain no hides, wherever on the event it stands; and it is read, not counted as left behind.
#[test]
fn what_the_practice_hides_or_has_not_filed_is_private() {
    for (mark, hidden) in [
        ("", false),
        ("<hidden>false</hidden>", false),
        ("<hidden>0</hidden>", false),
        ("<hidden>true</hidden>", true),
        ("<hidden/>", true),
        ("<hidden>maybe</hidden>", true),
        ("<unFiled>true</unFiled>", true),
        ("<report unFiled='true'/>", true),
        ("<observation unFiled=''/>", true),
        ("<report unFiled='False'/>", false),
        ("<hidden>false</hidden><hidden>true</hidden>", true),
    ] {
        let record = openhr(&format!("<event><id>1</id>{CODE}{mark}</event>"));
        assert_eq!(kept_from_view(&record), [hidden], "{mark}");
        assert_eq!(losses(&record, "1"), Vec::<String>::new(), "{mark}");
    }
    for (attribute, hidden) in [("unFiled='true'", true), ("hidden='false'", false)] {
        let record = openhr(&format!("<event {attribute}><id>1</id>{CODE}</event>"));
        assert_eq!(kept_from_view(&record), [hidden], "{attribute}");
    }
}

// What contains it, or makes a problem of it, hides it too.
#[test]
fn a_mark_around_an_event_is_the_events_too() {
    let event = format!("<event><id>1</id>{CODE}</event><event><id>2</id>{CODE}</event>");
    let member = "<event>1</event>";
    let record = openhr(&format!(
        "{event}<encounter><id>v</id><component>{member}<hidden>true</hidden></component><component><event>2</event></component></encounter>"
    ));
    assert_eq!(kept_from_view(&record), [true, false]);
    assert!(record.encounters[0].restrictions.is_empty());
    let record = openhr(&format!(
        "{event}<encounter unFiled='true'><id>v</id><component>{member}</component></encounter>"
    ));
    assert_eq!(record.encounters[0].restrictions, [Restriction::Private]);
    assert_eq!(
        kept_from_view(&record),
        [false, false],
        "mapping hands it down"
    );
    let record = openhr(&format!("{event}<problem unFiled='1'><id>1</id></problem>"));
    assert_eq!(kept_from_view(&record), [true, false]);
    let record = openhr("<document><id>d</id><unFiled>true</unFiled></document>");
    assert_eq!(kept_from_view(&record), [true]);
}

// R065: a consent that nobody understands may be a no.
#[test]
fn a_consent_of_another_kind_restricts_the_record() {
    for (said, restricted) in [
        ("", false),
        ("<consent/>", false),
        ("<consent>implied</consent>", false),
        ("<consent value='express-consent'/>", false),
        ("<consent updateMode='delete'>no</consent>", false),
        ("<consent>express-dissent</consent>", true),
        ("<consent><consentType>4</consentType></consent>", true),
        ("<consent/><consent status='D'/>", true),
        ("<hidden>true</hidden>", true),
    ] {
        let record = parse(&format!(
            "<openHealthRecord><adminDomain><patient><id>p</id>{said}</patient></adminDomain><healthDomain/></openHealthRecord>"
        ));
        assert_eq!(record.standing.restricted, restricted, "{said}");
    }
}
