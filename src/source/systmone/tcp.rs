//! Raw TCP to a SystmOne client: no length prefix, no delimiter. The answer ends where its root element closes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::record::ROOT;
use crate::source::{SourceError, SourceLimits};

/// Sends one request on a connection of its own and reads to the root's end tag, within deadline and byte cap.
///
/// # Errors
/// No connection, a break before the end tag, over the cap, or too slow.
pub async fn exchange(
    address: &str,
    request: &[u8],
    limits: &SourceLimits,
) -> Result<Vec<u8>, SourceError> {
    let deadline: Duration = limits.deadline;
    tokio::time::timeout(deadline, talk(address, request, limits.max_bytes))
        .await
        .unwrap_or(Err(SourceError::Timeout(deadline)))
}

async fn talk(address: &str, request: &[u8], max_bytes: usize) -> Result<Vec<u8>, SourceError> {
    let broken = |error: std::io::Error| SourceError::Unreachable(error.kind().to_string());
    let mut stream = TcpStream::connect(address).await.map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    stream.write_all(request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let end_tag = format!("</{ROOT}>");
    let mut answer = Vec::with_capacity(64 * 1024);
    let mut looked_at = 0_usize;
    loop {
        let read = stream.read_buf(&mut answer).await.map_err(broken)?;
        if answer.len() > max_bytes {
            return Err(SourceError::TooLarge(max_bytes));
        }
        // Only what is new, and as much before it as could hold the beginning of the tag.
        let from = looked_at.saturating_sub(end_tag.len());
        if answer
            .get(from..)
            .is_some_and(|tail| contains(tail, end_tag.as_bytes()))
        {
            return Ok(answer);
        }
        looked_at = answer.len();
        if read == 0 {
            return if answer.is_empty() {
                Err(SourceError::Unreachable(
                    "closed without an answer".to_owned(),
                ))
            } else {
                // Cut short: the XML reader says where.
                Ok(answer)
            };
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
