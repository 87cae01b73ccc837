//! Sub-commands of the one binary.
