//! What a fleet is made of: its configuration, and what a test wants to be different in it.

use std::time::Duration;

use sluice::auth::Algorithm;
use sluice::simulator::{self, Settings};
use tokio::time::Instant;

use crate::fleet::{APPS, Fleet, GUARD, ISSUER, PER, Replica, TENANTS};
use crate::proxy::Proxy;
use crate::redis::Redis;
use crate::support::{Files, Key, app_id, free_port};

/// What a test wants to be different.
pub(crate) struct Plan {
    /// The upstream's manners.
    pub(crate) upstream: Settings,
    /// Lines of `[budget]`, for each replica: where Redis is. As many replicas are started.
    pub(crate) redis: Vec<String>,
    /// `queue.max_wait`.
    pub(crate) max_wait: Duration,
    /// `upstream.timeout`.
    pub(crate) timeout: Duration,
    /// TOML over the defaults. May not repeat the sections of `Fleet`.
    pub(crate) toml: &'static str,
    /// TOML after all sections: more of those that can be there several times.
    pub(crate) more: String,
    /// Lines of each `[[tenants]]`, by its name.
    pub(crate) tenant_toml: fn(&str) -> &'static str,
    /// Files beside the configuration.
    pub(crate) files: Vec<(&'static str, String)>,
    /// For each replica what it finds in its environment.
    pub(crate) environment: [Vec<(&'static str, String)>; 3],
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            upstream: upstream(Duration::from_millis(10)),
            redis: Vec::new(),
            max_wait: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            toml: "",
            more: String::new(),
            tenant_toml: |_| "requests_per_second = 100000\nburst = 100000",
            files: Vec::new(),
            environment: Default::default(),
        }
    }
}

/// An upstream whose answers take this long and up to 40 ms more.
pub(crate) fn upstream(latency: Duration) -> Settings {
    Settings { per: PER, latency, jitter: Duration::from_millis(40), ..Settings::default() }
}

/// The lines of `[budget]` for a Redis at this URL.
pub(crate) fn at(url: &str) -> String {
    format!("redis_url = \"{url}\"")
}

impl Plan {
    /// Three replicas that share this Redis.
    pub(crate) fn sharing(redis: &Redis) -> Self {
        Self::of(&at(&redis.url()))
    }

    /// The same, with a proxy before the Redis of the first.
    pub(crate) async fn sharing_through_a_proxy(redis: &Redis) -> (Self, Proxy) {
        let proxy = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
        let mut plan = Self::sharing(redis);
        plan.redis[0] = at(&format!("redis://{}", proxy.address()));
        (plan, proxy)
    }

    /// Three replicas with these lines of `[budget]`.
    pub(crate) fn of(lines: &str) -> Self {
        Self { redis: vec![lines.to_owned(); 3], ..Self::default() }
    }

    /// Starts the upstream and the replicas, and waits until all of them serve, have found their Redis and are ready.
    pub(crate) async fn start(self) -> Fleet {
        let mut fleet = self.prepare().await;
        fleet.start_all().await;
        fleet.connected().await;
        fleet.ready().await;
        fleet
    }

    /// Starts the upstream alone.
    pub(crate) async fn prepare(self) -> Fleet {
        let began = Instant::now();
        let upstream = simulator::start(self.upstream.clone()).await.unwrap();
        let key = Key::new(Algorithm::Es256);
        let replica = |(number, redis): (usize, &String)| {
            let (public, admin) = (free_port(), free_port());
            let files = Files::new(&self.configuration(redis, (public, admin), &upstream.endpoint(), &key));
            for (name, text) in &self.files {
                files.write(name, text);
            }
            Replica::new(public, admin, files, self.environment[number].clone())
        };
        let replicas = self.redis.iter().enumerate().map(replica).collect();
        let deadline = self.max_wait + self.timeout + Duration::from_secs(1);
        Fleet::new(upstream, began, deadline, replicas, key)
    }

    fn configuration(&self, redis: &str, (public, admin): (u16, u16), endpoint: &str, key: &Key) -> String {
        let Settings { access_key_id, secret_access_key, .. } = &self.upstream;
        let millis = |duration: Duration| format!("{}ms", duration.as_millis());
        format!(
            r#"
{toml}
[server]
listen = "127.0.0.1:{public}"
admin_listen = "127.0.0.1:{admin}"
drain = "3s"
max_in_flight = 20000
[budget]
per = "{per}"
guard = "{guard}"
{redis}
[queue]
max_wait = "{max_wait}"
per_tenant = 1000
[upstream]
endpoint = "{endpoint}"
timeout = "{timeout}"
access_key_id = "{access_key_id}"
secret_access_key = "{secret_access_key}"
[[issuers]]
issuer = "{ISSUER}"
audiences = ["sluice"]
public_key = """{pem}"""
{tenants}
{more}
"#,
            toml = self.toml,
            per = millis(PER),
            guard = millis(GUARD),
            max_wait = millis(self.max_wait),
            timeout = millis(self.timeout),
            pem = key.0.public_pem,
            tenants = TENANTS.map(|name| tenant(name, (self.tenant_toml)(name))).concat(),
            more = self.more,
        )
    }
}

fn tenant(name: &str, lines: &str) -> String {
    let app = |number| format!(r#"{{ name = "app-{number}", app_id = "{}" }}"#, app_id(name, number));
    let apps: Vec<_> = (0..APPS).map(app).collect();
    format!("[[tenants]]\nid = \"{name}\"\n{lines}\napps = [{}]\n", apps.join(", "))
}
