//! Events of the OpenHR message: one per entry of the GP Connect record.

use serde_json::Value;

use super::stu3::{self, Record, extension, id, id_of, list, text};
use super::write_medication as medication;
use super::xml::Xml;

const READ_V2: &str = "2.16.840.1.113883.2.1.6.2";
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
const EMIS_DRUG: &str = "2.16.840.1.113883.2.1.6.9";

/// EMIS's event type of a resource; none for what is no entry of its own.
pub fn kind(resource: &Value) -> Option<&'static str> {
    Some(match stu3::kind(resource) {
        "Observation" if stu3::is_comment(resource) => return None,
        "Observation" if is_family_history(resource) => "FH",
        "Observation" if !members(resource).is_empty() => "INV",
        "Observation" if has_value(resource) => "VAL",
        "Observation" => "OBS",
        "DiagnosticReport" => "REP",
        "MedicationRequest" if text(resource, "/intent") == Some("plan") => "MED",
        "MedicationRequest" => "ISS",
        "AllergyIntolerance" => "ALL",
        "Immunization" => "IMM",
        "ReferralRequest" => "REF",
        "ProcedureRequest" => "DRY",
        "DocumentReference" => "ATT",
        _ => return None,
    })
}

fn has_value(resource: &Value) -> bool {
    resource.get("valueQuantity").is_some() || resource.get("valueString").is_some()
}

/// Chapter 12 of Read v2.
pub fn is_family_history(resource: &Value) -> bool {
    list(resource, "/code/coding").iter().any(|one| {
        text(one, "/system") == Some("http://read.info/readv2")
            && text(one, "/code").is_some_and(|code| code.starts_with("12"))
    })
}

/// The results of a battery, without comments.
pub fn members(resource: &Value) -> Vec<&str> {
    list(resource, "/related")
        .iter()
        .filter(|one| text(one, "/type") == Some("has-member"))
        .filter_map(|one| text(one, "/target/reference"))
        .map(id_of)
        .filter(|one| !one.ends_with("-COMM"))
        .collect()
}

/// The consultation that a resource names.
pub fn encounter(resource: &Value) -> Option<&str> {
    if stu3::kind(resource) == "AllergyIntolerance" {
        let named = extension(resource, "encounter-associatedEncounter")?;
        return text(named, "/valueReference/reference");
    }
    [
        "/context/reference",
        "/encounter/reference",
        "/context/encounter/reference",
    ]
    .into_iter()
    .find_map(|pointer| text(resource, pointer))
}

/// Who was responsible.
pub fn clinician(resource: &Value) -> Option<&str> {
    let administering = || {
        let role = |one: &&Value| text(one, "/role/coding/0/code") == Some("AP");
        let one = list(resource, "/practitioner").iter().find(role)?;
        text(one, "/actor/reference")
    };
    let one = match stu3::kind(resource) {
        "Immunization" => administering(),
        "Observation" => text(resource, "/performer/0/reference"),
        "AllergyIntolerance" => None,
        _ => text(resource, "/requester/agent/reference"),
    };
    one.map(id_of)
}

/// Who typed it.
pub fn recorder(resource: &Value) -> Option<&str> {
    let entering = || {
        let role = |one: &&Value| text(one, "/role/coding/0/code") == Some("EP");
        let one = list(resource, "/practitioner").iter().find(role)?;
        text(one, "/actor/reference")
    };
    let one = text(resource, "/recorder/reference").or_else(entering);
    one.map(id_of)
}

/// When it was entered.
pub fn recorded(resource: &Value) -> Option<&str> {
    let pointer = match stu3::kind(resource) {
        "AllergyIntolerance" => "/assertedDate",
        "MedicationRequest" | "ProcedureRequest" => "/authoredOn",
        "DocumentReference" => "/indexed",
        "Immunization" => {
            return text(extension(resource, "DateRecorded-1")?, "/valueDateTime");
        }
        _ => "/issued",
    };
    text(resource, pointer)
}

/// When it was true or done.
pub fn date(resource: &Value) -> Option<&str> {
    text(
        resource,
        match stu3::kind(resource) {
            "AllergyIntolerance" => "/onsetDateTime",
            "MedicationRequest" => "/dispenseRequest/validityPeriod/start",
            "Immunization" => "/date",
            "ReferralRequest" => "/authoredOn",
            "ProcedureRequest" => "/occurrenceDateTime",
            "DocumentReference" => "/created",
            _ => "/effectiveDateTime",
        },
    )
}

/// The coded statement of a resource.
pub fn concept<'a>(record: &'a Record, resource: &'a Value) -> Option<&'a Value> {
    match stu3::kind(resource) {
        "MedicationRequest" => record.medicine(resource),
        "Immunization" => {
            extension(resource, "VaccinationProcedure-1")?.get("valueCodeableConcept")
        }
        "ReferralRequest" => resource.pointer("/reasonCode/0"),
        "DocumentReference" => resource.get("type"),
        _ => resource.get("code"),
    }
}

/// A FHIR date as OpenHR writes it: padded, with its precision beside it. Midnight with an offset is how EMIS itself
/// sends a day in GP Connect where FHIR wants a time.
pub fn date_part(xml: &mut Xml, name: &str, date: Option<&str>) {
    let (part, value) = match date.unwrap_or_default() {
        "" => ("U", None),
        year if year.len() == 4 => ("Y", Some(format!("{year}-01-01T00:00:00"))),
        month if month.len() == 7 => ("YM", Some(format!("{month}-01T00:00:00"))),
        day if day.len() == 10 => ("YMD", Some(format!("{day}T00:00:00"))),
        midnight if is_midnight(midnight) => ("YMD", midnight.get(..19).map(str::to_owned)),
        moment => ("YMDT", moment.get(..19).map(str::to_owned)),
    };
    let value = value.as_deref();
    xml.with(name, &[("datepart", Some(part)), ("value", value)], |_| {});
}

/// A whole day that GP Connect writes as a moment.
pub fn is_midnight(moment: &str) -> bool {
    moment.get(10..19) == Some("T00:00:00")
}

/// One event.
pub fn write(xml: &mut Xml, record: &Record, patient: &str, resource: &Value) {
    let Some(kind) = kind(resource) else {
        return;
    };
    let parts = list(resource, "/component");
    head(xml, record, patient, resource, kind, |xml| {
        body(xml, record, resource, kind);
    });
    for (n, part) in parts.iter().enumerate() {
        xml.of("event", |xml| {
            xml.leaf("id", Some(&part_id(resource, n)));
            xml.leaf("patient", Some(patient));
            xml.leaf("eventType", Some("VAL"));
            date_part(xml, "effectiveTime", date(resource));
            xml.leaf("availabilityTimeStamp", recorded(resource));
            xml.leaf("authorisingUserInRole", clinician(resource));
            coded(xml, part.get("code"), &[]);
            xml.of("observation", |xml| {
                xml.of("value", |xml| quantity(xml, part, &[]));
            });
        });
    }
}

/// The id of a component that is an event of its own in EMIS.
pub fn part_id(resource: &Value, n: usize) -> String {
    format!("{}-part-{n}", id(resource))
}

fn head(
    xml: &mut Xml,
    record: &Record,
    patient: &str,
    resource: &Value,
    kind: &str,
    body: impl FnOnce(&mut Xml),
) {
    xml.of("event", |xml| {
        xml.leaf("id", Some(id(resource)));
        xml.leaf("patient", Some(patient));
        xml.leaf("eventType", Some(kind));
        if date(resource).is_some() || kind != "REP" {
            date_part(xml, "effectiveTime", date(resource));
        }
        xml.leaf("availabilityTimeStamp", recorded(resource));
        xml.leaf("authorisingUserInRole", clinician(resource));
        xml.leaf("enteredByUserInRole", recorder(resource));
        let qualifiers = if kind == "IMM" {
            qualifiers(record, resource)
        } else {
            Vec::new()
        };
        coded(xml, concept(record, resource), &qualifiers);
        for words in ["/comment", "/conclusion", "/description", "/note/0/text"] {
            if let Some(words) = text(resource, words) {
                xml.with(
                    "associatedText",
                    &[("associatedTextType", Some("POST"))],
                    |xml| {
                        xml.leaf("value", Some(words));
                    },
                );
            }
        }
        body(xml);
    });
}

fn scheme(system: Option<&str>) -> &'static str {
    match system {
        Some("http://read.info/readv2") => READ_V2,
        Some("http://snomed.info/sct") => SNOMED,
        Some("https://fhir.hl7.org.uk/Id/emis-drug-codes") => EMIS_DRUG,
        _ => "UNKNOWN",
    }
}

fn coded(xml: &mut Xml, concept: Option<&Value>, qualifiers: &[(&str, String)]) {
    let Some(concept) = concept else {
        return;
    };
    let codings = stu3::codings(concept);
    let one = |coding: &Value| {
        [
            (
                "codeSystem",
                Some(scheme(text(coding, "/system")).to_owned()),
            ),
            ("code", text(coding, "/code").map(str::to_owned)),
            ("displayName", text(coding, "/display").map(str::to_owned)),
        ]
    };
    if let Some((main, others)) = codings.split_first() {
        let own = one(main);
        let own = own.each_ref().map(|(key, value)| (*key, value.as_deref()));
        xml.with("code", &own, |xml| {
            for other in others {
                let other = one(other);
                let other = other
                    .each_ref()
                    .map(|(key, value)| (*key, value.as_deref()));
                xml.with("translation", &other, |_| {});
            }
            for (name, value) in qualifiers {
                xml.of("qualifier", |xml| {
                    xml.with("name", &[("displayName", Some(name))], |_| {});
                    if let Some(site) = value.strip_prefix("code:") {
                        let (code, words) = site.split_once(' ').unwrap_or((site, ""));
                        let site = [
                            ("codeSystem", Some(SNOMED)),
                            ("code", Some(code)),
                            ("displayName", Some(words)),
                        ];
                        xml.with("value", &site, |_| {});
                    } else {
                        xml.with("value", &[("displayName", Some(value))], |_| {});
                    }
                });
            }
        });
    }
    xml.leaf("displayTerm", stu3::term(concept));
}

/// Batch, expiry, maker and site are qualifiers of the code (sources.md 3.2).
fn qualifiers(record: &Record, resource: &Value) -> Vec<(&'static str, String)> {
    let maker = text(resource, "/manufacturer/reference")
        .and_then(|one| record.find(one))
        .and_then(|one| text(one, "/name"));
    let site = resource.pointer("/site/coding/0").and_then(|one| {
        let code = text(one, "/code")?;
        Some(format!("code:{code} {}", text(one, "/display")?))
    });
    let own = |pointer| text(resource, pointer).map(str::to_owned);
    [
        ("Batch number", own("/lotNumber")),
        ("Expiry date", own("/expirationDate")),
        ("Manufacturer", maker.map(str::to_owned)),
        ("Site", site),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn body(xml: &mut Xml, record: &Record, resource: &Value, kind: &str) {
    match kind {
        "OBS" | "VAL" | "INV" => observation(xml, resource),
        "REP" => report(xml, record, resource),
        "MED" => medication::course(xml, record, resource),
        "ISS" => medication::issue(xml, resource),
        "ALL" => xml.of("allergy", |_| {}),
        "REF" => referral(xml, resource),
        "DRY" => xml.of("diary", |_| {}),
        _ => {}
    }
}

fn observation(xml: &mut Xml, resource: &Value) {
    xml.of("observation", |xml| {
        let ranges = list(resource, "/referenceRange");
        if has_value(resource) || !ranges.is_empty() {
            xml.of("value", |xml| match text(resource, "/valueString") {
                Some(words) => xml.of("text", |xml| xml.leaf("value", Some(words))),
                None => quantity(xml, resource, ranges),
            });
        }
        let coded = text(resource, "/interpretation/coding/0/code");
        let words = text(resource, "/interpretation/text");
        if coded.is_some() || words.is_some() {
            let mark = [("value", Some("true")), ("description", words)];
            xml.with("abnormal", &mark, |_| {});
        }
        let mut children: Vec<String> = members(resource).into_iter().map(str::to_owned).collect();
        children.extend((0..list(resource, "/component").len()).map(|n| part_id(resource, n)));
        if !children.is_empty() {
            xml.of("complexObservation", |xml| {
                for child in &children {
                    xml.leaf("childLink", Some(child));
                }
            });
        }
    });
}

/// A number with its ranges: the first stands in the number, the others before it. A range without a number stands alone.
fn quantity(xml: &mut Xml, resource: &Value, ranges: &[Value]) {
    let has_number = resource.get("valueQuantity").is_some();
    let available = if has_number {
        ranges.get(1..)
    } else {
        Some(ranges)
    };
    for one in available.unwrap_or_default() {
        range(xml, "availableRange", one);
    }
    if has_number {
        xml.of("numeric", |xml| {
            xml.leaf("operator", text(resource, "/valueQuantity/comparator"));
            let number = stu3::number(resource, "/valueQuantity/value");
            xml.leaf("value", number.as_deref());
            xml.leaf("units", text(resource, "/valueQuantity/unit"));
            if let Some(first) = ranges.first() {
                range(xml, "range", first);
            }
        });
    }
}

/// A range that GP Connect has only in words: sign, number and unit.
pub fn signed(range: &Value) -> Option<(&str, &str, &str)> {
    let (sign, rest) = text(range, "/text")?.split_once(' ')?;
    let (number, unit) = rest.split_once(' ')?;
    ["<", ">"].contains(&sign).then_some((sign, number, unit))
}

fn range(xml: &mut Xml, name: &str, range: &Value) {
    xml.of(name, |xml| {
        let bound = |xml: &mut Xml, name: &str, sign, number: Option<&str>| {
            if number.is_some() {
                xml.with(name, &[("value", number), ("operator", sign)], |_| {});
            }
        };
        xml.of("numericRange", |xml| match signed(range) {
            Some((sign, number, _)) => {
                let side = if sign == "<" { "high" } else { "low" };
                bound(xml, side, Some(sign), Some(number));
            }
            None => {
                let low = stu3::number(range, "/low/value");
                let high = stu3::number(range, "/high/value");
                bound(xml, "low", None, low.as_deref());
                bound(xml, "high", None, high.as_deref());
            }
        });
        let unit = signed(range)
            .map(|(_, _, unit)| unit)
            .or_else(|| text(range, "/low/unit"));
        xml.leaf("units", unit);
        if let Some((age, sex)) = for_whom(range) {
            xml.leaf("sex", Some(sex));
            xml.of("ageRange", |xml| {
                xml.with("high", &[("value", Some(age)), ("unit", Some("Y"))], |_| {});
            });
        }
    });
}

/// Whom a range is for, where GP Connect says it in words: upper age in years, and sex.
pub fn for_whom(range: &Value) -> Option<(&str, &str)> {
    let words = text(range, "/type/text")?.strip_prefix("Upper age - ")?;
    let (age, sex) = words.split_once(" years, Sex - ")?;
    Some((age, sex.get(..1)?))
}

fn report(xml: &mut Xml, record: &Record, resource: &Value) {
    let results: Vec<&Value> = list(resource, "/result")
        .iter()
        .filter_map(|one| record.find(text(one, "/reference")?))
        .filter(|one| !stu3::is_comment(one))
        .collect();
    let name = |one: &Value| {
        if members(one).is_empty() {
            "test"
        } else {
            "battery"
        }
    };
    xml.of("report", |xml| {
        let issued = text(resource, "/issued");
        xml.leaf("issueDate", issued.and_then(|one| one.get(..10)));
        let service = match text(resource, "/category/coding/0/code") {
            Some("RAD") => "RAD",
            _ => "PATH",
        };
        xml.leaf("dataType", Some(service));
        for reference in list(resource, "/specimen") {
            let reference = text(reference, "/reference").unwrap_or_default();
            let Some(specimen) = record.find(reference) else {
                continue;
            };
            xml.of("component", |xml| {
                xml.of("specimen", |xml| {
                    let number = text(specimen, "/accessionIdentifier/value");
                    xml.leaf("labSpecimenReference", number);
                    xml.leaf("specimenType", text(specimen, "/type/text"));
                    let fasting = "/collection/extension/0/valueCodeableConcept/text";
                    xml.leaf("fastingStatus", text(specimen, fasting));
                    let volume = stu3::number(specimen, "/collection/quantity/value");
                    xml.leaf("volume", volume.as_deref());
                    xml.leaf("volumeUnits", text(specimen, "/collection/quantity/unit"));
                    let taken = text(specimen, "/collection/collectedDateTime");
                    xml.leaf("sampleDateTime", taken.and_then(|one| one.get(..19)));
                    let received = text(specimen, "/receivedTime");
                    let received = received.and_then(|one| one.get(..19));
                    xml.leaf("dateTimeReceivedByLab", received);
                    for one in &results {
                        if text(one, "/specimen/reference") == Some(reference) {
                            xml.leaf(name(one), Some(id(one)));
                        }
                    }
                });
            });
        }
        for one in &results {
            if text(one, "/specimen/reference").is_none() {
                xml.of("component", |xml| xml.leaf(name(one), Some(id(one))));
            }
        }
    });
}

/// A line of EMIS's notes to a referral, behind its label.
pub fn labelled<'a>(resource: &'a Value, label: &str) -> Option<&'a str> {
    list(resource, "/note")
        .iter()
        .find_map(|one| text(one, "/text")?.strip_prefix(label))
}

fn referral(xml: &mut Xml, resource: &Value) {
    let recipient = |kind: &str| {
        list(resource, "/recipient")
            .iter()
            .filter_map(|one| text(one, "/reference"))
            .find(|one| one.starts_with(kind))
            .map(id_of)
    };
    xml.of("referral", |xml| {
        xml.leaf("targetUserInRole", recipient("Practitioner/"));
        xml.leaf("targetOrganisation", recipient("Organization/"));
        let purpose = match labelled(resource, "Purpose:") {
            Some("Management Advice") => Some("MA"),
            Some("Unknown") => Some("UNK"),
            _ => None,
        };
        xml.leaf("requestType", purpose);
        let urgency = match text(resource, "/priority") {
            Some("routine") => Some("R"),
            Some("urgent") => Some("U"),
            _ => None,
        };
        xml.leaf("urgency", urgency);
        let private = labelled(resource, "NHS / Private:") == Some("Private");
        xml.leaf("NHS", Some(if private { "false" } else { "true" }));
        xml.leaf("direction", Some("OUT"));
        let mode = labelled(resource, "Mode:") == Some("Written");
        xml.leaf("referralMode", mode.then_some("W"));
    });
}
