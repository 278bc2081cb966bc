//! A permit, from the claim of its slot to the end of its call. Taken by value at every step, so that one permit is
//! one call on the wire and a forgotten permit gives its slot back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ledger::Ledger;
use super::slots::Ticket;

/// The right to send one call, now. Dropped unsent, its slot is free again at once.
#[derive(Debug)]
pub struct Permit {
    hold: Option<Hold>,
    asked: Instant,
}

/// A call on its way. Dropped without a word, it counts as one that may still arrive.
#[derive(Debug)]
pub struct InFlight {
    hold: Option<Hold>,
    guard: Option<Duration>,
    sent: Instant,
}

/// Too much time passed between asking for the slot and being ready to send; the slot has been given back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the slot was asked for too long ago to be used")]
pub struct Late;

#[derive(Debug)]
struct Hold {
    ledger: Arc<Ledger>,
    ticket: Ticket,
}

impl Permit {
    pub(super) fn new(ledger: Arc<Ledger>, ticket: Ticket, asked: Instant) -> Self {
        Self { hold: Some(Hold { ledger, ticket }), asked }
    }

    /// To be called right before the signed request is written.
    pub fn send(mut self) -> Result<InFlight, Late> {
        let hold = self.hold.take().expect("only `send` and `drop` take the hold, and both consume the permit");
        let now = Instant::now();
        if now.saturating_duration_since(self.asked) > hold.ledger.guard() / 2 {
            hold.ledger.unsent(hold.ticket);
            return Err(Late);
        }
        let guard = hold.ledger.sent(hold.ticket, now);
        Ok(InFlight { hold: Some(hold), guard, sent: now })
    }
}

impl InFlight {
    /// When a call on an open connection has certainly arrived; `None` where only the answer tells.
    pub fn arrives_by(&self) -> Option<Instant> {
        self.guard.map(|guard| self.sent + guard)
    }

    /// The guard has passed and the connection had been open: the slot's second begins.
    pub fn arrived(&self) {
        if let Some(hold) = &self.hold {
            hold.ledger.arrived(hold.ticket);
        }
    }

    /// The answer is here.
    pub fn answered(mut self) {
        self.settle(|hold| hold.ledger.answered(hold.ticket, false));
    }

    /// The answer is here, and says that we were too fast.
    pub fn throttled(mut self) {
        self.settle(|hold| hold.ledger.answered(hold.ticket, true));
    }

    /// The connection could not be opened, so nothing was sent. The next try is paced like a call.
    pub fn never_sent(mut self) {
        self.settle(|hold| hold.ledger.never_sent(hold.ticket));
    }

    fn settle(&mut self, end: impl FnOnce(&Hold)) {
        if let Some(hold) = self.hold.take() {
            end(&hold);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.ledger.unsent(hold.ticket);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.settle(|hold| hold.ledger.lost(hold.ticket));
    }
}

#[cfg(test)]
#[path = "permit_tests.rs"]
mod tests;
