use std::fs;
use std::path::Path;

use super::*;
use crate::audit::reader::{AuditReader, Filter};
use crate::clock::FixedClock;
use crate::register::{AGREEMENT, CLIENTS, ORGANISATIONS, PROTOCOLS, USERS};
use crate::sandbox::register::tests::sandbox_files;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::tests::Folder;

fn write(folder: &Path, files: &RegisterFiles) {
    for (name, text) in [
        (AGREEMENT, &files.agreement),
        (ORGANISATIONS, &files.organisations),
        (USERS, &files.users),
        (CLIENTS, &files.clients),
        (PROTOCOLS, &files.protocols),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
}

struct Bench {
    watch: RegisterWatch,
    handle: RegisterHandle,
    store: Arc<SqliteStore>,
    folder: Folder,
}

async fn bench(files: &RegisterFiles) -> Bench {
    let folder = Folder::new();
    write(&folder.0, files);
    let store = Arc::new(folder.open());
    let clock: SharedClock = Arc::new(FixedClock("2026-11-22T10:00:00Z".parse().unwrap()));
    let today = crate::sandbox::register::tests::TODAY;
    let handle = RegisterHandle::new(Register::load(&folder.0, today).unwrap());
    let watch = RegisterWatch::begin(
        folder.0.clone(),
        handle.clone(),
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        clock,
    )
    .await
    .unwrap();
    Bench {
        watch,
        handle,
        store,
        folder,
    }
}

impl Bench {
    /// Reads until nothing new is found; was another register taken up?
    async fn settle(&mut self) -> bool {
        let mut taken = false;
        for _ in 0..3 {
            taken |= self.watch.look().await;
        }
        taken
    }

    fn rows(&self) -> Vec<(String, Option<String>)> {
        let page = self.store.events(&Filter::default(), 10, None).unwrap();
        page.events
            .into_iter()
            .map(|event| (event.query.unwrap_or_default(), event.failure))
            .collect()
    }
}

// R151, R108: a revoked user is out a few seconds after the file says so, and what was in force is kept
#[tokio::test]
async fn a_changed_register_is_taken_up_once_and_kept() {
    let mut files = sandbox_files();
    let mut bench = bench(&files).await;
    let before = bench.handle.current().hash.clone();
    assert!(!bench.settle().await);
    files.users = files.users.replace(
        "username = \"hospital-nurse\"",
        "username = \"hospital-nurse\"\nrevoked = true",
    );
    write(&bench.folder.0, &files);
    // One reading is not enough: a second file may still be on its way.
    assert!(!bench.watch.look().await);
    assert_eq!(bench.handle.current().hash, before);
    assert!(bench.settle().await);
    assert!(bench.handle.current().users["hospital-nurse"].revoked);
    assert_eq!(bench.handle.fault(), None);
    assert!(!bench.settle().await);
    assert_eq!(
        bench.rows(),
        [
            ("register/take".to_owned(), None),
            ("register/start".to_owned(), None)
        ]
    );
    for hash in [&before, &bench.handle.current().hash] {
        let text = bench.store.find_register(hash).unwrap().unwrap();
        let kept = RegisterFiles::from_canonical(&text).unwrap();
        assert_eq!(kept.hash(), *hash);
    }
}

// R151: a register with a fault changes nothing, is said once, and is forgotten when it is mended
#[tokio::test]
async fn a_register_with_a_fault_leaves_the_one_before_in_force() {
    let good = sandbox_files();
    let mut bench = bench(&good).await;
    let before = bench.handle.current().hash.clone();
    let mut bad = good.clone();
    bad.users = bad.users.replace("role = \"gp\"", "role = \"shaman\"");
    write(&bench.folder.0, &bad);
    assert!(!bench.settle().await);
    assert!(!bench.settle().await);
    assert_eq!(bench.handle.current().hash, before);
    assert!(bench.handle.fault().unwrap().contains("users.toml:"));
    fs::remove_file(bench.folder.0.join(USERS)).unwrap();
    assert!(!bench.settle().await);
    assert!(
        bench
            .handle
            .fault()
            .unwrap()
            .contains("every file has to be there")
    );
    assert_eq!(
        bench.rows(),
        [
            ("register/refuse".to_owned(), Some(REFUSED.to_owned())),
            ("register/refuse".to_owned(), Some(REFUSED.to_owned())),
            ("register/start".to_owned(), None)
        ]
    );
    // The old text again: it is taken up, because something else was settled in between, and the fault is gone.
    write(&bench.folder.0, &good);
    assert!(bench.settle().await);
    assert_eq!(bench.handle.fault(), None);
    assert_eq!(bench.handle.current().hash, before);
}

// R167: where the agreement asks for it, a change without a new instruction is no change, not even of that rule
#[tokio::test]
async fn a_change_needs_its_instruction() {
    let mut files = sandbox_files();
    files.agreement = files.agreement.replace(
        "changes_need_instruction = false",
        "changes_need_instruction = true",
    );
    let mut bench = bench(&files).await;
    let mut without = files.clone();
    without.agreement = without.agreement.replace(
        "changes_need_instruction = true",
        "changes_need_instruction = false",
    );
    write(&bench.folder.0, &without);
    assert!(!bench.settle().await);
    assert!(bench.handle.fault().unwrap().contains("R167"));
    let mut with = without.clone();
    with.agreement = with.agreement.replace(
        "[[instruction]]",
        "[[instruction]]\nid = \"2026-9\"\ndate = 2026-11-22\nby = \"The group\"\nwhat = \"Loosen it.\"\nreference = \"minutes\"\n\n[[instruction]]",
    );
    write(&bench.folder.0, &with);
    assert!(bench.settle().await);
    let page = bench.store.events(&Filter::default(), 1, None).unwrap();
    let decision = page.events[0].decision.clone().unwrap();
    assert!(decision.contains("2026-9"), "{decision}");
    // What was instructed once stays.
    write(&bench.folder.0, &without);
    assert!(!bench.settle().await);
    assert!(bench.handle.fault().unwrap().contains("is gone"));
}
