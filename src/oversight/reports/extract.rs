//! What leaves through an anonymised flow: counts, and nothing else (S3; R174, R176).
//!
//! The gateway keeps no clinical data, so what it can count is how the records are used: how many patients' records were shown
//! in a month, by practice and tab. Three rules keep anybody from being known, all from `[oversight]` of the agreement:
//! a count below `smallest_count` is not shown; what is shown is rounded to a multiple of `round_to`; and there is nothing to take
//! the difference of: cells are always whole calendar months that are over, every release of a month is the same, there are no totals
//! and no other way to cut.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::accesses::{Access, Period};
use super::sheet::{Sheet, Table};
use crate::record::date::london;
use crate::register::{
    GatewayAsk, GatewayKind, GatewayRefusal, Output, OversightRules, PatientChoice, Protocol,
    decide_gateway,
};
use crate::tabs::catalogue::TabSet;

/// May this flow give counts on this day?
///
/// # Errors
/// The first reason why not.
pub fn decide(
    protocol: &Protocol,
    purpose: &str,
    tabs: TabSet,
    today: Date,
) -> Result<GatewayKind, GatewayRefusal> {
    let covered = protocol
        .roles
        .values()
        .flat_map(|tabs| tabs.iter())
        .collect::<TabSet>();
    let ask = GatewayAsk {
        purpose,
        tabs,
        output: Output::Anonymised,
        patient: PatientChoice::default(),
        today,
    };
    let kind = decide_gateway(protocol.gateway.as_ref(), &protocol.purposes, covered, ask)?;
    // Counts go through the anonymised gateway alone; the others are for what names a patient, and there is no bulk of that.
    match kind {
        GatewayKind::Anonymised if protocol.is_in_force(today) => Ok(kind),
        GatewayKind::Anonymised => Err(GatewayRefusal::NotInForce),
        _ => Err(GatewayRefusal::Purpose),
    }
}

/// The months of a period that are whole and over: the days from the first of `from`'s month to the end of `to`'s.
#[must_use]
pub fn whole_months(from: Date, to: Date, today: Date) -> Option<Period> {
    let period = Period {
        from: from.first_of_month(),
        to: to.last_of_month(),
    };
    (period.from <= period.to && period.to < today).then_some(period)
}

/// A count as it may leave: `None` is "fewer than `smallest_count`".
#[must_use]
pub fn shown(count: u64, rules: &OversightRules) -> Option<u64> {
    let step = rules.round_to.max(1);
    (count >= rules.smallest_count).then(|| (count + step / 2) / step * step)
}

/// The counts.
#[must_use]
pub fn report(
    protocol: &Protocol,
    tabs: TabSet,
    period: Period,
    rules: &OversightRules,
    accesses: &[Access],
) -> Sheet {
    let mut patients: BTreeMap<(String, String, &str), BTreeSet<&str>> = BTreeMap::new();
    for access in accesses {
        let (Some(practice), Some(patient)) = (&access.practice, &access.patient) else {
            continue;
        };
        let month = access.at.to_zoned(london()).date().first_of_month();
        for tab in access.shown_tabs.and(tabs).iter() {
            patients
                .entry((
                    month.strftime("%Y-%m").to_string(),
                    practice.0.clone(),
                    tab.code(),
                ))
                .or_default()
                .insert(patient.as_str());
        }
    }
    // A cell that is not there would say "none", which is a count below the smallest one: every cell is there.
    let practices: BTreeSet<String> = patients.keys().map(|(_, p, _)| p.clone()).collect();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut month = period.from;
    while month <= period.to {
        let name = month.strftime("%Y-%m").to_string();
        for practice in &practices {
            for tab in tabs.iter() {
                let cell = patients.get(&(name.clone(), practice.clone(), tab.code()));
                let count = cell.map_or(0, |cell| cell.len() as u64);
                rows.push(vec![
                    name.as_str().into(),
                    practice.as_str().into(),
                    tab.code().into(),
                    shown(count, rules).map_or_else(
                        || format!("fewer than {}", rules.smallest_count).into(),
                        |count| json!(count),
                    ),
                ]);
            }
        }
        month = match month.checked_add(1.month()) {
            Ok(next) => next,
            Err(_) => break,
        };
    }
    let gateway = protocol.gateway.as_ref();
    Sheet::new("extract", "Counts, anonymised")
        .fact("protocol", "Flow", protocol.id.as_str())
        .fact("task", "Task", gateway.map_or("", |gateway| &gateway.task))
        .fact("gateway", "Legal gateway", json!(gateway.map(|g| g.kind)))
        .fact("smallest_count", "Smallest count shown", rules.smallest_count)
        .fact("round_to", "Rounded to", rules.round_to)
        .note(format!(
            "Patients whose record was shown, by whole month, practice and tab. Counts below {} are not shown, others are rounded to a multiple of {}; \
             there are no totals.",
            rules.smallest_count, rules.round_to
        ))
        .table(Table {
            key: "counts",
            title: "Patients".to_owned(),
            columns: &[
                ("month", "Month"),
                ("practice", "Practice"),
                ("tab", "Tab"),
                ("patients", "Patients"),
            ],
            rows,
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::audit::reader::Happening;
    use crate::fhir::IdKey;
    use crate::oversight::reports::accesses::accesses;
    use crate::oversight::reports::accesses::tests::event;
    use crate::record::NhsNumber;
    use crate::register::LegalGateway;
    use crate::sandbox::register::tests::{TODAY, sandbox_register};
    use crate::tabs::catalogue::Tab;

    pub(crate) fn anonymised(until: &str) -> LegalGateway {
        toml::from_str(&format!(
            "kind = \"anonymised\"\nrationale = \"Numbers are enough\"\napproved_by = \"Sandbox Oversight Group\"\n\
             approved = 2025-01-01\nfrom = 2025-02-01\nuntil = {until}\ntask = \"Count how often medication is looked up\"\n\
             minimum = \"No names are needed\"\nprocessor = \"The gateway's operator\"\nmethod = \"Suppressed and rounded\""
        ))
        .unwrap()
    }

    fn flow() -> Protocol {
        let mut protocol = sandbox_register().protocols["university-hospitals-1"].clone();
        protocol.purposes = vec!["HQUALIMP".into()];
        protocol.roles = [(
            "consultant".to_owned(),
            TabSet::from_iter([Tab::Medication, Tab::Problems]),
        )]
        .into();
        protocol.gateway = Some(anonymised("2027-12-31"));
        protocol
    }

    const MEDICATION: &[Tab] = &[Tab::Medication];

    // R170, R171, R174, R177: counts only through an anonymised gateway that is in force, for its purpose and tabs
    #[test]
    fn counts_leave_only_through_an_anonymised_gateway() {
        let tabs = TabSet::from_iter(MEDICATION.iter().copied());
        let may = |flow: &Protocol, purpose: &str, tabs| decide(flow, purpose, tabs, TODAY);
        assert_eq!(may(&flow(), "HQUALIMP", tabs), Ok(GatewayKind::Anonymised));
        assert_eq!(may(&flow(), "HRESCH", tabs), Err(GatewayRefusal::Purpose));
        assert_eq!(may(&flow(), "TREAT", tabs), Err(GatewayRefusal::Purpose));
        assert_eq!(
            may(&flow(), "HQUALIMP", TabSet::ALL),
            Err(GatewayRefusal::MoreThanNecessary)
        );
        let mut direct = flow();
        direct.gateway = None;
        assert_eq!(may(&direct, "HQUALIMP", tabs), Err(GatewayRefusal::None));
        let mut lapsed = flow();
        lapsed.gateway = Some(anonymised("2026-11-21"));
        assert_eq!(
            may(&lapsed, "HQUALIMP", tabs),
            Err(GatewayRefusal::NotInForce)
        );
    }

    // R174: nobody can be known
    #[test]
    fn small_counts_are_not_shown_and_others_are_rounded() {
        let rules = OversightRules::default();
        let all: Vec<_> = (0..9).map(|n| shown(n, &rules)).collect();
        assert!(all.iter().all(Option::is_none));
        assert_eq!(
            [10, 12, 13, 17, 18].map(|n| shown(n, &rules).unwrap()),
            [10, 10, 15, 15, 20]
        );
        let patient = |n: u8| IdKey::new([n; 32]).patient(&NhsNumber::parse("9990000018").unwrap());
        let mut events = Vec::new();
        for n in 0..21 {
            let day = if n < 13 { "2026-01-15" } else { "2026-02-15" };
            for happening in [Happening::Occasion, Happening::Disclosure] {
                let mut one = event(happening, &format!("o{n}"), &format!("{day}T10:00:00Z"));
                one.patient = Some(patient(n));
                one.tabs = TabSet::from_iter(MEDICATION.iter().copied());
                events.push(one);
            }
        }
        let period = whole_months(date(2026, 1, 5), date(2026, 3, 5), TODAY).unwrap();
        let tabs = TabSet::from_iter(MEDICATION.iter().copied());
        let sheet = report(&flow(), tabs, period, &rules, &accesses(&events));
        let json = sheet.json();
        let cells: Vec<_> = json["counts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["patients"].clone())
            .collect();
        // 13, 8 and none: the last two look the same.
        assert_eq!(
            cells,
            [json!(15), json!("fewer than 10"), json!("fewer than 10")]
        );
        for text in [json.to_string(), sheet.csv(), sheet.html()] {
            assert!((0..21).all(|n| !text.contains(patient(n).as_str())));
            assert!(!text.contains("hospital-doctor") && !text.contains("total\""));
        }
    }

    // R174: whole months that are over, so that no two releases differ by a day's patients
    #[test]
    fn only_whole_months_that_are_over_are_counted() {
        let period = whole_months(date(2026, 9, 17), date(2026, 10, 3), TODAY).unwrap();
        assert_eq!(
            (period.from, period.to),
            (date(2026, 9, 1), date(2026, 10, 31))
        );
        assert_eq!(
            whole_months(date(2026, 10, 1), date(2026, 11, 5), TODAY),
            None
        );
        assert_eq!(
            whole_months(date(2026, 10, 1), date(2026, 9, 5), TODAY),
            None
        );
    }
}
