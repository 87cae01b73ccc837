//! The only HTTP client towards sources: deadline and size cap on everything.
//!
//! No redirects, no proxy from the environment, no decompression, no cookies. Each origin has its own gate
//! ([`crate::source::gate`]), so that a source that is down is not hammered and does not hold up callers.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::clock::{SharedClock, random_bytes};
use crate::source::gate::{About, Fared, Gates};
use crate::source::{SourceError, SourceLimits};

/// A connection must stand within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The client, shared by all adapters.
pub type SharedHttp = Arc<SourceHttp>;

/// See the module's text.
pub struct SourceHttp {
    client: reqwest::Client,
    gates: Gates,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, within the cap.
    pub body: Bytes,
}

impl HttpAnswer {
    /// The body of a successful answer.
    ///
    /// # Errors
    /// [`SourceError::Status`] for any status but 2xx; redirects are not followed.
    pub fn ok(self) -> Result<Bytes, SourceError> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(SourceError::Status(self.status))
        }
    }
}

impl SourceHttp {
    /// A client that trusts the machine's certificate authorities.
    ///
    /// # Errors
    /// TLS cannot be set up here.
    pub fn new(clock: SharedClock) -> Result<SharedHttp, SourceError> {
        Self::with_tls(clock, None, &[])
    }

    /// A client with its own certificate for mutual TLS (certificate chain and key as PEM) and further trusted
    /// certificate authorities (each a PEM certificate).
    ///
    /// # Errors
    /// The PEM cannot be read, or TLS cannot be set up here.
    pub fn with_tls(
        clock: SharedClock,
        identity: Option<&[u8]>,
        authorities: &[Vec<u8>],
    ) -> Result<SharedHttp, SourceError> {
        let bad = |what: &str| SourceError::Unreachable(what.to_owned());
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent("OpenMIG");
        if let Some(pem) = identity {
            let identity = reqwest::Identity::from_pem(pem)
                .map_err(|_| bad("the client certificate cannot be read"))?;
            builder = builder.identity(identity);
        }
        let mut certificates = Vec::new();
        for pem in authorities {
            certificates.push(
                reqwest::Certificate::from_pem(pem)
                    .map_err(|_| bad("a certificate authority cannot be read"))?,
            );
        }
        if !certificates.is_empty() {
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder
            .build()
            .map_err(|_| bad("TLS cannot be set up on this machine"))?;
        Ok(Arc::new(Self {
            client,
            gates: Gates::new(clock),
        }))
    }

    /// The gates in front of all sources, for transports other than HTTP.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// Sends a body and reads the whole answer. `about`: whom it is about, for the gate.
    ///
    /// # Errors
    /// See [`SourceError`]; a status other than success is not one here (a SOAP fault has a body to be read).
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
        about: Option<About>,
        limits: &SourceLimits,
    ) -> Result<HttpAnswer, SourceError> {
        let body = Bytes::from(body);
        self.ask(Method::POST, url, headers, body, about, limits)
            .await
    }

    /// Asks and reads the whole answer.
    ///
    /// # Errors
    /// As [`SourceHttp::post`].
    pub async fn get(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        about: Option<About>,
        limits: &SourceLimits,
    ) -> Result<HttpAnswer, SourceError> {
        self.ask(Method::GET, url, headers, Bytes::new(), about, limits)
            .await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        about: Option<About>,
        limits: &SourceLimits,
    ) -> Result<HttpAnswer, SourceError> {
        let url = url::Url::parse(url)
            .map_err(|_| SourceError::Unreachable("its address is not a URL".to_owned()))?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let pair = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            );
            let (Ok(name), Ok(value)) = pair else {
                return Err(SourceError::Mismatch("a header that cannot be sent"));
            };
            map.insert(name, value);
        }
        let question = self.attempts(&method, &url, &map, &body, limits.max_bytes);
        let origin = url.origin().ascii_serialization();
        self.gates
            .pass(&origin, about, limits, limits.deadline / 4, question, fared)
            .await
    }

    /// One try, and one more where nothing can have been sent: no connection stood.
    async fn attempts(
        &self,
        method: &Method,
        url: &url::Url,
        headers: &HeaderMap,
        body: &Bytes,
        max_bytes: usize,
    ) -> Result<HttpAnswer, SourceError> {
        let once = || {
            self.client
                .request(method.clone(), url.clone())
                .headers(headers.clone())
                .body(body.clone())
                .send()
        };
        let response = match once().await {
            Err(e) if e.is_connect() && !e.is_timeout() => {
                tokio::time::sleep(jitter()).await;
                once().await
            }
            other => other,
        };
        collect(response.map_err(unreachable)?, max_bytes).await
    }
}

/// Did the source itself fail? A fault, a refusal and a record too large are answers.
fn fared(result: &Result<HttpAnswer, SourceError>) -> Fared {
    match result {
        Ok(answer) if matches!(answer.status, 502..=504) => Fared::Broken,
        Ok(_) | Err(SourceError::TooLarge(_)) => Fared::Answered,
        // No connection within its own time is no patient's doing.
        Err(SourceError::Timeout(after)) if *after == CONNECT_TIMEOUT => Fared::Broken,
        Err(SourceError::Timeout(_)) => Fared::Late,
        Err(_) => Fared::Broken,
    }
}

async fn collect(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> Result<HttpAnswer, SourceError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > max_bytes as u64 {
        return Err(SourceError::TooLarge(max_bytes));
    }
    let mut body = Buffer::new(usize::try_from(announced).unwrap_or(0), max_bytes);
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.add(&chunk)?;
    }
    Ok(HttpAnswer {
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        body: Bytes::from(body.into_bytes()),
    })
}

/// Bytes of an answer as they come: never room for more than the cap, whatever was announced.
pub(super) struct Buffer {
    pub bytes: Vec<u8>,
    max: usize,
}

impl Buffer {
    /// Room for as much as was announced, at most for 1 MiB before any of it is there.
    pub fn new(announced: usize, max: usize) -> Self {
        let room = announced.min(max).min(1024 * 1024);
        Self {
            bytes: Vec::with_capacity(room),
            max,
        }
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// It goes over the cap.
    pub fn add(&mut self, piece: &[u8]) -> Result<(), SourceError> {
        let needed = self.bytes.len().saturating_add(piece.len());
        if needed > self.max {
            return Err(SourceError::TooLarge(self.max));
        }
        if needed > self.bytes.capacity() {
            // What is copied from one place to another is in memory twice: only while it is small.
            let room = match self.bytes.capacity() {
                small if small <= self.max / 8 => small.saturating_mul(2),
                _ => self.max,
            };
            let room = room.clamp(needed, self.max);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// What has come, in no more room than it needs.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_boxed_slice().into_vec()
    }
}

/// The innermost cause in words; never the URL, which may hold a number.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is used as a function of the error in map_err"
)]
fn unreachable(error: reqwest::Error) -> SourceError {
    if error.is_timeout() {
        return if error.is_connect() {
            SourceError::Timeout(CONNECT_TIMEOUT)
        } else {
            SourceError::Unreachable("it stopped in the middle".to_owned())
        };
    }
    let mut words = None;
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = Some(inner.to_string());
        cause = inner.source();
    }
    SourceError::Unreachable(words.unwrap_or_else(|| "the connection failed".to_owned()))
}

/// 20 to 275 ms.
pub(super) fn jitter() -> Duration {
    let byte = random_bytes::<1>().map_or(100, |[b]| b);
    Duration::from_millis(20 + u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{FixedClock, ShiftedClock};
    use jiff::Timestamp;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers every connection with the same bytes, then hangs or closes.
    async fn server(answer: &'static [u8], hang: bool) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0_u8; 4096];
                    let _ = stream.read(&mut buffer).await;
                    let _ = stream.write_all(answer).await;
                    if hang {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                    }
                });
            }
        });
        url
    }

    fn http() -> SharedHttp {
        SourceHttp::new(Arc::new(FixedClock(Timestamp::UNIX_EPOCH))).unwrap()
    }

    fn limits() -> SourceLimits {
        SourceLimits {
            deadline: Duration::from_millis(400),
            max_bytes: 1000,
            max_concurrent: 2,
        }
    }

    #[tokio::test]
    async fn gives_status_headers_and_body() {
        let url = server(
            b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabc",
            false,
        )
        .await;
        let answer = http()
            .post(&url, &[("soapaction", "x")], b"q".to_vec(), None, &limits())
            .await
            .unwrap();
        assert_eq!((answer.status, &answer.body[..]), (500, &b"abc"[..]));
        assert_eq!(answer.headers.get("x-a").unwrap(), "b");
        assert!(matches!(answer.ok(), Err(SourceError::Status(500))));
    }

    #[tokio::test]
    async fn does_not_follow_redirects() {
        let url = server(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            false,
        )
        .await;
        let answer = http().get(&url, &[], None, &limits()).await.unwrap();
        assert!(matches!(answer.ok(), Err(SourceError::Status(302))));
    }

    #[tokio::test]
    async fn caps_announced_and_unannounced_size() {
        let announced = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", true).await;
        let result = http().get(&announced, &[], None, &limits()).await;
        assert!(matches!(result, Err(SourceError::TooLarge(1000))));
        let endless = server(
            Box::leak(
                ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
                    + &format!("{:x}\r\n{}\r\n", 2000, "y".repeat(2000)))
                    .into_boxed_str(),
            )
            .as_bytes(),
            true,
        )
        .await;
        let result = http().get(&endless, &[], None, &limits()).await;
        assert!(matches!(result, Err(SourceError::TooLarge(1000))));
    }

    #[tokio::test]
    async fn keeps_the_deadline_even_in_the_middle() {
        let url = server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true).await;
        let result = http().get(&url, &[], None, &limits()).await;
        assert!(matches!(result, Err(SourceError::Timeout(_))));
    }

    #[tokio::test]
    async fn rests_after_five_failures_and_tries_again_after_the_rest() {
        let clock = Arc::new(ShiftedClock::default());
        let http = SourceHttp::new(clock.clone()).unwrap();
        let limits = SourceLimits {
            deadline: Duration::from_secs(20),
            ..limits()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/Patient/9990000018",
            listener.local_addr().unwrap()
        );
        drop(listener);
        for _ in 0..5 {
            match http.get(&url, &[], None, &limits).await {
                Err(e @ SourceError::Unreachable(_)) => {
                    assert!(!e.to_string().contains("999"), "{e}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            http.get(&url, &[], None, &limits).await,
            Err(SourceError::Resting)
        ));
        clock.advance(6);
        assert!(matches!(
            http.get(&url, &[], None, &limits).await,
            Err(SourceError::Unreachable(_))
        ));
        assert!(matches!(
            http.get(&url, &[], None, &limits).await,
            Err(SourceError::Resting)
        ));
    }

    #[tokio::test]
    async fn too_many_at_once_wait_and_then_are_sent_away() {
        let url = server(b"", true).await;
        let http = http();
        let limits = limits();
        let (a, b, c) = tokio::join!(
            http.get(&url, &[], None, &limits),
            http.get(&url, &[], None, &limits),
            http.get(&url, &[], None, &limits)
        );
        let resting = [a, b, c]
            .iter()
            .filter(|r| matches!(r, Err(SourceError::Resting)))
            .count();
        assert_eq!(resting, 1);
    }
}
