//! The accept loop: connections with bounds and time-outs, and a drain that finishes what is under way.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls::{HTTP_2, Tls};

type Routes = TowerToHyperService<Router>;

/// What HTTP is spoken over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// A bound port that does not serve yet.
#[derive(Debug)]
pub struct Listener(TcpListener);

/// Tells listeners to stop: sent once, to all.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// For a whole head, counted from the end of the answer before it: idle connections go too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const LARGEST_HEAD: usize = 64 * 1024;
const LARGEST_HEAD_2: u32 = 64 * 1024;
/// For the hands to be shaken, and for a ping to be answered.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests under way on one HTTP/2 connection.
const MOST_STREAMS: u32 = 256;
/// Out of file handles: a pause lets some go.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Stop {
    /// A stop that has not been called, and the way to call it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (call, stop) = watch::channel(false);
        (call, Self(stop))
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

    /// Serves until `stop` is called, then finishes what is under way, for `last_answers` at most. With `tls` nothing
    /// else is spoken.
    pub async fn serve(self, router: Router, tls: Option<Tls>, mut stop: Stop, last_answers: Duration) {
        let graceful = GracefulShutdown::new();
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
            let service = TowerToHyperService::new(router.clone());
            let watcher = graceful.watcher();
            let acceptor = tls.as_ref().map(Tls::acceptor);
            let mut stopped = stop.clone();
            tokio::spawn(async move {
                let Some(acceptor) = acceptor else { return over_http_1(stream, service, watcher).await };
                // Who has not shaken hands has asked nothing that could be finished.
                let stream = tokio::select! {
                    stream = encrypted(&acceptor, stream) => stream,
                    () = stopped.called() => None,
                };
                match stream {
                    Some(stream) if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) => {
                        over_http_2(stream, service, watcher).await;
                    }
                    Some(stream) => over_http_1(stream, service, watcher).await,
                    None => {}
                }
            });
        }
        drop(self.0);
        if timeout(last_answers, graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections were cut: they did not finish in time");
        }
    }
}

/// Shakes hands.
async fn encrypted(acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
    }
    None
}

async fn over_http_1(stream: impl Stream, service: Routes, watcher: Watcher) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(LARGEST_HEAD);
    ended(watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await);
}

async fn over_http_2(stream: impl Stream, service: Routes, watcher: Watcher) {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEAD_2)
        .keep_alive_interval(Some(HEAD_TIMEOUT))
        .keep_alive_timeout(HANDSHAKE_TIMEOUT);
    ended(watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await);
}

fn ended(result: Result<(), hyper::Error>) {
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
