//! Private entries of every kind and a private contact, among ordinary ones (R043).

use super::care;
use super::diary::{Course, Diary};
use crate::sandbox::story::{Class, Kind, Method};

/// Writes the record.
pub fn write(d: &mut Diary) {
    ordinary(d);
    every_kind(d);
    let day = d.ago(75);
    d.seen(day, 3, "Asked that nobody else should read of this visit.");
    d.private_contact();
    // Private by their contact alone.
    d.finding(day, "insomnia");
    d.blood_pressure(day, 152, 94);
    d.acute(
        day,
        tablets("zopiclone-3", "One at night when needed", 7, None),
    );
    d.leave();
    let day = d.ago(9);
    d.visit(day, 1, Method::Telephone, "Feels better, back at work.");
    d.finding(day, "fit-note");
    d.leave();
}

fn tablets(
    drug: &'static str,
    dosage: &'static str,
    days: u32,
    problem: Option<u32>,
) -> Course<'static> {
    Course {
        drug,
        dosage,
        quantity: days,
        unit: "tablet",
        days,
        problem,
    }
}

fn ordinary(d: &mut Diary) {
    let day = d.ago(4100);
    d.seen(day, 2, "New patient check.");
    care::life_style(d, day, "ex-smoker", 12);
    care::size(d, day, 181, 893);
    d.note(day, "fh-hay-fever", Kind::FamilyHistory);
    d.allergy(day, "latex-allergy", false, None);
    let day = d.ago(1400);
    d.seen(day, 0, "Home readings high as well.");
    let pressure = d.problem(day, "hypertension", true, None);
    d.blood_pressure(day, 156, 98);
    d.leave();
    let since = d.ago(1395);
    let daily = tablets(
        "losartan-50",
        "One to be taken each day",
        28,
        Some(pressure),
    );
    d.repeat(since, daily, None);
    for days in [1200, 830, 460, 50] {
        let day = d.ago(days);
        d.seen(day, 4, "Yearly check.");
        care::kidneys(d, day, 82, 88);
        care::lipids(d, day, 49);
        d.blood_pressure(day, 134 + days / 100, 82);
        d.leave();
    }
    care::elderly(d, 2);
    let day = d.ago(400);
    d.vaccine(day, "covid-vaccination", None);
    d.note(day, "clinic-letter", Kind::Letter { discharge: false });
    d.note(day, "carer", Kind::Alert);
    d.referral(day, "referral-back-pain", "Orthopaedics", false, 'R');
    d.procedure(day, "upper-gi-endoscopy");
}

/// One private entry of every kind.
fn every_kind(d: &mut Diary) {
    let day = d.ago(600);
    d.seen(day, 1, "Low and anxious after separation.");
    let problem = d.problem(day, "depression", true, None);
    let past = d.problem(day, "anxiety", false, Some(day));
    let finding = d.finding(day, "alcohol-above-limits");
    d.text(finding, "Would rather his employer did not know.");
    let measured = d.measure(day, "alcohol-units", "42", "U/week");
    let procedure = d.procedure(day, "cbt");
    let family = d.note(day, "fh-cardiovascular", Kind::FamilyHistory);
    let alert = d.note(day, "lives-alone", Kind::Alert);
    let referral = d.referral(day, "referral-urology", "Urology", false, 'R');
    let admission = d.referral(day, "emergency-admission", "General medicine", true, 'U');
    let allergy = d.allergy(day, "drug-reaction", true, Some("citalopram-20"));
    let contra = d.note(day, "live-vaccine-contraindicated", Kind::Contraindication);
    let vaccine = d.vaccine(day, "bcg-vaccination", None);
    let letter = d.note(day, "clinic-letter", Kind::Letter { discharge: false });
    let discharge = d.note(day, "discharge-letter", Kind::Letter { discharge: true });
    d.leave();
    for key in [
        problem, past, finding, measured, procedure, family, alert, referral, admission, allergy,
        contra, vaccine, letter, discharge,
    ] {
        d.hide(key);
    }
    // Medicines: a current repeat, a past acute one, each with its issues.
    let day = d.ago(590);
    let repeat = d.repeat(
        day,
        tablets("fluoxetine-20", "One each morning", 28, Some(problem)),
        None,
    );
    let acute = d.acute(
        day,
        tablets("propranolol-10", "One when needed", 14, Some(past)),
    );
    d.hide(repeat);
    d.hide(acute);
    d.hide_issues();
    // A private report takes its results along, and a private result does not take its report.
    let day = d.ago(40);
    let report = care::liver(d, day, 88);
    d.hide(report);
    let visible = d.report(
        day,
        "midstream-urine",
        Class::Microbiology,
        Some("Midstream urine"),
        &[],
    );
    let result = d.worded(day, visible, "urine-culture-other", "Mixed growth");
    d.hide(result);
    let battery = d.battery(
        day,
        ("full-blood-count", "full-blood-count"),
        Class::Haematology,
        Some("Venous blood"),
        &[("haemoglobin", "151", "g/L", Some(("130", "180")))],
    );
    d.hide(battery + 1);
    // One half of a blood pressure.
    let pressure = d.blood_pressure(day, 141, 87);
    d.hide(pressure + 1);
}
