//! Changing a gateway that runs: what applies at once, what waits, and what a wrong configuration does not do.

mod broken;
mod tls;
mod under_load;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use sluice::simulator::{self, Fault, Settings, Share, Simulator};
use tokio::time::{Instant, sleep};

use crate::support::{Asker, Files, ISSUER_AND_TENANT, Process, addresses, settled_day, sluice};

const FIRST: (&str, &str) = ("AKLTfirst000000000000000000000000000000aaaa", "secret-of-the-first");
const SECOND: (&str, &str) = ("AKLTsecond00000000000000000000000000000bbbb", "secret-of-the-second");
const UNKNOWN: (&str, &str) = ("AKLTunknown0000000000000000000000000000cccc", "secret-of-nobody");

async fn upstream() -> Simulator {
    let settings = Settings {
        access_key_id: FIRST.0.to_owned(),
        secret_access_key: FIRST.1.to_owned(),
        second_key: Some((SECOND.0.to_owned(), SECOND.1.to_owned())),
        latency: Duration::from_millis(20),
        ..Settings::default()
    };
    simulator::start(settings).await.unwrap()
}

fn configuration(upstream: &Simulator, (id, secret): (&str, &str), more: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n{more}\n\
         [upstream]\nendpoint = \"{}\"\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n{ISSUER_AND_TENANT}",
        upstream.endpoint()
    )
}

/// A served configuration, somebody with a token before it, and its operator.
struct Served {
    process: Process,
    files: Files,
    asker: Asker,
    operator: Asker,
    /// Address and port of the public listener.
    public: String,
    token: String,
}

async fn serve(text: &str) -> Served {
    serve_with(text, |_| ()).await
}

/// The same with more files, which `put` puts beside the configuration.
async fn serve_with(text: &str, put: impl FnOnce(&Path)) -> Served {
    let files = Files::new(text);
    put(&files.path(""));
    served(sluice(&["serve", "--config", &files.config()]), files).await
}

async fn served(mut command: Command, files: Files) -> Served {
    let process = Process::start(&mut command);
    let (public, admin) = process.prints(addresses).await;
    let minted = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap();
    let token = minted.trim().to_owned();
    let asker = Asker::new(format!("http://{public}"), Some(token.clone()));
    let operator = asker.sibling(format!("http://{admin}"), None);
    Served { process, files, asker, operator, public, token }
}

impl Served {
    async fn reload(&self) -> (u16, Value) {
        let reply = self.operator.send("POST", "/reload", "").await;
        (reply.status, reply.json())
    }

    async fn status(&self) -> Value {
        self.operator.get("/status").await.json()
    }

    /// Waits until `/status` shows what is wanted.
    async fn shows(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.status().await;
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{what}: {status:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn keys(changes: &Value) -> Vec<&str> {
    changes.as_array().unwrap().iter().map(|change| change["key"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_is_told_key_by_key_with_what_waits_for_a_restart() {
    let upstream = upstream().await;
    let text = configuration(&upstream, FIRST, "");
    let served = serve(&text).await;
    let (status, unchanged) = served.reload().await;
    assert_eq!((status, &unchanged["generation"], &unchanged["applied"]), (200, &1.into(), &Value::Array(vec![])));

    let changed = text.replace("app-0", "app-9").replace("drain = \"0s\"", "drain = \"1s\"");
    served.files.write("sluice.toml", &changed.replace(FIRST.1, SECOND.1).replace(FIRST.0, SECOND.0));
    let told = served.shows("the new file", |status| status["config"]["generation"] == 2).await;
    assert_eq!(told["config"]["needs_restart"], serde_json::json!(["server.drain"]), "{told:#}");
    // What waits is told at each reload, until the file says again what runs.
    let (_, again) = served.reload().await;
    assert_eq!((keys(&again["applied"]), keys(&again["needs_restart"])), (vec![], vec!["server.drain"]), "{again:#}");
    let waits = &again["needs_restart"][0];
    assert_eq!((&waits["before"], &waits["after"]), (&"\"0s\"".into(), &"\"1s\"".into()));
    served.files.write("sluice.toml", &text);
    let back = served.shows("the file of before", |status| status["config"]["generation"] == 3).await;
    assert_eq!(back["config"]["needs_restart"], Value::Array(vec![]));

    let printed = served.process.printed();
    assert!(printed.contains("tenants[red].apps[app-0].app_id: removed"), "{printed}");
    assert!(printed.contains("upstream.secret_access_key: changed"), "{printed}");
    for secret in [FIRST.1, SECOND.1, FIRST.0, SECOND.0] {
        assert!(!printed.contains(secret), "a secret was printed");
    }
}

/// Hits find caller, grant and question in one look at what was asked before: it must not outlive what it was worked out from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_the_same_again_is_told_by_the_configuration_and_the_revocations_of_now() {
    let upstream = upstream().await;
    let text = configuration(&upstream, FIRST, "");
    let served = serve(&text).await;
    let status = async || {
        let mut replies = Vec::new();
        for _ in 0..3 {
            replies.push(served.asker.ask("app-0", &settled_day(3)).await.status);
        }
        replies
    };
    let write = async |text: &str| {
        served.files.write("sluice.toml", text);
        assert_eq!(served.reload().await.0, 200);
    };
    assert_eq!(status().await, [200; 3]);
    write(&text.replace("app-0", "app-9")).await;
    assert_eq!(status().await, [404; 3], "the name was taken away");
    write(&text.replace("red0", "red1")).await;
    assert_eq!(status().await, [200; 3]);
    assert_eq!(upstream.arrivals().len(), 2, "the name means another app, which is asked about anew");
    write(&text.replace("id = \"red\"", "id = \"green\"")).await;
    assert_eq!(status().await, [404; 3], "the tenant is gone");
    write(&text).await;
    assert_eq!(status().await, [200; 3]);
    assert_eq!(served.operator.send("POST", "/auth/revoke", "{\"tenant\":\"red\"}").await.status, 204);
    assert_eq!(status().await, [401; 3], "the token is revoked");
}

/// On one core the runtime is another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_with_one_core_answers_reloads_and_drains() {
    let upstream = upstream().await;
    let files = Files::new(&configuration(&upstream, FIRST, ""));
    let mut served = served(on_one_core(&sluice(&["serve", "--config", &files.config()])), files).await;
    for how in ["stored", "hit"] {
        let reply = served.asker.ask("app-0", &settled_day(3)).await;
        assert!(reply.status == 200 && reply.header("cache-status").contains(how), "{reply:?}");
    }
    let coded = served.asker.clone().with_header("accept-encoding", "br").get("/openapi.json").await;
    assert_eq!((coded.status, coded.header("content-encoding")), (200, "br"));
    assert_eq!(served.reload().await.0, 200);
    served.process.signal("TERM");
    assert_eq!(served.process.ended().await, Some(0));
}

/// The command, bound to the first core that this process may use.
fn on_one_core(command: &Command) -> Command {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let mut bound = Command::new("taskset");
    bound.args(["--cpu-list", cores.split([',', '-']).next().unwrap()]);
    bound.arg(command.get_program()).args(command.get_args()).env_clear();
    bound
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_mistakes_changes_nothing_and_says_where_they_are() {
    let upstream = upstream().await;
    let text = configuration(&upstream, FIRST, "");
    let served = serve(&text).await;
    served.files.write("sluice.toml", &text.replace("audiences", "audience"));
    let (status, told) = served.reload().await;
    assert_eq!(status, 422, "{told:#}");
    assert!(told["mistakes"][0].as_str().unwrap().contains("sluice.toml:"), "{told:#}");
    let shown = served.status().await["config"].clone();
    assert!(shown["last_reload_fault"].as_str().unwrap().contains("did you mean"), "{shown:#}");
    assert_eq!(served.asker.get("/apps").await.status, 200);
    let page = served.operator.get("/metrics").await.text;
    assert!(page.contains("\nsluice_config_last_reload_successful 0\n"), "{page}");
    served.files.write("sluice.toml", &text);
    served.shows("the mended file", |status| status["config"]["last_reload_fault"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_comes_after_the_configuration_that_names_it_is_noticed() {
    let upstream = upstream().await;
    let served = serve(&configuration(&upstream, FIRST, "")).await;
    let named = configuration(&upstream, SECOND, "")
        .replace(&format!("secret_access_key = \"{}\"", SECOND.1), "secret_access_key_file = \"late.key\"");
    served.files.write("sluice.toml", &named);
    let early =
        |status: &Value| status["config"]["last_reload_fault"].as_str().is_some_and(|fault| fault.contains("late.key"));
    served.shows("the file is not there yet", early).await;
    served.files.write("late.key", SECOND.1);
    let there = served.shows("the file is there", |status| status["config"]["last_reload_fault"].is_null()).await;
    assert_eq!(there["master_key"]["successor"], "AKLT…bbbb");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mounted_volume_that_is_swapped_behind_its_link_is_noticed() {
    let upstream = upstream().await;
    let text = configuration(&upstream, FIRST, "");
    let files = Files::new(&text);
    // As the kubelet lays a volume out: the file's name leads through `..data` to a directory that is replaced whole.
    let mount = tempfile::tempdir().unwrap();
    let put = |version: &str, text: &str| {
        fs::create_dir(mount.path().join(version)).unwrap();
        fs::write(mount.path().join(version).join("sluice.toml"), text).unwrap();
        symlink(version, mount.path().join("..new")).unwrap();
        fs::rename(mount.path().join("..new"), mount.path().join("..data")).unwrap();
    };
    put("..1", &text);
    let config: &Path = &mount.path().join("sluice.toml");
    symlink("..data/sluice.toml", config).unwrap();
    for key in ["public.pem", "private.pem"] {
        fs::copy(files.path(key), mount.path().join(key)).unwrap();
    }
    let process = Process::start(&mut sluice(&["serve", "--config", &config.display().to_string()]));
    let (_, admin) = process.prints(addresses).await;
    put("..2", &text.replace("app-0", "app-9"));
    process.prints(|printed| printed.contains("app-9").then_some(())).await;
    assert_eq!(Asker::new(format!("http://{admin}"), None).get("/status").await.json()["config"]["generation"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_key_is_tried_on_one_question_before_it_is_in_force() {
    let upstream = upstream().await;
    let served = serve(&configuration(&upstream, FIRST, "")).await;
    let signed_by =
        || -> Vec<String> { upstream.arrivals().iter().filter_map(|arrival| arrival.access_key_id.clone()).collect() };
    assert_eq!(served.asker.ask("app-0", &settled_day(0)).await.status, 200);

    served.files.write("sluice.toml", &configuration(&upstream, SECOND, ""));
    served.reload().await;
    let waits = served.status().await["master_key"].clone();
    assert_eq!((&waits["key_id"], &waits["successor"]), (&"AKLT…aaaa".into(), &"AKLT…bbbb".into()));
    assert_eq!(served.asker.ask("app-0", &settled_day(1)).await.status, 200);
    let taken = served.status().await["master_key"].clone();
    assert_eq!((&taken["key_id"], &taken["successor"]), (&"AKLT…bbbb".into(), &Value::Null));
    assert_eq!(signed_by(), [FIRST.0, SECOND.0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_master_key_costs_one_call_and_no_answer_and_the_one_before_stays() {
    let upstream = upstream().await;
    let served = serve(&configuration(&upstream, FIRST, "")).await;
    served.files.write("sluice.toml", &configuration(&upstream, UNKNOWN, ""));
    served.reload().await;
    let answered = served.asker.ask("app-0", &settled_day(0)).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(served.asker.ask("app-0", &settled_day(1)).await.status, 200);
    let signed_by: Vec<_> = upstream.arrivals().iter().filter_map(|arrival| arrival.access_key_id.clone()).collect();
    assert_eq!(signed_by, [UNKNOWN.0, FIRST.0, FIRST.0]);
    let shown = served.status().await["master_key"].clone();
    assert_eq!((&shown["key_id"], &shown["successor"]), (&"AKLT…aaaa".into(), &Value::Null));
    assert_eq!(
        (&shown["rejected"]["key_id"], &shown["rejected"]["upstream_code"]),
        (&"AKLT…cccc".into(), &"InvalidAccessKey".into())
    );
    assert!(served.operator.get("/metrics").await.text.contains("\nsluice_master_key_rejected 1\n"));
    served.files.write("sluice.toml", &configuration(&upstream, FIRST, ""));
    served.reload().await;
    assert_eq!(served.status().await["master_key"]["rejected"], Value::Null, "the old key is what is configured again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_key_that_is_tried_by_a_probe_costs_it_no_answer() {
    let upstream = upstream().await;
    let soon_open = |key| configuration(&upstream, key, "").replace("[upstream]\n", "[upstream]\nbreaker_faults = 1\n");
    let served = serve(&soon_open(FIRST)).await;
    let fault = Fault::Code { status: StatusCode::SERVICE_UNAVAILABLE, code: "InternalError".to_owned() };
    upstream.order(fault, Share::Next(1));
    let failed = served.asker.ask("app-0", &settled_day(0)).await;
    assert_eq!(failed.status, 502);
    served.files.write("sluice.toml", &soon_open(SECOND));
    served.reload().await;
    // Whoever says so, it is not in the vendor's words.
    let denied = Fault::Code { status: StatusCode::FORBIDDEN, code: "Unheard.Of".to_owned() };
    upstream.order(denied, Share::Next(1));
    sleep(Duration::from_secs(failed.retry_after())).await;
    let probe = served.asker.ask("app-0", &settled_day(1)).await;
    assert_eq!(probe.status, 200, "{probe:?}");
    let signed_by: Vec<_> = upstream.arrivals().iter().filter_map(|arrival| arrival.access_key_id.clone()).collect();
    assert_eq!(signed_by, [FIRST.0, SECOND.0, FIRST.0]);
}
