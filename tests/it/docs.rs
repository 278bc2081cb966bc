//! The description and the page that renders it, for whoever comes.

use serde_json::Value;

use crate::support::{House, Plan, settled_week};

const PAGES: [&str; 4] = ["/docs", "/docs/swagger-ui.css", "/problems", "/problems/unauthorized"];

async fn description(house: &House) -> Value {
    let reply = house.stranger().get("/openapi.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    reply.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_is_served_without_a_token_and_may_be_kept() {
    let house = Plan::default().build().await;
    assert_eq!(description(&house).await["info"]["title"], "Sluice");
    let reply = house.stranger().get("/openapi.json").await;
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    let again = house.stranger().with_header("if-none-match", reply.header("etag")).get("/openapi.json").await;
    assert_eq!((again.status, &*again.text, again.header("etag")), (304, "", reply.header("etag")));
    let packed = house.stranger().with_header("accept-encoding", "gzip").send("HEAD", "/openapi.json", "").await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"));
    assert!(packed.header("etag").ends_with(".gzip\""), "{packed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_described_is_there_by_get_and_head_and_by_no_other_method() {
    let house = Plan::default().build().await;
    let (from, to) = settled_week();
    let description = description(&house).await;
    for (path, item) in description["paths"].as_object().unwrap() {
        assert_eq!(item.as_object().unwrap().keys().collect::<Vec<_>>(), ["get"], "{path}");
        let path = path.replace("{app}/distribution", &format!("app-0/distribution?from={from}&to={to}&dim=country"));
        let path = path.replace("{code}", "unauthorized").replace("{file}", "docs.js");
        for method in ["GET", "HEAD"] {
            assert_eq!(house.asker("red").send(method, &path, "").await.status, 200, "{method} {path}");
        }
        assert_eq!(house.asker("red").send("PUT", &path, "").await.status, 405, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_may_load_nothing_from_elsewhere() {
    let house = Plan::default().build().await;
    for path in PAGES {
        let reply = house.stranger().get(path).await;
        let is_page = reply.header("content-type").starts_with("text/html");
        let policy = reply.header("content-security-policy");
        assert_eq!((reply.status, policy.is_empty()), (200, !is_page), "{path}");
        if is_page {
            assert!(policy.starts_with("default-src '") && !policy.contains("http"), "{path}: {policy}");
            assert!(!policy.contains("script-src"), "{path}: scripts are where `default-src` says");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
            assert!(!reply.text.contains("http:") && !reply.text.contains("https:"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_page_there_is_nothing_but_its_parts() {
    let house = Plan::default().build().await;
    for path in
        ["/docs/", "/docs/index.html", "/docs/none", "/docs/docs.js/", "/docs/..%2fapps", "/docs/%ff", "/docs/a/b"]
    {
        assert_eq!(house.stranger().get(path).await.problem(), "not-found", "{path}");
    }
}
