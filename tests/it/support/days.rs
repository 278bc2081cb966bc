//! Windows to ask for, relative to the day of the run: the simulated upstream keeps to the real calendar.

use jiff::{Timestamp, ToSpan, tz};

/// `from` and `to` of a week that has settled whatever the time of day.
pub(crate) fn settled_week() -> (String, String) {
    (date(8), date(1))
}

/// The settled day that ended `back` days before yesterday: 0 to 27.
pub(crate) fn settled_day(back: i64) -> (String, String) {
    settled_days(back, 1)
}

/// So many settled days of which the last ended `back` days before yesterday: together at most 28.
pub(crate) fn settled_days(back: i64, days: i64) -> (String, String) {
    (date(back + 1 + days), date(back + 1))
}

/// A day that ended an hour ago, and so is still moving.
pub(crate) fn moving_day() -> (String, String) {
    let hours_ago =
        |hours: i64| now().saturating_sub(hours.hours()).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    (hours_ago(25), hours_ago(1))
}

#[expect(clippy::disallowed_methods, reason = "the tests ask for days around the real one")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn date(days_ago: i64) -> String {
    let today = now().to_zoned(tz::TimeZone::fixed(tz::offset(8))).date();
    today.saturating_sub(days_ago.days()).to_string()
}
