//! Ten thousand callers who want the same answer at the same time.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::plan::{Plan, upstream};
use crate::redis::Redis;
use crate::support::settled_day;
use crate::turn;

const CALLERS: usize = 10_000;
/// Ours of each caller, and some for all else. Each replica needs a third of it.
const FILES: usize = CALLERS + 1_000;
/// Connections being opened at a time, and how long each counts as one: more would overflow what a listener lets wait, and
/// starve three gateways and a Redis on two cores until they take the slot of the call for lost.
const OPENING: usize = 25;
const OPENED: Duration = Duration::from_millis(40);

/// A caller's request, and when the first byte of its reply had not come yet.
struct Told {
    sent: Instant,
    answered: Instant,
    head: String,
    body: String,
}

/// This process, and those that it starts, may have as many files open as the test needs.
fn raise_the_limit_of_open_files() {
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &own, &format!("--nofile={FILES}:")]).status().unwrap();
    assert!(raised.success(), "this test needs {FILES} open files");
}

/// One request on a connection of its own.
async fn ask(port: u16, request: Arc<str>, opening: Arc<Semaphore>) -> Told {
    let permit = opening.acquire().await.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let sent = Instant::now();
    sleep(OPENED).await;
    drop(permit);
    let mut reply = Vec::new();
    let first = stream.read_buf(&mut reply).await.unwrap();
    assert!(first > 0, "the connection was closed");
    let answered = Instant::now();
    stream.read_to_end(&mut reply).await.unwrap();
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    Told { sent, answered, head: head.to_owned(), body: body.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_at_three_replicas_cost_one_call() {
    let _turn = turn().await;
    raise_the_limit_of_open_files();
    let redis = Redis::running().await;
    let (upstream, minute) = (upstream(Duration::from_secs(40)), Duration::from_secs(60));
    let fleet = Plan { upstream, max_wait: minute, timeout: minute, ..Plan::sharing(&redis) }.start().await;
    let (from, to) = settled_day(0);
    let token = fleet.token("red");
    let request: Arc<str> = format!(
        "GET /apps/app-0/distribution?from={from}&to={to}&dim=province HTTP/1.1\r\nHost: sluice.test\r\n\
         Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    .into();
    let opening = Arc::new(Semaphore::new(OPENING));
    let mut asking = JoinSet::new();
    for caller in 0..CALLERS {
        asking.spawn(ask(fleet.port(caller % 3), Arc::clone(&request), Arc::clone(&opening)));
    }
    let told = asking.join_all().await;
    let last_sent = told.iter().map(|told| told.sent).max().unwrap();
    let first_answered = told.iter().map(|told| told.answered).min().unwrap();
    println!("all asked {:?} before the first reply", first_answered.saturating_duration_since(last_sent));
    assert!(last_sent < first_answered, "not all were waiting when the answer came");
    for each in &told {
        assert!(each.head.starts_with("HTTP/1.1 200 "), "{}", each.head);
        assert_eq!(each.body, told[0].body);
    }
    assert_eq!(fleet.calls(), 1);
}
