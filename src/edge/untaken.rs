//! An answer's body with what lasts until it is taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

/// A body that holds something until the caller has taken all of it, or is gone.
#[derive(Debug)]
pub(super) struct Untaken<B, G> {
    body: B,
    _until_taken: G,
}

impl<B, G> Untaken<B, G> {
    pub(super) fn new(body: B, until_taken: G) -> Self {
        Self { body, _until_taken: until_taken }
    }
}

impl<B: Body + Unpin, G: Unpin> Body for Untaken<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
