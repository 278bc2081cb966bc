//! An upstream that fails whatever is asked: it gets one question a second, everybody else is told at once, and the first
//! answer ends it.

use std::time::Duration;

use http::StatusCode;
use sluice::simulator::{Fault, Settings, Share, start};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::waiting::within;
use crate::support::{
    Asker, Files, House, ISSUER_AND_TENANT, Plan, Process, Reply, addresses, log_lines, moving_day, settled_day, sluice,
};

const AT_ONCE: Duration = Duration::from_millis(500);
/// Two seconds, and something for a busy machine.
const RECOVERY: Duration = Duration::from_secs(3);
const FAILING: Fault = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);

async fn house(toml: &str) -> House {
    let upstream = Settings { latency: Duration::from_millis(20), ..Settings::default() };
    Plan { upstream, upstream_toml: "timeout = \"2s\"", ..Plan::default() }.with_toml(toml).build().await
}

/// Asks so many different questions of two tenants at once.
async fn ask_many(house: &House, from: i64, many: i64) -> Vec<(Duration, Reply)> {
    let mut asking = JoinSet::new();
    for question in from..from + many {
        let asker = house.asker(if question % 2 == 0 { "red" } else { "green" });
        asking.spawn(async move {
            let began = Instant::now();
            let reply = asker.ask(&format!("app-{}", question % 7), &settled_day(question % 20)).await;
            (began.elapsed(), reply)
        });
    }
    asking.join_all().await
}

async fn breaker(house: &House) -> serde_json::Value {
    house.operator().get("/status").await.json()["upstream"]["breaker"].clone()
}

/// Has it opened.
async fn opened(house: &House, fault: Fault) {
    house.upstream.order(fault, Share::Always);
    // Calls during which a busy machine let the gateway stand still count for nothing, so others may have to.
    for time in 0..3 {
        if breaker(house).await["opened"] == 0 {
            ask_many(house, time * 6, 6).await;
        }
    }
    assert_eq!(breaker(house).await["opened"], 1, "{}", breaker(house).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_when_it_opens_and_who_comes_later_is_told_at_once() {
    let house = house("").await;
    house.upstream.order(FAILING, Share::Always);
    let began = Instant::now();
    let replies = ask_many(&house, 0, 16).await;
    assert!(began.elapsed() < Duration::from_secs(5), "with three calls each they would be told after 24 seconds");
    for (_, reply) in &replies {
        assert_eq!((reply.status, reply.problem().as_str()), (502, "upstream-error"), "{reply:?}");
        assert!(reply.retry_after() >= 1);
    }
    assert!(house.calls() <= 7, "{} calls", house.calls());
    let later = ask_many(&house, 100, 10).await;
    let told = later.iter().filter(|(took, _)| *took < AT_ONCE).count();
    assert!(told >= 9, "one of them may have been the probe: {later:?}");
    let detail =
        later.iter().map(|(_, reply)| reply.json()["detail"].to_string()).find(|text| text.contains("calls all"));
    assert!(detail.is_some(), "{later:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_open_one_call_a_second_is_made_however_many_ask() {
    for fault in [FAILING, Fault::Hang] {
        let name = fault.name();
        let house = house("").await;
        opened(&house, fault).await;
        let (before, began) = (house.calls(), Instant::now());
        let mut asked = 0;
        while began.elapsed() < Duration::from_secs(4) {
            // The probe's callers wait for it; the others do not wait for them.
            let asker = house.asker("red");
            let question = asked;
            tokio::spawn(async move { asker.ask(&format!("app-{}", question % 7), &settled_day(question % 23)).await });
            asked += 1;
            sleep(Duration::from_millis(10)).await;
        }
        let calls = house.calls() - before;
        assert!((2..=5).contains(&calls), "{name}: {calls} calls for {asked} questions");
        let metrics = house.operator().get("/metrics").await.text;
        assert!(metrics.contains("\nsluice_breaker_open 1"), "{metrics}");
        let refused = metrics.lines().find(|line| line.contains("reason=\"breaker_open\"") && line.contains("\"red\""));
        let refused: u64 = refused.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0);
        assert!(refused > 50, "{name}: {refused} of {asked} refusals are counted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_when_told_is_answered_within_two_seconds_of_recovery() {
    let mut running = JoinSet::new();
    for fault in
        [FAILING, Fault::Hang, Fault::Reset, Fault::Malformed, Fault::Huge(8 << 20), Fault::Truncated, Fault::Drip]
    {
        running.spawn(async move {
            let name = fault.name();
            let house = house("").await;
            opened(&house, fault).await;
            house.upstream.clear_faults();
            let recovered = Instant::now();
            let asker = house.asker("green");
            loop {
                let reply = asker.ask("app-9", &settled_day(0)).await;
                if reply.status == 200 {
                    break;
                }
                assert!(matches!(reply.status, 502 | 504), "{name}: {reply:?}");
                sleep(Duration::from_secs(reply.retry_after())).await;
            }
            let took = recovered.elapsed();
            assert!(took < RECOVERY, "{name}: {took:?}");
            assert_eq!(breaker(&house).await["state"], "closed", "{name}");
            let others = ask_many(&house, 200, 2).await;
            assert!(others.iter().all(|(_, reply)| reply.status == 200), "{name}: {others:?}");
        });
    }
    running.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_a_hanging_upstream_nobody_waits_longer_than_fifteen_seconds_with_the_defaults() {
    let house = Plan::latency(Duration::from_millis(20)).build().await;
    house.upstream.order(Fault::Hang, Share::Always);
    let began = Instant::now();
    let mut asking = JoinSet::new();
    let everybody = began + Duration::from_secs(14);
    for question in 0..28 {
        let asker = house.asker("red");
        asking.spawn(async move {
            sleep(Duration::from_millis(500) * question).await;
            let (app, day) = (format!("app-{}", question % 7), settled_day(i64::from(question % 20)));
            let asked = Instant::now();
            let reply = asker.ask(&app, &day).await;
            (asked.elapsed(), reply)
        });
    }
    sleep(everybody - began).await;
    // In the midst of it, with calls that hang on their way.
    house.upstream.clear_faults();
    let recovered = Instant::now();
    let asker = house.asker("green");
    while asker.ask("app-0", &settled_day(0)).await.status != 200 {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(recovered.elapsed() < RECOVERY, "{:?}", recovered.elapsed());
    for (took, reply) in asking.join_all().await {
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert!(matches!(reply.status, 200 | 503 | 504), "{reply:?}");
        assert!(reply.status == 200 || reply.retry_after() >= 1, "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_answer_is_served_at_once_while_the_upstream_hangs() {
    let house = house("[cache]\nrecent_ttl = \"1s\"\nstale_if_slow = \"500ms\"").await;
    let (asker, day) = (house.asker("red"), moving_day());
    let first = asker.ask("app-0", &day).await;
    sleep(Duration::from_millis(1100)).await;
    house.upstream.order(Fault::Hang, Share::Always);
    let began = Instant::now();
    let slow = asker.ask("app-0", &day).await;
    let took = began.elapsed();
    assert!(slow.header("cache-status").ends_with("detail=stale-if-error-still_asked"), "{slow:?}");
    assert_eq!(slow.rows(), first.rows());
    assert!((400..1500).contains(&took.as_millis()), "{took:?}");
    ask_many(&house, 0, 6).await;
    let began = Instant::now();
    let mut shut = 0;
    for _ in 0..5 {
        let stale = asker.ask("app-0", &day).await;
        assert_eq!((stale.status, stale.rows()), (200, first.rows()));
        shut += u32::from(stale.header("cache-status").ends_with("breaker_open"));
    }
    assert!(shut >= 3 && began.elapsed() < Duration::from_millis(1500), "{shut} in {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_call_brings_is_held_although_nobody_waited_for_it() {
    // Counted from when it was asked for, and to be found fresh when it has come.
    let house = house("[cache]\nrecent_ttl = \"3s\"\nstale_if_slow = \"200ms\"").await;
    let (asker, day) = (house.asker("red"), moving_day());
    asker.ask("app-0", &day).await;
    sleep(Duration::from_millis(3100)).await;
    house.upstream.order(Fault::Latency(Duration::from_secs(1)), Share::Next(1));
    assert!(asker.ask("app-0", &day).await.header("cache-status").ends_with("still_asked"));
    let looker = asker.with_header("cache-control", "only-if-cached");
    let held = async || Some(looker.ask("app-0", &day).await).filter(|reply| reply.status == 200);
    let fresh = within(Duration::from_secs(5), "what the call brought", held).await;
    assert!(fresh.header("cache-status").starts_with("sluice; hit"), "{fresh:?}");
    assert_eq!(house.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_what_is_on_its_way_already_shares_it_also_while_it_is_open() {
    let upstream = Settings { latency: Duration::from_millis(20), ..Settings::default() };
    let house = Plan { upstream, upstream_toml: "breaker_faults = 1", ..Plan::default() }.build().await;
    house.upstream.order(Fault::Latency(Duration::from_secs(3)), Share::Next(1));
    let (first, day) = (house.asker("red"), settled_day(0));
    let first = tokio::spawn(async move { first.ask("app-0", &settled_day(0)).await });
    while house.calls() < 1 {
        sleep(Duration::from_millis(10)).await;
    }
    // It arrived, and is about to be kept waiting.
    sleep(Duration::from_millis(100)).await;
    house.upstream.order(FAILING, Share::Always);
    assert_eq!(house.asker("red").ask("app-0", &settled_day(1)).await.status, 502);
    assert_eq!(breaker(&house).await["state"], "open");
    assert_eq!(house.asker("red").ask("app-0", &settled_day(2)).await.status, 502, "another question");
    let shared = house.asker("red").ask("app-0", &day).await;
    assert_eq!((shared.status, first.await.unwrap().status), (200, 200), "{shared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_made_that_has_no_time_to_be_answered() {
    // What is left after the first is less than a quarter of the whole, which is the least that is worth a slot.
    let upstream = Settings { latency: Duration::from_millis(3100), ..Settings::default() };
    let house = Plan { upstream, upstream_toml: "timeout = \"4s\"", ..Plan::default() }.build().await;
    house.upstream.order(Fault::Throttle, Share::Always);
    let reply = house.asker("red").ask("app-0", &settled_day(0)).await;
    assert_eq!((reply.status, house.calls()), (502, 1), "what the first call brought: {reply:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_always_fails_does_not_open_it_for_others() {
    let house = house("").await;
    house.upstream.order(FAILING, Share::Always);
    for question in 0..3 {
        house.asker("red").ask("app-0", &settled_day(question)).await;
    }
    assert_eq!(breaker(&house).await["opened"], 1);
    house.upstream.clear_faults();
    let other = house.asker("green").ask("app-1", &settled_day(0)).await;
    assert_eq!(other.status, 200, "{other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_whose_apps_all_fail_does_not_open_it_for_others() {
    let house = house("").await;
    house.upstream.order(FAILING, Share::Always);
    for question in 0..4 {
        house.asker("red").ask(&format!("app-{}", question % 2), &settled_day(question)).await;
    }
    assert_eq!(breaker(&house).await["opened"], 1);
    let refused = house.asker("red").ask("app-2", &settled_day(0)).await;
    assert!(refused.text.contains("calls all failed"), "{refused:?}");
    house.upstream.clear_faults();
    let other = house.asker("green").ask("app-2", &settled_day(0)).await;
    assert_eq!(other.status, 200, "{other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_one_app_never_open_it() {
    let house = house("").await;
    house.upstream.order(Fault::ErrorInside200("InvalidParameter.NotExistAppId".to_owned()), Share::Always);
    for question in 0..7 {
        assert_eq!(house.asker("red").ask("app-0", &settled_day(question)).await.status, 502);
    }
    assert_eq!(breaker(&house).await["opened"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_when_it_opened_and_when_it_closed() {
    let upstream = start(Settings::default()).await.unwrap();
    let Settings { access_key_id, secret_access_key, .. } = Settings::default();
    let files = Files::new(&format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[upstream]
endpoint = "{}"
access_key_id = "{access_key_id}"
secret_access_key = "{secret_access_key}"
breaker_faults = 2
{ISSUER_AND_TENANT}
"#,
        upstream.endpoint()
    ));
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap();
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, _) = process.prints(addresses).await;
    let asker = Asker::new(format!("http://{public}"), Some(token.trim().to_owned()));
    upstream.order(FAILING, Share::Always);
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 502);
    let refused = asker.ask("app-0", &settled_day(1)).await;
    assert_eq!(refused.status, 502);
    upstream.clear_faults();
    sleep(Duration::from_secs(refused.retry_after())).await;
    assert_eq!(asker.ask("app-0", &settled_day(1)).await.status, 200);
    let told = |what: &'static str| {
        move |printed: &str| {
            let said = |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.contains(what));
            log_lines(printed).into_iter().find(said)
        }
    };
    let opened = process.prints(told("the breaker is open")).await;
    assert_eq!((&opened["level"], &opened["faults"], &opened["fault"]), (&"WARN".into(), &2.into(), &"failing".into()));
    let closed = process.prints(told("the breaker is closed")).await;
    assert_eq!((&closed["level"], &closed["refused"], &closed["probes"]), (&"INFO".into(), &1.into(), &1.into()));
    assert!(closed["open_ms"].as_u64().is_some_and(|time| time >= 900), "{closed}");
    let outcomes = log_lines(&process.printed()).into_iter().filter(|line| line["outcome"] == "breaker_open").count();
    assert_eq!(outcomes, 1, "the refused request's own line");
}
