//! Development tokens: signed with a local key, for demos, tests and the command line. Production tokens come from
//! the issuer, never from here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::{Map, Value, json};

use super::algorithm::{Algorithm, listed};
use super::config::ConfigFault;
use super::keys::algorithms_for_secret;
use super::private_key::PrivateKey;
use super::signature;
use super::tenant_claim::TenantClaim;
use super::token_type::TokenType;

/// What signs development tokens.
#[derive(Clone, Debug)]
pub enum SigningKey {
    /// A private key in PEM: PKCS#8, PKCS#1 (RSA) or SEC 1 (curves); RSA, P-256, P-384 or Ed25519.
    PrivateKeyPem(SecretSlice<u8>),
    /// The secret that the issuer is configured with.
    Secret(SecretSlice<u8>),
}

/// Signs tokens with one key. Its `Debug` withholds the key.
#[derive(Debug)]
pub struct Minter {
    algorithm: Algorithm,
    key: EncodingKey,
    key_id: Option<String>,
}

/// What a new token says. Its times are written in whole seconds.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub audience: &'a str,
    /// Where the tenant goes; objects on the way to it are made.
    pub tenant_claim: &'a TenantClaim,
    /// The tenant.
    pub tenant: &'a str,
    /// `sub`. Where the tenant claim is `sub` itself, the tenant takes its place.
    pub subject: &'a str,
    /// `scope`: words with spaces between; empty for none.
    pub scope: &'a str,
    /// `iat`.
    pub issued_at: Timestamp,
    /// From `iat` to `exp`.
    pub ttl: Duration,
    /// `jti`.
    pub token_id: Option<&'a str>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
}

/// How an issuer's tokens are made, besides what they say. The default is that of an issuer without settings of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    /// What the header's `typ` says.
    pub token_type: TokenType,
    /// What stands where the tenant is looked for, in its place: a list. Empty: the tenant itself.
    pub entries: &'a [String],
    /// `client_id`.
    pub client_id: Option<&'a str>,
    /// The claim that the scopes go into; `None` for `scope`.
    pub scope_claim: Option<&'a str>,
}

/// Claims that hold one text and cannot hold a list, even where the tenant is looked for there.
const TEXTS: [&str; 3] = ["sub", "jti", "client_id"];

/// Why no token was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintFault {
    /// The file is not one private key of a known kind.
    #[error("not a private key that can be used here: one of RSA (2048 bits or more), P-256, P-384 or Ed25519, in PEM")]
    KeyUnreadable,
    /// The private key is under a passphrase.
    #[error("the private key is encrypted; give it in the clear (`openssl pkey`)")]
    KeyEncrypted,
    /// A public key cannot sign.
    #[error("this is a public key; its private half is needed to sign")]
    KeyPublic,
    /// The issuer accepts no algorithm that the key can sign with.
    #[error("the issuer accepts none of the algorithms this key signs with: {}", listed(.fitting))]
    AlgorithmMismatch {
        /// What the key could be used with.
        fitting: Vec<Algorithm>,
    },
    /// The secret does not do for the issuer's algorithms.
    #[error(transparent)]
    Secret(ConfigFault),
    /// The tenant claim lies where another claim is.
    #[error("the tenant claim lies where the token has another claim")]
    TenantClaimTaken,
    /// The expiry would lie beyond the calendar.
    #[error("the token would expire beyond the end of the calendar")]
    TtlTooLong,
    /// The cryptography failed.
    #[error("the token could not be signed")]
    Signing,
}

impl Minter {
    /// Takes the first of the issuer's `algorithms` that fits the key, or the key's usual one where none is listed.
    ///
    /// Without a `key_id` the tokens name the key by its thumbprint (RFC 7638), as the key sets of
    /// [`keygen`](super::keygen) do; with a secret they name none.
    pub fn new(key: &SigningKey, algorithms: &[Algorithm], key_id: Option<String>) -> Result<Self, MintFault> {
        signature::install_provider();
        match key {
            SigningKey::PrivateKeyPem(file) => {
                let key = PrivateKey::from_pem(file.expose_secret())?;
                let fitting = key.family().algorithms();
                let chosen = algorithms.iter().find(|algorithm| fitting.contains(algorithm));
                let chosen = chosen.or(if algorithms.is_empty() { fitting.first() } else { None });
                let algorithm = *chosen.ok_or_else(|| MintFault::AlgorithmMismatch { fitting: fitting.to_vec() })?;
                let key_id = key_id.unwrap_or_else(|| key.thumbprint());
                let key = key.encoding_key().map_err(|_| MintFault::KeyUnreadable)?;
                Ok(Self { algorithm, key, key_id: Some(key_id) })
            }
            SigningKey::Secret(secret) => {
                let secret = secret.expose_secret();
                let usable = algorithms_for_secret(secret.len(), algorithms).map_err(MintFault::Secret)?;
                let algorithm = *usable.first().ok_or(MintFault::Signing)?;
                Ok(Self { algorithm, key: EncodingKey::from_secret(secret), key_id })
            }
        }
    }

    /// The algorithm its tokens are signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A token that says this.
    pub fn mint(&self, token: &NewToken<'_>) -> Result<String, MintFault> {
        self.mint_as(token, &Shape::default())
    }

    /// A token that says this, made like those of an issuer with settings of its own.
    pub fn mint_as(&self, token: &NewToken<'_>, shape: &Shape<'_>) -> Result<String, MintFault> {
        self.sign_as(&token.claims(shape)?, shape.token_type)
    }

    /// A token with this payload, whatever it is.
    #[cfg(test)]
    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Result<String, MintFault> {
        self.sign_as(claims, TokenType::Any)
    }

    /// A token of this type with this payload, whatever it is.
    pub(super) fn sign_as(&self, claims: &Map<String, Value>, typ: TokenType) -> Result<String, MintFault> {
        let mut header = json!({"typ": typ.written(), "alg": self.algorithm.as_str()});
        if let (Some(key_id), Some(members)) = (&self.key_id, header.as_object_mut()) {
            members.insert("kid".to_owned(), Value::from(key_id.as_str()));
        }
        let payload = serde_json::to_string(claims).map_err(|_| MintFault::Signing)?;
        self.sign_text(&header.to_string(), &payload)
    }

    /// A token of this header and payload, to the letter.
    pub(super) fn sign_text(&self, header: &str, payload: &str) -> Result<String, MintFault> {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = signature::of(&message, &self.key, self.algorithm).ok_or(MintFault::Signing)?;
        Ok(format!("{message}.{signature}"))
    }
}

impl NewToken<'_> {
    /// The payload.
    pub(super) fn claims(&self, shape: &Shape<'_>) -> Result<Map<String, Value>, MintFault> {
        let expires_at = self.issued_at.checked_add(self.ttl).map_err(|_| MintFault::TtlTooLong)?;
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", self.issuer.into());
        put("aud", self.audience.into());
        put("sub", self.subject.into());
        put("iat", self.issued_at.as_second().into());
        put("exp", expires_at.as_second().into());
        if !self.scope.is_empty() {
            put(shape.scope_claim.unwrap_or("scope"), self.scope.into());
        }
        if let Some(token_id) = self.token_id {
            put("jti", token_id.into());
        }
        if let Some(not_before) = self.not_before {
            put("nbf", not_before.as_second().into());
        }
        if let Some(client_id) = shape.client_id {
            put("client_id", client_id.into());
        }
        let top = self.tenant_claim.top();
        if claims.contains_key(top) && top != "sub" {
            return Err(MintFault::TenantClaimTaken);
        }
        let said = match shape.entries {
            [] => Value::from(self.tenant),
            [entry, ..] if TEXTS.contains(&top) => Value::from(entry.as_str()),
            entries => Value::from(entries),
        };
        self.tenant_claim.place(said, &mut claims).ok_or(MintFault::TenantClaimTaken)?;
        Ok(claims)
    }
}
