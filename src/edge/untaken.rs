//! An answer's body with what lasts until it is taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};

/// A body that holds something until the caller has taken all of it, or is gone.
#[derive(Debug)]
pub(super) struct Untaken<G> {
    body: Body,
    _until_taken: G,
}

impl<G> Untaken<G> {
    pub(super) fn new(body: Body, until_taken: G) -> Self {
        Self { body, _until_taken: until_taken }
    }
}

impl<G: Unpin> hyper::body::Body for Untaken<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
