//! The query string, split and decoded without mercy: every parameter known, once, non-empty and well encoded.

use std::borrow::Cow;

use super::Invalid;

/// The decoded parameters. A `+` that arrived unescaped is a space here; `times` knows the one place for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters<'r> {
    pub(super) from: Cow<'r, str>,
    pub(super) to: Cow<'r, str>,
    pub(super) dim: Cow<'r, str>,
    pub(super) indicator: Option<Cow<'r, str>>,
}

/// All there are.
pub(crate) const PARAMETERS: [&str; 4] = ["from", "to", "dim", "indicator"];
const LONGEST_NAME_SHOWN: usize = 32;

impl<'r> Parameters<'r> {
    pub(super) fn parse(raw: &'r str) -> Result<Self, Invalid> {
        let mut values = [None, None, None, None];
        for pair in raw.split('&').filter(|_| !raw.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| Invalid::parameter(shown(name), "has a badly encoded name"))?;
            if name.is_empty() {
                return Err(Invalid::parameter("\"\"", "has no name; a & or = too many stands in the query"));
            }
            let known = PARAMETERS.iter().zip(&mut values).find(|(known, _)| **known == name);
            let Some((_, slot)) = known else {
                return Err(Invalid::parameter(shown(&name), "is unknown; there are from, to, dim and indicator"));
            };
            let value = decode(value).ok_or_else(|| {
                Invalid::parameter(
                    &name,
                    "is badly encoded; write it in UTF-8 without control characters, and %XX where needed",
                )
            })?;
            if value.is_empty() {
                return Err(Invalid::parameter(&name, "is empty; give it a value"));
            }
            if slot.replace(value).is_some() {
                return Err(Invalid::parameter(&name, "is repeated; give it once"));
            }
        }
        let [from, to, dim, indicator] = values;
        let required = |value: Option<Cow<'r, str>>, name, example: &str| {
            value.ok_or_else(|| Invalid::parameter(name, &format!("is missing; give for example {name}={example}")))
        };
        Ok(Self {
            from: required(from, "from", "2026-11-01")?,
            to: required(to, "to", "2026-11-08")?,
            dim: required(dim, "dim", "province")?,
            indicator,
        })
    }
}

/// Form decoding that refuses what the lenient decoders pass on: `%` without two hex digits, bytes that are not
/// UTF-8, control characters.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'+' | b'%')) {
        return Some(text.into());
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (hex_digit(bytes.next()?)?, hex_digit(bytes.next()?)?);
                high * 16 + low
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok().filter(|text| !text.chars().any(char::is_control)).map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A caller's own parameter name, cut to what can stand in an error and a log line.
fn shown(name: &str) -> &str {
    let end = name.char_indices().nth(LONGEST_NAME_SHOWN).map_or(name.len(), |(index, _)| index);
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(raw: &str) -> String {
        match Parameters::parse(raw) {
            Err(Invalid::Parameter { name, detail }) => format!("{name}: {detail}"),
            other => panic!("{raw} gave {other:?}"),
        }
    }

    #[test]
    fn the_three_required_parameters_are_enough() {
        let parameters = Parameters::parse("to=b&dim=c&from=a").unwrap();
        assert_eq!((&*parameters.from, &*parameters.to, &*parameters.dim), ("a", "b", "c"));
        assert_eq!(parameters.indicator, None);
    }

    #[test]
    fn each_fault_names_its_parameter() {
        for (raw, expected) in [
            ("", "from: is missing"),
            ("from=a", "to: is missing"),
            ("from=a&to=b", "dim: is missing"),
            ("from=a&from=a&to=b&dim=c", "from: is repeated"),
            ("from=a&to=&dim=c", "to: is empty"),
            ("from=a&to&dim=c", "to: is empty"),
            ("from=a&to=b&dim=c&zone=x", "zone: is unknown"),
            ("from=a&to=b&dim=c&", "\"\": has no name"),
            ("=a&to=b&dim=c", "\"\": has no name"),
            ("From=a&to=b&dim=c", "From: is unknown"),
            ("from=%zz&to=b&dim=c", "from: is badly encoded"),
            ("from=%4&to=b&dim=c", "from: is badly encoded"),
            ("from=%ff&to=b&dim=c", "from: is badly encoded"),
            ("from=%00&to=b&dim=c", "from: is badly encoded"),
            ("fr%6fm=a&to=b&d%zzim=c", "d%zzim: has a badly encoded name"),
        ] {
            assert!(refused(raw).starts_with(expected), "{raw}: {}", refused(raw));
        }
    }

    #[test]
    fn a_long_unknown_name_is_cut() {
        assert!(refused(&format!("{}=1", "é".repeat(5_000))).len() < 200);
    }

    #[test]
    fn a_plus_arrives_as_a_space_and_its_escape_as_a_plus() {
        let parameters = Parameters::parse("from=1+2&to=1%2B2&dim=c").unwrap();
        assert_eq!((&*parameters.from, &*parameters.to), ("1 2", "1+2"));
    }
}
