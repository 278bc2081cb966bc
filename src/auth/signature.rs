//! The one place where signatures are made and checked, by `jsonwebtoken` on top of AWS-LC.
//!
//! Only the library's lowest layer is used: it judges no claim and reads no header, because both are done here,
//! strictly, before and after.

use jsonwebtoken::crypto::{self, aws_lc};
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::algorithm::Algorithm;
use super::token::Token;

/// Names the provider of the cryptography, once per process; later calls change nothing. Without it the library
/// guesses from its compile-time features, and panics at the first token where they are ambiguous. The path below
/// fails to compile instead.
pub(super) fn install_provider() {
    let _already_installed = aws_lc::DEFAULT_PROVIDER.install_default();
}

/// Whether `key` made the token's signature with `algorithm`. A signature that cannot be read is a false one.
pub(super) fn holds(token: &Token<'_>, key: &DecodingKey, algorithm: Algorithm) -> bool {
    crypto::verify(token.signature, token.message.as_bytes(), key, algorithm.into()).unwrap_or(false)
}

/// The signature of `message`, in base64url, or `None` where the key does not fit the algorithm.
pub(super) fn of(message: &str, key: &EncodingKey, algorithm: Algorithm) -> Option<String> {
    crypto::sign(message.as_bytes(), key, algorithm.into()).ok()
}
