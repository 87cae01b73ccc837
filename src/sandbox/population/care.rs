//! What a practice does over and over: panels of tests, checks, immunisations by age, acute illness.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::diary::{Course, Diary};
use crate::sandbox::story::{Class, Kind, Method};

/// A number with `places` decimals between two bounds that are given without the decimal point.
pub fn decimal(d: &mut Diary, low: i64, high: i64, places: u32) -> String {
    point(d.random.between(low, high), places)
}

/// `value` with its last `places` digits behind the decimal point.
#[must_use]
pub fn point(value: i64, places: u32) -> String {
    if places == 0 {
        return value.to_string();
    }
    let unit = 10_i64.saturating_pow(places);
    let width = usize::try_from(places).unwrap_or(1);
    format!("{}.{:0width$}", value / unit, value % unit)
}

const BLOOD: Option<&str> = Some("Venous blood");

/// Full blood count; `haemoglobin` in g/L.
pub fn blood_count(d: &mut Diary, day: Date, haemoglobin: i64) -> u32 {
    let haemoglobin = haemoglobin.to_string();
    let white = decimal(d, 45, 98, 1);
    let platelets = decimal(d, 170, 380, 0);
    let red = decimal(d, 390, 540, 2);
    let volume = decimal(d, 820, 970, 1);
    let neutrophils = decimal(d, 21, 64, 1);
    d.battery(
        day,
        ("full-blood-count", "full-blood-count"),
        Class::Haematology,
        BLOOD,
        &[
            ("haemoglobin", &haemoglobin, "g/L", Some(("115", "165"))),
            ("white-cells", &white, "10*9/L", Some(("4.0", "11.0"))),
            ("platelets", &platelets, "10*9/L", Some(("150", "450"))),
            ("red-cells", &red, "10*12/L", Some(("3.80", "5.80"))),
            ("mean-cell-volume", &volume, "fL", Some(("80.0", "100.0"))),
            ("neutrophils", &neutrophils, "10*9/L", Some(("2.0", "7.5"))),
        ],
    )
}

/// Kidney function; `creatinine` in µmol/L, `filtration` in mL/min.
pub fn kidneys(d: &mut Diary, day: Date, creatinine: i64, filtration: i64) -> u32 {
    let sodium = decimal(d, 135, 144, 0);
    let potassium = decimal(d, 38, 51, 1);
    let urea = decimal(d, 35, 76, 1);
    let creatinine = creatinine.to_string();
    let filtration = if filtration > 90 {
        ">90".to_owned()
    } else {
        filtration.to_string()
    };
    d.report(
        day,
        "renal-profile",
        Class::Biochemistry,
        BLOOD,
        &[
            ("serum-sodium", &sodium, "mmol/L", Some(("133", "146"))),
            (
                "serum-potassium",
                &potassium,
                "mmol/L",
                Some(("3.5", "5.3")),
            ),
            ("serum-urea", &urea, "mmol/L", Some(("2.5", "7.8"))),
            (
                "serum-creatinine",
                &creatinine,
                "umol/L",
                Some(("45", "104")),
            ),
            ("egfr", &filtration, "mL/min/1.73m2", None),
        ],
    )
}

/// Liver function.
pub fn liver(d: &mut Diary, day: Date, alt: i64) -> u32 {
    let alt = alt.to_string();
    let alp = decimal(d, 42, 118, 0);
    let bilirubin = decimal(d, 4, 18, 0);
    let albumin = decimal(d, 37, 47, 0);
    d.report(
        day,
        "liver-function",
        Class::Biochemistry,
        BLOOD,
        &[
            ("serum-alt", &alt, "U/L", Some(("5", "40"))),
            ("serum-alp", &alp, "U/L", Some(("30", "130"))),
            ("serum-bilirubin", &bilirubin, "umol/L", Some(("0", "21"))),
            ("serum-albumin", &albumin, "g/L", Some(("35", "50"))),
        ],
    )
}

/// Lipids; total cholesterol in tenths of mmol/L.
pub fn lipids(d: &mut Diary, day: Date, total: i64) -> u32 {
    let hdl = d.random.between(10, 17);
    let triglycerides = d.random.between(9, 23);
    let ldl = (total - hdl - triglycerides * 10 / 22).max(8);
    let ratio = point(total * 10 / hdl, 1);
    let (total, hdl) = (point(total, 1), point(hdl, 1));
    let (ldl, triglycerides) = (point(ldl, 1), point(triglycerides, 1));
    d.report(
        day,
        "serum-lipids",
        Class::Biochemistry,
        BLOOD,
        &[
            ("serum-cholesterol", &total, "mmol/L", None),
            ("hdl-cholesterol", &hdl, "mmol/L", None),
            ("ldl-cholesterol", &ldl, "mmol/L", None),
            (
                "triglycerides",
                &triglycerides,
                "mmol/L",
                Some(("0.5", "2.3")),
            ),
            ("cholesterol-ratio", &ratio, "1", None),
        ],
    )
}

/// Glycated haemoglobin in mmol/mol.
pub fn glycated(d: &mut Diary, day: Date, value: i64) -> u32 {
    let value = value.to_string();
    let key = d.measure(day, "hba1c", &value, "mmol/mol");
    range(d, key, "20", "41");
    key
}

/// Gives a measurement its reference range.
pub fn range(d: &mut Diary, key: u32, low: &str, high: &str) {
    d.edit(key, |fact| {
        if let Kind::Measurement { range, .. } = &mut fact.kind {
            *range = Some((low.to_owned(), high.to_owned()));
        }
    });
}

/// Thyroid function; TSH in hundredths of mU/L.
pub fn thyroid(d: &mut Diary, day: Date, tsh: i64) -> u32 {
    let tsh = point(tsh, 2);
    let thyroxine = decimal(d, 110, 190, 1);
    let key = d.measure(day, "serum-tsh", &tsh, "mU/L");
    range(d, key, "0.27", "4.20");
    let free = d.measure(day, "free-t4", &thyroxine, "pmol/L");
    range(d, free, "12.0", "22.0");
    key
}

/// Height in cm, weight in tenths of kg, and the body mass index that follows.
pub fn size(d: &mut Diary, day: Date, height: i64, weight: i64) {
    d.measure(day, "height", &height.to_string(), "cm");
    d.measure(day, "weight", &point(weight, 1), "kg");
    // kg/m2 in tenths: weight/10 / (height/100)^2 * 10.
    let index = weight * 10_000 / (height * height).max(1);
    d.measure(day, "body-mass-index", &point(index, 1), "kg/m2");
}

/// Dipstick of urine, all negative.
pub fn dipstick(d: &mut Diary, day: Date) {
    for code in [
        "urine-protein-negative",
        "urine-glucose-negative",
        "urine-blood-negative",
        "urine-ketones-negative",
    ] {
        d.finding(day, code);
    }
}

/// The autumn day of the influenza clinic `years` before this year's, or the last one before today.
pub fn autumn(d: &Diary, years: i16) -> Date {
    let this = Date::new(d.today.year(), 10, 12).unwrap_or(d.today);
    let last = if this < d.today {
        d.today.year()
    } else {
        d.today.year() - 1
    };
    Date::new(last - years, 10, 12).unwrap_or(d.today)
}

/// Immunisations of infancy as given in the United Kingdom, as far as the person is old enough.
pub fn infancy(d: &mut Diary) {
    d.leave();
    let course = [
        (56, "five-in-one-1", "1"),
        (58, "pneumococcal-conjugate-1", "1"),
        (84, "five-in-one-2", "2"),
        (85, "meningitis-c-1", "1"),
        (113, "five-in-one-3", "3"),
        (114, "pneumococcal-conjugate-2", "2"),
        (115, "meningitis-c-2", "2"),
        (370, "hib-meningitis-c", "B"),
        (396, "pneumococcal-conjugate-3", "3"),
        (1240, "mmr-2", "2"),
    ];
    for (days, code, part) in course {
        if d.born.saturating_add(days.days()) < d.today {
            let day = d.aged(days);
            d.vaccine(day, code, Some(part));
        }
    }
}

/// Influenza every autumn of the last `years`, pneumococcal and shingles where old enough.
pub fn elderly(d: &mut Diary, years: i16) {
    d.leave();
    for n in (0..years).rev() {
        let day = autumn(d, n);
        if d.age_on(day) >= 50 {
            d.vaccine(day, "influenza-vaccination", None);
        }
    }
    for (age, code) in [
        (65, "pneumococcal-vaccination"),
        (70, "shingles-vaccination"),
    ] {
        if d.age() > age {
            let day = d.aged(i64::from(age) * 365 + 200);
            // Herpes zoster vaccination began in 2013.
            if code != "shingles-vaccination" || day.year() >= 2013 {
                d.vaccine(day, code, None);
            }
        }
    }
}

/// What an adult's record says of smoking and alcohol.
pub fn life_style(d: &mut Diary, day: Date, smoking: &str, units: i64) {
    d.finding(day, smoking);
    if smoking == "current-smoker" {
        let a_day = d.random.between(5, 20).to_string();
        d.measure(day, "cigarettes", &a_day, "/day");
        d.finding(day, "smoking-advice");
    }
    d.measure(day, "alcohol-units", &units.to_string(), "U/week");
    if units > 14 {
        d.finding(day, "alcohol-above-limits");
        d.finding(day, "alcohol-advice");
    } else {
        d.finding(day, "alcohol-within-limits");
    }
}

/// A short illness: what is wrong, what was said, and a short course for it where one is given.
pub struct Illness {
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

const fn five_days(
    drug: &'static str,
    dosage: &'static str,
    quantity: u32,
) -> Option<Course<'static>> {
    Some(Course {
        drug,
        dosage,
        quantity,
        unit: "capsule",
        days: 5,
        problem: None,
    })
}

/// Short illnesses that anyone may have.
pub const ILLNESSES: [Illness; 16] = [
    Illness {
        from: 0,
        to: 110,
        sex: None,
        code: "upper-respiratory-infection",
        words: "Coryzal for four days, chest clear, fluids and rest.",
        course: None,
    },
    Illness {
        from: 16,
        to: 110,
        sex: None,
        code: "chest-infection",
        words: "Productive cough, crackles at right base.",
        course: five_days("amoxicillin-500", "One to be taken three times a day", 15),
    },
    Illness {
        from: 16,
        to: 110,
        sex: None,
        code: "acute-sinusitis",
        words: "Facial pain ten days, tender over maxilla.",
        course: five_days(
            "doxycycline-100",
            "Two on the first day then one each day",
            6,
        ),
    },
    Illness {
        from: 3,
        to: 40,
        sex: None,
        code: "acute-tonsillitis",
        words: "Sore throat and fever, exudate on tonsils.",
        course: None,
    },
    Illness {
        from: 16,
        to: 110,
        sex: Some('F'),
        code: "urinary-tract-infection",
        words: "Dysuria and frequency, no loin pain.",
        course: Some(Course {
            drug: "trimethoprim-100",
            dosage: "Two to be taken twice a day",
            quantity: 12,
            unit: "tablet",
            days: 3,
            problem: None,
        }),
    },
    Illness {
        from: 16,
        to: 110,
        sex: None,
        code: "low-back-pain",
        words: "After lifting, no red flags, keep moving.",
        course: Some(Course {
            drug: "ibuprofen-200",
            dosage: "Two to be taken three times a day with food",
            quantity: 84,
            unit: "tablet",
            days: 14,
            problem: None,
        }),
    },
    Illness {
        from: 1,
        to: 110,
        sex: None,
        code: "acute-conjunctivitis",
        words: "Sticky red eye, vision normal.",
        course: Some(Course {
            drug: "chloramphenicol-eye",
            dosage: "Apply to the affected eye four times a day",
            quantity: 1,
            unit: "tube",
            days: 5,
            problem: None,
        }),
    },
    Illness {
        from: 50,
        to: 110,
        sex: None,
        code: "shingles",
        words: "Painful vesicles in one dermatome, three days.",
        course: Some(Course {
            drug: "co-codamol-30",
            dosage: "One or two up to four times a day",
            quantity: 60,
            unit: "capsule",
            days: 10,
            problem: None,
        }),
    },
    Illness {
        from: 16,
        to: 110,
        sex: None,
        code: "leg-cellulitis",
        words: "Hot red shin, systemically well, margin marked.",
        course: five_days("doxycycline-100", "One to be taken twice a day", 10),
    },
    Illness {
        from: 5,
        to: 110,
        sex: None,
        code: "hay-fever",
        words: "Itchy eyes and sneezing every June.",
        course: Some(Course {
            drug: "cetirizine-10",
            dosage: "One to be taken each day",
            quantity: 30,
            unit: "tablet",
            days: 30,
            problem: None,
        }),
    },
    Illness {
        from: 18,
        to: 110,
        sex: None,
        code: "tired-all-the-time",
        words: "Busy at work, sleeping badly, bloods to be taken.",
        course: None,
    },
    Illness {
        from: 12,
        to: 110,
        sex: None,
        code: "athletes-foot",
        words: "Macerated web spaces, advice given.",
        course: None,
    },
    Illness {
        from: 1,
        to: 12,
        sex: None,
        code: "cough",
        words: "Barking at night, well by day, advice to mother.",
        course: None,
    },
    Illness {
        from: 0,
        to: 12,
        sex: None,
        code: "fever",
        words: "One day of fever, alert and drinking.",
        course: None,
    },
    Illness {
        from: 16,
        to: 110,
        sex: None,
        code: "blocked-ear",
        words: "Wax on both sides.",
        course: Some(Course {
            drug: "olive-oil-drops",
            dosage: "Two drops twice a day",
            quantity: 1,
            unit: "bottle",
            days: 14,
            problem: None,
        }),
    },
    Illness {
        from: 18,
        to: 110,
        sex: None,
        code: "abdominal-pain",
        words: "Crampy, no red flags, soft abdomen.",
        course: None,
    },
];

/// A consultation for one of [`ILLNESSES`] that fits age and sex; nothing where none is found in a few tries.
pub fn illness(d: &mut Diary, sex: char, day: Date) {
    let age = d.age_on(day);
    for _ in 0..6 {
        let n = d.random.between(0, 15);
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
        if ill.code == "tired-all-the-time" {
            let haemoglobin = d.random.between(118, 150);
            blood_count(d, day, haemoglobin);
            let tsh = d.random.between(60, 390);
            thyroid(d, day, tsh);
        }
        if let Some(course) = ill.course {
            d.acute(day, course);
        }
        d.leave();
        return;
    }
}
