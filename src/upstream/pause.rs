//! How long the vendor asks not to be asked again: the `Retry-After` of a throttle or a failure, which it does not document.

use std::time::Duration;

use jiff::Timestamp;

/// Nobody is made to wait longer on the vendor's word: an absurd one must not shut the gateway for a day.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Reads the header, as seconds or as a date (RFC 9110, 10.2.3) against the vendor's own time. `None` where it asks for
/// nothing, or is not understood.
pub(super) fn read(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let digits = !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit());
    let pause = if digits {
        // More digits than a number can have ask for more than anybody waits.
        Duration::from_secs(header.parse().unwrap_or(u64::MAX))
    } else {
        let until = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
        Duration::try_from(until.duration_since(now)).ok()?
    };
    (!pause.is_zero()).then(|| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn told(header: &str) -> Option<Duration> {
        read(header, "2026-11-09T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(told("3"), Some(SECOND * 3));
        assert_eq!(told(" 3 "), Some(SECOND * 3));
        assert_eq!(told("Mon, 09 Nov 2026 10:00:04 GMT"), Some(SECOND * 4));
    }

    #[test]
    fn no_word_of_the_vendors_shuts_the_gateway_for_long() {
        for long in ["11", "86400", "99999999999999999999999999", "Tue, 09 Nov 2027 10:00:00 GMT"] {
            assert_eq!(told(long), Some(LONGEST_PAUSE), "{long}");
        }
    }

    #[test]
    fn what_asks_for_nothing_or_is_nonsense_counts_for_nothing() {
        for nothing in ["0", "", "-3", "3.5", "soon", "Mon, 09 Nov 2026 09:59:00 GMT"] {
            assert_eq!(told(nothing), None, "{nothing}");
        }
    }
}
