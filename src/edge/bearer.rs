//! The token in the `Authorization` header (RFC 6750, section 2.1); without that header, in those that a proxy in
//! front may set; and nowhere else.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

/// What the headers hold.
#[derive(PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// No header.
    Absent,
    /// One bearer token, unverified.
    Token(&'a str),
    /// Several headers, another scheme, or anything else that is not exactly one bearer token.
    Malformed,
}

impl fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Token(_) => "Token(***)",
            Self::Malformed => "Malformed",
        })
    }
}

/// Reads the first of these headers that is there, however it is filled: a caller whose token is refused is never
/// taken for somebody else because of another header.
pub(super) fn bearer<'a>(headers: &'a HeaderMap, others: &[HeaderName]) -> Bearer<'a> {
    let in_authorization = only(headers, &AUTHORIZATION, with_scheme);
    let in_others = || {
        let read = |name| only(headers, name, |value| with_scheme(value).or(Some(value)));
        others.iter().map(read).find(|read| *read != Bearer::Absent).unwrap_or(Bearer::Absent)
    };
    if in_authorization == Bearer::Absent { in_others() } else { in_authorization }
}

/// What `bearer` would take the token from, unread: only who knows a token by all its bytes can do anything with it.
pub(super) fn unread<'a>(headers: &'a HeaderMap, others: &[HeaderName]) -> Option<&'a [u8]> {
    for name in [&AUTHORIZATION].into_iter().chain(others) {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next().map(HeaderValue::as_bytes) else { continue };
        if values.next().is_some() {
            return None;
        }
        let parts = value.split_at_checked(SCHEME.len()).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME));
        return parts.map(|(_, token)| token).or_else(|| (*name != AUTHORIZATION).then_some(value));
    }
    None
}

const SCHEME: &[u8] = b"bearer ";

/// The token in the one header of this name.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName, token: impl Fn(&'a str) -> Option<&'a str>) -> Bearer<'a> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Bearer::Absent };
    if values.next().is_some() {
        return Bearer::Malformed;
    }
    let token = value.to_str().ok().and_then(token);
    let one = token.filter(|token| !token.is_empty() && !token.contains([' ', ',', '\t']));
    one.map_or(Bearer::Malformed, Bearer::Token)
}

fn with_scheme(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads headers, each written as `name: value`, where `x-first` and `x-second` may carry a token.
    fn read(lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let others = ["x-first", "x-second"].map(HeaderName::from_static);
        match bearer(&headers, &others) {
            Bearer::Token(token) => format!("Token({token:?})"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_token_has_no_way_into_text() {
        let printed = format!("{:?} {:#?}", Bearer::Token("canary"), Bearer::Token("canary"));
        assert!(printed.starts_with("Token(***)") && !printed.contains("canary"), "{printed}");
    }

    #[test]
    fn exactly_one_bearer_token_is_taken() {
        assert_eq!(read(&[]), "Absent");
        for good in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
            assert_eq!(read(&[&format!("authorization: {good}")]), "Token(\"a.b.c\")", "{good}");
        }
        for bad in
            ["Bearer", "Bearer ", "Bearer  a.b.c", "Bearer a.b.c, Bearer d", "Basic a.b.c", "a.b.c", "Bearer\ta.b.c"]
        {
            assert_eq!(read(&[&format!("authorization: {bad}")]), "Malformed", "{bad}");
        }
        assert_eq!(read(&["authorization: Bearer a.b.c", "authorization: Bearer a.b.c"]), "Malformed");
    }

    #[test]
    fn another_header_holds_a_bare_token_and_may_name_the_scheme() {
        for good in ["a.b.c", "Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
            assert_eq!(read(&[&format!("x-first: {good}")]), "Token(\"a.b.c\")", "{good}");
        }
        for bad in ["", "Bearer ", "Bearer  a.b.c", "a.b.c, d", "a.b.c,d", "Basic a.b.c", "a\tb", " a.b.c", "\u{fc}"] {
            assert_eq!(read(&[&format!("x-first: {bad}")]), "Malformed", "{bad}");
        }
        assert_eq!(read(&["x-first: a.b.c", "x-first: a.b.c"]), "Malformed");
        assert_eq!(read(&["x-third: a.b.c"]), "Absent");
    }

    #[test]
    fn the_first_header_that_is_there_is_taken_however_it_is_filled() {
        assert_eq!(read(&["x-second: b", "x-first: a"]), "Token(\"a\")");
        assert_eq!(read(&["x-second: b", "x-first: "]), "Malformed");
        assert_eq!(read(&["x-second: b"]), "Token(\"b\")");
        assert_eq!(read(&["x-first: a", "authorization: Bearer c"]), "Token(\"c\")");
        for bad in ["Basic c", "c", ""] {
            assert_eq!(read(&["x-first: a", &format!("authorization: {bad}")]), "Malformed", "{bad}");
        }
    }
}
