//! How far the vendor's clock is from ours, learnt from its `Date` header when it refuses a timestamp.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Seconds by which two looks at the same two clocks may differ.
const SAME: u64 = 2;

/// The vendor's clock minus ours, in seconds; zero until a timestamp is refused.
#[derive(Debug, Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// Takes the vendor's time, as its `Date` header writes it, for true. Whether that is another than the refused call was
    /// `signed_with`: several may have been on their way when the first was refused.
    pub(super) fn learn(&self, date: Option<&str>, now: Timestamp, signed_with: i64) -> bool {
        let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else { return false };
        let seconds = theirs.timestamp().as_second() - now.as_second();
        let known = self.0.swap(seconds, Ordering::Relaxed);
        if known.abs_diff(seconds) > SAME {
            tracing::warn!(seconds, "the upstream refused our timestamp; signing by its clock from now on");
        }
        signed_with.abs_diff(seconds) > SAME
    }

    /// What is signed with at present, in seconds.
    pub(super) fn seconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What the vendor's clock shows.
    pub(super) fn correct(&self, now: Timestamp) -> Timestamp {
        let skew = SignedDuration::from_secs(self.seconds());
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
        assert!(skew.learn(Some("Mon, 09 Nov 2026 11:00:00 GMT"), now, 0));
        assert_eq!(skew.correct(now).to_string(), "2026-11-09T11:00:00Z");
        assert!(skew.learn(Some("Mon, 09 Nov 2026 11:00:00 GMT"), now, 0), "it was on its way before");
        assert!(!skew.learn(Some("yesterday"), now, 0) && !skew.learn(None, now, 0));
        assert!(!skew.learn(Some("Mon, 09 Nov 2026 11:00:01 GMT"), now, skew.seconds()), "nothing new");
        skew.learn(Some("Mon, 09 Nov 2026 11:00:00 GMT"), now, skew.seconds());
        assert_eq!(skew.correct(now).to_string(), "2026-11-09T11:00:00Z");
    }
}
