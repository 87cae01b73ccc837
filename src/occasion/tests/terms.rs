use super::*;
use crate::occasion::facts::day_of;

fn accepted(bench: &Bench, text: [u8; 32], version: &str) -> AcceptanceRow {
    AcceptanceRow {
        username: "hospital-doctor".to_owned(),
        version: version.to_owned(),
        text_sha256: text,
        at: bench.now(),
        client: "sandbox-web".to_owned(),
        organisation: OdsCode("Z9H01".to_owned()),
    }
}

/// The register says nothing of an acceptance by the clinician.
fn unread(bench: &Bench) -> [u8; 32] {
    let mut register = sandbox_register();
    register
        .users
        .get_mut("hospital-doctor")
        .unwrap()
        .terms_accepted = None;
    let digest = register.terms.as_ref().unwrap().digest();
    bench.register.replace(register);
    digest
}

// R102, R103: what was accepted on the page counts where the register has nothing, for opening and for every read
#[test]
fn an_acceptance_in_the_store_counts_like_one_in_the_register() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    // The store is not asked where the register has it.
    assert!(!bench.calls().contains(&"accepted".to_owned()));
    let digest = unread(&bench);
    assert_eq!(
        bench.occasions.check(&open.id, bench.now()).unwrap_err(),
        ReadRefusal::Rule(Rule::TermsAccepted)
    );
    assert_eq!(reason(bench.open(ask()).unwrap_err()), "terms-not-accepted");
    // Another text, another version.
    for (text, version) in [([1; 32], "1"), (digest, "0")] {
        let row = accepted(&bench, text, version);
        bench.store.kept.lock().unwrap().accepted.push(row);
        assert_eq!(reason(bench.open(ask()).unwrap_err()), "terms-not-accepted");
    }
    let row = accepted(&bench, digest, "1");
    bench.store.kept.lock().unwrap().accepted.push(row);
    bench.open(ask()).unwrap();
    let read = bench.occasions.check(&open.id, bench.now()).unwrap();
    assert!(read.decided.text.contains("\"terms_accepted\":\"1\""));
    // Somebody else's is none of theirs.
    let mut nurse = ask();
    nurse.clinician.username = "hospital-nurse".to_owned();
    let mut register = Register::clone(&bench.register.current());
    register
        .users
        .get_mut("hospital-nurse")
        .unwrap()
        .terms_accepted = None;
    bench.register.replace(register);
    assert_eq!(reason(bench.open(nurse).unwrap_err()), "terms-not-accepted");
}

// R103: another version, or another text under the version, refuses the next read of whoever accepted on the page
#[test]
fn a_change_of_the_terms_refuses_the_next_read() {
    for (from, to) in [
        ("version = \"1\"", "version = \"2\""),
        ("Do not print", "Never print"),
    ] {
        let bench = Bench::ordinary();
        let digest = unread(&bench);
        let row = accepted(&bench, digest, "1");
        bench.store.kept.lock().unwrap().accepted.push(row);
        let open = bench.open(ask()).unwrap();
        assert!(bench.occasions.check(&open.id, bench.now()).is_ok());
        let mut files = sandbox_files();
        let text = files.terms.as_mut().unwrap();
        *text = text.replacen(from, to, 1);
        if to.starts_with("version") {
            files.agreement = files.agreement.replace("terms = \"1\"", "terms = \"2\"");
        }
        files.users = files
            .users
            .lines()
            .filter(|line| !line.starts_with("terms_accepted"))
            .collect::<Vec<_>>()
            .join("\n");
        bench
            .register
            .replace(Register::read(&files, day_of(bench.now())).unwrap());
        assert_eq!(
            bench.occasions.check(&open.id, bench.now()).unwrap_err(),
            ReadRefusal::Rule(Rule::TermsAccepted),
            "{to}"
        );
    }
}

// R103: whether the terms are accepted is not known where the store does not answer: nothing is opened
#[test]
fn a_store_that_does_not_answer_is_no_acceptance() {
    let bench = Bench::ordinary();
    unread(&bench);
    bench.world(|world| world.store_fails = true);
    assert_eq!(bench.open(ask()).unwrap_err(), OccasionRefusal::Unavailable);
    assert_eq!(bench.last_failure().as_deref(), Some("store-unavailable"));
}
