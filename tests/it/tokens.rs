//! Tokens over HTTP: where they may stand, and that all that fail look alike.

use std::time::Duration;

use jiff::SignedDuration;
use sluice::auth::NewToken;

use crate::support::{House, Plan, Reply};

async fn house() -> House {
    Plan::default().build().await
}

fn is_refused(reply: &Reply) {
    assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthorized"), "{reply:?}");
    assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"sluice\", error=\"invalid_token\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_the_challenge_names_no_error() {
    let house = house().await;
    let reply = house.stranger().get("/apps").await;
    assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthorized"));
    assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"sluice\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failed_check_looks_the_same() {
    let house = house().await;
    let at = |by: i64| move |token: &mut NewToken<'_>| token.issued_at += SignedDuration::from_secs(by);
    let good = house.token("red");
    let (head, signature) = good.rsplit_once('.').unwrap();
    let tokens = [
        house.token_with(at(-3600 - 31)),
        house.token_with(at(120)),
        house.token_with(|token| token.audience = "somebody-else"),
        house.token_with(|token| token.issuer = "https://sso.test/"),
        house.token_with(|token| token.ttl = Duration::from_secs(48 * 3600)),
        format!("{head}."),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        "a.b.c".to_owned(),
        "x".repeat(9000),
    ];
    let mut bodies = Vec::new();
    for token in tokens {
        let reply = house.stranger().with_token(token).get("/apps").await;
        is_refused(&reply);
        bodies.push(reply.text.replace(reply.header("x-request-id"), ""));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:#?}");
    // The control: the same maker's tokens are accepted, also within the leeway.
    assert_eq!(house.stranger().with_token(good).get("/apps").await.status, 200);
    let late = house.token_with(at(-3600 - 20));
    assert_eq!(house.stranger().with_token(late).get("/apps").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxys_header_counts_where_it_is_configured_and_authorization_is_absent() {
    let toml = "[server]\ntoken_headers = [\"X-Forwarded-Access-Token\", \"X-Auth-Request-Access-Token\"]";
    let house = Plan::default().with_toml(toml).build().await;
    let (red, green) = (house.token("red"), house.token("green"));
    let tenant = |reply: &Reply| reply.json()["tenant"].as_str().map(str::to_owned);
    let (first, second) = ("x-forwarded-access-token", "x-auth-request-access-token");
    for value in [red.clone(), format!("Bearer {red}"), format!("bearer {red}")] {
        let reply = house.stranger().with_header(first, &value).with_header(second, &green).get("/apps").await;
        assert_eq!((reply.status, tenant(&reply).as_deref()), (200, Some("red")), "{reply:?}");
    }
    let by_second = house.stranger().with_header(second, &green).get("/apps").await;
    assert_eq!(tenant(&by_second).as_deref(), Some("green"));
    let both = house.asker("green").with_header(first, &red).get("/apps").await;
    assert_eq!(tenant(&both).as_deref(), Some("green"), "Authorization alone counts");

    for bad in [String::new(), format!("{red}x"), format!("{red}, {red}"), format!("Bearer  {red}"), "a b".to_owned()] {
        is_refused(&house.stranger().with_header(first, &bad).with_header(second, &green).get("/apps").await);
    }
    is_refused(&house.stranger().with_header(first, &red).with_header(first, &red).get("/apps").await);
    is_refused(&house.stranger().with_header("authorization", "Basic x").with_header(first, &red).get("/apps").await);

    let without = house.stranger().get("/apps").await;
    assert_eq!(without.header("www-authenticate"), "Bearer realm=\"sluice\"", "no token at all");
    let vary = "Authorization, Origin, Accept-Encoding, X-Forwarded-Access-Token, X-Auth-Request-Access-Token";
    for reply in [by_second, without, house.stranger().get("/problems").await] {
        assert_eq!(reply.header("vary"), vary);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxys_header_means_nothing_unless_it_is_configured() {
    let house = house().await;
    let reply = house.stranger().with_header("x-forwarded-access-token", &house.token("red")).get("/apps").await;
    assert_eq!((reply.status, reply.header("vary")), (401, "Authorization, Origin, Accept-Encoding"));
    assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"sluice\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_anywhere_but_in_its_header_is_no_token() {
    let house = house().await;
    let token = house.token("red");
    let query = house.stranger().get(&format!("/apps?access_token={token}")).await;
    assert_eq!(query.status, 401);
    let cookie = house.stranger().with_header("cookie", &format!("token={token}")).get("/apps").await;
    assert_eq!(cookie.status, 401);
    for header in
        [format!("Basic {token}"), format!("Bearer  {token}"), format!("Bearer {token}, Bearer {token}"), token.clone()]
    {
        is_refused(&house.stranger().with_header("authorization", &header).get("/apps").await);
    }
    let twice = house.asker("red").with_header("authorization", &format!("Bearer {token}"));
    let twice = twice.with_header("authorization", &format!("Bearer {token}")).get("/apps").await;
    assert_eq!(twice.status, 401);
    let lower = house.stranger().with_header("authorization", &format!("bearer {token}")).get("/apps").await;
    assert_eq!(lower.status, 200, "the scheme's case does not matter");
}
