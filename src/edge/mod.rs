//! HTTP on both listeners: what arrives is read here, what leaves is written here, and nothing below knows a status.
//!
//! In: requests. Out: answers with their headers, or problems (RFC 9457). The order of the layers is in `router`.

mod admin;
mod apps;
mod bearer;
mod body;
mod catalogue;
mod codings;
mod config;
mod cors;
mod distribution;
mod docs;
mod document;
mod etag;
mod front;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gate;
mod handles;
mod hit;
mod listener;
mod metrics;
mod openapi;
mod pace;
mod pages;
mod problem;
mod rate_limit;
mod refuser;
mod reload;
mod reply;
mod request_id;
mod revoke;
mod router;
mod terms;
mod tls;
mod token_headers;
mod untaken;
mod visitor;
mod wire;

pub use self::admin::{Admin, Readiness};
pub use self::catalogue::{CATALOGUE, Code};
pub use self::config::Config;
pub use self::listener::{Listener, Serves, Stop};
pub use self::reload::{ConfigStanding, NotReloaded, Reloaded, Reloads};
pub use self::router::{Routes, public};
pub use self::tls::{Certificate, Tls};
pub use self::token_headers::TokenHeaders;
