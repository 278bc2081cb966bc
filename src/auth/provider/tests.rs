//! The rounds on a clock that jumps, with a publisher that does as it is told: when it is asked, what is kept.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use tokio::time::{advance, sleep};

use super::publisher::{Document, Publish};
use super::*;
use crate::auth::keygen;
use crate::auth::memory::{MOST_WAITING, Memory};
use crate::clock::Clock;

/// What a look meets. Cloning shares it.
#[derive(Clone, Default)]
struct Stage(Arc<Mutex<Act>>, Arc<AtomicUsize>);

#[derive(Clone, Default)]
struct Act {
    /// The key set, or the status instead of it.
    keys: Option<String>,
    lifetime: Option<Duration>,
    takes: Duration,
    /// A defect of ours.
    panics: bool,
}

impl Stage {
    fn set(&self, change: impl FnOnce(&mut Act)) {
        change(&mut self.0.lock().expect("no test panicked with it"));
    }

    fn publish(&self, keys: &str) {
        self.set(|act| act.keys = Some(keys.to_owned()));
    }

    fn fail(&self) {
        self.set(|act| act.keys = None);
    }

    fn looks(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

impl Publish for Stage {
    async fn fetch(&self, _in_haste: bool) -> Result<Document, FetchFault> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let act = self.0.lock().expect("no test panicked with it").clone();
        sleep(act.takes).await;
        assert!(!act.panics, "as the test wants it");
        let keys = act.keys.ok_or(FetchFault::Status { host: "sso.test".to_owned(), status: 503 })?;
        Ok(Document { bytes: keys.into_bytes(), lifetime: act.lifetime })
    }
}

/// A key set of one new key, and the key's name.
fn set() -> (String, String) {
    let pair = keygen::generate(Algorithm::EdDsa).expect("a key pair");
    (pair.jwks(), pair.key_id)
}

/// A provider whose rounds have begun, on this stage.
fn begun(stage: &Stage) -> Provider {
    let place = Place::key_set("https://sso.test/keys").expect("a place");
    let [lifetime, max_age, cooldown] = [60, 24 * 3600, 30].map(Duration::from_secs);
    let provider = Provider::new(Published { place, lifetime, max_age, cooldown }, Vec::new(), &Seats::default());
    let Memory { verified, generations, .. } = Memory::default();
    let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
    let subscriber = Subscriber::new(Arc::from("https://sso.test"), verified, generations, clock);
    let rounds = rounds::run_for_ever(Arc::clone(&provider.shelf), stage.clone(), subscriber);
    provider.task.lock().expect("nobody else has it").spawn(rounds);
    provider
}

/// A provider that has seen these keys, and its stage.
async fn serving(keys: &str) -> (Stage, Arc<Provider>) {
    let stage = Stage::default();
    stage.publish(keys);
    let provider = Arc::new(begun(&stage));
    settle().await;
    (stage, provider)
}

/// Lets the task do what is due, and time pass.
async fn pass(seconds: u64) {
    for _ in 0..seconds * 10 {
        advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    settle().await;
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn has(provider: &Provider, key_id: &str) -> bool {
    provider.keys().is_some_and(|keys| keys.find(Some(key_id)).is_some())
}

#[tokio::test(start_paused = true)]
async fn keys_are_looked_at_again_at_three_quarters_of_their_lifetime() {
    let (keys, key_id) = set();
    let (stage, provider) = serving(&keys).await;
    assert!(has(&provider, &key_id));
    for (lifetime, rest) in [(None, 45), (Some(20), 15), (Some(1), 11), (Some(3600), 45)] {
        stage.set(|act| act.lifetime = lifetime.map(Duration::from_secs));
        // The look that brings the new lifetime.
        let before = stage.looks();
        while stage.looks() == before {
            pass(1).await;
        }
        let seen = stage.looks();
        pass(rest - 1).await;
        assert_eq!(stage.looks(), seen, "{lifetime:?}");
        pass(2).await;
        assert_eq!(stage.looks(), seen + 1, "{lifetime:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_keys_stay_the_same_generation_and_others_do_not() {
    let (first, _) = set();
    let (second, second_id) = set();
    let (stage, provider) = serving(&first).await;
    let generation = |provider: &Provider| provider.keys().map(|keys| keys.generation());
    let before = generation(&provider);
    pass(200).await;
    assert!(stage.looks() >= 4);
    assert_eq!(generation(&provider), before);
    stage.publish(&second);
    pass(46).await;
    assert!(has(&provider, &second_id));
    assert!(generation(&provider) > before);
}

#[tokio::test(start_paused = true)]
async fn a_set_in_another_order_is_the_same_generation() {
    let keys: Vec<_> = (0..3).map(|_| keygen::generate(Algorithm::EdDsa).expect("a key pair").jwk).collect();
    let document = |keys: Vec<&serde_json::Value>| serde_json::json!({ "keys": keys }).to_string();
    let (stage, provider) = serving(&document(keys.iter().collect())).await;
    let before = provider.keys().map(|keys| keys.generation());
    stage.publish(&document(keys.iter().rev().collect()));
    pass(46).await;
    assert_eq!(provider.keys().map(|keys| keys.generation()), before);
    stage.publish(&document(keys.iter().take(2).collect()));
    pass(46).await;
    assert!(provider.keys().map(|keys| keys.generation()) > before, "the control");
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_tried_again_before_the_keys_are_older_than_their_lifetime() {
    let (stage, provider) = serving(&set().0).await;
    stage.fail();
    pass(46).await;
    assert_eq!(stage.looks(), 2);
    stage.publish(&set().0);
    pass(13).await;
    assert_eq!(stage.looks(), 2);
    pass(2).await;
    assert_eq!((stage.looks(), provider.standing().fault), (3, None));
}

#[tokio::test(start_paused = true)]
async fn other_settings_keep_the_keys_of_the_same_place_and_no_others() {
    let (keys, key_id) = set();
    let (_stage, before) = serving(&keys).await;
    let with = |change: fn(&mut Published), allowed: &[Algorithm]| {
        let mut published = before.shelf.published.clone();
        change(&mut published);
        before.succeeded_by(&published, allowed)
    };
    assert!(Arc::ptr_eq(&with(|_| (), &[]), &before));
    let longer = with(|published| published.max_age *= 2, &[]);
    assert!(!Arc::ptr_eq(&longer, &before) && has(&longer, &key_id));
    assert!(has(&with(|_| (), &[Algorithm::Rs256, Algorithm::EdDsa]), &key_id));
    assert!(with(|_| (), &[Algorithm::Rs256]).keys().is_none(), "the key is not of an algorithm that is allowed now");
    let discovery = |hosts: &[&str]| {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        Place::discovery("https://sso.test", hosts).expect("a place")
    };
    assert!(discovery(&["a", "b"]).allows_those_of(&discovery(&["b"])));
    assert!(!discovery(&["a"]).allows_those_of(&discovery(&["a", "b"])), "a host that is named no more");
    let elsewhere = |published: &mut Published| {
        published.place = Place::key_set("https://sso.test/other-keys").expect("a place");
    };
    assert!(with(elsewhere, &[]).keys().is_none());
    advance(Duration::from_secs(23 * 3600)).await;
    settle().await;
    let shorter = with(|published| published.max_age = Duration::from_secs(3600), &[]);
    assert!(shorter.keys().is_some(), "the rounds of the one before went on");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_counts_no_more_after_the_next_look() {
    let (first, first_id) = set();
    let (stage, provider) = serving(&first).await;
    stage.publish(&set().0);
    pass(46).await;
    assert!(!has(&provider, &first_id));
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_cost_one_look_a_cooldown_and_are_found_at_once() {
    let (first, first_id) = set();
    let (stage, provider) = serving(&first).await;
    assert_eq!(stage.looks(), 1);
    let (second, second_id) = set();
    stage.publish(&second);
    stage.set(|act| act.takes = Duration::from_millis(50));
    let crowd: JoinSet<()> = (0..100)
        .map(|_| {
            let provider = Arc::clone(&provider);
            async move { provider.renewed().await }
        })
        .collect();
    crowd.join_all().await;
    assert_eq!(stage.looks(), 2, "a hundred, one look");
    assert!(has(&provider, &second_id) && !has(&provider, &first_id));
    for _ in 0..29 {
        let asked = Instant::now();
        provider.renewed().await;
        assert_eq!(asked.elapsed(), Duration::ZERO, "in the cool-down nobody waits");
        pass(1).await;
    }
    assert_eq!(stage.looks(), 2);
    pass(1).await;
    provider.renewed().await;
    assert_eq!(stage.looks(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_cooldown_holds_when_looks_fail_or_bring_nothing() {
    let (first, first_id) = set();
    let (stage, provider) = serving(&first).await;
    let nothings: [fn(&Stage); 4] = [
        Stage::fail,
        |stage| stage.publish("{\"keys\":[]}"),
        |stage| stage.publish("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}"),
        |stage| stage.publish("<html>"),
    ];
    for nothing in nothings {
        nothing(&stage);
        pass(46).await;
        let seen = stage.looks();
        for _ in 0..60 {
            provider.renewed().await;
            pass(1).await;
        }
        let looks = stage.looks() - seen;
        assert_eq!(looks, 2, "in a minute of unknown keys");
        assert!(has(&provider, &first_id), "the last good keys are kept");
        assert!(provider.standing().fault.is_some());
    }
    stage.publish(&first);
    pass(46).await;
    assert_eq!(provider.standing().fault, None);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_hangs_keeps_nobody_for_a_second() {
    let (stage, provider) = serving(&set().0).await;
    stage.set(|act| act.takes = Duration::from_secs(3600));
    let asked = Instant::now();
    provider.renewed().await;
    assert!((Duration::from_millis(500)..Duration::from_secs(1)).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    assert!(provider.keys().is_some(), "known keys serve on");
    let asked = Instant::now();
    provider.renewed().await;
    assert_eq!(asked.elapsed(), Duration::ZERO, "who comes later does not wait for what hangs");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_wait() {
    let (stage, provider) = serving(&set().0).await;
    stage.set(|act| act.takes = Duration::from_secs(3600));
    let waiting: JoinSet<Duration> = (0..MOST_WAITING + 100)
        .map(|_| {
            let provider = Arc::clone(&provider);
            async move {
                let asked = Instant::now();
                provider.renewed().await;
                asked.elapsed()
            }
        })
        .collect();
    let waited = waiting.join_all().await;
    assert_eq!(waited.iter().filter(|waited| waited.is_zero()).count(), 100);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_serve_until_they_are_too_old() {
    let (keys, key_id) = set();
    let (stage, provider) = serving(&keys).await;
    stage.fail();
    for _ in 0..23 {
        advance(Duration::from_secs(3600)).await;
        settle().await;
        assert!(has(&provider, &key_id));
    }
    advance(Duration::from_secs(3600 + 1)).await;
    settle().await;
    assert!(provider.keys().is_none());
    stage.publish(&keys);
    pass(9).await;
    assert!(has(&provider, &key_id), "back within seconds of the publisher");
}

#[tokio::test(start_paused = true)]
async fn a_start_without_the_publisher_recovers_by_itself() {
    let stage = Stage::default();
    stage.set(|act| act.takes = Duration::from_millis(50));
    let provider = begun(&stage);
    // Who comes before the first look is over waits for it, and for no more.
    let asked = Instant::now();
    provider.renewed().await;
    assert_eq!(asked.elapsed(), Duration::from_millis(50));
    stage.set(|act| act.takes = Duration::ZERO);
    assert_eq!(provider.standing().fault.map(|fault| fault.label()), Some("status"));
    pass(120).await;
    let looks = stage.looks();
    assert!((15..=20).contains(&looks), "{looks} looks in two minutes");
    for _ in 0..1000 {
        provider.renewed().await;
    }
    assert_eq!(stage.looks(), looks, "tokens hurry nothing while there are no keys");
    assert!(provider.next_look() <= Duration::from_secs(8));
    let (keys, key_id) = set();
    stage.publish(&keys);
    pass(9).await;
    assert!(has(&provider, &key_id));
}

#[tokio::test(start_paused = true)]
async fn rounds_that_a_defect_ends_begin_again() {
    let (stage, provider) = serving(&set().0).await;
    let (keys, key_id) = set();
    stage.publish(&keys);
    stage.set(|act| act.panics = true);
    pass(46).await;
    stage.set(|act| act.panics = false);
    pass(6).await;
    assert!(has(&provider, &key_id));
    provider.renewed().await;
    assert!(provider.keys().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_rounds_end_with_the_provider() {
    let stage = Stage::default();
    stage.publish(&set().0);
    let provider = begun(&stage);
    pass(100).await;
    let seen = stage.looks();
    assert!(seen >= 2);
    drop(provider);
    pass(1000).await;
    assert_eq!(stage.looks(), seen);
}
