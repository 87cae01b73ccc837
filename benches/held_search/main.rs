//! `cargo bench --bench held_search`: what a held search of 100 resources costs the gateway, beside a server that only
//! splices stored bytes. Both run as processes of the same build, on loopback, in alternating rounds of one run.
//!
//! Nothing here fails for being slow. It fails where an answer is wrong: the two servers' Bundles must be the same bytes,
//! and the trail must afterwards be whole and have a row for every answer.

mod gateway;
mod load;
mod process;
mod reference;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;

use gateway::{Gateway, Occasion};
use process::Server;
use report::{Measured, Round};

/// The gateway's allocator, so that both servers have the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Arguments {
    /// Given by `cargo bench`; without it, nothing is measured
    #[arg(long, hide = true)]
    bench: bool,
    /// Run as the server that only splices, with this Bundle
    #[arg(long, hide = true)]
    reference: Option<PathBuf>,
    /// Rounds at each number of connections
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests of a round at 16 connections and more; a tenth of it at one
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Numbers of connections
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// The gateway that is measured: another build of it, to compare with
    #[arg(long, default_value = gateway::OPENMIG)]
    gateway: PathBuf,
    /// Whose Observations
    #[arg(long, default_value = "9990007047")]
    patient: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.bench && arguments.reference.is_none() {
        println!("held_search measures under `cargo bench --bench held_search` only");
        return ExitCode::SUCCESS;
    }
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                match &arguments.reference {
                    Some(bundle) => reference::serve(bundle).await,
                    None => measure(&arguments).await,
                }
            })
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("held_search: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<(), Failure> {
    // Beside the build's own files: on a disk, not in memory, since a sync is a part of what is measured.
    let folder = Folder::new()?;
    let data = folder.0.join("state");
    println!(
        "a durable write of 4 KiB: {:.3} ms",
        report::millis(process::sync_time(&folder.0)?)
    );

    let binary = &arguments.gateway;
    let first = Gateway::start(binary, &data)?.start;
    let gateway = Gateway::start(binary, &data)?;
    println!(
        "start to `ready`: {:.0} ms the first time (keys are made), {:.0} ms again",
        report::millis(first),
        report::millis(gateway.start)
    );

    first_looks(&gateway, "9990000018").await?;
    let mut occasion = first_looks(&gateway, &arguments.patient).await?;

    let path = format!(
        "/fhir/r4/Observation?patient={}&_count=100",
        occasion.patient
    );
    let ask = gateway.get(&path, &occasion.token);
    let (_, bundle) = load::once(gateway.address, &ask).await?;
    let reference = Reference::start(&folder.0, &bundle)?;
    if load::once(reference.address, &ask).await?.1 != bundle {
        return Err("the two servers do not answer the same bytes".into());
    }
    println!(
        "the answer: {} bytes, the same from both servers\n",
        bundle.len()
    );

    let mut answered = 0;
    for &connections in &arguments.connections {
        let requests = if connections == 1 {
            arguments.requests / 10
        } else {
            arguments.requests
        };
        println!(
            "{connections} connections, {requests} requests a round (gateway process {}, reference process {})",
            gateway.server.id(),
            reference.server.id()
        );
        let mut rounds = Vec::with_capacity(arguments.rounds);
        println!("{}", report::HEAD);
        for n in 0..arguments.rounds {
            gateway.renew(&mut occasion).await?;
            let ask = gateway.get(&path, &occasion.token);
            let of =
                |server, address| one(server, address, &ask, connections, requests, bundle.len());
            // Whoever goes first changes from round to round.
            let (ours, theirs);
            if n % 2 == 0 {
                ours = of(&gateway.server, gateway.address).await?;
                theirs = of(&reference.server, reference.address).await?;
            } else {
                theirs = of(&reference.server, reference.address).await?;
                ours = of(&gateway.server, gateway.address).await?;
            }
            answered += requests + connections;
            let round = Round { ours, theirs };
            println!("{}", report::row(&(n + 1).to_string(), &round));
            rounds.push(round);
        }
        println!("{}\n", report::median(&rounds));
    }

    println!("memory at its highest: {} MiB", gateway.server.peak_mib()?);
    // The gateway is killed, not asked to stop: what it answered must be in the trail all the same.
    drop(gateway);
    let rows = gateway::verified_rows(binary, &data)?;
    if rows < answered {
        return Err(format!("{answered} answers, but only {rows} rows in the trail").into());
    }
    println!("the trail is whole: {rows} rows for {answered} measured answers");
    Ok(())
}

/// Opens an occasion and reads the record for the first time.
async fn first_looks(gateway: &Gateway, nhs_number: &str) -> Result<Occasion, Failure> {
    let occasion = gateway.open(nhs_number).await?;
    let everything = format!(
        "/fhir/r4/Observation?patient={}&_summary=count",
        occasion.patient
    );
    let ask = gateway.get(&everything, &occasion.token);
    let start = Instant::now();
    let (_, body) = load::once(gateway.address, &ask).await?;
    let search = start.elapsed();
    let count: serde_json::Value = serde_json::from_slice(&body)?;
    println!(
        "first look-up of {nhs_number} ({} Observations): {:.0} ms for occasion, trace, source, mapping and token; then a \
         first search {:.1} ms; memory at its highest {} MiB",
        count.get("total").unwrap_or(&serde_json::Value::Null),
        report::millis(occasion.opening),
        report::millis(search),
        gateway.server.peak_mib()?
    );
    Ok(occasion)
}

async fn one(
    server: &Server,
    address: std::net::SocketAddr,
    ask: &[u8],
    connections: usize,
    requests: usize,
    length: usize,
) -> Result<Measured, Failure> {
    const WRITER: &str = "store-writer";
    let ready = load::ready(address, ask, connections, length).await?;
    let (before, writer_before) = (server.cpu()?, server.cpu_of_threads(WRITER)?);
    let load = ready.run(requests).await?;
    // The kernel books the last slice a little later.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (after, writer_after) = (server.cpu()?, server.cpu_of_threads(WRITER)?);
    Ok(Measured::new(
        requests,
        &load,
        after.saturating_sub(before),
        writer_after.saturating_sub(writer_before),
    ))
}

/// The server that only splices.
struct Reference {
    server: Server,
    address: std::net::SocketAddr,
}

impl Reference {
    fn start(folder: &Path, bundle: &[u8]) -> Result<Self, Failure> {
        let file = folder.join("bundle.json");
        std::fs::write(&file, bundle)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--reference").arg(&file);
        let (server, address) = Server::start(&mut command, |line| {
            line.trim().strip_prefix("ready ")?.parse().ok()
        })?;
        Ok(Self { server, address })
    }
}

/// A folder that goes when it is let go of.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("held-search-{}", std::process::id()));
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
