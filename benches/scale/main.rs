//! What is held and who waits, in great numbers, and the first moments of a process: `make scale` (docs/performance.md).
//!
//! The gateway runs pinned to one core, the generators and the upstream on another. What is compared is measured in turns within
//! one run: what else the machine does meanwhile meets both.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a measurement for people on threads of its own, which ends at the first fault"
)]

mod callers;
mod gateway;
mod held;
mod questions;
mod starts;
mod table;
mod upstream;
mod waiting;

#[path = "../../tests/it/support/certificates.rs"]
mod certificates;
#[path = "../../tests/it/support/days.rs"]
#[allow(dead_code, reason = "the tests ask for days")]
mod days;
#[path = "../hot_path/load.rs"]
mod load;
#[path = "../hot_path/page.rs"]
mod page;
#[path = "../../tests/it/support/port.rs"]
mod port;
#[path = "../hot_path/server.rs"]
mod server;
#[path = "../hot_path/tokens.rs"]
mod tokens;
#[path = "../../tests/it/support/usage.rs"]
mod usage;

use std::time::Duration;

use sluice::auth::Algorithm;
use tempfile::TempDir;

use server::OTHERS;
use tokens::Issuer;
use upstream::Upstream;

/// How much of it: from the environment.
struct Plan {
    lasts: Duration,
    rounds: usize,
    answers: usize,
    callers: usize,
    waiting: usize,
    /// How long an idle gateway is left alone.
    settles: Duration,
    /// The one part that is to be measured, if not all.
    only: String,
}

/// What all parts share.
struct Stage {
    place: TempDir,
    upstream: Upstream,
    issuer: Issuer,
}

/// A part's name, its title and what measures it.
type Part = (&'static str, &'static str, fn(&Stage, &Plan) -> String);

const PARTS: [Part; 4] = [
    ("starts", "Start and rest", starts::measure),
    ("waiting", "Callers who wait", waiting::measure),
    ("callers", "Callers who were seen before", callers::measure),
    ("held", "Answers that are held", held::measure),
];

impl Plan {
    fn read() -> Self {
        let number = |name: &str, usual: usize| {
            std::env::var(name).ok().filter(|text| !text.is_empty()).map_or(usual, |text| text.parse().unwrap())
        };
        let seconds = |name: &str, usual| Duration::from_secs(number(name, usual).try_into().unwrap());
        Self {
            lasts: seconds("SECONDS", 5),
            rounds: number("ROUNDS", 3),
            answers: number("ANSWERS", 1_000_000),
            callers: number("CALLERS", 100_000),
            waiting: number("WAITING", 100_000),
            settles: seconds("SETTLES", 60),
            only: std::env::var("ONLY").unwrap_or_default(),
        }
    }
}

fn main() {
    let plan = Plan::read();
    server::pin_to(OTHERS);
    let place = tempfile::tempdir().unwrap();
    let issuer = Issuer::new(Algorithm::Es256, place.path());
    let stage = Stage { upstream: Upstream::start(), place, issuer };
    let rounds = format!("Medians of {} rounds of {} s", plan.rounds, plan.lasts.as_secs());
    let mut figures = format!("{rounds}, {}.\n\n", page::place());
    for (_, title, measure) in PARTS.iter().filter(|(name, ..)| plan.only.is_empty() || plan.only == *name) {
        let measured = format!("### {title}\n\n{}", measure(&stage, &plan));
        println!("{measured}");
        figures.push_str(&measured);
    }
    // A part would take the place of the whole.
    if plan.only.is_empty() {
        page::write("scale", &figures);
    }
}
