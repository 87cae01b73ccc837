//! `openmig report`: what an installation can say of itself, beside a running gateway.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;

use super::place::Place;
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::store::losses::{LossLine, LossStore as _};

/// What is reported.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// What was dropped or degraded of a practice's records, as CSV: reason, path, count, records (R204)
    Losses {
        #[command(flatten)]
        place: Place,
        /// The practice (ODS code)
        #[arg(long, value_name = "ODS")]
        practice: String,
        /// Of one patient only (FHIR id); otherwise all records are summed up
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
    },
    /// A report of oversight, in the name of a person: access-audit, misuse, subject-access, flows, due …
    Oversight(super::oversight::ReportCommand),
}

/// 0 = printed, 1 = the store does not answer, 2 = no such installation or no id.
pub fn run(what: Report) -> ExitCode {
    let (place, practice, patient) = match what {
        Report::Losses {
            place,
            practice,
            patient,
        } => (place, practice, patient),
        Report::Oversight(command) => {
            return super::block_on(super::oversight::report(command));
        }
    };
    let patient = match patient.as_deref().map(PatientId::owner_of) {
        Some(None) => return super::fail(&"--patient is no id of a patient", 2),
        Some(id) => id,
        None => None,
    };
    let opened = match place.open() {
        Ok(opened) => opened,
        Err(error) => return super::fail(&error, 2),
    };
    let lines = opened.store.losses(&OdsCode(practice), patient.as_ref());
    match lines {
        Ok(lines) => match print(&lines) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::fail(&error, 1),
        },
        Err(error) => super::fail(&error, 1),
    }
}

fn print(lines: &[LossLine]) -> Result<(), csv::Error> {
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["reason", "path", "count", "records"])?;
    for LossLine { loss, records } in lines {
        let (count, records) = (loss.count.to_string(), records.to_string());
        out.write_record([&loss.reason, &loss.path, &count, &records])?;
    }
    out.flush()?;
    std::io::stdout().flush()?;
    Ok(())
}
