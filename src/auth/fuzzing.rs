//! Fuzz targets of this stage. Before a gate with a key of each kind, whose private halves no fuzzer holds, whatever is
//! accepted must have been signed here; what is signed here is accepted exactly if an independent reading finds it sound.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here has been found")]

use std::collections::HashSet;
use std::sync::LazyLock;

use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use base64::{Engine as _, alphabet};
use serde_json::{Map, json};

use super::keys::KeySet;
use super::private_key::PrivateKey;
use super::provider::announced;
use super::*;

/// The moment at which all of it takes place.
const NOW: i64 = 1_760_000_000;
const LEEWAY: i64 = 30;
const LONGEST_LIFE: i64 = 24 * 3600;
const SECRET: &[u8; 64] = b"sixty-four bytes of test secret, long enough for all three of HS";

macro_rules! key_file {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/data/keys/", $name, ".pem"))
    };
}
const PRIVATE: [&[u8]; 4] =
    [key_file!("rsa-pkcs8"), key_file!("p256-sec1"), key_file!("p384-pkcs8"), key_file!("ed25519-pkcs8")];
const PUBLIC: [&[u8]; 4] =
    [key_file!("rsa-public"), key_file!("p256-public"), key_file!("p384-public"), key_file!("ed25519-public")];

/// The secret's own issuer.
const SHARED: &str = "https://shared.example";
/// Whose keys stand in a set, by name.
const SET: &str = "https://set.example";

/// What judges, and all that it has reason to accept.
struct Gate {
    authenticator: Authenticator,
    /// Signs with the secret.
    secret: Minter,
    /// Signs with what everybody knows: the public keys, taken for secrets.
    forgers: Vec<Minter>,
    /// Header and payload, with the dot between, of every token that was signed with a private key.
    signed: HashSet<String>,
}

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let mut issuers: Vec<_> =
        PUBLIC.iter().enumerate().map(|(n, pem)| config(&issuer(n), KeySource::PublicKeyPem(pem.to_vec()))).collect();
    issuers.push(config(SHARED, KeySource::Secret(SECRET.to_vec().into())));
    issuers.push(config(SET, KeySource::Jwks(key_set_of_all().into_bytes())));
    let clock = Clock::fixed(Timestamp::from_second(NOW).unwrap());
    let forger =
        |pem: &&[u8]| Minter::new(&SigningKey::Secret(pem.to_vec().into()), &[Algorithm::Hs256], None).unwrap();
    Gate {
        authenticator: Authenticator::new(issuers, clock).unwrap(),
        secret: Minter::new(&SigningKey::Secret(SECRET.to_vec().into()), &[Algorithm::Hs256], None).unwrap(),
        forgers: PUBLIC.iter().map(forger).collect(),
        signed: sound_tokens().iter().map(|token| token.rsplit_once('.').unwrap().0.to_owned()).collect(),
    }
});

fn issuer(number: usize) -> String {
    format!("https://key-{number}.example")
}

fn config(issuer: &str, keys: KeySource) -> IssuerConfig {
    IssuerConfig {
        issuer: issuer.to_owned(),
        audiences: vec!["sluice".to_owned()],
        algorithms: Vec::new(),
        keys,
        tenant_claim: TenantClaim::default(),
        profile: Profile::default(),
        required_scopes: Vec::new(),
        leeway: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(24 * 3600),
    }
}

fn key_set_of_all() -> String {
    let entry = |pem: &&[u8]| {
        let key = PrivateKey::from_pem(pem).unwrap();
        let mut members = json!(key.jwk_members());
        members["kid"] = json!(key.thumbprint());
        members
    };
    json!({"keys": PRIVATE.iter().map(entry).collect::<Vec<_>>()}).to_string()
}

/// A sound token of every algorithm, and of every key of the set.
fn sound_tokens() -> Vec<String> {
    let claims = |issuer: &str| {
        let claims =
            json!({"iss": issuer, "aud": "sluice", "sub": "robot-7", "tenant": "team-blue", "exp": NOW + 3600});
        claims.as_object().unwrap().clone()
    };
    let mut tokens = Vec::new();
    for (number, pem) in PRIVATE.iter().enumerate() {
        let key = SigningKey::PrivateKeyPem(pem.to_vec().into());
        let algorithms = PrivateKey::from_pem(pem).unwrap().family().algorithms();
        for algorithm in algorithms {
            let minter = Minter::new(&key, &[*algorithm], None).unwrap();
            tokens.push(minter.sign_as(&claims(&issuer(number)), TokenType::Any).unwrap());
        }
        tokens.push(Minter::new(&key, &[], None).unwrap().sign_as(&claims(SET), TokenType::Any).unwrap());
    }
    for algorithm in Family::Secret.algorithms() {
        let minter = Minter::new(&SigningKey::Secret(SECRET.to_vec().into()), &[*algorithm], None).unwrap();
        tokens.push(minter.sign_as(&claims(SHARED), TokenType::Any).unwrap());
    }
    tokens
}

fn judged(token: &str) -> Result<Caller, Rejected> {
    GATE.authenticator.judge(token).map_err(|refused| refused.why)
}

/// A reader of base64url that is content with stray bits and padding, as many are.
fn leniently_decoded(part: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::URL_SAFE, lenient).decode(part).ok()
}

/// A bare token. Nothing is accepted that was not signed by a private key, and a second look sees the same.
pub fn token(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let first = judged(text);
    assert_eq!(first, judged(text), "a token that is remembered is judged as the first time");
    let Ok(caller) = first else { return };
    let (message, _) = text.rsplit_once('.').unwrap();
    assert!(GATE.signed.contains(message), "nobody signed it");
    let payload = leniently_decoded(message.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["iss"], caller.issuer());
    assert!(caller.tenants().iter().map(crate::model::TenantId::as_str).eq([claims["tenant"].as_str().unwrap()]));
}

/// A header as JSON, over a sound payload and well signed with the secret: accepted exactly if it says nothing but an
/// algorithm that the secret is good for. Signed with a public key for a secret it is never accepted.
pub fn header(bytes: &[u8]) {
    let Some(header) = text_of(bytes) else { return };
    let payload = json!({"iss": SHARED, "aud": "sluice", "sub": "s", "tenant": "t", "exp": NOW + 60}).to_string();
    let token = GATE.secret.sign_text(header, &payload).unwrap();
    let accepted = judged(&token).is_ok();
    assert_eq!(accepted, token.len() <= 8192 && header_is_sound(header), "{:?}", judged(&token));
    for (number, forger) in GATE.forgers.iter().enumerate() {
        for issuer in [issuer(number), SET.to_owned()] {
            let payload = payload.replace(SHARED, &issuer);
            assert!(judged(&forger.sign_text(header, &payload).unwrap()).is_err(), "a public key vouched for it");
        }
    }
}

fn header_is_sound(header: &str) -> bool {
    let Some(members) = strict_object(header) else { return false };
    let extension = ["crit", "b64", "zip", "cty", "enc"].iter().any(|name| members.contains_key(*name));
    let typ = members.get("typ").is_none_or(|typ| {
        let typ = typ.as_str().map(str::to_ascii_lowercase);
        typ.is_some_and(|typ| ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.as_str()))
    });
    let key_id = members.get("kid").is_none_or(|kid| kid.as_str().is_some_and(|kid| kid.len() <= 256));
    // The minter signs with SHA-256, so another name of the family does not fit the signature.
    !extension && typ && key_id && members.get("alg").is_some_and(|alg| alg == "HS256")
}

/// A payload as JSON, well signed with the secret: accepted exactly if every claim is in order.
pub fn claims(bytes: &[u8]) {
    let Some(payload) = text_of(bytes) else { return };
    let token = GATE.secret.sign_text(r#"{"alg":"HS256","typ":"JWT"}"#, payload).unwrap();
    let judged = judged(&token);
    assert_eq!(judged.is_ok(), token.len() <= 8192 && claims_are_sound(payload), "{judged:?}");
    let Ok(caller) = judged else { return };
    assert_eq!(caller.issuer(), SHARED);
    assert!((1..=1024).contains(&caller.subject().len()) && caller.token_id().is_none_or(|id| id.len() <= 1024));
    assert!(caller.scopes().all(|scope| !scope.is_empty() && !scope.contains(' ')));
}

fn claims_are_sound(payload: &str) -> bool {
    let Some(claims) = strict_object(payload) else { return false };
    let seconds = |name: &str| match claims.get(name) {
        None => Some(None),
        // The calendar of the time library ends with the year 9999.
        Some(value) => value.as_i64().filter(|s| (0..=253_402_207_200).contains(s)).map(Some),
    };
    let (Some(Some(exp)), Some(nbf), Some(iat)) = (seconds("exp"), seconds("nbf"), seconds("iat")) else {
        return false;
    };
    let begun = |moment: Option<i64>| moment.is_none_or(|moment| moment <= NOW + LEEWAY);
    let audience = match claims.get("aud") {
        Some(Value::String(audience)) => audience == "sluice",
        Some(Value::Array(all)) => all.iter().all(Value::is_string) && all.contains(&json!("sluice")),
        _ => false,
    };
    let text =
        |name: &str, longest: usize| claims.get(name).and_then(Value::as_str).filter(|text| text.len() <= longest);
    let tenant = text("tenant", usize::MAX).is_some_and(|tenant| {
        (1..=128).contains(&tenant.chars().count()) && tenant.chars().all(|c| c == ' ' || !is_hidden(c))
    });
    let scopes = claims.get("scope").is_none_or(Value::is_string)
        && claims
            .get("scp")
            .is_none_or(|scp| scp.is_string() || scp.as_array().is_some_and(|all| all.iter().all(Value::is_string)));
    claims.get("iss").is_some_and(|iss| iss == SHARED)
        && NOW < exp + LEEWAY
        && exp <= NOW + LONGEST_LIFE + LEEWAY
        && begun(nbf)
        && begun(iat)
        && audience
        && text("sub", 1024).is_some_and(|sub| !sub.is_empty())
        && (!claims.contains_key("jti") || text("jti", 1024).is_some())
        && tenant
        && scopes
}

/// What nobody sees, or sees elsewhere: by the general categories Cc, Cf (those that matter here) and Z.
fn is_hidden(c: char) -> bool {
    let invisible = [
        0xad..=0xad,
        0x200b..=0x200f,
        0x2028..=0x202e,
        0x2060..=0x206f,
        0xfeff..=0xfeff,
        0xfff9..=0xfffb,
        0xe0000..=0xe007f,
    ];
    c.is_control() || c.is_whitespace() || invisible.iter().any(|range| range.contains(&u32::from(c)))
}

/// One object without repeated names and not deep, found out another way than by the reader under test: by writing
/// again what a lenient reader made of it, and counting colons and depth in what was sent.
fn strict_object(text: &str) -> Option<Map<String, Value>> {
    let read: Value = serde_json::from_str(text).ok()?;
    let (sent, written) = (shape(text), shape(&read.to_string()));
    let Value::Object(members) = read else { return None };
    (sent == written && sent.1 <= 16).then_some(members)
}

/// The text, unless it means something of its own to the library that the oracle reads with, and only there.
fn text_of(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|text| !text.contains("serde_json::private"))
}

/// How many colons stand outside of strings, and how deep brackets go.
fn shape(text: &str) -> (usize, usize) {
    let (mut colons, mut depth, mut deepest) = (0, 0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b':' => colons += 1,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (colons, deepest)
}

/// A document of a provider's as a tree. Members that are passed over may hold what is not UTF-8, or be deeper than a tree
/// can be; then there is none.
fn leniently_read(bytes: &[u8]) -> Option<Value> {
    serde_json::from_str(&String::from_utf8_lossy(bytes)).ok()
}

/// A key set. Each of its keys is used or is told why not, none of them by a name that another has or that is none.
pub fn key_set(bytes: &[u8]) {
    signature::install_provider();
    let read = KeySet::of_jwks(bytes, &[]);
    let Some(document) = leniently_read(bytes) else { return };
    let entries = document.get("keys").and_then(Value::as_array).cloned();
    match read {
        Err(ConfigFault::NoUsableKey { skipped }) => assert_eq!(Some(skipped.len()), entries.map(|all| all.len())),
        Err(fault) => assert!(matches!(fault, ConfigFault::KeySetUnreadable | ConfigFault::TooManyKeys { .. })),
        Ok(set) => {
            let entries = entries.unwrap();
            assert_eq!(set.len() + set.skipped().len(), entries.len(), "each is used or skipped");
            assert!(set.skipped().windows(2).all(|pair| pair[0].position < pair[1].position));
            let used = |at: &usize| set.skipped().iter().all(|skipped| skipped.position != *at);
            for entry in (0..entries.len()).filter(used).map(|at| &entries[at]) {
                let key_id = entry.get("kid").and_then(Value::as_str);
                assert!(key_id.is_none_or(|kid| kid.len() <= 256) && set.find(key_id).is_some());
                assert!(key_id.is_some() || set.len() == 1, "a key without a name is alone");
                assert!(entry["kty"] != "oct" && entry.get("d").is_none_or(Value::is_null), "a secret: {entry}");
                assert!(entry.get("use").is_none_or(|usage| usage.is_null() || usage == "sig"), "{entry}");
            }
            assert!(set.find(Some("a name that no seed has")).is_none());
        }
    }
}

/// A discovery document. Where it leads to is of the issuer's site, and the way there is protected.
pub fn discovery(bytes: &[u8]) {
    const ISSUER: &str = "https://sso.example.com";
    let (issuer, hosts) = (ISSUER.parse().unwrap(), ["keys.cdn.example".to_owned()]);
    let Ok(url) = announced(bytes, ISSUER, &issuer, &hosts) else { return };
    assert!(leniently_read(bytes).is_none_or(|document| document["issuer"] == ISSUER));
    let host = url.host_str().unwrap();
    // A name that ends in a dot is the same name, from the root of all.
    let name = host.strip_suffix('.').unwrap_or(host);
    assert!(name == "example.com" || name.ends_with(".example.com") || host == "keys.cdn.example", "{url}");
    assert!(url.scheme() == "https" && url.username().is_empty() && url.password().is_none(), "{url}");
    // The URL as another reader takes it apart: up to the first of these the authority goes.
    let rest = url.as_str().strip_prefix("https://").unwrap();
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    assert_eq!(authority.split(':').next(), Some(host), "{url}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_targets_are_held_against_is_sound() {
        assert!(sound_tokens().iter().all(|token| judged(token).is_ok()));
    }

    /// Writes the seeds that have to be signed, after a change of the keys or of the moment.
    #[test]
    #[ignore = "writes into the repository"]
    fn write_the_signed_seeds() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/token");
        for (number, token) in sound_tokens().iter().enumerate() {
            let header = leniently_decoded(token.split_once('.').unwrap().0).unwrap();
            let header: Value = serde_json::from_slice(&header).unwrap();
            let name = format!("sound-{number:02}-{}", header["alg"].as_str().unwrap().to_lowercase());
            std::fs::write(folder.join(name), token).unwrap();
        }
    }
}
