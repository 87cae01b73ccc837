#!/usr/bin/env bash
# Every fuzz target a fixed number of times over its kept corpus: the same inputs on every machine, in a few minutes.
# OPENMIG_FUZZ_ITERATIONS and OPENMIG_FUZZ_SEED ask for more or for others. What a target fails on is kept in target/.
set -euo pipefail
cd "$(dirname "$0")/.."
export OPENMIG_FUZZ_ITERATIONS=${OPENMIG_FUZZ_ITERATIONS:-800} OPENMIG_FUZZ_SEED=${OPENMIG_FUZZ_SEED:-1}
cargo test --test fuzz
