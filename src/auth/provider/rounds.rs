//! The task that looks for an issuer's keys: again before they are stale, sooner when a token names an unknown one,
//! and patiently when the publisher is down. What it holds it gives up for nothing but newer keys, or for their age.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::fault::FetchFault;
use super::freshness;
use super::publisher::{Document, Publish};
use super::{Edition, Shelf};
use crate::auth::config::told;
use crate::auth::keys::KeySet;
use crate::auth::memory::Counter;
use crate::auth::verified::VerifiedTokens;
use crate::clock::Clock;

/// The rests between looks while there are no keys at all; the last one repeats.
const IMPATIENT: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Long enough for the log not to fill.
const AFTER_A_DEFECT: Duration = Duration::from_secs(5);

/// Who is to know of new keys.
pub(in crate::auth) struct Subscriber {
    issuer: Arc<str>,
    verified: Arc<VerifiedTokens>,
    generations: Counter,
    clock: Clock,
}

/// The looks at one issuer's keys, one after the other.
struct Rounds<P> {
    shelf: Arc<Shelf>,
    publisher: Arc<P>,
    subscriber: Arc<Subscriber>,
    /// Of the last keys that were fetched.
    lifetime: Duration,
    /// Looks that failed since the last that did not.
    failures: usize,
    had_keys: bool,
}

impl Subscriber {
    pub(in crate::auth) fn new(
        issuer: Arc<str>,
        verified: Arc<VerifiedTokens>,
        generations: Counter,
        clock: Clock,
    ) -> Self {
        Self { issuer, verified, generations, clock }
    }

    pub(super) fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }
}

/// Looks for keys, whatever happens: a defect that ends the rounds is told, and they begin again.
pub(super) async fn run_for_ever(shelf: Arc<Shelf>, publisher: impl Publish, subscriber: Subscriber) {
    let (publisher, subscriber) = (Arc::new(publisher), Arc::new(subscriber));
    loop {
        let rounds = Rounds {
            shelf: Arc::clone(&shelf),
            publisher: Arc::clone(&publisher),
            subscriber: Arc::clone(&subscriber),
            lifetime: shelf.published.lifetime,
            failures: 0,
            had_keys: shelf.keys().is_some(),
        };
        // Ends with the one that waits for it.
        let mut task = JoinSet::new();
        task.spawn(rounds.run());
        let panicked = task.join_next().await.is_some_and(|ended| ended.is_err_and(|error| error.is_panic()));
        tracing::error!(issuer = &*subscriber.issuer, panicked, "the rounds for keys ended: a defect of the gateway");
        sleep(AFTER_A_DEFECT).await;
    }
}

impl<P: Publish> Rounds<P> {
    async fn run(mut self) {
        loop {
            let due = self.look().await;
            self.rest_until(due).await;
        }
    }

    /// One look. Gives the moment of the next.
    async fn look(&mut self) -> Instant {
        let (look, asked_for) = {
            let mut desk = self.shelf.desk();
            desk.begun += 1;
            desk.begun_at = Some(Instant::now());
            let begun = desk.begun;
            let asked_for = desk.asked_for.as_mut().filter(|(look, _)| *look == begun);
            // The cool-down runs from here: a look that was asked for may have had to wait for the one before.
            (begun, asked_for.map(|(_, at)| *at = Instant::now()).is_some())
        };
        // Who waits for an unknown key does not wait for a discovery document too.
        let fetched = self.publisher.fetch(asked_for).await;
        let rest = match fetched.and_then(|document| self.install(document)) {
            Ok(lifetime) => {
                self.lifetime = lifetime;
                self.succeeded();
                // At three quarters, so that a publisher that is slow or needs a second try is not too late.
                lifetime * 3 / 4
            }
            Err(fault) => self.failed(&fault, asked_for),
        };
        let due = Instant::now() + rest;
        self.shelf.desk().due = Some(due);
        self.shelf.ended.send_replace(look);
        due
    }

    /// Puts a key set in force. Gives its lifetime.
    fn install(&self, Document { bytes, lifetime }: Document) -> Result<Duration, FetchFault> {
        let lifetime = freshness::bounded(lifetime, self.shelf.published.lifetime);
        let held = self.shelf.edition.load_full();
        let (seen, seen_at) = (Instant::now(), self.subscriber.clock.now());
        if let Some(same) = held.filter(|held| says_the_same(&held.document, &bytes)) {
            self.shelf.edition.store(Some(Arc::new(Edition { seen, seen_at, ..Edition::clone(&same) })));
            return Ok(lifetime);
        }
        let keys = KeySet::of_jwks(&bytes, &self.shelf.allowed)?.of_generation(self.subscriber.generations.next());
        self.tell(&keys);
        let edition = Edition { keys: Arc::new(keys), document: bytes.into(), seen, seen_at };
        self.shelf.edition.store(Some(Arc::new(edition)));
        // After the swap: what is verified from now on is verified under the new keys.
        self.subscriber.verified.forget_issuer(&self.subscriber.issuer);
        Ok(lifetime)
    }

    fn tell(&self, keys: &KeySet) {
        let issuer = &*self.subscriber.issuer;
        tracing::info!(issuer, keys = keys.len(), "new keys");
        let skipped = keys.skipped();
        if !skipped.is_empty() {
            tracing::warn!(issuer, skipped = skipped.len(), why = told(skipped), "keys that cannot be used");
        }
    }

    fn succeeded(&mut self) {
        self.shelf.desk().fault = None;
        if self.failures > 0 {
            let (issuer, failures) = (&*self.subscriber.issuer, self.failures);
            tracing::info!(issuer, failures, "the issuer's keys can be fetched again");
        }
        self.failures = 0;
        self.had_keys = true;
    }

    /// Tells of a failure. Gives the rest until the next look.
    fn failed(&mut self, fault: &FetchFault, asked_for: bool) -> Duration {
        let rest = self.rest_after_failure(asked_for);
        let issuer = &*self.subscriber.issuer;
        let has_keys = self.shelf.keys().is_some();
        let known = self.shelf.desk().fault.replace(fault.clone()).is_some_and(|known| known == *fault);
        let reason = fault.label();
        if self.had_keys && !has_keys {
            tracing::error!(issuer, reason, %fault, "the issuer's last keys are older than keys_max_age and count no more");
        } else if known {
            tracing::debug!(issuer, reason, %fault, "the issuer's keys still cannot be fetched");
        } else {
            tracing::warn!(issuer, reason, %fault, has_keys, "the issuer's keys cannot be fetched");
        }
        self.had_keys = has_keys;
        self.failures += 1;
        rest
    }

    fn rest_after_failure(&self, asked_for: bool) -> Duration {
        let Some(age_left) = self.shelf.age_left() else {
            return IMPATIENT.get(self.failures).or(IMPATIENT.last()).copied().unwrap_or_default();
        };
        let longest = self.shelf.published.lifetime;
        // One hiccup does not make keys older than their lifetime. A failed look for unknown keys is no reason for
        // another soon: strangers would decide how often the publisher is asked.
        let rest = if self.failures == 0 && !asked_for { self.lifetime / 4 } else { longest * 3 / 4 };
        rest.min(age_left).max(Duration::from_secs(1))
    }

    /// Rests, unless a look is asked for.
    async fn rest_until(&self, due: Instant) {
        let is_asked = || {
            let desk = self.shelf.desk();
            desk.asked_for.is_some_and(|(look, _)| look > desk.begun)
        };
        while !is_asked() {
            tokio::select! {
                () = sleep_until(due) => return,
                () = self.shelf.demand.notified() => {}
            }
        }
    }
}

/// Whether two key sets hold the same keys, in whatever order: some publishers shuffle theirs.
fn says_the_same(one: &[u8], other: &[u8]) -> bool {
    let sorted = |document: &[u8]| {
        let document: Value = serde_json::from_slice(document).ok()?;
        let mut keys: Vec<_> = document.get("keys")?.as_array()?.iter().map(Value::to_string).collect();
        keys.sort_unstable();
        Some(keys)
    };
    one == other || sorted(one).is_some_and(|keys| Some(keys) == sorted(other))
}
