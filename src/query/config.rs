//! `[query]`: the zone of bare dates and the vendor's limits on a question.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::model::Moment;
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
        let even = |grid: &Duration| grid.subsec_nanos() == 0 && DAY.as_secs().is_multiple_of(grid.as_secs());
        let uneven = "must be whole seconds that divide a day evenly, so that every day has the same grid";
        let grid = section.vetted("grid", grid, |grid| even(grid).then_some(()).ok_or(uneven));
        // Questions are asked in whole seconds, and a lag cut short would call an answer final too early.
        let mut whole = |key, value: Option<Duration>| {
            section.vetted(key, value, |value| (value.subsec_nanos() == 0).then_some(()).ok_or("must be whole seconds"))
        };
        let (lag, horizon) = (whole("lag", lag), whole("horizon", horizon));
        let max_window = whole("max_window", max_window);
        Some(Self { zone: zone?, lag: lag?, grid: grid?, horizon: horizon?, max_window: max_window? })
    }

    /// What a clock in the zone of bare dates shows against UTC at this moment.
    pub(super) fn offset_at(&self, moment: Moment) -> Offset {
        Timestamp::from_second(moment.as_second()).map_or(Offset::UTC, |at| self.zone.to_offset(at))
    }
}

#[cfg(any(test, fuzzing))]
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
