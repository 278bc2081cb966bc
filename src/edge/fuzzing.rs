//! Fuzz target of this stage: the header in which the token comes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here has been found")]

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::bearer::{Bearer, bearer};

/// `Authorization` headers, one a line, and after an empty line those of a proxy. A token is taken out of exactly one
/// line that is `Bearer`, a space and the token; a proxy's is looked at only where there is no line before.
pub fn authorization(bytes: &[u8]) {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let at = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let (own, others) = (&lines[..at], lines.get(at + 1..).unwrap_or_default());
    let proxy = HeaderName::from_static("x-forwarded-access-token");
    let mut headers = HeaderMap::new();
    for (name, lines) in [(&AUTHORIZATION, own), (&proxy, others)] {
        for line in lines {
            let Ok(value) = HeaderValue::from_bytes(line) else { return };
            headers.append(name.clone(), value);
        }
    }
    let scheme = |line: &[u8]| line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"bearer "));
    let one = |token: &[u8]| {
        let text = str::from_utf8(token).ok()?;
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        plain.then(|| text.to_owned())
    };
    let expected = match (own, others) {
        ([], []) => return assert_eq!(bearer(&headers, &[proxy]), Bearer::Absent),
        ([line], _) if scheme(line) => one(&line[7..]),
        ([], [line]) => one(if scheme(line) { &line[7..] } else { line }),
        _ => None,
    };
    let found = match bearer(&headers, std::slice::from_ref(&proxy)) {
        Bearer::Token(token) => Some(token.to_owned()),
        Bearer::Malformed => None,
        Bearer::Absent => panic!("there are headers"),
    };
    assert_eq!(found, expected);
    if !own.is_empty() {
        headers.remove(&proxy);
        let alone = match bearer(&headers, &[]) {
            Bearer::Token(token) => Some(token.to_owned()),
            _ => None,
        };
        assert_eq!(alone, found, "another header took part");
    }
}
