//! `cargo bench --bench refusal_timing`: can a caller tell from the time that an answer takes what it must not know?
//!
//! 1. A uniform refusal leaves at a fixed moment after the request began, whichever rule stopped it, before or after the
//!    source was asked (design.md 7).
//! 2. A read of a withheld id takes as long as a read of an id that never was (R047).
//!
//! Each pair of samples is compared by the two-sample test of Kolmogorov and Smirnov; the questions come in an order that is
//! shuffled, so that what else the machine does falls on all of them. It fails where a distance is above the bound that two
//! samples of the same thing exceed once in 10,000 runs.

mod statistic;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use openmig::fhir::PatientId;
use openmig::record::OdsCode;
use openmig::sandbox::mock::Population as _;
use openmig::sandbox::population::appendix_a;
use openmig::sandbox::run::{Sandbox, SandboxOptions, sandbox_timing, start};
use openmig::sandbox::story::Kind;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Arguments {
    /// Given by `cargo bench`; without it, nothing is measured
    #[arg(long, hide = true)]
    bench: bool,
    /// Refusals of each kind
    #[arg(long, default_value_t = 100)]
    refusals: usize,
    /// Reads of each kind
    #[arg(long, default_value_t = 3_000)]
    reads: usize,
    /// Order of the questions
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Refused for what the trace says, or the register of its practice, or the source, each by another rule.
const REFUSED: [(&str, &str); 6] = [
    ("9990002606", "S-flag"),
    ("9990009635", "deceased"),
    ("9990004080", "practice never signed"),
    ("9990001863", "opted out (EMIS)"),
    ("9990002231", "opted out (SystmOne)"),
    ("9990008159", "restricted by the source"),
];
/// Whose entries are withheld.
const NUMBER: &str = "9990000018";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("refusal_timing measures under `cargo bench --bench refusal_timing` only");
        return ExitCode::SUCCESS;
    }
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(measure(&arguments)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("refusal_timing: an answer's time tells what must not be known");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("refusal_timing: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<bool, Failure> {
    let folder = Folder::new()?;
    let mut timing = sandbox_timing();
    timing.token_requests_per_minute = 1_000_000;
    timing.hold_seconds = 3600;
    let floor = Duration::from_millis(timing.refusal_floor_millis);
    let sandbox = start(&SandboxOptions {
        port: 0,
        data: folder.0.clone(),
        fresh: true,
        patients: 0,
        seed: 1,
        timing: Some(timing),
        limits: None,
        providers: Vec::new(),
    })
    .await?;
    let gateway = Client::new(&sandbox)?;
    let mut order = Order(arguments.seed);
    let refusals = refusals(&gateway, arguments, &mut order, floor).await?;
    let reads = reads(&gateway, &sandbox, arguments, &mut order).await?;
    Ok(refusals && reads)
}

/// Every kind of refusal against every other.
async fn refusals(
    gateway: &Client,
    arguments: &Arguments,
    order: &mut Order,
    floor: Duration,
) -> Result<bool, Failure> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); REFUSED.len()];
    for n in order.shuffled(REFUSED.len(), arguments.refusals) {
        let Some((number, _)) = REFUSED.get(n) else {
            continue;
        };
        let form = gateway.form(number).await?;
        let began = Instant::now();
        let (status, body) = gateway.token(&form).await?;
        let took = began.elapsed();
        if status != 400 || !body.contains("No record is available through this service.") {
            return Err(format!("{number} was not refused uniformly: {status}").into());
        }
        if let Some(times) = times.get_mut(n) {
            times.push(took);
        }
    }
    println!(
        "uniform refusals, {} of each, floor {floor:?}",
        arguments.refusals
    );
    for ((_, name), times) in REFUSED.iter().zip(&times) {
        let first = times.iter().min().copied().unwrap_or_default();
        println!(
            "  {name:<26} median {:>9.3} ms",
            millis(statistic::median(times))
        );
        if first < floor {
            println!("  {name}: one left after {first:?}, before the floor");
            return Ok(false);
        }
    }
    let mut good = true;
    for (n, one) in times.iter().enumerate() {
        for (m, two) in times.iter().enumerate().skip(n + 1) {
            let name = |n: usize| REFUSED.get(n).map_or("", |(_, name)| *name);
            good &= compare(name(n), name(m), one, two);
        }
    }
    Ok(good)
}

/// Reads of ids that are withheld against reads of ids that never were.
async fn reads(
    gateway: &Client,
    sandbox: &Sandbox,
    arguments: &Arguments,
    order: &mut Order,
) -> Result<bool, Failure> {
    // The same entries first with harmless codes, to learn their ids, then with listed ones.
    let (token, patient) = gateway.open(NUMBER).await?;
    let search = format!("Condition?patient={patient}&_count=1000");
    let before = ids(&gateway.get(&search, &token).await?.1)?;
    let listed = appendix_a()
        .into_iter()
        .find(|row| row.read_v2.is_some() && row.snomed.is_some())
        .ok_or("Appendix A has no row with both codes")?;
    sandbox.people.change(NUMBER, |person| {
        for fact in &mut person.facts {
            if matches!(fact.kind, Kind::Finding) {
                fact.concept = listed.clone();
            }
        }
    });
    let whose = PatientId::owner_of(&patient).ok_or("a patient id that is none")?;
    let practice = sandbox
        .people
        .by_nhs_number(NUMBER)
        .ok_or("nobody has that number")?;
    let practice = OdsCode(practice.practice.to_owned());
    sandbox.gateway.look_up.forget(&whose, &practice).await;
    let (token, _) = gateway.open(NUMBER).await?;
    let after = ids(&gateway.get(&search, &token).await?.1)?;
    let withheld: Vec<&String> = before.iter().filter(|id| !after.contains(id)).collect();
    if withheld.is_empty() {
        return Err("nothing was withheld".into());
    }
    // As long, of the same signs, of the same patient.
    let unknown: Vec<String> = withheld
        .iter()
        .map(|id| {
            let (head, tail) = id.split_at(patient.len() + 1);
            format!("{head}{}", tail.chars().rev().collect::<String>())
        })
        .collect();
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for (turn, kind) in order.shuffled(2, arguments.reads).into_iter().enumerate() {
        let id = match kind {
            0 => withheld.get(turn % withheld.len()).map(|id| id.as_str()),
            _ => unknown.get(turn % unknown.len()).map(String::as_str),
        };
        let path = format!("Condition/{}", id.unwrap_or_default());
        let began = Instant::now();
        let (status, _) = gateway.get(&path, &token).await?;
        let took = began.elapsed();
        if status != 404 {
            return Err(format!("a read of what is not there was answered {status}").into());
        }
        if let Some(times) = times.get_mut(kind) {
            times.push(took);
        }
    }
    let [withheld, unknown] = times;
    println!("reads of ids, {} of each", arguments.reads);
    println!(
        "  withheld median {:>9.3} ms",
        millis(statistic::median(&withheld))
    );
    println!(
        "  unknown  median {:>9.3} ms",
        millis(statistic::median(&unknown))
    );
    Ok(compare("withheld", "unknown", &withheld, &unknown))
}

fn compare(one: &str, two: &str, times: &[Duration], others: &[Duration]) -> bool {
    let (distance, bound) = (
        statistic::distance(times, others),
        statistic::bound(times.len(), others.len()),
    );
    let good = distance <= bound;
    let said = if good { "alike" } else { "TOLD APART" };
    println!("  {one} / {two}: D = {distance:.3}, bound {bound:.3}: {said}");
    good
}

fn ids(bundle: &str) -> Result<Vec<String>, Failure> {
    let bundle: Value = serde_json::from_str(bundle)?;
    let entries = bundle.get("entry").and_then(Value::as_array);
    Ok(entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.pointer("/resource/id")?.as_str())
        .map(str::to_owned)
        .collect())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A client of the sandbox.
struct Client {
    http: reqwest::Client,
    origin: String,
}

impl Client {
    fn new(sandbox: &Sandbox) -> Result<Self, Failure> {
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            origin: format!("http://127.0.0.1:{}", sandbox.ports.gateway),
        })
    }

    /// What the token endpoint is asked, with an assertion of its own.
    async fn form(&self, number: &str) -> Result<String, Failure> {
        let url = format!(
            "{}/sandbox/assertion?client_id=sandbox-backend&user=hospital-doctor",
            self.origin
        );
        let assertion = self.http.get(url).send().await?.text().await?;
        let yes = json!({
            "asked": true, "answer": "yes", "told_what": true, "told_why": true, "told_may_decline": true,
            "told_meaning_of_declining": true, "voluntary": true, "capacity": true
        });
        let details = json!([{
            "type": "https://openmig.org/occasion", "patient": number, "treatment": "worklist", "consent": yes
        }]);
        Ok(url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", "system/*.rs")
            .append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            )
            .append_pair("client_assertion", &assertion)
            .append_pair("authorization_details", &details.to_string())
            .finish())
    }

    async fn token(&self, form: &str) -> Result<(u16, String), Failure> {
        let answer = self
            .http
            .post(format!("{}/fhir/r4/token", self.origin))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// A token and the patient's id.
    async fn open(&self, number: &str) -> Result<(String, String), Failure> {
        let (status, body) = self.token(&self.form(number).await?).await?;
        let answer: Value = serde_json::from_str(&body)?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        match (text("access_token"), text("patient")) {
            (Some(token), Some(patient)) => Ok((token, patient)),
            _ => Err(format!("no token: {status}").into()),
        }
    }

    async fn get(&self, path: &str, token: &str) -> Result<(u16, String), Failure> {
        let answer = self
            .http
            .get(format!("{}/fhir/r4/{path}", self.origin))
            .bearer_auth(token)
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

/// A shuffled order that a seed gives.
struct Order(u64);

impl Order {
    fn next(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Each of 0..kinds so many times.
    fn shuffled(&mut self, kinds: usize, times: usize) -> Vec<usize> {
        let mut all: Vec<(u64, usize)> = (0..kinds)
            .flat_map(|kind| std::iter::repeat_n(kind, times))
            .map(|kind| (self.next(), kind))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, kind)| kind).collect()
    }
}

/// A folder that goes when it is let go of.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("refusal-timing-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}
