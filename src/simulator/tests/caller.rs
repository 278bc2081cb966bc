//! A caller with a signer of its own and no HTTP client: requests are bytes on a socket.

use std::io;
use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::{Settings, Simulator, clock};

/// A call about to be made; tests change what they want to get wrong.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) address: SocketAddr,
    pub(super) settings: Settings,
    pub(super) query: String,
    pub(super) date: Timestamp,
    pub(super) signed: Vec<&'static str>,
    pub(super) body: Value,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// A question about two whole days that have settled.
pub(super) fn question() -> Value {
    let day = |hours| (clock::wall() - SignedDuration::from_hours(hours)).strftime("%FT00:00:00Z");
    json!({
        "AppId": "app-1",
        "StartTime": day(120).to_string(),
        "EndTime": day(72).to_string(),
        "Indicator": "user_num",
        "Dimension": "province",
    })
}

impl Call {
    pub(super) fn new(simulator: &Simulator) -> Self {
        let settings = simulator.desk.settings.clone();
        Self {
            address: simulator.address(),
            query: format!("Action=ListOperationDistribution&Version={}", settings.version),
            settings,
            date: clock::wall(),
            signed: vec!["content-type", "host", "x-content-sha256", "x-date"],
            body: question(),
        }
    }

    /// Changes a field of the body.
    pub(super) fn set(&mut self, field: &str, value: &str) {
        let fields = self.body.as_object_mut().expect("the body is an object");
        fields.insert(field.to_owned(), json!(value));
    }

    /// A field of the body.
    pub(super) fn field(&self, field: &str) -> Option<&str> {
        self.body.get(field).and_then(Value::as_str)
    }

    /// The request on the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let body = self.body.to_string();
        let date = self.date.strftime("%Y%m%dT%H%M%SZ").to_string();
        let hash = hex::encode(Sha256::digest(&body));
        let sent = [
            ("content-type", "application/json"),
            ("host", &self.address.to_string()),
            ("x-content-sha256", &hash),
            ("x-date", &date),
        ];
        let lines = |names: &[&str], end: &str| -> String {
            let wanted = sent.iter().filter(|(name, _)| names.contains(name));
            wanted.map(|(name, value)| [name, ":", value, end].concat()).collect()
        };
        let names = self.signed.join(";");
        let signed = lines(&self.signed, "\n");
        let canonical = format!("POST\n/\n{}\n{signed}\n{names}\n{hash}", self.query);
        let day = self.date.strftime("%Y%m%d");
        let scope = format!("{day}/{}/{}/request", self.settings.region, self.settings.service);
        let canonical = hex::encode(Sha256::digest(canonical));
        let text = format!("HMAC-SHA256\n{date}\n{scope}\n{canonical}");
        let mut key = self.settings.secret_access_key.clone().into_bytes();
        for word in scope.split('/').chain([text.as_str()]) {
            let mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key will do");
            key = mac.chain_update(word).finalize().into_bytes().to_vec();
        }
        let credential = format!("{}/{scope}", self.settings.access_key_id);
        let signature = hex::encode(key);
        let all = lines(&sent.map(|(name, _)| name), "\r\n");
        format!(
            "POST /?{} HTTP/1.1\r\n{all}authorization: HMAC-SHA256 Credential={credential}, \
             SignedHeaders={names}, Signature={signature}\r\ncontent-length: {}\r\n\r\n{body}",
            self.query,
            body.len()
        )
        .into_bytes()
    }

    /// Makes the call on a connection of its own.
    pub(super) async fn make(&self) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(self.address).await?;
        exchange(&mut stream, &self.bytes()).await
    }
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("this reply is JSON")
    }

    /// The error code in the envelope, or nothing.
    pub(super) fn code(&self) -> String {
        let json = self.json();
        let code = json.pointer("/ResponseMetadata/Error/Code").and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }
}

/// Sends one request and reads one answer that announces its length.
pub(super) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Reply> {
    stream.write_all(request).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let number = |text: &str| text.trim().parse().expect("a number");
    let status = head.split(' ').nth(1).map(number).expect("a status line");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map(number).map_or(0, usize::from)];
    stream.read_exact(&mut body).await?;
    Ok(Reply { status, body })
}

/// Sends one request without signature or body.
pub(super) async fn plain(address: SocketAddr, request: &str, body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address).await?;
    let length = body.len();
    let text = format!("{request} HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n{body}");
    exchange(&mut stream, text.as_bytes()).await
}
