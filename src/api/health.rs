//! `/livez` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::register::RegisterHandle;
use crate::store::WriteProbe;

/// For so long one try of the store stands for all who ask.
const STANDS: Duration = Duration::from_secs(1);

/// Whether the store could write, and when that was tried.
struct Readiness {
    store: Arc<dyn WriteProbe>,
    register: RegisterHandle,
    stands: Duration,
    last: Mutex<Option<(Instant, bool)>>,
}

/// The two health checks. They say yes or no and nothing else.
pub fn routes(store: Arc<dyn WriteProbe>, register: RegisterHandle) -> Router {
    routes_with(store, register, STANDS)
}

fn routes_with(store: Arc<dyn WriteProbe>, register: RegisterHandle, stands: Duration) -> Router {
    let readiness = Arc::new(Readiness {
        store,
        register,
        stands,
        last: Mutex::default(),
    });
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

/// Ready = the store can write, because without the trail nothing is shown (R125). Sources may be down: that is a matter of
/// each request.
async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, &'static str) {
    // Held while it is tried: who asks meanwhile gets the same answer.
    let mut last = readiness.last.lock().await;
    let writes = match *last {
        Some((at, writes)) if at.elapsed() < readiness.stands => writes,
        _ => {
            let tried = readiness.store.try_write().await;
            if let Err(error) = &tried {
                tracing::warn!(%error, "the store cannot write");
            }
            *last = Some((Instant::now(), tried.is_ok()));
            tried.is_ok()
        }
    };
    if writes && readiness.register.fault().is_some() {
        // It goes on serving by the register before; the operator finds the fault in the log.
        (
            StatusCode::OK,
            "ok; a changed register was refused, the one before stays in force",
        )
    } else if writes {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the store cannot write")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::store::{StoreError, Stored};

    /// Fails from its second try on.
    struct Breaks(AtomicU32);

    impl WriteProbe for Breaks {
        fn try_write(&self) -> Stored<'_, ()> {
            let tries = self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                if tries == 0 {
                    Ok(())
                } else {
                    Err(StoreError("disk full".to_owned()))
                }
            })
        }
    }

    // R125: no gateway that cannot write its trail is sent requests; asking often costs the disk nothing
    #[tokio::test]
    async fn ready_means_that_the_store_can_write() {
        let store = Arc::new(Breaks(AtomicU32::new(0)));
        let register = || RegisterHandle::new(crate::smart::fakes::register());
        let long = routes_with(
            Arc::clone(&store) as _,
            register(),
            Duration::from_secs(3600),
        );
        let ask = |app: &Router| {
            let request = Request::get("/readyz").body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request);
            async { answer.await.unwrap().status() }
        };
        for _ in 0..5 {
            assert_eq!(ask(&long).await, StatusCode::OK);
        }
        assert_eq!(store.0.load(Ordering::SeqCst), 1);
        let none = routes_with(Arc::clone(&store) as _, register(), Duration::ZERO);
        assert_eq!(ask(&none).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(&none).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(store.0.load(Ordering::SeqCst), 3);
    }
}
