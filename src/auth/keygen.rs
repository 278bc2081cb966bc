//! New key pairs for development: the private half to sign tokens with, the public half for an issuer's
//! configuration, as PEM and as a key set. Made in memory; nothing is written anywhere.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::pem;
use super::private_key::PrivateKey;

/// A key pair in the forms its two sides are asked for.
#[derive(Debug)]
pub struct KeyPair {
    /// The private key: PKCS#8 in PEM.
    pub private_pem: SecretString,
    /// The public key: `SubjectPublicKeyInfo` in PEM.
    pub public_pem: String,
    /// The public key's thumbprint (RFC 7638): its `kid` in the key set.
    pub key_id: String,
    /// The public key as a JSON web key, with `kid`, `alg` and `use`.
    pub jwk: Value,
}

/// Why there is no key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeygenFault {
    /// The algorithm works with a secret, which is no pair.
    #[error("this algorithm works with a shared secret; any file of 64 random bytes is one")]
    Symmetric,
    /// The cryptography failed.
    #[error("the key pair could not be made")]
    Failed,
}

impl KeyPair {
    /// The key set, as JSON, that holds this key alone.
    pub fn jwks(&self) -> String {
        json!({"keys": [&self.jwk]}).to_string()
    }
}

/// A new key pair for `algorithm`. One for RSA has 3072 bits and takes a noticeable time.
pub fn generate(algorithm: Algorithm) -> Result<KeyPair, KeygenFault> {
    let key = PrivateKey::generate(algorithm.family()).ok_or(KeygenFault::Symmetric)?;
    let key = key.map_err(|_| KeygenFault::Failed)?;
    let private = key.pkcs8().map_err(|_| KeygenFault::Failed)?;
    let public = key.public_der().map_err(|_| KeygenFault::Failed)?;
    let key_id = key.thumbprint();
    let mut jwk = json!(key.jwk_members());
    for (name, value) in [("kid", key_id.as_str()), ("alg", algorithm.as_str()), ("use", "sig")] {
        if let Some(members) = jwk.as_object_mut() {
            members.insert(name.to_owned(), Value::from(value));
        }
    }
    Ok(KeyPair {
        private_pem: SecretString::from(pem::written("PRIVATE KEY", &private).as_str()),
        public_pem: pem::written("PUBLIC KEY", public.as_ref()).to_string(),
        key_id,
        jwk,
    })
}
