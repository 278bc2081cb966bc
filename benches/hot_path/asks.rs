//! What a contender is asked, and over which protocol.

use std::net::SocketAddr;
use std::time::Duration;

use super::CONNECTIONS;
use super::h2load;
use super::load::{Load, Measured, Pace};

pub(crate) enum Asks {
    /// Whole requests, sent in turn, and the only status that counts.
    Http1 { requests: Vec<Vec<u8>>, status: &'static str },
    /// Over TLS.
    Http2(h2load::Request),
}

impl Asks {
    /// What comes first at a server fills its caches: long enough for every token to be seen.
    pub(crate) fn warm(&self, address: SocketAddr) {
        match self {
            Self::Http1 { requests, .. } => {
                let callers = u32::try_from(requests.len()).unwrap();
                let lasts = Duration::from_millis(300) + callers * Duration::from_micros(100);
                let _measured = self.run(address, Pace::Sharing, lasts);
            }
            Self::Http2(request) => request.warm(address),
        }
    }

    pub(crate) fn run(&self, address: SocketAddr, pace: Pace, lasts: Duration) -> Measured {
        match self {
            Self::Http1 { requests, status } => {
                Load { address, connections: CONNECTIONS, requests, status, pace, lasts }.run()
            }
            Self::Http2(request) => request.run(address, pace, lasts),
        }
    }
}
