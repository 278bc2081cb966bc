//! `[telemetry]`: how much is logged, and in which form.

use tracing_subscriber::EnvFilter;

use crate::settings::Section;

/// What the log looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A level, or `tracing` directives such as `info,sluice::access=warn`.
    pub log: String,
    /// The form of a line.
    pub format: Format,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// For people.
    Pretty,
}

impl Config {
    /// Reads `[telemetry]`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let log = section.parsed("log", |text| {
            EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| {
                "not a log level or filter; write for example \"info\" or \"info,sluice::access=warn\"".into()
            })
        });
        let format = section.choice("format", &[("json", Format::Json), ("pretty", Format::Pretty)]);
        section.absent("otlp_endpoint", "this version does not export traces; leave this out")?;
        Some(Self { log: log?, format: format? })
    }
}
