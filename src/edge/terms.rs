//! How the caller wants to be answered: `Prefer: wait=N` (RFC 7240) and `Cache-Control: only-if-cached` (RFC 9111).

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderName};

use crate::pipeline::Terms;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Preferences that cannot be understood are ignored, as RFC 7240 has it.
pub(super) fn terms(headers: &HeaderMap) -> Terms {
    let patience = elements(headers, &PREFER).find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse::<u32>().ok()?;
        name.trim().eq_ignore_ascii_case("wait").then(|| Duration::from_secs(u64::from(seconds)))
    });
    let only_if_cached =
        elements(headers, &CACHE_CONTROL).any(|directive| directive.eq_ignore_ascii_case("only-if-cached"));
    Terms { patience, only_if_cached, ..Terms::default() }
}

/// The members of a comma-separated header, over all its lines.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &str)]) -> Terms {
        let pairs = lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        terms(&pairs.collect::<HeaderMap>())
    }

    #[test]
    fn patience_is_read_from_among_other_preferences() {
        for (value, seconds) in [
            ("wait=2", Some(2)),
            ("respond-async, wait=10", Some(10)),
            ("Wait=0; foo=bar", Some(0)),
            ("wait=\"3\"", Some(3)),
            ("wait", None),
            ("wait=-1", None),
            ("wait=2.5", None),
            ("waiting=2", None),
        ] {
            assert_eq!(read(&[("prefer", value)]).patience, seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn only_if_cached_is_found_in_any_place_and_case() {
        assert!(read(&[("cache-control", "max-stale, Only-If-Cached")]).only_if_cached);
        assert!(!read(&[("cache-control", "no-cache")]).only_if_cached);
    }
}
