//! Patience, by the clock of the test.

use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn pace() -> Pace {
    Pace::new(Bounds::SERVED, Instant::now())
}

/// In how many seconds patience ends, and with what.
fn due(pace: &Pace) -> Option<(u64, Overdue)> {
    pace.due().map(|(at, why)| (at.saturating_duration_since(Instant::now()).as_secs(), why))
}

#[test]
fn the_bounds_are_those_that_are_promised() {
    let Bounds { first, head, idle, farewell, stall, answer, .. } = Bounds::SERVED;
    assert!(first.max(head).max(stall) <= 10 * SECOND, "slow connections are dropped within 10 s");
    assert!(idle + farewell + stall < 60 * SECOND, "idle ones within 60 s");
    assert!(answer <= 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_goes_soon_and_one_that_was_used_later() {
    let pace = pace();
    assert_eq!(due(&pace), Some((7, Overdue::Idle)));
    let turn = pace.begin(false);
    assert_eq!(due(&pace), None, "nobody is late while the gateway thinks");
    advance(30 * SECOND).await;
    let turn = turn.answers();
    assert_eq!(due(&pace), Some((60, Overdue::Answer)));
    advance(59 * SECOND).await;
    drop(turn);
    assert_eq!(due(&pace), Some((50, Overdue::Idle)));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_timed_from_its_first_byte() {
    let pace = pace();
    for _ in 0..4 {
        pace.heard();
        advance(SECOND).await;
    }
    assert_eq!(due(&pace), Some((1, Overdue::Head)));
    drop(pace.begin(false).answers());
    assert_eq!(due(&pace), Some((50, Overdue::Idle)), "the head is whole");
    advance(40 * SECOND).await;
    pace.heard();
    assert_eq!(due(&pace), Some((5, Overdue::Head)));
}

#[tokio::test(start_paused = true)]
async fn the_first_head_has_to_be_whole_while_the_connection_is_new() {
    let pace = pace();
    advance(6 * SECOND).await;
    pace.heard();
    assert_eq!(due(&pace), Some((1, Overdue::Head)));
}

#[tokio::test(start_paused = true)]
async fn what_comes_ahead_of_its_turn_is_timed_from_when_it_could_be_read() {
    let pace = pace();
    let turn = pace.begin(false).answers();
    pace.heard();
    advance(20 * SECOND).await;
    drop(turn);
    pace.listens();
    assert_eq!(due(&pace), Some((5, Overdue::Head)), "a part of the next head");
    let turn = pace.begin(true);
    pace.heard();
    drop(turn.answers());
    pace.listens();
    assert_eq!(due(&pace), Some((50, Overdue::Idle)), "a body is no head");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_ends_the_connection_even_while_others_wait() {
    let pace = pace();
    let _thinking = pace.begin(false);
    pace.writes(false);
    advance(6 * SECOND).await;
    pace.writes(false);
    assert_eq!(due(&pace), Some((2, Overdue::Stall)));
    pace.writes(true);
    assert_eq!(due(&pace), None);
}

#[tokio::test(start_paused = true)]
async fn of_answers_under_way_the_oldest_counts() {
    let pace = pace();
    let first = pace.begin(false).answers();
    advance(10 * SECOND).await;
    let _second = pace.begin(false).answers();
    assert_eq!(due(&pace), Some((50, Overdue::Answer)));
    drop(first);
    assert_eq!(due(&pace), Some((60, Overdue::Answer)));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_only_given_up_end_the_connection_and_a_few_do_not() {
    let busy = pace();
    for _ in 0..200 {
        drop(busy.begin(false));
        drop(busy.begin(false).answers());
    }
    assert_eq!(due(&busy), Some((50, Overdue::Idle)), "as many are answered");
    let flood = pace();
    for _ in 0..Bounds::SERVED.given_up {
        drop(flood.begin(false));
    }
    assert_ne!(due(&flood), Some((0, Overdue::GivenUp)));
    drop(flood.begin(false));
    assert_eq!(due(&flood), Some((0, Overdue::GivenUp)));
    let other = flood.begin(false);
    flood.leaves();
    assert_eq!(due(&flood), None, "who waits beside them is answered");
    for _ in 0..Bounds::SERVED.given_up {
        drop(flood.begin(false));
    }
    assert_eq!(due(&flood), Some((0, Overdue::GivenUp)), "whoever goes on is cut");
    drop(other);
}
