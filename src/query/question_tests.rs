//! The question as a whole: the limits, the order of the checks, and who asks the same.

use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-09T02:07:31.5Z";

fn ask_at(now: &str, raw: &str, config: &Config) -> Result<Asked, Invalid> {
    read(&AppId::parse("661e").unwrap(), raw, now.parse().unwrap(), config)
}

fn ask_raw(raw: &str) -> Result<Asked, Invalid> {
    ask_at(NOW, raw, &Config::default())
}

fn escaped(text: &str) -> String {
    percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string()
}

fn from_to(from: &str, to: &str) -> String {
    format!("from={}&to={}&dim=province", escaped(from), escaped(to))
}

fn question(from: &str, to: &str) -> Question {
    ask_raw(&from_to(from, to)).unwrap().question().clone()
}

fn refused(from: &str, to: &str) -> Invalid {
    ask_raw(&from_to(from, to)).unwrap_err()
}

fn named(raw: &str) -> String {
    match ask_raw(raw) {
        Err(Invalid::Parameter { name, .. }) => name,
        other => panic!("{raw} gave {other:?}"),
    }
}

const TOO_LONG: Invalid = Invalid::WindowTooLong { limit_seconds: 7 * 86_400 };

#[test]
fn a_window_spans_seven_days_and_not_a_second_more() {
    assert_eq!(question("2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z").window().seconds(), 7 * 86_400);
    assert_eq!(refused("2026-11-01T00:00:00Z", "2026-11-08T00:00:01Z"), TOO_LONG);
    assert_eq!(question("2026-11-01T00:00:00Z", "2026-11-01T00:00:01Z").window().seconds(), 1);
    assert_eq!(refused("0000-01-01", "9999-12-31"), TOO_LONG);
    assert_eq!(refused("now-8d", "now"), TOO_LONG);
    assert_eq!(question("now-7d", "now").window().seconds(), 7 * 86_400);
}

#[test]
fn seven_dates_over_an_autumn_change_are_an_hour_too_long() {
    let berlin = Config { zone: TimeZone::get("Europe/Berlin").unwrap(), ..Config::default() };
    let hours = |from, to| {
        let asked = ask_at("2026-12-01T00:00:00Z", &from_to(from, to), &berlin)?;
        Ok(asked.question().window().seconds() / 3600)
    };
    assert_eq!(hours("2026-10-20", "2026-10-27"), Err(TOO_LONG));
    assert_eq!(hours("2026-10-21", "2026-10-27"), Ok(6 * 24 + 1));
    assert_eq!(hours("2026-10-26", "2026-11-02"), Ok(7 * 24));
    assert_eq!(hours("2026-03-28", "2026-04-04"), Ok(7 * 24 - 1));
}

#[test]
fn a_window_that_ends_where_or_before_it_begins_is_the_fault_of_to() {
    for (from, to) in [
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01T00:00:00+08:00", "2026-10-31T16:00:00Z"),
        ("2026-11-02", "2026-11-01"),
        ("now", "now"),
        ("now-3m", "now"),
        ("2027-01-01", "2026-01-01"),
    ] {
        assert_eq!(named(&from_to(from, to)), "to", "{from} {to}");
    }
}

#[test]
fn a_window_may_begin_now_and_not_a_second_later() {
    assert_eq!(question("2026-11-09T02:07:31Z", "2026-11-10T00:00:00Z").window().from(), Moment::floor(now()));
    let latest = "2026-11-09T10:07:31+08:00".to_owned();
    let future = Invalid::WindowInFuture { latest };
    assert_eq!(refused("2026-11-09T02:07:32Z", "2026-11-10T00:00:00Z"), future);
    assert_eq!(refused("9999-12-30", "9999-12-31"), future);
}

#[test]
fn a_call_is_made_for_windows_that_begin_thirty_days_back_and_not_a_second_more() {
    let config = Config::default();
    let last = question("2026-10-10T02:07:31Z", "2026-10-11T00:00:00Z");
    assert_eq!(last.askable(now(), &config).unwrap().question(), &last);
    let beyond = question("2026-10-10T02:07:30Z", "2026-10-11T00:00:00Z");
    let earliest = "2026-10-10T10:07:31+08:00".to_owned();
    assert_eq!(beyond.askable(now(), &config), Err(Invalid::OutsideHorizon { earliest }));
    let ancient = question("now-999999d", "now-999998d");
    assert!(matches!(ancient.askable(now(), &config), Err(Invalid::OutsideHorizon { .. })));
}

#[test]
fn the_limits_are_the_configured_ones() {
    let second = std::time::Duration::from_secs(1);
    let config = Config { max_window: 10 * second, horizon: 60 * second, lag: 5 * second, ..Config::default() };
    let ask = |from, to| ask_at(NOW, &from_to(from, to), &config);
    let asked = ask("2026-11-09T02:06:31Z", "2026-11-09T02:06:41Z").unwrap();
    assert!(asked.question().askable(now(), &config).is_ok());
    assert_eq!(asked.question().settles_at(&config).as_second() - asked.question().window().to().as_second(), 5);
    let long = ask("2026-11-09T02:06:31Z", "2026-11-09T02:06:42Z");
    assert_eq!(long.unwrap_err(), Invalid::WindowTooLong { limit_seconds: 10 });
    let old = ask("2026-11-09T02:06:30Z", "2026-11-09T02:06:40Z").unwrap();
    assert!(old.question().askable(now(), &config).is_err());
}

#[test]
fn two_spellings_of_the_same_instants_are_one_question() {
    let first = question("2026-11-01", "2026-11-02");
    for raw in [
        "from=2026-11-01T00:00:00%2B08:00&to=2026-11-02&dim=province",
        "from=2026-11-01T00:00:00+08:00&to=2026-11-02T00:00:00+08:00&dim=province",
        "from=2026-10-31T16:00:00Z&to=2026-11-01t16:00:00z&dim=province",
        "from=2026-10-31T16:00:00-00:00&to=2026-11-01T10:00:00-06:00&dim=province",
        "dim=province&indicator=user_num&to=2026-11-02&from=%32026-11-01",
    ] {
        assert_eq!(ask_raw(raw).unwrap().question(), &first, "{raw}");
    }
    let others = [question("2026-11-01T00:00:01+08:00", "2026-11-02"), question("2026-11-01", "2026-11-03")];
    assert!(others.iter().all(|other| *other != first));
    let country = ask_raw("from=2026-11-01&to=2026-11-02&dim=country").unwrap();
    assert_ne!(country.question(), &first);
    let other = read(&AppId::parse("other").unwrap(), &from_to("2026-11-01", "2026-11-02"), now(), &Config::default());
    assert_ne!(other.unwrap().question(), &first);
}

#[test]
fn the_echo_is_what_was_asked() {
    let shown = |raw: &str| {
        let asked = ask_raw(raw).unwrap();
        (asked.shown_from().to_owned(), asked.shown_to().to_owned())
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let plus = shown("from=2026-11-01T00:00:00+08:00&to=2026-11-01t16:00:00z&dim=country");
    assert_eq!(plus, pair("2026-11-01T00:00:00+08:00", "2026-11-01t16:00:00z"));
    let dates = shown("from=2026-11-01&to=2026-11-02&dim=country");
    assert_eq!(dates, pair("2026-11-01T00:00:00+08:00", "2026-11-02T00:00:00+08:00"));
    let relative = shown("from=now-24h&to=now&dim=country");
    assert_eq!(relative, pair("2026-11-08T10:00:00+08:00", "2026-11-09T10:00:00+08:00"));
}

#[test]
fn the_dimension_and_the_indicator_are_exact_words() {
    for dim in ["Province", "PROVINCE", "province+", "provinces", "city", "%E7%9C%81"] {
        assert_eq!(named(&format!("from=2026-11-01&to=2026-11-02&dim={dim}")), "dim");
    }
    for indicator in ["User_Num", "user_num+", "usernum", "2"] {
        let raw = format!("from=2026-11-01&to=2026-11-02&dim=country&indicator={indicator}");
        assert_eq!(named(&raw), "indicator");
    }
    let asked = ask_raw("from=2026-11-01&to=2026-11-02&dim=country&indicator=user_num").unwrap();
    assert_eq!(asked.question().dimension(), Dimension::Country);
}

#[test]
fn the_checks_come_in_one_order() {
    for (raw, first) in [
        ("from=x&to=y&dim=z&indicator=w&zone=v", "zone"),
        ("from=x&to=y&dim=z&indicator=", "indicator"),
        ("from=x&to=y&indicator=w", "dim"),
        ("from=x&to=y&dim=z&indicator=w", "dim"),
        ("from=x&to=y&dim=country&indicator=w", "indicator"),
        ("from=x&to=y&dim=country", "from"),
        ("from=2026-11-01&to=y&dim=country", "to"),
        ("from=2027-11-01&to=2026-01-01&dim=country", "to"),
    ] {
        assert_eq!(named(raw), first, "{raw}");
    }
    assert_eq!(refused("2027-01-01", "2028-01-01"), TOO_LONG);
}

#[test]
fn every_refusal_of_a_parameter_is_a_sentence() {
    let times = "write 2026-11-01T00:00:00+08:00, a date such as 2026-11-01, now, or now-24h";
    for (raw, expected) in [
        ("", "from is missing; give for example from=2026-11-01".to_owned()),
        ("from=", "from is empty; give it a value".to_owned()),
        ("from=a&from=b", "from is repeated; give it once".to_owned()),
        ("form=a", "form is unknown; there are from, to, dim and indicator".to_owned()),
        ("fr%6=a", "fr%6 has a badly encoded name".to_owned()),
        ("&", "\"\" has no name; a & or = too many stands in the query".to_owned()),
        ("from=x&to=y&dim=z", "dim is neither province nor country (lower case)".to_owned()),
        ("from=x&to=y&dim=country", format!("from is not a time; {times}")),
        (
            "from=2026-11-02&to=2026-11-01&dim=country",
            "to must be later than from; the window is half-open, [from, to)".to_owned(),
        ),
    ] {
        assert_eq!(ask_raw(raw).unwrap_err().to_string(), format!("the parameter {expected}"), "{raw}");
    }
}

#[test]
fn a_purge_names_a_window_by_the_same_spellings_and_without_the_limits() {
    let config = Config::default();
    let long = window("2025-01-01", "2028-01-01", now(), &config).unwrap();
    assert_eq!(long.seconds(), 1095 * 86_400);
    let asked = question("now-24h", "now").window();
    assert_eq!(window("now-24h", "now", now(), &config), Ok(asked));
    assert!(window("now", "now", now(), &config).is_err());
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

proptest! {
    #[test]
    fn all_who_ask_within_a_cell_of_the_grid_ask_one_question(one in 0_i64..3600, other in 0_i64..3600, back in 1..7_u32) {
        let last_day = |second: i64| {
            let now = Timestamp::from_second(1_794_182_400 + second).unwrap().to_string();
            ask_at(&now, &from_to(&format!("now-{back}d"), "now"), &Config::default()).unwrap()
        };
        let (first, second) = (last_day(one), last_day(other));
        prop_assert_eq!(first.question() == second.question(), one / 600 == other / 600);
        prop_assert_eq!(first.shown_to() == second.shown_to(), one / 600 == other / 600);
        prop_assert_eq!(first.question().window().seconds(), i64::from(back) * 86_400);
    }

    #[test]
    fn no_query_makes_it_fall_over(raw in ".*", second in -377_705_023_201_i64..=253_402_207_200) {
        let now = Timestamp::from_second(second).unwrap();
        let app = AppId::parse("a").unwrap();
        let _ = read(&app, &raw, now, &Config::default());
        let relative = read(&app, "from=now-999999d&to=now&dim=country", now, &Config::default());
        prop_assert_eq!(relative.unwrap_err(), TOO_LONG);
    }

    #[test]
    fn no_bytes_however_encoded_make_it_fall_over(from: Vec<u8>, name: Vec<u8>) {
        let (from, name) = (percent_encode(&from, NON_ALPHANUMERIC), percent_encode(&name, NON_ALPHANUMERIC));
        let _ = ask_raw(&format!("from={from}&to=now&dim=country"));
        let refusal = ask_raw(&format!("from=now-1d&to=now&dim=country&{name}=1"));
        let Err(Invalid::Parameter { name, .. }) = refusal else { panic!("{refusal:?}") };
        prop_assert!(name.chars().count() <= 32);
    }

    #[test]
    fn what_is_accepted_and_written_in_utc_is_the_same_question(
        text in "2026-1[01]-[0-2][0-9]([Tt][0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|z|[ +-][0-2][0-9]:[0-5][0-9]))?",
        length in 1_i64..604_800,
    ) {
        let config = Config::default();
        let utc = |moment: Moment| Timestamp::from_second(moment.as_second()).unwrap().to_string();
        if let Ok(from) = times::read(&text, Moment::floor(now()), &config) {
            let to = utc(from.moment.plus(length));
            let spelled = ask_at("2026-12-31T00:00:00Z", &from_to(&text, &to), &config).unwrap();
            let again = ask_at("2026-12-31T00:00:00Z", &from_to(&utc(from.moment), &to), &config).unwrap();
            prop_assert_eq!(spelled.question(), again.question());
        }
    }
}
