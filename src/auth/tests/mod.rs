//! The stage as a whole: tokens in, callers and refusals out. Each attack stands beside a control that is accepted,
//! so that no test passes because everything is refused.

mod algorithms;
mod forged;
mod form;
mod judged;
mod key_sets;
mod minted;
mod profiles;
mod properties;
mod remembered;
mod revoked;
mod several_tenants;
mod written;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::SecretSlice;
use serde_json::{Map, Value, json};

use super::*;
use crate::clock::Clock;

/// The moment at which all of these tests take place.
const NOW: i64 = 1_760_000_000;
const ISSUER: &str = "https://sso.example.com";
const SECRET: &[u8; 64] = b"sixty-four bytes of test secret, long enough for all three of HS";

macro_rules! key_file {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/data/keys/", $name, ".pem"))
    };
}
use key_file;

/// A private key and its public half, made by OpenSSL.
type KeyFiles = (&'static [u8], &'static [u8]);
const RSA: KeyFiles = (key_file!("rsa-pkcs8"), key_file!("rsa-public"));
const P256: KeyFiles = (key_file!("p256-sec1"), key_file!("p256-public"));
const P384: KeyFiles = (key_file!("p384-pkcs8"), key_file!("p384-public"));
const ED25519: KeyFiles = (key_file!("ed25519-pkcs8"), key_file!("ed25519-public"));

fn files(family: Family) -> Option<KeyFiles> {
    match family {
        Family::Rsa => Some(RSA),
        Family::P256 => Some(P256),
        Family::P384 => Some(P384),
        Family::Ed25519 => Some(ED25519),
        Family::Secret => None,
    }
}

/// A configured key that tokens of this algorithm hold against.
fn source(algorithm: Algorithm) -> KeySource {
    match files(algorithm.family()) {
        Some((_, public)) => KeySource::PublicKeyPem(public.to_vec()),
        None => KeySource::Secret(SECRET.to_vec().into()),
    }
}

/// What signs with this algorithm, naming no key but where `key_id` does.
fn minter(algorithm: Algorithm) -> Minter {
    let key = match files(algorithm.family()) {
        Some((private, _)) => SigningKey::PrivateKeyPem(SecretSlice::from(private.to_vec())),
        None => SigningKey::Secret(SECRET.to_vec().into()),
    };
    Minter::new(&key, &[algorithm], None).expect("a test key fits its algorithm")
}

fn config(keys: KeySource) -> IssuerConfig {
    IssuerConfig {
        issuer: ISSUER.to_owned(),
        audiences: vec!["sluice".to_owned(), "gateway".to_owned()],
        algorithms: Vec::new(),
        keys,
        tenant_claim: "tenant".parse().expect("a claim"),
        profile: Profile::default(),
        required_scopes: Vec::new(),
        leeway: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(24 * 3600),
    }
}

fn clock() -> Clock {
    Clock::fixed(Timestamp::from_second(NOW).expect("within the calendar"))
}

fn authenticator(config: IssuerConfig) -> Authenticator {
    Authenticator::new(vec![config], clock()).expect("a sound configuration")
}

/// The payload of a token in which nothing is wrong.
fn claims() -> Map<String, Value> {
    let claims = json!({
        "iss": ISSUER, "aud": "sluice", "sub": "robot-7", "tenant": "team-blue",
        "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 3600, "jti": "token-1",
    });
    claims.as_object().cloned().expect("an object")
}

/// The same with one claim changed, or taken out by `null`.
fn claims_with(name: &str, value: Value) -> Map<String, Value> {
    let mut claims = claims();
    match value {
        Value::Null => claims.remove(name),
        value => claims.insert(name.to_owned(), value),
    };
    claims
}

/// The header and payload of a sound token as JSON, to be tampered with.
fn texts(algorithm: Algorithm) -> (String, String) {
    let header = json!({"alg": algorithm.as_str(), "typ": "JWT"});
    (header.to_string(), Value::Object(claims()).to_string())
}

fn token(algorithm: Algorithm) -> String {
    minter(algorithm).sign(&claims()).expect("signed")
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What comes of the token under the keys that are held.
fn judged(authenticator: &Authenticator, token: &str) -> Result<Caller, Rejected> {
    authenticator.judge(token).map_err(|refused| refused.why)
}

/// Asserts that the token is refused, and for this reason.
#[track_caller]
fn refused(authenticator: &Authenticator, token: &str, reason: Reason) {
    assert_eq!(judged(authenticator, token), Err(Rejected::Unauthorized(reason)), "token: {token:.300}");
}

/// Asserts that the token is accepted: the control beside an attack.
#[track_caller]
fn accepted(authenticator: &Authenticator, token: &str) -> Caller {
    judged(authenticator, token).expect("a sound token")
}
