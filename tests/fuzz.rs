//! Every parser of bytes from outside, a fixed number of times over its kept corpus, with mutations that are the same on
//! every machine. `fuzz/` has the same targets for libFuzzer.
//!
//! `OPENMIG_FUZZ_ITERATIONS` says how often (`.ci/fuzz.sh`); `OPENMIG_FUZZ_SEED` how the mutations begin.
#![cfg(test)]

#[path = "../fuzz/src/lib.rs"]
mod targets;

#[path = "../fuzz/src/seeds.rs"]
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use openmig::sandbox::population::Random;
use targets::TARGETS;

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test may take is for whoever runs it to say"
)]
fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The kept corpus of a target, in the order of file names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = folder("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// What parsers have stumbled over before.
const WORDS: [&[u8]; 40] = [
    b"",
    b"\0",
    b"<",
    b">",
    b"&",
    b"</",
    b"/>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE x [",
    b"&#x0;",
    b"&amp;",
    b"xmlns=\"\"",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc3\x28",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"1e999",
    b"0001-01-01",
    b"9999-12-31",
    b"2024-02-30",
    b"2020-10-25T01:30:00",
    b"29/02/1900",
    b"[",
    b"{",
    b"\"",
    b"\\u0000",
    b"null",
    b"..",
    b"....",
    b"%00",
    b"%",
    b"|",
    b"$",
    b",",
    b"\r\n#",
];

/// The input with some of what happens to inputs.
fn mutated(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=random.between(0, 5) {
        let end = i64::try_from(out.len()).unwrap();
        let mut place = || usize::try_from(random.between(0, end)).unwrap();
        let (mut from, mut to) = (place(), place());
        if from > to {
            (from, to) = (to, from);
        }
        // Mostly little is changed.
        let short = to.min(from + 64);
        match random.between(0, 8) {
            0 => {
                if let Some(byte) = out.get_mut(from) {
                    *byte ^= 1 << random.between(0, 7);
                }
            }
            1 => {
                out.drain(from..short);
            }
            2 => {
                let some = out[from..short].to_vec();
                out.splice(to..to, some);
            }
            3 | 4 => {
                let n = usize::try_from(random.between(0, 39)).unwrap();
                out.splice(from..from, WORDS[n].iter().copied());
            }
            5 => {
                let n = usize::try_from(random.between(0, 39)).unwrap();
                out.splice(from..short, WORDS[n].iter().copied());
            }
            6 => {
                let cut = other.len().min(from);
                let end = other.len().min(cut + 200);
                out.splice(from..short, other[cut..end].iter().copied());
            }
            7 => out.truncate(to),
            _ => {
                let some = out[from..to.min(from + 2_000)].to_vec();
                for _ in 0..random.between(1, 3) {
                    out.splice(from..from, some.iter().copied());
                }
            }
        }
    }
    out.truncate(1 << 20);
    out
}

fn hold(name: &str, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| targets::run(name, input))).is_err() {
        let kept = folder("target").join(format!("fuzz-{name}.bin"));
        std::fs::write(&kept, input).unwrap();
        panic!("{name} fails on {}", kept.display());
    }
}

fn fuzz(name: &str) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has no seeds");
    corpus.iter().for_each(|input| hold(name, input));
    let iterations = set("OPENMIG_FUZZ_ITERATIONS").unwrap_or(40);
    let mut random = Random::new(set("OPENMIG_FUZZ_SEED").unwrap_or(1), 0);
    let last = i64::try_from(corpus.len()).unwrap() - 1;
    for _ in 0..iterations {
        let mut one = || &corpus[usize::try_from(random.between(0, last)).unwrap()];
        let (input, other) = (one(), one());
        hold(name, &mutated(input, other, &mut random));
    }
}

/// One test for each target, so that they run beside one another and fail by name.
macro_rules! each {
    ($($name:ident)*) => {
        $(#[test] fn $name() { fuzz(stringify!($name)); })*

        #[test]
        fn every_target_is_run() {
            let names = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|(name, _)| *name).eq(names));
        }
    };
}

each! {
    xml openhr emis_open emis_envelope systmone systmone_framing dates trace worklist assertion jwks scope details form
    authorize headers search register exclusions mappings config
}

// Each target has its file for libFuzzer, and its place in the manifest.
#[test]
fn libfuzzer_has_every_target() {
    let manifest = std::fs::read_to_string(folder("fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let text = std::fs::read_to_string(folder("fuzz/fuzz_targets").join(format!("{name}.rs")));
        assert!(text.unwrap().contains(&format!("run(\"{name}\"")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

// R204 of the corpus itself: seeds are what our own writers write, and are read without a fault.
#[test]
fn seeds_of_records_are_records() {
    let practice = openmig::record::OdsCode("Z99001".to_owned());
    for name in ["openhr", "emis_open"] {
        let read = corpus(name)
            .iter()
            .filter(|seed| openmig::source::emis::read(seed, &practice).is_ok())
            .count();
        assert!(read >= 2, "{name}: {read}");
    }
    let read = corpus("systmone")
        .iter()
        .filter(|seed| openmig::source::systmone::read(seed, &practice).is_ok())
        .count();
    assert!(read >= 2, "{read}");
}

/// Writes the kept corpus anew: `cargo test --test fuzz write_seeds -- --ignored`.
#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    for (target, name, bytes) in seeds::all() {
        let folder = folder("fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
