//! A hit in one step and the same by way of the routes: whoever asks cannot tell them apart.
//!
//! A percent-encoded letter in the app's name leads to the routes, which know the app all the same.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use crate::support::{Asker, House, Plan, Reply, moving_day, settled_week};

const OURS: &str = "https://dashboards.example.com";
const TOML: &str =
    "[server]\ncors_origins = [\"https://dashboards.example.com\"]\ntoken_headers = [\"X-Forwarded-Access-Token\"]";
const RULES: &str = r#"tenant_rules = [{ value = "/sluice/*", tenant = "*" }]"#;

async fn house() -> House {
    Plan { issuer_toml: RULES, ..Plan::default() }.with_toml(TOML).build().await
}

/// In one step, and by way of the routes.
async fn both_ways(asker: &Asker, (from, to): &(String, String)) -> [Reply; 2] {
    let asker = asker.clone().with_header("x-request-id", "mine");
    let target = |app: &str| format!("/apps/{app}/distribution?from={from}&to={to}&dim=province");
    [asker.get(&target("app-0")).await, asker.get(&target("app%2D0")).await]
}

/// What has to be the same: all but what follows the clock or the count.
fn told(reply: &Reply) -> (u16, BTreeMap<String, String>, &str) {
    let follows = ["date", "age", "ratelimit"];
    let headers = reply.headers.iter().map(|(name, value)| {
        let value = if follows.contains(&name.as_str()) { "…" } else { value.to_str().unwrap() };
        (name.to_string(), value.to_owned())
    });
    (reply.status, headers.collect(), &reply.text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hit_is_answered_alike_in_one_step_and_by_the_routes() {
    let house = house().await;
    let red = house.bearer(house.token_of(&["/sluice/red"]));
    let several = house.bearer(house.token_of(&["/sluice/red", "/sluice/none"]));
    let proxied = house.stranger().with_header("x-forwarded-access-token", &house.token_of(&["/sluice/red"]));
    for window in [settled_week(), moving_day()] {
        let first = red.ask("app-0", &window).await;
        let tag = first.header("etag").to_owned();
        let with = |name, value: &str| red.clone().with_header(name, value);
        let askers = [
            red.clone(),
            with("accept-encoding", "gzip"),
            with("accept-encoding", "br;q=0.9, gzip;q=0.1"),
            with("accept-encoding", "zstd, *"),
            with("accept-encoding", "identity;q=0"),
            with("if-none-match", &tag),
            with("if-none-match", &format!("W/{tag}, \"x\"")),
            with("if-none-match", &format!("{}.gzip\"", tag.trim_end_matches('"')))
                .with_header("accept-encoding", "gzip"),
            with("origin", OURS),
            with("origin", "https://evil.example"),
            with("prefer", "wait=0"),
            with("cache-control", "only-if-cached"),
            with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            with("sluice-tenant", "red"),
            several.clone(),
            several.clone().with_header("sluice-tenant", "red"),
            proxied.clone(),
        ];
        for asker in askers {
            // The first time makes the token known, the coding and the rest.
            both_ways(&asker, &window).await;
            let [hit, routed] = both_ways(&asker, &window).await;
            assert!(matches!(hit.status, 200 | 304), "{hit:?}");
            assert!(hit.header("cache-status").starts_with("sluice; hit; ttl="), "{hit:?}");
            assert_eq!(told(&hit), told(&routed));
        }
    }
    assert_eq!(house.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hits_that_are_asked_for_in_one_breath_are_answered_in_their_order() {
    let house = Plan::default().build().await;
    let (red, (from, to)) = (house.asker("red"), settled_week());
    for _ in 0..2 {
        assert_eq!(red.ask("app-0", &(from.clone(), to.clone())).await.status, 200);
    }
    let request = |id: &str, end: &str| {
        let target = format!("/apps/app-0/distribution?from={from}&to={to}&dim=province");
        let token = house.token("red");
        format!("GET {target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nx-request-id: {id}\r\n{end}\r\n")
    };
    let breath = [request("one", ""), request("two", ""), request("three", "connection: close\r\n")].concat();
    let address = house.gateway.addresses().public;
    let heard = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(breath.as_bytes()).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        heard
    });
    let heard = heard.await.unwrap();
    let ids: Vec<_> = heard.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!((ids, heard.matches("HTTP/1.1 200 OK").count()), (vec!["one", "two", "three"], 3), "{heard}");
    assert_eq!(heard.matches("cache-status: sluice; hit").count(), 3);
    assert_eq!(heard.matches("\"app\":\"app-0\"").count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_too_many_is_refused_alike() {
    let house = Plan { tenant_toml: "requests_per_second = 1\nburst = 2", ..Plan::default() }.build().await;
    let (red, window) = (house.asker("red"), settled_week());
    assert_eq!(red.ask("app-0", &window).await.status, 200);
    both_ways(&red, &window).await;
    let [hit, routed] = both_ways(&red, &window).await;
    assert_eq!((hit.status, hit.problem().as_str()), (429, "rate-limited"), "{hit:?}");
    assert_eq!(told(&hit), told(&routed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_are_counted_as_the_same() {
    let house = Plan::default().build().await;
    let (red, window) = (house.asker("red"), settled_week());
    let tag = red.ask("app-0", &window).await.header("etag").to_owned();
    both_ways(&red, &window).await;
    both_ways(&red.clone().with_header("if-none-match", &tag), &window).await;
    let page = house.operator().get("/metrics").await.text;
    let value = |series: &str| {
        let mut values = page.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = values.next().unwrap_or_else(|| panic!("{series} is not on the page:\n{page}"));
        assert_eq!(values.next(), None);
        value.to_owned()
    };
    let hits = |status| {
        format!(
            "{{route=\"/apps/{{app}}/distribution\",tenant=\"red\",outcome=\"hit\",status=\"{status}\",blame=\"\"}}"
        )
    };
    for status in [200, 304] {
        assert_eq!(value(&format!("sluice_requests_total{}", hits(status))), "2");
        let timed =
            format!("sluice_request_duration_seconds_count{{tenant=\"red\",outcome=\"hit\",status=\"{status}\"}}");
        assert_eq!(value(&timed), "2");
    }
    assert_eq!(value("sluice_cache_lookups_total{result=\"hit\"}"), "4");
}
