//! One issuer, ready to judge by: its settings, its keys, its policy.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use super::claims::Policy;
use super::config::{ConfigFault, IssuerConfig, KeySource};
use super::keys::{self, KeySet};
use super::memory::Memory;
use super::provider::Provider;
use super::verified::Generation;

/// An issuer. Never changed: other settings make another one.
pub(super) struct Issuer {
    /// The name in its tokens.
    pub(super) name: Arc<str>,
    /// How its claims are judged.
    pub(super) policy: Policy,
    /// What its signatures are held against.
    keys: IssuerKeys,
    config: IssuerConfig,
    generation: u64,
}

/// Where an issuer's keys are held.
enum IssuerKeys {
    /// Here, for good.
    Configured(Arc<KeySet>),
    /// At its provider, who renews them.
    Published(Arc<Provider>),
}

impl Issuer {
    /// Reads the keys that are at hand. What `before`, the issuer of the same name in an earlier configuration, fetched
    /// from the same place goes on to count.
    pub(super) fn new(config: IssuerConfig, memory: &Memory, before: Option<&Self>) -> Result<Self, ConfigFault> {
        let allowed = config.algorithms.as_slice();
        let keys = match &config.keys {
            KeySource::PublicKeyPem(file) => IssuerKeys::configured(KeySet::of_pem(file, allowed)?),
            KeySource::Jwks(document) => IssuerKeys::configured(KeySet::of_jwks(document, allowed)?),
            KeySource::Secret(secret) => IssuerKeys::configured(KeySet::of_secret(secret.expose_secret(), allowed)?),
            KeySource::Published(published) => {
                keys::all_public(allowed)?;
                let fresh = || Arc::new(Provider::new(published.clone(), allowed.to_vec(), &memory.waiting));
                let before = before.and_then(Self::provider);
                IssuerKeys::Published(before.map_or_else(fresh, |before| before.succeeded_by(published, allowed)))
            }
        };
        let name = Arc::from(config.issuer.as_str());
        let generation = memory.generations.next();
        Ok(Self { name, policy: Policy::of(config.clone()), keys, config, generation })
    }

    /// Whether it is of these very settings.
    pub(super) fn is_of(&self, config: &IssuerConfig) -> bool {
        self.config == *config
    }

    /// Who publishes its keys, if somebody does.
    pub(super) fn provider(&self) -> Option<&Arc<Provider>> {
        match &self.keys {
            IssuerKeys::Configured(_) => None,
            IssuerKeys::Published(provider) => Some(provider),
        }
    }

    /// Whether its tokens are judged by these very settings and keys now.
    pub(super) fn is_in_force(&self, generation: Generation) -> bool {
        let keys = match &self.keys {
            IssuerKeys::Configured(keys) => Some(keys.generation()),
            IssuerKeys::Published(provider) => provider.keys().map(|keys| keys.generation()),
        };
        generation.policy == self.generation && Some(generation.keys) == keys
    }

    /// What its tokens are judged by now; `None` while it has no keys.
    pub(super) fn in_force(&self) -> Option<(Arc<KeySet>, Generation)> {
        let keys = match &self.keys {
            IssuerKeys::Configured(keys) => Arc::clone(keys),
            IssuerKeys::Published(provider) => provider.keys()?,
        };
        let generation = Generation { policy: self.generation, keys: keys.generation() };
        Some((keys, generation))
    }
}

impl IssuerKeys {
    fn configured(keys: KeySet) -> Self {
        Self::Configured(Arc::new(keys))
    }
}
