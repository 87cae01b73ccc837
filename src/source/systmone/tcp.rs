//! Raw TCP to a SystmOne client: no length prefix, no delimiter. The answer ends where its root element closes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::record::ROOT;
use crate::source::SourceError;
use crate::source::gate::Fared;
use crate::source::http::{Buffer, jitter};

/// A connection must stand within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// Sends one request on a connection of its own and reads to the root's end tag, within the byte cap. The gate keeps the
/// deadline.
///
/// # Errors
/// No connection, a break before the first byte, or over the cap. What is cut short is given as it is: the XML reader says
/// where it ends.
pub async fn exchange(
    address: &str,
    request: &[u8],
    max_bytes: usize,
) -> Result<Vec<u8>, SourceError> {
    let mut stream = connect(address).await?;
    stream.set_nodelay(true).map_err(broken)?;
    stream.write_all(request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    read(&mut stream, max_bytes).await
}

/// How an exchange fared, for the gate.
pub fn fared(result: &Result<Vec<u8>, SourceError>) -> Fared {
    match result {
        Ok(_) | Err(SourceError::TooLarge(_)) => Fared::Answered,
        Err(SourceError::Timeout(after)) if *after == CONNECT_TIMEOUT => Fared::Broken,
        Err(SourceError::Timeout(_)) => Fared::Late,
        Err(_) => Fared::Broken,
    }
}

/// Connects; once more after a moment where nobody was there, because nothing has been sent yet.
async fn connect(address: &str) -> Result<TcpStream, SourceError> {
    let once = || tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
    let late = || SourceError::Timeout(CONNECT_TIMEOUT);
    match once().await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(_)) => {
            tokio::time::sleep(jitter()).await;
            once().await.map_err(|_| late())?.map_err(broken)
        }
        Err(_) => Err(late()),
    }
}

async fn read(stream: &mut TcpStream, max_bytes: usize) -> Result<Vec<u8>, SourceError> {
    let mut answer = Buffer::new(PIECE, max_bytes);
    let mut piece = vec![0_u8; PIECE];
    // Before here no end tag begins.
    let mut from = 0_usize;
    loop {
        let count = stream.read(&mut piece).await.map_err(broken)?;
        answer.add(piece.get(..count).unwrap_or_default())?;
        match end(&answer.bytes, from) {
            End::At(end) => {
                // One question, one answer: what comes behind its end tag belongs to nothing that was asked.
                answer.bytes.truncate(end);
                return Ok(answer.into_bytes());
            }
            End::NotBefore(begin) => from = begin,
        }
        if count == 0 {
            return if answer.bytes.is_empty() {
                Err(SourceError::Unreachable(
                    "closed without an answer".to_owned(),
                ))
            } else {
                Ok(answer.into_bytes())
            };
        }
    }
}

/// Where an answer that arrives piece by piece ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Here the root's end tag is over.
    At(usize),
    /// It is not there yet, and cannot begin before here.
    NotBefore(usize),
}

/// The end of the root's end tag, looked for from here on. XML allows blanks before its `>`.
#[must_use]
pub fn end(bytes: &[u8], from: usize) -> End {
    let tag = format!("</{ROOT}");
    let tag = tag.as_bytes();
    let mut from = from;
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(at) = rest.windows(tag.len()).position(|window| window == tag) else {
            let cut = bytes.len().saturating_sub(tag.len() - 1);
            return End::NotBefore(cut.max(from));
        };
        let begin = from + at;
        let behind = begin + tag.len();
        let blanks = bytes.get(behind..).unwrap_or_default();
        match blanks.iter().position(|b| !b.is_ascii_whitespace()) {
            None => return End::NotBefore(begin),
            Some(n) if blanks.get(n) == Some(&b'>') => return End::At(behind + n + 1),
            // Another element whose name begins alike.
            Some(_) => from = behind,
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is used as a function of the error in map_err"
)]
fn broken(error: std::io::Error) -> SourceError {
    SourceError::Unreachable(error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, from: usize) -> Result<usize, usize> {
        match end(text.as_bytes(), from) {
            End::At(end) => Ok(end),
            End::NotBefore(begin) => Err(begin),
        }
    }

    // sources.md 4.1: no framing; the end tag may come in pieces and with blanks in it
    #[test]
    fn the_end_tag_is_found_however_it_arrives() {
        let whole = "<ClientIntegrationResponse>x</ClientIntegrationResponse>";
        assert_eq!(at(whole, 0), Ok(whole.len()));
        assert_eq!(at(&format!("{whole}<more/>"), 0), Ok(whole.len()));
        let spaced = "<ClientIntegrationResponse>x</ClientIntegrationResponse \n >";
        assert_eq!(at(spaced, 0), Ok(spaced.len()));
        let other = "<a></ClientIntegrationResponseX></ClientIntegrationResponse>";
        assert_eq!(at(other, 0), Ok(other.len()));
        for cut in 0..whole.len() {
            let from = at(&whole[..cut], 0).unwrap_err();
            assert_eq!(at(whole, from), Ok(whole.len()), "cut at {cut}");
        }
    }
}
