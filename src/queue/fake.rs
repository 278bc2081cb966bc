//! A crew for tests: it counts its flights, takes its time and ends each as it was told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::seat::Seat;
use super::{Config, Crew, Joined, Landing, Leg, Looked, Outcome, Queue, Stake};
use crate::budget::{self, Budget, GuardRule, Named, Permit};
use crate::model::TenantId;

pub(super) type Brought = Result<u32, &'static str>;
pub(super) type Asked = Joined<u32, Brought>;

/// How a flight ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The question comes back as its answer.
    Answered,
    /// Answered after nearly all of the flight's time.
    Slowly,
    Definite,
    /// Told apart by a word.
    Transient(&'static str),
    Late,
    /// The crew would not fly.
    Refused,
    Panics,
    PanicsAtLanding,
}

/// A flight that departed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Departed {
    pub(super) question: u32,
    pub(super) tenant: TenantId,
    pub(super) leg: u32,
    pub(super) at: Instant,
    pub(super) until: Instant,
}

/// The crew: what it did, and what it is yet to do.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) ends: Mutex<VecDeque<End>>,
    pub(super) departed: Mutex<Vec<Departed>>,
    pub(super) landed: Mutex<Vec<(u32, Brought)>>,
}

pub(super) const TOOK: Duration = Duration::from_millis(30);
pub(super) const PER: Duration = Duration::from_secs(1);
pub(super) const CYCLE: Duration = PER.saturating_add(TOOK);
pub(super) const FLIGHT_TIME: Duration = Duration::from_secs(5);
pub(super) const PATIENT: Duration = Duration::from_secs(60);

/// A word of a flight that panics when it lands.
const CURSED: Brought = Err("cursed");

impl Crew<u32, Brought> for Fake {
    async fn fly(&self, question: u32, permit: Permit, leg: Leg) -> Landing<Brought> {
        let end = self.ends.lock().unwrap().pop_front().unwrap_or(End::Answered);
        if let End::Late = end {
            // Signing took too long; the permit goes back.
            sleep(Duration::from_millis(1)).await;
            return Landing::Late;
        }
        if let End::Refused = end {
            return Landing::TurnedAway;
        }
        let departed = Departed { question, tenant: leg.tenant, leg: leg.number, at: Instant::now(), until: leg.until };
        self.departed.lock().unwrap().push(departed);
        let in_flight = permit.send().expect("sent at once");
        sleep(if matches!(end, End::Slowly) { FLIGHT_TIME.saturating_sub(TOOK) } else { TOOK }).await;
        in_flight.answered();
        match end {
            End::Answered | End::Slowly | End::Late | End::Refused => Landing::Done(Ok(question)),
            End::Definite => Landing::Done(Err("definite")),
            End::Transient(word) => Landing::Again(Err(word)),
            End::PanicsAtLanding => Landing::Done(CURSED),
            End::Panics => panic!("the flight was told to"),
        }
    }

    fn landed(&self, question: &u32, value: &Brought) {
        assert!(*value != CURSED, "the landing was told to");
        self.landed.lock().unwrap().push((*question, *value));
    }

    async fn look(&self, _: &u32) -> Looked<Brought> {
        Looked::Nothing
    }

    fn release(&self, _: u32) {}
}

impl Named for u32 {
    fn name(&self) -> String {
        self.to_string()
    }
}

impl Fake {
    /// The questions in the order of their departures.
    pub(super) fn order(&self) -> Vec<u32> {
        self.departed.lock().unwrap().iter().map(|departed| departed.question).collect()
    }

    pub(super) fn flights(&self) -> usize {
        self.departed.lock().unwrap().len()
    }

    pub(super) fn landings(&self) -> Vec<(u32, Brought)> {
        self.landed.lock().unwrap().clone()
    }
}

/// A queue that runs, before a budget of so many calls a second.
pub(super) struct Field {
    pub(super) queue: Queue<u32, Brought>,
    pub(super) budget: Budget,
    pub(super) crew: Arc<Fake>,
}

pub(super) fn field(calls: usize, ends: impl IntoIterator<Item = End>) -> Field {
    field_for(calls, 1000, ends)
}

pub(super) fn field_for(calls: usize, per_tenant: usize, ends: impl IntoIterator<Item = End>) -> Field {
    let field = Field::new(calls, per_tenant, ends);
    tokio::spawn(field.queue.clone().run(Arc::clone(&field.crew)));
    field
}

/// One whose turns nobody gives.
pub(super) fn standing(calls: usize) -> Field {
    Field::new(calls, 1000, [])
}

impl Field {
    fn new(calls: usize, per_tenant: usize, ends: impl IntoIterator<Item = End>) -> Self {
        let guard = GuardRule::Within(Duration::from_millis(100));
        let budget = Budget::unused(&budget::Config { calls, per: PER, guard, store: None });
        let config = Config { max_wait: Duration::from_secs(600), per_tenant };
        let queue = Queue::new(config, budget.clone(), FLIGHT_TIME);
        let crew = Arc::new(Fake { ends: Mutex::new(ends.into_iter().collect()), ..Fake::default() });
        Self { queue, budget, crew }
    }

    pub(super) fn ask(&self, question: u32, tenant: &str, patience: Duration) -> Asked {
        let stake = Stake { tenant: TenantId::new(tenant), weight: 1 };
        self.queue.join(&question, &stake, patience, || None)
    }

    /// A seat that there must be.
    pub(super) fn seat(&self, question: u32, tenant: &str, patience: Duration) -> Seat<u32, Brought> {
        match self.ask(question, tenant, patience) {
            Joined::Seated(seat) => seat,
            Joined::Exhausted(wait) | Joined::LineFull(wait) => panic!("refused for {wait:?}"),
            Joined::Held(_) | Joined::GivenUp => panic!("no seat"),
        }
    }

    /// The wait for which there must be a refusal.
    pub(super) fn refused(&self, question: u32, tenant: &str, patience: Duration) -> Duration {
        match self.ask(question, tenant, patience) {
            Joined::Exhausted(wait) | Joined::LineFull(wait) => wait,
            _ => panic!("not refused"),
        }
    }

    /// Asks and waits.
    pub(super) async fn outcome(&self, question: u32, tenant: &str) -> Outcome<Brought> {
        self.seat(question, tenant, PATIENT).outcome().await
    }

    /// Uses up every slot with questions nobody else asks.
    pub(super) async fn spend(&self, calls: u32) {
        for number in 0..calls {
            self.outcome(9000 + number, "spender").await;
        }
        self.crew.departed.lock().unwrap().clear();
        self.crew.landed.lock().unwrap().clear();
    }

    /// Whether nothing is left on the board.
    pub(super) fn is_empty(&self) -> bool {
        let standing = self.queue.standing();
        let state = self.queue.0.state();
        standing.flying == 0 && standing.waiting.is_empty() && state.entries.is_empty() && state.turns.is_empty()
    }
}
