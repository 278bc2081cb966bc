//! What the operator sees and does.

use crate::support::{House, Plan, app_id, settled_day};

async fn hits(house: &House, app: &str, day: i64) -> bool {
    let reply = house.asker("red").with_header("cache-control", "only-if-cached").ask(app, &settled_day(day)).await;
    reply.status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_status_are_on_the_admin_listener_alone() {
    let house = Plan::default().build().await;
    let operator = house.operator();
    for path in ["/livez", "/readyz", "/status"] {
        assert_eq!(operator.get(path).await.status, 200, "{path}");
        assert_eq!(house.stranger().get(path).await.status, 404, "{path}");
    }
    assert_eq!(operator.get("/readyz").await.json()["ready"], true);
    house.asker("red").ask("app-0", &settled_day(0)).await;
    let status = operator.get("/status").await.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["budget"]["slots"], 2);
    assert_eq!(status["budget"]["calls_sent"], 1);
    assert_eq!(status["cache"]["answers"], 1);
    assert!(status["cache"]["bytes"].as_u64().unwrap() > 500);
    assert_eq!(status["issuers"][0]["issuer"], "https://sso.test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_takes_a_window_an_app_or_everything() {
    let upstream = sluice::simulator::Settings { limit: 100, ..Default::default() };
    let house = Plan { upstream, ..Plan::default() }.with_toml("[budget]\ncalls = 50").build().await;
    let operator = house.operator();
    let fill = async || {
        for (app, day) in [("app-0", 0), ("app-0", 1), ("app-1", 0)] {
            assert_eq!(house.asker("red").ask(app, &settled_day(day)).await.status, 200);
        }
    };
    let held =
        async || (hits(&house, "app-0", 0).await, hits(&house, "app-0", 1).await, hits(&house, "app-1", 0).await);
    fill().await;
    assert_eq!(held().await, (true, true, true));
    let (from, to) = settled_day(0);
    let window = format!("{{\"app\":\"{}\",\"from\":\"{from}\",\"to\":\"{to}\"}}", app_id("red", 0));
    assert_eq!(operator.send("POST", "/cache/purge", &window).await.status, 204);
    assert_eq!(held().await, (false, true, true));
    assert_eq!(operator.send("POST", "/cache/purge", "{\"app\":\"app-0\"}").await.status, 204);
    assert_eq!(held().await, (false, false, true));
    assert_eq!(operator.send("POST", "/cache/purge", "{}").await.status, 204);
    assert_eq!(held().await, (false, false, false));
    fill().await;
    assert_eq!(house.calls(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_in_the_operators_browser_can_neither_purge_nor_revoke() {
    let house = Plan::default().build().await;
    house.asker("red").ask("app-0", &settled_day(0)).await;
    let page = house.operator().with_header("origin", "http://127.0.0.1:9090");
    for (path, body) in [("/cache/purge", "{}"), ("/auth/revoke", "{\"tenant\":\"red\"}")] {
        let reply = page.send("POST", path, body).await;
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.text.contains("requests from pages"), "{}", reply.text);
    }
    assert!(hits(&house, "app-0", 0).await);
    assert_eq!(page.get("/status").await.status, 200, "looking is allowed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_that_is_not_understood_takes_nothing_and_says_why() {
    let house = Plan::default().build().await;
    house.asker("red").ask("app-0", &settled_day(0)).await;
    for (body, says) in [
        ("", "not understood"),
        ("[]", "not understood"),
        ("[null,null,null]", "not understood"),
        ("{\"apps\":\"app-0\"}", "not understood"),
        ("{\"app\":\"none-such\"}", "no tenant has an app"),
        ("{\"app\":\"app-0\",\"from\":\"2026-11-01\"}", "both from and to"),
        ("{\"from\":\"2026-11-01\",\"to\":\"2026-11-02\"}", "needs an app"),
        ("{\"app\":\"app-0\",\"from\":\"monday\",\"to\":\"2026-11-02\"}", "from"),
    ] {
        let reply = house.operator().send("POST", "/cache/purge", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["detail"].as_str().unwrap().contains(says), "{body}: {}", reply.text);
    }
    assert!(hits(&house, "app-0", 0).await);
}
