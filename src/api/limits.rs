//! Bodies of requests, bounded: so many bytes, in so much time.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Bytes of any request's body; each route takes less where it needs less.
pub const MAX_BODY: usize = 1024 * 1024;
/// Time from the end of the head to the end of the body.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// Why a body was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// More than [`MAX_BODY`].
    #[error("the request is too large")]
    TooLarge,
    /// Not there after its time.
    #[error("the request did not arrive in time")]
    TooSlow,
}

impl BodyFault {
    /// The fault behind an error of reading a body, where it is one of these.
    #[must_use]
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut error = Some(error);
        while let Some(this) = error {
            if let Some(fault) = this.downcast_ref::<Self>() {
                return Some(*fault);
            }
            error = this.source();
        }
        None
    }
}

struct Bounded {
    body: Body,
    left: usize,
    time: Pin<Box<Sleep>>,
}

/// The same body, cut off where it is too large or too slow.
pub fn bounded(body: Body, bytes: usize, time: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(Bounded {
        body,
        left: bytes,
        time: Box::pin(sleep(time)),
    })
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let fault = |fault| Poll::Ready(Some(Err(axum::Error::new(fault))));
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match self.left.checked_sub(length) {
                    Some(left) => {
                        self.left = left;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => fault(BodyFault::TooLarge),
                }
            }
            Poll::Pending => match self.time.as_mut().poll(context) {
                Poll::Ready(()) => fault(BodyFault::TooSlow),
                Poll::Pending => Poll::Pending,
            },
            ended => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    struct Never;

    impl http_body::Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn what_is_too_large_or_too_slow_is_cut_off() {
        let second = Duration::from_secs(1);
        let whole = to_bytes(bounded(Body::from("body"), 4, second), 100).await;
        assert_eq!(whole.unwrap(), "body");
        let large = to_bytes(bounded(Body::from("bodies"), 4, second), 100).await;
        let fault = BodyFault::of(&large.unwrap_err());
        assert_eq!(fault, Some(BodyFault::TooLarge));
        let slow = bounded(Body::new(Never), 4, Duration::from_millis(5));
        let fault = BodyFault::of(&to_bytes(slow, 100).await.unwrap_err());
        assert_eq!(fault, Some(BodyFault::TooSlow));
        let other = std::io::Error::other("x");
        assert_eq!(BodyFault::of(&other), None);
    }
}
