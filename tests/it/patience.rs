//! Told at once, and told the truth: who cannot be served in time hears it now, with the time at which it can.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{House, Plan, settled_day};

/// A queue of ten questions: about five seconds.
async fn behind_a_queue() -> (House, JoinSet<u16>) {
    let house = Plan::latency(Duration::from_millis(30)).with_toml("[queue]\nmax_wait = \"30s\"").build().await;
    let mut queue = JoinSet::new();
    for question in 0..12 {
        let asker = house.asker("red");
        queue.spawn(async move { asker.ask("app-0", &settled_day(question)).await.status });
    }
    sleep(Duration::from_millis(500)).await;
    (house, queue)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_little_patience_is_told_at_once_and_coming_back_then_is_served() {
    let (house, queue) = behind_a_queue().await;
    let asker = house.asker("red").with_header("prefer", "wait=2");
    let asked = Instant::now();
    let refused = asker.ask("app-1", &settled_day(0)).await;
    let told = asked.elapsed();
    assert_eq!((refused.status, refused.problem().as_str()), (503, "budget-exhausted"));
    assert!(told < Duration::from_secs(1), "told after {told:?}, which is as if it had waited");
    let wait = refused.retry_after();
    assert!((3..=8).contains(&wait), "ten questions ahead are about five seconds, not {wait}");
    sleep(Duration::from_secs(wait)).await;
    let served = asker.ask("app-1", &settled_day(0)).await;
    assert_eq!(served.status, 200, "{served:?}");
    assert!(queue.join_all().await.iter().all(|status| *status == 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_queue_is_no_reason_to_refuse() {
    let (house, _queue) = behind_a_queue().await;
    let served = house.asker("green").with_header("prefer", "wait=2").ask("app-0", &settled_day(0)).await;
    assert_eq!(served.status, 200, "{served:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_patience_at_all_is_enough_where_a_slot_is_free() {
    let house = Plan::default().build().await;
    let asker = house.asker("red").with_header("prefer", "wait=0");
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    assert_eq!(asker.ask("app-0", &settled_day(1)).await.status, 200);
    let third = asker.ask("app-0", &settled_day(2)).await;
    assert_eq!((third.status, third.retry_after()), (503, 1), "{third:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_too_many_questions_waiting_is_refused_and_others_are_not() {
    let house = Plan::latency(Duration::from_millis(30)).with_toml("[queue]\nper_tenant = 3").build().await;
    // Both slots are spent, so that whoever comes now waits.
    for question in 0..2 {
        assert_eq!(house.asker("red").ask("app-0", &settled_day(question)).await.status, 200);
    }
    let mut asking = JoinSet::new();
    for question in 2..12 {
        let asker = house.asker("red");
        asking.spawn(async move { asker.ask("app-0", &settled_day(question)).await });
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(house.asker("green").ask("app-0", &settled_day(0)).await.status, 200);
    let replies = asking.join_all().await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert!((6..=7).contains(&refused.len()), "{} refused", refused.len());
    assert!(refused.iter().all(|reply| reply.problem() == "budget-exhausted" && reply.retry_after() >= 1));
}
