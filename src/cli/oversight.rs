//! `openmig report`, `breach`, `investigation`, `complaint`, `extract`: oversight beside a running gateway,
//! in the name of a person of the register. They are the calls of `/oversight/v1` (docs/oversight.md), by the same code.
//!
//! Whoever may open the store's file is trusted to name themselves: the row of the trail says `command line` as its client.

use std::io::Read as _;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use jiff::civil::Date;

use super::place::{Opened, Place};
use crate::api::oversight::answer::Content;
use crate::api::oversight::call::Call;
use crate::audit::Origin;
use crate::clock::new_id;
use crate::record::OdsCode;
use crate::smart::person::{Overseer, bound};

/// Who acts, and where.
#[derive(Debug, Args)]
pub struct Who {
    #[command(flatten)]
    place: Place,
    /// Who acts: a username of the register
    #[arg(long = "as", value_name = "USERNAME")]
    actor: String,
    /// For which organisation (its ODS code); left out by the oversight group
    #[arg(long = "for", value_name = "ODS")]
    organisation: Option<String>,
}

/// The shape of a report.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    /// JSON
    Json,
    /// CSV
    Csv,
    /// A page to print
    Html,
}

impl Shape {
    fn code(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }
}

/// Arguments of `openmig report`.
#[derive(Debug, Args)]
pub struct ReportCommand {
    #[command(flatten)]
    who: Who,
    /// Which one. subject-access and export read a JSON object with the patient from standard input ({"nhs_number":"…"}), because a
    /// command line is seen by everybody who may list processes
    #[arg(value_parser = REPORTS)]
    name: String,
    /// First day
    #[arg(long)]
    from: Option<Date>,
    /// Last day
    #[arg(long)]
    to: Option<Date>,
    /// The day that is asked about (flows)
    #[arg(long)]
    on: Option<Date>,
    /// Seed of the sample (access-audit)
    #[arg(long)]
    seed: Option<u64>,
    /// Size of the sample (access-audit)
    #[arg(long)]
    size: Option<u32>,
    /// Begin the yearly report of this period instead (access-audit, overrides, complaints): it is then judged and submitted by `owed-report`
    #[arg(long, requires_all = ["from", "to"])]
    begin: bool,
    /// Its shape; a page to print (html) where nothing is said, JSON where there is nothing else
    #[arg(long, value_enum)]
    format: Option<Shape>,
}

/// Every report.
const REPORTS: [&str; 16] = [
    "access-audit",
    "complaints",
    "due",
    "evidence",
    "export",
    "flows",
    "gateways",
    "misuse",
    "opt-outs",
    "other-uses",
    "overrides",
    "patient-information",
    "quality",
    "subject-access",
    "terms",
    "undelivered",
];
/// Those that are JSON alone.
const JSON_ALONE: [&str; 2] = ["evidence", "export"];

/// Arguments of `openmig breach` and its like.
#[derive(Debug, Args)]
pub struct CaseCommand {
    #[command(flatten)]
    who: Who,
    #[command(subcommand)]
    what: CaseDeed,
}

#[derive(Debug, Subcommand)]
enum CaseDeed {
    /// Those that you may see
    List,
    /// One with its history
    Show {
        /// Its id
        id: String,
    },
    /// Open one: the first step, a JSON object, is read from standard input
    Open,
    /// Take a step: a JSON object, read from standard input
    Step {
        /// The case's id
        id: String,
    },
}

/// Arguments of `openmig notice`.
#[derive(Debug, Args)]
pub struct NoticeCommand {
    #[command(flatten)]
    who: Who,
    #[command(subcommand)]
    what: NoticeDeed,
}

#[derive(Debug, Subcommand)]
enum NoticeDeed {
    /// What one has been told, and how far each way of telling has come
    List {
        /// Only what nobody has read yet
        #[arg(long)]
        open: bool,
    },
    /// Say that it is read
    Acknowledge {
        /// Its id
        id: String,
    },
    /// Send again what was given up
    Retry {
        /// Its id
        id: String,
    },
}

/// Arguments of `openmig extract`.
#[derive(Debug, Args)]
pub struct ExtractCommand {
    #[command(flatten)]
    who: Who,
    /// Id of the flow
    #[arg(long)]
    protocol: String,
    /// Purpose, v3-ActReason
    #[arg(long)]
    purpose: String,
    /// Tabs, by their codes, with commas
    #[arg(long)]
    tabs: String,
    /// A day of the first month
    #[arg(long)]
    from: Date,
    /// A day of the last month
    #[arg(long)]
    to: Date,
    /// json, csv or html
    #[arg(long, value_enum, default_value_t = Shape::Csv)]
    format: Shape,
}

/// Runs `openmig report`.
///
/// # Errors
/// In words.
pub async fn report(command: ReportCommand) -> Result<(), String> {
    let alone = JSON_ALONE.contains(&command.name.as_str());
    if alone && command.format.is_some_and(|shape| shape.code() != "json") {
        return Err(format!("the report {} is JSON alone", command.name));
    }
    let shape = command.format.unwrap_or(Shape::Html);
    if matches!(command.name.as_str(), "subject-access" | "export") {
        let mut body = input()?;
        if body.trim_ascii().is_empty() {
            return Err(format!(
                "{} reads a JSON object from standard input: {{\"nhs_number\":\"…\"}}",
                command.name
            ));
        }
        if command.name == "subject-access" {
            let mut ask: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            ask.insert("format".to_owned(), shape.code().into());
            body = serde_json::Value::Object(ask).to_string().into_bytes();
        }
        let path = vec!["reports".to_owned(), command.name];
        return call(&command.who, Method::POST, path, Vec::new(), body).await;
    }
    if command.begin {
        let path = vec!["reports".to_owned(), command.name];
        let body = serde_json::json!({
            "from": command.from, "to": command.to, "seed": command.seed, "size": command.size,
        });
        let given = body.as_object().into_iter().flatten();
        let body: serde_json::Map<_, _> = given
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let body = serde_json::Value::Object(body).to_string().into_bytes();
        return call(&command.who, Method::POST, path, Vec::new(), body).await;
    }
    let mut query = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        query.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("from", command.from.map(|day| day.to_string()));
    add("to", command.to.map(|day| day.to_string()));
    add("on", command.on.map(|day| day.to_string()));
    add("seed", command.seed.map(|seed| seed.to_string()));
    add("size", command.size.map(|size| size.to_string()));
    if !alone {
        add("format", Some(shape.code().to_owned()));
    }
    let path = vec!["reports".to_owned(), command.name];
    call(&command.who, Method::GET, path, query, Vec::new()).await
}

/// Runs `openmig breach` and its like; `kind` is the path of the cases.
///
/// # Errors
/// In words.
pub async fn case(kind: &str, command: CaseCommand) -> Result<(), String> {
    let kind = kind.to_owned();
    let (method, path, body) = match command.what {
        CaseDeed::List => (Method::GET, vec![kind], Vec::new()),
        CaseDeed::Show { id } => (Method::GET, vec![kind, id], Vec::new()),
        CaseDeed::Open => (Method::POST, vec![kind], input()?),
        CaseDeed::Step { id } => (Method::POST, vec![kind, id], input()?),
    };
    call(&command.who, method, path, Vec::new(), body).await
}

/// Runs `openmig notice`.
///
/// # Errors
/// In words.
pub async fn notices(command: NoticeCommand) -> Result<(), String> {
    let one = |id: String, deed: &str| vec!["notices".to_owned(), id, deed.to_owned()];
    let (method, path, query, body) = match command.what {
        NoticeDeed::List { open } => {
            let open = open.then(|| ("open".to_owned(), "true".to_owned()));
            let path = vec!["notices".to_owned()];
            (Method::GET, path, open.into_iter().collect(), Vec::new())
        }
        NoticeDeed::Acknowledge { id } => (
            Method::POST,
            one(id, "acknowledge"),
            Vec::new(),
            b"{}".to_vec(),
        ),
        NoticeDeed::Retry { id } => (Method::POST, one(id, "retry"), Vec::new(), b"{}".to_vec()),
    };
    call(&command.who, method, path, query, body).await
}

/// Runs `openmig extract`.
///
/// # Errors
/// In words.
pub async fn extract(command: ExtractCommand) -> Result<(), String> {
    let query = [
        ("protocol", command.protocol),
        ("purpose", command.purpose),
        ("tabs", command.tabs),
        ("from", command.from.to_string()),
        ("to", command.to.to_string()),
        ("format", command.format.code().to_owned()),
    ];
    let query = query.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let path = vec!["reports".to_owned(), "extract".to_owned()];
    call(&command.who, Method::GET, path, query, Vec::new()).await
}

async fn call(
    who: &Who,
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Vec<u8>,
) -> Result<(), String> {
    let Opened {
        register,
        store,
        clock,
    } = who.place.open().map_err(|error| error.to_string())?;
    let (trail_key, issuer) = who.place.signing(&store)?;
    let parts = crate::gateway::OversightParts {
        trail_key,
        issuer,
        exclusions: who.place.exclusions()?,
        settings: who.place.settings()?,
        mappings: who.place.mappings()?,
    };
    let (ids, seal) = who.place.keys()?;
    let current = register.current();
    let organisation = who.organisation.clone().map(OdsCode);
    let now = clock.now();
    let holds = register.holds(now).map_err(|error| error.to_string())?;
    let person = bound(&current, &who.actor, organisation.as_ref())
        .filter(|_| !holds.users.contains(&who.actor))
        .ok_or_else(|| {
            let hint = if who.organisation.is_none() {
                "; who acts for an organisation names it with --for"
            } else {
                ""
            };
            format!("this is nobody with a duty of oversight there{hint}")
        })?;
    let api = crate::gateway::oversight_api(register, &store, seal.into(), ids, clock, parts);
    let mut call = Call {
        overseer: Overseer {
            client: "command line".to_owned(),
            person: crate::smart::person::Person {
                actor: person,
                organisation,
            },
            assurance: None,
            token: String::new(),
        },
        register: current,
        now,
        origin: Origin {
            request_id: new_id().to_string(),
            address: None,
        },
        method,
        path,
        query,
        understood: Vec::new(),
        body,
    };
    match api.carry_out(&mut call).await {
        Ok(reply) => {
            match reply.content {
                Content::Json(value) => println!("{value:#}"),
                Content::Csv(text, _) | Content::Html(text) => print!("{text}"),
                Content::Fhir(text) => println!("{text}"),
            }
            Ok(())
        }
        Err(problem) => Err(format!("{} ({})", problem.reason, problem.error)),
    }
}

/// Standard input, bounded.
fn input() -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    std::io::stdin()
        .take(64 * 1024)
        .read_to_end(&mut body)
        .map_err(|error| error.to_string())?;
    Ok(body)
}
