//! The other replicas: what they hold, what they ask, what all of them are to forget.
//!
//! In and out: questions, answers and failures as the pipeline knows them; between replicas they travel by name and in
//! envelopes. What gets lost on the way costs at most a call: a flight whose end nobody heard of ends with its lease.

mod envelope;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod notes;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::budget::FLIGHT_LEASE;
use crate::cache::Held;
use crate::query::Question;
use crate::store::{self, Arguments, Away, News, Reply, Script, State, Store, Topic};
use crate::upstream::Fault;

pub use self::notes::{Heard, Reach};

/// How long a landing is remembered, so that a claim on its way meanwhile is told of it.
const LANDING: Duration = Duration::from_secs(2);
/// What a stored answer weighs beside its envelope: its names in the index, and the server's bookkeeping.
const OVERHEAD: usize = 400;
/// For how long, and how often, what could not be told is tried again.
const TELL_AGAIN: Duration = Duration::from_millis(500);
const TELL_TRIES: usize = 10;

/// All replicas, as seen from this one.
#[derive(Debug)]
pub struct Fleet {
    store: Store,
    look: Script,
    land: Script,
    end: Script,
    renew: Script,
    note: Script,
    notes: Script,
    forget: Script,
    /// What all answers in the store may weigh, in bytes.
    max_bytes: u64,
    /// The latest purge that this replica has caught up with, by the store's time in microseconds.
    purged: AtomicI64,
    unreadable: AtomicU64,
}

/// What the replicas have to do with a question.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// One of them brought this answer, fresh or not.
    Answer(Held),
    /// One of them asks it, certainly until then.
    Flying(Instant),
    /// One of them failed with it; it rests until then.
    Failed(Fault, Instant),
}

impl Fleet {
    /// The replicas before this store.
    pub fn new(store: Store, max_bytes: u64) -> Self {
        Self {
            store,
            look: Script::new("look", include_str!("look.lua")),
            land: Script::new("land", include_str!("land.lua")),
            end: Script::new("end", include_str!("end.lua")),
            renew: Script::new("renew", include_str!("renew.lua")),
            note: Script::new("note", include_str!("note.lua")),
            notes: Script::new("notes", include_str!("notes.lua")),
            forget: Script::new("forget", include_str!("forget.lua")),
            max_bytes,
            purged: AtomicI64::new(i64::MIN),
            unreadable: AtomicU64::new(0),
        }
    }

    /// Connects to the store the next time with another password.
    pub fn renew_credentials(&self, config: store::Config) {
        self.store.renew_credentials(config);
    }

    /// All news from now on.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.store.news()
    }

    /// Whether the store that they come through can be reached, and every change of that.
    pub fn state(&self) -> watch::Receiver<State> {
        self.store.state()
    }

    /// The store's state, for the operator.
    pub fn standing(&self) -> Standing {
        let fault = match &*self.store.state().borrow() {
            State::Here { .. } => None,
            State::Away { reason, .. } => Some(reason.clone()),
        };
        let unreadable = self.unreadable.load(Ordering::Relaxed);
        Standing { hosts: self.store.hosts().to_owned(), replica: self.store.replica().to_owned(), fault, unreadable }
    }

    /// Asks about a question. A fresh answer outweighs whatever else there is to say.
    pub async fn look(&self, question: &Question, now: Timestamp) -> Result<Found, Away> {
        let name = question.name();
        let arguments = Arguments::default()
            .key(flight(&name))
            .key(format!("answer:{name}"))
            .key("answers")
            .key("purges")
            .value(self.store.replica())
            .value(name);
        let arguments = notes::that_take(question).into_iter().fold(arguments, Arguments::value);
        let asked = Instant::now();
        let reply = self.store.run(&self.look, arguments).await?;
        let [word, left, fault, envelope] = &*reply else { return Err(Away) };
        let until = asked + Duration::from_millis(left.int().and_then(|left| u64::try_from(left).ok()).unwrap_or(0));
        let envelope = envelope.bytes().filter(|envelope| !envelope.is_empty());
        let answer = envelope.and_then(|envelope| self.open(envelope, now)).filter(|(found, _)| found == question);
        Ok(match (answer, word.text(), fault.text().and_then(Fault::of_line)) {
            (Some((_, held)), word, _) if held.freshness(now).is_fresh() || word == Some("none") => Found::Answer(held),
            (_, Some("flying"), _) => Found::Flying(until),
            (_, Some("failed"), Some(fault)) => Found::Failed(fault, until),
            _ => Found::Nothing,
        })
    }

    /// Lets every replica hold an answer. `useful_for`: as long as anybody would serve it; `None` for good.
    pub async fn land(&self, question: &Question, held: &Held, useful_for: Option<Duration>) {
        let name = question.name();
        let arguments = Arguments::default()
            .key(flight(&name))
            .key(format!("answer:{name}"))
            .key("answers")
            .key("sizes")
            .value(self.store.replica())
            .value(name)
            .value(envelope::seal(question, held))
            .number(useful_for.map_or(0, |life| life.as_millis().max(1)))
            .number(self.max_bytes)
            .number(LANDING.as_millis())
            .value(self.store.key(Topic::Answers.name()))
            .value(self.store.key("answer:"))
            .number(OVERHEAD);
        self.tell(&self.land, arguments).await;
    }

    /// Lets every replica know of a failure, which the question rests from for so long.
    pub async fn fail(&self, question: &Question, fault: &Fault, rest: Duration) {
        self.end(question, &fault.line(), rest).await;
    }

    /// Lets every replica know that we ask a question no more, and that nothing came of it.
    pub async fn release(&self, question: &Question) {
        self.end(question, "", Duration::ZERO).await;
    }

    async fn end(&self, question: &Question, fault: &str, rest: Duration) {
        let name = question.name();
        let arguments = Arguments::default()
            .key(flight(&name))
            .value(self.store.replica())
            .value(name)
            .value(fault)
            .number(rest.as_millis().max(1))
            .value(self.store.key(Topic::Flights.name()));
        self.tell(&self.end, arguments).await;
    }

    /// Keeps the flights of these questions ours. Should it not arrive, they may become another's.
    pub async fn renew(&self, questions: impl Iterator<Item = &Question>) {
        let keys = questions.fold(Arguments::default(), |keys, question| keys.key(flight(&question.name())));
        if !keys.is_empty() {
            let arguments = keys.value(self.store.replica()).number(FLIGHT_LEASE.as_millis());
            let _away = self.store.run(&self.renew, arguments).await;
        }
    }

    /// Says it until it is heard, for a few seconds: as long as anybody waits for it.
    async fn tell(&self, script: &Script, arguments: Arguments) {
        let mut state = self.store.state();
        for _ in 0..TELL_TRIES {
            if self.store.run(script, arguments.clone()).await.is_ok() {
                return;
            }
            state.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep(TELL_AGAIN) => {}
                _ = state.changed() => {}
            }
        }
        tracing::debug!("the other replicas were not told how a flight ended");
    }

    /// Opens an envelope; what it says wrong is told once and counted.
    fn open(&self, envelope: &[u8], now: Timestamp) -> Option<(Question, Held)> {
        let fault = match envelope::open(envelope, now) {
            Ok(opened) => return Some(opened),
            Err(fault) => fault,
        };
        if self.unreadable.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(%fault, "an answer in the shared store cannot be read and counts as none; told once");
        }
        None
    }

    /// What a piece of news means for us.
    pub fn read(&self, news: &News, now: Timestamp) -> Option<Heard> {
        match news.topic {
            Topic::Answers => self.open(&news.body, now).map(|(question, held)| Heard::Landed(question, held)),
            Topic::Flights => read_ending(&news.body).map(|(question, fault)| match fault {
                Some(fault) => Heard::Failed(question, fault),
                None => Heard::Released(question),
            }),
            Topic::Purges => notes::read_purge(&news.body).map(Heard::Purged),
            Topic::Revocations => notes::read_revocation(&news.body).map(Heard::Revoked),
            // The budget's own.
            Topic::Slots | Topic::Throttled => None,
        }
    }
}

/// How the store stands, for the operator.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Where it is.
    pub hosts: String,
    /// Who we are there.
    pub replica: String,
    /// Why it is away; `None` while it is here.
    pub fault: Option<String>,
    /// How many envelopes could not be read so far.
    pub unreadable: u64,
}

/// How a flight ended that brought nothing: with a fault, or without a word.
fn read_ending(body: &[u8]) -> Option<(Question, Option<Fault>)> {
    let (name, fault) = str::from_utf8(body).ok()?.split_once('\n')?;
    Some((Question::of_name(name)?, Fault::of_line(fault)))
}

fn flight(name: &str) -> String {
    format!("flight:{name}")
}

fn pairs(reply: &Reply) -> impl Iterator<Item = (&str, &str)> {
    reply.list().chunks_exact(2).filter_map(|pair| match pair {
        [meant, moment] => Some((meant.text()?, moment.text()?)),
        _ => None,
    })
}
