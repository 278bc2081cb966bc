//! An issuer's keys: a key's name in, the key and the algorithms it may be used with out.
//!
//! A set is built once, whole, and never changed: newer keys make a new set.

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, Family};
use super::config::{ConfigFault, KeySource, SkipReason, SkippedKey};
use super::public_key::{JwkMaterial, PublicKey};
use super::rejected::Reason;
use super::signature;
use super::token::{MAX_KEY_ID, Token};

/// The keys of one issuer.
pub(super) enum KeySet {
    /// One key that was configured. It needs no name, so whatever `kid` a token gives is as good as none.
    Configured(VerifyingKey),
    /// Keys that the issuer published.
    Published {
        /// Those with a name.
        named: HashMap<String, VerifyingKey>,
        /// A key without a name, which must be the only one. It serves the tokens that name none.
        unnamed: Option<VerifyingKey>,
    },
}

/// A key, and what it may be used for.
pub(super) struct VerifyingKey {
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// Reads a source. With the set come the keys that were left out of it.
    pub(super) fn load(source: &KeySource, allowed: &[Algorithm]) -> Result<(Self, Vec<SkippedKey>), ConfigFault> {
        match source {
            KeySource::PublicKeyPem(file) => {
                let public = PublicKey::from_pem(file)?;
                all_among(allowed, public.family.algorithms())?;
                let algorithms = public.family.narrowed_to(allowed);
                Ok((Self::Configured(VerifyingKey { algorithms, key: public.key }), Vec::new()))
            }
            KeySource::Secret(secret) => {
                let secret = secret.expose_secret();
                let algorithms = algorithms_for_secret(secret.len(), allowed)?;
                let key = DecodingKey::from_secret(secret);
                Ok((Self::Configured(VerifyingKey { algorithms, key }), Vec::new()))
            }
            KeySource::Jwks(document) => {
                let public: Vec<_> = Algorithm::ALL.into_iter().filter(|a| a.family() != Family::Secret).collect();
                all_among(allowed, &public)?;
                Self::published(document, allowed)
            }
        }
    }

    /// Reads a JSON web key set, key by key, so that one bad key costs only itself.
    fn published(document: &[u8], allowed: &[Algorithm]) -> Result<(Self, Vec<SkippedKey>), ConfigFault> {
        let set: SetDocument = serde_json::from_slice(document).map_err(|_| ConfigFault::KeySetUnreadable)?;
        let mut usable = Vec::new();
        let mut skipped = Vec::new();
        for (position, entry) in set.keys.iter().enumerate() {
            match read_entry(entry, allowed) {
                Ok((key_id, key)) => usable.push((position, key_id, key)),
                Err(why) => skipped.push(SkippedKey { position, why }),
            }
        }
        let mut bearers: HashMap<Option<String>, usize> = HashMap::new();
        for (_, key_id, _) in &usable {
            *bearers.entry(key_id.clone()).or_default() += 1;
        }
        let alone = usable.len() == 1;
        let (mut named, mut unnamed) = (HashMap::new(), None);
        for (position, key_id, key) in usable {
            let repeated = bearers.get(&key_id).is_some_and(|bearers| *bearers > 1);
            match key_id {
                None if alone => unnamed = Some(key),
                None => skipped.push(SkippedKey { position, why: SkipReason::KeyIdMissing }),
                Some(_) if repeated => skipped.push(SkippedKey { position, why: SkipReason::KeyIdRepeated }),
                Some(key_id) => {
                    named.insert(key_id, key);
                }
            }
        }
        skipped.sort_by_key(|key| key.position);
        if named.is_empty() && unnamed.is_none() {
            return Err(ConfigFault::NoUsableKey { skipped });
        }
        Ok((Self::Published { named, unnamed }, skipped))
    }

    /// The key that a token means.
    pub(super) fn find(&self, key_id: Option<&str>) -> Option<&VerifyingKey> {
        match (self, key_id) {
            (Self::Configured(key), _) => Some(key),
            (Self::Published { unnamed, .. }, None) => unnamed.as_ref(),
            (Self::Published { named, .. }, Some(key_id)) => named.get(key_id),
        }
    }
}

impl VerifyingKey {
    /// Holds the token's signature against this key. The key says which algorithms will do; the token's header only
    /// says which of them it was.
    pub(super) fn check(&self, token: &Token<'_>) -> Result<(), Reason> {
        let algorithm = token.header.algorithm;
        if !self.algorithms.contains(&algorithm) {
            return Err(Reason::AlgorithmRefused);
        }
        if signature::holds(token, &self.key, algorithm) { Ok(()) } else { Err(Reason::Signature) }
    }
}

/// The outside of a key set. Each key is read on its own.
#[derive(Deserialize)]
struct SetDocument {
    keys: Vec<Value>,
}

/// The members of a JWK that say what it is for (RFC 7517, 4).
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    #[serde(flatten)]
    material: JwkMaterial,
}

/// A key of a set, with its name, if it may be used at all.
fn read_entry(entry: &Value, allowed: &[Algorithm]) -> Result<(Option<String>, VerifyingKey), SkipReason> {
    let entry = Entry::deserialize(entry).map_err(|_| SkipReason::NotAKey)?;
    if entry.material.is_symmetric() {
        return Err(SkipReason::Symmetric);
    }
    if entry.usage.is_some_and(|usage| usage != "sig") {
        return Err(SkipReason::NotForSignatures);
    }
    if entry.key_ops.is_some_and(|uses| !uses.iter().any(|operation| operation == "verify")) {
        return Err(SkipReason::NotForVerifying);
    }
    if entry.kid.as_ref().is_some_and(|key_id| key_id.len() > MAX_KEY_ID) {
        return Err(SkipReason::KeyIdTooLong);
    }
    let PublicKey { family, key } = PublicKey::from_jwk(&entry.material)?;
    let mut algorithms = family.narrowed_to(allowed);
    if let Some(name) = entry.alg {
        algorithms.retain(|algorithm| name.parse() == Ok(*algorithm));
    }
    if algorithms.is_empty() {
        return Err(SkipReason::Algorithm);
    }
    Ok((entry.kid, VerifyingKey { algorithms, key }))
}

/// Those that a secret of `length` bytes is long enough for. One that was asked for and is not among them is a fault.
pub(super) fn algorithms_for_secret(length: usize, allowed: &[Algorithm]) -> Result<Vec<Algorithm>, ConfigFault> {
    all_among(allowed, Family::Secret.algorithms())?;
    let too_short = |algorithm: &Algorithm| length < algorithm.shortest_secret();
    let asked = if allowed.is_empty() { &[Algorithm::Hs256] } else { allowed };
    if let Some(algorithm) = asked.iter().copied().find(too_short) {
        return Err(ConfigFault::SecretTooShort { algorithm, needed: algorithm.shortest_secret() });
    }
    let mut algorithms = Family::Secret.narrowed_to(allowed);
    algorithms.retain(|algorithm| !too_short(algorithm));
    Ok(algorithms)
}

fn all_among(allowed: &[Algorithm], fitting: &[Algorithm]) -> Result<(), ConfigFault> {
    match allowed.iter().find(|algorithm| !fitting.contains(algorithm)) {
        Some(algorithm) => Err(ConfigFault::AlgorithmMismatch { algorithm: *algorithm, fitting: fitting.to_vec() }),
        None => Ok(()),
    }
}
