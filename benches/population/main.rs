//! `cargo bench --bench population`: how long the sandbox's ordinary people take to make, and to write in every source's
//! format. Nothing here fails for being slow.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use jiff::civil::{Date, date};
use openmig::sandbox::mock::write::{Xml, emis_open, openhr, systmone};
use openmig::sandbox::population;
use openmig::sandbox::story::Person;

/// The gateway's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TODAY: Date = date(2026, 3, 17);

#[derive(Debug, Parser)]
struct Arguments {
    /// Given by `cargo bench`; without it, nothing is measured
    #[arg(long, hide = true)]
    bench: bool,
    /// How many people
    #[arg(long, default_value_t = 1_000)]
    people: u64,
    /// Of which series
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("population measures under `cargo bench --bench population` only");
        return ExitCode::SUCCESS;
    }
    let make = |index| population::person(index, arguments.seed, TODAY);
    let start = Instant::now();
    let facts: usize = (0..arguments.people).map(|n| make(n).facts.len()).sum();
    println!(
        "{} people with {facts} entries: made in {:.2} s",
        arguments.people,
        start.elapsed().as_secs_f64()
    );
    type Write = fn(&mut Xml, &Person);
    let formats: [(&str, Write); 3] = [
        ("OpenHR", |xml, person| {
            openhr::write(xml, person, TODAY.at(9, 0, 0, 0));
        }),
        ("EMIS Open", |xml, person| {
            emis_open::write(xml, person, TODAY.at(9, 0, 0, 0));
        }),
        ("SystmOne", |xml, person| {
            systmone::write(xml, person, systmone::OutputScheme::default());
        }),
    ];
    for (name, write) in formats {
        let start = Instant::now();
        let mut bytes = 0;
        for n in 0..arguments.people {
            let mut xml = Xml::with_capacity(64 * 1024);
            write(&mut xml, &make(n));
            bytes += xml.into_string().len();
        }
        println!(
            "made and written as {name}: {:.2} s, {:.1} MB",
            start.elapsed().as_secs_f64(),
            bytes as f64 / 1e6
        );
    }
    ExitCode::SUCCESS
}
