//! The first stage: a bearer token comes in, a [`Caller`] goes out, or a [`Rejected`] that says why not.
//!
//! The order of the checks is the design: the form of the token, then whose it says it is, then the signature under
//! that issuer's keys, then what it claims and whether it was revoked, and last what it lacks of scopes. Which keys and algorithms count is decided
//! by the configuration; nothing in a token can add to them. A token that passed is remembered for as long as the same
//! keys and settings are in force; one that was refused leaves nothing behind.

mod algorithm;
mod caller;
mod claims;
mod config;
mod development;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod issuer;
mod issuers;
pub mod keygen;
mod keys;
mod memory;
mod mint;
mod pem;
mod private_key;
mod profile;
mod provider;
mod public_key;
mod rejected;
mod revocations;
mod signature;
mod strict_json;
mod tenant_claim;
mod tenant_rules;
#[cfg(test)]
mod tests;
mod token;
mod token_type;
mod verified;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::quality::RandomState;
use jiff::Timestamp;
use serde_json::Value;

pub use algorithm::{Algorithm, Family, UnusableAlgorithm};
pub use caller::{Caller, Tenants};
pub use claims::LONGEST_NAME;
pub use config::{ConfigFault, IssuerConfig, KeyFault, KeySource, LONGEST_LEEWAY, SkipReason, SkippedKey};
pub use development::NoMinter;
pub use issuers::{Config, IssuerSettings};
pub use mint::{MintFault, Minter, NewToken, Shape, SigningKey};
pub use profile::Profile;
pub use provider::{FetchFault, NoClient, Place, PlaceFault, ProviderStanding, Published};
pub use rejected::{Reason, Rejected};
pub use revocations::{Revocation, Target, TooMany};
pub use tenant_claim::{NotAClaim, TenantClaim};
pub use tenant_rules::{RuleFault, TenantRule, TenantRules};
pub use token_type::TokenType;
pub use verified::TokenHash;

use crate::clock::Clock;
use issuer::Issuer;
use memory::Memory;
use provider::{KeyClient, Provider, Subscriber};
use token::Token;
use verified::Verified;

/// Knows the issuers and judges tokens.
pub struct Authenticator {
    issuers: HashMap<Arc<str>, Arc<Issuer>, RandomState>,
    memory: Memory,
    clock: Clock,
}

/// How an issuer stands, for the operator.
#[derive(Clone, Debug)]
pub struct IssuerStanding {
    /// The name in its tokens.
    pub issuer: Arc<str>,
    /// How many keys there are to verify with.
    pub keys: usize,
    /// The keys that were found in its set and are not used.
    pub skipped: Vec<SkippedKey>,
    /// Where its keys are published, if they are.
    pub provider: Option<ProviderStanding>,
}

/// The caller of a remembered token: proof like a `Caller` of one's own, and shared with the memory.
pub struct Recalled(Arc<Verified>);

impl Recalled {
    /// Who it is.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// What finds it again.
    pub fn known(&self) -> Known {
        Known(Arc::downgrade(&self.0))
    }
}

/// A remembered token, for as long as it is remembered.
pub struct Known(Weak<Verified>);

impl Known {
    /// Whether it is remembered, and has not expired.
    pub fn lives(&self, now: Timestamp) -> bool {
        self.0.upgrade().is_some_and(|verified| now < verified.dies_at)
    }
}

/// A refusal, and what could cure it.
struct Refused<'a> {
    why: Rejected,
    cure: Option<NewerKeys<'a>>,
}

/// Other keys of this provider than those that the token was held against; `None` where there were none.
struct NewerKeys<'a> {
    of: &'a Provider,
    than: Option<u64>,
}

impl Authenticator {
    /// Reads the issuers and the keys that are at hand. Without issuers it refuses every token.
    ///
    /// All that is wrong is returned, with the index of the issuer (from 0) that it is wrong with.
    pub fn new(issuers: Vec<IssuerConfig>, clock: Clock) -> Result<Self, Vec<(usize, ConfigFault)>> {
        let nothing = Self { issuers: HashMap::default(), memory: Memory::default(), clock };
        nothing.succeeded_by(issuers)
    }

    /// The verifier of a new configuration. It remembers what this one remembers: what was revoked stays revoked, and
    /// issuers whose settings did not change keep their keys and their verified tokens.
    pub fn succeeded_by(&self, issuers: Vec<IssuerConfig>) -> Result<Self, Vec<(usize, ConfigFault)>> {
        signature::install_provider();
        let memory = self.memory.clone();
        let mut faults = repeated_names(&issuers);
        let mut known = HashMap::default();
        for (index, config) in issuers.into_iter().enumerate() {
            faults.extend(plain_faults(&config).into_iter().map(|fault| (index, fault)));
            let before = self.issuers.get(config.issuer.as_str());
            let issuer = match before.filter(|issuer| issuer.is_of(&config)) {
                Some(same) => Ok(Arc::clone(same)),
                None => Issuer::new(config, &memory, before.map(|issuer| &**issuer)).map(Arc::new),
            };
            match issuer {
                Ok(issuer) => {
                    known.insert(Arc::clone(&issuer.name), issuer);
                }
                Err(fault) => faults.push((index, fault)),
            }
        }
        faults.sort_by_key(|(index, _)| *index);
        if faults.is_empty() { Ok(Self { issuers: known, memory, clock: self.clock.clone() }) } else { Err(faults) }
    }

    /// Begins to fetch the keys of issuers that publish them, and goes on for as long as the issuers are in force.
    /// Within a runtime.
    pub fn begin(&self) -> Result<(), NoClient> {
        let published = self.issuers.values().filter_map(|issuer| Some((issuer, issuer.provider()?)));
        let idle: Vec<_> = published.filter(|(_, provider)| !provider.has_begun()).collect();
        if !idle.is_empty() {
            let client = KeyClient::new()?;
            for (issuer, provider) in idle {
                let Memory { verified, generations, .. } = self.memory.clone();
                let subscriber = Subscriber::new(Arc::clone(&issuer.name), verified, generations, self.clock.clone());
                provider.begin(&client, subscriber);
            }
        }
        Ok(())
    }

    /// Gives back the room of what was verified for issuers that this verifier has not, or not as `before` had them.
    /// To be called when it has taken over.
    pub fn forget_those_of(&self, before: &Self) {
        for issuer in before.issuers.values() {
            if !self.issuers.get(&issuer.name).is_some_and(|now| Arc::ptr_eq(now, issuer)) {
                self.memory.verified.forget_issuer(&issuer.name);
            }
        }
    }

    /// Whose token this is. Takes the bare token, without `Bearer`. Where it names a key that is not known, or there
    /// are no keys yet, it may wait for less than a second for the issuer's keys.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Rejected> {
        match self.judge(token) {
            Ok(caller) => Ok(caller),
            Err(Refused { why, cure: None }) => Err(why),
            Err(Refused { cure: Some(newer), why }) => {
                newer.of.renewed().await;
                let now_held = newer.of.keys().map(|keys| keys.generation());
                if now_held == newer.than { Err(why) } else { self.judge(token).map_err(|refused| refused.why) }
            }
        }
    }

    /// The same with the keys that are held.
    fn judge(&self, text: &str) -> Result<Caller, Refused<'_>> {
        let now = self.now();
        token::in_bounds(text)?;
        let hash = self.hash(text.as_bytes());
        if let Some(verified) = self.remembered(&hash, now) {
            let revoked = verified.is_revoked(&self.memory.revocations);
            return if revoked { Err(Reason::Revoked.into()) } else { Ok(verified.caller.clone()) };
        }
        let token = Token::read(text)?;
        let issuer = self.issuer_of(&token)?;
        let provider = issuer.provider().map(|provider| &**provider);
        let Some((keys, generation)) = issuer.in_force() else {
            let wait = provider.map_or(Duration::ZERO, Provider::next_look);
            let cure = provider.map(|of| NewerKeys { of, than: None });
            return Err(Refused { why: Rejected::KeysUnavailable { wait }, cure });
        };
        let key_id = token.header.key_id.as_deref();
        let unknown = || {
            // Which key a token means that names none, newer keys cannot tell.
            let of = provider.filter(|_| key_id.is_some());
            let cure = of.map(|of| NewerKeys { of, than: Some(keys.generation()) });
            Refused { why: Reason::KeyUnknown.into(), cure }
        };
        let key = keys.find(key_id).ok_or_else(unknown)?;
        key.check(&token)?;
        let caller = issuer.policy.judge(&token, &issuer.name, now)?;
        let edition = self.memory.revocations.edition();
        if self.memory.revocations.mean(&caller) {
            return Err(Reason::Revoked.into());
        }
        issuer.policy.require_scopes(&caller)?;
        if let Some(dies_at) = issuer.policy.dies_at(&caller) {
            let verified = Verified::new(caller.clone(), generation, now, dies_at, edition);
            self.memory.verified.keep(hash, verified);
        }
        Ok(caller)
    }

    /// What a token is known by here, as long as the process lives.
    pub fn hash(&self, token: &[u8]) -> TokenHash {
        self.memory.verified.hash(token)
    }

    /// The caller of a token that was verified a moment ago and still counts, found without another look at it. `None`
    /// says nothing: `authenticate` judges.
    pub fn recall(&self, token: &TokenHash, now: Timestamp) -> Option<Recalled> {
        let verified = self.remembered(token, now)?;
        (!verified.is_revoked(&self.memory.revocations)).then_some(Recalled(verified))
    }

    /// The same for a token that was recalled before.
    pub fn recall_known(&self, Known(token): &Known, now: Timestamp) -> Option<Recalled> {
        let verified = token.upgrade()?;
        let counts = self.verifies_again(&verified, now) && !verified.is_revoked(&self.memory.revocations);
        counts.then_some(Recalled(verified))
    }

    /// A token that was verified before, if it would be verified again; it may have been revoked.
    fn remembered(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<Verified>> {
        let verified = self.memory.verified.get(hash)?;
        if self.verifies_again(&verified, now) {
            return Some(verified);
        }
        self.memory.verified.forget(hash);
        None
    }

    /// Whether a token that was verified before would be again: whether the same keys and settings are in force, and its
    /// times are what they were.
    fn verifies_again(&self, verified: &Verified, now: Timestamp) -> bool {
        let issuer = self.issuers.get(verified.caller.issuer());
        let same = issuer.is_some_and(|issuer| issuer.is_in_force(verified.generation));
        // Before its verification, its times have to be looked at again: somebody has set the clock. By a second, as time
        // services do all the time, is no matter.
        let set_back = now.as_second() + 1 < verified.since.as_second();
        same && !set_back && now < verified.dies_at
    }

    /// The time by which tokens are judged.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Refuses tokens from now on, those that were verified before included.
    pub fn revoke(&self, revocation: Revocation) -> Result<(), TooMany> {
        self.memory.revocations.add(revocation, self.clock.now())
    }

    /// All that is revoked.
    pub fn revoked(&self) -> Vec<Revocation> {
        self.memory.revocations.all()
    }

    /// How many revocations are kept.
    pub fn revocations(&self) -> usize {
        self.memory.revocations.len()
    }

    /// Whether there is an issuer of this name.
    pub fn knows(&self, issuer: &str) -> bool {
        self.issuers.contains_key(issuer)
    }

    /// How the issuers stand, by name.
    pub fn standing(&self) -> Vec<IssuerStanding> {
        let of = |issuer: &Arc<Issuer>| {
            let keys = issuer.in_force().map(|(keys, _)| keys);
            IssuerStanding {
                issuer: Arc::clone(&issuer.name),
                keys: keys.as_ref().map_or(0, |keys| keys.len()),
                skipped: keys.map_or_else(Vec::new, |keys| keys.skipped().to_vec()),
                provider: issuer.provider().map(|provider| provider.standing()),
            }
        };
        let mut standing: Vec<_> = self.issuers.values().map(of).collect();
        standing.sort_by(|one, other| one.issuer.cmp(&other.issuer));
        standing
    }

    /// The issuer that the token names. It chooses which keys the token has to hold against and vouches for nothing;
    /// after the signature it is known to be true, because no issuer's keys serve another.
    fn issuer_of(&self, token: &Token<'_>) -> Result<&Issuer, Reason> {
        let name = token.claims.get("iss").and_then(Value::as_str).ok_or(Reason::IssuerMissing)?;
        self.issuers.get(name).map(|issuer| &**issuer).ok_or(Reason::IssuerUnknown)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known(***)")
    }
}

impl fmt::Debug for Recalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recalled").field(self.caller()).finish()
    }
}

impl<R: Into<Rejected>> From<R> for Refused<'_> {
    fn from(why: R) -> Self {
        Self { why: why.into(), cure: None }
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
