//! The one binary.

use std::process::ExitCode;

/// A request takes many small pieces of memory, and gives back on one thread what another took: a fifth of its time with the
/// allocator of the C library (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    openmig::cli::run()
}
