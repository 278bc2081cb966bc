//! Five hundred connections that take their time, in every way there is, beside a caller who is served as ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::encrypted::shake_hands;
use super::served::Served;
use crate::support::Asker;

/// The promise: slow connections are dropped by then.
const DROPPED: Duration = Duration::from_secs(10);
/// What a busy machine may add to it. The bounds themselves are held to by tests whose clock stands still.
const ROOM: Duration = Duration::from_secs(3);
const GIVE_UP: Duration = Duration::from_secs(25);
const GROWTH: u64 = 96 << 20;
/// What a gateway may compute meanwhile, the answers to who asks as ever included.
const COMPUTED: Duration = Duration::from_secs(4);

/// What a slow connection does: says this at once, then repeats that once a second.
#[derive(Clone, Copy, Debug)]
struct Slow {
    name: &'static str,
    first: &'static [u8],
    then: &'static [u8],
}

const fn slow(name: &'static str, first: &'static [u8], then: &'static [u8]) -> Slow {
    Slow { name, first, then }
}

const PLAIN: [(usize, Slow); 7] = [
    (90, slow("says nothing", b"", b"")),
    (60, slow("drips a line", b"GET /apps", b"a")),
    (60, slow("drips headers", b"GET /apps HTTP/1.1\r\nHost: a\r\n", b"A: b\r\n")),
    (30, slow("stops in a head", b"GET /apps HTTP/1.1\r\nHost: a\r\n", b"")),
    (40, slow("drips a body", b"POST /apps HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", b"a")),
    (20, slow("drips chunks", b"POST /apps HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n")),
    (20, slow("drips empty lines", b"\r\n", b"\r\n")),
];
const OPERATORS: [(usize, Slow); 1] =
    [(20, slow("drips a body", b"POST /cache/purge HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", b"a"))];
/// The first bytes of a `ClientHello` of 512.
const SHAKING: [(usize, Slow); 3] = [
    (40, slow("says nothing before TLS", b"", b"")),
    (40, slow("stops in a handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"")),
    (40, slow("drips a handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"a")),
];
const WITHIN_TLS: [(usize, &str, Slow); 3] = [
    (20, "http/1.1", slow("says nothing within TLS", b"", b"")),
    (10, "http/1.1", slow("drips headers within TLS", b"GET /apps HTTP/1.1\r\nHost: a\r\n", b"A: b\r\n")),
    (
        10,
        "h2",
        slow(
            "sends only pings",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            b"\0\0\x08\x06\0\0\0\0\0abcdefgh",
        ),
    ),
];
const SLOW_READERS: usize = 20;

/// How long it took until the connection was closed.
async fn dropped(mut stream: impl AsyncRead + AsyncWrite + Unpin, slow: Slow) -> Result<Duration, String> {
    let began = Instant::now();
    let (mut waste, mut gone) = ([0; 4096], false);
    let _closed = stream.write_all(slow.first).await;
    while !gone {
        if began.elapsed() > GIVE_UP {
            return Err(format!("{}: not dropped", slow.name));
        }
        match timeout(Duration::from_secs(1), stream.read(&mut waste)).await {
            Ok(Ok(0) | Err(_)) => gone = true,
            Ok(Ok(_)) => {}
            Err(_elapsed) => gone = !slow.then.is_empty() && stream.write_all(slow.then).await.is_err(),
        }
    }
    Ok(began.elapsed())
}

/// Asks for much and takes nothing, then looks whether it still comes.
async fn reads_nothing(to: SocketAddr) -> Result<Duration, String> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
    stream.write_all(request.as_bytes()).await.unwrap();
    sleep(DROPPED + ROOM).await;
    let (mut waste, mut taken) = (vec![0; 1 << 16], 0);
    while let Ok(Ok(length @ 1..)) = timeout(Duration::from_secs(5), stream.read(&mut waste)).await {
        taken += length;
    }
    if taken > 8_000_000 { Err(format!("reads nothing: {taken} bytes still came")) } else { Ok(DROPPED + ROOM) }
}

/// Asks again and again until told to stop; how long each request took.
async fn ask_until(asker: Asker, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        assert_eq!(asker.get("/apps").await.status, 200);
        took.push(began.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    took
}

async fn ask_for(asker: &Asker, time: Duration) -> Vec<Duration> {
    let stop = Arc::<AtomicBool>::default();
    let asking = tokio::spawn(ask_until(asker.clone(), Arc::clone(&stop)));
    sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    asking.await.unwrap()
}

/// Of a hundred, the slowest but one.
fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_slow_connections_are_dropped_and_nobody_else_notices() {
    let (plain, tls, control) =
        tokio::join!(Served::start("", false), Served::start("", true), Served::start("", false));
    let trusted = tls.certificates.as_ref().unwrap();
    let before = p99(ask_for(&plain.asker, Duration::from_secs(2)).await);
    let (memory, computed) = ([&plain, &tls].map(Served::memory), [&plain, &tls].map(Served::computed));
    let stop = Arc::<AtomicBool>::default();
    let [control, normal @ ..] =
        [&control, &plain, &tls].map(|served| tokio::spawn(ask_until(served.asker.clone(), Arc::clone(&stop))));
    let mut slow = JoinSet::new();
    for (to, kinds) in [(plain.public, &PLAIN[..]), (plain.admin, &OPERATORS), (tls.public, &SHAKING)] {
        for (count, kind) in kinds {
            for _ in 0..*count {
                let stream = TcpStream::connect(to).await.unwrap();
                slow.spawn(dropped(stream, *kind));
            }
        }
    }
    for (count, protocol, kind) in WITHIN_TLS {
        for _ in 0..count {
            slow.spawn(dropped(shake_hands(tls.public, trusted, protocol).await, kind));
        }
    }
    for _ in 0..SLOW_READERS {
        slow.spawn(reads_nothing(plain.public));
    }
    assert!(slow.len() >= 500, "{}", slow.len());
    sleep(Duration::from_secs(4)).await;
    let grown = [(&plain, memory[0]), (&tls, memory[1])].map(|(served, then)| served.memory().saturating_sub(then));
    let dropped = slow.join_all().await;
    stop.store(true, Ordering::Relaxed);
    let late: Vec<_> =
        dropped.iter().filter(|result| result.as_ref().map_or(true, |took| *took > DROPPED + ROOM)).collect();
    assert!(late.is_empty(), "{late:?}");
    // A machine that is busy meanwhile is so for a gateway that nobody attacks, too.
    let control = p99(control.await.unwrap());
    let most = (before.max(control) * 5).max(Duration::from_millis(100));
    for normal in normal {
        let beside = p99(normal.await.unwrap());
        assert!(beside <= most, "{before:?} before, {beside:?} beside them, {control:?} where there are none");
    }
    for (served, then) in [&plain, &tls].into_iter().zip(computed) {
        let computed = served.computed().checked_sub(then).unwrap();
        assert!(computed < COMPUTED, "it made the machine busy itself: {computed:?}");
    }
    assert!(grown.iter().all(|grown| *grown < GROWTH), "{grown:?}");
}
