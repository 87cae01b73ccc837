//! The access audit of a viewer: what was looked at in a period, and a random sample to judge (S2 7.3.5; R123).

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::accesses::{Access, Period};
use super::sheet::{Sheet, Table};
use crate::record::OdsCode;

/// The sample of these accesses with this seed: whoever has the trail and the seed draws the same one again. Accesses are put
/// in the order of SHA-256(seed ‖ occasion), and the first are taken.
#[must_use]
pub fn sample(accesses: &[Access], seed: u64, size: usize) -> Vec<&Access> {
    let mut order: Vec<([u8; 32], &Access)> = accesses
        .iter()
        .map(|access| {
            let place = Sha256::new()
                .chain_update(seed.to_be_bytes())
                .chain_update(access.occasion.as_bytes())
                .finalize()
                .into();
            (place, access)
        })
        .collect();
    order.sort_by_key(|one| one.0);
    order.truncate(size);
    let mut sample: Vec<&Access> = order.into_iter().map(|(_, access)| access).collect();
    sample.sort_by(|a, b| (a.at, &a.occasion).cmp(&(b.at, &b.occasion)));
    sample
}

const COLUMNS: &[(&str, &str)] = &[
    ("occasion", "Occasion"),
    ("at", "When"),
    ("clinician", "Who"),
    ("role", "Role"),
    ("practice", "Practice"),
    ("patient", "Patient (id)"),
    ("basis", "On what basis"),
    ("tabs", "Tabs shown"),
    ("answers", "Answers"),
    ("resources", "Entries"),
];

/// The report.
#[must_use]
pub fn report(
    viewer: &OdsCode,
    period: Period,
    seed: u64,
    size: usize,
    accesses: &[Access],
) -> Sheet {
    let drawn = sample(accesses, seed, size);
    let count = |of: fn(&Access) -> Option<String>| {
        let mut counts = std::collections::BTreeMap::<String, u64>::new();
        for access in accesses {
            *counts.entry(of(access).unwrap_or_default()).or_default() += 1;
        }
        counts
            .into_iter()
            .map(|(name, count)| vec![Value::from(name), count.into()])
            .collect::<Vec<_>>()
    };
    Sheet::new("access-audit", format!("Access audit of {viewer}"))
        .fact("viewer", "Viewing organisation", viewer.0.as_str())
        .fact("from", "From", period.from.to_string())
        .fact("to", "To", period.to.to_string())
        .fact("accesses", "Accesses in the period", accesses.len())
        .fact(
            "emergencies",
            "Of these by override",
            accesses.iter().filter(|a| a.emergency).count(),
        )
        .fact("seed", "Seed of the sample", seed)
        .note(
            "An access is an occasion that was opened. The sample is random; the same seed, period and trail give the same sample again. \
             Check for each access of the sample whether the patient was registered for care and the clinician was treating them.",
        )
        .table(Table {
            key: "sample",
            title: format!("Sample of {}", drawn.len()),
            columns: COLUMNS,
            rows: drawn.into_iter().map(row).collect(),
        })
        .table(Table {
            key: "by_clinician",
            title: "Accesses by clinician".to_owned(),
            columns: &[("clinician", "Who"), ("accesses", "Accesses")],
            rows: count(|access| access.clinician.clone()),
        })
        .table(Table {
            key: "by_role",
            title: "Accesses by role".to_owned(),
            columns: &[("role", "Role"), ("accesses", "Accesses")],
            rows: count(|access| access.role.clone()),
        })
}

/// An access as a row of [`COLUMNS`].
fn row(access: &Access) -> Vec<Value> {
    let tabs: Vec<&str> = access.shown_tabs.iter().map(|tab| tab.code()).collect();
    let basis = access.basis.as_deref().unwrap_or_default();
    vec![
        access.occasion.as_str().into(),
        access.at.to_string().into(),
        json!(access.clinician),
        json!(access.role),
        json!(access.practice),
        json!(access.patient),
        basis.split(':').next().unwrap_or_default().into(),
        json!(tabs),
        access.answers.into(),
        access.resources.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::reader::Happening;
    use crate::oversight::reports::accesses::accesses;
    use crate::oversight::reports::accesses::tests::event;

    fn some(count: usize) -> Vec<Access> {
        let events: Vec<_> = (0..count)
            .map(|n| {
                event(
                    Happening::Occasion,
                    &format!("occasion-{n}"),
                    "2026-03-01T10:00:00Z",
                )
            })
            .collect();
        accesses(&events)
    }

    // R123: the same seed draws the same sample, another one another, and every access has its chance
    #[test]
    fn a_sample_is_random_and_reproducible() {
        let all = some(200);
        let mut shuffled = all.clone();
        shuffled.reverse();
        let names = |sample: Vec<&Access>| -> Vec<String> {
            sample.into_iter().map(|a| a.occasion.clone()).collect()
        };
        let once = names(sample(&all, 7, 20));
        assert_eq!(once.len(), 20);
        assert_eq!(once, names(sample(&shuffled, 7, 20)));
        assert_ne!(once, names(sample(&all, 8, 20)));
        assert_eq!(sample(&all, 7, 500).len(), 200);
        let ever: std::collections::BTreeSet<String> = (0..200)
            .flat_map(|seed| names(sample(&all, seed, 20)))
            .collect();
        assert_eq!(
            ever.len(),
            200,
            "two hundred draws of a tenth leave nobody out"
        );
    }

    #[test]
    fn the_report_counts_all_and_lists_the_sample() {
        let period = Period {
            from: jiff::civil::date(2026, 1, 1),
            to: jiff::civil::date(2026, 12, 31),
        };
        let viewer = OdsCode("Z9H01".to_owned());
        let json = report(&viewer, period, 1, 5, &some(40)).json();
        assert_eq!(json["accesses"], 40);
        assert_eq!(json["sample"].as_array().unwrap().len(), 5);
        assert_eq!(json["by_clinician"][0]["accesses"], 40);
        assert_eq!(json["sample"][0]["basis"], "consent");
    }
}
