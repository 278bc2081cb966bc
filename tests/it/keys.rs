//! Keys that identity providers publish: found, renewed, withdrawn, and kept while the provider is away.

use std::time::Duration;

use serde_json::json;
use sluice::auth::Algorithm;
use tokio::time::{Instant, sleep};

use crate::support::{DISCOVERY, Files, House, KEYS, Key, Page, Plan, Provider};

/// Quick enough for a test to see a second look.
const QUICK: &str = "keys_lifetime = \"1s\"\nkeys_cooldown = \"1s\"";

/// So patient that no test is slow enough for a second look that nobody asked for.
const PATIENT: &str = "keys_lifetime = \"1h\"\nkeys_cooldown = \"1h\"";

async fn house(provider: &Provider, lines: &str) -> House {
    Plan::default().with_issuers(&[(provider.issuer(), format!("discovery = true\n{lines}"))]).build().await
}

async fn status(house: &House, token: &str) -> u16 {
    house.bearer(token).get("/apps").await.status
}

/// Waits for the answer to become this one.
async fn becomes(house: &House, token: &str, expected: u16) {
    let began = Instant::now();
    while status(house, token).await != expected {
        assert!(began.elapsed() < Duration::from_secs(10), "still not {expected}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovered_and_named_key_sets_serve_side_by_side() {
    let (one, two) = (Provider::start().await, Provider::start().await);
    let (ours, theirs) = (Key::new(Algorithm::Es256), Key::new(Algorithm::Rs256));
    one.publish(&[&ours]);
    two.publish(&[&theirs]);
    let named = format!("jwks_url = \"{}\"", two.url(KEYS));
    let issuers = [(one.issuer(), "discovery = true".to_owned()), (two.issuer(), named)];
    let house = Plan::default().with_issuers(&issuers).build().await;
    assert_eq!(status(&house, &one.token(&ours)).await, 200);
    assert_eq!(status(&house, &two.token(&theirs)).await, 200);
    assert_eq!(status(&house, &house.token("red")).await, 200);
    // A key of one issuer vouches for no other, whatever it is called.
    assert_eq!(status(&house, &ours.token(&two.issuer())).await, 401);
    assert_eq!(status(&house, &theirs.token(&one.issuer())).await, 401);
    assert_eq!(status(&house, &ours.token_with(&two.issuer(), Some(theirs.0.key_id.clone()))).await, 401);
    assert_eq!((two.asked(DISCOVERY), one.asked(DISCOVERY)), (0, 1));

    let shown = house.operator().get("/status").await.json();
    let of =
        |issuer: &str| shown["issuers"].as_array().unwrap().iter().find(|shown| shown["issuer"] == issuer).unwrap();
    assert_eq!(
        (of(&one.issuer())["keys_from"].as_str(), of(&one.issuer())["keys"].as_u64()),
        (Some("discovery"), Some(1))
    );
    assert_eq!(of(&two.issuer())["keys_from"], "jwks_url");
    assert_eq!(of("https://sso.test")["keys_from"], "configuration");
    assert!(of(&two.issuer())["keys_fetched_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_serves_from_its_first_token_and_a_withdrawn_one_stops() {
    let provider = Provider::start().await;
    let (old, new) = (Key::new(Algorithm::Es256), Key::new(Algorithm::Es256));
    provider.publish(&[&old]);
    let house = house(&provider, PATIENT).await;
    let (old_token, new_token) = (provider.token(&old), provider.token(&new));
    assert_eq!(status(&house, &old_token).await, 200);
    provider.publish(&[&old, &new]);
    let discoveries = provider.asked(DISCOVERY);
    let crowd: tokio::task::JoinSet<u16> = (0..50)
        .map(|_| {
            let asker = house.bearer(&*new_token);
            async move { asker.get("/apps").await.status }
        })
        .collect();
    assert!(crowd.join_all().await.iter().all(|status| *status == 200), "also those that came first");
    assert_eq!((provider.asked(KEYS), provider.asked(DISCOVERY)), (2, discoveries), "one look, straight at the keys");
    assert_eq!(status(&house, &old_token).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_key_counts_no_more_although_its_token_was_verified_before() {
    let provider = Provider::start().await;
    let (old, new) = (Key::new(Algorithm::Es256), Key::new(Algorithm::EdDsa));
    provider.publish(&[&old, &new]);
    let house = house(&provider, QUICK).await;
    let token = provider.token(&old);
    assert_eq!(status(&house, &token).await, 200);
    provider.publish(&[&new]);
    becomes(&house, &token, 401).await;
    assert_eq!(status(&house, &provider.token(&new)).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_provider_is_away_known_keys_serve_on_and_nobody_waits() {
    let mut provider = Provider::start().await;
    let (known, new) = (Key::new(Algorithm::Es256), Key::new(Algorithm::Es256));
    provider.publish(&[&known]);
    let house = house(&provider, QUICK).await;
    assert_eq!(status(&house, &provider.token(&known)).await, 200);
    provider.stop().await;
    provider.publish(&[&known, &new]);
    // Longer than the keys' lifetime: looks have failed by then.
    sleep(Duration::from_millis(2500)).await;
    let fresh = provider.token(&known);
    assert_eq!(status(&house, &fresh).await, 200, "a token that was not seen before");
    assert_eq!(status(&house, &provider.token(&new)).await, 401);
    let ready = house.operator().get("/readyz").await;
    assert_eq!((ready.status, ready.json()["reasons"].as_array().map(Vec::len)), (200, Some(0)));
    let shown = house.operator().get("/status").await.json();
    assert!(shown["issuers"][0]["keys_fault"].as_str().unwrap().contains("cannot connect to 127.0.0.1"), "{shown}");
    provider.resume().await;
    becomes(&house, &provider.token(&new), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_provider_says_so_and_recovers_by_itself() {
    let mut provider = Provider::start().await;
    let key = Key::new(Algorithm::Es256);
    provider.publish(&[&key]);
    provider.stop().await;
    let only = format!("[[issuers]]\nissuer = \"{}\"\naudiences = [\"sluice\"]\ndiscovery = true\n", provider.issuer());
    let house = Plan { only_issuers: Some(only), ..Plan::default() }.build().await;
    let token = provider.token(&key);
    let refused = house.bearer(&*token).get("/apps").await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "keys-unavailable"), "{refused:?}");
    assert!((1..=8).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(refused.header("www-authenticate"), "", "a new token would not help");
    // What is refused for other reasons is refused as ever.
    assert_eq!(house.stranger().get("/apps").await.status, 401);
    assert_eq!(status(&house, "a.b.c").await, 401);
    let ready = house.operator().get("/readyz").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (503, Some(false)));
    let reason = ready.json()["reasons"][0].as_str().unwrap().to_owned();
    let expected = format!("no keys of the issuer {}: cannot connect to 127.0.0.1:", provider.issuer());
    assert!(reason.starts_with(&expected), "{reason}");
    provider.resume().await;
    becomes(&house, &token, 200).await;
    assert_eq!(house.operator().get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_issuer_without_keys_does_not_stop_the_others() {
    let mut provider = Provider::start().await;
    provider.stop().await;
    let house = house(&provider, "").await;
    assert_eq!(status(&house, &house.token("red")).await, 200);
    let mut ready = house.operator().get("/readyz").await;
    for _ in 0..100 {
        if ready.text.contains("cannot connect") {
            break;
        }
        sleep(Duration::from_millis(20)).await;
        ready = house.operator().get("/readyz").await;
    }
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)));
    assert!(ready.json()["reasons"][0].as_str().unwrap().contains(&provider.issuer()), "{}", ready.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_keys_costs_one_look() {
    let provider = Provider::start().await;
    let key = Key::new(Algorithm::Es256);
    provider.publish(&[&key]);
    let house = house(&provider, PATIENT).await;
    let valid = house.bearer(provider.token(&key));
    assert_eq!(valid.get("/apps").await.status, 200);
    let before = provider.asked(KEYS);
    let issuer = provider.issuer();
    let stranger = Key::new(Algorithm::EdDsa);
    for round in 0..100 {
        let crowd: tokio::task::JoinSet<u16> = (0..100)
            .map(|number| {
                let token = stranger.token_with(&issuer, Some(format!("random-{round}-{number}")));
                let asker = house.bearer(token);
                async move { asker.get("/apps").await.status }
            })
            .collect();
        assert_eq!(valid.get("/apps").await.status, 200);
        assert!(crowd.join_all().await.iter().all(|status| *status == 401));
    }
    assert_eq!(provider.asked(KEYS), before + 1);
    assert_eq!(provider.asked(DISCOVERY), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_move_are_found_where_they_are_now() {
    let provider = Provider::start().await;
    let (old, new) = (Key::new(Algorithm::Es256), Key::new(Algorithm::Es256));
    provider.publish(&[&old]);
    let house = house(&provider, "keys_cooldown = \"1s\"\nkeys_lifetime = \"2s\"").await;
    assert_eq!(status(&house, &provider.token(&old)).await, 200);
    let moves = |path: &str, key: &Key| {
        provider.show(path, Page::json(&json!({"keys": [key.0.jwk]})));
        provider.show(DISCOVERY, Page::json(&json!({"issuer": provider.issuer(), "jwks_uri": provider.url(path)})));
    };
    // Nothing is left at the old place: the first token of the new key is accepted.
    moves("/moved", &new);
    provider.show(KEYS, Page::status(404));
    assert_eq!(status(&house, &provider.token(&new)).await, 200);
    // The old place goes on to answer, and tokens of unknown keys ask there all the time.
    let last = Key::new(Algorithm::EdDsa);
    moves("/moved-again", &last);
    becomes(&house, &provider.token(&last), 200).await;
    assert_eq!(status(&house, &provider.token(&new)).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_keeps_the_keys_of_an_issuer_also_while_its_provider_is_away() {
    let mut provider = Provider::start().await;
    let key = Key::new(Algorithm::Es256);
    provider.publish(&[&key]);
    let text = |lines: &str| {
        format!(
            "[upstream]\naccess_key_id = \"id\"\nsecret_access_key = \"key\"\n[[issuers]]\nissuer = \"{}\"\n\
             audiences = [\"sluice\"]\ndiscovery = true\n{lines}\n[[tenants]]\nid = \"red\"\n",
            provider.issuer()
        )
    };
    let (before, raised, gone) =
        (text(""), text("keys_max_age = \"48h\"\nalgorithms = [\"ES256\"]"), text("typ = \"at+jwt\""));
    let files = Files::new(&before);
    let (gateway, asker) = files.serve().await;
    let token = provider.token(&key);
    let status = async |token: &str| asker.clone().with_token(token).get("/apps").await.status;
    assert_eq!(status(&token).await, 200);
    provider.stop().await;
    files.write("sluice.toml", &raised);
    gateway.reload().await.unwrap().unwrap();
    assert_eq!((status(&token).await, status(&provider.token(&key)).await), (200, 200), "another token, the same key");
    files.write("sluice.toml", &gone);
    gateway.reload().await.unwrap().unwrap();
    assert_eq!(status(&token).await, 401, "what was verified under other settings is judged anew");
    // The rounds under new settings begin with a look of their own.
    let asked = provider.asked(KEYS);
    provider.resume().await;
    files.write("sluice.toml", &raised);
    gateway.reload().await.unwrap().unwrap();
    assert_eq!(status(&token).await, 200);
    for _ in 0..500 {
        if provider.asked(KEYS) > asked {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert!(provider.asked(KEYS) > asked, "nobody looks for keys any more");
}
