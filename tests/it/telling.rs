//! What the gateway tells of itself: log lines, counts and spans; and that nobody waits for any of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::StatusCode;
use serde_json::Value;
use sluice::simulator::{self, Fault, Settings, Share, Simulator};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::waiting::until;
use crate::support::{
    Asker, Files, House, ISSUER_AND_TENANT, Plan, Process, addresses, log_lines, settled_day, sluice,
};

/// Nothing is sent for so long after a start, and a while more. Twice the vendor's, so that a wait is seen on a busy machine too.
/// For what is told a moment later.
const PATIENCE: Duration = Duration::from_secs(20);
const LONG: &str = "[budget]\nper = \"2s\"";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn upstream() -> Simulator {
    simulator::start(Settings { latency: Duration::from_millis(20), ..Settings::default() }).await.unwrap()
}

fn configuration(upstream: &Simulator, more: &str) -> Files {
    let Settings { access_key_id, secret_access_key, .. } = Settings::default();
    Files::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n[upstream]\n\
         endpoint = \"{}\"\naccess_key_id = \"{access_key_id}\"\nsecret_access_key = \"{secret_access_key}\"\n\
         {more}\n{ISSUER_AND_TENANT}",
        upstream.endpoint()
    ))
}

fn token(files: &Files) -> String {
    String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap().trim().to_owned()
}

/// The lines of a log with this message.
fn lines(printed: &str, message: &str) -> Vec<Value> {
    log_lines(printed).into_iter().filter(|line| line["message"] == message).collect()
}

/// The base URLs of both listeners.
fn bases(printed: &str) -> Option<(String, String)> {
    let (public, admin) = addresses(printed)?;
    Some((format!("http://{public}"), format!("http://{admin}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_and_each_call_has_its_line_and_the_calls_add_up() {
    let upstream = upstream().await;
    let files = configuration(&upstream, LONG);
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, _) = process.prints(bases).await;
    let asker = Asker::new(public, Some(token(&files))).with_header("traceparent", PARENT);
    for day in [0, 1, 0] {
        assert_eq!(asker.ask("app-0", &settled_day(day)).await.status, 200);
    }
    until(PATIENCE, "three requests", async || lines(&process.printed(), "request").len() == 3).await;
    let (requests, calls) = (lines(&process.printed(), "request"), lines(&process.printed(), "upstream call"));
    let [miss, _, hit] = &*requests else { panic!("{requests:#?}") };
    assert_eq!((&miss["outcome"], &miss["calls"], &miss["tenant"]), (&"miss".into(), &1.into(), &"red".into()));
    assert_eq!((&hit["outcome"], &hit["calls"], &hit["wait_ms"]), (&"hit".into(), &0.into(), &0.into()));
    assert!(miss["wait_ms"].as_u64().unwrap() >= 500, "nothing is sent for a while after a start: {miss}");
    assert!(requests.iter().all(|line| line["trace_id"] == TRACE));
    let spent: u64 = requests.iter().map(|line| line["calls"].as_u64().unwrap()).sum();
    assert_eq!((spent, calls.len(), upstream.arrivals().len()), (2, 2, 2));
    for (call, arrival) in calls.iter().zip(upstream.arrivals()) {
        assert_eq!((&call["tenant"], &call["outcome"]), (&"red".into(), &"answered".into()));
        assert_eq!((&call["key_id"], &call["trace_id"]), (&"AKLT…0001".into(), &TRACE.into()));
        assert_eq!(call["upstream_request_id"], arrival.request_id);
        assert!(call["slot"].as_u64().unwrap() < 2, "{call}");
        assert_eq!(arrival.traceparent.as_deref(), Some(PARENT), "without a collector it is handed on as it came");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_and_who_hung_up_have_their_lines_with_what_they_cost_and_whose_they_were() {
    let upstream = upstream().await;
    let files = configuration(&upstream, LONG);
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, admin) = process.prints(bases).await;
    let asker = Asker::new(public, Some(token(&files)));
    upstream.order(Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), Share::Always);
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 502);
    let calls = upstream.arrivals().len();
    upstream.order(Fault::Hang, Share::Always);
    assert!(timeout(Duration::from_millis(500), asker.ask("app-0", &settled_day(1))).await.is_err());
    until(PATIENCE, "two requests", async || lines(&process.printed(), "request").len() == 2).await;
    let requests = lines(&process.printed(), "request");
    let [failed, hung_up] = &*requests else { panic!("{requests:#?}") };
    assert_eq!((&failed["tenant"], &failed["app"]), (&"red".into(), &"app-0".into()));
    assert_eq!((&failed["calls"], calls), (&3.into(), 3));
    assert!(
        failed["wait_ms"].as_u64().is_some_and(|wait| wait >= 500),
        "nothing is sent for a while after a start: {failed}"
    );
    assert_eq!(
        (&hung_up["outcome"], &hung_up["tenant"], &hung_up["app"]),
        (&"hung_up".into(), &"red".into(), &"app-0".into())
    );
    let page = Asker::new(admin, None).get("/metrics").await.text;
    let counted = "tenant=\"red\",outcome=\"hung_up\",status=\"499\",blame=\"caller\"} 1";
    assert!(page.contains(counted), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_stops_no_request_and_what_is_lost_is_counted() {
    let upstream = upstream().await;
    let files = configuration(&upstream, "[telemetry]\nlog = \"trace\"");
    // The addresses have to be known: what is printed is not read.
    let ports = [crate::support::free_port(), crate::support::free_port()].map(|port| format!("127.0.0.1:{port}"));
    let mut command = sluice(&["serve", "--config", &files.config()]);
    let command = command.env("SLUICE_SERVER__LISTEN", &ports[0]).env("SLUICE_SERVER__ADMIN_LISTEN", &ports[1]);
    let _gateway = Process::unread(command);
    let asker = Asker::new(format!("http://{}", ports[0]), Some(token(&files)));
    let operator = asker.sibling(format!("http://{}", ports[1]), None);
    until(PATIENCE, "the gateway serves", async || asker.try_send("GET", "/apps", "").await.is_ok()).await;
    let dropped = async || {
        let page = operator.get("/metrics").await.text;
        let line = page.lines().find_map(|line| line.strip_prefix("sluice_log_lines_dropped_total ")).unwrap();
        line.parse::<f64>().unwrap()
    };
    until(PATIENCE, "lines are dropped", async || {
        let ask = |asker: Asker| async move {
            for _ in 0..500 {
                assert_ne!(asker.get("/apps").await.status, 500);
            }
        };
        (0..4).map(|_| ask(asker.clone())).collect::<JoinSet<_>>().join_all().await;
        dropped().await > 0.0
    })
    .await;
}

/// A collector that takes what comes, and remembers it.
pub(crate) async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let taken = Arc::<Mutex<Vec<u8>>>::default();
    let into = Arc::clone(&taken);
    let take = move |body: Bytes| async move { into.lock().unwrap().extend_from_slice(&body) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, taken)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_span_of_a_request_and_below_it_that_of_its_call() {
    let (upstream, (base, taken)) = (upstream().await, collector().await);
    let files = configuration(&upstream, &format!("[telemetry]\notlp_endpoint = \"{base}\""));
    let mut process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, _) = process.prints(bases).await;
    let asker = Asker::new(public, Some(token(&files))).with_header("traceparent", PARENT);
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    // What waits is sent before the process ends.
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let taken = taken.lock().unwrap().clone();
    let holds = |what: &[u8]| taken.windows(what.len()).any(|window| window == what);
    assert!(holds(b"GET /apps/{app}/distribution") && holds(b"ListOperationDistribution"));
    assert!(holds(&hex::decode(TRACE).unwrap()), "both belong to the caller's trace");
    let sent = upstream.arrivals()[0].traceparent.clone().unwrap();
    let span = sent.strip_prefix(&format!("00-{TRACE}-")).and_then(|rest| rest.strip_suffix("-01")).unwrap();
    assert!(span != "b7ad6b7169203331" && holds(&hex::decode(span).unwrap()), "the call has a span of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_stops_no_request_and_no_end() {
    let upstream = upstream().await;
    let files = configuration(&upstream, "[telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"");
    let mut process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, _) = process.prints(bases).await;
    let asker = Asker::new(public, Some(token(&files)));
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
}

async fn page(house: &House) -> String {
    house.operator().get("/metrics").await.text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_calls_and_what_is_held_are_counted() {
    let house = Plan::default().build().await;
    for day in [0, 1, 0] {
        assert_eq!(house.asker("red").ask("app-0", &settled_day(day)).await.status, 200);
    }
    assert_eq!(house.stranger().get("/apps").await.status, 401);
    let page = page(&house).await;
    for line in [
        "sluice_requests_total{route=\"/apps/{app}/distribution\",tenant=\"red\",outcome=\"miss\",status=\"200\",blame=\"\"} 2",
        "sluice_requests_total{route=\"/apps/{app}/distribution\",tenant=\"red\",outcome=\"hit\",status=\"200\",blame=\"\"} 1",
        "sluice_requests_total{route=\"/apps\",tenant=\"\",outcome=\"no_token\",status=\"401\",blame=\"caller\"} 1",
        "sluice_request_duration_seconds_count{tenant=\"red\",outcome=\"hit\",status=\"200\"} 1",
        "sluice_cache_lookups_total{result=\"hit\"} 1",
        "sluice_cache_lookups_total{result=\"miss\"} 2",
        "sluice_cache_answers 2",
        "sluice_upstream_calls_total{tenant=\"red\",outcome=\"answered\"} 2",
        "sluice_queue_wait_seconds_count{tenant=\"red\"} 2",
        "sluice_queue_waiting{tenant=\"green\"} 0",
        "sluice_budget_slots 2",
        "sluice_upstream_unreachable_total{tenant=\"red\"} 0",
        "sluice_queue_refusals_total{tenant=\"green\",reason=\"line_full\"} 0",
        "sluice_upstream_calls_total{tenant=\"green\",outcome=\"answered\"} 0",
        "sluice_ready 1",
        "# TYPE sluice_build_info gauge",
        "# TYPE sluice_requests_total counter",
        "sluice_issuer_keys{issuer=\"https://sso.test\"} 1",
        "sluice_config_generation 1",
    ] {
        assert!(page.lines().any(|told| told == line), "{line}\n---\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_wants_to_wait_less_than_it_may_is_refused_by_its_own_doing() {
    let house = Plan::default().build().await;
    let impatient = house.asker("red").with_header("prefer", "wait=0");
    // Both slots are taken; one of a later second would come well within queue.max_wait.
    let taken: JoinSet<_> = (0..2).map(|day| ask_once(house.asker("red"), day)).collect();
    assert!(taken.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(impatient.ask("app-0", &settled_day(2)).await.status, 503);
    let page = page(&house).await;
    let refused = "outcome=\"budget_exhausted\",status=\"503\",blame=\"caller\"} 1";
    assert!(page.lines().any(|told| told.starts_with("sluice_requests_total{") && told.ends_with(refused)), "{page}");
    let counted = "sluice_queue_refusals_total{tenant=\"red\",reason=\"budget_exhausted\"} 1";
    assert!(page.lines().any(|told| told == counted), "{page}");
}

async fn ask_once(asker: Asker, day: i64) -> u16 {
    asker.ask("app-0", &settled_day(day)).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_label_is_what_a_caller_makes_up() {
    let house = Plan::default().build().await;
    house.asker("made-up-by-its-token").get("/apps").await;
    house.stranger().get("/made-up-by-its-path").await;
    house.asker("red").ask("made-up-by-its-app", &settled_day(0)).await;
    house.stranger().send("MADEUP", "/apps", "").await;
    let page = page(&house).await;
    assert!(page.contains("route=\"none\"") && page.contains("tenant=\"\""), "{page}");
    assert!(!page.to_lowercase().contains("made"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_open_metrics_gets_it() {
    let house = Plan::default().build().await;
    let operator = house.operator().with_header("accept", "application/openmetrics-text; version=1.0.0");
    let reply = operator.get("/metrics").await;
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(reply.text.ends_with("# EOF\n") && reply.text.contains("# UNIT sluice_budget_guard_seconds seconds"));
}
