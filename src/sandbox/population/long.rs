//! A record of 10,000 entries over 60 years, made of what really fills long records: readings, results, issues.

use jiff::ToSpan as _;

use super::care;
use super::diary::{Course, Diary, weekday};

/// How many facts.
pub const ENTRIES: usize = 10_000;

/// Writes exactly [`ENTRIES`] facts; the rest of a story is as ordinary as of anyone of that age.
pub fn write(d: &mut Diary) {
    let first = d.today.saturating_sub(60.years());
    let span = i64::from((d.today - first).get_days());
    let heart = problem(d, span - 10, "hypertension");
    let thyroid = problem(d, span - 4000, "hypothyroidism");
    problem(d, span - 9000, "osteoarthritis");
    let fibrillation = problem(d, span - 15_000, "atrial-fibrillation");
    let medicines = [
        ("bendroflumethiazide-2", heart, span - 10),
        ("levothyroxine-50", thyroid, span - 4000),
        ("digoxin-125", fibrillation, span - 15_000),
    ];
    for (drug, problem, since) in medicines {
        let day = d.ago(since.min(2900));
        d.repeat(day, monthly(drug, problem), None);
    }
    d.allergy(first, "penicillin-allergy", true, Some("amoxicillin-500"));
    d.procedure(first.saturating_add(9000.days()), "hip-replacement");
    care::elderly(d, 12);
    // A contact every five days or so; room is left for the medicines, and short notes fill up to the exact number.
    let mut day = first.saturating_add(3.days());
    let mut n = 0_i64;
    while d.len() + 8 < ENTRIES && day < d.today {
        let at = weekday(day);
        d.seen(at, usize::try_from(n % 4).unwrap_or(0), "Routine.");
        match n % 9 {
            0 => {
                let (haemoglobin, creatinine) =
                    (d.random.between(108, 146), d.random.between(62, 118));
                if n % 2 == 0 {
                    care::blood_count(d, at, haemoglobin);
                } else {
                    care::kidneys(d, at, creatinine, 140 - creatinine);
                }
            }
            1 | 4 | 7 => {
                let (systolic, diastolic) = (d.random.between(116, 168), d.random.between(64, 96));
                d.blood_pressure(at, systolic, diastolic);
            }
            2 => {
                let ratio = care::decimal(d, 18, 34, 1);
                d.measure(at, "inr", &ratio, "");
            }
            3 | 6 => {
                // Only what was already known by then.
                let place = usize::try_from(n / 3 % 3).unwrap_or(0);
                let known = |since: i64| at > d.ago(since);
                match medicines.get(place).copied() {
                    Some((drug, problem, since)) if known(since) => {
                        d.acute(at, monthly(drug, problem));
                    }
                    _ => {
                        d.finding(at, "medication-review");
                    }
                }
            }
            5 => {
                let fact = d.finding(at, "ankle-oedema");
                d.link(fact, heart);
            }
            _ => {
                d.finding(at, "malaise");
                let weight = care::decimal(d, 580, 720, 1);
                d.measure(at, "weight", &weight, "kg");
            }
        }
        d.leave();
        n += 1;
        // Evenly over what is left of the 60 years.
        let left = i64::from((d.today - day).get_days());
        let facts = i64::try_from(ENTRIES - d.len().min(ENTRIES)).unwrap_or(0);
        day = day.saturating_add((left * 27 / (facts * 10).max(1)).max(1).days());
    }
    while d.len() < ENTRIES {
        let left = i64::try_from(ENTRIES - d.len()).unwrap_or(1);
        let day = d.ago(left % 900);
        d.finding(day, "dizziness-on-standing");
    }
}

fn monthly(drug: &str, problem: u32) -> Course<'_> {
    Course {
        drug,
        dosage: "One to be taken each morning",
        quantity: 28,
        unit: "tablet",
        days: 28,
        problem: Some(problem),
    }
}

fn problem(d: &mut Diary, days_ago: i64, code: &str) -> u32 {
    let day = d.ago(days_ago);
    d.seen(day, 0, "Long-term problem noted.");
    let key = d.problem(day, code, true, None);
    d.leave();
    key
}
