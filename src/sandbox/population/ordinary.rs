//! An ordinary record: what one would find of most people of this age and sex.

use std::ops::RangeInclusive;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::care;
use super::diary::{Course, Diary};
use super::random::Random;
use super::{identity, illness, long_term};
use crate::sandbox::story::{Class, Kind, Method, Person, When};

/// Things of the past: code, ages at which they begin, sex, major.
const PAST: [(&str, RangeInclusive<i16>, Option<char>, bool); 20] = [
    ("gallstones", 35..=110, None, true),
    ("kidney-stone", 30..=110, None, true),
    ("menorrhagia", 38..=51, Some('F'), true),
    ("pneumonia", 20..=110, None, true),
    ("deep-vein-thrombosis", 30..=110, None, true),
    ("shingles", 40..=110, None, false),
    ("bereavement", 30..=110, None, false),
    ("closed-fracture-radius", 12..=110, None, true),
    ("diverticulitis", 45..=110, None, true),
    ("basal-cell-carcinoma", 55..=110, None, true),
    ("melanoma", 35..=110, None, true),
    ("neck-of-femur-fracture", 70..=110, None, true),
    ("polycystic-ovaries", 17..=40, Some('F'), false),
    ("irregular-cycle", 16..=45, Some('F'), false),
    ("onychomycosis", 25..=110, None, false),
    ("bronchitis", 20..=110, None, false),
    ("leg-cellulitis", 40..=110, None, false),
    ("acute-kidney-injury-1", 65..=110, None, true),
    ("recurrent-falls", 72..=110, None, false),
    ("low-back-pain", 20..=110, None, false),
];

/// Operations: code, ages at which people have them, sex, percentage of those who reach the first of these ages.
const OPERATIONS: [(&str, [i16; 2], Option<char>, u64); 9] = [
    ("hip-replacement", [64, 88], None, 9),
    ("knee-replacement", [64, 88], None, 9),
    ("prostate-resection", [66, 86], Some('M'), 8),
    ("hysterectomy", [45, 58], Some('F'), 8),
    ("coronary-angioplasty", [58, 84], None, 4),
    ("upper-gi-endoscopy", [30, 84], None, 12),
    ("normal-delivery", [22, 38], Some('F'), 45),
    ("coil-insertion", [24, 44], Some('F'), 8),
    ("acupuncture", [30, 80], None, 4),
];

/// Referrals: code and specialty.
const REFERRALS: [(&str, &str); 8] = [
    ("referral-back-pain", "Orthopaedics"),
    ("referral-vascular", "Vascular surgery"),
    ("referral-urology", "Urology"),
    ("referral-activity", "Physical activity programme"),
    ("referral-colorectal", "Colorectal surgery"),
    ("referral-hand-surgery", "Hand surgery"),
    ("referral-pain", "Pain management"),
    ("referral-audiology", "Audiology"),
];

/// Practices that ordinary people are spread over: all that are enabled.
const PRACTICES: [&str; 4] = ["Z99001", "Z99002", "Z99005", "Z99006"];

/// Ordinary person `index` of the series `seed`; the same arguments give the same person, whoever asks first.
#[must_use]
pub fn person(index: u64, seed: u64, today: Date) -> Person {
    let mut random = Random::new(seed, index);
    let sex = if random.chance(51) { 'F' } else { 'M' };
    // Births do not move with the day of the story; few are older than 95.
    let age = random.between(0, 95).min(random.between(20, 110));
    let days = age * 365 + age / 4 + random.between(0, 365);
    let born = date(2025, 1, 1).saturating_sub(days.days()).min(today);
    let practice = usize::try_from(index % 4)
        .ok()
        .and_then(|n| PRACTICES.get(n))
        .copied()
        .unwrap_or("Z99001");
    let mut person = identity::plain(identity::nhs_number(index), sex, born, practice);
    person.given = vec![identity::given(&mut random, sex)];
    if random.chance(40) {
        person.given.push(identity::given(&mut random, sex));
        person.given.dedup();
    }
    person.family = identity::family(&mut random);
    person.address = identity::address(&mut random);
    person.about = "ordinary";
    let mut diary = Diary::new(born, today, random);
    person.title = identity::title(sex, diary.age(), &mut diary.random);
    let grown = diary.age() >= 16;
    write(&mut diary, sex);
    in_confidence(&mut diary);
    (person.contacts, person.facts) = diary.finish();
    // An adult's first contact is the check at registration; a child is registered at birth.
    if let Some(first) = person.contacts.first().filter(|_| grown) {
        person.registered = first.at.date();
    }
    person
}

/// One in eight grown-ups has told the practice something that is to stay there: a visit, or one entry of a visit. Each
/// source says so in its own way: EMIS by a policy, SystmOne by a mark or by leaving it out (sources.md 4.5).
fn in_confidence(d: &mut Diary) {
    if d.age() < 18 || !d.random.chance(12) {
        return;
    }
    let (days, whole_visit) = (d.random.between(8, 300), d.random.chance(50));
    let day = d.ago(days);
    d.seen(day, 3, "Asked that nobody else should read of this.");
    let told = d.finding(day, "insomnia");
    if whole_visit {
        d.private_contact();
        d.blood_pressure(day, 148, 88);
    } else {
        d.hide(told);
        d.finding(day, "fit-note");
    }
    d.leave();
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
        long_term::likely(d);
    }
    for n in 1..8 {
        if d.len() < 24 {
            let day = d.ago(190 * n);
            illness::happen(d, sex, day);
        }
    }
}

/// A child: immunisations, growth, short illnesses, perhaps asthma.
fn child(d: &mut Diary, sex: char) {
    care::youth(d, sex);
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
        illness::happen(d, sex, later);
    }
    if d.age() >= 7 && d.random.chance(30) {
        let day = d.ago(500);
        long_term::asthma(d, day);
    }
    if d.random.chance(25) {
        let day = d.aged(days / 2);
        let peanut = d.allergy(day, "peanut-allergy", false, None);
        d.text(peanut, "Told the school.");
    }
}

fn adult(d: &mut Diary, sex: char) {
    let years = i64::from(d.age());
    let days = d.random.between(0, 200);
    let day = d.ago(365 * (years - 16).clamp(1, 14) + days);
    let day = if d.age_on(day) < 16 { d.ago(300) } else { day };
    d.seen(day, 2, "New patient check.");
    let smoking = d.random.word(&[
        "never-smoked",
        "never-smoked",
        "ex-smoker",
        "current-smoker",
    ]);
    let units = d.random.between(0, 22);
    if d.age_on(day) >= 16 {
        care::life_style(d, day, smoking, units);
    }
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
        // None to anything that an ordinary story prescribes.
        let to = d
            .random
            .word(&["penicillin-allergy", "latex-allergy", "peanut-allergy"]);
        d.allergy(day, to, to == "penicillin-allergy", None);
    }
    d.leave();
    past(d, sex);
    operations(d, sex);
    long_term::by_chance(d, sex);
    screening(d, sex);
    hospital(d);
    let short = d.random.between(2, 4);
    for _ in 0..short {
        let day = d.random.between(8, 1600).min(365 * (years - 15));
        let day = d.ago(day);
        illness::happen(d, sex, day);
    }
    if d.random.chance(45) {
        let n = usize::try_from(d.random.between(0, 7)).unwrap_or(0);
        let day = d.random.between(20, 700).min(365 * (years - 15));
        let day = d.ago(day);
        if let Some((code, speciality)) = REFERRALS.get(n).copied() {
            d.seen(day, 1, "Referral agreed.");
            let referral = d.referral(day, code, speciality, false, 'R');
            d.text(referral, "Thank you for seeing this patient.");
            d.leave();
        }
    }
    if sex == 'F' && (18..=40).contains(&d.age()) && d.random.chance(30) {
        let days = d.random.between(60, 365 * (years - 16).clamp(1, 5));
        let day = d.ago(days);
        d.repeat(
            day,
            Course {
                drug: "combined-pill",
                dosage: "One each day for 21 days, then seven days without",
                quantity: 63,
                unit: "tablet",
                days: 84,
                problem: None,
            },
            None,
        );
    }
    care::youth(d, sex);
    let winters = d.age().clamp(50, 53) - 49;
    care::elderly(d, winters);
}

/// One or two things of the past.
fn past(d: &mut Diary, sex: char) {
    let times = d.random.between(1, 2);
    for _ in 0..times {
        let n = usize::try_from(d.random.between(0, 19)).unwrap_or(0);
        let Some((code, ages, only, major)) = PAST.get(n).cloned() else {
            continue;
        };
        let start = d.random.between(600, 3200);
        let (day, end) = (d.ago(start), d.ago(start - 400));
        if !ages.contains(&d.age_on(day)) || only.is_some_and(|only| only != sex) {
            continue;
        }
        d.seen(day, 1, "See hospital letter.");
        d.problem(day, code, major, Some(end));
        // The treatment that followed weakens: no live vaccine.
        if code == "melanoma" {
            d.note(day, "live-vaccine-contraindicated", Kind::Contraindication);
        }
        d.leave();
    }
}

fn operations(d: &mut Diary, sex: char) {
    for (code, [from, to], only, percent) in OPERATIONS {
        let had = d.random.chance(percent);
        if !had || d.age() < from + 2 || only.is_some_and(|only| only != sex) {
            continue;
        }
        let latest = i64::from(to.min(d.age() - 1));
        let years = d.random.between(i64::from(from), latest);
        let day = d.aged(years * 365 + 140);
        let done = d.procedure(day, code);
        // What happened before this practice's time is known by its year.
        if d.age() - d.age_on(day) > 14 {
            d.edit(done, |fact| fact.when = When::Year(day.year()));
        }
    }
}

/// A stay in hospital: what brought them in, the letter when they came home, and the doctor's visit afterwards.
fn hospital(d: &mut Diary) {
    let age = d.age();
    let percent = match age {
        ..40 => 3,
        40..65 => 8,
        65..80 => 16,
        _ => 30,
    };
    let chance = d.random.chance(percent);
    let days = d.random.between(40, 900);
    let day = d.ago(days);
    if !chance || d.age_on(day) < 18 {
        return;
    }
    let why = if d.knows("heart-failure") {
        "heart-failure-admission"
    } else if d.knows("asthma") {
        "asthma-admission"
    } else {
        "emergency-admission"
    };
    d.visit(day, 0, Method::Telephone, "Ambulance called, handed over.");
    d.finding(day, why);
    if d.random.chance(40) {
        d.referral(day, "admission-by-gp", "General medicine", true, 'U');
    }
    d.leave();
    let stay = d.random.between(2, 12);
    let home = d.within_story(day, stay);
    let letter = d.note(home, "discharge-letter", Kind::Letter { discharge: true });
    d.text(letter, "Home, follow up in clinic.");
    let after = d.within_story(home, 9);
    d.seen(after, 3, "Picking up, tablets reconciled.");
    d.blood_pressure(after, 128, 76);
    let value = d.random.between(108, 140);
    care::blood_count(d, after, value);
    care::liver(d, after, 24);
    d.leave();
}

/// What the national screening programmes would have done at this age.
fn screening(d: &mut Diary, sex: char) {
    let age = d.age();
    if sex == 'F' && (27..=66).contains(&age) && !d.knows("hysterectomy") {
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
