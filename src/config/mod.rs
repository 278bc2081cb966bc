//! The sum of every module's configuration: the compiled-in defaults, then a file, then the environment.
//!
//! In: paths and variables. Out: a `Config` in which everything has been checked, or every mistake at once.

use std::path::Path;

use crate::auth::{self, Authenticator};
use crate::clock::Clock;
use crate::settings::{Mistakes, Resolved, Section, Settings};
use crate::{audit, budget, cache, edge, query, queue, telemetry, tenancy, upstream};

/// The defaults, commented.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Everything that a gateway is built from.
#[derive(Debug)]
pub struct Config {
    /// `[server]`
    pub server: edge::Config,
    /// `[upstream]`
    pub upstream: upstream::Config,
    /// `[budget]`
    pub budget: budget::Config,
    /// `[audit]`
    pub audit: audit::Config,
    /// `[queue]`
    pub queue: queue::Config,
    /// `[cache]`
    pub cache: cache::Config,
    /// `[query]`
    pub query: query::Config,
    /// `[telemetry]`
    pub telemetry: telemetry::Config,
    /// `[[issuers]]`
    pub issuers: auth::Config,
    /// `[[tenants]]`
    pub tenants: tenancy::Config,
}

/// A checked configuration, and the settings it was read from, for printing.
#[derive(Debug)]
pub struct Loaded {
    /// What to build.
    pub config: Config,
    /// What was written, secrets masked.
    pub resolved: Resolved,
}

/// Reads the file and the environment over the defaults.
pub fn load(file: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Loaded, Mistakes> {
    let mut settings = Settings::new(DEFAULTS);
    settings.file(file);
    settings.environment(environment);
    read(settings)
}

/// The same from text: for the demo, which has no file.
pub fn load_text(name: &Path, text: &str) -> Result<Loaded, Mistakes> {
    let mut settings = Settings::new(DEFAULTS);
    settings.overlay_text(name, text);
    read(settings)
}

/// Tells of a dotted key whether a reload to `next` puts its change in force. All others wait for a restart: what they
/// mean is built into parts that hold answers, places in line or the budget's memory. `encrypts`: whether the listener that
/// is open speaks TLS. It does not move there, nor away.
pub fn applied_at_once(encrypts: bool, next: &Config) -> impl Fn(&str) -> bool + use<> {
    let moves = encrypts != next.server.certificate.is_some();
    move |key| {
        let under = |stem: &str| {
            key.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.', '_']))
        };
        AT_ONCE.iter().any(|stem| under(stem)) && !(moves && under("server.tls"))
    }
}

/// Stems of keys: a secret may stand under its own name or under that of its file.
const AT_ONCE: [&str; 10] = [
    "issuers",
    "tenants",
    "upstream.access_key_id",
    "upstream.secret_access_key",
    "upstream.session_token",
    "server.tls_cert_file",
    "server.tls_key_file",
    "budget.redis_password",
    "budget.redis_ca_file",
    "telemetry.log",
];

fn read(mut settings: Settings) -> Result<Loaded, Mistakes> {
    settings.include("tenants_file", "tenants");
    let config = Config::read(&mut settings.root());
    let resolved = settings.finish()?;
    let config = config.expect("a section that gave nothing has recorded a mistake, and there is none");
    Ok(Loaded { config, resolved })
}

impl Config {
    fn read(root: &mut Section<'_>) -> Option<Self> {
        let server = edge::Config::read(&mut root.section("server"));
        let upstream = upstream::Config::read(&mut root.section("upstream"));
        let budget = budget::Config::read(&mut root.section("budget"));
        let audit = audit::Config::read(&mut root.section("audit"));
        let queue = queue::Config::read(&mut root.section("queue"));
        let cache = cache::Config::read(&mut root.section("cache"));
        let query = query::Config::read(&mut root.section("query"));
        let telemetry = telemetry::Config::read(&mut root.section("telemetry"));
        let issuers = auth::Config::read(root);
        let tenants = tenancy::Config::read(root);
        Some(Self {
            server: server?,
            upstream: upstream?,
            budget: budget?,
            audit: audit?,
            queue: queue?,
            cache: cache?,
            query: query?,
            telemetry: telemetry?,
            issuers: issuers?,
            tenants: tenants?,
        })
    }

    /// The verifier of tokens. The issuers' keys were tried when they were read.
    pub fn authenticator(&self, clock: Clock) -> Authenticator {
        Authenticator::new(self.issuers.configs(), clock).expect("the issuers passed `Config::read`")
    }

    /// The verifier that takes over from the one of an earlier configuration.
    pub fn authenticator_after(&self, before: &Authenticator) -> Authenticator {
        before.succeeded_by(self.issuers.configs()).expect("the issuers passed `Config::read`")
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
#[path = "secrecy_tests.rs"]
mod secrecy_tests;
#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
