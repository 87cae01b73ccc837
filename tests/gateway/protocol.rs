//! How the API behaves as HTTP and as FHIR: searching, paging, conditional reads, methods, formats, errors (design.md 11).

use std::collections::BTreeSet;

use openmig::fhir::kind::KINDS;
use reqwest::Method;
use serde_json::Value;

use super::crawl::{name, names, pages};
use super::support::{Answer, Ask, FORM, SHARED, Token, encode};

const NUMBER: &str = "9990000018";

fn token() -> Token {
    SHARED.token(&Ask::consent(NUMBER))
}

/// The names found by a search.
#[track_caller]
fn found(token: &Token, search: &str) -> BTreeSet<String> {
    let answer = SHARED
        .get(token, &search.replace("$P", &token.patient))
        .expect(200);
    let bundle = answer.json();
    let all: BTreeSet<String> = names(&bundle).into_iter().collect();
    assert_eq!(bundle["total"], all.len(), "{search}");
    all
}

// F10, F11: each parameter finds what its value says, and nothing else
#[test]
fn searches_find_what_their_parameters_say() {
    let token = token();
    let all = SHARED
        .get(
            &token,
            &format!("Condition?patient={}&_count=1000", token.patient),
        )
        .resources();
    let those = |test: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
        all.iter().filter(|it| test(it)).map(name).collect()
    };
    let has = |value: &Value, text: &str| value.to_string().contains(text);
    let problems = those(&|it| has(&it["category"], "problem-list-item"));
    assert!(!problems.is_empty() && problems.len() < all.len());
    assert_eq!(
        found(&token, "Condition?patient=$P&category=problem-list-item"),
        problems
    );
    let system = "http://terminology.hl7.org/CodeSystem/condition-category";
    assert_eq!(
        found(
            &token,
            &format!("Condition?patient=$P&category={system}|problem-list-item")
        ),
        problems
    );
    assert!(
        found(
            &token,
            "Condition?patient=$P&category=urn:other|problem-list-item"
        )
        .is_empty()
    );
    let active = those(&|it| it["clinicalStatus"]["coding"][0]["code"] == "active");
    assert_eq!(
        found(&token, "Condition?patient=$P&clinical-status=active"),
        active
    );
    let both: BTreeSet<String> = problems.intersection(&active).cloned().collect();
    assert_eq!(
        found(
            &token,
            "Condition?patient=$P&clinical-status=active&category=problem-list-item"
        ),
        both
    );
    assert_eq!(
        found(
            &token,
            "Condition?patient=$P&category=problem-list-item,encounter-diagnosis"
        )
        .len(),
        all.len()
    );
    let tagged = those(&|it| has(&it["meta"]["tag"], "\"summary\""));
    assert_eq!(found(&token, "Condition?patient=$P&_tag=summary"), tagged);
    let coded = "https://openmig.org/fhir/CodeSystem/mig-tab|summary";
    assert_eq!(
        found(&token, &format!("Condition?patient=$P&_tag={coded}")),
        tagged
    );
    for condition in &all {
        let id = condition["id"].as_str().unwrap();
        assert_eq!(
            found(&token, &format!("Condition?_id={id}")),
            BTreeSet::from([name(condition)])
        );
        let code = &condition["code"]["coding"][0];
        let (system, code) = (
            code["system"].as_str().unwrap(),
            code["code"].as_str().unwrap(),
        );
        let query = encode(&[
            ("patient", &token.patient),
            ("code", &format!("{system}|{code}")),
        ]);
        let same = those(&|it| {
            it["code"]["coding"]
                .as_array()
                .unwrap()
                .iter()
                .any(|c| c["system"] == system && c["code"] == code)
        });
        assert_eq!(found(&token, &format!("Condition?{query}")), same);
    }
    for way in [
        "patient=Patient/$P",
        "subject=Patient/$P",
        "subject:Patient=$P",
        "subject=$P",
    ] {
        assert_eq!(
            found(&token, &format!("Condition?{way}")).len(),
            all.len(),
            "{way}"
        );
    }
    let absolute = format!("Condition?patient={}/Patient/$P", SHARED.base);
    assert_eq!(found(&token, &absolute).len(), all.len());
}

// F11: prefixes on dates
#[test]
fn dates_are_compared_by_prefix() {
    let token = token();
    let search = format!("Observation?patient={}&_count=1000", token.patient);
    let all = SHARED.get(&token, &search).expect(200).resources();
    let dated: Vec<(&str, String)> = all
        .iter()
        .filter_map(|it| Some((it["effectiveDateTime"].as_str()?, name(it))))
        .collect();
    let mut days: Vec<&str> = dated.iter().filter_map(|(at, _)| at.get(..10)).collect();
    days.sort_unstable();
    let day = days[days.len() / 2];
    let those = |test: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        dated
            .iter()
            .filter(|(at, _)| at.len() >= 10 && test(&at[..10]))
            .map(|(_, name)| name.clone())
            .collect()
    };
    let asked = |value: &str| -> BTreeSet<String> {
        let found = found(
            &token,
            &format!("Observation?patient=$P&_count=1000&date={value}"),
        );
        // Those of a month or a year only are compared as such, elsewhere.
        found
            .into_iter()
            .filter(|name| dated.iter().any(|(at, it)| it == name && at.len() >= 10))
            .collect()
    };
    assert_eq!(asked(day), those(&|at| at == day));
    assert_eq!(asked(&format!("eq{day}")), those(&|at| at == day));
    assert_eq!(asked(&format!("ne{day}")), those(&|at| at != day));
    assert_eq!(asked(&format!("gt{day}")), those(&|at| at > day));
    assert_eq!(asked(&format!("ge{day}")), those(&|at| at >= day));
    assert_eq!(asked(&format!("lt{day}")), those(&|at| at < day));
    assert_eq!(asked(&format!("le{day}")), those(&|at| at <= day));
    assert_eq!(asked(&format!("sa{day}")), those(&|at| at > day));
    assert_eq!(asked(&format!("eb{day}")), those(&|at| at < day));
    let year = &day[..4];
    assert_eq!(asked(year), those(&|at| at.starts_with(year)));
    assert_eq!(
        asked(&format!("ge{day}&date=le{day}")),
        those(&|at| at == day)
    );
}

#[test]
fn counts_limit_pages_and_pages_add_up() {
    let token = token();
    let all = found(&token, "Observation?patient=$P&_count=1000");
    for count in [7, 50] {
        let path = format!("Observation?patient={}&_count={count}", token.patient);
        let mut seen = Vec::new();
        for (_, page) in pages(&SHARED, &token, &path) {
            let bundle = page.json();
            assert_eq!(bundle["total"], all.len());
            assert!(names(&bundle).len() <= count);
            seen.extend(names(&bundle));
        }
        assert_eq!(seen.len(), all.len());
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    }
    for (query, entries) in [("_count=0", 0), ("_summary=count", 0), ("_count=1", 1)] {
        let bundle = SHARED
            .get(
                &token,
                &format!("Observation?patient={}&{query}", token.patient),
            )
            .expect(200)
            .json();
        assert_eq!(bundle["total"], all.len(), "{query}");
        assert_eq!(names(&bundle).len(), entries, "{query}");
    }
    // More than the limit is taken as the limit.
    let bundle = SHARED
        .get(
            &token,
            &format!("Observation?patient={}&_count=100000", token.patient),
        )
        .expect(200)
        .json();
    assert_eq!(names(&bundle).len(), all.len().min(1000));
    // A page is of its own search; of another, or made up, it is none.
    let first = SHARED
        .get(
            &token,
            &format!("Observation?patient={}&_count=7", token.patient),
        )
        .expect(200)
        .json();
    let next = super::crawl::next(&first).unwrap();
    let page = next.split_once("_page=").unwrap().1;
    for path in [
        format!("Condition?patient={}&_count=7&_page={page}", token.patient),
        format!(
            "Observation?patient={}&date=2020&_page={page}",
            token.patient
        ),
        format!("Observation?patient={}&_page=AAAA", token.patient),
    ] {
        assert_eq!(
            SHARED.get(&token, &path).expect(400).code(),
            "invalid-page",
            "{path}"
        );
    }
}

#[test]
fn search_by_post_is_the_same_as_by_get() {
    let token = token();
    let bearer = format!("Bearer {}", token.access);
    let query = encode(&[
        ("patient", token.patient.as_str()),
        ("category", "problem-list-item"),
        ("_count", "3"),
    ]);
    let get = SHARED
        .get(&token, &format!("Condition?{query}"))
        .expect(200);
    let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
    let post = SHARED
        .send(Method::POST, "Condition/_search", &headers, &query)
        .expect(200);
    assert_eq!(post.body, get.body);
    assert_eq!(post.header("content-type"), get.header("content-type"));
    let split = format!("Condition/_search?patient={}", token.patient);
    let post = SHARED
        .send(
            Method::POST,
            &split,
            &headers,
            "category=problem-list-item&_count=3",
        )
        .expect(200);
    assert_eq!(post.body, get.body);
    for (content, status, code) in [
        ("application/json", 415, "form-expected"),
        ("", 415, "form-expected"),
    ] {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", content),
        ];
        let answer = SHARED
            .send(Method::POST, "Condition/_search", &headers, "{}")
            .expect(status);
        assert_eq!(answer.code(), code);
    }
    let long = format!("patient={}&x={}", token.patient, "a".repeat(65 * 1024));
    let answer = SHARED
        .send(Method::POST, "Condition/_search", &headers, &long)
        .expect(413);
    assert_eq!(answer.code(), "form-too-large");
}

#[test]
fn unknown_parameters_are_ignored_or_strictly_refused() {
    let token = token();
    let path = format!("Condition?patient={}&colour=blue", token.patient);
    let lenient = SHARED.get(&token, &path).expect(200).json();
    let own = lenient["link"][0]["url"].as_str().unwrap();
    assert!(
        !own.contains("colour"),
        "the self link says what was understood: {own}"
    );
    assert!(own.contains("patient="));
    let strict = SHARED
        .get_with(&token, &path, &[("prefer", "handling=strict")])
        .expect(400);
    assert_eq!(strict.code(), "unknown-parameter");
    assert!(strict.text().contains("colour") && !strict.text().contains("blue"));
    SHARED
        .get_with(&token, &path, &[("prefer", "handling=lenient")])
        .expect(200);
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let token = token();
    for (query, code) in [
        ("date=yesterday", "invalid-parameter"),
        ("date=2024-13-01", "invalid-parameter"),
        ("date=xx2024", "invalid-parameter"),
        ("_count=-1", "invalid-parameter"),
        ("_count=many", "invalid-parameter"),
        ("code=", "invalid-parameter"),
        ("code=a|b|c", "invalid-parameter"),
        ("code:in=http://x", "modifier-not-supported"),
        ("encounter.date=2020", "modifier-not-supported"),
    ] {
        let answer = SHARED
            .get(
                &token,
                &format!("Observation?patient={}&{query}", token.patient),
            )
            .expect(400);
        assert_eq!(answer.code(), code, "{query}");
    }
    for query in ["code=no-such-tab", "code=everything"] {
        let answer = SHARED
            .get(&token, &format!("List?patient={}&{query}", token.patient))
            .expect(400);
        assert_eq!(answer.code(), "unknown-tab");
    }
}

// F-rows: conditional read, HEAD
#[test]
fn reads_have_an_etag_and_can_be_conditional() {
    let token = token();
    let path = format!("Patient/{}", token.patient);
    let read = SHARED.get(&token, &path).expect(200);
    let etag = read.header("etag").to_owned();
    assert!(etag.starts_with("W/\"") && etag.ends_with('"'), "{etag}");
    assert!(!read.header("last-modified").is_empty());
    for known in [etag.as_str(), "*", &format!("\"x\", {etag}")] {
        let answer = SHARED
            .get_with(&token, &path, &[("if-none-match", known)])
            .expect(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), etag);
        // R120: it was shown before, and it is asked for now
        assert_eq!(SHARED.rows(answer.header("x-request-id")).len(), 1);
    }
    SHARED
        .get_with(&token, &path, &[("if-none-match", "W/\"other\"")])
        .expect(200);

    let bearer = format!("Bearer {}", token.access);
    let headers = [("authorization", bearer.as_str())];
    let search = format!("Condition?patient={}", token.patient);
    for path in [path.as_str(), search.as_str(), "metadata"] {
        let get = SHARED.send(Method::GET, path, &headers, "").expect(200);
        let head = SHARED.send(Method::HEAD, path, &headers, "").expect(200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
    SHARED.send(Method::HEAD, &path, &[], "").expect(401);
}

/// Every error of the API: an OperationOutcome, a request id, no caching, and its row in the trail.
#[track_caller]
fn error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.code(), code);
    assert!(
        answer
            .header("content-type")
            .starts_with("application/fhir+json")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let outcome = answer.json();
    assert!(["error", "fatal"].contains(&outcome["issue"][0]["severity"].as_str().unwrap()));
    assert!(
        outcome["issue"][0]["details"]["text"]
            .as_str()
            .unwrap()
            .len()
            > 5
    );
    let rows = SHARED.rows(answer.header("x-request-id"));
    // A stranger's first refusals in a minute are rows, the rest are counted (tests `edge`).
    assert!(
        (status == 401 && rows.is_empty())
            || rows
                .iter()
                .any(|row| row.what == "refused" && row.failure.as_deref() == Some(code)),
        "{status} {code}: {rows:?}"
    );
}

// R009, R033: read-only, everywhere; S4: nothing beyond the types
#[test]
fn every_write_is_refused_with_what_is_allowed() {
    let token = token();
    let bearer = format!("Bearer {}", token.access);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/fhir+json"),
    ];
    let body = r#"{"resourceType":"Patient"}"#;
    let kinds = KINDS
        .iter()
        .map(|kind| kind.name())
        .chain(["Consent", "AuditEvent", "Bundle"]);
    let mut paths = vec!["metadata".to_owned(), String::new(), "/fhir/r4".to_owned()];
    for kind in kinds {
        paths.extend([kind.to_owned(), format!("{kind}/{}", token.patient)]);
    }
    for path in &paths {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = SHARED.send(method.clone(), path, &headers, body);
            error(&answer, 405, "read-only");
            assert_eq!(answer.header("allow"), "GET, HEAD", "{method} {path}");
        }
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = SHARED.send(method, "Condition/_search", &headers, "");
        error(&answer, 405, "read-only");
        assert_eq!(answer.header("allow"), "POST");
    }
    for (path, allow) in [
        ("token", "POST"),
        ("introspect", "POST"),
        ("revoke", "POST"),
    ] {
        let answer = SHARED.send(Method::GET, path, &headers, "").expect(405);
        assert!(answer.header("allow").contains(allow), "{path}");
    }
}

#[test]
fn other_formats_are_not_acceptable() {
    let token = token();
    let path = format!("Patient/{}", token.patient);
    for accept in [
        "application/fhir+xml",
        "text/html",
        "application/fhir+json; fhirVersion=3.0",
    ] {
        error(
            &SHARED.get_with(&token, &path, &[("accept", accept)]),
            406,
            "format-not-served",
        );
    }
    error(
        &SHARED.get(&token, &format!("{path}?_format=xml")),
        406,
        "format-not-served",
    );
    let search = format!(
        "Condition?patient={}&_format=application/fhir%2Bxml",
        token.patient
    );
    error(&SHARED.get(&token, &search), 406, "format-not-served");
    error(
        &SHARED.get(&token, "metadata?_format=xml"),
        406,
        "format-not-served",
    );
    for accept in [
        "application/json",
        "application/fhir+json",
        "*/*",
        "text/html, application/fhir+json;q=0.9",
    ] {
        let answer = SHARED
            .get_with(&token, &path, &[("accept", accept)])
            .expect(200);
        assert!(
            answer
                .header("content-type")
                .starts_with("application/fhir+json")
        );
    }
    SHARED
        .get(&token, &format!("{path}?_format=json"))
        .expect(200);
}

// R033: what is not served is not there
#[test]
fn what_is_not_there_is_not_found() {
    let token = token();
    let patient = &token.patient;
    for path in [
        "MedicationDispense?patient=x".to_owned(),
        "Appointment/1".to_owned(),
        "Binary/1".to_owned(),
        "$export".to_owned(),
        "Patient/$export".to_owned(),
        "Group/1/$export".to_owned(),
        "condition?patient=x".to_owned(),
        format!("Patient/{patient}/_history"),
        format!("Patient/{patient}/_history/1"),
        format!("Condition/{patient}-nothing"),
        format!("Condition/{patient}"),
        "Condition/..%2f..%2fetc".to_owned(),
        "Condition/%00".to_owned(),
        format!("Patient/{}", "a".repeat(4000)),
        "AuditEvent/x/y".to_owned(),
    ] {
        error(&SHARED.get(&token, &path), 404, "not-found");
    }
    SHARED.send(Method::GET, "/nothing", &[], "").expect(404);
}

#[test]
fn a_wrong_token_is_unauthorised() {
    let path = "Patient/x";
    let none = SHARED.send(Method::GET, path, &[], "");
    error(&none, 401, "unauthorized");
    assert_eq!(none.header("www-authenticate"), "Bearer");
    for wrong in ["Bearer x", "Bearer ", "Basic eDp5", "bearer é", "Token abc"] {
        let Ok(_) = reqwest::header::HeaderValue::from_str(wrong) else {
            continue;
        };
        let answer = SHARED.send(Method::GET, path, &[("authorization", wrong)], "");
        error(&answer, 401, "unauthorized");
        assert!(
            answer.header("www-authenticate").contains("invalid_token"),
            "{wrong}"
        );
    }
    // BS-31: a token in the address is none
    let token = token();
    let path = format!("Patient/{}?access_token={}", token.patient, token.access);
    error(
        &SHARED.send(Method::GET, &path, &[], ""),
        401,
        "unauthorized",
    );
}

// R190: nothing is stored on the way
#[test]
fn every_answer_forbids_storing_and_embedding() {
    let token = token();
    for path in [
        format!("Patient/{}", token.patient),
        format!("List?patient={}", token.patient),
        "nothing".to_owned(),
    ] {
        let answer = SHARED.get(&token, &path);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert!(!answer.header("x-request-id").is_empty());
    }
    let bundle = SHARED
        .get(&token, &format!("Condition?patient={}", token.patient))
        .json();
    let labels = bundle["meta"]["security"].to_string();
    assert!(labels.contains("NOINTEGRATE") && labels.contains("NOPERSISTP"));
    for entry in bundle["entry"].as_array().unwrap() {
        let labels = entry["resource"]["meta"]["security"].to_string();
        assert!(labels.contains("NOINTEGRATE") && labels.contains("NOPERSISTP"));
    }
}

/// Served to anybody: no patient is in any of it.
const PUBLIC: [&str; 16] = [
    "/fhir/r4/metadata",
    "/fhir/r4/jwks",
    "/fhir/r4/.well-known/smart-configuration",
    "/fhir/r4/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server/fhir/r4",
    "/exclusions",
    "/exclusions.csv",
    "/livez",
    "/metrics",
    "/register",
    "/readyz",
    "/sandbox/contract.json",
    "/sandbox/patients",
    "/sandbox/keys/sandbox-backend.jwk.json",
    "/sandbox/keys/sandbox-backend-es.jwks.json",
    "/sandbox/assertion?client_id=sandbox-backend",
];

// R033, R108: every route is public on purpose, or asks who you are
#[test]
fn every_route_is_listed_as_public_or_asks_for_a_token() {
    for path in PUBLIC {
        SHARED.send(Method::GET, path, &[], "").expect(200);
    }
    for kind in KINDS
        .iter()
        .map(|kind| kind.name())
        .chain(["Consent", "AuditEvent"])
    {
        error(
            &SHARED.send(Method::GET, kind, &[], ""),
            401,
            "unauthorized",
        );
        error(
            &SHARED.send(Method::GET, &format!("{kind}/x"), &[], ""),
            401,
            "unauthorized",
        );
        let search = SHARED.send(
            Method::POST,
            &format!("{kind}/_search"),
            &[("content-type", FORM)],
            "",
        );
        error(&search, 401, "unauthorized");
    }
    for (path, status, code) in [
        ("token", 400, "invalid_request"),
        ("introspect", 401, "invalid_client"),
        ("revoke", 400, "invalid_request"),
    ] {
        let answer = SHARED
            .send(Method::POST, path, &[("content-type", FORM)], "token=x")
            .expect(status);
        assert_eq!(answer.json()["error"], code);
    }
    // Routes that are declared anywhere in the sources are on one of these lists.
    let known = [
        "{path}/", // all below the base: see above
        "{path}/.well-known/smart-configuration",
        "{path}/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server{path}",
        "{path}/jwks",
        "{path}/token",
        "{path}/introspect",
        "{path}/revoke",
        "{path}/launch",    // asks for client authentication: `launch.rs`
        "{path}/authorize", // people, who sign in on its pages
        "{path}/authorize/{{journey}}",
        "{path}/authorize/{{journey}}/{{step}}",
        "{path}/authorize/callback/{{provider}}", // believes nothing without the journey's cookie: `providers.rs`
        "{path}/authorize/{{journey}}/returned",
        "{path}/occasion", // asks for an external issuer's token: `external.rs`
        "/sandbox/cis2/.well-known/openid-configuration", // the sandbox's mock of CIS2
        "/sandbox/cis2/jwks",
        "/sandbox/cis2/authorize",
        "/sandbox/cis2/token",
        "/sandbox/id-token",
        "/assets/openmig.css",
        "/sandbox/episode",
        "/sandbox/launch",
        "/sandbox/launch/open",
        "{path}/withdraw", // asks for a token: `withdrawal.rs`
        "/exclusions",
        "/exclusions.csv",
        "/exclusions.json",
        "/register",
        "/register.json",
        "/patient-information",
        "/patient-information/{practice}",
        "/livez",
        "/readyz",
        "/register",
        "/metrics",
        "/sandbox/contract.json",
        "/sandbox/patients",
        "/sandbox/keys/{file}",
        "/sandbox/assertion",
        "/sandbox/clock",
        "/sandbox/faults",
        "/sandbox/webhooks",
        "/oversight", // asks for a token of its own, whatever the path: see below
        "/oversight/{*path}",
    ];
    for path in ["/oversight", "/oversight/v1/me", "/oversight/v1/x/y"] {
        SHARED.send(Method::GET, path, &[], "").expect(401);
    }
    for (file, text) in super::layering::sources() {
        let own = file.starts_with("sandbox/mock") || file.contains("tests");
        let live = text.split("#[cfg(test)]").next().unwrap_or_default();
        for after in live.split(".route(").skip(1).filter(|_| !own) {
            let route = after.split('"').nth(1).unwrap_or_default();
            assert!(
                known.contains(&route),
                "{file} serves {route}: is it public?"
            );
        }
    }
}

// F1: the statement declares what the server really answers
#[test]
fn the_statement_is_true() {
    let token = token();
    let statement = SHARED.send(Method::GET, "metadata", &[], "").expect(200);
    assert_eq!(statement.header("access-control-allow-origin"), "*");
    let statement = statement.json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["implementation"]["url"], SHARED.base);
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        // R009: reads and searches only
        for interaction in resource["interaction"].as_array().unwrap() {
            assert!(["read", "search-type"].contains(&interaction["code"].as_str().unwrap()));
        }
        if kind == "AuditEvent" {
            continue;
        }
        for parameter in resource["searchParam"].as_array().unwrap() {
            let value = match (
                parameter["type"].as_str().unwrap(),
                parameter["name"].as_str().unwrap(),
            ) {
                (_, "patient" | "subject") => token.patient.clone(),
                ("date", _) => "ge1900".to_owned(),
                ("reference", _) => format!("Encounter/{}-x", token.patient),
                _ => "x".to_owned(),
            };
            let name = parameter["name"].as_str().unwrap();
            let mut query = vec![(name, value.as_str())];
            match kind {
                "Patient" if name != "_id" => query.push(("_id", &token.patient)),
                "Organization" | "Practitioner" | "Patient" => {}
                _ if name == "patient" || name == "subject" => {}
                _ => query.push(("patient", &token.patient)),
            }
            if kind == "List" && name == "code" {
                query[0].1 = "summary";
            }
            let path = format!("{kind}?{}", encode(&query));
            let answer = SHARED.get_with(&token, &path, &[("prefer", "handling=strict")]);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        for include in resource["searchInclude"].as_array().into_iter().flatten() {
            let include = include.as_str().unwrap();
            let whom = if kind == "Patient" { "_id" } else { "patient" };
            let mut query = vec![("_include", include)];
            if kind != "Organization" {
                query.push((whom, &token.patient));
            }
            let path = format!("{kind}?{}", encode(&query));
            SHARED
                .get_with(&token, &path, &[("prefer", "handling=strict")])
                .expect(200);
        }
    }
    let smart = SHARED
        .send(Method::GET, ".well-known/smart-configuration", &[], "")
        .expect(200)
        .json();
    assert_eq!(smart["token_endpoint"], format!("{}/token", SHARED.base));
    // D4: single sign-on is promised, by this issuer
    assert_eq!(smart["issuer"], SHARED.base);
    let keys = SHARED
        .send(Method::GET, smart["jwks_uri"].as_str().unwrap(), &[], "")
        .expect(200)
        .json();
    assert!(keys["keys"][0]["d"].is_null() && keys["keys"][0]["kid"].is_string());
}

// R045, R046: the list in force, in plain words, for anyone
#[test]
fn the_exclusions_are_there_for_anyone_to_read() {
    let page = SHARED.send(Method::GET, "/exclusions", &[], "").expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let csv = SHARED
        .send(Method::GET, "/exclusions.csv", &[], "")
        .expect(200);
    let lines: Vec<&str> = csv.text().lines().collect();
    assert!(lines.len() > 66, "{}", lines.len());
    for row in openmig_rows() {
        assert!(csv.text().contains(&row), "{row}");
        let escaped = row.replace('&', "&amp;");
        assert!(page.text().contains(&escaped), "{row}");
    }
    assert!(page.text().contains("SystmOne") && page.text().contains("private"));
}

/// Terms of Appendix A that need no quoting.
fn openmig_rows() -> Vec<String> {
    let story = SHARED
        .sandbox
        .mocks
        .population()
        .by_nhs_number("9990000751")
        .unwrap();
    let listed = super::exclusions::listed(&story);
    assert_eq!(listed.len(), 66);
    let terms = listed.into_iter().map(|fact| fact.concept.term.clone());
    terms
        .filter(|term| !term.contains([',', '"', '\'']))
        .collect()
}
