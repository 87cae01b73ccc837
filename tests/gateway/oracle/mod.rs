//! An oracle that nobody here wrote: GP Connect records (FHIR STU3) that EMIS Web itself produced. Their content is
//! written as OpenHR, read by the real adapter, mapped, and what comes out is held against the original, item by item.
//!
//! What differs stands in `tests/golden/oracle-differences.toml` with its count and its reason: a new difference fails.

mod compare;
mod compare_entries;
mod compare_medication;
mod r4;
mod stu3;
mod tables;
mod tally;
mod write;
mod write_event;
mod write_medication;
mod xml;

use std::collections::BTreeMap;

use openmig::record::OdsCode;

use crate::documented::{grouped, stands_in};

const FILE: &str = "tests/golden/oracle-differences.toml";

/// Why something may be left behind.
const PURPOSES: [&str; 8] = [
    "administrative",
    "day-only",
    "free-text",
    "header-range",
    "no-place",
    "no-tab",
    "relation-kind",
    "verdict-over-all",
];

// R023 to R031, R206: every item of a record that EMIS Web produced
#[test]
fn emis_webs_own_records_come_out_as_emis_web_says() {
    let records = stu3::samples();
    if records.is_empty() {
        return;
    }
    assert_eq!(records.len(), 4, "four samples");
    let mut tally = tally::Tally::default();
    let mut losses: BTreeMap<&str, usize> = BTreeMap::new();
    for record in &records {
        let message = write::open_hr(record);
        let practice = OdsCode("A82038".to_owned());
        let read = openmig::source::emis::read(message.as_bytes(), &practice);
        let read = read.expect("a message that the adapter reads");
        let mapped = r4::mapped(read, record.today);
        // Every word, date and link of EMIS Web's own is understood; what is left behind is left on purpose.
        for loss in &mapped.losses {
            *losses.entry(loss.reason).or_default() += 1;
        }
        compare_entries::all(&mut compare::Pair {
            stu3: record,
            r4: &mapped,
            tally: &mut tally,
        });
    }
    println!("left behind: {losses:?}");
    for reason in losses.keys() {
        assert!(PURPOSES.contains(reason), "left behind as {reason}");
    }
    tally.print("GP Connect against R4");
    let whole = tally.whole();
    assert!(whole.total > 4000, "only {} items compared", whole.total);
    tally.hold_to(FILE, include_str!("../../golden/oracle-differences.toml"));
    assert!(
        whole.agree * 1000 >= whole.total * 995,
        "fewer than 99.5 % agree"
    );
    let percent = 100.0 * whole.agree as f64 / whole.total as f64;
    let (agree, total) = (grouped(whole.agree), grouped(whole.total));
    stands_in(
        "docs/mapping.md",
        &format!("{agree} of {total} items ({percent:.2} %) agree."),
    );
}
