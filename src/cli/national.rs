//! `openmig national-opt-out`: loads an answer of the national data opt-out service.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::place::{Opened, Place};
use crate::audit::AuditLog as _;
use crate::oversight::national::{Checked, load, parse, refused};

/// Arguments of `openmig national-opt-out`.
#[derive(Debug, Args)]
pub struct NationalCommand {
    #[command(flatten)]
    place: Place,
    /// Who acts: a username of the register
    #[arg(long = "as", value_name = "USERNAME")]
    actor: String,
    /// The numbers that the service was asked about, one a line
    #[arg(long, value_name = "FILE")]
    asked: PathBuf,
    /// What it answered: the numbers of those without an opt-out
    #[arg(long, value_name = "FILE")]
    answer: PathBuf,
    /// When it answered (2026-11-22T09:00:00Z); now where it is not given
    #[arg(long)]
    at: Option<Timestamp>,
}

/// Runs the command.
///
/// # Errors
/// In words, without a number.
pub async fn run(command: NationalCommand) -> Result<ExitCode, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let opened = command.place.open().map_err(|e| words(&e))?;
    let actor = opened.acting(&command.actor)?;
    let hash = opened.register.current().hash.clone();
    let Opened { store, clock, .. } = opened;
    let (ids, _) = command.place.keys()?;
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    };
    let now = clock.now();
    let done = async {
        let checked = Checked {
            asked: read(&command.asked)?,
            clear: read(&command.answer)?,
            at: command.at.unwrap_or(now),
        };
        let asked = checked.asked.len();
        let clear = load(&*store, &ids, &actor, checked, (now, &hash)).await;
        clear.map(|clear| (clear, asked)).map_err(|e| words(&e))
    }
    .await;
    let (clear, asked) = match done {
        Ok(counts) => counts,
        Err(why) => {
            let written = store.write(refused(now, &hash, &actor)).await;
            return Err(written.err().map_or(why, |e| words(&e)));
        }
    };
    println!(
        "{clear} of {asked} have no national data opt-out; the others are not shown to flows under section 251"
    );
    Ok(ExitCode::SUCCESS)
}
