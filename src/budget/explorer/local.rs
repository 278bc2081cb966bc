//! One process that keeps its slots in memory, dies at any moment and starts again: the product's own `Slots`, driven through
//! everything that may happen.

use tokio::time::Instant;

use super::mutation::Mutation;
use super::search::{Protocol, Step, What};
use super::shared::{of_ticks, ticks};
use super::world::Phase;
use crate::budget::permit::is_late;
use crate::budget::slots::{Slots, Ticket};
use crate::budget::{Config, GuardRule};

/// What is explored.
pub(super) struct Local {
    pub(super) config: Config,
    /// How far a written call is on its way at most; `per` where the rule is strict.
    pub(super) transit: u8,
    pub(super) deaths: u8,
    pub(super) throttles: u8,
    pub(super) mutation: Option<Mutation>,
    pub(super) start: Instant,
}

#[derive(Clone)]
pub(super) struct World {
    slots: Slots,
    now: u32,
    calls: Vec<Call>,
    /// Written, and given up by its sender: since when.
    on_the_wire: Vec<u8>,
    arrivals: Vec<u8>,
    deaths_left: u8,
    throttles_left: u8,
}

#[derive(Clone, Copy)]
struct Call {
    ticket: Ticket,
    phase: Phase,
}

impl Protocol for Local {
    type World = World;

    fn beginning(&self) -> World {
        World {
            slots: Slots::after_unknown_past(&self.config, self.start),
            now: 0,
            calls: Vec::new(),
            on_the_wire: Vec::new(),
            arrivals: Vec::new(),
            deaths_left: self.deaths,
            throttles_left: self.throttles,
        }
    }

    fn steps(&self, world: &World) -> Vec<Step<World>> {
        let mut next = Next { rules: self, world, steps: Vec::new() };
        next.time_passes();
        next.a_call_arrives_whose_sender_is_gone();
        next.it_claims();
        for call in 0..world.calls.len() {
            next.it_makes_a_call(call);
        }
        if world.deaths_left > 0 {
            next.it_dies();
        }
        next.steps
    }

    fn key(&self, world: &World) -> Vec<u8> {
        let now = self.at(world.now);
        let mut key = vec![world.deaths_left, world.throttles_left, ticks(world.slots.guard(now))];
        let mut held: Vec<_> = world.slots.held_for(now).into_iter().map(|left| left.map_or(255, ticks)).collect();
        held.sort_unstable();
        key.extend(held);
        for ages in [&world.on_the_wire, &world.arrivals] {
            let mut ages = ages.clone();
            ages.sort_unstable();
            key.push(u8::try_from(ages.len()).expect("a few"));
            key.extend(ages);
        }
        let mut calls: Vec<[u8; 4]> = world.calls.iter().map(|call| call.phase.key()).collect();
        calls.sort_unstable();
        key.extend(calls.concat());
        key
    }
}

impl Local {
    fn at(&self, now: u32) -> Instant {
        self.start + std::time::Duration::from_millis(now.into())
    }

    /// The age that a sent call begins with, where its guard may be believed.
    fn sent(&self, opening: bool) -> Option<u8> {
        let guarded = self.config.guard != GuardRule::Strict;
        (guarded && (!opening || self.has(Mutation::OpenedConnectionsAreGuarded))).then_some(0)
    }

    fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}

struct Next<'a> {
    rules: &'a Local,
    world: &'a World,
    steps: Vec<Step<World>>,
}

impl Next<'_> {
    fn step(&mut self, what: What, calm: Option<u8>, change: impl FnOnce(&mut World, Instant)) {
        let mut world = self.world.clone();
        change(&mut world, self.rules.at(self.world.now));
        self.steps.push(Step { what, world, calm, grants: false, breaks: false });
    }

    fn by(&mut self, what: &'static str, calm: Option<u8>, change: impl FnOnce(&mut World, Instant)) {
        self.step(What::Replica(0, what), calm, change);
    }

    fn arrives(&mut self, what: &'static str, change: impl FnOnce(&mut World, Instant)) {
        self.step(What::Vendor(what), Some(0), |world, now| {
            change(world, now);
            world.arrivals.push(0);
        });
        let calls = self.rules.config.calls;
        if let Some(step) = self.steps.last_mut() {
            step.breaks = step.world.arrivals.len() > calls;
        }
    }

    fn time_passes(&mut self) {
        let transit = self.rules.transit;
        let written = |call: &Call| if let Phase::OnItsWay { written, .. } = call.phase { written } else { 0 };
        let ages = self.world.calls.iter().map(written).chain(self.world.on_the_wire.iter().copied());
        if ages.max().is_some_and(|oldest| oldest >= transit) {
            return;
        }
        let per = ticks(self.rules.config.per);
        let notices = !self.rules.has(Mutation::StandingStillIsNotNoticed);
        self.step(What::TimePasses, Some(9), |world, _| {
            world.now += 1;
            world.calls.iter_mut().for_each(|call| call.phase.grow_older(transit, notices));
            world.on_the_wire.iter_mut().for_each(|written| *written += 1);
            world.arrivals.retain_mut(|age| {
                *age += 1;
                *age < per
            });
        });
    }

    fn a_call_arrives_whose_sender_is_gone(&mut self) {
        for call in 0..self.world.on_the_wire.len() {
            self.arrives("counts the call of one who gave it up", |world, _| {
                world.on_the_wire.remove(call);
            });
        }
    }

    fn it_claims(&mut self) {
        let mut slots = self.world.slots.clone();
        let Ok(ticket) = slots.claim(self.rules.at(self.world.now)) else { return };
        self.by("takes a slot", Some(6), |world, _| {
            world.slots = slots;
            world.calls.push(Call { ticket, phase: Phase::Held { asked: 0 } });
        });
        if let Some(step) = self.steps.last_mut() {
            step.grants = true;
        }
    }

    fn it_makes_a_call(&mut self, call: usize) {
        let Call { ticket, phase } = self.world.calls[call];
        match phase {
            Phase::Held { asked } => {
                let good_for = self.world.slots.guard(self.rules.at(self.world.now)) / 2;
                let late = is_late(self.rules.start, self.rules.start + of_ticks(asked), good_for);
                if !late || self.rules.has(Mutation::LatePermitsAreSent) {
                    for (what, opening, calm) in [
                        ("sends on an open connection", false, Some(2)),
                        ("sends, and has to open a connection", true, None),
                    ] {
                        let sent = self.rules.sent(opening);
                        self.by(what, calm, |world, now| {
                            world.slots.sent(ticket, now);
                            world.calls[call].phase = Phase::Unwritten { sent, opening };
                        });
                    }
                }
                self.by("gives its slot back unused", late.then_some(2), |world, now| {
                    world.slots.unsent(ticket, now);
                    world.calls.remove(call);
                });
            }
            Phase::Unwritten { sent, opening } => {
                self.by("writes the call", Some(2), |world, _| {
                    world.calls[call].phase = Phase::OnItsWay { sent, written: 0 };
                });
                self.loses(call, "gives its call up unwritten", None);
                self.by("cannot open a connection", None, |world, now| {
                    world.slots.arrived(ticket, now);
                    world.calls.remove(call);
                });
                if opening {
                    self.guard_passes(call, sent, Some(0));
                }
            }
            Phase::OnItsWay { sent, written } => {
                self.arrives("counts a call", |world, _| {
                    world.calls[call].phase = Phase::There { sent };
                });
                self.loses(call, "loses the call", Some(written));
                self.guard_passes(call, sent, Some(written));
            }
            Phase::There { sent } => {
                self.by("sees the answer", Some(2), |world, now| {
                    world.slots.arrived(ticket, now);
                    world.calls.remove(call);
                });
                if self.world.throttles_left > 0 {
                    self.by("sees that the vendor says it was too fast", None, |world, now| {
                        world.slots.arrived(ticket, now);
                        world.slots.throttled(now);
                        world.calls.remove(call);
                        world.throttles_left -= 1;
                    });
                }
                self.loses(call, "sees no answer in time", None);
                self.guard_passes(call, sent, None);
            }
        }
    }

    fn loses(&mut self, call: usize, what: &'static str, written: Option<u8>) {
        let arrived = self.rules.has(Mutation::LostCountsAsArrived);
        self.by(what, None, |world, now| {
            let lost = world.calls.remove(call);
            if arrived {
                world.slots.arrived(lost.ticket, now);
            } else {
                world.slots.lost(lost.ticket, now);
            }
            world.on_the_wire.extend(written);
        });
    }

    fn guard_passes(&mut self, call: usize, sent: Option<u8>, written: Option<u8>) {
        if sent == Some(self.rules.transit) {
            self.by("believes that the call has arrived", None, |world, now| {
                let call = world.calls.remove(call);
                world.slots.arrived(call.ticket, now);
                world.on_the_wire.extend(written);
            });
        }
    }

    fn it_dies(&mut self) {
        let config = &self.rules.config;
        let forgets = self.rules.has(Mutation::NothingIsHeldAfterLostState);
        self.by("dies and starts again", None, |world, now| {
            world.deaths_left -= 1;
            for call in std::mem::take(&mut world.calls) {
                if let Phase::OnItsWay { written, .. } = call.phase {
                    world.on_the_wire.push(written);
                }
            }
            let start = if forgets { Slots::unused } else { Slots::after_unknown_past };
            world.slots = start(config, now);
        });
    }
}

/// `per` and the guard in ticks.
pub(super) fn config(calls: usize, per: u8, guard: Option<u8>) -> Config {
    let guard = guard.map_or(GuardRule::Strict, |guard| GuardRule::Within(of_ticks(guard)));
    Config { calls, per: of_ticks(per), guard, store: None }
}
