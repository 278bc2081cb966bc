//! The durable record of calls: each has its line before it arrives, whatever happens to the disk, the process and the
//! file's name; without one nothing is sent.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use sluice::simulator::{Fault, Settings, Share, Simulator, start};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::waiting::until;
use crate::support::{Asker, Files, ISSUER_AND_TENANT, Plan, Process, addresses, moving_day, settled_day, sluice};

const PER: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(15);

/// An upstream that allows twenty calls a second, so that a test need not wait for turns.
async fn upstream(latency: Duration) -> Simulator {
    start(Settings { latency, per: PER, ..Settings::default() }).await.unwrap()
}

fn files(upstream: &Simulator, audit: &str) -> Files {
    let Settings { access_key_id, secret_access_key, .. } = Settings::default();
    Files::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n\
         [budget]\nper = \"100ms\"\nguard = \"50ms\"\n[cache]\nrecent_ttl = \"1s\"\n[audit]\nfile = \"{audit}\"\n\
         [upstream]\nendpoint = \"{}\"\naccess_key_id = \"{access_key_id}\"\nsecret_access_key = \"{secret_access_key}\"\n\
         timeout = \"2s\"\nbreaker_faults = 0\n{ISSUER_AND_TENANT}",
        upstream.endpoint()
    ))
}

/// The real binary, an asker and an operator.
async fn serving(files: &Files) -> (Process, Asker, Asker) {
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, admin) = process.prints(addresses).await;
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap();
    let asker = Asker::new(format!("http://{public}"), Some(token.trim().to_owned()));
    (process, asker, Asker::new(format!("http://{admin}"), None))
}

/// All lines, each of which has to be whole.
fn records(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line:?}"))).collect()
}

/// What `sluice audit summary --json` makes of these files.
fn summary(paths: &[PathBuf]) -> Value {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let arguments: Vec<&str> =
        ["audit", "summary", "--json"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let output = sluice(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_equal_arrivals_whatever_the_upstream_does() {
    let upstream = upstream(Duration::from_millis(5)).await;
    let files = files(&upstream, "audit.jsonl");
    let (mut process, asker, _) = serving(&files).await;
    let faults = [
        None,
        Some(Fault::Reset),
        Some(Fault::Status(StatusCode::INTERNAL_SERVER_ERROR)),
        Some(Fault::Malformed),
        Some(Fault::Truncated),
        Some(Fault::Throttle),
        Some(Fault::Hang),
        None,
    ];
    for (day, fault) in (0..).zip(faults) {
        upstream.clear_faults();
        if let Some(fault) = fault {
            upstream.order(fault, Share::Always);
        }
        asker.ask("app-0", &settled_day(day)).await;
    }
    upstream.clear_faults();
    let mut asking = JoinSet::new();
    for day in 8..18 {
        let asker = asker.clone();
        asking.spawn(async move { asker.ask("app-0", &settled_day(day % 14)).await.status });
    }
    asking.join_all().await;
    let arrivals = upstream.arrivals();
    upstream.stop().await;
    assert_eq!(asker.ask("app-0", &settled_day(20)).await.status, 502);
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));

    let path = files.path("audit.jsonl");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let summary = summary(std::slice::from_ref(&path));
    assert!(arrivals.len() > 20, "{} calls", arrivals.len());
    assert_eq!(summary["calls"], arrivals.len(), "{summary:#}");
    assert!(summary["not_sent"]["unreachable"].as_u64().is_some_and(|count| count >= 1), "{summary:#}");
    assert_eq!((&summary["unfinished"], &summary["torn_lines"]["count"]), (&Value::Array(Vec::new()), &0.into()));
    // Each by the vendor's own id, where an answer gave it.
    let of_records: Vec<_> =
        records(&path).iter().filter_map(|line| line["upstream_request_id"].as_str().map(str::to_owned)).collect();
    assert!(of_records.len() > 10);
    for id in &of_records {
        assert_eq!(arrivals.iter().filter(|arrival| arrival.request_id == *id).count(), 1, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_is_full_held_answers_go_on_and_nothing_else_is_asked() {
    let upstream = upstream(Duration::from_millis(5)).await;
    let files = files(&upstream, "audit.jsonl");
    let (path, aside) = (files.path("audit.jsonl"), files.path("audit.jsonl.1"));
    let (_process, asker, operator) = serving(&files).await;
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    let moving = moving_day();
    assert_eq!(asker.ask("app-0", &moving).await.status, 200);
    sleep(Duration::from_millis(1100)).await;
    fs::rename(&path, &aside).unwrap();
    // Opens, and has no room for a byte.
    symlink("/dev/full", &path).unwrap();
    let calls = upstream.arrivals().len();

    let cold = asker.ask("app-0", &settled_day(1)).await;
    assert_eq!((cold.status, cold.problem().as_str()), (503, "audit-unavailable"), "{cold:?}");
    assert_eq!(cold.retry_after(), 5);
    assert!(!cold.text.contains("audit.jsonl") && !cold.text.contains("space"), "{}", cold.text);
    let began = Instant::now();
    for day in 1..20 {
        assert_eq!(asker.ask("app-0", &settled_day(day)).await.problem(), "audit-unavailable");
    }
    assert!(began.elapsed() < Duration::from_secs(3), "they are told at once: {:?}", began.elapsed());
    let held = asker.ask("app-0", &settled_day(0)).await;
    assert!(held.status == 200 && held.header("cache-status").starts_with("sluice; hit"), "{held:?}");
    let stale = asker.ask("app-0", &moving).await;
    assert!(stale.header("cache-status").ends_with("detail=stale-if-error-audit_unavailable"), "{stale:?}");
    assert_eq!(upstream.arrivals().len(), calls, "a call without a record");

    let ready = operator.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(
        ready.text.contains("degraded: calls cannot be recorded") && ready.text.contains("No space left"),
        "{ready:?}"
    );
    let metrics = operator.get("/metrics").await.text;
    assert!(metrics.contains("sluice_audit_writable 0\n"), "{metrics}");
    assert!(metrics.contains("sluice_budget_slots_free 2\n"), "the slots were given back: {metrics}");
    let shown = sluice(&["status", "--admin", &operator.base]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("! nothing can be recorded for") && shown.contains("No space left"), "{shown}");

    fs::remove_file(&path).unwrap();
    until(PATIENCE, "recovery", async || operator.get("/status").await.json()["audit"]["writable"] == true).await;
    assert_eq!(asker.ask("app-0", &settled_day(1)).await.status, 200);
    assert_eq!(asker.ask("app-0", &moving).await.status, 200);
    until(PATIENCE, "the ends", async || {
        summary(&[aside.clone(), path.clone()])["unfinished"] == Value::Array(Vec::new())
    })
    .await;
    let sum = summary(&[aside, path.clone()]);
    assert_eq!((&sum["calls"], &sum["torn_lines"]["count"]), (&upstream.arrivals().len().into(), &0.into()));
    let resumed: Vec<_> = records(&path).into_iter().filter(|line| line["record"] == "resumed").collect();
    assert!(resumed.len() == 1 && resumed[0]["reason"].as_str().unwrap().contains("No space left"), "{resumed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_not_grow_is_no_end_and_no_half_line() {
    let upstream = upstream(Duration::from_millis(5)).await;
    let files = files(&upstream, "audit.jsonl");
    let path = files.path("audit.jsonl");
    // Beyond what anything else of the process writes, and torn by whoever wrote before.
    let before = format!("{}\n{{\"record\":\"sending\",\"id\":\"0", "-".repeat(1 << 20));
    fs::write(&path, &before).unwrap();
    let (process, asker, operator) = serving(&files).await;
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    until(PATIENCE, "the end", async || summary(std::slice::from_ref(&path))["unfinished"] == Value::Array(Vec::new()))
        .await;
    let length = fs::metadata(&path).unwrap().len();
    // Room for half a line.
    process.limit("fsize", &format!("{}:unlimited", length + 100));
    assert_eq!(asker.ask("app-0", &settled_day(1)).await.problem(), "audit-unavailable");
    assert_eq!(fs::metadata(&path).unwrap().len(), length, "what was written of the line was taken back");
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    process.limit("fsize", "unlimited:unlimited");
    until(PATIENCE, "recovery", async || operator.get("/status").await.json()["audit"]["writable"] == true).await;
    assert_eq!(asker.ask("app-0", &settled_day(1)).await.status, 200);
    let sum = summary(std::slice::from_ref(&path));
    assert_eq!((&sum["calls"], upstream.arrivals().len()), (&2.into(), 2), "{sum:#}");
    assert_eq!((&sum["torn_lines"]["count"], &sum["torn_lines"]["first"][0]["line"]), (&1.into(), &2.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_a_call_unfinished_and_a_file_that_goes_on() {
    let upstream = upstream(Duration::from_millis(5)).await;
    let files = files(&upstream, "audit.jsonl");
    let path = files.path("audit.jsonl");
    // Nothing ends the call before the process does.
    upstream.order(Fault::Hang, Share::Next(1));
    let text = fs::read_to_string(files.config()).unwrap();
    files.write("sluice.toml", &text.replace("timeout = \"2s\"", "timeout = \"30s\""));
    let (process, asker, _) = serving(&files).await;
    let asking = tokio::spawn(async move { asker.try_ask("app-0", &settled_day(0)).await.is_err() });
    until(PATIENCE, "the call", async || upstream.arrivals().len() == 1).await;
    let seen = summary(std::slice::from_ref(&path));
    assert_eq!(seen["unfinished"].as_array().unwrap().len(), 1, "it was recorded before it arrived");
    process.signal("KILL");
    assert!(asking.await.unwrap());
    drop(process);
    let mut torn = fs::read(&path).unwrap();
    torn.extend(b"{\"record\":\"ended\",\"id\":\"0");
    fs::write(&path, torn).unwrap();
    let (mut process, asker, _) = serving(&files).await;
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let sum = summary(std::slice::from_ref(&path));
    assert_eq!((&sum["calls"], upstream.arrivals().len()), (&2.into(), 2));
    assert_eq!(sum["unfinished"].as_array().unwrap().len(), 1);
    assert_eq!(sum["rows"].as_array().unwrap().len(), 2, "answered and unfinished: {sum:#}");
    assert_eq!(sum["torn_lines"]["count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_waits_for_any_more_is_ended_before_the_process() {
    let upstream = upstream(Duration::from_millis(1500)).await;
    let files = files(&upstream, "audit.jsonl");
    let (mut process, asker, _) = serving(&files).await;
    let asking = tokio::spawn(async move { asker.try_ask("app-0", &settled_day(0)).await.is_err() });
    until(PATIENCE, "the call", async || upstream.arrivals().len() == 1).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    sleep(Duration::from_millis(200)).await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let ended: Vec<_> =
        records(&files.path("audit.jsonl")).into_iter().filter(|line| line["record"] == "ended").collect();
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!((&ended[0]["outcome"], &ended[0]["arrived"]), (&"answered".into(), &true.into()), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_under_load_loses_nothing() {
    let upstream = upstream(Duration::from_millis(30)).await;
    let files = files(&upstream, "audit.jsonl");
    let path = files.path("audit.jsonl");
    let (mut process, asker, _) = serving(&files).await;
    let mut asking = JoinSet::new();
    for day in 0..26 {
        let asker = asker.clone();
        asking.spawn(async move { asker.ask("app-0", &settled_day(day)).await.status });
    }
    let mut paths = Vec::new();
    while !asking.is_empty() {
        sleep(Duration::from_millis(70)).await;
        while asking.try_join_next().is_some_and(|status| status.unwrap() == 200) {}
        let rotated = files.path(&format!("audit.jsonl.{}", paths.len()));
        if path.exists() {
            fs::rename(&path, &rotated).unwrap();
            paths.push(rotated);
        }
    }
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    paths.extend(path.exists().then_some(path));
    assert!(paths.len() > 5, "only {} files", paths.len());
    let sum = summary(&paths);
    assert_eq!((&sum["calls"], upstream.arrivals().len()), (&26.into(), 26), "{sum:#}");
    assert_eq!((&sum["unfinished"], &sum["ends_without_beginning"]), (&Value::Array(Vec::new()), &0.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_output_carries_records_between_the_lines_of_the_log() {
    let upstream = upstream(Duration::from_millis(5)).await;
    let files = files(&upstream, "stdout");
    let (mut process, asker, _) = serving(&files).await;
    let mut asking = JoinSet::new();
    for day in 0..8 {
        let asker = asker.clone();
        asking.spawn(async move { asker.ask("app-0", &settled_day(day)).await.status });
    }
    assert!(asking.join_all().await.into_iter().all(|status| status == 200));
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let printed = process.printed();
    files.write("printed", &printed);
    assert!(records(&files.path("printed")).len() > 24, "each line is one: {printed}");
    let sum = summary(&[files.path("printed")]);
    assert_eq!((&sum["calls"], upstream.arrivals().len()), (&8.into(), 8));
    assert!(sum["other_lines"]["count"].as_u64().unwrap() > 8 && sum["torn_lines"]["count"] == 0, "{sum:#}");
    let from_input =
        sluice(&["audit", "summary", "-"]).stdin(fs::File::open(files.path("printed")).unwrap()).output().unwrap();
    assert!(String::from_utf8(from_input.stdout).unwrap().contains("8 of 8 calls arrived for certain."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standard_output_that_nobody_reads_any_more_means_no_call() {
    let upstream = upstream(Duration::from_millis(5)).await;
    let files = files(&upstream, "stdout");
    let listen = format!("127.0.0.1:{}", crate::support::free_port());
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap();
    let mut command = sluice(&["serve", "--config", &files.config()]);
    let mut process = Process::unread(command.env("SLUICE_SERVER__LISTEN", &listen));
    process.hang_up();
    let asker = Asker::new(format!("http://{listen}"), Some(token.trim().to_owned()));
    until(PATIENCE, "the gateway", async || asker.try_ask("app-0", &settled_day(0)).await.is_ok()).await;
    let reply = asker.ask("app-0", &settled_day(0)).await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "audit-unavailable"));
    assert_eq!(upstream.arrivals().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_cannot_be_opened_is_told_at_the_start() {
    let upstream = upstream(Duration::ZERO).await;
    for (audit, code, says) in [
        ("missing/audit.jsonl", 1, "No such file or directory"),
        ("/dev/null", 1, "keeps nothing"),
        ("stdotu", 78, "audit.file"),
        ("/tmp", 78, "is a directory"),
    ] {
        let files = files(&upstream, audit);
        let output = files.run(&["serve"]);
        assert_eq!(output.status.code(), Some(code), "{audit}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says) && said.contains("audit.file"), "{audit}: {said}");
    }
    let files = files(&upstream, "audit.jsonl");
    let (_process, ..) = serving(&files).await;
    let second = files.run(&["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8(second.stderr).unwrap().contains("another process writes to it"));
}

#[test]
fn another_place_waits_for_a_restart() {
    let good = format!("[upstream]\naccess_key_id = \"AKLTsomething\"\nsecret_access_key = \"s\"\n{ISSUER_AND_TENANT}");
    let files = Files::new(&format!("[audit]\nfile = \"stdout\"\n{good}"));
    files.write("running.toml", &good);
    let output = files.run(&["check", "--against", &files.path("running.toml").display().to_string()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "after a restart:\n  audit.file: added, \"stdout\"\n");
}

#[test]
fn a_summary_of_nothing_is_a_failure_and_says_why() {
    let files = Files::new("");
    files.write("log", "{\"message\":\"serving\"}\n");
    let run = |name: &str| sluice(&["audit", "summary", &files.path(name).display().to_string()]).output().unwrap();
    for (name, says) in [("log", "there is no record of a call"), ("missing", "cannot read")] {
        let output = run(name);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(says));
    }
    let help = Command::new(env!("CARGO_BIN_EXE_sluice")).args(["audit", "summary", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Exit codes") && help.lines().all(|line| line.chars().count() <= 80), "{help}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_audit_nothing_of_it_is_shown() {
    let house = Plan::default().build().await;
    assert_eq!(house.operator().get("/status").await.json()["audit"], Value::Null);
    assert!(!house.operator().get("/metrics").await.text.contains("sluice_audit_writable"));
}
