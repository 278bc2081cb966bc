//! The accept loop: numbers the connections, serves each in a task, and cuts them all at the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::desk::Desk;
use super::door;
use super::wire::{Line, Wire};

// Accepting fails when file descriptors run out; asking again at once would spin.
const PAUSE: Duration = Duration::from_millis(10);

/// Serves until the sender of `closed` is dropped.
pub(super) async fn serve(listener: TcpListener, desk: Arc<Desk>, mut closed: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    let mut last = 0;
    loop {
        tokio::select! {
            _ = &mut closed => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    last += 1;
                    connections.spawn(connect(stream, Line::new(last), Arc::clone(&desk)));
                }
                Err(error) => {
                    tracing::debug!(%error, "simulator accepts no connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connect(stream: TcpStream, line: Line, desk: Arc<Desk>) {
    // Without it, a body dripped byte by byte would arrive in lumps.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection keeps Nagle's delay");
    }
    let line = Arc::new(line);
    let io = TokioIo::new(Wire::new(stream, Arc::clone(&line)));
    let service = service_fn(|request| {
        let (desk, line) = (Arc::clone(&desk), Arc::clone(&line));
        async move { Ok::<_, Infallible>(door::receive(&desk, &line, request).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        biased;
        () = line.is_cut() => {}
        ended = builder.serve_connection(io, service) => {
            if let Err(error) = ended {
                tracing::debug!(connection = line.id, error, "connection broke");
            }
        }
    }
}
