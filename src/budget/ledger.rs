//! The slots of this process: who waits for one is woken when one frees.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::slots::{NoSlot, Slots, Ticket};
use super::{Config, Permit};

/// The budget of one process. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Budget(pub(super) Arc<Ledger>);

/// What `/status` shows of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Slots in all.
    pub slots: usize,
    /// Slots that could be claimed now.
    pub free: usize,
    /// The guard in force.
    pub guard: Duration,
    /// Calls sent since the start.
    pub sent: u64,
    /// Calls that the vendor said were too fast.
    pub throttled: u64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    book: Mutex<Book>,
    freed: Notify,
    calls: usize,
}

#[derive(Debug)]
struct Book {
    slots: Slots,
    sent: u64,
    throttled: u64,
}

impl Budget {
    /// A budget that may have been spent by a process before this one: nothing is granted for `guard + per`.
    pub fn new(config: &Config) -> Self {
        Self::of(config, Slots::after_unknown_past(config, Instant::now()))
    }

    /// A budget nobody can have spent from, because the upstream began with this process.
    pub fn unused(config: &Config) -> Self {
        Self::of(config, Slots::unused(config, Instant::now()))
    }

    fn of(config: &Config, slots: Slots) -> Self {
        let book = Mutex::new(Book { slots, sent: 0, throttled: 0 });
        Self(Arc::new(Ledger { book, freed: Notify::new(), calls: config.calls }))
    }

    /// Waits for a slot. Dropping the future gives up nothing.
    pub async fn permit(&self) -> Permit {
        loop {
            let freed = self.0.freed.notified();
            let asked = Instant::now();
            let no_slot = match self.0.book().slots.claim(asked) {
                Ok(ticket) => return Permit::new(Arc::clone(&self.0), ticket, asked),
                Err(no_slot) => no_slot,
            };
            match no_slot {
                NoSlot::UntilReleased => freed.await,
                NoSlot::Until(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = freed => {}
                },
            }
        }
    }

    /// When the turn after `turns` others will begin, as far as can be foreseen.
    pub fn forecast(&self, turns: usize) -> Instant {
        self.0.book().slots.forecast(turns, Instant::now())
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let now = Instant::now();
        let book = self.0.book();
        Standing {
            slots: self.0.calls,
            free: book.slots.free_now(now),
            guard: book.slots.guard(now),
            sent: book.sent,
            throttled: book.throttled,
        }
    }
}

impl Ledger {
    pub(super) fn unsent(&self, ticket: Ticket) {
        self.book().slots.unsent(ticket, Instant::now());
        self.freed.notify_waiters();
    }

    /// Marks the call as sent; gives how long it may be on its way, or `None` where only the answer tells.
    pub(super) fn sent(&self, ticket: Ticket, now: Instant) -> Option<Duration> {
        let mut book = self.book();
        book.sent += 1;
        book.slots.sent(ticket, now);
        (!book.slots.is_strict()).then(|| book.slots.guard(now))
    }

    pub(super) fn arrived(&self, ticket: Ticket) {
        self.book().slots.arrived(ticket, Instant::now());
        self.freed.notify_waiters();
    }

    pub(super) fn answered(&self, ticket: Ticket, throttled: bool) {
        let now = Instant::now();
        {
            let mut book = self.book();
            book.slots.arrived(ticket, now);
            if throttled {
                book.slots.throttled(now);
                book.throttled += 1;
            }
        }
        self.freed.notify_waiters();
    }

    /// No connection could be opened, so this was no call.
    pub(super) fn never_sent(&self, ticket: Ticket) {
        {
            let mut book = self.book();
            book.sent -= 1;
            book.slots.arrived(ticket, Instant::now());
        }
        self.freed.notify_waiters();
    }

    pub(super) fn lost(&self, ticket: Ticket) {
        self.book().slots.lost(ticket, Instant::now());
        self.freed.notify_waiters();
    }

    pub(super) fn guard(&self) -> Duration {
        self.book().slots.guard(Instant::now())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
