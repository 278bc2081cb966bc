//! What one replica brings, all replicas have.

use std::time::Duration;

use tokio::time::sleep;

use crate::fleet::{Fleet, SPARE};
use crate::plan::Plan;
use crate::redis::Redis;
use crate::support::{Asker, Reply, free_port, settled_day};
use crate::{turn, within};

/// Begins the keys of answers.
const ANSWERS: &str = "{sluice}:answer:";
/// Until what a replica has is in the store, too.
const SOON: Duration = Duration::from_secs(2);

/// A question that is the same at every replica.
async fn ask(fleet: &Fleet, replica: usize) -> Reply {
    fleet.asker(replica, SPARE).ask("app-0", &settled_day(0)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_one_replica_fetched_costs_the_others_nothing_nor_one_that_starts_later() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let mut fleet = Plan::sharing(&redis).start().await;
    let first = ask(&fleet, 0).await;
    assert!(first.header("cache-status").starts_with("sluice; fwd=miss"), "{first:?}");
    fleet.kill(2);
    fleet.start(2).await;
    fleet.connected().await;
    for replica in fleet.all() {
        let reply = ask(&fleet, replica).await;
        assert_eq!((reply.rows(), &reply.text), (first.rows(), &first.text));
        let again = ask(&fleet, replica).await;
        assert!(again.header("cache-status").starts_with("sluice; hit"), "{again:?}");
    }
    assert_eq!(fleet.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_cannot_reach_the_upstream_fails_no_caller_of_another() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let environment = [vec![("SLUICE_UPSTREAM__ENDPOINT", nobody)], vec![], vec![]];
    let fleet = Plan { environment, ..Plan::sharing(&redis) }.start().await;
    let later = async {
        sleep(Duration::from_millis(50)).await;
        ask(&fleet, 1).await
    };
    let (cut_off, well) = tokio::join!(ask(&fleet, 0), later);
    assert!(matches!(cut_off.status, 200 | 502), "{cut_off:?}");
    assert_eq!(well.status, 200, "{well:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_one_question_at_three_replicas_share_one_flight() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let fleet = Plan::sharing(&redis).start().await;
    for day in 0..5 {
        let askers: Vec<Asker> = (0..30).map(|caller| fleet.asker(caller % 3, SPARE)).collect();
        let asking = askers.into_iter().map(|asker| async move { asker.ask("app-1", &settled_day(day)).await.text });
        let texts = asking.collect::<tokio::task::JoinSet<_>>().join_all().await;
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    }
    assert_eq!(fleet.calls(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_an_answer_at_an_answers_key_is_a_miss_and_is_logged_once() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let mut fleet = Plan::sharing(&redis).start().await;
    let right = ask(&fleet, 0).await.rows();
    // The asker has its answer before the store has.
    let only = async || {
        let keys = redis.cli(&["--scan", "--pattern", &format!("{ANSWERS}*")]);
        (keys.lines().count() == 1).then_some(keys)
    };
    let key = within(SOON, "the answer's key", only).await;
    redis.cli(&["SET", &key, "garbage"]);
    // Without a memory of its own.
    fleet.kill(2);
    fleet.start(2).await;
    fleet.connected().await;
    for _ in 0..3 {
        assert_eq!(ask(&fleet, 2).await.rows(), right);
    }
    assert_eq!(fleet.calls(), 2, "asked again, and then held");
    let replaced = async || (redis.cli(&["GET", &key]) != "garbage").then_some(());
    within(SOON, "the right answer in its place", replaced).await;
    let log = fleet.log(2);
    let complaints =
        log.lines().filter(|line| !line.contains("\"level\":\"INFO\"") && line.contains("cannot be read")).count();
    assert_eq!(complaints, 1, "{log}");
}
