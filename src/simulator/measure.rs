//! The values of fault orders as words: counts, statuses, codes, durations and sizes.

use std::time::Duration;

use http::StatusCode;

/// A number of calls, not none.
pub(super) fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|calls| *calls > 0)
}

/// A final HTTP status; the server would take one below 200 for an interim answer.
pub(super) fn status(text: &str) -> Option<StatusCode> {
    let number: u16 = text.parse().ok()?;
    StatusCode::from_u16(number).ok().filter(|_| (200..=599).contains(&number))
}

/// An error code: letters, digits and dots.
pub(super) fn code(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
    (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
}

/// A whole number of `ms`, `s` or `m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = measure(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

/// A whole number of bytes, `KiB`, `MiB` or `GiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = measure(text)?;
    let bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn measure(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}
