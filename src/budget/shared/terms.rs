//! The lengths by which shared slots live, as plain arithmetic: no store, no clock, every time handed in.

use std::time::Duration;

use tokio::time::Instant;

/// What a slot is held for, under the guard in force.
#[derive(Clone, Copy, Debug)]
pub(in crate::budget) struct Terms {
    /// For how long from a claim or a prolongation a call may be written.
    pub(in crate::budget) hold: Duration,
    /// The sliding window of the limit.
    pub(in crate::budget) per: Duration,
    /// By how much the store's clock may run too fast in `per` without being found out.
    pub(in crate::budget) drift: Duration,
    /// The longest that a written call is on its way.
    pub(in crate::budget) guard: Duration,
}

/// What the owner of a slot tells of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::budget) enum Ending {
    /// Nothing was sent.
    Unsent,
    /// It has certainly arrived, or certainly never will: trying again is paced all the same.
    Arrived,
    /// It ended without an answer, and may have been written a moment ago.
    Lost,
    /// None yet: it may still have to be written.
    Open,
}

impl Terms {
    /// `per`, by a clock that may run as much too fast as is not found out.
    pub(in crate::budget) fn second(&self) -> Duration {
        self.per + self.drift
    }

    /// A slot whose owner says nothing more frees this long after a claim or a word of it. As long nothing is granted
    /// where claims may have been forgotten.
    pub(in crate::budget) fn lease(&self) -> Duration {
        self.hold + self.guard + self.second()
    }

    /// Nobody holds a slot for longer from a word of it.
    pub(in crate::budget) fn longest(&self) -> Duration {
        self.hold + self.per * 3
    }

    /// When the slot frees, counted from the word's reaching the store.
    pub(in crate::budget) fn frees_in(&self, ending: Ending) -> Duration {
        match ending {
            Ending::Unsent => Duration::ZERO,
            Ending::Arrived => self.second(),
            Ending::Lost => self.guard + self.second(),
            Ending::Open => self.lease(),
        }
    }

    /// For how long from the asking a permit can be used. What is left of the tenure then is for the writing, and for the
    /// first word that prolongs it.
    pub(in crate::budget) fn good_for(&self) -> Duration {
        (self.guard / 2).min(self.hold * 3 / 5)
    }

    /// Until when the call may be written. Counted from the asking, because the store granted it later than that.
    pub(in crate::budget) fn written_by(&self, asked: Instant) -> Instant {
        asked + self.hold
    }

    /// From when a slot may be claimed over a connection that began then.
    pub(in crate::budget) fn claims_from(&self, here_since: Instant) -> Instant {
        here_since + self.lease()
    }
}
