//! What measurements have in common when they write: the page, the machine, and numbers with their units.

use std::fs;
use std::process::Command;

const PAGE: &str = "docs/performance.md";
/// Behind the figures on the page.
const END: &str = "<!-- to here -->";

/// At which commit and on what it was measured.
pub(crate) fn place() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap();
    let models: Vec<_> = cpu.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": ")).collect();
    let revision = Command::new("git").args(["describe", "--always", "--dirty"]).output().unwrap().stdout;
    format!(
        "at the commit {}, on {} cores of \"{}\"",
        String::from_utf8(revision).unwrap().trim(),
        models.len(),
        models.first().map_or("unknown", |(_, model)| model),
    )
}

/// Puts the figures where the page has those of the command's last run.
pub(crate) fn write(command: &str, figures: &str) {
    let begin = format!("<!-- make {command} writes from here -->");
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    fs::write(PAGE, format!("{before}{begin}\n{figures}{END}{after}")).unwrap();
}

pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

pub(crate) fn ratio(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.2}"))
}

pub(crate) fn micros(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{:.1} µs", seconds * 1e6))
}

pub(crate) fn mebibytes(bytes: Option<f64>) -> String {
    bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{:.0} MiB", bytes / f64::from(1 << 20)))
}
