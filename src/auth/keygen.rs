//! New keys for development: pairs, with the private half to sign tokens with and the public half for an issuer's
//! configuration, as PEM and as a key set; and secrets. Made in memory; nothing is written anywhere.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Value, json};
use zeroize::Zeroizing;

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

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeygenFault {
    /// The algorithm works with a secret, which is no pair.
    #[error("this algorithm works with a shared secret, which is no pair")]
    Symmetric,
    /// The cryptography failed.
    #[error("the key could not be made")]
    Failed,
}

impl KeyPair {
    /// The key set, as JSON to be read by eye, that holds this key alone.
    pub fn jwks(&self) -> String {
        format!("{:#}\n", json!({"keys": [&self.jwk]}))
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

/// A new secret: 64 random bytes, which is enough for every algorithm of its family, as printable text. The text is
/// the secret, to the letter.
pub fn secret() -> Result<SecretString, KeygenFault> {
    let mut bytes = Zeroizing::new([0; 64]);
    rand::fill(bytes.as_mut()).map_err(|_| KeygenFault::Failed)?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
}
