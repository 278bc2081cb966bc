//! A whole house in this process: the simulated upstream, a gateway before it, four tenants with tokens.

use std::path::Path;
use std::time::Duration;

use sluice::app::{Gateway, Host, Past};
use sluice::auth::{Algorithm, NewToken, Shape};
use sluice::clock::Clock;
use sluice::config;
use sluice::simulator::{self, Settings, Simulator};
use sluice::telemetry::Telemetry;

use super::{Asker, Key};

pub(crate) const TENANTS: [&str; 4] = ["red", "green", "blue", "gray"];
pub(crate) const APPS_PER_TENANT: usize = 10;
/// What the gateway is called where a name has to be a URI (RFC 8707).
pub(crate) const RESOURCE: &str = "https://sluice.test/api?v=1";
const ISSUER: &str = "https://sso.test";

/// What a test wants to be different.
pub(crate) struct Plan {
    /// The upstream's manners.
    pub(crate) upstream: Settings,
    /// TOML over the defaults. May not repeat the sections of `House`.
    pub(crate) toml: String,
    /// Another upstream than the simulated one: scheme, host and port.
    pub(crate) endpoint: Option<String>,
    /// Lines of `[upstream]`.
    pub(crate) upstream_toml: &'static str,
    /// Lines of `[[issuers]]`.
    pub(crate) issuer_toml: &'static str,
    /// More `[[issuers]]`, whole.
    pub(crate) more_issuers: String,
    /// The only `[[issuers]]`, in place of the house's own.
    pub(crate) only_issuers: Option<String>,
    /// Lines of each `[[tenants]]`.
    pub(crate) tenant_toml: &'static str,
    /// What the budget is told of its past.
    pub(crate) past: Past,
    /// The gateway's clock; the upstream's is always right.
    pub(crate) clock: Clock,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            upstream: Settings::default(),
            toml: String::new(),
            endpoint: None,
            upstream_toml: "",
            issuer_toml: "",
            more_issuers: String::new(),
            only_issuers: None,
            tenant_toml: "requests_per_second = 100000\nburst = 100000",
            past: Past::Unused,
            clock: Clock::system(),
        }
    }
}

impl Plan {
    /// An upstream that needs this long for an answer.
    pub(crate) fn latency(latency: Duration) -> Self {
        Self { upstream: Settings { latency, ..Settings::default() }, ..Self::default() }
    }

    pub(crate) fn with_toml(self, toml: impl Into<String>) -> Self {
        Self { toml: toml.into(), ..self }
    }

    /// With issuers of these names and these lines. Their audiences are `sluice` and `RESOURCE`.
    pub(crate) fn with_issuers(self, issuers: &[(String, String)]) -> Self {
        let table = |(name, lines): &(String, String)| {
            format!("[[issuers]]\nissuer = \"{name}\"\naudiences = [\"sluice\", \"{RESOURCE}\"]\n{lines}\n")
        };
        Self { more_issuers: issuers.iter().map(table).collect(), ..self }
    }

    pub(crate) async fn build(self) -> House {
        let (key_id, secret) = (self.upstream.access_key_id.clone(), self.upstream.secret_access_key.clone());
        let upstream = simulator::start(self.upstream).await.unwrap();
        let key = Key::new(Algorithm::Es256);
        let tenants: String = TENANTS.iter().map(|tenant| tenant_table(tenant, self.tenant_toml)).collect();
        let issuers = self.only_issuers.unwrap_or_else(|| {
            format!(
                "[[issuers]]\nissuer = \"{ISSUER}\"\naudiences = [\"sluice\"]\npublic_key = \"\"\"{}\"\"\"\n{}\n{}",
                key.0.public_pem, self.issuer_toml, self.more_issuers
            )
        });
        let text = format!(
            r#"
{toml}
[upstream]
endpoint = "{endpoint}"
access_key_id = "{key_id}"
secret_access_key = "{secret}"
{upstream_toml}
{issuers}
{tenants}
"#,
            toml = self.toml,
            upstream_toml = self.upstream_toml,
            endpoint = self.endpoint.unwrap_or_else(|| upstream.endpoint()),
        );
        let source = text.clone();
        let mut loaded = config::load_text(Path::new("test"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        loaded.config.server.listen = "127.0.0.1:0".parse().unwrap();
        loaded.config.server.admin_listen = "127.0.0.1:0".parse().unwrap();
        let host = Host {
            past: self.past,
            clock: self.clock,
            telemetry: Telemetry::default(),
            source: Box::new(move || config::load_text(Path::new("test"), &source)),
        };
        let gateway = Gateway::start(loaded, host).await.unwrap();
        let asker = Asker::new(format!("http://{}", gateway.addresses().public), None);
        House { upstream, gateway, key, asker }
    }
}

/// The AppId of a tenant's app: apps are named `app-0` to `app-9` in every tenant, and are different apps.
pub(crate) fn app_id(tenant: &str, app: usize) -> String {
    format!("{tenant}000000000000{app:04}")
}

fn tenant_table(tenant: &str, lines: &str) -> String {
    let apps: Vec<_> = (0..APPS_PER_TENANT)
        .map(|app| format!(r#"{{ name = "app-{app}", app_id = "{}" }}"#, app_id(tenant, app)))
        .collect();
    format!("[[tenants]]\nid = \"{tenant}\"\n{lines}\napps = [{}]\n", apps.join(", "))
}

/// Upstream, gateway and keys.
pub(crate) struct House {
    pub(crate) upstream: Simulator,
    pub(crate) gateway: Gateway,
    key: Key,
    asker: Asker,
}

impl House {
    /// An asker with a token of this tenant.
    pub(crate) fn asker(&self, tenant: &str) -> Asker {
        self.asker.clone().with_token(self.token(tenant))
    }

    /// An asker with this token.
    pub(crate) fn bearer(&self, token: impl Into<String>) -> Asker {
        self.asker.clone().with_token(token)
    }

    /// An asker without a token.
    pub(crate) fn stranger(&self) -> Asker {
        self.asker.clone()
    }

    /// Somebody at the admin listener.
    pub(crate) fn operator(&self) -> Asker {
        self.asker.sibling(format!("http://{}", self.gateway.addresses().admin), None)
    }

    pub(crate) fn token(&self, tenant: &str) -> String {
        self.token_with(|token| token.tenant = tenant)
    }

    /// A token whose tenant claim is this list, for issuers with `tenant_rules`.
    pub(crate) fn token_of(&self, entries: &[&str]) -> String {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        self.token_as(&Shape { entries: &entries, ..Shape::default() }, |_| ())
    }

    /// A token that `change` has had its way with.
    pub(crate) fn token_with<'a>(&self, change: impl FnOnce(&mut NewToken<'a>)) -> String {
        self.token_as(&Shape::default(), change)
    }

    fn token_as<'a>(&self, shape: &Shape<'_>, change: impl FnOnce(&mut NewToken<'a>)) -> String {
        self.key.token_as(ISSUER, None, shape, change)
    }

    /// How many calls the upstream saw.
    pub(crate) fn calls(&self) -> usize {
        self.upstream.arrivals().len()
    }
}
