//! `openmig hold`: takes away and gives back, beside a running gateway, in the name of a person of the register.
//!
//! Whoever may open the store's file is trusted to name themselves: the row of the trail says `command line` as its client.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;

use super::place::{Opened, Place, PlaceError};
use crate::audit::{AuditEntry, AuditError, AuditLog as _, Interaction, Origin, Overseen, What};
use crate::clock::new_id;
use crate::oversight::holds::{AssuranceGiven, HoldAsk, HoldError, HoldService};
use crate::record::OdsCode;
use crate::store::holds::{Held, HoldRow};
use crate::text::instant;

/// Arguments of `openmig hold`.
#[derive(Debug, Args)]
pub struct HoldCommand {
    #[command(flatten)]
    place: Place,
    /// Who acts: a username of the register
    #[arg(long = "as", value_name = "USERNAME")]
    actor: String,
    #[command(subcommand)]
    what: What_,
}

#[derive(Debug, Subcommand)]
enum What_ {
    /// Take something away, at once
    Add {
        /// Why; all parties can read it
        #[arg(long)]
        reason: String,
        #[command(subcommand)]
        held: Which,
    },
    /// Give it back, on an assurance
    Lift {
        /// The hold's id
        id: String,
        /// Who gave the assurance
        #[arg(long)]
        assured_by: String,
        /// What was assured
        #[arg(long)]
        assurance: String,
        /// When (YYYY-MM-DD)
        #[arg(long)]
        on: Date,
    },
    /// What is held
    List {
        /// What was lifted too
        #[arg(long)]
        all: bool,
    },
    /// End the programme for good: nobody looks any more, all parties are told, the trail's head is printed
    EndProgramme {
        /// Why; all parties can read it
        #[arg(long)]
        reason: String,
        /// It is meant
        #[arg(long, required = true)]
        for_good: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Which {
    /// An organisation neither looks nor is looked at
    Organisation {
        /// Its ODS code
        ods: String,
    },
    /// An organisation withdraws from the agreement
    Withdrawal {
        /// Its ODS code
        ods: String,
        /// In force from then on (2026-12-01T00:00:00Z); at once where it is not given
        #[arg(long)]
        from: Option<Timestamp>,
    },
    /// A practice switches its sharing off
    Practice {
        /// Its ODS code
        ods: String,
    },
    /// A practice shows nothing to one viewer
    Pair {
        /// The practice's ODS code
        practice: String,
        /// The viewer's ODS code
        viewer: String,
    },
    /// A person may no longer look
    User {
        /// Username
        username: String,
    },
    /// Nobody looks at anything
    Everything,
}

#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("{0}")]
    Nobody(String),
    #[error(transparent)]
    Hold(#[from] HoldError),
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Runs the command.
///
/// # Errors
/// In words.
pub async fn run(command: HoldCommand) -> Result<ExitCode, String> {
    act(command).await.map_err(|error| error.to_string())
}

async fn act(command: HoldCommand) -> Result<ExitCode, CommandError> {
    let opened = command.place.open()?;
    let actor = opened
        .acting(&command.actor)
        .map_err(CommandError::Nobody)?;
    let Opened {
        register,
        store,
        clock,
    } = opened;
    let current = register.current();
    let service = HoldService::new(
        register,
        std::sync::Arc::clone(&store) as _,
        std::sync::Arc::clone(&store) as _,
        std::sync::Arc::clone(&clock),
    );
    let entry = || {
        let mut entry = AuditEntry::new(
            clock.now(),
            What::Intent,
            Origin {
                request_id: new_id().to_string(),
                address: None,
            },
        );
        entry.client = Some("command line".to_owned());
        entry
    };
    let query = match &command.what {
        What_::Add { .. } => "hold add",
        What_::Lift { .. } => "hold lift",
        What_::List { .. } => "hold list",
        What_::EndProgramme { .. } => "hold end-programme",
    };
    let overseen = |entry: &mut AuditEntry, name, other_ids| {
        entry.clinician = Some(actor.username().to_owned());
        entry.policy = Some(current.hash.clone());
        entry.what = What::Oversight(Overseen {
            interaction: Interaction {
                name,
                kind: None,
                query: query.to_owned(),
            },
            other_ids,
        });
    };
    let done: Result<Vec<String>, HoldError> = match command.what {
        What_::Add { reason, held } => {
            let (held, from) = which(held);
            let ask = HoldAsk { held, reason, from };
            let placed = service.place(&actor, ask, entry()).await;
            placed.map(|row| vec![words(&row)])
        }
        What_::Lift {
            id,
            assured_by,
            assurance,
            on,
        } => {
            let given = AssuranceGiven {
                by: assured_by,
                text: assurance,
                on,
            };
            let lifted = service.lift(&actor, &id, given, entry()).await;
            lifted.map(|row| vec![words(&row)])
        }
        What_::List { all } => match service.list(&actor, !all) {
            Ok(rows) => {
                // Who looked at what is held is in the trail before it is shown (R120).
                let mut read = entry();
                let ids = rows.iter().map(|row| format!("Hold/{}", row.id)).collect();
                overseen(&mut read, "oversight-read", ids);
                store.write(read).await?;
                Ok(match rows.as_slice() {
                    [] => vec!["nothing is held".to_owned()],
                    rows => rows.iter().map(words).collect(),
                })
            }
            Err(error) => Err(error),
        },
        What_::EndProgramme { reason, .. } => {
            let ended = service.end_programme(&actor, &reason, entry()).await;
            ended.map(|(row, head)| {
                let seal =
                    head.map(|head| format!("keep this elsewhere, it seals the trail: {head}"));
                std::iter::once(words(&row)).chain(seal).collect()
            })
        }
    };
    match done {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(error) => {
            // What is refused is in the trail like what is done (R120).
            let mut refused = entry();
            overseen(&mut refused, "oversight-act", Vec::new());
            refused.failure = Some("not-done".to_owned());
            store.write(refused).await?;
            return Err(error.into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn which(which: Which) -> (Held, Option<Timestamp>) {
    let held = match which {
        Which::Organisation { ods } => Held::Organisation(OdsCode(ods)),
        Which::Withdrawal { ods, from } => return (Held::Withdrawal(OdsCode(ods)), from),
        Which::Practice { ods } => Held::Practice(OdsCode(ods)),
        Which::Pair { practice, viewer } => Held::Pair {
            practice: OdsCode(practice),
            viewer: OdsCode(viewer),
        },
        Which::User { username } => Held::User(username),
        Which::Everything => Held::Everything,
    };
    (held, None)
}

/// One hold on one line, for people.
pub(super) fn words(row: &HoldRow) -> String {
    let what = match &row.held {
        Held::Organisation(ods) => format!("{ods} is suspended"),
        Held::Withdrawal(ods) => format!("{ods} has withdrawn"),
        Held::Practice(ods) => format!("{ods} has switched its sharing off"),
        Held::Pair { practice, viewer } => format!("{practice} shows nothing to {viewer}"),
        Held::User(username) => format!("`{username}` may no longer look"),
        Held::Client(id) => format!("the client `{id}` is disabled"),
        Held::Everything => "nobody looks at anything".to_owned(),
        Held::ProgrammeEnd => "the programme has ended".to_owned(),
    };
    let by = row
        .placed_for
        .as_ref()
        .map_or_else(|| "the group".to_owned(), ToString::to_string);
    let mut text = format!(
        "{}  {what} since {} (by {} for {by}): {}",
        row.id,
        instant(row.starts_at),
        row.placed_by,
        row.reason
    );
    if let Some(lift) = &row.lift {
        text.push_str(&format!(
            "; lifted {} by {} on the assurance of {} of {}: {}",
            instant(lift.at),
            lift.by,
            lift.assured_by,
            lift.assured_on,
            lift.assurance
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // R155
    #[test]
    fn a_hold_is_told_in_words() {
        let row = HoldRow {
            id: "h1".to_owned(),
            held: Held::Pair {
                practice: OdsCode("Z99001".to_owned()),
                viewer: OdsCode("Z9O01".to_owned()),
            },
            placed_for: Some(OdsCode("Z99001".to_owned())),
            placed_by: "practice-manager".to_owned(),
            reason: "A shared card".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            starts_at: Timestamp::UNIX_EPOCH,
            lift: None,
        };
        assert_eq!(
            words(&row),
            "h1  Z99001 shows nothing to Z9O01 since 1970-01-01T00:00:00Z (by practice-manager for Z99001): A shared card"
        );
    }
}
