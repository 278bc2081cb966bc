//! `[budget]`: how many calls the vendor allows in what time, and how long a call may be on its way.

use std::time::Duration;

use crate::settings::{Section, parse_duration};

/// The vendor's limit and our assumption about the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Calls that may arrive within any `per`.
    pub calls: usize,
    /// The sliding window of the limit.
    pub per: Duration,
    /// When a slot may be counted from the sending instead of the answer.
    pub guard: GuardRule,
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

/// A setting of the contract that this version does not carry out is refused, not ignored: replicas that believed to
/// share a budget would together break the vendor's limit.
const NOT_SHARED: &str =
    "this version does not share a budget over replicas; run one replica for each master key and leave this out";

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
        let unshared = section.absent("redis_url", NOT_SHARED).zip(section.absent("redis_url_file", NOT_SHARED));
        let (per, guard) = (per?, guard?);
        if matches!(guard, GuardRule::Within(guard) if guard < SHORTEST_GUARD || guard > per) {
            section
                .reject("guard", "must lie between 10ms and budget.per; \"strict\" holds every slot until its answer");
            return None;
        }
        unshared?;
        Some(Self { calls: usize::try_from(calls?).unwrap_or(usize::MAX), per, guard })
    }
}
