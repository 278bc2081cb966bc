//! Numbers that look random and repeat: hashes of words, and a seeded generator (`SplitMix64`).

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A seeded generator that any number of tasks may draw from.
#[derive(Debug)]
pub(super) struct Chance(AtomicU64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number of the sequence.
    pub(super) fn draw(&self) -> u64 {
        mix(self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }

    /// The next number, laid between 0 and 1.
    pub(super) fn fraction(&self) -> f64 {
        fraction(self.draw())
    }
}

/// Scrambles the bits of `number`; a bijection.
pub(super) fn mix(number: u64) -> u64 {
    let once = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    twice ^ (twice >> 31)
}

/// A number between 0 (included) and 1 (excluded), from the upper half of `number`.
pub(super) fn fraction(number: u64) -> f64 {
    let upper = u32::try_from(number >> 32).expect("a u64 shifted by 32 fits 32 bits");
    f64::from(upper) / 4_294_967_296.0
}

/// A hash of `words` that depends on where one word ends and the next begins.
pub(super) fn hash(words: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update(word.len().to_be_bytes());
        hasher.update(word.as_bytes());
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers() {
        let (one, two, other) = (Chance::new(7), Chance::new(7), Chance::new(8));
        let drawn: Vec<u64> = (0..20).map(|_| one.draw()).collect();
        assert_eq!(drawn, (0..20).map(|_| two.draw()).collect::<Vec<_>>());
        assert_ne!(drawn, (0..20).map(|_| other.draw()).collect::<Vec<_>>());
    }

    #[test]
    fn fractions_lie_between_nothing_and_one() {
        assert!(fraction(0).abs() < f64::EPSILON);
        assert!(fraction(u64::MAX) < 1.0);
        assert!(fraction(u64::MAX) > 0.999);
    }

    #[test]
    fn a_hash_knows_where_words_end() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
    }
}
