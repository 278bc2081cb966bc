//! What no simulator of the vendor would send: anything may stand where the vendor should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{House, Plan, Reply, settled_day};

/// Takes a request and writes these pieces, with a pause before each; then it closes, or stays silent.
#[derive(Clone)]
struct Script {
    pieces: Vec<Vec<u8>>,
    pause: Duration,
    /// Writes the last piece until nobody reads it any more.
    for_ever: bool,
    closes: bool,
}

impl Script {
    fn of(text: impl Into<Vec<u8>>) -> Self {
        Self { pieces: vec![text.into()], pause: Duration::ZERO, for_ever: false, closes: true }
    }

    fn answer(head: &str, body: &str) -> Self {
        Self::of(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()))
    }

    async fn play(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = vec![0; 64 << 10];
        let mut read = 0;
        while !request[..read].ends_with(b"}") {
            let more = stream.read(&mut request[read..]).await?;
            if more == 0 {
                return Ok(());
            }
            read += more;
        }
        for piece in &self.pieces {
            sleep(self.pause).await;
            stream.write_all(piece).await?;
        }
        if let (true, Some(last)) = (self.for_ever, self.pieces.last()) {
            loop {
                sleep(self.pause).await;
                stream.write_all(last).await?;
            }
        }
        if !self.closes {
            sleep(Duration::from_secs(60)).await;
        }
        stream.shutdown().await
    }
}

/// Listens, plays the script to everyone and counts them.
async fn upstream(script: Script) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let script = script.clone();
            // Who hung up does not mind.
            tokio::spawn(async move { script.play(stream).await });
        }
    });
    (endpoint, calls)
}

/// The timeout, and something for a busy machine.
const IN_TIME: Duration = Duration::from_secs(6);

/// With time for three legs, of which the last is a second after the first, and for less than a slow head takes.
async fn house(endpoint: String) -> House {
    Plan { endpoint: Some(endpoint), upstream_toml: "timeout = \"3s\"", ..Plan::default() }.build().await
}

struct Told {
    reply: Reply,
    took: Duration,
    calls: usize,
}

async fn told(script: Script) -> Told {
    let (endpoint, calls) = upstream(script).await;
    let house = house(endpoint).await;
    let began = Instant::now();
    let reply = house.asker("red").ask("app-0", &settled_day(0)).await;
    Told { reply, took: began.elapsed(), calls: calls.load(Ordering::SeqCst) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_instead_of_an_answer_ends_in_one_of_our_problems() {
    let (error, timeout) = ((502, "upstream-error"), (504, "upstream-timeout"));
    let flood = |piece: &str| Script { for_ever: true, ..Script::of(piece.repeat(1000)) };
    let slowly = |text: &str| Script {
        pieces: text.bytes().map(|byte| vec![byte]).collect(),
        pause: Duration::from_millis(100),
        ..Script::of("")
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        ("a page", Script::answer("200 OK", "<html>SECRET</html>"), error, 1),
        ("an error page", Script::answer("500 Oh", "<html>SECRET</html>"), error, 3),
        ("no answer at all", Script::of("SECRET\r\n\r\n"), error, 3),
        ("nothing", Script::of(""), error, 3),
        ("no content", Script::of("HTTP/1.1 204 No Content\r\n\r\n"), error, 1),
        ("compressed", Script::answer("200 OK\r\nContent-Encoding: gzip", "\u{1f}\u{8b}\u{8}SECRET"), error, 1),
        ("deeply nested", Script::answer("200 OK", &deep), error, 1),
        ("a head without end", flood("X-Secret: SECRET\r\n"), error, 3),
        ("a large head", Script::of(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(4 << 20))), error, 3),
        ("two lengths", Script::of("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"), error, 3),
        ("a bad chunk", Script::of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nSECRET"), error, 3),
        (
            "a body without end",
            {
                let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
                Script { pieces: vec![head, vec![b' '; 64 << 10]], for_ever: true, ..Script::of("") }
            },
            error,
            1,
        ),
        ("silence", Script { closes: false, ..Script::of("") }, timeout, 1),
        ("a slow head", slowly("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), timeout, 1),
    ];
    let mut running = JoinSet::new();
    for (name, script, (status, problem), calls) in cases {
        running.spawn(async move {
            let mut told = self::told(script.clone()).await;
            // A gateway that a busy machine let stand still during its call knows nothing of the upstream, and says so.
            for _ in 0..3 {
                if told.reply.problem() == "overloaded" {
                    told = self::told(script.clone()).await;
                }
            }
            let reply = &told.reply;
            assert_eq!((reply.status, reply.problem().as_str()), (status, problem), "{name}: {reply:?}");
            assert!(reply.retry_after() >= 1 && !reply.text.contains("SECRET"), "{name}: {reply:?}");
            assert!(told.took < IN_TIME, "{name}: {:?}", told.took);
            assert_eq!(told.calls, calls, "{name}");
        });
    }
    running.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_without_end_are_given_up_in_time() {
    let flood = Script { for_ever: true, ..Script::of("HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n".repeat(100)) };
    let told = told(flood).await;
    assert!(matches!(told.reply.status, 502 | 504) && told.reply.retry_after() >= 1, "{:?}", told.reply);
    assert!(told.took < IN_TIME && told.calls <= 3, "{:?}, {} calls", told.took, told.calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed() {
    let (elsewhere, followed) = upstream(Script::answer("200 OK", "{}")).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let told = told(Script::answer(&format!("{status}\r\nLocation: {elsewhere}/"), "")).await;
        assert_eq!((told.reply.status, told.calls), (502, 1), "{status}: {:?}", told.reply);
    }
    assert_eq!(followed.load(Ordering::SeqCst), 0, "the signed request went elsewhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_never_comes_about_ends_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let house = house(format!("https://{}", listener.local_addr().unwrap())).await;
    tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            taken.push(stream);
        }
    });
    let began = Instant::now();
    let reply = house.asker("red").ask("app-0", &settled_day(0)).await;
    assert!(matches!(reply.status, 502 | 504) && reply.retry_after() >= 1, "{reply:?}");
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_the_vendor_asks_for_is_kept_and_passed_on() {
    for (head, least, most) in [("503 Busy\r\nRetry-After: 3", 3, 3), ("429 Slow\r\nRetry-After: 86400", 9, 10)] {
        let (endpoint, calls) = upstream(Script::answer(head, "")).await;
        let house = house(endpoint).await;
        let asker = house.asker("red");
        let reply = asker.ask("app-0", &settled_day(0)).await;
        assert!((least..=most).contains(&reply.retry_after()), "{head}: {reply:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{head}: asked again before that");
        let began = Instant::now();
        let again = asker.clone().with_header("prefer", "wait=1").ask("app-0", &settled_day(0)).await;
        assert_eq!((again.status, calls.load(Ordering::SeqCst)), (502, 1), "{head}: {again:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "told at once");
        sleep(Duration::from_millis(1100)).await;
        let later = asker.clone().with_header("prefer", "wait=1").ask("app-0", &settled_day(0)).await;
        assert!((1..most).contains(&later.retry_after()), "{head}: what is left of it: {later:?}");
    }
}
