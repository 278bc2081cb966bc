//! A sender and a receiver for tests: calls are sent as fast as the slots grant them, each takes its own time on its
//! way, and the receiver notes when it counted each. Times are milliseconds from the start.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::slots::{NoSlot, Slots, Ticket};
use super::{Config, GuardRule};

pub(super) const PER: u64 = 1000;
pub(super) const GUARD: u64 = 100;

/// What becomes of one call, and how long the sender waits before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) pause: u64,
    /// The process is stopped for this long, so that it sees everything late.
    pub(super) stall: u64,
    /// Between the grant and the sending.
    pub(super) signing: u64,
    /// What opening a connection takes; 0 where one is open.
    pub(super) opening: u64,
    /// From the writing to the receiver's counter; an answer takes at least as long.
    pub(super) transit: u64,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// This long after the call arrived.
    Answered(u64),
    Throttled(u64),
    /// This long after the sending, wherever the call then is.
    Lost(u64),
    Unsent,
}

#[derive(Clone, Copy)]
enum Event {
    GuardPassed,
    Answered,
    Throttled,
    Lost,
}

pub(super) struct Play {
    pub(super) slots: Slots,
    pub(super) start: Instant,
    pub(super) now: u64,
    events: usize,
    agenda: BTreeMap<(u64, usize), (Ticket, Event)>,
    ended: Vec<Ticket>,
    arrivals: Vec<u64>,
    strict: bool,
}

pub(super) fn config(calls: usize, guard: GuardRule) -> Config {
    Config { calls, per: Duration::from_millis(PER), guard, store: None }
}

pub(super) fn within() -> GuardRule {
    GuardRule::Within(Duration::from_millis(GUARD))
}

impl Play {
    pub(super) fn new(config: &Config) -> Self {
        let start = Instant::now();
        let slots = Slots::unused(config, start);
        let strict = config.guard == GuardRule::Strict;
        Self {
            slots,
            start,
            now: 0,
            events: 0,
            agenda: BTreeMap::new(),
            ended: Vec::new(),
            arrivals: Vec::new(),
            strict,
        }
    }

    pub(super) fn at(&self, now: u64) -> Instant {
        self.start + Duration::from_millis(now)
    }

    fn plan(&mut self, at: u64, ticket: Ticket, event: Event) {
        self.events += 1;
        self.agenda.insert((at, self.events), (ticket, event));
    }

    /// Time passes, and everything is seen when it happens.
    fn advance(&mut self, to: u64) {
        while let Some(due) = self.agenda.first_key_value().map(|(key, _)| key.0).filter(|due| *due <= to) {
            self.now = self.now.max(due);
            self.see_next();
        }
        self.now = self.now.max(to);
    }

    /// Time passes, and everything is seen at the end of it.
    fn stall(&mut self, length: u64) {
        self.now += length;
        while self.agenda.first_key_value().is_some_and(|(key, _)| key.0 <= self.now) {
            self.see_next();
        }
    }

    fn see_next(&mut self) {
        let (_, (ticket, event)) = self.agenda.pop_first().expect("asked only when there is something to see");
        let now = self.at(self.now);
        if self.ended.contains(&ticket) {
            return;
        }
        match event {
            Event::GuardPassed => return self.slots.arrived(ticket, now),
            Event::Answered => self.slots.arrived(ticket, now),
            Event::Throttled => {
                self.slots.arrived(ticket, now);
                self.slots.throttled(now);
            }
            Event::Lost => self.slots.lost(ticket, now),
        }
        self.ended.push(ticket);
    }

    fn claim(&mut self) -> Ticket {
        loop {
            let next_event = self.agenda.first_key_value().map(|(key, _)| key.0);
            match self.slots.claim(self.at(self.now)) {
                Ok(ticket) => return ticket,
                Err(NoSlot::Until(at)) => {
                    let free = u64::try_from((at - self.start).as_millis()).unwrap();
                    assert!(free > self.now, "told to wait for a time that has passed");
                    self.advance(next_event.map_or(free, |event| event.min(free)));
                }
                Err(NoSlot::UntilReleased) => self.advance(next_event.expect("some call still has an end")),
            }
        }
    }

    pub(super) fn call(&mut self, call: Call) {
        self.advance(self.now + call.pause);
        self.stall(call.stall);
        let ticket = self.claim();
        self.advance(self.now + call.signing);
        let sent = self.now;
        if matches!(call.end, End::Unsent) {
            self.slots.unsent(ticket, self.at(sent));
            return;
        }
        self.slots.sent(ticket, self.at(sent));
        let written = sent + call.opening;
        let arrival = written + call.transit;
        let guard = u64::try_from(self.slots.guard(self.at(sent)).as_millis()).unwrap();
        if !self.strict && call.opening == 0 {
            self.plan(sent + guard, ticket, Event::GuardPassed);
        }
        match call.end {
            End::Answered(after) => self.plan(arrival + after, ticket, Event::Answered),
            End::Throttled(after) => self.plan(arrival + after, ticket, Event::Throttled),
            End::Lost(after) => self.plan(sent + after, ticket, Event::Lost),
            End::Unsent => {}
        }
        let never_written = matches!(call.end, End::Lost(after) if after < call.opening);
        if !never_written {
            self.arrivals.push(arrival);
        }
    }
}

/// The arrivals of these calls, sent as fast as they are granted, in order.
pub(super) fn arrivals(config: &Config, calls: &[Call]) -> Vec<u64> {
    let mut play = Play::new(config);
    for call in calls {
        play.call(*call);
    }
    play.arrivals.sort_unstable();
    play.arrivals
}

/// The first `calls + 1` arrivals that one window of `per` holds.
pub(super) fn crowded(config: &Config, arrivals: &[u64]) -> Option<Vec<u64>> {
    arrivals
        .windows(config.calls + 1)
        .find(|window| window.last().zip(window.first()).is_some_and(|(last, first)| last - first < PER))
        .map(<[u64]>::to_vec)
}
