//! What the gateway answers, for the yardstick and the origin to answer, too.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// An answer as it came.
#[derive(Clone)]
pub(crate) struct Answer {
    /// Its headers, without those that every server writes itself.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Asks until it is answered: a gateway that has just begun sends nothing for a moment.
    pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let closing = String::from_utf8(request.to_vec()).unwrap().replacen("\r\n", "\r\nConnection: close\r\n", 1);
        stream.write_all(closing.as_bytes()).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(reply[..end].to_vec()).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let own = ["content-length:", "date:", "connection:"];
        let lines =
            head.lines().skip(1).filter(|line| !own.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
        Self { head: lines.map(str::to_owned).collect(), body: reply.split_off(end + 4) }
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let line = self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap();
        line.to_owned()
    }
}
