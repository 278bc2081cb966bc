//! HTTP/1.1 byte by byte: what is sent is not looked at, what comes back is read strictly.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far above anything that is waited for here.
const PATIENCE: Duration = Duration::from_secs(20);

/// One answer.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Said {
    /// A header's value, and a check that it stands once; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value);
        let value = values.next().unwrap_or_default();
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }

    /// The code of a problem, and a check that it is one.
    pub(super) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!((self.header("cache-control"), self.header("x-content-type-options")), ("no-store", "nosniff"));
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|fault| panic!("{fault}: {self:?}"));
        assert_eq!(body["status"], self.status, "{self:?}");
        assert_eq!(body["instance"], self.header("x-request-id"), "{self:?}");
        body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }
}

/// Sends these bytes on a new connection, and reads what is said until the server closes. `ends` closes our half.
/// `heads` are the answers that have no body whatever they say: those to HEAD.
pub(super) async fn speak(to: SocketAddr, bytes: &[u8], ends: bool, heads: &[usize]) -> Result<Vec<Said>, String> {
    let stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    speak_over(stream, bytes, ends, heads).await
}

/// The same over a stream that is open.
pub(super) async fn speak_over<S>(stream: S, bytes: &[u8], ends: bool, heads: &[usize]) -> Result<Vec<Said>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut words = Vec::new();
    let send = async {
        // The server may have heard enough before the end.
        let _closed = writer.write_all(bytes).await;
        if ends {
            let _closed = writer.shutdown().await;
        }
    };
    let (_, read) = tokio::join!(timeout(PATIENCE, send), timeout(PATIENCE, reader.read_to_end(&mut words)));
    match read {
        Err(_elapsed) => Err(format!("it hangs, having said {:?}", String::from_utf8_lossy(&words))),
        Ok(Err(fault)) => Err(format!("{fault}, having said {:?}", String::from_utf8_lossy(&words))),
        Ok(Ok(_)) => answers(&words, heads),
    }
}

/// The answers that these bytes are; nothing else may stand between or behind them.
pub(super) fn answers(mut words: &[u8], heads: &[usize]) -> Result<Vec<Said>, String> {
    let mut said = Vec::new();
    while !words.is_empty() {
        let fault = |what: &str| format!("{what}: {:?} after {said:?}", String::from_utf8_lossy(words));
        let end = words.windows(4).position(|part| part == b"\r\n\r\n").ok_or_else(|| fault("no end of the head"))?;
        let head = std::str::from_utf8(&words[..end]).map_err(|_| fault("no text"))?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap();
        let status = first.strip_prefix("HTTP/1.1 ").or_else(|| first.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).ok_or_else(|| fault("no status"))?;
        let headers: Option<Vec<_>> =
            lines.map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()))).collect();
        let mut answer = Said { status, headers: headers.ok_or_else(|| fault("no header"))?, body: Vec::new() };
        let mut rest = &words[end + 4..];
        let length: usize = answer.header("content-length").parse().unwrap_or(0);
        if answer.header("transfer-encoding") == "chunked" {
            (answer.body, rest) = chunks(rest).ok_or_else(|| fault("chunks that do not end"))?;
        } else if !heads.contains(&said.len()) && status != 304 {
            answer.body = rest.get(..length).ok_or_else(|| fault("a body that is cut"))?.to_vec();
            rest = &rest[length..];
        }
        said.push(answer);
        words = rest;
    }
    Ok(said)
}

/// A body in chunks, and what stands behind it.
fn chunks(mut words: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end = words.windows(2).position(|part| part == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&words[..end]).ok()?, 16).ok()?;
        let chunk = words.get(end + 2..end + 2 + length)?;
        body.extend(chunk);
        words = words[end + 2 + length..].strip_prefix(b"\r\n")?;
        if length == 0 {
            return Some((body, words));
        }
    }
}
