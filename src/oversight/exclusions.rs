//! Watches the folder of the exclusion list: a changed one that is whole comes into force, one that is not is refused and the
//! list before stays (R042, R049).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::audit::{AuditEntry, AuditLog, Interaction, Origin, Overseen, What};
use crate::clock::{SharedClock, new_id};
use crate::labelling::{ExclusionList, ExclusionsHandle};
use crate::store::notices::{Notice, NoticeKind, NoticeStore, Recipient};

/// Between two looks at the folder.
const LOOK: Duration = Duration::from_secs(5);

/// Code of the trail for a list that was refused.
pub const REFUSED: &str = "exclusions-refused";

/// What a look at the folder led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// Nothing changed.
    Same,
    /// Another list is in force, of this version.
    Replaced(String),
    /// What is there now cannot be used; the list before stays in force.
    Refused(String),
}

/// The watcher of one folder.
pub struct ExclusionsWatch {
    folder: PathBuf,
    list: ExclusionsHandle,
    audit: Arc<dyn AuditLog>,
    notices: Arc<dyn NoticeStore>,
    clock: SharedClock,
    /// Names, sizes and times of the files when they were last read.
    seen: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

impl ExclusionsWatch {
    /// Watches the folder that `list` was loaded from.
    #[must_use]
    pub fn new(
        folder: PathBuf,
        list: ExclusionsHandle,
        audit: Arc<dyn AuditLog>,
        notices: Arc<dyn NoticeStore>,
        clock: SharedClock,
    ) -> Self {
        Self {
            // Nothing is seen yet, so that what changed since the start is read at the first look.
            seen: Vec::new(),
            folder,
            list,
            audit,
            notices,
            clock,
        }
    }

    /// Looks for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks once. The trail has the version before it is in force; without that row the list before stays.
    pub async fn look(&mut self) -> Looked {
        let now = stamp(&self.folder);
        if now == self.seen {
            return Looked::Same;
        }
        let looked = match ExclusionList::load(&self.folder) {
            Ok(list) if list.version() == self.list.current().version() => Looked::Same,
            Ok(list) => {
                let version = list.version().to_owned();
                if let Err(error) = self.audit.write(self.entry(&version, None)).await {
                    tracing::error!(%error, "a new exclusion list waits: no audit row");
                    return Looked::Same;
                }
                tracing::info!(version, "another exclusion list is in force");
                self.list.replace(list);
                Looked::Replaced(version)
            }
            Err(error) => {
                let why = error.to_string();
                tracing::error!(event = "exclusions-refused", %error, "the exclusion list in the folder is refused; the one before stays in force");
                let in_force = self.list.current();
                if let Err(error) = self
                    .audit
                    .write(self.entry(in_force.version(), Some(&why)))
                    .await
                {
                    tracing::error!(%error, "a refused exclusion list waits: no audit row");
                    return Looked::Refused(why);
                }
                let at = self.clock.now();
                let notice = Notice {
                    body: serde_json::json!({"in_force": in_force.version()}),
                    ..Notice::new(
                        new_id().to_string(),
                        Recipient::Group,
                        NoticeKind::ExclusionsRefused,
                        Vec::new(),
                        at,
                    )
                };
                if let Err(error) = self.notices.put_notices(vec![notice]).await {
                    tracing::error!(%error, "nobody could be told of a refused exclusion list");
                }
                Looked::Refused(why)
            }
        };
        self.seen = now;
        looked
    }

    /// The row of a list that comes into force, or of one that was refused for `why` while `version` stays in force.
    fn entry(&self, version: &str, why: Option<&str>) -> AuditEntry {
        let what = What::Oversight(Overseen {
            interaction: Interaction {
                name: "exclusions-loaded",
                kind: None,
                query: format!("exclusions {version}"),
            },
            other_ids: Vec::new(),
        });
        let mut entry = AuditEntry::new(self.clock.now(), what, Origin::default());
        entry.exclusions = Some(version.to_owned());
        if let Some(why) = why {
            entry.failure = Some(REFUSED.to_owned());
            entry.decision = Some(serde_json::json!({ "refused": why }).to_string());
        }
        entry
    }
}

/// Names, sizes and times of a folder's files; an unreadable folder has none.
fn stamp(folder: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| {
            let about = file.metadata().ok()?;
            Some((file.path(), about.len(), about.modified().ok()))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::reader::{AuditReader as _, Filter, Happening};
    use crate::clock::SystemClock;
    use crate::store::notices::NoticeFilter;
    use crate::store::sqlite::tests::Folder;

    // R042, R048, R049
    #[tokio::test]
    async fn a_whole_list_comes_into_force_and_a_damaged_one_does_not() {
        let folder = Folder::new();
        let store = Arc::new(folder.open());
        let dir = folder.0.join("exclusions");
        ExclusionList::write_embedded(&dir).unwrap();
        let handle = ExclusionsHandle::new(ExclusionList::load(&dir).unwrap());
        let first = handle.current().version().to_owned();
        let mut watch = ExclusionsWatch::new(
            dir.clone(),
            handle.clone(),
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            Arc::new(SystemClock),
        );
        assert_eq!(watch.look().await, Looked::Same);
        let head = std::fs::read_to_string(dir.join("list.toml")).unwrap();
        let other = head.replace("version = \"2015.06-1\"", "version = \"2026.11-tested\"");
        std::fs::write(dir.join("list.toml"), &other).unwrap();
        let Looked::Replaced(version) = watch.look().await else {
            panic!("not replaced")
        };
        assert!(version.starts_with("2026.11-tested+") && version != first);
        assert_eq!(handle.current().version(), version);
        let filter = Filter {
            happening: Some(Happening::Oversight),
            ..Filter::default()
        };
        let rows = store.events(&filter, 9, None).unwrap().events;
        assert_eq!(rows[0].exclusions.as_deref(), Some(version.as_str()));

        for damaged in ["", "version = 1", &other.replace("c9d70d69", "c9d70d68")] {
            std::fs::write(dir.join("list.toml"), damaged).unwrap();
            assert!(
                matches!(watch.look().await, Looked::Refused(_)),
                "{damaged:.20}"
            );
            assert_eq!(watch.look().await, Looked::Same, "said once");
            assert_eq!(handle.current().version(), version);
        }
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(matches!(watch.look().await, Looked::Refused(_)));
        assert_eq!(handle.current().version(), version);
        let told = store.notices(&NoticeFilter::default(), 9).unwrap();
        assert_eq!(told.len(), 4);
        assert_eq!(told[0].notice.kind, NoticeKind::ExclusionsRefused);
        // R120: each refusal has its row, which says why and what stayed in force
        let rows = store.events(&filter, 9, None).unwrap().events;
        let refused: Vec<_> = rows.iter().take(4).collect();
        assert!(refused.iter().all(|row| {
            row.failure.as_deref() == Some(REFUSED)
                && row.exclusions.as_deref() == Some(version.as_str())
        }));
        assert!(
            refused[1]
                .decision
                .as_deref()
                .unwrap_or_default()
                .contains("SHA-256")
        );
        ExclusionList::write_embedded(&dir).unwrap();
        assert_eq!(watch.look().await, Looked::Replaced(first));
    }
}
