//! More connections than there are places.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::encrypted::shake_hands;
use super::served::Served;
use super::speaking::speak;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_told_so_and_operators_are_answered_all_the_while() {
    let served = Served::start("max_connections = 20", false).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(served.public).await.unwrap();
        stream.write_all(b"GET /apps HTTP/1.1\r\n").await.unwrap();
        held.push(stream);
    }
    // Accepted in the order of their coming, and so are these.
    for request in [&b""[..], b"GET /apps HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200_000).as_bytes()] {
        let said = speak(served.public, request, false, &[]).await.unwrap();
        assert_eq!((said.len(), said[0].status), (1, 503));
        assert_eq!((&*said[0].problem(), said[0].header("retry-after")), ("overloaded", "1"));
        assert_eq!(said[0].header("connection"), "close");
    }
    let operator = served.asker.sibling(format!("http://{}", served.admin), None);
    assert_eq!(operator.get("/readyz").await.status, 200);
    let counted = operator.get("/metrics").await.text;
    assert!(counted.contains("outcome=\"overloaded\",status=\"503\""), "{counted}");
    drop(held);
    for _ in 0..100 {
        if let Ok(reply) = served.asker.try_send("GET", "/apps", "").await
            && reply.status == 200
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the places are not free again: {}", served.process.printed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_tls_one_connection_too_many_is_closed_before_it_costs_a_handshake() {
    let served = Served::start("max_connections = 2", true).await;
    let trusted = served.certificates.as_ref().unwrap();
    let _first = shake_hands(served.public, trusted, "http/1.1").await;
    let _second = shake_hands(served.public, trusted, "h2").await;
    let said = speak(served.public, b"\x16\x03\x01\x02\x00\x01\x00", false, &[]).await;
    // Closed with what was sent unread, which may show as a reset.
    assert!(said.as_ref().map_or_else(|fault| fault.contains("reset"), Vec::is_empty), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_route_hears_of_is_in_the_log_and_counted() {
    let served = Served::start("", false).await;
    for request in ["rubbish\r\n\r\n", "GET /apps HTTP/1.1\r\n\r\n"] {
        let said = speak(served.public, request.as_bytes(), false, &[]).await.unwrap();
        assert_eq!((said.len(), said[0].status), (1, 400), "{request}");
        let id = said[0].header("x-request-id").to_owned();
        let line = served
            .process
            .prints(|text| crate::support::log_lines(text).into_iter().find(|line| line["request_id"] == *id))
            .await;
        let told = ["target", "route", "outcome", "blame"].map(|name| line[name].as_str().unwrap_or_default());
        assert_eq!(told, ["sluice::access", "none", "malformed", "caller"], "{line}");
        assert_eq!(line["status"], 400, "{line}");
    }
    let operator = served.asker.sibling(format!("http://{}", served.admin), None);
    let counted = operator.get("/metrics").await.text;
    let line = counted.lines().find(|line| line.starts_with("sluice_requests_total") && line.contains("\"malformed\""));
    assert!(line.is_some_and(|line| line.ends_with(" 2")), "{line:?}");
}
