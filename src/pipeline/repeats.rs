//! Requests that are made again: the same token and the same words, under the same policy, are the same caller with the same
//! grant and the same question. So a hit finds all three in one look.
//!
//! It keeps nobody: a policy that was replaced and a token that is remembered no more go, and what was kept for them is as good
//! as nothing.

use std::sync::{Arc, Weak};

use jiff::Timestamp;

use super::Policy;
use crate::auth::{Known, Recalled, TokenHash};
use crate::memo::Memo;
use crate::query::Asked;
use crate::tenancy::{Grant, Wanted};

/// What was asked a moment ago.
#[derive(Debug)]
pub(super) struct Repeats(Memo<Repeat>);

/// A request's own words, and the policy by which they are understood.
#[derive(Clone, Copy)]
pub(super) struct Words<'r> {
    pub(super) policy: &'r Arc<Policy>,
    pub(super) token: TokenHash,
    pub(super) wanted: Wanted<'r>,
    pub(super) raw_query: &'r str,
}

/// What a request's words came to.
#[derive(Debug)]
pub(super) struct Meant {
    pub(super) recalled: Recalled,
    pub(super) grant: Grant,
    pub(super) asked: Arc<Asked>,
}

struct Repeat {
    policy: Weak<Policy>,
    token: TokenHash,
    app: Box<str>,
    tenant: Option<Box<str>>,
    raw_query: Box<str>,
    caller: Known,
    grant: Grant,
    asked: Arc<Asked>,
}

/// Some ten megabytes when all are taken by words of the usual length; what has longer ones than most is not kept.
const PLACES: usize = 32_768;
const LONGEST: usize = 512;
/// How often one takes the place of another that may come again, too.
const ONE_IN_EIGHT: u8 = 32;

impl Repeats {
    fn new(places: usize) -> Self {
        Self(Memo::new(places))
    }

    /// What these words came to, if they were asked a moment ago and the token still counts.
    pub(super) fn find(&self, words: Words<'_>, at: Timestamp, now: Timestamp) -> Option<Meant> {
        let place = self.0.place(words.key()).load();
        let repeat = place.as_deref().filter(|repeat| repeat.is_of(words) && repeat.asked.still_means_the_same(now))?;
        let recalled = words.policy.authenticator.recall_known(&repeat.caller, at)?;
        Some(Meant { recalled, grant: repeat.grant.clone(), asked: Arc::clone(&repeat.asked) })
    }

    /// Keeps what they came to.
    pub(super) fn keep(&self, words: Words<'_>, at: Timestamp, now: Timestamp, meant: &Meant) {
        let Words { policy, token, wanted: Wanted { app, tenant }, raw_query } = words;
        let (app, length) = (app.unwrap_or_default(), tenant.unwrap_or_default().len() + raw_query.len());
        let Meant { recalled, grant, asked } = meant;
        if !asked.still_means_the_same(now) || length + app.len() > LONGEST {
            return;
        }
        let place = self.0.place(words.key());
        // Where many callers take turns in one place, each change of it would be for nothing.
        let another =
            place.load().as_deref().is_some_and(|repeat| !repeat.is_of(words) && repeat.may_come_again(policy, at));
        if another && fastrand::u8(..) >= ONE_IN_EIGHT {
            return;
        }
        place.store(Some(Arc::new(Repeat {
            policy: Arc::downgrade(policy),
            token,
            app: app.into(),
            tenant: tenant.map(Box::from),
            raw_query: raw_query.into(),
            caller: recalled.known(),
            grant: grant.clone(),
            asked: Arc::clone(asked),
        })));
    }

    /// Gives back the room of all that was kept.
    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

impl Default for Repeats {
    fn default() -> Self {
        Self::new(PLACES)
    }
}

impl<'r> Words<'r> {
    fn key(self) -> (TokenHash, [Option<&'r str>; 2], &'r str) {
        (self.token, [self.wanted.app, self.wanted.tenant], self.raw_query)
    }
}

impl Repeat {
    fn is_of(&self, words: Words<'_>) -> bool {
        self.is_under(words.policy)
            && self.token == words.token
            && *self.raw_query == *words.raw_query
            && words.wanted.app == Some(&*self.app)
            && words.wanted.tenant == self.tenant.as_deref()
    }

    /// While this lasts, no other policy can lie where its own does.
    fn is_under(&self, policy: &Arc<Policy>) -> bool {
        std::ptr::eq(self.policy.as_ptr(), Arc::as_ptr(policy))
    }

    fn may_come_again(&self, policy: &Arc<Policy>, at: Timestamp) -> bool {
        self.is_under(policy) && self.caller.lives(at)
    }
}

#[cfg(test)]
#[path = "repeats_tests.rs"]
mod tests;
