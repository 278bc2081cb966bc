//! The figures: medians over the rounds, and how each step grows beside what a logarithm would.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::page::{median, ratio};
use crate::steps::YARDSTICK;

#[derive(Default)]
pub(crate) struct Report {
    /// In nanoseconds.
    pub(crate) timed: Figures,
    /// In instructions.
    pub(crate) counted: Figures,
}

/// Of each step in the order of their measurement.
#[derive(Default)]
pub(crate) struct Figures(Vec<OfStep>);

/// A step, what there are many of, and what each round found by how many there are.
type OfStep = ((&'static str, &'static str), Vec<(usize, Vec<f64>)>);

/// The median of Criterion's samples in the directory of one point, in nanoseconds.
pub(crate) fn read(point: &Path) -> f64 {
    let estimates = fs::read(point.join("new/estimates.json")).unwrap();
    let estimates: Value = serde_json::from_slice(&estimates).unwrap();
    estimates["median"]["point_estimate"].as_f64().unwrap()
}

impl Report {
    /// The tables, in Markdown.
    pub(crate) fn tables(&self) -> String {
        let timed = self.timed.table("CPU", micros);
        if self.counted.0.is_empty() {
            return timed;
        }
        format!("{timed}\nThe marked steps, counted once:\n\n{}", self.counted.table("instructions", whole))
    }
}

impl Figures {
    pub(crate) fn add(&mut self, step: (&'static str, &'static str), size: usize, figure: f64) {
        let place = self.0.iter().position(|(known, _)| *known == step).unwrap_or_else(|| {
            self.0.push((step, Vec::new()));
            self.0.len() - 1
        });
        let points = &mut self.0[place].1;
        match points.iter_mut().find(|(known, _)| *known == size) {
            Some((_, rounds)) => rounds.push(figure),
            None => points.push((size, vec![figure])),
        }
    }

    /// Whether the step grows faster than both a logarithm and the yardstick.
    pub(crate) fn is_fast(&self, step: &str) -> bool {
        self.0.iter().any(|((name, _), points)| *name == step && self.growth(points).is_some_and(Growth::is_fast))
    }

    fn table(&self, title: &str, spelt: fn(f64) -> String) -> String {
        let beside = if self.yardstick().is_some() { " a BTreeMap |" } else { "" };
        let lines = " --- |".repeat(6 + beside.matches('|').count());
        let mut table = format!("| step | among | {title} | growth | log n would |{beside} |\n|{lines}\n");
        for ((name, of), points) in &self.0 {
            let found: Vec<_> = points.iter().map(|(_, rounds)| spelt(median(rounds.clone()).unwrap())).collect();
            let mut cells = vec![(*name).to_owned(), "–".to_owned(), found.join(", "), "–".to_owned(), "–".to_owned()];
            let (mut map, mut verdict) = ("–".to_owned(), "");
            if let Some(growth) = self.growth(points) {
                let sizes = points.iter().map(|(size, _)| power(*size)).collect::<Vec<_>>().join(", ");
                cells[1] = format!("{sizes} {of}");
                (cells[3], cells[4]) = (format!("{:.2}", growth.step), format!("{:.2}", growth.log));
                (map, verdict) = (ratio(growth.map), if growth.is_fast() { "**grows faster**" } else { "" });
            }
            if !beside.is_empty() {
                cells.push(map);
            }
            let _infallible = writeln!(table, "| {} | {verdict} |", cells.join(" | "));
        }
        table
    }

    fn yardstick(&self) -> Option<&Vec<(usize, Vec<f64>)>> {
        self.0.iter().find(|((name, _), _)| *name == YARDSTICK).map(|(_, points)| points)
    }

    /// From the smallest size to the largest; `None` where there is one alone.
    fn growth(&self, points: &[(usize, Vec<f64>)]) -> Option<Growth> {
        let (least, most) = (points[0].0, points[points.len() - 1].0);
        let step = growth(points, least, most).filter(|_| least < most)?;
        let map = self.yardstick().and_then(|points| growth(points, least, most));
        Some(Growth { step, log: (most as f64).ln() / (least as f64).ln(), map })
    }
}

/// What the figures of a step grow by, and what others would between the same sizes.
#[derive(Clone, Copy)]
struct Growth {
    step: f64,
    log: f64,
    map: Option<f64>,
}

impl Growth {
    fn is_fast(self) -> bool {
        self.step > self.map.unwrap_or(self.log).max(self.log)
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

fn whole(number: f64) -> String {
    format!("{number:.0}")
}
