//! Requests that are made again: the same token and the same words, under the same policy, are the same caller with the same
//! grant and the same question. So a hit finds all three in one look.

use std::sync::Arc;

use jiff::Timestamp;

use crate::auth::{Recalled, TokenHash};
use crate::memo::Memo;
use crate::query::Asked;
use crate::tenancy::{Grant, Wanted};

/// What was asked a moment ago.
#[derive(Debug)]
pub(super) struct Repeats(Memo<Repeat>);

/// A request's own words, and the edition of the policy by which they are understood.
#[derive(Clone, Copy)]
pub(super) struct Words<'r> {
    pub(super) edition: u64,
    pub(super) token: TokenHash,
    pub(super) wanted: Wanted<'r>,
    pub(super) raw_query: &'r str,
}

/// What a request's words came to.
#[derive(Clone, Debug)]
pub(super) struct Meant {
    pub(super) recalled: Recalled,
    pub(super) grant: Grant,
    pub(super) asked: Arc<Asked>,
}

struct Repeat {
    edition: u64,
    token: TokenHash,
    app: Box<str>,
    tenant: Option<Box<str>>,
    raw_query: Box<str>,
    meant: Meant,
}

/// Some ten megabytes when all are taken; what has longer words than most is not kept.
const PLACES: usize = 32_768;
const LONGEST: usize = 512;
/// How often one takes the place of another that may come again, too.
const ONE_IN_EIGHT: u8 = 32;

impl Repeats {
    /// What these words came to, if they were asked a moment ago. Whether the token still counts is to be looked at.
    pub(super) fn find(&self, words: Words<'_>, now: Timestamp) -> Option<Meant> {
        let place = self.0.place(words.key()).load();
        let known = place.as_deref().filter(|known| known.is_of(words))?;
        known.meant.asked.still_means_the_same(now).then(|| known.meant.clone())
    }

    /// Keeps what they came to.
    pub(super) fn keep(&self, words: Words<'_>, now: Timestamp, meant: &Meant) {
        let Words { edition, token, wanted: Wanted { app, tenant }, raw_query } = words;
        let (app, length) = (app.unwrap_or_default(), tenant.unwrap_or_default().len() + raw_query.len());
        if meant.asked.still_means_the_same(now) && length + app.len() <= LONGEST {
            let place = self.0.place(words.key());
            // Where many callers take turns in one place, each change of it would be for nothing.
            if place.load().as_deref().is_some_and(|known| known.edition == edition) && fastrand::u8(..) >= ONE_IN_EIGHT
            {
                return;
            }
            let (app, tenant, raw_query) = (app.into(), tenant.map(Box::from), raw_query.into());
            place.store(Some(Arc::new(Repeat { edition, token, app, tenant, raw_query, meant: meant.clone() })));
        }
    }
}

impl Default for Repeats {
    fn default() -> Self {
        Self(Memo::new(PLACES))
    }
}

impl<'r> Words<'r> {
    fn key(self) -> (TokenHash, [Option<&'r str>; 2], &'r str) {
        (self.token, [self.wanted.app, self.wanted.tenant], self.raw_query)
    }
}

impl Repeat {
    fn is_of(&self, words: Words<'_>) -> bool {
        self.edition == words.edition
            && self.token == words.token
            && *self.raw_query == *words.raw_query
            && words.wanted.app == Some(&*self.app)
            && words.wanted.tenant == self.tenant.as_deref()
    }
}
