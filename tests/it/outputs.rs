//! Every output of a whole run at trace level, searched for every secret: what is printed, answered, counted, exported,
//! recorded, and told to the other replicas.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use sluice::simulator::{Fault, Settings, Share, Simulator, start};
use tokio::time::{Instant, sleep};

use crate::memory::{derived, rotate};
use crate::redis::{Options, Redis};
use crate::support::{Asker, Certificates, Files, Process, addresses, free_port, now, settled_day, sluice};
use crate::telling::collector;

const FIRST: (&str, &str) = ("AKLTcanary0000000000000000000000000000first", "c2VjcmV0LWNhbmFyeS1vZi10aGUtZmlyc3Q");
const SECOND: (&str, &str) = ("AKLTcanary000000000000000000000000000second", "c2VjcmV0LWNhbmFyeS1vZi10aGUtc2Vjb25k");
const SESSION: &str = "STS2canarysessiontokenofthewholerun";
const REDIS: &str = "canary-password-of-redis";
const SHARED: &str = "canary-secret-of-an-issuer-0123456789abcdef";
const SLIP: &str = "canary-in-a-file-with-mistakes";

/// What was put out, and whence.
struct Outputs(Vec<(String, Vec<u8>)>);

impl Outputs {
    fn add(&mut self, whence: impl Into<String>, what: impl Into<Vec<u8>>) {
        self.0.push((whence.into(), what.into()));
    }

    async fn answer(&mut self, whence: &str, asker: &Asker, path: &str) -> u16 {
        let reply = asker.get(path).await;
        self.add(format!("{whence} {path}"), format!("{reply:?}"));
        reply.status
    }

    fn hold_none_of(&self, canaries: &[(String, Vec<u8>)]) {
        for (whence, output) in &self.0 {
            for (name, canary) in canaries {
                let found = output.windows(canary.len()).position(|window| window == canary);
                let before = found.map(|at| String::from_utf8_lossy(&output[at.saturating_sub(200)..at]).into_owned());
                assert_eq!(before, None, "{whence} holds {name}");
            }
        }
    }
}

/// The lines of a PEM file that are the key.
fn lines_of(name: &str, file: &Path) -> Vec<(String, Vec<u8>)> {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("-----") && line.len() >= 16);
    let found: Vec<_> = lines.map(|line| (name.to_owned(), line.as_bytes().to_vec())).collect();
    assert!(!found.is_empty(), "{name} is empty");
    found
}

/// A token whole, and its parts without which it is none.
fn parts_of(name: &str, token: &str) -> Vec<(String, Vec<u8>)> {
    let parts: Vec<_> = token.split('.').skip(1).collect();
    [token, parts[0], parts[1]].map(|part| (name.to_owned(), part.as_bytes().to_vec())).into()
}

/// What is derived from a key today, in each way of writing bytes.
fn written(name: &str, secret: &str) -> Vec<(String, Vec<u8>)> {
    let day = now().strftime("%Y%m%d").to_string();
    let ways = |(link, bytes): (&'static str, Vec<u8>)| {
        let texts = [hex::encode(&bytes), STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)];
        texts.map(String::into_bytes).into_iter().chain([bytes]).map(move |way| (format!("{name} {link}"), way))
    };
    derived(secret, &day).into_iter().flat_map(ways).collect()
}

fn configuration(upstream: &Simulator, redis: &Redis, collector: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:{}"
admin_listen = "127.0.0.1:0"
drain = "1s"
tls_cert_file = "server.pem"
tls_key_file = "server.key"
[upstream]
endpoint = "{}"
timeout = "1s"
access_key_id_file = "id"
secret_access_key_file = "secret"
session_token = "{SESSION}"
[budget]
redis_url = "redis://:{REDIS}@127.0.0.1:{}"
[audit]
file = "audit.jsonl"
[telemetry]
log = "trace"
otlp_endpoint = "{collector}"
[[issuers]]
issuer = "https://sso.test"
audiences = ["sluice"]
public_key_file = "public.pem"
signing_key_file = "private.pem"
[[issuers]]
issuer = "https://shared.test"
audiences = ["sluice"]
secret_file = "shared"
[[tenants]]
id = "red"
apps = [{{ name = "app-0", app_id = "red0000000000000000" }}]
"#,
        free_port(),
        upstream.endpoint(),
        redis.port()
    )
}

/// A token of this issuer; the command's own words are an output like any other.
fn token(files: &Files, issuer: &str, outputs: &mut Outputs) -> String {
    let output = files.run(&["token", "--tenant", "red", "--issuer", issuer]);
    assert!(output.status.success(), "{output:?}");
    outputs.add("stderr of sluice token", output.stderr);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Reloads with mistakes, each beside a secret.
async fn broken_reloads(files: &Files, good: &str, operator: &Asker, outputs: &mut Outputs) {
    for (from, to) in [
        (format!("\"{SESSION}\""), format!("\"{SLIP}")),
        (format!("\"{SESSION}\""), format!("\"{SLIP} with spaces\"")),
        (format!("\"{SESSION}\""), format!("[\"{SLIP}\"]")),
        (format!("session_token = \"{SESSION}\""), format!("sesion_token = \"{SLIP}\"")),
        (format!("redis://:{REDIS}@"), format!("rediss+x://:{SLIP}@")),
        ("[telemetry]".to_owned(), format!("[telemetry]\notlp_headers = \"{SLIP}\"")),
        (
            format!("session_token = \"{SESSION}\""),
            format!("session_token = \"{SESSION}\"\nsession_token = \"{SLIP}\""),
        ),
    ] {
        files.write("sluice.toml", &good.replace(&from, &to));
        let reply = operator.send("POST", "/reload", "").await;
        assert_eq!(reply.status, 422, "{to}: {reply:?}");
        outputs.add(format!("a reload with {from}"), format!("{reply:?}"));
        let checked = files.run(&["check"]);
        assert_eq!(checked.status.code(), Some(78), "{checked:?}");
        outputs.add("sluice check of mistakes", [checked.stdout, checked.stderr].concat());
    }
    files.write("sluice.toml", good);
    assert_eq!(operator.send("POST", "/reload", "").await.status, 200);
}

async fn redis() -> Redis {
    let settings = "rdbcompression no".to_owned();
    let mut redis = Redis::new(Options { password: Some(REDIS), settings, ..Options::default() });
    redis.start().await;
    redis
}

async fn upstream() -> Simulator {
    start(Settings {
        access_key_id: FIRST.0.to_owned(),
        secret_access_key: FIRST.1.to_owned(),
        second_key: Some((SECOND.0.to_owned(), SECOND.1.to_owned())),
        session_token: Some(SESSION.to_owned()),
        latency: Duration::from_millis(20),
        ..Settings::default()
    })
    .await
    .unwrap()
}

/// The configuration with all that it names.
fn written_down(good: &str, certificates: &Certificates) -> Files {
    let files = Files::new(good);
    for (name, text) in [("id", FIRST.0), ("secret", FIRST.1), ("shared", SHARED)] {
        files.write(name, text);
    }
    let (certificate, key) = certificates.server();
    std::fs::copy(certificate, files.path("server.pem")).unwrap();
    std::fs::copy(key, files.path("server.key")).unwrap();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_output_of_a_whole_run_holds_a_secret() {
    let mut outputs = Outputs(Vec::new());
    let redis = redis().await;
    let mut monitor = Command::new("redis-cli");
    let monitor =
        Process::start(monitor.env("REDISCLI_AUTH", REDIS).args(["-p", &redis.port().to_string(), "MONITOR"]));
    monitor.prints(|text| text.contains("OK").then_some(())).await;
    let upstream = upstream().await;
    let (collector, spans) = collector().await;
    let certificates = Certificates::new();
    let good = configuration(&upstream, &redis, &collector);
    let files = written_down(&good, &certificates);
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, admin) = process.prints(addresses).await;
    let tokens = ["https://sso.test", "https://shared.test"].map(|issuer| token(&files, issuer, &mut outputs));
    let askers = tokens
        .clone()
        .map(|token| Asker::trusting(format!("https://{public}"), Some(token), &[&certificates.authority()], 1));
    let operator = Asker::new(format!("http://{admin}"), None);
    let deadline = Instant::now() + Duration::from_secs(20);
    while operator.get("/readyz").await.status != 200 {
        assert!(Instant::now() < deadline, "{:?}", operator.get("/readyz").await);
        sleep(Duration::from_millis(100)).await;
    }

    for (day, asker) in askers.iter().enumerate() {
        let reply = asker.ask("app-0", &settled_day(i64::try_from(day).unwrap())).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        outputs.add("an answer", format!("{reply:?}"));
        for path in
            ["/apps", "/openapi.json", "/docs", "/problems/unauthorized", "/apps/app-0/distribution?from=x", "/nowhere"]
        {
            outputs.answer("public", asker, path).await;
        }
    }
    let stranger = askers[0].clone().with_token(format!("{}x", tokens[0]));
    assert_eq!(outputs.answer("a forged token", &stranger, "/apps").await, 401);
    outputs.answer("a token in the path", &askers[0], &format!("/apps/{}/distribution", tokens[0])).await;
    for (day, fault) in [
        (2, Fault::ErrorInside200("SignatureDoesNotMatch".to_owned())),
        (3, Fault::Malformed),
        (4, Fault::Reset),
        (5, Fault::Hang),
        (6, Fault::Throttle),
    ] {
        upstream.order(fault, Share::Next(3));
        outputs.add("a fault", format!("{:?}", askers[0].ask("app-0", &settled_day(day)).await));
        upstream.clear_faults();
    }
    rotate(&files, &askers[0], &operator, SECOND).await;
    broken_reloads(&files, &good, &operator, &mut outputs).await;

    let claims = URL_SAFE_NO_PAD.decode(tokens[1].split('.').nth(1).unwrap()).unwrap();
    let id = serde_json::from_slice::<Value>(&claims).unwrap()["jti"].clone();
    let revoked = operator.send("POST", "/auth/revoke", &serde_json::json!({ "jti": id }).to_string()).await;
    assert_eq!(revoked.status, 204, "{revoked:?}");
    assert_eq!(outputs.answer("a revoked token", &askers[1], "/apps").await, 401);
    for path in ["/livez", "/readyz", "/metrics", "/status", "/nowhere"] {
        outputs.answer("admin", &operator, path).await;
    }
    for arguments in [&["check"][..], &["check", "--against", &files.config()]] {
        let output = files.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        outputs.add(format!("sluice {arguments:?}"), [output.stdout, output.stderr].concat());
    }
    assert_eq!(redis.cli(&["SAVE"]), "OK");
    let place = redis.cli(&["CONFIG", "GET", "dir"]).lines().nth(1).unwrap().to_owned();
    let shared = std::fs::read(Path::new(&place).join("dump.rdb")).unwrap();
    assert!(shared.windows(8).any(|window| window == b"{sluice}"), "nothing is shared");
    outputs.add("what Redis holds", shared);
    let mut process = process;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let log = process.printed();
    for module in ["TRACE", "hyper", "rustls", "sluice::access", "sluice::audit"] {
        assert!(log.contains(module), "the log is not at trace level: {module} is missing");
    }
    outputs.add("the log", log);
    let records = std::fs::read(files.path("audit.jsonl")).unwrap();
    assert!(records.windows(9).any(|window| window == b"\"sending\""), "no call was recorded");
    outputs.add("the record of calls", records);
    outputs.add("the traffic to Redis", monitor.printed());
    let spans = spans.lock().unwrap().clone();
    assert!(spans.windows(5).any(|window| window == b"/apps"), "no span was exported");
    outputs.add("the spans", spans);

    let secrets = [FIRST.0, FIRST.1, SECOND.0, SECOND.1, SESSION, REDIS, SHARED, SLIP];
    let mut canaries: Vec<_> = secrets.map(|secret| (secret.to_owned(), secret.as_bytes().to_vec())).into();
    canaries.extend(tokens.iter().flat_map(|token| parts_of("a token", token)));
    canaries.extend(written("first", FIRST.1).into_iter().chain(written("second", SECOND.1)));
    canaries.extend(lines_of("private.pem", &files.path("private.pem")));
    canaries.extend(lines_of("server.key", &files.path("server.key")));
    outputs.hold_none_of(&canaries);
    let told = outputs.0.iter().map(|(_, output)| output.len()).sum::<usize>();
    assert!(told > 100_000 && canaries.len() > 40, "{told} bytes, {} canaries", canaries.len());
}
