//! Two calls a second, as the receiver sees them, and everyone's fair turn at them.
//!
//! A binary of its own, so that no other test takes the processor while arrivals are timed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets one of these has failed"
)]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other binary, which uses the rest")]
mod support;

use std::time::Duration;

use sluice::app::Past;
use sluice::simulator::{Arrival, Settings, Verdict, worst_window};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use support::{House, Plan, TENANTS, app_id, settled_day};

const PER: Duration = Duration::from_secs(1);

fn near() -> Settings {
    Settings { latency: Duration::from_millis(30), jitter: Duration::from_millis(20), ..Settings::default() }
}

/// Arrivals over what two a second would have allowed in the same time.
fn utilisation(arrivals: &[Arrival]) -> f64 {
    let (first, last) = (arrivals.first().unwrap().at, arrivals.last().unwrap().at);
    // The first two may come at once; each further pair needs a second.
    let least = PER.as_secs_f64() * f64::from(u32::try_from(arrivals.len() - 2).unwrap()) / 2.0;
    least / (last.as_secs_f64() - first.as_secs_f64())
}

fn kept(house: &House) -> Vec<Arrival> {
    let arrivals = house.upstream.arrivals();
    assert!(worst_window(&arrivals, PER) <= 2, "three calls within a second: {arrivals:#?}");
    assert!(arrivals.iter().all(|arrival| arrival.verdict != Verdict::Throttled));
    arrivals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_questions_of_four_tenants_never_meet_the_limit_and_use_most_of_it() {
    let house = Plan { upstream: near(), ..Plan::default() }.with_toml("[queue]\nmax_wait = \"200s\"").build().await;
    let mut asking = JoinSet::new();
    for tenant in TENANTS {
        for question in 0..50_i64 {
            let (asker, day) = (house.asker(tenant), settled_day(question % 25));
            asking.spawn(async move { asker.ask(&format!("app-{}", question / 25), &day).await.rows().len() });
        }
    }
    assert!(asking.join_all().await.iter().all(|rows| *rows > 0));
    let arrivals = kept(&house);
    assert_eq!(arrivals.len(), 200);
    let utilisation = utilisation(&arrivals);
    assert!(utilisation >= 0.9, "only {utilisation:.3} of the budget was used");
    // Fair turns: from when all four wait until the first line is empty, no tenant gets more than a turn ahead.
    let mut turns = [0_i32; TENANTS.len()];
    for arrival in arrivals.iter().take(180).skip(8) {
        let app = arrival.app_id.as_deref().unwrap();
        turns[TENANTS.iter().position(|tenant| app.starts_with(tenant)).unwrap()] += 1;
        // Two calls may be under way at a time and arrive in either order, hence two.
        assert!(turns.iter().max().unwrap() - turns.iter().min().unwrap() <= 2, "{turns:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_question_starts_within_two_turns_while_another_tenant_floods() {
    let house = Plan { upstream: near(), ..Plan::default() }.with_toml("[queue]\nmax_wait = \"60s\"").build().await;
    let mut flood = JoinSet::new();
    for question in 0..30 {
        let asker = house.asker("red");
        flood
            .spawn(async move { asker.ask(&format!("app-{}", question % 3), &settled_day(question / 3)).await.status });
    }
    sleep(Duration::from_millis(2500)).await;
    let before = house.calls();
    let reply = house.asker("green").ask("app-0", &settled_day(0)).await;
    assert_eq!(reply.status, 200);
    let mine = house.upstream.arrivals().iter().position(|a| a.app_id == Some(app_id("green", 0))).unwrap();
    assert!(mine - before <= 2, "{} turns of the flood came first", mine - before);
    kept(&house);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_past_is_unknown_sends_nothing_for_a_second_and_the_guard() {
    let began = Instant::now();
    let house = Plan { past: Past::Unknown, ..Plan::default() }.build().await;
    let reply = house.asker("red").ask("app-0", &settled_day(0)).await;
    assert_eq!(reply.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(1100), "sent after {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_had_to_open_its_connection_holds_its_slot_until_the_answer() {
    let latency = Duration::from_millis(800);
    let house = Plan::latency(latency).build().await;
    let mut asking = JoinSet::new();
    for question in 0..3 {
        let asker = house.asker("red");
        asking.spawn(async move { asker.ask("app-0", &settled_day(question)).await.status });
    }
    assert!(asking.join_all().await.iter().all(|status| *status == 200));
    let arrivals = house.upstream.arrivals();
    let gap = arrivals[2].at.abs_diff(arrivals[0].at);
    assert!(gap >= PER + latency, "the third call came {gap:?} after the first, whose connection was new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_upstream_on_open_connections_costs_the_guard_and_not_the_latency() {
    // Answers take a second; with slots held until the answer two calls a second would become one.
    let latency = Duration::from_secs(1);
    let house = Plan::latency(latency).with_toml("[queue]\nmax_wait = \"60s\"").build().await;
    let mut asking = JoinSet::new();
    for question in 0..20 {
        let asker = house.asker("red");
        asking.spawn(async move { asker.ask("app-0", &settled_day(question)).await.status });
    }
    assert!(asking.join_all().await.iter().all(|status| *status == 200));
    let arrivals = kept(&house);
    // A slot is used again after a second and the guard, or after a second and the latency where a busy machine looked too
    // late for the guard to be believed, or the connection had to be opened.
    let again: Vec<_> = arrivals.windows(3).map(|three| three[2].at.abs_diff(three[0].at)).collect();
    let soon = again.iter().filter(|gap| **gap < PER + latency / 2).count();
    assert!(
        soon * 3 >= again.len(),
        "only {soon} of {} slots were used again before the answer: {again:?}",
        again.len()
    );
}
