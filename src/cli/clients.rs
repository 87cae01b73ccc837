//! `openmig clients`: registers OAuth clients and takes them away, beside a running gateway.
//!
//! `add` and `rotate` change `clients.toml`: the whole register is checked with the change before a byte is written, and a
//! running gateway takes it up within seconds, like a change by hand. `disable` and `enable` are a hold (S2 12): in force at the
//! next request of every replica. A secret is random, told once, and kept as a hash.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::deed::Deed;
use super::hold::words;
use super::place::{Place, today};
use crate::audit::AuditLog as _;
use crate::oversight::holds::{AssuranceGiven, HoldAsk, HoldService};
use crate::register::edit::{appended, replaced};
use crate::register::{AGREEMENT, CLIENTS, Client, ClientAuthentication, Register, RegisterFiles};
use crate::smart::jwks::KeySet;
use crate::smart::ring::text_of;
use crate::smart::secrets::random_token;
use crate::store::holds::Held;
use crate::text::hex;

/// Arguments of `openmig clients`.
#[derive(Debug, Args)]
pub struct ClientsCommand {
    #[command(flatten)]
    place: Place,
    /// Who acts: a username of the register
    #[arg(long = "as", value_name = "USERNAME")]
    actor: String,
    #[command(subcommand)]
    what: ClientsDeed,
}

#[derive(Debug, Subcommand)]
enum ClientsDeed {
    /// Every client: how it authenticates, what it may, whether it is disabled
    List,
    /// Register one
    Add(Box<NewClient>),
    /// Give one a new secret, or other keys
    Rotate {
        /// Its id
        id: String,
        #[command(flatten)]
        keys: Keys,
        #[command(flatten)]
        instructed: Instructed,
    },
    /// Take one away: no token from the next request on, and those it has are dead
    Disable {
        /// Its id
        id: String,
        /// Why; all parties can read it
        #[arg(long)]
        reason: String,
    },
    /// Give one back, on an assurance; tokens that were killed stay dead
    Enable {
        /// Its id
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
}

#[derive(Debug, Args)]
struct NewClient {
    /// Its id: 1 to 64 of A-Z a-z 0-9 - . _
    id: String,
    /// What clinicians see on the pages
    #[arg(long)]
    name: Option<String>,
    /// A public client: PKCE alone
    #[arg(long, conflicts_with_all = ["secret", "jwks", "jwks_url"])]
    public: bool,
    /// A secret is made, and told once
    #[arg(long, conflicts_with_all = ["jwks", "jwks_url"])]
    secret: bool,
    #[command(flatten)]
    keys: Keys,
    /// ODS code of its organisation; without one it serves users of any
    #[arg(long, value_name = "ODS")]
    organisation: Option<String>,
    /// Its assertions name the clinician
    #[arg(long)]
    named_clinician: bool,
    /// It reads this practice's own audit trail
    #[arg(long, value_name = "ODS")]
    audit_of: Option<String>,
    /// An app that it may launch; may be repeated
    #[arg(long, value_name = "CLIENT")]
    launches: Vec<String>,
    /// It may introspect any token
    #[arg(long)]
    may_introspect: bool,
    /// Where its codes are sent, exactly; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    #[command(flatten)]
    instructed: Instructed,
}

#[derive(Debug, Args)]
struct Keys {
    /// File with its public key set
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_url")]
    jwks: Option<PathBuf>,
    /// https address of its public key set
    #[arg(long, value_name = "URL")]
    jwks_url: Option<String>,
}

#[derive(Debug, Args)]
struct Instructed {
    /// File with the `[[instruction]]` on which this is done, for agreement.toml (R167)
    #[arg(long, value_name = "FILE")]
    instruction: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// In words.
pub async fn run(command: ClientsCommand) -> Result<(), String> {
    for line in act(command).await? {
        println!("{line}");
    }
    Ok(())
}

/// Does it; gives the lines to be printed. Of `add` and `rotate` they hold the new secret, and nothing else ever does.
///
/// # Errors
/// In words; then nothing has changed.
pub async fn act(command: ClientsCommand) -> Result<Vec<String>, String> {
    let deed = Deed::open(&command.place, &command.actor)?;
    let outcome = match command.what {
        ClientsDeed::List => list(&deed).await,
        ClientsDeed::Add(new) => add(&command.place, &deed, *new).await,
        ClientsDeed::Rotate {
            id,
            keys,
            instructed,
        } => rotate(&command.place, &deed, &id, keys, instructed).await,
        ClientsDeed::Disable { id, reason } => disable(&deed, id, reason).await,
        ClientsDeed::Enable {
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
            enable(&deed, &id, given).await
        }
    };
    if outcome.is_err() {
        let mut entry = deed.entry("oversight-act", "clients");
        entry.failure = Some("not-done".to_owned());
        let written = deed.opened.store.write(entry).await;
        written.map_err(|error| error.to_string())?;
    }
    outcome
}

/// One client as people may see it.
fn told(client: &Client, disabled: bool) -> Value {
    let (kind, keys) = match &client.authentication {
        ClientAuthentication::Public => ("public", None),
        ClientAuthentication::Secret(_) => ("secret", None),
        ClientAuthentication::Keys(_) => ("keys", None),
        ClientAuthentication::KeysAt { url, .. } => ("keys", Some(url)),
    };
    json!({
        "client_id": client.id,
        "name": client.name,
        "authentication": kind,
        "jwks_url": keys,
        "organisation": client.organisation.as_ref().map(|ods| &ods.0),
        "named_clinician": client.named_clinician,
        "audit_of": client.audit_of.as_ref().map(|ods| &ods.0),
        "launches": client.launches,
        "may_introspect": client.may_introspect,
        "redirect_uris": client.redirect_uris,
        "disabled": disabled,
    })
}

async fn list(deed: &Deed) -> Result<Vec<String>, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    deed.actor.must_govern().map_err(|error| said(&error))?;
    let register = &deed.opened.register;
    let holds = register
        .holds(deed.opened.clock.now())
        .map_err(|error| said(&error))?;
    let entry = deed.entry("oversight-read", "clients/list");
    let written = deed.opened.store.write(entry).await;
    written.map_err(|error| said(&error))?;
    Ok(register
        .current()
        .clients
        .values()
        .map(|client| told(client, holds.clients.contains(&client.id)).to_string())
        .collect())
}

/// What a client proves itself with, new: the TOML value, and the secret to be told.
struct Proof {
    toml: String,
    secret: Option<String>,
}

fn new_secret() -> Result<(String, String), String> {
    let secret = random_token().map_err(|error| error.to_string())?;
    let hash = hex(&Sha256::digest(secret.as_bytes()));
    Ok((secret, hash))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The key set of a file as one line of JSON, checked as the token endpoint reads it.
fn key_set(path: &Path) -> Result<String, String> {
    let text = text_of(path).map_err(|error| error.to_string())?;
    KeySet::parse(&text)
        .map_err(|_| format!("{}: no JSON Web Key Set of public keys", path.display()))?;
    let set: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    Ok(set.to_string())
}

fn proof(new: &NewClient) -> Result<Proof, String> {
    let (toml, secret) = match (&new.keys.jwks, &new.keys.jwks_url) {
        (Some(path), _) => (format!("{{ jwks = {} }}", quoted(&key_set(path)?)), None),
        (None, Some(url)) => (format!("{{ jwks_url = {} }}", quoted(url)), None),
        (None, None) if new.public => ("{ public = true }".to_owned(), None),
        (None, None) if new.secret => {
            let (secret, hash) = new_secret()?;
            (
                format!("{{ secret_sha256 = {} }}", quoted(&hash)),
                Some(secret),
            )
        }
        (None, None) => {
            return Err("one of --public, --secret, --jwks and --jwks-url is needed".to_owned());
        }
    };
    Ok(Proof { toml, secret })
}

async fn add(place: &Place, deed: &Deed, new: NewClient) -> Result<Vec<String>, String> {
    let well_formed = (1..=64).contains(&new.id.len())
        && new
            .id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if !well_formed {
        return Err("a client's id is 1 to 64 of A-Z a-z 0-9 - . _".to_owned());
    }
    let Proof { toml, secret } = proof(&new)?;
    let list = |texts: &[String]| {
        let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        texts.join(", ")
    };
    let mut entry = format!("[[client]]\nid = {}\n", quoted(&new.id));
    for (member, value) in [
        ("name", new.name.as_deref().map(quoted)),
        ("authentication", Some(toml)),
        ("organisation", new.organisation.as_deref().map(quoted)),
        (
            "named_clinician",
            new.named_clinician.then(|| "true".to_owned()),
        ),
        ("audit_of", new.audit_of.as_deref().map(quoted)),
        (
            "launches",
            (!new.launches.is_empty()).then(|| format!("[{}]", list(&new.launches))),
        ),
        (
            "may_introspect",
            new.may_introspect.then(|| "true".to_owned()),
        ),
        (
            "redirect_uris",
            (!new.redirect_uris.is_empty()).then(|| format!("[{}]", list(&new.redirect_uris))),
        ),
    ] {
        if let Some(value) = value {
            entry.push_str(&format!("{member} = {value}\n"));
        }
    }
    let folder = place.register_dir().map_err(|error| error.to_string())?;
    let before = RegisterFiles::of_folder(&folder).map_err(|error| error.to_string())?;
    let after = RegisterFiles {
        clients: appended(&before.clients, &entry),
        ..before.clone()
    };
    change(
        deed,
        &folder,
        before,
        after,
        new.instructed,
        "clients/add",
        &new.id,
    )
    .await?;
    answer(deed, &folder, &new.id, secret)
}

async fn rotate(
    place: &Place,
    deed: &Deed,
    id: &str,
    keys: Keys,
    instructed: Instructed,
) -> Result<Vec<String>, String> {
    let folder = place.register_dir().map_err(|error| error.to_string())?;
    let before = RegisterFiles::of_folder(&folder).map_err(|error| error.to_string())?;
    let register = deed.opened.register.current();
    let client = register
        .clients
        .get(id)
        .ok_or_else(|| "the register has no client of this id".to_owned())?;
    let (old, new, secret) = match (&client.authentication, keys.jwks, keys.jwks_url) {
        (ClientAuthentication::Secret(old), None, None) => {
            let (secret, hash) = new_secret()?;
            (old.clone(), hash, Some(secret))
        }
        (ClientAuthentication::Keys(old), Some(path), _) => {
            (as_written(&before, old), quoted(&key_set(&path)?), None)
        }
        (ClientAuthentication::KeysAt { url, .. }, None, Some(new)) => {
            (quoted(url), quoted(&new), None)
        }
        (ClientAuthentication::Secret(_), ..) => {
            return Err("this client has a secret: it gets a new one without --jwks".to_owned());
        }
        (ClientAuthentication::Keys(_), ..) => {
            return Err(
                "this client's keys are in the register: --jwks FILE holds the new ones".to_owned(),
            );
        }
        (ClientAuthentication::KeysAt { .. }, ..) => {
            return Err("this client publishes its keys itself, and rotates them there; --jwks-url names another address".to_owned());
        }
        (ClientAuthentication::Public, ..) => {
            return Err("a public client has nothing to rotate".to_owned());
        }
    };
    let after = replaced(&before, id, &old, &new).map_err(|error| error.to_string())?;
    change(
        deed,
        &folder,
        before,
        after,
        instructed,
        "clients/rotate",
        id,
    )
    .await?;
    answer(deed, &folder, id, secret)
}

/// How a key set stands in the file: in single quotes as the documentation shows it, or as this program writes it.
fn as_written(files: &RegisterFiles, set: &str) -> String {
    [format!("'{set}'"), format!("'''{set}'''"), quoted(set)]
        .into_iter()
        .find(|written| files.clients.contains(written))
        .unwrap_or_default()
}

/// Checks the changed register as a whole, writes the row, then the files.
async fn change(
    deed: &Deed,
    folder: &Path,
    before: RegisterFiles,
    mut after: RegisterFiles,
    instructed: Instructed,
    what: &str,
    id: &str,
) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    deed.actor.must_govern().map_err(|error| said(&error))?;
    let rules = &deed.opened.register.current().agreement.rules;
    match instructed.instruction {
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            after.agreement = appended(&after.agreement, &text);
        }
        None if rules.changes_need_instruction => {
            return Err(
                "this register changes only on an instruction: --instruction FILE (R167)"
                    .to_owned(),
            );
        }
        None => {}
    }
    let next = Register::read(&after, today()).map_err(|error| said(&error))?;
    let known = deed.opened.register.current().agreement.instructions.len();
    if rules.changes_need_instruction && next.agreement.instructions.len() <= known {
        return Err("the file of --instruction holds no [[instruction]] (R167)".to_owned());
    }
    let entry = || {
        let mut entry = deed.entry("oversight-act", what);
        entry.decision =
            Some(json!({"client": id, "before": before.hash(), "after": after.hash()}).to_string());
        entry
    };
    let log = &deed.opened.store;
    log.write(entry()).await.map_err(|error| said(&error))?;
    for (name, old, new) in [
        (AGREEMENT, &before.agreement, &after.agreement),
        (CLIENTS, &before.clients, &after.clients),
    ] {
        if old != new {
            replace_file(&folder.join(name), new)
                .map_err(|error| format!("{}: {error}", folder.join(name).display()))?;
        }
    }
    Ok(())
}

/// Whole or not at all, with the rights that the file had.
fn replace_file(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, text)?;
    std::fs::set_permissions(&unfinished, std::fs::metadata(path)?.permissions())?;
    std::fs::rename(&unfinished, path)
}

fn answer(
    deed: &Deed,
    folder: &Path,
    id: &str,
    secret: Option<String>,
) -> Result<Vec<String>, String> {
    let register = Register::load(folder, today()).map_err(|error| error.to_string())?;
    let client = register
        .clients
        .get(id)
        .ok_or_else(|| "the register has no client of this id".to_owned())?;
    let holds = deed
        .opened
        .register
        .holds(deed.opened.clock.now())
        .map_err(|error| error.to_string())?;
    let mut told = told(client, holds.clients.contains(id));
    if let Some(secret) = secret {
        told["client_secret"] = secret.into();
    }
    Ok(vec![told.to_string()])
}

fn holds_of(deed: &Deed) -> HoldService {
    let store = &deed.opened.store;
    HoldService::new(
        deed.opened.register.clone(),
        std::sync::Arc::clone(store) as _,
        std::sync::Arc::clone(store) as _,
        std::sync::Arc::clone(&deed.opened.clock),
    )
}

async fn disable(deed: &Deed, id: String, reason: String) -> Result<Vec<String>, String> {
    let ask = HoldAsk {
        held: Held::Client(id),
        reason,
        from: None,
    };
    let entry = deed.entry("oversight-act", "clients/disable");
    let row = holds_of(deed)
        .place(&deed.actor, ask, entry)
        .await
        .map_err(|error| error.to_string())?;
    Ok(vec![words(&row)])
}

async fn enable(deed: &Deed, id: &str, given: AssuranceGiven) -> Result<Vec<String>, String> {
    let service = holds_of(deed);
    let standing = service
        .list(&deed.actor, true)
        .map_err(|error| error.to_string())?;
    // The group and an organisation may each have disabled it: each gives back its own.
    let own = standing.into_iter().filter(|row| {
        let own = match &row.placed_for {
            None => deed.actor.must_govern().is_ok(),
            Some(ods) => deed.actor.organisations().contains(ods),
        };
        own && matches!(&row.held, Held::Client(held) if held == id)
    });
    let mut lines = Vec::new();
    for row in own {
        let entry = deed.entry("oversight-act", "clients/enable");
        let lifted = service
            .lift(&deed.actor, &row.id, given.clone(), entry)
            .await
            .map_err(|error| error.to_string())?;
        lines.push(words(&lifted));
    }
    if lines.is_empty() {
        return Err("this client is not disabled, or not by you".to_owned());
    }
    Ok(lines)
}
