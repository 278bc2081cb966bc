//! The simulator as a caller sees it, over real sockets.

mod caller;
mod faults;
mod lifetime;
mod refusals;

use std::time::Duration;

use serde_json::{Value, json};

use self::caller::Call;
use super::{Settings, Simulator, ThrottleAnswer, Verdict, start, worst_window};

const SECOND: Duration = Duration::from_secs(1);

async fn simulator(settings: Settings) -> Simulator {
    start(settings).await.expect("a free port of this machine can be bound")
}

#[tokio::test]
async fn a_signed_call_is_answered_and_logged() {
    let simulator = simulator(Settings::default()).await;
    let call = Call::new(&simulator);
    let reply = call.make().await.expect("an answer");
    let json = reply.json();
    assert_eq!((reply.status, reply.code()), (200, String::new()));
    assert_eq!(json.pointer("/Result/Dimension"), Some(&json!("province")));
    let data = json.pointer("/Result/Data").and_then(Value::as_array);
    assert!(data.is_some_and(|data| data.len() >= 5));

    let arrivals = simulator.arrivals();
    assert_eq!(arrivals.len(), 1);
    let arrival = arrivals.first().expect("there is one");
    assert_eq!(arrival.verdict, Verdict::Answered);
    assert_eq!(arrival.app_id.as_deref(), Some("app-1"));
    assert_eq!(arrival.start.as_deref(), call.field("StartTime"));
    assert_eq!(arrival.end.as_deref(), call.field("EndTime"));
    assert_eq!(arrival.dimension.as_deref(), Some("province"));
    assert_eq!(arrival.access_key_id, Some(call.settings.access_key_id));
    let id = json.pointer("/ResponseMetadata/RequestId").and_then(Value::as_str);
    assert_eq!(Some(arrival.request_id.as_str()), id);
}

#[tokio::test]
async fn the_same_question_has_the_same_answer_and_another_app_another() {
    let simulator = simulator(Settings { limit: 3, ..Settings::default() }).await;
    let mut call = Call::new(&simulator);
    let mut results = Vec::new();
    for app in ["app-1", "app-1", "app-2"] {
        call.set("AppId", app);
        let reply = call.make().await.expect("an answer");
        results.push(reply.json().get("Result").cloned());
    }
    assert_eq!(results.first(), results.get(1));
    assert_ne!(results.get(1), results.get(2));
}

#[tokio::test]
async fn the_third_call_within_a_second_is_throttled() {
    for (throttle_answer, status, code) in [
        (ThrottleAnswer::Rtc, 200, "FlowLimitExceeded.QPSOverLimit"),
        (ThrottleAnswer::Gateway, 429, "FlowLimitExceeded"),
        (ThrottleAnswer::Account, 429, "AccountFlowLimitExceeded"),
    ] {
        let settings = Settings { throttle_answer, per: 60 * SECOND, ..Settings::default() };
        let simulator = simulator(settings).await;
        let call = Call::new(&simulator);
        for _ in 0..2 {
            assert_eq!(call.make().await.expect("an answer").code(), "");
        }
        let third = call.make().await.expect("an answer");
        assert_eq!((third.status, third.code().as_str()), (status, code));
        let arrivals = simulator.arrivals();
        assert_eq!(arrivals.last().map(|arrival| &arrival.verdict), Some(&Verdict::Throttled));
        assert_eq!(worst_window(&arrivals, 60 * SECOND), 3);
    }
}
