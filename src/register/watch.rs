//! Takes up a changed register while the gateway runs: whole and valid, or not at all.
//!
//! The folder is read every few seconds. A change counts once two readings in a row agree, so that files that are saved one
//! after the other are taken together. A register with a fault leaves the one before in force: the fault is logged once, is in
//! the trail and in `/readyz`. What is taken up is first kept by its hash and written into the trail.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use serde_json::json;

use super::reminders::{due, of_change};
use super::{Register, RegisterFiles, RegisterHandle};
use crate::audit::{AuditEntry, AuditLog, Interaction, Origin, Overseen, What};
use crate::clock::{SharedClock, new_id};
use crate::record::date::london;
use crate::store::StoreError;
use crate::store::holds::RegisterStore;
use crate::store::notices::{NoticeFilter, NoticeStore};

/// Between two readings of the folder.
const BETWEEN: Duration = Duration::from_secs(2);
/// Code of the trail for a register that was refused.
pub const REFUSED: &str = "register-refused";

/// Watches the register's folder.
pub struct RegisterWatch {
    folder: PathBuf,
    handle: RegisterHandle,
    store: Arc<dyn RegisterStore>,
    notices: Arc<dyn NoticeStore>,
    audit: Arc<dyn AuditLog>,
    clock: SharedClock,
    /// The day on which what falls due was last looked at.
    reminded: Option<Date>,
    /// What has been decided on: taken up or refused.
    settled: String,
    /// What the last reading found.
    seen: String,
}

impl RegisterWatch {
    /// Keeps the register in force by its hash and writes into the trail that it is.
    ///
    /// # Errors
    /// The store failed: no decision could be explained later, so nothing starts.
    pub async fn begin(
        folder: PathBuf,
        handle: RegisterHandle,
        store: Arc<dyn RegisterStore>,
        notices: Arc<dyn NoticeStore>,
        audit: Arc<dyn AuditLog>,
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        let hash = handle.current().hash.clone();
        let watch = Self {
            folder,
            handle,
            store,
            notices,
            audit,
            clock,
            reminded: None,
            settled: hash.clone(),
            seen: hash.clone(),
        };
        // The files may have changed since they were read; then the next reading takes that up.
        if let Ok(files) = RegisterFiles::of_folder(&watch.folder)
            && files.hash() == hash
        {
            watch.keep(&files).await?;
        }
        watch
            .write("register/start", &hash, None, &[])
            .await
            .map_err(|error| StoreError(error.to_string()))?;
        Ok(watch)
    }

    /// Watches for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(BETWEEN).await;
            self.look().await;
            self.remind().await;
        }
    }

    /// Once a day, and when the register has changed: tells what falls due, each thing once.
    async fn remind(&mut self) {
        let now = self.clock.now();
        let today = now.to_zoned(london()).date();
        if self.reminded == Some(today) {
            return;
        }
        let mut fresh = Vec::new();
        for (key, notices) in due(&self.handle.current(), today, now) {
            let filter = NoticeFilter {
                about: Some(key),
                ..NoticeFilter::default()
            };
            match self.notices.notices(&filter, 1) {
                Ok(told) if told.is_empty() => fresh.extend(notices),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "reminders could not be given");
                    return;
                }
            }
        }
        match self.notices.put_notices(fresh).await {
            Ok(()) => self.reminded = Some(today),
            Err(error) => tracing::warn!(%error, "reminders could not be given"),
        }
    }

    /// One reading. Gives whether another register is in force now.
    pub async fn look(&mut self) -> bool {
        let files = match RegisterFiles::of_folder(&self.folder) {
            Ok(files) => files,
            Err(errors) => {
                let text = errors.to_string();
                if self.seen != text {
                    // A file that is being replaced is away for a moment.
                    self.seen = text;
                } else if self.settled != text {
                    self.refuse("", &text).await;
                    self.settled = text;
                }
                return false;
            }
        };
        let hash = files.hash();
        if hash != self.seen {
            self.seen = hash;
            return false;
        }
        if hash == self.settled {
            return false;
        }
        let now = self.clock.now();
        let taken = Register::read(&files, now.to_zoned(london()).date())
            .map_err(|errors| errors.to_string())
            .and_then(|next| {
                let fresh = self.instructions(&next)?;
                Ok((next, fresh))
            });
        match taken {
            Ok((next, instructions)) => match self.take_up(&files, next, &instructions).await {
                Ok(()) => {
                    self.settled = hash;
                    self.reminded = None;
                    true
                }
                Err(error) => {
                    // Tried again at the next reading.
                    tracing::error!(%error, "a changed register could not be taken up: the store failed");
                    self.handle
                        .set_fault(Some("the store failed while it was taken up".to_owned()));
                    false
                }
            },
            Err(fault) => {
                self.refuse(&hash, &fault).await;
                self.settled = hash;
                false
            }
        }
    }

    /// The instructions that the register in force does not have; at least one is needed where it says so (R167).
    fn instructions(&self, next: &Register) -> Result<Vec<String>, String> {
        let current = self.handle.current();
        let known = |id: &str| {
            current
                .agreement
                .instructions
                .iter()
                .any(|instruction| instruction.id == id)
        };
        let fresh: Vec<String> = next
            .agreement
            .instructions
            .iter()
            .filter(|instruction| !known(&instruction.id))
            .map(|instruction| instruction.id.clone())
            .collect();
        let gone = current.agreement.instructions.iter().find(|before| {
            !next
                .agreement
                .instructions
                .iter()
                .any(|after| after.id == before.id)
        });
        if let Some(gone) = gone {
            return Err(format!(
                "agreement.toml: the instruction `{}` is gone; instructions are kept (R167)",
                gone.id
            ));
        }
        // The rule of the register in force counts, so that a change cannot excuse itself.
        if current.agreement.rules.changes_need_instruction && fresh.is_empty() {
            return Err(
                "agreement.toml: the register has changed without a new [[instruction]] (R167)"
                    .to_owned(),
            );
        }
        Ok(fresh)
    }

    async fn take_up(
        &self,
        files: &RegisterFiles,
        next: Register,
        instructions: &[String],
    ) -> Result<(), StoreError> {
        self.keep(files).await?;
        self.write("register/take", &next.hash, None, instructions)
            .await
            .map_err(|error| StoreError(error.to_string()))?;
        let now = self.clock.now();
        let tell = of_change(
            &self.handle.current(),
            &next,
            now.to_zoned(london()).date(),
            now,
        );
        self.notices.put_notices(tell).await?;
        tracing::info!(
            event = "register-taken-up",
            hash = %next.hash,
            "a changed register is in force"
        );
        self.handle.replace(next);
        self.handle.set_fault(None);
        Ok(())
    }

    async fn refuse(&self, hash: &str, fault: &str) {
        tracing::error!(
            event = REFUSED,
            fault,
            "a changed register was refused; the one before stays in force"
        );
        self.handle.set_fault(Some(fault.to_owned()));
        if let Err(error) = self
            .write("register/refuse", hash, Some(REFUSED), &[])
            .await
        {
            tracing::error!(%error, "the refusal of a register could not be written into the trail");
        }
    }

    async fn keep(&self, files: &RegisterFiles) -> Result<(), StoreError> {
        self.store
            .keep_register(&files.hash(), files.canonical(), self.clock.now())
            .await
    }

    async fn write(
        &self,
        what: &str,
        hash: &str,
        failure: Option<&str>,
        instructions: &[String],
    ) -> Result<(), crate::audit::AuditError> {
        let before = self.handle.current().hash.clone();
        let mut entry = AuditEntry::new(
            self.clock.now(),
            What::Oversight(Overseen {
                interaction: Interaction {
                    name: "oversight-act",
                    kind: None,
                    query: what.to_owned(),
                },
                other_ids: Vec::new(),
            }),
            Origin {
                request_id: new_id().to_string(),
                address: None,
            },
        );
        entry.client = Some("register".to_owned());
        entry.failure = failure.map(str::to_owned);
        entry.decision = Some(
            json!({"before": before, "after": hash, "instructions": instructions}).to_string(),
        );
        entry.policy = Some(if failure.is_some() || hash.is_empty() {
            before
        } else {
            hash.to_owned()
        });
        self.audit.write(entry).await
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
