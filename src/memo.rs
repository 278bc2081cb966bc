//! What was worked out a moment ago, kept for whoever asks again: a table that is found in without a lock.

use std::fmt;
use std::hash::{BuildHasher as _, Hash};

use arc_swap::ArcSwapOption;
use foldhash::quality::RandomState;

/// A fixed number of places, each for what one of the keys that lead to it came to. So whoever looks compares what it finds with
/// what it looks for.
pub struct Memo<T> {
    places: Box<[ArcSwapOption<T>]>,
    hasher: RandomState,
}

impl<T> Memo<T> {
    /// An empty one. `places`: above zero.
    pub fn new(places: usize) -> Self {
        Self { places: (0..places).map(|_| ArcSwapOption::empty()).collect(), hasher: RandomState::default() }
    }

    /// Empties all places.
    pub fn clear(&self) {
        self.places.iter().for_each(|place| place.store(None));
    }

    /// Where this key leads.
    pub fn place(&self, key: impl Hash) -> &ArcSwapOption<T> {
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % self.places.len() as u64).unwrap_or_default();
        self.places.get(index).expect("the remainder is below the number of places")
    }
}

impl<T> fmt::Debug for Memo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}
