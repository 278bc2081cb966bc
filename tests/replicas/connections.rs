//! The ways to Redis: a password, TLS, sentinels, a cluster; and a Redis that is not there or not fit.

use std::path::Path;
use std::time::Duration;

use crate::audit::{Pardon, WHILE_AWAY, judge, kept};
use crate::fleet::{Fleet, SPARE};
use crate::load::Load;
use crate::outages::refuses_cold_questions;
use crate::plan::{Plan, at};
use crate::redis::{Certificates, Cluster, Options, Redis, Sentinels};
use crate::support::{Process, sluice};
use crate::{turn, within};

/// The replicas bring an answer each, and share one.
async fn share(fleet: &Fleet) {
    fleet.serves().await;
    let (app, window) = fleet.fresh();
    let before = fleet.calls();
    for replica in fleet.all() {
        assert_eq!(fleet.asker(replica, SPARE).ask(&app, &window).await.status, 200);
    }
    assert_eq!(fleet.calls(), before + 1, "one call for all three");
    kept(fleet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_read_from_a_file() {
    let _turn = turn().await;
    let password = "correct-horse-battery";
    let mut redis = Redis::new(Options { password: Some(password), ..Options::default() });
    redis.start().await;
    let lines = format!("{}\nredis_password_file = \"redis.password\"", at(&redis.url()));
    let files = vec![("redis.password", format!("{password}\n"))];
    let fleet = Plan { files, ..Plan::of(&lines) }.start().await;
    share(&fleet).await;
    for replica in fleet.all() {
        let told = fleet.operator(replica).get("/status").await.text + &fleet.log(replica);
        assert!(!told.contains(password), "the password was told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_is_read_while_connections_are_open_and_used_for_the_next() {
    let _turn = turn().await;
    let mut redis = Redis::new(Options { password: Some("the-old-one"), ..Options::default() });
    redis.start().await;
    let lines =
        format!("{}\nredis_password_file = \"redis.password\"", at(&format!("redis://127.0.0.1:{}", redis.port())));
    let fleet = Plan { files: vec![("redis.password", "the-old-one".to_owned())], ..Plan::of(&lines) }.start().await;
    redis.cli(&["CONFIG", "SET", "requirepass", "the-new-one"]);
    for replica in fleet.all() {
        std::fs::write(Path::new(&fleet.config(replica)).with_file_name("redis.password"), "the-new-one").unwrap();
        let operator = fleet.operator(replica);
        let read = async || (operator.get("/status").await.json()["config"]["generation"] == 2).then_some(());
        within(Duration::from_secs(10), "the new password", read).await;
    }
    let cut = |kind| -> usize {
        let kill = ["-a", "the-new-one", "--no-auth-warning", "CLIENT", "KILL", "TYPE", kind];
        redis.cli(&kill).trim().parse().unwrap()
    };
    // Who has lost one of its connections lets the other go, and may have done so before the second is cut.
    let (commands, subscriptions) = (cut("normal"), cut("pubsub"));
    assert!(commands >= 3, "{commands} and {subscriptions} connections were cut");
    fleet.connected().await;
    share(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_with_a_redis_whose_authority_is_configured_and_with_no_other() {
    let _turn = turn().await;
    let certificates = Certificates::new();
    let known = format!("redis_ca_file = \"{}\"", certificates.authority().display());
    let mut redis = Redis::new(Options { certificates: Some(certificates), ..Options::default() });
    redis.start().await;
    share(&Plan::of(&format!("{}\n{known}", at(&redis.url()))).start().await).await;

    let mut distrustful = Plan::of(&at(&redis.url())).prepare().await;
    distrustful.start_all().await;
    distrustful.unreached().await;
    refuses_cold_questions(&distrustful).await;
    assert_eq!(distrustful.calls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_sentinels_choose_another_primary_the_service_goes_there_and_keeps_the_limit() {
    let _turn = turn().await;
    let mut sentinels = Sentinels::running().await;
    let fleet = Plan::of(&at(&sentinels.url())).start().await;
    share(&fleet).await;
    let load = Load::steady(&fleet);
    let before = fleet.calls();
    within(Duration::from_secs(10), "calls", async || (fleet.calls() >= before + 8).then_some(())).await;
    sentinels.fail_over().await;
    fleet.connected().await;
    fleet.serves().await;
    judge(&fleet, &load.stop().await, &Pardon { codes: WHILE_AWAY, breaking: &[] });
    share(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_three_serves_as_one_redis_does() {
    let _turn = turn().await;
    let cluster = Cluster::running().await;
    let fleet = Plan::of(&at(&cluster.url())).start().await;
    share(&fleet).await;
    assert!(cluster.keys() >= 4, "the answers are not in the cluster");
    let load = Load::steady(&fleet);
    let before = fleet.calls();
    within(Duration::from_secs(20), "calls", async || (fleet.calls() >= before + 40).then_some(())).await;
    judge(&fleet, &load.stop().await, &Pardon { codes: &["budget-exhausted"], breaking: &[] });
    kept(&fleet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_throws_keys_away_when_it_is_full_is_refused_at_the_start() {
    let _turn = turn().await;
    let settings = "maxmemory 100mb\nmaxmemory-policy allkeys-lru".to_owned();
    let mut redis = Redis::new(Options { settings, ..Options::default() });
    redis.start().await;
    let fleet = Plan::sharing(&redis).prepare().await;
    let mut process = Process::start(&mut sluice(&["serve", "--config", &fleet.config(0)]));
    assert_eq!(process.ended().await, Some(1), "{}", process.printed());
    assert!(process.printed().contains("maxmemory-policy"), "{}", process.printed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_without_their_redis_are_not_ready_until_it_came_once_and_serve_then() {
    let _turn = turn().await;
    let mut redis = Redis::new(Options::default());
    let mut fleet = Plan::sharing(&redis).prepare().await;
    fleet.start_all().await;
    fleet.unreached().await;
    refuses_cold_questions(&fleet).await;
    assert_eq!(fleet.calls(), 0);
    // Nothing of it passes by itself.
    fleet.unreached().await;
    redis.start().await;
    fleet.ready().await;
    share(&fleet).await;
    redis.kill();
    fleet.degraded().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_redis_says_so_and_serves_alone() {
    let _turn = turn().await;
    let mut fleet = Plan { redis: vec![String::new()], ..Plan::default() }.prepare().await;
    fleet.start(0).await;
    assert!(fleet.operator(0).get("/status").await.json()["store"].is_null());
    fleet.serves().await;
    kept(&fleet);
}
