//! The ways to misbehave, and for how many calls. A fault only meets calls that would have been
//! answered: signed, within the limit and well asked.

use std::sync::Mutex;
use std::time::Duration;

use http::StatusCode;

use super::chance;
use super::order::Order;

/// A way to misbehave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Answers this much later.
    Latency(Duration),
    /// Says the limit is exceeded, as the settings have it said.
    Throttle,
    /// `InternalError` with this HTTP status.
    Status(StatusCode),
    /// An error of this code with HTTP status 200.
    ErrorInside200(String),
    /// An error of this code with this HTTP status.
    Code {
        /// The HTTP status.
        status: StatusCode,
        /// The code, documented or not.
        code: String,
    },
    /// Resets the connection before any byte of an answer.
    Reset,
    /// Never answers, and leaves the connection open.
    Hang,
    /// Answers rightly, one byte of the body every 200 ms.
    Drip,
    /// A body that is not JSON, with status 200.
    Malformed,
    /// JSON of the right shape whose leaves have the wrong types, with status 200.
    WrongType,
    /// A JSON body of this many bytes, streamed without announcing its length.
    Huge(u64),
    /// Half of the right answer under the length of the whole, then a closed connection.
    Truncated,
    /// An answer without a single region.
    EmptyResult,
}

/// Which calls a fault meets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Share {
    /// The next so many, then none.
    Next(u64),
    /// Every one.
    Always,
    /// Exactly one in each so many, at a place in each that the seed decides.
    OneIn(u64),
}

impl Fault {
    /// The word for it on the command line and in [`Verdict::Faulted`](super::Verdict::Faulted).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency(_) => "latency",
            Self::Throttle => "throttle",
            Self::Status(_) => "status",
            Self::ErrorInside200(_) => "inside",
            Self::Code { .. } => "code",
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Drip => "drip",
            Self::Malformed => "malformed",
            Self::WrongType => "wrong-type",
            Self::Huge(_) => "huge",
            Self::Truncated => "truncated",
            Self::EmptyResult => "empty",
        }
    }
}

/// The orders that stand, in the order they were given.
#[derive(Debug)]
pub(super) struct Faults {
    seed: u64,
    standing: Mutex<Vec<Standing>>,
}

/// An order, and how many calls it was offered so far.
#[derive(Debug)]
struct Standing {
    order: Order,
    offered: u64,
}

impl Faults {
    pub(super) fn new(seed: u64, orders: Vec<Order>) -> Self {
        let faults = Self { seed, standing: Mutex::default() };
        for order in orders {
            faults.add(order);
        }
        faults
    }

    /// Adds an order behind those that stand.
    pub(super) fn add(&self, order: Order) {
        let mut standing = self.standing.lock().expect("no holder of this lock panics");
        standing.push(Standing { order, offered: 0 });
    }

    /// Forgets all orders.
    pub(super) fn clear(&self) {
        let mut standing = self.standing.lock().expect("no holder of this lock panics");
        standing.clear();
    }

    /// Offers one call to the orders; the first that takes it decides its fault.
    pub(super) fn offer(&self) -> Option<Fault> {
        let mut standing = self.standing.lock().expect("no holder of this lock panics");
        standing.retain(|one| !one.is_spent());
        let seed = self.seed;
        let taker = standing.iter_mut().find_map(|one| one.offer(seed).then_some(one));
        taker.map(|one| one.order.fault.clone())
    }
}

impl Standing {
    fn is_spent(&self) -> bool {
        matches!(self.order.share, Share::Next(calls) if self.offered >= calls)
    }

    fn offer(&mut self, seed: u64) -> bool {
        let call = self.offered;
        self.offered += 1;
        match self.order.share {
            Share::Next(calls) => call < calls,
            Share::Always => true,
            Share::OneIn(calls) => {
                let calls = calls.max(1);
                let place = chance::mix(seed ^ chance::mix(call / calls)) % calls;
                call % calls == place
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(fault: Fault, share: Share) -> Order {
        Order { fault, share }
    }

    fn names(faults: &Faults, calls: usize) -> Vec<&'static str> {
        let name = |_| faults.offer().map_or("none", |fault| fault.name());
        (0..calls).map(name).collect()
    }

    #[test]
    fn the_next_two_are_met_and_the_third_is_not() {
        let faults = Faults::new(0, vec![order(Fault::Hang, Share::Next(2))]);
        assert_eq!(names(&faults, 3), ["hang", "hang", "none"]);
    }

    #[test]
    fn orders_are_served_in_the_order_given() {
        let hang = order(Fault::Hang, Share::Next(1));
        let faults = Faults::new(0, vec![hang, order(Fault::Reset, Share::Always)]);
        assert_eq!(names(&faults, 3), ["hang", "reset", "reset"]);
        faults.clear();
        assert_eq!(names(&faults, 1), ["none"]);
    }

    #[test]
    fn one_in_ten_is_exactly_one_of_each_ten_and_the_seed_decides_which() {
        let draw = |seed| {
            let faults = Faults::new(seed, vec![order(Fault::Drip, Share::OneIn(10))]);
            names(&faults, 100)
        };
        for ten in draw(3).chunks(10) {
            assert_eq!(ten.iter().filter(|name| **name == "drip").count(), 1);
        }
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
