//! Tokens that count no more although they have not expired: one by its name, or all of a subject or a tenant that
//! were issued before a moment.
//!
//! A revocation is never forgotten while a token could come back that it means: one token's until the token has
//! expired, if that is told, and the others for as long as the process lives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;

use super::caller::Caller;
use super::config::LONGEST_LEEWAY;

/// Room for subjects when that for tokens is used up.
const RESERVED: usize = 10_000;

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose tokens; `None` for those of every issuer.
    pub issuer: Option<String>,
    /// Which of them.
    pub target: Target,
}

/// Which tokens a revocation means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one of this name (`jti`).
    Token {
        /// Its name.
        id: String,
        /// When it expires by itself, if known: then the revocation can be forgotten.
        expires_at: Option<Timestamp>,
    },
    /// Those of this subject (`sub`) that were issued before the moment.
    Subject {
        /// The subject.
        subject: String,
        /// The moment.
        issued_before: Timestamp,
    },
    /// Those of this tenant that were issued before the moment.
    Tenant {
        /// The tenant.
        tenant: String,
        /// The moment.
        issued_before: Timestamp,
    },
}

impl Revocation {
    /// Whether what it means has expired by itself.
    pub fn is_over(&self, now: Timestamp) -> bool {
        matches!(&self.target, Target::Token { expires_at: Some(expires_at), .. } if is_dead(*expires_at, now))
    }
}

/// Whether a token of this expiry comes back for nobody, whatever its issuer's leeway.
fn is_dead(expires_at: Timestamp, now: Timestamp) -> bool {
    expires_at.checked_add(LONGEST_LEEWAY).is_ok_and(|dead| dead <= now)
}

/// As many revocations are kept as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{MOST} revocations are kept and there is no room for another; revoke the subject or the tenant instead, which takes one entry for all tokens"
)]
pub struct TooMany;

/// A bound on memory: with names of a hundred bytes some tens of megabytes.
const MOST: usize = 100_000;

/// All that is revoked.
#[derive(Default)]
pub(super) struct Revocations {
    kept: RwLock<Kept>,
    edition: AtomicU64,
}

#[derive(Default)]
struct Kept {
    names: HashMap<Kind, Names>,
    entries: usize,
}

/// Under each name the issuer that is meant, or all of them; with the moment from which on the token has expired anyway,
/// or before which what was issued is refused.
type Names = HashMap<Box<str>, HashMap<Option<Box<str>>, Timestamp>>;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Token,
    Subject,
    Tenant,
}

impl Revocations {
    /// From now on. One that says less than an earlier one changes nothing.
    pub(super) fn add(&self, revocation: Revocation, now: Timestamp) -> Result<(), TooMany> {
        let (kind, name, moment) = match revocation.target {
            Target::Token { id, expires_at } => (Kind::Token, id, expires_at.unwrap_or(Timestamp::MAX)),
            Target::Subject { subject, issued_before } => (Kind::Subject, subject, issued_before),
            Target::Tenant { tenant, issued_before } => (Kind::Tenant, tenant, issued_before),
        };
        let issuer = revocation.issuer.map(Box::from);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let known = kept.names.get_mut(&kind).and_then(|names| names.get_mut(&*name)?.get_mut(&issuer));
        if let Some(known) = known {
            *known = moment.max(*known);
            self.edition.fetch_add(1, Ordering::Release);
            return Ok(());
        }
        let most = match kind {
            Kind::Token => MOST,
            Kind::Subject => MOST + RESERVED,
            // There are as many as are configured, and revoking one is what an emergency calls for.
            Kind::Tenant => usize::MAX,
        };
        if kept.entries >= most {
            kept.drop_expired(now);
        }
        if kept.entries >= most {
            return Err(TooMany);
        }
        kept.names.entry(kind).or_default().entry(Box::from(name)).or_default().insert(issuer, moment);
        kept.entries += 1;
        self.edition.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Another number after each revocation: who is not revoked in one edition stays so until the next.
    pub(super) fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// Whether a token that holds in all other respects is revoked.
    pub(super) fn mean(&self, caller: &Caller) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let find = |kind: Kind, name: &str| {
            let ours = |issuer: &Option<Box<str>>| issuer.as_deref().is_none_or(|issuer| issuer == caller.issuer());
            let meant = kept.names.get(&kind)?.get(name)?.iter().filter(|(issuer, _)| ours(issuer));
            meant.map(|(_, moment)| *moment).max()
        };
        // A token that does not say when it was issued may have been issued before.
        let before = |moment: Timestamp| caller.issued_at().is_none_or(|issued_at| issued_at < moment);
        caller.token_id().is_some_and(|id| find(Kind::Token, id).is_some())
            || find(Kind::Subject, caller.subject()).is_some_and(before)
            || caller.tenants().iter().any(|tenant| find(Kind::Tenant, tenant.as_str()).is_some_and(before))
    }

    /// All that are kept.
    pub(super) fn all(&self) -> Vec<Revocation> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let names =
            kept.names.iter().flat_map(|(kind, names)| names.iter().map(move |(name, issuers)| (*kind, name, issuers)));
        let each = names.flat_map(|(kind, name, issuers)| {
            issuers.iter().map(move |(issuer, moment)| Revocation {
                issuer: issuer.as_deref().map(str::to_owned),
                target: kind.target(name, *moment),
            })
        });
        each.collect()
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).entries
    }
}

impl Kind {
    fn target(self, name: &str, moment: Timestamp) -> Target {
        let name = name.to_owned();
        match self {
            Self::Token => Target::Token { id: name, expires_at: (moment < Timestamp::MAX).then_some(moment) },
            Self::Subject => Target::Subject { subject: name, issued_before: moment },
            Self::Tenant => Target::Tenant { tenant: name, issued_before: moment },
        }
    }
}

impl Kept {
    /// Makes room: a token that has expired comes back for nobody.
    fn drop_expired(&mut self, now: Timestamp) {
        let Some(tokens) = self.names.get_mut(&Kind::Token) else { return };
        for issuers in tokens.values_mut() {
            let before = issuers.len();
            issuers.retain(|_, expires_at| !is_dead(*expires_at, now));
            self.entries -= before - issuers.len();
        }
        tokens.retain(|_, issuers| !issuers.is_empty());
    }
}
