//! Publishers of keys that are broken, slow or hostile: what is told of each, and that nothing they say leads astray.

use std::time::Duration;

use serde_json::{Value, json};
use sluice::auth::Algorithm;
use tokio::time::sleep;

use crate::support::{DISCOVERY, House, KEYS, Key, Page, Plan, Provider};

/// A provider that publishes this key and has been changed.
async fn provider(key: &Key, change: impl FnOnce(&Provider)) -> Provider {
    let provider = Provider::start().await;
    provider.publish(&[key]);
    change(&provider);
    provider
}

/// The first words of an issuer's `keys_fault`, once there was a look; empty where the keys are in force.
async fn fault(house: &House, issuer: &str) -> String {
    for _ in 0..500 {
        let status = house.operator().get("/status").await.json();
        let issuers = status["issuers"].as_array().unwrap().clone();
        let shown = issuers.iter().find(|shown| shown["issuer"] == issuer).unwrap().clone();
        if let Some(fault) = shown["keys_fault"].as_str() {
            return fault.to_owned();
        }
        if shown["keys"].as_u64() > Some(0) {
            return String::new();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("no look in time");
}

/// A discovery document that names this place for the keys.
fn pointing(provider: &Provider, jwks_uri: &str) {
    provider.show(DISCOVERY, Page::json(&json!({"issuer": provider.issuer(), "jwks_uri": jwks_uri})));
}

/// A provider that this was done to, and what is told of it: nothing where it serves.
type Row = (Provider, &'static str);

async fn rows(key: &Key, elsewhere: &Provider) -> Vec<Row> {
    let set = || json!({"keys": [key.0.jwk]});
    let padded = |bytes: usize| Page::json(&json!({"keys": [key.0.jwk], "padding": "x".repeat(bytes)}));
    let named_otherwise = |name: fn(&Provider) -> Value| {
        move |p: &Provider| p.show(DISCOVERY, Page::json(&json!({"issuer": name(p), "jwks_uri": p.url(KEYS)})))
    };
    vec![
        (provider(key, |_| ()).await, ""),
        (provider(key, |p| p.show(KEYS, Page::status(500))).await, "answered with status 500"),
        (provider(key, |p| p.show(KEYS, Page::status(204))).await, "answered with status 204"),
        (provider(key, |p| p.show(DISCOVERY, Page::status(503))).await, "answered with status 503"),
        (provider(key, |p| p.show(DISCOVERY, Page::status(404))).await, "answered with status 404"),
        (provider(key, |p| p.show(DISCOVERY, Page::json(&json!([])))).await, "the discovery document is not"),
        (
            provider(key, |p| p.show(DISCOVERY, Page::json(&json!({"issuer": 5})))).await,
            "the discovery document is not",
        ),
        (provider(key, named_otherwise(|p| json!(format!("{}/", p.issuer())))).await, "is of the issuer"),
        (provider(key, named_otherwise(|_| json!("https://sso.test"))).await, "is of the issuer"),
        (provider(key, |p| pointing(p, "https://keys.example.com/")).await, "of another site than the issuer"),
        (provider(key, |p| pointing(p, "http://169.254.169.254/")).await, "must be https"),
        (provider(key, |p| pointing(p, "file:///etc/passwd")).await, "not a URL with a host"),
        (provider(key, |p| pointing(p, "http://localhost:1/")).await, "of another site than the issuer"),
        (provider(key, |p| p.show(KEYS, Page::redirect(&elsewhere.url(KEYS)))).await, "redirects to another host"),
        (provider(key, |p| p.show(KEYS, Page::redirect("//localhost/keys"))).await, "redirects to another host"),
        (provider(key, |p| p.show(KEYS, Page::redirect(KEYS))).await, "redirects to another host, or in circles"),
        (
            provider(key, |p| {
                p.show(KEYS, Page::redirect("/moved"));
                p.show("/moved", Page::json(&set()));
            })
            .await,
            "",
        ),
        (provider(key, |p| p.show(KEYS, padded(250 * 1024))).await, ""),
        (provider(key, |p| p.show(KEYS, padded(257 * 1024))).await, "is longer than 256 KiB"),
        (provider(key, |p| p.show(KEYS, Page::json(&json!({"keys": []})))).await, "no usable key in the set"),
        (provider(key, |p| p.show(KEYS, Page::json(&json!({"keys": {}})))).await, "the key set is not a JSON object"),
        (provider(key, |p| p.show(KEYS, Page::json(&set()).after(Duration::from_secs(60)))).await, "did not answer"),
        (
            provider(key, |p| {
                p.show(DISCOVERY, Page::status(404));
                let document = json!({"issuer": p.issuer(), "jwks_uri": p.url(KEYS)});
                p.show("/.well-known/oauth-authorization-server", Page::json(&document));
            })
            .await,
            "",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_publisher_is_told_and_its_tokens_are_not_believed() {
    let key = Key::new(Algorithm::Es256);
    let elsewhere = provider(&key, |_| ()).await;
    let rows = rows(&key, &elsewhere).await;
    let issuers: Vec<_> = rows.iter().map(|(provider, _)| (provider.issuer(), "discovery = true".to_owned())).collect();
    let house = Plan::default().with_issuers(&issuers).build().await;
    for (number, (provider, expected)) in rows.iter().enumerate() {
        let fault = fault(&house, &provider.issuer()).await;
        assert_eq!(fault.is_empty(), expected.is_empty(), "row {number}: {fault}");
        assert!(fault.contains(expected), "row {number}: {fault}");
        let status = house.bearer(provider.token(&key)).get("/apps").await.status;
        assert_eq!(status, if expected.is_empty() { 200 } else { 503 }, "row {number}");
    }
    assert_eq!(elsewhere.asked(KEYS), 0, "no redirect led there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_outside_the_site_is_asked_only_where_the_configuration_names_it() {
    let key = Key::new(Algorithm::Es256);
    let keys = provider(&key, |_| ()).await;
    // To the rules, `localhost` is another site than 127.0.0.1.
    let elsewhere = keys.url(KEYS).replace("127.0.0.1", "localhost");
    let (with, without) =
        (provider(&key, |p| pointing(p, &elsewhere)).await, provider(&key, |p| pointing(p, &elsewhere)).await);
    let issuers = [
        (with.issuer(), "discovery = true\njwks_hosts = [\"LOCALHOST\"]".to_owned()),
        (without.issuer(), "discovery = true\njwks_hosts = [\"keys.example.com\"]".to_owned()),
    ];
    let house = Plan::default().with_issuers(&issuers).build().await;
    assert_eq!(fault(&house, &with.issuer()).await, "");
    assert!(fault(&house, &without.issuer()).await.contains("name its host in jwks_hosts"));
    assert_eq!(keys.asked(KEYS), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_used_are_skipped_and_counted() {
    let key = Key::new(Algorithm::Es256);
    let provider = provider(&key, |p| {
        let other = Key::new(Algorithm::EdDsa);
        let mut for_encryption = other.0.jwk.clone();
        for_encryption["use"] = json!("enc");
        let symmetric =
            json!({"kty": "oct", "kid": "secret", "k": "c2l4dHktZm91ciBieXRlcyBvZiB0ZXN0IHNlY3JldCBmb3IgSFM"});
        let keys = json!([{"kty": "RSA"}, for_encryption, symmetric, "nonsense", key.0.jwk]);
        p.show(KEYS, Page::json(&json!({"keys": keys})));
    })
    .await;
    let house = Plan::default().with_issuers(&[(provider.issuer(), "discovery = true".to_owned())]).build().await;
    assert_eq!(house.bearer(provider.token(&key)).get("/apps").await.status, 200);
    let status = house.operator().get("/status").await.json();
    let shown = &status["issuers"][0];
    assert_eq!((shown["keys"].as_u64(), shown["keys_skipped"].as_u64()), (Some(1), Some(4)), "{shown}");
    assert!(shown["keys_skipped_why"][2].as_str().unwrap().contains("symmetric"), "{shown}");
}
