//! HTTP as the mock services speak it: connections that can be cut at a byte, and answers that can misbehave.

use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use http::{Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::faults::FaultKind;

/// How long a slow answer takes: within the deadline of a source (8 s), beyond any that a page should need.
pub const SLOW: Duration = Duration::from_secs(3);
/// How long a stalled connection is held: well beyond any deadline.
pub const STALL: Duration = Duration::from_secs(60);
/// Bytes of an oversize answer: more than any cap (32 MiB at present).
pub const OVERSIZE: usize = 65 * 1024 * 1024;
/// Bytes that are no message in any of the formats, nor UTF-8.
pub const GARBAGE: &[u8] = b"\xff\xfe<<not>a message & never was\x00\x01\x02</oops>\xc3\x28";
/// How long answers under way may take once the service was told to stop.
const GRACE: Duration = Duration::from_millis(500);

/// One connection, as a handler sees it: how many bytes may still be sent before it breaks.
#[derive(Debug, Clone)]
pub struct Line(Arc<AtomicUsize>);

impl Default for Line {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }
}

impl Line {
    /// Breaks the connection after so many more bytes.
    fn cut_after(&self, bytes: usize) {
        self.0.store(bytes, Ordering::SeqCst);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn sent(&self, bytes: usize) {
        let left = self.left();
        if left != usize::MAX {
            self.cut_after(left.saturating_sub(bytes));
        }
    }
}

/// A connection that breaks where its [`Line`] says.
pub struct Cuttable {
    stream: TcpStream,
    line: Line,
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let some = bytes
            .get(..bytes.len().min(self.line.left()))
            .unwrap_or_default();
        if some.is_empty() && !bytes.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, some))?;
        self.line.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Accepts connections that can be cut.
struct Wired(TcpListener);

impl Listener for Wired {
    type Io = Cuttable;
    type Addr = Line;

    async fn accept(&mut self) -> (Cuttable, Line) {
        let (stream, _) = Listener::accept(&mut self.0).await;
        let line = Line::default();
        let io = Cuttable {
            stream,
            line: line.clone(),
        };
        (io, line)
    }

    fn local_addr(&self) -> io::Result<Line> {
        Ok(Line::default())
    }
}

impl Connected<IncomingStream<'_, Wired>> for Line {
    fn connect_info(stream: IncomingStream<'_, Wired>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Serves until `shutdown`; stalled answers are not waited for.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let told = Arc::new(Notify::new());
    let tell = Arc::clone(&told);
    let service = routes.into_make_service_with_connect_info::<Line>();
    let serving = axum::serve(Wired(listener), service).with_graceful_shutdown(async move {
        shutdown.await;
        tell.notify_one();
    });
    let limit = async {
        told.notified().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = serving.into_future() => ended,
        () = limit => Ok(()),
    }
}

/// An answer before any fault.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Media type.
    pub media: &'static str,
    /// The request's `X-Request-ID`, to be echoed.
    pub request_id: Option<http::HeaderValue>,
    /// Everything after the head.
    pub body: String,
}

impl Answer {
    /// An answer with this status, media type and body.
    pub const fn new(status: StatusCode, media: &'static str, body: String) -> Self {
        Self {
            status,
            media,
            request_id: None,
            body,
        }
    }
}

/// Sends the answer as the fault has it.
pub async fn send(answer: Answer, fault: Option<FaultKind>, line: &Line) -> Response<Body> {
    match fault {
        Some(FaultKind::Slow) => tokio::time::sleep(SLOW).await,
        Some(FaultKind::Stall) => tokio::time::sleep(STALL).await,
        Some(FaultKind::Drop) => line.cut_after(0),
        Some(FaultKind::Truncate) => line.cut_after(answer.body.len() / 2),
        _ => {}
    }
    let (status, media, body) = match fault {
        Some(FaultKind::Garbage) => (StatusCode::OK, answer.media, Body::from(GARBAGE)),
        Some(FaultKind::Http500) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            Body::from("internal error"),
        ),
        Some(FaultKind::Oversize) => {
            let mut bytes = answer.body.into_bytes();
            bytes.resize(OVERSIZE, b' ');
            (StatusCode::OK, answer.media, Body::from(bytes))
        }
        _ => (answer.status, answer.media, Body::from(answer.body)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static(media));
    if let Some(id) = answer.request_id {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
