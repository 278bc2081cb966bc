//! A record that is slower than its permit.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::*;
use crate::budget::{self, Budget, GuardRule};
use crate::query::Question;

/// A permit is good for half of it.
const GUARD: Duration = Duration::from_millis(200);
/// Much longer than that; and two in a row are not as long as the longest that a call waits for its record.
const SYNC: Duration = Duration::from_millis(500);

fn asking(app: &str) -> Asking {
    Question::sample(app).asked_elsewhere().into()
}

fn leg(tenant: &str, number: u32) -> Leg {
    let now = Instant::now();
    Leg { tenant: TenantId::new(tenant), number, departed: now, until: now + Duration::from_secs(10) }
}

fn budget() -> Budget {
    let (per, guard) = (Duration::from_secs(1), GuardRule::Within(GUARD));
    Budget::unused(&budget::Config { calls: 1, per, guard, store: None })
}

async fn turn(audit: &Audit, shelf: &Shelf, budget: &Budget, leg: &Leg) -> Result<(Permit, Opened), Landing<()>> {
    recorded(audit, shelf, budget.permit().await, &asking("app"), leg).await
}

fn outcomes(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| Some(line["outcome"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn a_disk_slower_than_a_permit_costs_one_turn_and_not_the_call() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (audit, shelf, budget) = (Audit::slow(&path, SYNC), Shelf::default(), budget());
    let first = turn(&audit, &shelf, &budget, &leg("red", 1)).await;
    assert!(matches!(first, Err(Landing::Late)));
    assert_eq!(audit.standing().unwrap().late, 1);
    let began = Instant::now();
    let (permit, record) = turn(&audit, &shelf, &budget, &leg("red", 1)).await.unwrap();
    assert!(began.elapsed() < SYNC / 2, "the only slot was free at once, and the record ready");
    drop(permit.send().expect("in time"));
    record.departs();
    drop(record);
    audit.flush().await;
    assert_eq!(outcomes(&path), ["lost"], "one record for both turns");
}

#[tokio::test]
async fn the_slot_is_free_for_others_while_a_record_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::slow(&directory.path().join("audit.jsonl"), SYNC);
    let (shelf, budget) = (Shelf::default(), budget());
    let began = Instant::now();
    let (late, other) = tokio::join!(
        async { (turn(&audit, &shelf, &budget, &leg("red", 1)).await.is_err(), began.elapsed()) },
        async {
            tokio::time::sleep(GUARD / 4).await;
            let permit = budget.permit().await;
            (permit.slot(), began.elapsed())
        }
    );
    assert!(late.0 && other.1 < late.1, "{other:?} {late:?}");
}

#[tokio::test]
async fn a_record_is_used_for_no_other_turn_and_not_kept_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (audit, shelf, budget) = (Audit::slow(&path, SYNC), Shelf::default(), budget());
    assert!(turn(&audit, &shelf, &budget, &leg("red", 1)).await.is_err());
    assert!(turn(&audit, &shelf, &budget, &leg("green", 1)).await.is_err(), "it has to have its own");
    shelf.close();
    audit.flush().await;
    assert_eq!(outcomes(&path), ["not_sent", "not_sent"]);
    assert!(turn(&audit, &shelf, &budget, &leg("green", 1)).await.is_err());
    audit.close().await;
    assert_eq!(outcomes(&path), ["not_sent", "not_sent", "not_sent"], "nor is one that comes after the end");
}
