//! R126: whatever is done to the trail behind the program's back, verification fails and names the first bad row.

use super::tests::Folder;
use crate::audit::reader::AuditReader;
use crate::audit::verify::{NotVerified, TreeHead, verify, verify_against};
use crate::audit::{AuditLog, What};
use crate::store::contract::{disclosure, entry, ids, patient};

/// A trail of eleven rows, where row 4 seals a version and rows 5 to 7 use it.
async fn trail() -> (Folder, TreeHead) {
    let folder = Folder::new();
    let store = folder.open();
    for _ in 0..3 {
        store.write(entry(What::Intent)).await.unwrap();
    }
    store
        .register_version("version-1", &patient(), ids())
        .await
        .unwrap();
    for n in 0..3 {
        store
            .write(entry(disclosure("version-1", &[n])))
            .await
            .unwrap();
    }
    let group = (0..4).map(|_| store.write(entry(What::Intent)));
    for row in group {
        row.await.unwrap();
    }
    let head = store.head().unwrap().unwrap();
    assert_eq!(head.size, 11);
    (folder, head)
}

fn first_bad(result: Result<crate::audit::verify::Verified, NotVerified>) -> u64 {
    match result {
        Err(NotVerified::Altered(bad)) => bad.seq,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_whole_trail_is_verified() {
    let (folder, head) = trail().await;
    let verified = verify(&folder.file()).unwrap();
    assert_eq!(verified.size, 11);
    assert_eq!(verified.root, head.root);
    assert_eq!(verified.versions, 1);
    verify_against(&folder.file(), head).unwrap();

    // A running store can be verified, and grows on without harm to heads that were kept.
    let store = folder.open();
    store.write(entry(What::Intent)).await.unwrap();
    let later = verify_against(&folder.file(), head).unwrap();
    assert_eq!(later.size, 12);

    let empty = Folder::new();
    drop(empty.open());
    assert_eq!(verify(&empty.file()).unwrap().size, 0);
    assert!(matches!(
        verify(&empty.0.join("none")),
        Err(NotVerified::Unreadable(_))
    ));
}

#[tokio::test]
async fn every_alteration_is_found_and_named() {
    let swap = "UPDATE audit_event SET seq = -1 WHERE seq = 5; UPDATE audit_event SET seq = 5 WHERE seq = 6;
                UPDATE audit_event SET seq = 6 WHERE seq = -1";
    for (damage, bad) in [
        (
            "UPDATE audit_event SET clinician = 'other' WHERE seq = 6",
            6,
        ),
        ("UPDATE audit_event SET clinician = NULL WHERE seq = 1", 1),
        ("UPDATE audit_event SET at = at + 1 WHERE seq = 11", 11),
        ("UPDATE audit_event SET entries = x'07' WHERE seq = 5", 5),
        (
            "UPDATE audit_event SET practice = 'Z99002' WHERE seq >= 7",
            7,
        ),
        (
            "UPDATE audit_event SET salt = zeroblob(16) WHERE seq = 3",
            3,
        ),
        (
            "UPDATE audit_event SET chain = zeroblob(32) WHERE seq = 2",
            2,
        ),
        ("UPDATE audit_event SET seq = 12 WHERE seq = 11", 11),
        ("UPDATE audit_event SET seq = 0 WHERE seq = 1", 1),
        (swap, 5),
        ("DELETE FROM audit_event WHERE seq = 1", 1),
        ("DELETE FROM audit_event WHERE seq = 6", 6),
        ("DELETE FROM audit_event WHERE seq = 11", 11),
        ("DELETE FROM audit_event WHERE seq > 8", 9),
        (
            "DELETE FROM audit_event WHERE seq > 8; DELETE FROM audit_head WHERE size > 8",
            9,
        ),
        ("DELETE FROM audit_event", 1),
        ("DELETE FROM audit_head", 1),
        ("DELETE FROM audit_head WHERE size > 8", 9),
        (
            "UPDATE audit_head SET root = zeroblob(32) WHERE size = 5",
            5,
        ),
        ("INSERT INTO audit_head VALUES (12, zeroblob(32), 0)", 12),
        ("UPDATE audit_frontier SET nodes = zeroblob(96)", 12),
        ("UPDATE audit_version SET ids = replace(ids, '-0', '-9')", 4),
        ("UPDATE audit_version SET patient = 'somebody'", 4),
        ("UPDATE audit_version SET version = 'another'", 4),
        ("DELETE FROM audit_version", 4),
        (
            "INSERT INTO audit_version VALUES ('version-2', 'somebody', '~')",
            12,
        ),
        (
            "INSERT INTO audit_event (seq, id, at, what, request, tabs, salt, chain)
             VALUES (12, zeroblob(16), 0, 'intent', '', 0, zeroblob(16), zeroblob(32))",
            12,
        ),
    ] {
        let (folder, head) = trail().await;
        folder.sql(damage);
        assert_eq!(first_bad(verify(&folder.file())), bad, "{damage}");
        assert_eq!(
            first_bad(verify_against(&folder.file(), head)),
            bad,
            "{damage}"
        );
    }
}

/// Somebody who rewrites the trail and everything that seals it in the file is found out by a head kept elsewhere.
#[tokio::test]
async fn a_forged_trail_fails_against_a_kept_head() {
    let (_, head) = trail().await;
    let (forged, _) = trail().await;
    verify(&forged.file()).unwrap();
    assert_eq!(first_bad(verify_against(&forged.file(), head)), 1);

    let short = Folder::new();
    let store = short.open();
    store.write(entry(What::Intent)).await.unwrap();
    drop(store);
    verify(&short.file()).unwrap();
    assert_eq!(first_bad(verify_against(&short.file(), head)), 2);
}

/// An index that hides rows from readers.
#[tokio::test]
async fn a_damaged_file_is_not_verified() {
    let (folder, _) = trail().await;
    folder.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(folder.file()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x55);
    std::fs::write(folder.file(), bytes).unwrap();
    assert!(verify(&folder.file()).is_err());
}
