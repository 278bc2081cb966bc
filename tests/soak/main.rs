//! Minutes of everything at once: three replicas, Redis, a faulty upstream, callers good and bad, and disturbances; with an
//! account of it at the end.
//!
//! `make soak MINUTES=10 SEED=1` runs it as long as is wanted; the ordinary suite runs the same for some seconds.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets one of the first three has failed; what is printed is the story for the reader"
)]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other binaries, which use the rest")]
mod support;
#[path = "../it/support/redis/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other binaries, which use the rest")]
mod redis;
#[path = "../it/support/proxy.rs"]
#[allow(dead_code, reason = "shared with the other binaries, which use the rest")]
mod proxy;
#[path = "../replicas/faketime.rs"]
#[allow(dead_code, reason = "shared with `replicas`, which uses the rest")]
mod faketime;
#[path = "../replicas/plan.rs"]
#[allow(dead_code, reason = "shared with `replicas`, which uses the rest")]
mod plan;
#[path = "../replicas/fleet.rs"]
#[allow(dead_code, reason = "shared with `replicas`, which uses the rest")]
mod fleet;
#[path = "../replicas/load.rs"]
#[allow(dead_code, reason = "shared with `replicas`, which uses the rest")]
mod load;
#[path = "../replicas/audit.rs"]
#[allow(dead_code, reason = "shared with `replicas`, which uses the rest")]
mod audit;

mod story;
mod weather;
mod questions;
mod truth;
mod scene;
mod callers;
mod hostile;
mod watch;
mod records;
mod faults;
mod house;
mod disturbances;
mod course;
mod report;

use std::time::Duration;

use course::Course;
use disturbances::Disturbance;
use support::waiting::within;
use support::{certificates, port};

/// Too short to find a leak; long enough to find that the soak itself has rotted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_seconds_of_everything_at_once() {
    let course = Course {
        length: Duration::from_secs(10),
        seed: 1,
        calm: Duration::from_millis(500),
        spell: Duration::from_secs(1),
        rest: Duration::from_millis(1500),
        only: Some(vec![Disturbance::Kill, Disturbance::Flush]),
    };
    course.run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told: make soak MINUTES=10"]
async fn soak() {
    #[expect(clippy::disallowed_methods, reason = "how a test that takes arguments is given them")]
    let told = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let minutes: u64 = told("MINUTES").map_or(10, |minutes| minutes.parse().expect("MINUTES is a whole number"));
    let seed = told("SEED").map_or_else(|| fastrand::u64(..1_000_000), |seed| seed.parse().expect("SEED is a number"));
    let course = Course {
        length: Duration::from_secs(60 * minutes),
        seed,
        calm: Duration::from_secs(5),
        spell: Duration::from_secs(4),
        rest: Duration::from_secs(12),
        // For who looks into one of them.
        only: told("ONLY").map(|names| disturbances::named(&names)),
    };
    course.run().await;
}
