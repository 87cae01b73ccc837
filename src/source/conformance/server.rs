//! A source at the other end of a real socket, that answers, or does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a source is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP POST.
    Http,
    /// Bare TCP; a question ends with this tag.
    Tcp(&'static str),
}

/// What it does with a question.
#[derive(Debug, Clone)]
pub enum Behave {
    /// Answers with this.
    Answer(Vec<u8>),
    /// Answers with the first so many bytes of this, then closes.
    Cut(Vec<u8>, usize),
    /// Says nothing until long after any deadline.
    Stall,
    /// A byte now and then, for ever.
    Dribble(Vec<u8>),
    /// Closes.
    Drop,
    /// Bytes without end.
    Endless(Vec<u8>),
    /// HTTP: this status and location.
    Redirect,
}

/// A source.
pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves until the test is over. `behave` gets the body of the question.
    pub async fn start(
        transport: Transport,
        behave: impl Fn(&str) -> Behave + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&asked);
        let behave = Arc::new(behave);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = Arc::clone(&heard);
                let behave = Arc::clone(&behave);
                tokio::spawn(async move {
                    let question = listen(&mut stream, transport).await;
                    let body = question.split("\r\n\r\n").last().unwrap_or_default();
                    let does = behave(body);
                    heard.lock().unwrap().push(question);
                    // A client that has gone away has heard enough.
                    let _ = speak(&mut stream, transport, does).await;
                });
            }
        });
        Self { address, asked }
    }

    /// The questions so far, heads included.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn listen(stream: &mut TcpStream, transport: Transport) -> String {
    let mut heard = Vec::new();
    let whole = |heard: &[u8]| {
        let text = String::from_utf8_lossy(heard).into_owned();
        match transport {
            Transport::Tcp(end) => text.contains(end),
            Transport::Http => text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    let is_length = name.eq_ignore_ascii_case("content-length");
                    is_length.then(|| value.trim().parse::<usize>().ok())?
                });
                body.len() >= length.unwrap_or(0)
            }),
        }
    };
    while !whole(&heard) {
        match stream.read_buf(&mut heard).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

async fn speak(stream: &mut TcpStream, transport: Transport, does: Behave) -> std::io::Result<()> {
    let http = transport == Transport::Http;
    let head = |length: Option<usize>| match length {
        _ if !http => String::new(),
        Some(length) => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        ),
        None => "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n".to_owned(),
    };
    match does {
        Behave::Answer(body) => {
            stream.write_all(head(Some(body.len())).as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        Behave::Cut(body, at) => {
            // Without a length, so that only the message itself tells that it is cut.
            stream.write_all(head(None).as_bytes()).await?;
            stream.write_all(body.get(..at).unwrap_or_default()).await?;
        }
        Behave::Stall => tokio::time::sleep(Duration::from_secs(60)).await,
        Behave::Dribble(body) => {
            stream.write_all(head(Some(body.len())).as_bytes()).await?;
            for byte in body {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Behave::Drop => {}
        Behave::Endless(body) => {
            stream.write_all(head(None).as_bytes()).await?;
            let half = body.get(..body.len() / 2).unwrap_or_default();
            stream.write_all(half).await?;
            for _ in 0..10_000 {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        Behave::Redirect => {
            let answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).await?;
        }
    }
    stream.shutdown().await
}
