//! What is done with bytes from outside, one function for each parser: they may be refused, but nothing may panic, hang
//! or say what was not there. Called by libFuzzer (`fuzz_targets/`) and, a fixed number of times, by `tests/fuzz.rs`.

mod data;
mod records;
mod requests;

/// A target: its name, which is also its folder below `fuzz/corpus`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every parser of bytes from outside.
pub const TARGETS: [Target; 21] = [
    ("xml", records::xml),
    ("openhr", records::emis),
    ("emis_open", records::emis),
    ("emis_envelope", records::emis_envelope),
    ("systmone", records::systmone),
    ("systmone_framing", records::systmone_framing),
    ("dates", records::dates),
    ("trace", records::trace),
    ("worklist", records::worklist),
    ("assertion", requests::assertion),
    ("jwks", requests::jwks),
    ("scope", requests::scope),
    ("details", requests::details),
    ("form", requests::form),
    ("authorize", requests::authorize),
    ("headers", requests::headers),
    ("search", requests::search),
    ("register", data::register),
    ("exclusions", data::exclusions),
    ("mappings", data::mappings),
    ("config", data::config),
];

/// The target with this name.
pub fn run(name: &str, bytes: &[u8]) {
    if let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) {
        target(bytes);
    }
}
