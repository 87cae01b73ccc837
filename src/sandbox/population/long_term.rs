//! Long-term problems with the medicine for them and their yearly reviews.

use jiff::civil::Date;

use super::care;
use super::diary::{Course, Diary};
use crate::sandbox::story::Kind;

/// What the yearly review of a long-term problem looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Review {
    Sugar,
    Heart,
    Thyroid,
    Lungs,
    Kidneys,
    Joints,
    Bones,
}

/// A long-term problem: code, youngest age at onset, oldest age to have it, percentage of those old enough, sex, medicine, review.
struct Chronic {
    code: &'static str,
    from: i16,
    to: i16,
    percent: u64,
    sex: Option<char>,
    drug: &'static str,
    dosage: &'static str,
    quantity: u32,
    unit: &'static str,
    review: Review,
}

const fn tablets(
    code: &'static str,
    from: i16,
    percent: u64,
    (drug, dosage): (&'static str, &'static str),
    review: Review,
) -> Chronic {
    Chronic {
        code,
        from,
        to: 110,
        percent,
        sex: None,
        drug,
        dosage,
        quantity: 28,
        unit: "tablet",
        review,
    }
}

const fn inhaler(code: &'static str, from: i16, percent: u64, dosage: &'static str) -> Chronic {
    Chronic {
        code,
        from,
        to: 110,
        percent,
        sex: None,
        drug: "salbutamol-inhaler",
        dosage,
        quantity: 1,
        unit: "inhaler",
        review: Review::Lungs,
    }
}

const EACH_MORNING: &str = "One to be taken each morning";
const AT_NIGHT: &str = "One to be taken at night";
const EACH_DAY: &str = "One to be taken each day";

const CHRONIC: [Chronic; 27] = [
    tablets(
        "hypertension",
        40,
        32,
        ("ramipril-10", EACH_DAY),
        Review::Heart,
    ),
    tablets(
        "type-2-diabetes",
        40,
        12,
        ("metformin-500", "One to be taken twice a day with food"),
        Review::Sugar,
    ),
    inhaler("asthma", 6, 10, "Two puffs when needed"),
    inhaler("copd-moderate", 55, 7, "Two puffs up to four times a day"),
    tablets(
        "hypothyroidism",
        30,
        6,
        ("levothyroxine-100", "One each morning before food"),
        Review::Thyroid,
    ),
    tablets(
        "osteoarthritis",
        55,
        20,
        ("paracetamol-500", "Two up to four times a day"),
        Review::Joints,
    ),
    tablets(
        "atrial-fibrillation",
        65,
        9,
        ("digoxin-125", EACH_MORNING),
        Review::Heart,
    ),
    tablets(
        "ischaemic-heart-disease",
        55,
        9,
        ("aspirin-75", EACH_DAY),
        Review::Heart,
    ),
    tablets(
        "heart-failure",
        70,
        6,
        ("furosemide-40", EACH_MORNING),
        Review::Kidneys,
    ),
    tablets(
        "ckd-3a",
        65,
        9,
        ("atorvastatin-20", "One to be taken at night"),
        Review::Kidneys,
    ),
    tablets("gout", 45, 4, ("allopurinol-300", EACH_DAY), Review::Joints),
    tablets(
        "rheumatoid-arthritis",
        40,
        2,
        ("prednisolone-5", "One each morning with food"),
        Review::Joints,
    ),
    tablets(
        "anxiety",
        18,
        9,
        ("citalopram-20", EACH_MORNING),
        Review::Thyroid,
    ),
    tablets("angina", 60, 4, ("atenolol-100", EACH_DAY), Review::Heart),
    tablets(
        "gastric-ulcer",
        45,
        4,
        ("omeprazole-20", EACH_DAY),
        Review::Joints,
    ),
    tablets(
        "transient-ischaemic-attack",
        65,
        4,
        ("clopidogrel-75", EACH_DAY),
        Review::Heart,
    ),
    tablets(
        "osteoporosis",
        65,
        7,
        ("alendronic-10", "One each morning with a glass of water"),
        Review::Bones,
    ),
    tablets(
        "ckd-3b",
        72,
        5,
        ("simvastatin-40", AT_NIGHT),
        Review::Kidneys,
    ),
    tablets(
        "parkinsons-disease",
        65,
        2,
        ("amitriptyline-10", AT_NIGHT),
        Review::Joints,
    ),
    tablets(
        "depression",
        20,
        7,
        ("citalopram-10", EACH_MORNING),
        Review::Thyroid,
    ),
    tablets(
        "ankylosing-spondylitis",
        28,
        1,
        ("ibuprofen-200", "Two three times a day with food"),
        Review::Joints,
    ),
    tablets(
        "myocardial-infarction",
        58,
        4,
        ("rosuvastatin-20", AT_NIGHT),
        Review::Heart,
    ),
    tablets(
        "intermittent-claudication",
        62,
        3,
        ("lisinopril-10", EACH_DAY),
        Review::Heart,
    ),
    inhaler("copd-mild", 50, 4, "Two puffs when needed"),
    Chronic {
        code: "type-1-diabetes",
        from: 14,
        to: 55,
        percent: 1,
        sex: None,
        drug: "insulin-glargine",
        dosage: "20 units at bedtime",
        quantity: 5,
        unit: "device",
        review: Review::Sugar,
    },
    Chronic {
        code: "prostatism",
        from: 60,
        to: 110,
        percent: 18,
        sex: Some('M'),
        drug: "tamsulosin-400",
        dosage: EACH_DAY,
        quantity: 28,
        unit: "capsule",
        review: Review::Kidneys,
    },
    Chronic {
        code: "menopausal-flushing",
        from: 49,
        to: 60,
        percent: 12,
        sex: Some('F'),
        drug: "citalopram-10",
        dosage: EACH_MORNING,
        quantity: 28,
        unit: "tablet",
        review: Review::Thyroid,
    },
];

/// A child's asthma.
pub fn asthma(d: &mut Diary, since: Date) {
    let asthma = inhaler("asthma", 6, 10, "Two puffs when needed by spacer");
    begin(d, &asthma, since, &mut Trends::default());
}

/// The problem that is likeliest at this age: asthma of the young, thyroid of the middle-aged, joints of the old.
pub fn likely(d: &mut Diary) {
    let code = match d.age() {
        ..45 => "asthma",
        45..70 => "hypothyroidism",
        _ => "osteoarthritis",
    };
    let since = d.ago(1700);
    for problem in CHRONIC.iter().filter(|problem| problem.code == code) {
        begin(d, problem, since, &mut Trends::default());
    }
}

/// At most two long-term problems with their medicines and reviews.
pub fn by_chance(d: &mut Diary, sex: char) {
    let mut found: Vec<&str> = Vec::new();
    let mut trends = Trends::default();
    for problem in &CHRONIC {
        let old_enough = (problem.from.max(18) + 2..=problem.to).contains(&d.age());
        // Two stages of one disease, or two types, are not told of one person.
        let like = |found: &[&str]| {
            found
                .iter()
                .any(|code| code.get(..4) == problem.code.get(..4))
        };
        let fits = problem.sex.is_none_or(|only| only == sex);
        // Asked for everyone, so that one problem's odds do not shift the next one's.
        let has = d.random.chance(problem.percent);
        if has && old_enough && fits && found.len() < 2 && !like(&found) {
            let longest = 365 * i64::from(d.age() - problem.from.max(17)).min(11);
            let since = d.random.between(400, longest);
            let day = d.ago(since);
            begin(d, problem, day, &mut trends);
            found.push(problem.code);
        }
    }
}

fn begin(d: &mut Diary, chronic: &Chronic, since: Date, trends: &mut Trends) {
    d.seen(since, 0, "Diagnosis explained, treatment agreed.");
    let problem = d.problem(since, chronic.code, true, None);
    d.text(problem, "Leaflet given.");
    d.leave();
    d.repeat(
        since,
        Course {
            drug: chronic.drug,
            dosage: chronic.dosage,
            quantity: chronic.quantity,
            unit: chronic.unit,
            days: 28,
            problem: Some(problem),
        },
        None,
    );
    // Some need no live vaccine: their treatment weakens them.
    if chronic.code == "rheumatoid-arthritis" {
        let day = d.within_story(since, 30);
        let live = d.note(day, "live-vaccine-contraindicated", Kind::Contraindication);
        d.text(live, "On advice of the clinic.");
    }
    // The last yearly reviews, at most four, each a little on from the one before.
    let latest = d.random.between(10, 300);
    let trend = trends.of(d, chronic.review);
    for years in (0..4).rev() {
        let day = d.ago(latest + 365 * years);
        if day <= since {
            continue;
        }
        d.seen(day, 2, "Yearly review, no concerns.");
        let done = review(d, chronic.review, trend, day);
        d.link(done, problem);
        d.finding(day, "medication-review-with-patient");
        d.leave();
    }
}

/// How the values that reviews look at go over the years: one line for each kind of review, whatever problems share it.
#[derive(Default)]
struct Trends(Vec<(Review, Trend)>);

/// A line through the years, in the units of the review; beside it the blood pressure, which treatment brings down.
#[derive(Clone, Copy)]
struct Trend {
    /// Now.
    value: i64,
    /// What a year does.
    step: i64,
    least: i64,
    most: i64,
    systolic: i64,
    fall: i64,
}

impl Trends {
    fn of(&mut self, d: &mut Diary, review: Review) -> Trend {
        if let Some((_, trend)) = self.0.iter().find(|(known, _)| *known == review) {
            return *trend;
        }
        let (low, high, down, up, least, most) = match review {
            Review::Sugar => (46, 70, -6, 5, 40, 95),
            Review::Heart => (36, 60, -5, 2, 30, 75),
            Review::Thyroid => (90, 520, -90, 60, 40, 900),
            Review::Lungs => (30, 52, -2, 1, 18, 60),
            Review::Bones => (0, 0, 0, 0, 0, 0),
            Review::Kidneys => (46, 78, -5, 1, 32, 88),
            Review::Joints => (114, 150, -3, 3, 104, 165),
        };
        // Whatever the review, there is one blood pressure.
        let pressure = self
            .0
            .first()
            .map(|(_, first)| (first.systolic, first.fall));
        let (systolic, fall) =
            pressure.unwrap_or((d.random.between(122, 146), d.random.between(0, 6)));
        let trend = Trend {
            value: d.random.between(low, high),
            step: d.random.between(down, up),
            least,
            most,
            systolic,
            fall,
        };
        self.0.push((review, trend));
        trend
    }
}

impl Trend {
    /// The value on a day, a little off the line as measurements are.
    fn value(self, d: &mut Diary, day: Date) -> i64 {
        let off = d.random.between(-1, 1);
        let then = self.value - self.step * i64::from((d.today - day).get_days()) / 365;
        (then + off).clamp(self.least, self.most)
    }

    /// The blood pressure on a day.
    fn pressure(self, d: &mut Diary, day: Date) -> (i64, i64) {
        let years = i64::from((d.today - day).get_days()) / 365;
        let systolic = self.systolic + self.fall * years + d.random.between(-4, 4);
        (
            systolic,
            76 + (systolic - 120) / 3 + d.random.between(-5, 5),
        )
    }
}

fn review(d: &mut Diary, review: Review, trend: Trend, day: Date) -> u32 {
    let adult = d.age_on(day) >= 18;
    if adult {
        let (systolic, diastolic) = trend.pressure(d, day);
        d.blood_pressure(day, systolic, diastolic);
    }
    let value = trend.value(d, day);
    match review {
        Review::Sugar => {
            d.finding(day, "fundoscopy");
            let ratio = care::decimal(d, 4, 58, 1);
            let key = d.measure(day, "urine-acr", &ratio, "mg/mmol");
            care::range(d, key, "0.0", "3.0");
            care::glycated(d, day, value)
        }
        Review::Heart => care::lipids(d, day, value),
        Review::Thyroid => care::thyroid(d, day, value),
        Review::Lungs => {
            d.finding(day, "inhaler-technique-good");
            d.finding(day, "asthma-sleep-ok");
            // A child blows half of what an adult does.
            let flow = if adult { value * 10 } else { value * 5 };
            d.measure(day, "peak-flow", &flow.to_string(), "L/min")
        }
        Review::Bones => care::bones(d, day),
        Review::Kidneys => {
            care::dipstick(d, day);
            care::kidneys(d, day, 160 - value, value)
        }
        Review::Joints => {
            let ferritin = care::decimal(d, 14, 260, 0);
            let key = d.measure(day, "serum-ferritin", &ferritin, "ug/L");
            care::range(d, key, "15", "300");
            care::blood_count(d, day, value)
        }
    }
}
