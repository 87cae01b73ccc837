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
            "organisations.toml",
            "kind = \"practice\"\nsource",
            "kind = \"practice\"\nenabled = true\nsource",
            "R004",
        ),
        (
            ORGANISATIONS,
            "kind = \"commissioner\"\n",
            "kind = \"commissioner\"\nenabled = true\n",
            "R005",
        ),
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
        (PROTOCOLS, "approval = \"", "approval = \"\" # \"", "R164"),
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
