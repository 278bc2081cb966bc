//! What every replica has to know, now and when it starts or comes back: which answers were purged and which tokens count
//! no more. Both are notes in the store, a moment for each thing that is meant, and news besides.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fleet, pairs};
use crate::auth::{Revocation, Target};
use crate::cache::{Held, Purge};
use crate::model::{AppId, Moment, Window};
use crate::query::Question;
use crate::store::{Arguments, Away, Topic};
use crate::upstream::Fault;

/// Beyond this many single purges, everything is purged instead.
const MOST_PURGES: u32 = 1000;
const EVERYTHING: &str = "*";
/// The moment of a token that does not say when it expires: the last that Lua's numbers tell apart, in the year 2255.
const NO_END: i64 = (1 << 53) - 1;

/// What another replica made known, or this one.
#[derive(Debug)]
pub enum Heard {
    /// A question was answered.
    Landed(Question, Held),
    /// A question failed.
    Failed(Question, Fault),
    /// A question is asked no more, and nothing came of it.
    Released(Question),
    /// Answers are to be dropped.
    Purged(Purge),
    /// Tokens count no more.
    Revoked(Revocation),
}

/// How far an operator's word went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To all replicas.
    All,
    /// To this one; the others hear of it when the store is back.
    HereForNow,
}

/// Which tokens are meant, as it stands in a note.
#[derive(Serialize, Deserialize)]
struct Meant {
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(flatten)]
    whose: Whose,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Whose {
    Jti(String),
    Subject(String),
    Tenant(String),
}

impl Fleet {
    /// Tells all replicas, this one included, to drop answers, and those that start later not to take them up.
    pub async fn purge(&self, purge: &Purge) -> Result<(), Away> {
        self.note_down(Topic::Purges, "purges", &purge_name(purge), String::new(), MOST_PURGES).await
    }

    /// Tells all replicas which tokens count no more, and those that start later.
    pub async fn revoke(&self, revocation: &Revocation) -> Result<(), Away> {
        let (meant, moment) = revocation_note(revocation);
        self.note_down(Topic::Revocations, "revocations", &meant, moment.to_string(), 0).await
    }

    async fn note_down(&self, topic: Topic, key: &str, meant: &str, moment: String, most: u32) -> Result<(), Away> {
        let arguments = Arguments::default()
            .key(key)
            .value(meant)
            .value(moment)
            .value(self.store.key(topic.name()))
            .number(most)
            .value(EVERYTHING);
        self.store.run(&self.note, arguments).await.map(|_| ())
    }

    /// All that was noted and may have been missed: revocations, and purges since the last time. At the first time there is
    /// nothing to purge yet. Purges that were heard of as news come once more, which costs a call at most.
    pub async fn catch_up(&self) -> Result<Vec<Heard>, Away> {
        let known = self.purged.load(Ordering::Relaxed);
        let first = known == i64::MIN;
        let (mut heard, mut latest) = (Vec::new(), known.max(0));
        self.each_note("purges", |meant, moment| {
            latest = latest.max(moment);
            heard.extend(purge_of(meant).filter(|_| moment > known && !first).map(Heard::Purged));
        })
        .await?;
        let is_over = self.expired();
        let mut over = Vec::new();
        self.each_note("revocations", |meant, moment| match revocation_of(meant, moment) {
            Some(revocation) if is_over(&revocation) => over.push(meant.to_owned()),
            revocation => heard.extend(revocation.map(Heard::Revoked)),
        })
        .await?;
        for over in over.chunks(500) {
            let arguments = Arguments::default().key("revocations");
            self.store.run(&self.forget, over.iter().cloned().fold(arguments, Arguments::value)).await?;
        }
        // Not before all of it is here: what an attempt missed is asked for again.
        self.purged.store(latest, Ordering::Relaxed);
        Ok(heard)
    }

    /// Whether a revocation has expired by itself, by the store's clock: ours may be ahead, and others need the note.
    fn expired(&self) -> impl Fn(&Revocation) -> bool + use<> {
        let now = self.store.latest_time().and_then(|micros| Timestamp::from_microsecond(micros).ok());
        move |revocation| now.is_some_and(|now| revocation.is_over(now))
    }

    /// Those of `ours` that are still needed and not among what was heard, or reach further.
    pub fn untold<'a>(&self, ours: &'a [Revocation], heard: &[Heard]) -> Vec<&'a Revocation> {
        let is_over = self.expired();
        untold(ours, heard).filter(|revocation| !is_over(revocation)).collect()
    }

    async fn each_note(&self, key: &str, mut take: impl FnMut(&str, i64)) -> Result<(), Away> {
        let mut cursor = b"0".to_vec();
        loop {
            let arguments = Arguments::default().key(key).value(cursor);
            let reply = self.store.run(&self.notes, arguments).await?;
            let [next, notes] = &*reply else { return Err(Away) };
            for (meant, moment) in pairs(notes) {
                if let Ok(moment) = moment.parse() {
                    take(meant, moment);
                }
            }
            cursor = next.bytes().ok_or(Away)?.to_vec();
            if cursor == b"0" {
                return Ok(());
            }
        }
    }
}

/// Those of `ours` that are not among what was heard, or reach further.
fn untold<'a>(ours: &'a [Revocation], heard: &[Heard]) -> impl Iterator<Item = &'a Revocation> + use<'a> {
    let note = |heard: &Heard| match heard {
        Heard::Revoked(revocation) => Some(revocation_note(revocation)),
        _ => None,
    };
    let told: HashMap<String, i64> = heard.iter().filter_map(note).collect();
    ours.iter().filter(move |ours| {
        let (meant, moment) = revocation_note(ours);
        told.get(&meant).is_none_or(|told| *told < moment)
    })
}

pub(super) fn read_purge(body: &[u8]) -> Option<Purge> {
    let (_, meant) = str::from_utf8(body).ok()?.split_once('\n')?;
    purge_of(meant)
}

/// The names of all purges that take the answer of a question.
pub(super) fn that_take(question: &Question) -> [String; 3] {
    let app = question.app().clone();
    let whole = Purge::App(app.clone(), None);
    [EVERYTHING.to_owned(), purge_name(&whole), purge_name(&Purge::App(app, Some(question.window())))]
}

pub(super) fn purge_name(purge: &Purge) -> String {
    match purge {
        Purge::Everything => EVERYTHING.to_owned(),
        Purge::App(app, None) => app.to_string(),
        Purge::App(app, Some(window)) => {
            format!("{app}/{}/{}", window.from().as_second(), window.to().as_second())
        }
    }
}

fn purge_of(name: &str) -> Option<Purge> {
    if name == EVERYTHING {
        return Some(Purge::Everything);
    }
    let Some((app, window)) = name.split_once('/') else { return Some(Purge::App(AppId::parse(name)?, None)) };
    let (from, to) = window.split_once('/')?;
    let moment = |text: &str| text.parse().ok().map(Moment::of_second);
    Some(Purge::App(AppId::parse(app)?, Some(Window::new(moment(from)?, moment(to)?)?)))
}

/// What is meant, and up to when: microseconds since 1970.
pub(super) fn revocation_note(revocation: &Revocation) -> (String, i64) {
    let (whose, moment) = match &revocation.target {
        Target::Token { id, expires_at } => (Whose::Jti(id.clone()), *expires_at),
        Target::Subject { subject, issued_before } => (Whose::Subject(subject.clone()), Some(*issued_before)),
        Target::Tenant { tenant, issued_before } => (Whose::Tenant(tenant.clone()), Some(*issued_before)),
    };
    let moment = moment.map_or(NO_END, Timestamp::as_microsecond);
    let meant = Meant { issuer: revocation.issuer.clone(), whose };
    (serde_json::to_string(&meant).expect("text always serialises"), moment)
}

fn revocation_of(meant: &str, moment: i64) -> Option<Revocation> {
    let at = Timestamp::from_microsecond(moment).ok()?;
    let Meant { issuer, whose } = serde_json::from_str(meant).ok()?;
    let target = match whose {
        Whose::Jti(id) => Target::Token { id, expires_at: (moment < NO_END).then_some(at) },
        Whose::Subject(subject) => Target::Subject { subject, issued_before: at },
        Whose::Tenant(tenant) => Target::Tenant { tenant, issued_before: at },
    };
    Some(Revocation { issuer, target })
}

pub(super) fn read_revocation(body: &[u8]) -> Option<Revocation> {
    let (moment, meant) = str::from_utf8(body).ok()?.split_once('\n')?;
    revocation_of(meant, moment.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_is_the_same_at_another_replica() {
        let app = AppId::parse("661e").unwrap();
        let window = Question::sample("661e").window();
        for purge in [Purge::Everything, Purge::App(app.clone(), None), Purge::App(app, Some(window))] {
            assert_eq!(purge_of(&purge_name(&purge)), Some(purge));
        }
        for rubbish in ["", "a b", "a/1", "a/2/1", "a/x/y", "**"] {
            assert_eq!(purge_of(rubbish), None, "{rubbish}");
        }
    }

    #[test]
    fn every_purge_that_takes_an_answer_is_asked_about() {
        let question = Question::sample("661e");
        let names = that_take(&question);
        let purges = names.each_ref().map(|name| purge_of(name));
        assert!(purges.iter().all(Option::is_some), "{names:?}");
    }

    #[test]
    fn only_what_the_store_lacks_is_told_again() {
        let of = |subject: &str, before: &str| Revocation {
            issuer: None,
            target: Target::Subject { subject: subject.into(), issued_before: before.parse().unwrap() },
        };
        let fine = of("a", "2026-11-09T02:00:00.123456789Z");
        let (meant, moment) = revocation_note(&fine);
        let heard = [revocation_of(&meant, moment).unwrap(), of("b", "2026-11-09T02:00:00Z")].map(Heard::Revoked);
        let ours = [fine, of("b", "2026-11-09T03:00:00Z"), of("c", "2026-11-09T02:00:00Z")];
        assert_eq!(untold(&ours, &heard).collect::<Vec<_>>(), [&ours[1], &ours[2]]);
    }

    #[test]
    fn a_revocation_is_the_same_at_another_replica() {
        let moment: Timestamp = "2026-11-09T02:00:00.5Z".parse().unwrap();
        let targets = [
            Target::Token { id: "j\n\"1".into(), expires_at: None },
            Target::Token { id: "j".into(), expires_at: Some(moment) },
            Target::Subject { subject: "s".into(), issued_before: moment },
            Target::Tenant { tenant: "t".into(), issued_before: moment },
        ];
        for issuer in [None, Some("https://sso.test".to_owned())] {
            for target in targets.clone() {
                let revocation = Revocation { issuer: issuer.clone(), target };
                let (meant, moment) = revocation_note(&revocation);
                assert_eq!(read_revocation(format!("{moment}\n{meant}").as_bytes()), Some(revocation));
            }
        }
        assert_eq!(read_revocation(b"1\n{\"jti\":1}"), None);
    }
}
