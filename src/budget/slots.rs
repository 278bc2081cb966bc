//! The slots as a plain state machine: no clock, no locks, every time handed in. What the rule says is here.

use std::time::Duration;

use tokio::time::Instant;

use super::Config;
use super::guard::Guard;

/// Which slot a permit holds. The fence makes a ticket worthless once its slot was given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    pub(super) slot: usize,
    pub(super) fence: u64,
}

/// Why there is no slot now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSlot {
    /// The first one frees at this time unless its answer comes earlier.
    Until(Instant),
    /// Every slot is held by a call whose end is not known.
    UntilReleased,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Slots {
    all: Vec<Slot>,
    per: Duration,
    guard: Guard,
    /// How long a slot is held beyond `per`, as seen lately: what forecasts are made of.
    overhead: Duration,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Slot {
    fence: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Free from this time on.
    Free(Instant),
    /// Given out; nothing sent yet.
    Held,
    /// Sent at this time; held until the answer, or until the guard has passed on an open connection.
    Sent(Instant),
}

impl Slots {
    /// Slots of a budget whose past is unknown: a process that died a moment ago may have used them all, so each is
    /// held for a whole `guard + per`.
    pub(super) fn after_unknown_past(config: &Config, now: Instant) -> Self {
        let guard = Guard::new(config.guard, config.per);
        let free = now + guard.at(now) + config.per;
        Self::free_from(config, guard, free)
    }

    /// Slots of a budget that nobody has used yet.
    pub(super) fn unused(config: &Config, now: Instant) -> Self {
        Self::free_from(config, Guard::new(config.guard, config.per), now)
    }

    fn free_from(config: &Config, guard: Guard, free: Instant) -> Self {
        let all = (0..config.calls).map(|_| Slot { fence: 0, state: State::Free(free) }).collect();
        let overhead = guard.at(free);
        Self { all, per: config.per, guard, overhead }
    }

    pub(super) fn claim(&mut self, now: Instant) -> Result<Ticket, NoSlot> {
        let free_at = |slot: &Slot| if let State::Free(at) = slot.state { Some(at) } else { None };
        let first = self.all.iter_mut().enumerate().filter_map(|(index, slot)| Some((free_at(slot)?, index, slot)));
        let Some((at, index, slot)) = first.min_by_key(|(at, index, _)| (*at, *index)) else {
            return Err(NoSlot::UntilReleased);
        };
        if at > now {
            return Err(NoSlot::Until(at));
        }
        slot.fence += 1;
        slot.state = State::Held;
        Ok(Ticket { slot: index, fence: slot.fence })
    }

    /// The permit was not used: the slot is free at once.
    pub(super) fn unsent(&mut self, ticket: Ticket, now: Instant) {
        if let Some(slot) = self.slot(ticket).filter(|slot| matches!(slot.state, State::Held)) {
            slot.state = State::Free(now);
        }
    }

    /// The call is about to be written.
    pub(super) fn sent(&mut self, ticket: Ticket, now: Instant) {
        if let Some(slot) = self.slot(ticket) {
            slot.state = State::Sent(now);
        }
    }

    /// The call has certainly arrived: its answer is here, or the guard has passed since it was written to an open
    /// connection. Or it certainly never will, and nothing was sent: trying again is paced all the same. Counted from
    /// now and not from `sent + guard`, so that a process that stood still resumes on the safe side.
    pub(super) fn arrived(&mut self, ticket: Ticket, now: Instant) {
        self.finish(ticket, now, now);
    }

    /// The call ended without an answer: it may still be on its way. Counted from now and not from the sending, because a
    /// connection may have been opened first and the call written to it a moment ago.
    pub(super) fn lost(&mut self, ticket: Ticket, now: Instant) {
        let arrival = now + self.guard.at(now);
        self.finish(ticket, arrival, now);
    }

    /// The vendor said that we were too fast. Whether our own calls do not explain it.
    pub(super) fn throttled(&mut self, now: Instant) -> bool {
        self.guard.widen(now)
    }

    pub(super) fn guard(&self, now: Instant) -> Duration {
        self.guard.at(now)
    }

    pub(super) fn is_strict(&self) -> bool {
        self.guard.is_strict()
    }

    /// How many slots could be claimed now.
    pub(super) fn free_now(&self, now: Instant) -> usize {
        self.all.iter().filter(|slot| matches!(slot.state, State::Free(at) if at <= now)).count()
    }

    /// When the turn after `turns` others will begin, as far as can be foreseen.
    pub(super) fn forecast(&self, turns: usize, now: Instant) -> Instant {
        let cycle = self.per + self.overhead;
        let mut free: Vec<_> = self
            .all
            .iter()
            .map(|slot| match slot.state {
                State::Free(at) => at.max(now),
                State::Held => now + cycle,
                State::Sent(sent) => (sent + cycle).max(now + self.per),
            })
            .collect();
        foresee(&mut free, cycle, turns, now)
    }

    /// How long each slot is still held; `None` where its call's end is not known.
    #[cfg(test)]
    pub(super) fn held_for(&self, now: Instant) -> Vec<Option<Duration>> {
        let left = |slot: &Slot| match slot.state {
            State::Free(at) => Some(at.saturating_duration_since(now)),
            State::Held | State::Sent(_) => None,
        };
        self.all.iter().map(left).collect()
    }

    fn slot(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.all.get_mut(ticket.slot).filter(|slot| slot.fence == ticket.fence)
    }

    fn finish(&mut self, ticket: Ticket, arrival: Instant, now: Instant) {
        let per = self.per;
        let Some(slot) = self.slot(ticket) else { return };
        let free = arrival + per;
        match slot.state {
            State::Sent(sent) => {
                slot.state = State::Free(free);
                // One call that hung must not make every forecast of the next minute gloomy.
                let held = now.saturating_duration_since(sent).min(per);
                self.overhead = (self.overhead * 3 + held) / 4;
            }
            State::Held => slot.state = State::Free(free),
            // Its second began when the guard passed; the late answer changes nothing.
            State::Free(_) => {}
        }
    }
}

/// When the turn after `turns` others begins, if slots free at these times and then once a cycle.
pub(super) fn foresee(free: &mut [Instant], cycle: Duration, turns: usize, now: Instant) -> Instant {
    let slots = free.len().max(1);
    let rounds = u32::try_from(turns / slots).unwrap_or(u32::MAX);
    let first = if free.is_empty() { now } else { *free.select_nth_unstable(turns % slots).1 };
    first + cycle.saturating_mul(rounds)
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
