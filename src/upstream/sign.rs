//! The vendor's request signature (HMAC-SHA256, scope date/region/service/request), as its SDKs compute it.
//!
//! Source: the vendor's pages 6469/1121980 and 6971/174333; `tests/data/signature_vectors.json` holds signatures
//! that its SDKs produced. Which headers are signed is the caller's to say: the SDKs differ.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::Credentials;

/// What is signed. The headers may hold a session token, so it cannot be printed.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// The path, already escaped; `/` for every RPC of the vendor.
    pub path: &'a str,
    /// Names and values as they are, unescaped; any order.
    pub query: &'a [(&'a str, &'a str)],
    /// The headers to sign, lower-case names, any order. `host` is taken without a default port.
    pub headers: &'a [(&'a str, &'a str)],
    /// Hex SHA-256 of the body, as `body_hash` gives it.
    pub body_hash: &'a str,
    /// `20260115T083000Z`; its first eight characters are the date of the scope.
    pub x_date: &'a str,
    /// Region of the scope, such as `cn-north-1`.
    pub region: &'a str,
    /// Service of the scope: `rtc`.
    pub service: &'a str,
}

/// The two texts a signed request needs besides its headers. They let whoever has them make the call, so they cannot be
/// printed.
#[derive(PartialEq, Eq)]
pub struct Signed {
    /// The escaped, sorted query.
    pub query: String,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// More than the deepest of the library's calls takes.
const SWEPT: usize = 16 * 1024;
const ALGORITHM: &str = "HMAC-SHA256";
/// RFC 3986's unreserved characters stay; everything else is escaped, the space as `%20`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One link of the chain from the secret to the signature.
type Digested = Zeroizing<[u8; 32]>;

/// Signs a request. What it derives on the way, and the texts that hold the session token, are wiped.
pub fn sign(draft: &Draft<'_>, credentials: &Credentials) -> Signed {
    let date = draft.x_date.get(..8).unwrap_or(draft.x_date);
    let scope = format!("{date}/{}/{}/request", draft.region, draft.service);
    let query = canonical_query(draft.query);
    let (header_lines, names) = canonical_headers(draft.headers);
    let canonical = joined(&[
        draft.method,
        "\n",
        draft.path,
        "\n",
        &query,
        "\n",
        &header_lines,
        "\n",
        &names,
        "\n",
        draft.body_hash,
    ]);
    let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{}", draft.x_date, body_hash(canonical.as_bytes()));

    let secret = credentials.secret_access_key.expose_secret().as_bytes();
    let of_date = hmac(secret, date);
    let key = [draft.region, draft.service, "request"].iter().fold(of_date, |key, part| hmac(&*key, part));
    let signature = hex::encode(hmac(&*key, &to_sign));
    sweep();
    let key_id = credentials.access_key_id.expose_secret();
    let authorization =
        format!("{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}");
    Signed { query, authorization }
}

/// Wipes the stack below, where the library's working copies of keys were.
#[inline(never)]
fn sweep() {
    drop(std::hint::black_box(Zeroizing::new([0_u8; SWEPT])));
}

/// Lower-case hex SHA-256: the value of `X-Content-Sha256`.
pub(super) fn body_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// Sorted by name in byte order; repeated names keep their order.
fn canonical_query(pairs: &[(&str, &str)]) -> String {
    let mut pairs = pairs.to_vec();
    pairs.sort_by_key(|(name, _)| *name);
    let escape = |text| utf8_percent_encode(text, ESCAPED);
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

/// One `name:value` line each, sorted, and the list of the names.
fn canonical_headers(headers: &[(&str, &str)]) -> (Zeroizing<String>, String) {
    let mut headers: Vec<(&str, Cow<'_, str>)> = headers
        .iter()
        .map(|(name, value)| (*name, if *name == "host" { without_default_port(value) } else { value.trim() }.into()))
        .collect();
    headers.sort_unstable();
    let parts: Vec<_> = headers.iter().flat_map(|(name, value)| [*name, ":", &**value, "\n"]).collect();
    let lines = joined(&parts);
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    (lines, names.join(";"))
}

/// The SDKs in Go and Python sign the host without `:80` and `:443`.
fn without_default_port(host: &str) -> &str {
    host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host)
}

/// All of them one after the other. Growing would leave copies behind that nobody wipes.
fn joined(parts: &[&str]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        text.push_str(part);
    }
    text
}

fn hmac(key: &[u8], message: &str) -> Digested {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    let mut code = mac.finalize().into_bytes();
    let mut digested = Zeroizing::new([0; 32]);
    digested.copy_from_slice(&code);
    code.as_mut_slice().zeroize();
    digested
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
