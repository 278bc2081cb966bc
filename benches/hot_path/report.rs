//! The figures: medians over the rounds, as lines on the terminal and as the table of docs/performance.md.

use std::fmt::Write as _;
use std::time::Duration;

use super::load::Measured;
use super::page::{mebibytes, median, micros, place, ratio};

/// One run.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// Of a core, for one request.
    cpu: Duration,
    /// How much of its core the server had: less than all of it at saturation, and the generator was the limit.
    pub(crate) busy: f64,
    p50: Duration,
    p99: Duration,
    p999: Duration,
    resident: u64,
}

/// What one contender came to in a round, beside the yardstick.
#[derive(Clone, Copy)]
struct Round {
    yardstick: Figures,
    figures: Figures,
    /// Yardstick and contender at the same load.
    paced: Option<[Figures; 2]>,
}

#[derive(Default)]
pub(crate) struct Report(Vec<(&'static str, &'static str, Vec<Round>)>);

impl Figures {
    pub(crate) fn of(measured: &Measured, used: Duration, resident: u64) -> Self {
        Self {
            per_second: measured.per_second(),
            cpu: used.div_f64(measured.answers as f64),
            busy: used.as_secs_f64() / measured.took.as_secs_f64(),
            p50: measured.quantile(0.5),
            p99: measured.quantile(0.99),
            p999: measured.quantile(0.999),
            resident,
        }
    }
}

impl Report {
    pub(crate) fn add(
        &mut self,
        (name, checks): (&'static str, &'static str),
        yardstick: Figures,
        figures: Figures,
        paced: Option<[Figures; 2]>,
    ) {
        let round = Round { yardstick, figures, paced };
        match self.0.iter_mut().find(|(known, ..)| *known == name) {
            Some((.., rounds)) => rounds.push(round),
            None => self.0.push((name, checks, vec![round])),
        }
    }

    /// The table, in Markdown, under what was spoken; nothing where nobody was measured.
    pub(crate) fn table(&self, spoken: &str) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut table = format!(
            "\n{spoken}:\n\n\
             | server | token check | req/s | of raw hyper | CPU/request | p50 | p99 | p99.9 | p99 of raw hyper's | RSS |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        let all = self.0.iter().flat_map(|(.., rounds)| rounds);
        let hyper: Vec<_> = all.map(Round::of_the_yardstick).collect();
        row(&mut table, "raw hyper", "none", &hyper);
        for (name, checks, rounds) in &self.0 {
            row(&mut table, name, checks, rounds);
        }
        table
    }
}

impl Round {
    /// The yardstick as a contender.
    fn of_the_yardstick(&self) -> Self {
        Self { figures: self.yardstick, paced: self.paced.map(|[hyper, _]| [hyper; 2]), ..*self }
    }
}

fn row(table: &mut String, name: &str, checks: &str, rounds: &[Round]) {
    let of = |figure: fn(&Round) -> Option<f64>| median(rounds.iter().filter_map(figure).collect());
    let _infallible = writeln!(
        table,
        "| {name} | {checks} | {:.0} | {} | {} | {} | {} | {} | {} | {} |",
        of(|round| Some(round.figures.per_second)).unwrap_or_default(),
        ratio(of(|round| Some(round.figures.per_second / round.yardstick.per_second))),
        micros(of(|round| Some(round.figures.cpu.as_secs_f64()))),
        micros(of(|round| Some(round.paced?[1].p50.as_secs_f64()))),
        micros(of(|round| Some(round.paced?[1].p99.as_secs_f64()))),
        micros(of(|round| Some(round.paced?[1].p999.as_secs_f64()))),
        ratio(of(|round| round.paced.map(|[hyper, it]| it.p99.as_secs_f64() / hyper.p99.as_secs_f64()))),
        mebibytes(of(|round| Some(round.figures.resident as f64))),
    );
}

/// Where and how it was measured.
pub(crate) fn machine(rounds: usize, lasts: Duration) -> String {
    format!("Medians of {rounds} rounds of {} s, {}.\n", lasts.as_secs(), place())
}
