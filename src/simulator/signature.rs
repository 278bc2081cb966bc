//! Head and body of a call → signed by a key of the account, or the vendor's reason to refuse.
//!
//! `HMAC-SHA256` after documents 6469/1121980 and 6971/174333, written for checking: everything
//! is taken from what was received. Signed headers are put together in the order the call names
//! them, because two of the vendor's own samples do not sort them.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::authorization::{ALGORITHM, Authorization, TERMINATOR, one};
use super::codes::Refusal;
use super::settings::Settings;

const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a signature is made over, as received.
#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// The `Host` header, or `:authority` over HTTP/2.
    pub(super) host: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// The decoded pairs of a query string, in the order they came.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let filled = query.split('&').filter(|pair| !pair.is_empty());
    filled
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Whether the call is signed by the key of `settings`, at a time near `now`.
pub(super) fn verify(call: Received, settings: &Settings, now: Timestamp) -> Result<(), Refusal> {
    let authorization = Authorization::read(call.headers)?;
    let Some(secret) = settings.secret_of(authorization.credential.key) else {
        return Err(Refusal::new("InvalidAccessKey", "no such access key"));
    };
    let Some(date) = one(call.headers, "x-date") else {
        return Err(Refusal::new("MissingRequestInfo", "no X-Date"));
    };
    check_time(date, settings, now)?;
    authorization.credential.check(date, settings)?;
    let token = one(call.headers, "x-security-token");
    if token != settings.session_token.as_deref() {
        let message = "not the session token of this key";
        return Err(Refusal::new("InvalidSecretToken", message));
    }
    check_signed(call, &authorization.signed)?;
    if one(call.headers, "x-content-sha256") != Some(hash(call.body).as_str()) {
        return Err(mismatch("X-Content-Sha256 is not the hash of the body"));
    }
    // The vendor's clients disagree whether a default port belongs to the host they sign.
    let host = call.host;
    let short = host.strip_suffix(":443").or(host.strip_suffix(":80"));
    let hosts = [Some(host), short];
    let signs = |host| is_signature(&authorization, Received { host, ..call }, date, settings, secret);
    if hosts.into_iter().flatten().any(signs) {
        return Ok(());
    }
    Err(mismatch("the signature is not that of this request"))
}

fn mismatch(message: impl Into<String>) -> Refusal {
    Refusal::new("SignatureDoesNotMatch", message)
}

fn check_time(date: &str, settings: &Settings, now: Timestamp) -> Result<(), Refusal> {
    let signed = (date.len() == "20060102T150405Z".len())
        .then(|| DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok())
        .flatten()
        .and_then(|date| TimeZone::UTC.to_timestamp(date).ok());
    let refuse = |message: &str| Err(Refusal::new("InvalidTimestamp", message));
    match signed {
        None => refuse("X-Date is not of the form 20060102T150405Z"),
        Some(signed) if now.duration_since(signed).unsigned_abs() > settings.skew => {
            refuse("X-Date is too far from this clock")
        }
        Some(_) => Ok(()),
    }
}

fn check_signed(call: Received, signed: &[&str]) -> Result<(), Refusal> {
    let always = ["host", "x-date", "x-content-sha256"].into_iter();
    let posted = (call.method == "POST").then_some("content-type");
    let sent = ["content-type", "x-security-token"].into_iter();
    let sent = sent.filter(|name| call.headers.contains_key(*name));
    let mut needed = always.chain(posted).chain(sent);
    match needed.find(|name| !signed.contains(name)) {
        Some(name) => Err(mismatch(format!("{name} is not signed"))),
        None => Ok(()),
    }
}

fn is_signature(claim: &Authorization, call: Received, date: &str, settings: &Settings, secret: &str) -> bool {
    let Some(canonical) = canonical_request(call, &claim.signed) else {
        return false;
    };
    let Ok(signature) = hex::decode(claim.signature) else {
        return false;
    };
    let day = claim.credential.date;
    let (region, service) = (&settings.region, &settings.service);
    let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hash(canonical));
    let key = secret.as_bytes().to_vec();
    let key = scope.split('/').fold(key, |key, word| mac(&key, word).finalize().into_bytes().to_vec());
    mac(&key, &text).verify_slice(&signature).is_ok()
}

/// The text whose hash is signed; `None` where a header said to be signed is missing.
fn canonical_request(call: Received, signed: &[&str]) -> Option<String> {
    let mut headers = String::new();
    for name in signed {
        let value = match *name {
            "host" => call.host,
            name => one(call.headers, name)?,
        };
        headers.extend([*name, ":", value, "\n"]);
    }
    let (method, path, body) = (call.method, call.path, hash(call.body));
    let (query, names) = (canonical_query(call.query), signed.join(";"));
    Some(format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{body}"))
}

fn canonical_query(query: &str) -> String {
    let escape = |text: &str| utf8_percent_encode(text, &ESCAPED).to_string();
    let mut pairs = pairs(query);
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    let pairs = pairs.iter().map(|(name, value)| [escape(name), escape(value)].join("="));
    pairs.collect::<Vec<_>>().join("&")
}

fn hash(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key);
    let mac = mac.expect("a key of any length makes an HMAC");
    mac.chain_update(text)
}

#[cfg(test)]
mod tests;
