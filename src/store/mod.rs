//! The store that replicas share, where there are several: a Redis. The only module that knows the library.
//!
//! In: scripts with their keys and arguments. Out: replies within a deadline, or `Away`; and the news that replicas
//! publish. It is kept connected by `Keeper`, and tells since when it has been without a break, because whoever was away
//! may have missed anything.

mod address;
mod config;
mod dial;
mod keeper;
mod news;
mod reply;
mod script;
#[cfg(test)]
pub(crate) mod tests;
mod witness;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::ErrorKind;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, timeout};

pub use self::config::Config;
pub use self::keeper::{Keeper, Refused};
pub use self::news::{News, Topic};
pub use self::reply::Reply;
pub use self::script::{Arguments, Script};

use self::dial::Line;
use self::witness::Witness;

/// The longest that anything is waited for.
const DEADLINE: Duration = Duration::from_millis(100);
/// The longest that connecting may take, with all lookups and handshakes.
const DIAL_DEADLINE: Duration = Duration::from_secs(2);
/// More news than a replica reads late; who is later still asks for the whole.
const NEWS_KEPT: usize = 4096;

/// The store. Cloning shares it.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    prefix: String,
    replica: String,
    hosts: String,
    line: Mutex<Option<Line>>,
    witness: Mutex<Witness>,
    state: watch::Sender<State>,
    news: broadcast::Sender<News>,
    trouble: mpsc::UnboundedSender<Trouble>,
    /// How to connect the next time.
    config: ArcSwap<Config>,
}

/// Whether the store can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Since this time without a break: same connection, same server, its clock never set.
    Here {
        /// When it began.
        since: Instant,
        /// Whether it was here before in the life of this process.
        again: bool,
    },
    /// Not at present.
    Away {
        /// Since when.
        since: Instant,
        /// Whether it was here before in the life of this process.
        again: bool,
        /// Why, for the operator.
        reason: String,
    },
}

/// The store did not answer in time, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared store is out of reach")]
pub struct Away;

/// What makes the keeper look after the connection.
#[derive(Debug)]
enum Trouble {
    /// A command failed; others may not.
    Doubt,
    /// It cannot go on like this.
    Certain(String),
}

impl Store {
    /// This process among all replicas: a name that no other process ever has.
    pub fn replica(&self) -> &str {
        &self.0.replica
    }

    /// The hosts as configured, for the operator.
    pub fn hosts(&self) -> &str {
        &self.0.hosts
    }

    /// Connects the next time with `redis_password` and the authorities of another configuration, unless it leads elsewhere.
    /// Where this one leads, and what is open, stay as they are.
    pub fn renew_credentials(&self, newer: Config) {
        if let Some(renewed) = self.0.config.load().renewed(newer) {
            self.0.config.store(Arc::new(renewed));
        }
    }

    /// The whole name of a key, for scripts that build names.
    pub fn key(&self, key: &str) -> String {
        full_key(&self.0.prefix, key)
    }

    /// Whether it can be reached, and every change of that.
    pub fn state(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Since when it has been here without a break.
    pub fn here_since(&self) -> Option<Instant> {
        match &*self.0.state.borrow() {
            State::Here { since, .. } => Some(*since),
            State::Away { .. } => None,
        }
    }

    /// All news from now on.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.0.news.subscribe()
    }

    /// What its clock shows at most now, in microseconds since 1970.
    pub fn latest_time(&self) -> Option<i64> {
        self.witness().latest(Instant::now())
    }

    /// Runs a script; gives its reply after the store's time. It may have run although there is no reply.
    pub async fn run(&self, script: &Script, arguments: Arguments) -> Result<Vec<Reply>, Away> {
        let mut line = self.line().clone().ok_or(Away)?;
        let mut invocation = script.code.prepare_invoke();
        for key in &arguments.keys {
            invocation.key(self.key(key));
        }
        for value in arguments.values {
            invocation.arg(value);
        }
        let asked = Instant::now();
        let replied = timeout(DEADLINE, invocation.invoke_async::<redis::Value>(&mut line)).await;
        match replied {
            Ok(Ok(value)) => self.read(value, asked),
            Ok(Err(fault)) => {
                self.0.complain(Trouble::of(script.name, &fault));
                Err(Away)
            }
            Err(_elapsed) => {
                self.0.complain(Trouble::Doubt);
                Err(Away)
            }
        }
    }

    fn read(&self, value: redis::Value, asked: Instant) -> Result<Vec<Reply>, Away> {
        let Reply::List(mut reply) = Reply::from(value) else { return Err(Away) };
        if reply.is_empty() {
            return Err(Away);
        }
        let told = reply.remove(0).int().ok_or(Away)?;
        if let Err(set) = self.witness().hear(told, asked, Instant::now()) {
            self.0.complain(Trouble::Certain(format!("its clock was set by {} ms", set.by_micros / 1000)));
            return Err(Away);
        }
        Ok(reply)
    }

    fn line(&self) -> MutexGuard<'_, Option<Line>> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn witness(&self) -> MutexGuard<'_, Witness> {
        self.0.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The keeper hears it, unless it is gone with the process.
    fn complain(&self, trouble: Trouble) {
        let _gone = self.trouble.send(trouble);
    }
}

impl Trouble {
    /// A server that lost its office, its script or its room says so; anything else is looked into.
    fn of(script: &str, fault: &redis::RedisError) -> Self {
        match fault.kind() {
            ErrorKind::Server(_) => Self::Certain(format!("the script {script} failed there: {fault}")),
            _ => Self::Doubt,
        }
    }
}

/// All keys of one gateway share a hash tag, so that a Cluster keeps them in one place.
fn full_key(prefix: &str, key: &str) -> String {
    format!("{{{prefix}}}:{key}")
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("hosts", &self.0.hosts).finish_non_exhaustive()
    }
}
