//! How long a sent call is assumed to be on its way: wider after each throttle, narrow again with time.

use std::time::Duration;

use tokio::time::Instant;

use super::GuardRule;

/// The guard in force. A throttle says that somebody else spends from the account or that the way is slower than
/// assumed; both are answered by more distance, up to `per`.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Guard {
    rule: GuardRule,
    widest: Duration,
    now: Duration,
    widened_at: Option<Instant>,
}

/// After this long without a throttle, half of the widening is taken back.
const HALF_LIFE: Duration = Duration::from_secs(60);

impl Guard {
    pub(super) fn new(rule: GuardRule, per: Duration) -> Self {
        let now = match rule {
            GuardRule::Within(guard) => guard,
            GuardRule::Strict => per,
        };
        Self { rule, widest: per, now, widened_at: None }
    }

    /// Whether a slot may be counted from the sending at all.
    pub(super) fn is_strict(&self) -> bool {
        self.rule == GuardRule::Strict
    }

    /// A throttle came. Whether a slow way does not explain it: where the guard had been widened before, or nothing was
    /// assumed at all, our own calls were further apart than the limit wants.
    pub(super) fn widen(&mut self, now: Instant) -> bool {
        let before = self.at(now);
        let unexplained = match self.rule {
            GuardRule::Strict => true,
            GuardRule::Within(base) => before > base,
        };
        self.now = (before * 2).min(self.widest);
        self.widened_at = Some(now);
        unexplained
    }

    /// The guard at this time; a strict rule counts as `per` where a length is needed.
    pub(super) fn at(&self, now: Instant) -> Duration {
        let GuardRule::Within(base) = self.rule else { return self.widest };
        let Some(since) = self.widened_at else { return base };
        let halvings = now.saturating_duration_since(since).as_secs() / HALF_LIFE.as_secs();
        let excess = self.now.saturating_sub(base) / 2u32.saturating_pow(u32::try_from(halvings).unwrap_or(u32::MAX));
        base + if excess < Duration::from_millis(1) { Duration::ZERO } else { excess }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_throttle_doubles_the_guard_up_to_per_and_quiet_takes_it_back() {
        let start = Instant::now();
        let mut guard = Guard::new(GuardRule::Within(Duration::from_millis(100)), Duration::from_secs(1));
        for expected in [200, 400, 800, 1000, 1000] {
            let unexplained = guard.widen(start);
            assert_eq!((guard.at(start), unexplained), (Duration::from_millis(expected), expected > 200));
        }
        assert_eq!(guard.at(start + Duration::from_secs(60)), Duration::from_millis(550));
        assert_eq!(guard.at(start + Duration::from_secs(3600)), Duration::from_millis(100));
    }
}
