//! The steps of a request by themselves, and how each grows with what there is of it: `make micro` (docs/performance.md).
//!
//! Every point of a step is measured by Criterion once a round, in the time that the thread had a core, so that what else the
//! machine does counts little. No step may grow faster than the logarithm of what it is measured against: where its time does,
//! its instructions are counted.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a measurement for people on a thread of its own, which ends at the first fault"
)]

mod count;
mod queue;
mod report;
mod steps;
mod stopwatch;
mod tokens;

#[path = "../hot_path/tokens.rs"]
#[allow(dead_code, reason = "the gateway's configuration is for the other benchmark")]
mod issuers;
#[path = "../hot_path/page.rs"]
#[allow(dead_code, reason = "what is measured here are times alone")]
mod page;

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, SamplingMode};

use report::Report;
use steps::Step;

/// Where Criterion leaves its figures.
const FIGURES: &str = "target/criterion";
/// `ROUNDS` of the environment, or else so many.
const ROUNDS: usize = 3;

const MAKERS: [fn() -> Vec<Step>; 3] = [steps::all, tokens::all, queue::all];

fn main() {
    if count::is_counted(&MAKERS) {
        return;
    }
    count::needs_valgrind();
    let rounds = std::env::var("ROUNDS").ok().filter(|text| !text.is_empty());
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().unwrap());
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut report = Report::default();
    // One group after another: what each holds is let go before the next.
    for maker in MAKERS {
        let mut steps = maker();
        steps.retain(|step| step.name.contains(&only));
        for _ in 0..rounds {
            for step in &mut steps {
                measure(step, &mut report);
            }
        }
        for step in steps.iter().filter(|step| report.timed.is_fast(step.name)) {
            for (size, instructions) in count::instructions(step) {
                report.counted.add((step.name, step.of), size, instructions);
            }
        }
    }
    let figures = format!("Medians of {rounds} rounds, {}.\n\n{}", page::place(), report.tables());
    println!("{figures}");
    // A part of the table would take the place of the whole.
    if only.is_empty() {
        page::write("micro", &figures);
    }
}

/// Every point of the step once.
fn measure(step: &mut Step, report: &mut Report) {
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(Path::new(FIGURES))
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    let mut group = criterion.benchmark_group(step.name);
    group.sampling_mode(SamplingMode::Flat);
    let shares: Vec<_> = step.points.iter().map(|(size, _)| step.share(*size)).collect();
    for ((size, takes), share) in step.points.iter_mut().zip(shares) {
        group.bench_function(size.to_string(), |bencher| bencher.iter_custom(&mut *takes));
        let took = report::read(&Path::new(FIGURES).join(step.name).join(size.to_string()));
        report.timed.add((step.name, step.of), *size, took / share);
    }
    group.finish();
}
