//! The accessors of a section for amounts: whole numbers and durations, each within a range that
//! the reader gives, and sizes in bytes.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::node::Value;
use super::scalars::text_of;
use super::section::Section;
use super::spelling::quoted;
use super::words::{parse_bytes, parse_duration, write_duration};

impl Section<'_> {
    /// A whole number within the range.
    pub fn integer(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let found = self.optional_integer(key, range);
        self.require(key, found)
    }

    /// A whole number within the range, or nothing.
    pub fn optional_integer(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Option<u64>> {
        self.take(key, |node| {
            let number = match &node.value {
                Value::Whole(number) => *number,
                Value::Text(text) => match text.parse::<i128>() {
                    Ok(number) if node.is_variable() => number,
                    Ok(number) => return Err(format!("is text; write the number bare: {number}")),
                    Err(_) => {
                        return Err(format!("is {}, but a whole number is wanted", node.value));
                    }
                },
                other => return Err(format!("is {other}, but a whole number is wanted")),
            };
            node.value = Value::Whole(number);
            u64::try_from(number).ok().filter(|number| range.contains(number)).ok_or_else(|| {
                let top = (*range.end() < u64::MAX).then(|| range.end().to_string());
                format!("{number} is out of range; {}", bounds(&range.start().to_string(), top))
            })
        })
    }

    /// A duration within the range, written as `"10s"`: a whole number and one of ms, s, m, h, d.
    pub fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let found = self.optional_duration(key, range);
        self.require(key, found)
    }

    /// A duration within the range, or nothing.
    pub fn optional_duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Option<Option<Duration>> {
        self.take(key, |node| {
            if let Value::Whole(number) = &node.value {
                return Err(format!("{number} has no unit; write for example \"{number}s\""));
            }
            let text = text_of(node)?;
            let duration = parse_duration(text).map_err(|fault| format!("{} is {fault}", quoted(text)))?;
            if range.contains(&duration) {
                return Ok(duration);
            }
            let top = (*range.end() < Duration::MAX).then(|| write_duration(*range.end()));
            let bounds = bounds(&write_duration(*range.start()), top);
            Err(format!("{} is out of range; {bounds}", quoted(text)))
        })
    }

    /// A size in bytes, written as `"256MiB"`, `"10MB"` or a plain number.
    pub fn bytes(&mut self, key: &str) -> Option<u64> {
        let found = self.take(key, |node| {
            if let Value::Whole(number) = &node.value {
                return u64::try_from(*number).map_err(|_| format!("{number} is not a size"));
            }
            let text = text_of(node)?;
            parse_bytes(text).map_err(|fault| format!("{} is {fault}", quoted(text)))
        });
        self.require(key, found)
    }
}

/// What would do, for a value out of range.
fn bounds(least: &str, most: Option<String>) -> String {
    match most {
        Some(most) => format!("from {least} to {most} will do"),
        None => format!("at least {least} will do"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::{said, variable};
    use super::*;

    #[test]
    fn a_number_out_of_range_or_of_another_kind_is_refused() {
        let mistakes = said("a = 0\nb = -1\nc = '5'\nd = 1.5\ne = 'x'\nf = 5\n", |root| {
            for key in ["a", "b", "c", "d", "e"] {
                assert_eq!(root.integer(key, 1..=10), None);
            }
            assert_eq!(root.integer("f", 1..=10), Some(5));
            assert_eq!(root.integer("f", 6..=u64::MAX), None);
            assert_eq!(root.optional_integer("g", 1..=10), Some(None));
            assert_eq!(root.integer("g", 1..=10), None);
        });
        let expected = [
            "f:1: a: 0 is out of range; from 1 to 10 will do",
            "f:2: b: -1 is out of range; from 1 to 10 will do",
            "f:3: c: is text; write the number bare: 5",
            "f:4: d: is a fraction (1.5), but a whole number is wanted",
            "f:5: e: is the text \"x\", but a whole number is wanted",
            "f:6: f: 5 is out of range; at least 6 will do",
            "g: is missing",
        ];
        assert_eq!(mistakes, expected);
    }

    #[test]
    fn a_variable_gives_a_number_as_text() {
        let mut settings = variable("SLUICE_X", "100");
        assert_eq!(settings.root().integer("x", 0..=100), Some(100));
        let printed = settings.finish().map(|resolved| resolved.to_toml());
        assert_eq!(printed, Ok("x = 100\n".to_owned()));
    }

    #[test]
    fn a_duration_needs_its_unit_and_its_range() {
        let second = Duration::from_secs(1);
        let mistakes = said("a = '10x'\nb = 10\nc = '90s'\nd = '10s'\n", |root| {
            for key in ["a", "b", "c"] {
                assert_eq!(root.duration(key, second..=60 * second), None);
            }
            assert_eq!(root.duration("d", second..=60 * second), Some(10 * second));
            assert_eq!(root.duration("d", 11 * second..=Duration::MAX), None);
            assert_eq!(root.optional_duration("e", second..=second), Some(None));
        });
        let expected = [
            "f:1: a: \"10x\" is not a duration; write for example \"10s\" (units: ms, s, m, h, d)",
            "f:2: b: 10 has no unit; write for example \"10s\"",
            "f:3: c: \"90s\" is out of range; from 1s to 1m will do",
            "f:4: d: \"10s\" is out of range; at least 11s will do",
        ];
        assert_eq!(mistakes, expected);
    }

    #[test]
    fn a_size_is_a_number_or_a_text_with_a_unit() {
        let mistakes = said("a = '1MiB'\nb = 7\nc = -7\nd = '1 MiB'\n", |root| {
            assert_eq!(root.bytes("a"), Some(1 << 20));
            assert_eq!(root.bytes("b"), Some(7));
            assert_eq!(root.bytes("c"), None);
            assert_eq!(root.bytes("d"), None);
        });
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    }
}
