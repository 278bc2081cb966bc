//! An answer on its way between replicas, and how it lies in the store: JSON with a version, so that two releases can run
//! side by side. What is not understood is no answer.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cache::{Forms, Held};
use crate::model::{Answer, Object, Region};
use crate::query::Question;

/// A release that changes the meaning of a field takes the next number. New fields alone need none.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<R> {
    v: u32,
    question: String,
    /// RFC 3339, UTC.
    fetched_at: String,
    #[serde(rename = "final")]
    is_final: bool,
    /// For how long from then it is fresh; left out for good.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lifetime_ms: Option<u64>,
    regions: R,
}

/// Why an envelope is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("not an envelope")]
    NotAnEnvelope,
    #[error("an envelope of another version")]
    OtherVersion,
    #[error("an envelope with a question or a time that is none")]
    Nonsense,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

pub(super) fn seal(question: &Question, held: &Held) -> Vec<u8> {
    let rows = str::from_utf8(held.answer.rows()).expect("rows are JSON, which is text");
    let envelope = Envelope {
        v: VERSION,
        question: question.name(),
        fetched_at: held.answer.fetched_at().to_string(),
        is_final: held.answer.is_final(),
        lifetime_ms: held.lifetime.map(|lifetime| u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX)),
        regions: serde_json::value::RawValue::from_string(rows.to_owned()).expect("rows are JSON"),
    };
    serde_json::to_vec(&envelope).expect("text and numbers always serialise")
}

/// The question and its answer. One that was fetched in our future, by a clock ahead of ours, is as if fetched just now.
pub(super) fn open(bytes: &[u8], now: Timestamp) -> Result<(Question, Held), Unreadable> {
    let Object(version): Object<Version> = serde_json::from_slice(bytes).map_err(|_| Unreadable::NotAnEnvelope)?;
    if version.v != VERSION {
        return Err(Unreadable::OtherVersion);
    }
    let Object(envelope): Object<Envelope<Vec<Object<Region>>>> =
        serde_json::from_slice(bytes).map_err(|_| Unreadable::NotAnEnvelope)?;
    let question = Question::of_name(&envelope.question).ok_or(Unreadable::Nonsense)?;
    let fetched_at: Timestamp = envelope.fetched_at.parse().map_err(|_| Unreadable::Nonsense)?;
    // A final answer is final for good, and only a final one is.
    if envelope.is_final != envelope.lifetime_ms.is_none() {
        return Err(Unreadable::Nonsense);
    }
    let regions: Vec<_> = envelope.regions.into_iter().map(|Object(region)| region).collect();
    let answer = Answer::new(&regions, fetched_at.min(now), envelope.is_final);
    Ok((question, Held { answer, lifetime: envelope.lifetime_ms.map(Duration::from_millis), forms: Forms::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(is_final: bool) -> Held {
        let regions = [Region { name: "上海".into(), value: 666.1, proportion: 66.66 }];
        let fetched_at = "2026-11-09T02:00:00.25Z".parse().unwrap();
        let lifetime = (!is_final).then(|| Duration::from_secs(600));
        Held { answer: Answer::new(&regions, fetched_at, is_final), lifetime, forms: Forms::default() }
    }

    fn noon() -> Timestamp {
        "2026-11-09T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_was_sealed_is_the_same_to_the_byte() {
        for is_final in [false, true] {
            let (question, sealed) = (Question::sample("a"), held(is_final));
            let (opened, found) = open(&seal(&question, &sealed), noon()).unwrap();
            assert_eq!((opened, found.answer, found.lifetime), (question, sealed.answer, sealed.lifetime));
        }
    }

    #[test]
    fn an_answer_from_the_future_is_as_if_fetched_now() {
        let early: Timestamp = "2026-11-09T01:00:00Z".parse().unwrap();
        let (_, found) = open(&seal(&Question::sample("a"), &held(false)), early).unwrap();
        assert_eq!(found.answer.fetched_at(), early);
    }

    #[test]
    fn a_newer_releases_fields_are_passed_over_and_its_versions_refused() {
        let text = String::from_utf8(seal(&Question::sample("a"), &held(true))).unwrap();
        let extended = text.replacen('{', "{\"codec\":\"plain\",", 1);
        assert!(open(extended.as_bytes(), noon()).is_ok());
        let newer = text.replace("\"v\":1", "\"v\":2");
        assert_eq!(open(newer.as_bytes(), noon()).unwrap_err(), Unreadable::OtherVersion);
        let newest = r#"{"v":3,"all":"different"}"#;
        assert_eq!(open(newest.as_bytes(), noon()).unwrap_err(), Unreadable::OtherVersion);
    }

    #[test]
    fn rubbish_is_no_answer() {
        let text = String::from_utf8(seal(&Question::sample("a"), &held(true))).unwrap();
        let spoiled = [
            text.replace("a/user_num", "a b/user_num"),
            text.replace("/province/", "/planet/"),
            text.replace("2026-11-09T02", "2026-11-09 02h"),
            text.replace("\"final\":true", "\"final\":false"),
        ];
        for spoiled in spoiled {
            assert_eq!(open(spoiled.as_bytes(), noon()).unwrap_err(), Unreadable::Nonsense, "{spoiled}");
        }
        for rubbish in ["", "{}", "[1]", "\u{0}", r#"{"v":1}"#, &text[..text.len() - 2], &text.replace("666.1", "null")]
        {
            assert_eq!(open(rubbish.as_bytes(), noon()).unwrap_err(), Unreadable::NotAnEnvelope, "{rubbish}");
        }
    }
}
