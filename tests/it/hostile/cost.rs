//! What one request may cost: 50 ms of computing, and a hundred times its own size in memory.
//!
//! Both are read off the process from outside, and hold without optimisation too.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::served::Served;
use super::speaking::speak;
use crate::support::settled_day;

const MOST_COMPUTED: Duration = Duration::from_millis(50);
/// Of each kind, as many: the system counts in hundredths of a second.
const EACH: u32 = 20;
/// Connections at a time, for the look at memory.
const AT_ONCE: usize = 100;
/// What the allocator keeps, whoever asks for what.
const KEPT: u64 = 16 << 20;

/// Requests to `GET` of this target with these headers.
fn requests(token: &str) -> Vec<(&'static str, String)> {
    let (from, to) = settled_day(0);
    let day = format!("/apps/app-0/distribution?from={from}&to={to}&dim=province");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let repeated = |text: &str, size: usize| text.repeat(size / text.len());
    let get =
        |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
    let asks = |target: &str, headers: &str| get(target, &format!("{bearer}{headers}"));
    let query = |query: &str| asks(&format!("/apps/app-0/distribution?{query}"), "");
    let mut requests = vec![
        ("a hit", asks(&day, "")),
        ("one header of 30 kB", asks("/apps", &format!("A: {}\r\n", repeated("x", 30_000)))),
        ("95 headers", asks("/apps", &format!("A: {}\r\n", repeated("x", 300)).repeat(95))),
        ("cookies", asks("/apps", &format!("Cookie: {}\r\n", repeated("a=b; ", 30_000)))),
        ("a thousand codings", asks(&day, &format!("Accept-Encoding: {}gzip\r\n", repeated("gzip;q=0.1, ", 30_000)))),
        ("a thousand tags", asks(&day, &format!("If-None-Match: {}\"b\"\r\n", repeated("W/\"aaaa.gzip\", ", 30_000)))),
        ("a thousand preferences", asks(&day, &format!("Prefer: {}wait=1\r\n", repeated("a=\"b\"; c=d, ", 30_000)))),
        ("a thousand directives", asks(&day, &format!("Cache-Control: {}a\r\n", repeated("max-age=0, ", 30_000)))),
        (
            "a trace of 30 kB",
            asks(
                &day,
                &format!(
                    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: {}\r\n",
                    repeated("a=b,", 30_000)
                ),
            ),
        ),
        ("a tenant of 30 kB", asks("/apps", &format!("Sluice-Tenant: {}\r\n", repeated("t", 30_000)))),
        ("ranges", asks(&day, &format!("Range: bytes={}0-0\r\n", repeated("0-0,", 30_000)))),
        ("a token of 30 kB", get("/apps", &format!("Authorization: Bearer {}\r\n", repeated("A", 30_000)))),
        ("a token of 8 kB", get("/apps", &format!("Authorization: Bearer {}\r\n", repeated("A", 8000)))),
        ("a token of dots", get("/apps", &format!("Authorization: Bearer {}\r\n", repeated(".", 8000)))),
        ("a path of 2 kB", asks(&format!("/apps/{}/distribution", repeated("%41", 2000)), "")),
        ("a path of slashes", asks(&repeated("/", 2048), "")),
        ("a query of ampersands", query(&repeated("&", 4096))),
        ("a query of parameters", query(&repeated("a=b&", 4096))),
        ("a query of escapes", query(&repeated("%41", 4095))),
        ("a query of bad escapes", query(&repeated("%", 4096))),
        ("a time of 4 kB", query(&format!("from={}&to=now&dim=province", repeated("9", 4000)))),
        ("a relative time of 4 kB", query(&format!("from=now-{}d&to=now&dim=province", repeated("9", 4000)))),
        ("a page", get("/docs", "Accept-Encoding: br\r\n")),
        ("a problem's page", get("/problems/unauthorized", "Accept-Encoding: br\r\n")),
        ("rubbish", format!("{}\r\n\r\n", repeated("\u{e9}", 30_000))),
        ("a head that is too large", format!("GET /{} HTTP/1.1\r\n", repeated("x", 34_000))),
    ];
    // Deep claims, as deep as a token is long.
    let mut claims = String::from("eyJhbGciOiJFUzI1NiJ9.");
    for _ in 0..1900 {
        write!(claims, "W1tb").unwrap();
    }
    requests.push(("claims that go deep", get("/apps", &format!("Authorization: Bearer {claims}.AAAA\r\n"))));
    for coding in ["gzip", "br", "zstd", "identity"] {
        let accepts = format!("Accept-Encoding: {coding}\r\n");
        requests.push(("the largest script", get("/docs/swagger-ui-bundle.js", &accepts)));
        requests.push(("the description", get("/openapi.json", &accepts)));
        requests.push(("a hit that is coded", asks(&day, &accepts)));
    }
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_computes_longer_or_holds_more_memory_than_it_may() {
    // One gateway for both: it codes its large documents once.
    let served = Served::start("", false).await;
    let requests = requests(&served.token);
    no_longer(&served, &requests).await;
    no_more(&served, requests).await;
}

async fn no_longer(served: &Served, requests: &[(&'static str, String)]) {
    let mut dearest = (Duration::ZERO, "");
    for (name, request) in requests {
        // The first may have something made that is kept.
        speak(served.public, request.as_bytes(), false, &[]).await.unwrap();
        let before = served.computed();
        for _ in 0..EACH {
            let said = speak(served.public, request.as_bytes(), false, &[]).await;
            assert!(said.as_ref().is_ok_and(|said| said.len() == 1 && said[0].status < 500), "{name}: {said:?}");
        }
        dearest = dearest.max((served.computed().checked_sub(before).unwrap() / EACH, *name));
        assert!(dearest.0 <= MOST_COMPUTED, "{dearest:?}");
    }
}

async fn no_more(served: &Served, mut requests: Vec<(&'static str, String)>) {
    // The small ones first: what the allocator keeps of the large ones is not theirs.
    requests.sort_by_key(|(_, request)| request.len());
    let before = served.memory();
    for (name, request) in requests {
        let mut held = JoinSet::new();
        for _ in 0..AT_ONCE {
            // Whole but for its last byte, so that all are there at once; the answers are not read before.
            let mut stream = TcpStream::connect(served.public).await.unwrap();
            let request = request.clone().into_bytes();
            held.spawn(async move {
                let _closed = stream.write_all(&request[..request.len() - 1]).await;
                (stream, request)
            });
        }
        let held = held.join_all().await;
        let mut most = served.memory();
        let mut answered = JoinSet::new();
        for (mut stream, request) in held {
            let _closed = stream.write_all(&request[request.len() - 1..]).await;
            answered.spawn(super::speaking::speak_over(stream, b"", false, &[]));
        }
        most = most.max(served.memory());
        let answers =
            answered.join_all().await.into_iter().filter(|said| said.as_ref().is_ok_and(|said| said.len() == 1));
        // Rubbish is refused before its end, which may show as a reset.
        assert!(answers.count() >= AT_ONCE * 9 / 10, "{name}");
        let grown = most.max(served.memory()).saturating_sub(before);
        let allowed = (AT_ONCE * request.len() * 100) as u64 + KEPT;
        assert!(grown <= allowed, "{name}: {grown} bytes for {AT_ONCE} of {} bytes", request.len());
    }
}
