//! Paths that are not straight. None reaches another app or another route: all meet the two refusals that there are for
//! what is not there.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::speaking::{Said, speak};
use crate::support::{House, Plan, app_id, settled_day};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Leads {
    /// No route.
    Nowhere,
    /// The route, and no app that the tenant has.
    ToNoApp,
    /// Where the plain path leads, whose name it is in another spelling (RFC 3986, 2.3).
    ToTheApp,
}
use Leads::{Nowhere, ToNoApp, ToTheApp};

/// Each is followed by a query that asks for a day.
fn questions() -> Vec<(String, Leads)> {
    let theirs = app_id("blue", 0);
    let nowhere = [
        "/apps/../apps/app-0/distribution",
        "/apps/./app-0/distribution",
        "/./apps/app-0/distribution",
        "/../apps/app-0/distribution",
        "/docs/../apps/app-0/distribution",
        "//apps/app-0/distribution",
        "/apps//app-0/distribution",
        "/apps/app-0//distribution",
        "/apps/app-0/distribution/",
        "/apps/app-0/distribution//",
        "/apps/app-0/distribution/.",
        "/apps/app-0/distribution;a=b",
        "/apps;a=b/app-0/distribution",
        "/;/apps/app-0/distribution",
        "/..;/apps/app-0/distribution",
        "/APPS/app-0/distribution",
        "/apps/app-0/DISTRIBUTION",
        "/apps/app-0/Distribution",
        "/apps/%2e%2e/apps/app-0/distribution",
        "/%2e%2e/apps/app-0/distribution",
        "/%2e/apps/app-0/distribution",
        "/apps/app-0%2fdistribution",
        "/apps%2fapp-0/distribution",
        "/apps%2Fapp-0%2Fdistribution",
        "/%2fapps/app-0/distribution",
        "/%61pps/app-0/distribution",
        "/apps/app-0/%64istribution",
        "/apps/app-0/distribution%20",
        "/apps/app-0/distribution%00",
        "/apps/app-0/distribution%2f",
        "/apps/app-0/distribution.json",
        "/apps/app-0/distribution%23",
        "/apps/app-0/distribution%3f",
        "/apps/app-0\\distribution",
        "/apps\\..\\apps/app-0/distribution",
        "/%252e%252e/apps/app-0/distribution",
        "/apps%252fapp-0/distribution",
        "/api/apps/app-0/distribution",
        "/apps/app-0/app-1/distribution",
        "/apps/app-0/distribution/extra",
        "/apps/app-0/x/../distribution",
        "/%c0%af/apps/app-0/distribution",
        "/%EF%BC%8Fapps/app-0/distribution",
        "/apps%00/app-0/distribution",
    ];
    let no_app = [
        "/apps//distribution",
        "/apps/../distribution",
        "/apps/./distribution",
        "/apps/%2e%2e/distribution",
        "/apps/%2E/distribution",
        "/apps/..%2fapps%2fapp-0/distribution",
        "/apps/app-1%2f..%2fapp-0/distribution",
        "/apps/app-0%2f/distribution",
        "/apps/%2fapp-0/distribution",
        "/apps/app-0%5c/distribution",
        "/apps/app-0%252f/distribution",
        "/apps/app%252d0/distribution",
        "/apps/%2561pp-0/distribution",
        "/apps/app-0%00/distribution",
        "/apps/%00app-0/distribution",
        "/apps/app-0%0d%0aA:%20b/distribution",
        "/apps/app-0%0a/distribution",
        "/apps/app-0%20/distribution",
        "/apps/%20app-0/distribution",
        "/apps/app-0+/distribution",
        "/apps/app-0;a=b/distribution",
        "/apps/app-0%3b/distribution",
        "/apps/app-0%3fdim=country/distribution",
        "/apps/app-0%23/distribution",
        "/apps/app-0%/distribution",
        "/apps/app-0%2/distribution",
        "/apps/app-0%zz/distribution",
        "/apps/%u0061pp-0/distribution",
        "/apps/%c0%ae%c0%ae/distribution",
        "/apps/%c1%a1pp-0/distribution",
        "/apps/%ff/distribution",
        "/apps/%ed%a0%80/distribution",
        "/apps/app-0%ff/distribution",
        "/apps/app%e2%80%900/distribution",
        "/apps/app-0%e2%80%8b/distribution",
        "/apps/%ef%bd%81pp-0/distribution",
        "/apps/app-%d9%a0/distribution",
        "/apps/App-0/distribution",
        "/apps/APP-0/distribution",
        "/apps/app-00/distribution",
        "/apps/app-/distribution",
        "/apps/*/distribution",
        "/apps/%2a/distribution",
        "/apps/{app}/distribution",
        "/apps/app-0,app-1/distribution",
        "/apps/app-0%7capp-1/distribution",
        "/apps/'%20OR%201=1--/distribution",
        "/apps/%3cscript%3e/distribution",
        "/apps/$%7bjndi:ldap:%2f%2fa%7d/distribution",
        "/apps/app-99/distribution",
        "/apps/undefined/distribution",
    ];
    let same = [
        "/apps/app-0/distribution",
        "/apps/%61pp-0/distribution",
        "/apps/app%2D0/distribution",
        "/apps/app%2d0/distribution",
    ];
    let foreign = ["", "%20", "%00", "%2f", "/", "."].map(|end| format!("/apps/{theirs}{end}/distribution"));
    let mut questions = Vec::new();
    questions.extend(nowhere.map(|path| (path.to_owned(), Nowhere)));
    questions.extend(no_app.map(|path| (path.to_owned(), ToNoApp)));
    questions.extend(same.map(|path| (path.to_owned(), ToTheApp)));
    questions.extend(foreign.map(|path| {
        let leads = if path.contains("//") { Nowhere } else { ToNoApp };
        (path, leads)
    }));
    questions
}

/// What is on the admin listener alone, and pages that are not there.
const ELSEWHERE: [&str; 16] = [
    "/status",
    "/metrics",
    "/reload",
    "/livez",
    "/../status",
    "/..;/status",
    "/%2e%2e/status",
    "//status",
    "/status/",
    "/docs/../status",
    "/docs/..%2f..%2fstatus",
    "/docs/%2e%2e%2fdocs.js",
    "/problems/..%2fdocs",
    "/problems/%2e%2e",
    "/problems/unauthorized%00",
    "/openapi.json%00",
];

async fn ask(to: SocketAddr, target: &str, token: &str) -> Said {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nX-Request-Id: <script>\r\nConnection: close\r\n\r\n"
    );
    let mut said = speak(to, request.as_bytes(), false, &[]).await.unwrap_or_else(|fault| panic!("{target}: {fault}"));
    assert_eq!(said.len(), 1, "{target}: {said:?}");
    said.remove(0)
}

/// All that an answer shows, but for what is different in every one.
fn shape(said: &Said) -> String {
    let changing = ["date", "ratelimit", "content-length"];
    let mut lines: Vec<_> = said
        .headers
        .iter()
        .filter(|(name, _)| !changing.contains(&&**name))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    let text = format!("{} {} {}", said.status, lines.join("\n"), String::from_utf8_lossy(&said.body));
    text.replace(said.header("x-request-id"), "ID")
}

async fn house() -> (House, SocketAddr, String) {
    let house = Plan::default().build().await;
    let (to, token) = (house.gateway.addresses().public, house.token("red"));
    (house, to, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_path_reaches_another_app_or_route() {
    let (house, to, token) = house().await;
    let (from, end) = settled_day(0);
    let mut shapes: HashSet<(Leads, String)> = HashSet::new();
    for (path, leads) in questions() {
        let said = ask(to, &format!("{path}?from={from}&to={end}&dim=province"), &token).await;
        match leads {
            Nowhere => assert_eq!((said.status, &*said.problem()), (404, "not-found"), "{path}"),
            ToNoApp => assert_eq!((said.status, &*said.problem()), (404, "app-not-found"), "{path}"),
            ToTheApp => assert_eq!(said.status, 200, "{path}"),
        }
        if leads != ToTheApp {
            shapes.insert((leads, shape(&said)));
            assert!(shapes.len() <= 2, "{path}: {shapes:#?}");
        }
    }
    assert_eq!(shapes.len(), 2, "{shapes:#?}");
    for path in ELSEWHERE {
        let said = ask(to, path, &token).await;
        assert_eq!((said.status, &*said.problem()), (404, "not-found"), "{path}");
        assert!(shapes.contains(&(Nowhere, shape(&said))), "{path}");
    }
    assert_eq!(house.calls(), 1, "the one app that was named was asked for, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_request_says_comes_back_escaped_or_not_at_all() {
    let (_house, to, token) = house().await;
    for target in [
        "/%3Cscript%3E",
        "/apps/%3Cscript%3E/distribution",
        "/apps/app-0/distribution?%3Cscript%3E=1",
        "/apps/app-0/distribution?from=%3Cscript%3E&to=2026-11-01&dim=province",
        "/apps/app-0/distribution?dim=%22%3E%3Cscript%3E",
        "/apps/app-0/distribution?a%26b=%3C",
        "/problems/%3Cscript%3E",
        "/docs/%3Cscript%3E",
        "/apps/app-0/distribution?%0d%0aSet-Cookie:a=1",
    ] {
        let said = ask(to, target, &token).await;
        let body = String::from_utf8(said.body.clone()).unwrap();
        assert!(!said.problem().is_empty(), "{target}");
        assert!(!body.contains(['<', '>', '&', '\r', '\n']), "{target}: {body}");
        assert!(said.headers.iter().all(|(name, value)| name != "set-cookie" && !value.contains("script")), "{said:?}");
    }
}
