//! Whose turn it is: callers of one question share one flight, tenants take turns by weight, and nobody is kept
//! waiting in vain.
//!
//! In: a question that is not held, a tenant and its patience. Out: a `Seat`, whose outcome is what the flight brought.
//! Each turn is a `budget::Permit`; what is done with it is handed in by `pipeline`, so the queue knows no upstream.

#[cfg(feature = "benchmarks")]
pub(crate) mod benchmarks;
mod board;
mod config;
mod dispatch;
#[cfg(test)]
mod fake;
mod looking;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod queue_tests;
mod ranked;
mod replicas;
mod schedule;
mod seat;
mod turns;

pub use self::board::{Joined, Queue, Stake, Standing};
pub use self::config::Config;
pub use self::dispatch::{Crew, Landing, Leg, Looked};
pub use self::seat::{Ends, Outcome};
