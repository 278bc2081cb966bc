//! How far the vendor's clock is from ours, learnt from its `Date` header when it refuses a timestamp.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Seconds by which two looks at the same two clocks may differ.
const SAME: u64 = 2;
/// A clock may be set to the wrong zone. What is further off is no clock, and would make moving answers final.
const PLAUSIBLE: u64 = 86_400;

/// The vendor's clock minus ours, in seconds; zero until a timestamp is refused.
#[derive(Debug, Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// Takes the vendor's time, as its `Date` header writes it, for true, unless it cannot be. Whether that is another than the refused call was
    /// `signed_with`: several may have been on their way when the first was refused.
    pub(super) fn learn(&self, date: Option<&str>, now: Timestamp, signed_with: i64) -> bool {
        let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else { return false };
        let seconds = theirs.timestamp().as_second() - now.as_second();
        if seconds.unsigned_abs() > PLAUSIBLE {
            tracing::error!(seconds, "the upstream refused our timestamp; one of the clocks is more than a day wrong");
            return false;
        }
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
        match self.seconds() {
            0 => now,
            seconds => now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now),
        }
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

    #[test]
    fn a_date_that_cannot_be_is_not_believed() {
        let skew = Skew::default();
        let now: Timestamp = "2026-11-09T10:00:00Z".parse().unwrap();
        for absurd in [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Sun, 08 Nov 2026 09:59:59 GMT",
            "Tue, 10 Nov 2026 10:00:01 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert!(!skew.learn(Some(absurd), now, 0), "{absurd}");
            assert_eq!(skew.seconds(), 0, "{absurd}");
        }
        assert!(skew.learn(Some("Tue, 10 Nov 2026 00:00:00 GMT"), now, 0), "another zone's midnight");
    }
}
