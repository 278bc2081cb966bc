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
    // A moment beyond the library's time line is beyond any lifetime.
    let Ok(settles_at) = Timestamp::from_second(settles_at.as_second()) else { return Some(recent_ttl) };
    let until_settled = Duration::try_from(settles_at.duration_since(answer.fetched_at())).unwrap_or(Duration::ZERO);
    Some(recent_ttl.min(until_settled))
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

    /// Seconds of freshness left, zero or negative when stale; `None` for good.
    pub fn ttl(&self) -> Option<i64> {
        let whole = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        self.lifetime.map(|lifetime| whole(lifetime) - whole(self.age))
    }
}
