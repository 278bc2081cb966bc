//! The token in the `Authorization` header (RFC 6750, section 2.1), and nowhere else.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// What the header holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// No header.
    Absent,
    /// One bearer token, unverified.
    Token(&'a str),
    /// Several headers, another scheme, or anything else that is not exactly one bearer token.
    Malformed,
}

pub(super) fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Bearer::Absent };
    if values.next().is_some() {
        return Bearer::Malformed;
    }
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let one = !token.is_empty() && !token.contains([' ', ',', '\t']);
        (scheme.eq_ignore_ascii_case("bearer") && one).then_some(token)
    });
    token.map_or(Bearer::Malformed, Bearer::Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        format!("{:?}", bearer(&headers))
    }

    #[test]
    fn exactly_one_bearer_token_is_taken() {
        assert_eq!(read(&[]), "Absent");
        for good in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
            assert_eq!(read(&[good]), "Token(\"a.b.c\")", "{good}");
        }
        for bad in
            ["Bearer", "Bearer ", "Bearer  a.b.c", "Bearer a.b.c, Bearer d", "Basic a.b.c", "a.b.c", "Bearer\ta.b.c"]
        {
            assert_eq!(read(&[bad]), "Malformed", "{bad}");
        }
        assert_eq!(read(&["Bearer a.b.c", "Bearer a.b.c"]), "Malformed");
    }
}
