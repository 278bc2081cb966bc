//! The first stage: a bearer token comes in, a [`Caller`] goes out, or a [`Rejected`] that says why not.
//!
//! The order of the checks is the design: the form of the token, then whose it says it is, then the signature under
//! that issuer's keys, and only then what it claims. Which keys and algorithms count is decided by the configuration;
//! nothing in a token can add to them. Checking has no side effects, so a refusal leaves nothing behind.

mod algorithm;
mod caller;
mod claims;
mod config;
mod development;
mod issuers;
pub mod keygen;
mod keys;
mod mint;
mod pem;
mod private_key;
mod public_key;
mod rejected;
mod signature;
mod strict_json;
mod tenant_claim;
#[cfg(test)]
mod tests;
mod token;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub use algorithm::{Algorithm, Family, UnusableAlgorithm};
pub use caller::Caller;
pub use config::{ConfigFault, IssuerConfig, KeyFault, KeySource, SkipReason, SkippedKey};
pub use development::NoMinter;
pub use issuers::{Config, IssuerSettings};
pub use mint::{MintFault, Minter, NewToken, SigningKey};
pub use rejected::{Reason, Rejected};
pub use tenant_claim::{NotAClaim, TenantClaim};

use crate::clock::Clock;
use claims::Policy;
use keys::KeySet;
use token::Token;

/// Knows the issuers and judges tokens.
pub struct Authenticator {
    issuers: HashMap<Arc<str>, Issuer>,
    clock: Clock,
}

/// An issuer, ready to judge by.
struct Issuer {
    keys: KeySet,
    skipped: Vec<SkippedKey>,
    policy: Policy,
}

impl Authenticator {
    /// Reads the issuers and their keys. Without issuers it refuses every token.
    ///
    /// All that is wrong is returned, with the index of the issuer (from 0) that it is wrong with.
    pub fn new(issuers: Vec<IssuerConfig>, clock: Clock) -> Result<Self, Vec<(usize, ConfigFault)>> {
        signature::install_provider();
        let mut faults = repeated_names(&issuers);
        let mut known = HashMap::new();
        for (index, config) in issuers.into_iter().enumerate() {
            faults.extend(plain_faults(&config).into_iter().map(|fault| (index, fault)));
            match KeySet::load(&config.keys, &config.algorithms) {
                Ok((keys, skipped)) => {
                    let name = Arc::from(config.issuer.as_str());
                    known.insert(name, Issuer { keys, skipped, policy: Policy::of(config) });
                }
                Err(fault) => faults.push((index, fault)),
            }
        }
        faults.sort_by_key(|(index, _)| *index);
        if faults.is_empty() { Ok(Self { issuers: known, clock }) } else { Err(faults) }
    }

    /// Whose token this is. Takes the bare token, without `Bearer`.
    pub fn authenticate(&self, token: &str) -> Result<Caller, Rejected> {
        let token = Token::read(token)?;
        let (name, issuer) = self.issuer_of(&token)?;
        let key = issuer.keys.find(token.header.key_id.as_deref()).ok_or(Reason::KeyUnknown)?;
        key.check(&token)?;
        issuer.policy.judge(&token.claims, name, self.clock.now())
    }

    /// The names of the issuers with the keys that were found in their sets and are not used.
    pub fn skipped_keys(&self) -> impl Iterator<Item = (&str, &[SkippedKey])> {
        self.issuers.iter().map(|(name, issuer)| (&**name, issuer.skipped.as_slice()))
    }

    /// The issuer that the token names. It chooses which keys the token has to hold against and vouches for nothing;
    /// after the signature it is known to be true, because no issuer's keys serve another.
    fn issuer_of(&self, token: &Token<'_>) -> Result<(&Arc<str>, &Issuer), Reason> {
        let name = token.claims.get("iss").and_then(Value::as_str).ok_or(Reason::IssuerMissing)?;
        self.issuers.get_key_value(name).ok_or(Reason::IssuerUnknown)
    }
}

impl fmt::Debug for Authenticator {
    /// The issuers' names alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.issuers.keys().collect();
        names.sort_unstable();
        f.debug_struct("Authenticator").field("issuers", &names).finish_non_exhaustive()
    }
}

/// Issuers that have the name of one before them.
fn repeated_names(issuers: &[IssuerConfig]) -> Vec<(usize, ConfigFault)> {
    let first_of = |name: &str| issuers.iter().position(|config| config.issuer == name);
    let repeated = |(index, config): (usize, &IssuerConfig)| {
        let first = first_of(&config.issuer).filter(|first| *first < index)?;
        Some((index, ConfigFault::IssuerRepeated { first }))
    };
    issuers.iter().enumerate().filter_map(repeated).collect()
}

/// What is wrong with an issuer before its keys are looked at.
fn plain_faults(config: &IssuerConfig) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    if config.issuer.is_empty() {
        faults.push(ConfigFault::IssuerEmpty);
    }
    if config.audiences.is_empty() || config.audiences.iter().any(String::is_empty) {
        faults.push(ConfigFault::AudienceMissing);
    }
    if config.max_lifetime.is_zero() {
        faults.push(ConfigFault::LifetimeZero);
    }
    faults
}
