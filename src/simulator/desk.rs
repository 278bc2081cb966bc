//! What all connections of one simulator share: its settings, its log, its limit and its orders.

use std::mem;
use std::time::Duration;

use super::arrivals::Log;
use super::chance::Chance;
use super::clock;
use super::fault::Faults;
use super::settings::Settings;
use super::throttle::Throttle;

/// What all connections of a simulator share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) settings: Settings,
    pub(super) log: Log,
    pub(super) faults: Faults,
    pub(super) throttle: Throttle,
    chance: Chance,
}

impl Desk {
    pub(super) fn new(mut settings: Settings) -> Self {
        let orders = mem::take(&mut settings.faults);
        Self {
            log: Log::new(settings.keep),
            faults: Faults::new(settings.seed, orders),
            throttle: Throttle::new(settings.limit, settings.per),
            chance: Chance::new(settings.seed),
            settings,
        }
    }

    /// An id such as the vendor's: the time, then digits.
    pub(super) fn request_id(&self) -> String {
        let now = clock::wall().strftime("%Y%m%d%H%M%S");
        format!("{now}{:016X}", self.chance.draw())
    }

    /// How long the next answer takes.
    pub(super) fn delay(&self) -> Duration {
        self.settings.latency + self.settings.jitter.mul_f64(self.chance.fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_the_latency_and_some_of_the_jitter() {
        let (latency, jitter) = (Duration::from_millis(20), Duration::from_millis(10));
        let desk = Desk::new(Settings { latency, jitter, ..Settings::default() });
        let delays: Vec<Duration> = (0..50).map(|_| desk.delay()).collect();
        assert!(delays.iter().all(|delay| (latency..latency + jitter).contains(delay)));
        assert!(delays.iter().max() > delays.iter().min());
    }
}
