//! Bodies of answers: sent whole, or piece by piece by a task that follows the reader.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

/// Everything the simulator answers with.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Sends the pieces of a body; a failed send means that nobody reads any more.
pub(super) type Pieces = mpsc::Sender<Bytes>;

/// A body whose pieces come from a channel; its length is not known beforehand.
struct Piecemeal(mpsc::Receiver<Bytes>);

impl Body for Piecemeal {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A JSON answer sent whole.
pub(super) fn whole(status: StatusCode, json: Bytes) -> Answer {
    reply(status, Full::new(json).boxed_unsync())
}

/// A JSON answer of status 200 sent piece by piece.
pub(super) fn piecemeal() -> (Pieces, Answer) {
    let (pieces, receiver) = mpsc::channel(1);
    (pieces, reply(StatusCode::OK, Piecemeal(receiver).boxed_unsync()))
}

fn reply(status: StatusCode, body: UnsyncBoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}
