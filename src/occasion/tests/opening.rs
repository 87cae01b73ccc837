use super::*;

// R070, R079, R120
#[test]
fn consent_opens_an_occasion_in_the_order_of_the_rules() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    assert_eq!(
        bench.calls(),
        ["worklist", "intent", "trace", "source", "insert", "audit"]
    );
    assert_eq!(open.tabs, TabSet::ALL);
    assert_eq!(open.expires_at, "2026-11-22T10:30:00Z".parse().unwrap());
    let row = bench.store.find_occasion(&open.id).unwrap().unwrap();
    assert_eq!(
        open.consent,
        row.consent.as_ref().map(|id| format!("Consent/{id}"))
    );
    assert_eq!(row.role, "consultant");
    assert_eq!(row.practice, OdsCode("Z99001".to_owned()));
    assert_eq!(row.protocol, "university-hospitals-1");
    assert_eq!(row.purpose, ["TREAT"]);
    let number = bench.occasions.nhs_number(&row).unwrap();
    assert_eq!(number.as_str(), "9990000018");
    let talk = bench.occasions.talk(&row).unwrap().unwrap();
    assert_eq!(talk, yes());

    let rows = bench.log.rows.lock().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(matches!(rows[0].what, What::Intent));
    let last = rows.last().unwrap();
    assert!(matches!(last.what, What::Access(AccessStep::Occasion)));
    assert_eq!(last.failure, None);
    assert_eq!(last.occasion.as_ref(), Some(&open.id));
    assert_eq!(last.role.as_deref(), Some("consultant"));
    assert_eq!(last.assurance.as_deref(), Some("asserted"));
    assert_eq!(last.policy, Some(sandbox_register().hash));
    assert!(last.basis.as_ref().unwrap().starts_with("consent:"));
    // The whole decision can be decided again from the trail.
    let decisions: Vec<DecisionRecord> =
        serde_json::from_str(last.decision.as_ref().unwrap()).unwrap();
    assert_eq!(decisions.len(), 3);
    assert!(decisions.iter().all(DecisionRecord::still_holds));
}

// R128: the trail holds nothing that says who the patient is
#[test]
fn no_patient_detail_is_in_the_trail() {
    let bench = Bench::ordinary();
    bench.open(emergency()).unwrap();
    let child = ask_with(AskedBasis::Consent(ConsentTalk {
        proxy: Some(Proxy {
            basis: "parental-responsibility".to_owned(),
            name: "Kim Marker".to_owned(),
            relationship: "stepfather".to_owned(),
        }),
        ..yes()
    }));
    bench.open(child).unwrap_err();
    for row in bench.log.rows.lock().unwrap().iter() {
        let text = format!("{row:?}");
        for detail in [
            "9990000018",
            "Example",
            "EXAMPLE",
            "1957",
            "Marker",
            "stepfather",
            "nobody with them",
        ] {
            assert!(!text.contains(detail), "{detail} in {text}");
        }
    }
}

// R090, R092, R096
#[test]
fn an_override_opens_with_its_alert() {
    let bench = Bench::ordinary();
    let open = bench.open(emergency()).unwrap();
    assert_eq!(open.consent, None);
    let kept = bench.store.kept.lock().unwrap();
    let row = &kept.occasions[&open.id];
    assert_eq!(row.purpose, ["BTG", "ETREAT"]);
    assert_eq!(row.talk, None);
    assert_eq!(kept.alerts.len(), 1);
    let alert = &kept.alerts[0];
    assert_eq!(alert.occasion, open.id);
    assert_eq!(alert.viewer, row.viewer);
    assert_eq!(alert.practice, row.practice);
    assert_eq!(alert.reason, "unconscious");
    let seal = SealKey::new(&SEAL).unwrap();
    assert_eq!(
        crate::occasion::override_words(&seal, &open.id, &alert.text).unwrap(),
        "Found unconscious at home, nobody with them"
    );
    let rows = bench.log.rows.lock().unwrap();
    let last = rows.last().unwrap();
    assert!(matches!(last.what, What::Access(AccessStep::Override)));
    assert_eq!(last.basis.as_deref(), Some("override:unconscious"));
}
