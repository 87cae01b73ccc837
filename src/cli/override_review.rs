//! `openmig override`: the overrides that wait for review, their review, and the report (R093, R095).

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::deed::Deed;
use super::place::Place;
use crate::oversight::override_review::{NewReview, OverrideReviews};
use crate::record::OdsCode;
use crate::record::date::london;

/// Arguments of `openmig override`.
#[derive(Debug, Args)]
pub struct OverrideCommand {
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
    /// The overrides of a viewing organisation that wait for review, with their age
    List {
        /// Its ODS code
        viewer: String,
        /// Concluded ones too
        #[arg(long)]
        all: bool,
    },
    /// Review one: a JSON object from FILE or standard input
    Review {
        /// The override's id
        id: String,
        /// {"outcome": "justified" | "not-justified" | "escalated", "findings", "recommendations"}
        file: Option<PathBuf>,
    },
    /// The report of a period for the oversight group, with findings and recommendations
    Report {
        /// ODS code of the viewing organisation; of all, where it is not given
        #[arg(long)]
        viewer: Option<String>,
        /// First day (YYYY-MM-DD)
        #[arg(long)]
        from: Date,
        /// Last day (YYYY-MM-DD)
        #[arg(long)]
        to: Date,
    },
}

/// Runs the command.
///
/// # Errors
/// In words.
pub async fn run(command: OverrideCommand) -> Result<(), String> {
    let deed = Deed::open(&command.place, &command.actor)?;
    let opened = &deed.opened;
    let service = OverrideReviews::new(
        std::sync::Arc::clone(&opened.store) as _,
        std::sync::Arc::clone(&opened.store) as _,
        std::sync::Arc::clone(&deed.seal),
        std::sync::Arc::clone(&opened.clock),
    );
    match command.what {
        Step::List { viewer, all } => {
            let found = service.list(&deed.actor, &OdsCode(viewer), !all);
            deed.finish(found, "override list", true).await
        }
        Step::Review { id, file } => {
            let name = "override review";
            let review: NewReview = deed.body(file.as_ref(), name).await?;
            let entry = deed.entry("oversight-act", name);
            let done = service.review(&deed.actor, &id, review, entry).await;
            deed.finish(done.map(|view| vec![view]), name, false).await
        }
        Step::Report { viewer, from, to } => {
            if from > to {
                return Err("the period ends before it begins".to_owned());
            }
            // Whole days of London: from the first's midnight to that after the last.
            let midnight = |day: Date| {
                day.to_zoned(london())
                    .map(|at| at.timestamp())
                    .map_err(|error| error.to_string())
            };
            let after = to.tomorrow().map_err(|error| error.to_string())?;
            let viewer = viewer.map(OdsCode);
            let report = service.report(
                &deed.actor,
                viewer.as_ref(),
                midnight(from)?,
                midnight(after)?,
            );
            deed.finish(report.map(|report| vec![report]), "override report", true)
                .await
        }
    }
}
