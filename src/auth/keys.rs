//! An issuer's keys: a key's name in, the key and the algorithms it may be used with out.
//!
//! A set is built once, whole, and never changed: newer keys make a new set.

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, Family};
use super::config::{ConfigFault, SkipReason, SkippedKey};
use super::public_key::{JwkMaterial, PublicKey};
use super::rejected::Reason;
use super::signature;
use super::token::{MAX_KEY_ID, Token};
use crate::model::Object;

/// Providers publish a handful. What says more is no key set.
const MOST_KEYS: usize = 256;

/// The keys of one issuer, and those that were left out of its set.
pub(super) struct KeySet {
    keys: Keys,
    skipped: Vec<SkippedKey>,
    generation: u64,
}

enum Keys {
    /// One key that was configured. It needs no name, so whatever `kid` a token gives is as good as none.
    One(VerifyingKey),
    /// Keys of a set.
    Set {
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
    /// The public key of a PEM file.
    pub(super) fn of_pem(file: &[u8], allowed: &[Algorithm]) -> Result<Self, ConfigFault> {
        let public = PublicKey::from_pem(file)?;
        all_among(allowed, public.family.algorithms())?;
        Ok(Self::one(public.key, public.family.narrowed_to(allowed)))
    }

    /// A secret that is shared with the issuer.
    pub(super) fn of_secret(secret: &[u8], allowed: &[Algorithm]) -> Result<Self, ConfigFault> {
        let algorithms = algorithms_for_secret(secret.len(), allowed)?;
        Ok(Self::one(DecodingKey::from_secret(secret), algorithms))
    }

    fn one(key: DecodingKey, algorithms: Vec<Algorithm>) -> Self {
        Self { keys: Keys::One(VerifyingKey { algorithms, key }), skipped: Vec::new(), generation: 0 }
    }

    /// A JSON web key set, read key by key, so that one bad key costs only itself.
    pub(super) fn of_jwks(document: &[u8], allowed: &[Algorithm]) -> Result<Self, ConfigFault> {
        all_public(allowed)?;
        let Object(set): Object<SetDocument> =
            serde_json::from_slice(document).map_err(|_| ConfigFault::KeySetUnreadable)?;
        if set.keys.len() > MOST_KEYS {
            return Err(ConfigFault::TooManyKeys { most: MOST_KEYS });
        }
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
        Ok(Self { keys: Keys::Set { named, unnamed }, skipped, generation: 0 })
    }

    /// The same set as one of a series, told from the others by this number.
    pub(super) fn of_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// Which of its issuer's sets it is; 0 for one that was configured, and is the only one.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// How many keys can be used.
    pub(super) fn len(&self) -> usize {
        match &self.keys {
            Keys::One(_) => 1,
            Keys::Set { named, unnamed } => named.len() + usize::from(unnamed.is_some()),
        }
    }

    /// Those that cannot.
    pub(super) fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The key that a token means.
    pub(super) fn find(&self, key_id: Option<&str>) -> Option<&VerifyingKey> {
        match (&self.keys, key_id) {
            (Keys::One(key), _) => Some(key),
            (Keys::Set { unnamed, .. }, None) => unnamed.as_ref(),
            (Keys::Set { named, .. }, Some(key_id)) => named.get(key_id),
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

/// Whether what is allowed can be verified with published keys at all: whoever can read a set knows what is in it.
pub(super) fn all_public(allowed: &[Algorithm]) -> Result<(), ConfigFault> {
    let public: Vec<_> = Algorithm::ALL.into_iter().filter(|a| a.family() != Family::Secret).collect();
    all_among(allowed, &public)
}

fn all_among(allowed: &[Algorithm], fitting: &[Algorithm]) -> Result<(), ConfigFault> {
    match allowed.iter().find(|algorithm| !fitting.contains(algorithm)) {
        Some(algorithm) => Err(ConfigFault::AlgorithmMismatch { algorithm: *algorithm, fitting: fitting.to_vec() }),
        None => Ok(()),
    }
}
