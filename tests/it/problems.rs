//! Every way to be refused, and the body that tells it.

use std::time::Duration;

use sluice::edge::CATALOGUE;
use tokio::task::JoinSet;

use crate::support::{House, Plan, Reply, settled_day};

async fn house() -> House {
    Plan::default().build().await
}

fn is(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.problem().as_str()), (status, code), "{reply:?}");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("vary"), "Authorization, Origin, Accept-Encoding");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_is_not_understood_is_named() {
    let house = house().await;
    let asker = house.asker("red");
    for (query, parameter) in [
        ("", "from"),
        ("from=2026-11-01", "to"),
        ("from=2026-11-01&to=2026-11-02", "dim"),
        ("from=yesterday&to=2026-11-02&dim=province", "from"),
        ("from=2026-11-01&to=2026-11-02&dim=Province", "dim"),
        ("from=2026-11-01&to=2026-11-02&dim=province&indicator=user_count", "indicator"),
        ("from=2026-11-01&to=2026-11-02&dim=province&dim=country", "dim"),
        ("from=2026-11-01&to=2026-11-02&dim=province&zone=UTC", "zone"),
        ("from=2026-11-02&to=2026-11-01&dim=province", "to"),
        ("from=2026-11-02&to=2026-11-02&dim=province", "to"),
        ("from=2026-11-01T00:00:00.5Z&to=2026-11-02&dim=province", "from"),
        ("from=2026-11-01&to=2026-11-02&dim=%C3%28", "dim"),
        ("%3Cscript%3E=1", "<script>"),
    ] {
        let reply = asker.get(&format!("/apps/app-0/distribution?{query}")).await;
        is(&reply, 400, "invalid-parameter");
        assert_eq!(reply.json()["parameter"], parameter, "{query}");
    }
    assert_eq!(house.calls(), 0, "nothing is spent on what is refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_beyond_the_upstreams_limits_is_told_the_limit() {
    let house = house().await;
    let asker = house.asker("red");
    let get = async |query: &str| asker.get(&format!("/apps/app-0/distribution?dim=country&{query}")).await;
    let long = get("from=now-8d&to=now").await;
    is(&long, 422, "window-too-long");
    assert_eq!(long.json()["limit"], "7d");
    let early = get("from=2020-01-01&to=2020-01-02").await;
    is(&early, 422, "outside-horizon");
    assert!(early.json()["earliest"].as_str().unwrap().ends_with("+08:00"), "{early:?}");
    for from in ["2099-01-01", "9999-12-31"] {
        let late = get(&format!("from={from}&to={from}T12:00:00%2B08:00")).await;
        is(&late, 422, "window-in-future");
        assert!(late.json()["latest"].is_string(), "{late:?}");
    }
    assert_eq!(house.calls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_and_methods_that_are_not_there_are_problems_too() {
    let house = house().await;
    let asker = house.asker("red");
    for path in ["/", "/nothing", "/apps/app-0", "/apps/app-0/distribution/", "/metrics", "/status"] {
        is(&asker.get(path).await, 404, "not-found");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let reply = asker.send(method, "/apps/app-0/distribution", "").await;
        is(&reply, 405, "method-not-allowed");
        assert_eq!(reply.header("allow"), "GET, HEAD");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_too_long_is_refused_before_it_is_read() {
    let house = house().await;
    let asker = house.asker("red");
    is(&asker.get(&format!("/apps/{}/distribution", "a".repeat(2100))).await, 414, "target-too-long");
    is(&asker.get(&format!("/apps/app-0/distribution?{}", "a".repeat(4100))).await, 414, "target-too-long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_the_gateway_takes_are_overload() {
    let plan = Plan::latency(Duration::from_secs(3)).with_toml("[server]\nmax_in_flight = 3");
    let house = plan.build().await;
    let mut asking = JoinSet::new();
    for _ in 0..10 {
        let asker = house.asker("red");
        asking.spawn(async move { asker.ask("app-0", &settled_day(0)).await });
    }
    let replies = asking.join_all().await;
    let (served, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((served.len(), refused.len()), (3, 7));
    for reply in refused {
        is(reply, 503, "overloaded");
        assert_eq!(reply.retry_after(), 1);
    }
    assert_eq!(house.asker("red").ask("app-0", &settled_day(0)).await.status, 200, "the places are free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_is_403_and_names_all_that_are_required() {
    let plan = Plan { issuer_toml: "required_scopes = [\"usage:read\", \"other\"]", ..Plan::default() };
    let house = plan.build().await;
    for scope in ["", "other", "more"] {
        let reply = house.bearer(house.token_with(|token| token.scope = scope)).get("/apps").await;
        is(&reply, 403, "insufficient-scope");
        let expected = "Bearer realm=\"sluice\", error=\"insufficient_scope\", scope=\"usage:read other\"";
        assert_eq!(reply.header("www-authenticate"), expected, "{scope}");
    }
    let scoped = house.token_with(|token| token.scope = "other usage:read more");
    assert_eq!(house.stranger().with_token(scoped).get("/apps").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_has_a_page_where_its_type_leads() {
    let house = house().await;
    let stranger = house.stranger();
    let index = stranger.get("/problems").await;
    for code in CATALOGUE {
        let slug = code.entry().slug;
        assert!(index.text.contains(&format!("/problems/{slug}\"")), "{slug} is not on the index");
        let page = stranger.get(&format!("/problems/{slug}")).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{slug}");
        assert!(page.text.contains(code.entry().title), "{slug}");
    }
    assert_eq!(stranger.get("/problems/none-such").await.problem(), "not-found");
}
