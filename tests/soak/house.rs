//! All that is needed for a run, and what is done with it: three replicas, Redis, a proxy before it, an identity provider.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sluice::auth::{Algorithm, Shape};
use sluice::simulator::Settings;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use crate::callers::SPENT;
use crate::faketime;
use crate::fleet::{Fleet, SPARE, good_for_hours};
use crate::plan::{Plan, upstream};
use crate::proxy::Proxy;
use crate::redis::Redis;
use crate::scene::Scene;
use crate::support::waiting::comes;
use crate::support::{KEYS, Key, Provider};
use crate::watch::Watch;

/// The replica that reaches Redis by way of the proxy.
pub(crate) const BEHIND_THE_PROXY: usize = 0;
/// The replica whose wall clock can be set.
pub(crate) const WITH_A_CLOCK: usize = 2;
/// Until every replica must bring a fresh answer again.
const RECOVERY: Duration = Duration::from_secs(10);
/// Until a replica must have found its Redis again.
const CONNECTED: Duration = Duration::from_secs(15);
const SECOND_KEY: (&str, &str) = ("AKLTsoak00000000000000000000000000000second", "soak-secret-of-the-second-key");
/// Where each replica records its calls, beside its configuration.
const RECORDS: &str = "calls.jsonl";
const TOML: &str = "[audit]\nfile = \"calls.jsonl\"\n[cache]\nrecent_ttl = \"15s\"\nstale_if_error = \"1h\"";

/// A stretch of time in which nothing may arrive, by the upstream's clock.
pub(crate) struct Silence {
    pub(crate) why: &'static str,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// How long it took until all replicas brought fresh answers again.
pub(crate) struct Recovery {
    pub(crate) after: String,
    pub(crate) took: Duration,
}

pub(crate) struct House {
    pub(crate) fleet: Fleet,
    pub(crate) redis: Redis,
    pub(crate) proxy: Proxy,
    pub(crate) provider: Provider,
    /// The key that the provider publishes.
    pub(crate) key: Key,
    pub(crate) scene: Arc<Scene>,
    pub(crate) watch: Watch,
    pub(crate) silences: Vec<Silence>,
    pub(crate) recoveries: Vec<Recovery>,
    /// The two master keys, the one in force first.
    pub(crate) master_keys: [(String, String); 2],
    clock: (TempDir, PathBuf),
}

impl House {
    /// Builds it and has it serve.
    pub(crate) async fn build(seed: u64) -> Self {
        let (provider, key) = (Provider::start().await, Key::new(Algorithm::Es256));
        provider.publish(&[&key]);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("offset");
        std::fs::write(&file, "+0").unwrap();
        let upstream = Settings {
            second_key: Some((SECOND_KEY.0.to_owned(), SECOND_KEY.1.to_owned())),
            seed,
            ..upstream(Duration::from_millis(20))
        };
        let first = (upstream.access_key_id.clone(), upstream.secret_access_key.clone());
        // Arrivals are timed, and commands to Redis have 100 ms: the callers of this process, which are many, must keep
        // neither the upstream nor the proxy from running.
        let apart: &Runtime =
            Box::leak(Box::new(Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()));
        let behind = Redis::running().await;
        let (redis, plan, proxy) = apart
            .spawn(async move {
                let (plan, proxy) = Plan::sharing_through_a_proxy(&behind).await;
                (behind, plan, proxy)
            })
            .await
            .unwrap();
        let mut environment = <[Vec<_>; 3]>::default();
        environment[WITH_A_CLOCK] = faketime::as_told_by(&file);
        let plan = Plan {
            upstream,
            environment,
            toml: TOML,
            max_wait: Duration::from_secs(4),
            timeout: Duration::from_secs(3),
            tenant_toml: lines,
            more: format!(
                "[[issuers]]\nissuer = \"{}\"\naudiences = [\"sluice\"]\njwks_url = \"{}\"\n",
                provider.issuer(),
                provider.url(KEYS)
            ),
            ..plan
        };
        let mut fleet = apart.spawn(plan.prepare()).await.unwrap();
        fleet.start_all().await;
        let watch = Watch::start(&fleet);
        for replica in fleet.all() {
            watch.runs(replica, fleet.process_id(replica));
        }
        let scene = Arc::new(Scene::new(&fleet));
        apart.spawn(meter(Arc::clone(&scene)));
        let second = (SECOND_KEY.0.to_owned(), SECOND_KEY.1.to_owned());
        let house = Self {
            fleet,
            redis,
            proxy,
            provider,
            key,
            scene,
            watch,
            silences: Vec::new(),
            recoveries: Vec::new(),
            master_keys: [first, second],
            clock: (directory, file),
        };
        house.connected().await;
        house.scene.publish(house.token_of(&house.key));
        house
    }

    /// A token of the provider, signed with this key.
    pub(crate) fn token_of(&self, key: &Key) -> String {
        key.token_as(&self.provider.issuer(), None, &Shape::default(), good_for_hours)
    }

    /// What all processes of a replica recorded of their calls.
    pub(crate) fn records(&self, replica: usize) -> String {
        let file = Path::new(&self.fleet.config(replica)).with_file_name(RECORDS);
        std::fs::read_to_string(file).unwrap()
    }

    /// Writes down what the replicas logged and recorded, and what arrived, for who looks into a finding.
    pub(crate) fn keep(&self, seed: u64) -> PathBuf {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{seed}"));
        std::fs::create_dir_all(&directory).unwrap();
        let write = |name: String, text: String| std::fs::write(directory.join(name), text).unwrap();
        for replica in self.fleet.all() {
            write(format!("replica-{replica}.log"), self.fleet.logs(replica).concat());
            write(format!("replica-{replica}.{RECORDS}"), self.records(replica));
        }
        let arrivals = self.fleet.upstream.arrivals();
        let lines: Vec<_> = arrivals.iter().map(|arrival| format!("{arrival:?}")).collect();
        write("arrivals.txt".to_owned(), lines.join("\n"));
        directory
    }

    /// Sets the wall clock of the one replica that has its own.
    pub(crate) fn set_clock(&self, offset: &str) {
        std::fs::write(&self.clock.1, offset).unwrap();
    }

    /// Changes every replica's configuration, at once and whole, and tells it.
    pub(crate) fn reconfigure(&self, change: impl Fn(&str) -> String) {
        for replica in self.fleet.all() {
            let path = self.fleet.config(replica);
            let (text, new) = (std::fs::read_to_string(&path).unwrap(), format!("{path}.new"));
            std::fs::write(&new, change(&text)).unwrap();
            std::fs::rename(&new, &path).unwrap();
            self.fleet.signal(replica, "HUP");
        }
    }

    /// Runs a replica that does not run.
    pub(crate) async fn start(&mut self, replica: usize) {
        self.fleet.start(replica).await;
        self.watch.runs(replica, self.fleet.process_id(replica));
    }

    /// Nothing may arrive between these moments.
    pub(crate) fn silent(&mut self, why: &'static str, from: Instant, to: Instant) {
        let (from, to) = (self.fleet.moment(from), self.fleet.moment(to));
        self.silences.push(Silence { why, from, to });
    }

    /// Waits until something is so; that it does not come in time is a finding.
    pub(crate) async fn comes(&self, limit: Duration, what: &'static str, look: impl AsyncFn() -> bool) {
        if comes(limit, async || look().await.then_some(())).await.is_none() {
            self.scene.story.wrong(what, &format!("not within {limit:?}"));
        }
    }

    /// Waits until every replica has found its Redis.
    pub(crate) async fn connected(&self) {
        for replica in self.fleet.all() {
            let operator = self.fleet.operator(replica);
            let connected = async || {
                let reply = operator.try_send("GET", "/status", "").await;
                reply.is_ok_and(|reply| reply.json()["store"]["connected"] == true)
            };
            self.comes(CONNECTED, "a replica that does not find its Redis", connected).await;
        }
    }

    /// Waits until every replica brings a fresh answer, and notes how long that took.
    pub(crate) async fn recovered(&mut self, after: String) {
        let began = Instant::now();
        let mut asking = tokio::task::JoinSet::new();
        for replica in self.fleet.all() {
            let scene = Arc::clone(&self.scene);
            asking.spawn(comes(RECOVERY, async move || {
                let question = scene.spare();
                let way = (replica, scene.asker(replica, question.tenant));
                let reply = scene.ask("probe", way, &question, SPENT).await;
                reply.is_some_and(|reply| reply.status == 200).then_some(())
            }));
        }
        if asking.join_all().await.iter().any(Option::is_none) {
            let met = self.scene.weather.over(0, began, Instant::now());
            self.scene.late(&met, "no recovery", &format!("{after}: not within {RECOVERY:?}"));
        }
        let took = began.elapsed();
        self.scene.story.tell(&format!("    fresh answers everywhere after {:.1} s", took.as_secs_f64()));
        self.recoveries.push(Recovery { after, took });
    }
}

/// Lines of a tenant's configuration.
fn lines(tenant: &str) -> &'static str {
    match tenant {
        "green" => "weight = 2\nrequests_per_second = 100000\nburst = 100000",
        // Its probes are to measure how soon there are answers again, not how many wait.
        SPARE => "weight = 4\nrequests_per_second = 100000\nburst = 100000",
        "gray" => "requests_per_second = 20\nburst = 40",
        _ => "requests_per_second = 100000\nburst = 100000",
    }
}

/// Measures how late somebody is who wants to run often: beside the upstream, which sees calls as late.
async fn meter(scene: Arc<Scene>) {
    const NAP: Duration = Duration::from_millis(10);
    loop {
        let began = Instant::now();
        sleep(NAP).await;
        scene.weather.late(began.elapsed().saturating_sub(NAP));
    }
}
