//! The slots of all replicas, in the store they share: claimed by one script together with the question whose turn it is.
//!
//! Nothing is granted by this process's own reckoning: what it knows of the slots serves forecasts. A slot is held there
//! for longer than its call can be on its way and frees by itself should we die; while we live we say when it frees.

mod claim;
mod tenure;
pub(super) mod terms;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

pub(crate) use self::claim::FLIGHT_LEASE;
use self::claim::{Answer, Claimed};
use self::tenure::Word;
use self::terms::{Ending, Terms};
use super::guard::Guard;
use super::permit::{Ledger, Passage, Tenure};
use super::slots::{Ticket, foresee};
use super::turn::{Floor, Named};
use super::{Config, Foreign, GuardRule, Permit, Standing, Turn};
use crate::model::TenantId;
use crate::store::{News, Script, State, Store, Topic};

/// For how long from a claim or a prolongation a call may be written. A slot is held so much longer than its call may be on
/// its way, should nothing be heard of its owner.
const HOLD: Duration = Duration::from_millis(500);
/// Between two claims that only bring new bids.
const COALESCE: Duration = Duration::from_millis(5);
/// When to come again where it is another replica's turn.
const YIELD: Duration = Duration::from_millis(10);

/// The shared slots, as one replica sees them.
#[derive(Debug)]
pub(super) struct Shared {
    own: Weak<Shared>,
    store: Store,
    claim: Script,
    settle: Script,
    config: Config,
    /// Whether the store holds bids of ours.
    registered: AtomicBool,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    guard: Guard,
    held: HashMap<Ticket, Held>,
    /// When each slot frees, as last heard.
    frees: Vec<Instant>,
    /// How long a slot is held beyond `per`, as seen lately.
    overhead: Duration,
    sent: u64,
    throttled: u64,
    foreign: Foreign,
}

/// A slot of ours.
#[derive(Debug)]
struct Held {
    tenant: TenantId,
    weight: u32,
    sent: Option<Instant>,
    tenure: Tenure,
    /// Its second has begun: a late answer changes nothing.
    settled: bool,
}

impl Shared {
    pub(super) fn new(config: &Config, store: Store) -> Arc<Self> {
        let guard = Guard::new(config.guard, config.per);
        let now = Instant::now();
        let overhead = guard.at(now);
        let frees = vec![now; config.calls];
        let book =
            Book { guard, held: HashMap::new(), frees, overhead, sent: 0, throttled: 0, foreign: Foreign::default() };
        let shared = Arc::new_cyclic(|own| Self {
            own: Weak::clone(own),
            store,
            claim: Script::new("claim", include_str!("claim.lua")),
            settle: Script::new("settle", include_str!("settle.lua")),
            // Where the store is, and its password, is for the store to know.
            config: Config { store: None, ..config.clone() },
            registered: AtomicBool::new(false),
            book: Mutex::new(book),
        });
        tokio::spawn(mind_throttles(Arc::downgrade(&shared), shared.store.news()));
        tokio::spawn(establish_slots(Arc::downgrade(&shared), shared.store.state()));
        shared
    }

    /// Bids until one of the bids wins a slot.
    pub(super) async fn turn<K: Clone + Named>(&self, floor: &impl Floor<K>) -> Option<Turn<K>> {
        let mut news = self.store.news();
        loop {
            let bids = floor.bids();
            if bids.is_empty() {
                self.withdraw().await;
                return None;
            }
            if let Some(pause) = self.unavailable_for() {
                floor.align(None);
                self.come_back_after(pause).await;
                continue;
            }
            let asked = Instant::now();
            let Ok(claimed) = self.claim(&bids, asked).await else {
                floor.align(None);
                self.come_back_after(COALESCE).await;
                continue;
            };
            for (bid, left) in &claimed.parked {
                if let Some(bid) = bids.get(*bid) {
                    floor.asked_elsewhere(&bid.question, Instant::now() + *left);
                }
            }
            if let Some(order) = &claimed.order {
                floor.align(Some(order));
            }
            match claimed.answer {
                Answer::Granted { ticket, bid } => {
                    let bid = bids.get(bid)?;
                    let permit = self.hold(ticket, bid.tenant.clone(), bid.weight, asked)?;
                    return Some(Turn { permit, whose: Some((bid.question.clone(), bid.tenant.clone())) });
                }
                // The heads of some lines are new, and must be bid for.
                _ if !claimed.parked.is_empty() => {}
                Answer::Theirs => self.wait(asked + YIELD, &mut news, floor).await,
                Answer::Wait(free) => self.wait(asked + free, &mut news, floor).await,
                Answer::Late => {}
            }
        }
    }

    /// Until a slot may be free, or the bids may have changed.
    async fn wait<K>(&self, free: Instant, news: &mut broadcast::Receiver<News>, floor: &impl Floor<K>) {
        let mut free = free;
        let earliest = Instant::now() + COALESCE;
        loop {
            tokio::select! {
                () = sleep_until(free) => return,
                () = floor.changed() => return sleep_until(earliest).await,
                heard = news.recv() => match heard {
                    Ok(News { topic: Topic::Slots, body }) => free = free.min(Instant::now() + micros_in(&body)),
                    Ok(_) => {}
                    // Something was missed, or the store is gone: the next claim tells.
                    Err(_) => return sleep_until(earliest).await,
                },
            }
        }
    }

    async fn come_back_after(&self, pause: Duration) {
        let mut state = self.store.state();
        state.borrow_and_update();
        tokio::select! {
            () = sleep(pause.max(COALESCE)) => {}
            _ = state.changed() => {}
        }
    }

    /// A connection that is new, or was lost, or a clock that was set, may hide what was claimed a moment ago.
    pub(super) fn unavailable_for(&self) -> Option<Duration> {
        match &*self.store.state().borrow() {
            State::Away { .. } => Some(self.terms().lease()),
            State::Here { since, .. } => {
                let left = self.terms().claims_from(*since).saturating_duration_since(Instant::now());
                (!left.is_zero()).then_some(left)
            }
        }
    }

    /// Whether this process has just begun, and its first turn is still to come: the store was never reached, or only now.
    pub(super) fn is_starting(&self) -> bool {
        let first = matches!(
            &*self.store.state().borrow(),
            State::Here { again: false, .. } | State::Away { again: false, .. }
        );
        first && self.unavailable_for().is_some()
    }

    /// Ends when the store goes away.
    pub(super) async fn goes_away(&self) -> Duration {
        let mut state = self.store.state();
        // The store, and with it the sender, lives as long as we do.
        let _state = state.wait_for(|state| matches!(state, State::Away { .. })).await;
        self.terms().lease()
    }

    /// For how long the store has been away; `None` while it is here.
    pub(super) fn away_for(&self) -> Option<Duration> {
        match &*self.store.state().borrow() {
            State::Away { since, .. } => Some(since.elapsed()),
            State::Here { .. } => None,
        }
    }

    /// When the turn after `turns` others will begin, as far as can be foreseen.
    pub(super) fn forecast(&self, turns: usize) -> Instant {
        let now = Instant::now();
        let earliest = now + self.unavailable_for().unwrap_or_default();
        let second = self.terms().second();
        let book = self.book();
        let mut frees: Vec<_> = book.frees.iter().map(|free| (*free).max(earliest)).collect();
        foresee(&mut frees, second + book.overhead, turns, now)
    }

    pub(super) fn standing(&self) -> Standing {
        let now = Instant::now();
        let available = self.unavailable_for().is_none();
        let book = self.book();
        Standing {
            slots: self.config.calls,
            free: book.frees.iter().filter(|at| available && **at <= now).count(),
            guard: book.guard.at(now),
            sent: book.sent,
            throttled: book.throttled,
            foreign: book.foreign.times,
            foreign_at: book.foreign.last,
            per: self.config.per,
        }
    }

    fn terms(&self) -> Terms {
        let per = self.config.per;
        Terms { hold: HOLD, per, drift: per / 500, guard: self.guard() }
    }

    fn hold(&self, ticket: Ticket, tenant: TenantId, weight: u32, asked: Instant) -> Option<Permit> {
        let tenure = Tenure::until(self.terms().written_by(asked));
        self.book().held.insert(ticket, Held { tenant, weight, sent: None, tenure, settled: false });
        // Whoever is asked for a turn is alive.
        Some(Permit::new(self.own.upgrade()?, ticket, asked))
    }

    fn remember(&self, claimed: &Claimed, now: Instant) {
        let mut book = self.book();
        book.frees = claimed.frees.iter().map(|free| now + *free).collect();
    }

    /// The slot's second begins, unless it has begun.
    fn begin_second(&self, ticket: Ticket, ending: Ending, throttled: bool, ends: bool) {
        let now = Instant::now();
        let frees = self.terms().frees_in(ending);
        let settled = {
            let mut book = self.book();
            let Some(held) = book.held.get_mut(&ticket) else { return };
            let settled = std::mem::replace(&mut held.settled, true);
            held.tenure.needs_no_end();
            let sent = held.sent;
            if ends {
                book.held.remove(&ticket);
            }
            if !settled {
                // One call that hung must not make every forecast of the next minute gloomy.
                let held_for = sent.map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent));
                book.overhead = (book.overhead * 3 + held_for.min(self.config.per)) / 4;
            }
            settled
        };
        if !settled || throttled {
            // Only the word of the throttle is news where the second has begun.
            let frees = (!settled).then_some(frees);
            self.tell(ticket, Word { frees, throttled, give_back: None });
        }
    }

    fn guard(&self) -> Duration {
        self.book().guard.at(Instant::now())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Shared {
    fn unsent(&self, ticket: Ticket) {
        let Some(held) = self.book().held.remove(&ticket) else { return };
        let give_back = Some((held.tenant, held.weight));
        let frees = Some(self.terms().frees_in(Ending::Unsent));
        self.tell(ticket, Word { frees, throttled: false, give_back });
    }

    fn sent(&self, ticket: Ticket, now: Instant) -> Passage {
        let tenure = {
            let mut book = self.book();
            book.sent += 1;
            book.held.get_mut(&ticket).map(|held| {
                held.sent = Some(now);
                held.tenure.clone()
            })
        };
        if let Some(tenure) = &tenure {
            self.keep_up(ticket, tenure.clone());
        }
        let guard = (self.config.guard != GuardRule::Strict).then(|| self.guard());
        Passage { guard, tenure }
    }

    fn arrived(&self, ticket: Ticket) {
        self.begin_second(ticket, Ending::Arrived, false, false);
    }

    fn answered(&self, ticket: Ticket, throttled: bool) {
        if throttled {
            let mut book = self.book();
            book.throttled += 1;
            let now = Instant::now();
            if book.guard.widen(now) {
                book.foreign.note(now);
            }
        }
        self.begin_second(ticket, Ending::Arrived, throttled, true);
    }

    fn never_sent(&self, ticket: Ticket) {
        self.book().sent -= 1;
        self.begin_second(ticket, Ending::Arrived, false, true);
    }

    fn lost(&self, ticket: Ticket) {
        self.begin_second(ticket, Ending::Lost, false, true);
    }

    fn good_for(&self) -> Duration {
        self.terms().good_for()
    }
}

fn micros_in(body: &[u8]) -> Duration {
    let micros = str::from_utf8(body).ok().and_then(|text| text.parse().ok());
    Duration::from_micros(micros.unwrap_or(0))
}

/// Sees to the slots whenever the store is here.
async fn establish_slots(shared: Weak<Shared>, mut state: watch::Receiver<State>) {
    while state.wait_for(|state| matches!(state, State::Here { .. })).await.is_ok() {
        let Some(shared) = shared.upgrade() else { return };
        shared.establish().await;
        drop(shared);
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Widens the guard when another replica was too fast.
async fn mind_throttles(shared: Weak<Shared>, mut news: broadcast::Receiver<News>) {
    loop {
        let heard = news.recv().await;
        let Some(shared) = shared.upgrade() else { return };
        match heard {
            Ok(News { topic: Topic::Throttled, body }) if body != shared.store.replica().as_bytes() => {
                shared.book().guard.widen(Instant::now());
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
