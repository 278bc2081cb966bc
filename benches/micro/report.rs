//! The figures: medians over the rounds, and how each step grows beside what a logarithm would.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::page::{median, ratio};
use crate::steps::YARDSTICK;

/// A step, what there are many of, and the nanoseconds of each round by how many there are.
type Figures = ((&'static str, &'static str), Vec<(usize, Vec<f64>)>);

#[derive(Default)]
pub(crate) struct Report(Vec<Figures>);

/// The median of Criterion's samples in the directory of one point, in nanoseconds.
pub(crate) fn read(point: &Path) -> f64 {
    let estimates = fs::read(point.join("new/estimates.json")).unwrap();
    let estimates: Value = serde_json::from_slice(&estimates).unwrap();
    estimates["median"]["point_estimate"].as_f64().unwrap()
}

impl Report {
    pub(crate) fn add(&mut self, step: (&'static str, &'static str), size: usize, took: f64) {
        let place = self.0.iter().position(|(known, _)| *known == step).unwrap_or_else(|| {
            self.0.push((step, Vec::new()));
            self.0.len() - 1
        });
        let points = &mut self.0[place].1;
        match points.iter_mut().find(|(known, _)| *known == size) {
            Some((_, rounds)) => rounds.push(took),
            None => points.push((size, vec![took])),
        }
    }

    /// The table, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from(
            "| step | among | CPU | growth | log n would | a BTreeMap | |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        );
        let yardstick = self.0.iter().find(|((name, _), _)| *name == YARDSTICK).map(|(_, points)| points);
        for ((name, of), points) in &self.0 {
            let took: Vec<_> = points.iter().map(|(_, rounds)| micros(median(rounds.clone()).unwrap())).collect();
            let took = took.join(", ");
            let sizes = points.iter().map(|(size, _)| power(*size)).collect::<Vec<_>>().join(", ");
            let (least, most) = (points[0].0, points[points.len() - 1].0);
            let _infallible = if let Some(growth) = growth(points, least, most).filter(|_| least < most) {
                let log = (most as f64).ln() / (least as f64).ln();
                let map = yardstick.and_then(|points| self::growth(points, least, most));
                let verdict = if growth > map.unwrap_or(log).max(log) { "**grows faster**" } else { "" };
                let map = ratio(map);
                writeln!(table, "| {name} | {sizes} {of} | {took} | {growth:.2} | {log:.2} | {map} | {verdict} |")
            } else {
                writeln!(table, "| {name} | – | {took} | – | – | – | |")
            };
        }
        table
    }
}

/// From one size to another within a round, so that both met the same moods of the machine.
fn growth(points: &[(usize, Vec<f64>)], least: usize, most: usize) -> Option<f64> {
    let at = |size| points.iter().find(|(known, _)| *known == size).map(|(_, rounds)| rounds);
    median(at(least)?.iter().zip(at(most)?).map(|(few, many)| many / few).collect())
}

/// All sizes are powers of ten.
fn power(size: usize) -> String {
    format!("10^{}", size.ilog10())
}

fn micros(nanoseconds: f64) -> String {
    format!("{:.2} µs", nanoseconds / 1000.0)
}
