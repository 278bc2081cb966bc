//! Watches the store's clock from outside. Slots free by the store's `TIME`; were it set forward, they would free early.
//!
//! Each exchange with the store bounds the difference between its clock and our monotonic one: its time was read after we
//! asked and before we heard. Bounds that do not meet prove that its clock was set, however slow the way was.

use tokio::time::Instant;

/// By how much two clocks that run evenly may drift apart: more than any crystal, less than what would matter.
const DRIFT_PER_SECOND: f64 = 0.002;
/// Two roundings to a microsecond and a little more. Never part of what is known, or it would add up.
const TOLERANCE_MICROS: i64 = 20;

/// What is known of the store's clock. Times are microseconds since 1970 as the store tells them.
#[derive(Debug, Default)]
pub(super) struct Witness(Option<Known>);

/// The store's time minus ours lay between these when it was last heard.
#[derive(Clone, Copy, Debug)]
struct Known {
    least: i64,
    most: i64,
    heard: Instant,
    /// Where our own scale begins.
    zero: Instant,
}

/// The store's clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockSet {
    /// By at least so much, in microseconds; negative when it was set back.
    pub(super) by_micros: i64,
}

impl Witness {
    /// Takes in a time that the store told in answer to something asked at `asked` and heard at `heard`.
    pub(super) fn hear(&mut self, told: i64, asked: Instant, heard: Instant) -> Result<(), ClockSet> {
        let zero = self.0.map_or(asked, |known| known.zero);
        let (least, most) = (told - micros(zero, heard), told - micros(zero, asked));
        let fresh = Known { least, most, heard, zero };
        let Some(known) = self.0 else {
            self.0 = Some(fresh);
            return Ok(());
        };
        let drift = known.drift(heard);
        let (low, high) = (known.least - drift, known.most + drift);
        let ahead = least - (high + TOLERANCE_MICROS);
        let behind = most - (low - TOLERANCE_MICROS);
        let by_micros = if ahead > 0 { ahead } else { behind.min(0) };
        if by_micros != 0 {
            // Not believed from now on either: whatever is heard of this clock is refused until `forget`.
            return Err(ClockSet { by_micros });
        }
        self.0 = Some(Known { least: least.max(low), most: most.min(high), ..fresh });
        Ok(())
    }

    /// What the store's clock shows at most at this time; `None` before it was heard.
    pub(super) fn latest(&self, at: Instant) -> Option<i64> {
        self.0.map(|known| known.most + known.drift(at) + TOLERANCE_MICROS + micros(known.zero, at))
    }

    /// Forgets everything: another server may have another clock.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

impl Known {
    fn drift(&self, at: Instant) -> i64 {
        let elapsed = at.saturating_duration_since(self.heard).as_secs_f64();
        #[expect(clippy::cast_possible_truncation, reason = "a drift of microseconds")]
        let drift = (elapsed * DRIFT_PER_SECOND * 1e6) as i64;
        drift
    }
}

fn micros(from: Instant, to: Instant) -> i64 {
    i64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EPOCH: i64 = 1_700_000_000_000_000;

    /// Hears `told` (ms) asked and heard at these times (ms).
    fn hear(witness: &mut Witness, zero: Instant, told: i64, asked: u64, heard: u64) -> Result<(), ClockSet> {
        let at = |ms| zero + Duration::from_millis(ms);
        witness.hear(EPOCH + told * 1000, at(asked), at(heard))
    }

    #[test]
    fn a_slow_way_is_no_proof_of_anything() {
        let (mut witness, zero) = (Witness::default(), Instant::now());
        for (told, asked, heard) in [(0, 0, 1), (500, 500, 3500), (6000, 4000, 6000), (9000, 9000, 9001)] {
            assert_eq!(hear(&mut witness, zero, told, asked, heard), Ok(()), "{told}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_found_out_at_the_next_word_of_it() {
        for (step, least) in [(100_i64, 95_000_i64), (3_600_000, 3_599_900_000), (-100, -95_000), (-5000, -4_990_000)] {
            let (mut witness, zero) = (Witness::default(), Instant::now());
            assert_eq!(hear(&mut witness, zero, 0, 0, 1), Ok(()));
            assert_eq!(hear(&mut witness, zero, 1000, 1000, 1001), Ok(()));
            let found = hear(&mut witness, zero, 2000 + step, 2000, 2001).unwrap_err().by_micros;
            assert!(found.signum() == least.signum() && found.abs() >= i64::abs(least), "{step}: {found}");
            assert!(hear(&mut witness, zero, 3000 + step, 3000, 3001).is_err(), "nor is it believed the next time");
            witness.forget();
            assert_eq!(hear(&mut witness, zero, 4000 + step, 4000, 4001), Ok(()), "a new beginning");
        }
    }

    #[test]
    fn a_clock_that_runs_too_fast_is_found_out_however_often_it_is_asked() {
        for pause in [1, 10, 500] {
            let (mut witness, zero) = (Witness::default(), Instant::now());
            // Half a per cent too fast, told in microseconds.
            let found = (0..60_000 / pause).find(|round| {
                let asked = Duration::from_millis(round * pause);
                let (asked, heard) = (zero + asked, zero + asked + Duration::from_micros(300));
                let told = EPOCH + micros(zero, asked) * 1005 / 1000 + 150;
                witness.hear(told, asked, heard).is_err()
            });
            assert!(found.is_some(), "not when asked each {pause} ms");
        }
    }

    #[test]
    fn the_latest_time_is_never_before_the_stores_own() {
        let (mut witness, zero) = (Witness::default(), Instant::now());
        assert_eq!(witness.latest(zero), None);
        hear(&mut witness, zero, 40, 0, 50).unwrap();
        let latest = witness.latest(zero + Duration::from_secs(1)).unwrap();
        assert!((EPOCH + 1_040_000..=EPOCH + 1_050_000).contains(&latest), "{}", latest - EPOCH);
    }
}
