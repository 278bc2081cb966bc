//! What the verifier remembers beyond a change of its configuration: tokens it verified, tokens that were revoked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::revocations::Revocations;
use super::verified::VerifiedTokens;

/// Handed from one configuration's verifier to the next. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Memory {
    pub(super) verified: Arc<VerifiedTokens>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) generations: Counter,
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
