//! The short way: a caller that was seen before, a question whose answer is held and fresh.

use jiff::Timestamp;

use super::repeats::{Meant, Words};
use super::{Pipeline, Served, Spent, Via};
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
        let policy = self.policy.load();
        let at = policy.authenticator.now();
        let now = self.flights.upstream.time(at);
        let words = Words { policy: &policy, token: policy.authenticator.hash(token), wanted, raw_query };
        let meant = match self.repeats.find(words, at, now) {
            Some(meant) => meant,
            None => self.meant(words, at, now)?,
        };
        let Meant { recalled, grant, asked } = meant;
        let held = self.flights.cache.get(asked.question())?;
        let freshness = held.freshness(now);
        let Held { answer, forms, .. } = held;
        let served = Served { grant, asked, answer, forms, freshness, via: Via::Hit, spent: Spent::default() };
        freshness.is_fresh().then_some(Hit { recalled, served, at })
    }

    /// What a request's words come to, if its token is remembered.
    fn meant(&self, words: Words<'_>, at: Timestamp, now: Timestamp) -> Option<Meant> {
        let recalled = words.policy.authenticator.recall(&words.token, at)?;
        let grant = words.policy.registry.admit(recalled.caller(), words.wanted).ok()?;
        let asked = self.readings.ask(&grant, words.raw_query, now, &self.flights.rules).ok()?;
        let meant = Meant { recalled, grant, asked };
        self.repeats.keep(words, at, now, &meant);
        Some(meant)
    }
}
