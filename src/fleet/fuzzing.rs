//! Fuzz targets of this stage: what another replica, another release of it, or whoever else writes into the store may
//! have left there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here has been found")]

use std::time::Duration;

use jiff::Timestamp;

use super::{envelope, notes, read_ending};
use crate::cache::{self, Cache};
use crate::query::Question;
use crate::upstream::Fault;

/// 2026-11-09T02:07:31Z.
const NOW: i64 = 1_794_190_051;

/// An answer in the store. One that can be opened is not from the future, is final or has a lifetime, can be held and
/// asked for its freshness, and is the same to the byte once sealed again.
pub fn envelope(bytes: &[u8]) {
    let now = Timestamp::from_second(NOW).unwrap();
    let Ok((question, held)) = envelope::open(bytes, now) else { return };
    assert!(held.answer.fetched_at() <= now);
    assert_eq!(held.answer.is_final(), held.lifetime.is_none());
    let freshness = held.freshness(now);
    assert!(!held.answer.is_final() || freshness.is_fresh());
    assert!(freshness.ttl().is_none_or(|ttl| ttl > -400_000_000_000));
    let sealed = envelope::seal(&question, &held);
    let (again, found) = envelope::open(&sealed, now).unwrap();
    assert_eq!((&again, &found.answer, found.lifetime), (&question, &held.answer, held.lifetime));
    assert_eq!(envelope::seal(&again, &found), sealed);

    let day = Duration::from_secs(86_400);
    let cache =
        Cache::new(cache::Config { max_bytes: 1 << 30, recent_ttl: day, stale_if_error: day, stale_if_slow: day });
    assert!(cache.useful_for(&held).is_none_or(|life| life >= day));
    cache.adopt(&question, held.clone());
    let useful = held.lifetime != Some(Duration::ZERO);
    assert!(!useful || cache.get(&question).is_some_and(|kept| kept.answer == held.answer), "it was not held");
}

/// A note or a piece of news: of a purge, of a revocation, of how a flight ended. What is understood is told on as the
/// same.
pub fn news(bytes: &[u8]) {
    if let Some(purge) = notes::read_purge(bytes) {
        let told = format!("1\n{}", notes::purge_name(&purge));
        assert_eq!(notes::read_purge(told.as_bytes()), Some(purge));
    }
    if let Some(revocation) = notes::read_revocation(bytes) {
        let (meant, moment) = notes::revocation_note(&revocation);
        assert_eq!(notes::read_revocation(format!("{moment}\n{meant}").as_bytes()), Some(revocation));
    }
    if let Some((question, fault)) = read_ending(bytes) {
        assert_eq!(Question::of_name(&question.name()), Some(question.clone()));
        let line = fault.as_ref().map_or_else(String::new, Fault::line);
        let told = format!("{}\n{line}", question.name());
        assert_eq!(read_ending(told.as_bytes()), Some((question, fault)));
    }
}
