//! Fault orders as words: `fault`, `fault=value`, each with `:N` (the next N) or `%N` (one in N).

use std::error;
use std::fmt;
use std::str::FromStr;

use super::fault::{Fault, Share};
use super::measure::{code, count, duration, size, status};

/// Every order that can be written: how, and what it does.
pub const ORDERS: [(&str, &str); 16] = [
    ("throttle", "say that the limit is exceeded"),
    ("latency=2s", "answer later; ms, s or m"),
    ("status=503", "InternalError with this HTTP status"),
    ("inside=InvalidParameter", "this error code inside a 200"),
    ("code=429/FlowLimitExceeded", "this error code with this HTTP status"),
    ("reset", "reset the connection before any answer"),
    ("hang", "never answer"),
    ("drip", "answer a byte every 200 ms"),
    ("malformed", "answer bytes that are not JSON"),
    ("wrong-type", "answer JSON whose values have the wrong types"),
    ("huge=64MiB", "answer a body of this size; B, KiB, MiB or GiB"),
    ("truncated", "announce more bytes than are sent"),
    ("empty", "answer without any region"),
    ("FAULT", "for every call"),
    ("FAULT:3", "for the next 3 calls"),
    ("FAULT%10", "for one in 10 calls"),
];

const HUGE: u64 = 64 << 20;

/// A fault and the calls it is to meet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// What is to happen.
    pub fault: Fault,
    /// To which calls.
    pub share: Share,
}

/// The words do not make an order; shows what would.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotAnOrder(String);

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(words: &str) -> Result<Self, NotAnOrder> {
        let refuse = || NotAnOrder(words.to_owned());
        let (what, share) = if let Some((what, calls)) = words.rsplit_once(':') {
            (what, count(calls).map(Share::Next))
        } else if let Some((what, calls)) = words.rsplit_once('%') {
            (what, count(calls).map(Share::OneIn))
        } else {
            (words, Some(Share::Always))
        };
        let (name, value) = match what.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (what, None),
        };
        Ok(Self { fault: fault(name, value).ok_or_else(refuse)?, share: share.ok_or_else(refuse)? })
    }
}

impl fmt::Display for NotAnOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` orders no fault; these do:", self.0)?;
        ORDERS.iter().try_for_each(|(order, effect)| write!(f, "\n  {order:<28}{effect}"))
    }
}

impl error::Error for NotAnOrder {}

fn fault(name: &str, value: Option<&str>) -> Option<Fault> {
    Some(match (name, value) {
        ("throttle", None) => Fault::Throttle,
        ("latency", Some(value)) => Fault::Latency(duration(value)?),
        ("status", Some(value)) => Fault::Status(status(value)?),
        ("inside", Some(value)) => Fault::ErrorInside200(code(value)?),
        ("code", Some(value)) => {
            let (first, second) = value.split_once('/')?;
            Fault::Code { status: status(first)?, code: code(second)? }
        }
        ("reset", None) => Fault::Reset,
        ("hang", None) => Fault::Hang,
        ("drip", None) => Fault::Drip,
        ("malformed", None) => Fault::Malformed,
        ("wrong-type", None) => Fault::WrongType,
        ("huge", value) => Fault::Huge(value.map_or(Some(HUGE), size)?),
        ("truncated", None) => Fault::Truncated,
        ("empty", None) => Fault::EmptyResult,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::*;

    fn parsed(words: &str) -> (Fault, Share) {
        let order: Order = words.parse().expect("the words of this test order a fault");
        (order.fault, order.share)
    }

    #[test]
    fn words_become_orders() {
        let code = "FlowLimitExceeded".to_owned();
        let (status, inside) = (StatusCode::TOO_MANY_REQUESTS, "InvalidParameter".to_owned());
        assert_eq!(parsed("throttle"), (Fault::Throttle, Share::Always));
        assert_eq!(parsed("throttle:3"), (Fault::Throttle, Share::Next(3)));
        assert_eq!(parsed("hang%10"), (Fault::Hang, Share::OneIn(10)));
        assert_eq!(parsed("huge"), (Fault::Huge(64 << 20), Share::Always));
        assert_eq!(parsed("huge=3KiB:1"), (Fault::Huge(3072), Share::Next(1)));
        assert_eq!(parsed("status=503:2").0, Fault::Status(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(parsed("inside=InvalidParameter:1").0, Fault::ErrorInside200(inside));
        assert_eq!(parsed("code=429/FlowLimitExceeded").0, Fault::Code { status, code });
        assert_eq!(parsed("latency=2s:5").0, Fault::Latency(Duration::from_secs(2)));
        assert_eq!(parsed("latency=150ms").0, Fault::Latency(Duration::from_millis(150)));
    }

    #[test]
    fn every_fault_in_the_table_is_understood_under_its_own_name() {
        for (words, _) in ORDERS.iter().filter(|(words, _)| !words.starts_with("FAULT")) {
            let name = words.split('=').next().expect("a split has a first part");
            assert_eq!(parsed(words).0.name(), name);
        }
    }

    #[test]
    fn other_words_are_refused_and_the_refusal_lists_what_would_do() {
        for words in [
            "",
            "nap",
            "throttle=1",
            "throttle:0",
            "throttle:x",
            "hang%0",
            "status=99",
            "status=100",
            "status",
            "latency=2h",
            "latency",
            "inside=",
            "inside=a b",
            "code=429",
            "huge=1TiB",
            "huge=99999999999GiB",
            "status=503:2:3",
        ] {
            let refused = words.parse::<Order>().expect_err(words).to_string();
            assert!(refused.contains("huge=64MiB") && refused.contains("FAULT%10"));
        }
    }
}
