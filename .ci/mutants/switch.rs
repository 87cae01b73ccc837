//! Which mutant is alive: copied into the crate as `mutant.rs` by `.ci/mutants`, never part of the project itself.

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

enum Switch {
    None,
    One(u32),
    /// Appends the number of each mutant that is reached to this file, once.
    Record(String, Vec<AtomicBool>),
}

static SWITCH: LazyLock<Switch> = LazyLock::new(|| {
    if let Ok(path) = std::env::var("OPENMIG_MUTANTS_REACHED") {
        return Switch::Record(path, (0..100_000).map(|_| AtomicBool::new(false)).collect());
    }
    let number = std::env::var("OPENMIG_MUTANT").ok();
    number.and_then(|number| number.parse().ok()).map_or(Switch::None, Switch::One)
});

/// Is mutant `k` the one that is alive?
pub fn on(k: u32) -> bool {
    match &*SWITCH {
        Switch::None => false,
        Switch::One(one) => *one == k,
        Switch::Record(path, seen) => {
            if let Some(seen) = seen.get(k as usize)
                && !seen.swap(true, Ordering::Relaxed)
                && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path)
            {
                let _ = file.write_all(format!("{k}\n").as_bytes());
            }
            false
        }
    }
}
