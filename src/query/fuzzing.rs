//! Fuzz targets of this stage: what is read as a time or as a question is held against a grammar and a calendar that
//! share nothing with the readers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here has been found")]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::question::read as read_question;
use super::*;
use crate::model::{AppId, Moment};

/// 2026-11-09T02:07:31Z.
const NOW: i64 = 1_794_190_051;
/// One without summer time today, one that skips and repeats midnights, and none at all.
const ZONES: [&str; 3] = ["Asia/Shanghai", "America/Sao_Paulo", "UTC"];
const LONGEST: i64 = 7 * 86_400;

fn rules(zone: &str) -> Config {
    Config { zone: TimeZone::get(zone).unwrap(), ..Config::default() }
}

/// A time, as it stands in a parameter after decoding: taken exactly if the grammar takes it, for the instant that the
/// grammar's own calendar finds, and echoed as that instant.
pub fn times(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    for zone in ZONES {
        let config = rules(zone);
        let found = times::read(text, Moment::of_second(NOW), &config);
        let expected = written(text);
        assert_eq!(found.is_ok(), expected.is_some(), "{text:?}: {found:?}, {expected:?}");
        let (Ok(found), Some(expected)) = (found, expected) else { continue };
        let second = found.moment.as_second();
        match expected {
            Written::Instant(instant) => {
                assert_eq!(second, instant, "{text:?}");
                assert_eq!(found.echo.replacen('+', " ", 1), text.replacen('+', " ", 1));
            }
            Written::Date(midnight) => {
                assert!((second - midnight).abs() <= 15 * 3600, "a day begins near its midnight: {text:?} in {zone}");
                // Before that, clocks went by local mean time, whose seconds an offset cannot say.
                let modern = text >= "1930";
                assert!(!modern || found.echo.starts_with(text), "{text:?} in {zone}: {}", found.echo);
            }
            Written::Back(seconds) => {
                let local = found.echo.get(14..).unwrap();
                assert!((NOW - seconds - 599..=NOW - seconds).contains(&second), "{text:?}: {}", found.echo);
                assert!(seconds > 1_000_000_000 || local.get(1..5) == Some("0:00"), "off the grid: {}", found.echo);
            }
        }
        // What lies before the year 0 cannot be written; it can be asked for as far back as `now-999999d`.
        if (-62_167_132_800..=253_402_214_400).contains(&second) {
            assert!(matches!(written(&found.echo), Some(Written::Instant(instant)) if instant == second), "{found:?}");
        }
    }
}

/// A query string. What is asked is within the rules, is what the parameters say, and is the same question in every
/// other spelling; what is refused is refused for a parameter or a limit, in few words.
pub fn question(bytes: &[u8]) {
    let Ok(raw) = str::from_utf8(bytes) else { return };
    let app = AppId::parse("661e1c9d2b9f4a0017e843cf").unwrap();
    let now = Timestamp::from_second(NOW).unwrap();
    let config = Config::default();
    let asked = match read_question(&app, raw, now, &config) {
        Ok(asked) => asked,
        Err(Invalid::Parameter { name, detail }) => {
            assert!((1..=32).contains(&name.chars().count()) && (5..300).contains(&detail.len()), "{name} {detail}");
            return;
        }
        Err(Invalid::WindowTooLong { limit_seconds }) => return assert_eq!(limit_seconds, LONGEST),
        Err(Invalid::WindowInFuture { latest: moment } | Invalid::OutsideHorizon { earliest: moment }) => {
            return assert!(written(&moment).is_some(), "{moment}");
        }
    };
    let question = asked.question();
    let (from, to) = (question.window().from().as_second(), question.window().to().as_second());
    assert!(from < to && to - from <= LONGEST && from <= NOW, "{raw:?}");
    let askable = question.askable(now, &config).is_ok();
    assert_eq!(askable, from >= NOW - 30 * 86_400);
    assert_eq!(question.app(), &app);
    assert_eq!(Question::of_name(&question.name()).as_ref(), Some(question), "by its name it is another");

    let said = parameters(raw);
    for (name, instant) in [("from", from), ("to", to)] {
        match written(&said(name).unwrap()).unwrap() {
            Written::Instant(expected) => assert_eq!(instant, expected),
            Written::Date(midnight) => assert!((instant - midnight).abs() <= 15 * 3600),
            Written::Back(seconds) => assert!((NOW - seconds - 599..=NOW - seconds).contains(&instant)),
        }
    }
    assert_eq!(said("dim").as_deref(), Some(question.dimension().as_str()));
    assert!(said("indicator").is_none_or(|indicator| indicator == "user_num"));

    // Before the year 1, in which the echo may lie in a year that RFC 3339 cannot write, nothing is ever answered.
    if from < -62_135_596_800 {
        return;
    }
    let escaped = |text: &str| percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
    let again = |from: &str, to: &str| {
        let dim = question.dimension().as_str();
        let raw = format!("dim={dim}&to={}&indicator=user_num&from={}", escaped(to), escaped(from));
        read_question(&app, &raw, now, &config).unwrap()
    };
    let echoed = again(asked.shown_from(), asked.shown_to());
    assert_eq!(echoed.question(), question, "as echoed it is another question");
    assert_eq!((echoed.shown_from(), echoed.shown_to()), (asked.shown_from(), asked.shown_to()));
    let utc = |moment: Moment| moment.rfc3339(jiff::tz::Offset::UTC);
    let plain = again(&utc(question.window().from()), &utc(question.window().to()));
    assert_eq!(plain.question(), question, "in UTC it is another question");
}

/// The parameters, by a decoder of forms that knows nothing of ours: each is there once at most.
fn parameters(raw: &str) -> impl Fn(&str) -> Option<String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    let pairs: Vec<_> = raw
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    assert!(pairs.iter().all(|(name, _)| ["from", "to", "dim", "indicator"].contains(&name.as_str())), "{raw:?}");
    move |name| {
        let mut values = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
        let value = values.next();
        assert!(values.next().is_none(), "{name} is repeated");
        value
    }
}

/// What a text says by the grammar of the contract.
#[derive(Debug)]
enum Written {
    /// Seconds since 1970.
    Instant(i64),
    /// A day: its midnight, as if its zone were UTC's.
    Date(i64),
    /// So many seconds before now.
    Back(i64),
}

/// The grammar: `now`, `now-<1 to 6 digits><m|h|d>`, `date`, `date T time zone`, in ASCII and nothing around it.
fn written(text: &str) -> Option<Written> {
    if !text.is_ascii() {
        return None;
    }
    if text == "now" {
        return Some(Written::Back(0));
    }
    if let Some(back) = text.strip_prefix("now-") {
        let (digits, unit) = back.split_at(back.len().checked_sub(1)?);
        let unit = [("m", 60), ("h", 3600), ("d", 86_400)].iter().find(|(letter, _)| *letter == unit)?.1;
        return fits(digits, &"D".repeat(digits.len().clamp(1, 6))).then(|| Written::Back(value(digits) * unit));
    }
    if !fits(text.get(..10)?, "DDDD-DD-DD") {
        return None;
    }
    let [year, month, day] = [&text[..4], &text[5..7], &text[8..10]].map(value);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let longest = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = usize::try_from(month - 1).ok().and_then(|month| longest.get(month))?;
    if !(1..=*days).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * 86_400;
    if text.len() == 10 {
        return Some(Written::Date(midnight));
    }
    let zone = text.get(19..)?;
    let utc = zone == "Z" || zone == "z";
    let offset = ["+DD:DD", "-DD:DD", " DD:DD"].iter().any(|shape| fits(zone, shape));
    if !(fits(&text[10..19], "TDD:DD:DD") || fits(&text[10..19], "tDD:DD:DD")) || !(utc || offset) {
        return None;
    }
    let [hour, minute, second] = [&text[11..13], &text[14..16], &text[17..19]].map(value);
    let east = if utc {
        0
    } else {
        let [hours, minutes] = [&zone[1..3], &zone[4..6]].map(value);
        if hours > 23 || minutes > 59 {
            return None;
        }
        (hours * 3600 + minutes * 60) * if zone.starts_with('-') { -1 } else { 1 }
    };
    let exists = hour <= 23 && minute <= 59 && second <= 59;
    exists.then(|| Written::Instant(midnight + hour * 3600 + minute * 60 + second - east))
}

/// Whether a text has this shape, in which `D` is a digit and every other letter itself.
fn fits(text: &str, shape: &str) -> bool {
    let same = |(byte, wanted): (u8, u8)| if wanted == b'D' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(same)
}

fn value(digits: &str) -> i64 {
    digits.bytes().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}

/// The days of the Gregorian calendar from 1970, by counting in years that begin with March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let days_before_month = (153 * ((month + 9) % 12) + 2) / 5;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + days_before_month + day - 719_469
}
