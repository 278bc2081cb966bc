//! Permit + question → `Answer`, or a `Fault`: the one place that speaks to the vendor.
//!
//! In: a `budget::Permit`, by value, and a `query::Askable`. The operation is not a parameter, so nothing but
//! `ListOperationDistribution` can ever be signed with the master key.

mod breaker;
mod breaker_tally;
mod call;
mod codes;
mod config;
mod connection;
mod credentials;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keyring;
mod pause;
mod sign;
mod skew;
mod wire;

pub use self::breaker::{Breaker, Phase as BreakerPhase, Shut, Standing as BreakerStanding};
pub use self::breaker_tally::Party;
pub use self::call::{Sent, Upstream};
pub use self::codes::Code;
pub use self::config::{Config, Names};
pub use self::credentials::Credentials;
pub use self::fault::{Fault, Kind};
pub use self::keyring::Standing;
#[cfg(feature = "benchmarks")]
pub(crate) use self::sign::{Draft, sign};
