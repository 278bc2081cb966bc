//! Who may read answers from a page on another origin, and what such a page may send and see.

use std::time::Duration;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tower_http::cors::CorsLayer;

/// What a page may send. The headers of `server.token_headers` are not among it: they are for a proxy to set, and a page
/// has `Authorization`.
pub(super) const PAGES_MAY_SEND: [&str; 8] = [
    "authorization",
    "accept-encoding",
    "cache-control",
    "if-none-match",
    "x-request-id",
    "sluice-tenant",
    "prefer",
    "traceparent",
];
const PAGES_MAY_SEE: [&str; 8] =
    ["age", "etag", "retry-after", "www-authenticate", "x-request-id", "cache-status", "ratelimit", "ratelimit-policy"];
const PREFLIGHT_LASTS: Duration = Duration::from_secs(600);

/// The origins that are allowed: at least one.
#[derive(Clone, Debug)]
pub(super) struct Cors {
    origins: Vec<HeaderValue>,
    exposed: HeaderValue,
}

impl Cors {
    /// `None` without origins: there is nothing to add then, and the layer would answer every OPTIONS.
    pub(super) fn of(origins: &[HeaderValue]) -> Option<Self> {
        let exposed = HeaderValue::from_str(&PAGES_MAY_SEE.join(",")).expect("names can stand in a header");
        (!origins.is_empty()).then(|| Self { origins: origins.to_vec(), exposed })
    }

    /// What answers preflights, and adds to every other answer what `says` has it say.
    pub(super) fn layer(&self) -> CorsLayer {
        CorsLayer::new()
            .allow_origin(self.origins.clone())
            .allow_methods([Method::GET, Method::HEAD])
            .allow_headers(PAGES_MAY_SEND.map(HeaderName::from_static))
            .expose_headers(PAGES_MAY_SEE.map(HeaderName::from_static))
            .max_age(PREFLIGHT_LASTS)
    }

    /// What an answer to a request with these headers says of it.
    pub(super) fn says(&self, request: &HeaderMap) -> Says<'_> {
        let allowed = request.get(ORIGIN).filter(|origin| self.origins.contains(origin)).cloned();
        Says { cors: self, allowed }
    }
}

/// What an answer says to the page that asked.
pub(super) struct Says<'a> {
    cors: &'a Cors,
    /// The page's origin, if it is one of ours.
    allowed: Option<HeaderValue>,
}

impl Says<'_> {
    pub(super) fn write(self, headers: &mut HeaderMap) {
        if let Some(origin) = self.allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.cors.exposed.clone());
    }
}
