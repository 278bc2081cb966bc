//! A real OpenID provider: what it publishes, and that its access tokens are believed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::waiting::until;
use crate::support::{Asker, Files, House, OidcProvider, Plan, RESOURCE, Requests};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Header and payload, read without a look at the signature.
fn read(token: &str) -> (Value, Value) {
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    (part(parts[0]), part(parts[1]))
}

fn key_id(token: &str) -> String {
    read(token).0["kid"].as_str().unwrap().to_owned()
}

/// The names of the published keys; the newest comes first.
async fn published(provider: &OidcProvider) -> Vec<String> {
    let set = provider.document("/jwks").await.json();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_says_who_it_is_and_what_its_tokens_are_for() {
    let provider = OidcProvider::start().await;
    let discovered = provider.document(DISCOVERY).await.json();
    assert_eq!(discovered["issuer"], provider.issuer());
    assert_eq!(discovered["jwks_uri"], format!("{}/jwks", provider.issuer()));

    let (header, claims) = read(&provider.token("robot-red", RESOURCE).await);
    let signed_by = published(&provider).await;
    assert_eq!(header, json!({"typ": "at+jwt", "alg": "RS256", "kid": signed_by[0]}));
    assert_eq!((&claims["iss"], &claims["aud"]), (&provider.issuer().into(), &RESOURCE.into()));
    assert_eq!((&claims["tenant"], &claims["scope"]), (&"red".into(), &"usage:read".into()));
    let (_, claims) = read(&provider.token("robot-many", RESOURCE).await);
    assert_eq!((&claims["groups"], &claims["tenant"]), (&json!(["red", "green"]), &Value::Null));
    assert_eq!(provider.requests().await, Requests { discovery: 1, jwks: 1, token: 2 });
    let address = provider.issuer().to_owned();
    provider.stop().await;
    assert!(Asker::new(address, None).try_send("GET", DISCOVERY, "").await.is_err(), "it still answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_changes_its_keys_and_withdraws_them() {
    let provider = OidcProvider::start().await;
    let first = key_id(&provider.token("robot-red", RESOURCE).await);
    provider.rotate().await;
    let second = key_id(&provider.token("robot-red", RESOURCE).await);
    assert_eq!(published(&provider).await, [second.as_str(), first.as_str()]);
    provider.rotate_to("ES256").await;
    let (header, _) = read(&provider.token("robot-red", RESOURCE).await);
    let third = header["kid"].as_str().unwrap();
    assert_eq!((&header["alg"], published(&provider).await), (&"ES256".into(), vec![third.into(), second, first]));
    provider.retire().await;
    assert_eq!(published(&provider).await, [third]);

    assert_eq!(provider.document("/jwks").await.header("cache-control"), "");
    provider.cache_control("max-age=60").await;
    assert_eq!(provider.document("/jwks").await.header("cache-control"), "max-age=60");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_tokens_are_believed_with_its_key_set_at_hand_and_only_for_our_audience() {
    let provider = OidcProvider::start().await;
    let rs256 = provider.token("robot-red", RESOURCE).await;
    provider.rotate_to("ES256").await;
    let es256 = provider.token("robot-red", RESOURCE).await;
    let files = Files::new(&format!(
        r#"
[upstream]
access_key_id = "AKLTsomething"
secret_access_key = "very-secret"
[[issuers]]
issuer = "{}"
audiences = ["{RESOURCE}"]
jwks_file = "theirs.json"
required_scopes = ["usage:read"]
[[tenants]]
id = "red"
apps = [{{ name = "app-0", app_id = "red0000000000000000" }}]
"#,
        provider.issuer()
    ));
    files.write("theirs.json", &provider.document("/jwks").await.text);
    let (_gateway, asker) = files.serve().await;
    let status = async |token: &str| asker.clone().with_token(token).get("/apps").await.status;
    assert_eq!((status(&rs256).await, status(&es256).await), (200, 200));
    let other = provider.token("robot-red", "https://elsewhere.test").await;
    assert_eq!(status(&other).await, 401, "meant for somebody else");
    let tenantless = provider.token("robot-stray", RESOURCE).await;
    assert_eq!(status(&tenantless).await, 401, "of no tenant");
    // Its name for the new key is not known here: keys at hand do not follow a rotation.
    provider.rotate().await;
    assert_eq!(status(&provider.token("robot-red", RESOURCE).await).await, 401);
}

/// A gateway that discovers the provider's keys, for tokens of a robot with the usage scope.
async fn discovering(provider: &OidcProvider) -> House {
    let lines = "discovery = true\nalgorithms = [\"RS256\", \"ES256\"]\nrequired_scopes = [\"usage:read\"]";
    Plan::default().with_issuers(&[(provider.issuer().to_owned(), lines.to_owned())]).build().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_keys_are_discovered_and_followed_through_rotations_without_a_valid_token_refused() {
    let provider = Arc::new(OidcProvider::start().await);
    let house = Arc::new(discovering(&provider).await);
    let first = provider.token("robot-red", RESOURCE).await;
    assert_eq!(house.bearer(&*first).get("/apps").await.status, 200);

    // Callers that each fetch a token, use it, and so on, all through a rotation.
    let seen: Arc<Mutex<Vec<(String, u16)>>> = Arc::default();
    let callers: JoinSet<()> = (0..4)
        .map(|_| {
            let (provider, house, seen) = (Arc::clone(&provider), Arc::clone(&house), Arc::clone(&seen));
            async move {
                loop {
                    let token = provider.token("robot-red", RESOURCE).await;
                    for _ in 0..5 {
                        let status = house.bearer(&*token).get("/apps").await.status;
                        seen.lock().unwrap().push((key_id(&token), status));
                    }
                }
            }
        })
        .collect();
    let used = |key: &str| seen.lock().unwrap().iter().filter(|(name, _)| name == key).count();
    until(Duration::from_secs(15), "uses of the first key", async || used("key-1") > 10).await;
    provider.rotate_to("ES256").await;
    until(Duration::from_secs(15), "uses of the second", async || used("key-2") > 10).await;
    drop(callers);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert!(seen.iter().all(|(_, status)| *status == 200), "{seen:?}");
    assert_eq!(house.bearer(&*first).get("/apps").await.status, 200, "the older key is still published");
    let asked = provider.requests().await;
    assert_eq!((asked.discovery, asked.jwks), (1, 2), "one look for the unknown key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_keys_keep_working_when_the_provider_stops_for_good() {
    let provider = OidcProvider::start().await;
    let lines = "discovery = true\nkeys_lifetime = \"1s\"";
    let house = Plan::default().with_issuers(&[(provider.issuer().to_owned(), lines.to_owned())]).build().await;
    let mut tokens = Vec::new();
    for _ in 0..20 {
        tokens.push(provider.token("robot-red", RESOURCE).await);
    }
    assert_eq!(house.bearer(&*tokens[0]).get("/apps").await.status, 200);
    provider.stop().await;
    let failing = async || house.operator().get("/status").await.text.contains("cannot connect");
    until(Duration::from_secs(10), "a look that failed", failing).await;
    for token in &tokens {
        assert_eq!(house.bearer(&**token).get("/apps").await.status, 200);
    }
    assert_eq!(house.operator().get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_groups_are_tenants_where_rules_say_so_and_its_tokens_are_access_tokens_by_their_profile() {
    let provider = OidcProvider::start().await;
    let lines = "discovery = true\ntyp = \"at+jwt\"\ntenant_claim = \"groups\"\n\
                 tenant_rules = [{ value = \"*\", tenant = \"*\" }]";
    let house = Plan::default().with_issuers(&[(provider.issuer().to_owned(), lines.to_owned())]).build().await;
    let many = house.bearer(provider.token("robot-many", RESOURCE).await).get("/apps").await;
    assert_eq!((many.status, &many.json()["tenants"]), (200, &json!(["red", "green"])), "{many:?}");
    let groupless = house.bearer(provider.token("robot-red", RESOURCE).await).get("/apps").await;
    assert_eq!(groupless.status, 401, "it has a tenant and no groups");
}
