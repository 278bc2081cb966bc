//! Signing, reading a question, looking at what is held.

use std::cell::{LazyCell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use sluice::benchmarks::{Asker, Shelf, Signing};

use crate::stopwatch::times;
use crate::tokens::caller;

/// How long so many repetitions take.
pub(crate) type Takes = Box<dyn FnMut(u64) -> Duration>;

/// One step of a request, measured at several sizes of what it is done among.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What there are so many of; nothing where the step is the same among any number.
    pub(crate) of: &'static str,
    /// Among how many.
    pub(crate) points: Vec<(usize, Takes)>,
    /// One repetition does it to all of them, and what falls to each is told.
    pub(crate) of_all: bool,
}

impl Step {
    pub(crate) fn new(name: &'static str, of: &'static str, points: Vec<(usize, Takes)>) -> Self {
        Self { name, of, points, of_all: false }
    }

    /// A step that meets nothing that could be many.
    pub(crate) fn alone(name: &'static str, takes: impl FnMut(u64) -> Duration + 'static) -> Self {
        Self::new(name, "", vec![(1, Box::new(takes))])
    }

    /// To how many one repetition does it.
    pub(crate) fn share(&self, size: usize) -> f64 {
        if self.of_all { size as f64 } else { 1.0 }
    }
}

/// What it is done among is made at the first repetition: a process that does one step of all does not wait for the others.
pub(crate) fn lazily(make: impl FnOnce() -> Takes + 'static) -> Takes {
    let made = LazyCell::new(|| RefCell::new(make()));
    Box::new(move |count| made.borrow_mut()(count))
}

/// Far apart from one another, in an order that no cache foresees.
pub(crate) const STRIDE: usize = 7_368_787;

/// What the growth of the others is held against.
pub(crate) const YARDSTICK: &str = "yardstick, a BTreeMap";

const QUESTIONS: [(&str, &str); 3] = [
    ("question, dates", "from=2026-11-01&to=2026-11-08&dim=province"),
    ("question, RFC 3339", "from=2026-11-01T00:00:00%2B08:00&to=2026-11-08T00:00:00%2B08:00&dim=province"),
    ("question, relative", "from=now-24h&to=now&dim=province"),
];

pub(crate) fn all() -> Vec<Step> {
    let signing = Signing::default();
    let mut steps =
        vec![Step::alone("sign a call", move |count| times(count, |_| assert!(signing.sign("20261109T020731Z") > 0)))];
    let caller = caller();
    steps.extend(QUESTIONS.map(|(name, raw)| {
        let asker = Asker::new(&caller);
        Step::alone(name, move |count| times(count, |_| assert!(asker.ask(raw))))
    }));
    let points =
        [10, 100, 1_000, 10_000, 100_000, 1_000_000].map(|entries| (entries, lazily(move || yardstick(entries))));
    steps.push(Step::new(YARDSTICK, "entries", points.into()));
    let points = [1_000, 10_000, 100_000, 1_000_000].map(|held| (held, lazily(move || look_up(held))));
    steps.push(Step::new("look up an answer", "answers", points.into()));
    steps
}

/// What is known to grow as the logarithm, but for the way to memory that more entries make longer: takes an entry of the
/// size of a question out of a map, and puts it back.
fn yardstick(entries: usize) -> Takes {
    let mut map: BTreeMap<usize, Box<[u8; 96]>> = (0..entries).map(|key| (key, Box::new([0; 96]))).collect();
    Box::new(move |count| {
        times(count, |number| {
            let key = number.wrapping_mul(STRIDE) % entries;
            let entry = map.remove(&key).unwrap();
            map.insert(key, entry);
        })
    })
}

fn look_up(held: usize) -> Takes {
    let shelf = Shelf::new(held);
    Box::new(move |count| times(count, |number| assert!(shelf.look_up(number.wrapping_mul(STRIDE)))))
}
