//! Connections, the control paths, and the end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::{Fault, Settings, Share};
use super::caller::{Call, exchange, plain};
use super::simulator;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_arrival_names_the_connection_it_came_by() {
    let simulator = simulator(Settings { limit: 9, ..Settings::default() }).await;
    let call = Call::new(&simulator);
    let mut stream = TcpStream::connect(call.address).await.expect("a connection");
    for _ in 0..2 {
        exchange(&mut stream, &call.bytes()).await.expect("an answer");
    }
    call.make().await.expect("an answer");
    let ids: Vec<u64> = simulator.arrivals().iter().map(|arrival| arrival.connection).collect();
    assert_eq!(ids, [1, 1, 2]);
}

#[tokio::test]
async fn an_arrival_counts_from_its_head_even_if_its_body_never_comes() {
    let simulator = simulator(Settings::default()).await;
    let call = Call::new(&simulator);
    let bytes = call.bytes();
    let half = bytes.get(..bytes.len() - 10).expect("a request is longer than that");
    let mut stream = TcpStream::connect(call.address).await.expect("a connection");
    let unanswered = exchange(&mut stream, half);
    assert!(timeout(Duration::from_millis(200), unanswered).await.is_err());
    assert_eq!(simulator.arrivals().len(), 1);
}

#[tokio::test]
async fn other_processes_can_order_ask_and_clear() {
    let simulator = simulator(Settings { limit: 9, ..Settings::default() }).await;
    let call = Call::new(&simulator);
    let address = call.address;
    let order = r#"{"order":"status=503"}"#;
    let ordered = plain(address, "POST /_simulator/faults", order).await.expect("an answer");
    assert_eq!(ordered.status, 200);
    assert_eq!(call.make().await.expect("an answer").status, 503);
    let cleared = plain(address, "DELETE /_simulator/faults", "").await.expect("an answer");
    assert_eq!(cleared.status, 200);
    assert_eq!(call.make().await.expect("an answer").status, 200);

    let arrivals = plain(address, "GET /_simulator/arrivals", "").await.expect("an answer");
    let arrivals = arrivals.json();
    assert_eq!(arrivals.as_array().map(Vec::len), Some(2));
    assert_eq!(arrivals.pointer("/0/verdict"), Some(&json!("faulted")));
    assert_eq!(arrivals.pointer("/0/detail"), Some(&json!("status")));
    assert_eq!(arrivals.pointer("/1/verdict"), Some(&json!("answered")));
    assert!(arrivals.pointer("/1/at").is_some_and(Value::is_f64));
    assert!(arrivals.pointer("/1/at_micros").is_some_and(Value::is_u64));
    let worst = plain(address, "GET /_simulator/worst-window", "").await.expect("an answer");
    assert_eq!(worst.json().pointer("/limit"), Some(&json!(9)));
    assert_eq!(simulator.arrivals().len(), 2);
}

#[tokio::test]
async fn an_order_that_is_none_is_refused_with_a_list_of_those_that_are() {
    let simulator = simulator(Settings::default()).await;
    for body in [r#"{"order":"nap"}"#, r#"{"fault":"hang"}"#, "hang"] {
        let refused = plain(simulator.address(), "POST /_simulator/faults", body).await;
        assert_eq!(refused.expect("an answer").status, 422);
    }
    let lost = plain(simulator.address(), "GET /_simulator/x", "").await.expect("an answer");
    assert_eq!(lost.status, 404);
}

#[tokio::test]
async fn a_handle_orders_and_reads_like_the_simulator_itself() {
    let simulator = simulator(Settings::default()).await;
    let handle = simulator.handle();
    handle.order(Fault::Throttle, Share::Always);
    let call = Call::new(&simulator);
    let throttled = call.make().await.expect("an answer");
    assert_eq!(throttled.code(), "FlowLimitExceeded.QPSOverLimit");
    simulator.clear_faults();
    assert_eq!(call.make().await.expect("an answer").code(), "");
    assert_eq!(handle.arrivals(), simulator.arrivals());
    assert_eq!(handle.endpoint(), format!("http://{}", simulator.address()));
}

#[tokio::test]
async fn stopping_cuts_connections_and_frees_the_port() {
    let simulator = simulator(Settings::default()).await;
    let call = Call::new(&simulator);
    let mut idle = TcpStream::connect(call.address).await.expect("a connection");
    exchange(&mut idle, &call.bytes()).await.expect("an answer");
    simulator.stop().await;
    assert!(call.make().await.is_err());
    let read = timeout(SOON, idle.read(&mut [0; 1])).await.expect("the end of the connection");
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn dropping_cuts_a_call_that_hangs() {
    let simulator = simulator(Settings::default()).await;
    simulator.order(Fault::Hang, Share::Always);
    let call = Call::new(&simulator);
    let hung = tokio::spawn(async move { call.make().await.map(|reply| reply.status) });
    while simulator.arrivals().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(simulator);
    let ended = timeout(SOON, hung).await.expect("the end of the call");
    assert!(ended.expect("the task of this test does not panic").is_err());
}
