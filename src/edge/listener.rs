//! The accept loop: connections with bounds and time-outs, and a drain that finishes what is under way.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// A bound port that does not serve yet.
#[derive(Debug)]
pub struct Listener(TcpListener);

/// Tells listeners to stop: sent once, to all.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// For a whole head, counted from the end of the answer before it: idle connections go too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const LARGEST_HEAD: usize = 64 * 1024;
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

    /// Serves until `stop` is called, then finishes what is under way, for `last_answers` at most.
    pub async fn serve(self, router: Router, mut stop: Stop, last_answers: Duration) {
        let mut http = Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(LARGEST_HEAD);
        let graceful = GracefulShutdown::new();
        loop {
            let stream = tokio::select! {
                accepted = self.0.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
                () = stop.called() => break,
            };
            let service = TowerToHyperService::new(router.clone());
            let connection = http.serve_connection(TokioIo::new(ready(stream)), service);
            let watched = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%error, "a connection ended badly");
                }
            });
        }
        drop(self.0);
        if timeout(last_answers, graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections were cut: they did not finish in time");
        }
    }
}

fn ready(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    stream
}
