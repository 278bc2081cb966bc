//! Pages on other origins: those that are configured may read, the others may not.

use crate::support::{Plan, settled_day};

const OURS: &str = "https://dashboards.example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configured_origin_may_read_answers_and_errors_and_asks_first_without_a_token() {
    let house =
        Plan::default().with_toml("[server]\ncors_origins = [\"https://dashboards.example.com\"]").build().await;
    let preflight = house
        .stranger()
        .with_header("origin", OURS)
        .with_header("access-control-request-method", "GET")
        .with_header("access-control-request-headers", "authorization")
        .send("OPTIONS", "/apps/app-0/distribution", "")
        .await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, OURS), "{preflight:?}");
    for header in ["authorization", "sluice-tenant"] {
        assert!(preflight.header("access-control-allow-headers").contains(header), "{header}");
    }
    assert_eq!(preflight.header("vary"), "Authorization, Origin, Accept-Encoding");

    let answer = house.asker("red").with_header("origin", OURS).ask("app-0", &settled_day(0)).await;
    let refused = house.stranger().with_header("origin", OURS).get("/apps").await;
    for (reply, status) in [(answer, 200), (refused, 401)] {
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (status, OURS));
        assert!(reply.header("access-control-expose-headers").contains("cache-status"));
        assert_eq!(reply.headers.get_all("vary").iter().count(), 1, "{reply:?}");
    }
    let other = house.asker("red").with_header("origin", "https://evil.example").ask("app-0", &settled_day(0)).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_origins_no_page_may_read() {
    let house = Plan::default().build().await;
    let reply = house.asker("red").with_header("origin", OURS).ask("app-0", &settled_day(0)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_ever_a_redirect() {
    let house = Plan::default().build().await;
    let (from, to) = settled_day(0);
    for path in [
        "/",
        "//",
        "/apps/",
        "//apps",
        "/apps//distribution",
        "/apps/app-0",
        "/apps/app-0/distribution/",
        "/APPS",
        "/apps/%2e%2e/apps",
        "/problems/",
        "/problems/unauthorized/",
        "/login",
        "/oauth2/callback?code=x",
        "/index.html",
        "/apps",
        &format!("/apps/app-0/distribution?from={from}&to={to}&dim=province"),
    ] {
        for asker in [house.stranger(), house.asker("red"), house.stranger().with_token("rubbish")] {
            for asker in [asker.clone(), asker.with_header("x-requested-with", "XMLHttpRequest")] {
                let reply = asker.get(path).await;
                assert!(!(300..400).contains(&reply.status), "{path}: {reply:?}");
                assert_eq!(reply.header("location"), "", "{path}: {reply:?}");
            }
        }
    }
}
