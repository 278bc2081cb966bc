//! A question → the users it counts, made up from hashes: the same for every asking and every
//! process, plainly different for different apps, and still growing until the window has settled.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::chance::{Chance, hash};
use super::question::{Places, Question};
use super::regions::{COUNTRIES, PROVINCES, UNKNOWN};
use super::settings::Settings;

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;
const FEWEST: usize = 5;
// What has been counted by the end of a window is no less than this part of the whole.
const COUNTED_AT_ONCE: f64 = 0.5;

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Region {
    pub(super) distribution_name: &'static str,
    /// Users; always a whole number.
    pub(super) value: f64,
    /// Percent of all users, rounded to two decimals.
    pub(super) proportion: f64,
}

/// The regions of an answer asked for at `now`, most users first.
pub(super) fn regions(question: &Question, settings: &Settings, now: Timestamp) -> Vec<Region> {
    let shares = shares(question, settings);
    let whole: f64 = shares.iter().map(|(_, share)| share).sum();
    let users = users(question) * counted(question.end, settings.lag, now);
    let mut regions: Vec<Region> = shares
        .into_iter()
        .map(|(distribution_name, share)| Region {
            distribution_name,
            value: (users * share / whole).floor(),
            proportion: 0.0,
        })
        .filter(|region| region.value > 0.0)
        .collect();
    regions.sort_by(|one, other| other.value.total_cmp(&one.value));
    let total: f64 = regions.iter().map(|region| region.value).sum();
    for region in &mut regions {
        region.proportion = (region.value / total * 10_000.0).round() / 100.0;
    }
    regions
}

/// The places where the app has users, each with its weight.
fn shares(question: &Question, settings: &Settings) -> Vec<(&'static str, f64)> {
    let (kind, names) = match question.places {
        Places::Provinces => ("provinces", PROVINCES.as_slice()),
        Places::Countries => ("countries", COUNTRIES.as_slice()),
    };
    let app = Chance::new(hash(&[&question.app_id, kind]));
    let mut rank = 0.0;
    let mut weighed: Vec<(&'static str, f64)> = names
        .iter()
        .map(|name| {
            rank += 1.0;
            (*name, (0.05 + app.fraction()) / (rank + 3.0))
        })
        .collect();
    weighed.sort_by(|one, other| other.1.total_cmp(&one.1));
    let more = u64::try_from(names.len() - FEWEST).expect("a list of names is short");
    let fewer = usize::try_from(app.draw() % (more + 1)).expect("no more than the list is long");
    weighed.truncate(FEWEST + fewer);
    if settings.unknown_region && app.draw().is_multiple_of(4) {
        weighed.push((UNKNOWN, 0.02));
    }
    // No two windows are shaped alike.
    let window = Chance::new(hash(&[&question.app_id, kind, &question.start.to_string(), &question.end.to_string()]));
    for (_, weight) in &mut weighed {
        *weight *= 0.8 + 0.4 * window.fraction();
    }
    weighed
}

/// How many users are counted once the window has settled. A user who comes on several days is
/// one user, so a window twice as long has less than twice as many.
fn users(question: &Question) -> f64 {
    let size = Chance::new(hash(&[&question.app_id, "size"])).fraction();
    let daily = 400.0 + 300_000.0 * size * size * size * size;
    let length = question.end.duration_since(question.start).as_secs_f64();
    daily * (length / DAY).max(1.0 / 24.0).sqrt()
}

/// The part of a window's users counted at `now`: it grows by the hour until `lag` has passed.
fn counted(end: Timestamp, lag: Duration, now: Timestamp) -> f64 {
    let lag = (lag.as_secs_f64() / HOUR).ceil();
    let passed = (now.duration_since(end).as_secs_f64() / HOUR).floor().max(0.0);
    if passed >= lag {
        return 1.0;
    }
    COUNTED_AT_ONCE + (1.0 - COUNTED_AT_ONCE) * passed / lag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(app_id: &str, places: Places, now: &str) -> Vec<Region> {
        let question = Question {
            app_id: app_id.to_owned(),
            start: "2026-01-13T16:00:00Z".parse().expect("a time"),
            end: "2026-01-14T16:00:00Z".parse().expect("a time"),
            places,
            dimension: String::new(),
        };
        regions(&question, &Settings::default(), now.parse().expect("a time"))
    }

    fn total(regions: &[Region]) -> f64 {
        regions.iter().map(|region| region.value).sum()
    }

    #[test]
    fn a_settled_window_never_changes() {
        let first = ask("app-1", Places::Provinces, "2026-01-15T00:00:00Z");
        assert_eq!(first, ask("app-1", Places::Provinces, "2026-01-15T00:00:01Z"));
        assert_eq!(first, ask("app-1", Places::Provinces, "2026-02-01T12:34:56Z"));
    }

    #[test]
    fn a_settling_window_grows_by_the_hour() {
        let mut before = 0.0;
        for hour in 16..24 {
            let now = format!("2026-01-14T{hour}:00:00Z");
            let later = format!("2026-01-14T{hour}:59:59Z");
            let asked = ask("app-1", Places::Countries, &now);
            assert_eq!(asked, ask("app-1", Places::Countries, &later));
            assert!(total(&asked) > before);
            before = total(&asked);
        }
        assert!(total(&ask("app-1", Places::Countries, "2026-01-15T00:00:00Z")) > before);
    }

    #[test]
    fn apps_and_dimensions_differ() {
        let now = "2026-01-16T00:00:00Z";
        let one = ask("app-1", Places::Provinces, now);
        assert_ne!(one, ask("app-2", Places::Provinces, now));
        assert_ne!(one, ask("app-1", Places::Countries, now));
    }

    #[test]
    fn answers_are_descending_whole_and_add_up() {
        for app in 0..200 {
            for places in [Places::Provinces, Places::Countries] {
                let regions = ask(&format!("app-{app}"), places, "2026-01-14T16:00:00Z");
                let percent: f64 = regions.iter().map(|region| region.proportion).sum();
                assert!(!regions.is_empty());
                assert!(regions.is_sorted_by(|one, other| one.value >= other.value));
                assert!(regions.iter().all(|r| r.value.fract().abs() < f64::EPSILON));
                assert!((percent - 100.0).abs() < 0.5, "{percent}");
            }
        }
    }

    #[test]
    fn the_number_of_regions_varies() {
        let now = "2026-01-16T00:00:00Z";
        let count = |app: u32| ask(&format!("app-{app}"), Places::Provinces, now).len();
        let counts: Vec<usize> = (0..50).map(count).collect();
        assert!(counts.iter().any(|count| *count < 12) && counts.iter().any(|count| *count > 25));
    }
}
