//! Query strings that were read a moment ago: what one without `now` means never changes, and most are asked again.

use std::sync::Arc;

use jiff::Timestamp;

use super::Config;
use super::question::{Asked, Invalid, ask};
use crate::memo::Memo;
use crate::model::AppId;
use crate::tenancy::Grant;

/// What was read. Of two that share a place the later one stays.
#[derive(Debug)]
pub struct Readings(Memo<Reading>);

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
        let place = self.0.place((app, raw));
        if let Some(known) = place.load().as_deref()
            && known.raw.as_ref() == raw
            && known.app == *app
            && known.asked.still_means_the_same(now)
        {
            return Ok(Arc::clone(&known.asked));
        }
        let asked = Arc::new(ask(grant, raw, now, config)?);
        if asked.still_means_the_same(now) && raw.len() <= LONGEST {
            let (app, raw) = (app.clone(), Box::from(raw));
            place.store(Some(Arc::new(Reading { app, raw, asked: Arc::clone(&asked) })));
        }
        Ok(asked)
    }
}

impl Default for Readings {
    fn default() -> Self {
        Self(Memo::new(PLACES))
    }
}
