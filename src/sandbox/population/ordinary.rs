//! An ordinary record: what one would find of most people of this age and sex.

use jiff::civil::Date;

use super::care;
use super::diary::{Course, Diary};
use super::identity;
use super::random::Random;
use crate::sandbox::story::{Class, Kind, Method, Person};

/// What the yearly review of a long-term problem looks at.
#[derive(Clone, Copy)]
enum Review {
    Sugar,
    Heart,
    Thyroid,
    Lungs,
    Kidneys,
    Joints,
}

/// A long-term problem: code, youngest age at onset, percentage of those old enough, sex, medicine, review.
struct Chronic {
    code: &'static str,
    from: i16,
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
const EACH_DAY: &str = "One to be taken each day";

const CHRONIC: [Chronic; 19] = [
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
        Review::Joints,
    ),
    Chronic {
        code: "prostatism",
        from: 60,
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
        percent: 12,
        sex: Some('F'),
        drug: "propranolol-10",
        dosage: "One up to three times a day when needed",
        quantity: 28,
        unit: "tablet",
        review: Review::Thyroid,
    },
];

/// Things of the past: code, youngest age, sex, major.
const PAST: [(&str, i16, Option<char>, bool); 8] = [
    ("gallstones", 35, None, true),
    ("kidney-stone", 30, None, true),
    ("menorrhagia", 38, Some('F'), true),
    ("pneumonia", 20, None, true),
    ("deep-vein-thrombosis", 30, None, true),
    ("shingles", 40, None, false),
    ("bereavement", 30, None, false),
    ("closed-fracture-radius", 12, None, true),
];

/// Referrals: code and specialty.
const REFERRALS: [(&str, &str); 4] = [
    ("referral-back-pain", "Orthopaedics"),
    ("referral-vascular", "Vascular surgery"),
    ("referral-urology", "Urology"),
    ("referral-activity", "Physical activity programme"),
];

/// Practices that ordinary people are spread over: all that are enabled.
const PRACTICES: [&str; 4] = ["Z99001", "Z99002", "Z99005", "Z99006"];

/// Ordinary person `index` of the series `seed`; the same arguments give the same person, whoever asks first.
#[must_use]
pub fn person(index: u64, seed: u64, today: Date) -> Person {
    let mut random = Random::new(seed, index);
    let sex = if random.chance(51) { 'F' } else { 'M' };
    // Younger ages are commoner at surgeries' desks than a flat line, and few live beyond 95.
    let age = random.between(0, 95).min(random.between(20, 110)).min(96);
    let days = age * 365 + age / 4 + random.between(20, 380);
    let born = today.saturating_sub(jiff::Span::new().days(days));
    let practice = usize::try_from(index % 4)
        .ok()
        .and_then(|n| PRACTICES.get(n))
        .copied()
        .unwrap_or("Z99001");
    let mut person = identity::plain(identity::nhs_number(index), sex, born, practice);
    person.title = identity::title(sex, i16::try_from(age).unwrap_or(0), &mut random);
    person.given = vec![identity::given(&mut random, sex)];
    if random.chance(40) {
        person.given.push(identity::given(&mut random, sex));
        person.given.dedup();
    }
    person.family = identity::family(&mut random);
    person.address = identity::address(&mut random);
    person.about = "ordinary";
    let registered = random.between(200, 6000);
    let mut diary = Diary::new(born, today, random);
    person.registered = diary.ago(registered);
    write(&mut diary, sex);
    (person.contacts, person.facts) = diary.finish();
    person
}

/// Writes an ordinary record for this age and sex.
pub fn write(d: &mut Diary, sex: char) {
    if d.age() < 16 {
        child(d, sex);
    } else {
        adult(d, sex);
    }
}

/// An ordinary record that has at least one long-term problem and some twenty entries: for people of the contract.
pub fn well_filled(d: &mut Diary, sex: char) {
    write(d, sex);
    if !d.has_repeat() {
        let n = usize::try_from(d.age() / 45).unwrap_or(0);
        let day = d.ago(1700);
        // Asthma for the young, thyroid for the middle-aged, joints for the old.
        if let Some(problem) = [2, 4, 5].get(n).and_then(|&n: &usize| CHRONIC.get(n)) {
            long_term(d, problem, day);
        }
    }
    for n in 1..8 {
        if d.len() < 24 {
            let day = d.ago(190 * n);
            care::illness(d, sex, day);
        }
    }
}

/// A child: immunisations, growth, short illnesses, perhaps asthma.
fn child(d: &mut Diary, sex: char) {
    care::infancy(d);
    let days = i64::from((d.today - d.born).get_days());
    for (share, n) in [(3, 1), (6, 2), (9, 3)] {
        let day = d.aged(days * share / 10);
        d.seen(day, 2, "Growing along the same centile.");
        let age = i64::from(d.age_on(day));
        d.measure(
            day,
            "height",
            &(52 + 24 * age.min(1) + 6 * age).to_string(),
            "cm",
        );
        let weight = 38 + 60 * age.min(1) + 27 * age;
        d.measure(day, "weight", &care::point(weight, 1), "kg");
        d.leave();
        let later = d.aged(days * share / 10 + 15 + n);
        care::illness(d, sex, later);
    }
    if d.age() >= 7 && d.random.chance(30) {
        let day = d.ago(500);
        let asthma = inhaler("asthma", 6, 10, "Two puffs when needed by spacer");
        long_term(d, &asthma, day);
    }
    if d.random.chance(25) {
        let day = d.aged(days / 2);
        let peanut = d.allergy(day, "peanut-allergy", false, None);
        d.text(peanut, "Told the school.");
    }
}

fn adult(d: &mut Diary, sex: char) {
    let years = i64::from(d.age());
    let day = d.ago(365 * (years - 16).clamp(1, 14) + d.random.clone().between(0, 200));
    let day = if d.age_on(day) < 16 { d.ago(300) } else { day };
    d.seen(day, 2, "New patient check.");
    let smoking = d.random.word(&[
        "never-smoked",
        "never-smoked",
        "ex-smoker",
        "current-smoker",
    ]);
    let units = d.random.between(0, 22);
    care::life_style(d, day, smoking, units);
    let (height, weight) = if sex == 'F' {
        (d.random.between(152, 176), d.random.between(520, 930))
    } else {
        (d.random.between(164, 191), d.random.between(640, 1080))
    };
    care::size(d, day, height, weight);
    let (systolic, diastolic) = (d.random.between(112, 148), d.random.between(66, 92));
    d.blood_pressure(day, systolic, diastolic);
    if d.random.chance(30) {
        let family = d
            .random
            .word(&["fh-cardiovascular", "fh-diabetes", "fh-asthma"]);
        d.note(day, family, Kind::FamilyHistory);
    }
    if d.random.chance(20) {
        let drug = d
            .random
            .word(&["penicillin-allergy", "aspirin-allergy", "warfarin-allergy"]);
        d.allergy(day, drug, true, None);
    }
    d.leave();
    past(d, sex);
    chronic(d, sex);
    screening(d, sex);
    let short = d.random.between(2, 4);
    for _ in 0..short {
        let day = d.random.between(8, 1600).min(365 * (years - 15));
        let day = d.ago(day);
        care::illness(d, sex, day);
    }
    if d.random.chance(45) {
        let n = usize::try_from(d.random.between(0, 3)).unwrap_or(0);
        let day = d.random.between(20, 700).min(365 * (years - 15));
        let day = d.ago(day);
        if let Some((code, speciality)) = REFERRALS.get(n).copied() {
            d.seen(day, 1, "Referral agreed.");
            let referral = d.referral(day, code, speciality, false, 'R');
            d.text(referral, "Thank you for seeing this patient.");
            d.leave();
        }
    }
    let winters = d.age().clamp(50, 53) - 49;
    care::elderly(d, winters);
}

/// One or two things of the past.
fn past(d: &mut Diary, sex: char) {
    let times = d.random.between(1, 2);
    for _ in 0..times {
        let n = usize::try_from(d.random.between(0, 7)).unwrap_or(0);
        let Some((code, from, only, major)) = PAST.get(n).copied() else {
            continue;
        };
        if d.age() < from + 3 || only.is_some_and(|only| only != sex) {
            continue;
        }
        let start = d
            .random
            .between(600, 365 * i64::from(d.age() - from).min(9));
        let (day, end) = (d.ago(start), d.ago(start - 400));
        d.seen(day, 1, "See hospital letter.");
        d.problem(day, code, major, Some(end));
        d.leave();
    }
}

/// At most three long-term problems with their medicines and reviews.
fn chronic(d: &mut Diary, sex: char) {
    let mut found = 0;
    for problem in &CHRONIC {
        let old_enough = d.age() >= problem.from.max(18) + 2;
        let fits = problem.sex.is_none_or(|only| only == sex);
        // Asked for everyone, so that one problem's odds do not shift the next one's.
        let has = d.random.chance(problem.percent);
        if has && old_enough && fits && found < 3 {
            let most = 365 * i64::from(d.age() - problem.from.max(17)).min(11);
            let since = d.random.between(400, most);
            let day = d.ago(since);
            long_term(d, problem, day);
            found += 1;
        }
    }
}

fn long_term(d: &mut Diary, chronic: &Chronic, since: Date) {
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
    // The last two yearly reviews.
    let latest = d.random.between(10, 300);
    for days in [latest + 365, latest] {
        let day = d.ago(days);
        if day <= since {
            continue;
        }
        d.seen(day, 2, "Yearly review, no concerns.");
        let done = review(d, chronic.review, day);
        d.link(done, problem);
        d.finding(day, "medication-review-with-patient");
        d.leave();
    }
}

fn review(d: &mut Diary, review: Review, day: Date) -> u32 {
    let adult = d.age_on(day) >= 18;
    if adult {
        let (systolic, diastolic) = (d.random.between(118, 158), d.random.between(68, 94));
        d.blood_pressure(day, systolic, diastolic);
    }
    match review {
        Review::Sugar => {
            d.finding(day, "fundoscopy");
            let value = d.random.between(44, 76);
            care::glycated(d, day, value)
        }
        Review::Heart => {
            let total = d.random.between(34, 66);
            care::lipids(d, day, total)
        }
        Review::Thyroid => {
            let tsh = d.random.between(60, 560);
            care::thyroid(d, day, tsh)
        }
        Review::Lungs => {
            d.finding(day, "inhaler-technique-good");
            let flow = if adult {
                d.random.between(30, 55) * 10
            } else {
                d.random.between(15, 30) * 10
            };
            d.measure(day, "peak-flow", &flow.to_string(), "L/min")
        }
        Review::Kidneys => {
            let filtration = d.random.between(46, 78);
            care::kidneys(d, day, 160 - filtration, filtration)
        }
        Review::Joints => {
            let haemoglobin = d.random.between(112, 152);
            care::blood_count(d, day, haemoglobin)
        }
    }
}

/// What the national screening programmes would have done at this age.
fn screening(d: &mut Diary, sex: char) {
    let age = d.age();
    if sex == 'F' && (27..=66).contains(&age) {
        let day = d.random.between(60, 700);
        let day = d.ago(day);
        let smear = d.report(
            day,
            "cervical-cytology",
            Class::Cytology,
            Some("Cervix"),
            &[],
        );
        d.worded(day, smear, "smear-result", "Negative");
        d.finding(day, "smear-repeat-36");
    }
    if sex == 'F' && (52..=72).contains(&age) {
        let day = d.random.between(60, 700);
        let day = d.ago(day);
        d.finding(day, "mammogram-normal");
    }
    if (61..=75).contains(&age) {
        let day = d.random.between(60, 600);
        let day = d.ago(day);
        d.finding(day, "bowel-screening-normal");
    }
    if age >= 78 && d.random.chance(40) {
        let day = d.ago(150);
        d.visit(day, 3, Method::HomeVisit, "Cannot get to the surgery.");
        d.finding(day, "over-75-check");
        d.finding(day, "housebound");
        d.referral(day, "referral-falls", "Falls service", false, 'S');
        d.leave();
    }
}
