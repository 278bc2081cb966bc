//! The breaker's states and what leads from one to the other. In virtual time.

use tokio::time::{advance, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MOST: u32 = 3;
const TIMEOUT: Duration = Duration::from_secs(10);

fn app(name: &str) -> AppId {
    AppId::parse(name).unwrap()
}

fn fault(kind: Kind) -> Fault {
    Fault::of(kind)
}

/// With faults about questions of two apps.
fn open() -> Breaker<u32> {
    let breaker = Breaker::new(MOST, TIMEOUT);
    fail(&breaker, 1, "a");
    fail(&breaker, 2, "b");
    fail(&breaker, 3, "b");
    breaker
}

fn fail(breaker: &Breaker<u32>, question: u32, about: &str) {
    breaker.failed(&question, &app(about), &fault(Kind::Failing), Instant::now());
}

fn phase(breaker: &Breaker<u32>) -> Phase {
    breaker.standing().phase
}

#[tokio::test(start_paused = true)]
async fn so_many_faults_in_a_row_open_it_and_the_others_are_told_when_to_come() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 1..MOST {
        fail(&breaker, question, "a");
        assert_eq!((phase(&breaker), breaker.refuse(&9, &app("a"))), (Phase::Closed, None));
    }
    fail(&breaker, MOST, "b");
    assert_eq!(phase(&breaker), Phase::Open);
    advance(SECOND / 4).await;
    let shut = Shut { fault: fault(Kind::Failing), faults: MOST, wait: SECOND * 3 / 4 };
    assert_eq!(breaker.refuse(&9, &app("c")), Some(shut));
    assert_eq!(breaker.departs(&9, &app("c")), None, "nor does one go whose turn had come");
    assert_eq!(breaker.standing().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_between_keeps_it_closed() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 0..10 * MOST {
        fail(&breaker, question, if question % 2 == 0 { "a" } else { "b" });
        if question % (MOST - 1) == 0 {
            advance(SECOND / 100).await;
            breaker.answered(SECOND / 10);
        }
    }
    assert_eq!(breaker.standing().opened, 0);
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_slow_moment_that_time_out_later_tell_nothing_of_now() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    let moment = Instant::now();
    advance(SECOND * 2).await;
    breaker.answered(SECOND / 10);
    advance(SECOND * 8).await;
    for question in 0..10 {
        breaker.failed(&question, &app(if question % 2 == 0 { "a" } else { "b" }), &fault(Kind::TimedOut), moment);
    }
    assert_eq!((phase(&breaker), breaker.standing().faults), (Phase::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn one_probe_goes_each_second_however_long_the_one_before_hangs() {
    let breaker = open();
    for question in 10..15 {
        advance(SECOND).await;
        assert_eq!(phase(&breaker), Phase::HalfOpen);
        assert!(breaker.departs(&question, &app("a")).is_some());
        assert!(breaker.departs(&99, &app("a")).is_none() && breaker.refuse(&99, &app("b")).is_some(), "one at a time");
        assert_eq!(breaker.refuse(&question, &app("a")), None, "who asks the same waits with it");
        assert!(breaker.departs(&question, &app("a")).is_some(), "its turn came too late, and comes again");
    }
    assert_eq!(breaker.standing().probes, 5);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_leaves_it_open_and_one_that_is_answered_closes_it() {
    let breaker = open();
    advance(SECOND).await;
    assert!(breaker.departs(&10, &app("a")).is_some());
    fail(&breaker, 10, "a");
    assert_eq!(phase(&breaker), Phase::Open);
    assert!(breaker.refuse(&10, &app("a")).is_some(), "the question of the probe too");
    advance(SECOND).await;
    assert!(breaker.departs(&11, &app("a")).is_some());
    breaker.answered(SECOND / 10);
    assert_eq!((phase(&breaker), breaker.refuse(&9, &app("a"))), (Phase::Closed, None));
    fail(&breaker, 12, "a");
    assert_eq!(phase(&breaker), Phase::Closed, "the count begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_read_and_refused_shows_that_the_upstream_is_well() {
    let breaker = open();
    advance(SECOND).await;
    assert!(breaker.departs(&10, &app("a")).is_some());
    breaker.failed(&10, &app("a"), &Fault::documented("AccessDenied.NoPermissionForApp"), Instant::now());
    assert_eq!(phase(&breaker), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn throttles_a_wrong_clock_and_a_standstill_neither_open_nor_close_it() {
    for kind in [Kind::Throttled, Kind::Clock, Kind::Paused] {
        let breaker = Breaker::new(MOST, TIMEOUT);
        for question in 0..10 {
            breaker.failed(&question, &app("a"), &fault(kind), Instant::now());
        }
        assert_eq!(phase(&breaker), Phase::Closed, "{kind:?}");
        let breaker = open();
        advance(SECOND).await;
        assert!(breaker.departs(&10, &app("a")).is_some());
        breaker.failed(&10, &app("a"), &fault(kind), Instant::now());
        assert_eq!(phase(&breaker), Phase::Open, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_alone_fails_shuts_out_no_other() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 0..MOST {
        fail(&breaker, question, "a");
    }
    assert!(breaker.refuse(&9, &app("a")).is_some());
    assert_eq!(breaker.refuse(&9, &app("b")), None);
    assert!(
        [9, 10].iter().all(|question| breaker.departs(question, &app("b")) == Some(TIMEOUT)),
        "without being a probe"
    );
    assert_eq!(breaker.standing().probes, 0);
    fail(&breaker, 9, "b");
    assert!(breaker.refuse(&10, &app("b")).is_some(), "until another fails too");
    assert!(breaker.refuse(&10, &app("c")).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_next_probe_waits_for_as_long_as_the_vendor_asks() {
    let breaker = open();
    advance(SECOND).await;
    assert!(breaker.departs(&10, &app("a")).is_some());
    let asks = Fault { retry_after: Some(SECOND * 4), ..fault(Kind::Failing) };
    breaker.failed(&10, &app("a"), &asks, Instant::now());
    assert_eq!(breaker.refuse(&9, &app("a")).map(|shut| shut.wait), Some(SECOND * 4));
    // What only a person can mend is not tried each second either.
    advance(SECOND * 4).await;
    assert!(breaker.departs(&10, &app("a")).is_some());
    breaker.failed(&10, &app("a"), &fault(Kind::Credentials), Instant::now());
    assert_eq!(breaker.refuse(&9, &app("a")).map(|shut| shut.wait), Some(SECOND * 3));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_it_opens_and_when_another_is_the_probe() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    let nine = app("a");
    let mut told = Box::pin(breaker.shuts_out(&9, &nine));
    assert!(timeout(SECOND, &mut told).await.is_err());
    for question in 0..MOST {
        fail(&breaker, question, "a");
    }
    timeout(Duration::ZERO, told).await.unwrap();
    advance(SECOND).await;
    let told = breaker.shuts_out(&9, &nine);
    tokio::pin!(told);
    assert!(timeout(SECOND, &mut told).await.is_err(), "a probe is due, and may be this one");
    assert!(breaker.departs(&8, &nine).is_some());
    timeout(Duration::ZERO, told).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_another_replica_makes_the_next_probe_due() {
    let breaker = open();
    breaker.answered_elsewhere();
    assert_eq!(phase(&breaker), Phase::HalfOpen);
    assert!(breaker.departs(&10, &app("a")).is_some());
}

#[tokio::test(start_paused = true)]
async fn two_calls_that_time_out_tell_as_much_as_many_that_fail_at_once() {
    let breaker = Breaker::new(5, TIMEOUT);
    for (question, about) in [(1, "a"), (2, "b")] {
        assert_eq!(phase(&breaker), Phase::Closed);
        breaker.failed(&question, &app(about), &fault(Kind::TimedOut), Instant::now());
    }
    assert_eq!((phase(&breaker), breaker.standing().faults), (Phase::Open, 2));
}

/// Open since two calls timed out, after answers that took this long.
fn timed_out(usual: Duration) -> Breaker<u32> {
    let breaker = Breaker::new(MOST, TIMEOUT);
    breaker.answered(usual);
    for about in ["a", "b"] {
        breaker.failed(&1, &app(about), &fault(Kind::TimedOut), Instant::now());
    }
    breaker
}

#[tokio::test(start_paused = true)]
async fn after_time_outs_a_probe_gets_a_few_times_what_an_answer_usually_takes() {
    for (usual, time) in [(SECOND / 20, QUICK), (SECOND / 2, SECOND * 2), (SECOND * 5, TIMEOUT)] {
        let breaker = timed_out(usual);
        advance(SECOND).await;
        assert_eq!(breaker.departs(&10, &app("a")), Some(time), "{usual:?}");
    }
    let breaker = open();
    advance(SECOND).await;
    assert_eq!(breaker.departs(&10, &app("a")), Some(TIMEOUT), "where nothing hangs there is no hurry");
}

#[tokio::test(start_paused = true)]
async fn one_probe_in_three_time_outs_time_is_given_the_whole_of_it() {
    let breaker = timed_out(SECOND / 20);
    let mut patient = Vec::new();
    for second in 1..=100 {
        advance(SECOND).await;
        if breaker.departs(&second, &app("a")) == Some(TIMEOUT) {
            patient.push(second);
        }
        breaker.failed(&second, &app("a"), &fault(Kind::TimedOut), Instant::now());
    }
    assert_eq!(patient, [31, 61, 91]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_forgotten_in_time() {
    let breaker = timed_out(SECOND * 5);
    for _ in 0..50 {
        breaker.answered(SECOND / 20);
    }
    for about in ["a", "b"] {
        breaker.failed(&1, &app(about), &fault(Kind::TimedOut), Instant::now());
    }
    advance(SECOND).await;
    assert_eq!(breaker.departs(&10, &app("a")), Some(QUICK));
}

#[tokio::test(start_paused = true)]
async fn zero_is_never() {
    let breaker = Breaker::new(0, TIMEOUT);
    for question in 0..100 {
        fail(&breaker, question, "a");
    }
    assert_eq!(phase(&breaker), Phase::Closed);
}
