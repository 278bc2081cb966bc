//! Permits and the waiting for them, in virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tokio::time::{advance, sleep, timeout};

use super::super::{Budget, Config, GuardRule};
use super::*;

const PER: Duration = Duration::from_secs(1);
const GUARD: Duration = Duration::from_millis(100);

fn budget_of(calls: usize) -> Budget {
    Budget::unused(&Config { calls, per: PER, guard: GuardRule::Within(GUARD), store: None })
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How long from `start` the next permit took.
async fn granted_after(budget: &Budget, start: Instant) -> Duration {
    drop(budget.permit().await);
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_permit_dropped_unsent_frees_its_slot_at_once() {
    let budget = budget_of(1);
    let permit = budget.permit().await;
    assert_eq!(budget.standing().free, 0);
    drop(permit);
    assert_eq!((budget.standing().free, budget.standing().sent), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_late_permit_is_refused_and_its_slot_is_free() {
    let budget = budget_of(1);
    let permit = budget.permit().await;
    advance(GUARD / 2 + milliseconds(1)).await;
    assert_eq!(permit.send().unwrap_err(), Late);
    assert_eq!((budget.standing().free, budget.standing().sent), (1, 0));

    let permit = budget.permit().await;
    let until = permit.good_until();
    advance(GUARD / 2).await;
    assert_eq!(until, Instant::now(), "that long, and no longer");
    assert!(permit.send().is_ok());
    assert_eq!(budget.standing().sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_without_a_word_counts_as_lost() {
    let budget = budget_of(1);
    let start = Instant::now();
    let in_flight = budget.permit().await.send().unwrap();
    sleep(milliseconds(40)).await;
    drop(in_flight);
    assert_eq!(granted_after(&budget, start).await, milliseconds(40) + GUARD + PER);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_sent_is_no_call_but_the_next_try_is_paced_like_one() {
    let budget = budget_of(1);
    let start = Instant::now();
    let in_flight = budget.permit().await.send().unwrap();
    sleep(milliseconds(300)).await;
    in_flight.never_sent();
    assert_eq!(budget.standing().sent, 0);
    assert_eq!(granted_after(&budget, start).await, milliseconds(300) + PER);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_arrived_frees_its_slot_though_its_answer_is_late() {
    let budget = budget_of(1);
    let start = Instant::now();
    let in_flight = budget.permit().await.send().unwrap();
    assert_eq!(in_flight.arrives_by(), Some(start + GUARD));
    sleep(GUARD).await;
    in_flight.arrived();
    sleep(milliseconds(700)).await;
    in_flight.answered();
    assert_eq!(granted_after(&budget, start).await, GUARD + PER);
}

#[tokio::test(start_paused = true)]
async fn a_strict_call_tells_no_time_by_which_it_arrives() {
    let budget = Budget::unused(&Config { calls: 1, per: PER, guard: GuardRule::Strict, store: None });
    assert_eq!(budget.permit().await.send().unwrap().arrives_by(), None);
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_is_woken_when_a_call_is_answered() {
    let budget = budget_of(1);
    let start = Instant::now();
    let in_flight = budget.permit().await.send().unwrap();
    let waiter = tokio::spawn({
        let budget = budget.clone();
        async move { granted_after(&budget, start).await }
    });
    sleep(milliseconds(20)).await;
    in_flight.answered();
    assert_eq!(waiter.await.unwrap(), milliseconds(20) + PER);
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_for_a_time_is_woken_when_a_slot_frees_earlier() {
    let budget = budget_of(2);
    let start = Instant::now();
    budget.permit().await.send().unwrap().answered();
    let held = budget.permit().await;
    let waiter = tokio::spawn({
        let budget = budget.clone();
        async move { granted_after(&budget, start).await }
    });
    sleep(milliseconds(10)).await;
    drop(held);
    assert_eq!(waiter.await.unwrap(), milliseconds(10));
}

#[tokio::test(start_paused = true)]
async fn one_who_stops_waiting_loses_no_slot() {
    let budget = budget_of(2);
    let start = Instant::now();
    budget.permit().await.send().unwrap().answered();
    budget.permit().await.send().unwrap().answered();
    for patience in [0, 1, 500, 999] {
        let left = timeout(start + milliseconds(patience) - Instant::now(), budget.permit()).await;
        assert!(left.is_err());
    }
    let (_first, _second) = (budget.permit().await, budget.permit().await);
    assert_eq!(start.elapsed(), PER);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_doubles_the_guard_and_is_counted() {
    let budget = budget_of(2);
    budget.permit().await.send().unwrap().throttled();
    let standing = budget.standing();
    assert_eq!((standing.guard, standing.throttled, standing.sent), (GUARD * 2, 1, 1));
    assert_eq!(budget.permit().await.send().unwrap().arrives_by(), Some(Instant::now() + GUARD * 2));
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_unknown_past_grants_nothing_for_guard_and_per() {
    let start = Instant::now();
    let budget = Budget::new(&Config { calls: 2, per: PER, guard: GuardRule::Within(GUARD), store: None });
    assert_eq!(granted_after(&budget, start).await, GUARD + PER);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_who_wait_never_hold_more_permits_than_there_are_slots() {
    for calls in 1..=3 {
        let budget = budget_of(calls);
        let start = Instant::now();
        let held = Arc::new(AtomicUsize::new(0));
        let mut waiters = JoinSet::new();
        for number in 0..100_u64 {
            let (budget, held) = (budget.clone(), Arc::clone(&held));
            waiters.spawn(async move {
                let permit = budget.permit().await;
                let most = held.fetch_add(1, Ordering::SeqCst) + 1;
                // Some never send, some are answered at once, some after the slot's guard.
                sleep(milliseconds(number % 3)).await;
                if number % 4 == 0 {
                    drop(permit);
                } else {
                    let in_flight = permit.send().unwrap();
                    sleep(milliseconds(number % 7)).await;
                    in_flight.answered();
                }
                held.fetch_sub(1, Ordering::SeqCst);
                most
            });
        }
        assert_eq!(waiters.join_all().await.into_iter().max(), Some(calls));
        let rounds = u32::try_from(75_usize.div_ceil(calls)).unwrap() - 1;
        assert!(start.elapsed() >= PER * rounds && start.elapsed() <= (PER + GUARD) * rounds);
        assert_eq!(budget.standing().sent, 75);
    }
}

#[tokio::test(start_paused = true)]
async fn a_guard_passes_on_time() {
    let start = Instant::now();
    let in_flight = budget_of(1).permit().await.send().unwrap();
    assert!(in_flight.guard_passes().await);
    assert_eq!(start.elapsed(), GUARD);
}

#[tokio::test(start_paused = true)]
async fn a_guard_is_not_believed_once_the_process_stood_still_before_it_passed() {
    for (runs, stands_still) in [(0, 40), (0, 90), (0, 5000), (30, 40), (60, 39), (85, 5000)] {
        let in_flight = budget_of(1).permit().await.send().unwrap();
        let mut passes = Box::pin(in_flight.guard_passes());
        let early = timeout(milliseconds(runs), &mut passes).await;
        assert!(early.is_err(), "{early:?} after {runs} ms");
        advance(milliseconds(stands_still)).await;
        assert!(!passes.await, "stood still for {stands_still} ms after {runs} ms");
    }
}
