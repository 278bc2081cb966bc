//! The thread that writes. It alone touches the disk, so that a slow one holds up nobody but those who wait for their
//! record; what it could not write it keeps, and writes before anything new.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Opened;
use super::record::Record;
use super::sink::{Failure, Prepared, Sink};
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// What the thread is asked for.
pub(super) enum Order {
    /// A call wants to be sent: its record is to be durable first.
    Open { line: Vec<u8>, opened: Opened, done: oneshot::Sender<Opened> },
    /// A line that nobody waits for.
    Add(Vec<u8>),
    /// Everything so far is to be durable. With `last`, nothing is written any more.
    Flush { done: oneshot::Sender<()>, last: bool },
}

/// How the writing stands, for whoever looks. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct State(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    records: u64,
    failures: u64,
    kept: u64,
    late: u64,
    fault: Option<Fault>,
    busy_since: Option<Instant>,
}

/// Why nothing can be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Since when.
    pub since: Timestamp,
    /// What the system says.
    pub reason: String,
}

/// How the audit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where records go: a path, or `stdout`.
    pub place: String,
    /// Lines written since the start.
    pub records: u64,
    /// Writes that failed.
    pub failures: u64,
    /// Lines that wait until they can be written.
    pub kept: u64,
    /// Turns that came to nothing because the record took too long to write.
    pub late: u64,
    /// Why nothing can be recorded at the moment.
    pub fault: Option<Fault>,
}

pub(super) struct Clerk {
    sink: Box<dyn Sink>,
    orders: Receiver<Order>,
    state: State,
    clock: Clock,
    metrics: Metrics,
    /// Lines that are not durable yet, of which the first `written` are in the sink.
    kept: Vec<Vec<u8>>,
    written: usize,
}

/// Calls that wait to be sent.
type Opens = Vec<(Vec<u8>, Opened, oneshot::Sender<Opened>)>;

/// The longest a call waits for its record. Also when a write counts as hanging.
pub(super) const LONGEST: Duration = Duration::from_secs(3);
/// Between two tries while nothing can be written.
const RETRY: Duration = Duration::from_secs(1);
/// What nobody waits for becomes durable with the next call's record, or after so long.
pub(super) const SETTLE: Duration = Duration::from_millis(200);

impl State {
    pub(super) fn is_failing(&self) -> bool {
        let written = self.written();
        written.fault.is_some() || written.hangs()
    }

    pub(super) fn turn_was_late(&self) {
        self.written().late += 1;
    }

    /// The thread has panicked, so there will be no record, and no call, any more.
    pub(super) fn has_ended(&self, now: Timestamp) {
        let reason = "the thread that writes has ended: a defect of the gateway; restart it";
        let is_new = self.written().fault.replace(Fault { since: now, reason: reason.to_owned() }).is_none();
        if is_new {
            tracing::error!("calls are recorded no more, so none is sent: a defect of the gateway");
        }
    }

    pub(super) fn standing(&self, place: &str, clock: &Clock) -> Standing {
        let written = self.written();
        let hanging = || {
            let since = clock.since(written.busy_since.filter(|_| written.hangs())?.elapsed());
            Some(Fault { since, reason: "the write does not end".to_owned() })
        };
        Standing {
            place: place.to_owned(),
            records: written.records,
            failures: written.failures,
            kept: written.kept,
            late: written.late,
            fault: written.fault.clone().or_else(hanging),
        }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn hangs(&self) -> bool {
        self.busy_since.is_some_and(|since| since.elapsed() > LONGEST)
    }
}

impl Clerk {
    pub(super) fn new(
        sink: Box<dyn Sink>,
        orders: Receiver<Order>,
        state: State,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self { sink, orders, state, clock, metrics, kept: Vec::new(), written: 0 }
    }

    /// Writes until nobody can order anything any more.
    pub(super) fn run(mut self) {
        loop {
            let (orders, mut ended) = self.wait();
            let (mut opens, mut flushes) = (Opens::new(), Vec::new());
            let due = orders.is_empty();
            for order in orders {
                match order {
                    // Whoever waited has given up: it is not written, so there is nothing to complete.
                    Order::Open { opened, done, .. } if done.is_closed() => opened.forget(),
                    Order::Open { line, opened, done } => opens.push((line, opened, done)),
                    Order::Add(line) => self.kept.push(line),
                    Order::Flush { done, last } => {
                        flushes.push(done);
                        ended |= last;
                    }
                }
            }
            // While nothing could be written, only what is durable shows that something can be.
            let fails = self.state.written().fault.is_some();
            let durably = fails || due || !opens.is_empty() || !flushes.is_empty();
            self.write(opens, durably);
            // Whoever flushes waits no longer than for one try.
            for done in flushes {
                let _gone = done.send(());
            }
            if ended {
                return;
            }
        }
    }

    /// All orders there are; none when it is time to try again or to settle. The second tells that no others will come.
    fn wait(&self) -> (Vec<Order>, bool) {
        let first = if self.state.is_failing() {
            self.orders.recv_timeout(RETRY)
        } else if self.kept.is_empty() {
            self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            self.orders.recv_timeout(SETTLE)
        };
        match first {
            Ok(first) => (std::iter::once(first).chain(self.orders.try_iter()).collect(), false),
            Err(RecvTimeoutError::Timeout) => (Vec::new(), false),
            Err(RecvTimeoutError::Disconnected) => (Vec::new(), true),
        }
    }

    fn write(&mut self, opens: Opens, durably: bool) {
        let began = Instant::now();
        self.state.written().busy_since = Some(began);
        let outcome = self.try_to_write(&opens, durably);
        {
            let mut written = self.state.written();
            written.busy_since = None;
            written.kept = self.kept.len() as u64;
            match &outcome {
                Ok(lines) => written.records += lines,
                Err(_) => written.failures += 1,
            }
        }
        match outcome {
            Ok(_) => {
                if durably {
                    self.metrics.recorded(began.elapsed());
                }
                self.recovered();
                for (_, opened, done) in opens {
                    // Whoever waited may have given up meanwhile. Then the record is completed as it is dropped.
                    drop(done.send(opened));
                }
            }
            Err(Failure { error, rewrite, stays }) => {
                if rewrite {
                    self.written = 0;
                }
                self.failed(&error);
                // What may be there without a call is completed as it is dropped.
                opens.into_iter().filter(|_| !stays).for_each(|(_, opened, _)| opened.forget());
            }
        }
    }

    /// What waits, then what is new. Gives the number of lines.
    fn try_to_write(&mut self, opens: &Opens, durably: bool) -> Result<u64, Failure> {
        if self.sink.prepare()? == Prepared::Moved {
            self.kept.drain(..std::mem::take(&mut self.written).min(self.kept.len()));
        }
        let resumed = self
            .state
            .written()
            .fault
            .as_ref()
            .map(|fault| Record::resumed(self.clock.now(), fault.since, &fault.reason).line());
        let waiting = self.kept.iter().skip(self.written);
        let lines: Vec<_> = waiting.chain(&resumed).chain(opens.iter().map(|(line, ..)| line)).collect();
        let (count, text) = (lines.len() as u64, lines.into_iter().flatten().copied().collect::<Vec<u8>>());
        if !text.is_empty() {
            self.sink.append(&text)?;
        }
        self.written = self.kept.len();
        if durably {
            self.sink.sync()?;
            self.kept.clear();
            self.written = 0;
        }
        Ok(count)
    }

    fn failed(&self, error: &std::io::Error) {
        let reason = error.to_string();
        let mut written = self.state.written();
        let is_new = written.fault.as_ref().is_none_or(|fault| fault.reason != reason);
        let since = written.fault.as_ref().map_or_else(|| self.clock.now(), |fault| fault.since);
        written.fault = Some(Fault { since, reason });
        drop(written);
        if is_new {
            tracing::error!(%error, "calls cannot be recorded, so none is sent; what is held is served");
        }
    }

    fn recovered(&self) {
        let fault = self.state.written().fault.take();
        if let Some(fault) = fault {
            tracing::info!(since = %fault.since, "calls can be recorded again");
        }
    }
}
