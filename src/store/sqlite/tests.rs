//! SQLite alone: groups, durability, failure, concurrency. The common contract is in `store/contract.rs`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rusqlite::Connection;

use super::*;
use crate::audit::{AuditLog, What};
use crate::store::contract::{self, entry, now, override_of, token};
use crate::store::{OccasionStore, TokenStore};

/// A folder that goes with its test.
pub(crate) struct Folder(pub PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("openmig-{}", crate::clock::new_id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("store.sqlite")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.file()).unwrap()
    }

    pub(crate) fn sql(&self, sql: &str) {
        Connection::open(self.file())
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        Connection::open(self.file())
            .unwrap()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn keeps_the_contract() {
    let folder = Folder::new();
    contract::contract(Arc::new(folder.open())).await;
}

#[tokio::test]
async fn keeps_the_contract_of_cases_exports_heads_and_launches() {
    use crate::store::contract_oversight::{authorization, cases, exports, heads};
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    cases(&*store).await;
    exports(&*store).await;
    heads(&*store).await;
    authorization(&store).await;
}

// R145
#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = folder.open();
    store.write(entry(What::Intent)).await.unwrap();
    for file in std::fs::read_dir(&folder.0).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.path().display()
        );
    }
}

// R120, R125: a thousand at once, in fewer groups than rows, all there after opening again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once_are_grouped_and_durable() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let writes: Vec<_> = (0..1000_u32)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut row = token(0);
                row.hash[..4].copy_from_slice(&n.to_be_bytes());
                if n % 10 == 0 {
                    store.insert_token(row).await.unwrap();
                }
                store.write(entry(What::Intent)).await.unwrap();
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    drop(store);
    let store = folder.open();
    assert_eq!(folder.count("audit_event"), 1000);
    assert_eq!(folder.count("token"), 100);
    assert!(folder.count("audit_head") < 1000, "no group had two rows");
    store.write(entry(What::Intent)).await.unwrap();
    assert_eq!(folder.count("audit_event"), 1001);
}

// R125: a broken store is an error for everyone who waits, and works again once it is mended.
#[tokio::test]
async fn a_broken_store_says_so_and_recovers() {
    let folder = Folder::new();
    let store = folder.open();
    store.write(entry(What::Intent)).await.unwrap();
    folder.sql("ALTER TABLE audit_event RENAME TO hidden");
    assert!(store.write(entry(What::Intent)).await.is_err());
    assert!(store.write(entry(What::Intent)).await.is_err());
    folder.sql("ALTER TABLE hidden RENAME TO audit_event");
    store.write(entry(What::Intent)).await.unwrap();
    assert_eq!(folder.count("audit_event"), 2);
    drop(store);
    folder.open();
}

// R125: a full disk.
#[tokio::test]
async fn a_full_disk_says_so_and_keeps_what_was_there() {
    let folder = Folder::new();
    let mut connection = connect(&folder.file(), OpenFlags::default()).unwrap();
    migrate::migrate(&mut connection).unwrap();
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "max_page_count", pages + 8)
        .unwrap();
    let store = SqliteStore {
        path: folder.file(),
        writer: writer::Writer::start(connection).unwrap(),
        readers: read::Readers::new(&folder.file()),
    };
    let mut written = 0;
    let error = loop {
        let mut large = entry(What::Intent);
        large.decision = Some("x".repeat(3000));
        match store.write(large).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100);
    };
    assert!(error.to_string().contains("full"), "{error}");
    let (row, alert) = override_of(1);
    let mut large = row.clone();
    large.talk = Some("x".repeat(30_000));
    assert!(store.insert_occasion(large, Some(alert)).await.is_err());
    drop(store);
    let store = folder.open();
    assert_eq!(folder.count("audit_event"), written);
    assert_eq!(folder.count("occasion"), 0);
    assert_eq!(folder.count("alert"), 0);
    store.write(entry(What::Intent)).await.unwrap();
}

// One job's failure is its own; the rows and jobs beside it are written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_job_does_not_poison_its_group() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    store.insert_token(token(1)).await.unwrap();
    let jobs: Vec<_> = (0..90_u8)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                match n % 3 {
                    0 => store.insert_token(token(1)).await.is_err(),
                    1 => store.insert_token(token(100 + n)).await.is_ok(),
                    _ => store.write(entry(What::Intent)).await.is_ok(),
                }
            })
        })
        .collect();
    for job in jobs {
        assert!(job.await.unwrap());
    }
    assert_eq!(folder.count("token"), 31);
    assert_eq!(folder.count("audit_event"), 30);
}

// An asker who goes away leaves a row behind, and nobody waiting.
#[tokio::test]
async fn a_cancelled_asker_does_not_hang_the_writer() {
    let folder = Folder::new();
    let store = folder.open();
    for _ in 0..50 {
        let mut write = store.write(entry(What::Intent));
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(write.as_mut().poll(context).is_ready())
        });
        let _done = polled.await;
        drop(write);
    }
    store.write(entry(What::Intent)).await.unwrap();
    assert_eq!(folder.count("audit_event"), 51);
}

// Two processes on one file: no row is lost, none is numbered twice, and the tree stays whole.
#[tokio::test]
async fn two_writers_take_turns() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), folder.open());
    for _ in 0..5 {
        one.write(entry(What::Intent)).await.unwrap();
        two.write(entry(What::Intent)).await.unwrap();
    }
    drop((one, two));
    folder.open();
    assert_eq!(folder.count("audit_event"), 10);
}

// R120: the same with both in a hurry, and others that start in between: each waits its turn, and none takes the other's new
// rows for an altered trail.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_in_a_hurry_take_turns() {
    let folder = Folder::new();
    let stores = [Arc::new(folder.open()), Arc::new(folder.open())];
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            tokio::spawn(async move {
                for _ in 0..100 {
                    store.write(entry(What::Intent)).await.unwrap();
                }
            })
        })
        .collect();
    while !writers.iter().all(|one| one.is_finished()) {
        folder.open();
    }
    for one in writers {
        one.await.unwrap();
    }
    drop(stores);
    folder.open();
    assert_eq!(folder.count("audit_event"), 800);
}

// R126: a start notices a trail that was cut or whose head was changed.
#[tokio::test]
async fn a_start_refuses_a_cut_trail() {
    for damage in [
        "DELETE FROM audit_event WHERE seq = 3",
        "DELETE FROM audit_head WHERE size = 3",
        "UPDATE audit_frontier SET size = 2",
        "UPDATE audit_frontier SET nodes = zeroblob(64)",
        "UPDATE audit_frontier SET chain = zeroblob(32)",
        "DELETE FROM audit_event; DELETE FROM audit_head",
    ] {
        let folder = Folder::new();
        let store = folder.open();
        for _ in 0..3 {
            store.write(entry(What::Intent)).await.unwrap();
        }
        drop(store);
        folder.sql(damage);
        assert!(SqliteStore::open(&folder.file()).is_err(), "{damage}");
    }
}

#[tokio::test]
async fn forgets_only_what_is_dead() {
    let folder = Folder::new();
    let store = folder.open();
    store.insert_token(token(1)).await.unwrap();
    store
        .use_assertion("client", "jti", contract::later(5))
        .await
        .unwrap();
    assert_eq!(store.forget_expired(now()).await.unwrap(), 0);
    assert_eq!(store.forget_expired(contract::later(6)).await.unwrap(), 2);
}

// R092
#[tokio::test]
async fn alerts_are_for_their_viewer() {
    let folder = Folder::new();
    let store = folder.open();
    let (row, alert) = override_of(1);
    store
        .insert_occasion(row, Some(alert.clone()))
        .await
        .unwrap();
    assert_eq!(store.alerts(&alert.viewer).unwrap(), [alert]);
    assert_eq!(store.alerts(&contract::ods("Z9O01")).unwrap(), []);
}

// R009, R128: words that somebody takes for ids are refused, and reach no file, not even a rolled back one.
#[tokio::test]
async fn no_clinical_word_reaches_the_file() {
    let folder = Folder::new();
    let store = folder.open();
    let planted = "Gonorrhoea of pharynx";
    let ids = vec![contract::ids()[0].clone(), planted.to_owned()];
    let patient = contract::patient();
    assert!(
        store
            .register_version("version-1", &patient, ids.clone())
            .await
            .is_err()
    );
    let mut disclosed = contract::disclosure("version-1", &[]);
    if let What::Disclosure(disclosure) = &mut disclosed {
        disclosure.other_ids = ids;
    }
    assert!(store.write(entry(disclosed)).await.is_err());
    store.write(entry(What::Intent)).await.unwrap();
    let mut marker = 0;
    for file in std::fs::read_dir(&folder.0).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let has = |word: &str| {
            bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        assert!(!has(planted) && !has("pharynx"));
        marker += usize::from(has(patient.as_str()));
    }
    assert!(marker > 0, "the scan would have found it");
}

const CHILD: &str = "OPENMIG_TEST_CHILD";

/// Not a test of its own: the process that `survives_kill_9` kills.
#[tokio::test]
#[ignore = "only as a child of survives_kill_9"]
async fn child_that_writes() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let store = Arc::new(SqliteStore::open(Path::new(&path)).unwrap());
    let (told, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    for lane in 0..8 {
        let (store, told) = (Arc::clone(&store), told.clone());
        tokio::spawn(async move {
            for n in 0.. {
                let mut row = entry(What::Intent);
                row.origin.request_id = format!("lane{lane}-{n}");
                store.write(row.clone()).await.unwrap();
                told.send(row.origin.request_id).unwrap();
            }
        });
    }
    drop(told);
    while let Some(id) = acknowledged.recv().await {
        println!("acknowledged {id}");
    }
}

// R125: what was acknowledged is on the disk, whatever happens to the process.
#[tokio::test]
async fn survives_kill_9() {
    let folder = Folder::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::sqlite::tests::child_that_writes",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD, folder.file())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let id_of = |line: String| {
        line.split_once("acknowledged ")
            .map(|(_, id)| id.to_owned())
    };
    while acknowledged.len() < 300 {
        acknowledged.extend(id_of(lines.next().unwrap().unwrap()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was printed before it died counts too, save a line that was cut off.
    let mut rest: Vec<_> = lines.map_while(Result::ok).filter_map(id_of).collect();
    rest.pop();
    acknowledged.extend(rest);

    let store = folder.open();
    store.write(entry(What::Intent)).await.unwrap();
    let connection = Connection::open(folder.file()).unwrap();
    let mut find = connection
        .prepare("SELECT count(*) FROM audit_event WHERE request = ?1")
        .unwrap();
    for id in acknowledged {
        let rows: i64 = find.query_row([&id], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1, "{id} was acknowledged and is not there");
    }
}
