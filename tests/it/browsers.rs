//! Pages on other origins: those that are configured may read, the others may not.

use serde_json::{Value, json};

use crate::support::{House, Plan, Shown, Site, settled_day, settled_week};

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

/// What the page tries that needs leave to be read, with what says in `page.html` that there was none.
const STEPS: [(&str, &str); 8] = [
    ("answer", "TypeError"),
    ("unchanged", "TypeError"),
    ("byXhr", "error event, status 0, url \"\""),
    ("impatient", "TypeError"),
    ("missing", "TypeError"),
    ("refused", "TypeError"),
    ("stranger", "TypeError"),
    ("asProxy", "TypeError"),
];

/// A house whose answers the page may read when it is opened as `localhost`, the page with its task, and the target of
/// the answer that it asks for.
async fn dashboard() -> (House, Site, String) {
    let site = Site::start().await;
    // One call a minute: a second question is refused however slow the browser is.
    let toml = format!(
        "[server]\ncors_origins = [\"{}\"]\ntoken_headers = [\"X-Forwarded-Access-Token\"]\n\
         [budget]\ncalls = 1\nper = \"60s\"",
        site.origin("localhost")
    );
    let house = Plan::default().with_toml(toml).build().await;
    let target =
        |app, (from, to): (String, String)| format!("/apps/{app}/distribution?from={from}&to={to}&dim=province");
    let answer = target("app-0", settled_week());
    site.set_task(&json!({
        "gateway": format!("http://{}", house.gateway.addresses().public),
        "token": house.token("red"),
        "answer": answer,
        "cold": target("app-0", settled_day(9)),
        "missing": target("none", settled_week()),
    }));
    (house, site, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_browser_the_configured_origin_reads_everything_and_another_nothing() {
    let (house, mut site, answer) = dashboard().await;
    let found = site.visit("127.0.0.1").await;
    assert_eq!(found["origin"], site.origin("127.0.0.1"));
    for (step, failure) in STEPS {
        assert_eq!(found[step], json!({ "error": failure }), "{step}");
    }
    assert_eq!(found["blind"], "opaque", "the gateway could be reached");
    assert_eq!(house.calls(), 0, "a question that may not be read is not even sent");

    let found = site.visit("localhost").await;
    assert_eq!(found["origin"], site.origin("localhost"));
    let asked = format!("http://{}{answer}", house.gateway.addresses().public);
    let said = house.asker("red").get(&answer).await;
    for (step, status, text) in [("answer", 200, &*said.text), ("unchanged", 304, ""), ("byXhr", 200, &said.text)] {
        let expected = json!({ "status": status, "url": asked, "text": text });
        let read = json!({ "status": found[step]["status"], "url": found[step]["url"], "text": found[step]["text"] });
        assert_eq!(read, expected, "{step}: {}", found[step]);
    }
    assert_eq!(house.calls(), 1);
    for (step, status, code) in [
        ("impatient", 503, "budget-exhausted"),
        ("missing", 404, "app-not-found"),
        ("refused", 401, "unauthorized"),
        ("stranger", 401, "unauthorized"),
    ] {
        let (found, problem) = (&found[step], format!("/problems/{code}"));
        let body: Value = serde_json::from_str(found["text"].as_str().unwrap()).unwrap();
        assert_eq!((&found["status"], &body["type"]), (&json!(status), &json!(problem)), "{step}");
        assert_eq!((&body["instance"], &found["redirected"]), (&found["headers"]["x-request-id"], &json!(false)));
    }
    assert_eq!(found["asProxy"], json!({ "error": "TypeError" }), "a page may not set what a proxy sets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_browser_the_headers_that_tell_the_story_can_be_read() {
    let (house, mut site, answer) = dashboard().await;
    let found = site.visit("localhost").await;
    let header = |step: &str, name: &str| found[step]["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(header("answer", "cache-status"), "sluice; fwd=miss; stored");
    assert!(header("unchanged", "cache-status").starts_with("sluice; hit; ttl="), "{found:#}");
    assert_eq!(header("unchanged", "etag"), header("answer", "etag"));
    assert!(found["byXhr"]["cacheStatus"].as_str().unwrap().starts_with("sluice; hit; ttl="), "{found:#}");
    let said = house.asker("red").get(&answer).await;
    assert_eq!(header("answer", "ratelimit-policy"), said.header("ratelimit-policy"));
    for (step, name) in [
        ("answer", "age"),
        ("answer", "etag"),
        ("answer", "ratelimit"),
        ("answer", "x-request-id"),
        ("answer", "cache-control"),
    ] {
        assert!(!header(step, name).is_empty(), "{name}: {found:#}");
    }
    assert_eq!(header("refused", "www-authenticate"), "Bearer realm=\"sluice\", error=\"invalid_token\"");
    assert!((1..=61).contains(&header("impatient", "retry-after").parse().unwrap()), "{found:#}");
    assert_eq!(header("answer", "vary"), "", "only what is exposed can be read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_browser_the_page_of_the_description_shows_it_and_complains_of_nothing() {
    let house = Plan::default().build().await;
    // The part after the mark opens the operation.
    let url = format!("http://{}/docs#/usage/getDistribution", house.gateway.addresses().public);
    let shown = Shown::of(&url).await;
    for text in ["/problems/{", "Sluice-Tenant", "budget-exhausted", "only-if-cached", "Authorize"] {
        assert!(shown.page.contains(text), "{text} is not on the page:\n{}", shown.log);
    }
    // Whatever its policy keeps from being loaded, from other hosts above all, is told here.
    assert!(!shown.log.contains("CONSOLE"), "{}", shown.log);
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
        "/docs",
        "/docs/",
        "/openapi.json",
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
