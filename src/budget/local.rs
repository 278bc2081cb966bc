//! The slots of one process: who waits for one is woken when one frees.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::permit::{Ledger, Passage};
use super::slots::{NoSlot, Slots, Ticket};
use super::{Config, Foreign, Permit, Standing};

/// The slots, and whoever waits for them.
#[derive(Debug)]
pub(super) struct Local {
    book: Mutex<Book>,
    freed: Notify,
    calls: usize,
    per: Duration,
}

#[derive(Debug)]
struct Book {
    slots: Slots,
    sent: u64,
    throttled: u64,
    foreign: Foreign,
}

impl Local {
    pub(super) fn new(config: &Config, slots: Slots) -> Self {
        let book = Mutex::new(Book { slots, sent: 0, throttled: 0, foreign: Foreign::default() });
        Self { book, freed: Notify::new(), calls: config.calls, per: config.per }
    }

    /// Waits for a slot. Dropping the future gives up nothing.
    pub(super) async fn permit(self: &Arc<Self>) -> Permit {
        loop {
            let freed = self.freed.notified();
            let asked = Instant::now();
            let no_slot = match self.book().slots.claim(asked) {
                Ok(ticket) => return Permit::new(Arc::<Self>::clone(self), ticket, asked),
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
    pub(super) fn forecast(&self, turns: usize) -> Instant {
        self.book().slots.forecast(turns, Instant::now())
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        let now = Instant::now();
        let book = self.book();
        Standing {
            slots: self.calls,
            free: book.slots.free_now(now),
            guard: book.slots.guard(now),
            sent: book.sent,
            throttled: book.throttled,
            foreign: book.foreign.times,
            foreign_at: book.foreign.last,
            per: self.per,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Local {
    fn unsent(&self, ticket: Ticket) {
        self.book().slots.unsent(ticket, Instant::now());
        self.freed.notify_waiters();
    }

    fn sent(&self, ticket: Ticket, now: Instant) -> Passage {
        let mut book = self.book();
        book.sent += 1;
        book.slots.sent(ticket, now);
        // The slots are this process's own: nobody takes them away.
        Passage { guard: (!book.slots.is_strict()).then(|| book.slots.guard(now)), tenure: None }
    }

    fn arrived(&self, ticket: Ticket) {
        self.book().slots.arrived(ticket, Instant::now());
        self.freed.notify_waiters();
    }

    fn answered(&self, ticket: Ticket, throttled: bool) {
        let now = Instant::now();
        {
            let mut book = self.book();
            book.slots.arrived(ticket, now);
            if throttled {
                book.throttled += 1;
                if book.slots.throttled(now) {
                    book.foreign.note(now);
                }
            }
        }
        self.freed.notify_waiters();
    }

    fn never_sent(&self, ticket: Ticket) {
        {
            let mut book = self.book();
            book.sent -= 1;
            book.slots.arrived(ticket, Instant::now());
        }
        self.freed.notify_waiters();
    }

    fn lost(&self, ticket: Ticket) {
        self.book().slots.lost(ticket, Instant::now());
        self.freed.notify_waiters();
    }

    fn good_for(&self) -> Duration {
        self.book().slots.guard(Instant::now()) / 2
    }
}
