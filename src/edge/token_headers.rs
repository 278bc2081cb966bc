//! `server.token_headers`: the headers in which a proxy in front hands over the caller's token. Off unless configured.

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE};

use super::cors::PAGES_MAY_SEND;
use crate::settings::Section;

const KEY: &str = "token_headers";

/// Names of headers, in the order in which they are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenHeaders {
    names: Vec<HeaderName>,
    /// As they are configured; a parsed name is in lower case.
    spelled: Vec<String>,
}

/// Headers that a connection or a proxy on the way may change or take out (RFC 9110, section 7.6.1).
const OF_THE_CONNECTION: [&str; 10] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that mean something else already, besides those that a page on another origin may send on asking. These it
/// may send without; a page must never be able to set one of ours.
const TAKEN: [&str; 12] = [
    "accept",
    "accept-language",
    "content-language",
    "content-length",
    "content-type",
    "forwarded",
    "origin",
    "range",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

impl TokenHeaders {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let spelled = section.texts(KEY)?;
        let mut names = Vec::with_capacity(spelled.len());
        for text in &spelled {
            match fit(text, &names) {
                Ok(name) => names.push(name),
                Err(fault) => section.reject(KEY, format!("{text:?} will not do: {fault}")),
            }
        }
        (names.len() == spelled.len()).then_some(Self { names, spelled })
    }

    /// Looked for in this order, the first that is there is taken.
    pub(super) fn names(&self) -> &[HeaderName] {
        &self.names
    }

    /// As they are configured.
    pub(super) fn spelled(&self) -> &[String] {
        &self.spelled
    }

    /// What an operator who configured any has to know.
    pub fn warning(&self) -> Option<String> {
        let names = self.spelled.join(", ");
        (!self.spelled.is_empty()).then(|| {
            format!(
                "server.token_headers: whoever reaches the public listener may send a token in {names}; only a proxy \
                 that overwrites what its clients send there may set it, and no other way may lead to this listener"
            )
        })
    }
}

fn fit(text: &str, before: &[HeaderName]) -> Result<HeaderName, &'static str> {
    let name: HeaderName =
        text.parse().map_err(|_| "not the name of a header; write for example \"X-Forwarded-Access-Token\"")?;
    if name == AUTHORIZATION {
        Err("it is always read, and before all of these; leave it out")
    } else if name == COOKIE {
        Err("browsers send it on their own, whichever page asks")
    } else if OF_THE_CONNECTION.contains(&name.as_str()) {
        Err("it belongs to the connection and not to the request")
    } else if TAKEN.contains(&name.as_str()) || PAGES_MAY_SEND.contains(&name.as_str()) {
        Err("it means something else already")
    } else if before.contains(&name) {
        Err("it is named twice; letters of either case are the same")
    } else {
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_means_something_else_already_cannot_carry_a_token() {
        assert!(fit("X-Forwarded-Access-Token", &[]).is_ok());
        for taken in [
            "Host",
            "TE",
            "Authorization",
            "Cookie",
            "Accept",
            "Range",
            "Prefer",
            "Sluice-Tenant",
            "X-Request-Id",
            "Forwarded",
        ] {
            assert!(fit(taken, &[]).is_err(), "{taken}");
        }
    }
}
