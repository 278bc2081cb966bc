//! What HTTP/1 and HTTP/2 are spoken over: tells the pace what passes, writes a problem where hyper would refuse without a
//! body, and closes so that the last words are read.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::pace::Pace;
use super::refuser::Refuser;

/// A stream between the caller and hyper.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    pace: Pace,
    /// `None` where refusals have frames of their own, and bytes that come are no heads.
    heads: Option<Refuser>,
    /// A problem that is being written in place of hyper's refusal.
    problem: Bytes,
    linger: Linger,
}

/// Who closes while the other side still writes has the connection reset, and with it what was written last. So what
/// comes is read for a while, and thrown away.
#[derive(Debug)]
struct Linger {
    closed: bool,
    left: usize,
    until: Option<Pin<Box<Sleep>>>,
}

thread_local! {
    /// Where a thread joins what is written together. To copy an answer costs less than to have the kernel gather its pieces.
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The longest that is joined: a head and an answer of some two hundred countries.
const MOST_JOINED: usize = 32 * 1024;
const LINGER_FOR: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;
/// hyper's own refusal is a status, a length of zero, a date and perhaps `connection`.
const LONGEST_BARE: usize = 192;

impl<S> Wire<S> {
    /// HTTP/1: bytes are heads, since no request here has a body worth mentioning.
    pub(super) fn of_heads(stream: S, pace: Pace, refuser: Refuser) -> Self {
        Self { heads: Some(refuser), ..Self::of_frames(stream, pace) }
    }

    /// HTTP/2.
    pub(super) fn of_frames(stream: S, pace: Pace) -> Self {
        let linger = Linger { closed: false, left: LINGER_BYTES, until: None };
        Self { stream, pace, heads: None, problem: Bytes::new(), linger }
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Whether these bytes, all that hyper has to say, were taken for a problem to be written in their place.
    fn replaces(&mut self, words: &[u8]) -> bool {
        let status = self.heads.as_ref().and_then(|_| bare_refusal(words));
        let (Some(status), Some(refuser)) = (status, &self.heads) else { return false };
        self.problem = refuser.in_place_of(status);
        true
    }

    fn poll_problem(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.problem.is_empty() {
            let written = self.told(|stream, problem| stream.poll_write(cx, problem));
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => self.problem.advance(length),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes, and tells the pace whether it was taken.
    fn told(&mut self, write: impl FnOnce(Pin<&mut S>, &[u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let written = write(Pin::new(&mut self.stream), &self.problem);
        self.pace.writes(written.is_ready());
        written
    }
}

/// The status, if this is a refusal of hyper's own. Ours all name their request.
fn bare_refusal(words: &[u8]) -> Option<u16> {
    let status = words.strip_prefix(b"HTTP/1.1 ").or_else(|| words.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    if !status.starts_with(b"4") || words.len() > LONGEST_BARE || !words.ends_with(b"\r\n\r\n") {
        return None;
    }
    let has = |header: &[u8]| words.windows(header.len()).any(|part| part == header);
    if !has(b"\r\ncontent-length: 0\r\n") || has(b"\r\nx-request-id: ") {
        return None;
    }
    std::str::from_utf8(status).ok()?.parse().ok()
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.heads.is_some() {
            match &read {
                Poll::Pending => self.pace.listens(),
                Poll::Ready(_) if buffer.filled().len() > before => self.pace.heard(),
                Poll::Ready(_) => {}
            }
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, words: &[u8]) -> Poll<io::Result<usize>> {
        if self.replaces(words) {
            return Poll::Ready(Ok(words.len()));
        }
        self.told(|stream, _| stream.poll_write(cx, words))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        words: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // It refuses on an empty buffer only, and without a body: all of it stands in one slice.
        if let [only] = words
            && self.replaces(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        let length: usize = words.iter().map(|part| part.len()).sum();
        if self.heads.is_none() || length > MOST_JOINED {
            return self.told(|stream, _| stream.poll_write_vectored(cx, words));
        }
        JOINED.with_borrow_mut(|joined| {
            joined.clear();
            for part in words {
                joined.extend_from_slice(part);
            }
            self.told(|stream, _| stream.poll_write(cx, joined))
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_problem(cx))?;
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // Under TLS writes are taken into a buffer: there it is the flush that waits for the caller.
        self.pace.writes(flushed.is_ready());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_problem(cx))?;
        if !self.linger.closed {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.linger.closed = true;
        }
        let Self { stream, linger, .. } = &mut *self;
        let mut waste = [0; 4096];
        while linger.left > 0 {
            let mut buffer = ReadBuf::new(&mut waste);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buffer.filled().len());
                }
                // The other side has closed too, or is gone.
                Poll::Ready(_) => break,
                Poll::Pending => {
                    let until = linger.until.get_or_insert_with(|| Box::pin(sleep(LINGER_FOR)));
                    return until.as_mut().poll(cx).map(Ok);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, empty};
    use tokio::time::{Instant, advance};

    use super::*;
    use crate::edge::pace::Bounds;

    /// As TLS over a socket that is full once: writes are taken, and one flush has to wait.
    struct FullOnce(bool);

    impl AsyncRead for FullOnce {
        fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut empty()).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for FullOnce {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, words: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(words.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            if std::mem::take(&mut self.0) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_flushed_in_the_end_is_not_held_against_who_waits_afterwards() {
        let pace = Pace::new(Bounds::SERVED, Instant::now());
        let mut wire = Wire::of_frames(FullOnce(true), pace.clone());
        drop(pace.begin(false).answers());
        wire.write_all(b"a large answer").await.unwrap();
        wire.flush().await.unwrap();
        let _waits = pace.begin(false);
        advance(Duration::from_secs(9)).await;
        assert_eq!(pace.due(), None);
    }
}
