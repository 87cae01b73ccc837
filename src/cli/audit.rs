//! `openmig audit`: verify the trail, sign its head, prove that it begins with what it was; and check what was handed out,
//! with nothing but the file at hand and the gateway's published keys.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::place::Place;
use crate::audit::consistency::{self, Consistency};
use crate::audit::proof::{self, Export};
use crate::audit::signed::SignedHead;
use crate::audit::verify::{Against, TreeHead};
use crate::gateway;
use crate::oversight::evidence;
use crate::oversight::heads::TrailHeads;
use crate::smart::jwks::KeySet;
use crate::text::{hex, instant};

/// No file of these is larger.
const LARGEST: u64 = 512 * 1024 * 1024;

/// A command's end: words for standard output, or why not with the exit code (1 = it is not what it says, 2 = it cannot be read).
pub type Outcome = Result<String, (String, u8)>;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Recompute the trail over every row; compare it with every stored and signed head and with all that it holds
    Verify {
        /// The SQLite file
        file: PathBuf,
        #[command(flatten)]
        outside: Outside,
    },
    /// Sign the trail's head now and print it: give it to somebody outside, who keeps it
    Head {
        #[command(flatten)]
        place: Place,
        /// Every head that was signed so far, the newest first; signs none
        #[arg(long)]
        list: bool,
    },
    /// Prove that the trail of now begins with what it was when it had FIRST rows; prints JSON for `check`
    Consistency {
        #[command(flatten)]
        place: Place,
        /// Rows of the older head
        first: u64,
        /// Rows of the newer one; the trail of now, signed, where it is left out
        second: Option<u64>,
    },
    /// Check what was handed out, by itself: a signed head, a consistency proof, an export, or an evidence pack
    #[command(visible_alias = "verify-export")]
    Check {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        outside: Outside,
    },
}

/// What somebody outside has kept.
#[derive(Debug, Default, Args)]
pub struct Outside {
    /// A tree head that was kept elsewhere: SIZE:ROOT, a signed head, or a file with one. May be given several times
    #[arg(long, value_name = "HEAD")]
    known: Vec<String>,
    /// The gateway's public keys (what `<issuer>/jwks` served), kept elsewhere; without them signatures in the store are
    /// checked with the keys in the store, and those in a file are not checked
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

impl Outside {
    fn keys(&self) -> Result<Option<KeySet>, (String, u8)> {
        self.keys
            .as_deref()
            .map(|path| {
                KeySet::parse(&read(path)?)
                    .map_err(|_| (format!("{}: this is no public key set", path.display()), 2))
            })
            .transpose()
    }

    /// The heads; a signed one must be genuine where there are keys.
    fn heads(&self, keys: Option<&KeySet>) -> Result<Vec<TreeHead>, (String, u8)> {
        self.known.iter().map(|known| kept(known, keys)).collect()
    }
}

/// A head as somebody kept it.
fn kept(known: &str, keys: Option<&KeySet>) -> Result<TreeHead, (String, u8)> {
    let known = known.trim();
    if let Ok(head) = known.parse() {
        return Ok(head);
    }
    if let Ok(signed) = SignedHead::read(known) {
        if let Some(keys) = keys {
            signed
                .verify(keys)
                .map_err(|error| (error.to_string(), 1))?;
        }
        return Ok(signed.head());
    }
    let text = String::from_utf8(read(Path::new(known))?)
        .map_err(|_| (format!("{known}: this is no tree head"), 2))?;
    let text = match serde_json::from_str::<Value>(&text) {
        Ok(value) => value
            .get("signed_head")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .unwrap_or_default(),
        Err(_) => text,
    };
    let text = text.trim();
    if text.parse::<TreeHead>().is_err() && SignedHead::read(text).is_err() {
        return Err((
            format!("{known}: this is no tree head (SIZE:ROOT, or a signed one)"),
            2,
        ));
    }
    kept(text, keys)
}

fn read(path: &Path) -> Result<Vec<u8>, (String, u8)> {
    use std::io::Read as _;
    let wrong = |error: std::io::Error| (format!("{}: {error}", path.display()), 2);
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(wrong)?
        .take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(wrong)?;
    Ok(bytes)
}

/// Runs `openmig audit`.
///
/// # Errors
/// In words, with the exit code.
pub async fn run(what: Audit) -> Outcome {
    match what {
        Audit::Verify { file, outside } => {
            let keys = outside.keys()?;
            let against = Against {
                kept: outside.heads(keys.as_ref())?,
                keys,
            };
            // A file that is not there is a slip of the hand, not a finding.
            if !file.is_file() {
                return Err((format!("{}: there is no such file", file.display()), 2));
            }
            let verified = crate::store::sqlite::verify(&file, &against)
                .map_err(|bad| (bad.to_string(), 1))?;
            Ok(verified.words())
        }
        Audit::Head { place, list } => head(&place, list).await,
        Audit::Consistency {
            place,
            first,
            second,
        } => {
            let proof = heads(&place)?
                .consistency(first, second)
                .await
                .map_err(|error| (error.to_string(), 1))?;
            Ok(format!("{:#}", json!(proof)))
        }
        Audit::Check { file, outside } => check(&file, &outside),
    }
}

fn heads(place: &Place) -> Result<TrailHeads, (String, u8)> {
    let wrong = |error: String| (error, 2);
    let opened = place.open().map_err(|error| wrong(error.to_string()))?;
    let (key, issuer) = place.signing(&opened.store).map_err(wrong)?;
    Ok(gateway::trail_heads(
        &opened.store,
        key,
        issuer,
        opened.clock,
    ))
}

async fn head(place: &Place, list: bool) -> Outcome {
    let heads = heads(place)?;
    let failed = |error: String| (error, 1);
    if !list {
        let head = heads
            .sign()
            .await
            .map_err(|error| failed(error.to_string()))?;
        return Ok(head.jws);
    }
    let lines: Vec<String> = heads
        .list(usize::MAX)
        .map_err(|error| failed(error.to_string()))?
        .iter()
        .map(|head| {
            format!(
                "{}  {}:{}  {}",
                instant(head.signed_at),
                head.size,
                hex(&head.root),
                head.kid
            )
        })
        .collect();
    if lines.is_empty() {
        return Ok("no head has been signed yet".to_owned());
    }
    Ok(lines.join("\n"))
}

/// Checks a file by what it says it is.
fn check(file: &Path, outside: &Outside) -> Outcome {
    let keys = outside.keys()?;
    let known = outside.heads(keys.as_ref())?;
    let bytes = read(file)?;
    let not = |error: String| (error, 1);
    let text = String::from_utf8_lossy(&bytes);
    if let Ok(signed) = SignedHead::read(&text) {
        return signed_head(&signed, &known, keys.as_ref());
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| {
        (
            format!(
                "{}: this is no signed head, consistency proof, export of the trail or evidence pack",
                file.display()
            ),
            2,
        )
    })?;
    let kept = known.first().copied();
    if known.len() > 1 {
        return Err((
            "a file is checked against one --known head at a time".to_owned(),
            2,
        ));
    }
    let unchecked = |signed: bool| match (signed, keys.is_some()) {
        (true, true) => "its signature is genuine",
        (true, false) => "its signature was not checked (--keys)",
        (false, _) => "it is not signed",
    };
    let shape = |error: serde_json::Error| (format!("{}: {error}", file.display()), 2);
    match value.get("format").and_then(Value::as_str) {
        Some(proof::FORMAT) => {
            let export: Export = serde_json::from_value(value).map_err(shape)?;
            let checked = proof::check(&export, kept).map_err(|error| not(error.to_string()))?;
            proof::check_signature(&export, keys.as_ref())
                .map_err(|error| not(error.to_string()))?;
            Ok(format!(
                "the export is what the trail had: {} rows, {} lists of ids, all under the head {}; {}; it is of {}",
                checked.rows,
                checked.versions,
                checked.head,
                unchecked(export.signed_head.is_some()),
                export.about
            ))
        }
        Some(consistency::FORMAT) => {
            let proof: Consistency = serde_json::from_value(value).map_err(shape)?;
            let (first, second) = proof
                .check(kept, keys.as_ref())
                .map_err(|error| not(error.to_string()))?;
            let against = match kept {
                Some(_) => "the head that was kept",
                None => "the older head (none was given that was kept elsewhere: --known)",
            };
            Ok(format!(
                "one history: the trail of {} rows begins with the {} rows of {against}; {}",
                second.size,
                first.size,
                unchecked(proof.signed_head.is_some())
            ))
        }
        Some(evidence::FORMAT) => {
            let words = evidence::check(&value, kept, keys.as_ref())
                .map_err(|error| not(error.to_string()))?;
            Ok(words)
        }
        _ => match value.get("signed_head").and_then(Value::as_str) {
            Some(jws) => {
                let signed = SignedHead::read(jws).map_err(|error| not(error.to_string()))?;
                signed_head(&signed, &known, keys.as_ref())
            }
            None => Err((
                format!(
                    "{}: the file does not say that it is anything of ours",
                    file.display()
                ),
                2,
            )),
        },
    }
}

fn signed_head(signed: &SignedHead, known: &[TreeHead], keys: Option<&KeySet>) -> Outcome {
    let Some(keys) = keys else {
        return Err((
            "a signed head proves nothing without the gateway's public keys: give them with --keys"
                .to_owned(),
            2,
        ));
    };
    signed
        .verify(keys)
        .map_err(|error| (error.to_string(), 1))?;
    for head in known {
        if head.size == signed.size && head.root != signed.root {
            return Err((
                format!(
                    "two histories: the head that was kept has {} rows and another root",
                    head.size
                ),
                1,
            ));
        }
        if head.size != signed.size {
            return Err((
                "the two heads are of different sizes: ask for a consistency proof between them"
                    .to_owned(),
                2,
            ));
        }
    }
    Ok(format!(
        "the signature is genuine: {} said at {} that the trail had {} rows and the root {}",
        signed.issuer,
        instant(signed.signed_at),
        signed.size,
        hex(&signed.root)
    ))
}
