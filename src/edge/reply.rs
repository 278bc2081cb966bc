//! The body of an answer: ready pieces of what is held, or whatever a route makes.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::buf::Chain;
use bytes::{Buf as _, Bytes};
use hyper::body::{Frame, SizeHint};

use super::front::UnderWay;
use super::untaken::Untaken;

/// Bytes that leave one after the other, without being put together here.
pub(super) type Pieces = Chain<Bytes, Chain<Bytes, Bytes>>;

/// A body on its way out.
#[derive(Debug)]
pub(super) enum Reply {
    /// What is held, until it is taken.
    Held(Option<Pieces>),
    /// What a route made.
    Made(Body),
}

impl Reply {
    /// Bytes in one piece.
    pub(super) fn of(bytes: Bytes) -> Self {
        Self::Held(Some(pieces([bytes, Bytes::new(), Bytes::new()])))
    }

    /// No body.
    pub(super) fn empty() -> Self {
        Self::Held(None)
    }

    /// As routes have it.
    pub(super) fn into_body(self) -> Body {
        match self {
            Self::Held(None) => Body::empty(),
            Self::Held(Some(pieces)) => Body::from(whole(pieces)),
            Self::Made(body) => body,
        }
    }
}

/// An answer, with its place among the requests under way where it has one.
pub(super) type Answer = http::Response<Untaken<Reply, Option<UnderWay>>>;

/// What a route made, or a layer, which has seen to its place itself.
pub(super) fn made(response: http::Response<Body>) -> Answer {
    response.map(|body| Untaken::new(Reply::Made(body), None))
}

/// These, one after the other.
pub(super) fn pieces([first, second, third]: [Bytes; 3]) -> Pieces {
    first.chain(second.chain(third))
}

/// Put together.
pub(super) fn whole(mut pieces: Pieces) -> Bytes {
    pieces.copy_to_bytes(pieces.remaining())
}

impl hyper::body::Body for Reply {
    type Data = Pieces;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Pieces>, axum::Error>>> {
        match &mut *self {
            Self::Held(pieces) => Poll::Ready(pieces.take().map(|pieces| Ok(Frame::data(pieces)))),
            Self::Made(body) => {
                let alone = |bytes| pieces([bytes, Bytes::new(), Bytes::new()]);
                Pin::new(body).poll_frame(cx).map_ok(|frame| frame.map_data(alone))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Held(pieces) => pieces.is_none(),
            Self::Made(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Held(pieces) => {
                let length = pieces.as_ref().map_or(0, bytes::Buf::remaining);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Made(body) => body.size_hint(),
        }
    }
}
