//! Whole seconds on the time line, and the half-open windows between them.
//!
//! A `Moment` covers every date that RFC 3339 can write (years 0000 to 9999, any offset), so that a question about
//! an absurd year is refused for what it asks and not for a limit of the time library.

use std::fmt;

use jiff::{SignedDuration, Timestamp, civil, tz::Offset};

/// A whole second, counted from 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(i64);

/// `[from, to)` with `from < to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    from: Moment,
    to: Moment,
}

const EPOCH: civil::DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);

impl Moment {
    /// The second that began at or before `timestamp`.
    pub fn floor(timestamp: Timestamp) -> Self {
        let second = timestamp.as_second();
        Self(if timestamp.subsec_nanosecond() < 0 { second - 1 } else { second })
    }

    /// The moment at which a wall clock `offset` seconds east of UTC shows `civil`. Fractions are dropped.
    pub fn at(civil: civil::DateTime, offset: i64) -> Self {
        Self(civil.duration_since(EPOCH).as_secs() - offset)
    }

    /// The moment this many seconds after 1970-01-01T00:00:00Z.
    pub fn of_second(second: i64) -> Self {
        Self(second)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn as_second(self) -> i64 {
        self.0
    }

    /// The moment this many seconds later, or earlier when negative; it stops at the ends of the time line.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The largest multiple of `step` seconds at or before this moment, counted from midnights `offset` seconds east.
    #[must_use]
    pub fn floor_to(self, step: i64, offset: i64) -> Self {
        let local = self.0.saturating_add(offset);
        Self(local - local.rem_euclid(step) - offset)
    }

    /// RFC 3339 in the given offset: `2026-11-01T00:00:00+08:00`, and `Z` for UTC.
    pub fn rfc3339(self, offset: Offset) -> String {
        // RFC 3339 has no seconds in an offset. Local mean time, long ago, does: what is written is then a few seconds
        // off that clock and still this moment.
        let minutes = offset.seconds() / 60;
        let shift = SignedDuration::from_secs(self.0.saturating_add(i64::from(minutes) * 60));
        let local = EPOCH.checked_add(shift).unwrap_or(EPOCH);
        let mut text = String::with_capacity("2026-11-01T00:00:00+08:00".len());
        let (hundreds, years) = (local.year() / 100, local.year() % 100);
        push_pair(&mut text, hundreds);
        push_pair(&mut text, years);
        for (mark, part) in [
            ('-', local.month()),
            ('-', local.day()),
            ('T', local.hour()),
            (':', local.minute()),
            (':', local.second()),
        ] {
            text.push(mark);
            push_pair(&mut text, part.into());
        }
        if minutes == 0 {
            text.push('Z');
            return text;
        }
        text.push(if minutes < 0 { '-' } else { '+' });
        let narrow = |part: i32| i16::try_from(part).unwrap_or_default();
        push_pair(&mut text, narrow(minutes.abs() / 60));
        text.push(':');
        push_pair(&mut text, narrow(minutes.abs() % 60));
        text
    }
}

/// A number below a hundred in two digits.
fn push_pair(text: &mut String, number: i16) {
    for digit in [number / 10, number % 10] {
        text.push(u8::try_from(digit).map_or('0', |digit| char::from(b'0' + digit % 10)));
    }
}

impl Window {
    /// The window, or `None` unless `from < to`.
    pub fn new(from: Moment, to: Moment) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// Its first second.
    pub fn from(self) -> Moment {
        self.from
    }

    /// The first second after it.
    pub fn to(self) -> Moment {
        self.to
    }

    /// How many seconds it spans, at least 1.
    pub fn seconds(self) -> i64 {
        self.to.0.saturating_sub(self.from.0)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339(Offset::UTC))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_the_offset_asked_for() {
        let moment = Moment::at(civil::date(2026, 11, 1).at(0, 0, 0, 0), 8 * 3600);
        assert_eq!(moment.rfc3339(Offset::constant(8)), "2026-11-01T00:00:00+08:00");
        assert_eq!(moment.rfc3339(Offset::UTC), "2026-10-31T16:00:00Z");
        let west = Offset::from_seconds(-(3 * 3600 + 1800)).unwrap();
        assert_eq!(moment.rfc3339(west), "2026-10-31T12:30:00-03:30");
    }

    #[test]
    fn the_last_second_that_can_be_written_is_a_moment() {
        let last = Moment::at(civil::date(9999, 12, 31).at(23, 59, 59, 0), -23 * 3600);
        assert!(last > Moment::at(civil::date(9999, 12, 31).at(23, 59, 59, 0), 0));
    }

    #[test]
    fn rounding_down_counts_from_local_midnight_and_works_before_1970() {
        let eight = 8 * 3600;
        let noon = Moment::at(civil::date(2026, 11, 1).at(12, 34, 56, 0), eight);
        assert_eq!(noon.floor_to(86_400, eight), Moment::at(civil::date(2026, 11, 1).at(0, 0, 0, 0), eight));
        assert_eq!(Moment(-1).floor_to(600, 0), Moment(-600));
        assert_eq!(Moment::floor(Timestamp::from_nanosecond(-1).unwrap()), Moment(-1));
    }
}
