//! A body in parts that can be copied: HTTP/1 has what it sends behind the head that announces it, and whoever takes nothing
//! must not have a whole script copied for them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::reply::{Pieces, pieces};

/// The most of a body that is given at once.
const MOST: usize = 32 * 1024;

/// A body whose larger frames are given in parts.
#[derive(Debug)]
pub(super) struct InParts<B> {
    body: B,
    /// Of a frame, what was not given yet.
    rest: Pieces,
}

impl<B> InParts<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body, rest: alone(Bytes::new()) }
    }

    /// The next part of the rest; it is of one piece, so that nothing is copied here.
    fn part(&mut self) -> Frame<Pieces> {
        let length = self.rest.chunk().len().min(MOST);
        Frame::data(alone(self.rest.copy_to_bytes(length)))
    }
}

fn alone(bytes: Bytes) -> Pieces {
    pieces([bytes, Bytes::new(), Bytes::new()])
}

impl<B: Body<Data = Pieces> + Unpin> Body for InParts<B> {
    type Data = Pieces;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Pieces>, B::Error>>> {
        if self.rest.has_remaining() {
            return Poll::Ready(Some(Ok(self.part())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()?;
        Poll::Ready(frame.map(|frame| match frame.into_data() {
            Ok(data) if data.remaining() > MOST => {
                self.rest = data;
                Ok(self.part())
            }
            Ok(data) => Ok(Frame::data(data)),
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        !self.rest.has_remaining() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.remaining()).unwrap_or(u64::MAX);
        if rest == 0 {
            return self.body.size_hint();
        }
        let hint = self.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower().saturating_add(rest));
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper.saturating_add(rest));
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::edge::reply::{Reply, whole};

    /// The lengths of the frames, and what stands in them.
    async fn frames(mut body: InParts<Reply>) -> (Vec<usize>, Vec<u8>) {
        let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
        loop {
            let left = body.size_hint().exact().unwrap();
            let Some(frame) = body.frame().await else {
                assert_eq!(left, 0);
                return (lengths, bytes);
            };
            let data = whole(frame.unwrap().into_data().unwrap());
            assert_eq!(body.size_hint().exact(), left.checked_sub(u64::try_from(data.len()).unwrap()));
            lengths.push(data.len());
            bytes.extend_from_slice(&data);
        }
    }

    #[tokio::test]
    async fn what_is_large_leaves_a_part_at_a_time_and_whole() {
        let bytes = |length: usize| -> Bytes { (0..=255).cycle().take(length).collect::<Vec<u8>>().into() };
        for length in [1, MOST, MOST + 1, 3 * MOST, 3 * MOST + 7] {
            let held = Reply::Held(Some(pieces([bytes(7), bytes(length), bytes(1)])));
            let made = Reply::Made(axum::body::Body::from(bytes(length)));
            for (reply, all) in [(held, [bytes(7), bytes(length), bytes(1)].concat()), (made, bytes(length).into())] {
                let (lengths, came) = frames(InParts::new(reply)).await;
                assert!(lengths.iter().all(|part| *part <= MOST), "{lengths:?}");
                assert_eq!(came, all);
            }
        }
        let usual = Reply::Held(Some(pieces([bytes(70), bytes(3000), bytes(1)])));
        assert_eq!(frames(InParts::new(usual)).await.0, [3071], "most answers leave at once");
        assert!(InParts::new(Reply::empty()).is_end_stream());
    }
}
