//! Ten thousand callers who want the same answer at the same time.

use std::ops::Range;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sluice::simulator::{Fault, Share};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::fleet::GUARD;
use crate::plan::Plan;
use crate::redis::Redis;
use crate::support::{Asker, settled_day};
use crate::{turn, within};

const CALLERS: usize = 10_000;
/// Ours of each caller, and some for all else. Each replica needs a third of it.
const FILES: usize = CALLERS + 1_000;
/// Connections being opened at a time: more would overflow what a listener lets wait.
const OPENING: usize = 25;
/// From the call to its answer: all callers have to come meanwhile.
const LATENCY: Duration = Duration::from_secs(40);

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
///
/// The next is let in when the gateway has answered its operator: it is never further behind than `OPENING`, or it would
/// miss its appointments with Redis.
async fn ask(port: u16, operator: Asker, request: Arc<str>, opening: Arc<Semaphore>) -> Told {
    let permit = opening.acquire().await.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let sent = Instant::now();
    operator.get("/livez").await;
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
    let minute = Duration::from_secs(60);
    let fleet = Plan { max_wait: minute, timeout: minute, ..Plan::sharing(&redis) }.start().await;
    // A call on an open connection is sure to have arrived when the guard has passed: its slot is not held until the
    // answer, and so cannot be lost under this load.
    fleet.serves().await;
    fleet.upstream.order(Fault::Latency(LATENCY), Share::Next(1));
    let before = fleet.calls();
    let (from, to) = settled_day(0);
    let token = fleet.token("red");
    let request: Arc<str> = format!(
        "GET /apps/app-0/distribution?from={from}&to={to}&dim=province HTTP/1.1\r\nHost: sluice.test\r\n\
         Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    .into();
    let opening = Arc::new(Semaphore::new(OPENING));
    let mut asking = JoinSet::new();
    let mut come = |callers: Range<usize>| {
        for caller in callers {
            let (port, operator) = (fleet.port(caller % 3), fleet.operator(caller % 3));
            asking.spawn(ask(port, operator, Arc::clone(&request), Arc::clone(&opening)));
        }
    };
    come(0..3);
    within(Duration::from_secs(10), "the call", async || (fleet.calls() > before).then_some(())).await;
    sleep(3 * GUARD).await;
    come(3..CALLERS);
    let told = asking.join_all().await;
    let last_sent = told.iter().map(|told| told.sent).max().unwrap();
    let first_answered = told.iter().map(|told| told.answered).min().unwrap();
    println!("all asked {:?} before the first reply", first_answered.saturating_duration_since(last_sent));
    assert!(last_sent < first_answered, "not all were waiting when the answer came");
    for each in &told {
        assert!(each.head.starts_with("HTTP/1.1 200 "), "{}", each.head);
        assert_eq!(each.body, told[0].body);
    }
    assert_eq!(fleet.calls(), before + 1);
}
