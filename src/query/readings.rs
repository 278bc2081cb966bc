//! Query strings that were read a moment ago: what one without `now` means never changes, and most are asked again.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use foldhash::quality::RandomState;
use jiff::Timestamp;

use super::Config;
use super::question::{Asked, Invalid, ask};
use crate::model::{AppId, Moment};
use crate::tenancy::Grant;

/// What was read, each at the place that its words lead to. Of two that share a place the later one stays.
pub struct Readings {
    places: Box<[ArcSwapOption<Reading>]>,
    hasher: RandomState,
}

struct Reading {
    app: AppId,
    raw: Box<str>,
    asked: Arc<Asked>,
}

/// Some two megabytes when all are taken; a longer query string than most is not kept.
const PLACES: usize = 4096;
const LONGEST: usize = 256;

impl Readings {
    /// `query::ask`, or what it said before.
    pub fn ask(&self, grant: &Grant, raw: &str, now: Timestamp, config: &Config) -> Result<Arc<Asked>, Invalid> {
        let app = grant.app().id();
        let place = self.place(app, raw);
        if let Some(known) = place.load().as_deref()
            && known.raw.as_ref() == raw
            && known.app == *app
            // The clock may have been set back.
            && known.asked.question().window().from() <= Moment::floor(now)
        {
            return Ok(Arc::clone(&known.asked));
        }
        let asked = Arc::new(ask(grant, raw, now, config)?);
        if asked.is_lasting() && raw.len() <= LONGEST {
            let (app, raw) = (app.clone(), Box::from(raw));
            place.store(Some(Arc::new(Reading { app, raw, asked: Arc::clone(&asked) })));
        }
        Ok(asked)
    }

    fn place(&self, app: &AppId, raw: &str) -> &ArcSwapOption<Reading> {
        let hash = self.hasher.hash_one((app, raw));
        let index = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        self.places.get(index).expect("the remainder is below the number of places")
    }
}

impl Default for Readings {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| ArcSwapOption::empty()).collect(), hasher: RandomState::default() }
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readings")
    }
}
