//! Each fault as the caller meets it.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::super::{Order, Settings, Simulator, Verdict};
use super::caller::{Call, Reply, exchange};
use super::simulator;

async fn ordered(words: &str) -> (Simulator, Call) {
    let order: Order = words.parse().expect("the words of this test order a fault");
    let settings = Settings { limit: 1000, faults: vec![order], ..Settings::default() };
    let simulator = simulator(settings).await;
    let call = Call::new(&simulator);
    (simulator, call)
}

async fn reply(words: &str) -> Reply {
    let (_simulator, call) = ordered(words).await;
    call.make().await.expect("an answer")
}

/// Everything sent to a call, and why it ended.
async fn everything(call: &Call) -> (Vec<u8>, std::io::Result<usize>) {
    let mut stream = TcpStream::connect(call.address).await.expect("a connection");
    stream.write_all(&call.bytes()).await.expect("a request sent");
    let mut seen = Vec::new();
    let ended = stream.read_to_end(&mut seen).await;
    (seen, ended)
}

#[tokio::test]
async fn errors_come_with_the_status_ordered() {
    for (words, status, code) in [
        ("throttle", 200, "FlowLimitExceeded.QPSOverLimit"),
        ("status=503", 503, "InternalError"),
        ("inside=InvalidParameter", 200, "InvalidParameter"),
        ("code=429/AccountFlowLimitExceeded", 429, "AccountFlowLimitExceeded"),
    ] {
        let reply = reply(words).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
    }
}

#[tokio::test]
async fn bodies_lie_as_ordered() {
    let malformed = reply("malformed").await;
    assert!(serde_json::from_slice::<Value>(&malformed.body).is_err());
    let wrong = reply("wrong-type").await.json();
    assert_eq!(wrong.pointer("/Result/Data/0/Value"), Some(&json!("many")));
    let empty = reply("empty").await.json();
    assert_eq!(empty.pointer("/Result/Data"), Some(&json!([])));
}

#[tokio::test]
async fn a_fault_for_the_next_call_leaves_the_one_after_alone_and_is_logged() {
    let (simulator, call) = ordered("status=500:1").await;
    assert_eq!(call.make().await.expect("an answer").status, 500);
    assert_eq!(call.make().await.expect("an answer").status, 200);
    let verdicts: Vec<Verdict> = simulator.arrivals().into_iter().map(|a| a.verdict).collect();
    assert_eq!(verdicts, [Verdict::Faulted("status"), Verdict::Answered]);
}

#[tokio::test]
async fn a_fault_spares_calls_that_are_refused_anyway() {
    let (_simulator, call) = ordered("status=500:1").await;
    let mut wrong = call.clone();
    wrong.set("Dimension", "city");
    assert_eq!(wrong.make().await.expect("an answer").code(), "InvalidParameter");
    assert_eq!(call.make().await.expect("an answer").status, 500);
}

#[tokio::test]
async fn latency_delays_the_right_answer() {
    let (_simulator, call) = ordered("latency=150ms").await;
    let asked = Instant::now();
    assert_eq!(call.make().await.expect("an answer").code(), "");
    assert!(asked.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_reset_comes_before_any_byte() {
    let (simulator, call) = ordered("reset").await;
    let (seen, ended) = everything(&call).await;
    assert_eq!(seen, b"");
    let error = ended.expect_err("a reset is an error");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(simulator.arrivals().len(), 1);
}

#[tokio::test]
async fn a_call_that_hangs_is_never_answered_and_others_are() {
    let (simulator, call) = ordered("hang:1").await;
    let hung = timeout(Duration::from_millis(200), call.make()).await;
    assert!(hung.is_err());
    assert_eq!(call.make().await.expect("an answer").code(), "");
    assert_eq!(simulator.arrivals().len(), 2);
}

#[tokio::test]
async fn a_dripped_answer_comes_byte_by_byte() {
    let (_simulator, call) = ordered("drip").await;
    let mut stream = TcpStream::connect(call.address).await.expect("a connection");
    stream.write_all(&call.bytes()).await.expect("a request sent");
    let (asked, mut seen) = (Instant::now(), Vec::new());
    let ended = timeout(Duration::from_millis(700), stream.read_to_end(&mut seen)).await;
    let text = String::from_utf8_lossy(&seen).into_owned();
    let body = text.split_once("\r\n\r\n").expect("a whole head").1;
    assert!(ended.is_err());
    assert!(body.starts_with("1\r\n{\r\n"), "{body:?}");
    let bytes = u32::try_from(body.matches("1\r\n").count()).expect("a few");
    assert!(Duration::from_millis(200) * bytes <= asked.elapsed(), "{body:?}");
}

#[tokio::test]
async fn a_truncated_answer_breaks_off() {
    let (_simulator, call) = ordered("truncated").await;
    let mut stream = TcpStream::connect(call.address).await.expect("a connection");
    let error = exchange(&mut stream, &call.bytes()).await.expect_err("half an answer");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    let (seen, _) = everything(&call).await;
    let text = String::from_utf8_lossy(&seen).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    assert!(head.contains("content-length: ") && body.starts_with("{\"ResponseMetadata\""));
}

#[tokio::test]
async fn a_huge_answer_is_json_of_the_size_ordered_and_does_not_announce_it() {
    let (_simulator, mut call) = ordered("huge=3MiB").await;
    call.settings.seed = 0;
    let mut request = String::from_utf8(call.bytes()).expect("a request is text");
    request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let mut stream = TcpStream::connect(call.address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a request sent");
    let mut seen = Vec::new();
    stream.read_to_end(&mut seen).await.expect("the whole answer");
    let text = String::from_utf8(seen).expect("the answer is text");
    let (head, chunks) = text.split_once("\r\n\r\n").expect("a whole head");
    assert!(!head.contains("content-length"));
    let body: String = chunks.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(body.len(), 3 << 20);
    assert!(serde_json::from_str::<Value>(&body).is_ok());
}
