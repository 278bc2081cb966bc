//! One question, one call: however many ask, and whoever hangs up.

use std::time::Duration;

use sluice::simulator::Settings;
use tokio::task::JoinSet;

use crate::support::{House, Plan, settled_day, settled_week};

async fn house() -> House {
    Plan::latency(Duration::from_secs(2)).build().await
}

/// A thousand askers of one question at once, so each on a connection of its own; `stays` says who waits for the answer.
async fn thousand(house: &House, stays: impl Fn(usize) -> bool) -> Vec<String> {
    let week = settled_week();
    let client = house.asker("red");
    let mut asking = JoinSet::new();
    for asker in 0..1000 {
        let (client, week, stays) = (client.clone(), week.clone(), stays(asker));
        asking.spawn(async move {
            if stays {
                return Some(client.ask("app-0", &week).await);
            }
            // Hangs up half-way to the answer: the future and its connection are dropped.
            let asked = tokio::time::timeout(Duration::from_secs(1), client.ask("app-0", &week)).await;
            assert!(asked.is_err(), "answered before it could hang up");
            None
        });
    }
    asking.join_all().await.into_iter().flatten().map(|reply| reply.text).collect()
}

/// Every answer is the one that is held, which has rows.
async fn all_right(house: &House, answers: &[String]) -> bool {
    let held = house.asker("red").with_header("cache-control", "only-if-cached").ask("app-0", &settled_week()).await;
    !held.rows().is_empty() && answers.iter().all(|answer| *answer == held.text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_identical_cold_requests_cost_one_call() {
    let house = house().await;
    let answers = thousand(&house, |_| true).await;
    assert_eq!(answers.len(), 1000);
    assert!(all_right(&house, &answers).await);
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nine_in_ten_hanging_up_change_nothing_for_those_who_stay() {
    // Who hangs up after a second does so before the answer, also where a thousand connections take their time.
    let house = Plan::latency(Duration::from_secs(4)).build().await;
    let answers = thousand(&house, |asker| asker % 10 == 9).await;
    assert_eq!(answers.len(), 100);
    assert!(all_right(&house, &answers).await);
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_asker_hanging_up_neither_cancels_nor_repeats_the_call() {
    let house = house().await;
    let week = settled_week();
    let first = house.asker("red");
    let hung_up = tokio::time::timeout(Duration::from_millis(100), first.ask("app-0", &week)).await;
    assert!(hung_up.is_err(), "the first asker must leave before the answer");
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let (client, week) = (first.clone(), week.clone());
        asking.spawn(async move { client.ask("app-0", &week).await });
    }
    for reply in asking.join_all().await {
        assert!(!reply.rows().is_empty());
    }
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_everyone_left_before_its_turn_costs_no_call() {
    let house = Plan::latency(Duration::from_millis(50)).build().await;
    let asker = house.asker("red");
    // Two turns are taken at once, so the third question waits for about a second.
    let (a, b) = (settled_day(0), settled_day(1));
    let (first, second) = tokio::join!(asker.ask("app-0", &a), asker.ask("app-0", &b));
    assert_eq!((first.status, second.status), (200, 200));
    let left = tokio::time::timeout(Duration::from_millis(200), house.asker("red").ask("app-1", &a)).await;
    assert!(left.is_err(), "the third question must still be waiting");
    // The next question gets the turn that would have been the third's.
    let next = house.asker("green").ask("app-0", &a).await;
    assert_eq!(next.status, 200);
    let asked: Vec<_> = house.upstream.arrivals().into_iter().filter_map(|arrival| arrival.app_id).collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(!asked.contains(&crate::support::app_id("red", 1)), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_spellings_of_the_same_instants_are_one_question() {
    let house = Plan { upstream: Settings::default(), ..Plan::default() }.build().await;
    let asker = house.asker("red");
    let (from, to) = settled_day(3);
    let first = asker.ask("app-0", &(from.clone(), to.clone())).await;
    let spelled = (format!("{from}T00:00:00%2B08:00"), format!("{to}T00:00:00+08:00"));
    let second = asker.ask("app-0", &spelled).await;
    assert_eq!(first.json()["data"], second.json()["data"]);
    assert_eq!(second.json()["from"], format!("{from}T00:00:00+08:00"));
    assert!(second.header("cache-status").starts_with("sluice; hit"));
    assert_eq!(house.calls(), 1);
}
