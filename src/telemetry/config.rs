//! `[telemetry]`: how much is logged, in which form, and where spans go.

use tracing_subscriber::EnvFilter;

use crate::settings::Section;

/// What is told, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A level, or `tracing` directives such as `info,sluice::access=warn`.
    pub log: String,
    /// The form of a line.
    pub format: Format,
    /// The base URL of an OpenTelemetry collector (OTLP over HTTP), such as `http://collector:4318`.
    pub otlp_endpoint: Option<String>,
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
            let understood = EnvFilter::try_new(text).is_ok() && text.split(',').all(says_a_level);
            understood.then(|| text.to_owned()).ok_or_else(|| {
                "not a log level or filter; write for example \"info\" or \"info,sluice::access=warn\"".into()
            })
        });
        let format = section.choice("format", &[("json", Format::Json), ("pretty", Format::Pretty)]);
        let otlp_endpoint = section.optional_parsed("otlp_endpoint", collector);
        Some(Self { log: log?, format: format?, otlp_endpoint: otlp_endpoint? })
    }
}

fn collector(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or_default();
    let plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@'));
    if text.trim_end_matches('/').ends_with("/v1/traces") {
        return Err("leave /v1/traces out: it is added to the collector's base URL".to_owned());
    }
    plain
        .then(|| text.to_owned())
        .ok_or_else(|| "not the base URL of a collector; write for example \"http://collector:4318\"".to_owned())
}

/// A word alone is a level. The filter's own reader would take any other for the name of a target, and a slip of the
/// pen would silence the log.
fn says_a_level(directive: &str) -> bool {
    let level = directive.rsplit('=').next().unwrap_or_default().trim();
    ["trace", "debug", "info", "warn", "error", "off"].iter().any(|known| level.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_given_by_its_base_url() {
        for good in ["http://collector:4318", "https://otlp.example.com/team/"] {
            assert_eq!(collector(good).as_deref(), Ok(good));
        }
        for bad in
            ["collector:4318", "http://", "http://user@collector", "http://c:4318/v1/traces", "http://c/v1/traces/"]
        {
            assert!(collector(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_no_level() {
        for good in ["info", "WARN", "info,sluice::access=warn", "off"] {
            assert!(good.split(',').all(says_a_level), "{good}");
        }
        for bad in ["inof", "wrning", "info,sluice::access", "sluice=loud", ""] {
            assert!(!bad.split(',').all(says_a_level), "{bad}");
        }
    }
}
