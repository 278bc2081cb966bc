//! Replicas that die or stand still: their slots and flights come free, and nothing is sent twice or too early.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::audit::{Pardon, WHILE_AWAY, judge, kept};
use crate::fleet::{Fleet, SPARE};
use crate::load::Load;
use crate::plan::{Plan, upstream};
use crate::redis::Redis;
use crate::{turn, within};

/// How long the flight of a replica that died keeps others from asking.
const LEASE: Duration = Duration::from_secs(3);
/// Beyond the lease until another replica has noticed, and has had its turn: half a second, and more on a busy machine.
const SLACK: Duration = Duration::from_secs(3);
/// How a granted claim is told.
const GRANTED: &[u8] = b"$7\r\ngranted\r\n";
const CODES: &[&str] = &["budget-exhausted"];

async fn asked(fleet: &Fleet, times: usize, limit: Duration) {
    let asked = async || (fleet.calls_for(SPARE).len() >= times).then_some(());
    within(limit, "a call of the spare tenant", asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_whose_replica_is_killed_is_asked_once_more_for_all_who_wait_elsewhere() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let latency = Duration::from_secs(1);
    let plan = Plan { upstream: upstream(latency), timeout: Duration::from_secs(5), ..Plan::sharing(&redis) };
    let mut fleet = plan.start().await;
    let load = Load::steady(&fleet);
    let (app, window) = fleet.fresh();
    let ask = |replica| {
        let (asker, app, window) = (fleet.asker(replica, SPARE), app.clone(), window.clone());
        tokio::spawn(async move { asker.try_ask(&app, &window).await })
    };
    let lost = ask(0);
    asked(&fleet, 1, Duration::from_secs(5)).await;
    let waiting = [ask(1), ask(1), ask(2), ask(2)];
    // Its answer is still on its way.
    sleep(latency / 3).await;
    let killed = Instant::now();
    fleet.kill(0);
    assert!(lost.await.unwrap().is_err());
    for reply in waiting {
        let reply = reply.await.unwrap().unwrap();
        assert!(!reply.rows().is_empty());
    }
    let took = killed.elapsed();
    println!("answered {took:?} after the replica was killed");
    assert!(took <= LEASE + SLACK + latency, "{took:?}");
    let again: Vec<_> = fleet.calls_for(SPARE).into_iter().skip(1).collect();
    assert_eq!(again.len(), 1, "{again:#?}");
    fleet.start(0).await;
    fleet.serves().await;
    judge(&fleet, &load.stop().await, &Pardon { codes: CODES, breaking: &[0] });
    kept(&fleet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_stands_still_between_its_claim_and_its_call_does_not_use_the_claim() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let (plan, proxy) = Plan::sharing_through_a_proxy(&redis).await;
    // A call of the other slot may be on its way meanwhile. It is given up, and its callers, who have stood in line for
    // seconds before, need patience and time for another.
    let long = Duration::from_secs(10);
    let fleet = Plan { max_wait: long, timeout: long, ..plan }.start().await;
    let load = Load::steady(&fleet);
    for _ in 0..3 {
        let mut claim = proxy.catch(GRANTED);
        within(Duration::from_secs(10), "a granted claim", async || claim.is_caught().then_some(())).await;
        fleet.signal(0, "STOP");
        // The words reach its socket; it reads them when it goes on.
        claim.release();
        sleep(Duration::from_secs(3)).await;
        fleet.signal(0, "CONT");
        fleet.serves().await;
    }
    // Who stood still finds the connection to Redis late, and cannot rule out that it was away.
    judge(&fleet, &load.stop().await, &Pardon { codes: WHILE_AWAY, breaking: &[] });
    kept(&fleet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_all_killed_at_once_start_again_and_keep_the_limit_and_the_answers() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let mut fleet = Plan::sharing(&redis).start().await;
    let (app, window) = fleet.fresh();
    let before = fleet.asker(0, SPARE).ask(&app, &window).await;
    let load = Load::steady(&fleet);
    let calls = fleet.calls();
    within(Duration::from_secs(10), "calls", async || (fleet.calls() >= calls + 10).then_some(())).await;
    for replica in fleet.all() {
        fleet.kill(replica);
    }
    fleet.start_all().await;
    fleet.serves().await;
    let spent = fleet.calls_for(SPARE).len();
    for replica in fleet.all() {
        assert_eq!(fleet.asker(replica, SPARE).ask(&app, &window).await.rows(), before.rows());
    }
    assert_eq!(fleet.calls_for(SPARE).len(), spent, "an answer that Redis holds was asked for again");
    judge(&fleet, &load.stop().await, &Pardon { codes: CODES, breaking: &[0, 1, 2] });
    kept(&fleet);
}
