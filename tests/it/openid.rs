//! A real OpenID provider: what it publishes, and that its access tokens are believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Asker, Files, OidcProvider, Requests};

const DISCOVERY: &str = "/.well-known/openid-configuration";
const RESOURCE: &str = "https://sluice.test/api?v=1";

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
