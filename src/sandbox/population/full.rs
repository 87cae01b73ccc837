//! People whose record fills every section of every tab (R020 to R031), with free text wherever a source has room for it.

use jiff::ToSpan as _;

use super::care;
use super::diary::{Course, Diary};
use crate::sandbox::story::{Class, Kind, Method, When};

/// What differs between the full records.
pub struct Theme {
    /// Major active problem with its repeat medicine and dosage.
    pub major: (&'static str, &'static str, &'static str),
    /// Minor active problem with its repeat medicine and dosage.
    pub minor: (&'static str, &'static str, &'static str),
    /// Medicine for the major problem that was stopped.
    pub stopped: (&'static str, &'static str),
    /// Problem that ended.
    pub past: &'static str,
    /// Disorder that is no problem.
    pub diagnosis: &'static str,
    /// Disorder that is no problem and over.
    pub past_diagnosis: &'static str,
    /// Drug allergy, with the drug where it stands apart.
    pub drug_allergy: (&'static str, Option<&'static str>),
    /// Allergy to something else.
    pub other_allergy: &'static str,
    /// Operation known by its year.
    pub operation: &'static str,
    /// Referrals: code, specialty, urgency.
    pub referrals: [(&'static str, &'static str, char); 3],
    /// Why the person was admitted: coded entry.
    pub admission: &'static str,
    /// Smoking.
    pub smoking: &'static str,
}

/// The woman of Z99001.
pub const FOSSE_WAY: Theme = Theme {
    major: (
        "hypertension",
        "amlodipine-10",
        "One to be taken each morning",
    ),
    minor: (
        "hypothyroidism",
        "levothyroxine-100",
        "One to be taken each morning before food",
    ),
    stopped: ("bendroflumethiazide-2", "One to be taken each morning"),
    past: "gallstones",
    diagnosis: "osteoarthritis",
    past_diagnosis: "pneumonia",
    drug_allergy: ("penicillin-allergy", Some("amoxicillin-500")),
    other_allergy: "peanut-allergy",
    operation: "hip-replacement",
    referrals: [
        ("referral-vascular", "Vascular surgery", 'R'),
        ("referral-back-pain", "Orthopaedics", 'S'),
        // Known by a local code only: nothing can check it, so it is withheld (R051).
        ("referral-dermatology", "Dermatology", 'W'),
    ],
    admission: "emergency-admission",
    smoking: "ex-smoker",
};

/// The woman of Z99002.
pub const RUTLAND_WATER: Theme = Theme {
    major: ("asthma", "beclometasone-inhaler", "Two puffs twice a day"),
    minor: (
        "rheumatoid-arthritis",
        "prednisolone-5",
        "One to be taken each morning with food",
    ),
    stopped: ("salbutamol-inhaler", "Two puffs when needed"),
    past: "diverticulitis",
    diagnosis: "hay-fever",
    past_diagnosis: "shingles",
    drug_allergy: ("aspirin-allergy", Some("aspirin-75")),
    other_allergy: "latex-allergy",
    operation: "knee-replacement",
    referrals: [
        ("referral-social-services", "Social services", 'R'),
        ("referral-breast-surgery", "Breast surgery", 'W'),
        ("referral-gynaecology", "Gynaecology", 'S'),
    ],
    admission: "asthma-admission",
    smoking: "never-smoked",
};

/// The woman of Z99005.
pub const WIGSTON_LANE: Theme = Theme {
    major: (
        "ischaemic-heart-disease",
        "aspirin-75",
        "One to be taken each day",
    ),
    minor: (
        "low-back-pain",
        "paracetamol-500",
        "Two to be taken up to four times a day",
    ),
    stopped: ("atenolol-100", "One to be taken each day"),
    past: "kidney-stone",
    diagnosis: "cataract",
    past_diagnosis: "acute-sinusitis",
    drug_allergy: ("ace-inhibitor-allergy", Some("ramipril-1")),
    other_allergy: "latex-allergy",
    operation: "coil-insertion",
    referrals: [
        ("referral-cardiothoracic", "Cardiothoracic surgery", 'S'),
        ("referral-activity", "Physical activity programme", 'R'),
        ("referral-urology", "Urology", 'U'),
    ],
    admission: "heart-failure-admission",
    smoking: "current-smoker",
};

/// Writes a record that fills every section.
pub fn write(d: &mut Diary, theme: &Theme) {
    background(d, theme);
    let (major, minor) = problems(d, theme);
    medicines(d, theme, major, minor);
    warnings(d, theme);
    operations(d, theme, minor);
    care::elderly(d, 4);
    let covid = d.ago(900);
    d.vaccine(covid, "covid-vaccination", Some("1"));
    laboratory(d, major);
    other_tests(d);
    events(d, theme, major);
    d.annotate();
}

/// Registration: what was known of earlier years, with dates as precise as memory.
fn background(d: &mut Diary, theme: &Theme) {
    let day = d.ago(5400);
    d.seen(
        day,
        2,
        "New patient check, history taken from her own account.",
    );
    let early = d.finding(day, "chest-infection");
    d.edit(early, |fact| {
        fact.when = When::Unknown;
        fact.ended = true;
    });
    let family = d.note(day, "fh-cardiovascular", Kind::FamilyHistory);
    d.text(family, "Father, heart attack at 58.");
    care::life_style(d, day, theme.smoking, 9);
    care::size(d, day, 164, 701);
    d.blood_pressure(day, 146, 92);
    d.leave();
}

fn problems(d: &mut Diary, theme: &Theme) -> (u32, u32) {
    let day = d.ago(3900);
    d.seen(
        day,
        0,
        "Third raised reading, discussed results and treatment.",
    );
    let major = d.problem(day, theme.major.0, true, None);
    d.text(major, "Agreed to start treatment, leaflet given.");
    d.blood_pressure(day, 158, 96);
    let day = d.ago(2600);
    d.seen(day, 3, "Results explained.");
    let minor = d.problem(day, theme.minor.0, false, None);
    let month = (day.year(), day.month());
    d.edit(minor, |fact| fact.when = When::Month(month.0, month.1));
    let start = d.ago(2900);
    d.seen(start, 1, "Seen after the scan.");
    let ended = d.ago(2300);
    let past = d.problem(start, theme.past, true, Some(ended));
    d.edit(past, |fact| {
        if let Some(problem) = &mut fact.problem {
            problem.ended = Some(When::Month(ended.year(), ended.month()));
        }
    });
    let day = d.ago(1900);
    d.seen(
        day,
        0,
        "Low since her mother died, time and support offered.",
    );
    // Ended, but nobody wrote down when.
    let brief = d.problem(day, "bereavement", false, Some(day));
    d.edit(brief, |fact| {
        if let Some(problem) = &mut fact.problem {
            problem.ended = None;
        }
    });
    let day = d.ago(1500);
    d.seen(day, 1, "Noted in passing.");
    let other = d.finding(day, theme.diagnosis);
    d.link(other, major);
    let day = d.ago(820);
    d.visit(
        day,
        3,
        Method::HomeVisit,
        "Too unwell to come, seen at home.",
    );
    let over = d.finding(day, theme.past_diagnosis);
    d.edit(over, |fact| fact.ended = true);
    d.leave();
    (major, minor)
}

fn medicines(d: &mut Diary, theme: &Theme, major: u32, minor: u32) {
    let monthly = |drug: &'static str, dosage, problem| {
        let inhaler = drug.ends_with("inhaler");
        Course {
            drug,
            dosage,
            quantity: if inhaler { 1 } else { 28 },
            unit: if inhaler { "inhaler" } else { "tablet" },
            days: 28,
            problem,
        }
    };
    let day = d.ago(700);
    d.repeat(
        day,
        monthly(theme.major.1, theme.major.2, Some(major)),
        None,
    );
    let day = d.ago(640);
    d.repeat(
        day,
        monthly(theme.minor.1, theme.minor.2, Some(minor)),
        None,
    );
    let (day, end) = (d.ago(1300), d.ago(710));
    d.repeat(
        day,
        monthly(theme.stopped.0, theme.stopped.1, Some(major)),
        Some((end, true)),
    );
    let (day, end) = (d.ago(1200), d.ago(1000));
    d.repeat(
        day,
        monthly("folic-acid-5", "One to be taken each week", None),
        Some((end, false)),
    );
    let day = d.ago(4);
    d.visit(
        day,
        1,
        Method::Telephone,
        "Cough with green sputum for a week, no allergy to doxycycline.",
    );
    let infection = d.finding(day, "chest-infection");
    d.text(infection, "To ring if breathless.");
    let course = Course {
        drug: "doxycycline-100",
        dosage: "Two on the first day then one each day",
        quantity: 8,
        unit: "capsule",
        days: 7,
        problem: None,
    };
    d.acute(day, course);
    let day = d.ago(430);
    d.seen(day, 0, "Dysuria, dipstick positive.");
    let infection = d.finding(day, "urinary-tract-infection");
    d.edit(infection, |fact| fact.ended = true);
    d.acute(
        day,
        Course {
            drug: "trimethoprim-100",
            dosage: "Two to be taken twice a day",
            quantity: 12,
            unit: "tablet",
            days: 3,
            problem: None,
        },
    );
    d.finding(day, "medication-review-with-patient");
    d.leave();
}

fn warnings(d: &mut Diary, theme: &Theme) {
    let day = d.ago(5395);
    d.seen(day, 2, "Warnings entered from the old notes.");
    let drug = d.allergy(day, theme.drug_allergy.0, true, theme.drug_allergy.1);
    d.edit(drug, |fact| fact.when = When::Year(1989));
    d.text(drug, "Rash on the trunk, she remembers.");
    let other = d.allergy(day, theme.other_allergy, false, None);
    d.text(other, "Swelling of lips.");
    let reaction = d.allergy(day, "drug-reaction", true, Some("codeine-30"));
    d.text(reaction, "Vomiting.");
    let live = d.note(day, "live-vaccine-contraindicated", Kind::Contraindication);
    d.text(live, "On advice of the clinic.");
    d.note(day, "hib-vaccine-contraindicated", Kind::Contraindication);
    let alert = d.note(day, "carer", Kind::Alert);
    d.text(alert, "Looks after her husband, ring before visiting.");
    d.leave();
}

fn operations(d: &mut Diary, theme: &Theme, problem: u32) {
    let day = d.ago(5390);
    d.seen(day, 2, "Operations entered from the old notes.");
    let operation = d.procedure(day, theme.operation);
    let year = d.ago(5800).year();
    d.edit(operation, |fact| fact.when = When::Year(year));
    d.text(operation, "At the county hospital.");
    let birth = d.procedure(day, "normal-delivery");
    let year = d.born.year() + 27;
    d.edit(birth, |fact| fact.when = When::Month(year, 6));
    d.leave();
    let day = d.ago(1100);
    let endoscopy = d.procedure(day, "upper-gi-endoscopy");
    d.link(endoscopy, problem);
    d.text(endoscopy, "Normal to second part of duodenum.");
}

fn laboratory(d: &mut Diary, major: u32) {
    for (days, haemoglobin, creatinine, filtration, total) in [
        (1460, 131, 71, 95, 61),
        (1095, 128, 74, 88, 57),
        (730, 126, 79, 81, 52),
        (365, 121, 84, 72, 48),
        (21, 109, 97, 58, 46),
    ] {
        let day = d.ago(days);
        d.seen(day, 4, "Bloods taken for the yearly review.");
        let count = care::blood_count(d, day, haemoglobin);
        d.link(count, major);
        d.text(count, "Normal, no action.");
        care::kidneys(d, day, creatinine, filtration);
        care::lipids(d, day, total);
        care::glycated(d, day, 38 + (1460 - days) / 300);
        let systolic = 134 + days / 90;
        d.blood_pressure(day, systolic, 78 + days / 200);
        d.leave();
    }
    let day = d.ago(20);
    let protein = d.report(
        day,
        "serum-crp",
        Class::Biochemistry,
        Some("Venous blood"),
        &[("serum-crp", "<5", "mg/L", Some(("0", "5")))],
    );
    d.text(protein, "Sample slightly haemolysed.");
    let day = d.ago(45);
    let tsh = care::thyroid(d, day, 612);
    d.text(tsh, "Raised, repeat in two months.");
    care::liver(d, day, 31);
    // One day outside "the previous 3 months" of the section of recent tests, and one just inside (R028).
    let months_ago = d.today.saturating_sub(3.months());
    let outside = d.measure(months_ago.saturating_sub(1.day()), "esr", "14", "mm/h");
    care::range(d, outside, "1", "20");
    let inside = d.measure(
        months_ago.saturating_add(1.day()),
        "vitamin-b12",
        "181",
        "ng/L",
    );
    care::range(d, inside, "197", "771");
    d.text(inside, "Low, discuss.");
}

fn other_tests(d: &mut Diary) {
    let day = d.ago(33);
    d.seen(day, 2, "Palpitations, tracing made.");
    let tracing = d.report(day, "ecg", Class::Ecg, None, &[]);
    d.worded(day, tracing, "ecg", "Sinus rhythm, rate 72, normal axis");
    d.text(tracing, "Looked at by Dr Peverell.");
    let day = d.ago(620);
    d.finding(day, "ecg-atrial-fibrillation");

    let day = d.ago(250);
    let film = d.report(day, "mammogram", Class::Imaging, None, &[]);
    d.text(film, "Recall in three years.");
    d.worded(day, film, "mammogram", "No sign of malignancy");
    d.finding(day, "mammogram-normal");
    let day = d.ago(60);
    let film = d.report(day, "xray-knee-abnormal", Class::Imaging, None, &[]);
    d.worded(
        day,
        film,
        "xray-knee-abnormal",
        "Narrowing of the medial joint space",
    );

    let day = d.ago(28);
    let urine = d.battery(
        day,
        ("midstream-urine", "microscopy-culture"),
        Class::Microbiology,
        Some("Midstream urine"),
        &[],
    );
    d.worded(
        day,
        urine,
        "urine-culture-other",
        "Escherichia coli, more than 100,000 per mL",
    );
    d.text(urine, "Telephoned to the patient.");
    let day = d.ago(900);
    let swab = d.report(
        day,
        "throat-swab",
        Class::Microbiology,
        Some("Throat swab"),
        &[],
    );
    d.worded(day, swab, "throat-swab", "No beta-haemolytic streptococci");

    for (days, words) in [
        (4200, "Negative, recall in three years"),
        (2900, "Negative, recall in five years"),
    ] {
        let day = d.ago(days);
        let smear = d.report(
            day,
            "cervical-cytology",
            Class::Cytology,
            Some("Cervix"),
            &[],
        );
        d.worded(day, smear, "smear-mild-inflammation", words);
        d.text(smear, "Result sent by post.");
    }
    let day = d.ago(2890);
    d.finding(day, "smear-repeat-60");

    let day = d.ago(70);
    d.seen(day, 4, "Health check.");
    care::size(d, day, 163, 742);
    d.measure(day, "peak-flow", "390", "L/min");
    let best = d.measure(day, "peak-flow-best", "420", "L/min");
    d.text(best, "Since last winter.");
    let blown = d.note(
        day,
        "spirometry",
        Kind::Report {
            class: Class::Physiology,
            specimen: None,
        },
    );
    d.worded(
        day,
        blown,
        "spirometry",
        "FEV1 2.1 L, FVC 2.9 L, normal pattern",
    );
    d.blood_pressure(day, 138, 82);
    d.finding(day, "alcohol-within-limits");
    care::dipstick(d, day);
    let ratio = d.measure(day, "urine-acr", "3.4", "mg/mmol");
    care::range(d, ratio, "0.0", "3.0");
    let urine = d.report(day, "urine-protein", Class::Urinalysis, Some("Urine"), &[]);
    d.worded(day, urine, "urine-protein-trace", "Trace");
    d.leave();

    let day = d.ago(160);
    let eyes = d.report(day, "fundoscopy", Class::Other, None, &[]);
    d.worded(day, eyes, "fundoscopy", "No retinopathy on either side");
    d.text(eyes, "Seen by the optometrist.");
    d.finding(day, "bowel-screening-normal");
}

fn events(d: &mut Diary, theme: &Theme, major: u32) {
    for (n, (code, speciality, urgency)) in theme.referrals.into_iter().enumerate() {
        let day = d.ago(140 + 210 * i64::try_from(n).unwrap_or(0));
        d.seen(day, 0, "Referral agreed and letter dictated.");
        let referral = d.referral(day, code, speciality, false, urgency);
        d.link(referral, major);
        d.text(referral, "Thank you for seeing this patient.");
    }
    let day = d.ago(205);
    d.visit(
        day,
        1,
        Method::HomeVisit,
        "Breathless at rest, ambulance called.",
    );
    let admission = d.referral(day, "admission-by-gp", "General medicine", true, 'U');
    d.text(admission, "Handed over to the medical registrar.");
    let coded = d.finding(day, theme.admission);
    d.text(coded, "By ambulance.");
    d.leave();
    let day = d.ago(199);
    let letter = d.note(day, "discharge-letter", Kind::Letter { discharge: true });
    d.text(letter, "Home on the fifth day, follow up in clinic.");
    let day = d.ago(120);
    let letter = d.note(day, "clinic-letter", Kind::Letter { discharge: false });
    d.text(letter, "Seen in clinic, discharged to the practice.");
    let day = d.ago(12);
    d.visit(day, 3, Method::Telephone, "Results given, feels well.");
    d.finding(day, "heart-sounds-normal");
    let pressure = d.blood_pressure(day, 134, 80);
    d.text(pressure, "Her own machine.");
    d.leave();
}
