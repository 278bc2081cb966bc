//! Why a look at an issuer's keys brought none. Told to the operator in the log, `/readyz` and `/status`; never to a
//! caller.

use super::place::PlaceFault;
use crate::auth::config::ConfigFault;

/// What went wrong with a look at an issuer's published keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// No connection: no address, nobody there, or TLS failed.
    #[error("cannot connect to {host}")]
    Unreachable {
        /// Whom it was to.
        host: String,
    },
    /// The answer took too long.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// Who was too slow.
        host: String,
    },
    /// The answer broke off or was not HTTP.
    #[error("the answer of {host} broke off")]
    Broken {
        /// Whose it was.
        host: String,
    },
    /// It was sent on to another host, or too often.
    #[error("{host} redirects to another host, or in circles; only redirects within one host are followed")]
    Redirected {
        /// Who sent it on.
        host: String,
    },
    /// Another status than 200.
    #[error("{host} answered with status {status}")]
    Status {
        /// Who answered.
        host: String,
        /// With what.
        status: u16,
    },
    /// More than is read.
    #[error("the answer of {host} is longer than 256 KiB")]
    TooLarge {
        /// Whose it was.
        host: String,
    },
    /// The discovery document is not one.
    #[error("the discovery document is not a JSON object with the texts `issuer` and `jwks_uri`")]
    NoDiscovery,
    /// The discovery document is of another issuer (OpenID Connect Discovery, 4.3; RFC 8414, 3.3).
    #[error("the discovery document is of the issuer {found:?}; it must be the configured one, letter for letter")]
    AnotherIssuer {
        /// Whose it says it is, shortened.
        found: String,
    },
    /// The discovery document names a place for the keys that is not believed.
    #[error("the discovery document's jwks_uri cannot be used: {0}")]
    Place(#[from] PlaceFault),
    /// What was fetched holds no usable key.
    #[error(transparent)]
    Keys(#[from] ConfigFault),
}

impl FetchFault {
    /// The word for logs and metrics, in snake case.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Broken { .. } => "broken",
            Self::Redirected { .. } => "redirected",
            Self::Status { .. } => "status",
            Self::TooLarge { .. } => "too_large",
            Self::NoDiscovery => "no_discovery",
            Self::AnotherIssuer { .. } => "another_issuer",
            Self::Place(_) => "place",
            Self::Keys(_) => "keys",
        }
    }
}
