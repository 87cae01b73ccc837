//! `openmig register`: who takes part and since when, and what a changed register would allow or stop.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::civil::Date;

use super::fail;
use super::place::{Opened, Place, today};
use crate::oversight::difference::{Change, changes};
use crate::oversight::signatories::{approved_flows, history, public};
use crate::oversight::try_out::{Patient, Tried, Use, try_out};
use crate::record::OdsCode;
use crate::register::{OrganisationKind, Register};
use crate::sandbox::population;
use crate::tabs::catalogue::TabSet;

/// What `openmig register` does.
#[derive(Debug, Subcommand)]
pub enum RegisterCommand {
    /// Who takes part, in what state, with history; or the public form as JSON
    Show {
        #[command(flatten)]
        place: Place,
        /// The public form, without people
        #[arg(long)]
        json: bool,
        /// Only the flows that stand under the oversight group's approval for this practice (ODS code)
        #[arg(long, value_name = "PRACTICE")]
        flows_of: Option<String>,
        /// As of this day (YYYY-MM-DD), with `--flows-of`
        #[arg(long, requires = "flows_of")]
        on: Option<Date>,
    },
    /// What a change allows or stops: in words, then tried out on people through the access rules
    Diff {
        /// Folder of the register in force
        old: PathBuf,
        /// Folder of the changed one
        new: PathBuf,
    },
}

/// Runs the command.
pub fn run(command: RegisterCommand) -> ExitCode {
    match command {
        RegisterCommand::Show {
            place,
            json,
            flows_of,
            on,
        } => match show(&place, json, flows_of, on) {
            Ok(text) => print(&text),
            Err(error) => fail(&error, 1),
        },
        RegisterCommand::Diff { old, new } => match diff(&old, &new) {
            Ok(text) => print(&text),
            Err(error) => fail(&error, 2),
        },
    }
}

fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn show(
    place: &Place,
    json: bool,
    flows_of: Option<String>,
    on: Option<Date>,
) -> Result<String, Box<dyn std::error::Error>> {
    let Opened {
        register, clock, ..
    } = place.open()?;
    let holds = register.holds(clock.now())?;
    let (register, today) = (register.current(), today());
    let mut out = String::new();
    if let Some(practice) = flows_of {
        let practice = OdsCode(practice);
        if !register.organisations.contains_key(&practice) {
            return Err(format!("the register has no organisation {practice}").into());
        }
        let day = on.unwrap_or(today);
        for (id, viewer, approval) in approved_flows(&register, &practice, day) {
            writeln!(
                out,
                "{practice} on {day}: `{id}` to {viewer}, approved by {approval}"
            )?;
        }
        if out.is_empty() {
            writeln!(out, "{practice} on {day}: no approved flow")?;
        }
        return Ok(out);
    }
    if json {
        writeln!(out, "{:#}", public(&register, &holds, today))?;
        return Ok(out);
    }
    let agreement = &register.agreement;
    writeln!(
        out,
        "{}, version {}; governed by {}; next review {}",
        agreement.name,
        agreement.versions.join(", "),
        agreement.group,
        agreement
            .next_review()
            .map_or_else(|| "not dated".to_owned(), |day| day.to_string())
    )?;
    for group in &agreement.former_groups {
        writeln!(out, "    until {} governed by {}", group.until, group.name)?;
    }
    for ods in register.organisations.keys() {
        for line in history(&register, &holds, today, ods) {
            writeln!(out, "{line}")?;
        }
    }
    for protocol in register.protocols.values() {
        writeln!(
            out,
            "flow `{}` to {}: {} until {}; approved by {} of {}, {} (for the practices: {}); UK GDPR {} and {}, {}",
            protocol.id,
            protocol.viewer,
            if protocol.is_in_force(today) {
                "in force"
            } else {
                "not in force"
            },
            protocol.valid.1,
            protocol.approval.by,
            protocol.approval.minutes,
            protocol.approval.reference,
            protocol.approval.representatives.join(", "),
            protocol.law.article_6,
            protocol.law.article_9,
            protocol.law.confidentiality,
        )?;
    }
    Ok(out)
}

fn diff(old: &Path, new: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let today = today();
    let load = |folder: &Path| {
        Register::load(folder, today).map_err(|errors| format!("{}: {errors}", folder.display()))
    };
    let (old, new) = (load(old)?, load(new)?);
    let mut out = String::new();
    let found = changes(&old, &new, today);
    match (found.is_empty(), old.hash == new.hash) {
        (true, true) => writeln!(out, "nothing changes")?,
        (true, false) => writeln!(
            out,
            "nothing changes in who may do what; the files differ in remarks or in what is only recorded: compare them"
        )?,
        (false, _) => {}
    }
    for Change { effect, text } in found {
        writeln!(out, "{:<8} {text}", effect.word())?;
    }
    let patients = patients(&old, &new, today);
    let tried = try_out(&old, &new, today, &patients);
    writeln!(
        out,
        "tried out, for direct care and for the other uses of its flows, on {} people of the sandbox and of the registers' practices:",
        patients.len()
    )?;
    if tried.is_empty() {
        writeln!(out, "  nobody sees more or less than before")?;
    }
    for one in tried {
        writeln!(out, "  {}", words(&one, patients.len()))?;
    }
    Ok(out)
}

/// The people of the contract, and one more for each practice that has none of them.
fn patients(old: &Register, new: &Register, today: Date) -> Vec<Patient> {
    let mut patients: Vec<Patient> = population::contract(today)
        .into_iter()
        .map(|person| Patient {
            name: person.nhs_number,
            practice: OdsCode(person.practice.to_owned()),
            traced: person.trace.verified,
            sensitive: person.trace.sensitive,
            deceased: person.trace.deceased.is_some(),
        })
        .collect();
    let there: BTreeSet<OdsCode> = patients.iter().map(|one| one.practice.clone()).collect();
    let practices: BTreeSet<&OdsCode> = [old, new]
        .into_iter()
        .flat_map(|register| register.organisations.values())
        .filter(|one| one.kind == OrganisationKind::Practice)
        .map(|one| &one.ods)
        .collect();
    patients.extend(
        practices
            .into_iter()
            .filter(|ods| !there.contains(*ods))
            .map(|ods| Patient {
                name: format!("somebody at {ods}"),
                practice: ods.clone(),
                traced: true,
                sensitive: false,
                deceased: false,
            }),
    );
    patients
}

fn words(tried: &Tried, all: usize) -> String {
    let tabs = |tabs: TabSet| {
        if tabs == TabSet::ALL {
            return "all ten tabs".to_owned();
        }
        let codes: Vec<&str> = tabs.iter().map(|tab| tab.code()).collect();
        codes.join(", ")
    };
    let mut text = format!(
        "`{}` for {}, {}:",
        tried.user,
        tried.viewer,
        match tried.purpose {
            Use::Care => "with consent",
            Use::Emergency => "by override",
            Use::Other(purpose) => purpose,
        }
    );
    if !tried.gained.is_empty() {
        let _ = write!(text, " now sees {}", tabs(tried.gained));
    }
    if !tried.lost.is_empty() {
        let and = if tried.gained.is_empty() { "" } else { " and" };
        let _ = write!(text, "{and} no longer sees {}", tabs(tried.lost));
        if let Some(rule) = tried.refused_by {
            let _ = write!(text, " ({}, {})", rule.code(), rule.source());
        }
    }
    let _ = if tried.patients.len() > 6 {
        write!(text, " of {} of {all} people", tried.patients.len())
    } else {
        write!(text, " of {}", tried.patients.join(", "))
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::register::tests::{TODAY, sandbox_register};
    use crate::tabs::catalogue::Tab;

    // R151, R167: what a change does is told in words and tried on the sandbox's people
    #[test]
    fn a_change_is_tried_out_on_the_sandboxs_people() {
        let old = sandbox_register();
        let mut new = old.clone();
        new.organisations
            .get_mut(&OdsCode("Z99002".to_owned()))
            .unwrap()
            .enablement
            .clear();
        let patients = patients(&old, &new, TODAY);
        assert!(patients.len() > 20);
        let tried = try_out(&old, &new, TODAY, &patients);
        let one = tried
            .iter()
            .find(|one| one.user == "hospital-nurse" && one.purpose == Use::Care)
            .unwrap();
        let text = words(one, patients.len());
        assert!(
            text.starts_with(
                "`hospital-nurse` for Z9H01, with consent: no longer sees summary, medication, risks-and-warnings (practice-not-enabled, S2 4.6) of "
            ),
            "{text}"
        );
        assert!(one.patients.contains(&"9990000387".to_owned()));
        assert!(!one.patients.contains(&"9990000018".to_owned()));
        let mut other = old.clone();
        let flow = other.protocols.get_mut("university-hospitals-1").unwrap();
        let nurse = [Tab::Summary, Tab::Problems].into_iter().collect();
        flow.roles.insert("nurse".to_owned(), nurse);
        let swapped = try_out(&old, &other, TODAY, &patients);
        let text = words(swapped.first().unwrap(), patients.len());
        assert!(
            text.contains("now sees problems and no longer sees medication, risks-and-warnings"),
            "{text}"
        );
        // who sees nothing anyway loses nothing
        assert!(
            !tried
                .iter()
                .any(|one| one.user == "walkin-doctor" || one.user == "untrained")
        );
    }
}
