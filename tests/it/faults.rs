//! A sick upstream: the caller sees the right problem, nothing hangs, no slot is lost, and the next caller is served.

use std::time::Duration;

use http::StatusCode;
use jiff::SignedDuration;
use sluice::clock::Clock;
use sluice::simulator::{Fault, Settings, Share};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{House, Plan, Reply, free_port, settled_day};

/// A fault, what the caller sees of it, and the calls it costs.
struct Case {
    fault: Fault,
    problem: &'static str,
    status: u16,
    upstream_code: Option<&'static str>,
    calls: usize,
}

fn case(fault: Fault, status: u16, problem: &'static str, upstream_code: Option<&'static str>, calls: usize) -> Case {
    Case { fault, problem, status, upstream_code, calls }
}

fn cases() -> Vec<Case> {
    let code = |status, code: &str| Fault::Code { status, code: code.to_owned() };
    let inside = |code: &str| Fault::ErrorInside200(code.to_owned());
    let error = "upstream-error";
    vec![
        case(Fault::Throttle, 502, error, Some("FlowLimitExceeded.QPSOverLimit"), 3),
        case(inside("AccountFlowLimitExceeded"), 502, error, Some("AccountFlowLimitExceeded"), 3),
        case(code(StatusCode::TOO_MANY_REQUESTS, "FlowLimitExceeded"), 502, error, Some("FlowLimitExceeded"), 3),
        case(Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), 502, error, Some("InternalError"), 3),
        case(inside("InternalError"), 502, error, Some("InternalError"), 3),
        case(inside("InvalidParameter.NotExistAppId"), 502, error, Some("InvalidParameter.NotExistAppId"), 1),
        case(code(StatusCode::UNAUTHORIZED, "SignatureDoesNotMatch"), 502, error, Some("SignatureDoesNotMatch"), 1),
        case(code(StatusCode::FORBIDDEN, "AccessDenied"), 502, error, Some("AccessDenied"), 1),
        case(Fault::Reset, 502, error, None, 3),
        case(Fault::Truncated, 502, error, None, 3),
        case(Fault::Malformed, 502, error, None, 1),
        case(Fault::WrongType, 502, error, None, 1),
        case(Fault::Huge(64 * 1024 * 1024), 502, error, None, 1),
        case(Fault::Hang, 504, "upstream-timeout", None, 1),
        case(Fault::Drip, 504, "upstream-timeout", None, 1),
        case(Fault::Latency(Duration::from_secs(60)), 504, "upstream-timeout", None, 1),
    ]
}

/// Two seconds, and something for a busy machine.
const RECOVERY: Duration = Duration::from_secs(3);

async fn house() -> House {
    house_before(Settings::default()).await
}

async fn house_before(upstream: Settings) -> House {
    let upstream = Settings { latency: Duration::from_millis(20), ..upstream };
    Plan { upstream, upstream_toml: "timeout = \"4s\"", ..Plan::default() }.build().await
}

/// What is told of a fault, by a house that stands before it.
async fn told(fault: &Fault) -> (House, Reply, Duration) {
    let mut tries = 0;
    loop {
        let house = house().await;
        house.upstream.order(fault.clone(), Share::Always);
        let began = Instant::now();
        let reply = house.asker("red").ask("app-0", &settled_day(0)).await;
        tries += 1;
        // A gateway that a busy machine let stand still during its call knows nothing of the upstream, and says so.
        if reply.problem() != "overloaded" || tries == 3 {
            return (house, reply, began.elapsed());
        }
    }
}

async fn is_told_and_recovered_from(case: Case) {
    let name = case.fault.name();
    let (house, reply, took) = told(&case.fault).await;
    let asker = house.asker("red");
    assert_eq!((reply.status, reply.problem().as_str()), (case.status, case.problem), "{name}: {reply:?}");
    assert_eq!(reply.json().get("upstream_code").and_then(|code| code.as_str()), case.upstream_code, "{name}");
    assert!(reply.retry_after() >= 1, "{name}");
    assert!(took < Duration::from_secs(6), "{name} took {took:?}");
    assert_eq!(house.calls(), case.calls, "{name}");

    house.upstream.clear_faults();
    let recovered = Instant::now();
    let again = asker.ask("app-0", &settled_day(0)).await;
    assert_eq!(again.status, 200, "{name}: the next caller of the same question: {again:?}");
    // What only a person can mend is not tried again each second.
    let is_ours = case.calls == 1 && case.upstream_code.is_some();
    assert!(is_ours || recovered.elapsed() < RECOVERY, "{name}: {:?} after recovery", recovered.elapsed());
    let other = house.asker("green").ask("app-0", &settled_day(0)).await;
    assert_eq!(other.status, 200, "{name}: the next caller of another question: {other:?}");
    // A throttle widens the guard, and a lost call is held for it from its end.
    sleep(Duration::from_millis(2100)).await;
    let free = house.operator().get("/status").await.json()["budget"]["free"].as_u64();
    assert_eq!(free, Some(2), "{name}: a slot was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_told_and_recovered_from() {
    let mut running = JoinSet::new();
    for case in cases() {
        running.spawn(is_told_and_recovered_from(case));
    }
    running.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_passes_is_not_seen_by_the_caller() {
    for fault in [Fault::Reset, Fault::Status(StatusCode::SERVICE_UNAVAILABLE), Fault::Throttle] {
        let house = house().await;
        house.upstream.order(fault, Share::Next(1));
        let reply = house.asker("red").ask("app-0", &settled_day(0)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(house.calls(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_clock_is_wrong_learns_the_time_from_the_upstream() {
    // The upstream takes a quarter of an hour either way.
    let clock = Clock::system().shifted(SignedDuration::from_mins(20));
    let house = Plan { clock, ..Plan::default() }.build().await;
    let asker = house.asker("red");
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    assert_eq!(house.calls(), 2, "the first is refused, the second signed by the upstream's clock");
    assert_eq!(asker.ask("app-0", &settled_day(1)).await.status, 200);
    assert_eq!(house.calls(), 3, "and so are all after it");
    let ahead = house.operator().get("/status").await.json()["upstream"]["clock_ahead_seconds"].as_i64().unwrap();
    assert!((-1202..=-1198).contains(&ahead), "{ahead}");
    let metrics = house.operator().get("/metrics").await.text;
    assert!(metrics.contains(&format!("\nsluice_upstream_clock_ahead_seconds {ahead}.0")), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_days_wrong_costs_one_call_and_is_not_followed() {
    let clock = Clock::system().shifted(SignedDuration::from_hours(49));
    let house = Plan { clock, ..Plan::default() }.build().await;
    let token = house.token_with(|token| token.issued_at += SignedDuration::from_hours(49));
    let reply = house.bearer(token).ask("app-0", &settled_day(3)).await;
    assert_eq!((reply.status, &reply.json()["upstream_code"]), (502, &"InvalidTimestamp".into()), "{reply:?}");
    assert_eq!(house.calls(), 1);
    assert_eq!(house.operator().get("/status").await.json()["upstream"]["clock_ahead_seconds"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timestamp_that_is_refused_for_no_reason_is_not_sent_again() {
    let house = house().await;
    let wrong_clock = Fault::Code { status: StatusCode::BAD_REQUEST, code: "InvalidTimestamp".to_owned() };
    house.upstream.order(wrong_clock, Share::Always);
    let reply = house.asker("red").ask("app-0", &settled_day(0)).await;
    assert_eq!((reply.status, &reply.json()["upstream_code"]), (502, &"InvalidTimestamp".into()));
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_distribution_is_an_answer() {
    let house = house().await;
    house.upstream.order(Fault::EmptyResult, Share::Always);
    assert!(house.asker("red").ask("app-0", &settled_day(0)).await.rows().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impatient_retries_of_a_sick_question_do_not_each_cost_a_call() {
    for fault in [Fault::Malformed, Fault::Throttle, Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), Fault::Reset] {
        let name = fault.name();
        let house = house().await;
        house.upstream.order(fault, Share::Always);
        let asker = house.asker("red").with_header("prefer", "wait=0");
        let began = Instant::now();
        let mut refused = 0;
        while began.elapsed() < Duration::from_millis(900) {
            assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 502, "{name}");
            refused += 1;
        }
        assert!(refused > 5, "{name}: only {refused} retries were made");
        // A flight takes a second leg at once while the other slot is free, and then rests.
        assert!(house.calls() <= 2, "{name}: {} calls", house.calls());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_cannot_be_reached_is_not_hammered() {
    let listen = ([127, 0, 0, 1], free_port()).into();
    let house = house_before(Settings { listen, ..Settings::default() }).await;
    let (asker, operator) = (house.asker("red"), house.operator());
    house.upstream.stop().await;
    let began = Instant::now();
    let reply = asker.ask("app-0", &settled_day(0)).await;
    assert_eq!((reply.status, reply.problem().as_str()), (502, "upstream-error"));
    let took = began.elapsed();
    // Two tries at once and a third when a slot is free again, which is a second after the failure.
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
    let budget = operator.get("/status").await.json()["budget"].clone();
    assert_eq!(budget["calls_sent"], 0, "what was never sent is no call");
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(operator.get("/status").await.json()["budget"]["free"], 2);
}
