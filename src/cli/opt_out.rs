//! `openmig opt-out`: requests to opt out of sharing or back in, and their review (R062 to R066).

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::deed::Deed;
use super::place::Place;
use crate::fhir::to_json;
use crate::oversight::opt_out::{NewOptOut, OptOutReview, OptOuts};
use crate::record::OdsCode;

/// Arguments of `openmig opt-out`.
#[derive(Debug, Args)]
pub struct OptOutCommand {
    #[command(flatten)]
    place: Place,
    /// Who acts: a username of the register
    #[arg(long = "as", value_name = "USERNAME")]
    actor: String,
    #[command(subcommand)]
    what: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Record a request: a JSON object from FILE or standard input
    Request {
        /// {"practice","nhs_number","wish","asker","received_at"}
        file: Option<PathBuf>,
    },
    /// Review a request and close it: a JSON object from FILE or standard input
    Review {
        /// The request's id
        id: String,
        /// {"discussed_on","discussed_by","discussion","decision","reason","flag_set"}
        file: Option<PathBuf>,
    },
    /// Add a line to a request's history
    Note {
        /// The request's id
        id: String,
        /// What to add
        note: String,
    },
    /// The requests of a practice, those that wait longest first
    List {
        /// Its ODS code
        practice: String,
        /// Closed ones too
        #[arg(long)]
        all: bool,
        /// As FHIR Consents
        #[arg(long)]
        fhir: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// In words.
pub async fn run(command: OptOutCommand) -> Result<(), String> {
    let deed = Deed::open(&command.place, &command.actor)?;
    let opened = &deed.opened;
    let service = OptOuts::new(
        opened.register.clone(),
        std::sync::Arc::clone(&opened.store) as _,
        deed.ids.clone(),
        std::sync::Arc::clone(&deed.seal),
        std::sync::Arc::clone(&opened.clock),
    );
    let act = |name: &str| deed.entry("oversight-act", name);
    match command.what {
        Step::Request { file } => {
            let name = "opt-out request";
            let new: NewOptOut = deed.body(file.as_ref(), name).await?;
            let done = service.request(&deed.actor, new, act(name)).await;
            deed.finish(done.map(|view| vec![view]), name, false).await
        }
        Step::Review { id, file } => {
            let name = "opt-out review";
            let review: OptOutReview = deed.body(file.as_ref(), name).await?;
            let done = service.review(&deed.actor, &id, review, act(name)).await;
            deed.finish(done.map(|view| vec![view]), name, false).await
        }
        Step::Note { id, note } => {
            let name = "opt-out note";
            let done = service.note(&deed.actor, &id, &note, act(name)).await;
            deed.finish(done.map(|view| vec![view]), name, false).await
        }
        Step::List {
            practice,
            all,
            fhir,
        } => {
            let practice = OdsCode(practice);
            let name = "opt-out list";
            if fhir {
                let register = opened.register.current();
                let found = service.consents(&deed.actor, &practice, &register);
                let found = found.map(|consents| {
                    consents
                        .iter()
                        .filter_map(|consent| serde_json::from_slice(&to_json(consent).ok()?).ok())
                        .collect::<Vec<serde_json::Value>>()
                });
                deed.finish(found, name, true).await
            } else {
                let found = service.list(&deed.actor, &practice, !all);
                deed.finish(found, name, true).await
            }
        }
    }
}
