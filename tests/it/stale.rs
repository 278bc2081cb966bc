//! Moving answers: fresh for a while, refreshed by one call, and a stand-in when the upstream fails.

use std::time::Duration;

use http::StatusCode;
use sluice::simulator::{Fault, Share};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{House, Plan, moving_day};

const LIFETIME: Duration = Duration::from_millis(2100);

async fn house() -> House {
    let toml = "[cache]\nrecent_ttl = \"2s\"\nstale_if_error = \"1h\"";
    Plan::latency(Duration::from_millis(50)).with_toml(toml).build().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moving_answer_is_fresh_for_its_time_and_then_refreshed_by_one_call() {
    let house = house().await;
    let day = moving_day();
    let first = house.asker("red").ask("app-0", &day).await;
    assert_eq!(first.json()["final"], false);
    assert_eq!(first.header("cache-control"), "private, max-age=2");
    let held = house.asker("red").ask("app-0", &day).await;
    assert!(held.header("cache-status").starts_with("sluice; hit; ttl="), "{held:?}");
    sleep(LIFETIME).await;
    let asker = house.asker("red");
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let (asker, day) = (asker.clone(), day.clone());
        asking.spawn(async move { asker.ask("app-0", &day).await });
    }
    let replies = asking.join_all().await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let stored = replies.iter().filter(|reply| reply.header("cache-status") == "sluice; fwd=stale; stored").count();
    assert_eq!((stored, house.calls()), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_purged_while_its_caller_waited_stands_in_for_nothing() {
    let house = Plan::default().with_toml("[cache]\nrecent_ttl = \"1s\"\nstale_if_slow = \"800ms\"").build().await;
    let (asker, day) = (house.asker("red"), moving_day());
    assert_eq!(asker.ask("app-0", &day).await.status, 200);
    sleep(Duration::from_millis(1100)).await;
    house.upstream.order(Fault::Hang, Share::Always);
    let waiting = tokio::spawn(async move { asker.ask("app-0", &day).await });
    sleep(Duration::from_millis(200)).await;
    assert_eq!(house.operator().send("POST", "/cache/purge", "{}").await.status, 204);
    let reply = waiting.await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (504, "upstream-timeout"), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_answer_stands_in_while_the_upstream_fails() {
    let house = house().await;
    let day = moving_day();
    let asker = house.asker("red");
    let first = asker.ask("app-0", &day).await;
    sleep(LIFETIME).await;
    house.upstream.order(Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), Share::Always);
    let stale = asker.ask("app-0", &day).await;
    assert_eq!(stale.rows(), first.rows());
    let status = stale.header("cache-status");
    assert!(
        status.starts_with("sluice; fwd=stale; ttl=-") && status.ends_with("detail=stale-if-error-failing"),
        "{status}"
    );
    let age: u64 = stale.header("age").parse().unwrap();
    assert!(age >= 1, "a stale answer must look stale to its caller");
    // Nothing fresh is held, and a stale answer is none to a caller who spends nothing.
    let unspent = house.asker("red").with_header("cache-control", "only-if-cached").ask("app-0", &day).await;
    assert_eq!((unspent.status, unspent.problem().as_str()), (504, "not-cached"));
    house.upstream.clear_faults();
    sleep(LIFETIME).await;
    assert_eq!(asker.ask("app-0", &day).await.header("cache-status"), "sluice; fwd=stale; stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_stale_if_error_the_failure_shows() {
    let toml = "[cache]\nrecent_ttl = \"2s\"\nstale_if_error = \"0s\"";
    let house = Plan::default().with_toml(toml).build().await;
    let day = moving_day();
    assert_eq!(house.asker("red").ask("app-0", &day).await.status, 200);
    sleep(LIFETIME).await;
    house.upstream.order(Fault::Malformed, Share::Always);
    assert_eq!(house.asker("red").ask("app-0", &day).await.status, 502);
}
