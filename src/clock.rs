//! The one place that asks what time it is.
//!
//! Wall time decides what a question means, how fresh an answer is and whether a token has expired; it comes from
//! here and can be replaced. Waiting and pacing never use it: they run on the monotonic `tokio::time::Instant`,
//! which no operator and no time server can set back.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// A source of wall time. Cloning shares it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the place that asks")]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that stands still: for tests whose subject is a moment.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Arc::new(move || at))
    }

    /// A clock that a test moves by hand, in seconds since 1970.
    #[cfg(test)]
    pub(crate) fn by_hand(seconds: &Arc<std::sync::atomic::AtomicI64>) -> Self {
        let seconds = Arc::clone(seconds);
        let read = move || seconds.load(std::sync::atomic::Ordering::SeqCst);
        Self(Arc::new(move || Timestamp::from_second(read()).expect("within the calendar")))
    }

    /// This clock, read `by` later (or earlier, when negative): what a machine with a wrong clock would see.
    #[must_use]
    pub fn shifted(&self, by: SignedDuration) -> Self {
        let base = self.clone();
        Self(Arc::new(move || {
            let now = base.now();
            now.checked_add(by).unwrap_or(now)
        }))
    }

    /// The moment that was so long ago.
    pub fn since(&self, elapsed: std::time::Duration) -> Timestamp {
        let now = self.now();
        SignedDuration::try_from(elapsed).ok().and_then(|elapsed| now.checked_sub(elapsed).ok()).unwrap_or(now)
    }

    /// The time now, in UTC.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
