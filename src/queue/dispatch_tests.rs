//! Departures one after the other, and legs: what is tried again, for how long, and what a flight that dies leaves behind. In
//! virtual time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{advance, sleep, timeout};

use super::super::fake::{Brought, CYCLE, End, FLIGHT_TIME, Field, PATIENT, TOOK, field, standing};
use super::super::seat::Seat;
use super::super::{Ends, Outcome};
use super::*;
use crate::budget::{Budget, Floor as _};

const NO_PATIENCE: Duration = Duration::ZERO;

fn transients() -> [End; 3] {
    ["first", "second", "third"].map(End::Transient)
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_three_times_and_then_final() {
    let field = field(1, transients());
    let start = Instant::now();
    assert_eq!(field.outcome(7, "a").await, Outcome::Landed(Err("third")));
    let departed = field.crew.departed.lock().unwrap().clone();
    assert_eq!(departed.iter().map(|departed| departed.leg).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(departed.iter().all(|departed| departed.until == start + FLIGHT_TIME), "all legs end together");
    assert_eq!(field.crew.landings(), [(7, Err("third"))], "only what is final is told");
    sleep(CYCLE * 3).await;
    assert_eq!(field.crew.flights(), 3);
    assert!(field.is_empty());
}

/// A crew whose flights see how many slots are taken and how many callers were told when they begin. Each holds on to its slot.
struct Watchful {
    budget: Budget,
    told: Arc<AtomicUsize>,
    seen: Mutex<Vec<(usize, usize)>>,
}

impl Crew<u32, Brought> for Watchful {
    async fn fly(&self, question: u32, permit: Permit, _: Leg) -> Landing<Brought> {
        let standing = self.budget.standing();
        self.seen.lock().unwrap().push((standing.slots - standing.free, self.told.load(Ordering::SeqCst)));
        sleep(TOOK).await;
        drop(permit);
        Landing::Done(Ok(question))
    }

    fn landed(&self, _: &u32, _: &Brought) {}

    async fn look(&self, _: &u32) -> Looked<Brought> {
        Looked::Nothing
    }

    fn release(&self, _: u32) {}
}

#[tokio::test(start_paused = true)]
async fn a_flight_begins_before_its_callers_are_told_and_before_the_next_permit_is_taken() {
    let field = standing(3);
    let seats = [7, 8, 9].map(|question| field.seat(question, "a", PATIENT));
    let crew = Arc::new(Watchful { budget: field.budget.clone(), told: Arc::default(), seen: Mutex::default() });
    for entry in field.queue.0.state().entries.values() {
        let (mut progress, told) = (entry.progress.subscribe(), Arc::clone(&crew.told));
        tokio::spawn(async move {
            let flying = progress.wait_for(|progress| matches!(progress, Progress::Flying)).await;
            told.fetch_add(usize::from(flying.is_ok()), Ordering::SeqCst);
        });
    }
    tokio::spawn(field.queue.clone().run(Arc::clone(&crew)));
    for seat in seats {
        assert!(matches!(seat.outcome().await, Outcome::Landed(Ok(_))));
    }
    assert_eq!(*crew.seen.lock().unwrap(), [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(crew.told.load(Ordering::SeqCst), 3);
}

/// A queue whose turns are given by the test, a caller of question 7, and the flight of its first turn.
fn by_hand() -> (Field, Seat<u32, Brought>, Flight<u32, Brought>, Leg) {
    let field = standing(1);
    let seat = field.seat(7, "a", PATIENT);
    let (question, leg, _) = field.queue.0.depart(None).unwrap();
    let board = Arc::clone(&field.queue.0);
    let flight = Flight { board, question: Some(question), tenant: leg.tenant.clone() };
    (field, seat, flight, leg)
}

#[tokio::test(start_paused = true)]
async fn a_flight_whose_turn_came_to_nothing_is_ours_until_we_say_otherwise() {
    let (field, seat, flight, leg) = by_hand();
    assert!(!field.queue.is_at_rest());
    flight.land(Landing::Late, leg.until, &*field.crew);
    assert_eq!(field.queue.flights(), [7]);
    field.queue.give_up();
    assert_eq!(field.queue.0.state().errand_list.release, [7], "others need not wait for it");
    assert!(!field.queue.is_at_rest(), "they have yet to be told");
    assert_eq!(seat.outcome().await, Outcome::GivenUp);
}

#[tokio::test(start_paused = true)]
async fn what_a_leg_brought_is_forgotten_once_another_replica_asks() {
    let (field, _seat, flight, leg) = by_hand();
    flight.land(Landing::Again(Err("old")), leg.until, &*field.crew);
    field.queue.0.asked_elsewhere(&7, Instant::now() + CYCLE);
    assert!(field.queue.flights().is_empty());
    // The other one brings nothing, and it is our turn when all legs of the old flight would have ended.
    advance(FLIGHT_TIME + CYCLE).await;
    field.queue.0.state().turns.stand(&7, &leg.tenant, 1);
    let (_, anew, over) = field.queue.0.depart(None).unwrap();
    assert_eq!((over, anew.number, anew.departed), (None, 1, Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_a_failure_is_for_all_who_waited_for_it() {
    let field = field(1, [End::Transient("first")]);
    let (one, other) = (field.seat(7, "a", PATIENT), field.seat(7, "b", PATIENT));
    assert_eq!(tokio::join!(one.outcome(), other.outcome()), (Outcome::Landed(Ok(7)), Outcome::Landed(Ok(7))));
    assert_eq!((field.crew.flights(), field.crew.landings()), (2, vec![(7, Ok(7))]));
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_tried_again_for_those_without_patience() {
    let field = field(1, transients());
    let start = Instant::now();
    let seat = field.seat(7, "a", NO_PATIENCE);
    assert_eq!(seat.outcome().await, Outcome::Landed(Err("first")));
    assert_eq!(start.elapsed(), TOOK);
    sleep(CYCLE * 3).await;
    assert_eq!(field.crew.flights(), 1);
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flight_under_way_is_waited_for_beyond_the_patience() {
    let field = field(1, [End::Slowly]);
    let seat = field.seat(7, "a", NO_PATIENCE);
    assert_eq!(seat.outcome().await, Outcome::Landed(Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_while_one_is_patient() {
    let field = field(1, [End::Transient("first")]);
    let (patient, impatient) = (field.seat(7, "a", PATIENT), field.seat(7, "b", NO_PATIENCE));
    let outcomes = tokio::join!(patient.outcome(), impatient.outcome());
    assert_eq!(outcomes, (Outcome::Landed(Ok(7)), Outcome::Landed(Err("first"))));
    assert_eq!(field.crew.flights(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_next_leg_that_would_begin_after_the_flight_time_is_not_waited_for() {
    let field = field(1, transients());
    let seat = field.seat(7, "a", PATIENT);
    let others: Vec<_> = (10..20).map(|number| field.seat(number, &format!("team-{number}"), PATIENT)).collect();
    let start = Instant::now();
    assert!(matches!(seat.outcome().await, Outcome::Landed(Err("first"))));
    assert_eq!(start.elapsed(), TOOK);
    assert_eq!(field.crew.landings(), [(7, Err("first"))]);
    drop(others);
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_question_tried_again_goes_before_its_tenants_others() {
    let field = field(1, [End::Transient("first")]);
    let seats: Vec<_> = [7, 1, 2].into_iter().map(|question| field.seat(question, "a", PATIENT)).collect();
    sleep(CYCLE * 5).await;
    assert_eq!(field.crew.order(), [7, 7, 1, 2]);
    drop(seats);
}

#[tokio::test(start_paused = true)]
async fn a_definite_failure_is_for_all_who_wait() {
    let field = field(2, [End::Definite]);
    let seats = ["a", "b", "c"].map(|tenant| field.seat(7, tenant, PATIENT));
    for seat in seats {
        assert_eq!(seat.outcome().await, Outcome::Landed(Err("definite")));
    }
    assert_eq!((field.crew.flights(), field.crew.landings()), (1, vec![(7, Err("definite"))]));
}

/// Two tenants lose a flight, and neither they nor the question are the worse for it.
async fn lost_and_asked_again(death: End) {
    let field = field(2, [death]);
    let (one, other) = (field.seat(7, "a", PATIENT), field.seat(7, "b", PATIENT));
    let all = async { tokio::join!(one.outcome(), other.outcome()) };
    let outcomes = timeout(PATIENT, all).await.expect("nobody waits for the dead");
    assert_eq!(outcomes, (Outcome::Lost, Outcome::Lost));
    assert!(field.is_empty());
    assert_eq!(field.outcome(7, "a").await, Outcome::Landed(Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn a_flight_that_dies_is_lost_and_its_question_can_be_asked_again() {
    lost_and_asked_again(End::Panics).await;
}

#[tokio::test(start_paused = true)]
async fn a_landing_that_dies_is_lost_and_its_question_can_be_asked_again() {
    lost_and_asked_again(End::PanicsAtLanding).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_turn_costs_no_leg_and_none_of_the_flight_time() {
    let field = field(1, [End::Late, End::Late].into_iter().chain(transients()));
    assert_eq!(field.outcome(7, "a").await, Outcome::Landed(Err("third")));
    let departed = field.crew.departed.lock().unwrap().clone();
    assert_eq!(departed.iter().map(|departed| departed.leg).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(departed[0].until, departed[0].at + FLIGHT_TIME);
    assert_eq!(field.budget.standing().sent, 3);
}

#[tokio::test(start_paused = true)]
async fn a_late_turn_is_made_up_for() {
    let field = field(1, [End::Answered, End::Late]);
    let flood: Vec<_> = (0..10).map(|number| field.seat(number, "a", PATIENT)).collect();
    sleep(TOOK).await;
    let late = field.seat(77, "z", PATIENT);
    assert_eq!(late.outcome().await, Outcome::Landed(Ok(77)));
    assert_eq!(field.crew.order(), [0, 77]);
    drop(flood);
}

#[tokio::test(start_paused = true)]
async fn a_late_turn_that_nobody_waits_for_any_more_is_forgotten() {
    let field = field(1, [End::Late]);
    let seat = field.seat(7, "a", PATIENT);
    while field.queue.standing().flying == 0 {
        tokio::task::yield_now().await;
    }
    drop(seat);
    sleep(CYCLE).await;
    assert_eq!((field.crew.flights(), field.budget.standing().sent), (0, 0));
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_leg_whose_time_is_over_before_its_turn_comes_costs_no_call() {
    let field = field(1, transients());
    let waiting = tokio::spawn(field.seat(7, "a", PATIENT).outcome());
    sleep(TOOK * 2).await;
    // The process is stopped for longer than the flight may take.
    advance(FLIGHT_TIME * 2).await;
    assert_eq!(waiting.await.unwrap(), Outcome::Landed(Err("first")));
    assert_eq!((field.crew.flights(), field.crew.landings()), (1, vec![(7, Err("first"))]));
    assert_eq!(field.budget.standing().free, 1);
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_the_crew_refuses_turns_all_its_callers_away_and_costs_nothing() {
    let field = field(1, [End::Refused]);
    let (one, other) = (field.seat(7, "a", PATIENT), field.seat(7, "b", PATIENT));
    assert_eq!(tokio::join!(one.outcome(), other.outcome()), (Outcome::TurnedAway, Outcome::TurnedAway));
    assert!(field.crew.landings().is_empty() && field.is_empty(), "it is not told as a failure");
    assert_eq!((field.budget.standing().sent, field.budget.standing().free), (0, 1));
    assert_eq!(field.outcome(7, "a").await, Outcome::Landed(Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn a_next_leg_that_the_crew_refuses_leaves_what_the_one_before_brought() {
    let field = field(1, [End::Transient("first"), End::Refused]);
    assert_eq!(field.outcome(7, "a").await, Outcome::Landed(Err("first")));
    assert_eq!((field.crew.flights(), field.crew.landings()), (1, vec![(7, Err("first"))]));
    assert!(field.is_empty());
}

fn ends<F: Future<Output = ()>>(turned_away: F, flight: Duration, until: Duration) -> Ends<F> {
    Ends { turned_away, flight, until: Instant::now() + until }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_turn_can_be_told_that_there_is_none_and_who_flies_lands() {
    let field = field(1, []);
    let flying = field.seat(1, "a", PATIENT);
    sleep(TOOK / 2).await;
    let waiting = field.seat(7, "a", PATIENT);
    let told = || ends(std::future::ready(()), PATIENT, PATIENT);
    let start = Instant::now();
    assert_eq!(waiting.outcome_unless(told()).await, Outcome::TurnedAway);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(flying.outcome_unless(told()).await, Outcome::Landed(Ok(1)));
    sleep(CYCLE * 2).await;
    assert_eq!(field.crew.flights(), 1, "nobody waited for the other any more");
}

#[tokio::test(start_paused = true)]
async fn who_waits_no_longer_for_a_flight_leaves_it_to_land() {
    for (flight, until) in [(TOOK * 2, PATIENT), (PATIENT, TOOK * 2)] {
        let field = field(1, [End::Slowly]);
        let start = Instant::now();
        let never = std::future::pending();
        let seat = field.seat(7, "a", PATIENT);
        assert_eq!(seat.outcome_unless(ends(never, flight, until)).await, Outcome::StillFlying);
        assert_eq!(start.elapsed(), TOOK * 2);
        sleep(FLIGHT_TIME).await;
        assert_eq!(field.crew.landings(), [(7, Ok(7))]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_bound_of_a_flight_does_not_shorten_the_wait_for_its_turn() {
    let field = field(1, []);
    field.spend(1).await;
    let seat = field.seat(7, "a", PATIENT);
    let bound = ends(std::future::pending(), TOOK * 2, PATIENT);
    assert_eq!(seat.outcome_unless(bound).await, Outcome::Landed(Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn giving_up_tells_who_waits_and_lets_flights_land() {
    let field = field(1, []);
    let flying = field.seat(1, "a", PATIENT);
    sleep(TOOK / 2).await;
    let waiting = field.seat(7, "a", PATIENT);
    field.queue.give_up();
    let start = Instant::now();
    assert_eq!(waiting.outcome().await, Outcome::GivenUp);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(flying.outcome().await, Outcome::Landed(Ok(1)));
    sleep(CYCLE * 2).await;
    assert_eq!(field.crew.flights(), 1);
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_giving_up_nothing_departs() {
    let field = field(1, [End::Transient("first")]);
    let flying = field.seat(1, "a", PATIENT);
    sleep(TOOK / 2).await;
    let waiting = field.seat(7, "a", PATIENT);
    field.queue.give_up();
    assert!(field.queue.standing().waiting.is_empty());
    sleep(CYCLE * 3).await;
    assert_eq!(field.crew.flights(), 1);
    assert_eq!(flying.outcome().await, Outcome::Landed(Err("first")));
    assert_eq!(waiting.outcome().await, Outcome::GivenUp);
}

#[tokio::test(start_paused = true)]
async fn after_giving_up_a_late_turn_is_not_made_up_for() {
    let field = field(1, [End::Late]);
    let late = field.seat(1, "a", PATIENT);
    while field.queue.standing().flying == 0 {
        tokio::task::yield_now().await;
    }
    field.queue.give_up();
    assert_eq!(late.outcome().await, Outcome::GivenUp);
    assert_eq!(field.crew.flights(), 0);
    assert!(field.is_empty());
}
