use super::*;
use crate::record::{SourceFamily, system};
use crate::release::fixture::{self as f, BASE, id};
use crate::release::for_caller;
use crate::tabs::catalogue::{Section, Tab, TabSet};
use std::sync::{Arc, LazyLock};

fn released() -> Released {
    let held = Arc::new(f::held(f::record(SourceFamily::Emis, f::ordinary())));
    for_caller(&held, TabSet::ALL, &|_| true)
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let query = query.replace("$P", f::whose().as_str());
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn ask(released: &Released, kind: Kind, query: &str) -> Result<Selection, SearchError> {
    search(
        released,
        &SearchAsk {
            kind,
            params: &pairs(query),
            strict: false,
            base: BASE,
        },
    )
}

fn names(released: &Released, places: &[usize]) -> Vec<String> {
    let name = |n: &usize| {
        let id = released.entry(*n).unwrap().id();
        let prefix = format!("{}-", f::whose());
        id.strip_prefix(&prefix).unwrap_or("patient").to_owned()
    };
    places.iter().map(name).collect()
}

fn found(kind: Kind, query: &str) -> Vec<String> {
    let released = released();
    let selection = ask(&released, kind, query).unwrap();
    assert_eq!(selection.total, selection.matches.len(), "{query}");
    names(&released, &selection.matches)
}

// smart.md F10: tokens, OR and AND
#[test]
fn tokens_are_found() {
    let both = ["gout", "asthma"];
    assert_eq!(found(Kind::Condition, "patient=$P"), both);
    assert_eq!(
        found(
            Kind::Condition,
            "patient=Patient/$P&category=problem-list-item"
        ),
        both
    );
    assert_eq!(
        found(
            Kind::Condition,
            &format!("subject={BASE}/Patient/$P&clinical-status=active")
        ),
        both
    );
    assert_eq!(
        found(Kind::Condition, "code=http://read.info/readv2|H33.."),
        ["asthma"]
    );
    assert_eq!(found(Kind::Condition, "code=H33..,90560007"), both);
    assert_eq!(
        found(Kind::Condition, "code=H33..&code=90560007"),
        [] as [&str; 0]
    );
    assert_eq!(found(Kind::Condition, "code=|H33.."), [] as [&str; 0]);
    assert_eq!(
        found(Kind::Condition, "code=http://read.info/readv2|"),
        ["asthma"]
    );
    assert_eq!(
        found(
            Kind::Condition,
            &format!("_id={},{}", id("gout"), id("none"))
        ),
        ["gout"]
    );
    assert_eq!(found(Kind::Condition, "_tag=problems"), both);
    assert_eq!(
        found(
            Kind::Condition,
            "_tag=https://openmig.org/fhir/CodeSystem/mig-tab|medication"
        ),
        [] as [&str; 0]
    );
    assert_eq!(
        found(Kind::Encounter, "status=finished&class=AMB"),
        ["visit"]
    );
    assert_eq!(
        found(Kind::Observation, "combo-code=44I5.&status=final"),
        ["sodium"]
    );
    assert_eq!(
        found(
            Kind::Patient,
            "identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018"
        ),
        ["patient"]
    );
    assert_eq!(
        found(Kind::Practitioner, &format!("_id={}", id("gp"))),
        ["gp"]
    );
}

#[test]
fn dates_and_encounters_are_found() {
    assert_eq!(
        found(Kind::Observation, "date=2025-05"),
        ["sodium", "potassium"]
    );
    assert_eq!(
        found(Kind::Observation, "date=ge2025-05-20&date=lt2025-05-21"),
        ["sodium", "potassium"]
    );
    assert_eq!(
        found(Kind::Observation, "date=gt2025-05-20"),
        [] as [&str; 0]
    );
    assert_eq!(
        found(Kind::Condition, "onset-date=2010,2024-05-01"),
        ["gout", "asthma"]
    );
    // A period that has no end goes on.
    assert_eq!(
        found(Kind::MedicationStatement, "effective=gt2030"),
        ["ramipril"]
    );
    assert_eq!(
        found(Kind::MedicationStatement, "effective=lt2023"),
        [] as [&str; 0]
    );
    let visit = id("visit");
    assert_eq!(
        found(Kind::Condition, &format!("encounter=Encounter/{visit}")),
        ["gout", "asthma"]
    );
    assert_eq!(
        found(Kind::Condition, &format!("encounter={visit}&code=H33..")),
        ["asthma"]
    );
    assert_eq!(
        found(Kind::Condition, &format!("encounter=Patient/{visit}")),
        [] as [&str; 0]
    );
    assert_eq!(
        found(Kind::Condition, "_sort=onset-date"),
        ["asthma", "gout"]
    );
    assert_eq!(
        found(Kind::Condition, "_sort=-onset-date"),
        ["gout", "asthma"]
    );
}

// design.md 5: List?patient gives the ten tabs; one more call a whole tab
#[test]
fn lists_are_found() {
    let tabs: Vec<_> = crate::tabs::catalogue::TABS
        .iter()
        .map(|it| it.code())
        .collect();
    assert_eq!(found(Kind::List, "patient=$P&status=current"), tabs);
    assert_eq!(
        found(Kind::List, "patient=$P&code=problems-past"),
        ["problems-past"]
    );
    assert_eq!(found(Kind::List, "patient=$P&_tag=problems"), ["problems"]);
    let released = released();
    let whole = ask(
        &released,
        Kind::List,
        "patient=$P&code=problems&_include=List:item",
    )
    .unwrap();
    assert_eq!(names(&released, &whole.matches), ["problems"]);
    assert_eq!(
        names(&released, &whole.includes),
        ["problems-current", "problems-past", "gout", "asthma"]
    );
    let report = ask(
        &released,
        Kind::DiagnosticReport,
        "patient=$P&_include=DiagnosticReport:result&_include=DiagnosticReport:specimen",
    )
    .unwrap();
    assert_eq!(
        names(&released, &report.includes),
        ["sodium", "potassium", "specimen"]
    );
    // What a match already is, is not included again; what one may not see, never.
    let own = ask(
        &released,
        Kind::Observation,
        "_include=Observation:has-member",
    )
    .unwrap();
    assert!(own.includes.is_empty());
    let one_tab = for_caller(
        &Arc::new(f::held(f::record(SourceFamily::Emis, f::ordinary()))),
        [Tab::Problems].into_iter().collect(),
        &|_| true,
    );
    let problem = ask(
        &one_tab,
        Kind::Condition,
        "_include=Condition:encounter&_include=Condition:patient",
    )
    .unwrap();
    assert_eq!(names(&one_tab, &problem.includes), ["patient"]);
}

// R112, R111
#[test]
fn another_patient_is_told_apart_from_nobody() {
    let released = released();
    for query in [
        "patient=x",
        "subject=Patient/x",
        "patient=$P,x",
        "patient=http://other.example/Patient/$P",
        "patient=Group/$P",
    ] {
        assert_eq!(
            ask(&released, Kind::Condition, query),
            Err(SearchError::OtherPatient),
            "{query}"
        );
    }
    let names = |kind, query: &str| ask(&released, kind, query).unwrap().names_patient;
    assert!(names(Kind::Condition, "patient=$P") && names(Kind::Condition, "subject:Patient=$P"));
    assert!(!names(Kind::Condition, "code=x") && !names(Kind::Condition, "_id=x"));
    assert!(names(Kind::Patient, "_id=$P") && !names(Kind::Patient, "gender=female"));
}

// smart.md F16, F14; design.md 11
#[test]
fn what_is_not_understood_is_said() {
    let released = released();
    let lenient = ask(
        &released,
        Kind::Condition,
        "patient=$P&colour=red&_elements=id&_format=json&_sort=name",
    )
    .unwrap();
    assert_eq!(lenient.ignored, ["colour", "_elements", "_sort"]);
    assert_eq!(lenient.understood.len(), 1);
    let strict = |query: &str| {
        search(
            &released,
            &SearchAsk {
                kind: Kind::Condition,
                params: &pairs(query),
                strict: true,
                base: BASE,
            },
        )
    };
    assert!(
        matches!(strict("patient=$P&colour=red"), Err(SearchError::Unknown(names)) if names == ["colour"])
    );
    assert!(strict("patient=$P&_format=json&_total=accurate").is_ok());
    for query in [
        "code:not=x",
        "code:text=x",
        "patient.name=x",
        "_has:Observation:patient:code=x",
        "_include:iterate=x",
        "encounter:Patient=x",
    ] {
        assert!(
            matches!(
                ask(&released, Kind::Condition, query),
                Err(SearchError::Modifier(_))
            ),
            "{query}"
        );
    }
    for query in [
        "onset-date=yesterday",
        "onset-date=",
        "code=",
        "code=a,,b",
        "code=|",
        "_count=x",
        "_count=-1",
        "_count=1&_count=2",
        "_page=a&_page=b",
    ] {
        assert!(
            matches!(
                ask(&released, Kind::Condition, query),
                Err(SearchError::Value { .. })
            ),
            "{query}"
        );
    }
    let many = format!("code={}", vec!["a"; 201].join(","));
    assert!(matches!(
        ask(&released, Kind::Condition, &many),
        Err(SearchError::Value { .. })
    ));
    // No value and no digits of a name come back.
    let error = ask(&released, Kind::Condition, "9990000018:x=9990000018").unwrap_err();
    assert!(!error.to_string().contains("999"));
    // An identifier of the patient stands in no link.
    let patient = ask(
        &released,
        Kind::Patient,
        "identifier=9990000018&gender=female",
    )
    .unwrap();
    assert_eq!(
        patient.understood,
        [("gender".to_owned(), "female".to_owned())]
    );
}

// smart.md F13, F14: pages add up to the whole, once each, and belong to their search
#[test]
fn pages_add_up() {
    let mut resources = vec![f::patient()];
    for n in 0..25 {
        let date = format!("2020-01-{:02}", n + 1);
        resources.push(f::observation(
            &format!("o{n}"),
            system::READ_V2,
            "44I5.",
            &date,
            &[Section::Biochemistry],
        ));
    }
    let held = Arc::new(f::held(f::record(SourceFamily::Emis, resources)));
    let released = for_caller(&held, TabSet::ALL, &|_| true);
    let mut seen = Vec::new();
    let mut query = "patient=$P&_count=10".to_owned();
    let mut pages = 0;
    let mut second = String::new();
    loop {
        let page = ask(&released, Kind::Observation, &query).unwrap();
        assert_eq!(page.total, 25);
        seen.extend(names(&released, &page.matches));
        pages += 1;
        let Some(next) = page.next else { break };
        query = format!("patient=$P&_count=10&_page={next}");
        if pages == 1 {
            second.clone_from(&query);
        }
    }
    let newest_first: Vec<_> = (0..25).rev().map(|n| format!("o{n}")).collect();
    assert_eq!((pages, seen), (3, newest_first));
    // The page size may change on the way; the search may not.
    assert!(
        ask(
            &released,
            Kind::Observation,
            &format!("{second}&code=44I5.")
        )
        .is_err()
    );
    assert_eq!(
        ask(
            &released,
            Kind::Observation,
            &second.replace("_count=10", "_count=3")
        )
        .unwrap()
        .matches
        .len(),
        3
    );
    assert_eq!(
        ask(&released, Kind::Observation, "_page=AAAA"),
        Err(SearchError::Page)
    );
    // Another version of the record: search again.
    let mut resources = vec![f::patient()];
    for n in 0..25 {
        resources.push(f::observation(
            &format!("o{n}"),
            system::READ_V2,
            "44I4.",
            "2020-01-01",
            &[Section::Biochemistry],
        ));
    }
    let changed = Arc::new(f::held(f::record(SourceFamily::Emis, resources)));
    let changed = for_caller(&changed, TabSet::ALL, &|_| true);
    assert_eq!(
        ask(&changed, Kind::Observation, &second),
        Err(SearchError::PageExpired)
    );

    let count = |query: &str| ask(&released, Kind::Observation, query).unwrap();
    for query in ["_count=0", "_summary=count"] {
        let page = count(query);
        assert!(page.count_only && page.matches.is_empty() && page.next.is_none());
        assert_eq!(page.total, 25);
    }
    assert_eq!(count("_count=99999").matches.len(), 25);
}

// R047: totals and pages are the same with and without something withheld
#[test]
fn totals_do_not_count_what_is_gone() {
    let held = |secret: bool| {
        let mut resources = f::ordinary();
        if secret {
            resources.push(f::problem("secret", system::READ_V2, "A788.", "2024-01-01"));
        }
        let held = Arc::new(f::held(f::record(SourceFamily::Emis, resources)));
        for_caller(&held, TabSet::ALL, &|_| true)
    };
    for query in [
        "patient=$P",
        "patient=$P&_count=1",
        "code=A788.",
        "_summary=count",
    ] {
        assert_eq!(
            ask(&held(true), Kind::Condition, query),
            ask(&held(false), Kind::Condition, query),
            "{query}"
        );
    }
}

/// Parameters that find something, nothing, or a part, on every kind of index.
const PIECES: [&str; 24] = [
    "code=H33..",
    "code=http://read.info/readv2|",
    "code=http://read.info/readv2|44I5.,90560007",
    "code=|H33..",
    "code=none",
    "_tag=problems",
    "_tag=investigations",
    "_tag=problems,medication",
    "category=problem-list-item",
    "category=laboratory,vital-signs",
    "clinical-status=active",
    "status=final",
    "status=current",
    "date=2025-05",
    "date=ge2025-05-20",
    "date=ne2025-05-20",
    "onset-date=lt2020,2024-05-01",
    "recorded-date=ap2024-05",
    "effective=gt2023",
    "encounter=$V",
    "encounter=Encounter/$V,Encounter/none",
    "_id=$G",
    "_id=$G,$V",
    "_count=1",
];

proptest::proptest! {
    // smart.md F10, F11: what the index finds is what asking every entry finds, in the same order, whatever one may see
    #[test]
    fn the_index_finds_what_a_walk_finds(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..4),
        kind in 0..crate::fhir::kind::KINDS.len(),
        tabs in 0..1024_u16,
        sort in 0..5_usize,
    ) {
        let kind = crate::fhir::kind::KINDS[kind];
        static HELD: LazyLock<Arc<crate::release::Held>> =
            LazyLock::new(|| Arc::new(f::held(f::record(SourceFamily::Emis, f::ordinary()))));
        let held = Arc::clone(&HELD);
        let tabs = if tabs % 3 == 0 { TabSet::ALL } else { TabSet::from_bits(tabs) };
        let released = for_caller(&held, tabs, &|_| true);
        let sorts = ["", "&_sort=date", "&_sort=-date", "&_sort=onset-date", "&_sort=-onset-date"];
        let query: Vec<_> = pieces.iter().map(|n| PIECES[*n]).filter(|it| *it != "_count=1").collect();
        let query = format!("patient=$P&{}{}", query.join("&"), sorts[sort])
            .replace("$V", &id("visit"))
            .replace("$G", &id("gout"));
        let params = pairs(&query);
        let ask = SearchAsk { kind, params: &params, strict: false, base: BASE };
        let plan = Plan::read(&released, &ask).unwrap();
        let mut walk: Vec<usize> = released
            .entries()
            .filter(|(n, entry)| {
                entry.kind() == kind
                    && (kind != Kind::List || plan.names_lists() || !is_section_list(&released, *n))
                    && plan.criteria.iter().all(|criterion| criterion.meets(entry))
            })
            .map(|(n, _)| n)
            .collect();
        if let Some((param, descending)) = plan.sort {
            walk.sort_by_key(|n| {
                let dates = released.entry(*n).unwrap().index().dates();
                let start = dates.iter().find(|it| it.param == param).map(|it| it.start);
                let key = start.map_or(0, |at| if descending { -at } else { at });
                (start.is_none(), key)
            });
        }
        let found = search(&released, &ask).unwrap();
        proptest::prop_assert_eq!(found.total, walk.len());
        proptest::prop_assert_eq!(&found.matches, &walk, "{}", query);
        for skip in 0..walk.len() {
            let page = plan.page_of(&released, kind, &plan.find(&released, kind), skip, 2);
            proptest::prop_assert_eq!(&page[..], &walk[skip..walk.len().min(skip + 2)]);
        }
    }
}
