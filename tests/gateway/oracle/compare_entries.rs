//! Observations, reports, problems, allergies, immunisations, referrals, consultations and the patient.

use serde_json::Value;

use super::compare::{Pair, Two};
use super::r4;
use super::stu3::{self, extension, id, id_of, list, text};
use super::write;
use super::write_event as event;

/// Everything of a record.
pub fn all(pair: &mut Pair<'_>) {
    let record = pair.stu3;
    for one in &record.resources {
        let at = pair.at(one);
        match stu3::kind(one) {
            "Patient" => patient(pair, one, &at),
            "Encounter" => consultation(pair, one, &at),
            "Observation" if stu3::is_comment(one) => {
                pair.tally.left_out("a comment note is free text", &at);
            }
            "Observation" => observation(pair, one, &at),
            "DiagnosticReport" => report(pair, one, &at),
            "Specimen" => specimen(pair, one, &at),
            "Condition" => problem(pair, one, &at),
            "AllergyIntolerance" => allergy(pair, one, &at),
            "Immunization" => immunisation(pair, one, &at),
            "ReferralRequest" => referral(pair, one, &at),
            "ProcedureRequest" => without_tab(pair, one, "a diary entry has no tab", &at),
            "DocumentReference" => {
                without_tab(pair, one, "a document that is no discharge has no tab", &at);
            }
            "MedicationRequest" => super::compare_medication::request(pair, one, &at),
            "MedicationStatement" => super::compare_medication::statement(pair, one, &at),
            _ => {}
        }
    }
}

fn without_tab(pair: &mut Pair<'_>, one: &Value, class: &str, at: &str) {
    if pair.r4.natives(id(one)).is_empty() {
        pair.tally.left_out(class, at);
    } else {
        pair.tally.differ(stu3::kind(one), "shown", at);
    }
}

fn patient(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let found = pair
        .r4
        .resources
        .iter()
        .find(|one| stu3::kind(one) == "Patient");
    let Some(found) = found else {
        return pair.tally.differ("Patient", "missing", at);
    };
    for pointer in [
        "/birthDate",
        "/gender",
        "/name/0/family",
        "/name/0/prefix/0",
    ] {
        let (expected, made) = (text(one, pointer), text(found, pointer));
        pair.tally.same("Patient", pointer, expected, made, at);
    }
    for pointer in ["/name/0/given", "/address/0/line"] {
        let words = |v: &Value| Some(format!("{:?}", list(v, pointer)));
        let (expected, made) = (words(one), words(found));
        pair.tally
            .same("Patient", pointer, expected.as_deref(), made.as_deref(), at);
    }
    for part in ["city", "district", "postalCode"] {
        let pointer = format!("/address/0/{part}");
        let (expected, made) = (text(one, &pointer), text(found, &pointer));
        pair.tally.same("Patient", part, expected, made, at);
    }
    let gp = text(one, "/generalPractitioner/0/reference").map(|one| pair.name(id_of(one)));
    let made = list(found, "/generalPractitioner")
        .iter()
        .find_map(|one| text(one, "/display"));
    pair.tally.same("Patient", "GP", gp.as_deref(), made, at);
    pair.tally.left_out(
        "the NHS number is the traced one, not what the message says",
        at,
    );
}

fn consultation(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "Encounter";
    let two = Two { kind, at };
    let Some(found) = pair.r4.native(kind, id(one)) else {
        let what = text(one, "/type/0/text").unwrap_or_default();
        let at = format!("{at}: {what}");
        return pair.tally.differ(kind, "missing", &at);
    };
    pair.status(two, "status", text(one, "/status"), text(found, "/status"));
    let start = text(one, "/period/start");
    pair.date(two, "start", start, text(found, "/period/start"));
    let words = list(found, "/type")
        .iter()
        .find_map(|one| text(one, "/text"));
    pair.tally
        .same(kind, "type", text(one, "/type/0/text"), words, at);
    let by = list(one, "/participant")
        .iter()
        .find(|one| text(one, "/type/0/coding/0/code") == Some("PPRF"))
        .and_then(|one| text(one, "/individual/reference"));
    let by = by.map(|one| pair.name(id_of(one)));
    let made = text(found, "/participant/0/individual/display");
    pair.tally.same(kind, "clinician", by.as_deref(), made, at);
    let minutes = |one| stu3::number(one, "/length/value");
    let (expected, made) = (minutes(one), minutes(found));
    pair.tally
        .same(kind, "minutes", expected.as_deref(), made.as_deref(), at);
    let typed = list(one, "/participant")
        .iter()
        .find(|one| text(one, "/type/0/coding/0/code") == Some("REC"))
        .and_then(|one| text(one, "/individual/reference"))
        .map(|one| pair.name(id_of(one)));
    if typed.is_some() && typed != by {
        pair.tally
            .left_out("who typed a consultation, where somebody else held it", at);
    }
    if one.get("location").is_some() {
        pair.tally
            .left_out("the record has no place for where a consultation was", at);
    }
    if text(one, "/period/end").is_some() {
        pair.tally.left_out(
            "the end of a consultation, which follows from its start and minutes",
            at,
        );
    }
}

/// What an Observation of GP Connect is in the gateway: an Observation, or what its code says it is.
fn observation(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "Observation";
    let two = Two { kind, at };
    let made = pair.r4.natives(id(one));
    let found = made
        .iter()
        .find(|made| stu3::kind(made) == kind)
        .or(made.first())
        .copied();
    let Some(found) = found else {
        let situation = || stu3::term(&one["code"]) == Some("Family history with explicit context");
        if event::is_family_history(one) || situation() {
            return pair.tally.left_out("family history has no tab", at);
        }
        let what = stu3::term(&one["code"]).unwrap_or_default();
        let at = format!("{at}: {what}");
        return pair.tally.differ(kind, "missing", &at);
    };
    let became: Vec<&str> = made.iter().map(|one| stu3::kind(one)).collect();
    let became = format!("Observation as {}", became.join(" and "));
    *pair.tally.became.entry(became).or_default() += 1;
    if let Some(half) = lone_half(one, found) {
        return lone(pair, one, found, half, at);
    }
    pair.common(two, one, found);
    problem_links(pair, two, one, &made);
    if stu3::kind(found) != kind {
        return;
    }
    pair.status(two, "status", text(one, "/status"), text(found, "/status"));
    pair.value(two, one, found);
    interpretation(pair, two, one, found);
    ranges(pair, two, one, found);
    let mut expected: Vec<String> = event::members(one)
        .iter()
        .map(|m| m.to_lowercase())
        .collect();
    let mut members: Vec<String> = list(found, "/hasMember")
        .iter()
        .flat_map(|one| pair.r4.behind(one))
        .collect();
    expected.sort();
    members.sort();
    for member in &expected {
        let found = members.iter().find(|one| *one == member);
        let found = found.map(String::as_str);
        pair.tally.same(kind, "member", Some(member), found, at);
    }
    for member in members.iter().filter(|one| !expected.contains(one)) {
        pair.tally.same(kind, "member", None, Some(member), at);
    }
    let specimen = text(one, "/specimen/reference").map(specimen_key);
    let made = found.get("specimen").map(|one| pair.r4.behind(one));
    let made = made.unwrap_or_default();
    let made = made.first().map(String::as_str);
    pair.tally
        .same(kind, "specimen", specimen.as_deref(), made, at);
    if let Some(category) = text(one, "/category/0/coding/0/code") {
        let made = text(found, "/category/0/coding/0/code");
        pair.tally.same(kind, "category", Some(category), made, at);
    }
    components(pair, one, found, at);
}

/// The half of the blood pressure that a reading on its own became.
fn lone_half<'a>(one: &Value, found: &'a Value) -> Option<&'a Value> {
    let own = list(one, "/code/coding")
        .iter()
        .find_map(|c| text(c, "/code"))?;
    let alone = ["2469.00", "246A.00"].contains(&own);
    let valued = |part: &&Value| part.get("valueQuantity").is_some();
    list(found, "/component")
        .iter()
        .find(valued)
        .filter(|_| alone)
}

fn lone(pair: &mut Pair<'_>, one: &Value, found: &Value, half: &Value, at: &str) {
    let kind = "Observation";
    let two = Two { kind, at };
    pair.tally.by_rule(
        kind,
        "lone half",
        "a half of a blood pressure stands in a panel",
        at,
    );
    let part = Two {
        kind: "Observation.component",
        at,
    };
    pair.concept(part, one.get("code"), half.get("code"));
    pair.value(part, one, half);
    pair.date(two, "date", event::date(one), r4::date(found));
    pair.recorded(two, event::recorded(one), r4::recorded(found));
    let who = event::clinician(one).map(|id| pair.name(id));
    pair.tally
        .same(kind, "clinician", who.as_deref(), r4::clinician(found), at);
    pair.encounter(two, one, found);
    pair.status(two, "status", text(one, "/status"), text(found, "/status"));
}

/// EMIS counts specimens from 0, the adapter from 1.
fn specimen_key(reference: &str) -> String {
    let own = id_of(reference).to_lowercase();
    match own.rsplit_once("-spec-") {
        Some((report, n)) => {
            let n: usize = n.parse().unwrap_or_default();
            format!("{report}-specimen-{}", n + 1)
        }
        None => own,
    }
}

fn components(pair: &mut Pair<'_>, one: &Value, found: &Value, at: &str) {
    for (n, part) in list(one, "/component").iter().enumerate() {
        let kind = "Observation.component";
        let two = Two { kind, at };
        let snomed = |one: &&Value| {
            let wanted = list(part, "/code/coding").iter().find_map(|c| {
                (text(c, "/system") == Some("http://snomed.info/sct")).then(|| text(c, "/code"))?
            });
            list(one, "/code/coding")
                .iter()
                .any(|c| text(c, "/code") == wanted)
        };
        let made = list(found, "/component").iter().find(snomed);
        let Some(made) = made else {
            let at = format!("{at} component {n}");
            pair.tally.differ(kind, "missing", &at);
            continue;
        };
        pair.concept(two, part.get("code"), made.get("code"));
        pair.value(two, part, made);
    }
}

fn interpretation(pair: &mut Pair<'_>, two: Two<'_>, one: &Value, found: &Value) {
    let expected =
        text(one, "/interpretation/coding/0/code").or_else(|| text(one, "/interpretation/text"));
    let made = text(found, "/interpretation/0/coding/0/code");
    if expected.is_some() && made.is_none() && !event::members(one).is_empty() {
        let class = "a header's mark is a verdict over its results";
        return pair.tally.left_out(class, two.at);
    }
    pair.status(two, "interpretation", expected, made);
}

fn ranges(pair: &mut Pair<'_>, two: Two<'_>, one: &Value, found: &Value) {
    let Two { kind, at } = two;
    let made = list(found, "/referenceRange");
    for (n, range) in list(one, "/referenceRange").iter().enumerate() {
        let Some(other) = made.get(n) else {
            let at = format!("{at}: {range}");
            pair.tally.differ(kind, "range", &at);
            continue;
        };
        if let Some((sign, number, unit)) = event::signed(range) {
            let words = format!("{sign}{number} {unit}");
            let side = if sign == "<" { "high" } else { "low" };
            let bound = stu3::number(other, &format!("/{side}/value"));
            let same = bound.and_then(|b| b.parse::<f64>().ok()) == number.parse().ok();
            if same && text(other, "/text") == Some(words.as_str()) {
                let rule = "a range in words is a bound, and in words that it excludes itself";
                pair.tally.by_rule(kind, "range", rule, at);
            } else {
                let at = format!("{at}: {range} became {other}");
                pair.tally.differ(kind, "range", &at);
            }
            continue;
        }
        for side in ["low", "high"] {
            let value = |one: &Value| {
                let number = stu3::number(one, &format!("/{side}/value"))?;
                let unit = text(one, &format!("/{side}/unit")).unwrap_or_default();
                Some(format!("{number} {unit}"))
            };
            let (expected, made) = (value(range), value(other));
            let item = format!("range {side}");
            pair.tally
                .same(kind, &item, expected.as_deref(), made.as_deref(), at);
        }
        match (text(range, "/type/text"), event::for_whom(range)) {
            (Some(_), Some((age, sex))) => {
                let words = if sex == "F" { "female" } else { "male" };
                let words = format!("{words}; age to {age} years");
                let made = text(other, "/text") == Some(words.as_str());
                if made {
                    let rule = "for whom a range is, in the gateway's words";
                    pair.tally.by_rule(kind, "range for whom", rule, at);
                } else {
                    let at = format!("{at}: {range} became {other}");
                    pair.tally.differ(kind, "range for whom", &at);
                }
            }
            (Some(_), None) => pair
                .tally
                .left_out("OpenHR has no name for one of several ranges", at),
            (None, _) => {}
        }
    }
}

/// The problems that name an entry must be named by it.
fn problem_links(pair: &mut Pair<'_>, two: Two<'_>, one: &Value, made: &[&Value]) {
    let own = format!("{}/{}", stu3::kind(one), id(one));
    let mut expected: Vec<String> = pair
        .stu3
        .of("Condition")
        .filter(|problem| write::content_of(problem).any(|content| content == own))
        .filter_map(write::event_of)
        .filter(|event| *event != id(one))
        .map(str::to_lowercase)
        .collect();
    expected.sort();
    expected.dedup();
    let mut found: Vec<String> = made.iter().flat_map(|one| pair.problems(one)).collect();
    found.sort();
    found.dedup();
    let parent = |native: &String| {
        pair.stu3
            .of("Condition")
            .filter(|problem| write::event_of(problem) == Some(id(one)))
            .flat_map(|problem| write::parents_of(problem))
            .any(|above| above.trim_end_matches("-PROB").to_lowercase() == *native)
    };
    let found: Vec<String> = found
        .into_iter()
        .filter(|one| expected.contains(one) || !parent(one))
        .collect();
    for link in &expected {
        let made = found.iter().find(|one| *one == link).map(String::as_str);
        pair.tally
            .same(two.kind, "problem", Some(link), made, two.at);
    }
    for link in found.iter().filter(|one| !expected.contains(one)) {
        pair.tally
            .same(two.kind, "problem", None, Some(link), two.at);
    }
}

fn report(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "DiagnosticReport";
    let two = Two { kind, at };
    let Some(found) = pair.r4.native(kind, id(one)) else {
        return pair.tally.differ(kind, "missing", at);
    };
    pair.concept(two, one.get("code"), found.get("code"));
    pair.recorded(two, text(one, "/issued"), text(found, "/issued"));
    pair.status(two, "status", text(one, "/status"), text(found, "/status"));
    let category = |one| text(one, "/category/coding/0/code");
    let made = text(found, "/category/0/coding/0/code");
    pair.status(two, "category", category(one), made);
    let results = |all: Vec<String>| {
        let mut all = all;
        all.sort();
        all
    };
    let expected = results(
        list(one, "/result")
            .iter()
            .filter_map(|one| text(one, "/reference"))
            .map(|one| id_of(one).to_lowercase())
            .filter(|one| !one.ends_with("-comm"))
            .collect(),
    );
    let made = results(
        list(found, "/result")
            .iter()
            .flat_map(|one| pair.r4.behind(one))
            .collect(),
    );
    for result in &expected {
        let found = made.iter().find(|one| *one == result).map(String::as_str);
        pair.tally.same(kind, "result", Some(result), found, at);
    }
    for result in made.iter().filter(|one| !expected.contains(one)) {
        pair.tally.same(kind, "result", None, Some(result), at);
    }
    let specimens = list(one, "/specimen").len().to_string();
    let made = list(found, "/specimen").len().to_string();
    pair.tally
        .same(kind, "specimens", Some(&specimens), Some(&made), at);
    if text(one, "/conclusion").is_some() {
        pair.tally
            .left_out("a report's conclusion is free text", at);
    }
    pair.encounter(two, one, found);
}

fn specimen(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "Specimen";
    let two = Two { kind, at };
    let Some(found) = pair.r4.native(kind, &specimen_key(id(one))) else {
        return pair.tally.differ(kind, "missing", at);
    };
    let words = |one| text(one, "/type/text");
    pair.tally.same(kind, "type", words(one), words(found), at);
    let taken = |one| text(one, "/collection/collectedDateTime");
    pair.date(two, "taken", taken(one), taken(found));
    let received = |one| text(one, "/receivedTime");
    pair.date(two, "received", received(one), received(found));
    let number =
        |one| text(one, "/accessionIdentifier/value").filter(|number| *number != "Unknown");
    pair.tally
        .same(kind, "laboratory number", number(one), number(found), at);
    for (pointer, class) in [
        ("/note", "a specimen's note is free text"),
        (
            "/collection/quantity",
            "the record has no place for a specimen's volume",
        ),
        (
            "/collection/extension",
            "the record has no place for fasting at the specimen",
        ),
    ] {
        if one.pointer(pointer).is_some() {
            pair.tally.left_out(class, at);
        }
    }
}

fn problem(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "Condition";
    let two = Two { kind, at };
    let native = write::event_of(one).unwrap_or_default();
    let Some(found) = pair.r4.native(kind, native) else {
        return pair.tally.differ(kind, "missing", at);
    };
    pair.concept(two, one.get("code"), found.get("code"));
    let status = text(found, "/clinicalStatus/coding/0/code");
    pair.status(two, "clinicalStatus", text(one, "/clinicalStatus"), status);
    let significance = pair.extension_code(one, "ProblemSignificance-1");
    let made = pair.extension_code(found, "problem-significance");
    pair.status(two, "significance", significance, made);
    for (item, pointer) in [
        ("onset", "/onsetDateTime"),
        ("abatement", "/abatementDateTime"),
    ] {
        pair.date(two, item, text(one, pointer), text(found, pointer));
    }
    let entered = text(found, "/recordedDate");
    pair.recorded(two, text(one, "/assertedDate"), entered);
    let by = text(one, "/asserter/reference").map(|one| pair.name(id_of(one)));
    let made = text(found, "/asserter/display").or_else(|| text(found, "/recorder/display"));
    pair.tally.same(kind, "clinician", by.as_deref(), made, at);
    let listed = list(found, "/category")
        .iter()
        .find_map(|one| text(one, "/coding/0/code"));
    let expected = text(one, "/category/0/coding/0/code");
    pair.tally.same(kind, "category", expected, listed, at);
    pair.encounter(two, one, found);
    for _ in 0..write::relations_of(one, "sibling").len() {
        pair.tally
            .left_out("OpenHR has no problems beside a problem, only above it", at);
    }
    let related: Vec<String> = pair.problems(found);
    for (n, parent) in write::parents_of(one).into_iter().enumerate() {
        let parent = parent.trim_end_matches("-PROB").to_lowercase();
        if n > 0 {
            pair.tally
                .left_out("the record keeps one problem above a problem", at);
            continue;
        }
        let made = related.iter().find(|one| **one == parent);
        let made = made.map(String::as_str);
        pair.tally.same(kind, "parent", Some(&parent), made, at);
    }
}

fn allergy(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "AllergyIntolerance";
    let two = Two { kind, at };
    let Some(found) = pair.r4.native(kind, id(one)) else {
        return pair.tally.differ(kind, "missing", at);
    };
    pair.common(two, one, found);
    let status = text(found, "/clinicalStatus/coding/0/code");
    pair.status(two, "clinicalStatus", text(one, "/clinicalStatus"), status);
    let by = text(one, "/recorder/reference").map(|one| pair.name(id_of(one)));
    let made = text(found, "/recorder/display");
    pair.tally.same(kind, "recorder", by.as_deref(), made, at);
    problem_links(pair, two, one, &[found]);
    pair.tally.left_out(
        "EMIS calls every allergy unconfirmed; OpenHR does not say it",
        at,
    );
    pair.tally
        .left_out("OpenHR says drug or not only by a target drug", at);
}

fn immunisation(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "Immunization";
    let two = Two { kind, at };
    let Some(found) = pair.r4.native(kind, id(one)) else {
        return pair.tally.differ(kind, "missing", at);
    };
    pair.common(two, one, found);
    pair.status(two, "status", text(one, "/status"), text(found, "/status"));
    for pointer in ["/lotNumber", "/expirationDate"] {
        let (expected, made) = (text(one, pointer), text(found, pointer));
        pair.tally.same(kind, pointer, expected, made, at);
    }
    let maker = text(one, "/manufacturer/reference")
        .and_then(|one| pair.stu3.find(one))
        .and_then(|one| text(one, "/name"));
    let made = text(found, "/manufacturer/display");
    pair.tally.same(kind, "maker", maker, made, at);
    if one.get("site").is_some() {
        let two = Two {
            kind: "Immunization.site",
            at,
        };
        pair.concept(two, one.get("site"), found.get("site"));
    }
    let by = event::recorder(one).map(|id| pair.name(id));
    let made = list(found, "/performer").iter().find_map(|one| {
        let entering = text(one, "/function/coding/0/code") == Some("EP");
        entering.then(|| text(one, "/actor/display"))?
    });
    pair.tally.same(kind, "recorder", by.as_deref(), made, at);
    problem_links(pair, two, one, &[found]);
    pair.tally
        .left_out("the vaccine itself, which EMIS sends as unknown", at);
}

fn referral(pair: &mut Pair<'_>, one: &Value, at: &str) {
    let kind = "ReferralRequest";
    let two = Two { kind, at };
    let Some(found) = pair.r4.native("ServiceRequest", id(one)) else {
        return pair.tally.differ(kind, "missing", at);
    };
    let made: Vec<&Value> = pair.r4.natives(id(one));
    pair.concept(two, event::concept(pair.stu3, one), found.get("code"));
    pair.date(
        two,
        "date",
        text(one, "/authoredOn"),
        text(found, "/authoredOn"),
    );
    for pointer in ["/status", "/intent", "/priority"] {
        let (expected, made) = (text(one, pointer), text(found, pointer));
        pair.status(two, pointer, expected, made);
    }
    let who = event::clinician(one).map(|id| pair.name(id));
    pair.tally
        .same(kind, "clinician", who.as_deref(), r4::clinician(found), at);
    let mode = extension(found, "referral-mode").and_then(|one| text(one, "/valueString"));
    pair.tally
        .same(kind, "mode", event::labelled(one, "Mode:"), mode, at);
    let asked = list(found, "/category")
        .iter()
        .find_map(|one| one.get("coding").is_none().then(|| text(one, "/text"))?);
    let expected = event::labelled(one, "Purpose:").filter(|purpose| *purpose != "Unknown");
    let lower = |one: Option<&str>| one.map(str::to_lowercase);
    let (expected, asked) = (lower(expected), lower(asked));
    pair.tally
        .same(kind, "purpose", expected.as_deref(), asked.as_deref(), at);
    for recipient in list(one, "/recipient") {
        let reference = text(recipient, "/reference").unwrap_or_default();
        let name = match pair.stu3.find(reference) {
            Some(one) if stu3::kind(one) == "Practitioner" => Some(pair.name(id(one))),
            Some(one) if stu3::kind(one) == "Organization" => text(one, "/name").map(str::to_owned),
            _ => {
                pair.tally
                    .left_out("OpenHR names no service that a referral goes to", at);
                continue;
            }
        };
        let made = list(found, "/performer")
            .iter()
            .filter_map(|one| text(one, "/display"))
            .find(|one| Some(*one) == name.as_deref());
        pair.tally
            .same(kind, "recipient", name.as_deref(), made, at);
    }
    pair.encounter(two, one, found);
    problem_links(pair, two, one, &made);
    for _ in list(one, "/supportingInfo") {
        pair.tally
            .left_out("a document that goes with a referral has no tab", at);
    }
}
