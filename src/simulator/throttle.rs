//! The vendor's rate limit as guessed here: a sliding window over the calls that were admitted.
//! Invariant: no window shorter than `per` ever holds more than `limit` admitted arrivals.

use std::sync::Mutex;
use std::time::Duration;

// A call is judged when its body has come; one that took longer than this is judged too kindly.
const MEMORY: Duration = Duration::from_secs(60);

/// The arrivals that were admitted, oldest first.
#[derive(Debug)]
pub(super) struct Throttle {
    limit: usize,
    per: Duration,
    admitted: Mutex<Vec<Duration>>,
}

impl Throttle {
    pub(super) fn new(limit: usize, per: Duration) -> Self {
        let admitted = Mutex::default();
        Self { limit, per, admitted }
    }

    /// Whether a call that arrived `at` (since the start) is within the limit; if so it counts.
    ///
    /// Calls may be judged in another order than they arrived in.
    pub(super) fn admit(&self, at: Duration) -> bool {
        let mut admitted = self.admitted.lock().expect("no holder of this lock panics");
        if let Some(newest) = admitted.last() {
            let forgotten = newest.saturating_sub(MEMORY + self.per);
            let old = admitted.partition_point(|other| *other < forgotten);
            admitted.drain(..old);
        }
        let place = admitted.partition_point(|other| *other <= at);
        admitted.insert(place, at);
        let first = place.saturating_sub(self.limit);
        let crowded = admitted
            .iter()
            .zip(admitted.iter().skip(self.limit))
            .skip(first)
            .take(place - first + 1)
            .any(|(oldest, newest)| newest.saturating_sub(*oldest) < self.per);
        if crowded {
            admitted.remove(place);
        }
        !crowded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(limit: usize, millis: &[u64]) -> Vec<bool> {
        let throttle = Throttle::new(limit, Duration::from_secs(1));
        let admit = |at: &u64| throttle.admit(Duration::from_millis(*at));
        millis.iter().map(admit).collect()
    }

    #[test]
    fn two_calls_a_second_pass_and_the_third_does_not() {
        assert_eq!(verdicts(2, &[0, 10, 20]), [true, true, false]);
    }

    #[test]
    fn a_call_a_full_second_after_the_first_of_two_passes() {
        assert_eq!(verdicts(2, &[0, 900, 999]), [true, true, false]);
        assert_eq!(verdicts(2, &[0, 900, 1000]), [true, true, true]);
    }

    #[test]
    fn the_window_slides() {
        assert_eq!(verdicts(2, &[900, 950, 1100, 1900]), [true, true, false, true]);
    }

    #[test]
    fn a_throttled_call_does_not_count() {
        assert_eq!(verdicts(1, &[0, 500, 1000]), [true, false, true]);
    }

    #[test]
    fn the_order_of_judging_does_not_matter() {
        assert_eq!(verdicts(2, &[500, 600, 0]), [true, true, false]);
        assert_eq!(verdicts(2, &[500, 1600, 0]), [true, true, true]);
    }

    #[test]
    fn a_limit_of_none_admits_none() {
        assert_eq!(verdicts(0, &[0, 5000]), [false, false]);
    }

    #[test]
    fn what_is_long_past_is_forgotten() {
        let throttle = Throttle::new(2, Duration::from_secs(1));
        for second in 0..500 {
            assert!(throttle.admit(Duration::from_secs(second)));
        }
        assert!(throttle.admitted.lock().expect("unused elsewhere").len() < 70);
    }
}
