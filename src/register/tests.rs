use jiff::civil::date;

use super::*;
use crate::sandbox::register::tests::{TODAY, sandbox_files, sandbox_register};

mod faults;
mod joining;

#[test]
fn the_hash_changes_with_every_file() {
    let hash = sandbox_register().hash;
    assert_eq!(hash.len(), 64);
    assert_eq!(hash, sandbox_register().hash);
    let changes: [fn(&mut RegisterFiles); 5] = [
        |files| files.agreement.insert(0, '\n'),
        |files| files.organisations.insert(0, '\n'),
        |files| files.users.insert(0, '\n'),
        |files| files.clients.insert(0, '\n'),
        |files| files.protocols.insert(0, '\n'),
    ];
    for change in changes {
        let mut files = sandbox_files();
        change(&mut files);
        assert_ne!(Register::read(&files, TODAY).unwrap().hash, hash);
    }
}

#[test]
fn a_missing_file_is_named() {
    let dir = std::env::temp_dir().join("openmig-no-such-register");
    let errors = Register::load(&dir, TODAY).unwrap_err().0;
    assert_eq!(errors.len(), 5);
    assert!(
        errors
            .iter()
            .all(|error| error.rule == "every file has to be there")
    );
}

// R150
#[test]
fn a_signature_counts_from_its_day_and_for_its_version() {
    let register = sandbox_register();
    let viewer = &register.organisations[&OdsCode("Z9O01".to_owned())];
    assert!(viewer.has_signed(&register.agreement, TODAY));
    assert!(!viewer.has_signed(&register.agreement, date(2020, 1, 1)));
    let newer = Agreement {
        versions: vec!["2.0".to_owned()],
        ..register.agreement.clone()
    };
    assert!(!viewer.has_signed(&newer, TODAY));
}

#[test]
fn a_replaced_register_is_seen_by_every_handle_but_not_by_a_decision_under_way() {
    let handle = RegisterHandle::new(sandbox_register());
    let other = handle.clone();
    let taken = handle.current();
    let mut next = sandbox_register();
    next.hash = "next".to_owned();
    other.replace(next);
    assert_eq!(handle.current().hash, "next");
    assert_ne!(taken.hash, "next");
}

// R154, R155, R156
#[test]
fn a_hold_touches_whom_it_names() {
    let code = |ods: &str| OdsCode(ods.to_owned());
    let (viewer, practice) = (code("Z9O01"), code("Z99001"));
    let touches = |holds: &Holds| holds.touches(&viewer, "clinician", Some(&practice));
    assert!(!touches(&Holds::default()));
    let mut holds = Holds::default();
    holds.pairs.insert((practice.clone(), viewer.clone()));
    assert!(touches(&holds));
    assert!(!holds.touches(&code("Z9H01"), "clinician", Some(&practice)));
    let mut holds = Holds::default();
    holds.users.insert("clinician".to_owned());
    assert!(touches(&holds));
    let mut holds = Holds::default();
    holds.organisations.insert(practice.clone());
    assert!(touches(&holds));
}

// R163: a lapsed assurance is warned of for the agreed days, then it blocks; one that is not enough never counts
#[test]
fn an_assurance_counts_with_its_days_of_grace_if_it_is_enough() {
    let mut register = sandbox_register();
    let rules = register.agreement.rules.clone();
    assert_eq!(rules.assurance_grace_days, 14);
    let viewer = register
        .organisations
        .get_mut(&OdsCode("Z9O01".to_owned()))
        .unwrap();
    viewer.assurance_until = Some(date(2026, 11, 10));
    assert_eq!(viewer.assured_until(&rules), Some(date(2026, 11, 24)));
    viewer.assurance.as_mut().unwrap().status = AssuranceStatus::ApproachingStandards;
    assert_eq!(viewer.assured_until(&rules), None);
    viewer.assurance = None;
    viewer.assurance_until = None;
    assert_eq!(viewer.assured_until(&rules), None);
}

// R162
#[test]
fn evidence_is_owed_until_it_is_shown_and_after_it_has_lapsed() {
    let mut register = sandbox_register();
    let rules = register.agreement.rules.clone();
    let viewer = register
        .organisations
        .get_mut(&OdsCode("Z9O01".to_owned()))
        .unwrap();
    assert!(viewer.owes(&rules, TODAY).is_empty());
    viewer.evidence[0].until = Some(date(2026, 11, 21));
    assert_eq!(viewer.owes(&rules, TODAY), ["training"]);
    viewer.evidence.clear();
    assert_eq!(viewer.owes(&rules, TODAY).len(), 2);
}

// R168: the first anniversary, then at least every two years, or sooner where that was said
#[test]
fn the_next_review_is_due_when_the_agreement_says() {
    let mut agreement = sandbox_register().agreement;
    agreement.review_due = None;
    let held = agreement.reviews.pop().unwrap();
    agreement.issued = Some(date(2025, 6, 1));
    assert_eq!(agreement.next_review(), Some(date(2026, 6, 1)));
    agreement.review_due = Some(date(2026, 3, 1));
    assert_eq!(agreement.next_review(), Some(date(2026, 3, 1)));
    agreement.reviews = vec![Review {
        date: date(2026, 5, 1),
        ..held
    }];
    assert_eq!(agreement.next_review(), Some(date(2028, 5, 1)));
    agreement.reviews[0].next = Some(date(2027, 1, 1));
    assert_eq!(agreement.next_review(), Some(date(2027, 1, 1)));
}

// R159: another group, and every signature stays
#[test]
fn a_change_of_group_leaves_signatures_valid() {
    let before = sandbox_register();
    let mut files = sandbox_files();
    files.agreement = files.agreement.replace(
        "group = \"Sandbox Oversight Group\"\n",
        "group = \"Integrated Care Board\"\n",
    );
    let after = Register::read(&files, TODAY).unwrap();
    assert_eq!(after.agreement.group, "Integrated Care Board");
    for (ods, organisation) in &after.organisations {
        assert_eq!(
            organisation.has_signed(&after.agreement, TODAY),
            before.organisations[ods].has_signed(&before.agreement, TODAY)
        );
    }
    assert!(
        after
            .agreement
            .is_governing_body("Sandbox Implementation Board")
    );
    assert!(!after.agreement.is_governing_body("Anybody"));
}

// R185
#[test]
fn an_override_has_a_lawful_basis_of_its_own() {
    let register = sandbox_register();
    let protocol = &register.protocols["out-of-hours-1"];
    let law = |purposes: &[&str]| {
        let purposes: Vec<String> = purposes.iter().map(|&purpose| purpose.to_owned()).collect();
        protocol.law_for(&purposes).article_6.clone()
    };
    assert_eq!(law(&["TREAT"]), "6(1)(e)");
    assert_eq!(law(&["BTG", "ETREAT"]), "6(1)(d)");
}

// R102, R163, R168, R152: valid, and yet somebody has to act
#[test]
fn what_needs_attention_is_told_before_it_lapses() {
    let texts = |register: &Register, today| -> Vec<String> {
        register
            .warnings(today)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let register = sandbox_register();
    let now = texts(&register, TODAY);
    for expected in [
        "users.toml: the training of `untrained` has lapsed on 2026-10-23 (R102)",
        "organisations.toml: Z9S01 is suspended since 2026-06-15 (R156)",
        // The trial of the sandbox, whose notice is over (R172).
        "protocols.toml: the protocol `trial-1` has lapsed on 2026-10-23 (R160)",
    ] {
        assert!(
            now.iter().any(|text| text == expected),
            "{expected}: {now:#?}"
        );
    }
    assert_eq!(now.len(), 3, "{now:#?}");
    let later = texts(&register, date(2027, 9, 20));
    for expected in [
        "agreement.toml: the review of the agreement was due on 2027-06-10 (R168)",
        "organisations.toml: the assurance of Z9O01 has lapsed on 2027-09-18; it may look until 2027-10-02 (R163)",
        "organisations.toml: the assurance of Z99001 has lapsed on 2027-09-18 (R163)",
    ] {
        assert!(
            later.iter().any(|text| text == expected),
            "{expected}: {later:#?}"
        );
    }
    let soon = texts(&register, date(2027, 8, 20));
    assert!(
        soon.iter()
            .any(|text| text.contains("the assurance of Z9O01 lapses on 2027-09-18"))
    );
    let joining = joining::on_the_way();
    assert!(texts(&joining, TODAY).iter().any(|text| {
        text.contains("Z9N01 wants to join and waits for the final approval of the group")
    }));
    assert!(
        texts(&joining, date(2026, 10, 1)).iter().any(
            |text| text.contains("Z9N01 wants to join and may be objected to until 2026-10-10")
        )
    );
}

#[test]
fn the_example_to_copy_is_valid() {
    let files = RegisterFiles {
        agreement: include_str!("../../docs/example/register/agreement.toml").to_owned(),
        organisations: include_str!("../../docs/example/register/organisations.toml").to_owned(),
        users: include_str!("../../docs/example/register/users.toml").to_owned(),
        clients: String::new(),
        protocols: include_str!("../../docs/example/register/protocols.toml").to_owned(),
        terms: Some(include_str!("../../docs/example/register/terms.toml").to_owned()),
    };
    let register = Register::read(&files, TODAY).unwrap();
    assert!(register.agreement.rules.changes_need_instruction);
    assert!(register.terms.is_some());
    assert_eq!(
        register.organisations[&OdsCode("Z9H01".to_owned())]
            .sites
            .len(),
        2
    );
}
