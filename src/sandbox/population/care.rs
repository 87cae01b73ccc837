//! What a practice does over and over: panels of tests, checks, immunisations by age, acute illness.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::diary::{Diary, weekday};
use crate::sandbox::story::{Class, Kind, When};

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
            ("cholesterol-ratio", &ratio, "", None),
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

/// Bone profile.
pub fn bones(d: &mut Diary, day: Date) -> u32 {
    let calcium = decimal(d, 221, 258, 2);
    let phosphate = decimal(d, 82, 144, 2);
    let alp = decimal(d, 42, 118, 0);
    d.report(
        day,
        "bone-profile",
        Class::Biochemistry,
        BLOOD,
        &[
            (
                "adjusted-calcium",
                &calcium,
                "mmol/L",
                Some(("2.20", "2.60")),
            ),
            (
                "serum-phosphate",
                &phosphate,
                "mmol/L",
                Some(("0.80", "1.50")),
            ),
            ("serum-alp", &alp, "U/L", Some(("30", "130"))),
        ],
    )
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
    weekday(Date::new(last - years, 10, 12).unwrap_or(d.today))
}

/// Immunisations of childhood and the great campaigns, by year of birth.
pub fn youth(d: &mut Diary, sex: char) {
    d.leave();
    let born = d.born.year();
    // The five-in-one vaccine is of 2004, the pneumococcal one for infants of 2006.
    if born >= 2006 {
        infancy(d);
    }
    if (1950..=1991).contains(&born) && d.random.chance(35) {
        let day = d.aged(13 * 365 + 100);
        let scar = d.vaccine(day, "bcg-vaccination", None);
        d.edit(scar, |fact| fact.when = When::Year(day.year()));
    }
    if born >= 1996 && sex == 'F' && d.age() >= 14 {
        let (first, second) = (d.aged(4650), d.aged(4840));
        d.vaccine(first, "hpv-1", Some("1"));
        d.vaccine(second, "hpv-2", Some("2"));
    }
    let spring = d.random.between(0, 90);
    let first = weekday(date(2021, 2, 1).saturating_add(spring.days()));
    if d.age_on(first) >= 18 {
        d.vaccine(first, "covid-1", Some("1"));
        d.vaccine(
            weekday(first.saturating_add(77.days())),
            "covid-vaccination",
            Some("2"),
        );
    }
}

/// Immunisations of infancy as given in the United Kingdom, as far as the person is old enough.
fn infancy(d: &mut Diary) {
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
