//! Sums over whole, torn, foreign and endless files.

use super::*;

fn id(number: u32) -> String {
    format!("019ac6f0-86c8-7b30-8c46-{number:012}")
}

fn sending(number: u32, at: &str, tenant: &str) -> String {
    let id = id(number);
    format!(r#"{{"record":"sending","id":"{id}","at":"{at}","tenant":"{tenant}","app_id":"app","leg":1,"new":[]}}"#)
}

fn ended(number: u32, arrived: &str, outcome: &str) -> String {
    let id = id(number);
    format!(
        r#"{{"record":"ended","id":"{id}","at":"2026-11-27T01:00:00.000Z","arrived":{arrived},"outcome":"{outcome}"}}"#
    )
}

fn summary(zone: TimeZone, files: &[&[String]]) -> Summary {
    let mut summary = Summary::new(zone);
    for (number, lines) in files.iter().enumerate() {
        summary.read(&format!("file-{number}"), lines.join("\n").as_bytes()).unwrap();
    }
    summary
}

fn rows(summary: &Summary) -> Vec<String> {
    let row = |(key, calls): (Key, u64)| format!("{} {} {} {calls}", key.day, key.tenant, key.outcome);
    summary.rows().into_iter().map(row).collect()
}

#[test]
fn calls_are_added_up_where_they_began_and_what_was_not_sent_is_none() {
    let lines = [
        sending(1, "2026-11-26T23:59:59.999Z", "red"),
        sending(2, "2026-11-27T00:00:00.000Z", "red"),
        ended(1, "true", "answered"),
        ended(2, "null", "timed_out"),
        sending(3, "2026-11-27T00:00:01.000Z", "red"),
        ended(3, "false", "unreachable"),
        sending(4, "2026-11-27T00:00:02.000Z", "green"),
    ];
    let utc = summary(TimeZone::UTC, &[&lines]);
    assert_eq!(
        rows(&utc),
        ["2026-11-26 red answered 1", "2026-11-27 green unfinished 1", "2026-11-27 red timed_out 1"]
    );
    assert_eq!((utc.calls(), utc.unknown(), utc.unfinished().len()), (3, 1, 1));
    assert_eq!(
        utc.not_sent().iter().map(|(outcome, count)| (&**outcome, *count)).collect::<Vec<_>>(),
        [("unreachable", 1)]
    );
    let shanghai = summary(TimeZone::get("Asia/Shanghai").unwrap(), &[&lines]);
    assert!(rows(&shanghai).contains(&"2026-11-27 red answered 1".to_owned()));
}

#[test]
fn an_end_that_was_written_twice_is_no_end_of_another_call() {
    let calls: Vec<_> = (0..9000)
        .flat_map(|number| [sending(number, "2026-11-27T00:00:00.000Z", "red"), ended(number, "true", "answered")])
        .collect();
    let again = [ended(8990, "true", "answered"), ended(8999, "true", "answered")];
    let twice = summary(TimeZone::UTC, &[&calls, &again]);
    assert_eq!((twice.calls(), twice.strange_ends()), (9000, 0));
    // It is not for ever that they are remembered.
    assert_eq!(summary(TimeZone::UTC, &[&calls, &[ended(0, "true", "answered")]]).strange_ends(), 1);
}

#[test]
fn files_may_come_in_any_order() {
    let (first, second) = ([sending(1, "2026-11-27T00:00:00.000Z", "red")], [ended(1, "true", "answered")]);
    for files in [[&first[..], &second[..]], [&second[..], &first[..]]] {
        let summary = summary(TimeZone::UTC, &files);
        assert_eq!(rows(&summary), ["2026-11-27 red answered 1"]);
        assert_eq!((summary.strange_ends(), summary.unfinished().len()), (0, 0));
    }
    let alone = summary(TimeZone::UTC, &[&second]);
    assert_eq!((alone.calls(), alone.strange_ends()), (0, 1));
}

#[test]
fn torn_lines_and_lines_of_others_are_counted_and_named() {
    let whole = sending(1, "2026-11-27T00:00:00.000Z", "red");
    let lines = [
        whole[..40].to_owned(),
        r#"{"timestamp":"2026","level":"INFO","message":"serving"}"#.to_owned(),
        String::new(),
        whole.clone(),
        r#"{"record":"of another kind"}"#.to_owned(),
        "a line for people".to_owned(),
        whole.replace("red", "r\\u001b[31med"),
        whole.replace("2026-11", "not a time"),
        format!("{whole}{}", "x".repeat(1 << 20)),
        r#"{"rec"#.to_owned(),
    ];
    let summary = summary(TimeZone::UTC, &[&lines]);
    let lines = |strays: &Strays| strays.first.iter().map(|place| place.line).collect::<Vec<_>>();
    assert_eq!(lines(summary.torn()), [1, 7, 8, 9, 10]);
    assert_eq!(lines(summary.others()), [2, 5, 6]);
    assert_eq!((summary.calls(), summary.records()), (1, 1));
}

#[test]
fn a_long_record_is_read_without_being_held() {
    let mut summary = Summary::new(TimeZone::UTC);
    for round in 0..100 {
        let lines: String = (0..100)
            .flat_map(|number| {
                let number = round * 100 + number;
                [sending(number, "2026-11-27T00:00:00.000Z", "red"), ended(number, "true", "answered")]
            })
            .map(|line| line + "\n")
            .collect();
        summary.read("file", lines.as_bytes()).unwrap();
        assert!(summary.reading.open.is_empty() && summary.reading.ends.is_empty());
    }
    assert_eq!(rows(&summary), ["2026-11-27 red answered 10000"]);
}
