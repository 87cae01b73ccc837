//! R126: what the gateway signs, and what it refuses to sign.

use std::sync::Mutex;

use super::*;
use crate::audit::verify::{Against, NotVerified};
use crate::audit::{AuditLog as _, What};
use crate::smart::jwks::KeySet;
use crate::smart::signing::{SigningAlgorithm, generate_jwk};
use crate::store::contract::entry;
use crate::store::sqlite::tests::Folder;
use crate::store::sqlite::{SqliteStore, verify};

/// A clock that is moved by hand.
struct Hand(Mutex<Timestamp>);

impl crate::clock::Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

impl Hand {
    fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

struct Scene {
    folder: Folder,
    store: Arc<SqliteStore>,
    clock: Arc<Hand>,
    heads: TrailHeads,
    keys: KeySet,
}

fn key(kid: &str) -> SigningKey {
    SigningKey::from_jwk(&generate_jwk(kid, SigningAlgorithm::Es384).unwrap()).unwrap()
}

fn heads(store: &Arc<SqliteStore>, key: SigningKey, clock: &Arc<Hand>) -> TrailHeads {
    TrailHeads::new(
        Arc::clone(store) as _,
        Arc::clone(store) as _,
        key,
        "https://mig.example/fhir/r4".to_owned(),
        Arc::clone(clock) as _,
    )
}

fn scene() -> Scene {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let clock = Arc::new(Hand(Mutex::new("2026-03-01T10:00:00Z".parse().unwrap())));
    let key = key("trail-1");
    let keys = KeySet::parse(key.public_jwks().to_string().as_bytes()).unwrap();
    Scene {
        heads: heads(&store, key, &clock),
        folder,
        store,
        clock,
        keys,
    }
}

impl Scene {
    async fn rows(&self, n: usize) {
        for _ in 0..n {
            self.store.write(entry(What::Intent)).await.unwrap();
        }
    }

    fn verify(&self) -> Result<crate::audit::verify::Verified, NotVerified> {
        verify(&self.folder.file(), &Against::default())
    }
}

#[tokio::test]
async fn a_head_is_signed_every_hour_and_after_the_clock_went_back() {
    let scene = scene();
    assert!(!scene.heads.sign_if_due().await.unwrap());
    scene.rows(3).await;
    assert!(scene.heads.sign_if_due().await.unwrap());
    assert!(!scene.heads.sign_if_due().await.unwrap());
    scene.clock.advance(SignedDuration::from_mins(59));
    assert!(!scene.heads.sign_if_due().await.unwrap());
    scene.clock.advance(SignedDuration::from_mins(1));
    scene.rows(1).await;
    assert!(scene.heads.sign_if_due().await.unwrap());
    scene.clock.advance(SignedDuration::from_hours(-3));
    assert!(scene.heads.sign_if_due().await.unwrap());
    let sizes: Vec<u64> = scene
        .heads
        .list(9)
        .unwrap()
        .iter()
        .map(|head| head.size)
        .collect();
    assert_eq!(sizes, [4, 4, 3]);
    for head in scene.heads.list(9).unwrap() {
        head.verify(&scene.keys).unwrap();
    }
    assert_eq!(scene.verify().unwrap().signed, 3);
}

#[tokio::test]
async fn a_head_that_somebody_kept_is_proven_to_be_the_beginning_of_today() {
    let scene = scene();
    scene.rows(5).await;
    let kept = scene.heads.sign().await.unwrap();
    scene.rows(6).await;
    let proof = scene.heads.consistency(kept.size, None).await.unwrap();
    let (first, second) = proof.check(Some(kept.head()), Some(&scene.keys)).unwrap();
    assert_eq!((first.size, second.size), (5, 11));
    for (first, second) in [(0, None), (12, None), (5, Some(12)), (6, Some(5))] {
        assert!(matches!(
            scene.heads.consistency(first, second).await,
            Err(HeadError::NoSuchSize)
        ));
    }
    // Between two heads that were not signed the proof is there too, and says that nobody signed it.
    let bare = scene.heads.consistency(3, Some(7)).await.unwrap();
    bare.check(None, None).unwrap();
    assert!(bare.check(None, Some(&scene.keys)).is_err());
}

/// Somebody rewrites rows together with every head and the frontier in the file: only the signatures they cannot make.
#[tokio::test]
async fn a_rewritten_trail_is_found_by_the_heads_that_were_signed_before() {
    let honest = scene();
    honest.rows(8).await;
    let signed = honest.heads.sign().await.unwrap();

    // The same number of rows with other salts, whole in itself.
    let forged = scene();
    forged.rows(8).await;
    forged.verify().unwrap();
    let jwk = honest.heads.keys().unwrap()[0].jwk.clone();
    forged
        .store
        .keep_head(signed.clone(), jwk.clone())
        .await
        .unwrap();
    match forged.verify() {
        Err(NotVerified::Altered(bad)) => assert_eq!(bad.seq, 1),
        other => panic!("{other:?}"),
    }
    // The gateway itself does not go on signing.
    assert!(matches!(
        forged.heads.sign().await,
        Err(HeadError::TwoHistories(8))
    ));
    // And who kept the head has it in words.
    let proof = forged.store.consistency(8, 8).unwrap().unwrap();
    assert!(proof.check(Some(signed.head()), None).is_err());

    // A trail that was cut off together with its heads.
    let cut = scene();
    cut.rows(4).await;
    cut.store.keep_head(signed, jwk).await.unwrap();
    match cut.verify() {
        Err(NotVerified::Altered(bad)) => assert_eq!(bad.seq, 5),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        cut.heads.sign().await,
        Err(HeadError::TwoHistories(8))
    ));
}

#[tokio::test]
async fn a_forged_head_is_not_genuine() {
    let scene = scene();
    scene.rows(4).await;
    let signed = scene.heads.sign().await.unwrap();
    scene.verify().unwrap();
    // Signed by somebody else under the same name: against the keys in the store, and against those kept elsewhere.
    let stranger =
        SignedHead::sign(&key("trail-1"), "x", &signed.head(), signed.signed_at).unwrap();
    scene.folder.sql(&format!(
        "UPDATE audit_signed_head SET jws = '{}'",
        stranger.jws
    ));
    assert!(matches!(
        scene.verify(),
        Err(NotVerified::Forged { size: 4, .. })
    ));
    scene.folder.sql(&format!(
        "UPDATE audit_signed_head SET jws = '{}', size = 3",
        signed.jws
    ));
    assert!(matches!(
        scene.verify(),
        Err(NotVerified::Forged { size: 3, .. })
    ));
    // Key and signature both replaced: whole in itself, and found by who kept the key.
    let other = key("trail-1");
    let replaced = SignedHead::sign(&other, "x", &signed.head(), signed.signed_at).unwrap();
    scene.folder.sql(&format!(
        "UPDATE audit_signed_head SET jws = '{}', size = 4; UPDATE audit_head_key SET jwk = '{}'",
        replaced.jws,
        other.public_jwk()
    ));
    scene.verify().unwrap();
    let against = Against {
        kept: Vec::new(),
        keys: Some(scene.keys),
    };
    assert!(matches!(
        verify(&scene.folder.file(), &against),
        Err(NotVerified::Forged { size: 4, .. })
    ));
}

#[tokio::test]
async fn a_key_needs_a_name_of_its_own() {
    let scene = scene();
    scene.rows(2).await;
    scene.heads.sign().await.unwrap();
    let same_name = heads(&scene.store, key("trail-1"), &scene.clock);
    assert!(matches!(same_name.sign().await, Err(HeadError::SameName)));
    // A new name: a rotation. What the old key signed is still verified.
    let next = heads(&scene.store, key("trail-2"), &scene.clock);
    next.sign().await.unwrap();
    assert_eq!(scene.heads.keys().unwrap().len(), 2);
    assert_eq!(scene.verify().unwrap().signed, 2);
}
