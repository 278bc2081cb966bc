//! `[server]`: where we listen, how we stop, and who may call from a browser.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderValue;

use super::tls::Certificate;
use super::token_headers::TokenHeaders;
use crate::settings::Section;

/// The two listeners and their bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener: never to be reachable from outside.
    pub admin_listen: SocketAddr,
    /// For how long the gateway goes on serving after it stopped being ready.
    pub drain: Duration,
    /// Origins whose pages may read answers.
    pub cors_origins: Vec<HeaderValue>,
    /// Headers besides `Authorization` in which a proxy in front hands over the caller's token.
    pub token_headers: TokenHeaders,
    /// Requests under way at a time.
    pub max_in_flight: usize,
    /// Connections to the public listener at a time.
    pub max_connections: usize,
    /// What the public listener shows where it speaks TLS.
    pub certificate: Option<Certificate>,
}

impl Config {
    /// Reads `[server]`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let address = |text: &str| {
            text.parse().map_err(|_| "not an address and a port; write for example \"0.0.0.0:8080\"".to_owned())
        };
        let listen = section.parsed("listen", address);
        let admin_listen = section.parsed("admin_listen", address);
        let drain = section.duration("drain", Duration::ZERO..=Duration::from_secs(3600));
        let max_in_flight = section.integer("max_in_flight", 1..=1_000_000);
        let max_connections = section.integer("max_connections", 1..=1_000_000);
        let cors_origins = section.texts("cors_origins").and_then(|origins| {
            let parsed: Result<Vec<_>, _> = origins.iter().map(|text| origin(text)).collect();
            parsed.map_err(|fault| section.reject("cors_origins", fault)).ok()
        });
        let token_headers = TokenHeaders::read(section);
        let certificate = Certificate::read(section);
        // Port 0 takes any that is free, for each listener another.
        if listen.is_some_and(|listen: SocketAddr| listen.port() != 0 && Some(listen) == admin_listen) {
            section.reject("admin_listen", "must differ from server.listen: the admin listener is not for the public");
            return None;
        }
        Some(Self {
            listen: listen?,
            admin_listen: admin_listen?,
            drain: drain?,
            cors_origins: cors_origins?,
            token_headers: token_headers?,
            max_in_flight: usize::try_from(max_in_flight?).unwrap_or(usize::MAX),
            max_connections: usize::try_from(max_connections?).unwrap_or(usize::MAX),
            certificate: certificate?,
        })
    }
}

fn origin(text: &str) -> Result<HeaderValue, String> {
    let bare = text.split_once("://").is_some_and(|(scheme, host)| {
        matches!(scheme, "http" | "https")
            && !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
    });
    let fault =
        || "must be origins: scheme, host and at most a port, such as \"https://dashboards.example.com\"".to_owned();
    if bare && !text.contains('*') { HeaderValue::from_str(text).map_err(|_| fault()) } else { Err(fault()) }
}
