//! The ten tabs of the full records, one from each payload format, as a caller gets them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::ToSpan as _;
use jiff::civil::Date;
use openmig::sandbox::story::{Kind as Fact, Person};
use openmig::tabs::catalogue::TABS;
use serde_json::Value;

use super::crawl::{Crawl, crawl, items, name, names, references};
use super::people::tags;
use super::support::{Ask, SHARED, Token, stories};

/// EMIS OpenHR, SystmOne, EMIS Open.
const FULL: [&str; 3] = ["9990000018", "9990000387", "9990005192"];

/// Title of each tab as the Agreement has it (S2 5.2.1).
const TITLES: [&str; 10] = [
    "Summary",
    "Patient Details",
    "Problems",
    "Diagnosis",
    "Medication",
    "Risks and Warnings",
    "Procedures",
    "Investigations",
    "Examinations",
    "Events",
];

struct Seen {
    number: &'static str,
    token: Token,
    crawl: Crawl,
}

static SEEN: LazyLock<Vec<Seen>> = LazyLock::new(|| {
    FULL.into_iter()
        .map(|number| {
            let token = SHARED.token(&Ask::consent(number));
            let crawl = crawl(&SHARED, &token, true);
            Seen {
                number,
                token,
                crawl,
            }
        })
        .collect()
});

fn story(number: &str) -> std::sync::Arc<Person> {
    SHARED
        .sandbox
        .mocks
        .population()
        .by_nhs_number(number)
        .unwrap()
}

fn today() -> Date {
    let now = openmig::clock::Clock::now(SHARED.sandbox.clock.as_ref());
    now.to_zoned(openmig::record::date::london()).date()
}

// R020: ten Lists, in the Agreement's names and order
#[test]
fn a_patients_lists_are_the_ten_tabs_in_order() {
    for seen in SEEN.iter() {
        let path = format!("List?patient={}", seen.token.patient);
        let bundle = SHARED.get(&seen.token, &path).expect(200).json();
        assert_eq!(bundle["total"], 10);
        let lists: Vec<&Value> = bundle["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| &e["resource"])
            .collect();
        for ((list, tab), title) in lists.iter().zip(TABS).zip(TITLES) {
            assert_eq!(list["title"], title);
            assert_eq!(list["code"]["coding"][0]["code"], tab.code());
            assert_eq!(list["status"], "current");
            assert_eq!(list["mode"], "snapshot");
            assert_eq!(
                list["subject"]["reference"],
                format!("Patient/{}", seen.token.patient)
            );
            assert_eq!(tags(list), [tab.code()]);
            // R010: when it was retrieved; R045, R203: exclusions apply, validate with the patient, on every tab
            assert!(list["date"].as_str().unwrap().ends_with('Z'));
            let notes = list["note"].to_string();
            assert!(
                notes.contains(&format!("{}/exclusions", SHARED.origin)),
                "{notes}"
            );
            assert!(
                notes.contains("Validate what you see with the patient"),
                "{notes}"
            );
        }
        assert_eq!(bundle["meta"]["lastUpdated"], lists[0]["date"]);
    }
}

// design.md 5: a tab List names its section Lists, then every member with its section; R021 to R030: every section
#[test]
fn every_tab_names_its_sections_and_their_members() {
    for seen in SEEN.iter() {
        let patient = &seen.token.patient;
        for tab in TABS {
            let named = items(seen.crawl.list(patient, tab.code()));
            let mut expected = Vec::new();
            for section in tab.sections() {
                let list = format!("List/{patient}-{}", section.code());
                expected.push((list, Some(section.code().to_owned())));
            }
            for section in tab.sections() {
                let list = seen.crawl.list(patient, section.code());
                let members = items(list);
                let empty = list["emptyReason"]["coding"][0]["code"].as_str();
                // SystmOne says as much of admissions as it can; everything else is filled in the full records.
                assert!(
                    !members.is_empty(),
                    "{} {}: {empty:?}",
                    seen.number,
                    section.code()
                );
                assert_eq!(empty, None);
                let distinct: BTreeSet<_> = members.iter().collect();
                assert_eq!(
                    distinct.len(),
                    members.len(),
                    "{} names one twice",
                    section.code()
                );
                for (target, flag) in members {
                    assert_eq!(flag, None);
                    expected.push((target, Some(section.code().to_owned())));
                }
            }
            assert_eq!(named, expected, "{} {}", seen.number, tab.code());
        }
    }
}

// design.md 5: a whole tab in one call
#[test]
fn including_the_items_gives_a_whole_tab_in_one_call() {
    for seen in SEEN.iter() {
        let patient = &seen.token.patient;
        for tab in TABS {
            let path = format!(
                "List?patient={patient}&code={}&_include=List:item",
                tab.code()
            );
            let bundle = SHARED.get(&seen.token, &path).expect(200).json();
            assert_eq!(bundle["total"], 1);
            let entries = bundle["entry"].as_array().unwrap();
            assert_eq!(entries[0]["search"]["mode"], "match");
            assert!(
                entries[1..]
                    .iter()
                    .all(|entry| entry["search"]["mode"] == "include")
            );
            let named: BTreeSet<String> = items(&entries[0]["resource"])
                .into_iter()
                .map(|it| it.0)
                .collect();
            let included: Vec<String> = names(&bundle).split_off(1);
            let distinct: BTreeSet<String> = included.iter().cloned().collect();
            assert_eq!(distinct.len(), included.len());
            assert_eq!(distinct, named, "{} {}", seen.number, tab.code());
            for entry in entries {
                let own = format!("{}/{}", SHARED.base, name(&entry["resource"]));
                assert_eq!(entry["fullUrl"], own);
            }
        }
    }
}

// R031, R033: what a List names carries its tab's tag, and what carries the tag is named; the rest serves others
#[test]
fn lists_and_tags_say_the_same() {
    for seen in SEEN.iter() {
        let mut by_tab: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for tab in TABS {
            let list = seen.crawl.list(&seen.token.patient, tab.code());
            for (target, _) in items(list) {
                by_tab
                    .entry(target)
                    .or_default()
                    .insert(tab.code().to_owned());
            }
        }
        for (name, resource) in &seen.crawl.resources {
            let tags: BTreeSet<String> = tags(resource).into_iter().map(str::to_owned).collect();
            let named = by_tab.remove(name).unwrap_or_default();
            if name.starts_with("List/") {
                continue;
            }
            assert_eq!(tags, named, "{} {name}", seen.number);
            let path = name.split('/').next().unwrap();
            let supporting = ["Organization", "Practitioner", "Specimen"].contains(&path);
            assert!(
                supporting || !tags.is_empty() || referred_to(&seen.crawl, name),
                "{name} is in no tab"
            );
        }
    }
}

fn referred_to(crawl: &Crawl, name: &str) -> bool {
    crawl
        .resources
        .values()
        .any(|resource| references(resource).contains(name))
}

// R033: no reference leads nowhere
#[test]
fn every_reference_resolves_by_read() {
    for seen in SEEN.iter() {
        let mut all = BTreeSet::new();
        for resource in seen.crawl.resources.values() {
            all.extend(references(resource));
        }
        assert!(all.len() > 50);
        for reference in &all {
            assert!(
                seen.crawl.resources.contains_key(reference),
                "{} {reference}",
                seen.number
            );
        }
    }
}

// R022: number, name, address, GP, and what it takes to check who it is; nothing else of the demographics
#[test]
fn the_patient_has_the_agreed_details_and_no_others() {
    for seen in SEEN.iter() {
        let story = story(seen.number);
        let patient = &seen.crawl.resources[&format!("Patient/{}", seen.token.patient)];
        let members: BTreeSet<&str> = patient
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let allowed = [
            "resourceType",
            "id",
            "meta",
            "identifier",
            "name",
            "gender",
            "birthDate",
            "address",
            "generalPractitioner",
            "managingOrganization",
        ];
        assert!(
            members.iter().all(|member| allowed.contains(member)),
            "{members:?}"
        );
        assert_eq!(patient["identifier"][0]["value"], seen.number);
        assert_eq!(patient["name"][0]["family"], story.family.as_str());
        assert_eq!(patient["birthDate"], story.birth_date.to_string());
        assert_eq!(
            patient["address"][0]["postalCode"],
            story.address[4].as_str()
        );
        assert!(
            patient["generalPractitioner"]
                .as_array()
                .is_some_and(|gps| !gps.is_empty())
        );
    }
}

// R021, R023, R024: current is current, past is past; the summary shows what is current
#[test]
fn current_and_past_are_told_apart() {
    // A diagnosis of which the source does not say whether it is over has no status, and stands with the current ones.
    let status = |resource: &Value, unsaid: &str| {
        let code = resource["clinicalStatus"]["coding"][0]["code"].as_str();
        code.unwrap_or(unsaid).to_owned()
    };
    for seen in SEEN.iter() {
        let members = |code: &str| seen.crawl.members(&seen.token.patient, code);
        for code in [
            "problems-current",
            "diagnosis-current",
            "summary-current-problems",
        ] {
            for condition in members(code) {
                assert!(
                    ["active", "recurrence", "relapse"]
                        .contains(&status(condition, "active").as_str()),
                    "{code}"
                );
            }
        }
        for code in ["problems-past", "diagnosis-past"] {
            for condition in members(code) {
                assert!(
                    ["inactive", "resolved", "remission"].contains(&status(condition, "").as_str()),
                    "{code}"
                );
            }
        }
        let names =
            |code: &str| -> BTreeSet<String> { members(code).into_iter().map(name).collect() };
        assert!(names("problems-current").is_disjoint(&names("problems-past")));
        assert!(names("diagnosis-current").is_disjoint(&names("diagnosis-past")));
        assert!(names("summary-current-problems").is_subset(&names("problems-current")));
        // The summary shows the state of each course, the tab its plan too.
        let summary = names("summary-current-medication");
        let states: BTreeSet<String> = names("medication-current")
            .into_iter()
            .filter(|name| name.starts_with("MedicationStatement/"))
            .collect();
        assert_eq!(summary, states);
        assert_eq!(
            names("summary-allergies"),
            names("allergies-and-adverse-reactions")
        );
        // Tests only: of other observations, Recent has more.
        assert!(names("summary-recent-tests").is_subset(&names("recent")));
        assert!(names("medication-current").is_disjoint(&names("medication-past")));
    }
}

// R025: an issue is tied to its course
#[test]
fn issues_tie_to_their_course() {
    for seen in SEEN.iter() {
        let mut tied = 0;
        for issue in seen.crawl.members(&seen.token.patient, "medication-issues") {
            assert_eq!(issue["resourceType"], "MedicationRequest");
            if issue["intent"] == "order" && !issue["basedOn"].is_null() {
                let course =
                    &seen.crawl.resources[issue["basedOn"][0]["reference"].as_str().unwrap()];
                assert_eq!(course["intent"], "plan");
                assert_eq!(
                    course["medicationCodeableConcept"]["coding"],
                    issue["medicationCodeableConcept"]["coding"]
                );
                tied += 1;
            }
        }
        assert!(tied > 0, "{}", seen.number);
    }
}

// R028: three months to the day; a test that has left Recent stays in its class
#[test]
fn recent_tests_are_those_of_three_months() {
    let first = today().saturating_sub(3.months()).to_string();
    for seen in SEEN.iter() {
        let patient = &seen.token.patient;
        let when = |resource: &Value| {
            let at = &resource["effectiveDateTime"];
            let at = at
                .as_str()
                .or(resource["effectivePeriod"]["start"].as_str());
            at.unwrap_or("").get(..10).unwrap_or("").to_owned()
        };
        let recent: BTreeSet<String> = items(seen.crawl.list(patient, "recent"))
            .into_iter()
            .map(|it| it.0)
            .collect();
        let mut older = 0;
        let classes = [
            "biochemistry",
            "ecg",
            "haematology",
            "imaging",
            "microbiology",
            "cytology",
            "physiology",
            "urinalysis",
            "others",
        ];
        let mut classed = BTreeSet::new();
        for class in classes {
            for resource in seen.crawl.members(patient, class) {
                let at = when(resource);
                assert_eq!(
                    recent.contains(&name(resource)),
                    at >= first,
                    "{class} {at}"
                );
                older += u32::from(at < first);
                classed.insert(name(resource));
            }
        }
        assert!(older > 0);
        assert!(
            recent.is_subset(&classed),
            "what is recent stays in its class"
        );
        let outside = today()
            .saturating_sub(3.months())
            .saturating_sub(1.day())
            .to_string();
        let there = classed
            .iter()
            .any(|name| when(&seen.crawl.resources[name]) == outside);
        assert!(there, "{}: the test of three months and a day", seen.number);
    }
}

// R029: blood pressures and nothing else
#[test]
fn examinations_hold_blood_pressures_only() {
    for seen in SEEN.iter() {
        for pressure in seen.crawl.members(&seen.token.patient, "blood-pressures") {
            assert_eq!(pressure["resourceType"], "Observation");
            let codes = format!("{}{}", pressure["code"], pressure["component"]);
            assert!(
                codes.contains("lood pressure") || codes.contains("BP"),
                "{codes}"
            );
        }
    }
}

// R035: newest first, whatever the source
#[test]
fn sections_are_in_order_of_time() {
    for seen in SEEN.iter() {
        for (code, path) in [
            ("biochemistry", "/effectiveDateTime"),
            ("blood-pressures", "/effectiveDateTime"),
            ("encounters", "/period/start"),
            ("immunisations", "/occurrenceDateTime"),
            ("medication-issues", "/authoredOn"),
            ("referrals", "/authoredOn"),
        ] {
            let members = seen.crawl.members(&seen.token.patient, code);
            let mut dates: Vec<&str> = members
                .iter()
                .filter_map(|resource| resource.pointer(path)?.as_str()?.get(..10))
                .collect();
            let as_shown = dates.clone();
            dates.sort_by(|a, b| b.cmp(a));
            assert_eq!(as_shown, dates, "{} {code}", seen.number);
            assert!(!dates.is_empty(), "{} {code}", seen.number);
        }
    }
}

// R206: when it happened and when it was written down; SystmOne gives one date only
#[test]
fn both_dates_are_shown() {
    for seen in SEEN.iter().filter(|seen| seen.number != "9990000387") {
        let conditions: Vec<&Value> = seen
            .crawl
            .resources
            .values()
            .filter(|resource| resource["resourceType"] == "Condition")
            .collect();
        let both = conditions
            .iter()
            .filter(|it| !it["onsetDateTime"].is_null() && !it["recordedDate"].is_null())
            .count();
        assert!(
            both * 2 > conditions.len(),
            "{}: {both} of {}",
            seen.number,
            conditions.len()
        );
    }
}

// R204, R205: every coded entry of the story is there in its own words, but what has no tab
#[test]
fn nothing_coded_is_lost_on_the_way() {
    for seen in SEEN.iter() {
        let text = seen.crawl.text();
        let story = story(seen.number);
        let mut found = 0;
        for fact in &story.facts {
            let codes = [
                &fact.concept.read_v2,
                &fact.concept.ctv3,
                &fact.concept.snomed,
            ];
            let coded = codes.into_iter().any(Option::is_some);
            // SystmOne names a report by the batteries in it.
            let headed = |one: &openmig::sandbox::story::Fact| {
                one.within == Some(fact.key) && matches!(one.kind, Fact::Battery)
            };
            if seen.number == "9990000387" && story.facts.iter().any(headed) {
                continue;
            }
            // Family history stands in no tab; a letter that is no discharge is none either.
            let placed = !matches!(
                fact.kind,
                Fact::FamilyHistory | Fact::Letter { discharge: false }
            );
            if coded && placed && !fact.private {
                let term = serde_json::to_string(&fact.concept.term).unwrap();
                let term = term.trim_matches('"');
                assert!(
                    text.contains(term),
                    "{}: {term} {:?}",
                    seen.number,
                    fact.kind
                );
                found += 1;
            }
        }
        assert!(found > 50);
    }
}

// R020: an empty record has ten tabs too, and says that nothing is recorded
#[test]
fn an_empty_record_says_so_in_every_section() {
    let token = SHARED.token(&Ask::consent("9990007411"));
    let all = crawl(&SHARED, &token, true);
    for tab in TABS {
        for section in tab.sections() {
            let list = all.list(&token.patient, section.code());
            if section.code() == "demographics" {
                assert!(!items(list).is_empty());
                continue;
            }
            assert!(items(list).is_empty(), "{}", section.code());
            let reason = list["emptyReason"]["coding"][0]["code"].as_str();
            assert!(
                matches!(reason, Some("nothing-recorded" | "not-held")),
                "{reason:?}"
            );
            assert!(
                list["emptyReason"]["text"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
    }
}

// 10,000 entries: paging to the end finds each of them once. A build without optimisation takes a tenth of them.
#[test]
fn a_very_long_record_pages_to_its_end() {
    let (facts, count) = if cfg!(debug_assertions) {
        (1_000, 100)
    } else {
        (usize::MAX, 1_000)
    };
    let number = "9990007047";
    let gateway = stories();
    gateway
        .sandbox
        .people
        .change(number, |person| person.facts.truncate(facts));
    let written = gateway
        .sandbox
        .mocks
        .population()
        .by_nhs_number(number)
        .unwrap()
        .facts
        .len();
    let token = gateway.token(&Ask::consent(number));
    let mut total = 0;
    for kind in [
        "Observation",
        "Encounter",
        "MedicationRequest",
        "Condition",
        "DiagnosticReport",
    ] {
        let path = format!("{kind}?patient={}&_count={count}", token.patient);
        let pages = super::crawl::pages(&gateway, &token, &path);
        let mut seen = BTreeSet::new();
        for (_, page) in &pages {
            let bundle = page.json();
            assert_eq!(bundle["total"], pages[0].1.json()["total"]);
            for name in names(&bundle) {
                assert!(seen.insert(name), "twice");
            }
        }
        assert_eq!(pages[0].1.json()["total"], seen.len());
        assert_eq!(pages.len(), seen.len().div_ceil(count).max(1));
        total += seen.len();
    }
    assert!(total * 10 > written * 7, "{total} of {written}");
}
