//! HTTP/2 frame by frame, right or wrong.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// What is due may keep a busy machine waiting for so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Flags.
pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A frame as it is sent.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block: each name and value written out, nothing indexed, nothing shortened.
pub(super) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    headers.iter().flat_map(|(name, value)| [vec![0], text(name.as_bytes()), text(value.as_bytes())].concat()).collect()
}

/// A string with its length in front, whose integers have 7 bits first (RFC 7541, 5.1).
pub(super) fn text(bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    if bytes.len() < 127 {
        written.push(u8::try_from(bytes.len()).unwrap());
    } else {
        written.push(127);
        let mut rest = bytes.len() - 127;
        while rest >= 128 {
            written.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        written.push(u8::try_from(rest).unwrap());
    }
    [&written, bytes].concat()
}

/// `GET` with these headers after those that every request has.
pub(super) fn get(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    block(&[&[(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", path)], more].concat())
}

/// A whole request without a body.
pub(super) fn request(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, block)
}

/// What was said, until the connection was closed or nothing more came.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The bodies, each with its stream, in the order in which they ended.
    pub(super) bodies: Vec<(u32, Vec<u8>)>,
    /// Streams that were answered.
    pub(super) answered: Vec<u32>,
    /// Streams that were reset, and why.
    pub(super) reset: Vec<(u32, u32)>,
    /// Why the connection ended, where it was said.
    pub(super) gone: Option<u32>,
    pub(super) closed: bool,
    /// Pings that came back.
    pub(super) pings: usize,
    /// The bodies that did not end yet.
    open: Vec<(u32, Vec<u8>)>,
}

impl Heard {
    /// The code of the problem on a stream, and a check that it is one.
    pub(super) fn problem(&self, stream: u32) -> Option<(u64, String)> {
        let bytes = &self.bodies.iter().find(|(known, _)| *known == stream)?.1;
        let body: Value = serde_json::from_slice(bytes).unwrap();
        let code = body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned();
        Some((body["status"].as_u64().unwrap(), code))
    }

    /// Whether nothing more can come on a stream.
    pub(super) fn is_over(&self, stream: u32) -> bool {
        self.ended()
            || self.bodies.iter().any(|(known, _)| *known == stream)
            || self.reset.iter().any(|(known, _)| *known == stream)
    }

    /// Whether the connection came to an end, with a word or without.
    pub(super) fn ended(&self) -> bool {
        self.closed || self.gone.is_some_and(|code| code != 0)
    }

    /// Listens on until this is so, the connection is closed or nothing has come for a while. Pings and settings are not
    /// answered.
    pub(super) async fn listen(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        quiet: Duration,
        enough: impl Fn(&Self) -> bool,
    ) {
        while !enough(self) && !self.closed {
            let mut head = [0; 9];
            match timeout(quiet, stream.read_exact(&mut head)).await {
                Err(_elapsed) => return,
                Ok(Err(_)) => self.closed = true,
                Ok(Ok(_)) => self.take(head, stream).await,
            }
        }
    }

    async fn take(&mut self, head: [u8; 9], stream: &mut (impl AsyncRead + Unpin)) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).await.is_err() {
            self.closed = true;
            return;
        }
        let code = |from: usize| u32::from_be_bytes(payload[from..from + 4].try_into().unwrap());
        match head[3] {
            HEADERS => {
                self.answered.push(id);
                self.open.push((id, Vec::new()));
            }
            DATA => self.open.iter_mut().find(|(known, _)| *known == id).unwrap().1.extend(&payload),
            RST_STREAM => self.reset.push((id, code(0))),
            GOAWAY => self.gone = Some(code(4)),
            PING => self.pings += usize::from(head[4] & ACK > 0),
            _ => {}
        }
        if head[4] & END_STREAM > 0 && matches!(head[3], HEADERS | DATA) {
            let place = self.open.iter().position(|(known, _)| *known == id).unwrap();
            self.bodies.push(self.open.remove(place));
        }
    }
}

/// Listens until what is due has come, and then whether anything more does.
pub(super) async fn hear(
    stream: &mut (impl AsyncRead + Unpin),
    due: impl Fn(&Heard) -> bool,
    quiet: Duration,
) -> Heard {
    let mut heard = Heard::default();
    heard.listen(stream, PATIENCE, due).await;
    heard.listen(stream, quiet, |_| false).await;
    heard
}

/// Says it piece by piece until the other side has had enough; whether it took all.
pub(super) async fn pour(stream: &mut (impl AsyncWrite + Unpin), pieces: impl Iterator<Item = Vec<u8>>) -> bool {
    for piece in pieces {
        match timeout(Duration::from_secs(2), stream.write_all(&piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return false,
        }
    }
    timeout(Duration::from_secs(2), stream.flush()).await.is_ok_and(|flushed| flushed.is_ok())
}
