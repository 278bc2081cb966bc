//! Freshness against a model written from the contract's words in whole milliseconds: an answer fetched after its window
//! settled is final; a moving one is fresh for `recent_ttl`, never beyond the settling; `stale_if_error` more it may stand in.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::auth::Caller;
use crate::model::{AppId, TenantId};
use crate::tenancy::config::{AppConfig, TenantConfig};
use crate::tenancy::{Rate, Registry};

/// When the windows of all questions end; they settle eight hours later.
const ENDS: &str = "2026-11-02T00:00:00Z";
const SETTLED: i64 = 8 * 3_600_000;

/// Milliseconds after the windows' end.
fn at(milliseconds: i64) -> Timestamp {
    let ends: Timestamp = ENDS.parse().unwrap();
    ends + SignedDuration::from_millis(milliseconds)
}

fn question(app: usize) -> Question {
    let name = format!("app{app}");
    let app = AppConfig { name: name.as_str().into(), id: AppId::parse(&name).unwrap() };
    let one = std::num::NonZeroU32::MIN;
    let rate = Rate { requests_per_second: one, burst: one };
    let tenant = TenantConfig { id: TenantId::new("t"), rate, weight: 1, apps: vec![app] };
    let registry = Registry::new(&crate::tenancy::Config { tenants: vec![tenant] });
    let grant = registry.grant(&Caller::of_tenant("t"), &name).unwrap();
    let raw = format!("from=2026-11-01T00:00:00Z&to={ENDS}&dim=province");
    query::ask(&grant, &raw, at(7 * 86_400_000), &query::Config::default()).unwrap().question().clone()
}

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(count.unsigned_abs())
}

/// What is held of one question, in the contract's words.
#[derive(Clone, Copy, Debug)]
struct Noted {
    fetched: i64,
    is_final: bool,
}

impl Noted {
    /// Until when it is fresh.
    fn fresh_until(self, recent_ttl: i64) -> i64 {
        if self.is_final { i64::MAX } else { (self.fetched + recent_ttl).min(self.fetched.max(SETTLED)) }
    }
}

#[derive(Clone, Copy, Debug)]
enum Move {
    /// Time passes; now and then the clock is set back.
    Clock(i64),
    Fetch(usize),
    /// What another replica fetched so long ago comes in.
    Adopt(usize, i64),
    PurgeApp(usize),
    PurgeAll,
}

fn some_move() -> impl Strategy<Value = Move> {
    // Often around the settling, and to the millisecond around the lifetimes.
    let pass = prop_oneof![0..50i64, Just(999), Just(1000), Just(1001), 0..20_000i64, 0..40_000_000i64];
    prop_oneof![
        6 => pass.prop_map(Move::Clock),
        1 => (-5_000_000..0i64).prop_map(Move::Clock),
        4 => (0..3usize).prop_map(Move::Fetch),
        3 => (0..3usize, 0..60_000i64).prop_map(|(app, ago)| Move::Adopt(app, ago)),
        1 => (0..3usize).prop_map(Move::PurgeApp),
        1 => Just(Move::PurgeAll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_held_is_as_fresh_as_the_contract_says(
        begin in (SETTLED - 30_000)..(SETTLED + 5000),
        recent_ttl in prop_oneof![Just(1000), Just(600_000i64), 1000..20_000i64],
        stale_if_error in prop_oneof![Just(0), Just(86_400_000i64), 0..20_000i64],
        moves in prop::collection::vec(some_move(), 1..60),
    ) {
        let questions: [Question; 3] = std::array::from_fn(question);
        let rules = query::Config::default();
        let config = Config {
            max_bytes: 1 << 20,
            recent_ttl: milliseconds(recent_ttl),
            stale_if_error: milliseconds(stale_if_error),
            stale_if_slow: Duration::from_secs(2),
        };
        let (cache, elsewhere) = (Cache::new(config.clone()), Cache::new(config));
        let mut model: HashMap<usize, Noted> = HashMap::new();
        let (mut now, mut purges) = (begin, 0);
        let answer = |fetched: i64| Answer::new(&[], at(fetched), fetched >= SETTLED);
        for step in moves {
            match step {
                Move::Clock(by) => now += by,
                Move::Fetch(app) => {
                    cache.hold(&questions[app], answer(now), &rules);
                    model.insert(app, Noted { fetched: now, is_final: now >= SETTLED });
                }
                Move::Adopt(app, ago) => {
                    let fetched = now - ago;
                    let held = elsewhere.hold(&questions[app], answer(fetched), &rules);
                    cache.adopt(&questions[app], held);
                    // Never an older one over a newer one.
                    if model.get(&app).is_none_or(|known| known.fetched < fetched) {
                        model.insert(app, Noted { fetched, is_final: fetched >= SETTLED });
                    }
                }
                Move::PurgeApp(app) => {
                    cache.purge(Purge::App(questions[app].app().clone(), None));
                    model.remove(&app);
                    purges += 1;
                }
                Move::PurgeAll => {
                    cache.purge(Purge::Everything);
                    model.clear();
                    purges += 1;
                }
            }
            prop_assert_eq!(cache.purges(), purges);
            for (app, question) in questions.iter().enumerate() {
                let held = cache.get(question);
                let Some(noted) = model.get(&app) else {
                    prop_assert!(held.is_none(), "app {} was purged or never asked", app);
                    continue;
                };
                let Some(held) = held else {
                    // Held by the real clock, which hardly moves here: only what is of no use from the first is not held.
                    let useless = noted.fresh_until(recent_ttl) - noted.fetched + stale_if_error;
                    prop_assert!(useless < 5000, "app {} is gone", app);
                    continue;
                };
                prop_assert_eq!(held.answer.fetched_at(), at(noted.fetched));
                prop_assert_eq!(held.answer.is_final(), noted.is_final);
                let fresh_until = noted.fresh_until(recent_ttl);
                // A clock set back makes it newborn.
                let seen = now.max(noted.fetched);
                let freshness = held.freshness(at(now));
                prop_assert_eq!(freshness.age, milliseconds(seen - noted.fetched));
                prop_assert_eq!(freshness.is_fresh(), seen < fresh_until);
                let stands_in = noted.is_final || seen < fresh_until + stale_if_error;
                prop_assert_eq!(freshness.serves_on_error(milliseconds(stale_if_error)), stands_in);
                // `max-age` less `Age`, as HTTP tells both: in whole seconds of each.
                let ttl = (!noted.is_final)
                    .then(|| (fresh_until - noted.fetched) / 1000 - (seen - noted.fetched) / 1000);
                prop_assert_eq!(freshness.ttl(), ttl);
                prop_assert!(noted.is_final || !freshness.is_fresh() || now < SETTLED, "moving, and fresh after settling");
            }
        }
    }
}
