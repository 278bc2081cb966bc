//! When connections end, by the clock of the test: both protocols over a pipe.

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// The preface, empty settings, and a request for `/` on stream 1: all of it from HPACK's static table but for the host.
const REQUEST_2: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a";

/// The other end of a connection, and the way to stop the listener.
struct Caller {
    pipe: DuplexStream,
    served: JoinHandle<()>,
    stop: watch::Sender<bool>,
    began: Instant,
}

impl Caller {
    /// Before a listener of one page, whose answers go through a buffer of this size.
    fn over(http_2: bool, buffer: usize) -> Self {
        let page = async || {
            sleep(2 * SECOND).await;
            "p".repeat(100_000)
        };
        let router = axum::Router::new().route("/", get(page)).route("/never", get(std::future::pending::<()>));
        let desk = Arc::new(Desk { routes: router.into(), tls: None, refuser: Refuser::default() });
        let (pipe, stream) = duplex(buffer);
        let (stop, stopped) = Stop::new();
        let pace = Pace::new(Bounds::SERVED, Instant::now());
        let served = tokio::spawn(async move {
            if http_2 {
                desk.over_http_2(stream, pace, stopped).await;
            } else {
                desk.over_http_1(stream, pace, stopped).await;
            }
        });
        Self { pipe, served, stop, began: Instant::now() }
    }

    async fn says(&mut self, words: &[u8]) {
        self.pipe.write_all(words).await.unwrap();
    }

    /// Reads so many bytes, or to the end.
    async fn hears(&mut self, most: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        // A connection that is cut is at its end too.
        let _end = (&mut self.pipe).take(most as u64).read_to_end(&mut heard).await;
        heard
    }

    /// After how many seconds the connection ended, from its beginning.
    async fn ends(mut self) -> u64 {
        (&mut self.served).await.unwrap();
        self.began.elapsed().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_dropped_over_either_protocol() {
    for http_2 in [false, true] {
        let caller = Caller::over(http_2, 1 << 20);
        assert!((7..=9).contains(&caller.ends().await), "{http_2}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_dropped() {
    let mut caller = Caller::over(false, 1 << 20);
    for byte in REQUEST.iter().take(5) {
        caller.says(&[*byte]).await;
        sleep(Duration::from_millis(999)).await;
    }
    assert_eq!(caller.ends().await, 5);
    let mut later = Caller::over(false, 1 << 20);
    later.says(REQUEST).await;
    let heard = later.hears(100_001).await.len();
    assert_eq!(heard, 100_001);
    sleep(20 * SECOND).await;
    later.says(b"GET ").await;
    assert!((27..=28).contains(&later.ends().await), "likewise on a connection that was used");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_within_a_minute_and_a_used_one_is_not() {
    for (http_2, request) in [(false, REQUEST), (true, REQUEST_2)] {
        let mut caller = Caller::over(http_2, 1 << 20);
        caller.says(request).await;
        let ended = caller.ends().await;
        assert!((52..=60).contains(&ended), "{http_2}: {ended}");
    }
    let mut caller = Caller::over(false, 1 << 20);
    for _ in 0..5 {
        caller.says(REQUEST).await;
        sleep(45 * SECOND).await;
    }
    assert!((225..=240).contains(&caller.ends().await));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_dropped_while_the_gateway_thinks() {
    let mut caller = Caller::over(false, 1 << 20);
    caller.says(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(timeout(600 * SECOND, caller.hears(1)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_the_answer_is_dropped() {
    for (http_2, request) in [(false, REQUEST), (true, REQUEST_2)] {
        let mut caller = Caller::over(http_2, 1000);
        caller.says(request).await;
        let ended = caller.ends().await;
        assert!(ended <= 12, "{http_2}: {ended}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_drops_is_cut_within_about_a_minute_even_where_frames_go_on() {
    let mut caller = Caller::over(false, 1000);
    caller.says(REQUEST).await;
    let mut taken = 0;
    while caller.hears(100).await.len() == 100 {
        taken += 100;
        sleep(SECOND).await;
    }
    assert!((2000..20_000).contains(&taken), "{taken}");
    // What the pipe holds is taken in drops too.
    assert!(caller.ends().await <= 75);
    // Its window is 65,535 bytes, and is not opened any further; pings keep the frames going.
    let mut caller = Caller::over(true, 1 << 20);
    caller.says(REQUEST_2).await;
    while !caller.served.is_finished() {
        let _gone = caller.pipe.write_all(b"\0\0\x08\x06\0\0\0\0\0abcdefgh").await;
        sleep(SECOND).await;
    }
    assert!((50..=62).contains(&caller.began.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_is_under_way_and_closes_the_rest_at_once() {
    for (http_2, request) in [(false, REQUEST), (true, REQUEST_2)] {
        let idle = Caller::over(http_2, 1 << 20);
        let mut busy = Caller::over(http_2, 1 << 20);
        busy.says(request).await;
        sleep(SECOND).await;
        idle.stop.send_replace(true);
        busy.stop.send_replace(true);
        if !http_2 {
            assert!(busy.hears(usize::MAX).await.len() > 100_000);
        }
        assert!(busy.ends().await <= 3, "{http_2}");
        assert!(idle.ends().await <= 10, "{http_2}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_words_are_read_before_the_connection_goes() {
    let mut caller = Caller::over(false, 1 << 20);
    caller.says(b"rubbish\r\n\r\n").await;
    let heard = String::from_utf8(caller.hears(usize::MAX).await).unwrap();
    assert!(heard.starts_with("HTTP/1.1 400 Bad Request\r\n") && heard.ends_with('}'), "{heard}");
    assert_eq!(heard.matches("HTTP/1.1").count() - heard.matches("is not HTTP/1.1").count(), 2, "{heard}");
    caller.says(&[b'a'; 10_000]).await;
    assert_eq!(caller.ends().await, 1, "what still comes is taken for a second");
}
