//! The keys that one issuer publishes over HTTP: fetched in the background, held here, read by the verifier.
//!
//! A request never fetches. It reads what is held; where a token names a key that is not, the request may wait a
//! moment for the rounds to come by, at most once a cool-down for all tokens together.

mod fault;
mod freshness;
mod place;
mod publisher;
mod rounds;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

pub use fault::FetchFault;
pub use place::{Place, PlaceFault};
pub(crate) use publisher::KeyClient;
pub use publisher::NoClient;
use publisher::Publisher;
use rounds::Rounds;
pub(super) use rounds::Subscriber;

use super::algorithm::Algorithm;
use super::keys::KeySet;

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
    held: ArcSwapOption<Held>,
    desk: Mutex<Desk>,
    /// How many looks have ended.
    ended: watch::Sender<u64>,
    /// Wakes the task when a look is asked for.
    demand: Notify,
    waiting: Semaphore,
}

/// The keys in force, and when they were last seen.
struct Held {
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
    /// The look that unknown keys asked for last, and when they did.
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
/// How many requests may wait: enough for all that come during one fetch, too few to crowd out the others.
const MOST_WAITING: usize = 256;

impl Provider {
    /// Nothing is fetched until `begin`.
    pub(super) fn new(published: Published, allowed: Vec<Algorithm>) -> Self {
        let shelf = Shelf {
            published,
            allowed,
            held: ArcSwapOption::empty(),
            desk: Mutex::default(),
            ended: watch::Sender::new(0),
            demand: Notify::new(),
            waiting: Semaphore::new(MOST_WAITING),
        };
        Self { shelf: Arc::new(shelf), task: Mutex::default() }
    }

    /// Whether it is of these very settings, and can go on under them.
    pub(super) fn serves(&self, published: &Published, allowed: &[Algorithm]) -> bool {
        self.shelf.published == *published && self.shelf.allowed == allowed
    }

    /// Begins to fetch, if it has not begun. Within a runtime.
    pub(super) fn begin(&self, client: &KeyClient, subscriber: Subscriber) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_empty() {
            let place = self.shelf.published.place.clone();
            let publisher = Publisher::new(client.clone(), Arc::clone(subscriber.issuer()), place);
            task.spawn(Rounds::new(Arc::clone(&self.shelf), publisher, subscriber).run());
        }
    }

    /// The keys to verify with; `None` where none were ever fetched, or the last ones are too old.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.shelf.keys()
    }

    /// Waits for a look that may find other keys than those held, where one is under way or may be asked for.
    pub(super) async fn renewed(&self) {
        let Ok(_seat) = self.shelf.waiting.try_acquire() else { return };
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
            fetched_at: self.shelf.held.load().as_ref().map(|held| held.seen_at),
            fault: self.shelf.desk().fault.clone(),
        }
    }
}

impl Shelf {
    fn keys(&self) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        let held = held.as_ref().filter(|held| held.seen.elapsed() <= self.published.max_age)?;
        Some(Arc::clone(&held.keys))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The look whose end may bring what was missed, asked for if it may be.
    fn look_to_await(&self) -> Option<u64> {
        let has_keys = self.keys().is_some();
        let mut desk = self.desk();
        let (begun, ended) = (desk.begun, *self.ended.borrow());
        if !has_keys {
            // The rounds look for the first keys by themselves; a look that is under way may bring them.
            return (begun > ended || begun == 0).then_some(begun.max(1));
        }
        if let Some((look, asked_at)) = desk.asked_for {
            if look > ended {
                return Some(look);
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
