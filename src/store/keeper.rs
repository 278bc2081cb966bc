//! Keeps the store connected: looks after it twice a second, connects again with growing, scattered pauses, and tells
//! only when something changed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use backon::{BackoffBuilder, ExponentialBuilder};
use redis::Msg;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::StreamExt;
use uuid::Uuid;

use super::dial::{DialFault, Lines};
use super::witness::Witness;
use super::{
    Arguments, Config, DEADLINE, DIAL_DEADLINE, NEWS_KEPT, News, Script, Shared, State, Store, Topic, Trouble,
};

/// Between two looks at a connection that nobody complained about.
const BEAT: Duration = Duration::from_millis(500);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// Up to as much is added, so that replicas do not come all at once.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The task's side of a store.
pub struct Keeper {
    store: Store,
    trouble: mpsc::UnboundedReceiver<Trouble>,
    beat: Script,
    first: Option<Lines>,
    /// Whether it was here before.
    again: bool,
}

/// The store can be reached and must not be used.
#[derive(Debug, thiserror::Error)]
#[error("the Redis at {hosts} is refused: {fault}")]
pub struct Refused {
    hosts: String,
    fault: String,
}

impl Keeper {
    /// Tries to connect once. A store that is out of reach is waited for by `run`; one that may evict is refused.
    pub async fn open(config: Config) -> Result<(Store, Self), Refused> {
        let (trouble, troubles) = mpsc::unbounded_channel();
        let away = State::Away { since: Instant::now(), again: false, reason: "not connected yet".to_owned() };
        let store = Store(Arc::new(Shared {
            prefix: config.prefix.clone(),
            replica: Uuid::now_v7().simple().to_string(),
            hosts: config.address.hosts(),
            line: Mutex::default(),
            witness: Mutex::new(Witness::default()),
            state: watch::Sender::new(away),
            news: broadcast::Sender::new(NEWS_KEPT),
            trouble,
            config: ArcSwap::from_pointee(config),
        }));
        let beat = Script::new("beat", include_str!("beat.lua"));
        let mut keeper = Self { store, trouble: troubles, beat, first: None, again: false };
        match keeper.dial().await {
            Ok(lines) => {
                keeper.connected(&lines);
                keeper.first = Some(lines);
            }
            Err(DialFailed { refuses: true, reason }) => {
                return Err(Refused { hosts: keeper.store.hosts().to_owned(), fault: reason });
            }
            Err(DialFailed { reason, .. }) => {
                tracing::warn!(
                    hosts = keeper.store.hosts(),
                    reason,
                    "the shared store is not here yet; nothing is asked upstream"
                );
                keeper.lost(reason);
            }
        }
        Ok((keeper.store.clone(), keeper))
    }

    /// Keeps it connected for as long as it is polled.
    pub async fn run(mut self) {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(SHORTEST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times();
        let mut pause = pauses.build();
        loop {
            let lines = match self.first.take() {
                Some(lines) => Ok(lines),
                None => self.dial().await,
            };
            match lines {
                Ok(lines) => {
                    self.connected(&lines);
                    let began = Instant::now();
                    let reason = self.serve(lines.news).await;
                    self.lost(reason);
                    if began.elapsed() > LONGEST_PAUSE {
                        pause = pauses.build();
                    }
                }
                Err(fault) => self.lost(fault.reason),
            }
            sleep(pause.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }

    async fn dial(&self) -> Result<Lines, DialFailed> {
        let config = self.store.0.config.load_full();
        match timeout(DIAL_DEADLINE, config.dial()).await {
            Ok(Ok(lines)) => Ok(lines),
            Ok(Err(fault)) => {
                Err(DialFailed { refuses: matches!(fault, DialFault::Evicts(_)), reason: fault.to_string() })
            }
            Err(_elapsed) => Err(DialFailed { refuses: false, reason: "it does not answer".to_owned() }),
        }
    }

    fn connected(&mut self, lines: &Lines) {
        if self.store.here_since().is_some() {
            return;
        }
        // Complaints about the connection before are settled by this one.
        while self.trouble.try_recv().is_ok() {}
        self.store.witness().forget();
        *self.store.line() = Some(lines.commands.clone());
        let again = std::mem::replace(&mut self.again, true);
        self.store.0.state.send_replace(State::Here { since: Instant::now(), again });
        tracing::info!(hosts = self.store.hosts(), "the shared store is here");
    }

    fn lost(&self, reason: String) {
        *self.store.line() = None;
        let (since, known) = match &*self.store.0.state.borrow() {
            State::Here { .. } => (Instant::now(), None),
            State::Away { since, reason, .. } => (*since, Some(reason.clone())),
        };
        match known {
            None => tracing::warn!(
                hosts = self.store.hosts(),
                reason,
                "the shared store is away; nothing is asked upstream"
            ),
            Some(known) if known == reason => return,
            Some(_) => tracing::debug!(reason, "the shared store is still away"),
        }
        self.store.0.state.send_replace(State::Away { since, again: self.again, reason });
    }

    /// Passes on news until the connection is lost; gives the reason.
    async fn serve(&mut self, news: redis::aio::PubSub) -> String {
        let (sink, stream) = news.split();
        let store = self.store.clone();
        tokio::select! {
            reason = listen(&store, stream) => reason,
            reason = self.look_after(sink) => reason,
        }
    }

    /// Beats regularly and whenever something is in doubt, on both connections.
    async fn look_after(&mut self, mut sink: PubSubSink) -> String {
        loop {
            tokio::select! {
                () = sleep(BEAT) => {}
                trouble = self.trouble.recv() => {
                    if let Some(Trouble::Certain(reason)) = trouble {
                        return reason;
                    }
                }
            }
            // A failed beat complains of itself.
            if self.store.run(&self.beat, Arguments::default().key("slots")).await.is_err() {
                return self.certain().unwrap_or_else(|| "it does not answer".to_owned());
            }
            if !matches!(timeout(DEADLINE, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                return "the subscription does not answer".to_owned();
            }
        }
    }

    fn certain(&mut self) -> Option<String> {
        std::iter::from_fn(|| self.trouble.try_recv().ok()).find_map(|trouble| match trouble {
            Trouble::Certain(reason) => Some(reason),
            Trouble::Doubt => None,
        })
    }
}

struct DialFailed {
    refuses: bool,
    reason: String,
}

async fn listen(store: &Store, mut stream: PubSubStream) -> String {
    while let Some(message) = stream.next().await {
        if let Some(news) = read(&message) {
            // Nobody listens before the pipeline runs, and then there is nothing to miss.
            let _nobody = store.0.news.send(news);
        }
    }
    "the subscription ended".to_owned()
}

fn read(message: &Msg) -> Option<News> {
    let topic = Topic::of_channel(message.get_channel_name())?;
    Some(News { topic, body: message.get_payload_bytes().to_vec() })
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("hosts", &self.store.hosts()).finish_non_exhaustive()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.store.0.line.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
