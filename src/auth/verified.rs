//! Tokens that were verified a moment ago: the hash of a token in, its caller out, without another look at it.
//!
//! An entry counts only for the very policy and key set under which its token was verified, and only until the token
//! expires. Tokens that were refused are never kept, so what a stranger sends takes no room.

use std::mem;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::caller::Caller;

/// What all entries may weigh: about a hundred thousand callers.
const MOST_BYTES: u64 = 48 * 1024 * 1024;
/// An entry's keys, counters and pointers, besides its texts.
const OVERHEAD: usize = 256;

/// Which configuration and which keys an issuer's tokens are judged by. Two that are equal judge alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    /// Of the issuer's configuration.
    pub(super) policy: u64,
    /// Of its keys.
    pub(super) keys: u64,
}

/// The SHA-256 of a token: what it is known by. The token itself is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

/// The tokens that were verified.
pub(super) struct VerifiedTokens(Cache<TokenHash, Arc<Verified>>);

/// One of them.
pub(super) struct Verified {
    /// Whose it is.
    pub(super) caller: Caller,
    /// What it was verified under.
    pub(super) generation: Generation,
    /// When.
    pub(super) since: Timestamp,
    /// From when on it has expired, leeway included.
    pub(super) dies_at: Timestamp,
}

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }
}

impl VerifiedTokens {
    /// What is known of a token. Whether it still counts is for the caller to compare.
    pub(super) fn get(&self, token: &TokenHash) -> Option<Arc<Verified>> {
        self.0.get(token)
    }

    pub(super) fn keep(&self, token: TokenHash, verified: Verified) {
        self.0.insert(token, Arc::new(verified));
    }

    pub(super) fn forget(&self, token: &TokenHash) {
        self.0.invalidate(token);
    }

    /// Gives back the room of an issuer's tokens, which have stopped to count.
    pub(super) fn forget_issuer(&self, issuer: &Arc<str>) {
        let issuer = Arc::clone(issuer);
        let accepted = self.0.invalidate_entries_if(move |_, verified| verified.caller.issuer == issuer);
        debug_assert!(accepted.is_ok(), "the cache was built to take predicates");
    }

    /// How many there are, for tests.
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.entry_count()
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        let weight = |_: &TokenHash, verified: &Arc<Verified>| {
            u32::try_from(OVERHEAD + mem::size_of::<Verified>() + verified.caller.text_bytes()).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(MOST_BYTES).weigher(weight).eviction_policy(EvictionPolicy::lru());
        Self(cache.support_invalidation_closures().build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_callers_are_remembered_and_their_number_is_bounded() {
        let tokens = VerifiedTokens::default();
        let verified = |caller, generation| {
            let (since, dies_at) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
            Verified { caller, generation, since, dies_at }
        };
        let keep = |number: u32| {
            let caller = Caller::of_tenant("team-classroom");
            let generation = Generation { policy: 1, keys: 1 };
            tokens.keep(TokenHash::of(&number.to_string()), verified(caller, generation));
        };
        (0..100_000).for_each(keep);
        assert_eq!(tokens.len(), 100_000);
        (100_000..200_000).for_each(keep);
        assert!((100_000..150_000).contains(&tokens.len()), "{}", tokens.len());
        assert!(tokens.get(&TokenHash::of("199999")).is_some(), "the newest stays");
        assert!(tokens.get(&TokenHash::of("0")).is_none(), "the longest unused goes");
    }
}
