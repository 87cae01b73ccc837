//! The third-party sample, small messages for every pitfall of sources.md 3.9 that concerns parsing, and bad input.

mod sample;
