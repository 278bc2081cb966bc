//! The keys that one issuer publishes over HTTP: fetched in the background, held here, read by the verifier.
//!
//! A request never fetches. It reads what is held; where a token names a key that is not, the request may wait a
//! moment for a look, of which there is at most one a cool-down for all such tokens together.

mod fault;
mod freshness;
pub(super) mod place;
mod publisher;
mod rounds;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

pub use fault::FetchFault;
pub use place::{Place, PlaceFault};
pub(crate) use publisher::KeyClient;
pub use publisher::NoClient;
use publisher::Publisher;
#[cfg(any(test, fuzzing))]
pub(super) use publisher::announced;
pub(super) use rounds::Subscriber;

use super::algorithm::Algorithm;
use super::keys::KeySet;
use super::memory::Seats;

/// Keys that an issuer publishes, and how long they are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where.
    pub place: Place,
    /// The longest that keys are believed without another look. The publisher's `Cache-Control` may shorten it.
    pub lifetime: Duration,
    /// For how long the last good keys serve while no look succeeds.
    pub max_age: Duration,
    /// The shortest time between two looks that unknown keys are the reason for.
    pub cooldown: Duration,
}

/// One issuer's published keys, and the task that keeps them up to date.
pub(super) struct Provider {
    shelf: Arc<Shelf>,
    /// Ends with the provider.
    task: Mutex<JoinSet<()>>,
}

/// What the task and the requests share.
struct Shelf {
    published: Published,
    /// The algorithms that the keys may be used with.
    allowed: Vec<Algorithm>,
    edition: ArcSwapOption<Edition>,
    desk: Mutex<Desk>,
    /// The number of the last look that ended.
    ended: watch::Sender<u64>,
    /// Wakes the task when a look is asked for.
    demand: Notify,
    /// Shared by all issuers.
    seats: Seats,
}

/// The keys in force, and when they were last seen.
#[derive(Clone)]
struct Edition {
    keys: Arc<KeySet>,
    /// What they were read from: the same again changes nothing.
    document: Arc<[u8]>,
    seen: Instant,
    seen_at: Timestamp,
}

/// How the looks stand. One lock, so that what is asked for and what is done cannot miss each other.
#[derive(Default)]
struct Desk {
    /// The number of the last look that began.
    begun: u64,
    /// When it did.
    begun_at: Option<Instant>,
    /// The look that unknown keys asked for last, and when it was asked for or, once it has, began.
    asked_for: Option<(u64, Instant)>,
    /// When the next look is due anyway.
    due: Option<Instant>,
    /// What the last look failed of.
    fault: Option<FetchFault>,
}

/// How an issuer's published keys stand.
#[derive(Clone, Debug)]
pub struct ProviderStanding {
    /// Where the keys come from: `jwks_url` or `discovery`.
    pub source: &'static str,
    /// When they were last seen.
    pub fetched_at: Option<Timestamp>,
    /// What the last look failed of, if it did.
    pub fault: Option<FetchFault>,
}

/// The longest that a request waits for keys. A token that no key fits is refused within a second all the same.
const PATIENCE: Duration = Duration::from_millis(800);

impl Provider {
    /// Nothing is fetched until `begin`.
    pub(super) fn new(published: Published, allowed: Vec<Algorithm>, seats: &Seats) -> Self {
        let shelf = Shelf {
            published,
            allowed,
            edition: ArcSwapOption::empty(),
            desk: Mutex::default(),
            ended: watch::Sender::new(0),
            demand: Notify::new(),
            seats: seats.clone(),
        };
        Self { shelf: Arc::new(shelf), task: Mutex::default() }
    }

    /// The provider of these settings that follows this one: itself if nothing changed; else another, with the keys
    /// that were fetched from the same place, as far as the new settings allow them.
    pub(super) fn succeeded_by(self: &Arc<Self>, published: &Published, allowed: &[Algorithm]) -> Arc<Self> {
        if self.shelf.published == *published && self.shelf.allowed == allowed {
            return Arc::clone(self);
        }
        let next = Self::new(published.clone(), allowed.to_vec(), &self.shelf.seats);
        if published.place.allows_those_of(&self.shelf.published.place)
            && let Some(held) = self.shelf.edition.load_full()
            && let Ok(keys) = KeySet::of_jwks(&held.document, allowed)
        {
            let keys = Arc::new(keys.of_generation(held.keys.generation()));
            next.shelf.edition.store(Some(Arc::new(Edition { keys, ..Edition::clone(&held) })));
        }
        Arc::new(next)
    }

    /// Whether it fetches.
    pub(super) fn has_begun(&self) -> bool {
        !self.task.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Begins to fetch. Within a runtime, once.
    pub(super) fn begin(&self, client: &KeyClient, subscriber: Subscriber) {
        let publisher = Publisher::new(client.clone(), Arc::clone(subscriber.issuer()), &self.shelf.published);
        let rounds = rounds::run_for_ever(Arc::clone(&self.shelf), publisher, subscriber);
        self.task.lock().unwrap_or_else(PoisonError::into_inner).spawn(rounds);
    }

    /// The keys to verify with; `None` where none were ever fetched, or the last ones are too old.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.shelf.keys()
    }

    /// Waits for a look that may find other keys than those held, where one is under way or may be asked for.
    pub(super) async fn renewed(&self) {
        let Some(_seat) = self.shelf.seats.take() else { return };
        let Some(look) = self.shelf.look_to_await() else { return };
        let mut ended = self.shelf.ended.subscribe();
        let arrival = ended.wait_for(|ended| *ended >= look);
        // Too late is as good as nothing found: the caller looks at what is held then.
        let _in_time = timeout(PATIENCE, arrival).await;
    }

    /// Until the next look that is due anyway.
    pub(super) fn next_look(&self) -> Duration {
        let due = self.shelf.desk().due;
        due.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()))
    }

    /// For the operator.
    pub(super) fn standing(&self) -> ProviderStanding {
        ProviderStanding {
            source: self.shelf.published.place.label(),
            fetched_at: self.shelf.edition.load().as_ref().map(|held| held.seen_at),
            fault: self.shelf.desk().fault.clone(),
        }
    }
}

impl Shelf {
    fn keys(&self) -> Option<Arc<KeySet>> {
        let held = self.edition.load();
        let held = held.as_ref().filter(|held| held.seen.elapsed() <= self.published.max_age)?;
        Some(Arc::clone(&held.keys))
    }

    /// For how long the keys may still be believed; `None` where there are none.
    fn age_left(&self) -> Option<Duration> {
        let held = self.edition.load();
        held.as_ref().and_then(|held| self.published.max_age.checked_sub(held.seen.elapsed()))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The look whose end may bring what was missed, asked for if it may be.
    fn look_to_await(&self) -> Option<u64> {
        let has_keys = self.keys().is_some();
        let mut desk = self.desk();
        let (begun, ended) = (desk.begun, *self.ended.borrow());
        // One look that hangs is waited for once, not by all who come until it ends.
        let hangs = begun > ended && desk.begun_at.is_some_and(|at| at.elapsed() >= PATIENCE);
        if !has_keys {
            // The rounds look for the first keys by themselves; a look that is under way may bring them.
            return ((begun > ended || begun == 0) && !hangs).then_some(begun.max(1));
        }
        if let Some((look, asked_at)) = desk.asked_for {
            if look > ended {
                return (!hangs).then_some(look);
            }
            if asked_at.elapsed() < self.published.cooldown {
                return None;
            }
        }
        // Not one that is under way: it may have looked before the key was published.
        let look = begun + 1;
        desk.asked_for = Some((look, Instant::now()));
        self.demand.notify_one();
        Some(look)
    }
}
