//! What every budget promises, run against the one of a process and against the one that replicas share in a real Redis.
//! Times are taken from below exactly and from above with room, because the shared one runs in real time.

use std::future::pending;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use super::*;
use crate::model::TenantId;
use crate::settings::Settings;
use crate::store::tests::redis::Redis;
use crate::store::{self, Keeper};

/// Longer than any room, which tells what frees at once from what waits for it.
const PER: Duration = Duration::from_millis(600);
const GUARD: Duration = Duration::from_millis(80);
/// What a machine under load may add to any wait in real time.
const ROOM: Duration = Duration::from_millis(500);
/// What timers add that go by whole milliseconds, where time is stopped.
const TICKS: Duration = Duration::from_millis(5);
const REPLICAS: usize = 3;

/// A question that nobody else asks, bid for without end. One at a time for each replica, as its dispatcher would.
pub(super) struct Open(String, Instant);

impl Default for Open {
    fn default() -> Self {
        Self(Uuid::now_v7().simple().to_string(), Instant::now())
    }
}

impl Named for String {
    fn name(&self) -> String {
        self.clone()
    }
}

impl Floor<String> for Open {
    fn bids(&self) -> Vec<Bid<String>> {
        let (question, tenant) = (self.0.clone(), TenantId::new("open"));
        vec![Bid { question, tenant, weight: 1, since: self.1, waiting: 1 }]
    }

    fn changed(&self) -> impl Future<Output = ()> + Send {
        pending()
    }

    fn asked_elsewhere(&self, _: &String, _: Instant) {}

    fn align(&self, _: Option<&Order>) {}
}

/// The replicas that spend from one budget, and what keeps them running.
struct House {
    replicas: Vec<Budget>,
    redis: Option<Redis>,
}

impl House {
    /// One process whose parts share its budget.
    fn local(calls: usize, guard: GuardRule) -> Self {
        let budget = Budget::unused(&Config { calls, per: PER, guard, store: None });
        Self { replicas: vec![budget; REPLICAS], redis: None }
    }

    /// Several processes, as far as the store can tell. Returns when an unknown past has passed.
    async fn shared(calls: usize, guard: GuardRule) -> Self {
        Self::shared_in(PER, calls, guard).await
    }

    async fn shared_in(per: Duration, calls: usize, guard: GuardRule) -> Self {
        let redis = Redis::running().await;
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            let (store, keeper) = Keeper::open(store_config(&redis)).await.unwrap();
            tokio::spawn(keeper.run());
            replicas.push(Budget::shared(&Config { calls, per, guard, store: None }, store));
        }
        let house = Self { replicas, redis: Some(redis) };
        drop(house.first().permit().await);
        // That it was given back is told without waiting.
        sleep(Duration::from_millis(100)).await;
        house
    }

    fn first(&self) -> &Budget {
        &self.replicas[0]
    }

    fn second(&self) -> &Budget {
        &self.replicas[1]
    }

    /// Holds a wait to have been as long as this, and longer only by what is nobody's fault.
    fn about(&self, actual: Duration, least: Duration) {
        let room = if self.redis.is_some() { ROOM } else { TICKS };
        assert!(actual >= least && actual < least + room, "{actual:?} instead of {least:?}");
    }
}

fn store_config(redis: &Redis) -> store::Config {
    let mut settings = Settings::new("[budget]\nredis_prefix = 'test'\n");
    settings.overlay_text(Path::new("test"), &format!("[budget]\nredis_url = '{}'\n", redis.url()));
    let config = store::Config::read(&mut settings.root().section("budget"));
    config.flatten().expect("the URL of a running server is good")
}

/// How long from `start` until the next permit, which is given back.
async fn granted_after(budget: &Budget, start: Instant) -> Duration {
    drop(budget.permit().await);
    start.elapsed()
}

/// A call on its way. What a machine under load does too late to be sent is tried again.
async fn sent(budget: &Budget) -> InFlight {
    loop {
        if let Ok(in_flight) = budget.permit().await.send() {
            return in_flight;
        }
    }
}

/// What a slot costs whose owner is not heard of again.
const LEASE: Duration = Duration::from_millis(500).saturating_add(GUARD).saturating_add(PER);

async fn a_permit_dropped_unsent_frees_its_slot_at_once(house: House) {
    let permit = house.first().permit().await;
    let start = Instant::now();
    drop(permit);
    house.about(granted_after(house.second(), start).await, Duration::ZERO);
    assert_eq!(house.first().standing().sent, 0);
}

async fn a_late_permit_is_refused_and_its_slot_is_free(house: House) {
    let permit = house.first().permit().await;
    sleep(GUARD / 2 + Duration::from_millis(1)).await;
    let start = Instant::now();
    assert_eq!(permit.send().unwrap_err(), Late);
    house.about(granted_after(house.second(), start).await, Duration::ZERO);
}

async fn an_answer_begins_the_slots_second(house: House) {
    let in_flight = sent(house.first()).await;
    sleep(GUARD / 4).await;
    let answered = Instant::now();
    in_flight.answered();
    house.about(granted_after(house.second(), answered).await, PER);
}

async fn an_arrival_begins_it_and_a_late_answer_changes_nothing(house: House) {
    let in_flight = sent(house.first()).await;
    sleep(GUARD).await;
    let arrived = Instant::now();
    in_flight.arrived();
    sleep(PER / 2).await;
    in_flight.answered();
    house.about(granted_after(house.second(), arrived).await, PER);
}

async fn a_lost_call_may_still_be_on_its_way(house: House) {
    let in_flight = sent(house.first()).await;
    sleep(GUARD / 4).await;
    let lost = Instant::now();
    drop(in_flight);
    house.about(granted_after(house.second(), lost).await, GUARD + PER);
}

async fn a_call_that_was_never_sent_is_paced_like_one(house: House) {
    let in_flight = sent(house.first()).await;
    let ended = Instant::now();
    in_flight.never_sent();
    house.about(granted_after(house.second(), ended).await, PER);
    assert_eq!(house.first().standing().sent, 0);
}

/// Its connection is being opened, or the rule is strict.
async fn a_call_without_a_word_holds_its_slot_for_as_long_as_it_takes(house: House) {
    let in_flight = sent(house.first()).await;
    let waits = LEASE * 2;
    assert!(timeout(waits, house.second().permit()).await.is_err(), "its slot was given to another");
    let still_ours = in_flight.written_by().is_none_or(|by| by > Instant::now());
    assert!(still_ours, "the slot is held, and its call may be written");
    let answered = Instant::now();
    in_flight.answered();
    house.about(granted_after(house.second(), answered).await, PER);
}

async fn a_throttle_doubles_the_guard_of_all(house: House) {
    sent(house.first()).await.throttled();
    let wide = async {
        while house.replicas.iter().any(|replica| replica.standing().guard < GUARD * 2) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(2), wide).await.unwrap();
    assert!(house.replicas.iter().all(|replica| replica.standing().guard == GUARD * 2), "once, and at all of them");
    assert_eq!(house.first().standing().throttled, 1);
}

/// From all replicas at once, with every kind of end; each arrival is noted as late as the guard allows.
async fn many_who_wait_never_meet_in_one_window(house: House) {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut asking = JoinSet::new();
    for replica in house.replicas.clone() {
        let tell = tell.clone();
        asking.spawn(async move {
            let mut calls = JoinSet::new();
            for number in 0..8_u32 {
                let permit = replica.permit().await;
                // Not wanted after all; or late, on a machine under load.
                if number == 5 {
                    continue;
                }
                let Ok(in_flight) = permit.send() else { continue };
                let tell = tell.clone();
                calls.spawn(async move {
                    sleep(GUARD * (number % 4) / 4).await;
                    let _all_listen = tell.send(Instant::now());
                    sleep(Duration::from_millis(u64::from(number % 3))).await;
                    if number % 5 == 4 { drop(in_flight) } else { in_flight.answered() }
                });
            }
            calls.join_all().await;
        });
    }
    asking.join_all().await;
    let mut arrivals: Vec<Instant> = std::iter::from_fn(|| told.try_recv().ok()).collect();
    arrivals.sort_unstable();
    assert!(arrivals.len() > 10, "{arrivals:?}");
    let crowded = arrivals.windows(3).find(|window| window[2] - window[0] < PER);
    assert_eq!(crowded, None, "{arrivals:?}");
}

macro_rules! every_budget {
    ($($name:ident of $calls:literal;)*) => {
        mod local {
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    super::$name(super::House::local($calls, super::GuardRule::Within(super::GUARD))).await;
                }
            )*
        }

        mod shared {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(super::House::shared($calls, super::GuardRule::Within(super::GUARD)).await).await;
                }
            )*
        }
    };
}

every_budget! {
    a_permit_dropped_unsent_frees_its_slot_at_once of 1;
    a_late_permit_is_refused_and_its_slot_is_free of 1;
    an_answer_begins_the_slots_second of 1;
    an_arrival_begins_it_and_a_late_answer_changes_nothing of 1;
    a_lost_call_may_still_be_on_its_way of 1;
    a_call_that_was_never_sent_is_paced_like_one of 1;
    a_call_without_a_word_holds_its_slot_for_as_long_as_it_takes of 1;
    a_throttle_doubles_the_guard_of_all of 2;
    many_who_wait_never_meet_in_one_window of 2;
}

// What only processes can do to each other.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slot_of_one_who_died_frees_itself() {
    let house = House::shared(1, GuardRule::Within(GUARD)).await;
    let start = Instant::now();
    std::mem::forget(house.first().permit().await);
    house.about(granted_after(house.second(), start).await, LEASE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_its_data_grants_nothing_for_a_lease() {
    let house = House::shared(2, GuardRule::Within(GUARD)).await;
    let redis = house.redis.as_ref().unwrap();
    sent(house.first()).await.answered();
    let lost = Instant::now();
    redis.cli(&["FLUSHALL"]);
    house.about(granted_after(house.second(), lost).await, LEASE);
    let told = Instant::now();
    redis.cli(&["HSET", "{test}:slots", "run_id", "another"]);
    house.about(granted_after(house.second(), told).await, LEASE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_slot_was_forgotten_is_not_written_any_more() {
    let house = House::shared(1, GuardRule::Within(GUARD)).await;
    let in_flight = sent(house.first()).await;
    let known = || in_flight.written_by().expect("nothing has arrived");
    let mut last = known();
    house.redis.as_ref().unwrap().cli(&["FLUSHALL"]);
    // The next prolongation finds out, before the tenure would have ended by itself.
    loop {
        let by = known();
        if by < last {
            break;
        }
        assert!(Instant::now() < by, "the tenure ended by itself");
        last = by;
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_is_good_for_no_longer_than_its_call_can_still_be_written_and_prolonged() {
    // Half of a guard as long as that would be all of the tenure.
    let house = House::shared_in(Duration::from_secs(1), 1, GuardRule::Strict).await;
    let in_flight = loop {
        let permit = house.first().permit().await;
        let good_until = permit.good_until();
        assert!(good_until < Instant::now() + Duration::from_millis(350), "time is left for the writing");
        sleep_until(good_until - Duration::from_millis(50)).await;
        // A machine under load may come too late.
        if let Ok(in_flight) = permit.send() {
            break in_flight;
        }
    };
    // Until the tenure would have ended without a word of ours, and longer.
    let sent = Instant::now();
    while sent.elapsed() < Duration::from_millis(400) {
        assert!(in_flight.written_by().is_some_and(|by| by > Instant::now()), "given up after {:?}", sent.elapsed());
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_lost_connection_nothing_is_granted_for_a_lease() {
    let house = House::shared(2, GuardRule::Within(GUARD)).await;
    let lost = Instant::now();
    house.redis.as_ref().unwrap().cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    timeout(ROOM * 4, async {
        while house.first().unavailable_for().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    let after = granted_after(house.first(), lost).await;
    assert!(after >= LEASE && after < LEASE + ROOM * 2, "{after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_further_away_than_any_lease_is_a_clock_set_back() {
    let house = House::shared(1, GuardRule::Within(GUARD)).await;
    let redis = house.redis.as_ref().unwrap();
    let start = Instant::now();
    redis.cli(&["HSET", "{test}:slots", "until:0", "9007199254740991"]);
    let after = granted_after(house.first(), start).await;
    assert!(after >= PER && after < LEASE + PER * 3 + ROOM, "{after:?}");
}
