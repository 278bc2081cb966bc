//! `[budget]`: how many calls the vendor allows in what time, and how long a call may be on its way.

use std::time::Duration;

use crate::settings::{Section, parse_duration};
use crate::store;

/// The vendor's limit and our assumption about the way to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Calls that may arrive within any `per`.
    pub calls: usize,
    /// The sliding window of the limit.
    pub per: Duration,
    /// When a slot may be counted from the sending instead of the answer.
    pub guard: GuardRule,
    /// The store that several replicas keep their slots in; `None` where this process is alone.
    pub store: Option<store::Config>,
}

/// The longest time that a call is assumed to need to reach the vendor's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardRule {
    /// A call on an open connection has arrived this long after it was sent.
    Within(Duration),
    /// Assume nothing: every slot is held until its answer.
    Strict,
}

/// Half of the guard is what signing and sending may take.
const SHORTEST_GUARD: Duration = Duration::from_millis(10);

impl Config {
    /// Reads `[budget]`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let calls = section.integer("calls", 1..=1000);
        let per = section.duration("per", Duration::from_millis(10)..=Duration::from_secs(3600));
        let guard = section.parsed("guard", |text| {
            if text == "strict" {
                return Ok(GuardRule::Strict);
            }
            parse_duration(text).map(GuardRule::Within).map_err(|fault| format!("{fault}, or \"strict\""))
        });
        let store = store::Config::read(section);
        let (per, guard) = (per?, guard?);
        if matches!(guard, GuardRule::Within(guard) if guard < SHORTEST_GUARD || guard > per) {
            section
                .reject("guard", "must lie between 10ms and budget.per; \"strict\" holds every slot until its answer");
            return None;
        }
        Some(Self { calls: usize::try_from(calls?).unwrap_or(usize::MAX), per, guard, store: store? })
    }
}
