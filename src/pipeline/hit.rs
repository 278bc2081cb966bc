//! The short way: a caller that was seen before, a question whose answer is held and fresh.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::repeats::{Meant, Words};
use super::{Pipeline, Policy, Served, Spent, Via};
use crate::auth::Recalled;
use crate::cache::Held;
use crate::tenancy::Wanted;

/// A hit.
#[derive(Debug)]
pub struct Hit {
    /// Who asked.
    pub recalled: Recalled,
    /// The answer.
    pub served: Served,
    /// When.
    pub at: Timestamp,
}

impl Pipeline {
    /// The answer to a caller whose token was verified a moment ago, to a question whose answer is held and fresh: a hit,
    /// found without waiting and without a trace. `None` says nothing; `identify` and `answer` do.
    pub fn hit(&self, token: &[u8], wanted: Wanted<'_>, raw_query: &str) -> Option<Hit> {
        // Before the policy itself, so that nothing is ever kept under a later edition than its own.
        let edition = self.edition.load(Ordering::SeqCst);
        let policy = self.policy.load();
        let at = policy.authenticator.now();
        let now = self.flights.upstream.time(at);
        let words = Words { edition, token: policy.authenticator.hash(token), wanted, raw_query };
        let meant = match self.repeats.find(words, now).filter(|meant| policy.authenticator.counts(&meant.recalled, at))
        {
            Some(meant) => meant,
            None => self.meant(&policy, words, at, now)?,
        };
        let Meant { recalled, grant, asked } = meant;
        let held = self.flights.cache.get(asked.question())?;
        let freshness = held.freshness(now);
        let Held { answer, forms, .. } = held;
        let served = Served { grant, asked, answer, forms, freshness, via: Via::Hit, spent: Spent::default() };
        freshness.is_fresh().then_some(Hit { recalled, served, at })
    }

    /// What a request's words come to, if its token is remembered.
    fn meant(&self, policy: &Policy, words: Words<'_>, at: Timestamp, now: Timestamp) -> Option<Meant> {
        let recalled = policy.authenticator.recall(&words.token, at)?;
        let grant = policy.registry.admit(recalled.caller(), words.wanted).ok()?;
        let asked = self.readings.ask(&grant, words.raw_query, now, &self.flights.rules).ok()?;
        let meant = Meant { recalled, grant, asked };
        self.repeats.keep(words, now, &meant);
        Some(meant)
    }
}
