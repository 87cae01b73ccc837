//! Files that are not valid as a whole: each fault is named with its file, its line and its rule.

use super::super::*;
use crate::sandbox::register::tests::{TODAY, sandbox_files};

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
        // R105
        (
            ORGANISATIONS,
            "kind = \"practice\"\n",
            "kind = \"practice\"\nrelationship = \"claim\"\n",
            "R105",
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
            "sites = { Z9H01A = ",
            "sites = { Z9O01 = ",
            "R158",
        ),
        (
            ORGANISATIONS,
            "sites = { Z9H01A = \"Sandbox General Hospital\"",
            "sites = { Z9H01A = \"\"",
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
        // R177
        (
            PROTOCOLS,
            "research-clinician = [\"problems\", \"medication\"]",
            "research-clinician = [\"summary\", \"patient-details\", \"problems\", \"diagnosis\", \"medication\", \
             \"risks-and-warnings\", \"procedures\", \"investigations\", \"examinations\", \"events\"]",
            "R177",
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

// One fault is told once, however many rules find it; a folder that is not there is said to be none
#[test]
fn faults_are_told_once_and_in_words() {
    let twice = broken(
        CLIENTS,
        "organisation = \"Z9O01\"",
        "organisation = \"Z9X99\"",
    );
    let unknown: Vec<_> = twice
        .iter()
        .filter(|error| error.message.contains("Z9X99"))
        .map(|error| (error.line, &error.message))
        .collect();
    let once: std::collections::BTreeSet<_> = unknown.iter().collect();
    assert_eq!(unknown.len(), once.len(), "{unknown:?}");
    let errors = Register::load(std::path::Path::new("no-such-folder"), TODAY).unwrap_err();
    assert!(
        errors
            .to_string()
            .contains("agreement.toml: there is no folder no-such-folder"),
        "{errors}"
    );
}
