//! The id under which a request can be found again: the caller's own if it is sane, else a new one.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::NoContext;
use uuid::fmt::Hyphenated;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

/// The id of one request: 1 to 128 letters, digits, `-`, `_` or `.`.
#[derive(Clone, Debug)]
pub(super) enum RequestId {
    Theirs(HeaderValue),
    Ours(Box<str>),
}

impl RequestId {
    /// That of a request with these headers, which has just come.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let now = || {
            let (seconds, nanoseconds) = uuid::Timestamp::now(NoContext).to_unix();
            seconds * 1000 + u64::from(nanoseconds / 1_000_000)
        };
        Self::theirs(headers).unwrap_or_else(|| Self::new(now()))
    }

    /// The caller's own, if it is sane.
    pub(super) fn theirs(headers: &HeaderMap) -> Option<Self> {
        let sane = |id: &&HeaderValue| {
            (1..=LONGEST).contains(&id.len())
                && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        headers.get(X_REQUEST_ID).filter(sane).cloned().map(Self::Theirs)
    }

    /// A UUID of version 7, of this time in milliseconds since 1970. Nobody has to be kept from guessing it, so its random
    /// part asks the system for nothing, and two of one millisecond need no order, so nobody waits for another.
    pub(super) fn new(milliseconds: u64) -> Self {
        let mut random = [0; 10];
        fastrand::fill(&mut random);
        let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        let mut text = [0; Hyphenated::LENGTH];
        Self::Ours(Box::from(&*id.hyphenated().encode_lower(&mut text)))
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Theirs(id) => id.to_str().expect("it is of letters, digits and three marks"),
            Self::Ours(id) => id,
        }
    }

    pub(super) fn header(&self) -> HeaderValue {
        match self {
            Self::Theirs(id) => id.clone(),
            Self::Ours(id) => HeaderValue::from_str(id).expect("digits and dashes can stand in a header"),
        }
    }
}
