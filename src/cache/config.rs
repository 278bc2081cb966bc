//! `[cache]`: how much is held, and for how long a moving answer is good.

use std::time::Duration;

use crate::settings::Section;

/// The bounds of holding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The weight of all that is held, in bytes.
    pub max_bytes: u64,
    /// For how long an answer is fresh whose window has not settled.
    pub recent_ttl: Duration,
    /// For how long after that it may be served while the upstream fails.
    pub stale_if_error: Duration,
    /// How long who could have it waits for a call that is under way.
    pub stale_if_slow: Duration,
}

const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl Config {
    /// Reads `[cache]`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let max_bytes = section.bytes("max_bytes");
        let recent_ttl = section.duration("recent_ttl", Duration::from_secs(1)..=YEAR);
        let stale_if_error = section.duration("stale_if_error", Duration::ZERO..=YEAR);
        let stale_if_slow = section.duration("stale_if_slow", Duration::ZERO..=YEAR);
        Some(Self {
            max_bytes: max_bytes?,
            recent_ttl: recent_ttl?,
            stale_if_error: stale_if_error?,
            stale_if_slow: stale_if_slow?,
        })
    }
}
