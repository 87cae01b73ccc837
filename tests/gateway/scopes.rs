//! Granular scopes, `.r` and `.s`, wherever resources leave: search, read, `_include`, `_revinclude`, pages (smart.md 2.5; R111,
//! issue 6 point 6; AC-35, AC-36).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::support::{Ask, SHARED, TestGateway, Token};

const NUMBER: &str = "9990000018";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

fn token(scope: &str) -> Token {
    SHARED.token(&Ask::consent(NUMBER).scope(scope))
}

fn is_laboratory(resource: &Value) -> bool {
    let categories = resource["category"].as_array().into_iter().flatten();
    categories
        .flat_map(|category| category["coding"].as_array().into_iter().flatten())
        .any(|coding| coding["system"] == CATEGORY && coding["code"] == "laboratory")
}

fn name(resource: &Value) -> String {
    let part = |member: &str| resource[member].as_str().unwrap().to_owned();
    format!("{}/{}", part("resourceType"), part("id"))
}

/// Every resource of a search, by its pages, included ones too.
fn pages(gateway: &TestGateway, token: &Token, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = path.to_owned();
    for _ in 0..500 {
        let page = gateway.get(token, &next).expect(200);
        found.extend(page.resources());
        let bundle = page.json();
        let links = bundle["link"].as_array().unwrap();
        let Some(link) = links.iter().find(|link| link["relation"] == "next") else {
            return found;
        };
        link["url"].as_str().unwrap().clone_into(&mut next);
    }
    panic!("the pages do not end");
}

#[test]
fn a_granular_scope_holds_wherever_resources_leave() {
    let gateway = &*SHARED;
    let all = token("system/*.rs");
    let patient = &all.patient;
    let observations = format!("Observation?patient={patient}");
    let whole = pages(gateway, &all, &format!("{observations}&_count=1000"));
    let laboratory: BTreeSet<String> = whole
        .iter()
        .filter(|one| is_laboratory(one))
        .map(name)
        .collect();
    let other = whole.iter().find(|one| !is_laboratory(one)).unwrap();
    assert!(laboratory.len() > 3);
    let scope = format!(
        "system/Observation.rs?category={CATEGORY}|laboratory system/DiagnosticReport.rs system/List.rs system/Patient.rs"
    );
    let narrow = token(&scope);
    assert!(
        narrow.answer["scope"]
            .as_str()
            .unwrap()
            .contains("?category=")
    );
    let names = |found: &[Value], kind: &str| -> BTreeSet<String> {
        found
            .iter()
            .map(name)
            .filter(|name| name.starts_with(&format!("{kind}/")))
            .collect()
    };
    // search, in one page and in many; by POST; by a parameter that says otherwise
    for path in [
        format!("{observations}&_count=1000"),
        format!("{observations}&_count=3"),
    ] {
        let found = names(&pages(gateway, &narrow, &path), "Observation");
        assert_eq!(found, laboratory, "{path}");
    }
    let bearer = format!("Bearer {}", narrow.access);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", crate::support::FORM),
    ];
    let form = format!("patient={patient}&_count=1000");
    let posted = gateway.send(Method::POST, "Observation/_search", &headers, &form);
    assert_eq!(
        names(&posted.expect(200).resources(), "Observation"),
        laboratory
    );
    let signs = pages(
        gateway,
        &narrow,
        &format!("{observations}&category=vital-signs"),
    );
    assert_eq!(
        names(&signs, "Observation").difference(&laboratory).count(),
        0
    );
    let by_id = format!("Observation?_id={}", other["id"].as_str().unwrap());
    assert_eq!(gateway.get(&narrow, &by_id).expect(200).json()["total"], 0);
    // read: what the scope does not reach is as if it were not there
    gateway
        .get(&narrow, laboratory.first().unwrap())
        .expect(200);
    let hidden = gateway.get(&narrow, &name(other)).expect(404);
    let unknown = gateway.get(&narrow, "Observation/no-such-id").expect(404);
    assert_eq!(hidden.body, unknown.body);
    // what comes along with something else
    for (path, included) in [
        (
            format!(
                "DiagnosticReport?patient={patient}&_include=DiagnosticReport:result&_count=1000"
            ),
            true,
        ),
        (
            format!("List?patient={patient}&_include=List:item&_count=200"),
            true,
        ),
        (
            format!("Patient?_id={patient}&_revinclude=Observation:subject"),
            false,
        ),
        (
            format!(
                "{observations}&_include=Observation:has-member&_revinclude=Observation:has-member&_count=1000"
            ),
            true,
        ),
    ] {
        let found = names(&pages(gateway, &narrow, &path), "Observation");
        assert_eq!(found.difference(&laboratory).count(), 0, "{path}");
        assert_eq!(!found.is_empty(), included, "{path}");
        // and no type at all that is not in the scope
        for one in pages(gateway, &narrow, &path) {
            let kind = one["resourceType"].as_str().unwrap();
            let allowed = [
                "Observation",
                "DiagnosticReport",
                "List",
                "Patient",
                "OperationOutcome",
            ];
            assert!(allowed.contains(&kind), "{path}: {kind}");
        }
    }
    // a page that somebody with more was given shows no more to somebody with less
    let first = gateway
        .get(&all, &format!("{observations}&_count=2"))
        .expect(200)
        .json();
    let links = first["link"].as_array().unwrap();
    let next = links
        .iter()
        .find(|link| link["relation"] == "next")
        .unwrap();
    let followed = gateway.get(&narrow, next["url"].as_str().unwrap());
    if followed.status == 200 {
        let found = names(&followed.resources(), "Observation");
        assert_eq!(found.difference(&laboratory).count(), 0);
    }
    // two granular scopes are a union; code too
    let code = other["code"]["coding"][0]["code"].as_str().unwrap();
    let union = format!(
        "system/Observation.rs?category={CATEGORY}|laboratory system/Observation.rs?code={code}"
    );
    let found = names(
        &pages(
            gateway,
            &token(&union),
            &format!("{observations}&_count=1000"),
        ),
        "Observation",
    );
    assert!(found.is_superset(&laboratory) && found.contains(&name(other)));
    assert!(found.len() < whole.len());
    // modifiers, chains and other parameters are no scopes that are granted
    for odd in [
        "category:not=laboratory",
        "patient.name=x",
        "_filter=x",
        "status=final",
    ] {
        let ask = Ask::consent(NUMBER).scope(&format!("system/Observation.rs?{odd}"));
        assert_eq!(
            gateway.ask(&ask).expect(400).json()["error"],
            "invalid_scope",
            "{odd}"
        );
    }
}

#[test]
fn reading_and_searching_are_two_rights() {
    let gateway = &*SHARED;
    let reads = token("system/Observation.r system/Patient.r");
    let searches = token("system/Observation.s");
    let search = format!("Observation?patient={}", reads.patient);
    let found = gateway.get(&searches, &search).expect(200).resources();
    let one = found
        .iter()
        .find(|one| one["resourceType"] == "Observation")
        .unwrap();
    gateway.get(&reads, &name(one)).expect(200);
    for (token, path) in [(&reads, search.as_str()), (&searches, &name(one))] {
        let refused = gateway.get(token, path).expect(403);
        assert_eq!(refused.code(), "insufficient-scope", "{path}");
        assert!(
            refused
                .header("www-authenticate")
                .contains("insufficient_scope")
        );
    }
    // misordered, unknown and writing suffixes are left out, visibly
    let odd = "system/Patient.rs system/Condition.sr system/Observation.dus system/Procedure.write system/Nonsense.rs";
    assert_eq!(token(odd).answer["scope"], "system/Patient.rs");
    // v1 asked, v1 granted
    assert_eq!(
        token("system/Condition.read system/Patient.*").answer["scope"],
        "system/Condition.read system/Patient.read"
    );
}
