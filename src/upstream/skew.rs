//! How far the vendor's clock is from ours, learnt from its `Date` header when it refuses a timestamp.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Seconds by which two looks at the same two clocks may differ.
const SAME: u64 = 2;

/// The vendor's clock minus ours, in seconds; zero until a timestamp is refused.
#[derive(Debug, Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// Takes the vendor's time, as its `Date` header writes it, for true. Whether that changes what we sign by.
    pub(super) fn learn(&self, date: Option<&str>, now: Timestamp) -> bool {
        let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else { return false };
        let seconds = theirs.timestamp().as_second() - now.as_second();
        let known = self.0.swap(seconds, Ordering::Relaxed);
        tracing::warn!(seconds, "the upstream refused our timestamp; signing by its clock from now on");
        known.abs_diff(seconds) > SAME
    }

    /// What the vendor's clock shows.
    pub(super) fn correct(&self, now: Timestamp) -> Timestamp {
        let skew = SignedDuration::from_secs(self.0.load(Ordering::Relaxed));
        now.checked_add(skew).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_date_is_believed_and_rubbish_is_not() {
        let skew = Skew::default();
        let now: Timestamp = "2026-11-09T10:00:00Z".parse().unwrap();
        assert!(skew.learn(Some("Mon, 09 Nov 2026 11:00:00 GMT"), now));
        assert_eq!(skew.correct(now).to_string(), "2026-11-09T11:00:00Z");
        assert!(!skew.learn(Some("yesterday"), now) && !skew.learn(None, now));
        assert!(!skew.learn(Some("Mon, 09 Nov 2026 11:00:01 GMT"), now), "nothing new");
        skew.learn(Some("Mon, 09 Nov 2026 11:00:00 GMT"), now);
        assert_eq!(skew.correct(now).to_string(), "2026-11-09T11:00:00Z");
    }
}
