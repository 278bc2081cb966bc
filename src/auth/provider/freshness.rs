//! For how long fetched keys are believed without another look: as the publisher's `Cache-Control` says (RFC 9111,
//! 4.2.1), within bounds of our own.
//!
//! The upper bound is what keeps a withdrawn key from being believed for long; the lower one is what the publisher is
//! spared.

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

/// The shortest lifetime, whatever the publisher says.
pub(super) const SHORTEST: Duration = Duration::from_secs(15);

/// The lifetime that the headers give to an answer; `None` where they say nothing.
pub(super) fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let is = |name: &str| directives.iter().any(|directive| directive.eq_ignore_ascii_case(name));
    if is("no-store") || is("no-cache") {
        return Some(Duration::ZERO);
    }
    let max_age = directives.iter().find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| seconds(value.trim_matches('"')))
    })??;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(seconds).unwrap_or_default();
    Some(max_age.saturating_sub(age))
}

/// `told`, brought within the bounds.
pub(super) fn bounded(told: Option<Duration>, longest: Duration) -> Duration {
    told.unwrap_or(longest).clamp(SHORTEST.min(longest), longest)
}

/// Digits alone. More than fit are as good as for ever.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_publisher_may_shorten_the_lifetime_and_not_stretch_it() {
        let rows: [(&[(&str, &str)], u64); 14] = [
            (&[], 60),
            (&[("cache-control", "public")], 60),
            (&[("cache-control", "max-age=20")], 20),
            (&[("cache-control", "public, MAX-AGE=\"40\", must-revalidate")], 40),
            (&[("cache-control", "public"), ("cache-control", "max-age=40")], 40),
            (&[("cache-control", "max-age=40"), ("age", "15")], 25),
            (&[("cache-control", "max-age=40"), ("age", "soon")], 40),
            (&[("cache-control", "max-age=40"), ("age", "50")], 15),
            (&[("cache-control", "max-age=0")], 15),
            (&[("cache-control", "no-store")], 15),
            (&[("cache-control", "no-cache, max-age=50")], 15),
            (&[("cache-control", "max-age=86400")], 60),
            (&[("cache-control", "max-age=99999999999999999999999")], 60),
            (&[("cache-control", "max-age=-5")], 60),
        ];
        for (lines, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().expect("a header"));
            }
            let bounded = bounded(lifetime(&headers), Duration::from_secs(60));
            assert_eq!(bounded.as_secs(), expected, "{lines:?}");
        }
        assert_eq!(
            bounded(None, Duration::from_secs(5)),
            Duration::from_secs(5),
            "a bound below ours is the operator's"
        );
    }
}
