//! The slots: how two calls a second are kept. Out: a `Permit`, without which nothing can be sent.
//!
//! The invariant, as the receiver sees it: of any three calls two used the same slot, and a slot is used again only
//! `per` after its call's answer, or after the call certainly arrived (`guard`). See `docs/budget.md`; for slots that
//! several replicas share, `docs/replicas.md`.

mod config;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod explorer;
mod guard;
mod local;
mod permit;
#[cfg(test)]
mod receiver;
mod shared;
mod slots;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use self::config::{Config, GuardRule};
pub use self::permit::{InFlight, Late, Permit};
pub(crate) use self::shared::FLIGHT_LEASE;
#[cfg(test)]
pub(crate) use self::turn::OrderedLine;
pub(crate) use self::turn::stride;
pub use self::turn::{Bid, Floor, Named, Order, Turn};

use self::local::Local;
use self::shared::Shared;
use self::slots::Slots;
use crate::store::Store;

/// The store is often away for no longer, while it is restarted or another takes over.
const BLIP: Duration = Duration::from_secs(1);

/// The budget of this process, or of all replicas. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Budget(Place);

/// Where the slots are kept.
#[derive(Clone, Debug)]
enum Place {
    Local(Arc<Local>),
    Shared(Arc<Shared>),
}

/// What `/status` shows of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Slots in all.
    pub slots: usize,
    /// Slots that could be claimed now.
    pub free: usize,
    /// The guard in force.
    pub guard: Duration,
    /// Calls that this process sent since its start.
    pub sent: u64,
    /// Calls of it that the vendor said were too fast.
    pub throttled: u64,
    /// Those among them that came although the guard had been widened before, or nothing was assumed at all: our own
    /// calls were further apart than the limit wants, so somebody else spends from the account.
    pub foreign: u64,
    /// When the last of those came.
    pub foreign_at: Option<Instant>,
    /// The sliding window of the limit.
    pub per: Duration,
}

/// Throttles that our own calls do not explain.
#[derive(Clone, Copy, Debug, Default)]
struct Foreign {
    times: u64,
    last: Option<Instant>,
}

impl Foreign {
    fn note(&mut self, now: Instant) {
        self.times += 1;
        self.last = Some(now);
    }
}

impl Budget {
    /// A budget that may have been spent by a process before this one: nothing is granted for `guard + per`.
    pub fn new(config: &Config) -> Self {
        Self::local(config, Slots::after_unknown_past(config, Instant::now()))
    }

    /// A budget nobody can have spent from, because the upstream began with this process.
    pub fn unused(config: &Config) -> Self {
        Self::local(config, Slots::unused(config, Instant::now()))
    }

    /// The budget that all replicas before this store share.
    pub fn shared(config: &Config, store: Store) -> Self {
        Self(Place::Shared(Shared::new(config, store)))
    }

    fn local(config: &Config, slots: Slots) -> Self {
        Self(Place::Local(Arc::new(Local::new(config, slots))))
    }

    /// Whether other processes spend from it, too.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Place::Shared(_))
    }

    /// Waits for a turn; `None` where nothing is bid for any more. Dropping the future gives up nothing in one process,
    /// and over several replicas at most one slot for its lease.
    pub async fn turn<K: Clone + Named + Send + Sync>(&self, floor: &(impl Floor<K> + Sync)) -> Option<Turn<K>> {
        match &self.0 {
            Place::Local(local) => Some(Turn { permit: local.permit().await, whose: None }),
            Place::Shared(shared) => shared.turn(floor).await,
        }
    }

    /// When the turn after `turns` others will begin, as far as can be foreseen.
    pub fn forecast(&self, turns: usize) -> Instant {
        match &self.0 {
            Place::Local(local) => local.forecast(turns),
            Place::Shared(shared) => shared.forecast(turns),
        }
    }

    /// How long at least nothing will be granted because the store is, or was, away; `None` where it is here.
    pub fn unavailable_for(&self) -> Option<Duration> {
        match &self.0 {
            Place::Local(_) => None,
            Place::Shared(shared) => shared.unavailable_for(),
        }
    }

    /// Whether the store has been away for so long that waiting for it is not worth a caller's while: then `Some` of how
    /// long it takes at least from its return to the next turn.
    pub fn outage(&self) -> Option<Duration> {
        let Place::Shared(shared) = &self.0 else { return None };
        shared.away_for().filter(|away| *away > BLIP).and_then(|_| shared.unavailable_for())
    }

    /// Whether others can take turns and this process, which has just begun, cannot yet.
    pub fn is_starting(&self) -> bool {
        matches!(&self.0, Place::Shared(shared) if shared.is_starting())
    }

    /// Ends when the store goes away, with what `unavailable_for` says then. Never, where there is none.
    pub async fn goes_away(&self) -> Duration {
        match &self.0 {
            Place::Local(_) => std::future::pending().await,
            Place::Shared(shared) => shared.goes_away().await,
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        match &self.0 {
            Place::Local(local) => local.standing(),
            Place::Shared(shared) => shared.standing(),
        }
    }
}

#[cfg(test)]
impl Budget {
    /// A permit for whoever wants one: for tests whose subject is not whose turn it is.
    pub(crate) async fn permit(&self) -> Permit {
        let floor = conformance::Open::default();
        self.turn(&floor).await.expect("an open floor always bids").permit
    }
}
