//! The small grammar of durations and sizes: a whole number and one unit, nothing between them.
//! Reading what was written gives the same value back.

use std::time::Duration;

/// Largest first, so that writing takes the largest unit that divides evenly.
const DURATIONS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Powers of 1024 before those of 1000, so that 1048576 is written as `1MiB`.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads a duration such as `250ms`, `10s`, `10m`, `8h`, `30d`. The fault completes a sentence
/// that begins with the text: `"10x" is …`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let odd = || "not a duration; write for example \"10s\" (units: ms, s, m, h, d)".to_owned();
    let (number, unit) = split(text).ok_or_else(odd)?;
    let (_, scale) = DURATIONS.iter().find(|(name, _)| *name == unit).ok_or_else(odd)?;
    let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*scale));
    milliseconds.map(Duration::from_millis).ok_or_else(|| "longer than can be counted".to_owned())
}

/// Writes a duration as [`parse_duration`] reads it, in the largest unit that divides it evenly.
/// What is finer than a millisecond is not written.
pub fn write_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let whole = |&&(_, scale): &&(&str, u64)| milliseconds.is_multiple_of(u128::from(scale));
    match DURATIONS.iter().find(whole) {
        Some(&(unit, scale)) if milliseconds > 0 => {
            format!("{}{unit}", milliseconds / u128::from(scale))
        }
        _ => "0s".to_owned(),
    }
}

/// Reads a size such as `256MiB`, `10MB` or plain `1048576`, in bytes. The fault completes a
/// sentence that begins with the text.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let odd = || "not a size; write for example \"256MiB\" (units: B, KB, KiB, MB, MiB, …)".to_owned();
    let (number, unit) = split(text).ok_or_else(odd)?;
    let unit = if unit.is_empty() { "B" } else { unit };
    let (_, scale) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(odd)?;
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*scale));
    bytes.ok_or_else(|| "larger than can be counted".to_owned())
}

/// The digits and what follows them.
fn split(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(number, _)| !number.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_written_duration_is_read_back(milliseconds: u64) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse_duration(&write_duration(duration)), Ok(duration));
        }

        #[test]
        fn a_duration_is_its_number_times_its_unit(number in 0_u64..1_000_000, unit in 0_usize..5) {
            let (name, scale) = DURATIONS[unit];
            let expected = Duration::from_millis(number * scale);
            prop_assert_eq!(parse_duration(&format!("{number}{name}")), Ok(expected));
        }

        #[test]
        fn a_size_is_its_number_times_its_unit(number in 0_u64..1_000_000, unit in 0_usize..9) {
            let (name, scale) = SIZES[unit];
            prop_assert_eq!(parse_bytes(&format!("{number}{name}")), Ok(number * scale));
            prop_assert_eq!(parse_bytes(&number.to_string()), Ok(number));
        }

        #[test]
        fn no_text_makes_the_readers_fall_over(text in ".*") {
            let _ = (parse_duration(&text), parse_bytes(&text));
        }
    }

    #[test]
    fn what_is_not_a_number_and_one_unit_is_refused() {
        for text in ["", "10", "s", "10 s", "1h30m", "-1s", "+1s", "1.5s", "10S", "10x", "１s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in ["", "MiB", "1 MiB", "1mib", "-1", "1.5GB", "0x10"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_overflows_is_refused() {
        let fault = parse_duration("18446744073709551615d").unwrap_err();
        assert_eq!(fault, "longer than can be counted");
        assert!(parse_duration("99999999999999999999s").is_err());
        assert!(parse_bytes("16777216TiB").is_err());
    }

    #[test]
    fn a_duration_is_written_in_its_largest_even_unit() {
        for text in ["0s", "1ms", "90s", "10m", "8h", "30d"] {
            assert_eq!(write_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(write_duration(Duration::from_secs(86_400)), "1d");
    }
}
