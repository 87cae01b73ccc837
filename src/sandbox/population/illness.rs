//! Short illnesses and the consultations for them.

use jiff::civil::Date;

use super::care;
use super::diary::{Course, Diary};
use crate::sandbox::story::{Class, Method};

/// A short illness: what is wrong, what was said, and a short course for it where one is given.
struct Illness {
    /// Youngest age for it.
    from: i16,
    /// Oldest age for it.
    to: i16,
    /// Only this sex, otherwise both.
    sex: Option<char>,
    code: &'static str,
    words: &'static str,
    course: Option<Course<'static>>,
}

const fn ill(
    (from, to): (i16, i16),
    code: &'static str,
    words: &'static str,
    course: Option<Course<'static>>,
) -> Illness {
    Illness {
        from,
        to,
        sex: None,
        code,
        words,
        course,
    }
}

const fn given(
    (drug, dosage): (&'static str, &'static str),
    (quantity, unit): (u32, &'static str),
    days: u32,
) -> Option<Course<'static>> {
    Some(Course {
        drug,
        dosage,
        quantity,
        unit,
        days,
        problem: None,
    })
}

const ADULT: (i16, i16) = (16, 110);
const CHILD: (i16, i16) = (0, 12);
const ANYONE: (i16, i16) = (0, 110);

/// Short illnesses that anyone may have.
const ILLNESSES: [Illness; 28] = [
    ill(
        ANYONE,
        "upper-respiratory-infection",
        "Coryzal for four days, chest clear, fluids and rest.",
        None,
    ),
    ill(
        ADULT,
        "chest-infection",
        "Productive cough, crackles at right base.",
        given(
            ("doxycycline-100", "Two on the first day then one each day"),
            (6, "capsule"),
            5,
        ),
    ),
    ill(
        ADULT,
        "acute-sinusitis",
        "Facial pain ten days, tender over maxilla.",
        given(
            ("doxycycline-100", "Two on the first day then one each day"),
            (6, "capsule"),
            5,
        ),
    ),
    ill(
        (3, 40),
        "acute-tonsillitis",
        "Sore throat and fever, exudate on tonsils.",
        None,
    ),
    ill(
        (3, 60),
        "sore-throat",
        "Two days, eating and drinking, no fever.",
        None,
    ),
    Illness {
        sex: Some('F'),
        ..ill(
            ADULT,
            "urinary-tract-infection",
            "Dysuria and frequency, no loin pain.",
            given(
                ("trimethoprim-100", "Two to be taken twice a day"),
                (12, "tablet"),
                3,
            ),
        )
    },
    Illness {
        sex: Some('M'),
        ..ill((40, 110), "nocturia", "Up twice a night, flow good.", None)
    },
    ill(
        ADULT,
        "low-back-pain",
        "After lifting, no red flags, keep moving.",
        given(
            (
                "ibuprofen-200",
                "Two to be taken three times a day with food",
            ),
            (84, "tablet"),
            14,
        ),
    ),
    ill(
        (1, 110),
        "acute-conjunctivitis",
        "Sticky red eye, vision normal.",
        given(
            (
                "chloramphenicol-eye",
                "Apply to the affected eye four times a day",
            ),
            (1, "tube"),
            5,
        ),
    ),
    ill(
        (50, 110),
        "shingles",
        "Painful vesicles in one dermatome, three days.",
        given(
            ("co-codamol-30", "One or two up to four times a day"),
            (60, "capsule"),
            10,
        ),
    ),
    ill(
        ADULT,
        "leg-cellulitis",
        "Hot red shin, systemically well, margin marked.",
        given(
            ("doxycycline-100", "One to be taken twice a day"),
            (10, "capsule"),
            5,
        ),
    ),
    ill(
        (12, 110),
        "hay-fever",
        "Itchy eyes and sneezing every June.",
        given(
            ("cetirizine-10", "One to be taken each day"),
            (30, "tablet"),
            30,
        ),
    ),
    ill(
        (2, 11),
        "hay-fever",
        "Itchy eyes and sneezing at play.",
        given(
            ("loratadine-liquid", "One 5ml spoonful each day"),
            (150, "ml"),
            30,
        ),
    ),
    ill(
        (18, 110),
        "tired-all-the-time",
        "Busy at work, sleeping badly, bloods to be taken.",
        None,
    ),
    ill(
        (12, 110),
        "athletes-foot",
        "Macerated web spaces, advice given.",
        None,
    ),
    ill(
        CHILD,
        "cough",
        "Barking at night, well by day, advice given.",
        None,
    ),
    ill(
        CHILD,
        "fever",
        "One day of fever, alert and drinking.",
        None,
    ),
    ill(
        CHILD,
        "vomiting",
        "Three times since last night, drinking again.",
        None,
    ),
    ill(
        (1, 12),
        "wheezing",
        "With a cold, no recession, saturation normal.",
        given(
            ("amoxicillin-250", "One to be taken three times a day"),
            (15, "capsule"),
            5,
        ),
    ),
    ill(
        ADULT,
        "blocked-ear",
        "Wax on both sides.",
        given(
            ("olive-oil-drops", "Two drops twice a day"),
            (1, "bottle"),
            14,
        ),
    ),
    ill(
        (18, 110),
        "abdominal-pain",
        "Crampy, no red flags, soft abdomen.",
        given(
            ("mebeverine-135", "One three times a day before food"),
            (84, "tablet"),
            28,
        ),
    ),
    ill(
        (30, 110),
        "central-chest-pain",
        "Lasted minutes at rest, tracing normal, safety net given.",
        None,
    ),
    ill(
        (25, 110),
        "insomnia",
        "Wakes at three, sleep advice first.",
        given(
            ("zopiclone-3", "One at night when needed"),
            (7, "tablet"),
            7,
        ),
    ),
    ill(
        (55, 110),
        "dyspnoea",
        "On the hill only, no oedema, bloods to be taken.",
        None,
    ),
    ill(
        (65, 110),
        "dizziness-on-standing",
        "Pressure falls on standing, tablets reviewed.",
        None,
    ),
    ill(
        (60, 110),
        "hearing-loss",
        "Turns the television up, canals clear.",
        None,
    ),
    ill(
        (70, 110),
        "accidental-fall",
        "Tripped on the stairs, bruised, walks.",
        None,
    ),
    ill((18, 66), "backache", "Cannot drive the van.", None),
];

/// A consultation for one of [`ILLNESSES`] that fits age and sex; nothing where none is found in a few tries.
pub fn happen(d: &mut Diary, sex: char, day: Date) {
    let age = d.age_on(day);
    for _ in 0..6 {
        let n = d.random.between(0, 27);
        let chosen = usize::try_from(n).ok().and_then(|n| ILLNESSES.get(n));
        let Some(ill) = chosen else { continue };
        if !(ill.from..=ill.to).contains(&age) || ill.sex.is_some_and(|only| only != sex) {
            continue;
        }
        let staff = usize::try_from(d.random.between(0, 3)).unwrap_or(0);
        let method = if d.random.chance(25) {
            Method::Telephone
        } else {
            Method::FaceToFace
        };
        d.visit(day, staff, method, ill.words);
        let fact = d.finding(day, ill.code);
        if d.random.chance(40) {
            d.text(fact, "Review if no better in a week.");
        }
        if ill.code == "backache" {
            d.finding(day, "fit-note");
        }
        if ill.code == "central-chest-pain" {
            let tracing = d.report(day, "ecg", Class::Ecg, None, &[]);
            d.worded(day, tracing, "ecg", "Sinus rhythm, no acute change");
        }
        if ill.code == "tired-all-the-time" || ill.code == "dyspnoea" {
            let haemoglobin = d.random.between(118, 150);
            care::blood_count(d, day, haemoglobin);
            let tsh = d.random.between(60, 390);
            care::thyroid(d, day, tsh);
        }
        sample(d, ill.code, day);
        if let Some(course) = ill.course {
            d.acute(day, course);
        }
        d.leave();
        return;
    }
}

/// What is sent to the microbiologist, of every second or third such illness.
fn sample(d: &mut Diary, code: &str, day: Date) {
    let (report, from, test, words) = match code {
        "urinary-tract-infection" => (
            "midstream-urine",
            "Midstream urine",
            "urine-culture-other",
            "Mixed growth, no significant bacteriuria",
        ),
        "acute-tonsillitis" => (
            "throat-swab",
            "Throat swab",
            "microscopy-culture",
            "No beta-haemolytic streptococci",
        ),
        "leg-cellulitis" => (
            "skin-swab",
            "Skin swab",
            "microscopy-culture",
            "No growth after two days",
        ),
        _ => return,
    };
    if d.random.chance(50) {
        let class = Class::Microbiology;
        let sent = d.report(day, report, class, Some(from), &[]);
        d.worded(day, sent, test, words);
    }
}
