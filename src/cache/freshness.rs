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
    let fetched_at = answer.fetched_at();
    let whole = settles_at.as_second().saturating_sub(Moment::floor(fetched_at).as_second());
    // The fraction of its second at which it was fetched has gone already.
    let gone = fetched_at.subsec_nanosecond().rem_euclid(1_000_000_000).unsigned_abs();
    let until_settled =
        Duration::from_secs(u64::try_from(whole).unwrap_or(0)).saturating_sub(Duration::from_nanos(gone.into()));
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
