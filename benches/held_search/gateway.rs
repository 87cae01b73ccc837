//! The real gateway, as `openmig sandbox` starts it, and an occasion in it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Failure;
use super::load::once;
use super::process::Server;

/// The binary of the same build.
pub const OPENMIG: &str = env!("CARGO_BIN_EXE_openmig");
/// Seconds that the record is held: longer than any run. The usual 30 would put a look-up of the whole record into a round.
const HOLD: &str = "3600";
/// A token is renewed when it is this old; it lives for 300 s.
const RENEW: Duration = Duration::from_secs(120);

/// The sandbox in a process of its own.
pub struct Gateway {
    pub server: Server,
    pub address: SocketAddr,
    /// From the start of the process to its line `ready`.
    pub start: Duration,
}

impl Gateway {
    /// Starts it on free ports, with its state in this folder.
    pub fn start(binary: &Path, data: &Path) -> Result<Self, Failure> {
        let start = Instant::now();
        let mut command = Command::new(binary);
        command
            .args(["sandbox", "--port", "0", "--hold-seconds", HOLD, "--data"])
            .arg(data)
            .env("OPENMIG_LOG", "error");
        let mut is_ready = None;
        let (server, address) = Server::start(&mut command, |line| {
            if line.starts_with("ready") {
                is_ready = Some(start.elapsed());
            }
            let base = line.trim().strip_prefix("FHIR base = issuer")?.trim();
            base.strip_prefix("http://")?
                .strip_suffix("/fhir/r4")?
                .parse()
                .ok()
        })?;
        Ok(Self {
            server,
            address,
            start: is_ready.ok_or("the sandbox did not say that it was ready")?,
        })
    }

    /// `GET` of a path with a token, as bytes.
    pub fn get(&self, path: &str, token: &str) -> Vec<u8> {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nAccept: application/fhir+json\r\n\r\n",
            self.address
        )
        .into_bytes()
    }

    /// Opens an occasion of `hospital-doctor` with this person, by consent: trace, look-up, decision, token.
    pub async fn open(&self, nhs_number: &str) -> Result<Occasion, Failure> {
        let yes = json!({
            "asked": true, "answer": "yes", "told_what": true, "told_why": true, "told_may_decline": true,
            "told_meaning_of_declining": true, "voluntary": true, "capacity": true
        });
        let detail = json!({
            "type": "https://openmig.org/occasion", "patient": nhs_number, "treatment": "worklist", "consent": yes
        });
        let start = Instant::now();
        let granted = self.token(&detail).await?;
        let opening = start.elapsed();
        let text = |value: Option<&Value>| {
            Ok::<_, Failure>(
                value
                    .and_then(Value::as_str)
                    .ok_or("a token answer without a member that it must have")?
                    .to_owned(),
            )
        };
        Ok(Occasion {
            id: text(granted.pointer("/authorization_details/0/occasion"))?,
            patient: text(granted.get("patient"))?,
            token: text(granted.get("access_token"))?,
            since: start,
            opening,
        })
    }

    /// Renews the occasion's token where it will soon have expired.
    pub async fn renew(&self, occasion: &mut Occasion) -> Result<(), Failure> {
        if occasion.since.elapsed() < RENEW {
            return Ok(());
        }
        let detail = json!({"type": "https://openmig.org/occasion", "occasion": occasion.id});
        occasion.since = Instant::now();
        let granted = self.token(&detail).await?;
        granted
            .get("access_token")
            .and_then(Value::as_str)
            .ok_or("a token answer without a token")?
            .clone_into(&mut occasion.token);
        Ok(())
    }

    async fn token(&self, detail: &Value) -> Result<Value, Failure> {
        let host = self.address;
        let ask = format!(
            "GET /sandbox/assertion?client_id=sandbox-backend&user=hospital-doctor HTTP/1.1\r\nHost: {host}\r\n\r\n"
        );
        let (_, assertion) = once(host, ask.as_bytes()).await?;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", "system/*.rs")
            .append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            )
            .append_pair("client_assertion", std::str::from_utf8(&assertion)?)
            .append_pair("authorization_details", &json!([detail]).to_string())
            .finish();
        let ask = format!(
            "POST /fhir/r4/token HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let (status, body) = once(host, ask.as_bytes()).await?;
        if status != 200 {
            return Err(format!("no token: {status} {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

/// An open occasion.
pub struct Occasion {
    id: String,
    /// The patient's FHIR id.
    pub patient: String,
    /// The token in force.
    pub token: String,
    since: Instant,
    /// How long its one call took: trace, source, mapping, labelling, decision and token.
    pub opening: Duration,
}

/// The rows of a trail whose every leaf, head and held version was checked: `openmig audit verify`.
pub fn verified_rows(binary: &Path, data: &Path) -> Result<usize, Failure> {
    let output = Command::new(binary)
        .args(["audit", "verify"])
        .arg(data.join("openmig.sqlite"))
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    text.split_once("whole: ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .and_then(|rows| rows.parse().ok())
        .ok_or_else(|| {
            format!(
                "the trail is not whole: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            )
            .into()
        })
}
