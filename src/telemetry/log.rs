//! Logs: one line an event, JSON or for people, on standard output. A reader that is too slow loses lines, which are
//! counted; whoever writes one never waits.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, reload};

use super::{Config, Format};

/// Lines that may wait for standard output.
const ROOM: usize = 8 * 1024;

/// The log of this process. Cloning shares it; the default writes nothing.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Running>>);

struct Running {
    filter: reload::Handle<EnvFilter, Registry>,
    dropped: ErrorCounter,
    /// Writes what waits when it is dropped.
    writer: Mutex<Option<WorkerGuard>>,
}

impl Log {
    /// Starts it. A second start gives one that writes nothing: a process has one log.
    pub(super) fn start(config: &Config) -> Self {
        let (lines, writer) = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(ROOM).finish(io::stdout());
        let dropped = lines.error_counter();
        let (filter, handle) = reload::Layer::new(EnvFilter::new(&config.log));
        let lines = tracing_subscriber::fmt::layer().with_writer(lines);
        let lines = match config.format {
            Format::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
            Format::Pretty => lines.compact().with_ansi(io::stdout().is_terminal()).boxed(),
        };
        if tracing_subscriber::registry().with(filter).with(lines).try_init().is_err() {
            tracing::debug!("the log was started before");
            return Self::default();
        }
        Self(Some(Arc::new(Running { filter: handle, dropped, writer: Mutex::new(Some(writer)) })))
    }

    /// Writes from now on what this lets through: a level, or directives.
    pub fn filter(&self, log: &str) {
        if let Some(running) = &self.0
            && running.filter.reload(EnvFilter::new(log)).is_err()
        {
            tracing::debug!("the log is gone");
        }
    }

    /// Lines that were lost because nobody read them fast enough; `None` where nothing is written.
    pub fn dropped(&self) -> Option<u64> {
        self.0.as_ref().map(|running| u64::try_from(running.dropped.dropped_lines()).unwrap_or(u64::MAX))
    }

    /// Writes what waits. What is told afterwards is lost.
    pub(super) fn end(&self) {
        if let Some(running) = &self.0 {
            drop(running.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("writes", &self.0.is_some()).finish()
    }
}
