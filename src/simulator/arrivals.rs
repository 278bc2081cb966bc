//! The log of arrivals: every call whose head was seen, when, on which connection, and its fate.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::clock;

/// One call, as the vendor's counter would see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// When the head of the request was seen, since the start, by the monotonic clock.
    pub at: Duration,
    /// The same moment by the wall clock.
    pub wall: Timestamp,
    /// The TCP connection it came by, counted from 1.
    pub connection: u64,
    /// The id in the answer's `ResponseMetadata`.
    pub request_id: String,
    /// The key it claims to be signed with.
    pub access_key_id: Option<String>,
    /// The trace that it says it belongs to.
    pub traceparent: Option<String>,
    /// `AppId` as sent.
    pub app_id: Option<String>,
    /// `StartTime` as sent.
    pub start: Option<String>,
    /// `EndTime` as sent.
    pub end: Option<String>,
    /// `Indicator` as sent.
    pub indicator: Option<String>,
    /// `Dimension` as sent.
    pub dimension: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a call.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "verdict", content = "detail", rename_all = "snake_case")]
pub enum Verdict {
    /// Its head was seen, and the rest has not come or never came.
    Unfinished,
    /// It was given its answer.
    Answered,
    /// It was beyond the limit.
    Throttled,
    /// It was refused with this code.
    Refused(&'static str),
    /// It was met by an ordered fault of this name.
    Faulted(&'static str),
}

/// The most arrivals within any window shorter than `per`: what the vendor's limit bounds.
pub fn worst_window(arrivals: &[Arrival], per: Duration) -> usize {
    let mut moments: Vec<Duration> = arrivals.iter().map(|arrival| arrival.at).collect();
    moments.sort_unstable();
    let mut window = VecDeque::new();
    let mut worst = 0;
    for at in moments {
        while window.front().is_some_and(|first| at.saturating_sub(*first) >= per) {
            window.pop_front();
        }
        window.push_back(at);
        worst = worst.max(window.len());
    }
    worst
}

/// Where arrivals are kept while the simulator runs.
#[derive(Debug)]
pub(super) struct Log {
    started: Instant,
    keep: usize,
    kept: Mutex<Kept>,
}

/// The newest arrivals; `first` is the number of the oldest one still kept.
#[derive(Debug, Default)]
struct Kept {
    first: usize,
    arrivals: VecDeque<Arrival>,
}

impl Arrival {
    /// Notes the fields of a body, however wrong the rest of the call may be.
    pub(super) fn note_fields(&mut self, body: &[u8]) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let field = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        self.app_id = field("AppId");
        self.start = field("StartTime");
        self.end = field("EndTime");
        self.indicator = field("Indicator");
        self.dimension = field("Dimension");
    }
}

impl Log {
    pub(super) fn new(keep: usize) -> Self {
        Self { started: clock::monotonic(), keep: keep.max(1), kept: Mutex::default() }
    }

    /// Takes the time and logs an arrival; returns the time and the number to speak of it later.
    pub(super) fn open(&self, connection: u64, request_id: String) -> (Duration, usize) {
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        let at = self.started.elapsed();
        if kept.arrivals.len() >= self.keep {
            kept.arrivals.pop_front();
            kept.first += 1;
        }
        kept.arrivals.push_back(Arrival {
            at,
            wall: clock::wall(),
            connection,
            request_id,
            access_key_id: None,
            traceparent: None,
            app_id: None,
            start: None,
            end: None,
            indicator: None,
            dimension: None,
            verdict: Verdict::Unfinished,
        });
        (at, kept.first + kept.arrivals.len() - 1)
    }

    /// Completes what is known of an arrival, unless it is no longer kept.
    pub(super) fn note(&self, number: usize, complete: impl FnOnce(&mut Arrival)) {
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        let place = number.checked_sub(kept.first);
        if let Some(arrival) = place.and_then(|place| kept.arrivals.get_mut(place)) {
            complete(arrival);
        }
    }

    /// Every arrival kept, in order.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        let kept = self.kept.lock().expect("no holder of this lock panics");
        kept.arrivals.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(millis: &[u64]) -> usize {
        let log = Log::new(100);
        let mut arrivals = Vec::new();
        for at in millis {
            log.open(1, String::new());
            let mut arrival = log.arrivals().pop().expect("one was just logged");
            arrival.at = Duration::from_millis(*at);
            arrivals.push(arrival);
        }
        worst_window(&arrivals, Duration::from_secs(1))
    }

    #[test]
    fn arrivals_a_full_period_apart_do_not_share_a_window() {
        assert_eq!(worst(&[]), 0);
        assert_eq!(worst(&[0, 1000, 2000]), 1);
        assert_eq!(worst(&[0, 999, 2000]), 2);
    }

    #[test]
    fn the_worst_window_may_lie_anywhere_and_arrivals_in_any_order() {
        assert_eq!(worst(&[0, 5000, 5400, 5999, 6000, 9000]), 3);
        assert_eq!(worst(&[6000, 5400, 9000, 5999, 0, 5000]), 3);
        assert_eq!(worst(&[7, 7, 7, 7]), 4);
    }

    #[test]
    fn only_the_newest_arrivals_are_kept() {
        let log = Log::new(2);
        let numbers: Vec<usize> = (0..4).map(|id| log.open(id, String::new()).1).collect();
        for number in numbers {
            log.note(number, |arrival| arrival.verdict = Verdict::Answered);
        }
        let connections: Vec<u64> = log.arrivals().iter().map(|a| a.connection).collect();
        assert_eq!(connections, [2, 3]);
        assert!(log.arrivals().iter().all(|a| a.verdict == Verdict::Answered));
    }
}
