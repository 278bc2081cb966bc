//! The line of a request, beside what the JSON formatter makes of the event.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use proptest::option;
use proptest::prelude::*;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::clock::Clock;

/// A place for lines that a test reads.
#[derive(Default)]
struct Page(Mutex<Vec<u8>>);

impl Write for &Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `tell` leaves on a log with this filter, and what it returns.
fn told<T>(filter: &str, tell: impl FnOnce() -> T) -> (String, T) {
    let page = Arc::<Page>::default();
    let lines = tracing_subscriber::fmt::layer().with_writer(Arc::clone(&page)).json().flatten_event(true);
    let lines = lines.with_current_span(false).with_span_list(false);
    let log = tracing_subscriber::registry().with(EnvFilter::new(filter)).with(lines);
    let returned = tracing::subscriber::with_default(log, tell);
    let bytes = page.0.lock().unwrap().clone();
    (String::from_utf8(bytes).unwrap(), returned)
}

fn written(access: &Access<'_>) -> String {
    let mut line = Vec::new();
    access.write(&mut line, &mut Stamp::of(Clock::system()));
    String::from_utf8(line).unwrap()
}

/// The line without its moment, whose form it checks.
fn but_for_the_moment(line: &str) -> String {
    let (moment, rest) = line.strip_prefix("{\"timestamp\":\"").unwrap().split_once('"').unwrap();
    let form: String = moment.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000000Z", "{line}");
    rest.to_owned()
}

fn same_both_ways(access: &Access<'_>) {
    let (event, ()) = told("info", || access.tell());
    assert_eq!(but_for_the_moment(&written(access)), but_for_the_moment(&event));
}

#[test]
fn a_line_is_what_the_formatter_makes_of_the_event() {
    let whole = Access {
        at: None,
        request_id: "01890a5d",
        trace_id: Some("0af7651916cd43dd8448eb211c80319c"),
        method: Some("GET"),
        route: "/apps/{app}/distribution",
        status: Some(200),
        outcome: "hit",
        blame: Some("caller"),
        tenant: Some("red"),
        app: Some("a \"name\"\\ \n\r\t\u{8}\u{c}\0\u{1b}[31m\u{7f}\u{85}\u{2028}é漢🦀</script>"),
        wait_ms: Some(0),
        calls: Some(u32::MAX),
        took_ms: u64::MAX,
    };
    same_both_ways(&whole);
    same_both_ways(&Access::default());
    assert!(written(&whole).contains("\"wait_ms\":0,\"calls\":4294967295,"), "{}", written(&whole));
}

#[test]
fn the_filter_decides_as_it_does_of_the_event() {
    let filters = [
        ("info", true),
        ("trace", true),
        ("warn", false),
        ("off", false),
        ("info,sluice::access=off", false),
        ("off,sluice::access=info", true),
        ("sluice=debug,sluice::access=warn", false),
        ("sluice::acc=info", true),
        ("sluice::audit=info", false),
        ("off,sluice::access[{outcome}]=info", true),
        ("off,sluice::access[{message}]=info", true),
        ("off,sluice::access[{nothing}]=info", false),
        ("info,[{took_ms}]=off", false),
    ];
    for (filter, lets_through) in filters {
        let (event, wanted) = told(filter, || {
            Access::default().tell();
            is_wanted()
        });
        assert_eq!((!event.is_empty(), wanted), (lets_through, lets_through), "{filter}");
    }
}

#[test]
fn a_time_that_is_known_is_that_of_the_line() {
    let at = "2026-07-01T09:30:59.000042Z".parse().ok();
    let line = written(&Access { at, ..Access::default() });
    assert!(line.starts_with("{\"timestamp\":\"2026-07-01T09:30:59.000042Z\","), "{line}");
}

/// Visible ASCII and spaces, without the two that JSON escapes.
const PLAIN: &str = "[ -!#-\\[\\]-~]*";

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_written_as_the_formatter_writes_it(
        ours in proptest::array::uniform3(PLAIN),
        known in proptest::array::uniform3(option::of(PLAIN)),
        theirs in proptest::array::uniform2(option::of(any::<String>())),
        numbers in (option::of(any::<u16>()), option::of(any::<u64>()), option::of(any::<u32>()), any::<u64>()),
    ) {
        let [request_id, route, outcome] = ours.each_ref().map(String::as_str);
        let [trace_id, method, blame] = known.each_ref().map(Option::as_deref);
        let [tenant, app] = theirs.each_ref().map(Option::as_deref);
        let (status, wait_ms, calls, took_ms) = numbers;
        same_both_ways(&Access {
            at: None, request_id, trace_id, method, route, status, outcome, blame, tenant, app, wait_ms, calls, took_ms,
        });
    }
}
