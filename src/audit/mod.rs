//! The durable record of upstream calls: each has its line before it is sent, and a second when it has ended. Out: an
//! `Opened`, without which nothing can be sent.
//!
//! In: who asks what. The writing is done by a thread of its own; whoever waits for it waits a bounded time. A record that
//! cannot be written means no call. See `docs/audit.md`.

mod clerk;
mod config;
#[cfg(test)]
mod faulty;
mod file;
mod reading;
mod record;
mod sink;
mod stdout;
mod summary;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

pub use self::clerk::Standing;
use self::clerk::{Clerk, LONGEST, Order, State};
pub use self::config::{Config, Place};
use self::file::LogFile;
pub use self::reading::Strays;
use self::record::Record;
pub use self::record::{Arrived, Ending, Intent};
use self::sink::Sink;
use self::stdout::Stdout;
pub use self::summary::{Key, Summary, Unfinished};
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// Where calls are recorded. Cloning shares it; the default records nothing.
#[derive(Clone, Debug, Default)]
pub struct Audit(Option<Arc<Desk>>);

/// The record of a call that may be sent once. Dropped before it was sent, it is completed as not sent; dropped
/// afterwards without a word, as lost.
#[derive(Debug)]
pub struct Opened {
    desk: Option<Arc<Desk>>,
    id: Uuid,
    departed: AtomicBool,
}

/// No record, so no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call cannot be recorded")]
pub struct Unrecorded;

/// The place cannot be written to at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot record calls in {place} (audit.file): {error}")]
pub struct NoAudit {
    place: String,
    error: io::Error,
}

#[derive(Debug)]
struct Desk {
    orders: mpsc::Sender<Order>,
    state: State,
    clock: Clock,
    replica: Option<String>,
    place: String,
    /// The process ends, and with it the thread that writes.
    closed: AtomicBool,
}

impl Audit {
    /// Opens the place and starts the thread that writes, with a line that says so. Blocks on the disk.
    ///
    /// `replica`: this process among those that share a budget. Fails where the place cannot be opened. One that is open and
    /// cannot be written to is a fault that may pass.
    pub fn start(config: &Config, replica: Option<String>, clock: Clock, metrics: Metrics) -> Result<Self, NoAudit> {
        let Some(place) = &config.place else { return Ok(Self::default()) };
        let (named, sink) = match place {
            Place::Stdout => ("stdout".to_owned(), Stdout::open().map(|sink| Box::new(sink) as Box<dyn Sink>)),
            Place::File(path) => {
                (path.display().to_string(), LogFile::open(path).map(|sink| Box::new(sink) as Box<dyn Sink>))
            }
        };
        let started = sink.and_then(|sink| Self::with(sink, named.clone(), replica, clock, metrics));
        started.map_err(|error| NoAudit { place: named, error })
    }

    /// A record on a disk that takes so long to make a line durable, for the tests of later stages.
    #[cfg(test)]
    pub(crate) fn slow(path: &std::path::Path, sync: std::time::Duration) -> Self {
        let sink = Box::new(faulty::Disk::slow(sync).file(path));
        Self::with(sink, "slow".to_owned(), None, Clock::system(), Metrics::default()).expect("a thread can be had")
    }

    fn with(
        sink: Box<dyn Sink>,
        place: String,
        replica: Option<String>,
        clock: Clock,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let (orders, ordered) = mpsc::channel();
        let state = State::default();
        let clerk = Clerk::new(sink, ordered, state.clone(), clock.clone(), metrics);
        thread::Builder::new().name("audit".to_owned()).spawn(move || clerk.run())?;
        let desk = Desk { orders, state, clock, replica, place, closed: AtomicBool::new(false) };
        desk.order(Order::Add(Record::started(desk.clock.now(), desk.replica.as_deref()).line()));
        Ok(Self(Some(Arc::new(desk))))
    }

    /// Records that a call is about to be sent. Waits until that is durable, and no longer than 3 s.
    pub async fn open(&self, intent: &Intent<'_>) -> Result<Opened, Unrecorded> {
        let Some(desk) = &self.0 else { return Ok(Opened::of_nothing()) };
        if desk.state.is_failing() {
            return Err(Unrecorded);
        }
        let id = Uuid::now_v7();
        let line = Record::sending(id, desk.clock.now(), desk.replica.as_deref(), intent).line();
        let opened = Opened { desk: Some(Arc::clone(desk)), id, departed: AtomicBool::new(false) };
        let (done, answer) = oneshot::channel();
        desk.order(Order::Open { line, opened, done });
        let Ok(answer) = timeout(LONGEST, answer).await else {
            tracing::error!(place = desk.place, "a call could not be recorded in time, so it is not sent");
            return Err(Unrecorded);
        };
        answer.map_err(|_| Unrecorded)
    }

    /// Whether nothing can be recorded at the moment.
    pub fn is_failing(&self) -> bool {
        self.0.as_ref().is_some_and(|desk| desk.state.is_failing())
    }

    /// A turn came to nothing because the record was not durable in time.
    pub fn turn_was_late(&self) {
        if let Some(desk) = &self.0 {
            desk.state.turn_was_late();
        }
    }

    /// How it stands; `None` where nothing is recorded.
    pub fn standing(&self) -> Option<Standing> {
        self.0.as_ref().map(|desk| desk.state.standing(&desk.place, &desk.clock))
    }

    /// Waits until everything so far is durable, and no longer than 3 s. Nothing is recorded afterwards, so that no line is
    /// torn by the end of the process: a call that is still under way stays unfinished.
    pub async fn close(&self) {
        let Some(desk) = &self.0 else { return };
        desk.closed.store(true, Ordering::Relaxed);
        desk.flush(true).await;
    }

    /// Waits until everything so far is durable.
    #[cfg(test)]
    pub(crate) async fn flush(&self) {
        if let Some(desk) = &self.0 {
            desk.flush(false).await;
        }
    }
}

impl Desk {
    async fn flush(&self, last: bool) {
        let (done, flushed) = oneshot::channel();
        self.order(Order::Flush { done, last });
        if timeout(LONGEST, flushed).await.is_err() {
            tracing::error!("the last records of the audit were not written in time");
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() && !self.closed.load(Ordering::Relaxed) {
            self.state.has_ended(self.clock.now());
        }
    }
}

impl Opened {
    /// Where nothing is recorded. For this module alone to make, so that nobody else can do without a record.
    fn of_nothing() -> Self {
        Self { desk: None, id: Uuid::nil(), departed: AtomicBool::new(false) }
    }

    /// Its id; `None` where nothing is recorded.
    pub fn id(&self) -> Option<Uuid> {
        self.desk.as_ref().map(|_| self.id)
    }

    /// The call is about to be written: from now on it may arrive.
    pub fn departs(&self) {
        self.departed.store(true, Ordering::Relaxed);
    }

    /// Records how the call ended.
    pub fn end(mut self, ending: &Ending<'_>) {
        if let Some(desk) = self.desk.take() {
            desk.order(Order::Add(Record::ended(self.id, desk.clock.now(), ending).line()));
        }
    }

    /// Its line was never written.
    fn forget(mut self) {
        self.desk = None;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            let departed = *self.departed.get_mut();
            desk.order(Order::Add(Record::abandoned(self.id, desk.clock.now(), departed).line()));
        }
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
