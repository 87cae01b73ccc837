//! Holds every story to the rules that the mocks, the adapters and the clinicians' eyes rely on.

use std::collections::{HashMap, HashSet};

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::diary::earliest;
use super::{MARKER, codes, concept, contract, listed, long};
use crate::record::NhsNumber;
use crate::sandbox::story::{Class, Fact, Kind, Person, STAFF, When};

const TODAY: Date = date(2026, 3, 17);

pub fn person(number: &str) -> Person {
    contract(TODAY)
        .into_iter()
        .find(|person| person.nhs_number == number)
        .unwrap()
}

/// Every term that a story may use.
fn terms() -> HashSet<&'static str> {
    let listed = listed::ROWS.iter().map(|row| row.concept.term.as_str());
    codes::terms().chain(listed).collect()
}

/// What must hold of every story.
fn sound(person: &Person, today: Date, terms: &HashSet<&str>) {
    let who = &person.nhs_number;
    assert!(NhsNumber::parse(who).is_ok(), "{who}");
    assert!(!person.family.is_empty() && person.given.iter().all(|name| !name.is_empty()));
    assert!(person.address[4].starts_with("ZZ99 "), "{who}");
    assert!(person.registered <= today && person.registered >= person.birth_date);
    let contacts: HashMap<u32, _> = person.contacts.iter().map(|c| (c.key, c)).collect();
    assert_eq!(contacts.len(), person.contacts.len(), "{who}: contact keys");
    assert!(person.contacts.is_sorted_by_key(|contact| contact.at));
    for contact in &person.contacts {
        let day = contact.at.date();
        assert!((person.birth_date..=today).contains(&day), "{who} {day}");
        assert!(contact.staff < STAFF.len());
        assert!(contact.narrative.iter().all(|text| text.contains(MARKER)));
    }
    let facts: HashMap<u32, &Fact> = person.facts.iter().map(|f| (f.key, f)).collect();
    assert_eq!(facts.len(), person.facts.len(), "{who}: fact keys");
    assert!(person.facts.is_sorted_by_key(earliest), "{who}: order");
    for fact in &person.facts {
        let (key, day) = (fact.key, earliest(fact));
        let whole = !matches!(fact.when, When::Month(..) | When::Year(_));
        assert!(day >= person.birth_date || !whole, "{who} {key} {day}");
        assert!(day.year() >= person.birth_date.year());
        assert!(
            day <= today && fact.entered.date() <= today,
            "{who} {key} {day}"
        );
        assert!(fact.entered.date() >= day, "{who} {key}");
        assert!(fact.staff < STAFF.len());
        assert!(fact.text.iter().all(|text| text.contains(MARKER)));
        assert!(
            terms.contains(fact.concept.term.as_str()),
            "{}",
            fact.concept.term
        );
        if let Some(contact) = fact.contact {
            let at = contacts[&contact].at;
            assert_eq!(fact.entered.date(), at.date(), "{who} {key}");
            assert_eq!(fact.staff, contacts[&contact].staff);
        }
        for problem in &fact.for_problems {
            assert!(facts[problem].problem.is_some(), "{who} {key} {problem}");
        }
        if let Some(within) = fact.within {
            let outer = facts[&within];
            assert!(matches!(outer.kind, Kind::Report { .. } | Kind::Battery));
            assert!(outer.key < key && outer.when == fact.when, "{who} {key}");
        }
        match &fact.kind {
            Kind::Issue { course } => {
                let Kind::Course { end, .. } = &facts[course].kind else {
                    panic!("{who} {key}: an issue of no course");
                };
                assert!(day >= earliest(facts[course]) && end.is_none_or(|end| day <= end));
                assert_eq!(facts[course].concept, fact.concept);
            }
            Kind::Course {
                current,
                end,
                review,
                ..
            } => {
                assert_eq!(*current, end.is_none_or(|end| end >= today), "{who} {key}");
                assert!(review.is_none_or(|review| review > today));
            }
            Kind::Measurement {
                value, unit, range, ..
            } => {
                let number: f64 = value.parse().unwrap();
                // A ratio has no unit; titres are of the listed entries only.
                let units = include_str!("../../../mappings/units.csv");
                let bare = unit.is_empty() || *unit == "1/titre" && person.about != "ordinary";
                assert!(
                    bare || units
                        .lines()
                        .any(|line| line.starts_with(&format!("{unit},"))),
                    "{who} {key}: {unit} is no unit of mappings/units.csv"
                );
                if let Some((low, high)) = range {
                    let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
                    assert!(low < high, "{who} {key}: {low} to {high}");
                }
                plausible(person, fact, number);
            }
            Kind::Immunisation { .. } => in_schedule(person, fact),
            Kind::Allergy { substance, .. } => {
                assert!(
                    substance
                        .iter()
                        .all(|what| terms.contains(what.term.as_str()))
                );
            }
            _ => {}
        }
        sex_consistent(person, fact);
        if let Some(problem) = &fact.problem {
            assert!(!problem.active || problem.ended.is_none());
        }
    }
}

/// Values that a living person can have.
fn plausible(person: &Person, fact: &Fact, value: f64) {
    const BOUNDS: [(&str, f64, f64); 35] = [
        ("height", 45.0, 205.0),
        ("weight", 2.0, 180.0),
        ("body-mass-index", 12.0, 60.0),
        ("systolic", 85.0, 220.0),
        ("diastolic", 45.0, 125.0),
        ("peak-flow", 60.0, 800.0),
        ("cigarettes", 1.0, 60.0),
        ("alcohol-units", 0.0, 100.0),
        ("haemoglobin", 70.0, 185.0),
        ("white-cells", 2.0, 20.0),
        ("platelets", 80.0, 600.0),
        ("red-cells", 2.5, 6.5),
        ("mean-cell-volume", 65.0, 110.0),
        ("neutrophils", 1.0, 15.0),
        ("serum-sodium", 125.0, 150.0),
        ("serum-potassium", 3.0, 6.0),
        ("serum-urea", 1.5, 25.0),
        ("serum-creatinine", 30.0, 400.0),
        ("egfr", 15.0, 120.0),
        ("serum-alt", 3.0, 150.0),
        ("serum-alp", 20.0, 300.0),
        ("serum-bilirubin", 1.0, 60.0),
        ("serum-albumin", 25.0, 55.0),
        ("serum-cholesterol", 2.0, 10.0),
        ("hdl-cholesterol", 0.5, 3.0),
        ("ldl-cholesterol", 0.5, 8.0),
        ("triglycerides", 0.3, 8.0),
        ("cholesterol-ratio", 1.0, 12.0),
        ("hba1c", 20.0, 150.0),
        ("serum-tsh", 0.05, 20.0),
        ("free-t4", 5.0, 40.0),
        ("adjusted-calcium", 1.8, 3.2),
        ("serum-phosphate", 0.4, 2.2),
        ("serum-ferritin", 3.0, 900.0),
        ("urine-acr", 0.0, 60.0),
    ];
    let bounds = BOUNDS.iter().find(|(key, ..)| concept(key) == fact.concept);
    if let Some((key, low, high)) = bounds {
        let who = &person.nhs_number;
        assert!((*low..=*high).contains(&value), "{who} {key} {value}");
    }
}

/// Immunisations of infancy are given when they are due, those of the old not to the young (R026).
fn in_schedule(person: &Person, fact: &Fact) {
    const DUE: [(&str, i32, i32); 14] = [
        ("five-in-one-1", 49, 120),
        ("five-in-one-2", 75, 160),
        ("five-in-one-3", 100, 220),
        ("pneumococcal-conjugate-1", 49, 120),
        ("pneumococcal-conjugate-2", 100, 220),
        ("pneumococcal-conjugate-3", 360, 500),
        ("meningitis-c-1", 75, 160),
        ("meningitis-c-2", 100, 220),
        ("hib-meningitis-c", 360, 500),
        ("mmr-2", 1100, 1500),
        ("hpv-1", 4300, 5200),
        ("hpv-2", 4400, 5400),
        ("shingles-vaccination", 25_000, 41_000),
        ("pneumococcal-vaccination", 23_000, 41_000),
    ];
    let When::Day(day) = fact.when else { return };
    let age = (day - person.birth_date).get_days();
    if let Some((key, from, to)) = DUE.iter().find(|(key, ..)| concept(key) == fact.concept) {
        let (who, short) = (&person.nhs_number, person.about != "ordinary");
        assert!(
            short || (*from..=*to).contains(&age),
            "{who} {key} at {age} days"
        );
    }
}

/// Nothing of the other sex, nothing before its age.
fn sex_consistent(person: &Person, fact: &Fact) {
    const WOMEN: [&str; 13] = [
        "hysterectomy",
        "normal-delivery",
        "menorrhagia",
        "irregular-cycle",
        "polycystic-ovaries",
        "cervical-cytology",
        "smear-mild-inflammation",
        "smear-repeat-60",
        "mammogram",
        "mammogram-normal",
        "breast-cancer",
        "referral-gynaecology",
        "combined-pill",
    ];
    const MEN: [&str; 3] = ["prostatism", "prostate-resection", "tamsulosin-400"];
    const ADULTS: [&str; 6] = [
        "hypertension",
        "type-2-diabetes",
        "osteoarthritis",
        "current-smoker",
        "cervical-cytology",
        "normal-delivery",
    ];
    let is = |keys: &[&str]| keys.iter().any(|key| concept(key) == fact.concept);
    let who = (&person.nhs_number, &fact.concept.term);
    assert!(person.sex == 'F' || !is(&WOMEN), "{who:?}");
    assert!(person.sex == 'M' || !is(&MEN), "{who:?}");
    let age = earliest(fact).year() - person.birth_date.year();
    assert!(age >= 16 || !is(&ADULTS), "{who:?} at {age}");
}

// R032: the marker stands in every free text; R001, R002: what is special about whom.
#[test]
fn every_story_of_the_contract_is_sound() {
    let terms = terms();
    let people = contract(TODAY);
    assert_eq!(people.len(), 24);
    for person in &people {
        sound(person, TODAY, &terms);
    }
    // Also on another day, with a leap day, and long after.
    for today in [date(2026, 1, 1), date(2028, 2, 29), date(2031, 12, 31)] {
        for person in contract(today) {
            sound(&person, today, &terms);
        }
    }
}

#[test]
fn stories_are_the_same_every_time() {
    let text = |people: Vec<Person>| format!("{people:?}");
    assert_eq!(text(contract(TODAY)), text(contract(TODAY)));
}

// R020 to R031: every section of every tab has data in the full records.
#[test]
fn full_records_fill_every_section() {
    let recent = TODAY.saturating_sub(3.months());
    for number in ["9990000018", "9990000387", "9990005192"] {
        let person = person(number);
        let coded = |fact: &&Fact| {
            let c = &fact.concept;
            [&c.read_v2, &c.ctv3, &c.snomed]
                .into_iter()
                .any(Option::is_some)
        };
        let count = |what: &str, test: &dyn Fn(&Fact) -> bool| {
            let n = person
                .facts
                .iter()
                .filter(coded)
                .filter(|f| test(f))
                .count();
            assert!(n > 0, "{number}: no {what}");
        };
        let course = |f: &Fact, wanted: bool| matches!(f.kind, Kind::Course { current, .. } if current == wanted);
        count("current problem", &|f| {
            f.problem.as_ref().is_some_and(|p| p.active)
        });
        count("past problem", &|f| {
            f.problem.as_ref().is_some_and(|p| !p.active)
        });
        let plain = |f: &Fact| f.problem.is_none() && matches!(f.kind, Kind::Finding);
        count("current diagnosis", &|f| plain(f) && !f.ended);
        count("past diagnosis", &|f| plain(f) && f.ended);
        count("current medicine", &|f| course(f, true));
        count("current acute", &|f| {
            course(f, true) && matches!(f.kind, Kind::Course { repeat: false, .. })
        });
        count("past medicine", &|f| course(f, false));
        count("stopped medicine", &|f| {
            matches!(f.kind, Kind::Course { stopped: true, .. })
        });
        count("issue", &|f| matches!(f.kind, Kind::Issue { .. }));
        count("drug allergy", &|f| {
            matches!(f.kind, Kind::Allergy { drug: true, .. })
        });
        count("other allergy", &|f| {
            matches!(f.kind, Kind::Allergy { drug: false, .. })
        });
        count("contraindication", &|f| {
            matches!(f.kind, Kind::Contraindication)
        });
        count("operation", &|f| matches!(f.kind, Kind::Procedure));
        count("immunisation", &|f| {
            matches!(f.kind, Kind::Immunisation { .. })
        });
        for class in [
            Class::Biochemistry,
            Class::Ecg,
            Class::Haematology,
            Class::Imaging,
            Class::Microbiology,
            Class::Cytology,
            Class::Physiology,
            Class::Urinalysis,
            Class::Other,
        ] {
            count(
                "report",
                &|f| matches!(f.kind, Kind::Report { class: c, .. } if c == class),
            );
        }
        count("recent test", &|f| {
            matches!(f.kind, Kind::Report { .. } | Kind::Measurement { .. }) && earliest(f) > recent
        });
        count("test just outside", &|f| {
            earliest(f) == recent.saturating_sub(1.day())
        });
        count("systolic", &|f| f.concept == concept("systolic"));
        count("diastolic", &|f| f.concept == concept("diastolic"));
        count("admission", &|f| {
            matches!(
                f.kind,
                Kind::Referral {
                    admission: true,
                    ..
                }
            )
        });
        count("referral", &|f| {
            matches!(
                f.kind,
                Kind::Referral {
                    admission: false,
                    ..
                }
            )
        });
        count("coded admission", &|f| {
            [
                "emergency-admission",
                "asthma-admission",
                "heart-failure-admission",
            ]
            .iter()
            .any(|key| concept(key) == f.concept)
        });
        assert!(
            person
                .facts
                .iter()
                .any(|f| matches!(f.kind, Kind::Letter { discharge: true }))
        );
        assert!(person.contacts.len() > 5);
        let texts = person.facts.iter().filter(|f| f.text.is_some()).count();
        assert!(texts * 3 > person.facts.len(), "{number}: {texts}");
        assert!(person.contacts.iter().any(|c| c.narrative.is_some()));
        count("comparator", &|f| {
            matches!(
                f.kind,
                Kind::Measurement {
                    comparator: Some(_),
                    ..
                }
            )
        });
        count("worded result", &|f| matches!(f.kind, Kind::TextResult(_)));
        count("problem link", &|f| !f.for_problems.is_empty());
        count("month", &|f| matches!(f.when, When::Month(..)));
        count("year", &|f| matches!(f.when, When::Year(_)));
        assert!(person.facts.iter().any(|f| f.when == When::Unknown));
    }
}

// R043: private entries of every kind, and a whole private contact.
#[test]
fn every_kind_is_told_privately() {
    let person = person("9990001499");
    let kinds = |private: bool| -> HashSet<_> {
        person
            .facts
            .iter()
            .filter(|f| f.private == private)
            .map(|f| std::mem::discriminant(&f.kind))
            .collect()
    };
    // All kinds that a story knows.
    assert_eq!(kinds(true).len(), 15);
    assert!(kinds(false).len() >= 10);
    let hidden: Vec<u32> = person
        .contacts
        .iter()
        .filter(|c| c.private)
        .map(|c| c.key)
        .collect();
    assert_eq!(hidden.len(), 1);
    let inside = |f: &&Fact| f.contact.is_some_and(|key| hidden.contains(&key));
    assert!(person.facts.iter().filter(inside).count() >= 3);
    assert!(
        person.facts.iter().filter(inside).all(|f| !f.private),
        "by their contact alone"
    );
    // Issues of private courses are private too; in other stories nothing is.
    let courses: HashSet<u32> = person
        .facts
        .iter()
        .filter(|f| f.private)
        .map(|f| f.key)
        .collect();
    for fact in &person.facts {
        if let Kind::Issue { course } = fact.kind {
            assert_eq!(courses.contains(&course), fact.private);
        }
    }
    for other in contract(TODAY) {
        let none =
            other.facts.iter().all(|f| !f.private) && other.contacts.iter().all(|c| !c.private);
        assert!(none || other.nhs_number == "9990001499");
    }
}

#[test]
fn the_long_record_has_its_length() {
    let start = std::time::Instant::now();
    let person = person("9990007047");
    assert!(
        start.elapsed().as_millis() < 2_000,
        "unoptimised, all 24 people"
    );
    assert_eq!(person.facts.len(), long::ENTRIES);
    let first = earliest(&person.facts[0]);
    let years = |a: Date, b: Date| b.year() - a.year();
    assert_eq!(years(first, TODAY), 60);
    // Evenly spread: each decade has its share.
    for n in 0..6 {
        let from = first.saturating_add((n * 10).years());
        let to = from.saturating_add(10.years());
        let share = person
            .facts
            .iter()
            .filter(|f| (from..to).contains(&earliest(f)))
            .count();
        assert!((1000..2700).contains(&share), "decade {n}: {share}");
    }
}

#[test]
fn the_others_are_told_as_the_contract_says() {
    let people: HashMap<String, Person> = contract(TODAY)
        .into_iter()
        .map(|p| (p.nhs_number.clone(), p))
        .collect();
    assert!(people["9990007411"].facts.is_empty() && people["9990007411"].contacts.is_empty());
    assert_eq!(
        people["9990007411"].registered,
        TODAY.saturating_sub(7.days())
    );
    let child = &people["9990005931"];
    let vaccines = child
        .facts
        .iter()
        .filter(|f| matches!(f.kind, Kind::Immunisation { .. }))
        .count();
    assert!(vaccines >= 8, "{vaccines}");
    let elsewhere = people["9990009260"].trace.differs.clone().unwrap();
    assert_ne!(elsewhere.0, people["9990009260"].family);
    assert_ne!(elsewhere.2, people["9990009260"].birth_date);
    assert!(people["9990009635"].trace.deceased.is_some());
    let special = [
        "9990000018",
        "9990000387",
        "9990000751",
        "9990001499",
        "9990005192",
        "9990005567",
        "9990007047",
        "9990007411",
    ];
    for (number, person) in people
        .iter()
        .filter(|(number, _)| !special.contains(&number.as_str()))
    {
        let courses = |f: &&Fact| matches!(f.kind, Kind::Issue { .. });
        let n = person.facts.iter().filter(|f| !courses(f)).count();
        assert!((15..=150).contains(&n), "{number}: {n}");
    }
    let moderate = people
        .values()
        .filter(|p| !special.contains(&p.nhs_number.as_str()));
    let with_repeat = moderate
        .filter(|p| {
            p.facts
                .iter()
                .any(|f| matches!(f.kind, Kind::Course { repeat: true, .. }))
        })
        .count();
    assert!(with_repeat >= 12, "{with_repeat}");
}

// R204 of this data: what holds of a thousand people holds of all, whatever the seed and the day.
#[test]
fn ordinary_people_are_sound_and_spread() {
    let terms = terms();
    let people: Vec<Person> = (0..1_000).map(|n| super::person(n, 42, TODAY)).collect();
    let numbers: HashSet<&str> = people.iter().map(|p| p.nhs_number.as_str()).collect();
    assert_eq!(numbers.len(), 1_000);
    assert!(
        contract(TODAY)
            .iter()
            .all(|p| !numbers.contains(p.nhs_number.as_str()))
    );
    let mut practices: HashMap<&str, u32> = HashMap::new();
    for (index, person) in people.iter().enumerate() {
        sound(person, TODAY, &terms);
        *practices.entry(person.practice).or_default() += 1;
        let index = u64::try_from(index).unwrap();
        assert_eq!(super::index_of(&person.nhs_number), Some(index));
        let (n, born) = (person.facts.len(), person.birth_date);
        let fewest = if born.year() + 3 > TODAY.year() { 3 } else { 8 };
        assert!((fewest..=200).contains(&n), "{index}: {n}");
    }
    assert_eq!(practices.len(), 4);
    assert!(practices.values().all(|&n| n == 250));
    // The same whoever asks, and other people for another seed.
    let again = super::person(999, 42, TODAY);
    assert_eq!(format!("{again:?}"), format!("{:?}", people[999]));
    assert_ne!(
        format!("{:?}", super::person(5, 43, TODAY)),
        format!("{:?}", people[5])
    );
    let average = people.iter().map(|p| p.facts.len()).sum::<usize>() / people.len();
    assert!((20..=60).contains(&average), "{average}");
    for (seed, today) in [
        (0, date(2026, 1, 1)),
        (u64::MAX, date(2028, 2, 29)),
        (7, date(2031, 12, 31)),
    ] {
        for index in (0..100).chain([super::MOST_ORDINARY - 1]) {
            sound(&super::person(index, seed, today), today, &terms);
        }
    }
}

// The same seed gives the same people on every machine. A story that is told otherwise on purpose changes this number.
#[test]
fn the_first_people_of_seed_one_are_these() {
    use sha2::{Digest as _, Sha256};
    let mut sha = Sha256::new();
    for index in 0..100 {
        sha.update(format!("{:?}", super::person(index, 1, TODAY)));
    }
    assert_eq!(
        crate::text::hex(&sha.finalize()),
        "f7b8042558311a259417d2eca73d94ebcffd36c28996f6597f24d2c637609e2e"
    );
}

// A long-term problem is followed over the years, and its values go somewhere.
#[test]
fn yearly_reviews_make_trends() {
    let mut series = 0;
    for index in 0..300 {
        let person = super::person(index, 1, TODAY);
        let lipids: Vec<&Fact> = person
            .facts
            .iter()
            .filter(|f| f.concept == concept("serum-cholesterol"))
            .collect();
        if lipids.len() >= 3 {
            series += 1;
            let value = |fact: &Fact| match &fact.kind {
                Kind::Measurement { value, .. } => value.parse::<f64>().unwrap(),
                _ => panic!("no measurement"),
            };
            for pair in lipids.windows(2) {
                let (one, two) = (value(pair[0]), value(pair[1]));
                assert!((one - two).abs() < 2.0, "{index}: {one} to {two}");
            }
        }
    }
    assert!(series > 10, "{series}");
}
