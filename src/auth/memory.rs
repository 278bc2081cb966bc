//! What the verifier remembers beyond a change of its configuration: tokens it verified, tokens that were revoked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::revocations::Revocations;
use super::verified::VerifiedTokens;

/// Handed from one configuration's verifier to the next. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Memory {
    pub(super) verified: Arc<VerifiedTokens>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) generations: Counter,
    /// Seats for requests that wait for keys of any issuer.
    pub(super) waiting: Seats,
}

/// Bounds how many requests wait. Cloning shares it.
#[derive(Clone)]
pub(super) struct Seats(Arc<Semaphore>);

/// How many requests may wait: enough for all that come during one fetch, too few to crowd out those that need not.
pub(super) const MOST_WAITING: usize = 2048;

impl Seats {
    /// A seat for as long as it is kept, if one is free.
    pub(super) fn take(&self) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire().ok()
    }
}

impl Default for Seats {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_WAITING)))
    }
}

/// Gives each number once. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Counter(Arc<AtomicU64>);

impl Counter {
    /// A number above zero that was not given before.
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}
