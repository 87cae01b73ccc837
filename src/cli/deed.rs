//! What the commands of oversight have in common: who acts, the row of the trail, JSON in and out.
//!
//! Bodies come as JSON from a file or standard input, because an NHS number on a command line is seen by everybody who may
//! list processes. Whoever may open the store and its keys is trusted to name themselves; the trail says `command line`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::place::{Opened, Place};
use crate::audit::{AuditEntry, AuditLog as _, Interaction, Origin, Overseen, What};
use crate::clock::new_id;
use crate::fhir::IdKey;
use crate::occasion::SealKey;
use crate::oversight::Actor;
use crate::text::what_was_expected;

/// Longest body, in bytes.
const MAX_BODY: u64 = 64 * 1024;

/// An opened installation with somebody who acts in it.
pub struct Deed {
    /// Register, store, clock.
    pub opened: Opened,
    /// Who acts.
    pub actor: Actor,
    /// Makes patients' ids.
    pub ids: IdKey,
    /// Seals and opens words.
    pub seal: Arc<SealKey>,
    role: Option<String>,
}

impl Deed {
    /// Opens the installation for this person of the register.
    ///
    /// # Errors
    /// In words.
    pub fn open(place: &Place, username: &str) -> Result<Self, String> {
        let opened = place.open().map_err(|error| error.to_string())?;
        let (ids, seal) = place.keys()?;
        let register = opened.register.current();
        let actor = opened.acting(username)?;
        let role = register.users.get(username).map(|user| user.role.clone());
        Ok(Self {
            opened,
            actor,
            ids,
            seal: Arc::new(seal),
            role,
        })
    }

    /// The row of the trail for this command.
    pub fn entry(&self, name: &'static str, command: &str) -> AuditEntry {
        let what = What::Oversight(Overseen {
            interaction: Interaction {
                name,
                kind: None,
                query: command.to_owned(),
            },
            other_ids: Vec::new(),
        });
        let origin = Origin {
            request_id: new_id().to_string(),
            address: None,
        };
        let mut entry = AuditEntry::new(self.opened.clock.now(), what, origin);
        entry.client = Some("command line".to_owned());
        entry.clinician = Some(self.actor.username().to_owned());
        entry.role.clone_from(&self.role);
        entry.policy = Some(self.opened.register.current().hash.clone());
        entry
    }

    /// A body from a file, or from standard input; one that is refused is in the trail before (R120).
    ///
    /// # Errors
    /// In words, with the place; never with what was written there.
    pub async fn body<T: DeserializeOwned>(
        &self,
        file: Option<&PathBuf>,
        command: &str,
    ) -> Result<T, String> {
        match body(file) {
            Ok(read) => Ok(read),
            Err(error) => {
                let mut entry = self.entry("oversight-act", command);
                entry.failure = Some("invalid-request".to_owned());
                let written = self.opened.store.write(entry).await;
                written.map_err(|error| error.to_string())?;
                Err(error)
            }
        }
    }

    /// Prints what was seen or done, one JSON object a line; a reading and a refusal are in the trail before (R120, R125).
    ///
    /// # Errors
    /// In words.
    pub async fn finish<T: Serialize, E: std::fmt::Display>(
        &self,
        outcome: Result<Vec<T>, E>,
        command: &str,
        reads: bool,
    ) -> Result<(), String> {
        let name = if reads {
            "oversight-read"
        } else {
            "oversight-act"
        };
        if reads || outcome.is_err() {
            let mut entry = self.entry(name, command);
            entry.failure = outcome.is_err().then(|| "not-done".to_owned());
            self.opened
                .store
                .write(entry)
                .await
                .map_err(|error| error.to_string())?;
        }
        let lines = outcome.map_err(|error| error.to_string())?;
        if reads && lines.is_empty() {
            // Beside the output, which programs read.
            eprintln!("nothing to show");
        }
        for line in lines {
            println!(
                "{}",
                serde_json::to_string(&line).map_err(|error| error.to_string())?
            );
        }
        Ok(())
    }
}

/// A body from a file, or from standard input.
///
/// # Errors
/// In words, with the place; never with what was written there.
fn body<T: DeserializeOwned>(file: Option<&PathBuf>) -> Result<T, String> {
    let read = |from: &mut dyn std::io::Read| {
        let mut text = String::new();
        from.take(MAX_BODY)
            .read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(text)
    };
    let text = match file {
        Some(path) if path != Path::new("-") => {
            let mut file = std::fs::File::open(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            read(&mut file)?
        }
        _ => read(&mut std::io::stdin().lock())?,
    };
    serde_json::from_str(&text).map_err(|error| {
        let why = what_was_expected(&error).map_or_else(String::new, |why| format!("; {why}"));
        format!(
            "not the JSON object that this command takes (line {}, column {}){why}; docs/oversight-stages.md shows it",
            error.line(),
            error.column()
        )
    })
}
