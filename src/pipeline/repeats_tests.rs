//! What is found again, and for how long.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use secrecy::SecretSlice;

use super::*;
use crate::auth::{
    Algorithm, Authenticator, IssuerConfig, KeySource, Minter, NewToken, Profile, Revocation, SigningKey, Target,
};
use crate::clock::Clock;
use crate::model::{AppId, TenantId};
use crate::query;
use crate::tenancy::config::{AppConfig, TenantConfig};
use crate::tenancy::{self, Rate, Registry};

const SECRET: &[u8; 64] = b"sixty-four bytes of test secret, long enough for all three of HS";
const DAY: Duration = Duration::from_secs(86_400);
/// 2026-11-09T02:07:31Z.
const NOW: i64 = 1_794_190_051;
const LIVES: i64 = 3600;
const QUERY: &str = "from=2026-11-01&to=2026-11-02&dim=province";

/// One place for all, so that whatever is not compared is found.
struct Scene {
    repeats: Repeats,
    policy: Arc<Policy>,
    clock: Arc<AtomicI64>,
}

fn issuer() -> IssuerConfig {
    IssuerConfig {
        issuer: "https://sso.test".to_owned(),
        audiences: vec!["sluice".to_owned()],
        algorithms: Vec::new(),
        keys: KeySource::Secret(SecretSlice::from(SECRET.to_vec())),
        tenant_claim: "tenant".parse().unwrap(),
        profile: Profile::default(),
        required_scopes: Vec::new(),
        leeway: Duration::ZERO,
        max_lifetime: DAY,
    }
}

fn registry() -> Registry {
    let rate = Rate { requests_per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN };
    let app = |name: &str, id| AppConfig { name: name.into(), id: AppId::parse(id).unwrap() };
    let long = "a".repeat(LONGEST);
    let apps = vec![app("first", "first000000000"), app("second", "second00000000"), app(&long, "third000000000")];
    Registry::new(&tenancy::Config { tenants: vec![TenantConfig { id: TenantId::new("red"), rate, weight: 1, apps }] })
}

fn token(subject: &str) -> String {
    token_until(subject, NOW + LIVES)
}

fn token_until(subject: &str, expires: i64) -> String {
    let minter =
        Minter::new(&SigningKey::Secret(SecretSlice::from(SECRET.to_vec())), &[Algorithm::Hs256], None).unwrap();
    let token = NewToken {
        issuer: "https://sso.test",
        audience: "sluice",
        tenant_claim: &"tenant".parse().unwrap(),
        tenant: "red",
        subject,
        scope: "",
        issued_at: Timestamp::from_second(NOW).unwrap(),
        ttl: Duration::from_secs(u64::try_from(expires - NOW).unwrap()),
        token_id: None,
        not_before: None,
    };
    minter.mint(&token).unwrap()
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(NOW));
        let authenticator = Authenticator::new(vec![issuer()], Clock::by_hand(&clock)).unwrap();
        Self { repeats: Repeats::new(1), policy: Arc::new(Policy { authenticator, registry: registry() }), clock }
    }

    fn words<'r>(&'r self, token: &str, app: &'r str, raw_query: &'r str) -> Words<'r> {
        let token = self.policy.authenticator.hash(token.as_bytes());
        Words { policy: &self.policy, token, wanted: Wanted { app: Some(app), tenant: None }, raw_query }
    }

    fn now(&self) -> Timestamp {
        self.policy.authenticator.now()
    }

    fn finds(&self, words: Words<'_>) -> bool {
        self.repeats.find(words, self.now(), self.now()).is_some()
    }

    /// Verifies the token and keeps what the words come to.
    async fn keep(&self, token: &str, words: Words<'_>) {
        self.policy.authenticator.authenticate(token).await.unwrap();
        let recalled = self.policy.authenticator.recall(&words.token, self.now()).unwrap();
        let grant = self.policy.registry.admit(recalled.caller(), words.wanted).unwrap();
        let zone = jiff::tz::TimeZone::UTC;
        let rules = query::Config {
            zone,
            lag: DAY / 3,
            grid: Duration::from_secs(600),
            horizon: 30 * DAY,
            max_window: 7 * DAY,
        };
        let asked = Arc::new(query::ask(&grant, words.raw_query, self.now(), &rules).unwrap());
        self.repeats.keep(words, self.now(), self.now(), &Meant { recalled, grant, asked });
    }
}

#[tokio::test]
async fn only_the_very_same_words_of_the_very_same_token_are_found() {
    let scene = Scene::new();
    let (ours, theirs) = (token("one"), token("two"));
    let words = scene.words(&ours, "first", QUERY);
    scene.keep(&ours, words).await;
    let found = scene.repeats.find(words, scene.now(), scene.now()).unwrap();
    assert_eq!((found.recalled.caller().subject(), found.grant.app().name()), ("one", "first"));
    scene.policy.authenticator.authenticate(&theirs).await.unwrap();
    assert!(!scene.finds(scene.words(&theirs, "first", QUERY)), "another token");
    assert!(!scene.finds(scene.words(&ours, "second", QUERY)), "another app");
    assert!(!scene.finds(scene.words(&ours, "first", "from=2026-11-01&to=2026-11-02&dim=country")), "another question");
    let chosen = Wanted { tenant: Some("red"), ..words.wanted };
    assert!(!scene.finds(Words { wanted: chosen, ..words }), "a chosen tenant");
    let other = Arc::new(Policy {
        authenticator: scene.policy.authenticator.succeeded_by(vec![issuer()]).unwrap(),
        registry: registry(),
    });
    assert!(!scene.finds(Words { policy: &other, ..words }), "another policy, if it says the same");
    assert!(scene.finds(words));
    scene.repeats.clear();
    assert!(!scene.finds(words));
}

#[tokio::test]
async fn what_was_kept_counts_no_longer_than_its_token() {
    let scene = Scene::new();
    let (ours, theirs) = (token("one"), token("two"));
    let words = scene.words(&ours, "first", QUERY);
    scene.keep(&ours, words).await;
    scene.clock.store(NOW - 60, Ordering::SeqCst);
    assert!(!scene.finds(words), "the clock was set back");
    scene.clock.store(NOW + LIVES - 1, Ordering::SeqCst);
    assert!(scene.finds(words));
    let target = Target::Subject { subject: "one".to_owned(), issued_before: scene.now() };
    scene.policy.authenticator.revoke(Revocation { issuer: None, target }).unwrap();
    assert!(!scene.finds(words), "the token is revoked");

    let words = scene.words(&theirs, "first", QUERY);
    scene.keep(&theirs, words).await;
    scene.clock.store(NOW + LIVES, Ordering::SeqCst);
    assert!(!scene.finds(words), "the token has expired");
}

#[tokio::test]
async fn what_means_something_else_later_or_is_long_is_not_kept() {
    let scene = Scene::new();
    let ours = token("one");
    let long = "a".repeat(LONGEST);
    let relative = "from=now-2d&to=now-1d&dim=province";
    for (app, raw_query, kept) in [("first", relative, false), (&long, QUERY, false), ("first", QUERY, true)] {
        let words = scene.words(&ours, app, raw_query);
        scene.keep(&ours, words).await;
        assert_eq!(scene.finds(words), kept, "{app}: {raw_query}");
    }
}

#[tokio::test]
async fn those_who_take_turns_in_one_place_seldom_change_it_and_what_is_over_makes_way_at_once() {
    let scene = Scene::new();
    let (ours, theirs) = (token("one"), token("two"));
    let [first, second] = [&ours, &theirs].map(|token| scene.words(token, "first", QUERY));
    scene.keep(&ours, first).await;
    let mut changes = 0;
    for _ in 0..1000 {
        let (token, words) = if scene.finds(first) { (&theirs, second) } else { (&ours, first) };
        let other = if scene.finds(first) { first } else { second };
        scene.keep(token, words).await;
        changes += usize::from(!scene.finds(other));
    }
    assert!((50..250).contains(&changes), "{changes} of a thousand");
    let late = token_until("three", NOW + 2 * LIVES);
    scene.clock.store(NOW + LIVES, Ordering::SeqCst);
    let third = scene.words(&late, "first", QUERY);
    scene.keep(&late, third).await;
    assert!(scene.finds(third), "those before it have expired");
}
