//! The load: HTTP/1.1 on connections that stay open, requests as bytes that were made before, answers read and dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Failure;

/// Room for an answer's head and a good part of its body.
const BUFFER: usize = 128 * 1024;

/// An open connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, as far as a load looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Bytes of the body.
    pub length: usize,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER],
        })
    }

    /// Sends a request and reads the whole answer; every piece of its body goes to `body`.
    pub async fn ask(
        &mut self,
        request: &[u8],
        mut body: impl FnMut(&[u8]),
    ) -> Result<Answer, Failure> {
        self.stream.write_all(request).await?;
        let mut got = 0;
        let (answer, mut rest) = loop {
            let free = self.buffer.get_mut(got..).unwrap_or_default();
            let read = self.stream.read(free).await?;
            if read == 0 {
                return Err("the connection was closed inside an answer's head".into());
            }
            got += read;
            let there = self.buffer.get(..got).unwrap_or_default();
            if let Some(end) = there.windows(4).position(|four| four == b"\r\n\r\n") {
                let answer = head(there.get(..end).unwrap_or_default())?;
                let first = there.get(end + 4..).unwrap_or_default();
                body(first);
                break (answer, answer.length.saturating_sub(first.len()));
            }
        };
        while rest > 0 {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err("the connection was closed inside an answer's body".into());
            }
            body(self.buffer.get(..read).unwrap_or_default());
            rest = rest.saturating_sub(read);
        }
        Ok(answer)
    }
}

fn head(bytes: &[u8]) -> Result<Answer, Failure> {
    let text = std::str::from_utf8(bytes)?;
    let status = text.get(9..12).ok_or("no status line")?.parse()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("an answer without Content-Length")?
        .1
        .trim()
        .parse()?;
    Ok(Answer { status, length })
}

/// One request and its answer's body, on a connection of its own.
pub async fn once(address: SocketAddr, request: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
    let mut body = Vec::new();
    let answer = Connection::open(address)
        .await?
        .ask(request, |piece| body.extend_from_slice(piece))
        .await?;
    Ok((answer.status, body))
}

/// What a load was.
#[derive(Debug, Clone)]
pub struct Load {
    pub elapsed: Duration,
    pub p50: Duration,
    pub p99: Duration,
}

/// Open connections, each of which has had one answer.
pub struct Ready {
    connections: Vec<Connection>,
    request: Arc<[u8]>,
    expected: Answer,
}

/// Opens the connections and asks once on each: what only a first request costs is not measured.
pub async fn ready(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    length: usize,
) -> Result<Ready, Failure> {
    let expected = Answer {
        status: 200,
        length,
    };
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Connection::open(address).await?;
        check(expected, connection.ask(request, |_| {}).await?)?;
        open.push(connection);
    }
    Ok(Ready {
        connections: open,
        request: request.into(),
        expected,
    })
}

impl Ready {
    /// Asks `requests` times in all, on all connections at once, each asking again as soon as it has its answer.
    pub async fn run(self, requests: usize) -> Result<Load, Failure> {
        let left = Arc::new(AtomicUsize::new(requests));
        let mut tasks = JoinSet::new();
        let start = Instant::now();
        for mut connection in self.connections {
            let (left, request, expected) =
                (Arc::clone(&left), Arc::clone(&self.request), self.expected);
            tasks.spawn(async move {
                let mut times = Vec::new();
                let take = |left: usize| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    let asked = Instant::now();
                    check(expected, connection.ask(&request, |_| {}).await?)?;
                    times.push(asked.elapsed());
                }
                Ok::<_, Failure>(times)
            });
        }
        let mut times = Vec::with_capacity(requests);
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        let elapsed = start.elapsed();
        times.sort_unstable();
        let at = |share: usize| {
            let n = times.len().saturating_sub(1) * share / 100;
            times.get(n).copied().unwrap_or_default()
        };
        Ok(Load {
            elapsed,
            p50: at(50),
            p99: at(99),
        })
    }
}

fn check(expected: Answer, answer: Answer) -> Result<(), Failure> {
    if answer == expected {
        Ok(())
    } else {
        Err(format!("{answer:?} where {expected:?} was expected").into())
    }
}
