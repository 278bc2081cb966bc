//! What is going on where and when, and so what callers have to put up with.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// All spells so far, and when this machine could not run everybody.
#[derive(Default)]
pub(crate) struct Weather {
    spells: Mutex<Vec<Spell>>,
    stalls: Mutex<Vec<(Instant, Duration)>>,
}

/// Being late by so much tells that the processor is not to be had: commands to Redis have 100 ms.
const STALL: Duration = Duration::from_millis(25);
/// How long what was late then is felt.
const FELT: Duration = Duration::from_secs(5);

/// What is to be expected for a while.
#[derive(Clone, Default)]
pub(crate) struct Expected {
    /// Where; nowhere in particular is everywhere.
    pub(crate) replicas: Vec<usize>,
    /// Codes of problems.
    pub(crate) codes: &'static [&'static str],
    /// Whether connections may break and be refused.
    pub(crate) breaking: bool,
    /// Whether nothing is answered for as long.
    pub(crate) frozen: bool,
    /// Whether the upstream fails: any 502, 503 and 504 with a `Retry-After`.
    pub(crate) sick: bool,
}

struct Spell {
    expected: Expected,
    from: Instant,
    /// `None` while it lasts.
    to: Option<Instant>,
}

/// A spell that has begun.
#[must_use = "a spell that is never ended forgives everything from now on"]
pub(crate) struct Begun(usize);

/// What one request may have met.
#[derive(Default)]
pub(crate) struct Met {
    pub(crate) codes: Vec<&'static str>,
    pub(crate) breaking: bool,
    pub(crate) sick: bool,
    /// Whether this machine could not run everybody at the time.
    pub(crate) starved: bool,
    /// For how long nothing could be answered.
    pub(crate) frozen: Duration,
}

impl Weather {
    pub(crate) fn begin(&self, expected: Expected) -> Begun {
        let mut spells = self.spells.lock().unwrap();
        spells.push(Spell { expected, from: Instant::now(), to: None });
        Begun(spells.len() - 1)
    }

    /// It ends, and is felt for a while longer.
    pub(crate) fn end(&self, Begun(spell): Begun, felt: Duration) {
        self.spells.lock().unwrap()[spell].to = Some(Instant::now() + felt);
    }

    /// Somebody wanted to run, and was so late.
    pub(crate) fn late(&self, by: Duration) {
        if by >= STALL {
            self.stalls.lock().unwrap().push((Instant::now(), by));
        }
    }

    /// How often this machine could not run everybody, and for how long at most.
    pub(crate) fn stalls(&self) -> (usize, Duration) {
        let stalls = self.stalls.lock().unwrap();
        (stalls.len(), stalls.iter().map(|(_, by)| *by).max().unwrap_or_default())
    }

    /// What a request at this replica may have met between these moments.
    pub(crate) fn over(&self, replica: usize, from: Instant, to: Instant) -> Met {
        let felt = |(at, _): &(Instant, Duration)| *at + FELT >= from && *at <= to;
        let mut met = Met { starved: self.stalls.lock().unwrap().iter().any(felt), ..Met::default() };
        for spell in self.spells.lock().unwrap().iter() {
            let Expected { replicas, codes, breaking, frozen, sick } = &spell.expected;
            let end = spell.to.unwrap_or(to).min(to);
            if spell.from > to || end < from || !(replicas.is_empty() || replicas.contains(&replica)) {
                continue;
            }
            met.codes.extend_from_slice(codes);
            met.breaking |= breaking;
            met.sick |= sick;
            if *frozen {
                met.frozen += end - spell.from.max(from);
            }
        }
        met
    }
}
