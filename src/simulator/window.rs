//! The window of a call: how its ends must be written, how long it may be and how long ago.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::codes::Refusal;
use super::settings::Settings;

/// An instant written as RFC 3339 has it, in whole seconds.
///
/// `Timestamp` reads more than RFC 3339 has: times without colons, names of zones, fractions.
pub(super) fn moment(text: &str) -> Result<Timestamp, Refusal> {
    let refuse = || Refusal::new("InvalidParameter", format!("{text} is no RFC 3339 time in whole seconds"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match shape.as_str() {
        "0000-00-00T00:00:00Z" | "0000-00-00T00:00:00+00:00" | "0000-00-00T00:00:00-00:00" => {
            text.parse().map_err(|_| refuse())
        }
        _ => Err(refuse()),
    }
}

/// Whether the documents allow the window from `start` to `end` to be asked for at `now`.
pub(super) fn check(start: Timestamp, end: Timestamp, settings: &Settings, now: Timestamp) -> Result<(), Refusal> {
    let out = |message| Err(Refusal::new("InvalidParameter.OutofTimeRange", message));
    if start >= end {
        let message = "StartTime is not before EndTime";
        return Err(Refusal::new("InvalidParameter.StartTimeAfterEndTime", message));
    }
    if end.duration_since(start) > signed(settings.max_window) {
        return out("the window is too long");
    }
    // The vendor speaks of seconds: a window that begins in the very second of the horizon is within it.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    if now.duration_since(start) > signed(settings.horizon) {
        return out("the window begins too long ago");
    }
    // What becomes of an end in the future is not documented; a day that is not over yet is an ordinary question.
    if start > now {
        return out("the window begins in the future");
    }
    Ok(())
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_may_begin_thirty_days_ago_and_not_a_second_earlier() {
        let now: Timestamp = "2026-01-15T08:30:00Z".parse().expect("the moment of this test is a time");
        let check = |start: &str, end: &str| {
            let start = start.parse().expect("a time");
            let end = end.parse().expect("a time");
            super::check(start, end, &Settings::default(), now).is_ok()
        };
        assert!(check("2025-12-16T08:30:00Z", "2025-12-17T00:00:00Z"));
        assert!(!check("2025-12-16T08:29:59Z", "2025-12-17T00:00:00Z"));
    }
}
