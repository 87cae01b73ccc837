//! `openmig keys`: the server's own signing keys, beside a running gateway, which takes a change up by itself.

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::deed::Deed;
use super::place::Place;
use crate::audit::AuditLog as _;
use crate::clock::{Clock as _, SystemClock};
use crate::smart::ring::{KeyRing, read, rotate, text_of, write_private};

/// Arguments of `openmig keys`.
#[derive(Debug, Args)]
pub struct KeysCommand {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    what: KeysDeed,
}

#[derive(Debug, Subcommand)]
enum KeysDeed {
    /// Which keys there are: current, next, former, retired
    List,
    /// Make a new key, which signs from ten seconds on; the former one stays in the key set until what it signed is dead
    Rotate {
        /// Who acts: a member of the oversight group
        #[arg(long = "as", value_name = "USERNAME")]
        actor: String,
        /// The keys are in wrong hands: the new one signs at once, and what the former ones signed no longer verifies
        #[arg(long)]
        compromised: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// In words.
pub async fn run(command: KeysCommand) -> Result<(), String> {
    for line in act(command).await? {
        println!("{line}");
    }
    Ok(())
}

/// Does it; gives the lines to be printed, which hold nothing secret.
///
/// # Errors
/// In words.
pub async fn act(command: KeysCommand) -> Result<Vec<String>, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let path = command.place.signing_key().map_err(|error| said(&error))?;
    let before = text_of(&path).map_err(|error| said(&error))?;
    let (actor, compromised) = match command.what {
        KeysDeed::List => {
            let keys = read(&before).map_err(|error| said(&error))?;
            let states = Arc::new(KeyRing::new(keys)).states(SystemClock.now());
            return states
                .iter()
                .map(|state| serde_json::to_string(state).map_err(|error| said(&error)))
                .collect();
        }
        KeysDeed::Rotate { actor, compromised } => (actor, compromised),
    };
    let deed = Deed::open(&command.place, &actor)?;
    deed.actor.must_govern().map_err(|error| said(&error))?;
    let rotated = rotate(&before, compromised, SystemClock.now()).map_err(|error| said(&error))?;
    let told = json!({
        "kid": rotated.kid,
        "signs_from": rotated.signs_from,
        "former": rotated.former,
        "compromised": compromised,
    });
    let entry = || {
        let mut entry = deed.entry("oversight-act", "keys/rotate");
        entry.decision = Some(told.to_string());
        entry
    };
    // The row first: a key that nobody wrote down never signs.
    let log = &deed.opened.store;
    log.write(entry()).await.map_err(|error| said(&error))?;
    if let Err(error) = write_private(&path, &rotated.text) {
        let mut failed = entry();
        failed.failure = Some("not-done".to_owned());
        log.write(failed).await.map_err(|error| said(&error))?;
        return Err(said(&error));
    }
    Ok(vec![told.to_string()])
}
