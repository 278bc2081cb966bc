//! The one pooled client: keeps connections open, never sends anything twice, follows nothing.
//!
//! The guard of the budget covers requests written to an open connection; so the client tells when it opens one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::redirect;
use tower::{Layer, Service};

/// Long enough that a caller of the night finds the connection of the evening, where the vendor keeps it.
const POOL_IDLE: Duration = Duration::from_secs(3600);
/// Finds a dead connection before a call does.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// The client and its count of opened connections.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    client: reqwest::Client,
    opened: Opened,
}

/// Counts every attempt to open a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Opened(Arc<AtomicU64>);

/// The connector, counted.
#[derive(Clone, Debug)]
pub(super) struct Counted<S> {
    connector: S,
    opened: Opened,
}

impl Connection {
    /// A client that waits at most `timeout` for a connection. Fails where the system's trust store cannot be read.
    pub(super) fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let opened = Opened::default();
        let client = reqwest::Client::builder()
            // HTTP/2 would let the library send a refused stream again.
            .http1_only()
            .retry(reqwest::retry::never())
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE)
            .pool_idle_timeout(POOL_IDLE)
            .connect_timeout(timeout)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .connector_layer(opened.clone())
            .build()?;
        Ok(Self { client, opened })
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// How many connections were opened or tried so far. A call during which it did not change used an open one.
    pub(super) fn opened(&self) -> u64 {
        self.opened.0.load(Ordering::SeqCst)
    }
}

impl<S> Layer<S> for Opened {
    type Service = Counted<S>;

    fn layer(&self, connector: S) -> Self::Service {
        Counted { connector, opened: self.clone() }
    }
}

impl<S: Service<R>, R> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        self.opened.0.fetch_add(1, Ordering::SeqCst);
        self.connector.call(target)
    }
}
