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
        let uneven = |grid: Duration| grid.subsec_nanos() != 0 || !DAY.as_secs().is_multiple_of(grid.as_secs());
        let grid = grid.filter(|grid| {
            let fault = "must be whole seconds that divide a day evenly, so that every day has the same grid";
            !uneven(*grid) || refused(section, "grid", fault)
        });
        // Questions are asked in whole seconds, and a lag cut short would call an answer final too early.
        let mut whole = |key, value: Option<Duration>| {
            value.filter(|value| value.subsec_nanos() == 0 || refused(section, key, "must be whole seconds"))
        };
        let (lag, horizon) = (whole("lag", lag), whole("horizon", horizon));
        let max_window = whole("max_window", max_window);
        Some(Self { zone: zone?, lag: lag?, grid: grid?, horizon: horizon?, max_window: max_window? })
    }
}

/// Notes the mistake; never true.
fn refused(section: &mut Section<'_>, key: &str, fault: &str) -> bool {
    section.reject(key, fault);
    false
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
