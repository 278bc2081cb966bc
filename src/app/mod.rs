//! Builds the parts, runs them, drains them.

mod files;
mod reload;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::audit::{Audit, NoAudit};
use crate::auth::NoClient;
use crate::budget::{self, Budget};
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::edge::{self, Admin, Listener, NotReloaded, Readiness, Reloaded, Reloads as _, Serves, Stop, Tls};
use crate::fleet::Fleet;
use crate::pipeline::{Parts, Pipeline, Policy};
use crate::store::{Keeper, Refused};
use crate::telemetry::Telemetry;
use crate::tenancy::Registry;
use crate::upstream::Upstream;

use self::files::Files;
use self::reload::Reloader;
pub use self::reload::Source;

/// A gateway that serves. Dropping it without `drain` ends its tasks with the runtime.
#[derive(Debug)]
pub struct Gateway {
    pipeline: Arc<Pipeline>,
    readiness: Readiness,
    addresses: Addresses,
    drain: Duration,
    /// In the order in which they are stopped: whoever watches a drain sees its end.
    listeners: [Listening; 2],
    dispatcher: JoinHandle<()>,
    follower: JoinHandle<()>,
    reloader: Arc<Reloader>,
}

/// A listener that is served, and the way to stop it.
#[derive(Debug)]
struct Listening {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What a gateway is given besides its configuration.
pub struct Host {
    /// What is known of the budget's past.
    pub past: Past,
    /// The time.
    pub clock: Clock,
    /// Where everything is told.
    pub telemetry: Telemetry,
    /// Where the configuration can be read again.
    pub source: Source,
}

/// Where a gateway listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The public listener.
    pub public: SocketAddr,
    /// The admin listener.
    pub admin: SocketAddr,
}

/// What is known of the budget's past when a gateway starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// A gateway before this one may have spent everything a moment ago: nothing is sent for `guard + per`.
    Unknown,
    /// The upstream began with this process, so nobody can have called it.
    Unused,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// A port is taken or not allowed.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No TLS client: most likely the system has no certificate authorities.
    #[error("cannot set up the client for the upstream: {0}")]
    Client(String),
    /// Likewise for the identity providers.
    #[error(transparent)]
    KeyClient(#[from] NoClient),
    /// Calls cannot be recorded where they are to be.
    #[error(transparent)]
    Audit(#[from] NoAudit),
    /// The store that the replicas share would lose what the budget is kept by.
    #[error(transparent)]
    Store(#[from] Refused),
}

/// Connections to the admin listener: of probes, a Prometheus, and people.
const MOST_OPERATORS: usize = 128;
/// What the last call may take beyond its time: to be recorded before, to be held and told to the other replicas after.
const LANDING: Duration = Duration::from_secs(2);
/// Time for those who wait to read that their turn will not come.
const LAST_WORDS: Duration = Duration::from_millis(100);

impl Gateway {
    /// Binds both listeners, then serves.
    pub async fn start(loaded: Loaded, host: Host) -> Result<Self, StartFault> {
        let began = Instant::now();
        let Loaded { config, resolved } = loaded;
        let Host { past, clock, telemetry, source } = host;
        let tls = config.server.certificate.clone().map(Tls::new);
        let public = bind(config.server.listen).await?;
        let admin = bind(config.server.admin_listen).await?;
        let addresses = Addresses { public: public.1, admin: admin.1 };
        let policy =
            Policy { authenticator: config.authenticator(clock.clone()), registry: Registry::new(&config.tenants) };
        policy.authenticator.begin()?;
        let Purse { budget, fleet, keeper } = Purse::open(&config, past).await?;
        let replica = fleet.as_ref().map(|fleet| fleet.standing().replica);
        let audit = Audit::start(&config.audit, replica, clock.clone(), telemetry.metrics.clone())?;
        let upstream =
            Upstream::new(config.upstream, clock.clone()).map_err(|error| StartFault::Client(error.to_string()))?;
        let pipeline = Arc::new(Pipeline::new(Parts {
            policy,
            rules: config.query,
            cache: Cache::new(config.cache),
            budget,
            fleet,
            audit,
            queue: config.queue,
            upstream,
            telemetry: telemetry.clone(),
        }));
        let readiness = Readiness::default();
        let routes = edge::public(Arc::clone(&pipeline), &config.server, readiness.clone());
        let reloader = Arc::new(Reloader::new(
            source,
            resolved,
            Arc::clone(&pipeline),
            tls.clone(),
            telemetry.log.clone(),
            clock.clone(),
        ));
        let reloads = Arc::<Reloader>::clone(&reloader);
        let shown = Admin { pipeline: Arc::clone(&pipeline), readiness: readiness.clone(), clock, began, reloads };
        let encrypts = tls.is_some();
        // What is under way when turns are no longer given is at most one call from its end.
        let last_answers = pipeline.call_time() + LAST_WORDS;
        let max_connections = config.server.max_connections;
        let to_callers = Serves { routes, tls, max_connections, telemetry: Some(telemetry) };
        let to_operators =
            Serves { routes: shown.router().into(), tls: None, max_connections: MOST_OPERATORS, telemetry: None };
        let listeners = [
            Listening::on(|stop| public.0.serve(to_callers, stop, last_answers)),
            Listening::on(|stop| admin.0.serve(to_operators, stop, LAST_WORDS)),
        ];
        let running = Arc::clone(&pipeline);
        let dispatcher = tokio::spawn(async move {
            match keeper {
                None => running.run().await,
                Some(keeper) => tokio::select! {
                    () = keeper.run() => {}
                    () = running.run() => {}
                },
            }
        });
        if let Some(warning) = config.server.token_headers.warning() {
            tracing::warn!("{warning}");
        }
        tracing::info!(listen = %addresses.public, tls = encrypts, admin_listen = %addresses.admin, "serving");
        let follower = tokio::spawn(follow(Arc::clone(&reloader)));
        let drain = config.server.drain;
        Ok(Self { pipeline, readiness, addresses, drain, listeners, dispatcher, follower, reloader })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Has the configuration read again, and put in force what can be without a restart. Nothing that is under way, held
    /// or remembered is lost; one with mistakes changes nothing. What comes of it is in the log too.
    pub fn reload(&self) -> JoinHandle<Result<Reloaded, NotReloaded>> {
        let reloader = Arc::clone(&self.reloader);
        tokio::task::spawn_blocking(move || reloader.reload())
    }

    /// Waits for what must not happen: the end of the task that gives out turns. Without it every miss would wait in vain.
    pub async fn broken(&mut self) {
        let _ended = (&mut self.dispatcher).await;
        self.readiness.drain();
        tracing::error!("the dispatcher ended: a defect of the gateway");
    }

    /// Stops being ready, serves on for `server.drain` or until `hurry`, then finishes what is under way.
    pub async fn drain(self, hurry: impl Future<Output = ()>) {
        tracing::info!(seconds = self.drain.as_secs(), "draining: not ready any more, still serving");
        self.readiness.drain();
        tokio::select! {
            () = sleep(self.drain) => {}
            () = hurry => tracing::info!("the drain was cut short"),
        }
        self.pipeline.give_up();
        let last_landing = Instant::now() + self.pipeline.call_time() + LANDING;
        sleep(LAST_WORDS).await;
        for Listening { stop, task } in self.listeners {
            // The receiver is the listener; were it gone, there would be nothing to stop.
            stop.send_replace(true);
            if task.await.is_err() {
                tracing::error!("a listener ended badly");
            }
        }
        // A flight goes on without callers: one that was served a stale answer does not wait for the end.
        if !self.pipeline.comes_to_rest(last_landing).await {
            tracing::warn!("a call, or the word of its end to the other replicas, did not end in time");
        }
        self.dispatcher.abort();
        self.follower.abort();
        self.pipeline.close_audit().await;
        tracing::info!("stopped");
    }
}

impl Listening {
    fn on<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(Stop) -> F) -> Self {
        let (stop, stopped) = Stop::new();
        Self { stop, task: tokio::spawn(serve(stopped)) }
    }
}

/// Reloads whenever a file of the configuration changes.
async fn follow(reloader: Arc<Reloader>) {
    let (mut files, mut watched) = (Files::new(), Vec::new());
    loop {
        let reloader = Arc::clone(&reloader);
        if let Ok(paths) = tokio::task::spawn_blocking(move || reloader.reload_if_changed()).await {
            watched = paths;
        }
        files.noticed(&watched).await;
    }
}

/// What the calls are paid from, alone or with other replicas.
struct Purse {
    budget: Budget,
    fleet: Option<Fleet>,
    keeper: Option<Keeper>,
}

impl Purse {
    async fn open(config: &Config, past: Past) -> Result<Self, Refused> {
        let budget::Config { store, .. } = &config.budget;
        let Some(store) = store.clone() else {
            let budget = match past {
                Past::Unknown => Budget::new(&config.budget),
                Past::Unused => Budget::unused(&config.budget),
            };
            return Ok(Self { budget, fleet: None, keeper: None });
        };
        let (store, keeper) = Keeper::open(store).await?;
        let budget = Budget::shared(&config.budget, store.clone());
        Ok(Self { budget, fleet: Some(Fleet::new(store, config.cache.max_bytes)), keeper: Some(keeper) })
    }
}

async fn bind(address: SocketAddr) -> Result<(Listener, SocketAddr), StartFault> {
    let fault = |error| StartFault::Listen { address, error };
    let listener = Listener::bind(address).await.map_err(fault)?;
    let bound = listener.address().map_err(fault)?;
    Ok((listener, bound))
}
