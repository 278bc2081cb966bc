//! Questions without end, all of them about windows that have settled, and the requests that ask them.

use jiff::{Timestamp, ToSpan as _};

use super::days;

/// Windows of one length that begin a second apart: less than six days of them.
const OF_A_LENGTH: usize = 500_000;

/// The questions, numbered.
pub(crate) struct Questions {
    /// Where the first window begins.
    begin: Timestamp,
}

impl Questions {
    pub(crate) fn new() -> Self {
        Self { begin: days::now().saturating_sub((28 * 24).hours()).unwrap() }
    }

    /// The target of the question with this number.
    pub(crate) fn target(&self, number: usize) -> String {
        let seconds = i64::try_from(number % OF_A_LENGTH).unwrap();
        let hours = 24 + i64::try_from(number / OF_A_LENGTH).unwrap();
        let from = self.begin.saturating_add(seconds.seconds()).unwrap();
        let to = from.saturating_add(hours.hours()).unwrap();
        let text = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ");
        format!("/apps/classroom/distribution?from={}&to={}&dim=province", text(from), text(to))
    }

    /// The request of a caller with this token.
    pub(crate) fn request(&self, number: usize, token: &str) -> Vec<u8> {
        request(&self.target(number), token)
    }
}

/// A request as a client sends it.
pub(crate) fn request(target: &str, token: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: sluice.test\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .into()
}
