//! The slots: how two calls a second are kept. Out: a `Permit`, without which nothing can be sent.
//!
//! The invariant, as the receiver sees it: of any three calls two used the same slot, and a slot is used again only
//! `per` after its call's answer, or after the call certainly arrived (`guard`). See `docs/budget.md`.

mod config;
mod guard;
mod ledger;
mod permit;
#[cfg(test)]
mod receiver;
mod slots;

pub use self::config::{Config, GuardRule};
pub use self::ledger::{Budget, Standing};
pub use self::permit::{InFlight, Late, Permit};
