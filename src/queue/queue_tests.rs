//! The queue as a whole, running before its budget, against a simulation that looks at everybody every time: who departs, when
//! and for whom; and what is promised to those who come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, sleep, sleep_until};

use super::fake::{Brought, CYCLE, PATIENT, TOOK, field, field_for};
use super::naive::Naive;
use super::seat::Seat;
use super::{Joined, Outcome, Stake};
use crate::model::TenantId;

const SLOTS: usize = 2;
/// Between two moments at which callers come and go. At none of these does a slot free or a flight land before the fourteenth
/// cycle, to which no slot comes.
const STEP: u64 = 170;
const TENANTS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Move {
    Come {
        question: u32,
        tenant: usize,
    },
    /// The caller that came so many callers ago.
    Leave(usize),
    Pass(u64),
}

fn some_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (0..14u32, 0..TENANTS).prop_map(|(question, tenant)| Move::Come { question, tenant }),
        2 => (0..8usize).prop_map(Move::Leave),
        3 => (1..9u64).prop_map(Move::Pass),
    ]
}

fn tenant(number: usize) -> TenantId {
    TenantId::new(&format!("team-{number}"))
}

/// The same queue without any bookkeeping. Times are milliseconds.
#[derive(Default)]
struct Simulated {
    turns: Naive,
    /// Who waits for which question, by number and tenant.
    callers: BTreeMap<u32, Vec<(usize, usize)>>,
    flying: BTreeMap<u32, u64>,
    free: [u64; SLOTS],
    departed: Vec<(u32, TenantId, u64)>,
}

impl Simulated {
    fn come(&mut self, question: u32, caller: usize, who: usize, weights: &[u32]) {
        self.callers.entry(question).or_default().push((caller, who));
        if !self.flying.contains_key(&question) {
            self.turns.stand(question, &tenant(who), weights[who], false);
        }
    }

    fn leave(&mut self, question: u32, caller: usize) {
        let Some(callers) = self.callers.get_mut(&question) else { return };
        // A seat in a flight that landed is nobody's place any more.
        let Some(place) = callers.iter().position(|(known, _)| *known == caller) else { return };
        let (_, who) = callers.remove(place);
        if !callers.iter().any(|(_, other)| *other == who) {
            self.turns.leave(question, &tenant(who));
        }
    }

    /// A free slot is spent as soon as anything waits.
    fn run_until(&mut self, begin: u64, end: u64) {
        let mut now = begin;
        loop {
            self.flying.retain(|question, lands| {
                let flies = *lands > now;
                if !flies {
                    self.callers.remove(question);
                }
                flies
            });
            for free in &mut self.free {
                if *free > now {
                    continue;
                }
                let Some((question, tenant)) = self.turns.next() else { break };
                self.departed.push((question, tenant, now));
                self.flying.insert(question, now + millis(TOOK));
                *free = now + millis(CYCLE);
            }
            let next = self.free.iter().chain(self.flying.values()).copied().filter(|time| *time > now).min();
            match next.filter(|next| *next < end) {
                Some(next) => now = next,
                None => return,
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

async fn same_departures(weights: Vec<u32>, moves: Vec<Move>) -> Result<(), TestCaseError> {
    let field = field(SLOTS, []);
    sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    let mut simulated = Simulated::default();
    let mut seats: Vec<Option<(u32, Seat<u32, Brought>)>> = Vec::new();
    let mut now = 0;
    for step in moves {
        match step {
            Move::Come { question, tenant: who } => {
                let stake = Stake { tenant: tenant(who), weight: weights[who] };
                let Joined::Seated(seat) = field.queue.join(&question, &stake, PATIENT, || None) else {
                    return Err(TestCaseError::fail("no seat"));
                };
                simulated.come(question, seats.len(), who, &weights);
                seats.push(Some((question, seat)));
            }
            Move::Leave(ago) => {
                let Some(caller) = seats.len().checked_sub(ago + 1) else { continue };
                if let Some((question, seat)) = seats[caller].take() {
                    simulated.leave(question, caller);
                    drop(seat);
                }
            }
            Move::Pass(steps) => {
                let end = now + steps * STEP;
                simulated.run_until(now, end);
                now = end;
                sleep_until(start + Duration::from_millis(now)).await;
                simulated.run_until(now, now + 1);
            }
        }
    }
    simulated.run_until(now, u64::MAX);
    let left: Vec<_> = seats.into_iter().flatten().collect();
    for (question, seat) in left {
        prop_assert_eq!(seat.outcome().await, Outcome::Landed(Ok(question)));
    }
    sleep(CYCLE * 30).await;
    prop_assert!(field.is_empty());
    let departed = field.crew.departed.lock().unwrap().clone();
    let actual: Vec<_> = departed.iter().map(|departed| (departed.question, departed.tenant.clone())).collect();
    let expected: Vec<_> = simulated.departed.iter().map(|(question, tenant, _)| (*question, tenant.clone())).collect();
    prop_assert_eq!(actual, expected);
    for (departed, (question, _, at)) in departed.iter().zip(&simulated.departed) {
        let actual = millis(departed.at - start);
        prop_assert!(actual.abs_diff(*at) <= 20, "{} departed at {} instead of {}", question, actual, at);
    }
    Ok(())
}

/// One tenant's callers, each with its patience: the admitted are served in time, the others told the truth.
async fn promises_are_kept(per_tenant: usize, callers: Vec<(u32, u64, u64)>) -> Result<(), TestCaseError> {
    let field = field_for(SLOTS, per_tenant, []);
    let mut waiting = tokio::task::JoinSet::new();
    let mut asked = BTreeSet::new();
    for (question, patience, pause) in callers {
        sleep(Duration::from_millis(pause)).await;
        let patience = Duration::from_millis(patience);
        let before = field.queue.standing().waiting;
        match field.ask(question, "a", patience) {
            Joined::Seated(seat) => {
                asked.insert(question);
                waiting.spawn(async move {
                    let came = Instant::now();
                    (question, seat.outcome().await, came.elapsed(), patience)
                });
            }
            Joined::Exhausted(wait) => prop_assert!(wait > patience, "{:?} would have done for {:?}", patience, wait),
            Joined::LineFull(wait) => {
                prop_assert_eq!(before[0].1, per_tenant, "there was room");
                prop_assert!(wait <= CYCLE * 2, "{:?}", wait);
            }
            Joined::Held(_) | Joined::GivenUp => prop_assert!(false, "nothing is held, and nothing stops"),
        }
        let standing = field.queue.standing().waiting;
        prop_assert!(standing.iter().all(|(_, length)| *length <= per_tenant), "{:?}", standing);
    }
    for (question, outcome, waited, patience) in waiting.join_all().await {
        prop_assert_eq!(outcome, Outcome::Landed(Ok(question)));
        prop_assert!(waited <= patience + TOOK + Duration::from_millis(20), "{:?} for {:?}", waited, patience);
    }
    prop_assert!(field.is_empty() && field.crew.order().iter().all(|question| asked.contains(question)));
    Ok(())
}

fn in_virtual_time(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn departures_are_those_of_a_queue_that_looks_at_everybody(
        weights in prop::collection::vec(1..=6u32, TENANTS),
        moves in prop::collection::vec(some_move(), 1..24),
    ) {
        in_virtual_time(same_departures(weights, moves))?;
    }

    #[test]
    fn who_is_admitted_is_served_in_time_and_who_is_refused_is_told_the_truth(
        per_tenant in 1..8usize,
        callers in prop::collection::vec((0..20u32, 0..9000u64, prop_oneof![Just(0u64), 0..1500u64]), 1..40),
    ) {
        in_virtual_time(promises_are_kept(per_tenant, callers))?;
    }
}
