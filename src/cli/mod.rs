//! Sub-commands of the one binary.

mod audit;
mod check_mappings;
pub mod clients;
mod deed;
mod explain;
mod help;
mod hold;
pub mod keys;
mod map;
mod national;
mod opt_out;
mod override_review;
mod oversight;
mod password_hash;
mod place;
mod register;
mod report;
mod serve;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::clock::{Clock, SystemClock};
use crate::config::{Timing, read_providers};
use crate::record::date::london;
use crate::sandbox::mock::{self, Ordinary, People, Which};
use crate::sandbox::population;
use crate::sandbox::run::{SandboxOptions, sandbox_timing, start};
use crate::smart::provider::Provider;

/// An open Medical Interoperability Gateway.
#[derive(Debug, Parser)]
#[command(name = "openmig", version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything in one process with synthetic people: gateway, mock GP systems, trace service, EHR
    Sandbox {
        /// First port; the others follow: N+1 to N+4, and N+12
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Folder of the state
        #[arg(long, default_value = "openmig-sandbox")]
        data: PathBuf,
        /// Empty the state first
        #[arg(long)]
        fresh: bool,
        /// Ordinary synthetic patients beside those of the contract
        #[arg(long, default_value_t = 0)]
        patients: u64,
        /// Seed of the ordinary patients: the same seed gives the same people
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Seconds that a looked-up record is held, where something is measured over a longer time than the usual hold
        #[arg(long, hide = true)]
        hold_seconds: Option<u64>,
        /// OpenID providers to trust beside the sandbox's own: a TOML file with `[[providers]]` as `serve` has them
        #[arg(long)]
        providers: Option<PathBuf>,
    },
    /// Run a gateway with a configuration file
    Serve {
        /// The TOML file
        #[arg(long)]
        config: PathBuf,
    },
    /// Run one mock service as a process of its own
    Mock {
        /// emis, systmone, trace or ehr
        service: String,
        /// Address to listen on; SystmOne over TCP listens ten ports above
        #[arg(long)]
        listen: SocketAddr,
        /// Ordinary synthetic patients beside those of the contract
        #[arg(long, default_value_t = 0)]
        patients: u64,
        /// Seed of the ordinary patients: every mock service must have the same
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Read one supplier message and print it as a FHIR Bundle; losses go to stderr, a JSON object a line
    Map {
        /// emis or systmone
        #[arg(long)]
        source: String,
        /// The message
        file: PathBuf,
    },
    /// Check the register, the exclusion list or the mapping tables
    Check {
        #[command(subcommand)]
        what: Check,
    },
    /// Who takes part; what a changed register allows or stops
    Register {
        #[command(subcommand)]
        what: register::RegisterCommand,
    },
    /// Why it was decided so, rule by rule; or what would be decided if
    Explain(Box<explain::ExplainCommand>),
    /// Register OAuth clients, give them other secrets or keys, take them away
    Clients(clients::ClientsCommand),
    /// The server's own signing keys
    Keys(keys::KeysCommand),
    /// The hash of a password, read from standard input, for users.toml
    PasswordHash,
    /// Suspend, withdraw, revoke, and give back on an assurance
    Hold(hold::HoldCommand),
    /// Load an answer of the national data opt-out service, for flows under section 251
    NationalOptOut(national::NationalCommand),
    /// Reports: who looked, what is due, what was lost, the evidence pack …
    Report {
        #[command(subcommand)]
        what: report::Report,
    },
    /// Requests to opt out of sharing, or back in, and their review
    OptOut(opt_out::OptOutCommand),
    /// Overrides: those that wait for review, their review, the report
    Override(override_review::OverrideCommand),
    /// Breach cases: list them, show one, take a step
    Breach(oversight::CaseCommand),
    /// Investigations that a practice demands of a viewer: list, show, take a step
    Investigation(oversight::CaseCommand),
    /// Complaints: list them, show one, take a step
    Complaint(oversight::CaseCommand),
    /// Yearly reports to the oversight group: list them, show one, begin one, judge, submit, receive
    OwedReport(oversight::CaseCommand),
    /// Information for patients: which version is published where
    Publication(oversight::CaseCommand),
    /// Notices: what one has been told, that it is read, sending again what was given up
    Notice(oversight::NoticeCommand),
    /// Counts through an anonymised flow, and nothing else
    Extract(oversight::ExtractCommand),
    /// The audit trail: verify it, sign its head, prove that nothing before was changed, check what was handed out
    Audit {
        #[command(subcommand)]
        what: audit::Audit,
    },
}

#[derive(Debug, Subcommand)]
enum Check {
    /// The register's files, as a whole
    Register {
        /// Their folder
        folder: PathBuf,
    },
    /// The exclusion list: this program's, or the one in a folder
    Exclusions {
        /// Its folder
        folder: Option<PathBuf>,
    },
    /// The mapping tables: this program's, or those in a folder
    Mappings {
        /// Their folder, with the layout of `mappings/`; what it has no file for is this program's
        folder: Option<PathBuf>,
    },
}

/// Runs the command line. 0 = done, 1 = failed, 2 = the arguments or the file at hand are wrong.
#[must_use]
pub fn run() -> ExitCode {
    let matches = help::grouped(Arguments::command()).get_matches();
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    // Those that serve tell what happens; a command's own words are enough for the others.
    let usual = match arguments.command {
        Command::Sandbox { .. } | Command::Serve { .. } | Command::Mock { .. } => {
            "warn,openmig=info"
        }
        _ => "error",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("OPENMIG_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match arguments.command {
        Command::Map { source, file } => map::run(&source, &file),
        Command::Check { what } => check(&what),
        Command::Report { what } => report::run(what),
        Command::Audit { what } => audit_command(what),
        Command::Sandbox {
            port,
            data,
            fresh,
            patients,
            seed,
            hold_seconds,
            providers,
        } => {
            let timing = hold_seconds.map(|hold_seconds| Timing {
                hold_seconds,
                ..sandbox_timing()
            });
            let options = SandboxOptions {
                port,
                data,
                fresh,
                patients,
                seed,
                timing,
                limits: None,
                providers: match trusted(providers.as_deref()) {
                    Ok(providers) => providers,
                    Err(error) => return fail(&error, 1),
                },
            };
            block_on(async move {
                let sandbox = start(&options).await.map_err(|error| error.to_string())?;
                println!("{}", sandbox.banner);
                sandbox.wait().await.map_err(|error| error.to_string())
            })
        }
        Command::Serve { config } => {
            block_on(async move { serve::run(&config).await.map_err(|error| error.to_string()) })
        }
        Command::Register { what } => register::run(what),
        Command::Clients(command) => block_on(clients::run(command)),
        Command::Keys(command) => block_on(keys::run(command)),
        Command::PasswordHash => match password_hash::hashed(&mut std::io::stdin().lock()) {
            Ok(hash) => {
                println!("{hash}");
                ExitCode::SUCCESS
            }
            Err(why) => fail(&why, 2),
        },
        Command::Explain(command) => explain::run(*command),
        Command::OptOut(command) => block_on(opt_out::run(command)),
        Command::Override(command) => block_on(override_review::run(command)),
        Command::Breach(command) => block_on(oversight::case("breaches", command)),
        Command::Investigation(command) => block_on(oversight::case("investigations", command)),
        Command::Complaint(command) => block_on(oversight::case("complaints", command)),
        Command::OwedReport(command) => block_on(oversight::case("owed-reports", command)),
        Command::Publication(command) => block_on(oversight::case("publications", command)),
        Command::Notice(command) => block_on(oversight::notices(command)),
        Command::Extract(command) => block_on(oversight::extract(command)),
        Command::NationalOptOut(command) => {
            block_on(async move { national::run(command).await.map(drop) })
        }
        Command::Hold(command) => block_on(async move { hold::run(command).await.map(drop) }),
        Command::Mock {
            service,
            listen,
            patients,
            seed,
        } => match service.parse::<Which>() {
            Ok(which) => block_on(async move {
                let today = SystemClock.now().to_zoned(london()).date();
                let n = patients.min(population::MOST_ORDINARY);
                let people = People::new(population::contract(today)).with_ordinary(Ordinary {
                    n,
                    seed,
                    today,
                });
                mock::run(which, listen, Arc::new(people))
                    .await
                    .map_err(|error| error.to_string())
            }),
            Err(error) => fail(&error, 2),
        },
    }
}

fn check(what: &Check) -> ExitCode {
    match what {
        Check::Register { folder } => {
            let today = SystemClock.now().to_zoned(london()).date();
            match crate::register::Register::load(folder, today) {
                Ok(register) => {
                    println!(
                        "the register is valid: {} organisations, {} users, {} clients, {} protocols; hash {}",
                        register.organisations.len(),
                        register.users.len(),
                        register.clients.len(),
                        register.protocols.len(),
                        register.hash
                    );
                    for warning in register.warnings(today) {
                        println!("attention: {warning}");
                    }
                    ExitCode::SUCCESS
                }
                Err(errors) => fail(&errors, 2),
            }
        }
        Check::Exclusions { folder } => {
            let list = match folder {
                Some(folder) => crate::labelling::ExclusionList::load(folder),
                None => crate::labelling::ExclusionList::load_embedded(),
            };
            match list {
                Ok(list) => {
                    println!(
                        "the exclusion list is whole: {} lines; version {}",
                        list.rows().len(),
                        list.version()
                    );
                    ExitCode::SUCCESS
                }
                Err(error) => fail(&error, 2),
            }
        }
        Check::Mappings { folder } => check_mappings::run(folder.as_deref()),
    }
}

/// The providers of a file, ready to be trusted.
fn trusted(file: Option<&Path>) -> Result<Vec<Provider>, String> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    read_providers(file)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|provider| Provider::load(provider).map_err(|error| error.to_string()))
        .collect()
}

fn audit_command(what: audit::Audit) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    match runtime.block_on(audit::run(what)) {
        Ok(words) => {
            println!("{words}");
            ExitCode::SUCCESS
        }
        Err((why, code)) => fail(&why, code),
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("openmig: {error}");
    ExitCode::from(code)
}

fn block_on(work: impl Future<Output = Result<(), String>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}
