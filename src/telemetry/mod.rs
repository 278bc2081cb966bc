//! Logs: one line an event, JSON or for people, on standard output. Every line is written by `tracing`; the layers of
//! the path choose the words, this module only how they look.

mod config;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

pub use self::config::{Config, Format};

/// Starts the log of this process. A second start is ignored: there is one log.
pub fn start(config: &Config) {
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&config.log)).with_writer(io::stdout);
    let started = match config.format {
        Format::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        Format::Pretty => builder.compact().with_ansi(io::stdout().is_terminal()).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
