//! Hardened XML reading: no DTD, no external entities, depth, size and attribute caps, positions in errors.

/// Why bytes are not acceptable XML, with the position in bytes from the start.
#[derive(Debug, thiserror::Error)]
#[error("{what} at byte {position}")]
pub struct XmlError {
    /// What is wrong; never quotes the content.
    pub what: String,
    /// Where.
    pub position: u64,
}
