use super::*;
use crate::fhir::model::{resources as r, types as t};
use crate::fhir::{Kind, Resource, build};
use crate::mapping::Mapped;
use crate::record::{SourceFamily, system};
use crate::release::fixture as f;
use crate::release::{Held, Released, for_caller};
use crate::tabs::catalogue::TabSet;

fn released(resources: Vec<Mapped>) -> Released {
    let mut all = vec![f::patient()];
    all.extend(resources);
    let held: Held = f::held(f::record(SourceFamily::Emis, all));
    for_caller(&Arc::new(held), TabSet::ALL, &|_| true)
}

fn names(released: &Released, places: impl IntoIterator<Item = usize>) -> Vec<String> {
    let prefix = f::id("");
    let mut names: Vec<String> = places
        .into_iter()
        .map(|n| released.entry(n).unwrap().id().to_owned())
        .map(|id| id.strip_prefix(&prefix).unwrap().to_owned())
        .collect();
    names.sort();
    names
}

// smart.md F10: one code may be of several systems, and each is found under its own
#[test]
fn a_code_is_of_its_system() {
    let mut both = f::problem("both", system::READ_V2, "H33..", "2020-01-01");
    if let Resource::Condition(it) = &mut both.resource {
        let other = build::coding(system::CTV3, "H33..", None);
        it.code.as_mut().unwrap().coding.push(other);
    }
    let mut bare = f::problem("bare", system::READ_V2, "H33..", "2020-01-01");
    if let Resource::Condition(it) = &mut bare.resource {
        it.code.as_mut().unwrap().coding[0].system = None;
    }
    let released = released(vec![
        f::problem("read", system::READ_V2, "H33..", "2020-01-01"),
        f::problem("again", system::READ_V2, "H33..", "2020-01-01"),
        f::problem("ctv", system::CTV3, "H33..", "2020-01-01"),
        f::problem("other", system::READ_V2, "C34..", "2020-01-01"),
        both,
        bare,
    ]);
    let found = |code: Option<&str>, system: Option<Option<&str>>| {
        let mut found = Bits::none(released.held().len());
        let fits = |it: Option<&str>| system.is_none_or(|system| system == it);
        released.find_code(Kind::Condition, Param::Code, code, fits, &mut found);
        names(&released, found.iter())
    };
    let read = Some(Some(system::READ_V2));
    assert_eq!(found(Some("H33.."), read), ["again", "both", "read"]);
    assert_eq!(found(None, read), ["again", "both", "other", "read"]);
    let ctv = Some(Some(system::CTV3));
    assert_eq!(found(Some("H33.."), ctv), ["both", "ctv"]);
    assert_eq!(found(Some("H33.."), Some(None)), ["bare"]);
    assert_eq!(
        found(Some("H33.."), None),
        ["again", "bare", "both", "ctv", "read"]
    );
    assert!(found(Some("none"), None).is_empty());
}

fn flag(name: &str, start: Option<&str>, end: Option<&str>) -> Mapped {
    let mut it = f::flag(name, system::READ_V2, "14L..");
    if let Resource::Flag(flag) = &mut it.resource {
        flag.period = Some(Box::new(t::Period {
            start: start.map(Into::into),
            end: end.map(Into::into),
            ..Default::default()
        }));
    }
    it
}

// R4 search#_sort: what has no beginning began before all else; what has no time comes last, either way
#[test]
fn an_order_is_by_the_first_time() {
    let released = released(vec![
        flag("undated", None, None),
        flag("new", Some("2024-01-01"), None),
        flag("always", None, Some("2030-01-01")),
        flag("early", Some("1957-01-01"), None),
        flag("old", Some("1980-01-01"), Some("2025-01-01")),
        flag("same", Some("1980-01-01"), None),
    ]);
    let order = |descending| -> Vec<String> {
        let order = released.order(Kind::Flag, Param::Date, descending);
        let name = |n: &usize| names(&released, [*n]).remove(0);
        order.iter().map(name).collect()
    };
    assert_eq!(
        order(false),
        ["always", "early", "old", "same", "new", "undated"]
    );
    assert_eq!(
        order(true),
        ["new", "old", "same", "early", "always", "undated"]
    );
    assert!(
        released
            .order(Kind::Procedure, Param::Date, true)
            .is_empty()
    );
}

// smart.md F10: what refers to an Encounter is found under the name by which it does
#[test]
fn a_reference_is_found_under_its_name() {
    let mut taken = f::medication("taken", system::SNOMED, "318906001", "2020-01-01");
    if let Resource::MedicationStatement(it) = &mut taken.resource {
        it.context = Some(Box::new(build::reference(Kind::Encounter, &f::id("visit"))));
    }
    let problem = |name: &str, at: Option<&str>| {
        let mut it = f::problem(name, system::READ_V2, "H33..", "2020-01-01");
        if let Resource::Condition(it) = &mut it.resource {
            let it: &mut r::Condition = it;
            it.encounter = at.map(|at| Box::new(build::reference(Kind::Encounter, &f::id(at))));
        }
        it
    };
    let released = released(vec![
        f::encounter("visit", "2020-01-01", false),
        f::encounter("other", "2020-01-02", false),
        problem("one", Some("visit")),
        problem("two", Some("other")),
        problem("none", None),
        taken,
    ]);
    let found = |kind, param, at: &str| {
        let mut found = Bits::none(released.held().len());
        released.find_encounter(kind, param, &f::id(at), &mut found);
        names(&released, found.iter())
    };
    assert_eq!(found(Kind::Condition, Param::Encounter, "visit"), ["one"]);
    assert_eq!(found(Kind::Condition, Param::Encounter, "other"), ["two"]);
    assert!(found(Kind::Condition, Param::Context, "visit").is_empty());
    assert!(found(Kind::Condition, Param::Encounter, "absent").is_empty());
    let context = found(Kind::MedicationStatement, Param::Context, "visit");
    assert_eq!(context, ["taken"]);
}
