//! `[queue]`: how long and how many may wait for the budget.

use std::time::Duration;

use crate::settings::Section;

/// The bounds of waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The longest patience, and that of callers who name none.
    pub max_wait: Duration,
    /// How many questions of one tenant may wait at a time.
    pub per_tenant: usize,
}

impl Config {
    /// Reads `[queue]`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let max_wait = section.duration("max_wait", Duration::ZERO..=Duration::from_secs(3600));
        let per_tenant = section.integer("per_tenant", 1..=1_000_000);
        Some(Self { max_wait: max_wait?, per_tenant: usize::try_from(per_tenant?).unwrap_or(usize::MAX) })
    }
}
