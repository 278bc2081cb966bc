//! The simulator's clocks. It has its own because it shares nothing with the gateway, least of all
//! a time that a test of the gateway sets or stops.

use std::time::Instant;

use jiff::Timestamp;

/// The wall clock: what `X-Date` and windows are held against.
#[allow(clippy::disallowed_methods, reason = "the vendor's clock is not the gateway's")]
pub(super) fn wall() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock: what arrivals are measured by.
#[allow(clippy::disallowed_methods, reason = "the vendor's clock is not the gateway's")]
pub(super) fn monotonic() -> Instant {
    Instant::now()
}
