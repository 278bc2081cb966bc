//! What is held, how fresh it is, how much of it fits, and what a purge takes.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::auth::Caller;
use crate::model::{AppId, Region, Window};
use crate::tenancy::config::{AppConfig, TenantConfig};
use crate::tenancy::{Rate, Registry};

const SECOND: Duration = Duration::from_secs(1);
const TTL: Duration = Duration::from_secs(600);
const STALE: Duration = Duration::from_secs(86_400);
/// When the window of `question` ends; it settles 8 h later.
const ENDS: &str = "2026-11-02T00:00:00Z";

fn rules() -> query::Config {
    query::Config::default()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ask(app: &str, from: &str) -> Question {
    let app = AppConfig { name: "app".into(), id: AppId::parse(app).unwrap() };
    let one = std::num::NonZeroU32::MIN;
    let rate = Rate { requests_per_second: one, burst: one };
    let tenant = TenantConfig { id: crate::model::TenantId::new("t"), rate, weight: 1, apps: vec![app] };
    let registry = Registry::new(&crate::tenancy::Config { tenants: vec![tenant] });
    let grant = registry.grant(&Caller::of_tenant("t"), "app").unwrap();
    let raw = format!("from={from}&to={ENDS}&dim=province");
    query::ask(&grant, &raw, at("2026-11-09T00:00:00Z"), &rules()).unwrap().question().clone()
}

fn question() -> Question {
    ask("a", "2026-11-01T00:00:00Z")
}

fn cache_of(max_bytes: u64) -> Cache {
    Cache::new(Config { max_bytes, recent_ttl: TTL, stale_if_error: STALE, stale_if_slow: SECOND })
}

fn answer(fetched_at: &str, settled: bool) -> Answer {
    Answer::new(&[], at(fetched_at), settled)
}

/// An answer whose rows weigh a little more than this.
fn heavy(bytes: usize) -> Answer {
    let region = Region { name: "x".repeat(bytes), value: 1.0, proportion: 100.0 };
    Answer::new(&[region], at(ENDS), true)
}

fn held(fetched_at: &str, settled: bool) -> Held {
    cache_of(1 << 20).hold(&question(), answer(fetched_at, settled), &rules())
}

fn after(held: &Held, age: Duration) -> Freshness {
    held.freshness(held.answer.fetched_at() + SignedDuration::try_from(age).unwrap())
}

fn just_before(age: Duration) -> Duration {
    age.saturating_sub(Duration::from_nanos(1))
}

#[test]
fn what_is_held_is_found_by_its_question_alone() {
    let cache = cache_of(1 << 20);
    assert!(cache.get(&question()).is_none());
    cache.hold(&question(), answer(ENDS, false), &rules());
    assert_eq!(cache.get(&question()).unwrap().answer, answer(ENDS, false));
    assert!(cache.get(&ask("b", "2026-11-01T00:00:00Z")).is_none());
    assert!(cache.get(&ask("a", "2026-11-01T00:00:01Z")).is_none());
}

#[test]
fn a_final_answer_is_fresh_for_good() {
    let held = held("2026-11-02T08:00:00Z", true);
    let ages = after(&held, 3650 * STALE);
    assert!(ages.is_fresh() && ages.serves_on_error(Duration::ZERO));
    assert_eq!((held.lifetime, ages.ttl()), (None, None));
}

#[test]
fn a_moving_answer_is_fresh_for_recent_ttl() {
    let held = held(ENDS, false);
    assert_eq!(held.lifetime, Some(TTL));
    assert!(after(&held, just_before(TTL)).is_fresh());
    assert!(!after(&held, TTL).is_fresh());
}

#[test]
fn a_moving_answer_is_never_fresh_past_the_moment_it_settles() {
    for (fetched_at, lifetime) in [
        ("2026-11-02T07:50:00Z", TTL),
        ("2026-11-02T07:50:01Z", 599 * SECOND),
        ("2026-11-02T07:59:59Z", SECOND),
        ("2026-11-02T07:59:59.75Z", SECOND / 4),
        ("2026-11-02T08:00:00Z", Duration::ZERO),
        ("2026-11-02T08:00:01Z", Duration::ZERO),
    ] {
        let held = held(fetched_at, false);
        assert_eq!(held.lifetime, Some(lifetime), "{fetched_at}");
        let settled = at("2026-11-02T08:00:00Z").max(held.answer.fetched_at());
        assert!(!held.freshness(settled).is_fresh(), "{fetched_at}");
    }
}

#[test]
fn a_stale_answer_stands_in_for_as_long_as_configured() {
    let held = held(ENDS, false);
    let last = just_before(TTL + STALE);
    assert!(after(&held, last).serves_on_error(STALE));
    assert!(!after(&held, TTL + STALE).serves_on_error(STALE));
    assert!(!after(&held, TTL).serves_on_error(Duration::ZERO));
    assert!(after(&held, last).serves_on_error(Duration::MAX), "the sum stops at the longest duration");
}

#[test]
fn a_clock_set_back_makes_an_answer_newborn_and_no_younger() {
    let held = held(ENDS, false);
    let ages = held.freshness(at("2026-11-01T00:00:00Z"));
    assert_eq!((ages.age, ages.ttl()), (Duration::ZERO, Some(600)));
    assert!(ages.is_fresh());
}

#[test]
fn the_ttl_counts_whole_seconds_down_and_below_zero() {
    let held = held(ENDS, false);
    for (age_ms, ttl) in
        [(0, 600), (999, 600), (1000, 599), (599_999, 1), (600_000, 0), (601_000, -1), (4_200_000, -3600)]
    {
        assert_eq!(after(&held, Duration::from_millis(age_ms)).ttl(), Some(ttl), "{age_ms} ms");
    }
}

#[test]
fn an_entry_goes_when_it_could_not_even_stand_in_any_more() {
    let useful = Usefulness { stale_if_error: STALE };
    assert_eq!(useful.of(&held(ENDS, false)), Some(TTL + STALE));
    assert_eq!(useful.of(&held(ENDS, true)), None);
    let now = tokio::time::Instant::now().into_std();
    let rest = Some(SECOND);
    assert_eq!(useful.expire_after_update(&question(), &held(ENDS, true), now, rest), None);
    assert_eq!(useful.expire_after_create(&question(), &held(ENDS, false), now), Some(TTL + STALE));
}

#[test]
fn a_final_answer_takes_the_place_of_a_moving_one() {
    let cache = cache_of(1 << 20);
    cache.hold(&question(), answer(ENDS, false), &rules());
    cache.hold(&question(), answer("2026-11-02T08:00:00Z", true), &rules());
    assert_eq!(cache.get(&question()).unwrap().lifetime, None);
    assert_eq!(cache.standing().answers, 1);
}

#[test]
fn what_is_held_weighs_no_more_than_max_bytes_and_the_newest_stays() {
    const MOST: u64 = 100_000;
    let cache = cache_of(MOST);
    let questions: Vec<_> = (0..500).map(|app| ask(&format!("app{app}"), "2026-11-01T00:00:00Z")).collect();
    for question in &questions {
        cache.hold(question, heavy(1000), &rules());
    }
    let standing = cache.standing();
    assert!(standing.bytes <= MOST, "{standing:?}");
    assert!((31..=41).contains(&standing.answers), "{standing:?}");
    assert!(cache.get(questions.last().unwrap()).is_some());
    assert!(cache.get(&questions[0]).is_none());
}

#[test]
fn an_empty_answer_weighs_its_bookkeeping_and_one_beyond_all_bounds_is_not_held() {
    let cache = cache_of(10_000);
    cache.hold(&question(), answer(ENDS, true), &rules());
    let light = cache.standing();
    assert_eq!((light.answers, light.bytes), (1, u64::try_from(OVERHEAD + "a".len() + "[]".len()).unwrap()));
    let other = ask("b", "2026-11-01T00:00:00Z");
    cache.hold(&other, heavy(20_000), &rules());
    assert!(cache.standing().bytes <= 10_000);
    assert!(cache.get(&other).is_none());
}

#[test]
fn a_purge_takes_what_it_names_and_nothing_else() {
    let (one, other) = ("2026-11-01T00:00:00Z", "2026-11-01T12:00:00Z");
    let all = [ask("a", one), ask("a", other), ask("b", one)];
    let app = || AppId::parse("a").unwrap();
    let window: Window = all[0].window();
    for (purge, left) in [
        (Purge::Everything, [false, false, false]),
        (Purge::App(app(), None), [false, false, true]),
        (Purge::App(app(), Some(window)), [false, true, true]),
        (Purge::App(AppId::parse("c").unwrap(), None), [true, true, true]),
    ] {
        let cache = cache_of(1 << 20);
        for question in &all {
            cache.hold(question, answer(ENDS, true), &rules());
        }
        cache.purge(purge.clone());
        assert_eq!(all.each_ref().map(|question| cache.get(question).is_some()), left, "{purge:?}");
    }
}

#[test]
fn what_is_held_after_a_purge_stays() {
    let cache = cache_of(1 << 20);
    cache.purge(Purge::App(AppId::parse("a").unwrap(), None));
    cache.purge(Purge::Everything);
    cache.hold(&question(), answer(ENDS, true), &rules());
    assert!(cache.get(&question()).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_sick_question_rests_for_as_long_as_it_was_laid_for() {
    let sickbed = Sickbed::default();
    sickbed.lay(&question(), "fault", SECOND);
    let until = sickbed.get(&question()).unwrap().until;
    assert_eq!(until, tokio::time::Instant::now() + SECOND);
    tokio::time::advance(Duration::from_millis(999)).await;
    assert_eq!(sickbed.get(&question()).map(|sick| sick.fault), Some("fault"));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(sickbed.get(&question()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_question_laid_again_rests_anew_and_one_that_rises_does_not() {
    let sickbed = Sickbed::default();
    sickbed.lay(&question(), 1, SECOND);
    tokio::time::advance(SECOND / 2).await;
    sickbed.lay(&question(), 2, SECOND);
    tokio::time::advance(SECOND / 2).await;
    assert_eq!(sickbed.get(&question()).map(|sick| sick.fault), Some(2));
    assert!(sickbed.get(&ask("b", "2026-11-01T00:00:00Z")).is_none());
    sickbed.rise(&question());
    assert!(sickbed.get(&question()).is_none());
}
