//! The answer and everything its headers tell.

use std::time::Duration;

use jiff::Timestamp;
use sluice::simulator::Settings;

use crate::support::{House, Plan, settled_week};

async fn asked(house: &House) -> crate::support::Reply {
    house.asker("red").ask("app-0", &settled_week()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_has_the_form_of_the_contract() {
    let house = Plan::default().build().await;
    let reply = asked(&house).await;
    let (from, to) = settled_week();
    let body = reply.json();
    assert_eq!(body["app"], "app-0");
    assert_eq!(body["indicator"], "user_num");
    assert_eq!(body["dimension"], "province");
    assert_eq!(body["from"], format!("{from}T00:00:00+08:00"));
    assert_eq!(body["to"], format!("{to}T00:00:00+08:00"));
    assert_eq!(body["final"], true);
    let fetched_at = body["fetched_at"].as_str().unwrap();
    assert_eq!(fetched_at.len(), "2026-11-09T02:00:00Z".len());
    let age = crate::support::now().duration_since(fetched_at.parse::<Timestamp>().unwrap());
    assert!(age.as_secs() < 60, "{fetched_at}");
    let rows = reply.rows();
    assert!(rows.iter().all(|row| row["name"].is_string() && row["value"].is_f64() && row["proportion"].is_f64()));
    let values: Vec<_> = rows.iter().map(|row| row["value"].as_f64().unwrap()).collect();
    assert!(values.is_sorted_by(|a, b| a >= b), "the upstream's order is kept: {values:?}");
    let order: Vec<_> = ["app", "indicator", "dimension", "from", "to", "final", "fetched_at", "data"]
        .map(|name| reply.text.find(&format!("\"{name}\":")).unwrap())
        .into();
    assert!(order.is_sorted(), "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_headers_tell_where_an_answer_came_from_and_how_long_it_is_good() {
    let house = Plan::default().build().await;
    let miss = asked(&house).await;
    assert_eq!(miss.header("cache-status"), "sluice; fwd=miss; stored");
    assert_eq!(miss.header("cache-control"), "private, max-age=31536000, immutable");
    assert_eq!(miss.header("vary"), "Authorization, Origin, Accept-Encoding");
    assert_eq!(miss.header("age"), "0");
    assert!(miss.header("etag").starts_with('"') && miss.header("etag").ends_with('"'), "a strong tag");
    assert!(!miss.header("x-request-id").is_empty());
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let hit = asked(&house).await;
    assert!(hit.header("cache-status").starts_with("sluice; hit; ttl="), "{hit:?}");
    assert!(hit.header("age").parse::<u64>().unwrap() >= 1);
    assert_eq!((hit.header("etag"), &hit.text), (miss.header("etag"), &miss.text));
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_has_it_already_gets_304_whatever_the_coding() {
    let house = Plan::default().build().await;
    let plain = asked(&house).await;
    let coded = house.asker("red").with_header("accept-encoding", "gzip").ask("app-0", &settled_week()).await;
    assert_eq!(coded.header("content-encoding"), "gzip");
    assert_ne!(coded.header("etag"), plain.header("etag"), "each coding has a strong tag of its own");
    for tag in [
        plain.header("etag"),
        coded.header("etag"),
        "*",
        &format!("W/{}", plain.header("etag")),
        &format!("\"x\", {}", plain.header("etag")),
    ] {
        let reply = house.asker("red").with_header("if-none-match", tag).ask("app-0", &settled_week()).await;
        assert_eq!((reply.status, reply.text.as_str()), (304, ""), "{tag}");
        assert!(!reply.header("etag").is_empty() && !reply.header("cache-control").is_empty());
    }
    let other = house.asker("red").with_header("if-none-match", "\"another\"").ask("app-0", &settled_week()).await;
    assert_eq!(other.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_the_codings_the_caller_takes() {
    let house = Plan::default().build().await;
    let length = asked(&house).await.length;
    for coding in ["gzip", "br", "zstd"] {
        let reply = house.asker("red").with_header("accept-encoding", coding).ask("app-0", &settled_week()).await;
        assert_eq!((reply.status, reply.header("content-encoding")), (200, coding));
        assert!(reply.length < length);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_no_coding_gets_the_plain_answer() {
    let house = Plan::default().build().await;
    for refusing in ["identity;q=0", "*;q=0", "gzip;q=0, identity; q=0.0"] {
        let reply = house.asker("red").with_header("accept-encoding", refusing).ask("app-0", &settled_week()).await;
        assert_eq!((reply.status, reply.header("content-encoding")), (200, ""), "{refusing}");
    }
    let gzip =
        house.asker("red").with_header("accept-encoding", "gzip, identity;q=0").ask("app-0", &settled_week()).await;
    assert_eq!((gzip.status, gzip.header("content-encoding")), (200, "gzip"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_tells_the_same_without_the_body() {
    let house = Plan::default().build().await;
    let get = asked(&house).await;
    let (from, to) = settled_week();
    let target = format!("/apps/app-0/distribution?from={from}&to={to}&dim=province");
    let head = house.asker("red").send("HEAD", &target, "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), get.text.len().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sane_request_id_is_the_callers_and_any_other_is_replaced() {
    let house = Plan::default().build().await;
    let reply = house.asker("red").with_header("x-request-id", "build-42_a.b").ask("app-0", &settled_week()).await;
    assert_eq!(reply.header("x-request-id"), "build-42_a.b");
    for odd in ["has space", "<script>", &"x".repeat(129)] {
        let reply = house.asker("red").with_header("x-request-id", odd).ask("app-0", &settled_week()).await;
        assert!(reply.header("x-request-id") != odd && reply.header("x-request-id").len() == 36, "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenants_rate_is_told_and_kept() {
    let plan = Plan { tenant_toml: "requests_per_second = 2\nburst = 4", ..Plan::default() };
    let house = plan.build().await;
    let asker = house.asker("red");
    let first = asker.get("/apps").await;
    assert_eq!(first.header("ratelimit-policy"), "\"tenant\";q=4;w=2");
    assert_eq!(first.header("ratelimit"), "\"tenant\";r=3;t=1");
    let mut last = first;
    for _ in 0..6 {
        last = asker.get("/apps").await;
    }
    assert_eq!((last.status, last.problem().as_str()), (429, "rate-limited"));
    let wait = last.retry_after();
    assert_eq!(wait, 1);
    assert_eq!(house.asker("green").get("/apps").await.status, 200, "each tenant has a rate of its own");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(asker.get("/apps").await.status, 200, "coming back then is served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dashboards_that_ask_for_the_last_day_share_one_question() {
    let house = Plan::default().with_toml("[query]\ngrid = \"24h\"").build().await;
    let window = ("now-24h".to_owned(), "now".to_owned());
    let first = house.asker("red").ask("app-0", &window).await;
    let second = house.asker("red").ask("app-0", &window).await;
    assert_eq!(first.json()["to"], second.json()["to"]);
    assert!(first.json()["to"].as_str().unwrap().ends_with("T00:00:00+08:00"), "{}", first.text);
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_if_cached_spends_nothing() {
    let house = Plan::default().build().await;
    let unspending = house.asker("red").with_header("cache-control", "only-if-cached");
    let reply = unspending.ask("app-0", &settled_week()).await;
    assert_eq!((reply.status, reply.problem().as_str()), (504, "not-cached"));
    assert_eq!(house.calls(), 0);
    asked(&house).await;
    assert_eq!(unspending.ask("app-0", &settled_week()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vendors_version_and_spelling_are_configuration() {
    let upstream = Settings {
        version: "2023-11-01".to_owned(),
        indicators: vec!["user_count".to_owned()],
        provinces: vec!["Province".to_owned()],
        countries: vec!["Country".to_owned()],
        ..Settings::default()
    };
    let upstream_toml = "version = \"2023-11-01\"\nnames = { user_num = \"user_count\", province = \"Province\", country = \"Country\" }";
    let house = Plan { upstream, upstream_toml, ..Plan::default() }.build().await;
    assert!(!asked(&house).await.rows().is_empty());
    let seen = house.upstream.arrivals().remove(0);
    assert_eq!((seen.indicator.as_deref(), seen.dimension.as_deref()), (Some("user_count"), Some("Province")));
    // The caller's words stay what they are.
    assert_eq!(asked(&house).await.json()["dimension"], "province");
}
