//! The breaker's states and what leads from one to the other. In virtual time.

use tokio::time::{advance, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MOST: u32 = 3;
const TIMEOUT: Duration = Duration::from_secs(10);

/// A tenant and an app, as `tenant/app`.
struct Whose(TenantId, AppId);

fn whose(names: &str) -> Whose {
    let (tenant, app) = names.split_once('/').unwrap();
    Whose(TenantId::new(tenant), AppId::parse(app).unwrap())
}

impl Whose {
    fn party(&self) -> Party<'_> {
        Party { tenant: &self.0, app: &self.1 }
    }
}

fn fault(kind: Kind) -> Fault {
    Fault::of(kind)
}

/// For everybody: with faults of two tenants about two apps.
fn open() -> Breaker<u32> {
    let breaker = Breaker::new(MOST, TIMEOUT);
    fail(&breaker, 1, "t/a");
    fail(&breaker, 2, "t/a");
    for question in [3, 4] {
        fail(&breaker, question, "u/b");
    }
    breaker
}

fn fail(breaker: &Breaker<u32>, question: u32, names: &str) {
    breaker.failed(&question, whose(names).party(), &fault(Kind::Failing), Instant::now());
}

/// After the whole time.
fn time_out(breaker: &Breaker<u32>, question: u32, names: &str) {
    breaker.failed(&question, whose(names).party(), &fault(Kind::TimedOut), Instant::now() - TIMEOUT);
}

fn departs(breaker: &Breaker<u32>, question: u32, names: &str) -> Option<Duration> {
    breaker.departs(&question, whose(names).party())
}

fn refuse(breaker: &Breaker<u32>, question: u32, names: &str) -> Option<Shut> {
    breaker.refuse(&question, whose(names).party())
}

fn phase(breaker: &Breaker<u32>) -> Phase {
    breaker.standing().phase
}

#[tokio::test(start_paused = true)]
async fn so_many_faults_in_a_row_open_it_and_the_others_are_told_when_to_come() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for (question, names) in (1..=MOST).zip(["t/a", "u/b", "t/a"]) {
        fail(&breaker, question, names);
        assert_eq!((phase(&breaker), refuse(&breaker, 9, "t/a")), (Phase::Closed, None));
    }
    fail(&breaker, 4, "u/b");
    assert_eq!(phase(&breaker), Phase::Open);
    advance(SECOND / 4).await;
    let shut = Shut { fault: fault(Kind::Failing), faults: 4, wait: SECOND * 3 / 4 };
    assert_eq!(refuse(&breaker, 9, "v/c"), Some(shut));
    assert_eq!(departs(&breaker, 9, "v/c"), None, "nor does one go whose turn had come");
    assert_eq!(breaker.standing().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_between_keeps_it_closed() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 0..10 * MOST {
        fail(&breaker, question, if question % 2 == 0 { "t/a" } else { "t/b" });
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
        breaker.failed(
            &question,
            whose(if question % 2 == 0 { "t/a" } else { "u/b" }).party(),
            &fault(Kind::TimedOut),
            moment,
        );
    }
    assert_eq!((phase(&breaker), breaker.standing().faults), (Phase::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn one_probe_goes_each_second_however_long_the_one_before_hangs() {
    let breaker = open();
    for question in 10..15 {
        advance(SECOND).await;
        assert_eq!(phase(&breaker), Phase::HalfOpen);
        assert!(departs(&breaker, question, "t/a").is_some());
        assert!(departs(&breaker, 99, "t/a").is_none() && refuse(&breaker, 99, "t/b").is_some(), "one at a time");
        assert_eq!(refuse(&breaker, question, "t/a"), None, "who asks the same waits with it");
        assert!(departs(&breaker, question, "t/a").is_some(), "its turn came too late, and comes again");
    }
    assert_eq!(breaker.standing().probes, 5);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_leaves_it_open_and_one_that_is_answered_closes_it() {
    let breaker = open();
    advance(SECOND).await;
    assert!(departs(&breaker, 10, "t/a").is_some());
    fail(&breaker, 10, "t/a");
    assert_eq!(phase(&breaker), Phase::Open);
    assert!(refuse(&breaker, 10, "t/a").is_some(), "the question of the probe too");
    advance(SECOND).await;
    assert!(departs(&breaker, 11, "t/a").is_some());
    breaker.answered(SECOND / 10);
    assert_eq!((phase(&breaker), refuse(&breaker, 9, "t/a")), (Phase::Closed, None));
    fail(&breaker, 12, "t/a");
    assert_eq!(phase(&breaker), Phase::Closed, "the count begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_read_and_refused_closes_it_where_only_its_app_failed() {
    let refusal = Fault::documented("InvalidParameter.NotExistAppId");
    let of_one = Breaker::new(MOST, TIMEOUT);
    for question in 0..MOST {
        fail(&of_one, question, "t/a");
    }
    for (breaker, then) in [(of_one, Phase::Closed), (open(), Phase::Open)] {
        advance(SECOND).await;
        assert!(departs(&breaker, 10, "t/a").is_some());
        breaker.failed(&10, whose("t/a").party(), &refusal, Instant::now());
        assert_eq!(phase(&breaker), then);
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_one_app_neither_keep_it_closed_for_others_nor_make_them_wait() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    let refused = |breaker: &Breaker<u32>| {
        breaker.failed(
            &7,
            whose("v/gone").party(),
            &Fault::documented("InvalidParameter.NotExistAppId"),
            Instant::now(),
        );
    };
    for question in 0..4 {
        fail(&breaker, question, if question % 2 == 0 { "t/a" } else { "u/b" });
        refused(&breaker);
    }
    assert_eq!(phase(&breaker), Phase::Open);
    advance(SECOND).await;
    assert!(departs(&breaker, 7, "v/gone").is_some());
    refused(&breaker);
    assert_eq!(refuse(&breaker, 9, "v/a").map(|shut| shut.wait), Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn throttles_a_wrong_clock_and_a_standstill_neither_open_nor_close_it() {
    for kind in [Kind::Throttled, Kind::Clock, Kind::Paused] {
        let breaker = Breaker::new(MOST, TIMEOUT);
        for question in 0..10 {
            breaker.failed(&question, whose("t/a").party(), &fault(kind), Instant::now() - TIMEOUT);
        }
        assert_eq!(phase(&breaker), Phase::Closed, "{kind:?}");
        let breaker = open();
        advance(SECOND).await;
        assert!(departs(&breaker, 10, "t/a").is_some());
        breaker.failed(&10, whose("t/a").party(), &fault(kind), Instant::now());
        assert_eq!(phase(&breaker), Phase::Open, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_alone_fails_shuts_out_no_other() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 0..MOST {
        fail(&breaker, question, "t/a");
    }
    assert!(refuse(&breaker, 9, "t/a").is_some() && refuse(&breaker, 9, "u/a").is_some());
    assert_eq!(refuse(&breaker, 9, "t/b"), None);
    assert!(
        [9, 10].iter().all(|question| departs(&breaker, *question, "t/b") == Some(TIMEOUT)),
        "without being a probe"
    );
    assert_eq!(breaker.standing().probes, 0);
    fail(&breaker, 9, "u/b");
    assert_eq!(refuse(&breaker, 10, "u/b"), None, "one fault may be chance");
    fail(&breaker, 10, "u/b");
    assert!(refuse(&breaker, 10, "u/b").is_some(), "until another fails too");
    assert!(refuse(&breaker, 10, "v/c").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_alone_fails_shuts_out_no_other_whatever_it_asks() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 0..100 {
        time_out(&breaker, question, &format!("t/a{question}"));
    }
    assert!(refuse(&breaker, 200, "t/z").is_some());
    assert_eq!(refuse(&breaker, 200, "u/z"), None);
    fail(&breaker, 200, "u/z");
    assert_eq!(refuse(&breaker, 201, "u/z"), None, "one fault may be chance");
    time_out(&breaker, 201, "u/z");
    assert!(refuse(&breaker, 202, "v/y").is_some(), "two tenants had no answer for as long");
    assert!(breaker.state.borrow().tally.len() < 10, "of all that failed");
}

#[tokio::test(start_paused = true)]
async fn an_app_of_several_tenants_that_alone_fails_shuts_out_no_other() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 0..10 {
        fail(&breaker, question, if question % 2 == 0 { "t/a" } else { "u/a" });
    }
    assert!(refuse(&breaker, 20, "v/a").is_some());
    assert_eq!(refuse(&breaker, 20, "t/b"), None);
}

/// Time in steps of a twentieth of a second. Some poll at each, with ever other questions that always fail; another comes
/// when it was told to. When that one goes, and how many probes there were.
async fn until_the_polite_one_goes(breaker: &Breaker<u32>, pollers: &[&str]) -> (Duration, u32, u32) {
    let began = Instant::now();
    let (mut comes, mut returns, mut probes) = (began, 0, 0);
    for question in 0.. {
        advance(SECOND / 20).await;
        for (names, question) in pollers.iter().zip([question, question + 1_000_000]) {
            if departs(breaker, question, names).is_some() {
                probes += 1;
                fail(breaker, question, names);
            }
        }
        if Instant::now() < comes {
            continue;
        }
        match refuse(breaker, 9_000_000, "v/good") {
            None => {
                assert!(departs(breaker, 9_000_000, "v/good").is_some());
                return (began.elapsed(), returns, probes);
            }
            // As `Retry-After` says it.
            Some(shut) => comes = Instant::now() + Duration::from_secs_f64(shut.wait.as_secs_f64().ceil()),
        }
        returns += 1;
        assert!(returns < 100, "it never goes");
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_when_told_is_the_probe_however_often_others_look() {
    let breaker = open();
    for pollers in [&["t/a"][..], &["t/a", "u/b"]] {
        for _ in 0..5 {
            let (took, returns, probes) = until_the_polite_one_goes(&breaker, pollers).await;
            assert!(returns <= 2 && took <= SECOND * 3, "{returns} returns in {took:?}");
            assert!(probes <= 6, "{probes} in {took:?}");
            // The upstream was sick for it too.
            fail(&breaker, 9_000_000, "v/good");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_two_probes_go_in_a_second_however_many_tenants_ask() {
    let breaker = open();
    let mut probes = 0;
    for step in 0..200 {
        advance(SECOND / 20).await;
        for tenant in 0..20 {
            let (question, names) = (step * 100 + tenant, format!("t{tenant}/a{tenant}"));
            if departs(&breaker, question, &names).is_some() {
                probes += 1;
                fail(&breaker, question, &names);
            }
        }
    }
    assert!((15..=20).contains(&probes), "{probes} in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn the_next_probe_waits_for_as_long_as_the_vendor_asks() {
    let breaker = open();
    advance(SECOND).await;
    assert!(departs(&breaker, 10, "t/a").is_some());
    let asks = Fault { retry_after: Some(SECOND * 4), ..fault(Kind::Failing) };
    breaker.failed(&10, whose("t/a").party(), &asks, Instant::now());
    assert_eq!(refuse(&breaker, 9, "t/a").map(|shut| shut.wait), Some(SECOND * 4));
    // What only a person can mend is not tried each second either.
    advance(SECOND * 4).await;
    assert!(departs(&breaker, 10, "t/a").is_some());
    breaker.failed(&10, whose("t/a").party(), &fault(Kind::Credentials), Instant::now());
    assert_eq!(refuse(&breaker, 9, "t/a").map(|shut| shut.wait), Some(SECOND * 3));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_it_opens_and_when_another_is_the_probe() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    let whose = whose("t/a");
    let mut told = Box::pin(breaker.shuts_out(&9, whose.party()));
    assert!(timeout(SECOND, &mut told).await.is_err());
    for question in 0..MOST {
        fail(&breaker, question, "t/a");
    }
    timeout(Duration::ZERO, told).await.unwrap();
    advance(SECOND).await;
    let told = breaker.shuts_out(&9, whose.party());
    tokio::pin!(told);
    assert!(timeout(SECOND, &mut told).await.is_err(), "a probe is due, and may be this one");
    assert!(breaker.departs(&8, whose.party()).is_some());
    timeout(Duration::ZERO, told).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_the_faults_of_others_shut_it_out_too() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    for question in 0..MOST {
        fail(&breaker, question, "t/a");
    }
    let other = whose("v/c");
    let mut told = Box::pin(breaker.shuts_out(&9, other.party()));
    fail(&breaker, 5, "u/b");
    assert!(timeout(SECOND / 2, &mut told).await.is_err());
    fail(&breaker, 6, "u/b");
    timeout(Duration::ZERO, told).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_the_vendor_asks_for_a_pause() {
    let breaker = open();
    advance(SECOND).await;
    let whose = whose("v/c");
    let mut told = Box::pin(breaker.shuts_out(&9, whose.party()));
    assert!(timeout(Duration::ZERO, &mut told).await.is_err(), "a probe is due");
    let asks = Fault { retry_after: Some(SECOND * 4), ..fault(Kind::Throttled) };
    breaker.failed(&77, whose.party(), &asks, Instant::now());
    timeout(Duration::ZERO, told).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_another_replica_makes_the_next_probe_due_once_a_second() {
    let breaker = open();
    breaker.answered_elsewhere();
    assert_eq!(phase(&breaker), Phase::HalfOpen);
    let mut probes = 0;
    for question in 10..50 {
        breaker.answered_elsewhere();
        if departs(&breaker, question, "t/a").is_some() {
            probes += 1;
            fail(&breaker, question, "t/a");
        }
        advance(SECOND / 20).await;
    }
    assert!((2..=4).contains(&probes), "{probes} in two seconds");
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_another_replica_does_not_cut_the_pause_that_the_vendor_asks_for() {
    let breaker = open();
    let asks = Fault { retry_after: Some(SECOND * 4), ..fault(Kind::Failing) };
    breaker.failed(&5, whose("t/a").party(), &asks, Instant::now());
    breaker.answered_elsewhere();
    assert_eq!(refuse(&breaker, 9, "t/a").map(|shut| shut.wait), Some(SECOND * 4));
}

#[tokio::test(start_paused = true)]
async fn two_calls_that_time_out_tell_as_much_as_many_that_fail_at_once() {
    let breaker = Breaker::new(5, TIMEOUT);
    for (question, names) in [(1, "t/a"), (2, "u/b")] {
        assert_eq!(phase(&breaker), Phase::Closed);
        time_out(&breaker, question, names);
    }
    assert_eq!((phase(&breaker), breaker.standing().faults), (Phase::Open, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_had_no_time_to_be_answered_tells_nothing() {
    let breaker = Breaker::new(MOST, TIMEOUT);
    breaker.answered(SECOND / 2);
    advance(TIMEOUT).await;
    let given = |time| {
        breaker.failed(&1, whose("t/a").party(), &fault(Kind::TimedOut), Instant::now() - time);
        breaker.standing().faults
    };
    assert_eq!(breaker.least(), SECOND * 2);
    assert_eq!(given(SECOND / 5), 0);
    assert_eq!(given(SECOND * 2), 1);
}

/// Open since two calls timed out, after answers that took this long.
async fn timed_out(usual: Duration) -> Breaker<u32> {
    let breaker = Breaker::new(MOST, TIMEOUT);
    breaker.answered(usual);
    time_out_again(&breaker).await;
    breaker
}

async fn time_out_again(breaker: &Breaker<u32>) {
    advance(TIMEOUT).await;
    for names in ["t/a", "u/b"] {
        time_out(breaker, 1, names);
    }
}

#[tokio::test(start_paused = true)]
async fn after_time_outs_a_probe_gets_a_few_times_what_an_answer_usually_takes() {
    let usual =
        [(Duration::ZERO, QUICK_AT_FIRST), (SECOND / 20, QUICK), (SECOND / 2, SECOND * 2), (SECOND * 5, TIMEOUT)];
    for (usual, time) in usual {
        let breaker = timed_out(usual).await;
        advance(SECOND).await;
        assert_eq!(departs(&breaker, 10, "t/a"), Some(time), "{usual:?}");
    }
    let breaker = open();
    advance(SECOND).await;
    assert_eq!(departs(&breaker, 10, "t/a"), Some(TIMEOUT), "where nothing hangs there is no hurry");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_turn_came_too_late_has_the_same_time_when_it_comes_again() {
    let breaker = timed_out(SECOND / 20).await;
    let mut patient = 0;
    for second in 1..=70 {
        advance(SECOND).await;
        let first = departs(&breaker, second, "t/a");
        assert_eq!(departs(&breaker, second, "t/a"), first);
        patient += u32::from(first == Some(TIMEOUT));
        time_out(&breaker, second, "t/a");
    }
    assert_eq!(patient, 2);
}

#[tokio::test(start_paused = true)]
async fn one_probe_in_three_time_outs_time_is_given_the_whole_of_it() {
    let breaker = timed_out(SECOND / 20).await;
    let mut patient = Vec::new();
    for second in 1..=100 {
        advance(SECOND).await;
        if departs(&breaker, second, "t/a") == Some(TIMEOUT) {
            patient.push(second);
        }
        time_out(&breaker, second, "t/a");
    }
    assert_eq!(patient, [31, 61, 91]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_forgotten_in_time() {
    let breaker = timed_out(SECOND * 5).await;
    for _ in 0..50 {
        breaker.answered(SECOND / 20);
    }
    time_out_again(&breaker).await;
    advance(SECOND).await;
    assert_eq!(departs(&breaker, 10, "t/a"), Some(QUICK));
}

#[tokio::test(start_paused = true)]
async fn zero_is_never() {
    let breaker = Breaker::new(0, TIMEOUT);
    for question in 0..100 {
        fail(&breaker, question, "t/a");
    }
    assert_eq!(phase(&breaker), Phase::Closed);
}
