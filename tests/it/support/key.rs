//! A signing key of an issuer, and the tokens it signs.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretSlice};
use sluice::auth::keygen::{self, KeyPair};
use sluice::auth::{Algorithm, Minter, NewToken, Shape, SigningKey};
use sluice::clock::Clock;

/// A key pair; its public half may be configured or published.
pub(crate) struct Key(pub(crate) KeyPair);

impl Key {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self(keygen::generate(algorithm).unwrap())
    }

    /// A token of this issuer for tenant red.
    pub(crate) fn token(&self, issuer: &str) -> String {
        self.token_with(issuer, None)
    }

    /// The same under a name for the key that may be another's.
    pub(crate) fn token_with(&self, issuer: &str, key_id: Option<String>) -> String {
        self.token_as(issuer, key_id, &Shape::default(), |_| ())
    }

    /// A token that `change` has had its way with.
    pub(crate) fn token_as<'a>(
        &self,
        issuer: &'a str,
        key_id: Option<String>,
        shape: &Shape<'_>,
        change: impl FnOnce(&mut NewToken<'a>),
    ) -> String {
        let pem = self.0.private_pem.expose_secret().as_bytes().to_vec();
        let minter = Minter::new(&SigningKey::PrivateKeyPem(SecretSlice::from(pem)), &[], key_id).unwrap();
        let mut token = NewToken {
            issuer,
            audience: "sluice",
            tenant_claim: Box::leak(Box::default()),
            tenant: "red",
            subject: "tester",
            scope: "",
            issued_at: Clock::system().now(),
            ttl: Duration::from_secs(3600),
            token_id: None,
            not_before: None,
        };
        change(&mut token);
        minter.mint_as(&token, shape).unwrap()
    }
}
