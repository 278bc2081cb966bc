//! The whole of the configuration: what is missing, what is wrong with its place, what overrides what, what stays secret.

use std::time::Duration;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::auth::{Algorithm, keygen};

const ID: &str = "AKLTexampleexample";
const KEY: &str = "hunter2-hunter2-hunter2";

/// A directory with key files, in which `sluice.toml` is written.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let pair = keygen::generate(Algorithm::EdDsa).unwrap();
        place.write("sso.pem", &pair.public_pem);
        place.write("sso-private.pem", pair.private_pem.expose_secret());
        place.write("sso.json", &pair.jwks());
        place.write("hmac.key", &"s".repeat(64));
        place.write("short.key", "too short");
        place.write("secret.key", &format!("{KEY}\n"));
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Loads the text as a file; a mistake's places come without the directory.
    fn load(&self, text: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
        self.write("sluice.toml", text);
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let file = self.0.path().join("sluice.toml");
        let place = format!("{}/", self.0.path().display());
        load(&file, variables).map_err(|mistakes| mistakes.to_string().replace(&place, ""))
    }
}

const ISSUER: &str = "[[issuers]]\nissuer = 'https://sso.example.com'\naudiences = ['sluice']\n";

fn good() -> String {
    format!("[upstream]\naccess_key_id = '{ID}'\nsecret_access_key = '{KEY}'\n{ISSUER}public_key_file = 'sso.pem'\n")
}

/// What is said of a good file to which these lines are put in front.
fn said_of(top: &str) -> String {
    Place::new().load(&format!("{top}\n{}", good()), &[]).map(|loaded| loaded.resolved.to_toml()).unwrap_err()
}

/// What is said of an issuer with these lines.
fn said_of_issuer(lines: &str) -> String {
    let text = format!("[upstream]\naccess_key_id = '{ID}'\nsecret_access_key = '{KEY}'\n{ISSUER}{lines}\n");
    Place::new().load(&text, &[]).map(|loaded| loaded.resolved.to_toml()).unwrap_err()
}

#[test]
fn the_defaults_lack_the_master_key_and_an_issuer_and_nothing_else() {
    let said = load_text(Path::new("f"), "").unwrap_err().to_string();
    let expected = "\
upstream.access_key_id: is required: set it, access_key_id_file, or the environment's SLUICE_UPSTREAM__ACCESS_KEY_ID
upstream.secret_access_key: is required: set it, secret_access_key_file, or the environment's SLUICE_UPSTREAM__SECRET_ACCESS_KEY
issuers: at least one [[issuers]] table is needed: without it no token could be believed";
    assert_eq!(said, expected);
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = Place::new().load(&good(), &[]).unwrap().config;
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.server.admin_listen.to_string(), "127.0.0.1:9090");
    assert_eq!((config.server.drain, config.server.max_in_flight), (30 * second, 10_000));
    assert!(config.server.cors_origins.is_empty());
    assert_eq!(config.server.token_headers, edge::TokenHeaders::default());
    assert_eq!(config.server.token_headers.warning(), None);
    assert_eq!(config.upstream.endpoint.as_str(), "https://rtc.volcengineapi.com/");
    assert_eq!((&*config.upstream.region, &*config.upstream.service), ("cn-north-1", "rtc"));
    assert_eq!((&*config.upstream.version, config.upstream.timeout), ("2020-12-01", 10 * second));
    let guard = budget::GuardRule::Within(second / 10);
    assert_eq!((config.budget.calls, config.budget.per, config.budget.guard), (2, second, guard));
    assert!(config.budget.store.is_none());
    assert_eq!(config.queue, queue::Config { max_wait: 10 * second, per_tenant: 100 });
    assert_eq!(config.upstream.breaker_faults, 5);
    let cache = cache::Config {
        max_bytes: 256 << 20,
        recent_ttl: 600 * second,
        stale_if_error: 24 * hour,
        stale_if_slow: 2 * second,
    };
    assert_eq!(config.cache, cache);
    assert_eq!(config.query, query::Config::default());
    assert_eq!(config.telemetry.log, "info");
    let [issuer] = &config.issuers.issuers[..] else { panic!("one issuer") };
    assert_eq!((issuer.issuer.leeway, issuer.issuer.tenant_claim.as_str()), (30 * second, "tenant"));
    assert!(issuer.issuer.required_scopes.is_empty() && issuer.signing.is_none());
    assert_eq!(config.tenants, tenancy::Config::default());
}

#[test]
fn the_example_of_the_contract_loads_but_for_what_this_version_leaves_out() {
    let text = format!(
        r#"
[server]
listen = "0.0.0.0:8080"
admin_listen = "127.0.0.1:9090"
drain = "30s"
cors_origins = []
token_headers = []
max_in_flight = 10000
[upstream]
endpoint = "https://rtc.volcengineapi.com"
region = "cn-north-1"
service = "rtc"
version = "2020-12-01"
access_key_id = "{ID}"
secret_access_key_file = "secret.key"
session_token = "{KEY}"
timeout = "10s"
names = {{ user_num = "user_num", province = "province", country = "country" }}
[budget]
calls = 2
per = "1s"
guard = "strict"
[queue]
max_wait = "10s"
per_tenant = 100
[cache]
max_bytes = "256MiB"
recent_ttl = "10m"
stale_if_error = "24h"
[query]
zone = "Asia/Shanghai"
lag = "8h"
grid = "10m"
horizon = "30d"
max_window = "7d"
[telemetry]
log = "info"
format = "pretty"
[[issuers]]
issuer = "https://sso.example.com"
audiences = ["sluice"]
algorithms = ["EdDSA"]
public_key_file = "sso.pem"
tenant_claim = "/org/team"
required_scopes = []
leeway = "30s"
signing_key_file = "sso-private.pem"
[[issuers]]
issuer = "https://other.example.com"
audiences = ["sluice"]
jwks_file = "sso.json"
[[issuers]]
issuer = "https://third.example.com"
audiences = ["sluice"]
algorithms = ["HS256", "HS384", "HS512"]
secret_file = "hmac.key"
[[tenants]]
id = "team-classroom"
requests_per_second = 50
burst = 100
weight = 1
apps = [{{ name = "classroom", app_id = "661e43cf" }}]
"#
    );
    let place = Place::new();
    let loaded = place.load(&text, &[]).unwrap();
    assert_eq!((loaded.config.issuers.issuers.len(), loaded.config.tenants.tenants.len()), (3, 1));
    assert_eq!(loaded.config.upstream.credentials.secret_access_key.expose_secret(), KEY);
    let signers = loaded.config.issuers.issuers.iter().map(|issuer| issuer.signing.is_some());
    assert_eq!(signers.collect::<Vec<_>>(), [true, false, true]);
    let printed = loaded.resolved.to_toml();
    assert!(place.load(&printed.replace("***", KEY), &[]).is_ok(), "{printed}");
}

#[test]
fn tenants_may_be_kept_in_a_file_of_their_own() {
    let place = Place::new();
    place.write("tenants.toml", "[[tenants]]\nid = 'a'\n[[tenants]]\nid = 'b c'\n");
    let said = place.load(&format!("tenants_file = 'tenants.toml'\n{}", good()), &[]).unwrap_err();
    assert!(said.starts_with("tenants.toml:4: tenants[1].id: \"b c\" will not do: not a name"), "{said}");
    place.write("tenants.toml", "[[tenants]]\nid = 'a'\n");
    let loaded = place.load(&format!("tenants_file = 'tenants.toml'\n{}", good()), &[]).unwrap();
    assert_eq!(loaded.config.tenants.tenants.len(), 1);
}

const EVERY_MISTAKE: &str = r#"sluice.toml:2: server.listen: "8080" will not do: not an address and a port; write for example "0.0.0.0:8080"
sluice.toml:3: server.lissten: is not a known key; did you mean "listen"?
sluice.toml:4: server.drain: 30 has no unit; write for example "30s"
sluice.toml:5: server.max_in_flight: 0 is out of range; from 1 to 1000000 will do
sluice.toml:6: server.cors_origins: must be origins: scheme, host and at most a port, such as "https://dashboards.example.com"
sluice.toml:7: upstream.access_key_id: is required: set it, access_key_id_file, or the environment's SLUICE_UPSTREAM__ACCESS_KEY_ID
sluice.toml:8: upstream.endpoint: only https may carry the key; plain http is for a simulated upstream on this machine
sluice.toml:9: upstream.region: "cn north" will not do: only visible ASCII characters can be sent
sluice.toml:10: upstream.secret_access_key: holds a space, a line break or a character beyond ASCII; give the key alone
sluice.toml:12: budget.guard: must lie between 10ms and budget.per; "strict" holds every slot until its answer
sluice.toml:13: budget.calls: 0 is out of range; from 1 to 1000 will do
sluice.toml:15: queue.max_wait: "2h" is out of range; from 0s to 1h will do
sluice.toml:17: cache.max_bytes: "1 GB" is not a size; write for example "256MiB" (units: B, KB, KiB, MB, MiB, …)
sluice.toml:19: query.zone: "Asia/Peking" will not do: not a zone of the IANA database; write for example "Asia/Shanghai"
sluice.toml:20: query.lag: must be whole seconds
sluice.toml:21: query.grid: must be whole seconds that divide a day evenly, so that every day has the same grid
sluice.toml:22: query.horizon: "1h" is out of range; from 1d to 3650d will do
sluice.toml:24: telemetry.log: "x=y=z" will not do: not a log level or filter; write for example "info" or "info,sluice::access=warn"
sluice.toml:25: telemetry.format: "xml" will not do; write "json" or "pretty"
sluice.toml:26: issuers[0].audiences: name at least one audience, none of them empty: without it, tokens meant for others would do here
sluice.toml:28: issuers[0].algorithms: `none` means a token that nobody signed, which is never accepted; use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384, HS512
sluice.toml:29: issuers[0].leeway: "1h" is out of range; from 0s to 5m will do
sluice.toml:30: issuers[0].secret_file: the secret is too short for HS256: at least 32 bytes are due (RFC 7518, 3.2)
sluice.toml:32: issuers[1].issuer: this issuer is configured twice; give each one table
sluice.toml:32: issuers[1].issuer: needs exactly one key source: discovery, jwks_url, jwks_file, public_key_file (or public_key) or secret_file
sluice.toml:35: tenants[0].id: "a b" will not do: not a name that can stand in a URL: 1 to 64 letters, digits, -, _, . or ~
sluice.toml:36: tenants[0].weight: 1000 is out of range; from 1 to 100 will do
sluice.toml:37: tenant: is not a known key; did you mean "tenants"?
environment SLUICE_QUEUE__PER_TENANT: queue.per_tenant: is the text "many", but a whole number is wanted"#;

#[test]
fn every_mistake_is_told_at_once_with_its_key_and_its_line() {
    let text = format!(
        "[server]\nlisten = '8080'\nlissten = ''\ndrain = 30\nmax_in_flight = 0\ncors_origins = ['*']\n\
         [upstream]\nendpoint = 'http://example.com'\nregion = 'cn north'\nsecret_access_key = '{KEY} {KEY}'\n\
         [budget]\nguard = '2s'\ncalls = 0\n\
         [queue]\nmax_wait = '2h'\n\
         [cache]\nmax_bytes = '1 GB'\n\
         [query]\nzone = 'Asia/Peking'\nlag = '1500ms'\ngrid = '7m'\nhorizon = '1h'\n\
         [telemetry]\nlog = 'x=y=z'\nformat = 'xml'\n\
         [[issuers]]\nissuer = 'a'\nalgorithms = ['none']\nleeway = '1h'\nsecret_file = 'short.key'\n\
         [[issuers]]\nissuer = 'a'\naudiences = ['b']\n\
         [[tenants]]\nid = 'a b'\nweight = 1000\n\
         [tenant]\n"
    );
    let said = Place::new().load(&text, &[("SLUICE_QUEUE__PER_TENANT", "many")]).unwrap_err();
    assert_eq!(said, EVERY_MISTAKE);
}

#[test]
fn the_environment_overrides_the_file() {
    let place = Place::new();
    let loaded = place.load(
        &format!("{}[server]\nlisten = '127.0.0.1:1'\n[cache]\nmax_bytes = 1\n", good()),
        &[
            ("SLUICE_SERVER__LISTEN", "127.0.0.1:2"),
            ("SLUICE_SERVER__CORS_ORIGINS", "https://a.example, https://b.example:8443"),
            ("SLUICE_SERVER__TOKEN_HEADERS", "X-One, X-Two"),
            ("SLUICE_CACHE__MAX_BYTES", "64MiB"),
            ("SLUICE_QUEUE__PER_TENANT", "7"),
            ("SLUICE_UPSTREAM__SECRET_ACCESS_KEY", "from-the-environment"),
            ("SLUICE_UPSTREAM__NAMES__USER_NUM", "UserNum"),
            ("SLUICE_TENANTS", "[{ id = 'a', apps = [{ name = 'x', app_id = '1' }] }]"),
            ("HOME", "/"),
        ],
    );
    let loaded = loaded.unwrap();
    assert_eq!(loaded.config.server.listen.port(), 2);
    assert_eq!(loaded.config.server.cors_origins, ["https://a.example", "https://b.example:8443"]);
    assert!(loaded.config.server.token_headers.warning().unwrap().contains("a token in X-One, X-Two;"));
    assert_eq!((loaded.config.cache.max_bytes, loaded.config.queue.per_tenant), (64 << 20, 7));
    assert_eq!(loaded.config.upstream.credentials.secret_access_key.expose_secret(), "from-the-environment");
    assert_eq!(loaded.config.upstream.credentials.access_key_id.expose_secret(), ID);
    assert_eq!(loaded.config.tenants.tenants[0].apps[0].id.as_str(), "1");
    assert!(loaded.resolved.to_toml().contains("user_num = \"UserNum\""));
}

#[test]
fn a_secret_comes_from_a_file_that_either_source_names() {
    let place = Place::new();
    let secret = |text: &str, variables: &[(&str, &str)]| {
        let loaded = place.load(text, variables).unwrap();
        loaded.config.upstream.credentials.secret_access_key.expose_secret().to_owned()
    };
    let by_file = good().replace(&format!("secret_access_key = '{KEY}'"), "secret_access_key_file = 'secret.key'");
    assert_eq!(secret(&by_file, &[]), KEY);
    let path = place.0.path().join("hmac.key");
    let variable = [("SLUICE_UPSTREAM__SECRET_ACCESS_KEY_FILE", path.to_str().unwrap())];
    assert_eq!(secret(&good(), &variable), "s".repeat(64));
    assert_eq!(secret(&by_file, &variable), "s".repeat(64));
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    let place = Place::new();
    let text = format!("{}kid = 'x'\n[quary]\nzone = 'UTC'\n[query]\nzones = 'UTC'\n", good());
    let said = place.load(&text, &[("SLUICE_CACHE__TTL", "1s"), ("SLUICE_QUERIES__ZONE", "UTC")]).unwrap_err();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    for (line, beginning) in lines.iter().zip([
        "sluice.toml:8: issuers[0].kid: is not a known key",
        "sluice.toml:9: quary: is not a known key; did you mean \"query\"?",
        "sluice.toml:12: query.zones: is not a known key; did you mean \"zone\"?",
        "environment SLUICE_CACHE__TTL: cache.ttl: is not a known key",
        "environment SLUICE_QUERIES__ZONE: queries.zone: is not a known key",
    ]) {
        assert!(line.starts_with(beginning), "{line}");
    }
}

#[test]
fn a_certificate_needs_its_key_and_both_are_read_before_anything_is_bound() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("nothing.pem", "there is no certificate in here\n");
    let path = directory.path().join("nothing.pem").display().to_string();
    for (lines, beginning) in [
        (format!("tls_cert_file = '{path}'"), "sluice.toml:2: server.tls_cert_file: needs tls_key_file"),
        (format!("tls_key_file = '{path}'"), "sluice.toml:2: server.tls_key_file: needs tls_cert_file"),
        (
            format!("tls_cert_file = '{path}'\ntls_key_file = '{path}'"),
            "sluice.toml:2: server.tls_cert_file: holds no certificate in PEM",
        ),
        ("tls_cert_file = '/nowhere'".to_owned(), "sluice.toml:2: server.tls_cert_file: /nowhere cannot be read"),
    ] {
        let said = said_of(&format!("[server]\n{lines}"));
        assert!(said.starts_with(beginning), "{said}");
    }
}

#[test]
fn a_collector_is_named_by_its_base_url() {
    for value in ["'collector:4317'", "'grpc://collector:4317'", "'http://me:secret@collector'", "true"] {
        let said = said_of(&format!("[telemetry]\notlp_endpoint = {value}"));
        assert!(said.starts_with("sluice.toml:2: telemetry.otlp_endpoint: "), "{said}");
    }
}

#[test]
fn an_issuer_that_discovery_starts_from_is_a_url_and_what_is_assumed_is_printed() {
    let text = |issuer: &str| {
        format!(
            "[upstream]\naccess_key_id = '{ID}'\nsecret_access_key = '{KEY}'\n[[issuers]]\nissuer = '{issuer}'\n\
             audiences = ['sluice']\ndiscovery = true\n"
        )
    };
    let rows = [
        ("http://sso.example.com", "must be https"),
        ("sso.example.com", "not a URL"),
        ("https://sso.example.com/?realm=a", "must not have a query"),
    ];
    for (issuer, reason) in rows {
        let said = Place::new().load(&text(issuer), &[]).unwrap_err();
        assert!(said.contains(&format!("issuers[0].issuer: cannot be used for discovery: {reason}")), "{said}");
    }
    let printed = Place::new().load(&text("https://sso.example.com"), &[]).unwrap().resolved.to_toml();
    for line in ["keys_lifetime = \"60s\"", "keys_max_age = \"24h\"", "keys_cooldown = \"30s\""] {
        assert!(printed.contains(line), "{line} {printed}");
    }
}

#[test]
fn a_header_that_cannot_carry_a_token_is_refused_with_the_reason() {
    let text =
        "[server]\ntoken_headers = ['X Token', 'authorization', 'Cookie', 'Host', 'TE', 'X-Request-Id', 'X-A', 'x-a']";
    let expected = r#"sluice.toml:2: server.token_headers: "X Token" will not do: not the name of a header; write for example "X-Forwarded-Access-Token"
sluice.toml:2: server.token_headers: "authorization" will not do: it is always read, and before all of these; leave it out
sluice.toml:2: server.token_headers: "Cookie" will not do: browsers send it on their own, whichever page asks
sluice.toml:2: server.token_headers: "Host" will not do: it belongs to the connection and not to the request
sluice.toml:2: server.token_headers: "TE" will not do: it belongs to the connection and not to the request
sluice.toml:2: server.token_headers: "X-Request-Id" will not do: it means something else already
sluice.toml:2: server.token_headers: "x-a" will not do: it is named twice; letters of either case are the same"#;
    assert_eq!(said_of(text), expected);
}

#[test]
fn a_shared_budget_comes_from_the_file_or_the_environment_and_its_password_is_printed_nowhere() {
    let url = format!("redis://:{KEY}@redis/");
    let loaded = Place::new().load(&good(), &[("SLUICE_BUDGET__REDIS_URL", &url)]).unwrap();
    let store = loaded.config.budget.store.expect("it is given");
    let printed = format!("{store:?} {}", loaded.resolved.to_toml());
    assert!(printed.contains("redis_url = \"***\"") && !printed.contains(KEY), "{printed}");
}

#[test]
fn what_is_wrong_with_a_shared_budget_is_told_without_its_password() {
    for (lines, expected) in [
        ("redis_url = 'http://:KEY@redis/'", "2: budget.redis_url: not a scheme we know"),
        ("redis_url = 'redis-sentinel://:KEY@redis'", "2: budget.redis_url: needs ?master=NAME"),
        ("redis_password = 'KEY'", "1: budget.redis_url: is missing, and other redis_… keys are there"),
        ("redis_url = 'redis://redis'\nredis_ca_file = 'sso.pem'", "3: budget.redis_ca_file: is of use only with TLS"),
        (
            "redis_url = 'redis://redis'\nredis_prefix = 'a{b}'",
            "3: budget.redis_prefix: \"a{b}\" will not do: give 1 to 64 letters",
        ),
    ] {
        let said = said_of(&format!("[budget]\n{}", lines.replace("KEY", KEY)));
        assert!(said.starts_with(&format!("sluice.toml:{expected}")) && !said.contains(KEY), "{said}");
    }
}

#[test]
fn an_issuer_has_exactly_one_usable_source_of_keys() {
    let one = "sluice.toml:5: issuers[0].issuer: needs exactly one key source: discovery, jwks_url, jwks_file, \
               public_key_file (or public_key) or secret_file";
    assert_eq!(said_of_issuer(""), one);
    assert_eq!(said_of_issuer("public_key_file = 'sso.pem'\njwks_file = 'sso.json'"), one);
    assert_eq!(said_of_issuer("discovery = true\njwks_file = 'sso.json'"), one);
    assert_eq!(said_of_issuer("discovery = true\njwks_url = 'https://sso.example.com/keys'"), one);
    assert_eq!(said_of_issuer("discovery = false"), one);
    for (lines, key, reason) in [
        ("public_key_file = 'sso-private.pem'", "public_key_file", "this is a private key"),
        ("public_key_file = 'hmac.key'", "public_key_file", "not a public key"),
        ("public_key = 'nonsense'", "public_key", "not a public key"),
        ("jwks_file = 'sso.pem'", "jwks_file", "the key set is not"),
        ("jwks_file = 'nowhere'", "jwks_file", "nowhere cannot be read: there is no such file"),
        ("secret_file = 'short.key'", "secret_file", ""),
        ("public_key_file = 'sso.pem'\nsigning_key_file = 'sso.pem'", "signing_key_file", "this is a public key"),
        ("public_key_file = 'sso.pem'\nalgorithms = ['RS256']", "algorithms", ""),
        ("public_key_file = 'sso.pem'\nalgorithms = ['none']", "algorithms", "`none` means"),
        ("public_key_file = 'sso.pem'\ntenant_claim = '/'", "tenant_claim", "\"/\" will not do: give the name"),
        ("jwks_url = 'http://sso.example.com/keys'", "jwks_url", "must be https, or http on the loopback interface"),
        ("jwks_url = 'https://me:hunter2@sso.example.com/'", "jwks_url", "must not hold a user or a password"),
        ("jwks_url = 'https://sso.example.com/'\njwks_hosts = ['a']", "jwks_hosts", "has no meaning here"),
        ("discovery = true\njwks_hosts = ['https://a.example']", "jwks_hosts", "\"https://a.example\" is not a host"),
        ("discovery = true\njwks_hosts = ['a', 'b:443']", "jwks_hosts", "\"b:443\" is not a host"),
        ("public_key_file = 'sso.pem'\njwks_hosts = ['a']", "jwks_hosts", "has no meaning here"),
        ("public_key_file = 'sso.pem'\nkeys_max_age = '1h'", "keys_max_age", "has no meaning here"),
        ("discovery = true\nkeys_max_age = '30s'", "keys_max_age", "must not be shorter than keys_lifetime"),
        ("discovery = true\nkeys_cooldown = '0s'", "keys_cooldown", "\"0s\" is out of range; from 1s to 1h"),
        ("discovery = true\nalgorithms = ['HS256']", "algorithms", "HS256 does not work with this key"),
        ("public_key_file = 'sso.pem'\nrequired_scopes = 'x'", "required_scopes", "is text; write a list"),
    ] {
        let said = said_of_issuer(lines);
        assert!(said.contains(&format!(": issuers[0].{key}: {reason}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_fault_of_the_keys_is_told_beside_every_other_of_its_issuer() {
    let said = said_of_issuer("algorithms = ['x']\nleeway = '1h'\ntenant_claim = '/'\nsecret_file = 'short.key'");
    let keys = ["algorithms", "leeway", "tenant_claim", "secret_file"];
    assert_eq!(said.lines().count(), keys.len(), "{said}");
    for (line, key) in said.lines().zip(keys) {
        assert!(line.contains(&format!("issuers[0].{key}: ")), "{line}");
    }
}

#[test]
fn no_secret_is_ever_printed() {
    let place = Place::new();
    let pem = std::fs::read_to_string(place.0.path().join("sso-private.pem")).unwrap();
    let loaded = place.load(&good(), &[("SLUICE_UPSTREAM__SESSION_TOKEN", KEY)]).unwrap();
    let printed = format!("{}{:?}", loaded.resolved, loaded);
    assert!(printed.contains("secret_access_key = \"***\"") && !printed.contains(KEY) && !printed.contains(ID));
    for text in [
        good().replace(&format!("'{KEY}'"), KEY),
        good().replace("secret_access_key", "secret_acess_key"),
        good().replace(&format!("'{KEY}'"), &format!("['{KEY}']")),
        good().replace(&format!("'{KEY}'"), &format!("'{KEY} '")),
        good().replace(&format!("'{KEY}'"), &format!("'{KEY}\nregion = 'x'")),
        good().replace("public_key_file = 'sso.pem'", &format!("public_key = '''{pem}'''")),
        format!("{}signing_key_file = 'short.key'\n", good()),
        format!("upstream = '{KEY}'\n{ISSUER}public_key_file = 'sso.pem'\n"),
    ] {
        let said = place.load(&text, &[]).unwrap_err();
        let leaks = [KEY, "too short", pem.lines().nth(1).unwrap()].into_iter().any(|secret| said.contains(secret));
        assert!(!leaks, "{said}");
    }
    for value in [&*format!("[{KEY}"), &format!("{{ {KEY} }}"), &format!("{KEY} {KEY}")] {
        let said = place.load(&good(), &[("SLUICE_UPSTREAM__SECRET_ACCESS_KEY", value)]).unwrap_err();
        assert!(!said.contains(KEY), "{said}");
    }
}

#[test]
fn the_examples_in_the_defaults_load_when_their_hash_is_taken_away() {
    let place = Place::new();
    let begin = DEFAULTS.find("# [[issuers]]").unwrap();
    let examples = DEFAULTS[begin..].replace("\n# ", "\n").replacen("# ", "", 1).replace("RS256", "EdDSA");
    let text = format!("[upstream]\naccess_key_id = '{ID}'\nsecret_access_key = '{KEY}'\n{examples}");
    let config = place.load(&text, &[]).unwrap().config;
    assert_eq!(config.tenants.tenants[0].apps[0].name.as_ref(), "classroom");
    assert!(config.issuers.issuers[0].signing.is_some());
}
