//! A body of several pieces that are already there: sent one after the other, none of them copied.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

/// Pieces that are still to be sent.
struct Pieces {
    rest: std::vec::IntoIter<Bytes>,
    /// Bytes in them: the answer has a `Content-Length`.
    left: u64,
}

/// The body.
pub fn body(mut pieces: Vec<Bytes>) -> Body {
    if pieces.len() <= 1 {
        return Body::from(pieces.pop().unwrap_or_default());
    }
    Body::new(Pieces {
        left: pieces.iter().map(|piece| piece.len() as u64).sum(),
        rest: pieces.into_iter(),
    })
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.rest.next();
        if let Some(piece) = &next {
            self.left = self.left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_slice().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;

    #[tokio::test]
    async fn pieces_arrive_whole_and_their_length_is_known() {
        for pieces in [vec![], vec!["one"], vec!["one", "", "three"]] {
            let whole = pieces.concat();
            let pieces = pieces.into_iter().map(Bytes::from).collect();
            let body = body(pieces);
            assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
            let all = axum::body::to_bytes(body, 100).await.unwrap();
            assert_eq!(all, whole.as_bytes());
        }
    }
}
