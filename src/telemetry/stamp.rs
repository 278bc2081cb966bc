//! The moment of a line, as the formatters of events write it: RFC 3339 in UTC, to the microsecond.

use std::io::Write as _;

use jiff::Timestamp;

use crate::clock::Clock;

const MICROSECONDS: i64 = 1_000_000;

/// Writes the time. The calendar is asked once a second.
#[derive(Debug)]
pub(super) struct Stamp {
    clock: Clock,
    second: i64,
    /// `2026-07-01T09:30:00.` of that second; nothing before the first.
    words: Vec<u8>,
}

impl Stamp {
    pub(super) fn of(clock: Clock) -> Self {
        Self { clock, second: 0, words: Vec::new() }
    }

    /// Appends this time, or the time now.
    pub(super) fn write(&mut self, line: &mut Vec<u8>, at: Option<Timestamp>) {
        let now = at.unwrap_or_else(|| self.clock.now()).as_microsecond();
        let (second, mut fraction) = (now.div_euclid(MICROSECONDS), now.rem_euclid(MICROSECONDS));
        if second != self.second || self.words.is_empty() {
            self.second = second;
            self.words.clear();
            let whole = Timestamp::from_second(second).unwrap_or_default();
            write!(self.words, "{}.", whole.strftime("%Y-%m-%dT%H:%M:%S")).expect("memory takes what is written");
        }
        line.extend_from_slice(&self.words);
        let mut digits = *b"000000Z";
        for digit in digits.iter_mut().rev().skip(1) {
            *digit = b'0' + u8::try_from(fraction % 10).unwrap_or_default();
            fraction /= 10;
        }
        line.extend_from_slice(&digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_six_digits_and_the_second_follows_the_clock() {
        let mut told = Vec::new();
        let moments = ["1970-01-01T00:00:00.000000Z", "2026-07-01T09:30:59.000042Z", "2026-07-01T09:31:00.999999Z"];
        let mut stamp = Stamp::of(Clock::system());
        for moment in moments {
            stamp.clock = Clock::fixed(moment.parse().unwrap());
            told.clear();
            stamp.write(&mut told, None);
            assert_eq!(String::from_utf8_lossy(&told), moment);
        }
    }
}
