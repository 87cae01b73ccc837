//! R126, R145: what stands beside the trail is held to the rows that tell of it: nobody changes a word of an override, a review,
//! a consent conversation or an opt-out unseen, with or without the key.

use super::tests::Folder;
use crate::audit::verify::{NotVerified, Verified, verify};
use crate::audit::{AccessStep, AuditLog as _, What};
use crate::store::OccasionStore as _;
use crate::store::bound::Bound as _;
use crate::store::cases::{CaseKind, CaseStep, CaseStore as _};
use crate::store::contract::{entry, later, now, occasion, ods, override_of, patient};
use crate::store::opt_out::{
    OptOutDecision, OptOutNoteRow, OptOutRequestRow, OptOutReviewRow, OptOutStore as _, Wish,
};
use crate::store::overrides::{OverrideReviewRow, OverrideStore as _, ReviewOutcome};

/// Six rows: 1 a consent's occasion, 2 an override, 3 its review, 4 to 6 an opt-out with a note and its review, 7 a case's step.
async fn trail() -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    let consent = occasion(1);
    let (emergency, alert) = override_of(2);
    for (row, alert, step) in [
        (consent, None, AccessStep::Occasion),
        (emergency, Some(alert), AccessStep::Override),
    ] {
        let mut entry = entry(What::Access(step));
        entry.binds.push(row.digest());
        entry.binds.extend(alert.iter().map(|alert| alert.digest()));
        store.insert_occasion(row, alert).await.unwrap();
        store.write(entry).await.unwrap();
    }
    let review = OverrideReviewRow {
        alert: "alert-2".into(),
        at: later(1),
        reviewer: "privacy".into(),
        outcome: ReviewOutcome::Justified,
        findings: "sealed findings".into(),
        recommendations: "sealed recommendations".into(),
    };
    assert!(
        store
            .review_override(review, entry(What::Intent))
            .await
            .unwrap()
    );
    let request = OptOutRequestRow {
        id: "request-1".into(),
        practice: ods("Z99001"),
        patient: patient(),
        sealed_nhs: "sealed number".into(),
        wish: Wish::OptOut,
        asker: "sealed asker".into(),
        received_at: now(),
        recorded_at: now(),
        recorded_by: "manager".into(),
        alarmed_at: None,
    };
    store
        .insert_opt_out(request, Vec::new(), entry(What::Intent))
        .await
        .unwrap();
    let note = OptOutNoteRow {
        request: "request-1".into(),
        at: later(2),
        by: "manager".into(),
        note: "sealed note".into(),
    };
    assert!(store.note_opt_out(note, entry(What::Intent)).await.unwrap());
    let review = OptOutReviewRow {
        request: "request-1".into(),
        at: later(3),
        by: "manager".into(),
        decision: OptOutDecision::Declined,
        discussion: "sealed discussion".into(),
    };
    assert!(
        store
            .close_opt_out(review, entry(What::Intent))
            .await
            .unwrap()
    );
    let step = CaseStep {
        case: "case-1".into(),
        n: 1,
        kind: CaseKind::Breach,
        at: later(4),
        by: "oversight".into(),
        organisation: None,
        step: "sealed step".into(),
    };
    let mut row = entry(What::Intent);
    let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(step.step.as_bytes()).into();
    row.decision = Some(
        serde_json::json!({"case": step.case, "step": step.n, "sha256": crate::text::hex(&digest)})
            .to_string(),
    );
    assert!(store.append_step(step, Vec::new(), row).await.unwrap());
    folder
}

fn first_bad(result: Result<Verified, NotVerified>) -> u64 {
    match result {
        Err(NotVerified::Altered(bad)) => bad.seq,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_changed_or_deleted_word_is_found_and_its_row_named() {
    let folder = trail().await;
    let verified = verify(&folder.file()).unwrap();
    assert_eq!((verified.size, verified.bound), (7, 8));
    // What changes in the course of things is no alteration.
    folder.sql(
        "UPDATE occasion SET withdrawn_at = 1 WHERE id = 'occasion-1';
         UPDATE opt_out_request SET alarmed_at = 1;
         UPDATE occasion SET sealed_nhs = x'00'",
    );
    verify(&folder.file()).unwrap();

    for (damage, bad) in [
        (
            "UPDATE occasion SET talk = 'other' WHERE id = 'occasion-1'",
            1,
        ),
        (
            "UPDATE occasion SET ends_at = ends_at + 1 WHERE id = 'occasion-1'",
            1,
        ),
        ("DELETE FROM occasion WHERE id = 'occasion-1'", 1),
        (
            "UPDATE occasion SET override_text = 'other' WHERE id = 'occasion-2'",
            2,
        ),
        ("UPDATE alert SET text = 'Called away, sorry'", 2),
        ("UPDATE alert SET clinician = 'somebody'", 2),
        ("UPDATE alert SET patient = 'no id'", 2),
        ("DELETE FROM override_review; DELETE FROM alert", 2),
        ("UPDATE override_review SET outcome = 'escalated'", 3),
        ("UPDATE override_review SET findings = 'none'", 3),
        ("DELETE FROM override_review", 3),
        ("UPDATE opt_out_request SET wish = 'opt-in'", 4),
        ("UPDATE opt_out_request SET asker = 'other'", 4),
        ("UPDATE opt_out_note SET note = 'other'", 5),
        ("DELETE FROM opt_out_note", 5),
        ("UPDATE opt_out_review SET decision = 'granted'", 6),
        ("UPDATE opt_out_review SET discussion = 'other'", 6),
        ("UPDATE case_step SET step = 'other'", 7),
        ("DELETE FROM case_step", 7),
        (
            "INSERT INTO case_step VALUES ('case-1', 2, 'breach', 0, 'oversight', NULL, 'put in')",
            8,
        ),
    ] {
        let folder = trail().await;
        folder.sql(damage);
        assert_eq!(first_bad(verify(&folder.file())), bad, "{damage}");
    }
}
