//! What an operator says of an issuer, and what can be wrong with it.
//!
//! Key material goes in here and never comes out: not through `Debug`, not through a fault.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice};
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, listed};
use super::profile::Profile;
use super::provider::Published;
use super::tenant_claim::TenantClaim;

/// An issuer of tokens that are accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerConfig {
    /// The `iss` of its tokens, letter for letter; a trailing slash makes another issuer.
    pub issuer: String,
    /// The `aud` values that mean this gateway. A token needs one of them.
    pub audiences: Vec<String>,
    /// The algorithms its keys may be used with. Empty: all that fit the key.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: KeySource,
    /// Where in its tokens the tenant is named.
    pub tenant_claim: TenantClaim,
    /// What kind of tokens they are, and how their claims are read.
    pub profile: Profile,
    /// Scopes that a token must carry, all of them.
    pub required_scopes: Vec<String>,
    /// How far its clock and ours may differ.
    pub leeway: Duration,
    /// The furthest that a token's `exp` may lie ahead.
    pub max_lifetime: Duration,
}

/// Where an issuer's keys are.
#[derive(Clone)]
pub enum KeySource {
    /// One public key in PEM: `PUBLIC KEY` or `RSA PUBLIC KEY`.
    PublicKeyPem(Vec<u8>),
    /// A JSON web key set (RFC 7517, 5).
    Jwks(Vec<u8>),
    /// A secret shared with the issuer.
    Secret(SecretSlice<u8>),
    /// Keys that the issuer publishes over HTTP. The only ones that are not at hand.
    Published(Published),
}

impl PartialEq for KeySource {
    /// Whether the same keys are meant. Both sides are the operator's own, so this need not take constant time.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::PublicKeyPem(one), Self::PublicKeyPem(other)) | (Self::Jwks(one), Self::Jwks(other)) => one == other,
            (Self::Secret(one), Self::Secret(other)) => one.expose_secret() == other.expose_secret(),
            (Self::Published(one), Self::Published(other)) => one == other,
            _ => false,
        }
    }
}

impl KeySource {
    /// The names of its keys, where they have any.
    pub(super) fn key_ids(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let Self::Jwks(bytes) = self else { return Vec::new() };
        let keys = serde_json::from_slice::<Set>(bytes).map_or_else(|_| Vec::new(), |set| set.keys);
        keys.iter().filter_map(|key| key.get("kid")?.as_str().map(str::to_owned)).collect()
    }
}

/// Skipped keys that are told one by one.
const MOST_TOLD: usize = 8;
/// The most that an issuer's clock and ours may differ.
pub const LONGEST_LEEWAY: Duration = Duration::from_secs(300);

/// What is wrong with an issuer's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// The name is empty.
    #[error("the issuer's name is empty; no token could match it")]
    IssuerEmpty,
    /// An issuer before it has the same name.
    #[error("issuer number {} has the same name", .first + 1)]
    IssuerRepeated {
        /// The index of that issuer, from 0.
        first: usize,
    },
    /// There is no audience, or an empty one.
    #[error("name at least one audience, none of them empty: without it, tokens meant for others would do here")]
    AudienceMissing,
    /// No token could live.
    #[error("the longest lifetime is zero; no token could live")]
    LifetimeZero,
    /// The public key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The secret is shorter than the algorithm's hash.
    #[error("the secret is too short for {algorithm}: at least {needed} bytes are due (RFC 7518, 3.2)")]
    SecretTooShort {
        /// The algorithm it is too short for.
        algorithm: Algorithm,
        /// The fewest bytes it may have.
        needed: usize,
    },
    /// An algorithm that does not work with the key.
    #[error("{algorithm} does not work with this key; it takes {}", listed(.fitting))]
    AlgorithmMismatch {
        /// The algorithm as configured.
        algorithm: Algorithm,
        /// Those that would.
        fitting: Vec<Algorithm>,
    },
    /// The key set is not a JSON object with a list `keys`.
    #[error("the key set is not a JSON object with a list named `keys`")]
    KeySetUnreadable,
    /// The key set holds more keys than an issuer can have use for.
    #[error("the key set has more than {most} keys")]
    TooManyKeys {
        /// How many it may have.
        most: usize,
    },
    /// The key set is readable, and none of its keys can be used.
    #[error("no usable key in the set{}", no_use(.skipped))]
    NoUsableKey {
        /// Each key, and why not.
        skipped: Vec<SkippedKey>,
    },
}

/// What is wrong with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is none of the kinds known here, or broken.
    #[error("not a public key that can be used here: RSA, P-256, P-384 or Ed25519, in PEM or as a JWK")]
    Unreadable,
    /// It is private. Whoever holds it can sign tokens, so it does not belong here.
    #[error("this is a private key; give its public half, and consider the private one disclosed")]
    Private,
    /// It is a certificate.
    #[error("this is a certificate; give its public key (`openssl x509 -pubkey -noout`)")]
    Certificate,
    /// The file holds several keys.
    #[error("the file holds more than one key; use a key set for several")]
    Several,
    /// An RSA key outside the sizes that are verified.
    #[error("an RSA key of {bits} bits; from 2048 to 8192 are accepted")]
    RsaSize {
        /// The length of its modulus.
        bits: usize,
    },
}

/// A key of a set that is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {}: {why}", .position + 1)]
pub struct SkippedKey {
    /// Its place in the set, from 0.
    pub position: usize,
    /// Why not.
    pub why: SkipReason,
}

/// Why a key of a set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It cannot be read, or its kind is not known here.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A member that matters has the wrong type.
    #[error("not a JSON web key")]
    NotAKey,
    /// A symmetric key in a set: whoever can read the set could sign.
    #[error("a symmetric key has no place in a set")]
    Symmetric,
    /// Its `use` is not `sig`.
    #[error("its `use` is not `sig`")]
    NotForSignatures,
    /// Its `key_ops` lack `verify`.
    #[error("its `key_ops` lack `verify`")]
    NotForVerifying,
    /// Its `alg` is not known here, or not allowed for the issuer, or does not fit the key.
    #[error("its algorithm is unknown, not allowed, or not of its kind")]
    Algorithm,
    /// Its `kid` is too long.
    #[error("its `kid` is longer than 256 bytes")]
    KeyIdTooLong,
    /// It has no `kid`, and there are other keys.
    #[error("it has no `kid`, and the set has other keys")]
    KeyIdMissing,
    /// Another key has the same `kid`. Neither is used: which one is meant would be a guess.
    #[error("another key has the same `kid`")]
    KeyIdRepeated,
}

impl fmt::Debug for KeySource {
    /// The kind alone: even what should be a public key may turn out to be a private one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicKeyPem(_) => "PublicKeyPem(..)",
            Self::Jwks(_) => "Jwks(..)",
            Self::Secret(_) => "Secret(..)",
            Self::Published(_) => "Published(..)",
        })
    }
}

/// The skipped keys as the tail of a sentence.
fn no_use(skipped: &[SkippedKey]) -> String {
    if skipped.is_empty() { ", which is empty".to_owned() } else { format!(": {}", told(skipped)) }
}

/// The first of the skipped keys, and how many more there are.
pub(super) fn told(skipped: &[SkippedKey]) -> String {
    let mut each: Vec<_> = skipped.iter().take(MOST_TOLD).map(ToString::to_string).collect();
    if skipped.len() > MOST_TOLD {
        each.push(format!("and {} more", skipped.len() - MOST_TOLD));
    }
    each.join("; ")
}
