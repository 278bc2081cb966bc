//! Whether what the replicas recorded of their calls is what arrived at the upstream.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sluice::simulator::Arrival;

use crate::support::log_lines;

/// What a call asked: `AppId`, the two instants and the dimension.
type Asked = (String, Option<Timestamp>, Option<Timestamp>, String);

/// Arrivals against records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Records of calls that were to be sent, without those of which it was recorded that nothing was.
    pub(crate) records: usize,
    /// Arrivals that nobody recorded before.
    pub(crate) unrecorded: usize,
    /// Records that say of a call that it arrived which did not.
    pub(crate) untrue: usize,
    /// Records without an end: their process was killed.
    pub(crate) without_an_end: usize,
    /// Records of calls that nobody answered, and that did not arrive.
    pub(crate) in_vain: usize,
}

/// What is known of one question: how often it arrived, and how often it was recorded.
#[derive(Default)]
struct Balance {
    arrived: usize,
    /// Recorded, and answered.
    for_certain: usize,
    /// Recorded, and who knows.
    perhaps: usize,
}

/// Holds what arrived against the replicas' files of records, all of them together (docs/audit.md).
pub(crate) fn compare<'a>(arrivals: &[Arrival], files: impl IntoIterator<Item = &'a str>) -> Compared {
    let lines: Vec<Value> = files.into_iter().flat_map(log_lines).collect();
    let of_kind = |kind: &'static str| lines.iter().filter(move |line| line["record"] == kind);
    let ends: BTreeMap<&str, &Value> = of_kind("ended").filter_map(|end| Some((end["id"].as_str()?, end))).collect();
    let (mut compared, mut balances) = (Compared::default(), BTreeMap::<Asked, Balance>::new());
    for sending in of_kind("sending") {
        let end = sending["id"].as_str().and_then(|id| ends.get(id));
        let arrived = end.map_or(&Value::Null, |end| &end["arrived"]);
        if *arrived == false {
            continue;
        }
        compared.records += 1;
        compared.without_an_end += usize::from(end.is_none());
        let balance = balances.entry(of_record(sending)).or_default();
        *(if *arrived == true { &mut balance.for_certain } else { &mut balance.perhaps }) += 1;
    }
    for arrival in arrivals {
        balances.entry(of_arrival(arrival)).or_default().arrived += 1;
    }
    for Balance { arrived, for_certain, perhaps } in balances.values() {
        compared.unrecorded += arrived.saturating_sub(for_certain + perhaps);
        compared.untrue += for_certain.saturating_sub(*arrived);
        compared.in_vain += perhaps.saturating_sub(arrived.saturating_sub(*for_certain));
    }
    let known: BTreeSet<&str> = arrivals.iter().map(|arrival| arrival.request_id.as_str()).collect();
    let told = ends.values().filter_map(|end| end["upstream_request_id"].as_str());
    compared.untrue += told.filter(|id| !known.contains(id)).count();
    compared
}

fn of_arrival(arrival: &Arrival) -> Asked {
    let instant = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(&arrival.app_id), instant(&arrival.start), instant(&arrival.end), text(&arrival.dimension))
}

fn of_record(line: &Value) -> Asked {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    (text("app_id"), text("from").parse().ok(), text("to").parse().ok(), text("dimension"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use sluice::simulator::Verdict;

    use super::*;

    fn arrival(app: &str, request_id: &str) -> Arrival {
        Arrival {
            at: Duration::ZERO,
            wall: Timestamp::UNIX_EPOCH,
            connection: 1,
            request_id: request_id.to_owned(),
            access_key_id: None,
            traceparent: None,
            app_id: Some(app.to_owned()),
            start: Some("2026-11-01T00:00:00+08:00".to_owned()),
            end: Some("2026-11-02T00:00:00+08:00".to_owned()),
            indicator: Some("user_num".to_owned()),
            dimension: Some("province".to_owned()),
            verdict: Verdict::Answered,
        }
    }

    fn sending(id: &str, app: &str) -> String {
        let (from, to) = ("2026-10-31T16:00:00Z", "2026-11-01T16:00:00Z");
        json!({"record": "sending", "id": id, "app_id": app, "from": from, "to": to, "dimension": "province"})
            .to_string()
    }

    fn ended(id: &str, arrived: Option<bool>, request_id: Option<&str>) -> String {
        json!({"record": "ended", "id": id, "arrived": arrived, "upstream_request_id": request_id}).to_string()
    }

    #[test]
    fn calls_are_held_against_records_one_by_one() {
        let one = [sending("1", "a"), ended("1", Some(true), Some("r"))].join("\n");
        let arrived = [arrival("a", "r")];
        assert_eq!(compare(&arrived, [&*one]), Compared { records: 1, ..Compared::default() });
        // Nobody recorded it; it was recorded of another question.
        assert_eq!(compare(&arrived, []).unrecorded, 1);
        assert_eq!(
            compare(&[arrival("b", "r")], [&*one]),
            Compared { records: 1, unrecorded: 1, untrue: 1, ..Compared::default() }
        );
        // Recorded once, arrived twice.
        assert_eq!(compare(&[arrival("a", "r"), arrival("a", "s")], [&*one]).unrecorded, 1);
        // It is said to have arrived, under an id that nobody gave.
        assert_eq!(compare(&[arrival("a", "s")], [&*one]).untrue, 1);
    }

    #[test]
    fn who_was_killed_or_not_answered_may_have_called_or_not() {
        let killed = sending("1", "a");
        assert_eq!(
            compare(&[], [&*killed]),
            Compared { records: 1, without_an_end: 1, in_vain: 1, ..Compared::default() }
        );
        let arrived = compare(&[arrival("a", "r")], [&*killed]);
        assert_eq!(arrived, Compared { records: 1, without_an_end: 1, ..Compared::default() });
        let lost = [sending("1", "a"), ended("1", None, None)].join("\n");
        assert_eq!(compare(&[], [&*lost]), Compared { records: 1, in_vain: 1, ..Compared::default() });
        let not_sent = [sending("1", "a"), ended("1", Some(false), None)].join("\n");
        assert_eq!(compare(&[], [&*not_sent]), Compared::default());
        assert_eq!(compare(&[arrival("a", "r")], [&*not_sent]).unrecorded, 1);
    }
}
