//! A map in the order of its keys that tells of any key how many come before it.
//!
//! A treap whose nodes know how many lie below them: what is put, taken or asked costs the logarithm of what there is.

use std::cmp::Ordering;

/// The map. A key may be put more than once, and is then there as often.
#[derive(Debug)]
pub(super) struct Ranked<K, V> {
    root: Link<K, V>,
    drawn: u64,
}

type Link<K, V> = Option<Box<Node<K, V>>>;

#[derive(Debug)]
struct Node<K, V> {
    key: K,
    value: V,
    /// No node has a lower one than those below it. Drawn by lot, so that the tree is flat whatever the order of coming.
    lot: u64,
    /// How many there are from here down.
    size: usize,
    left: Link<K, V>,
    right: Link<K, V>,
}

impl<K, V> Default for Ranked<K, V> {
    fn default() -> Self {
        Self { root: None, drawn: 0 }
    }
}

impl<K: Ord, V> Ranked<K, V> {
    /// Puts a key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.drawn += 1;
        let node = Box::new(Node { key, value, lot: lot(self.drawn), size: 1, left: None, right: None });
        put(&mut self.root, node);
    }

    /// Takes a key, once.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        take(&mut self.root, key).map(|node| node.value)
    }

    /// The first of all.
    pub(super) fn first(&self) -> Option<(&K, &V)> {
        let mut first = self.root.as_ref()?;
        while let Some(before) = &first.left {
            first = before;
        }
        Some((&first.key, &first.value))
    }

    /// How many are lower than this key, whether it is there or not.
    pub(super) fn rank(&self, key: &K) -> usize {
        let (mut at, mut before) = (&self.root, 0);
        while let Some(node) = at {
            at = if node.key < *key {
                before += size(&node.left) + 1;
                &node.right
            } else {
                &node.left
            };
        }
        before
    }

    pub(super) fn len(&self) -> usize {
        size(&self.root)
    }
}

impl<K, V> Node<K, V> {
    fn measure(&mut self) {
        self.size = size(&self.left) + 1 + size(&self.right);
    }
}

fn size<K, V>(link: &Link<K, V>) -> usize {
    link.as_ref().map_or(0, |node| node.size)
}

fn put<K: Ord, V>(link: &mut Link<K, V>, mut node: Box<Node<K, V>>) {
    match link {
        Some(at) if at.lot >= node.lot => {
            at.size += 1;
            put(if node.key < at.key { &mut at.left } else { &mut at.right }, node);
        }
        below => {
            (node.left, node.right) = split(below.take(), &node.key);
            node.measure();
            *below = Some(node);
        }
    }
}

/// Those up to this key, and those after it.
fn split<K: Ord, V>(link: Link<K, V>, key: &K) -> (Link<K, V>, Link<K, V>) {
    let Some(mut at) = link else { return (None, None) };
    if *key < at.key {
        let (before, after) = split(at.left.take(), key);
        at.left = after;
        at.measure();
        (before, Some(at))
    } else {
        let (before, after) = split(at.right.take(), key);
        at.right = before;
        at.measure();
        (Some(at), after)
    }
}

fn take<K: Ord, V>(link: &mut Link<K, V>, key: &K) -> Link<K, V> {
    let at = link.as_mut()?;
    let taken = match key.cmp(&at.key) {
        Ordering::Less => take(&mut at.left, key),
        Ordering::Greater => take(&mut at.right, key),
        Ordering::Equal => {
            let mut taken = link.take();
            *link = taken.as_mut().and_then(|node| join(node.left.take(), node.right.take()));
            return taken;
        }
    };
    at.measure();
    taken
}

/// All of the first come before all of the second.
fn join<K, V>(before: Link<K, V>, after: Link<K, V>) -> Link<K, V> {
    match (before, after) {
        (Some(mut one), Some(other)) if one.lot >= other.lot => {
            one.right = join(one.right.take(), Some(other));
            one.measure();
            Some(one)
        }
        (before @ Some(_), Some(mut other)) => {
            other.left = join(before, other.left.take());
            other.measure();
            Some(other)
        }
        (one, other) => one.or(other),
    }
}

/// `SplitMix64`: nobody who asks chooses when something is drawn, so that it can be foreseen harms nothing.
fn lot(drawn: u64) -> u64 {
    let mixed = drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn depth<K, V>(link: &Link<K, V>) -> usize {
        link.as_ref().map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_is_a_sorted_list_that_is_looked_through(steps in prop::collection::vec((0..40u32, any::<bool>()), 1..200)) {
            let (mut ranked, mut list) = (Ranked::default(), Vec::new());
            for (key, comes) in steps {
                let place = list.partition_point(|known| *known < key);
                if comes {
                    list.insert(place, key);
                    ranked.insert(key, key);
                } else {
                    let there = list.get(place) == Some(&key);
                    prop_assert_eq!(ranked.remove(&key), there.then(|| list.remove(place)));
                }
                prop_assert_eq!((ranked.len(), ranked.first()), (list.len(), list.first().map(|first| (first, first))));
                for key in 0..=40 {
                    prop_assert_eq!(ranked.rank(&key), list.partition_point(|known| *known < key));
                }
            }
        }
    }

    #[test]
    fn it_stays_flat_when_all_come_in_order() {
        let mut ranked = Ranked::default();
        (0..100_000).for_each(|key| ranked.insert(key, ()));
        assert!(depth(&ranked.root) < 64, "{}", depth(&ranked.root));
        (0..99_000).for_each(|key| assert!(ranked.remove(&key).is_some()));
        assert!(depth(&ranked.root) < 40, "{}", depth(&ranked.root));
    }
}
