//! The three spellings of a time: RFC 3339 with an offset, a bare date, and relative to now.
//!
//! The shape is checked here, byte by byte, and only the calendar is left to the time library: libraries differ in
//! what else they take (a space for `T`, U+2212 for a minus, a clamped leap second).

use jiff::civil;

use super::Config;
use crate::model::Moment;

/// A time as asked: the moment, and how the answer echoes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) moment: Moment,
    pub(super) echo: String,
}

const SPELLINGS: &str = "write 2026-11-01T00:00:00+08:00, a date such as 2026-11-01, now, or now-24h";

const NOW: &str = "now";

/// Whether a decoded parameter means another time at another time.
pub(super) fn is_relative(text: &str) -> bool {
    text.starts_with(NOW)
}

/// Reads a decoded parameter. The error is half a sentence that follows the parameter's name.
pub(super) fn read(text: &str, now: Moment, config: &Config) -> Result<Spelled, String> {
    if let Some(rest) = text.strip_prefix(NOW) {
        return relative(rest, now, config);
    }
    let Some((date, rest)) = text.split_at_checked(10) else { return Err(format!("is not a time; {SPELLINGS}")) };
    let date = civil_date(date)?;
    if rest.is_empty() { Ok(bare_date(date, config)) } else { rfc3339(date, rest, text) }
}

fn relative(rest: &str, now: Moment, config: &Config) -> Result<Spelled, String> {
    let fault =
        || "is not a relative time; write now, or now- and a whole number of m, h or d, such as now-24h".to_owned();
    let back = if rest.is_empty() {
        0
    } else {
        let amount = rest.strip_prefix('-').ok_or_else(fault)?;
        let unit = match amount.bytes().last() {
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            _ => return Err(fault()),
        };
        let digits =
            amount.get(..amount.len() - 1).filter(|digits| (1..=6).contains(&digits.len())).ok_or_else(fault)?;
        number(digits).ok_or_else(fault)? * unit
    };
    let zone_now = config.offset_at(now);
    let step = i64::try_from(config.grid.as_secs()).unwrap_or(i64::MAX);
    let moment = now.plus(-back).floor_to(step, i64::from(zone_now.seconds()));
    Ok(Spelled { moment, echo: moment.rfc3339(config.offset_at(moment)) })
}

fn bare_date(date: civil::Date, config: &Config) -> Spelled {
    // `to_zoned` gives the first instant of the day where a clock change skips or repeats midnight. It gives none
    // for the end of the year 9999, which is beyond the library's time line and not beyond ours.
    let (moment, offset) = if let Ok(start) = date.to_zoned(config.zone.clone()) {
        (Moment::floor(start.timestamp()), start.offset())
    } else {
        let offset = config.zone.to_offset(jiff::Timestamp::MAX);
        (Moment::at(date.to_datetime(civil::Time::midnight()), offset.seconds().into()), offset)
    };
    Spelled { moment, echo: moment.rfc3339(offset) }
}

fn rfc3339(date: civil::Date, rest: &str, text: &str) -> Result<Spelled, String> {
    let shape = || format!("is not RFC 3339 with whole seconds and an offset; {SPELLINGS}");
    if rest.as_bytes().get(9).is_some_and(|byte| matches!(byte, b'.' | b',')) {
        return Err("has a fraction of a second; whole seconds only, such as 2026-11-01T00:00:00+08:00".to_owned());
    }
    let (time, zone) = rest.split_at_checked(9).ok_or_else(shape)?;
    let time = time.strip_prefix(['T', 't']).ok_or_else(shape)?;
    let [hour, minute, second] = pairs(time, ':').ok_or_else(shape)?;
    if second == 60 {
        return Err(
            "names a leap second, which no clock of the vendor shows; use second 59 or the next minute".to_owned()
        );
    }
    let narrow = |value: i64| i8::try_from(value).unwrap_or(i8::MAX);
    let civil = civil::Time::new(narrow(hour), narrow(minute), narrow(second), 0)
        .map_err(|_| "has a time of day that does not exist; hours end at 23, minutes and seconds at 59".to_owned())?;
    let offset = if matches!(zone, "Z" | "z") { 0 } else { numeric_offset(zone).ok_or_else(shape)? };
    // The one place where a space stands for a plus that was not escaped.
    let echo = text.replacen(' ', "+", 1);
    Ok(Spelled { moment: Moment::at(date.to_datetime(civil), offset), echo })
}

fn civil_date(text: &str) -> Result<civil::Date, String> {
    let (year, rest) = text.split_at_checked(4).ok_or_else(|| format!("is not a time; {SPELLINGS}"))?;
    let parts = number(year).zip(rest.strip_prefix('-').and_then(|rest| pairs::<2>(rest, '-')));
    let Some((year, [month, day])) = parts else { return Err(format!("is not a time; {SPELLINGS}")) };
    let month = i8::try_from(month).unwrap_or(i8::MAX);
    let day = i8::try_from(day).unwrap_or(i8::MAX);
    civil::Date::new(i16::try_from(year).unwrap_or(i16::MAX), month, day)
        .map_err(|_| "names a day that the calendar does not have".to_owned())
}

/// `+08:00` in seconds east of UTC; a space stands for a plus.
fn numeric_offset(text: &str) -> Option<i64> {
    let (sign, rest) = text.split_at_checked(1)?;
    let sign = match sign {
        "+" | " " => 1,
        "-" => -1,
        _ => return None,
    };
    let [hours, minutes] = pairs(rest, ':')?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// `N` numbers of exactly two digits, with `separator` between them and nothing else.
fn pairs<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for slot in &mut numbers {
        *slot = number(parts.next().filter(|part| part.len() == 2)?)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// ASCII digits only: `str::parse` would take a sign.
fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
#[path = "times_tests.rs"]
mod tests;
