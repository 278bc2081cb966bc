//! What one replica is told to forget or to refuse, all replicas forget or refuse, and those that start later too.

use std::time::Duration;

use crate::fleet::{Fleet, SPARE};
use crate::plan::Plan;
use crate::redis::Redis;
use crate::support::settled_day;
use crate::{turn, within};

/// Until word has gone round.
const SOON: Duration = Duration::from_secs(2);

/// Whether a replica has an answer at hand.
async fn holds(fleet: &Fleet, replica: usize, app: &str) -> bool {
    let asker = fleet.asker(replica, SPARE).with_header("cache-control", "only-if-cached");
    asker.ask(app, &settled_day(0)).await.status == 200
}

async fn fetch_everywhere(fleet: &Fleet, app: &str) {
    for replica in fleet.all() {
        assert_eq!(fleet.asker(replica, SPARE).ask(app, &settled_day(0)).await.status, 200);
        assert!(holds(fleet, replica, app).await);
    }
}

/// Sends an order to a replica's admin listener; gives the status.
async fn order(fleet: &Fleet, replica: usize, path: &str, body: &str) -> u16 {
    fleet.operator(replica).send("POST", path, body).await.status
}

async fn start_again(fleet: &mut Fleet, replica: usize) {
    fleet.kill(replica);
    fleet.start(replica).await;
    fleet.ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_at_one_replica_reaches_all_and_those_that_start_later() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let mut fleet = Plan::sharing(&redis).start().await;
    for app in ["app-0", "app-1"] {
        fetch_everywhere(&fleet, app).await;
    }
    assert_eq!(fleet.calls(), 2);
    for (body, app, others) in [("{\"app\":\"app-0\"}", "app-0", true), ("{}", "app-1", false)] {
        assert_eq!(order(&fleet, 1, "/cache/purge", body).await, 204);
        for replica in fleet.all() {
            let gone = async || (!holds(&fleet, replica, app).await).then_some(());
            within(SOON, "the purge reaches all", gone).await;
            assert_eq!(holds(&fleet, replica, "app-1").await, others);
        }
        start_again(&mut fleet, 2).await;
        assert!(!holds(&fleet, 2, app).await, "found by one that started later");
    }
    assert_eq!(fleet.asker(2, SPARE).ask("app-0", &settled_day(0)).await.status, 200);
    assert_eq!(fleet.calls(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_at_one_replica_reaches_all_and_those_that_start_later() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let mut fleet = Plan::sharing(&redis).start().await;
    let status = async |fleet: &Fleet, replica, tenant| fleet.asker(replica, tenant).get("/apps").await.status;
    for replica in fleet.all() {
        assert_eq!(status(&fleet, replica, "red").await, 200);
    }
    assert_eq!(order(&fleet, 0, "/auth/revoke", "{\"tenant\":\"red\"}").await, 204);
    for replica in fleet.all() {
        let refused = async || (status(&fleet, replica, "red").await == 401).then_some(());
        within(SOON, "the revocation reaches all", refused).await;
        assert_eq!(status(&fleet, replica, "green").await, 200);
    }
    start_again(&mut fleet, 2).await;
    assert_eq!((status(&fleet, 2, "red").await, status(&fleet, 2, "green").await), (401, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_while_redis_is_away_is_carried_out_here_and_says_that_it_may_not_have_reached_all() {
    let _turn = turn().await;
    let mut redis = Redis::running().await;
    let fleet = Plan::sharing(&redis).start().await;
    fetch_everywhere(&fleet, "app-0").await;
    redis.kill();
    fleet.degraded().await;
    assert_eq!(order(&fleet, 0, "/cache/purge", "{}").await, 202);
    assert!(!holds(&fleet, 0, "app-0").await);
    assert_eq!(order(&fleet, 0, "/auth/revoke", "{\"tenant\":\"red\"}").await, 202);
    assert_eq!(fleet.asker(0, "red").get("/apps").await.status, 401);
}
