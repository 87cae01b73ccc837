//! What an operator and a practice can see of the gateway's work, and that neither sees a patient in it.

use openmig::fhir::PatientId;
use openmig::record::OdsCode;
use openmig::store::losses::LossStore as _;
use reqwest::Method;

use crate::support::{self, Ask, TestGateway};

// R204: what is left behind of a record is counted for its practice, in total and by record, with nothing of an entry
#[test]
fn losses_are_counted_for_the_practice_and_the_operator() {
    let gateway = TestGateway::start("telemetry", support::timing());
    let one = gateway.token(&Ask::consent("9990000018"));
    let two = gateway.token(&Ask::consent("9990000387"));
    for token in [&one, &two] {
        let lists = gateway.get(token, &format!("List?patient={}", token.patient));
        lists.expect(200);
    }
    let _ = gateway.ask(&Ask::consent("9990001863"));
    let page = gateway.send(Method::GET, "/metrics", &[], "").expect(200);
    assert!(
        page.header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let text = page.text();
    println!("{text}");
    let value = |line: &str| -> u64 {
        let found = text.lines().find_map(|have| have.strip_prefix(line));
        found.map_or(0, |n| n.trim().parse().unwrap())
    };
    assert_eq!(
        value(r#"openmig_requests_total{endpoint="token",status="200"}"#),
        2
    );
    assert_eq!(
        value(r#"openmig_requests_total{endpoint="token",status="400"}"#),
        1
    );
    assert_eq!(
        value(r#"openmig_requests_total{endpoint="fhir",status="200"}"#),
        2
    );
    assert_eq!(
        value(r#"openmig_source_seconds_count{source="emis",outcome="record"}"#),
        2
    );
    assert!(value("openmig_held_records") >= 2);
    for port in [gateway.sandbox.ports.emis, gateway.sandbox.ports.trace] {
        let line = format!(r#"openmig_source_resting{{source="http://127.0.0.1:{port}"}} 0"#);
        assert!(text.contains(&line), "{line}");
    }
    // What the metrics sum up, the reports say of each record.
    let store = &gateway.sandbox.store;
    let practice = |ods: &str| OdsCode(ods.to_owned());
    let sum = |ods: &str, reason: &str| -> u64 {
        let lines = store.losses(&practice(ods), None).unwrap();
        lines
            .iter()
            .filter(|line| line.loss.reason == reason)
            .map(|line| line.loss.count)
            .sum()
    };
    for (ods, source) in [("Z99001", "emis"), ("Z99002", "systmone")] {
        let metric =
            format!(r#"openmig_mapping_losses_total{{source="{source}",reason="free-text"}}"#);
        assert!(sum(ods, "free-text") > 20);
        assert_eq!(value(&metric), sum(ods, "free-text"), "{ods}");
    }
    let patient = PatientId::owner_of(&one.patient).unwrap();
    assert!(
        !store
            .losses(&practice("Z99001"), Some(&patient))
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .losses(&practice("Z99002"), Some(&patient))
            .unwrap()
            .is_empty()
    );
    // Neither names anybody.
    for nobody in ["9990000018", "9990000387", &one.patient, &two.patient] {
        assert!(!text.contains(nobody), "{nobody}");
    }
}
