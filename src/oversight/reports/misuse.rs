//! What may point to misuse (S2 6.2.4, 7.2.9, 4.11; R110, R193): counts and lists for a human eye. A line here is a question,
//! not a finding.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::accesses::{Access, Period};
use super::sheet::{Sheet, Table};
use crate::audit::reader::{Happening, StoredEvent};
use crate::audit::{CLAIMED, FLAG, SAME_NAME};
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::OversightRules;

/// How long a burst is looked for.
const BURST_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Clinicians at one patient's record from which on it is listed.
const MANY_CLINICIANS: usize = 3;
/// Refusals of one person from which on they are listed.
const MANY_REFUSALS: usize = 5;

/// A person who looked at many records in a short time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burst {
    /// Who.
    pub clinician: String,
    /// The first access of it.
    pub from: jiff::Timestamp,
    /// The last one.
    pub to: jiff::Timestamp,
    /// Different patients.
    pub patients: usize,
}

/// Bursts: `many` or more different patients of one clinician within ten minutes (R193). Overlapping ones are one.
#[must_use]
pub fn bursts(accesses: &[Access], many: usize) -> Vec<Burst> {
    let mut by_clinician: BTreeMap<&str, Vec<&Access>> = BTreeMap::new();
    for access in accesses {
        if let Some(clinician) = access.clinician.as_deref() {
            by_clinician.entry(clinician).or_default().push(access);
        }
    }
    let mut found: Vec<Burst> = Vec::new();
    for (clinician, mut own) in by_clinician {
        own.sort_by_key(|access| access.at);
        for (n, first) in own.iter().enumerate() {
            let within: Vec<&&Access> = own
                .iter()
                .skip(n)
                .take_while(|access| access.at.duration_since(first.at) <= BURST_WINDOW)
                .collect();
            let patients: BTreeSet<_> = within.iter().map(|access| &access.patient).collect();
            if patients.len() < many {
                continue;
            }
            let to = within.last().map_or(first.at, |access| access.at);
            match found
                .last_mut()
                .filter(|burst| burst.clinician == clinician && first.at <= burst.to)
            {
                Some(burst) => {
                    burst.to = to;
                    burst.patients = burst.patients.max(patients.len());
                }
                None => found.push(Burst {
                    clinician: clinician.to_owned(),
                    from: first.at,
                    to,
                    patients: patients.len(),
                }),
            }
        }
    }
    found
}

const LISTED: &[(&str, &str)] = &[
    ("why", "Why it is listed"),
    ("at", "When"),
    ("clinician", "Who"),
    ("viewer", "For"),
    ("practice", "Practice"),
    ("patient", "Patient (id)"),
    ("occasion", "Occasion"),
];

/// The report. `events` are those of the period and organisation, `accesses` what they tell of.
#[must_use]
pub fn report(
    organisation: &OdsCode,
    period: Period,
    rules: &OversightRules,
    events: &[StoredEvent],
    accesses: &[Access],
) -> Sheet {
    let refusals = events
        .iter()
        .filter(|event| event.failure.is_some() && event.happening != Happening::Oversight);
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for event in refusals {
        if let Some(clinician) = event.clinician.as_deref() {
            *refused.entry(clinician).or_default() += 1;
        }
    }
    let hours = by_hour(accesses);
    let bursts = bursts(accesses, rules.burst);
    Sheet::new("misuse", format!("Signs of misuse, {organisation}"))
        .fact("organisation", "Organisation", organisation.0.as_str())
        .fact("from", "From", period.from.to_string())
        .fact("to", "To", period.to.to_string())
        .fact("accesses", "Accesses", accesses.len())
        .note("A line in this report is a question to be answered, not a finding.")
        .table(Table {
            key: "listed",
            title: "Accesses to look at".to_owned(),
            columns: LISTED,
            rows: listed(rules, events, accesses),
        })
        .table(Table {
            key: "bursts",
            title: format!(
                "Bursts: {} or more patients within ten minutes",
                rules.burst
            ),
            columns: &[
                ("clinician", "Who"),
                ("from", "From"),
                ("to", "To"),
                ("patients", "Patients"),
            ],
            rows: bursts
                .into_iter()
                .map(|burst| {
                    vec![
                        burst.clinician.into(),
                        burst.from.to_string().into(),
                        burst.to.to_string().into(),
                        burst.patients.into(),
                    ]
                })
                .collect(),
        })
        .table(Table {
            key: "by_clinician",
            title: "By person".to_owned(),
            columns: &[
                ("clinician", "Who"),
                ("accesses", "Accesses"),
                ("patients", "Patients"),
                ("emergencies", "By override"),
                ("unusual_hours", "At unusual hours"),
                ("refusals", "Refused requests"),
                ("many_refusals", "Many refusals"),
            ],
            rows: by_clinician(rules, accesses, &refused),
        })
        .table(Table {
            key: "by_patient",
            title: format!("Records at which {MANY_CLINICIANS} or more people looked"),
            columns: &[
                ("patient", "Patient (id)"),
                ("clinicians", "People"),
                ("viewers", "Organisations"),
                ("accesses", "Accesses"),
            ],
            rows: by_patient(accesses),
        })
        .table(Table {
            key: "by_hour",
            title: "By hour of the day".to_owned(),
            columns: &[("hour", "Hour"), ("accesses", "Accesses")],
            rows: hours
                .iter()
                .enumerate()
                .map(|(hour, count)| vec![hour.into(), (*count).into()])
                .collect(),
        })
}

fn hour(access: &Access) -> i8 {
    access.at.to_zoned(london()).hour()
}

fn is_unusual(access: &Access, rules: &OversightRules) -> bool {
    let hour = hour(access);
    hour < rules.usual_hours.0 || hour >= rules.usual_hours.1
}

fn by_hour(accesses: &[Access]) -> [u64; 24] {
    let mut hours = [0; 24];
    for access in accesses {
        if let Some(count) = usize::try_from(hour(access))
            .ok()
            .and_then(|hour| hours.get_mut(hour))
        {
            *count += 1;
        }
    }
    hours
}

fn by_clinician(
    rules: &OversightRules,
    accesses: &[Access],
    refused: &BTreeMap<&str, usize>,
) -> Vec<Vec<Value>> {
    let names: BTreeSet<&str> = accesses
        .iter()
        .filter_map(|access| access.clinician.as_deref())
        .chain(refused.keys().copied())
        .collect();
    let mut rows: Vec<(usize, Vec<Value>)> = names
        .into_iter()
        .map(|name| {
            let own: Vec<&Access> = accesses
                .iter()
                .filter(|access| access.clinician.as_deref() == Some(name))
                .collect();
            let patients: BTreeSet<_> = own.iter().map(|access| &access.patient).collect();
            let refusals = refused.get(name).copied().unwrap_or_default();
            let row = vec![
                name.into(),
                own.len().into(),
                patients.len().into(),
                own.iter().filter(|access| access.emergency).count().into(),
                own.iter()
                    .filter(|access| is_unusual(access, rules))
                    .count()
                    .into(),
                refusals.into(),
                (refusals >= MANY_REFUSALS).into(),
            ];
            (own.len(), row)
        })
        .collect();
    rows.sort_by_key(|(accesses, _)| std::cmp::Reverse(*accesses));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn by_patient(accesses: &[Access]) -> Vec<Vec<Value>> {
    let mut patients: BTreeMap<&str, Vec<&Access>> = BTreeMap::new();
    for access in accesses {
        if let Some(patient) = &access.patient {
            patients.entry(patient.as_str()).or_default().push(access);
        }
    }
    let mut rows = Vec::new();
    for (patient, own) in patients {
        let clinicians: BTreeSet<_> = own.iter().map(|access| &access.clinician).collect();
        let viewers: BTreeSet<_> = own.iter().map(|access| &access.viewer).collect();
        if clinicians.len() >= MANY_CLINICIANS {
            rows.push((
                clinicians.len(),
                vec![
                    patient.into(),
                    clinicians.len().into(),
                    viewers.len().into(),
                    own.len().into(),
                ],
            ));
        }
    }
    rows.sort_by_key(|(clinicians, _)| std::cmp::Reverse(*clinicians));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn listed(rules: &OversightRules, events: &[StoredEvent], accesses: &[Access]) -> Vec<Vec<Value>> {
    let flagged: BTreeSet<(&str, &str)> = events
        .iter()
        .filter(|event| event.interaction.as_deref() == Some(FLAG))
        .filter_map(|event| event.occasion.as_deref().zip(event.query.as_deref()))
        .collect();
    let mut rows = Vec::new();
    for access in accesses {
        let patient = access.patient.as_ref().map(|patient| patient.as_str());
        let own = access
            .clinician
            .as_ref()
            .and_then(|clinician| rules.staff_records.get(clinician));
        let mut why = Vec::new();
        if own.is_some() && own.map(String::as_str) == patient {
            why.push("own record");
        } else if rules
            .staff_records
            .values()
            .any(|record| Some(record.as_str()) == patient)
        {
            why.push("record of a colleague");
        }
        if rules
            .watched_patients
            .iter()
            .any(|watched| Some(watched.as_str()) == patient)
        {
            why.push("watched record");
        }
        for (flag, words) in [
            (SAME_NAME, "same family name"),
            (CLAIMED, "relationship claimed"),
        ] {
            if flagged.contains(&(access.occasion.as_str(), flag)) {
                why.push(words);
            }
        }
        if is_unusual(access, rules) {
            why.push("unusual hour");
        }
        if !why.is_empty() {
            rows.push(vec![
                why.join(", ").into(),
                access.at.to_string().into(),
                json!(access.clinician),
                json!(access.viewer),
                json!(access.practice),
                json!(patient),
                access.occasion.as_str().into(),
            ]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::IdKey;
    use crate::oversight::reports::accesses::accesses;
    use crate::oversight::reports::accesses::tests::event;
    use crate::record::NhsNumber;

    fn patient(n: u8) -> crate::fhir::PatientId {
        IdKey::new([n; 32]).patient(&NhsNumber::parse("9990000018").unwrap())
    }

    /// (clinician, patient, when) each.
    fn some(all: &[(&str, u8, &str)]) -> Vec<StoredEvent> {
        all.iter()
            .enumerate()
            .map(|(n, (clinician, who, at))| {
                let mut event = event(Happening::Occasion, &format!("o{n}"), at);
                event.clinician = Some((*clinician).to_owned());
                event.patient = Some(patient(*who));
                event
            })
            .collect()
    }

    // R193: breadth in a short time, not many looks at one patient, not a long day
    #[test]
    fn a_burst_is_many_patients_in_ten_minutes() {
        let quick: Vec<(&str, u8, String)> = (0..6)
            .map(|n| ("a", n, format!("2026-03-02T10:0{n}:00Z")))
            .chain((0..6).map(|n| ("b", 1, format!("2026-03-02T10:0{n}:00Z"))))
            .chain((0..6).map(|n| ("c", n, format!("2026-03-02T1{n}:00:00Z"))))
            .collect();
        let quick: Vec<(&str, u8, &str)> = quick
            .iter()
            .map(|(a, n, at)| (*a, *n, at.as_str()))
            .collect();
        let all = accesses(&some(&quick));
        let found = bursts(&all, 5);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].clinician.as_str(), found[0].patients), ("a", 6));
        assert!(bursts(&all, 7).is_empty());
    }

    // R110: by user, patient, hour; own record, colleagues, watched people, same name
    #[test]
    fn every_list_names_its_accesses() {
        let mut events = some(&[
            ("a", 1, "2026-03-02T10:00:00Z"),
            ("a", 2, "2026-03-02T11:00:00Z"),
            ("b", 2, "2026-03-02T12:00:00Z"),
            ("c", 2, "2026-03-02T03:00:00Z"),
            ("c", 3, "2026-03-02T14:00:00Z"),
        ]);
        let all = accesses(&events);
        let mut flag = event(Happening::Oversight, "o4", "2026-03-02T14:00:00Z");
        flag.interaction = Some(FLAG.to_owned());
        flag.query = Some(SAME_NAME.to_owned());
        events.push(flag.clone());
        // R105
        flag.query = Some(CLAIMED.to_owned());
        events.push(flag.clone());
        flag.occasion = Some("o0".to_owned());
        events.push(flag);
        for _ in 0..6 {
            let mut refused = event(Happening::Occasion, "x", "2026-03-02T14:00:00Z");
            refused.clinician = Some("d".to_owned());
            refused.failure = Some("not-registered-for-treatment".to_owned());
            events.push(refused);
        }
        let rules = OversightRules {
            watched_patients: vec![patient(2).to_string()],
            staff_records: [("a".to_owned(), patient(1).to_string())].into(),
            ..OversightRules::default()
        };
        let period = Period {
            from: jiff::civil::date(2026, 3, 2),
            to: jiff::civil::date(2026, 3, 2),
        };
        let json = report(&OdsCode("Z9H01".into()), period, &rules, &events, &all).json();
        let why: BTreeMap<&str, &str> = json["listed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row["occasion"].as_str().unwrap(),
                    row["why"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(why["o0"], "own record, relationship claimed");
        assert_eq!(why["o1"], "watched record");
        assert_eq!(why["o3"], "watched record, unusual hour");
        assert_eq!(why["o4"], "same family name, relationship claimed");
        assert_eq!(json["by_hour"][3]["accesses"], 1);
        assert_eq!(json["by_patient"][0]["clinicians"], 3);
        assert_eq!(json["by_patient"].as_array().unwrap().len(), 1);
        let d = json["by_clinician"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["clinician"] == "d")
            .unwrap();
        assert_eq!(
            (&d["accesses"], &d["refusals"], &d["many_refusals"]),
            (&json!(0), &json!(6), &json!(true))
        );
    }
}
