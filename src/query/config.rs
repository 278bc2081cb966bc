//! `[query]`: the zone of bare dates and the vendor's limits on a question.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::settings::Section;

/// How questions are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where a bare date's midnight is.
    pub zone: TimeZone,
    /// How far the vendor's data lags behind; an answer is final once its window ended this long ago.
    pub lag: Duration,
    /// What `now` is rounded down to.
    pub grid: Duration,
    /// How far back a window may begin.
    pub horizon: Duration,
    /// The longest window.
    pub max_window: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl Config {
    /// Reads `[query]`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let zone = section.parsed("zone", |name| {
            TimeZone::get(name)
                .map_err(|_| "not a zone of the IANA database; write for example \"Asia/Shanghai\"".into())
        });
        let lag = section.duration("lag", Duration::ZERO..=30 * DAY);
        let grid = section.duration("grid", SECOND..=DAY);
        let horizon = section.duration("horizon", DAY..=3650 * DAY);
        let max_window = section.duration("max_window", SECOND..=3650 * DAY);
        if grid.is_some_and(|grid| grid.subsec_nanos() != 0 || !DAY.as_secs().is_multiple_of(grid.as_secs())) {
            section
                .reject("grid", "must be whole seconds that divide a day evenly, so that every day has the same grid");
            return None;
        }
        Some(Self { zone: zone?, lag: lag?, grid: grid?, horizon: horizon?, max_window: max_window? })
    }
}

#[cfg(test)]
impl Default for Config {
    fn default() -> Self {
        Self {
            zone: TimeZone::get("Asia/Shanghai").expect("the zone database is compiled in"),
            lag: Duration::from_secs(8 * 3600),
            grid: Duration::from_secs(600),
            horizon: 30 * DAY,
            max_window: 7 * DAY,
        }
    }
}
