//! The accept loop: connections with bounds and time-outs, and a drain that finishes what is under way.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::front::UnderWay;
use super::gate::{self, LARGEST_HEAD};
use super::handles;
use super::pace::{Bounds, Overdue, Pace, Turn};
use super::problem::Problem;
use super::refuser::Refuser;
use super::reply::{Answer, Reply, made};
use super::router::Routes;
use super::tls::{HTTP_2, Tls};
use super::untaken::Untaken;
use super::wire::Wire;
use crate::telemetry::Telemetry;

/// What HTTP is spoken over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// A bound port that does not serve yet.
#[derive(Debug)]
pub struct Listener(TcpListener);

/// What a listener serves, and to how many.
#[derive(Debug)]
pub struct Serves {
    /// The routes.
    pub routes: Routes,
    /// Where it is given, nothing but TLS is spoken.
    pub tls: Option<Tls>,
    /// Connections at a time.
    pub max_connections: usize,
    /// Where refusals are told that no route hears of.
    pub telemetry: Option<Telemetry>,
}

/// Tells listeners to stop: sent once, to all.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// What all connections of a listener share.
struct Desk {
    routes: Routes,
    tls: Option<Tls>,
    refuser: Refuser,
}

/// An answer with its turn, which lasts until it is taken.
type Given = Response<Untaken<Untaken<Reply, Option<UnderWay>>, Turn>>;

/// What comes of a request.
#[expect(clippy::large_enum_variant, reason = "most are answered at once, and would each need a box")]
enum Begun {
    /// It is answered.
    Answered(Given),
    /// It is led through the routes, which may take their time.
    Led(Pin<Box<dyn Future<Output = Given> + Send>>),
}

/// h2 refuses larger ones by itself, without a body: `gate` is stricter, so that up to here the refusal is a problem.
const LARGEST_HEAD_2: u32 = 48 * 1024;
/// For the hands to be shaken.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests under way on one HTTP/2 connection.
const MOST_STREAMS: u32 = 100;
/// Streams that were reset before they were looked at, and those that broke a rule, until the connection ends.
const MOST_RESETS: usize = 20;
const MOST_BROKEN: usize = 100;
/// What h2 takes of a body, and holds of an answer, on one stream: nothing that is asked here has a body.
const WINDOW: u32 = 65_535;
const SEND_BUFFER: usize = 64 * 1024;
/// Connections at a time that are told why they are refused; the others are closed without a word.
const MOST_REFUSED: usize = 64;
/// Out of file handles: a pause lets some go.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Stop {
    /// A stop that has not been called, and the way to call it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (call, stop) = watch::channel(false);
        (call, Self(stop))
    }

    /// Whether it may have been called: so cheap that it can be asked with every request.
    fn may_have_come(&self) -> bool {
        self.0.has_changed().unwrap_or(true)
    }

    /// Waits until it is called.
    pub async fn called(&mut self) {
        // An error means that the caller is gone, which stops everything too.
        let _gone = self.0.wait_for(|called| *called).await;
    }
}

impl Listener {
    /// Takes the port.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self)
    }

    /// Where it listens: the port that was chosen where none was given.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until `stop` is called, then finishes what is under way, for `last_answers` at most.
    pub async fn serve(self, serves: Serves, mut stop: Stop, last_answers: Duration) {
        let Serves { routes, tls, max_connections, telemetry } = serves;
        let refuser = telemetry.map_or_else(Refuser::default, Refuser::telling);
        let desk = Arc::new(Desk { routes, tls, refuser });
        let places = Arc::new(Semaphore::new(handles::affordable(max_connections)));
        let standing = Arc::new(Semaphore::new(MOST_REFUSED));
        // Nothing is sent: it ends when the last connection has dropped its half.
        let (open, mut ended) = mpsc::channel::<Infallible>(1);
        loop {
            let stream = tokio::select! {
                accepted = self.0.accept() => match accepted {
                    Ok((stream, _)) => ready(stream),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
                () = stop.called() => break,
            };
            let (desk, open) = (Arc::clone(&desk), open.clone());
            if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                let stop = stop.clone();
                tokio::spawn(async move {
                    desk.serve(stream, stop).await;
                    drop((place, open));
                });
            } else if let Ok(place) = Arc::clone(&standing).try_acquire_owned() {
                tokio::spawn(async move {
                    desk.turn_away(stream).await;
                    drop((place, open));
                });
            }
        }
        drop((self.0, open));
        if timeout(last_answers, ended.recv()).await.is_err() {
            tracing::warn!("some connections were cut: they did not finish in time");
        }
    }
}

impl Desk {
    async fn serve(self: Arc<Self>, stream: TcpStream, mut stop: Stop) {
        let pace = Pace::new(Bounds::SERVED, Instant::now());
        let Some(acceptor) = self.tls.as_ref().map(Tls::acceptor) else {
            return self.over_http_1(stream, pace, stop).await;
        };
        // Who has not shaken hands has asked nothing that could be finished.
        let stream = tokio::select! {
            stream = self.encrypted(&acceptor, stream) => stream,
            () = stop.called() => None,
        };
        // Boxed, so that each connection has room for what is spoken on it and not for what takes the most.
        match stream {
            Some(stream) if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) => {
                Box::pin(self.over_http_2(stream, pace, stop)).await;
            }
            Some(stream) => Box::pin(self.over_http_1(stream, pace, stop)).await,
            None => {}
        }
    }

    /// Shakes hands.
    async fn encrypted(&self, acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let shaken = timeout(HANDSHAKE_TIMEOUT, async {
            let mut first = [0];
            stream.peek(&mut first).await?;
            // A method's first letter, where TLS begins with a byte of 22.
            if first.iter().all(u8::is_ascii_uppercase) {
                self.tell(stream, Problem::plain_text()).await?;
                return Ok(None);
            }
            acceptor.accept(stream).await.map(Some)
        });
        match shaken.await {
            Ok(Ok(stream)) => return stream,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
        }
        None
    }

    /// Says why a connection is one too many; under TLS it cannot be said without shaking hands, which would cost more
    /// than the answer.
    async fn turn_away(&self, stream: TcpStream) {
        if self.tls.is_none() {
            // What cannot be said in time, or to nobody any more, need not be.
            let _told = timeout(HANDSHAKE_TIMEOUT, self.tell(stream, Problem::too_many_connections())).await;
        }
    }

    /// Writes a problem to who has asked nothing yet, and closes.
    async fn tell(&self, stream: TcpStream, problem: Problem) -> io::Result<()> {
        let mut wire = Wire::of_frames(stream, Pace::new(Bounds::SERVED, Instant::now()));
        wire.write_all(&self.refuser.in_words(problem)).await?;
        wire.shutdown().await
    }

    async fn over_http_1(self: Arc<Self>, stream: impl Stream, pace: Pace, stop: Stop) {
        let wire = Wire::of_heads(stream, pace.clone(), self.refuser.clone());
        let service = service_fn(|request| {
            let begun = self.begin(request, &pace);
            async { Ok::<_, Infallible>(begun.answer().await) }
        });
        let mut http = http1::Builder::new();
        // `pace` counts the time of heads, which hyper would count from the end of the answer before.
        http.header_read_timeout(None).max_header_size(LARGEST_HEAD).max_buf_size(LARGEST_HEAD);
        let connection = http.serve_connection(TokioIo::new(wire), service);
        watched(connection, http1::Connection::graceful_shutdown, &pace, stop).await;
    }

    async fn over_http_2(self: Arc<Self>, stream: impl Stream, pace: Pace, stop: Stop) {
        let wire = Wire::of_frames(stream, pace.clone());
        let turns = pace.clone();
        let service = service_fn(move |request| {
            let begun = self.begin(request, &turns);
            async { Ok::<_, Infallible>(begun.answer().await) }
        });
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_header_list_size(LARGEST_HEAD_2)
            .max_pending_accept_reset_streams(MOST_RESETS)
            .max_local_error_reset_streams(MOST_BROKEN)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(SEND_BUFFER);
        let connection = http.serve_connection(TokioIo::new(wire), service);
        watched(connection, http2::Connection::graceful_shutdown, &pace, stop).await;
    }

    /// Answers what can be answered at once, which lets go of the request before hyper looks for the next one on the
    /// connection: what a request was read into is read into again then, and is allocated anew while anything holds it.
    ///
    /// A caller who has gone by then, and whose end hyper has yet to see, is answered all the same, and counted so.
    fn begin(self: &Arc<Self>, request: Request<Incoming>, pace: &Pace) -> Begun {
        let (mut head, body) = request.into_parts();
        let (version, has_body) = (head.version, gate::has_body(&head, body.is_end_stream()));
        let turn = pace.begin(has_body);
        let at_once = match gate::broken_rule(&head, has_body) {
            Some(problem) => Some(made(self.refuser.refuse(problem, &head))),
            None => self.routes.hit(&mut head, &self.refuser),
        };
        if let Some(answer) = at_once {
            return Begun::Answered(until_taken(answer, turn));
        }
        let desk = Arc::clone(self);
        Begun::Led(Box::pin(async move {
            let mut response = desk.routes.answer(head, body).await;
            if has_body {
                gate::closes(&mut response, version);
            }
            until_taken(response, turn)
        }))
    }
}

fn until_taken(answer: Answer, turn: Turn) -> Given {
    let turn = turn.answers();
    answer.map(|body| Untaken::new(body, turn))
}

impl Begun {
    async fn answer(self) -> Given {
        match self {
            Self::Answered(answer) => answer,
            Self::Led(answer) => answer.await,
        }
    }
}

/// Serves a connection to its end, or to the end of patience with it. `leave` has it take no more requests.
async fn watched<C>(connection: C, leave: impl Fn(Pin<&mut C>), pace: &Pace, mut stop: Stop)
where
    C: Future<Output = hyper::Result<()>>,
{
    let signal = stop.clone();
    let (mut connection, mut stopped, mut timer) =
        (pin!(connection), pin!(stop.called()), pin!(sleep_until(Instant::now())));
    let (mut leaves, mut listens, mut rings) = (false, false, false);
    std::future::poll_fn(|cx| {
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                ended(result);
                return Poll::Ready(());
            }
            // Having asked once it is woken, and need not ask each time.
            let may_have_come = !std::mem::replace(&mut listens, true) || signal.may_have_come();
            if !leaves && may_have_come && stopped.as_mut().poll(cx).is_ready() {
                leaves = true;
                pace.leaves();
                leave(connection.as_mut());
                continue;
            }
            // While the gateway thinks nobody is late; but what ends a turn may not wake this task, so it looks again.
            let look_again = || (Instant::now() + Bounds::SERVED.idle, None);
            let (at, why) = pace.due().map_or_else(look_again, |(at, why)| (at, Some(why)));
            // Each request moves the time on; a timer that rings early is set anew, one set anew each time costs more.
            let rings_in_time = rings && !timer.is_elapsed() && timer.deadline() <= at;
            if rings_in_time {
                return Poll::Pending;
            }
            if at > Instant::now() {
                timer.as_mut().reset(at);
                // It wakes this task from now on, unless the runtime found that the task has had enough for one turn.
                let listens_to_us = has_budget_remaining();
                if timer.as_mut().poll(cx).is_pending() {
                    rings = listens_to_us;
                    return Poll::Pending;
                }
                continue;
            }
            if leaves || !matches!(why, Some(Overdue::Idle | Overdue::GivenUp)) {
                tracing::debug!(?why, "a connection was closed");
                return Poll::Ready(());
            }
            leaves = true;
            pace.leaves();
            leave(connection.as_mut());
        }
    })
    .await;
}

fn ended(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended badly");
    }
}

fn ready(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    stream
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
