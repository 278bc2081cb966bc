//! Sharing, leaving, refusing and stopping, in virtual time.

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::Outcome;
use super::super::fake::{Brought, CYCLE, End, Field, PATIENT, PER, TOOK, field, field_for};
use super::*;

const NO_PATIENCE: Duration = Duration::ZERO;

fn seats(field: &Field, question: u32, count: usize) -> Vec<Seat<u32, Brought>> {
    (0..count).map(|number| field.seat(question, &format!("team-{}", number % 7), PATIENT)).collect()
}

async fn outcomes(seats: impl IntoIterator<Item = Seat<u32, Brought>>) -> Vec<Outcome<Brought>> {
    seats.into_iter().map(Seat::outcome).collect::<JoinSet<_>>().join_all().await
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_of_one_question_cost_one_call() {
    let field = field(2, []);
    let seats = seats(&field, 7, 1000);
    assert_eq!(seats.iter().filter(|seat| seat.is_first()).count(), 1);
    assert_eq!(outcomes(seats).await, vec![Outcome::Landed(Ok(7)); 1000]);
    assert_eq!((field.crew.flights(), field.budget.standing().sent), (1, 1));
    assert_eq!(field.crew.landings(), [(7, Ok(7))]);
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn callers_who_leave_neither_cancel_nor_repeat_the_call() {
    for left_after in [NO_PATIENCE, TOOK / 2] {
        let field = field(2, []);
        let mut seats = seats(&field, 7, 1000);
        sleep(left_after).await;
        drop(seats.remove(0));
        // Nine in ten follow.
        let mut number = 0;
        seats.retain(|_| {
            number += 1;
            number % 10 == 0
        });
        assert_eq!(seats.len(), 99);
        assert_eq!(outcomes(seats).await, vec![Outcome::Landed(Ok(7)); 99]);
        assert_eq!(field.crew.flights(), 1);
        assert!(field.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_all_left_before_its_turn_costs_nothing() {
    let field = field(2, []);
    field.spend(2).await;
    let sent = field.budget.standing().sent;
    let left = seats(&field, 7, 50);
    sleep(CYCLE / 2).await;
    drop(left);
    assert!(field.is_empty());
    sleep(CYCLE * 3).await;
    assert_eq!((field.crew.flights(), field.budget.standing().sent), (0, sent));
    assert_eq!(field.budget.standing().free, 2, "the permit that was waited for went back");
}

#[tokio::test(start_paused = true)]
async fn a_flight_that_all_left_lands_all_the_same() {
    let field = field(2, []);
    let left = seats(&field, 7, 50);
    sleep(TOOK / 2).await;
    assert_eq!(field.queue.standing().flying, 1);
    drop(left);
    sleep(TOOK).await;
    assert_eq!(field.crew.landings(), [(7, Ok(7))]);
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_joins_an_abandoned_flight_gets_what_it_brings() {
    let field = field(2, []);
    let left = field.seat(7, "a", PATIENT);
    sleep(TOOK / 2).await;
    drop(left);
    let seat = field.seat(7, "b", NO_PATIENCE);
    assert!(!seat.is_first());
    assert_eq!(seat.outcome().await, Outcome::Landed(Ok(7)));
    assert_eq!(field.crew.flights(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_landed_a_moment_ago_is_looked_at_before_a_seat_is_given() {
    let field = field(2, []);
    let stake = Stake { tenant: TenantId::new("a"), weight: 1 };
    assert!(matches!(field.queue.join(&7, &stake, PATIENT, || Some(Ok(70))), Joined::Held(Ok(70))));
    assert!(field.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_will_not_wait_long_enough_is_refused_at_once_and_served_after_that_wait() {
    let field = field(2, []);
    field.spend(20).await;
    let ahead: Vec<_> = (0..5).map(|question| field.seat(question, "a", PATIENT)).collect();
    let start = Instant::now();
    let wait = field.refused(7, "a", Duration::from_millis(2500));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(field.queue.standing().waiting, [(TenantId::new("a"), 5)], "a refusal leaves nothing behind");
    assert!(wait > Duration::from_millis(2500) && wait < CYCLE * 3, "{wait:?}");

    sleep(wait).await;
    let seat = field.seat(7, "a", NO_PATIENCE);
    assert_eq!(seat.outcome().await, Outcome::Landed(Ok(7)));
    assert!(start.elapsed().abs_diff(wait + TOOK) <= Duration::from_millis(2));
    drop(ahead);
}

#[tokio::test(start_paused = true)]
async fn who_will_wait_just_long_enough_is_served() {
    let field = field(2, []);
    field.spend(20).await;
    let ahead: Vec<_> = (0..5).map(|question| field.seat(question, "a", PATIENT)).collect();
    let wait = field.refused(7, "a", NO_PATIENCE);
    field.refused(7, "a", wait.saturating_sub(Duration::from_millis(1)));
    let start = Instant::now();
    let seat = field.seat(7, "a", wait);
    assert_eq!(seat.outcome().await, Outcome::Landed(Ok(7)));
    assert!(start.elapsed().abs_diff(wait + TOOK) <= Duration::from_millis(5));
    drop(ahead);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_does_not_come_is_told_soon_after_the_patience_ends() {
    let field = field(1, []);
    field.spend(20).await;
    sleep(PER).await;
    let taken = field.budget.permit().await;
    let start = Instant::now();
    let seat = field.seat(7, "a", CYCLE * 2);
    let Outcome::Exhausted(wait) = seat.outcome().await else { panic!("the turn came") };
    assert!(start.elapsed() >= CYCLE * 2 && start.elapsed() <= CYCLE * 2 + Duration::from_millis(300));
    assert!(wait >= PER);
    assert!(field.is_empty());
    drop(taken);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_may_have_only_so_many_questions_waiting() {
    let field = field_for(2, 3, []);
    field.spend(2).await;
    let ahead: Vec<_> = (0..3).map(|question| field.seat(question, "a", PATIENT)).collect();
    assert!(field.refused(7, "a", PATIENT) > Duration::ZERO);
    let again = field.seat(2, "a", PATIENT);
    let other = field.seat(7, "b", PATIENT);
    drop((ahead, again, other));
    assert!(field.is_empty());
    drop(field.seat(7, "a", PATIENT));
}

#[tokio::test(start_paused = true)]
async fn a_question_of_two_tenants_is_served_at_the_first_turn_that_comes() {
    let field = field(1, []);
    field.spend(1).await;
    let flood: Vec<_> = (0..10).map(|question| field.seat(question, "a", PATIENT)).collect();
    let slow = field.seat(7777, "a", PATIENT);
    let fast = field.seat(7777, "b", PATIENT);
    assert_eq!(outcomes([slow, fast]).await, vec![Outcome::Landed(Ok(7777)); 2]);
    assert_eq!(field.crew.order(), [0, 7777]);
    assert_eq!(field.crew.departed.lock().unwrap()[1].tenant, TenantId::new("b"));
    drop(flood);
}

#[tokio::test(start_paused = true)]
async fn a_question_stays_in_line_for_the_tenant_that_stays() {
    let field = field(1, []);
    field.spend(1).await;
    let (one, two, other) = (field.seat(7, "a", PATIENT), field.seat(7, "a", PATIENT), field.seat(7, "b", PATIENT));
    drop(one);
    drop(other);
    assert_eq!(field.queue.standing().waiting, [(TenantId::new("a"), 1)]);
    assert_eq!(two.outcome().await, Outcome::Landed(Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn a_single_question_departs_within_two_turns_of_a_flood() {
    let field = field(2, []);
    let flood: Vec<_> = (0..100).map(|question| field.seat(question, "a", Duration::from_secs(600))).collect();
    sleep(CYCLE * 3).await;
    let before = field.crew.flights();
    assert_eq!(field.outcome(7777, "b").await, Outcome::Landed(Ok(7777)));
    let turn = field.crew.order().iter().position(|question| *question == 7777).unwrap();
    assert!(turn < before + 2, "turn {turn} after {before}");
    drop(flood);
}

#[tokio::test(start_paused = true)]
async fn a_seat_of_an_earlier_flight_does_not_disturb_a_later_one() {
    let field = field(2, [End::Answered, End::Answered]);
    let old = field.seat(7, "a", PATIENT);
    sleep(TOOK * 2).await;
    assert_eq!(field.crew.landings().len(), 1);
    field.spend(2).await;
    let new = field.seat(7, "a", PATIENT);
    assert!(new.is_first());
    drop(old);
    assert_eq!(field.queue.standing().waiting.len(), 1);
    assert_eq!(new.outcome().await, Outcome::Landed(Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn giving_up_admits_no_new_question_and_ends_those_that_wait() {
    let field = field(1, []);
    field.spend(1).await;
    let waiting = field.seat(7, "a", PATIENT);
    field.queue.give_up();
    assert!(matches!(field.ask(8, "a", PATIENT), Joined::GivenUp));
    assert!(matches!(field.ask(7, "b", PATIENT), Joined::GivenUp));
    assert_eq!(waiting.outcome().await, Outcome::GivenUp);
}
