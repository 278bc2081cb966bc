//! The rules of freshness, as RFC 9111 names them: lifetime, age, stale.

use std::time::Duration;

use jiff::Timestamp;

use super::Held;
use crate::model::{Answer, Moment};

/// How fresh a held answer is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Since it was fetched.
    pub age: Duration,
    /// For how long from then it is fresh; `None` for good.
    pub lifetime: Option<Duration>,
}

/// For how long an answer is fresh from its fetching.
pub(super) fn lifetime(answer: &Answer, settles_at: Moment, recent_ttl: Duration) -> Option<Duration> {
    if answer.is_final() {
        return None;
    }
    let until_settled = settles_at.as_second().saturating_sub(answer.fetched_at().as_second());
    Some(recent_ttl.min(Duration::from_secs(u64::try_from(until_settled).unwrap_or(0))))
}

impl Held {
    /// How fresh it is now. A clock set back makes it younger, never less than newborn.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        let age = now.duration_since(self.answer.fetched_at());
        Freshness { age: Duration::try_from(age).unwrap_or(Duration::ZERO), lifetime: self.lifetime }
    }
}

impl Freshness {
    /// Whether it may be served without asking.
    pub fn is_fresh(&self) -> bool {
        self.lifetime.is_none_or(|lifetime| self.age < lifetime)
    }

    /// Whether it may stand in for a failing upstream.
    pub fn serves_on_error(&self, stale_if_error: Duration) -> bool {
        self.lifetime.is_none_or(|lifetime| self.age < lifetime.saturating_add(stale_if_error))
    }

    /// Seconds of freshness left, negative when stale; `None` for good.
    pub fn ttl(&self) -> Option<i64> {
        let whole = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        self.lifetime.map(|lifetime| whole(lifetime) - whole(self.age))
    }
}
