//! Everything that decides what may happen next to the shared slots, in ages and in what is left.

use std::cmp::Ordering;

use super::script::Hash;

/// The store's time, always. What grows old is everything else.
pub(super) const NOW: i64 = 1000;
/// Asked so long ago that it makes no difference how long.
const LONG_AGO: u8 = 3;

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) hash: Hash,
    pub(super) replicas: Vec<Replica>,
    /// Written, and given up by its sender: since when.
    pub(super) on_the_wire: Vec<u8>,
    /// How long ago the vendor counted, within `per`.
    pub(super) arrivals: Vec<u8>,
    pub(super) faults_left: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Replica {
    pub(super) link: Link,
    pub(super) seeking: Seeking,
    pub(super) calls: Vec<Call>,
}

/// The connection to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    #[default]
    Away,
    /// For so long; whether the store's clock was set meanwhile, which its next reply proves.
    Here { age: u8, clock_was_set: bool },
}

/// How far the claim for a slot is. Ages count from the asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Seeking {
    #[default]
    Nothing,
    /// The reply is on its way.
    Won { age: u8, slot: usize, fence: i64, clock_was_set: bool },
}

/// A slot in a replica's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) slot: usize,
    pub(super) fence: i64,
    /// For how long it may still be written, while it is not.
    pub(super) tenure: i8,
    pub(super) phase: Phase,
}

/// `sent` is the age of the permit's sending while the guard may be believed when it passes, `None` otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Held {
        asked: u8,
    },
    /// `opening`, where a connection has to be opened first.
    Unwritten {
        sent: Option<u8>,
        opening: bool,
    },
    OnItsWay {
        sent: Option<u8>,
        written: u8,
    },
    There {
        sent: Option<u8>,
    },
}

impl Replica {
    /// A reply over the old connection is not believed any more.
    pub(super) fn disconnects(&mut self) {
        self.link = Link::Away;
        self.seeking = Seeking::Nothing;
    }
}

impl Phase {
    /// A guard that passed without being believed never is. Where standing still is `noticed`, neither is that of a call that
    /// was not written when it was sent.
    pub(super) fn grow_older(&mut self, guard: u8, noticed: bool) {
        let older = |sent: Option<u8>| sent.map(|sent| sent + 1).filter(|sent| *sent <= guard);
        match self {
            Self::Held { asked } => *asked = (*asked + 1).min(LONG_AGO),
            Self::Unwritten { sent, opening } => *sent = older(*sent).filter(|_| *opening || !noticed),
            Self::OnItsWay { sent, written } => {
                *sent = older(*sent);
                *written += 1;
            }
            Self::There { sent } => *sent = older(*sent),
        }
    }

    pub(super) fn key(self) -> [u8; 4] {
        let number = |sent: Option<u8>| sent.unwrap_or(99);
        match self {
            Self::Held { asked } => [0, asked, 0, 0],
            Self::Unwritten { sent, opening } => [1, number(sent), 0, opening.into()],
            Self::OnItsWay { sent, written } => [2, number(sent), written, 0],
            Self::There { sent } => [3, number(sent), 0, 0],
        }
    }
}

impl World {
    pub(super) fn is_on_the_wire(&mut self, written: u8) {
        self.on_the_wire.push(written);
    }

    /// No ticket is good for anything any more.
    pub(super) fn lose_state(&mut self) {
        self.hash.forget();
        for fence in self.fences() {
            *fence.1 = NOW - 1;
        }
    }

    fn fences(&mut self) -> impl Iterator<Item = (usize, &mut i64)> {
        self.replicas.iter_mut().flat_map(|replica| {
            let won = match &mut replica.seeking {
                Seeking::Won { slot, fence, .. } => Some((*slot, fence)),
                Seeking::Nothing => None,
            };
            won.into_iter().chain(replica.calls.iter_mut().map(|call| (call.slot, &mut call.fence)))
        })
    }

    /// A fence is either the slot's, or too old; its number does not matter.
    pub(super) fn rename_fences(&mut self) {
        let current: Vec<_> = self.hash.slots.iter().map(|slot| slot.fence).collect();
        for (slot, fence) in self.fences() {
            *fence = if current[slot] == Some(*fence) { NOW } else { NOW - 1 };
        }
        for slot in &mut self.hash.slots {
            slot.fence = slot.fence.map(|_| NOW);
        }
    }

    pub(super) fn grow_older(&mut self, lease: u8, guard: u8, per: u8, notices: bool) {
        for slot in &mut self.hash.slots {
            slot.until = slot.until.map(|until| (until - 1).max(NOW));
        }
        for replica in &mut self.replicas {
            if let Link::Here { age, .. } = &mut replica.link {
                *age = (*age + 1).min(lease);
            }
            match &mut replica.seeking {
                Seeking::Won { age, .. } => *age = (*age + 1).min(LONG_AGO),
                Seeking::Nothing => {}
            }
            for call in &mut replica.calls {
                call.tenure = (call.tenure - 1).max(-1);
                call.phase.grow_older(guard, notices);
            }
        }
        self.on_the_wire.iter_mut().for_each(|written| *written += 1);
        self.arrivals.retain_mut(|age| {
            *age += 1;
            *age < per
        });
    }

    /// The same for worlds that differ in the names of replicas and slots only.
    pub(super) fn key(&self) -> Vec<u8> {
        let names: Vec<usize> = (0..self.hash.slots.len()).collect();
        let swapped: Vec<usize> = names.iter().rev().copied().collect();
        let held = |names: &[usize]| -> Vec<_> { names.iter().map(|slot| self.hash.slots[*slot].until).collect() };
        match held(&names).cmp(&held(&swapped)) {
            Ordering::Less => self.key_of(&names),
            Ordering::Greater => self.key_of(&swapped),
            Ordering::Equal => self.key_of(&names).min(self.key_of(&swapped)),
        }
    }

    fn key_of(&self, names: &[usize]) -> Vec<u8> {
        let mut key = vec![self.faults_left, self.hash.run_id.unwrap_or(0)];
        for slot in names {
            let until = self.hash.slots[*slot].until.map_or(255, |until| until - NOW);
            key.push(u8::try_from(until).expect("no explored length is that long"));
        }
        let mut ages = [self.on_the_wire.clone(), self.arrivals.clone()];
        for ages in &mut ages {
            ages.sort_unstable();
            key.push(u8::try_from(ages.len()).expect("a few"));
            key.extend_from_slice(ages);
        }
        let mut replicas: Vec<_> = self.replicas.iter().map(|replica| replica.key(names)).collect();
        replicas.sort_unstable();
        for replica in replicas {
            key.extend(replica);
            key.push(255);
        }
        key
    }
}

impl Replica {
    fn key(&self, names: &[usize]) -> Vec<u8> {
        let named = |slot: usize, fence: i64| {
            let name = names.iter().position(|name| *name == slot).unwrap_or(slot);
            u8::try_from(name * 2).expect("a few slots") + u8::from(fence == NOW)
        };
        let mut key = match self.link {
            Link::Away => vec![254],
            Link::Here { age, clock_was_set } => vec![age, clock_was_set.into()],
        };
        match self.seeking {
            Seeking::Nothing => key.push(0),
            Seeking::Won { age, slot, fence, clock_was_set } => {
                key.extend([2, age, named(slot, fence), clock_was_set.into()]);
            }
        }
        let mut calls: Vec<[u8; 6]> = self
            .calls
            .iter()
            .map(|call| {
                let unwritten = matches!(call.phase, Phase::Held { .. } | Phase::Unwritten { .. });
                let tenure = if unwritten { call.tenure.cast_unsigned() } else { 0 };
                let [kind, first, second, third] = call.phase.key();
                [named(call.slot, call.fence), tenure, kind, first, second, third]
            })
            .collect();
        calls.sort_unstable();
        key.extend(calls.concat());
        key
    }
}
