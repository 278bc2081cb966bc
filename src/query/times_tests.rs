//! The spellings of a time: what each means, how it is echoed, and what is none.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-09T02:07:31.5Z";

fn moment(text: &str) -> Moment {
    Moment::floor(text.parse::<Timestamp>().unwrap())
}

fn in_zone(zone: &str) -> Config {
    Config { zone: TimeZone::get(zone).unwrap(), ..Config::default() }
}

fn spelled(text: &str) -> Result<Spelled, String> {
    read(text, moment(NOW), &Config::default())
}

#[test]
fn rfc_3339_is_read_in_every_spelling_it_allows_and_echoed_as_asked() {
    for (text, utc) in [
        ("2026-11-01T00:00:00+08:00", "2026-10-31T16:00:00Z"),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-11-01t00:00:00z", "2026-11-01T00:00:00Z"),
        ("2026-11-01T23:59:59+00:00", "2026-11-01T23:59:59Z"),
        ("2026-11-01T00:00:00-00:00", "2026-11-01T00:00:00Z"),
        ("2026-11-01T00:00:00+23:59", "2026-10-31T00:01:00Z"),
        ("2026-11-01T00:00:00-23:59", "2026-11-01T23:59:00Z"),
        ("2026-11-01T00:00:00+05:45", "2026-10-31T18:15:00Z"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
    ] {
        assert_eq!(spelled(text), Ok(Spelled { moment: moment(utc), echo: text.to_owned() }), "{text}");
    }
}

#[test]
fn a_space_stands_for_a_plus_before_the_offset_and_nowhere_else() {
    let plus = spelled("2026-11-01T00:00:00+08:00").unwrap();
    assert_eq!(spelled("2026-11-01T00:00:00 08:00"), Ok(plus));
    for text in [
        "2026-11-01 00:00:00+08:00",
        "2026-11-01T00:00:00  08:00",
        "2026-11-01T00:00:00 +08:00",
        "2026-11-01T00:00:00+08 00",
        "2026-11-01T00:00:00Z ",
        " 2026-11-01T00:00:00Z",
        "2026-11-01 ",
        " 2026-11-01",
        "now ",
        " now",
        "now- 1h",
        "now 1h",
    ] {
        assert!(spelled(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_rfc_3339_is_refused_for_what_it_is() {
    for (text, reason) in [
        ("", "is not a time"),
        ("yesterday", "is not a time"),
        ("1793462400", "is not a time"),
        ("2026-11-1", "is not a time"),
        ("20261101", "is not a time"),
        ("26-11-01T00:00:00Z", "is not a time"),
        ("10000-01-01T00:00:00Z", "is not a time"),
        ("+02026-11-01T00:00:00Z", "is not a time"),
        ("-2026-11-01T00:00:00Z", "is not a time"),
        ("２０２６-11-01", "is not a time"),
        ("2026−11−01T00:00:00Z", "is not a time"),
        ("2026-W45-7", "is not a time"),
        ("2026-02-29", "names a day"),
        ("2026-13-01", "names a day"),
        ("2026-00-10", "names a day"),
        ("2026-11-31T00:00:00Z", "names a day"),
        ("2026-11-01T00:00:00", "is not RFC 3339"),
        ("2026-11-01T00:00Z", "is not RFC 3339"),
        ("2026-11-01T", "is not RFC 3339"),
        ("2026-11-01Z", "is not RFC 3339"),
        ("2026-11-01_00:00:00Z", "is not RFC 3339"),
        ("2026-11-01T0:00:00Z", "is not RFC 3339"),
        ("2026-11-01T+1:00:00Z", "is not RFC 3339"),
        ("2026-11-01T00:00:00\u{2212}08:00", "is not RFC 3339"),
        ("2026-11-01T00:00:00+0800", "is not RFC 3339"),
        ("2026-11-01T00:00:00+08", "is not RFC 3339"),
        ("2026-11-01T00:00:00+08:00:00", "is not RFC 3339"),
        ("2026-11-01T00:00:00+24:00", "is not RFC 3339"),
        ("2026-11-01T00:00:00-24:00", "is not RFC 3339"),
        ("2026-11-01T00:00:00+08:60", "is not RFC 3339"),
        ("2026-11-01T00:00:00+08:0٣", "is not RFC 3339"),
        ("2026-11-01T00:00:00Z[UTC]", "is not RFC 3339"),
        ("2026-11-01T00:00:00UTC", "is not RFC 3339"),
        ("2026-11-01T00:00:00ZZ", "is not RFC 3339"),
        ("2026-11-01T٠٠:00:00Z", "is not RFC 3339"),
        ("2026-11-01T24:00:00Z", "has a time of day"),
        ("2026-11-01T23:60:00Z", "has a time of day"),
        ("2026-11-01T23:59:61Z", "has a time of day"),
        ("2026-12-31T23:59:60Z", "names a leap second"),
        ("2026-11-01T00:00:00.0Z", "has a fraction"),
        ("2026-11-01T00:00:00.000000000001Z", "has a fraction"),
        ("2026-11-01T00:00:00,5Z", "has a fraction"),
    ] {
        let said = spelled(text).unwrap_err();
        assert!(said.starts_with(reason), "{text}: {said}");
    }
}

#[test]
fn the_first_and_the_last_second_that_can_be_written_are_apart() {
    let last = spelled("9999-12-31T23:59:59-23:59").unwrap();
    let midnight = spelled("9999-12-31T00:00:00Z").unwrap();
    assert_eq!(last.moment.as_second() - midnight.moment.as_second(), 86_399 + 86_340);
    let first = spelled("0000-01-01T00:00:00+23:59").unwrap();
    assert_eq!(first.moment, moment("-000001-12-31T00:01:00Z"));
}

#[test]
fn a_bare_date_is_the_first_instant_of_the_day_where_its_zone_is() {
    for (zone, date, utc, echo) in [
        ("Asia/Shanghai", "2026-11-01", "2026-10-31T16:00:00Z", "2026-11-01T00:00:00+08:00"),
        ("UTC", "2026-11-01", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T00:00:00+02:00"),
        ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00:00Z", "2026-10-26T00:00:00+01:00"),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-08T00:00:00-05:00"),
        ("America/New_York", "2026-03-09", "2026-03-09T04:00:00Z", "2026-03-09T00:00:00-04:00"),
        // Midnight is skipped.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-04T01:00:00-02:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T01:00:00+03:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00+03:00"),
        // The hour before midnight is repeated.
        ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z", "2018-02-18T00:00:00-03:00"),
        ("Africa/Cairo", "2026-10-30", "2026-10-29T22:00:00Z", "2026-10-30T00:00:00+02:00"),
        ("Asia/Beirut", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T00:00:00+02:00"),
        // Midnight itself is repeated.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-01T00:00:00-04:00"),
    ] {
        let expected = Spelled { moment: moment(utc), echo: echo.to_owned() };
        assert_eq!(read(date, moment(NOW), &in_zone(zone)), Ok(expected), "{zone} {date}");
    }
}

#[test]
fn the_ends_of_the_calendar_are_dates_in_every_zone() {
    for zone in ["Asia/Shanghai", "UTC", "America/New_York", "Pacific/Kiritimati"] {
        let config = in_zone(zone);
        for date in ["0000-01-01", "9999-12-30", "9999-12-31"] {
            assert!(read(date, moment(NOW), &config).is_ok(), "{zone} {date}");
        }
    }
    let last = read("9999-12-31", moment(NOW), &in_zone("America/New_York"));
    assert_eq!(last.unwrap().moment, spelled("9999-12-31T00:00:00-05:00").unwrap().moment);
}

#[test]
fn relative_times_are_rounded_down_to_the_grid_of_the_local_day() {
    for (text, echo) in [
        ("now", "2026-11-09T10:00:00+08:00"),
        ("now-0m", "2026-11-09T10:00:00+08:00"),
        ("now-7m", "2026-11-09T10:00:00+08:00"),
        ("now-8m", "2026-11-09T09:50:00+08:00"),
        ("now-90m", "2026-11-09T08:30:00+08:00"),
        ("now-000024h", "2026-11-08T10:00:00+08:00"),
        ("now-7d", "2026-11-02T10:00:00+08:00"),
    ] {
        let found = spelled(text).unwrap();
        assert_eq!((found.moment, &*found.echo), (moment(echo), echo), "{text}");
    }
    let hourly = Config { grid: std::time::Duration::from_secs(3600), ..in_zone("Asia/Kolkata") };
    assert_eq!(read("now", moment(NOW), &hourly).unwrap().echo, "2026-11-09T07:00:00+05:30");
}

#[test]
fn a_day_back_is_24_hours_also_over_a_clock_change() {
    let berlin = in_zone("Europe/Berlin");
    let noon = moment("2026-10-25T11:00:00Z");
    assert_eq!(read("now", noon, &berlin).unwrap().echo, "2026-10-25T12:00:00+01:00");
    assert_eq!(read("now-1d", noon, &berlin).unwrap().echo, "2026-10-24T13:00:00+02:00");
}

#[test]
fn what_is_nearly_a_relative_time_is_refused() {
    for text in [
        "NOW",
        "Now",
        "now+1h",
        "now-",
        "now-1",
        "now-h",
        "now-1w",
        "now-1s",
        "now-1H",
        "now--1h",
        "now-+1h",
        "now-1.5h",
        "now-1h30m",
        "now-1h-1m",
        "now-٣h",
        "now-1ｈ",
        "now-1000000m",
        "now-99999999999999999999d",
        "nowhere",
        "now/d",
    ] {
        assert!(spelled(text).is_err(), "{text}");
    }
    assert_eq!(moment(NOW).as_second() - spelled("now-999999d").unwrap().moment.as_second(), 999_999 * 86_400 + 451);
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "Asia/Shanghai",
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "America/Sao_Paulo",
            "Africa/Cairo",
            "Asia/Beirut",
            "Asia/Kathmandu",
            "Africa/Monrovia",
            "Pacific/Apia",
            "America/Havana",
        ][..],
    )
}

fn nearly_times() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "[0-9TtZz: .+−-]{8,30}",
        "now[+-]?[0-9]{0,8}[mhdsw]?",
        "[0-9]{4}-[01][0-9]-[0-3][0-9]",
        "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|z|[ +-][0-2][0-9]:[0-6][0-9])",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_second_reading_library_agrees(second in -62_135_596_800_i64..253_400_000_000, minutes in -1439_i32..=1439) {
        let offset = Offset::from_seconds(minutes * 60).unwrap();
        let text = Timestamp::from_second(second).unwrap().display_with_offset(offset).to_string();
        prop_assert_eq!(spelled(&text).unwrap().moment.as_second(), second, "{}", text);
    }

    #[test]
    fn whatever_is_asked_nothing_falls_over_and_the_echo_is_the_same_moment(text in nearly_times(), zone in zones()) {
        let config = in_zone(zone);
        // What the second library can write.
        let years = -62_135_596_800..=253_402_207_200;
        let first = read(&text, moment(NOW), &config);
        if let Some(first) = first.ok().filter(|first| years.contains(&first.moment.as_second())) {
            let utc = Timestamp::from_second(first.moment.as_second()).unwrap().to_string();
            prop_assert_eq!(read(&utc, moment(NOW), &config).map(|again| again.moment), Ok(first.moment));
            prop_assert_eq!(read(&first.echo, moment(NOW), &config), Ok(first.clone()), "{}", &text);
        }
    }

    #[test]
    fn a_date_is_echoed_as_the_moment_it_means(day in 0_i64..200_000, zone in zones()) {
        let config = in_zone(zone);
        let date = civil::date(1600, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let found = read(&date.to_string(), moment(NOW), &config).unwrap();
        prop_assert_eq!(read(&found.echo, moment(NOW), &config).unwrap().moment, found.moment, "{}", found.echo);
    }
}
