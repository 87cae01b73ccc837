//! The HTTP server: the same for `serve` and the sandbox. A head that does not come is not waited for, a request that cannot
//! be read is in the trail, and a stop lets what is under way finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::edge::Edge;

/// What a server waits for, and how much it takes at once.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Time for a request's head; a connection that is idle for so long is closed, too.
    pub head: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Time that requests under way have when the server stops.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            connections: 4096,
            drain: Duration::from_secs(30),
        }
    }
}

/// After a failure to accept (too many open files, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often the counts of refusals are looked at.
const MINUTE: Duration = Duration::from_secs(60);

/// Serves until `stop`, then takes no new connection, lets requests under way finish, and writes what was counted.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    edge: Arc<Edge>,
    limits: ServerLimits,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes.max(8192));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let minutes = async {
        loop {
            tokio::time::sleep(MINUTE).await;
            edge.close_minute().await;
        }
    };
    tokio::pin!(stop, minutes);
    loop {
        let accepted = async {
            // The semaphore is never closed, so that it always gives a place in the end.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
            () = &mut minutes => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = connection(&http, stream, peer, router.clone());
        let connection = graceful.watch(connection);
        let edge = Arc::clone(&edge);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await
                && error.is_parse()
            {
                edge.malformed(peer.ip()).await;
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were still under way when the time to finish was over");
    }
    edge.close().await;
}

type Handled = std::pin::Pin<
    Box<dyn Future<Output = Result<http::Response<Body>, std::convert::Infallible>> + Send>,
>;

fn connection(
    http: &http1::Builder,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> http1::Connection<
    TokioIo<TcpStream>,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = http::Response<Body>,
        Error = std::convert::Infallible,
        Future = Handled,
    > + use<>,
> {
    // An answer is one write, or the last of a few: it is not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        Box::pin(router.clone().oneshot(request)) as Handled
    });
    http.serve_connection(TokioIo::new(stream), service)
}

/// Resolves when the process is told to stop: SIGTERM or Ctrl-C.
pub async fn told_to_stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
