//! HTTP/2 with ill will: floods that end the connection or come to nothing, and the rules of HTTP/1.1 said in frames.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use super::encrypted::shake_hands;
use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Heard, PATIENCE, PING, PREFACE, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, get, hear, pour, request, text,
};
use super::served::Served;
use crate::support::settled_day;

/// Nothing more comes where nothing has for so long.
const QUIET: Duration = Duration::from_millis(700);
/// Cases of their own connections, of which most wait until nothing more comes.
const AT_A_TIME: usize = 16;
/// What a flood may cost in memory while it lasts.
const GROWTH: u64 = 32 << 20;

/// What comes of it.
enum Ends {
    /// A problem of this status and code on stream 1.
    Problem(u64, &'static str),
    /// Stream 1 is reset, or the connection ended; nothing is answered.
    Reset,
    /// A status without a body on stream 1: what h2 says by itself, beyond its own bound.
    Bare,
    /// The connection is ended.
    Connection,
    /// An answer on stream 1.
    Answer,
}
use Ends::{Answer, Bare, Connection, Problem, Reset};

fn opening() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()
}

async fn said(served: &Served, frames: &[u8], due: impl Fn(&Heard) -> bool) -> Heard {
    let mut stream = shake_hands(served.public, served.certificates.as_ref().unwrap(), "h2").await;
    let _closed = stream.write_all(&[&opening(), frames].concat()).await;
    hear(&mut stream, due, QUIET).await
}

fn requests() -> Vec<(&'static str, Vec<u8>, Ends)> {
    let of = |headers: &[(&str, &str)]| request(1, &block(headers));
    let (method, scheme, host, path) =
        ((":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/docs"));
    let bare = |more: &[(&str, &str)]| request(1, &get("/docs", more));
    let (long, wide) = ("v".repeat(14_000), "x".repeat(100));
    let many: Vec<_> = vec![("a", "b"); 101];
    let (fitting, large) = (get("/docs", &[("a", &*long); 2]), get("/docs", &[("a", &*long); 3]));
    let larger = get("/docs", &[("a", &*long); 6]);
    let in_two = |block: &[u8]| {
        let mut parts = block.chunks(16_000);
        let mut frames = frame(HEADERS, END_STREAM, 1, parts.next().unwrap());
        let rest: Vec<_> = parts.collect();
        for (place, part) in rest.iter().enumerate() {
            let flags = if place + 1 == rest.len() { END_HEADERS } else { 0 };
            frames.extend(frame(CONTINUATION, flags, 1, part));
        }
        frames
    };
    vec![
        ("a sound request", bare(&[]), Answer),
        ("Host like the authority", bare(&[("host", "a")]), Answer),
        ("Host in place of the authority", of(&[method, scheme, path, ("host", "a")]), Answer),
        ("Host with the usual port", bare(&[("host", "a:443")]), Answer),
        ("the usual port of another scheme", bare(&[("host", "a:80")]), Problem(400, "malformed-request")),
        ("te: trailers", bare(&[("te", "trailers")]), Answer),
        ("no host at all", of(&[method, scheme, path]), Problem(400, "malformed-request")),
        ("another host", bare(&[("host", "b")]), Problem(400, "malformed-request")),
        ("two hosts", bare(&[("host", "a"), ("host", "a")]), Problem(400, "malformed-request")),
        ("somebody's host", of(&[method, scheme, (":authority", "u@a"), path]), Problem(400, "malformed-request")),
        ("a host that is none", of(&[method, scheme, path, ("host", "a/b")]), Problem(400, "malformed-request")),
        ("a length on GET", bare(&[("content-length", "5")]), Reset),
        (
            "a body on GET",
            [frame(HEADERS, END_HEADERS, 1, &get("/docs", &[])), frame(DATA, END_STREAM, 1, b"hello")].concat(),
            Problem(400, "malformed-request"),
        ),
        (
            "a GET that does not end",
            frame(HEADERS, END_HEADERS, 1, &get("/docs", &[])),
            Problem(400, "malformed-request"),
        ),
        ("CONNECT", of(&[(":method", "CONNECT"), (":authority", "a:443")]), Problem(405, "method-not-allowed")),
        ("POST", of(&[(":method", "POST"), scheme, host, path]), Problem(405, "method-not-allowed")),
        ("a path of 3000", request(1, &get(&format!("/{}", "p".repeat(3000)), &[])), Problem(414, "target-too-long")),
        (
            "a query of 5000",
            request(1, &get(&format!("/docs?{}", "q".repeat(5000)), &[])),
            Problem(414, "target-too-long"),
        ),
        ("101 headers", bare(&many), Problem(431, "head-too-large")),
        ("a head of 28 kB", in_two(&fitting), Answer),
        ("a head of 42 kB", in_two(&large), Problem(431, "head-too-large")),
        ("a head of 84 kB", in_two(&larger), Bare),
        ("an asterisk", request(1, &get("*", &[])), Problem(400, "malformed-request")),
        ("an absolute path", request(1, &get("http://b/apps", &[])), Reset),
        ("no path", of(&[method, scheme, host]), Reset),
        ("an empty path", of(&[method, scheme, host, (":path", "")]), Reset),
        ("no method", of(&[scheme, host, path]), Reset),
        ("no scheme", of(&[method, host, path]), Reset),
        ("two methods", of(&[method, method, scheme, host, path]), Reset),
        ("a pseudo-header behind the others", of(&[method, scheme, host, ("a", "b"), path]), Reset),
        ("an unknown pseudo-header", of(&[method, scheme, host, path, (":a", "b")]), Reset),
        (":status", of(&[method, scheme, host, path, (":status", "200")]), Reset),
        (":protocol", of(&[(":method", "CONNECT"), (":protocol", "websocket"), scheme, host, path]), Reset),
        ("connection", bare(&[("connection", "close")]), Reset),
        ("upgrade", bare(&[("upgrade", "websocket")]), Reset),
        ("transfer-encoding", bare(&[("transfer-encoding", "chunked")]), Reset),
        ("te: gzip", bare(&[("te", "gzip")]), Reset),
        ("an upper-case name", bare(&[("A", "b")]), Reset),
        ("a name with a space", bare(&[("a b", "c")]), Reset),
        ("an empty name", bare(&[("", "c")]), Reset),
        ("a line end in a value", bare(&[("a", "b\r\nc: d")]), Reset),
        ("NUL in a value", bare(&[("a", "b\0c")]), Reset),
        ("a line end in the path", request(1, &get("/docs HTTP/1.1\r\nHost: b", &[])), Reset),
        ("a space in the authority", of(&[method, scheme, (":authority", "a b"), path]), Reset),
        ("a cookie in crumbs", bare(&vec![("cookie", &*wide); 60]), Answer),
    ]
}

/// Frames that break the protocol itself.
fn protocol() -> Vec<(&'static str, Vec<u8>, Ends)> {
    let sound = get("/docs", &[]);
    let window = |stream: u32, by: u32| frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    vec![
        ("a frame of 16 MiB", b"\xff\xff\xff\x01\x05\0\0\0\x01".to_vec(), Connection),
        ("a window opened by zero", window(0, 0), Connection),
        ("a window opened too far", [window(0, 0x7fff_ffff), window(0, 0x7fff_ffff)].concat(), Connection),
        ("an even stream", request(2, &sound), Connection),
        ("a stream again", [request(3, &sound), request(1, &sound)].concat(), Connection),
        ("headers on no stream", request(0, &sound), Connection),
        ("data on no stream", frame(DATA, 0, 0, b"a"), Connection),
        ("data on an idle stream", frame(DATA, 0, 5, b"a"), Connection),
        ("a reset of an idle stream", frame(RST_STREAM, 0, 5, &[0; 4]), Connection),
        ("a promise", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]), Connection),
        ("settings of half a setting", frame(SETTINGS, 0, 0, b"abc"), Connection),
        ("settings on a stream", frame(SETTINGS, 0, 1, b""), Connection),
        ("an acknowledgement with more", frame(SETTINGS, ACK, 0, &[0; 6]), Connection),
        ("a window beyond all bounds", frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]), Connection),
        ("a ping of seven", frame(PING, 0, 0, b"1234567"), Connection),
        ("a block that is cut", request(1, &[0, 5, b'a']), Connection),
        ("an index out of the table", request(1, &[0xff, 0xff, 0xff, 0x7f]), Connection),
        ("an integer without end", request(1, &[0xff; 40]), Connection),
        ("a table larger than allowed", request(1, &[0x3f, 0xff, 0xff, 0xff, 0x07]), Connection),
        (
            "another frame amid headers",
            [frame(HEADERS, END_STREAM, 1, &sound), frame(PING, 0, 0, &[0; 8])].concat(),
            Connection,
        ),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &sound), Connection),
        ("padding longer than the frame", frame(HEADERS, 0x0d, 1, &[200, 0x82]), Connection),
        (
            "a stream that waits for itself",
            [frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0]), request(1, &sound)].concat(),
            Reset,
        ),
        ("a frame of an unknown kind", [frame(0xbe, 0xff, 1, b"abc"), request(1, &sound)].concat(), Answer),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_hold_in_frames_too() {
    let served = Arc::new(Served::start("", true).await);
    let mut cases = requests().into_iter().chain(protocol());
    let (mut spoken, mut faults) = (JoinSet::new(), Vec::new());
    let begin = |spoken: &mut JoinSet<_>, (name, frames, ends): (&'static str, Vec<u8>, Ends)| {
        let served = Arc::clone(&served);
        spoken.spawn(async move { (name, ends, said(&served, &frames, |heard| heard.is_over(1)).await) });
    };
    for case in cases.by_ref().take(AT_A_TIME) {
        begin(&mut spoken, case);
    }
    while let Some(case) = spoken.join_next().await {
        if let Some(next) = cases.next() {
            begin(&mut spoken, next);
        }
        let (name, ends, heard) = case.unwrap();
        let fine = match ends {
            Problem(status, code) => heard.problem(1).is_some_and(|said| said == (status, code.to_owned())),
            Reset => {
                (heard.ended() || heard.reset.iter().any(|(stream, _)| *stream == 1))
                    && heard.bodies.iter().all(|(_, body)| body.is_empty())
            }
            Bare => heard.bodies == [(1, Vec::new())],
            Connection => heard.ended() && heard.answered.iter().all(|stream| *stream == 3),
            Answer => heard.answered == [1] && heard.reset.is_empty() && !heard.ended(),
        };
        if !fine {
            faults.push(format!("{name}: {heard:.200?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(served.asker.get("/apps").await.status, 200);
}

/// Streams that a client opens, one after the other.
fn streams() -> impl Iterator<Item = u32> {
    (1..).step_by(2)
}

type Pieces = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// Floods, and whether each has to end the connection; the others only have to cost little. `path` is answered out of the
/// cache to who is the bearer.
fn floods(path: &str, bearer: &str) -> Vec<(&'static str, Pieces, bool)> {
    let (sound, question) = (get("/docs", &[]), get(path, &[("authorization", bearer)]));
    let reset = |stream: u32| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    let (open, bomb) = (frame(HEADERS, END_STREAM, 1, &sound), {
        let entry = [&[0x40][..], &text(b"a"), &text(&[b'v'; 4000])].concat();
        [get("/docs", &[]), entry, vec![0xbe; 12_000]].concat()
    });
    let post = block(&[(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/docs")]);
    vec![
        (
            "rapid resets in one piece",
            Box::new(std::iter::once(
                streams().take(5000).flat_map(|stream| [request(stream, &sound), reset(stream)].concat()).collect(),
            )),
            true,
        ),
        (
            "rapid resets one by one",
            Box::new(streams().take(5000).map(move |stream| [request(stream, &question), reset(stream)].concat())),
            true,
        ),
        (
            "continuations without end",
            Box::new(
                [open.clone()]
                    .into_iter()
                    .chain(std::iter::repeat_n(frame(CONTINUATION, 0, 1, &block(&[("a", "b")])), 20_000)),
            ),
            true,
        ),
        (
            "continuations of nothing",
            Box::new([open].into_iter().chain(std::iter::repeat_n(frame(CONTINUATION, 0, 1, b""), 20_000))),
            true,
        ),
        (
            "a bomb of one header",
            Box::new(std::iter::repeat_n((), 200).zip(streams()).map(move |((), stream)| request(stream, &bomb))),
            true,
        ),
        (
            "data of nothing",
            Box::new(
                [frame(HEADERS, END_HEADERS, 1, &post)]
                    .into_iter()
                    .chain(std::iter::repeat_n(frame(DATA, 0, 1, b""), 50_000)),
            ),
            true,
        ),
        (
            "requests that break rules",
            Box::new(streams().take(5000).map(|stream| request(stream, &block(&[("A", "b")])))),
            true,
        ),
        (
            "settings without end",
            Box::new(std::iter::repeat_n(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).repeat(100), 2000)),
            false,
        ),
        ("pings without end", Box::new(std::iter::repeat_n(frame(PING, 0, 0, b"abcdefgh").repeat(100), 2000)), false),
        (
            "windows opened by one",
            Box::new(std::iter::repeat_n(frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()).repeat(100), 2000)),
            false,
        ),
        (
            "priorities without end",
            Box::new(std::iter::repeat_n(frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]).repeat(100), 2000)),
            false,
        ),
        ("frames of no kind", Box::new(std::iter::repeat_n(frame(0xee, 0, 0, &[0; 100]).repeat(100), 500)), false),
        (
            "answers that are not taken",
            Box::new(
                [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])]
                    .into_iter()
                    .chain(streams().take(300).map(|stream| request(stream, &get("/docs/swagger-ui-bundle.js", &[])))),
            ),
            false,
        ),
        ("farewells", Box::new(std::iter::repeat_n(frame(GOAWAY, 0, 0, &[0; 8]), 1000)), false),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_end_the_connection_or_come_to_nothing() {
    let served = Served::start("", true).await;
    let trusted = served.certificates.as_ref().unwrap();
    let (from, to) = settled_day(0);
    let bearer = format!("Bearer {}", served.token);
    let path = format!("/apps/app-0/distribution?from={from}&to={to}&dim=province");
    // What the process keeps for itself is there after the first requests.
    assert_eq!(served.asker.ask("app-0", &(from.clone(), to.clone())).await.status, 200);
    assert_eq!(served.asker.get("/docs/swagger-ui-bundle.js").await.status, 200);
    for (name, pieces, has_to_end) in floods(&path, &bearer) {
        let (memory, computed) = (served.memory(), served.computed());
        let mut stream = shake_hands(served.public, trusted, "h2").await;
        stream.write_all(&opening()).await.unwrap();
        let (all, beside) = tokio::join!(pour(&mut stream, pieces), async {
            let mut statuses = Vec::new();
            for _ in 0..5 {
                statuses.push(served.asker.get("/apps").await.status);
            }
            statuses
        });
        assert_eq!(beside, [200; 5], "beside {name}");
        let grown = served.memory().saturating_sub(memory);
        assert!(grown < GROWTH, "{name}: {grown} bytes");
        let due = |heard: &Heard| !has_to_end || !all || heard.ended();
        let heard = hear(&mut stream, due, if has_to_end { QUIET } else { QUIET / 4 }).await;
        assert!(!has_to_end || heard.ended() || !all, "{name}: {all} {heard:.300?}");
        let computed = served.computed().checked_sub(computed).unwrap();
        assert!(computed < Duration::from_secs(4), "{name}: {computed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coded_answers_that_are_not_taken_hold_no_encoder() {
    let (from, to) = settled_day(0);
    let day = format!("/apps/app-0/distribution?from={from}&to={to}&dim=province");
    for (path, known, status) in [("/apps", false, 401), ("/apps", true, 200), (&day, true, 200)] {
        // A gateway of its own each: what the allocator keeps of one would hide another.
        let served = Served::start("", true).await;
        let token = known.then(|| served.token.clone());
        let asker = served.asker.sibling(served.asker.base.clone(), token);
        let coded = asker.with_header("accept-encoding", "br").get(path).await;
        assert_eq!((coded.status, coded.header("content-encoding") == "br"), (status, path == day));
        let memory = served.memory();
        let bearer = format!("Bearer {}", served.token);
        let authorization = known.then_some(("authorization", &*bearer));
        let ask = |(stream, coding)| {
            let headers: Vec<_> = authorization.into_iter().chain([("accept-encoding", coding)]).collect();
            request(stream, &get(path, &headers))
        };
        let requests = streams().take(100).zip(["zstd", "br", "gzip"].into_iter().cycle()).map(ask);
        let frames = [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), requests.collect::<Vec<_>>().concat()].concat();
        let mut stream = shake_hands(served.public, served.certificates.as_ref().unwrap(), "h2").await;
        stream.write_all(&[&opening(), &*frames].concat()).await.unwrap();
        let heard = hear(&mut stream, |heard| heard.answered.len() >= 100, QUIET).await;
        assert_eq!((heard.answered.len(), heard.bodies.len()), (100, 0), "{path}: all are answered and none is taken");
        let grown = served.memory().saturating_sub(memory);
        assert!(grown < GROWTH, "{path}: {grown} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_beyond_the_bound_are_refused_and_the_others_answered() {
    let served = Served::start("", true).await;
    // Held at the door until all have come: the answers cannot leave.
    let closed = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let requests = streams().take(150).flat_map(|stream| request(stream, &get("/docs/swagger-ui.css", &[])));
    let all_told = |heard: &Heard| heard.answered.len() + heard.reset.len() >= 150;
    let heard = said(&served, &[closed, requests.collect()].concat(), all_told).await;
    let refused = heard.reset.iter().filter(|(_, why)| *why == 7).count();
    assert_eq!((heard.answered.len(), refused), (100, 50), "{:?}", heard.gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_taken_up_and_then_given_up_end_the_connection() {
    let served = Served::start("", true).await;
    let mut stream = shake_hands(served.public, served.certificates.as_ref().unwrap(), "h2").await;
    let bearer = format!("Bearer {}", served.token);
    let _closed = stream.write_all(&opening()).await;
    let (mut sent, mut heard) = (0, Heard::default());
    for (place, id) in (0..400).zip(streams()) {
        // Of another day each, so that none is answered before it is given up.
        let (from, to) = settled_day(place % 25);
        let path = format!("/apps/app-0/distribution?from={from}&to={to}&dim=country");
        let question = request(id, &get(&path, &[("authorization", &bearer)]));
        // Each is taken up, as the ping behind it tells, so that h2 has no reset to count that came before.
        if stream.write_all(&[question, frame(PING, 0, 0, &[0; 8])].concat()).await.is_err() {
            break;
        }
        heard.listen(&mut stream, PATIENCE, |heard| heard.pings > sent).await;
        if heard.closed || stream.write_all(&frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())).await.is_err() {
            break;
        }
        sent += 1;
    }
    heard.listen(&mut stream, QUIET, |_| false).await;
    assert_eq!(heard.gone, Some(0), "told to go before it was cut: {heard:.300?}");
    assert!(heard.closed && (200..390).contains(&sent), "after {sent}: {heard:.300?}");
    assert_eq!(served.asker.get("/apps").await.status, 200);
}
