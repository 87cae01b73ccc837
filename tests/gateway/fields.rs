//! Every field of the record model has its row in `docs/mapping.md`: where it goes in FHIR, or that it is lost and why.

use std::collections::BTreeSet;

use openmig::record::*;

/// The fields of a struct as `Struct.field`. The pattern is exhaustive: a new field does not compile until it is here.
macro_rules! fields {
    ($($name:ident { $($field:ident),* })*) => {{
        let mut all: BTreeSet<String> = BTreeSet::new();
        $(
            let _ = |$name { $($field: _),* }: $name| {};
            $(all.insert(concat!(stringify!($name), ".", stringify!($field)).to_owned());)*
        )*
        all
    }};
}

fn all() -> BTreeSet<String> {
    fields! {
        GpRecord { family, practice, patient, standing, staff, organisations, encounters, entries, missing, losses }
        PatientDetails {
            nhs_number, title, forenames, surname, birth_date, death_date, sex, address, usual_gp, registered_gp, organisation
        }
        Address { lines, town, county, postcode }
        Standing { registration, since, sharing, restricted }
        Staff { id, name, role, gmc }
        Organisation { id, name, ods }
        Encounter {
            id, date, recorded, clinician, organisation, method, location_type, duration_minutes, complete, only_holds, implied,
            restrictions
        }
        Entry {
            id, path, code, date, recorded, clinician, recorder, organisation, encounter, parent, problem, linked_problems,
            restrictions, category, episodicity, qualifiers, body
        }
        Problem { id, status, significance, end, expected_days, parent }
        Observation { value, ranges, abnormal, group, status, group_key }
        Quantity { comparator, value, unit }
        Range { low, high, text }
        Medication {
            course, status, dosage, quantity_text, quantity, issue_days, start, end, stopped, review, last_issue, issues_made,
            issues_authorised, private, elsewhere, is_own_issue
        }
        Issue { course, dosage, quantity_text, quantity, days, method, cancelled, private }
        Allergy { to_drug, substance, end, reaction }
        Immunisation { product, part, batch, expiry, dose, site, manufacturer, not_given }
        Report { kind, issued, collected, lab_id, verdict, specimens }
        Specimen { id, kind, collected, received, lab_id, members }
        Referral { speciality, request, admission, urgency, inbound, mode, ubrn, to, to_person, from, status }
        Document { discharge, inbound }
        Alert { expires, severity }
        Loss { path, native_id, code, reason }
        Coding { system, code, display, user_selected }
        Coded { text, codings }
    }
}

// S2 5.4.1.1, R204: a reader can look up what became of any field
#[test]
fn every_field_of_the_record_has_its_row() {
    let page = include_str!("../../docs/mapping.md");
    let (_, table) = page.split_once("## Field by field").expect("the table");
    let table = table.split("\n## ").next().unwrap_or_default();
    let mut rows: BTreeSet<String> = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [fields, goes] = cells.as_slice() else {
            panic!("not two cells: {row}");
        };
        assert!(goes.trim_end_matches(" |").len() > 3, "says nothing: {row}");
        let mut of = "";
        for name in fields.split('`').skip(1).step_by(2) {
            let full = match name.split_once('.') {
                Some((of_this, _)) => {
                    of = of_this;
                    name.to_owned()
                }
                None => format!("{of}.{name}"),
            };
            assert!(rows.insert(full), "twice: {name}");
        }
    }
    let all = all();
    let missing: Vec<&String> = all.difference(&rows).collect();
    assert!(missing.is_empty(), "no row in docs/mapping.md: {missing:?}");
    let strange: Vec<&String> = rows.difference(&all).collect();
    assert!(strange.is_empty(), "no such field: {strange:?}");
}
