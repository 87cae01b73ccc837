use proptest::prelude::*;

use super::*;
use crate::tabs::catalogue::TABS;

fn grant(asked: &str, tabs: TabSet) -> String {
    ScopeRequest::parse(asked)
        .unwrap()
        .grant(&Allowance::clinician(tabs))
        .to_string()
}

// R111
#[test]
fn wildcards_are_refused_but_for_all_system_reads() {
    for refused in [
        "*/*",
        "*/*.rs",
        "user/*.*",
        "user/*.rs",
        "patient/*.read",
        "system/*.*",
        "system/*.cruds",
        "system/*",
        "system/*.write",
        "system/*.rs?category=x",
        "*/Patient.rs",
        "system/Patient.rs user/*.*",
    ] {
        assert_eq!(
            ScopeRequest::parse(refused),
            Err(ScopeError::Wildcard),
            "{refused}"
        );
    }
    let listed = grant("system/*.rs", TabSet::ALL);
    assert!(!listed.contains('*'));
    assert_eq!(listed.split(' ').count(), KINDS.len() + 1);
    assert!(
        listed.starts_with("system/AllergyIntolerance.rs system/Condition.rs system/Consent.rs")
    );
    assert!(!listed.contains("AuditEvent"));
    assert_eq!(
        grant("system/*.read", TabSet::NONE),
        "system/Consent.read system/List.read system/Organization.read system/Patient.read \
         system/Practitioner.read system/Specimen.read"
    );
}

// R033, R034: the nurse's three tabs
#[test]
fn only_types_of_the_allowed_tabs_are_granted() {
    let tabs: TabSet = [Tab::Summary, Tab::Medication, Tab::RisksAndWarnings]
        .into_iter()
        .collect();
    let granted = grant("system/*.rs", tabs);
    for no in ["Encounter", "Immunization", "Procedure", "ServiceRequest"] {
        assert!(!granted.contains(no), "{no}");
    }
    assert!(granted.contains("system/MedicationStatement.rs"));
    assert_eq!(
        grant("user/Encounter.rs user/Patient.r", tabs),
        "user/Patient.r"
    );
    for kind in KINDS {
        assert!(
            ScopeSet::parse_granted(&grant("system/*.rs", TabSet::ALL)).allows_read(kind),
            "{} is in no tab",
            kind.name()
        );
    }
}

#[test]
fn the_spelling_asked_is_kept_and_writing_is_cut_off() {
    let all = TabSet::ALL;
    for (asked, granted) in [
        ("patient/Observation.read", "patient/Observation.read"),
        ("patient/Observation.*", "patient/Observation.read"),
        ("patient/Observation.write", ""),
        ("patient/Observation.cruds", "patient/Observation.rs"),
        ("patient/Observation.cud", ""),
        ("system/Observation.r", "system/Observation.r"),
        ("system/Observation.s", "system/Observation.s"),
        // misordered, unknown, empty: ignored, and visibly absent
        ("system/Observation.sr", ""),
        ("system/Observation.dus", ""),
        ("system/Observation.", ""),
        ("system/Observation", ""),
        ("system/Nonsense.rs", ""),
        ("system/*.sr", ""),
        ("openid fhirUser launch/patient offline_access", ""),
        ("system/AuditEvent.rs", ""),
        (
            "system/Observation.cruds?category=laboratory",
            "system/Observation.rs?category=laboratory",
        ),
        ("system/Observation.rs?category:not=laboratory", ""),
        ("system/Observation.rs?_filter=code", ""),
        ("system/Observation.rs?patient.name=x", ""),
        ("system/Observation.rs?category=", ""),
        ("system/Observation.rs?", ""),
        ("system/Observation.read?category=laboratory", ""),
        ("system/Patient.rs  system/Patient.rs", "system/Patient.rs"),
    ] {
        assert_eq!(grant(asked, all), granted, "{asked}");
    }
    assert_eq!(
        ScopeRequest::parse("system/Patient.rs\u{e9}"),
        Err(ScopeError::Malformed)
    );
    assert_eq!(
        ScopeRequest::parse("system/Patient.rs\tx"),
        Err(ScopeError::Malformed)
    );
}

#[test]
fn r_alone_does_not_search_and_s_alone_does_not_read() {
    let set = ScopeSet::parse_granted("system/Observation.r system/Condition.s");
    assert!(set.allows_read(Kind::Observation) && !set.allows_search(Kind::Observation));
    assert!(!set.allows_read(Kind::Condition) && set.allows_search(Kind::Condition));
    assert!(!set.allows_read(ScopeType::Consent));
}

// Found by fuzzing: no star in what is granted, wherever it stands
#[test]
fn a_granular_scope_holds_no_star() {
    let asked = "system/Condition.rs?category=problem-lsystem/*is.t-rsi";
    assert!(ScopeSet::parse_granted(asked).is_empty());
}

// AC-35
#[test]
fn granular_scopes_admit_what_they_name_and_add_up() {
    let oc = "http://terminology.hl7.org/CodeSystem/observation-category";
    let set = ScopeSet::parse_granted(&format!(
        "system/Observation.rs?category={oc}|laboratory system/Observation.r?code=http://loinc.org|85354-9,271649006&category=vital-signs"
    ));
    let read = set.reach(Kind::Observation, Interaction::Read);
    let search = set.reach(Kind::Observation, Interaction::Search);
    let lab = [(Some(oc), "laboratory")];
    let vitals = [(Some(oc), "vital-signs")];
    assert!(read.admits(&lab, &[]) && search.admits(&lab, &[]));
    assert!(!read.admits(&[(Some("urn:other"), "laboratory")], &[]));
    assert!(!read.admits(&[(None, "laboratory")], &[]));
    // the second scope: any of the codes AND the category; for reading only
    assert!(read.admits(&vitals, &[(None, "271649006")]));
    assert!(read.admits(&vitals, &[(Some("http://loinc.org"), "85354-9")]));
    assert!(!read.admits(&vitals, &[(Some("urn:other"), "85354-9")]));
    assert!(!read.admits(&[], &[(None, "271649006")]));
    assert!(!search.admits(&vitals, &[(None, "271649006")]));
    // one whole-type scope makes the union everything
    let whole = ScopeSet::parse_granted("system/Observation.rs?category=x user/Observation.rs");
    assert_eq!(
        whole.reach(Kind::Observation, Interaction::Search),
        Reach::Everything
    );
    // `|code` has no system; `system|` any code of it; percent-encoding and FHIR escapes are read
    let odd = ScopeSet::parse_granted("system/Observation.rs?code=%7Ca%5C,b,urn:s%7C");
    let odd = odd.reach(Kind::Observation, Interaction::Read);
    assert!(odd.admits(&[], &[(None, "a,b")]));
    assert!(!odd.admits(&[], &[(Some("urn:t"), "a,b")]));
    assert!(odd.admits(&[], &[(Some("urn:s"), "whatever")]));
}

#[test]
fn an_audit_client_gets_the_trail_and_nothing_else() {
    let asked = ScopeRequest::parse("system/*.rs system/Patient.rs user/AuditEvent.rs").unwrap();
    assert_eq!(
        asked.grant(&Allowance::audit()).to_string(),
        "system/AuditEvent.rs"
    );
}

fn a_scope() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["patient", "user", "system"]);
    let kind = prop::sample::select(
        KINDS
            .iter()
            .map(|kind| kind.name())
            .chain(["Consent", "AuditEvent", "Nonsense"])
            .collect::<Vec<_>>(),
    );
    let suffix = prop::sample::select(vec![
        "rs", "r", "s", "cruds", "read", "*", "write", "crs", "sr", "",
    ]);
    let params = prop::sample::select(vec![
        "",
        "?category=laboratory",
        "?code=urn:s|a,b",
        "?category=a&category=b",
        "?_filter=x",
    ]);
    (level, kind, suffix, params).prop_map(|(l, k, s, p)| format!("{l}/{k}.{s}{p}"))
}

proptest! {
    // what is printed is read back as the same set
    #[test]
    fn granted_sets_round_trip(asked in prop::collection::vec(a_scope(), 0..8), all: bool, bits: u16) {
        let asked = asked.join(" ") + if all { " system/*.rs" } else { "" };
        let set = ScopeRequest::parse(&asked).unwrap().grant(&Allowance::clinician(TabSet::from_bits(bits)));
        prop_assert_eq!(ScopeSet::parse_granted(&set.to_string()), set);
    }

    // a grant never admits what was not asked or is not allowed; more tabs never mean less
    #[test]
    fn intersection_never_grows(
        asked in prop::collection::vec(a_scope(), 0..8),
        bits: u16,
        more: u16,
        category in prop::sample::select(vec!["laboratory", "a", "b"]),
        code in prop::sample::select(vec!["a", "b", "c"]),
    ) {
        let text = asked.join(" ");
        let request = ScopeRequest::parse(&text).unwrap();
        let tabs = TabSet::from_bits(bits);
        let allowance = Allowance::clinician(tabs);
        let granted = request.grant(&allowance);
        let wider = request.grant(&Allowance::clinician(TabSet::from_bits(bits | more)));
        let asked = ScopeSet::parse_granted(&text);
        for kind in KINDS {
            for interaction in [Interaction::Read, Interaction::Search] {
                let (categories, codes) = ([(None, category)], [(Some("urn:s"), code)]);
                let admits = |set: &ScopeSet| set.reach(kind, interaction).admits(&categories, &codes);
                if admits(&granted) {
                    prop_assert!(admits(&asked) && admits(&wider));
                    prop_assert!(allowance.types().contains(&kind.into()));
                }
            }
        }
    }

    // fuzz: any text is read or refused, never a panic, and never a wildcard granted
    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|[ /.*?=&|,%\\\\]){0,80}") {
        if let Ok(request) = ScopeRequest::parse(&text) {
            let granted = request.grant(&Allowance::clinician(TABS.into_iter().collect())).to_string();
            let paths = granted.split(' ').filter_map(|scope| scope.split('?').next()).collect::<String>();
            prop_assert!(!paths.contains('*'));
        }
    }
}
