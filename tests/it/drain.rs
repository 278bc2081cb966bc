//! Stopping: not ready at once, serving for the drain, finishing what is under way, exit code 0.

use std::time::Duration;

use sluice::simulator::{Settings, start};
use tokio::time::{Instant, sleep};

use crate::support::waiting::within;
use crate::support::{Asker, Files, ISSUER_AND_TENANT, Process, Reply, settled_day, sluice};

fn configuration(endpoint: &str, drain: &str, per: &str) -> String {
    let Settings { access_key_id, secret_access_key, .. } = Settings::default();
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain = "{drain}"
[budget]
per = "{per}"
[upstream]
endpoint = "{endpoint}"
access_key_id = "{access_key_id}"
secret_access_key = "{secret_access_key}"
{ISSUER_AND_TENANT}
"#
    )
}

/// A serving process, an asker and an operator.
async fn serving(endpoint: &str, drain: &str, per: &str) -> (Process, Asker, Asker) {
    let files = Files::new(&configuration(endpoint, drain, per));
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap();
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let field = |line: &serde_json::Value, name: &str| line[name].as_str().map(|address| format!("http://{address}"));
    let (public, admin) = process
        .prints(|text| {
            let line = text.lines().find(|line| line.contains("\"message\":\"serving\""))?;
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            field(&line, "listen").zip(field(&line, "admin_listen"))
        })
        .await;
    (process, Asker::new(public, Some(token.trim().to_owned())), Asker::new(admin, None))
}

/// Waits until it is not ready any more; what it says then.
async fn not_ready(operator: &Asker) -> Reply {
    let told = async || Some(operator.get("/readyz").await).filter(|reply| reply.status == 503);
    within(Duration::from_secs(2), "not ready", told).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drops_readiness_serves_on_finishes_and_exits_with_0() {
    let upstream = start(Settings { latency: Duration::from_secs(4), ..Settings::default() }).await.unwrap();
    let (mut process, asker, operator) = serving(&upstream.endpoint(), "3s", "1s").await;
    assert_eq!(operator.get("/readyz").await.status, 200);
    assert_eq!(asker.get("/apps").await.header("connection"), "");
    let slow = {
        let asker = asker.clone();
        tokio::spawn(async move { asker.ask("app-0", &settled_day(0)).await })
    };
    // Under way when the signal comes, and when the drain is over.
    while upstream.arrivals().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    process.signal("TERM");
    let ready = not_ready(&operator).await;
    assert_eq!(ready.json()["reasons"][0], "draining");
    let served = asker.get("/apps").await;
    assert_eq!((served.status, served.header("connection")), (200, "close"), "still serving, and asking to leave");
    assert_eq!(slow.await.unwrap().status, 200, "what was under way is finished");
    assert_eq!(process.ended().await, Some(0));
    assert!(asker.try_send("GET", "/apps", "").await.is_err(), "the port is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_waits_when_the_drain_ends_is_told_so() {
    let upstream = start(Settings::default()).await.unwrap();
    let (mut process, asker, _) = serving(&upstream.endpoint(), "0s", "5s").await;
    // After a start nothing is sent for longer than this test lasts, so all of these wait.
    let mut waiting = tokio::task::JoinSet::new();
    for day in 0..2 {
        let asker = asker.clone();
        waiting.spawn(async move { asker.ask("app-0", &settled_day(day)).await });
    }
    sleep(Duration::from_millis(400)).await;
    process.signal("INT");
    let replies = waiting.join_all().await;
    assert!(replies.iter().all(|reply| reply.status == 503 && reply.problem() == "draining"), "{replies:?}");
    assert!(replies.iter().all(|reply| reply.retry_after() == 1));
    assert_eq!(process.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_cuts_the_drain_short() {
    let upstream = start(Settings::default()).await.unwrap();
    let (mut process, asker, operator) = serving(&upstream.endpoint(), "5m", "1s").await;
    assert_eq!(asker.get("/apps").await.status, 200);
    let began = Instant::now();
    process.signal("TERM");
    // Else the two may come as one.
    not_ready(&operator).await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(20));
}
