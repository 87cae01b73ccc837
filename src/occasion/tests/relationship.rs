use super::*;
use crate::audit::{CLAIMED, FLAG};

fn stranger() -> Bench {
    Bench::new(World {
        linked: Some(false),
        ..World::default()
    })
}

/// By somebody of a viewer that takes a clinician's word.
fn of_hours(mut ask: OccasionAsk) -> OccasionAsk {
    by(&mut ask, "sandbox-spa", "Z9O01", "clinician");
    ask
}

fn claimed(mut ask: OccasionAsk) -> OccasionAsk {
    ask.claimed = true;
    ask
}

fn flags(bench: &Bench) -> Vec<String> {
    let rows = bench.log.rows.lock().unwrap();
    rows.iter()
        .filter_map(|row| match &row.what {
            What::Oversight(it) if it.interaction.name == FLAG => {
                Some(it.interaction.query.clone())
            }
            _ => None,
        })
        .collect()
}

// R105: who has no part in the episode sees nothing, and nobody outside is asked for it
#[test]
fn who_has_no_part_in_the_treatment_is_refused_before_any_look_up() {
    for linked in [Some(false), None] {
        let bench = Bench::new(World {
            linked,
            ..World::default()
        });
        for ask in [ask(), claimed(ask()), emergency(), of_hours(ask())] {
            assert_eq!(reason(bench.open(ask).unwrap_err()), "no-relationship");
            assert_eq!(bench.calls(), ["worklist", "audit"]);
        }
    }
}

// R105: by policy they may claim it; it is flagged, and stays with the occasion
#[test]
fn by_policy_the_relationship_may_be_claimed() {
    let bench = stranger();
    let open = bench.open(of_hours(claimed(ask()))).unwrap();
    assert!(open.claimed);
    let row = bench.store.find_occasion(&open.id).unwrap().unwrap();
    assert!(row.claimed);
    let notice = row.notice().unwrap();
    assert_eq!(notice.to.as_str(), "Z9O01");
    assert!(notice.is_fit());
    assert_eq!(flags(&bench), [CLAIMED]);
}

// R105, R092: an override has said it, and has its own alert
#[test]
fn who_breaks_the_glass_has_claimed_it() {
    let bench = stranger();
    let open = bench.open(of_hours(emergency())).unwrap();
    let row = bench.store.find_occasion(&open.id).unwrap().unwrap();
    assert!(row.claimed && row.notice().is_none());
    assert_eq!(flags(&bench), [CLAIMED]);
}

// R105: a claim of somebody who is named is no claim
#[test]
fn who_is_named_in_the_treatment_claims_nothing() {
    let bench = Bench::ordinary();
    let open = bench.open(of_hours(claimed(ask()))).unwrap();
    assert!(!open.claimed);
    let row = bench.store.find_occasion(&open.id).unwrap().unwrap();
    assert!(!row.claimed && row.notice().is_none());
    assert!(flags(&bench).is_empty());
}
