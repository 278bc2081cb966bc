//! A crowd before the queue, for `benches/micro`: so many questions wait in the lines of so many tenants, and go through one
//! operation at a time. No part of the program.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dispatch::Flight;
use super::seat::Seat;
use super::{Config, Crew, Joined, Landing, Leg, Looked, Queue, Stake};
use crate::budget::{self, Budget, GuardRule, Permit};
use crate::model::TenantId;
use crate::query::{Askable, Question};

/// The vendor's id of the app that is asked about.
pub(crate) const APP: &str = "661e1c9d2b9f4a0017e843cf";

/// The question of this number: of one app, an hour long, each at another time.
pub(crate) fn question(number: usize) -> Question {
    let name = format!("{APP}/user_num/province/{}/{}", 600 * number, 600 * number + 3600);
    Question::of_name(&name).expect("it is a name of ours")
}

/// The tenant of this number.
fn tenant(number: usize) -> TenantId {
    TenantId::new(&format!("team-{number}"))
}

/// Questions that wait, each with its one caller.
pub struct Crowd {
    queue: Queue<Askable, ()>,
    seats: HashMap<Askable, Seat<Askable, ()>>,
    tenants: usize,
    came: usize,
}

/// A question and whose it is.
pub struct Asked {
    question: Askable,
    stake: Stake,
}

/// A flight that had its turn.
pub struct Departed {
    flight: Flight<Askable, ()>,
    until: Instant,
    asked: Asked,
}

/// Nobody flies: turns are taken by hand.
struct Nobody;

/// More than any line of the benchmarks takes.
const PATIENT: Duration = Duration::from_secs(1_000_000);

impl Crowd {
    /// So many questions, dealt out to the tenants one after the other.
    pub fn new(questions: usize, tenants: usize) -> Self {
        let guard = GuardRule::Within(Duration::from_millis(100));
        let budget = Budget::unused(&budget::Config { calls: 2, per: Duration::from_secs(1), guard, store: None });
        let config = Config { max_wait: PATIENT, per_tenant: usize::MAX };
        let queue = Queue::new(config, budget, Duration::from_secs(30));
        let mut crowd = Self { queue, seats: HashMap::new(), tenants, came: 0 };
        for asked in crowd.newcomers(questions) {
            crowd.admit(&asked);
        }
        crowd
    }

    /// Questions that nobody has asked yet.
    pub fn newcomers(&mut self, count: usize) -> Vec<Asked> {
        let numbers = self.came..self.came + count;
        self.came += count;
        numbers.map(|number| Asked::new(question(number).asked_elsewhere(), number % self.tenants)).collect()
    }

    /// Questions that nobody has asked yet, of the tenants of these.
    pub fn instead_of(&mut self, gone: &[Asked]) -> Vec<Asked> {
        let newcomers = self.newcomers(gone.len()).into_iter().zip(gone);
        newcomers.map(|(new, gone)| Asked { question: new.question, stake: gone.stake.clone() }).collect()
    }

    /// Some of those that wait, as another tenant asks for them.
    pub fn shared(&self, count: usize) -> Vec<Asked> {
        let next = |stake: &Stake| (0..self.tenants).find(|number| tenant(*number) != stake.tenant).unwrap_or(0);
        self.waiting(count).into_iter().map(|asked| Asked::new(asked.question, next(&asked.stake))).collect()
    }

    /// Some of those that wait.
    pub fn waiting(&self, count: usize) -> Vec<Asked> {
        let asked = |(question, seat): (&Askable, &Seat<Askable, ()>)| Asked {
            question: question.clone(),
            stake: Stake { tenant: seat.tenant().clone(), weight: 1 },
        };
        self.seats.iter().take(count).map(asked).collect()
    }

    /// Takes a place at the end of the line. Leaves it again when it is dropped.
    pub fn join(&self, asked: &Asked) -> impl Sized + use<> {
        self.seat(asked)
    }

    /// The same for good.
    pub fn admit(&mut self, asked: &Asked) {
        let seat = self.seat(asked);
        self.seats.insert(asked.question.clone(), seat);
    }

    fn seat(&self, asked: &Asked) -> Seat<Askable, ()> {
        match self.queue.join(&asked.question, &asked.stake, PATIENT, || None) {
            Joined::Seated(seat) => seat,
            _ => unreachable!("there is room, and patience"),
        }
    }

    /// How long one who would not wait is told to.
    pub fn refuse(&self, asked: &Asked) -> Duration {
        match self.queue.join(&asked.question, &asked.stake, Duration::ZERO, || None) {
            Joined::Exhausted(wait) => wait,
            _ => unreachable!("others are before it"),
        }
    }

    /// The seat of one that waits, for it to be left.
    pub fn seat_of(&mut self, asked: &Asked) -> impl Sized + use<> {
        self.seats.remove(&asked.question)
    }

    /// When the turn of one that waits is expected.
    pub fn expected(&self, asked: &Asked) -> Instant {
        self.queue.0.expected(&self.queue.0.state(), &asked.question)
    }

    /// As if the replicas were asked about all that wait.
    pub fn look_up_all(&self) {
        let mut state = self.queue.0.state();
        for (question, seat) in &self.seats {
            state.looking.begin(question.clone(), seat.tenant().clone());
        }
    }

    /// How many places the tenant has taken.
    pub fn places(&self, asked: &Asked) -> usize {
        self.queue.0.state().places_of(&asked.stake.tenant)
    }

    /// Whoever's turn it is departs.
    pub fn depart(&self) -> Departed {
        let (question, leg, _) = self.queue.0.depart(None).expect("somebody waits");
        let Leg { tenant, until, .. } = leg;
        let asked = Asked { question: question.clone(), stake: Stake { tenant: tenant.clone(), weight: 1 } };
        let flight = Flight { board: Arc::clone(&self.queue.0), question: Some(question), tenant };
        Departed { flight, until, asked }
    }

    /// Nobody who waits will have a turn.
    pub fn give_up(&self) {
        self.queue.give_up();
    }
}

impl Asked {
    fn new(question: Askable, number: usize) -> Self {
        Self { question, stake: Stake { tenant: tenant(number), weight: 1 } }
    }
}

impl Departed {
    /// Lands, and gives back what was asked.
    pub fn land(self) -> Asked {
        self.flight.land(Landing::Done(()), self.until, &Nobody);
        self.asked
    }
}

impl Crew<Askable, ()> for Nobody {
    async fn fly(&self, _: Askable, _: Permit, _: Leg) -> Landing<()> {
        Landing::Done(())
    }

    fn landed(&self, _: &Askable, (): &()) {}

    async fn look(&self, _: &Askable) -> Looked<()> {
        Looked::Nothing
    }

    fn release(&self, _: Askable) {}
}
