//! The people of the contract (`sandbox.md`, table "Patients"): who they are and what is special about each.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::diary::{Course, Diary};
use super::random::Random;
use super::{full, identity, listed, long, ordinary, private};
use crate::sandbox::story::{Behaviour, Method, Person, Registration, Sharing};

/// Series of random numbers that the contract's people use; fixed, so that they are the same everywhere.
const SEED: u64 = 0x4f50_454e_4d49_4701;

/// One line of the table.
struct Row {
    number: &'static str,
    practice: &'static str,
    born: Date,
    sex: char,
    title: &'static str,
    given: &'static [&'static str],
    family: &'static str,
    about: &'static str,
    story: fn(&mut Diary),
}

const ROWS: [Row; 24] = [
    Row {
        number: "9990000018",
        practice: "Z99001",
        born: date(1957, 3, 14),
        sex: 'F',
        title: "Mrs",
        given: &["Margaret", "Rose"],
        family: "Tebbutt",
        about: "every section of every tab has data",
        story: |d| full::write(d, &full::FOSSE_WAY),
    },
    Row {
        number: "9990000387",
        practice: "Z99002",
        born: date(1962, 11, 2),
        sex: 'F',
        title: "Ms",
        given: &["Harjit"],
        family: "Sandhu-Lowe",
        about: "every section of every tab has data (admissions as far as the source can say)",
        story: |d| full::write(d, &full::RUTLAND_WATER),
    },
    Row {
        number: "9990000751",
        practice: "Z99001",
        born: date(1988, 6, 30),
        sex: 'F',
        title: "Miss",
        given: &["Leanne"],
        family: "Cufflin",
        about: "one entry for each of the 66 Appendix A rows, among ordinary ones",
        story: listed::every_row,
    },
    Row {
        number: "9990001499",
        practice: "Z99002",
        born: date(1979, 1, 21),
        sex: 'M',
        title: "Mr",
        given: &["Jakub"],
        family: "Wójcik",
        about: "private entries of every type, among ordinary ones",
        story: private::write,
    },
    Row {
        number: "9990001863",
        practice: "Z99001",
        born: date(1944, 9, 9),
        sex: 'M',
        title: "Mr",
        given: &["Walter", "George"],
        family: "Goddard",
        about: "opted out (EMIS flag)",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990002231",
        practice: "Z99002",
        born: date(1951, 5, 17),
        sex: 'F',
        title: "Mrs",
        given: &["Sheila"],
        family: "Exton",
        about: "opted out (SystmOne: share-out dissent)",
        story: |d| ordinary::well_filled(d, 'F'),
    },
    Row {
        number: "9990002606",
        practice: "Z99001",
        born: date(1990, 12, 25),
        sex: 'F',
        title: "Ms",
        given: &["Natalie"],
        family: "Vann",
        about: "S-flag: treated as unknown",
        story: |d| ordinary::well_filled(d, 'F'),
    },
    Row {
        number: "9990002975",
        practice: "Z99001",
        born: date(2001, 4, 4),
        sex: 'M',
        title: "Mr",
        given: &["Callum"],
        family: "Orton",
        about: "temporary registration",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990003343",
        practice: "Z99002",
        born: date(1983, 8, 13),
        sex: 'F',
        title: "Mrs",
        given: &["Chidinma"],
        family: "Okafor",
        about: "NHS number present but not traced",
        story: |d| ordinary::well_filled(d, 'F'),
    },
    Row {
        number: "9990003718",
        practice: "Z99003",
        born: date(1970, 2, 28),
        sex: 'M',
        title: "Mr",
        given: &["Neville"],
        family: "Barsby",
        about: "practice signed, not enabled",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990004080",
        practice: "Z99004",
        born: date(1966, 10, 10),
        sex: 'F',
        title: "Mrs",
        given: &["Pauline"],
        family: "Rudkin",
        about: "practice never signed",
        story: |d| ordinary::well_filled(d, 'F'),
    },
    Row {
        number: "9990004455",
        practice: "Z99002",
        born: date(1995, 7, 7),
        sex: 'M',
        title: "Mr",
        given: &["Ravi"],
        family: "Mistry",
        about: "moved from Z99001 (opted out there): opt-out must follow",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990005192",
        practice: "Z99005",
        born: date(1971, 8, 29),
        sex: 'F',
        title: "Mrs",
        given: &["Teresa"],
        family: "Allsop",
        about: "EMIS Open payload, full record",
        story: |d| full::write(d, &full::WIGSTON_LANE),
    },
    Row {
        number: "9990005567",
        practice: "Z99006",
        born: date(1951, 1, 1),
        sex: 'M',
        title: "Mr",
        given: &["Edwin"],
        family: "Peberdy",
        about: "SystmOne over TCP, listed codes withheld by the practice's switch",
        story: oadby,
    },
    Row {
        number: "9990005931",
        practice: "Z99001",
        born: date(2015, 5, 5),
        sex: 'F',
        title: "Miss",
        given: &["Aisha"],
        family: "Hussain",
        about: "child: parental consent, child's view",
        story: |d| ordinary::well_filled(d, 'F'),
    },
    Row {
        number: "9990006679",
        practice: "Z99002",
        born: date(1938, 3, 3),
        sex: 'M',
        title: "Mr",
        given: &["Leonard"],
        family: "Sibson",
        about: "brought in unconscious: the override case",
        story: unconscious,
    },
    Row {
        number: "9990007047",
        practice: "Z99001",
        born: date(1929, 12, 31),
        sex: 'F',
        title: "Mrs",
        given: &["Dorothy", "May"],
        family: "Quincey",
        about: "10,000 entries",
        story: long::write,
    },
    Row {
        number: "9990007411",
        practice: "Z99002",
        born: date(2000, 1, 1),
        sex: 'F',
        title: "Miss",
        given: &["Zofia"],
        family: "Nowak",
        about: "registered last week, empty record",
        story: |_| {},
    },
    Row {
        number: "9990007780",
        practice: "Z99001",
        born: date(1964, 4, 23),
        sex: 'M',
        title: "Mr",
        given: &["Mahesh"],
        family: "Lakhani",
        about: "not registered for treatment at any viewer",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990008159",
        practice: "Z99001",
        born: date(1977, 7, 19),
        sex: 'F',
        title: "Ms",
        given: &["Hannah"],
        family: "Ingram",
        about: "source refuses: record restricted",
        story: |d| ordinary::well_filled(d, 'F'),
    },
    Row {
        number: "9990008523",
        practice: "Z99002",
        born: date(1985, 5, 30),
        sex: 'M',
        title: "Mr",
        given: &["Kelechi"],
        family: "Underwood",
        about: "source times out",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990008892",
        practice: "Z99001",
        born: date(1992, 2, 29),
        sex: 'M',
        title: "Mr",
        given: &["Oliver"],
        family: "Toone",
        about: "source answers broken XML",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990009260",
        practice: "Z99002",
        born: date(1959, 9, 19),
        sex: 'M',
        title: "Mr",
        given: &["Derek"],
        family: "Kirk",
        about: "trace and source disagree on name and date of birth",
        story: |d| ordinary::well_filled(d, 'M'),
    },
    Row {
        number: "9990009635",
        practice: "Z99001",
        born: date(1968, 6, 6),
        sex: 'F',
        title: "Mrs",
        given: &["Beatrice"],
        family: "Gamble",
        about: "deceased",
        story: |d| ordinary::well_filled(d, 'F'),
    },
];

/// The people of the contract, their stories anchored to `today`.
#[must_use]
pub fn people(today: Date) -> Vec<Person> {
    ROWS.iter()
        .zip(0_u64..)
        .map(|(row, index)| person(row, index, today))
        .collect()
}

fn person(row: &Row, index: u64, today: Date) -> Person {
    let mut random = Random::new(SEED, index);
    let mut person = identity::plain(row.number.to_owned(), row.sex, row.born, row.practice);
    person.title = row.title;
    person.given = row.given.iter().map(|&name| name.to_owned()).collect();
    row.family.clone_into(&mut person.family);
    person.address = identity::address(&mut random);
    person.about = row.about;
    let mut diary = Diary::new(row.born, today, random);
    person.registered = diary.ago(5400);
    (row.story)(&mut diary);
    (person.contacts, person.facts) = diary.finish();
    behave(&mut person, today);
    person
}

/// What trace, source and worklists say of the special ones.
fn behave(person: &mut Person, today: Date) {
    match person.nhs_number.as_str() {
        "9990001863" | "9990002231" => person.sharing = Sharing::Dissent,
        "9990002606" => person.trace.sensitive = true,
        "9990002975" => {
            person.registration = Registration::Temporary;
            person.registered = today.saturating_sub(20.days());
        }
        "9990003343" => person.trace.verified = false,
        "9990004455" => person.registered = today.saturating_sub(60.days()),
        "9990007411" => person.registered = today.saturating_sub(7.days()),
        "9990007780" => person.registered_for_treatment = false,
        "9990008159" => person.behaviour = Behaviour::Restricted,
        "9990008523" => person.behaviour = Behaviour::TimesOut,
        "9990008892" => person.behaviour = Behaviour::BrokenXml,
        "9990009260" => {
            person.trace.differs =
                Some(("Kirkby".to_owned(), "Dereck".to_owned(), date(1957, 9, 19)));
        }
        "9990009635" => person.trace.deceased = Some(today.saturating_sub(40.days())),
        _ => {}
    }
}

/// An ordinary record with some entries of Appendix A, none of them private: only the practice's switch withholds them
/// (R044).
fn oadby(d: &mut Diary) {
    ordinary::well_filled(d, 'M');
    for (row, n) in listed::ROWS
        .iter()
        .filter(|row| [10, 18, 31, 33, 44, 59, 62].contains(&row.n))
        .zip(0_i64..)
    {
        let day = d.ago(2400 - 310 * n);
        d.seen(day, 1, "Seen, see codes.");
        d.blood_pressure(day, 132 + n, 80 + n);
        listed::write(d, day, row);
        d.leave();
    }
}

/// Old, on many medicines, with a reaction that an ambulance crew would want to know of.
fn unconscious(d: &mut Diary) {
    ordinary::well_filled(d, 'M');
    let day = d.ago(2000);
    d.seen(day, 0, "Confused with the bleed, all stopped.");
    d.allergy(day, "warfarin-allergy", true, None);
    d.leave();
    let day = d.ago(1990);
    let known = d.knows("type-2-diabetes");
    let since = (!known).then(|| d.problem(day, "type-2-diabetes", true, None));
    let day = d.ago(380);
    d.repeat(
        day,
        Course {
            drug: "gliclazide-80",
            dosage: "One to be taken twice a day with food",
            quantity: 56,
            unit: "tablet",
            days: 28,
            problem: since,
        },
        None,
    );
    let day = d.ago(17);
    d.visit(
        day,
        3,
        Method::HomeVisit,
        "Low sugar this morning, daughter rang.",
    );
    d.measure(day, "plasma-glucose", "3.1", "mmol/L");
    d.finding(day, "recurrent-falls");
    d.leave();
}
