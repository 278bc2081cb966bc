//! The hot path beside its yardstick and its peers: `make bench` (docs/performance.md).
//!
//! Every server runs pinned to one core, the generator on another. A round measures each contender once, right after the
//! yardstick with the same answer, and the ratio is to that run: what else the machine does meanwhile meets both.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a measurement for people on a thread of its own, which ends at the first fault"
)]

mod answer;
mod asks;
mod contenders;
mod h2load;
mod load;
mod page;
mod peers;
mod report;
mod server;
mod tokens;

#[path = "../../tests/it/support/certificates.rs"]
#[allow(dead_code, reason = "h2load trusts everybody")]
mod certificates;
#[path = "../../tests/it/support/days.rs"]
#[allow(dead_code, reason = "the tests ask for other days, too")]
mod days;
#[path = "../../tests/it/support/port.rs"]
mod port;
#[path = "../../tests/it/support/usage.rs"]
mod usage;

use std::time::Duration;

use asks::Asks;
use contenders::{Contender, Stage};
use load::Pace;
use report::{Figures, Report};
use server::{OTHERS, Server};

/// Kept alive by each generator.
const CONNECTIONS: usize = 64;

/// `SECONDS` and `ROUNDS` of the environment; `ONLY`, a part of the names that are to be measured.
struct Plan {
    lasts: Duration,
    rounds: usize,
    only: String,
}

impl Plan {
    fn read() -> Self {
        let number = |name: &str, usual| {
            std::env::var(name).ok().filter(|text| !text.is_empty()).map_or(usual, |text| text.parse().unwrap())
        };
        Self {
            lasts: Duration::from_secs(number("SECONDS", 5)),
            rounds: usize::try_from(number("ROUNDS", 5)).unwrap(),
            only: std::env::var("ONLY").unwrap_or_default(),
        }
    }
}

fn main() {
    let plan = Plan::read();
    server::pin_to(OTHERS);
    let stage = Stage::set();
    let contenders = stage.contenders();
    let (mut http1, mut http2) = (Report::default(), Report::default());
    for round in 1..=plan.rounds {
        for contender in contenders.iter().filter(|contender| contender.name.contains(&plan.only)) {
            let hyper = stage.yardstick(contender);
            let yardstick = measure(hyper, contender, &plan, Pace::Saturating);
            let figures = measure(&contender.server, contender, &plan, Pace::Saturating);
            // Both at the same load: half of what the yardstick can.
            let half = Pace::Rate(yardstick.per_second / 2.0);
            let paced = (figures.per_second > 0.6 * yardstick.per_second)
                .then(|| [hyper, &*contender.server].map(|server| measure(server, contender, &plan, half)));
            let ratio = figures.per_second / yardstick.per_second;
            println!(
                "round {round}: {}: {:.0} req/s, {ratio:.2} of the yardstick's; busy {:.2} and {:.2}",
                contender.name, figures.per_second, figures.busy, yardstick.busy,
            );
            let report = if let Asks::Http1 { .. } = contender.asks { &mut http1 } else { &mut http2 };
            report.add((contender.name, contender.checks), yardstick, figures, paced);
        }
    }
    let streams = h2load::STREAMS;
    let figures = [
        report::machine(plan.rounds, plan.lasts),
        http1.table(&format!("HTTP/1.1, {CONNECTIONS} connections")),
        http2.table(&format!("HTTP/2 over TLS 1.3, {CONNECTIONS} connections with {streams} streams each")),
    ];
    let figures = figures.concat();
    println!("{figures}");
    // A part of the table would take the place of the whole.
    if plan.only.is_empty() {
        page::write("bench", &figures);
    }
}

/// One run of the contender's requests against its server or the yardstick.
fn measure(server: &Server, contender: &Contender, plan: &Plan, pace: Pace) -> Figures {
    contender.asks.warm(server.address);
    let before = server.computed();
    let measured = contender.asks.run(server.address, pace, plan.lasts);
    Figures::of(&measured, server.computed().checked_sub(before).unwrap(), server.resident())
}
