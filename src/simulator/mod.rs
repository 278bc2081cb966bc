//! A strict stand-in for the vendor's `ListOperationDistribution`, for the demo and the tests.
//!
//! It checks signatures, bodies, windows and the rate by code of its own and shares nothing with
//! the gateway, so that a mistake made on one side is not repeated on the other. It logs every
//! arrival and misbehaves to order. Where the vendor's documents are silent it guesses, and each
//! guess is a field of [`Settings`]: passing here is not passing there.

mod answer;
mod arrivals;
mod authorization;
mod chance;
mod clock;
mod codes;
mod control;
mod dataset;
mod desk;
mod door;
mod envelope;
mod fault;
mod measure;
mod misconduct;
mod order;
mod question;
mod regions;
mod server;
mod settings;
mod signature;
mod throttle;
mod window;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::arrivals::{Arrival, Verdict, worst_window};
pub use self::fault::{Fault, Share};
pub use self::order::{NotAnOrder, ORDERS, Order};
pub use self::settings::{RejectStatus, Settings, ThrottleAnswer};

use self::desk::Desk;
use self::question::Question;

/// Binds the address of `settings` and serves in the background until the result is dropped.
pub async fn start(settings: Settings) -> io::Result<Simulator> {
    let listener = TcpListener::bind(settings.listen).await?;
    let address = listener.local_addr()?;
    let desk = Arc::new(Desk::new(settings));
    let (closing, closed) = oneshot::channel();
    let task = tokio::spawn(server::serve(listener, Arc::clone(&desk), closed));
    tracing::debug!(%address, "simulator listens");
    Ok(Simulator { handle: Handle { address, desk }, closing, task })
}

/// A running simulator. Dropping it stops the server and cuts its connections.
#[derive(Debug)]
pub struct Simulator {
    handle: Handle,
    // Both `stop` and a plain drop let go of this end, which is what the server waits for.
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What can be asked of a running simulator; clones of it do not keep the simulator running.
#[derive(Clone, Debug)]
pub struct Handle {
    address: SocketAddr,
    desk: Arc<Desk>,
}

impl Simulator {
    /// A handle to give away, for instance to another task.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops listening, cuts every connection and returns when both are done.
    pub async fn stop(self) {
        drop(self.closing);
        if let Err(error) = self.task.await {
            tracing::debug!(%error, "simulator did not end by itself");
        }
    }
}

impl Deref for Simulator {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Handle {
    /// The address listened on, with the port that was really bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a base URL without a trailing slash: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every call seen so far, throttled and refused ones included, in the order they came.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.desk.log.arrivals()
    }

    /// What a call with this body would be answered at that moment, were it signed and within the limit: the `Data` of
    /// the answer. `None` where it would be refused.
    pub fn due(&self, body: &[u8], at: Timestamp) -> Option<Value> {
        let question = Question::read(body, &self.desk.settings, at).ok()?;
        serde_json::to_value(dataset::regions(&question, &self.desk.settings, at)).ok()
    }

    /// Orders a fault. Orders are offered each call in turn, and the first one to take it has it.
    pub fn order(&self, fault: Fault, share: Share) {
        self.desk.faults.add(Order { fault, share });
    }

    /// Forgets all orders; calls already being answered keep the fault they were given.
    pub fn clear_faults(&self) {
        self.desk.faults.clear();
    }
}
