//! What the gateway tells of itself: log lines, counts, and where a request stands in its trace. The layers of the path
//! choose the words; this module only how they leave, and that nobody ever waits for it.

mod access;
mod config;
mod lines;
mod log;
mod metrics;
mod panics;
mod spans;
mod stamp;
mod trace;

use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;

pub use self::access::Access;
pub use self::config::{Config, Format};
pub use self::log::Log;
pub use self::metrics::{ANSWERED, Lookup, Metrics, RequestCounts, RequestLabels};
pub use self::panics::tell_panics;
pub use self::spans::SpanCounts;
pub use self::trace::{Attribute, Trace, Tracing};

/// All of it. Cloning shares it; the default counts, and neither logs nor exports.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// The log of this process.
    pub log: Log,
    /// What is counted.
    pub metrics: Metrics,
    /// Where spans go.
    pub tracing: Tracing,
}

impl Telemetry {
    /// Starts the log of this process, and the export of spans where one is configured.
    pub fn start(config: &Config) -> Result<Self, ExporterBuildError> {
        let tracing = config.otlp_endpoint.as_deref().map(Tracing::to).transpose()?.unwrap_or_default();
        Ok(Self { log: Log::start(config), metrics: Metrics::default(), tracing })
    }

    /// Lets out what still waits to be told, for a few seconds at most.
    pub fn end(self) {
        self.tracing.end();
        self.log.end();
    }
}

/// A duration as the log and `/status` tell it: whole milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
