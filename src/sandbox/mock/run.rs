//! One mock service as a process of its own (`openmig mock … --port`), for the compose file.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{ehr, emis, systmone, trace};
use crate::clock::SystemClock;
use crate::sandbox::mock::{MockState, Population};

/// Which service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// EMIS-style SOAP.
    Emis,
    /// SystmOne-style: HTTP on the port given, TCP ten above it.
    Systmone,
    /// Trace service.
    Trace,
    /// EHR of the viewing organisations.
    Ehr,
}

impl FromStr for Which {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, UnknownService> {
        match name {
            "emis" => Ok(Self::Emis),
            "systmone" => Ok(Self::Systmone),
            "trace" => Ok(Self::Trace),
            "ehr" => Ok(Self::Ehr),
            _ => Err(UnknownService),
        }
    }
}

/// Not the name of a mock service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such mock service: emis, systmone, trace and ehr are known")]
pub struct UnknownService;

/// Runs one mock service on `addr` until the process is told to stop (Ctrl-C).
///
/// # Errors
/// The address cannot be bound, or a listener failed.
pub async fn run(
    which: Which,
    addr: SocketAddr,
    population: Arc<dyn Population>,
) -> std::io::Result<()> {
    let state = Arc::new(MockState::new(population, Arc::new(SystemClock)));
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        // Without a signal handler the process is ended from outside, which is as well.
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        } else {
            std::future::pending::<()>().await;
        }
    });
    let listener = TcpListener::bind(addr).await?;
    let until = until(stopped.clone());
    match which {
        Which::Emis => emis::serve(listener, state, until).await,
        Which::Trace => trace::serve(listener, state, until).await,
        Which::Ehr => ehr::serve(listener, state, until).await,
        Which::Systmone => {
            let port = addr.port().checked_add(10).ok_or_else(|| {
                std::io::Error::new(
                    std::io::ErrorKind::InvalidInput,
                    "no port ten above this one",
                )
            })?;
            let bare = TcpListener::bind(SocketAddr::new(addr.ip(), port)).await?;
            let over_tcp = systmone::serve_tcp(bare, Arc::clone(&state), self::until(stopped));
            tokio::try_join!(systmone::serve(listener, state, until), over_tcp).map(|_| ())
        }
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good as a stop.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
