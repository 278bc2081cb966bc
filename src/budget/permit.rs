//! A permit, from the claim of its slot to the end of its call. Taken by value at every step, so that one permit is
//! one call on the wire and a forgotten permit gives its slot back.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::slots::Ticket;

/// Where slots are kept. Each call is told what became of the slot that a ticket stands for.
pub(super) trait Ledger: fmt::Debug + Send + Sync {
    /// Nothing was sent: the slot is free at once.
    fn unsent(&self, ticket: Ticket);

    /// The call is about to be written.
    fn sent(&self, ticket: Ticket, now: Instant) -> Passage;

    /// The call has certainly arrived, though its answer is not here.
    fn arrived(&self, ticket: Ticket);

    /// The answer is here; `throttled`, where it says that we were too fast.
    fn answered(&self, ticket: Ticket, throttled: bool);

    /// No connection could be opened, so this was no call.
    fn never_sent(&self, ticket: Ticket);

    /// It ended without an answer and may still be on its way.
    fn lost(&self, ticket: Ticket);

    /// For how long from the asking a permit can be used, as the guard stands now.
    fn good_for(&self) -> Duration;
}

/// What holds for a call on its way.
#[derive(Debug)]
pub(super) struct Passage {
    /// How long it may be on its way; `None` where only the answer tells.
    pub(super) guard: Option<Duration>,
    /// Until when it may be written; `None` where nobody takes the slot away.
    pub(super) tenure: Option<Tenure>,
}

/// Until when a slot is certainly ours, prolonged while we hold it. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Tenure(Arc<Mutex<Option<Instant>>>);

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
    passage: Passage,
    sent: Instant,
}

/// Too much time passed between asking for the slot and being ready to send; the slot has been given back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the slot was asked for too long ago to be used")]
pub struct Late;

#[derive(Debug)]
struct Hold {
    ledger: Arc<dyn Ledger>,
    ticket: Ticket,
}

impl Permit {
    pub(super) fn new(ledger: Arc<dyn Ledger>, ticket: Ticket, asked: Instant) -> Self {
        Self { hold: Some(Hold { ledger, ticket }), asked }
    }

    /// Which slot it holds, counted from 0.
    pub fn slot(&self) -> usize {
        self.hold.as_ref().map_or(0, |hold| hold.ticket.slot)
    }

    /// Until when it can be used, as the guard stands now.
    pub fn good_until(&self) -> Instant {
        self.asked + self.hold.as_ref().map_or(Duration::ZERO, |hold| hold.ledger.good_for())
    }

    /// To be called right before the signed request is written.
    pub fn send(mut self) -> Result<InFlight, Late> {
        let hold = self.hold.take().expect("only `send` and `drop` take the hold, and both consume the permit");
        let now = Instant::now();
        if is_late(self.asked, now, hold.ledger.good_for()) {
            hold.ledger.unsent(hold.ticket);
            return Err(Late);
        }
        let passage = hold.ledger.sent(hold.ticket, now);
        Ok(InFlight { hold: Some(hold), passage, sent: now })
    }
}

/// Within a guard the clock is looked at this often, so that a process that stood still finds out.
const LOOKS: u32 = 10;
/// No look may be late by more than this part of the guard. With the time between two looks, about a third of the guard is
/// what standing still may take of it unnoticed.
const LATENESS: u32 = 4;
/// A timer of a process that runs is hardly ever later than this.
const LATEST: Duration = Duration::from_millis(25);

/// Whether too much time passed between asking for a slot and being ready to send.
pub(super) fn is_late(asked: Instant, now: Instant, good_for: Duration) -> bool {
    now.saturating_duration_since(asked) > good_for
}

impl InFlight {
    /// When a call on an open connection has certainly arrived; `None` where only the answer tells.
    fn arrives_by(&self) -> Option<Instant> {
        self.passage.guard.map(|guard| self.sent + guard)
    }

    /// Waits until a call on an open connection has certainly arrived, for ever where only the answer tells. `false` as soon as
    /// the process is found to have stood still: it may not have written the call before, and only the answer tells then.
    pub async fn guard_passes(&self) -> bool {
        let Some(end) = self.arrives_by() else { return pending().await };
        let guard = end - self.sent;
        let mut seen = self.sent;
        while seen < end {
            let next = end.min(seen + guard / LOOKS);
            sleep_until(next).await;
            seen = Instant::now();
            if seen > next + LATEST.min(guard / LATENESS) {
                return false;
            }
        }
        true
    }

    /// Until when the call may be written, as known now: afterwards the slot may be another's, and the call has to be
    /// given up unless it has arrived. `None` where that cannot happen.
    pub fn written_by(&self) -> Option<Instant> {
        self.passage.tenure.as_ref().and_then(Tenure::ends)
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

impl Tenure {
    pub(super) fn until(end: Instant) -> Self {
        Self(Arc::new(Mutex::new(Some(end))))
    }

    /// When it ends; `None` once the call has arrived, and nothing depends on the slot any more.
    pub(super) fn ends(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn prolong(&self, end: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &mut *known {
            *known = end.max(*known);
        }
    }

    /// It is over, unless the call has arrived.
    pub(super) fn end(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.map(|end| end.min(Instant::now()));
    }

    pub(super) fn needs_no_end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
