//! What every engine must do with cases, exports, signed heads and app launches: the rest of [`super::contract`].

use std::sync::Arc;

use jiff::SignedDuration;

use super::TokenStore;
use super::authorization::*;
use super::cases::*;
use super::contract::{disclosure, entry, ids, later, now, ods, patient, token};
use super::heads::{HeadStore, Kept};
use super::notices::{Notice, NoticeFilter, NoticeKind, NoticeStore, Recipient};
use crate::audit::proof::{self, Exporter, Value};
use crate::audit::reader::{AuditReader, Filter};
use crate::audit::signed::SignedHead;
use crate::audit::{AuditLog, What};
use crate::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};

/// Cases: a place is taken once, with its notices and its row or with nothing (R125, R200).
pub(crate) async fn cases<S: CaseStore + NoticeStore + AuditReader>(store: &S) {
    let step = |case: &str, n: u32, kind, words: &str| CaseStep {
        case: case.into(),
        n,
        kind,
        at: now(),
        by: "oversight".into(),
        organisation: (n > 1).then(|| ods("Z9H01")),
        step: words.into(),
    };
    let notice = |id: &str| {
        vec![Notice::new(
            id.into(),
            Recipient::Group,
            NoticeKind::Breach,
            vec!["breach/b".into()],
            now(),
        )]
    };
    let rows = || store.count(&Filter::default()).unwrap();
    let told = || store.notices(&NoticeFilter::default(), 100).unwrap().len();
    let (rows_before, told_before) = (rows(), told());
    let first = step("case-b", 1, CaseKind::Breach, "opened");
    let add = |step: CaseStep, notices| store.append_step(step, notices, entry(What::Intent));
    assert!(add(first.clone(), notice("case-1")).await.unwrap());
    assert_eq!((rows(), told()), (rows_before + 1, told_before + 1));
    // Somebody was first: nothing is kept, not the notice, not the row.
    let late = step("case-b", 1, CaseKind::Breach, "another");
    assert!(!add(late, notice("case-2")).await.unwrap());
    assert_eq!((rows(), told()), (rows_before + 1, told_before + 1));
    // A notice that is not fit takes all of it away.
    let mut unfit = notice("case-3");
    unfit[0].about = vec!["Jo Example".into()];
    let second = step("case-b", 2, CaseKind::Breach, "second");
    assert!(add(second.clone(), unfit).await.is_err());
    assert_eq!((rows(), told()), (rows_before + 1, told_before + 1));
    assert!(add(second.clone(), Vec::new()).await.unwrap());
    let other = step("case-a", 1, CaseKind::Breach, "other");
    assert!(add(other.clone(), Vec::new()).await.unwrap());
    let complaint = step("case-c", 1, CaseKind::Complaint, "complaint");
    assert!(add(complaint.clone(), Vec::new()).await.unwrap());

    let of = |kind, case: &str| store.steps_of(kind, case).unwrap();
    assert_eq!(
        of(CaseKind::Breach, "case-b"),
        [first.clone(), second.clone()]
    );
    assert_eq!(of(CaseKind::Complaint, "case-b"), []);
    assert_eq!(of(CaseKind::Breach, "none"), []);
    assert_eq!(
        store.steps(CaseKind::Breach).unwrap(),
        [other, first, second]
    );
    assert_eq!(store.steps(CaseKind::Complaint).unwrap(), [complaint]);
    assert_eq!(store.steps(CaseKind::Publication).unwrap(), []);
}

/// Exports: exactly the rows that pass the filter, with the lists that they count through, all proven under the newest head
/// (R130).
pub(crate) async fn exports<S: Exporter + AuditLog + AuditReader>(store: &S) {
    store
        .register_version("export-1", &patient(), ids())
        .await
        .unwrap();
    for n in 0..2 {
        store
            .write(entry(disclosure("export-1", &[n])))
            .await
            .unwrap();
    }
    let mut elsewhere = entry(What::Intent);
    elsewhere.practice = Some(ods("Z99002"));
    store.write(elsewhere).await.unwrap();

    let filter = Filter {
        practice: Some(ods("Z99002")),
        ..Filter::default()
    };
    let one = store.export(&filter, "of Z99002", now()).unwrap();
    let checked = proof::check(&one, store.head().unwrap()).unwrap();
    assert_eq!((checked.rows, checked.versions), (1, 0));
    assert_eq!((one.about.as_str(), one.made_at), ("of Z99002", now()));
    let all = store.export(&Filter::default(), "all", now()).unwrap();
    let checked = proof::check(&all, store.head().unwrap()).unwrap();
    assert_eq!(
        checked.rows as u64,
        store.count(&Filter::default()).unwrap()
    );
    assert!(all.versions.contains_key("export-1"));
    // A row, a list or the head that is another one is found.
    let mut changed = all.clone();
    let last = changed.rows.last_mut().unwrap();
    last.row
        .insert("practice".into(), Value::Text("Z99001".into()));
    assert!(proof::check(&changed, None).is_err());
    let mut changed = all.clone();
    changed.versions.clear();
    assert!(proof::check(&changed, None).is_err());
    let mut changed = all;
    changed.rows.reverse();
    assert!(proof::check(&changed, None).is_err());
    let nothing = Filter {
        practice: Some(ods("Z99999")),
        ..Filter::default()
    };
    let none = store.export(&nothing, "nobody", now()).unwrap();
    assert_eq!(proof::check(&none, None).unwrap().rows, 0);
}

/// Signed heads: kept as they were handed out, newest first, with keys whose names are never used twice (R126).
pub(crate) async fn heads<S: HeadStore + AuditReader>(store: &S) {
    let key = |kid: &str| {
        SigningKey::from_jwk(&generate_jwk(kid, SigningAlgorithm::Es384).unwrap()).unwrap()
    };
    let head = store.head().unwrap().unwrap();
    assert_eq!(store.signed_heads(9).unwrap(), []);
    assert_eq!(store.root_at(head.size).unwrap(), Some(head.root));
    assert_eq!(store.root_at(head.size + 1).unwrap(), None);
    let (one, two) = (key("one"), key("two"));
    let sign = |key: &SigningKey, minutes| {
        let at = jiff::Timestamp::from_second(later(minutes).as_second()).unwrap();
        SignedHead::sign(key, "https://mig.example", &head, at).unwrap()
    };
    let (first, second) = (sign(&one, 1), sign(&two, 2));
    for (head, key) in [(&first, &one), (&second, &two)] {
        let kept = store.keep_head(head.clone(), key.public_jwk().clone());
        assert_eq!(kept.await.unwrap(), Kept::Kept);
    }
    let impostor = key("one");
    let kept = store.keep_head(sign(&impostor, 3), impostor.public_jwk().clone());
    assert_eq!(kept.await.unwrap(), Kept::OtherKey);
    assert_eq!(store.signed_heads(9).unwrap(), [second.clone(), first]);
    assert_eq!(store.signed_heads(1).unwrap(), [second]);
    let keys: Vec<_> = store
        .head_keys()
        .unwrap()
        .into_iter()
        .map(|key| key.jwk)
        .collect();
    assert_eq!(keys, [one.public_jwk().clone(), two.public_jwk().clone()]);

    let proof = store.consistency(2, head.size).unwrap().unwrap();
    let (older, newer) = proof.check(None, None).unwrap();
    assert_eq!(
        (older.size, newer.size, newer.root),
        (2, head.size, head.root)
    );
    assert!(store.consistency(2, head.size + 1).unwrap().is_none());
    assert!(store.consistency(0, head.size).unwrap().is_none());
}

/// Journeys, launch handles, codes, refresh tokens, failed sign-ins: each secret works once, for the one whom it was given.
pub(crate) async fn authorization<S: AuthorizationStore + TokenStore + 'static>(store: &Arc<S>) {
    journeys(&**store).await;
    grants(store).await;
    let wrong = |n: i64| store.begin_sign_in([7; 32], later(n));
    for _ in 0..FREE_FAILURES {
        assert_eq!(wrong(0).await.unwrap(), None);
    }
    let wait = wrong(0).await.unwrap().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(wrong(1).await.unwrap(), None, "after the rest one more try");
    store.sign_in_succeeded([7; 32]).await.unwrap();
    assert_eq!(wrong(1).await.unwrap(), None);
    assert_eq!(store.begin_sign_in([8; 32], now()).await.unwrap(), None);
}

async fn journeys(store: &impl AuthorizationStore) {
    let sealed = SealedPatient {
        patient: patient(),
        sealed_nhs: vec![1, 2, 3],
    };
    let row = JourneyRow {
        id: "journey-1".into(),
        browser: None,
        asked: "{}".into(),
        username: None,
        signed_in_at: None,
        viewer: None,
        patient: None,
        expires_at: later(10),
    };
    let find = |at| store.find_journey("journey-1", at).unwrap();
    assert_eq!(find(now()), None);
    store.insert_journey(row.clone()).await.unwrap();
    assert_eq!(find(now()), Some(row.clone()));
    assert_eq!(find(later(10)), None, "over");
    let opened = JourneyRow {
        browser: Some([1; 32]),
        username: Some("hospital-doctor".into()),
        signed_in_at: Some(now()),
        viewer: Some(ods("Z9H01")),
        patient: Some(sealed.clone()),
        ..row
    };
    assert!(store.save_journey(opened.clone(), None).await.unwrap());
    assert_eq!(find(now()), Some(opened.clone()));
    // Another browser, or one that comes with none, changes nothing.
    for browser in [None, Some([2; 32])] {
        assert!(!store.save_journey(opened.clone(), browser).await.unwrap());
    }
    assert!(!store.claim_journey("journey-1", [2; 32]).await.unwrap());
    assert!(store.claim_journey("journey-1", [1; 32]).await.unwrap());
    assert!(!store.claim_journey("journey-1", [1; 32]).await.unwrap());
    let back = Some([1; 32]);
    assert!(
        !store.save_journey(opened.clone(), back).await.unwrap(),
        "at work"
    );
    store.release_journey("journey-1").await.unwrap();
    assert!(store.save_journey(opened, back).await.unwrap());
    store.end_journey("journey-1").await.unwrap();
    assert_eq!(find(now()), None);
    assert!(!store.claim_journey("journey-1", [1; 32]).await.unwrap());

    let launch = LaunchRow {
        hash: [3; 32],
        client: "sandbox-spa".into(),
        username: "hospital-doctor".into(),
        patient: sealed,
        context: "{}".into(),
        expires_at: later(5),
    };
    store.insert_launch(launch.clone()).await.unwrap();
    assert_eq!(store.find_launch(&[3; 32], now()).unwrap(), Some(launch));
    assert_eq!(store.find_launch(&[3; 32], later(5)).unwrap(), None);
    assert_eq!(store.find_launch(&[4; 32], now()).unwrap(), None);
}

fn grant(n: u8) -> GrantRow {
    GrantRow {
        id: format!("grant-{n}"),
        code_hash: [100 + n; 32],
        code_expires_at: later(1),
        client: "sandbox-spa".into(),
        redirect_uri: "https://app.example/cb".into(),
        challenge: "challenge".into(),
        nonce: None,
        username: "hospital-doctor".into(),
        viewer: ods("Z9H01"),
        occasion: None,
        patient: Some(patient()),
        scopes: "openid".into(),
        asked: "openid".into(),
        refreshable: true,
        context: "{}".into(),
        signed_in_at: now(),
        ends_at: later(30),
    }
}

async fn grants<S: AuthorizationStore + TokenStore + 'static>(store: &Arc<S>) {
    // A handle opens one grant; the second of two comes too late and nothing of it is kept.
    let handle = Some([3; 32]);
    assert!(store.insert_grant(grant(1), handle, now()).await.unwrap());
    assert!(!store.insert_grant(grant(2), handle, now()).await.unwrap());
    assert!(store.find_code(&grant(2).code_hash).unwrap().is_none());
    assert!(store.find_launch(&[3; 32], now()).unwrap().is_none());
    let code = grant(1).code_hash;
    let found = store.find_code(&code).unwrap().unwrap();
    assert_eq!(
        (found.grant, found.used, found.revoked),
        (grant(1), false, false)
    );

    // Of all who try at once, one has the code.
    let tries: Vec<_> = (0..20_u8)
        .map(|n| {
            let store = Arc::clone(store);
            let access = token(60 + n);
            tokio::spawn(async move {
                let refresh = Some([160 + n; 32]);
                store
                    .redeem_code(code, now(), access, refresh)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut winner = None;
    for (n, tried) in (0..20_u8).zip(tries) {
        if tried.await.unwrap() {
            assert_eq!(winner.replace(n), None, "a code is worth one pair");
        }
    }
    let winner = winner.unwrap();
    let (access, refresh) = ([60 + winner; 32], [160 + winner; 32]);
    assert!(store.find_code(&code).unwrap().unwrap().used);
    assert_eq!(store.find_grant_of(&access).unwrap(), Some(grant(1)));
    assert_eq!(store.find_grant_of(&[99; 32]).unwrap(), None);
    let found = store.find_refresh(&refresh).unwrap().unwrap();
    assert_eq!((found.used, found.revoked), (false, false));

    // A rotation repeated within the grace gives the same pair; after the new pair was used it kills the family.
    let grace = SignedDuration::from_secs(30);
    let next = |at| store.rotate(refresh, at, grace, token(90), [190; 32]);
    assert_eq!(next(now()).await.unwrap(), Rotation::Done);
    assert!(store.find_refresh(&refresh).unwrap().unwrap().used);
    assert!(matches!(next(now()).await.unwrap(), Rotation::Repeated(_)));
    store.note_use(&[90; 32], now()).await.unwrap();
    assert_eq!(next(now()).await.unwrap(), Rotation::Reused);
    assert!(store.find_refresh(&[190; 32]).unwrap().unwrap().revoked);
    assert!(store.find_token(&[90; 32], now()).unwrap().is_none());
    let dead = store.rotate([250; 32], now(), grace, token(91), [191; 32]);
    assert_eq!(dead.await.unwrap(), Rotation::Dead);

    assert!(store.insert_grant(grant(5), None, now()).await.unwrap());
    let redeemed = store.redeem_code(grant(5).code_hash, now(), token(95), Some([195; 32]));
    assert!(redeemed.await.unwrap());
    store.revoke_grant("grant-5", now()).await.unwrap();
    assert!(store.find_token(&[95; 32], now()).unwrap().is_none());
    assert!(store.find_refresh(&[195; 32]).unwrap().unwrap().revoked);
}
