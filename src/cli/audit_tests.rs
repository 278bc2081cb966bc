//! The page of `sluice audit summary`, as it is read.

use super::*;

fn summary(lines: &str) -> Summary {
    let mut summary = Summary::new(TimeZone::UTC);
    summary.read("audit.jsonl", lines.as_bytes()).unwrap();
    summary
}

fn call(number: u32, tenant: &str, app: &str, end: Option<(&str, &str)>) -> String {
    let id = format!("019ac6f0-86c8-7b30-8c46-{number:012}");
    let begun = format!(
        "{{\"record\":\"sending\",\"id\":\"{id}\",\"at\":\"2026-11-27T20:00:03.118Z\",\"tenant\":\"{tenant}\",\
         \"app_id\":\"{app}\"}}\n"
    );
    let ended = end.map(|(arrived, outcome)| {
        format!("{{\"record\":\"ended\",\"id\":\"{id}\",\"arrived\":{arrived},\"outcome\":\"{outcome}\"}}\n")
    });
    begun + &ended.unwrap_or_default()
}

const APP: &str = "661e1c9d2b9f4a0017e843cf";

#[test]
fn the_page_tells_calls_and_what_they_do_not_say() {
    let lines = [
        call(1, "team-classroom", APP, Some(("true", "answered"))),
        call(2, "team-classroom", APP, Some(("true", "throttled"))),
        call(3, "team-meetings", APP, Some(("null", "timed_out"))),
        call(4, "team-meetings", APP, Some(("false", "unreachable"))),
        call(5, "team-meetings", APP, None),
        "{\"record\":\"sending\",\"id\n".to_owned(),
    ];
    let expected = "\
Calls to the upstream, by days in UTC

day         tenant, app                              outcome           calls
2026-11-27  team-classroom
              661e1c9d2b9f4a0017e843cf               answered              1
                                                     throttled             1
            team-meetings
              661e1c9d2b9f4a0017e843cf               timed_out             1
                                                     unfinished            1
all                                                                        4

2 of 4 calls arrived for certain.
1 call ended without an answer that would tell.
Not sent, and not counted above: 1 unreachable.
1 call did not end: under way now, or when the process was killed.
  2026-11-27T20:00:03Z 019ac6f0-86c8-7b30-8c46-000000000005 team-meetings
1 torn line passed over:
  audit.jsonl: 10
";
    let page = page(&summary(&lines.concat()), "UTC");
    assert_eq!(page, expected);
}

#[test]
fn no_line_is_wider_than_a_terminal_whatever_the_names() {
    let long = "t".repeat(64);
    let page = page(&summary(&call(1, &long, &long, Some(("true", "answered")))), "America/Argentina/ComodRivadavia");
    // Names of 64 characters stand whole on lines of their own.
    let wide: Vec<_> = page.lines().filter(|line| line.chars().count() > 80 && !line.contains(&long)).collect();
    assert!(wide.is_empty(), "{page}");
    assert!(page.contains("answered              1"), "{page}");
}
