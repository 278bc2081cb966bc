//! A Redis that is away, loses what it held, or stands still: nothing is sent blindly, and what is held is served.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::audit::{Pardon, WHILE_AWAY, judge, kept, quiet};
use crate::fleet::{Fleet, GUARD, LEASE, PER, SPARE};
use crate::load::Load;
use crate::plan::{Plan, at};
use crate::proxy::Proxy;
use crate::redis::Redis;
use crate::support::moving_day;
use crate::{turn, within};

/// Waits until the load has spent some calls.
async fn under_way(fleet: &Fleet) {
    let before = fleet.calls();
    within(Duration::from_secs(10), "calls", async || (fleet.calls() >= before + 8).then_some(())).await;
}

async fn ends_well(fleet: &Fleet, load: Load) {
    fleet.serves().await;
    judge(fleet, &load.stop().await, &Pardon { codes: WHILE_AWAY, breaking: &[] });
    kept(fleet);
}

/// A question that nobody holds is refused for want of Redis, at every replica.
pub(crate) async fn refuses_cold_questions(fleet: &Fleet) {
    for replica in fleet.all() {
        let (app, window) = fleet.fresh();
        let reply = fleet.asker(replica, SPARE).ask(&app, &window).await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "budget-unavailable"));
        assert!(reply.retry_after() >= 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_redis_that_was_killed_is_back_and_empty_nothing_is_sent_for_a_lease() {
    let _turn = turn().await;
    let mut redis = Redis::running().await;
    let fleet = Plan::sharing(&redis).start().await;
    let load = Load::steady(&fleet);
    under_way(&fleet).await;
    redis.kill();
    fleet.degraded().await;
    let away = fleet.moment(Instant::now());
    refuses_cold_questions(&fleet).await;
    let back = fleet.moment(Instant::now());
    redis.start().await;
    fleet.connected().await;
    ends_well(&fleet, load).await;
    quiet(&fleet, away + GUARD, back + LEASE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_redis_forgot_everything_nothing_is_sent_for_a_lease() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let fleet = Plan::sharing(&redis).start().await;
    let load = Load::steady(&fleet);
    for _ in 0..3 {
        under_way(&fleet).await;
        let before = fleet.moment(Instant::now());
        redis.cli(&["FLUSHALL"]);
        let after = fleet.moment(Instant::now());
        under_way(&fleet).await;
        // What was granted before is still on its way.
        quiet(&fleet, after + GUARD, before + LEASE);
    }
    ends_well(&fleet, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_stands_still_held_answers_are_served_at_once_stale_ones_stand_in_and_others_are_refused() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let toml = "[cache]\nrecent_ttl = \"1s\"\nstale_if_error = \"1h\"";
    let fleet = Plan { toml, ..Plan::sharing(&redis) }.start().await;
    let ((app, window), moving) = (fleet.fresh(), moving_day());
    for replica in fleet.all() {
        for window in [&window, &moving] {
            assert_eq!(fleet.asker(replica, SPARE).ask(&app, window).await.status, 200);
        }
    }
    let load = Load::steady(&fleet);
    under_way(&fleet).await;
    redis.signal("STOP");
    let stopped = Instant::now();
    fleet.degraded().await;
    let noticed = Instant::now();
    for replica in fleet.all() {
        let began = Instant::now();
        let reply = fleet.asker(replica, SPARE).ask(&app, &window).await;
        assert!(reply.header("cache-status").starts_with("sluice; hit"), "{reply:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let reply = fleet.asker(replica, SPARE).ask(&app, &moving).await;
        assert!(reply.status == 200 && reply.header("cache-status").contains("stale-if-error"), "{reply:?}");
    }
    // Within the first second it might be back at once, and patient callers wait for it.
    sleep_until(noticed + Duration::from_millis(1200)).await;
    refuses_cold_questions(&fleet).await;
    assert!(stopped.elapsed() < Duration::from_secs(5), "too late to have met a Redis that stands still");
    sleep_until(stopped + Duration::from_secs(5)).await;
    redis.signal("CONT");
    fleet.connected().await;
    ends_well(&fleet, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_redis_that_are_cut_again_and_again_cost_nothing_but_time() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let proxy = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
    let fleet = Plan::of(&at(&format!("redis://{}", proxy.address()))).start().await;
    let load = Load::steady(&fleet);
    under_way(&fleet).await;
    for cut in 0..8 {
        proxy.cut();
        // Never at the same place of a window.
        sleep(PER + Duration::from_millis(137 * cut)).await;
    }
    ends_well(&fleet, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_alone_cannot_reach_redis_sends_nothing_while_the_others_go_on() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let (plan, proxy) = Plan::sharing_through_a_proxy(&redis).await;
    let fleet = plan.start().await;
    let load = Load::steady(&fleet);
    under_way(&fleet).await;
    proxy.refuse(true);
    proxy.cut();
    let refused = async || {
        let (app, window) = fleet.fresh();
        let reply = fleet.asker(0, SPARE).ask(&app, &window).await;
        (reply.status == 503 && reply.problem() == "budget-unavailable").then_some(())
    };
    within(Duration::from_secs(4), "a refusal for want of Redis", refused).await;
    under_way(&fleet).await;
    let (app, window) = fleet.fresh();
    assert_eq!(fleet.asker(1, SPARE).ask(&app, &window).await.status, 200);
    proxy.refuse(false);
    ends_well(&fleet, load).await;
}
