//! Question → fresh | stale | nothing: what is held, how fresh it is, and what was sick a moment ago.
//!
//! Keyed by what is asked, never by who asks. The invariant: a final answer stays fresh as long as it is held, a
//! moving one is fresh for `recent_ttl` but never beyond the moment its window settles.

mod config;
mod forms;
mod freshness;
mod sick;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache as Store;
use moka::{Entry, Expiry};

pub use self::config::Config;
pub use self::forms::{Form, Forms};
pub use self::freshness::Freshness;
pub use self::sick::Sickbed;
use crate::model::Answer;
use crate::query::{self, Question};

/// A held answer with what the holding adds.
#[derive(Clone, Debug)]
pub struct Held {
    /// The answer.
    pub answer: Answer,
    /// For how long it is, or was, fresh; `None` for good.
    pub lifetime: Option<Duration>,
    /// What was made of it to be served.
    pub forms: Forms,
}

/// All that is held, bounded by bytes. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Cache {
    store: Store<Question, Held, RandomState>,
    config: Config,
    purges: Arc<AtomicU64>,
}

/// What `/status` shows of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Answers held.
    pub answers: u64,
    /// What they weigh, in bytes.
    pub bytes: u64,
}

/// Which answers a purge takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All.
    Everything,
    /// Those of one app, and of one window where it is given.
    App(crate::model::AppId, Option<crate::model::Window>),
}

/// What an entry costs beside its rows and forms: the question, the bookkeeping of the map and of the eviction, and what the
/// allocator keeps for itself. Counted so, a million answers weigh about what the process grows by (RSS in docs/performance.md).
const OVERHEAD: usize = 1400;

impl Cache {
    /// An empty cache.
    pub fn new(config: Config) -> Self {
        let store = Store::builder()
            .max_capacity(config.max_bytes)
            .weigher(|question: &Question, held: &Held| {
                let rows = held.answer.rows().len();
                let bytes = OVERHEAD + question.app().as_str().len() + rows + held.forms.bytes();
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            // What was just paid for is held; the default policy may turn a newcomer away.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Usefulness { stale_if_error: config.stale_if_error })
            .support_invalidation_closures()
            .build_with_hasher(RandomState::default());
        Self { store, config, purges: Arc::default() }
    }

    /// What is held for the question, fresh or stale.
    pub fn get(&self, question: &Question) -> Option<Held> {
        self.store.get(question)
    }

    /// Holds a new answer and gives back how it is held.
    pub fn hold(&self, question: &Question, answer: Answer, rules: &query::Config) -> Held {
        let lifetime = freshness::lifetime(&answer, question.settles_at(rules), self.config.recent_ttl);
        let held = Held { answer, lifetime, forms: Forms::default() };
        // Like `adopt` by way of the entry, so that the two take turns.
        self.store.entry_by_ref(question).and_upsert_with(|_| held.clone());
        held
    }

    /// Counts what was made of a held answer since it was weighed.
    pub fn weigh_again(&self, question: &Question) {
        let same = |known: Option<Entry<Question, Held>>| known.map_or(Op::Nop, |known| Op::Put(known.into_value()));
        self.store.entry_by_ref(question).and_compute_with(same);
    }

    /// How many purges there were: what was asked for before the latest may be what it took.
    pub fn purges(&self) -> u64 {
        self.purges.load(Ordering::SeqCst)
    }

    /// Holds what another replica fetched, unless what is held is as new.
    pub fn adopt(&self, question: &Question, held: Held) {
        // In one step: a newer one may come between a look and a change.
        self.store.entry_by_ref(question).and_compute_with(|known| match known {
            Some(known) if known.value().answer.fetched_at() >= held.answer.fetched_at() => Op::Nop,
            _ => Op::Put(held),
        });
    }

    /// For how long from its fetching an answer may be of use; `None` for good.
    pub fn useful_for(&self, held: &Held) -> Option<Duration> {
        Usefulness { stale_if_error: self.config.stale_if_error }.of(held)
    }

    /// What all held answers may weigh, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.config.max_bytes
    }

    /// Until how long after its freshness an answer may stand in for a failing upstream.
    pub fn stale_if_error(&self) -> Duration {
        self.config.stale_if_error
    }

    /// How long who could have a stale answer waits for a call that is under way.
    pub fn stale_if_slow(&self) -> Duration {
        self.config.stale_if_slow
    }

    /// Drops answers.
    pub fn purge(&self, purge: Purge) {
        self.purges.fetch_add(1, Ordering::SeqCst);
        match purge {
            Purge::Everything => self.store.invalidate_all(),
            Purge::App(app, window) => {
                let matches = move |question: &Question, _: &Held| {
                    *question.app() == app && window.is_none_or(|window| window == question.window())
                };
                self.store.invalidate_entries_if(matches).expect("invalidation closures are supported: see `new`");
            }
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.store.run_pending_tasks();
        Standing { answers: self.store.entry_count(), bytes: self.store.weighted_size() }
    }
}

/// Entries go when even a failing upstream would not bring them back into use.
struct Usefulness {
    stale_if_error: Duration,
}

impl Usefulness {
    fn of(&self, held: &Held) -> Option<Duration> {
        held.lifetime.map(|lifetime| lifetime.saturating_add(self.stale_if_error))
    }
}

impl Expiry<Question, Held> for Usefulness {
    fn expire_after_create(&self, _: &Question, held: &Held, _: Instant) -> Option<Duration> {
        self.of(held)
    }

    fn expire_after_update(&self, _: &Question, held: &Held, _: Instant, _: Option<Duration>) -> Option<Duration> {
        self.of(held)
    }
}

#[cfg(test)]
mod freshness_tests;
#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
