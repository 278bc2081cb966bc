//! The protocol of the slots that replicas share, as a table of everything that may happen next.
//!
//! A replica may do each thing that it could do, or not yet: one that does nothing for a while stands still. What is on its
//! way arrives at any moment that is allowed. Times are whole ticks, ages count up, `until` lies ahead of `NOW`.

use std::time::Duration;

use tokio::time::Instant;

use super::mutation::Mutation;
use super::script::{Answer, Fields, Hash, Lengths};
use super::search::{Protocol, Step, What};
use super::world::{Call, Link, NOW, Phase, Replica, Seeking, World};
use crate::budget::permit::is_late;
use crate::budget::shared::terms::{Ending, Terms};

/// The store's own `run_id`, and another's.
const RUN_ID: u8 = 1;
const OTHER_RUN_ID: u8 = 2;
/// A reply is waited for so long.
const DEADLINE: u8 = 1;
/// Calls of one replica that are looked at together.
const MOST_CALLS: usize = 1;

/// What is explored: how many replicas, under which lengths, with how much going wrong.
pub(super) struct Shared {
    pub(super) replicas: usize,
    pub(super) calls: usize,
    pub(super) terms: Terms,
    /// Crashes, cut connections, lost data, fail-overs and clock steps in one story.
    pub(super) faults: u8,
    pub(super) mutation: Option<Mutation>,
}

pub(super) fn ticks(duration: Duration) -> u8 {
    u8::try_from(duration.as_millis()).expect("explored lengths are short")
}

pub(super) fn of_ticks(ticks: u8) -> Duration {
    Duration::from_millis(ticks.into())
}

impl Protocol for Shared {
    type World = World;

    /// Everything is well, and has been for long.
    fn beginning(&self) -> World {
        let mut hash = Hash::of(self.calls);
        hash.run_id = Some(RUN_ID);
        hash.slots.fill(Fields { until: Some(NOW), ..Fields::default() });
        let link = Link::Here { age: self.lease(), clock_was_set: false };
        World {
            hash,
            replicas: vec![Replica { link, ..Replica::default() }; self.replicas],
            on_the_wire: Vec::new(),
            arrivals: Vec::new(),
            faults_left: self.faults,
        }
    }

    fn steps(&self, world: &World) -> Vec<Step<World>> {
        let mut next = Next { rules: self, world, steps: Vec::new() };
        next.time_passes();
        next.a_call_arrives_whose_sender_is_gone();
        for replica in 0..world.replicas.len() {
            next.a_replica_connects(replica);
            next.it_claims(replica);
            for call in 0..world.replicas[replica].calls.len() {
                next.it_makes_a_call(replica, call);
                next.it_prolongs(replica, call);
            }
        }
        if world.faults_left > 0 {
            next.something_fails();
        }
        next.steps
    }

    fn key(&self, world: &World) -> Vec<u8> {
        world.key()
    }
}

impl Shared {
    fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn guard(&self) -> u8 {
        ticks(self.terms.guard)
    }

    pub(super) fn lease(&self) -> u8 {
        ticks(self.terms.lease())
    }

    fn lengths(&self) -> Lengths {
        let pause = if self.has(Mutation::NothingIsHeldAfterLostState) { Duration::ZERO } else { self.terms.lease() };
        let [hold, longest, pause] =
            [self.terms.lease(), self.terms.longest(), pause].map(|length| i64::from(ticks(length)));
        Lengths { hold, longest, pause }
    }

    fn frees_in(&self, ending: Ending) -> u8 {
        match ending {
            Ending::Arrived if self.has(Mutation::AnswersFreeAtOnce) => 0,
            Ending::Lost if self.has(Mutation::LostCountsAsArrived) => ticks(self.terms.frees_in(Ending::Arrived)),
            _ => ticks(self.terms.frees_in(ending)),
        }
    }

    /// What is left of a tenure that was asked for so long ago.
    fn tenure(&self, asked: u8) -> i8 {
        let start = Instant::now();
        let hold = ticks(self.terms.written_by(start) - start);
        let asked = if self.has(Mutation::TenureFromTheReply) { 0 } else { asked };
        hold.cast_signed() - asked.cast_signed()
    }

    fn may_be_written(&self, call: &Call) -> bool {
        call.tenure >= 0 || self.has(Mutation::TenureIsIgnored)
    }

    /// The age that a sent call begins with, where its guard may be believed.
    fn sent(&self, opening: bool) -> Option<u8> {
        (!opening || self.has(Mutation::OpenedConnectionsAreGuarded)).then_some(0)
    }

    /// Whether the word comes from the slot's owner.
    fn settles(&self, world: &mut World, replica: usize, call: &Call, frees: u8) -> bool {
        let me = u8::try_from(replica).expect("a few replicas");
        let (mut owner, mut fence) = (me, call.fence);
        if self.has(Mutation::AnybodySettles) {
            let known: Fields = world.hash.slots[call.slot];
            (owner, fence) = (known.owner.unwrap_or(me), known.fence.unwrap_or(fence));
        }
        world.hash.settle(NOW, call.slot, owner, fence, Some(frees.into()))
    }

    fn claims_from(&self) -> u8 {
        let start = Instant::now();
        let pause = ticks(self.terms.claims_from(start) - start);
        if self.has(Mutation::NoPauseAfterConnecting) { 0 } else { pause }
    }
}

/// The steps from one world.
struct Next<'a> {
    rules: &'a Shared,
    world: &'a World,
    steps: Vec<Step<World>>,
}

impl Next<'_> {
    fn step(&mut self, what: What, calm: Option<u8>, change: impl FnOnce(&mut World)) {
        let mut world = self.world.clone();
        change(&mut world);
        world.rename_fences();
        self.steps.push(Step { what, world, calm, grants: false, breaks: false });
    }

    fn by(&mut self, replica: usize, what: &'static str, calm: Option<u8>, change: impl FnOnce(&mut World)) {
        self.step(What::Replica(replica, what), calm, change);
    }

    /// Unless something cannot wait: what is written arrives within the guard.
    fn time_passes(&mut self) {
        let guard = self.rules.guard();
        let due = |written: u8| written >= guard;
        let on_their_way = self.world.replicas.iter().flat_map(|replica| &replica.calls);
        let mut written = on_their_way
            .filter_map(|call| if let Phase::OnItsWay { written, .. } = call.phase { Some(written) } else { None });
        if written.any(due) || self.world.on_the_wire.iter().copied().any(due) {
            return;
        }
        let (lease, guard) = (self.rules.lease(), self.rules.guard());
        let per = ticks(self.rules.terms.per);
        let notices = !self.rules.has(Mutation::StandingStillIsNotNoticed);
        self.step(What::TimePasses, Some(9), |world| world.grow_older(lease, guard, per, notices));
    }

    fn a_call_arrives_whose_sender_is_gone(&mut self) {
        if let Some(last) = self.world.on_the_wire.len().checked_sub(1) {
            for call in 0..=last {
                self.arrives("counts the call of one who gave it up", move |world| {
                    world.on_the_wire.remove(call);
                });
            }
        }
    }

    fn arrives(&mut self, what: &'static str, change: impl FnOnce(&mut World)) {
        self.step(What::Vendor(what), Some(0), |world| {
            change(world);
            world.arrivals.push(0);
        });
        let calls = self.rules.calls;
        if let Some(step) = self.steps.last_mut() {
            step.breaks = step.world.arrivals.len() > calls;
        }
    }

    fn a_replica_connects(&mut self, replica: usize) {
        if self.world.replicas[replica].link == Link::Away {
            self.by(replica, "connects to the store", Some(3), |world| {
                world.replicas[replica].link = Link::Here { age: 0, clock_was_set: false };
            });
        }
    }

    fn it_claims(&mut self, replica: usize) {
        let Replica { link, seeking, calls } = &self.world.replicas[replica];
        let Link::Here { age, clock_was_set } = *link else { return };
        match *seeking {
            Seeking::Nothing if calls.len() < MOST_CALLS && age >= self.rules.claims_from() => {
                // Asking while every slot is held changes nothing.
                let worth = self.world.hash.slots.iter().any(|slot| slot.until.is_none_or(|until| until <= NOW))
                    || self.world.hash.run_id != Some(RUN_ID);
                if worth {
                    self.store_claims(replica, clock_was_set);
                }
            }
            Seeking::Nothing => {}
            Seeking::Won { age, slot, fence, clock_was_set } => {
                self.hears(replica, age, slot, fence, clock_was_set);
                self.gives_up_asking(replica, age);
            }
        }
    }

    fn gives_up_asking(&mut self, replica: usize, age: u8) {
        if age > DEADLINE {
            self.by(replica, "has waited long enough for a reply", Some(4), |world| {
                world.replicas[replica].seeking = Seeking::Nothing;
            });
        }
    }

    fn store_claims(&mut self, replica: usize, clock_was_set: bool) {
        let mut hash = self.world.hash.clone();
        let run_id = if self.rules.has(Mutation::AnyServerIsBelieved) { hash.run_id } else { None };
        let me = u8::try_from(replica).expect("a few replicas");
        let answer = hash.claim(run_id.unwrap_or(RUN_ID), NOW, me, true, i64::MAX, self.rules.lengths());
        let (what, seeking) = match answer {
            Answer::Granted { slot, fence } => {
                ("asks, and the store gives it a slot", Seeking::Won { age: 0, slot, fence, clock_was_set })
            }
            _ => ("asks, and the store has no slot to give", Seeking::Nothing),
        };
        self.by(replica, what, Some(6), |world| {
            world.hash = hash;
            world.replicas[replica].seeking = seeking;
        });
    }

    fn hears(&mut self, replica: usize, asked: u8, slot: usize, fence: i64, clock_was_set: bool) {
        if clock_was_set && !self.rules.has(Mutation::NobodyWatchesTheClock) {
            return self.by(replica, "finds out that the store's clock was set", Some(1), |world| {
                world.replicas[replica].disconnects();
            });
        }
        let tenure = self.rules.tenure(asked);
        self.by(replica, "hears that it has a slot", Some(1), |world| {
            let replica = &mut world.replicas[replica];
            replica.seeking = Seeking::Nothing;
            replica.calls.push(Call { slot, fence, tenure, phase: Phase::Held { asked } });
        });
        if let Some(step) = self.steps.last_mut() {
            step.grants = true;
        }
    }

    fn it_makes_a_call(&mut self, replica: usize, call: usize) {
        let known = self.world.replicas[replica].calls[call];
        let (rules, guard) = (self.rules, self.rules.guard());
        match known.phase {
            Phase::Held { asked } => {
                let start = Instant::now();
                let late = is_late(start, start + of_ticks(asked), self.rules.terms.good_for());
                if !late || self.rules.has(Mutation::LatePermitsAreSent) {
                    for (what, opening, calm) in [
                        ("sends on an open connection", false, Some(2)),
                        ("sends, and has to open a connection", true, None),
                    ] {
                        let phase = Phase::Unwritten { sent: rules.sent(opening), opening };
                        self.by(replica, what, calm, |world| world.replicas[replica].calls[call].phase = phase);
                    }
                }
                self.ends(replica, call, "gives its slot back unused", Ending::Unsent, late.then_some(2));
            }
            Phase::Unwritten { sent, opening } => {
                if rules.may_be_written(&known) {
                    let phase = Phase::OnItsWay { sent, written: 0 };
                    self.by(replica, "writes the call", Some(2), |world| {
                        world.replicas[replica].calls[call].phase = phase;
                    });
                }
                self.ends(replica, call, "gives its call up unwritten", Ending::Lost, Some(3));
                if opening {
                    self.ends(replica, call, "cannot open a connection", Ending::Arrived, None);
                    if sent == Some(guard) {
                        self.goes_on(
                            replica,
                            call,
                            "believes that the call has arrived, and writes it",
                            Ending::Arrived,
                            0,
                        );
                    }
                }
            }
            Phase::OnItsWay { sent, written } => {
                let there = Phase::There { sent };
                self.arrives("counts a call", |world| world.replicas[replica].calls[call].phase = there);
                self.goes_on(replica, call, "loses the call", Ending::Lost, written);
                if sent == Some(guard) {
                    self.goes_on(replica, call, "believes that the call has arrived", Ending::Arrived, written);
                }
            }
            Phase::There { sent } => {
                self.ends(replica, call, "sees the answer", Ending::Arrived, Some(2));
                self.ends(replica, call, "sees no answer in time", Ending::Lost, None);
                if sent == Some(guard) {
                    self.ends(replica, call, "knows by the guard that the call has arrived", Ending::Arrived, None);
                }
            }
        }
    }

    /// The replica is through with the call, which may yet arrive.
    fn goes_on(&mut self, replica: usize, call: usize, what: &'static str, ending: Ending, written: u8) {
        let before = self.steps.len();
        self.ends(replica, call, what, ending, None);
        for step in self.steps.iter_mut().skip(before) {
            step.world.is_on_the_wire(written);
        }
    }

    /// The replica is through with the call, and tells when its slot frees: in vain, where the store does not hear it.
    fn ends(&mut self, replica: usize, call: usize, what: &'static str, ending: Ending, calm: Option<u8>) {
        let rules = self.rules;
        let known = self.world.replicas[replica].calls[call];
        if let Link::Here { clock_was_set, .. } = self.world.replicas[replica].link {
            let found_out = clock_was_set && !rules.has(Mutation::NobodyWatchesTheClock);
            self.by(replica, what, calm, |world| {
                world.replicas[replica].calls.remove(call);
                rules.settles(world, replica, &known, rules.frees_in(ending));
                if found_out {
                    world.replicas[replica].disconnects();
                }
            });
        }
        let unheard = if self.world.replicas[replica].link == Link::Away { calm } else { None };
        self.by(replica, what, unheard, |world| {
            world.replicas[replica].calls.remove(call);
        });
    }

    fn it_prolongs(&mut self, replica: usize, call: usize) {
        let Replica { link, calls, .. } = &self.world.replicas[replica];
        let Link::Here { clock_was_set, .. } = *link else { return };
        let known = calls[call];
        // That of a written call only holds the slot for longer.
        if !matches!(known.phase, Phase::Unwritten { .. }) {
            return;
        }
        let found_out = clock_was_set && !self.rules.has(Mutation::NobodyWatchesTheClock);
        let tenure = self.rules.tenure(0);
        let rules = self.rules;
        self.by(replica, "says that it still needs its slot", None, |world| {
            let ours = rules.settles(world, replica, &known, rules.frees_in(Ending::Open));
            let replica = &mut world.replicas[replica];
            let tenure_now = &mut replica.calls[call].tenure;
            if found_out {
                replica.disconnects();
            } else if ours || rules.has(Mutation::TheForgottenGoOn) {
                *tenure_now = tenure;
            } else {
                *tenure_now = (*tenure_now).min(0);
            }
        });
    }

    fn something_fails(&mut self) {
        for replica in 0..self.world.replicas.len() {
            let known = &self.world.replicas[replica];
            if *known == Replica::default() {
                continue;
            }
            let frees_at_once = self.rules.has(Mutation::TheDeadFreeAtOnce);
            self.by(replica, "dies", None, |world| {
                world.faults_left -= 1;
                let dead = std::mem::take(&mut world.replicas[replica]);
                for call in dead.calls {
                    if let Phase::OnItsWay { written, .. } = call.phase {
                        world.is_on_the_wire(written);
                    }
                    if frees_at_once {
                        world.hash.slots[call.slot].until = Some(NOW);
                    }
                }
            });
            if known.link != Link::Away {
                self.by(replica, "loses its connection to the store", None, |world| {
                    world.faults_left -= 1;
                    world.replicas[replica].disconnects();
                });
            }
        }
        self.step(What::Store("loses its data and runs on"), None, |world| {
            world.faults_left -= 1;
            world.lose_state();
        });
        self.step(What::Store("starts anew, empty"), None, |world| {
            world.faults_left -= 1;
            world.lose_state();
            world.replicas.iter_mut().for_each(Replica::disconnects);
        });
        for (what, run_id) in [
            ("is replaced by another, with an old copy in which every slot is free", OTHER_RUN_ID),
            ("comes back as it was long ago, every slot free", RUN_ID),
        ] {
            self.step(What::Store(what), None, |world| {
                world.faults_left -= 1;
                world.lose_state();
                world.hash.run_id = Some(run_id);
                for slot in &mut world.hash.slots {
                    slot.until = Some(NOW);
                }
                world.replicas.iter_mut().for_each(Replica::disconnects);
            });
        }
        self.step(What::Store("has its clock set forward"), None, |world| {
            world.faults_left -= 1;
            for slot in &mut world.hash.slots {
                slot.until = slot.until.map(|_| NOW);
            }
            for replica in &mut world.replicas {
                if let Link::Here { clock_was_set, .. } = &mut replica.link {
                    *clock_was_set = true;
                }
            }
        });
    }
}
