//! Several gateways as one: the built binary three times, one Redis, one upstream that audits what arrives.
//!
//! A binary of its own, whose tests take turns: arrivals are timed, and nobody else may have the processor meanwhile.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets one of the first three has failed; what is printed are figures for the reader"
)]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other binaries, which use the rest")]
mod support;
#[path = "../it/support/redis/mod.rs"]
mod redis;
#[path = "../it/support/proxy.rs"]
mod proxy;

mod faketime;
mod plan;
mod fleet;
mod load;
mod audit;

mod budget;
mod clocks;
mod connections;
mod crashes;
mod fairness;
mod forgetting;
mod outages;
mod rolling;
mod sharing;
mod stampede;

use support::waiting::within;
use support::{certificates, port};
use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this binary is under way. Each takes this first and holds it to its end, but for one that
/// takes minutes and little else.
async fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}
