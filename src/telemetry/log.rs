//! Logs: one line an event, JSON or for people, on standard output. A reader that is too slow loses lines, which are
//! counted; whoever writes one never waits.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, reload};

use super::access::{self, Access};
use super::lines::{Lines, to_standard_output};
use super::{Config, Format};

/// The log of this process. Cloning shares it; the default writes nothing.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Running>>);

struct Running {
    filter: reload::Handle<EnvFilter, Registry>,
    format: Format,
    lines: Arc<Lines>,
    /// Whether the filter lets the lines of requests through: asked when it changes, since there are many.
    requests: AtomicBool,
}

impl Log {
    /// Starts it. A second start gives one that writes nothing: a process has one log.
    pub(super) fn start(config: &Config) -> Self {
        let lines = Lines::new();
        let (filter, handle) = reload::Layer::new(EnvFilter::new(&config.log));
        let layer = tracing_subscriber::fmt::layer().with_writer(Arc::clone(&lines));
        let layer = match config.format {
            Format::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
            Format::Pretty => layer.compact().with_ansi(io::stdout().is_terminal()).boxed(),
        };
        if tracing_subscriber::registry().with(filter).with(layer).try_init().is_err() {
            tracing::debug!("the log was started before");
            return Self::default();
        }
        lines.start(to_standard_output).expect("a process that starts can have a thread");
        let requests = AtomicBool::new(access::is_wanted());
        Self(Some(Arc::new(Running { filter: handle, format: config.format, lines, requests })))
    }

    /// Writes from now on what this lets through: a level, or directives.
    pub fn filter(&self, log: &str) {
        let Some(running) = &self.0 else { return };
        if running.filter.reload(EnvFilter::new(log)).is_err() {
            tracing::debug!("the log is gone");
        }
        running.requests.store(access::is_wanted(), Ordering::Relaxed);
    }

    /// Tells the one line of a request. Without a log it is an event like any other.
    pub fn access(&self, access: &Access<'_>) {
        match &self.0 {
            Some(running) if running.format == Format::Json => {
                if running.requests.load(Ordering::Relaxed) {
                    running.lines.append(|line, stamp| access.write(line, stamp));
                }
            }
            _ => access.tell(),
        }
    }

    /// Lines that were lost because nobody read them fast enough; `None` where nothing is written.
    pub fn dropped(&self) -> Option<u64> {
        self.0.as_ref().map(|running| running.lines.lost())
    }

    /// Writes what waits. What is told afterwards is lost.
    pub(super) fn end(&self) {
        if let Some(running) = &self.0 {
            running.lines.end();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lines.end();
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("writes", &self.0.is_some()).finish()
    }
}
