#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| openmig_fuzz::run("authorize", bytes));
