//! One synthetic person, told in three suppliers' formats by the sandbox's writers, read by the adapters and mapped: the
//! clinical content in FHIR is the same, but for what the formats force (`tests/golden/cross-source-differences.toml`).

mod forced;
mod statements;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::documented::{grouped, stands_in};
use forced::{FILE, Forced};
use jiff::civil::date;
use openmig::mapping::Tables;
use openmig::record::{GpRecord, NhsNumber, OdsCode, system};
use openmig::sandbox::mock::write::systmone::{Codes, Drugs, OutputScheme};
use openmig::sandbox::mock::write::{Xml, emis_open, openhr, systmone};
use openmig::sandbox::population;
use openmig::sandbox::story::{Concept, Kind, Person};
use statements::{Said, Statement, said};

/// Seeds of a plain run.
const PERSONS: u64 = 40;

/// The people whose records fill every section of every tab.
const FULL: [&str; 2] = ["9990000018", "9990000387"];

/// Every telling.
pub const ALL: [&str; 4] = ["OpenHR", "EMIS Open", "SystmOne CTV3", "SystmOne SNOMED"];

/// The other tellings, each held against OpenHR.
const TELLINGS: [&str; 3] = ["EMIS Open", "SystmOne CTV3", "SystmOne SNOMED"];

/// The practice whose SystmOne leaves private entries out, as the real one does (sources.md 4.5): what OpenHR marks as
/// restricted, and what never leaves of any of them, is not in its message at all.
const LEAVES_OUT: &str = "Z99006";

/// The day of the tests.
pub fn today() -> jiff::civil::Date {
    date(2026, 6, 15)
}

/// The message in which a telling says it.
pub fn written(person: &Person, telling: &str) -> String {
    let now = today().at(9, 0, 0, 0);
    let mut xml = Xml::with_capacity(1 << 16);
    xml.declaration();
    let codes = match telling {
        "SystmOne CTV3" => Codes::Ctv3,
        _ => Codes::Snomed,
    };
    let scheme = OutputScheme {
        codes,
        drugs: Drugs::Dmd,
    };
    match telling {
        "OpenHR" => openhr::write(&mut xml, person, now),
        "EMIS Open" => emis_open::write(&mut xml, person, now),
        _ => {
            xml.open("ClientIntegrationResponse");
            xml.leaf("Function", "GetPatientRecord");
            xml.open("Response");
            systmone::write(&mut xml, person, scheme);
            xml.close("Response");
            xml.close("ClientIntegrationResponse");
        }
    }
    xml.into_string()
}

/// The record that an adapter reads of a telling.
pub fn read(person: &Person, telling: &str) -> GpRecord {
    let practice = OdsCode(person.practice.to_owned());
    let message = written(person, telling);
    let read = match telling {
        "OpenHR" | "EMIS Open" => openmig::source::emis::read(message.as_bytes(), &practice),
        _ => openmig::source::systmone::read(message.as_bytes(), &practice),
    };
    read.expect("a message that the adapter reads")
}

fn told(person: &Person, telling: &str, tables: &Tables) -> Said {
    let number = NhsNumber::parse(&person.nhs_number).expect("a number");
    said(read(person, telling), tables, &number, today())
}

/// What was found.
#[derive(Default)]
struct Found {
    /// By telling: compared, agreeing, excused.
    figures: BTreeMap<String, [usize; 3]>,
    /// What nothing excuses, by kind of difference.
    wrong: BTreeMap<String, Vec<String>>,
}

impl Found {
    fn count(&mut self, telling: &str, place: usize) {
        let figures = self.figures.entry(telling.to_owned()).or_default();
        for n in [0, place] {
            if let Some(figure) = figures.get_mut(n) {
                *figure += 1;
            }
        }
    }

    fn judge(&mut self, telling: &str, path: &str, excused: bool, at: impl FnOnce() -> String) {
        self.count(telling, if excused { 2 } else { 0 });
        if !excused {
            let places = self.wrong.entry(format!("{telling}: {path}")).or_default();
            places.push(at());
        }
    }

    fn print(&self) {
        println!("One story in other formats, held against OpenHR: compared, agree, excused");
        for (telling, [compared, agree, excused]) in &self.figures {
            println!("  {telling:16} {compared:7} {agree:7} {excused:7}");
        }
        let sum = |n: usize| -> usize { self.figures.values().filter_map(|f| f.get(n)).sum() };
        println!("  {:16} {:7} {:7} {:7}", "all", sum(0), sum(1), sum(2));
    }

    /// The figures of a plain run stand in docs/mapping.md.
    fn stands_in_docs(&self) {
        let sum = |n: usize| -> usize { self.figures.values().filter_map(|f| f.get(n)).sum() };
        let rows = self
            .figures
            .iter()
            .map(|(name, figures)| (name.as_str(), *figures));
        let rows: Vec<String> = rows
            .chain([("all", [sum(0), sum(1), sum(2)])])
            .map(|(name, figures)| {
                let [compared, agree, excused] = figures.map(grouped);
                format!("| {name} | {compared} | {agree} | {excused} |")
            })
            .collect();
        stands_in("docs/mapping.md", &rows.join("\n"));
    }
}

/// How many items two statements have in common; the day and the person count even where they are written otherwise.
fn alike(one: &Statement, other: &Statement) -> usize {
    let same = |(name, value): (&&'static str, &String)| {
        let other = other.items.get(name);
        match (*name, other) {
            ("date", Some(other)) if value.get(..10) == other.get(..10) => 4,
            ("clinician", Some(other)) if forced::name(value) == forced::name(other) => 3,
            _ => usize::from(other == Some(value)),
        }
    };
    one.items.iter().map(same).sum()
}

/// Holds one telling against OpenHR.
fn compare(
    found: &mut Found,
    forced: &mut Forced,
    who: &str,
    telling: &str,
    base: &Said,
    other: &Said,
) {
    let mut groups: BTreeMap<(&str, &str), [Vec<&Statement>; 2]> = BTreeMap::new();
    for (n, said) in [base, other].into_iter().enumerate() {
        for one in &said.statements {
            let group = groups.entry((&one.kind, &one.key)).or_default();
            if let Some(side) = group.get_mut(n) {
                side.push(one);
            }
        }
    }
    for ((kind, key), [ours, mut theirs]) in groups {
        let at = |what: &dyn std::fmt::Debug| format!("{who} {key}: {what:?}");
        // Those that are most alike belong together.
        let mut left = ours;
        let mut pairs = Vec::new();
        while let Some((_, a, b)) = left
            .iter()
            .enumerate()
            .flat_map(|(a, one)| {
                theirs
                    .iter()
                    .enumerate()
                    .map(move |(b, two)| (alike(one, two), a, b))
            })
            .max_by_key(|(alike, a, b)| (*alike, std::cmp::Reverse((*a, *b))))
        {
            pairs.push((left.remove(a), theirs.remove(b)));
        }
        for one in left {
            let excused = forced.whole(telling, kind, key, false);
            found.judge(telling, &format!("{kind} missing"), excused, || {
                at(&one.items)
            });
        }
        for one in theirs {
            let excused = forced.whole(telling, kind, key, true);
            found.judge(
                telling,
                &format!("{kind} extra"),
                excused,
                || at(&one.items),
            );
        }
        for (one, other) in pairs {
            found.count(telling, 1);
            let names: BTreeSet<&str> = one
                .items
                .keys()
                .chain(other.items.keys())
                .copied()
                .collect();
            for name in names {
                let value = |one: &Statement| one.items.get(name).cloned();
                let (expected, said) = (value(one), value(other));
                if expected == said {
                    found.count(telling, 1);
                    continue;
                }
                let path = format!("{kind}.{name}");
                let any = format!("*.{name}");
                let (expected, said) = (expected.as_deref(), said.as_deref());
                let excused = forced.item(telling, (&path, key), expected, said)
                    || forced.item(telling, (&any, key), expected, said);
                found.judge(telling, &path, excused, || at(&(&expected, &said)));
            }
        }
    }
}

/// Every concept of a story by its term.
fn concepts(person: &Person) -> HashMap<&str, Vec<&Concept>> {
    let mut out: HashMap<&str, Vec<&Concept>> = HashMap::new();
    for fact in &person.facts {
        out.entry(&fact.concept.term)
            .or_default()
            .push(&fact.concept);
        if let Kind::Allergy {
            substance: Some(substance),
            ..
        } = &fact.kind
        {
            out.entry(&substance.term).or_default().push(substance);
        }
    }
    out
}

/// Every national code that comes with a term is one that the story has for it, and the one that the format can carry is there.
fn codes(found: &mut Found, person: &Person, telling: &str, said: &Said) {
    let concepts = concepts(person);
    for (term, codings) in &said.codings {
        let Some(known) = concepts.get(term.as_str()) else {
            continue;
        };
        let all = |of: fn(&Concept) -> &Option<String>, name: &str| -> Vec<(String, String)> {
            let codes = known.iter().filter_map(|one| of(one).clone());
            // SystmOne's own codes begin with Y.
            let own = |code: &String| name == system::CTV3 && code.starts_with('Y');
            let system = |code: &String| if own(code) { system::TPP_LOCAL } else { name };
            codes.map(|code| (system(&code).to_owned(), code)).collect()
        };
        let medicine = person.facts.iter().any(|fact| {
            matches!(&fact.kind, Kind::Allergy { substance: Some(one), .. } if one.term == *term)
                || matches!(fact.kind, Kind::Course { .. } | Kind::Issue { .. })
                    && fact.concept.term == *term
        });
        let read = all(|one| &one.read_v2, system::READ_V2);
        let ctv3 = all(|one| &one.ctv3, system::CTV3);
        let snomed = all(|one| &one.snomed, system::SNOMED);
        for (terminology, code) in codings {
            let national =
                [system::READ_V2, system::CTV3, system::SNOMED].contains(&terminology.as_str());
            let pair = (terminology.clone(), code.clone());
            let ours = read.contains(&pair) || ctv3.contains(&pair) || snomed.contains(&pair);
            let right = ours || !national || is_vital_sign(code);
            if right {
                found.count(telling, 1);
                continue;
            }
            let at = || format!("{term} came with {terminology} {code}");
            found.judge(telling, "code that the story does not have", false, at);
        }
        let carried: Vec<&Vec<(String, String)>> = match telling {
            // Medicines travel by their dm+d id.
            _ if medicine => vec![&snomed],
            "SystmOne CTV3" if !ctv3.is_empty() => vec![&ctv3],
            "SystmOne SNOMED" if snomed.is_empty() => vec![&ctv3],
            "SystmOne CTV3" | "SystmOne SNOMED" => vec![&snomed],
            _ => vec![&read, &snomed],
        };
        for codes in carried.into_iter().filter(|codes| !codes.is_empty()) {
            let there = codes.iter().any(|one| codings.contains(one));
            if there {
                found.count(telling, 1);
            } else {
                found.judge(telling, "code not carried over", false, || {
                    format!("{term}: {codes:?}")
                });
            }
        }
    }
}

/// SNOMED CT codes that UK Core's vital signs profiles want beside the source's own.
fn is_vital_sign(code: &str) -> bool {
    let tables = [
        include_str!("../../mappings/vital-signs.csv"),
        include_str!("../../mappings/sections/blood-pressure.csv"),
    ];
    ["75367002", "72313002", "1091811000000102"].contains(&code)
        || tables
            .iter()
            .any(|table| table.split([',', '\n']).any(|cell| cell == code))
}

/// Seeds: few in a plain run, more where `OPENMIG_CROSS_SOURCE_PERSONS` says so.
fn people(persons: u64) -> Vec<(String, Person)> {
    let mut people: Vec<(String, Person)> = (0..persons)
        .map(|index| {
            let seed = index % 5;
            (
                format!("{seed}/{index}"),
                population::person(index, seed, today()),
            )
        })
        .collect();
    let full = population::contract(today());
    let full = full
        .into_iter()
        .filter(|one| FULL.contains(&one.nhs_number.as_str()));
    people.extend(full.map(|one| (one.nhs_number.clone(), one)));
    people
}

// R005, R020 to R031, R204: whichever system the practice has, the viewer reads the same
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test may take is for whoever runs it to say"
)]
fn three_formats_tell_the_same_story() {
    let tables = Tables::load().expect("the tables");
    let mut found = Found::default();
    let mut forced = Forced::load();
    let asked = std::env::var("OPENMIG_CROSS_SOURCE_PERSONS").ok();
    let persons = asked.and_then(|text| text.parse().ok()).unwrap_or(PERSONS);
    for (who, person) in people(persons) {
        let base = told(&person, "OpenHR", &tables);
        codes(&mut found, &person, "OpenHR", &base);
        for telling in TELLINGS {
            let other = told(&person, telling, &tables);
            codes(&mut found, &person, telling, &other);
            let leaves_out = telling.starts_with("SystmOne") && person.practice == LEAVES_OUT;
            assert!(!leaves_out || other.private.is_empty(), "{who} {telling}");
            let open = base.open();
            let base = if leaves_out { &open } else { &base };
            compare(&mut found, &mut forced, &who, telling, base, &other);
        }
    }
    found.print();
    if persons == PERSONS {
        found.stands_in_docs();
    }
    println!("  {} rows of forced differences", forced.len());
    let wrong: Vec<String> = found
        .wrong
        .iter()
        .map(|(path, places)| {
            let some: Vec<&str> = places.iter().take(12).map(String::as_str).collect();
            format!(
                "{path}: {} times, not in {FILE}\n    {}",
                places.len(),
                some.join("\n    ")
            )
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    forced.all_used();
}
