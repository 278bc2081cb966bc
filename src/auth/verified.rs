//! Tokens that were verified a moment ago: the hash of a token in, its caller out, without another look at it.
//!
//! An entry counts only for the very policy and key set under which its token was verified, and only until the token
//! expires. Tokens that were refused are never kept, so what a stranger sends takes no room.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use foldhash::quality::RandomState;
use jiff::Timestamp;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use zeroize::Zeroize as _;

use super::caller::Caller;
use super::revocations::Revocations;

/// What all entries may weigh: more than a hundred thousand callers. Of more than there is room for, some are verified whenever
/// they come.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// An entry's keys, counters and pointers, besides its texts.
const OVERHEAD: usize = 240;

/// Which configuration and which keys an issuer's tokens are judged by. Two that are equal judge alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    /// Of the issuer's configuration.
    pub(super) policy: u64,
    /// Of its keys.
    pub(super) keys: u64,
}

/// What a token is known by: a keyed hash, under a key of this process that nobody knows. The token itself is not kept.
///
/// It is the tag of AES-GCM over no text and the token as its associated data (GMAC), a universal hash: whoever sees neither
/// the key nor a hash makes two tokens share one in fewer than 2⁹ of 2¹²⁸ attempts, and it costs a third of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 16]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(***)")
    }
}

/// The tokens that were verified.
pub(super) struct VerifiedTokens {
    tokens: Cache<TokenHash, Arc<Verified>, RandomState>,
    key: LessSafeKey,
}

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
    /// The edition of the revocations that were found not to mean it.
    cleared: AtomicU64,
}

impl Verified {
    /// Verified now, and not revoked by this edition of the revocations.
    pub(super) fn new(
        caller: Caller,
        generation: Generation,
        since: Timestamp,
        dies_at: Timestamp,
        edition: u64,
    ) -> Self {
        Self { caller, generation, since, dies_at, cleared: AtomicU64::new(edition) }
    }

    /// Whether it is revoked; most often told by one number alone.
    pub(super) fn is_revoked(&self, revocations: &Revocations) -> bool {
        // Read first: what is revoked meanwhile makes another edition, and is looked at the next time.
        let edition = revocations.edition();
        if self.cleared.load(Ordering::Relaxed) == edition {
            return false;
        }
        let revoked = revocations.mean(&self.caller);
        if !revoked {
            self.cleared.store(edition, Ordering::Relaxed);
        }
        revoked
    }
}

impl VerifiedTokens {
    /// What this token is known by here.
    pub(super) fn hash(&self, token: &[u8]) -> TokenHash {
        // One nonce for all: a tag tells something of the key to whoever sees it, and these are shown to nobody.
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []);
        let tag = tag.expect("a token is shorter than what the cipher takes");
        TokenHash(tag.as_ref().try_into().expect("a tag has 16 bytes"))
    }

    /// What is known of a token. Whether it still counts is for the caller to compare.
    pub(super) fn get(&self, token: &TokenHash) -> Option<Arc<Verified>> {
        self.tokens.get(token)
    }

    pub(super) fn keep(&self, token: TokenHash, verified: Verified) {
        self.tokens.insert(token, Arc::new(verified));
    }

    pub(super) fn forget(&self, token: &TokenHash) {
        self.tokens.invalidate(token);
    }

    /// Gives back the room of an issuer's tokens, which have stopped to count.
    pub(super) fn forget_issuer(&self, issuer: &Arc<str>) {
        let issuer = Arc::clone(issuer);
        let accepted = self.tokens.invalidate_entries_if(move |_, verified| verified.caller.issuer == issuer);
        debug_assert!(accepted.is_ok(), "the cache was built to take predicates");
    }

    /// How many there are, for tests.
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.tokens.run_pending_tasks();
        self.tokens.entry_count()
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        let weight = |_: &TokenHash, verified: &Arc<Verified>| {
            u32::try_from(OVERHEAD + mem::size_of::<Verified>() + verified.caller.text_bytes()).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(MOST_BYTES).weigher(weight).eviction_policy(EvictionPolicy::lru());
        let tokens = cache.support_invalidation_closures().build_with_hasher(RandomState::default());
        let mut secret = [0; 16];
        rand::fill(&mut secret).expect("the system gives random bytes");
        let key = UnboundKey::new(&AES_128_GCM, &secret).expect("the key is as long as the cipher takes");
        secret.zeroize();
        Self { tokens, key: LessSafeKey::new(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_callers_are_remembered_and_their_number_is_bounded() {
        let tokens = VerifiedTokens::default();
        let verified = |caller, generation| Verified::new(caller, generation, Timestamp::UNIX_EPOCH, Timestamp::MAX, 0);
        let keep = |number: u32| {
            let caller = Caller {
                subject: Arc::from("7f3a1c52-0c9e-4b7e-9d58-2f1f6a0b9f11"),
                token_id: Some("0b9f6e1e-5d0f-4a58-8f9b-6d1f0a7c2e44".into()),
                scopes: Arc::from(["usage:read".to_owned()]),
                ..Caller::of_tenant("team-classroom")
            };
            let generation = Generation { policy: 1, keys: 1 };
            tokens.keep(tokens.hash(number.to_string().as_bytes()), verified(caller, generation));
        };
        (0..100_000).for_each(keep);
        assert_eq!(tokens.len(), 100_000);
        (100_000..200_000).for_each(keep);
        assert!((100_000..125_000).contains(&tokens.len()), "{}", tokens.len());
        assert!(tokens.get(&tokens.hash(b"199999")).is_some(), "the newest stays");
        assert!(tokens.get(&tokens.hash(b"0")).is_none(), "the longest unused goes");
    }
}
