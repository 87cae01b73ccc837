use jiff::civil::date;

use super::*;
use crate::sandbox::register::tests::{TODAY, sandbox_files, sandbox_register};

/// Reads the sandbox's register after replacing `from` (which must be there) by `to` in one file.
fn broken(file: &str, from: &str, to: &str) -> Vec<RegisterError> {
    let mut files = sandbox_files();
    let text = match file {
        AGREEMENT => &mut files.agreement,
        ORGANISATIONS => &mut files.organisations,
        USERS => &mut files.users,
        CLIENTS => &mut files.clients,
        _ => &mut files.protocols,
    };
    assert!(text.contains(from), "{file} has no {from:?}");
    *text = text.replacen(from, to, 1);
    Register::read(&files, TODAY)
        .err()
        .unwrap_or_else(|| panic!("{file}: {from:?} → {to:?} was accepted"))
        .0
}

#[test]
fn every_fault_is_named_with_its_file_line_and_rule() {
    let cases = [
        // R150
        (
            ORGANISATIONS,
            r#"agreement = "1.0""#,
            r#"agreement = "0.9""#,
            "R150",
        ),
        (
            ORGANISATIONS,
            r#"name = "Pat Example""#,
            r#"name = " ""#,
            "R150",
        ),
        (ORGANISATIONS, "date = 2025-", "date = 2027-", "R150"),
        // R004, R005
        (
            ORGANISATIONS,
            "kind = \"practice\"\nsource",
            "kind = \"practice\"\nenablement = [{ on = true, date = 2026-01-01, by = \"x\", how = \"y\" }]\nsource",
            "R004",
        ),
        (
            ORGANISATIONS,
            "kind = \"commissioner\"\n",
            "kind = \"commissioner\"\nenablement = [{ on = true, date = 2026-01-01, by = \"x\", how = \"y\" }]\n",
            "R005",
        ),
        (
            ORGANISATIONS,
            "by = \"Morgan Tate, practice manager\"",
            "by = \"\"",
            "R005",
        ),
        (
            ORGANISATIONS,
            "enablement = [{ on = true, date = 2025-",
            "enablement = [{ on = true, date = 2027-",
            "R005",
        ),
        (
            ORGANISATIONS,
            "enablement = [",
            "enablement = [{ on = false, date = 2026-01-01, by = \"x\", how = \"y\" }, ",
            "R005",
        ),
        // R183
        (
            ORGANISATIONS,
            "contacts = { dpo =",
            "contacts = { siro =",
            "R183",
        ),
        (
            ORGANISATIONS,
            "\"dpo@example.org\"",
            "\"nobody\"",
            "contact",
        ),
        // R150: in which office
        (
            ORGANISATIONS,
            "office = \"caldicott-guardian\"",
            "office = \"chief-executive\"",
            "R150",
        ),
        (
            ORGANISATIONS,
            "office = \"caldicott-guardian\"",
            "office = \"receptionist\"",
            "readable file",
        ),
        (
            ORGANISATIONS,
            "address = \"1 Example Street, Leicester\"",
            "address = \"\"",
            "R150",
        ),
        // R154, R156
        (
            ORGANISATIONS,
            "reason = \"A shared smartcard; assurance is awaited.\"",
            "reason = \" \"",
            "R156",
        ),
        (
            ORGANISATIONS,
            "suspended = {",
            "withdrawn = { since = 2030-01-01, by = \"x\", reason = \"y\" }\nsuspended = {",
            "R154",
        ),
        // R162, R163
        (
            ORGANISATIONS,
            "reference = \"IG training report\"",
            "reference = \"\"",
            "R162",
        ),
        (
            ORGANISATIONS,
            "submitted = 2026-09-18",
            "submitted = 2026-12-18",
            "R163",
        ),
        (
            ORGANISATIONS,
            "status = \"standards-met\"",
            "status = \"excellent\"",
            "readable file",
        ),
        // R165
        (
            ORGANISATIONS,
            "applies_exclusion_list = true",
            "declines = [{ protocol = \"nobodys\", date = 2026-01-01, by = \"x\" }]",
            "R165",
        ),
        (
            ORGANISATIONS,
            "kind = \"viewer\"\n",
            "kind = \"viewer\"\ndeclines = [{ protocol = \"out-of-hours-1\", date = 2026-01-01, by = \"x\" }]\n",
            "R165",
        ),
        // R101
        (
            ORGANISATIONS,
            "kind = \"viewer\"\n",
            "kind = \"viewer\"\ndemands_authenticated = true\n",
            "R101",
        ),
        (
            USERS,
            "sandbox-cis2 = \"990000000002\"",
            "sandbox-cis2 = \"990000000001\"",
            "R101",
        ),
        (
            USERS,
            "sandbox-cis2 = \"990000000002\"",
            "sandbox-cis2 = \"\"",
            "R101",
        ),
        (
            USERS,
            "\"990000100002\" = \"Z9H01\"",
            "\"990000100001\" = \"Z9H01\"",
            "R101",
        ),
        (
            USERS,
            "\"990000100002\" = \"Z9H01\"",
            "\"990000100002\" = \"Z9O01\"",
            "R101",
        ),
        // R158
        (
            ORGANISATIONS,
            "kind = \"viewer\"\n",
            "kind = \"viewer\"\nparent = \"Z9H01\"\n",
            "R158",
        ),
        (
            ORGANISATIONS,
            "kind = \"viewer\"\n",
            "kind = \"viewer\"\nsites = { Z9O01 = \"Walk-in\" }\n",
            "R158",
        ),
        (
            ORGANISATIONS,
            "kind = \"viewer\"\n",
            "kind = \"viewer\"\nsites = { Z9H02 = \"\" }\n",
            "R158",
        ),
        // R066
        (
            ORGANISATIONS,
            "kind = \"practice\"\nsource",
            "kind = \"practice\"\nig_office = { office = \"Z9C01\", since = 2026-01-01 }\nsource",
            "R066",
        ),
        // R159, R167, R168
        (
            AGREEMENT,
            "group = \"Sandbox Oversight Group\"",
            "group = \"\"",
            "R159",
        ),
        (
            AGREEMENT,
            "name = \"Sandbox Implementation Board\"",
            "name = \"Sandbox Oversight Group\"",
            "R159",
        ),
        (AGREEMENT, "security = \"Yes", "security = \"\" #", "R168"),
        (AGREEMENT, "audit_reports = ", "# ", "readable file"),
        (
            AGREEMENT,
            "by = \"Sandbox Oversight Group\"\nreference",
            "by = \"Sandbox Oversight Group\"\nnext = 2029-01-01\nreference",
            "R168",
        ),
        (AGREEMENT, "what = \"Enable", "what = \"\" # \"", "R167"),
        (AGREEMENT, "issued = 2025-", "issued = 2027-", "R168"),
        // R107
        (
            ORGANISATIONS,
            "kind = \"commissioner\"\n",
            "kind = \"commissioner\"\nqualified_roles = [\"gp\"]\n",
            "R107",
        ),
        (
            PROTOCOLS,
            "viewer = \"Z9O01\"",
            "viewer = \"Z9C01\"",
            "R107",
        ),
        (
            CLIENTS,
            "organisation = \"Z9H01\"",
            "organisation = \"Z9C01\"",
            "R107",
        ),
        // R161, R164, R160, R170
        (
            ORGANISATIONS,
            "kind = \"viewer\"\nsignature",
            "kind = \"viewer\"\n#",
            "R161",
        ),
        (
            PROTOCOLS,
            "reference = \"item 4\"",
            "reference = \" \"",
            "R164",
        ),
        (PROTOCOLS, "minutes = 2025-", "minutes = 2027-", "R164"),
        (PROTOCOLS, "approval = {", "#", "readable file"),
        (
            PROTOCOLS,
            "[\"Dr Farah Quill, LMC\", \"Robin Ashworth, DPO of the practices\"]",
            "[]",
            "R165",
        ),
        // R160: how and why; R185
        (PROTOCOLS, "why = \"To treat", "why = \"\" # \"", "R160"),
        (PROTOCOLS, "how = \"Viewed", "how = \"\" # \"", "R160"),
        (PROTOCOLS, "\"6(1)(e)\"", "\"consent\"", "R185"),
        (PROTOCOLS, "\"9(2)(c)\"", "\"9(2)\"", "R185"),
        (
            PROTOCOLS,
            "confidentiality = \"explicit consent at the point of care\"",
            "confidentiality = \"\"",
            "R185",
        ),
        (PROTOCOLS, "law = {", "# {", "readable file"),
        (
            PROTOCOLS,
            "purposes = [\"TREAT\", ",
            "purposes = [\"HRESCH\", ",
            "R170",
        ),
        (
            PROTOCOLS,
            "valid_from = 2025-11-22",
            "valid_from = 2035-11-22",
            "R160",
        ),
        (PROTOCOLS, "gp = [", "gp = [] # [", "R160"),
        // R020, R100
        (PROTOCOLS, "\"patient-details\"", "\"whole-record\"", "R020"),
        (PROTOCOLS, "nurse = [", "receptionist = [", "R100"),
        (
            ORGANISATIONS,
            "[\"consultant\", \"nurse\"]",
            "[\"consultant\", \"receptionist\"]",
            "R100",
        ),
        (USERS, "role = \"gp\"", "role = \"shaman\"", "R100"),
        // R101, R103
        (
            USERS,
            "organisations = [\"Z9O01\"]",
            "organisations = []",
            "R101",
        ),
        (USERS, "date = 2026-09-23", "date = 2026-11-23", "R103"),
        // references and ids
        (USERS, "\"Z9O01\"", "\"Z9X99\"", "known organisation"),
        (
            PROTOCOLS,
            "viewer = \"Z9H01\"",
            "viewer = \"Z9X99\"",
            "known organisation",
        ),
        (USERS, "\"hospital-nurse\"", "\"clinician\"", "unique id"),
        (ORGANISATIONS, "\"Z99002\"", "\"Z99001\"", "unique id"),
        (
            PROTOCOLS,
            "\"university-hospitals-1\"",
            "\"out-of-hours-1\"",
            "unique id",
        ),
        (CLIENTS, "\"sandbox-web\"", "\"sandbox-spa\"", "unique id"),
        (
            ORGANISATIONS,
            "ods = \"Z99001\"",
            "ods = \"z99001\"",
            "ODS code",
        ),
        // sources
        (
            ORGANISATIONS,
            "source = { family = \"emis\"",
            "# { family",
            "practice and source",
        ),
        (
            ORGANISATIONS,
            "kind = \"viewer\"\n",
            "kind = \"viewer\"\nsource = { family = \"emis\", endpoint = \"https://x.example/\" }\n",
            "practice and source",
        ),
        (
            ORGANISATIONS,
            "tcp://127.0.0.1:8092",
            "tcp://127.0.0.1",
            "source endpoint",
        ),
        // clients
        (
            CLIENTS,
            "public = true",
            "public = false",
            "client authentication",
        ),
        (
            CLIENTS,
            "public = true",
            "public = true, jwks_url = \"https://x.example/\"",
            "client authentication",
        ),
        (CLIENTS, ", local = true", "", "client authentication"),
        (
            CLIENTS,
            "\"kty\":",
            "\"d\":\"secret\",\"kty\":",
            "client authentication",
        ),
        (
            CLIENTS,
            "http://127.0.0.1:9310/app.html",
            "http://app.example/app.html",
            "redirect URIs",
        ),
        (
            CLIENTS,
            "http://127.0.0.1:9310/app.html",
            "https://app.example/#x",
            "redirect URIs",
        ),
        (
            CLIENTS,
            "named_clinician = true",
            "named_clinician = true\nredirect_uris = [\"https://x.example/\"]",
            "redirect URIs",
        ),
        (
            CLIENTS,
            "audit_of = \"Z99001\"",
            "audit_of = \"Z99002\"",
            "R121",
        ),
        // files
        (AGREEMENT, "versions = [\"1.0\"]", "versions = []", "R150"),
        (USERS, "[[user]]", "[[user]", "readable file"),
        (
            ORGANISATIONS,
            "assurance_until = 2027-09-18",
            "assurance_until = \"soon\"",
            "readable file",
        ),
    ];
    for (file, from, to, rule) in cases {
        let errors = broken(file, from, to);
        assert!(
            errors.iter().any(|error| error.rule == rule),
            "{file}: {from:?} → {to:?}: expected {rule}, got {errors:#?}"
        );
    }
}

#[test]
fn the_line_is_that_of_the_entry() {
    let errors = broken(USERS, "role = \"nurse\"", "role = \"shaman\"");
    let files = sandbox_files();
    let entry = files.users.find("\"hospital-nurse\"").unwrap();
    let line = files.users[..entry].lines().count() - 1;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].file, USERS);
    assert_eq!(errors[0].line, Some(line));
    let said = RegisterErrors(errors).to_string();
    assert!(said.contains(&format!("users.toml:{line}: ")), "{said}");
    assert!(said.contains("(R100)"), "{said}");
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let errors = broken(USERS, "role = \"gp\"", "role = \"gp\"\nsuspended = true");
    assert_eq!(errors[0].rule, "readable file");
    assert!(errors[0].message.contains("suspended"));
    assert!(errors[0].line.is_some());
}

#[test]
fn all_faults_are_reported_together() {
    let mut files = sandbox_files();
    files.users = files.users.replace("role = \"gp\"", "role = \"shaman\"");
    files.protocols = files.protocols.replace("\"summary\"", "\"everything\"");
    let errors = Register::read(&files, TODAY).unwrap_err().0;
    assert!(errors.iter().filter(|error| error.file == USERS).count() >= 3);
    assert!(errors.iter().any(|error| error.file == PROTOCOLS));
}

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
    assert!(errors.iter().all(|error| error.rule == "file is there"));
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

/// A viewer that asks to join, at the stage that `more` says.
fn joiner(more: &str) -> RegisterFiles {
    let mut files = sandbox_files();
    files.organisations.push_str(&format!(
        r#"
[[organisation]]
ods = "Z9N01"
name = "New Ambulance Service"
kind = "viewer"
signature = {{ agreement = "1.0", name = "Jo Example", title = "Medical Director", office = "executive", organisation = "New Ambulance Service", address = "2 Example Street, Leicester", date = 2026-10-20 }}
qualified_roles = ["gp"]
{more}
"#
    ));
    files
}

const FIRST: &str = r#"first_approval = { by = "Practices' data controller group", minutes = 2026-09-01, reference = "item 2", representatives = ["Dr Quill"] }"#;
const LAST: &str = r#"final_approval = { by = "Sandbox Oversight Group", minutes = 2026-10-15, reference = "item 5", representatives = ["Dr Quill"] }"#;
const TOLD: &str = r#"notified = 2026-09-03
objections_until = 2026-10-10
notices = ["Z99001", "Z99002", "Z99003", "Z99005", "Z99006", "Z9H01", "Z9O01", "Z9S01"]"#;

fn joining(lines: &[&str]) -> String {
    format!(
        "[organisation.joining]\napplied = 2026-08-01\n{}",
        lines.join("\n")
    )
}

// R152, R153: both approvals, every party told, the window over, no objection left
#[test]
fn a_new_organisation_is_admitted_by_the_whole_procedure_and_by_nothing_less() {
    let new = OdsCode("Z9N01".to_owned());
    let whole = Register::read(&joiner(&joining(&[TOLD, FIRST, LAST])), TODAY).unwrap();
    assert!(whole.organisations[&new].is_admitted());
    assert!(whole.organisations[&new].has_signed(&whole.agreement, TODAY));
    // On the way: valid, and not admitted.
    for lines in [vec![], vec![FIRST], vec![TOLD, FIRST]] {
        let on_the_way = Register::read(&joiner(&joining(&lines)), TODAY).unwrap();
        assert!(!on_the_way.organisations[&new].is_admitted(), "{lines:?}");
    }
    let unresolved =
        r#"objections = [{ by = "Z99002", date = 2026-09-20, reason = "Which staff?" }]"#;
    let resolved = r#"objections = [{ by = "Z99002", date = 2026-09-20, reason = "Which staff?", resolved = 2026-10-01, resolution = "Paramedics only." }]"#;
    assert!(Register::read(&joiner(&joining(&[TOLD, resolved, FIRST, LAST])), TODAY).is_ok());
    let short = TOLD.replace("2026-10-10", "2026-09-20");
    let late = TOLD.replace("2026-10-10", "2026-10-15");
    let one_less = TOLD.replace(r#""Z99002", "#, "");
    for (what, lines, rule) in [
        ("no procedure at all", None, "R152"),
        ("no first approval", Some(vec![TOLD, LAST]), "R152"),
        ("nobody told", Some(vec![FIRST, LAST]), "R153"),
        ("one not told", Some(vec![&one_less, FIRST, LAST]), "R153"),
        ("window too short", Some(vec![&short, FIRST, LAST]), "R153"),
        (
            "approved within the window",
            Some(vec![&late, FIRST, LAST]),
            "R153",
        ),
        (
            "an objection stands",
            Some(vec![TOLD, unresolved, FIRST, LAST]),
            "R153",
        ),
    ] {
        let more = lines.map(|lines| joining(&lines)).unwrap_or_default();
        let errors = Register::read(&joiner(&more), TODAY).expect_err(what).0;
        assert!(
            errors.iter().any(|error| error.rule == rule),
            "{what}: {errors:#?}"
        );
        assert!(
            errors
                .iter()
                .all(|error| error.file == ORGANISATIONS && error.line.is_some())
        );
    }
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
    ] {
        assert!(
            now.iter().any(|text| text == expected),
            "{expected}: {now:#?}"
        );
    }
    assert_eq!(now.len(), 2, "{now:#?}");
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
    let joining = Register::read(&joiner(&joining(&[TOLD, FIRST])), TODAY).unwrap();
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
    };
    let register = Register::read(&files, TODAY).unwrap();
    assert!(register.agreement.rules.changes_need_instruction);
    assert_eq!(
        register.organisations[&OdsCode("Z9H01".to_owned())]
            .sites
            .len(),
        2
    );
}
