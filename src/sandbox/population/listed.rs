//! Entries of Appendix A, to try the exclusion list with (R040, R041, R044).

use std::sync::LazyLock;

use super::care;
use super::diary::{Course, Diary};
use crate::sandbox::story::{Class, Concept, Kind, Problem, When};

const TABLE: &str = include_str!("listed.csv");

/// One row of Appendix A.
pub struct Row {
    /// Its number.
    pub n: u32,
    /// As what it is written.
    kind: String,
    /// Its codes.
    pub concept: Concept,
}

/// The 66 rows.
pub static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(TABLE.as_bytes());
    reader
        .records()
        .flatten()
        .filter_map(|row| {
            let cell = |n: usize| {
                row.get(n)
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned)
            };
            Some(Row {
                n: cell(0)?.parse().ok()?,
                kind: cell(2)?,
                concept: Concept {
                    term: cell(1)?,
                    read_v2: cell(3),
                    ctv3: cell(4),
                    snomed: cell(5),
                    local: None,
                },
            })
        })
        .collect()
});

/// A young woman's record with one entry for each row, in between ordinary ones.
pub fn every_row(d: &mut Diary) {
    care::youth(d, 'F');
    let day = d.aged(17 * 365);
    d.seen(day, 0, "Contraception discussed.");
    care::life_style(d, day, "never-smoked", 4);
    care::size(d, day, 168, 612);
    d.leave();
    let day = d.aged(20 * 365);
    d.allergy(day, "penicillin-allergy", true, Some("amoxicillin-500"));
    let asthma = d.problem(day, "asthma", true, None);
    d.repeat(
        day,
        Course {
            drug: "salbutamol-inhaler",
            dosage: "Two puffs when needed",
            quantity: 1,
            unit: "inhaler",
            days: 56,
            problem: Some(asthma),
        },
        None,
    );
    let count = i64::try_from(ROWS.len()).unwrap_or(0);
    // From the eighteenth birthday to last month, at even steps.
    let (first, last) = (18 * 365, i64::from((d.today - d.born).get_days()) - 30);
    for (row, n) in ROWS.iter().zip(0_i64..) {
        let day = d.aged(first + (last - first) * n / count.max(1));
        let ordinary = n % 2 == 0;
        if ordinary {
            d.seen(day, usize::try_from(n % 4).unwrap_or(0), "Seen, see codes.");
            among(d, day, n);
        }
        write(d, day, row);
        d.leave();
    }
    let day = d.ago(12);
    d.seen(day, 2, "Yearly asthma review.");
    d.finding(day, "asthma-exercise-ok");
    d.finding(day, "inhaler-technique-good");
    d.measure(day, "peak-flow", "440", "L/min");
    d.blood_pressure(day, 118, 74);
    d.referral(day, "referral-vascular", "Vascular surgery", false, 'R');
    care::blood_count(d, day, 133);
    d.leave();
}

/// The ordinary things that stand beside a listed entry in the same consultation.
fn among(d: &mut Diary, day: jiff::civil::Date, n: i64) {
    match n % 6 {
        0 => {
            let (systolic, diastolic) = (110 + n % 20, 70 + n % 12);
            d.blood_pressure(day, systolic, diastolic);
        }
        2 => {
            let fact = d.finding(day, "upper-respiratory-infection");
            d.text(fact, "Rest and fluids.");
        }
        _ => {
            d.finding(day, "backache");
            d.procedure(day, "acupuncture");
        }
    }
}

/// Writes one listed entry as the kind that its row names.
pub fn write(d: &mut Diary, day: jiff::civil::Date, row: &Row) {
    let concept = row.concept.clone();
    let plain = |kind| (concept.clone(), kind);
    let report = |class| Kind::Report {
        class,
        specimen: Some("Swab"),
    };
    match row.kind.as_str() {
        "problem" | "problem-past" => {
            let active = row.kind == "problem";
            let key = d.put(day, concept, Kind::Finding);
            d.edit(key, |fact| {
                fact.problem = Some(Problem {
                    active,
                    major: true,
                    ended: (!active).then_some(When::Day(day)),
                });
            });
            // An ordinary entry that points to a listed one: it stays, the link goes.
            d.acute(
                day,
                Course {
                    drug: "doxycycline-100",
                    dosage: "One to be taken twice a day",
                    quantity: 14,
                    unit: "capsule",
                    days: 7,
                    problem: Some(key),
                },
            );
        }
        "report" => {
            let (what, kind) = plain(report(Class::Microbiology));
            let key = d.put(day, what, kind);
            // Ordinary by itself, but inside a listed report: it goes with it.
            d.worded(day, key, "skin-swab", "Detected");
        }
        "result" | "smear" => {
            let (code, class) = if row.kind == "smear" {
                ("cervical-cytology", Class::Cytology)
            } else {
                ("skin-swab", Class::Microbiology)
            };
            let outer = d.note(day, code, report(class));
            let key = d.put(day, concept, Kind::TextResult("Detected".to_owned()));
            d.edit(key, |fact| fact.within = Some(outer));
        }
        other => {
            let kind = match other {
                "procedure" => Kind::Procedure,
                "contraindication" => Kind::Contraindication,
                "alert" => Kind::Alert,
                "letter" => Kind::Letter { discharge: false },
                "admission" | "referral" => Kind::Referral {
                    speciality: "Gynaecology",
                    admission: other == "admission",
                    urgency: 'S',
                },
                "measurement" => Kind::Measurement {
                    comparator: Some(">"),
                    value: "64".to_owned(),
                    unit: "1/titre",
                    range: None,
                    together: None,
                },
                _ => Kind::Finding,
            };
            let key = d.put(day, concept, kind);
            if row.n.is_multiple_of(3) {
                d.text(key, "Discussed in confidence.");
            }
        }
    }
}
