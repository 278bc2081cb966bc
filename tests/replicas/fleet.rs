//! Replicas of the built binary before one simulated upstream, and what a test does with them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use sluice::auth::{NewToken, Shape};
use sluice::simulator::{Arrival, Simulator};
use tokio::time::Instant;

use crate::support::{Asker, Files, Key, Process, now, settled_day, sluice};
use crate::within;

pub(crate) const TENANTS: [&str; 5] = ["red", "green", "blue", "gray", "gold"];
/// No load speaks for this tenant, so that its calls are the test's own.
pub(crate) const SPARE: &str = "gold";
/// Twice as fast as the vendor, so that a test takes half the time.
pub(crate) const PER: Duration = Duration::from_millis(500);
pub(crate) const GUARD: Duration = Duration::from_millis(100);
/// What a slot costs whose owner is not heard of again, and how long nothing is granted where claims may be forgotten.
pub(crate) const LEASE: Duration = Duration::from_millis(500).saturating_add(GUARD).saturating_add(PER);
/// Questions of each tenant that are a load's: ten apps, and this many days of each. The days before are the test's own.
pub(crate) const DAYS: usize = 24;
pub(crate) const APPS: usize = 10;
pub(crate) const ISSUER: &str = "https://sso.test";

/// One gateway. It keeps its ports and its files over restarts.
pub(crate) struct Replica {
    public: u16,
    admin: u16,
    files: Files,
    environment: Vec<(&'static str, String)>,
    process: Option<Process>,
    /// What processes that have ended had printed.
    past: Vec<String>,
}

/// Upstream, replicas and keys.
pub(crate) struct Fleet {
    pub(crate) upstream: Simulator,
    /// When the upstream's clock began.
    began: Instant,
    /// The longest that a request may take: its patience, a call, and a second.
    pub(crate) deadline: Duration,
    replicas: Vec<Replica>,
    key: Key,
    asker: Asker,
    fresh: AtomicUsize,
}

impl Replica {
    pub(crate) fn new(public: u16, admin: u16, files: Files, environment: Vec<(&'static str, String)>) -> Self {
        Self { public, admin, files, environment, process: None, past: Vec::new() }
    }
}

/// Makes a token good for clocks that are up to two hours ahead or behind.
pub(crate) fn good_for_hours(token: &mut NewToken<'_>) {
    token.issued_at = now() - SignedDuration::from_hours(2);
    token.ttl = Duration::from_secs(6 * 3600);
}

impl Fleet {
    pub(crate) fn new(
        upstream: Simulator,
        began: Instant,
        deadline: Duration,
        replicas: Vec<Replica>,
        key: Key,
    ) -> Self {
        let asker = Asker::new(String::new(), None);
        Self { upstream, began, deadline, replicas, key, asker, fresh: AtomicUsize::new(0) }
    }

    /// The replicas' numbers.
    pub(crate) fn all(&self) -> std::ops::Range<usize> {
        0..self.replicas.len()
    }

    /// Runs a replica, and waits until it serves.
    pub(crate) async fn start(&mut self, replica: usize) {
        let replica = &mut self.replicas[replica];
        let mut command = sluice(&["serve", "--config", &replica.files.config()]);
        let process = Process::start(command.envs(replica.environment.iter().map(|(name, value)| (name, value))));
        process.prints(|text| text.contains("\"message\":\"serving\"").then_some(())).await;
        replica.process = Some(process);
    }

    /// Runs every replica.
    pub(crate) async fn start_all(&mut self) {
        for replica in self.all() {
            self.start(replica).await;
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, replica: usize) {
        let replica = &mut self.replicas[replica];
        if let Some(process) = replica.process.take() {
            replica.past.push(process.killed());
        }
    }

    /// Asks a replica to stop, and waits until it has.
    pub(crate) async fn stop(&mut self, replica: usize) {
        let replica = &mut self.replicas[replica];
        let mut process = replica.process.take().unwrap();
        process.signal("TERM");
        assert_eq!(process.ended().await, Some(0), "{}", process.printed());
        replica.past.push(process.killed());
    }

    pub(crate) fn signal(&self, replica: usize, name: &str) {
        self.replicas[replica].process.as_ref().unwrap().signal(name);
    }

    /// A replica's configuration.
    pub(crate) fn config(&self, replica: usize) -> String {
        self.replicas[replica].files.config()
    }

    /// What a running replica has logged.
    pub(crate) fn log(&self, replica: usize) -> String {
        self.replicas[replica].process.as_ref().unwrap().printed()
    }

    /// What each process of a replica has printed, the first process first.
    #[allow(dead_code, reason = "not every binary of the tests accounts for its processes")]
    pub(crate) fn logs(&self, replica: usize) -> Vec<String> {
        let Replica { past, process, .. } = &self.replicas[replica];
        past.iter().cloned().chain(process.as_ref().map(Process::printed)).collect()
    }

    /// The id of a replica's process.
    #[allow(dead_code, reason = "not every binary of the tests accounts for its processes")]
    pub(crate) fn process_id(&self, replica: usize) -> u32 {
        self.replicas[replica].process.as_ref().unwrap().id()
    }

    /// Waits until every replica has found its Redis.
    pub(crate) async fn connected(&self) {
        for replica in self.all() {
            let connected = async || {
                (self.operator(replica).get("/status").await.json()["store"]["connected"] == true).then_some(())
            };
            within(Duration::from_secs(10), "a connection to Redis", connected).await;
        }
    }

    /// Waits until every replica says that it does without Redis and is ready all the same.
    pub(crate) async fn degraded(&self) {
        for replica in self.all() {
            let degraded = async || self.tells(replica, 200, "degraded: ").await.then_some(());
            within(Duration::from_secs(4), "degraded", degraded).await;
        }
    }

    /// Every replica says that it has never reached its Redis and is not ready; it is alive all the same.
    pub(crate) async fn unreached(&self) {
        for replica in self.all() {
            assert!(self.tells(replica, 503, "starting: ").await);
            assert_eq!(self.operator(replica).get("/livez").await.status, 200);
        }
    }

    /// Whether a replica gives such a reason that has to do with Redis. Fails where it is not as ready as this status says.
    async fn tells(&self, replica: usize, status: u16, begins: &str) -> bool {
        let reply = self.operator(replica).get("/readyz").await;
        let body = reply.json();
        assert_eq!((reply.status, &body["ready"]), (status, &(status == 200).into()), "{reply:?}");
        let says = |reason: &str| reason.starts_with(begins) && reason.contains("Redis");
        body["reasons"].as_array().unwrap().iter().any(|reason| reason.as_str().is_some_and(says))
    }

    /// Waits until every replica is ready.
    pub(crate) async fn ready(&self) {
        for replica in self.all() {
            let ready = async || (self.operator(replica).get("/readyz").await.status == 200).then_some(());
            within(Duration::from_secs(10), "readiness", ready).await;
        }
    }

    /// Where a replica listens.
    pub(crate) fn port(&self, replica: usize) -> u16 {
        self.replicas[replica].public
    }

    /// An asker at a replica with a token of this tenant.
    pub(crate) fn asker(&self, replica: usize, tenant: &'static str) -> Asker {
        self.asker.sibling(format!("http://127.0.0.1:{}", self.port(replica)), Some(self.token(tenant)))
    }

    /// Somebody at a replica's admin listener.
    pub(crate) fn operator(&self, replica: usize) -> Asker {
        self.asker.sibling(format!("http://127.0.0.1:{}", self.replicas[replica].admin), None)
    }

    /// A token that replicas accept whose clocks are up to two hours ahead or behind.
    pub(crate) fn token(&self, tenant: &'static str) -> String {
        self.token_as(|token| token.tenant = tenant)
    }

    /// The same, after `change` has had its way with it.
    pub(crate) fn token_as(&self, change: impl FnOnce(&mut NewToken<'_>)) -> String {
        self.key.token_as(ISSUER, None, &Shape::default(), |token| {
            good_for_hours(token);
            change(token);
        })
    }

    /// A question of the spare tenant that nobody asked before: its app and window.
    pub(crate) fn fresh(&self) -> (String, (String, String)) {
        let number = self.fresh.fetch_add(1, Ordering::Relaxed);
        (format!("app-{}", number % APPS), settled_day(i64::try_from(DAYS + number / APPS).unwrap()))
    }

    /// Every replica brings a fresh answer within a few seconds.
    pub(crate) async fn serves(&self) {
        for replica in self.all() {
            let (asker, (app, window)) = (self.asker(replica, SPARE), self.fresh());
            let answered = async || {
                let reply = asker.try_ask(&app, &window).await;
                reply.is_ok_and(|reply| reply.status == 200).then_some(())
            };
            within(Duration::from_secs(6), "a fresh answer", answered).await;
        }
    }

    /// A moment as the upstream's log of arrivals tells it.
    pub(crate) fn moment(&self, at: Instant) -> Duration {
        at - self.began
    }

    /// How many calls the upstream saw.
    pub(crate) fn calls(&self) -> usize {
        self.upstream.arrivals().len()
    }

    /// The calls for this tenant.
    pub(crate) fn calls_for(&self, tenant: &str) -> Vec<Arrival> {
        let own = |arrival: &Arrival| arrival.app_id.as_deref().is_some_and(|app| app.starts_with(tenant));
        self.upstream.arrivals().into_iter().filter(own).collect()
    }
}
