//! How far the vendor's clock is from ours, learnt from its `Date` header when it refuses a timestamp.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The vendor's clock minus ours, in seconds; zero until a timestamp is refused.
#[derive(Debug, Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// Takes the vendor's time, as its `Date` header writes it, for true.
    pub(super) fn learn(&self, date: Option<&str>, now: Timestamp) {
        let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else { return };
        let seconds = theirs.timestamp().as_second() - now.as_second();
        self.0.store(seconds, Ordering::Relaxed);
        tracing::warn!(seconds, "the upstream refused our timestamp; signing by its clock from now on");
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
        skew.learn(Some("Mon, 09 Nov 2026 11:00:00 GMT"), now);
        assert_eq!(skew.correct(now).to_string(), "2026-11-09T11:00:00Z");
        skew.learn(Some("yesterday"), now);
        skew.learn(None, now);
        assert_eq!(skew.correct(now).to_string(), "2026-11-09T11:00:00Z");
    }
}
