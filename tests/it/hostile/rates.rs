//! A tenant that asks more often than it may: what counts, and what a reload changes.

use std::collections::HashMap;

use crate::support::{Asker, Files, ISSUER_AND_TENANT, Plan, Reply, settled_day};

/// What `RateLimit` says is left.
fn left(reply: &Reply) -> u32 {
    let said = reply.header("ratelimit").split(';').find_map(|part| part.strip_prefix("r="));
    said.unwrap_or_else(|| panic!("{reply:?}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_a_tenant_counts_once_however_it_ends() {
    let plan = Plan { tenant_toml: "requests_per_second = 1\nburst = 100", ..Plan::default() };
    let house = plan.build().await;
    let asker = house.asker("red");
    let (from, to) = settled_day(0);
    let day = format!("/apps/app-0/distribution?from={from}&to={to}&dim=province");
    let held = asker.get(&day).await;
    assert_eq!((held.status, left(&held)), (200, 99));
    let again = asker.clone().with_header("if-none-match", held.header("etag"));
    let without = asker.clone().with_header("cache-control", "only-if-cached");
    let mut expected = 99;
    for (asker, method, target, status) in [
        (&asker, "HEAD", &*day, 200),
        (&again, "GET", &day, 304),
        (&again, "HEAD", &day, 304),
        (&asker, "GET", "/apps", 200),
        (&asker, "GET", "/apps/app-0/distribution", 400),
        (&asker, "GET", "/apps/none-such/distribution", 404),
        (&asker, "GET", "/apps/app-0/distribution?from=2020-01-01&to=2020-01-02&dim=province", 422),
        (&without, "GET", "/apps/app-1/distribution?from=now-2d&to=now-1d&dim=province", 504),
    ] {
        let reply = asker.send(method, target, "").await;
        expected -= 1;
        assert_eq!(reply.status, status, "{method} {target}");
        // One may have come back while this was asked.
        assert!((expected..=expected + 1).contains(&left(&reply)), "{method} {target}: {reply:?}");
        expected = left(&reply);
    }
    // Nobody's, or for everybody: no tenant is asked for these.
    for (asker, target) in [
        (house.stranger(), "/apps"),
        (house.bearer("x"), &*day),
        (house.asker("red"), "/docs"),
        (house.asker("red"), "/none"),
    ] {
        assert_eq!(asker.get(target).await.header("ratelimit"), "", "{target}");
    }
    assert!(left(&asker.get("/apps").await) + 1 >= expected);
}

fn configuration(rate: &str) -> String {
    let tenant = ISSUER_AND_TENANT.replace("id = \"red\"\n", &format!("id = \"red\"\n{rate}\n"));
    format!("[upstream]\nendpoint = \"http://127.0.0.1:9\"\naccess_key_id = \"k\"\nsecret_access_key = \"s\"\n{tenant}")
}

/// The statuses of so many requests, counted.
async fn statuses(asker: &Asker, requests: usize) -> HashMap<u16, usize> {
    let mut met = HashMap::new();
    for _ in 0..requests {
        *met.entry(asker.get("/apps").await.status).or_default() += 1;
    }
    met
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_changes_the_rate_and_nothing_for_whom_it_does_not() {
    let files = Files::new(&configuration("requests_per_second = 1\nburst = 3"));
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap();
    let (gateway, asker) = files.serve().await;
    let asker = asker.with_token(token.trim());
    let reload = async |text: &str| {
        files.write("sluice.toml", text);
        gateway.reload().await.unwrap().unwrap();
    };
    assert!(statuses(&asker, 20).await[&429] >= 15);
    reload(&configuration("requests_per_second = 1\nburst = 3\nweight = 2")).await;
    assert!(statuses(&asker, 20).await[&429] >= 15, "the same rate is the same bucket");
    reload(&configuration("requests_per_second = 500\nburst = 900")).await;
    assert_eq!(asker.get("/apps").await.header("ratelimit-policy"), "\"tenant\";q=900;w=2");
    assert_eq!(statuses(&asker, 50).await, HashMap::from([(200, 50)]));
    reload(&configuration("").replace("id = \"red\"", "id = \"green\"")).await;
    let stranger = asker.get("/apps").await;
    assert_eq!(stranger.header("ratelimit-policy"), "\"tenant\";q=20;w=2", "whoever is not configured shares one rate");
}
